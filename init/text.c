#include "text.h"

#include <string.h>

void text_add_bytes(struct text *text, const char *p, size_t n)
{
	size_t room;

	if (text->cap == 0)
		return;
	room = text->cap - text->n - 1;
	if (n > room) {
		n = room;
		text->cut = true;
	}
	memcpy(text->p + text->n, p, n);
	text->n += n;
	text->p[text->n] = '\0';
}

void text_add(struct text *text, const char *string)
{
	text_add_bytes(text, string, strlen(string));
}

/* Appends a number with at least width digits. */
static void number_add(struct text *text, unsigned long long number,
		       bool negative, unsigned width)
{
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number || (sizeof(digits) - at < width && at > 1));
	if (negative)
		digits[--at] = '-';
	text_add_bytes(text, digits + at, sizeof(digits) - at);
}

/* One conversion; format is behind the '%' and its end comes back. */
static const char *conversion_add(struct text *text, const char *format,
				  va_list *args)
{
	unsigned width = 0, longs = 0;
	size_t most = SIZE_MAX;
	bool size = false;

	if (strncmp(format, ".*", 2) == 0) {
		int n = va_arg(*args, int);

		most = n < 0 ? SIZE_MAX : (size_t)n;
		format += 2;
	}
	for (; *format >= '0' && *format <= '9'; format++)
		width = width * 10 + (unsigned)(*format - '0');
	for (; *format == 'l'; format++)
		longs++;
	if (*format == 'z') {
		size = true;
		format++;
	}
	if (*format == 's') {
		const char *string = va_arg(*args, const char *);

		text_add_bytes(text, string, strnlen(string, most));
	} else if (*format == 'c') {
		char c = (char)va_arg(*args, int);

		text_add_bytes(text, &c, 1);
	} else if (*format == 'd') {
		long long n = longs > 1 ? va_arg(*args, long long)
			      : longs	? va_arg(*args, long)
					: va_arg(*args, int);

		number_add(text,
			   n < 0 ? 0 - (unsigned long long)n
				 : (unsigned long long)n,
			   n < 0, width);
	} else if (*format == 'u') {
		unsigned long long n =
			size	    ? va_arg(*args, size_t)
			: longs > 1 ? va_arg(*args, unsigned long long)
			: longs	    ? va_arg(*args, unsigned long)
				    : va_arg(*args, unsigned);

		number_add(text, n, false, width);
	} else if (*format == '%') {
		text_add_bytes(text, "%", 1);
	}
	return *format ? format + 1 : format;
}

void text_addvf(struct text *text, const char *format, va_list args)
{
	va_list copy;

	va_copy(copy, args);
	while (*format) {
		size_t n = strcspn(format, "%");

		text_add_bytes(text, format, n);
		format += n;
		if (*format == '%')
			format = conversion_add(text, format + 1, &copy);
	}
	va_end(copy);
}

void text_addf(struct text *text, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	text_addvf(text, format, args);
	va_end(args);
}

void text_add_plain(struct text *text, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = p[i] >= 0x20 && p[i] < 0x7f ? p[i] : '?';

		text_add_bytes(text, &c, 1);
	}
}

void text_add_json(struct text *text, const char *string)
{
	text_add(text, "\"");
	for (const char *p = string; *p; p++) {
		if (*p == '"' || *p == '\\')
			text_add(text, "\\");
		text_add_plain(text, p, 1);
	}
	text_add(text, "\"");
}

void text_add_seconds(struct text *text, uint64_t us)
{
	text_addf(text, "%llu.%06u", (unsigned long long)(us / 1000000),
		  (unsigned)(us % 1000000));
}

void text_add_ms(struct text *text, uint64_t us)
{
	text_addf(text, "%llu.%02u", (unsigned long long)(us / 1000),
		  (unsigned)(us % 1000 / 10));
}

bool word_take(const char **p, char *out, size_t cap)
{
	static const char space[] = " \t\n";
	const char *word = *p + strspn(*p, space);
	size_t n = strcspn(word, space);

	*p = word + n;
	if (n == 0 || n >= cap)
		return false;
	memcpy(out, word, n);
	out[n] = '\0';
	return true;
}

void text_copy(char *to, size_t cap, const char *from)
{
	struct text text = {to, 0, cap, false};

	text_add(&text, from);
	if (cap && *from == '\0')
		to[0] = '\0';
}
