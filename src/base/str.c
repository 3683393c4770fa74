#include "base/str.h"

#include "base/mem.h"

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool str_eq_case(struct str a, struct str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

int str_cmp(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n ? memcmp(a.p, b.p, n) : 0;

	return order ? order : (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && str_eq(str_of(s.p, prefix.n), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
	return s.n >= suffix.n &&
	       str_eq(str_slice(s, s.n - suffix.n, s.n), suffix);
}

bool str_eat(struct str *s, struct str prefix)
{
	if (!str_starts(*s, prefix))
		return false;
	*s = str_slice(*s, prefix.n, s->n);
	return true;
}

struct str str_slice(struct str s, size_t start, size_t end)
{
	if (end > s.n)
		end = s.n;
	if (start > end)
		start = end;
	/* p may be NULL where n is 0, and NULL + 0 is not C. */
	return str_of(start ? s.p + start : s.p, end - start);
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
	while (s.n && is_space(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

ptrdiff_t str_find(struct str s, char c)
{
	const char *found = s.n ? memchr(s.p, c, s.n) : NULL;

	return found ? found - s.p : -1;
}

ptrdiff_t str_rfind(struct str s, char c)
{
	const char *found = s.n ? memrchr(s.p, c, s.n) : NULL;

	return found ? found - s.p : -1;
}

ptrdiff_t str_find_str(struct str s, struct str needle)
{
	if (needle.n == 0)
		return 0;
	const char *found = s.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;

	return found ? found - s.p : -1;
}

bool str_split(struct str *rest, char separator, struct str *part)
{
	if (rest->n == 0)
		return false;
	ptrdiff_t at = str_find(*rest, separator);

	if (at < 0) {
		*part = *rest;
		*rest = STR_EMPTY;
		return true;
	}
	*part = str_of(rest->p, (size_t)at);
	*rest = str_slice(*rest, (size_t)at + 1, rest->n);
	return true;
}

bool str_line(struct str *rest, struct str *line)
{
	if (!str_split(rest, '\n', line))
		return false;
	if (line->n && line->p[line->n - 1] == '\r')
		line->n--;
	return true;
}

bool str_to_u64(struct str s, uint64_t *value)
{
	uint64_t total = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		if (__builtin_mul_overflow(total, (uint64_t)10, &total) ||
		    __builtin_add_overflow(total, (uint64_t)(s.p[i] - '0'),
					   &total))
			return false;
	}
	*value = total;
	return true;
}

char *str_dup(struct str s)
{
	char *copy = mem_alloc(s.n + 1);

	if (s.n)
		memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	return copy;
}

/* Length of the UTF-8 sequence at the start of s and its code point, or 0. */
static size_t utf8_decode(struct str s, uint32_t *value)
{
	const unsigned char *p = (const unsigned char *)s.p;
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

	if (s.n == 0)
		return 0;
	size_t n = p[0] < 0x80		   ? 1
		   : (p[0] & 0xe0) == 0xc0 ? 2
		   : (p[0] & 0xf0) == 0xe0 ? 3
		   : (p[0] & 0xf8) == 0xf0 ? 4
					   : 0;

	if (n == 0 || n > s.n)
		return 0;
	*value = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*value = *value << 6 | (p[i] & 0x3f);
	}
	if (*value < least[n] || *value > 0x10ffff ||
	    (*value >= 0xd800 && *value <= 0xdfff))
		return 0;
	return n;
}

bool str_is_utf8(struct str s)
{
	uint32_t value;

	while (s.n) {
		size_t n = utf8_decode(s, &value);

		if (n == 0)
			return false;
		s = str_slice(s, n, s.n);
	}
	return true;
}

/* Takes one character off *s; a byte that is not UTF-8 stands for itself. */
static uint32_t eat_character(struct str *s)
{
	uint32_t value = 0;
	size_t n = utf8_decode(*s, &value);

	if (n == 0) {
		value = 0x110000u + (unsigned char)s->p[0];
		n = 1;
	}
	*s = str_slice(*s, n, s->n);
	return value;
}

/* Matches one [set], whose '[' is eaten, and eats the rest of it. Where it is
 * not closed, *pattern is as it was and the result that of a literal '['. */
static bool glob_set(struct str *pattern, uint32_t c)
{
	struct str rest = *pattern;
	bool negated = str_eat(&rest, STR("!")) || str_eat(&rest, STR("^"));
	bool found = false;

	for (bool first = true; rest.n; first = false) {
		uint32_t low = eat_character(&rest), high = low;

		if (low == ']' && !first) {
			*pattern = rest;
			return found != negated && c != '/';
		}
		if (rest.n >= 2 && rest.p[0] == '-' && rest.p[1] != ']') {
			rest = str_slice(rest, 1, rest.n);
			high = eat_character(&rest);
		}
		found |= c >= low && c <= high;
	}
	return c == '[';
}

/* Matches one character of the text against what pattern begins with, which
 * is no star, and eats both. */
static bool glob_character(struct str *pattern, struct str *text)
{
	if (text->n == 0)
		return false;
	uint32_t wanted = eat_character(pattern);
	uint32_t c = eat_character(text);

	if (wanted == '[')
		return glob_set(pattern, c);
	return wanted == '?' ? c != '/' : c == wanted;
}

/* Where to go on after a mismatch: the star takes one more. No text is left
 * where there is no star. */
struct glob_retry {
	struct str pattern; /* behind the star */
	struct str text;    /* what the star has not taken */
};

/* One star takes more of the text; false where it cannot. "*" takes a
 * character that is no slash, "**" any, and the one before a slash takes a
 * folder as a whole. */
static bool glob_extend(struct glob_retry *star, bool across, bool folders)
{
	if (!star->text.n || (!across && star->text.p[0] == '/'))
		return false;
	ptrdiff_t slash = folders ? str_find(star->text, '/') : 0;

	if (slash < 0)
		return false;
	star->text = str_slice(star->text, (size_t)slash + 1, star->text.n);
	return true;
}

bool str_glob(struct str pattern, struct str text)
{
	/* A star further right makes those before it final: what an earlier
	 * one could take more, the later one can take as well. So one retry
	 * of each kind is enough, and time is bounded by a product. */
	struct glob_retry one = {STR_EMPTY, STR_EMPTY};
	struct glob_retry all = {STR_EMPTY, STR_EMPTY};
	bool folders = false, at_start = true;

	while (pattern.n || text.n) {
		bool part_starts = at_start || pattern.p[-1] == '/';

		at_start = false;
		if (str_eat(&pattern, STR("**"))) {
			folders = part_starts && str_eat(&pattern, STR("/"));
			all = (struct glob_retry){pattern, text};
			one = (struct glob_retry){STR_EMPTY, STR_EMPTY};
		} else if (str_eat(&pattern, STR("*"))) {
			one = (struct glob_retry){pattern, text};
		} else if (pattern.n && glob_character(&pattern, &text)) {
			continue;
		} else if (glob_extend(&one, false, false)) {
			pattern = one.pattern;
			text = one.text;
		} else if (glob_extend(&all, true, folders)) {
			pattern = all.pattern;
			text = all.text;
			one = (struct glob_retry){STR_EMPTY, STR_EMPTY};
		} else {
			return false;
		}
	}
	return true;
}

size_t str_distance(struct str a, struct str b)
{
	size_t row[65];

	if (a.n > 64 || b.n > 64)
		return SIZE_MAX;
	for (size_t j = 0; j <= b.n; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			size_t best = diagonal + (a.p[i - 1] != b.p[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[b.n];
}
