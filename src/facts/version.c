#include "facts/version.h"

#include "base/buf.h"
#include "facts/version/scan.h"

static void skip(struct str *rest, size_t n)
{
	*rest = str_slice(*rest, n, rest->n);
}

/* Digits, which may be none: then "0". */
static struct str eat_number(struct str *rest)
{
	size_t n = 0, zeros = 0;

	while (n < rest->n && scan_is_digit(rest->p[n]))
		n++;
	while (zeros < n && rest->p[zeros] == '0')
		zeros++;
	struct str number = str_slice(*rest, zeros, n);

	skip(rest, n);
	return number.n ? number : STR("0");
}

static bool is_separator(int c)
{
	return c == '-' || c == '_' || c == '.';
}

static bool eat_word(struct str *rest, struct str word)
{
	if (!str_eq_case(str_slice(*rest, 0, word.n), word))
		return false;
	skip(rest, word.n);
	return true;
}

/* [sep] word [sep] [number]; nothing is eaten where the word is absent. */
static bool eat_suffix(struct str *rest, const struct str *words, size_t count,
		       size_t *which, struct str *number)
{
	struct str s = *rest;

	if (is_separator(scan_first(s)))
		skip(&s, 1);
	for (size_t i = 0; i < count; i++) {
		if (!eat_word(&s, words[i]))
			continue;
		if (is_separator(scan_first(s)))
			skip(&s, 1);
		*which = i;
		*number = eat_number(&s);
		*rest = s;
		return true;
	}
	return false;
}

static bool eat_release(struct str *rest, struct version *version)
{
	struct str s = *rest;

	if (!scan_is_digit(scan_first(s)))
		return false;
	version->epoch = STR("0");
	struct str number = eat_number(&s);

	if (scan_first(s) == '!') {
		skip(&s, 1);
		if (!scan_is_digit(scan_first(s)))
			return false;
		version->epoch = number;
		number = eat_number(&s);
	}
	version->release_count = 0;
	version->release[version->release_count++] = number;
	while (scan_first(s) == '.' && s.n > 1 && scan_is_digit(s.p[1])) {
		if (version->release_count == VERSION_MAX_PARTS)
			return false;
		skip(&s, 1);
		version->release[version->release_count++] = eat_number(&s);
	}
	*rest = s;
	return true;
}

static void eat_pre(struct str *rest, struct version *version)
{
	static const struct str words[] = {
		STR_INIT("alpha"),   STR_INIT("a"),   STR_INIT("beta"),
		STR_INIT("b"),	     STR_INIT("rc"),  STR_INIT("c"),
		STR_INIT("preview"), STR_INIT("pre"),
	};
	static const enum version_pre kinds[] = {
		VERSION_ALPHA, VERSION_ALPHA, VERSION_BETA, VERSION_BETA,
		VERSION_RC,    VERSION_RC,    VERSION_RC,   VERSION_RC,
	};
	size_t which;

	version->pre = VERSION_FINAL;
	if (eat_suffix(rest, words, sizeof words / sizeof *words, &which,
		       &version->pre_number))
		version->pre = kinds[which];
}

static void eat_post(struct str *rest, struct version *version)
{
	static const struct str words[] = {STR_INIT("post"), STR_INIT("rev"),
					   STR_INIT("r")};
	size_t which;

	if (scan_first(*rest) == '-' && rest->n > 1 &&
	    scan_is_digit(rest->p[1])) {
		skip(rest, 1);
		version->post = eat_number(rest);
		version->has_post = true;
		return;
	}
	version->has_post =
		eat_suffix(rest, words, sizeof words / sizeof *words, &which,
			   &version->post);
}

/* "+" and parts of letters and digits between separators. */
static void eat_local(struct str *rest, struct version *version)
{
	struct str s = *rest;
	size_t n = 1;

	version->local = STR_EMPTY;
	if (scan_first(s) != '+' || s.n < 2 || !scan_is_alphanumeric(s.p[1]))
		return;
	while (n < s.n && (scan_is_alphanumeric(s.p[n]) ||
			   (is_separator(s.p[n]) && n + 1 < s.n &&
			    scan_is_alphanumeric(s.p[n + 1]))))
		n++;
	version->local = str_slice(s, 1, n);
	skip(rest, n);
}

bool scan_version(struct str *rest, bool may_be_local, struct version *version)
{
	static const struct str dev[] = {STR_INIT("dev")};
	size_t which;

	*version = (struct version){0};
	if (scan_first(*rest) == 'v' || scan_first(*rest) == 'V')
		skip(rest, 1);
	if (!eat_release(rest, version))
		return false;
	eat_pre(rest, version);
	eat_post(rest, version);
	version->has_dev = eat_suffix(rest, dev, 1, &which, &version->dev);
	if (may_be_local)
		eat_local(rest, version);
	return true;
}

