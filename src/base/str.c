#include "base/str.h"

#include "base/mem.h"

struct str str_from(const char *text)
{
	return text ? (struct str){text, strlen(text)} : STR_EMPTY;
}

bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

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
	       str_eq(str_of(s.p + s.n - suffix.n, suffix.n), suffix);
}

bool str_eat(struct str *s, struct str prefix)
{
	if (!str_starts(*s, prefix))
		return false;
	s->p += prefix.n;
	s->n -= prefix.n;
	return true;
}

struct str str_slice(struct str s, size_t start, size_t end)
{
	if (end > s.n)
		end = s.n;
	if (start > end)
		start = end;
	return str_of(s.p + start, end - start);
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
	const char *found = memmem(s.p, s.n, needle.p, needle.n);

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

/* Length of the UTF-8 sequence at p (left bytes remain), or 0. */
static size_t utf8_length(const unsigned char *p, size_t left)
{
	size_t n = p[0] < 0x80		   ? 1
		   : (p[0] & 0xe0) == 0xc0 ? 2
		   : (p[0] & 0xf0) == 0xe0 ? 3
		   : (p[0] & 0xf8) == 0xf0 ? 4
					   : 0;
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

	if (n == 0 || n > left)
		return 0;
	uint32_t value = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));

	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (p[i] & 0x3f);
	}
	if (value < least[n] || value > 0x10ffff ||
	    (value >= 0xd800 && value <= 0xdfff))
		return 0;
	return n;
}

bool str_is_utf8(struct str s)
{
	size_t at = 0;

	while (at < s.n) {
		size_t n =
			utf8_length((const unsigned char *)s.p + at, s.n - at);
		if (n == 0)
			return false;
		at += n;
	}
	return true;
}

/* Matches one [set] at the start of *pattern and steps over it. A set that is
 * not closed matches a literal '['. */
static bool glob_set(struct str *pattern, char c)
{
	size_t at = 1;
	bool negated = at < pattern->n && pattern->p[at] == '!';
	bool found = false;

	at += negated;
	for (size_t first = at; at < pattern->n; at++) {
		if (pattern->p[at] == ']' && at > first) {
			*pattern = str_slice(*pattern, at + 1, pattern->n);
			return found != negated && c != '/';
		}
		char low = pattern->p[at], high = low;

		if (at + 2 < pattern->n && pattern->p[at + 1] == '-' &&
		    pattern->p[at + 2] != ']') {
			high = pattern->p[at + 2];
			at += 2;
		}
		found |= c >= low && c <= high;
	}
	*pattern = str_slice(*pattern, 1, pattern->n);
	return c == '[';
}

bool str_glob(struct str pattern, struct str text)
{
	while (pattern.n) {
		if (str_eat(&pattern, STR("**"))) {
			if (str_eat(&pattern, STR("/")) &&
			    str_glob(pattern, text))
				return true;
			for (size_t i = 0; i <= text.n; i++)
				if (str_glob(pattern,
					     str_slice(text, i, text.n)))
					return true;
			return false;
		}
		if (str_eat(&pattern, STR("*"))) {
			for (size_t i = 0; i <= text.n; i++) {
				if (str_glob(pattern,
					     str_slice(text, i, text.n)))
					return true;
				if (i < text.n && text.p[i] == '/')
					return false;
			}
			return false;
		}
		if (text.n == 0)
			return false;
		if (pattern.p[0] == '[') {
			if (!glob_set(&pattern, text.p[0]))
				return false;
		} else {
			if (pattern.p[0] == '?' ? text.p[0] == '/'
						: pattern.p[0] != text.p[0])
				return false;
			pattern = str_slice(pattern, 1, pattern.n);
		}
		text = str_slice(text, 1, text.n);
	}
	return text.n == 0;
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
