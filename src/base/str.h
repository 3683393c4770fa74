/* str: a borrowed run of bytes, not NUL-terminated. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *p;
	size_t n;
};

/* STR is for expressions, STR_INIT for static initialisers. */
#define STR_INIT(literal)                                                      \
	{                                                                      \
		"" literal, sizeof(literal) - 1                                \
	}
#define STR(literal) ((struct str)STR_INIT(literal))
#define STR_EMPTY    ((struct str){"", 0})

/* printf: "%.*s" with STR_ARG(s). */
#define STR_FMT	   "%.*s"
#define STR_ARG(s) (int)(s).n, (s).p

/* A C string's bytes; NULL gives the empty str. */
static inline struct str str_from(const char *text)
{
	return text ? (struct str){text, strlen(text)} : STR_EMPTY;
}

static inline struct str str_of(const char *p, size_t n)
{
	return (struct str){p, n};
}

/* Here, and with b's length, so that a comparison with a literal is a few
 * instructions. */
static inline bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (b.n == 0 || memcmp(a.p, b.p, b.n) == 0);
}

/* Equal but for ASCII case. */
bool str_eq_case(struct str a, struct str b);

/* Bytewise order, shorter first: negative, 0 or positive. */
int str_cmp(struct str a, struct str b);

bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);

/* True and the rest in *s where s starts with prefix. */
bool str_eat(struct str *s, struct str prefix);

/* s from byte start to before end; both are cut to s.n. */
struct str str_slice(struct str s, size_t start, size_t end);

/* s without leading and trailing ASCII white space. */
struct str str_trim(struct str s);

/* Position of the first or last c, or -1. */
ptrdiff_t str_find(struct str s, char c);
ptrdiff_t str_rfind(struct str s, char c);

/* Position of the first needle, or -1; an empty one is at 0. */
ptrdiff_t str_find_str(struct str s, struct str needle);

/* Cuts the part before the next separator off *rest into *part. False when
 * nothing is left: "a,,b" has three parts, "a," one, "" none. */
bool str_split(struct str *rest, char separator, struct str *part);

/* The next line without its "\n" or "\r\n", as str_split. */
bool str_line(struct str *rest, struct str *line);

/* The whole of s as a decimal number: no sign, no space, no overflow. */
bool str_to_u64(struct str s, uint64_t *value);

/* A heap C string; the caller frees it. */
char *str_dup(struct str s);

/* True where s is valid UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool str_is_utf8(struct str s);

/* Glob match of the whole text: * (within a path part), ** (across parts; as a
 * part of its own, "**" and its slash also stand for no part at all), ? (one
 * character), [abc], [!a-c]. Case counts, a leading dot does not. Source:
 * gitignore(5), "PATTERN FORMAT", without its anchoring rules and "\\". */
bool str_glob(struct str pattern, struct str text);

/* Levenshtein distance, for "did you mean"; sizes above 64 give SIZE_MAX. */
size_t str_distance(struct str a, struct str b);
