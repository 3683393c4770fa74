/* buf: bytes that grow. Value type: BUF_EMPTY to start, buf_release to end. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct buf {
	char *p;
	size_t n;
	size_t capacity;
};

#define BUF_EMPTY                                                              \
	{                                                                      \
		NULL, 0, 0                                                     \
	}

void buf_release(struct buf *buf);
#define auto_buf __attribute__((cleanup(buf_release)))

/* Room for extra more bytes behind n. */
void buf_reserve(struct buf *buf, size_t extra);

void buf_append(struct buf *buf, struct str bytes);
void buf_append_text(struct buf *buf, const char *text);
void buf_append_byte(struct buf *buf, char byte);
void buf_append_zeros(struct buf *buf, size_t count);
void buf_printf(struct buf *buf, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *buf, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

/* Little-endian fixed-width integers. */
void buf_append_le16(struct buf *buf, uint16_t value);
void buf_append_le32(struct buf *buf, uint32_t value);

/* The integer in the next 2, 4 or 8 bytes, wherever they lie. */
static inline uint16_t le16_at(const void *p)
{
	const unsigned char *b = p;

	return (uint16_t)(b[0] | b[1] << 8);
}

static inline uint32_t le32_at(const void *p)
{
	const unsigned char *b = p;

	return le16_at(b) | (uint32_t)le16_at(b + 2) << 16;
}

static inline uint64_t le64_at(const void *p)
{
	const unsigned char *b = p;

	return le32_at(b) | (uint64_t)le32_at(b + 4) << 32;
}

static inline void buf_clear(struct buf *buf)
{
	buf->n = 0;
}

static inline struct str buf_str(const struct buf *buf)
{
	return (struct str){buf->n ? buf->p : "", buf->n};
}

/* The bytes with a NUL behind them; borrowed until the buf changes. */
const char *buf_text(struct buf *buf);

/* The bytes as a heap C string the caller frees; the buf becomes empty. */
char *buf_steal_text(struct buf *buf);
