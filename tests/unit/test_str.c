#include "test.h"

#include "base/str.h"

static const struct str nothing = {NULL, 0};

static void comparing(void **state)
{
	(void)state;
	assert_true(str_eq(STR("a\0b"), STR("a\0b")));
	assert_false(str_eq(STR("a\0b"), STR("a\0c")));
	assert_true(str_eq(nothing, STR("")));
	assert_true(str_eq_case(STR("PyYAML"), STR("pyyaml")));
	assert_false(str_eq_case(STR("a["), STR("a{"))); /* 32 apart too */
	assert_true(str_cmp(STR("a"), STR("ab")) < 0);
	assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
	assert_true(str_cmp(STR("ab"), STR("aa")) > 0);
	assert_int_equal(str_cmp(nothing, STR("")), 0);
}

static void cutting(void **state)
{
	struct str s = STR("sha256:ab");

	(void)state;
	assert_false(str_eat(&s, STR("sha512:")));
	assert_true(str_eat(&s, STR("sha256:")));
	assert_str(s, "ab");
	assert_false(str_eat(&s, STR("abc")));
	assert_true(str_eat(&s, STR("ab")));
	assert_int_equal(s.n, 0);
	assert_true(str_starts(nothing, nothing));
	assert_true(str_ends(STR("x.whl"), STR(".whl")));
	assert_false(str_ends(STR("whl"), STR(".whl")));
	assert_str(str_slice(STR("abc"), 1, 99), "bc");
	assert_str(str_slice(STR("abc"), 5, 2), "");
	assert_str(str_slice(nothing, 0, 3), "");
	assert_str(str_trim(STR(" \t\r\n\v\f a b \n")), "a b");
	assert_str(str_trim(STR("  ")), "");
	assert_str(str_trim(nothing), "");
}

static void finding(void **state)
{
	(void)state;
	assert_int_equal(str_find(STR("a/b/c"), '/'), 1);
	assert_int_equal(str_rfind(STR("a/b/c"), '/'), 3);
	assert_int_equal(str_find(STR("abc"), '/'), -1);
	assert_int_equal(str_find(nothing, 'a'), -1);
	assert_int_equal(str_find_str(STR("a: b: c"), STR(": ")), 1);
	assert_int_equal(str_find_str(STR("ab"), STR("abc")), -1);
	assert_int_equal(str_find_str(nothing, STR("a")), -1);
	assert_int_equal(str_find_str(nothing, nothing), 0);
	assert_int_equal(str_find_str(STR("a"), STR("")), 0);
}

static void splitting(void **state)
{
	struct str rest = STR("a,,b"), part;

	(void)state;
	assert_true(str_split(&rest, ',', &part));
	assert_str(part, "a");
	assert_true(str_split(&rest, ',', &part));
	assert_str(part, "");
	assert_true(str_split(&rest, ',', &part));
	assert_str(part, "b");
	assert_false(str_split(&rest, ',', &part));
	rest = STR("a,");
	assert_true(str_split(&rest, ',', &part));
	assert_false(str_split(&rest, ',', &part));
	rest = STR("one\r\ntwo\n\nlast\r");
	assert_true(str_line(&rest, &part));
	assert_str(part, "one");
	assert_true(str_line(&rest, &part));
	assert_str(part, "two");
	assert_true(str_line(&rest, &part));
	assert_str(part, "");
	assert_true(str_line(&rest, &part));
	assert_str(part, "last");
	assert_false(str_line(&rest, &part));
}

static void numbers(void **state)
{
	static const char *const bad[] = {
		"",
		" 1",
		"1 ",
		"+1",
		"-1",
		"0x1",
		"1e3",
		"18446744073709551616",
		"99999999999999999999999",
		"1_0",
		"\xd9\xa1",
	};
	uint64_t value = 7;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(str_to_u64(str_from(bad[i]), &value));
	assert_int_equal(value, 7);
	assert_true(str_to_u64(STR("18446744073709551615"), &value));
	assert_true(value == UINT64_MAX);
	assert_true(str_to_u64(STR("007"), &value));
	assert_int_equal(value, 7);
}

