#include <errno.h>

#include "test.h"

static void a_message_with_its_class(void **state)
{
	struct error *err = NULL;

	(void)state;
	assert_int_equal(
		err_make(&err, ERR_USAGE, "no %s named '%s'", "verb", "biuld"),
		-1);
	assert_string_equal(err_message(err), "no verb named 'biuld'");
	assert_string_equal(err_hint_text(err), "");
	assert_int_equal(err_class(err), ERR_USAGE);
	err_free(err);
	err_free(NULL);
}

static void errno_is_read_before_anything_else(void **state)
{
	struct error *err = NULL;

	(void)state;
	errno = ENOSPC;
	assert_int_equal(err_sys(&err, "cannot write '%s'", "/a"), -1);
	assert_string_equal(err_message(err),
			    "cannot write '/a': No space left on device");
	assert_int_equal(err_class(err), ERR_ENV);
	err_free(err);
}

static void context_goes_in_front_and_class_and_hint_stay(void **state)
{
	struct error *err = NULL;

	(void)state;
	err_make(&err, ERR_FLEET, "line %d", 3);
	assert_int_equal(err_hint(&err, "remove %d", 1), -1);
	assert_int_equal(err_hint(&err, "remove %d", 2), -1);
	assert_int_equal(err_wrap(&err, "in '%s'", "fleet.yaml"), -1);
	assert_int_equal(err_wrap(&err, "while reading"), -1);
	assert_string_equal(err_message(err),
			    "while reading: in 'fleet.yaml': line 3");
	assert_string_equal(err_hint_text(err), "remove 2");
	assert_int_equal(err_class(err), ERR_FLEET);
	err_free(err);
}

static void who_does_not_ask_is_not_told(void **state)
{
	struct error *none = NULL;

	(void)state;
	assert_int_equal(err_make(NULL, ERR_ENV, "x"), -1);
	assert_int_equal(err_sys(NULL, "x"), -1);
	assert_int_equal(err_wrap(NULL, "x"), -1);
	assert_int_equal(err_hint(NULL, "x"), -1);
	assert_int_equal(err_wrap(&none, "x"), -1);
	assert_int_equal(err_hint(&none, "x"), -1);
	assert_null(none);
}

static void a_second_error_replaces_the_first(void **state)
{
	struct error *err = NULL;

	(void)state;
	err_make(&err, ERR_ENV, "first");
	err_hint(&err, "of the first");
	err_make(&err, ERR_FLEET, "second");
	assert_string_equal(err_message(err), "second");
	assert_string_equal(err_hint_text(err), "");
	err_free(err);
}

static void an_error_is_handed_on(void **state)
{
	struct error *from = NULL, *to = NULL;

	(void)state;
	err_make(&to, ERR_ENV, "old");
	err_make(&from, ERR_USAGE, "new");
	assert_int_equal(err_pass(&to, from), -1);
	assert_string_equal(err_message(to), "new");
	assert_int_equal(err_pass(&to, to), -1);
	assert_string_equal(err_message(to), "new");
	assert_int_equal(err_pass(NULL, to), -1);
}

static void a_copy_has_the_hint_and_leaves_the_first(void **state)
{
	struct error *from = NULL, *to = NULL;

	(void)state;
	err_make(&from, ERR_USAGE, "100%% new");
	assert_int_equal(err_copy(&to, from), -1);
	assert_string_equal(err_hint_text(to), "");
	err_hint(&from, "try %%s");
	assert_int_equal(err_copy(&to, from), -1);
	assert_int_equal(err_copy(NULL, from), -1);
	err_free(from);
	assert_int_equal(err_class(to), ERR_USAGE);
	assert_string_equal(err_message(to), "100% new");
	assert_string_equal(err_hint_text(to), "try %s");
	err_free(to);
}

static void classes_decide_the_exit_status(void **state)
{
	(void)state;
	assert_int_equal(err_exit_status(ERR_FLEET), 1);
	assert_int_equal(err_exit_status(ERR_USAGE), 2);
	assert_int_equal(err_exit_status(ERR_ENV), 3);
	assert_int_equal(err_exit_status(ERR_CANCELLED), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_with_its_class),
		cmocka_unit_test(errno_is_read_before_anything_else),
		cmocka_unit_test(context_goes_in_front_and_class_and_hint_stay),
		cmocka_unit_test(who_does_not_ask_is_not_told),
		cmocka_unit_test(a_second_error_replaces_the_first),
		cmocka_unit_test(an_error_is_handed_on),
		cmocka_unit_test(a_copy_has_the_hint_and_leaves_the_first),
		cmocka_unit_test(classes_decide_the_exit_status),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
