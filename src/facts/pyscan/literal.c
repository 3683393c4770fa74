/* literal: what string literals stand for. */
#include "base/buf.h"
#include "facts/pyscan/scan.h"

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

static void append_character(struct buf *buf, uint32_t c)
{
	if (c < 0x80) {
		buf_append_byte(buf, (char)c);
	} else if (c < 0x800) {
		buf_append_byte(buf, (char)(0xc0 | c >> 6));
		buf_append_byte(buf, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_append_byte(buf, (char)(0xe0 | c >> 12));
		buf_append_byte(buf, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_append_byte(buf, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_append_byte(buf, (char)(0xf0 | c >> 18));
		buf_append_byte(buf, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_append_byte(buf, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_append_byte(buf, (char)(0x80 | (c & 0x3f)));
	}
}

/* Up to most digits of a base; false where there are fewer than least, or the
 * number is no character (surrogates have no UTF-8). */
static bool append_number(struct buf *buf, struct str *s, int base,
			  size_t least, size_t most)
{
	uint32_t value = 0;
	size_t n = 0;

	while (n < most && n < s->n && digit_value(s->p[n]) < base)
		value = value * (uint32_t)base +
			(uint32_t)digit_value(s->p[n++]);
	*s = str_slice(*s, n, s->n);
	if (n < least || value > 0x10ffff || value >> 11 == 0x1b)
		return false;
	append_character(buf, value);
	return true;
}

/* The escape behind a backslash. */
static bool append_escape(struct buf *buf, struct str *s)
{
	static const char from[] = "abfnrtv\\'\"", to[] = "\a\b\f\n\r\t\v\\'\"";
	char c = s->p[0];
	const char *found = c ? strchr(from, c) : NULL;

	if (c >= '0' && c <= '7')
		return append_number(buf, s, 8, 1, 3);
	*s = str_slice(*s, 1, s->n);
	if (found) {
		buf_append_byte(buf, to[found - from]);
		return true;
	}
	switch (c) {
	case '\n':
		return true;
	case 'x':
		return append_number(buf, s, 16, 2, 2);
	case 'u':
		return append_number(buf, s, 16, 4, 4);
	case 'U':
		return append_number(buf, s, 16, 8, 8);
	case 'N':
		return false;
	default:
		buf_append_byte(buf, '\\');
		buf_append_byte(buf, c);
		return true;
	}
}

bool literal_append(struct buf *buf, struct str text, bool is_raw)
{
	while (text.n) {
		ptrdiff_t at = is_raw ? -1 : str_find(text, '\\');
		struct str plain =
			at < 0 ? text : str_slice(text, 0, (size_t)at);

		buf_append(buf, plain);
		text = str_slice(text, plain.n + (at >= 0), text.n);
		if (at >= 0 && (!text.n || !append_escape(buf, &text)))
			return false;
	}
	return true;
}

struct literal literal_parts(struct str token)
{
	struct literal literal = {0};
	size_t i = 0;

	for (; i < token.n && token.p[i] != '"' && token.p[i] != '\''; i++) {
		char letter = (char)(token.p[i] | 0x20);

		literal.is_raw = literal.is_raw || letter == 'r';
		literal.is_bytes = literal.is_bytes || letter == 'b';
		literal.is_f = literal.is_f || letter == 'f' || letter == 't';
	}
	token = str_slice(token, i, token.n);
	size_t quotes = token.n >= 6 && token.p[1] == token.p[0] &&
					token.p[2] == token.p[0]
				? 3
				: 1;

	if (token.n >= 2 * quotes)
		literal.text = str_slice(token, quotes, token.n - quotes);
	else
		literal.text = STR_EMPTY;
	return literal;
}

bool literal_value(struct scan *scan, size_t i, size_t end, struct str *value,
		   size_t *next)
{
	auto_buf struct buf buf = BUF_EMPTY;
	size_t first = i;
	bool known = true;

	for (; token_at(scan, i, end).kind == TOKEN_STRING; i++) {
		struct literal literal = literal_parts(scan->tokens.p[i].text);

		known = known && !literal.is_f && !literal.is_bytes;
		if (known && token_at(scan, i + 1, end).kind != TOKEN_STRING &&
		    !buf.n && str_find(literal.text, '\\') < 0) {
			*value = literal.text;
			*next = i + 1;
			return true;
		}
		known = known &&
			literal_append(&buf, literal.text, literal.is_raw);
	}
	*next = i;
	if (i == first || !known)
		return false;
	*value = arena_str(scan->arena, buf_str(&buf));
	return true;
}
