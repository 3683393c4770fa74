/* interpolate: references by the Compose Specification's table, sums of ports,
 * and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "facts/interpolate.h"
#include "guard.h"

/* SET is "value", EMPTY is "", NUMBER is 100; all others are unset. */
static bool look_up(void *context, struct str name, struct str *value)
{
	(void)context;
	*value = str_eq(name, STR("SET"))      ? STR("value")
		 : str_eq(name, STR("NUMBER")) ? STR(" 100 ")
					       : STR_EMPTY;
	return value->n || str_eq(name, STR("EMPTY"));
}

static void references_are_replaced(void **state)
{
	static const struct {
		const char *text, *result;
		size_t unset;
	} cases[] = {
		{"", "", 0},
		{"plain", "plain", 0},
		{"a${SET}b", "avalueb", 0},
		{"$SET/$SET", "value/value", 0},
		{"$SETx", "", 1},
		{"${EMPTY}", "", 0},
		{"${NONE}", "", 1},
		{"${SET:-x} ${EMPTY:-x} ${NONE:-x}", "value x x", 0},
		{"${SET-x} ${EMPTY-x} ${NONE-x}", "value  x", 0},
		{"${SET:+x} ${EMPTY:+x} ${NONE:+x}", "x  ", 0},
		{"${SET+x} ${EMPTY+x} ${NONE+x}", "x x ", 0},
		{"${SET:?e} ${NONE:?e} ${EMPTY?e}", "value  ", 1},
		{"${EMPTY:?e}", "", 1},
		{"${NONE:-${SET}}", "value", 0},
		{"${NONE:-a${NONE:-${EMPTY:-b}}}", "ab", 0},
		{"${NONE:-}", "", 0},
		{"$$SET $${SET}", "$SET ${SET}", 0},
		{"100$ $1 $", "100$ $1 $", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_interpolation struct interpolation interpolation = {
			.lookup = look_up};
		auto_buf struct buf out = BUF_EMPTY;

		assert_true(interpolate(&interpolation, str_from(cases[i].text),
					&out));
		assert_string_equal(buf_text(&out), cases[i].result);
		if (interpolation.unset.n != cases[i].unset)
			fail_msg("%s: %zu unset", cases[i].text,
				 interpolation.unset.n);
	}
}

static void other_references_are_refused(void **state)
{
	static const struct {
		const char *text, *problem;
	} cases[] = {
		{"${", "a '${' is not closed"},
		{"${SET", "a '${' is not closed"},
		{"${NONE:-${SET}", "a '${' is not closed"},
		{"${}", "a reference like ${NAME} or ${NAME:-default} is "
			"expected"},
		{"${1}", "a reference like ${NAME} or ${NAME:-default} is "
			 "expected"},
		{"${SET:}", "a reference like ${NAME} or ${NAME:-default} is "
			    "expected"},
		{"${SET#a}", "a reference has an operator that is none of - + "
			     "?"},
		{"${SET:=a}", "a reference has an operator that is none of - + "
			      "?"},
		{"${A-${A-${A-${A-${A-${A-${A-${A-${A-}}}}}}}}}",
		 "references are nested too deep"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_interpolation struct interpolation interpolation = {
			.lookup = look_up};
		auto_buf struct buf out = BUF_EMPTY;

		assert_false(interpolate(&interpolation,
					 str_from(cases[i].text), &out));
		assert_string_equal(interpolation.problem, cases[i].problem);
	}
}

static void sums_are_numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t sum;
		size_t unset;
	} cases[] = {
		{"7200", 7200, 0},
		{" 7200 ", 7200, 0},
		{"${PORT_OFFSET}+7200", 7200, 1},
		{"${PORT_OFFSET:-1000}+7200", 8200, 0},
		{"${NUMBER} + 7200", 7300, 0},
		{"$NUMBER+1+${NUMBER}", 201, 0},
		{"7200+${EMPTY:-5}", 7205, 0},
		{"18446744073709551615", UINT64_MAX, 0},
	};
	static const char *const refused[] = {"",
					      "x",
					      "7x",
					      "1+",
					      "+1",
					      "1++2",
					      "-1",
					      "1-1",
					      "${SET}",
					      "${EMPTY}",
					      "${NUMBER",
					      "0x10",
					      "1.5",
					      "1 2",
					      "18446744073709551616",
					      "18446744073709551615+1"};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_interpolation struct interpolation interpolation = {
			.lookup = look_up};
		uint64_t sum = 0;

		if (!interpolate_sum(&interpolation, str_from(cases[i].text),
				     &sum) ||
		    sum != cases[i].sum ||
		    interpolation.unset.n != cases[i].unset)
			fail_msg("%s: %llu", cases[i].text,
				 (unsigned long long)sum);
	}
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		auto_interpolation struct interpolation interpolation = {
			.lookup = look_up};
		uint64_t sum;

		if (interpolate_sum(&interpolation, str_from(refused[i]),
				    &sum) ||
		    !interpolation.problem)
			fail_msg("'%s' is a sum", refused[i]);
	}
}

static void every_cut_of_a_text_is_read(void **state)
{
	static const char text[] = "a${NONE:-b${SET:+c$SET}}$$d$+${EMPTY:?e}";
	struct guard guard = guard_new(sizeof text);

	(void)state;
	for (size_t n = 0; n < sizeof text; n++) {
		auto_interpolation struct interpolation interpolation = {
			.lookup = look_up};
		auto_buf struct buf out = BUF_EMPTY;
		struct str cut = str_of(guard_copy(&guard, text, n), n);
		uint64_t sum;

		interpolate(&interpolation, cut, &out);
		interpolate_sum(&interpolation, cut, &sum);
	}
	guard_free(&guard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_are_replaced),
		cmocka_unit_test(other_references_are_refused),
		cmocka_unit_test(sums_are_numbers),
		cmocka_unit_test(every_cut_of_a_text_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
