#include "exchange.h"

#include <string.h>

bool exchange_put(struct exchange *x, const void *p, size_t n)
{
	if (n > sizeof(x->out) - x->out_n)
		return false;
	memcpy(x->out + x->out_n, p, n);
	x->out_n += n;
	return true;
}

enum step exchange_end(struct exchange *x, enum step step, const char *format,
		       ...)
{
	struct text text = TEXT_OF(x->message);
	char bytes[sizeof(x->message)];
	struct text line = TEXT_OF(bytes);
	va_list args;

	va_start(args, format);
	text_addvf(&line, format, args);
	va_end(args);
	text_add_plain(&text, bytes, line.n);
	return step;
}

bool exchange_expected(const struct exchange *x, const uint8_t *p, size_t n)
{
	return memmem(p, n, x->probe->expect, x->probe->expect_n) != NULL;
}
