/* text: a string that is built in a fixed buffer.
 *
 * Knows: appending, formatting, quoting for JSON; cuts what does not fit and
 * remembers that it did. Does not know: memory, files, encodings beyond ASCII
 * (any other byte is written as '?', so that hostile bytes reach no log).
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *p; /* always ends in NUL when cap is not 0 */
	size_t n, cap;
	bool cut; /* something did not fit */
};

#define TEXT_OF(array)                                                         \
	{                                                                      \
		(array), 0, sizeof(array), false                               \
	}

/* Appends n bytes as they are. */
void text_add_bytes(struct text *text, const char *p, size_t n);
void text_add(struct text *text, const char *string);

/* Appends as printf() would, for what is needed here and nothing more: %s with
 * "*" as precision, %c, %d and %u with l, ll or z and a width that fills up
 * with zeros, %%. The C library's own would double the size of the program. */
void text_addf(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void text_addvf(struct text *text, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

/* Appends n bytes with everything that is not printable ASCII as '?'. */
void text_add_plain(struct text *text, const char *p, size_t n);

/* Appends a JSON string with its quotes (RFC 8259, section 7). */
void text_add_json(struct text *text, const char *string);

/* Appends microseconds as seconds with six decimals: "0.001234". */
void text_add_seconds(struct text *text, uint64_t us);

/* Appends microseconds as milliseconds with two decimals: "1.23". */
void text_add_ms(struct text *text, uint64_t us);

/* Takes the next word, which ends at white space, off *p into an array of cap
 * bytes; false at the end, and when the word does not fit. */
bool word_take(const char **p, char *out, size_t cap);

/* Copies a string into an array of cap bytes, cut to fit. */
void text_copy(char *to, size_t cap, const char *from);