bool version_parse(struct str text, struct version *version)
{
	text = str_trim(text);
	return text.n <= VERSION_MAX_BYTES &&
	       scan_version(&text, true, version) && text.n == 0;
}

int scan_number_cmp(struct str a, struct str b)
{
	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	return str_cmp(a, b);
}

static int release_cmp(const struct version *a, const struct version *b)
{
	size_t n = a->release_count > b->release_count ? a->release_count
						       : b->release_count;

	for (size_t i = 0; i < n; i++) {
		struct str left =
			i < a->release_count ? a->release[i] : STR("0");
		struct str right =
			i < b->release_count ? b->release[i] : STR("0");
		int order = scan_number_cmp(left, right);

		if (order)
			return order;
	}
	return 0;
}

/* A development release of a final one comes before its pre-releases. */
static int pre_rank(const struct version *version)
{
	if (version->pre != VERSION_FINAL)
		return (int)version->pre;
	return version->has_dev && !version->has_post ? 0 : VERSION_RC + 1;
}

static bool is_number(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!scan_is_digit(s.p[i]))
			return false;
	return true;
}

static bool next_local_part(struct str *rest, struct str *part)
{
	size_t n = 0;

	if (rest->n == 0)
		return false;
	while (n < rest->n && !is_separator(rest->p[n]))
		n++;
	*part = str_slice(*rest, 0, n);
	skip(rest, n < rest->n ? n + 1 : n);
	return true;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int text_cmp(struct str a, struct str b)
{
	for (size_t i = 0; i < a.n && i < b.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return lower(a.p[i]) < lower(b.p[i]) ? -1 : 1;
	return (a.n > b.n) - (a.n < b.n);
}

/* Part by part; numbers come after words, more parts after fewer. */
static int local_cmp(struct str a, struct str b)
{
	struct str left, right;

	for (;;) {
		bool has_left = next_local_part(&a, &left);
		bool has_right = next_local_part(&b, &right);

		if (!has_left || !has_right)
			return (int)has_left - (int)has_right;
		bool left_number = is_number(left);
		bool right_number = is_number(right);
		int order = (int)left_number - (int)right_number;

		if (order == 0 && left_number)
			order = scan_number_cmp(eat_number(&left),
						eat_number(&right));
		else if (order == 0)
			order = text_cmp(left, right);
		if (order)
			return order;
	}
}

static int optional_cmp(bool has_a, struct str a, bool has_b, struct str b)
{
	if (has_a != has_b)
		return has_a ? 1 : -1;
	return has_a ? scan_number_cmp(a, b) : 0;
}

int version_cmp(const struct version *a, const struct version *b)
{
	int order = scan_number_cmp(a->epoch, b->epoch);

	if (order == 0)
		order = release_cmp(a, b);
	if (order == 0)
		order = pre_rank(a) - pre_rank(b);
	if (order == 0 && a->pre != VERSION_FINAL)
		order = scan_number_cmp(a->pre_number, b->pre_number);
	if (order == 0)
		order = optional_cmp(a->has_post, a->post, b->has_post,
				     b->post);
	/* Having none comes after having one: the other way round. */
	if (order == 0)
		order = a->has_dev != b->has_dev
				? (a->has_dev ? -1 : 1)
				: optional_cmp(a->has_dev, a->dev, b->has_dev,
					       b->dev);
	return order ? order : local_cmp(a->local, b->local);
}

static void append_local(struct buf *out, struct str local)
{
	char separator = '+';
	struct str part;

	while (next_local_part(&local, &part)) {
		buf_append_byte(out, separator);
		separator = '.';
		if (is_number(part))
			part = eat_number(&part);
		for (size_t i = 0; i < part.n; i++)
			buf_append_byte(out, lower(part.p[i]));
	}
}

void version_append(struct buf *out, const struct version *version)
{
	static const char *const letters[] = {"", "a", "b", "rc"};

	if (!str_eq(version->epoch, STR("0")))
		buf_printf(out, STR_FMT "!", STR_ARG(version->epoch));
	for (size_t i = 0; i < version->release_count; i++)
		buf_printf(out, "%s" STR_FMT, i ? "." : "",
			   STR_ARG(version->release[i]));
	if (version->pre != VERSION_FINAL)
		buf_printf(out, "%s" STR_FMT, letters[version->pre],
			   STR_ARG(version->pre_number));
	if (version->has_post)
		buf_printf(out, ".post" STR_FMT, STR_ARG(version->post));
	if (version->has_dev)
		buf_printf(out, ".dev" STR_FMT, STR_ARG(version->dev));
	append_local(out, version->local);
}

bool version_is_prerelease(const struct version *version)
{
	return version->pre != VERSION_FINAL || version->has_dev;
}
