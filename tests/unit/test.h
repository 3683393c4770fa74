/* test: what every unit test includes: cmocka, and a folder of its own. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/fs.h"

/* The str has exactly these bytes. */
#define assert_str(s, literal)                                                 \
	do {                                                                   \
		struct str got_ = (s), wanted_ = STR(literal);                 \
		if (!str_eq(got_, wanted_))                                    \
			fail_msg("got '" STR_FMT "', wanted '" STR_FMT "'",    \
				 STR_ARG(got_), STR_ARG(wanted_));             \
	} while (0)

/* *err is set, of this class, and says this; it is freed and becomes NULL. */
static inline void assert_error(struct error **err, enum error_class class,
				const char *part)
{
	assert_non_null(*err);
	assert_int_equal(err_class(*err), class);
	if (!strstr(err_message(*err), part))
		fail_msg("'%s' does not say '%s'", err_message(*err), part);
	err_free(*err);
	*err = NULL;
}

/* Nothing went wrong; says what did. */
#define assert_done(result, err)                                               \
	do {                                                                   \
		if ((result) != 0)                                             \
			fail_msg("failed: %s",                                 \
				 (err) ? err_message(err) : "without error");  \
	} while (0)

/* Setup and teardown of a test: *state is the path of an empty folder. */
static inline int make_folder(void **state)
{
	const char *parent = getenv("TMPDIR");
	char *path = path_printf("%s/slipway-test-XXXXXX",
				 parent && *parent ? parent : "/tmp");

	*state = mkdtemp(path);
	return *state ? 0 : -1;
}

static inline int remove_folder(void **state)
{
	int result = fs_remove_tree(*state, NULL);

	free(*state);
	return result;
}

#define test_in_folder(function)                                               \
	cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)