/* RFC 3629: the first and last of each length, and each kind of wrong. */
static void utf8(void **state)
{
	static const struct str good[] = {
		STR_INIT(""),
		STR_INIT("\0"),
		STR_INIT("\x7f"),
		STR_INIT("\xc2\x80"),
		STR_INIT("\xdf\xbf"),
		STR_INIT("\xe0\xa0\x80"),
		STR_INIT("\xed\x9f\xbf"),
		STR_INIT("\xee\x80\x80"),
		STR_INIT("\xef\xbf\xbf"),
		STR_INIT("\xf0\x90\x80\x80"),
		STR_INIT("\xf4\x8f\xbf\xbf"),
	};
	static const struct str bad[] = {
		STR_INIT("\x80"),
		STR_INIT("\xc0\xaf"),
		STR_INIT("\xc1\xbf"),
		STR_INIT("\xe0\x9f\xbf"),
		STR_INIT("\xed\xa0\x80"),
		STR_INIT("\xed\xbf\xbf"),
		STR_INIT("\xf0\x8f\xbf\xbf"),
		STR_INIT("\xf4\x90\x80\x80"),
		STR_INIT("\xf8\x88\x80\x80\x80"),
		STR_INIT("\xff"),
		STR_INIT("\xc3"),
		STR_INIT("\xe2\x82"),
		STR_INIT("\xf0\x9f\x98"),
		STR_INIT("\xc3("
			 "a"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(str_is_utf8(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (str_is_utf8(bad[i]))
			fail_msg("wrong UTF-8 number %zu was accepted", i);
}

static void globs(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool matches;
	} cases[] = {
		{"", "", true},
		{"", "a", false},
		{"a", "", false},
		{"*", "", true},
		{"*", "a.py", true},
		{"*", "a/b", false},
		{"*.py", "a.py", true},
		{"*.py", "b/a.py", false},
		{"*.py", ".py", true},
		{"a*b*c", "a-b-b-c", true},
		{"a*b*c", "a-b-b-", false},
		{"a*/b", "a/b", true},
		{"a*/b", "a/x/b", false},
		{"**", "", true},
		{"**", "a/b/c", true},
		{"**/tests/**", "tests/a.py", true},
		{"**/tests/**", "x/tests/a/b.py", true},
		{"**/tests/**", "mytests/a.py", false},
		{"**/tests/**", "x/mytests/a.py", false},
		{"**/tests/**", "tests", false},
		{"**/b.py", "b.py", true},
		{"**/b.py", "ab.py", false},
		{"a/**/b", "a/b", true},
		{"a/**/b", "a/x/y/b", true},
		{"a/**/b", "a/xb", false},
		{"a/**/b", "ab", false},
		{"a/**", "a/b/c", true},
		{"a/**", "a", false},
		{"a**/b", "a/b", true},
		{"a**/b", "axx/y/b", true},
		{"a**/b", "ab", false},
		{"**.py", "a/b.py", true},
		{"**/*.py", "a.py", true},
		{"**/*.py", "a/b/c.py", true},
		{"**/*.py", "a/b/c.pyc", false},
		{"**/a/**/b/*.c", "x/a/y/b/z/b/q.c", true},
		{"**/a/**/b/*.c", "x/a/y/b/z/q.c", false},
		{"?", "a", true},
		{"?", "/", false},
		{"?", "", false},
		{"?", "\xc3\xa9", true},
		{"??", "\xc3\xa9", false},
		{"?", "\xff", true},
		{"[abc]", "b", true},
		{"[abc]", "d", false},
		{"[!abc]", "d", true},
		{"[^abc]", "a", false},
		{"[!abc]", "/", false},
		{"[a-c]x", "bx", true},
		{"[a-]", "-", true},
		{"[]a]", "]", true},
		{"[!]a]", "]", false},
		{"[\xc3\xa0-\xc3\xaf]", "\xc3\xa9", true},
		{"[\xc3\xa0-\xc3\xaf]", "\xc4\xa9", false},
		{"[abc", "[abc", true},
		{"[abc", "a", false},
		{"[", "[", true},
		{"[!", "[!", true},
		{"*[0-9].so", "lib3.so", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (str_glob(str_from(cases[i].pattern),
			     str_from(cases[i].text)) != cases[i].matches)
			fail_msg("'%s' on '%s' should %smatch",
				 cases[i].pattern, cases[i].text,
				 cases[i].matches ? "" : "not ");
}

/* Takes ages where each star tries all that the others could take. */
static void globs_of_many_stars_are_quick(void **state)
{
	char text[2000], pattern[202];

	(void)state;
	memset(text, 'a', sizeof text);
	for (size_t i = 0; i < 200; i += 2)
		memcpy(pattern + i, "*a", 2);
	memcpy(pattern + 200, "*b", 2);
	assert_false(str_glob(str_of(pattern, sizeof pattern),
			      str_of(text, sizeof text)));
	assert_true(str_glob(str_of(pattern, 200), str_of(text, sizeof text)));
}

/* A matcher too simple to be wrong: tries everything. */
static bool slow_glob(const char *p, const char *t, bool part_starts)
{
	if (!*p)
		return !*t;
	if (p[0] == '*' && p[1] == '*') {
		bool folders = part_starts && p[2] == '/';

		p += folders ? 3 : 2;
		if (slow_glob(p, t, folders))
			return true;
		for (; *t; t++)
			if ((!folders || *t == '/') &&
			    slow_glob(p, t + 1, folders))
				return true;
		return false;
	}
	if (*p == '*')
		return slow_glob(p + 1, t, false) ||
		       (*t && *t != '/' && slow_glob(p, t + 1, false));
	if (!*t || (*p == '?' ? *t == '/' : *p != *t))
		return false;
	return slow_glob(p + 1, t + 1, *p == '/');
}

static void fill(char *text, size_t n, unsigned *seed, const char *letters)
{
	for (size_t i = 0; i < n; i++) {
		*seed = *seed * 1103515245u + 12345u;
		text[i] = letters[(*seed >> 16) % strlen(letters)];
	}
	text[n] = '\0';
}

static void globs_agree_with_trying_everything(void **state)
{
	unsigned seed = 1, matched = 0;
	char pattern[12], text[12];

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		fill(pattern, i % 9, &seed, "ab/**?");
		fill(text, i / 9 % 9, &seed, "aab/");
		bool expected = slow_glob(pattern, text, true);

		matched += expected;
		if (str_glob(str_from(pattern), str_from(text)) != expected)
			fail_msg("'%s' on '%s' should %smatch", pattern, text,
				 expected ? "" : "not ");
	}
	assert_true(matched > 1000);
}

static void distances(void **state)
{
	char longest[65];

	(void)state;
	memset(longest, 'x', sizeof longest);
	assert_int_equal(str_distance(STR("kitten"), STR("sitting")), 3);
	assert_int_equal(str_distance(STR(""), STR("abc")), 3);
	assert_int_equal(str_distance(STR("abc"), STR("")), 3);
	assert_int_equal(str_distance(STR("famly"), STR("family")), 1);
	assert_int_equal(str_distance(STR("ab"), STR("ba")), 2);
	assert_int_equal(str_distance(STR("same"), STR("same")), 0);
	assert_int_equal(str_distance(str_of(longest, 64), STR("")), 64);
	assert_true(str_distance(str_of(longest, 65), STR("")) == SIZE_MAX);
	assert_true(str_distance(STR(""), str_of(longest, 65)) == SIZE_MAX);
}

static void duplicates_end_with_a_nul(void **state)
{
	char *copy = str_dup(str_of("abcdef", 3));

	(void)state;
	assert_string_equal(copy, "abc");
	free(copy);
	copy = str_dup(nothing);
	assert_string_equal(copy, "");
	free(copy);
	assert_int_equal(str_from(NULL).n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comparing),
		cmocka_unit_test(cutting),
		cmocka_unit_test(finding),
		cmocka_unit_test(splitting),
		cmocka_unit_test(numbers),
		cmocka_unit_test(utf8),
		cmocka_unit_test(globs),
		cmocka_unit_test(globs_of_many_stars_are_quick),
		cmocka_unit_test(globs_agree_with_trying_everything),
		cmocka_unit_test(distances),
		cmocka_unit_test(duplicates_end_with_a_nul),
	};

	return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
