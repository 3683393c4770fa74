#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

void buf_release(struct buf *buf)
{
	free(buf->p);
	*buf = (struct buf)BUF_EMPTY;
}

void buf_reserve(struct buf *buf, size_t extra)
{
	size_t needed;

	if (__builtin_add_overflow(buf->n, extra, &needed))
		needed = SIZE_MAX;
	if (needed <= buf->capacity)
		return;
	buf->capacity = mem_grow_capacity(buf->capacity, needed);
	buf->p = mem_realloc(buf->p, buf->capacity, 1);
}

void buf_append(struct buf *buf, struct str bytes)
{
	if (bytes.n == 0)
		return;
	buf_reserve(buf, bytes.n);
	memcpy(buf->p + buf->n, bytes.p, bytes.n);
	buf->n += bytes.n;
}

void buf_append_text(struct buf *buf, const char *text)
{
	buf_append(buf, str_from(text));
}

void buf_append_byte(struct buf *buf, char byte)
{
	buf_reserve(buf, 1);
	buf->p[buf->n++] = byte;
}

void buf_append_zeros(struct buf *buf, size_t count)
{
	if (count == 0)
		return;
	buf_reserve(buf, count);
	memset(buf->p + buf->n, 0, count);
	buf->n += count;
}

void buf_vprintf(struct buf *buf, const char *format, va_list args)
{
	va_list again;

	va_copy(again, args);
	int n = vsnprintf(NULL, 0, format, again);

	va_end(again);
	if (n < 0)
		return;
	buf_reserve(buf, (size_t)n + 1);
	vsnprintf(buf->p + buf->n, (size_t)n + 1, format, args);
	buf->n += (size_t)n;
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	buf_vprintf(buf, format, args);
	va_end(args);
}

void buf_append_le16(struct buf *buf, uint16_t value)
{
	char bytes[2] = {(char)value, (char)(value >> 8)};

	buf_append(buf, str_of(bytes, sizeof bytes));
}

void buf_append_le32(struct buf *buf, uint32_t value)
{
	buf_append_le16(buf, (uint16_t)value);
	buf_append_le16(buf, (uint16_t)(value >> 16));
}

const char *buf_text(struct buf *buf)
{
	buf_reserve(buf, 1);
	buf->p[buf->n] = '\0';
	return buf->p;
}

char *buf_steal_text(struct buf *buf)
{
	buf_text(buf);
	char *text = buf->p;

	*buf = (struct buf)BUF_EMPTY;
	return text;
}
