/* Strings of a TOML document (v1.0.0, "String"). */
#include "base/buf.h"
#include "codec/toml/reader.h"

static bool is_control(int c)
{
	return (c < 0x20 && c != '\t') || c == 0x7f;
}

static int hex_value(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static void append_utf8(struct buf *out, uint32_t code)
{
	if (code < 0x80) {
		buf_append_byte(out, (char)code);
		return;
	}
	if (code < 0x800) {
		buf_append_byte(out, (char)(0xc0 | code >> 6));
	} else if (code < 0x10000) {
		buf_append_byte(out, (char)(0xe0 | code >> 12));
		buf_append_byte(out, (char)(0x80 | (code >> 6 & 0x3f)));
	} else {
		buf_append_byte(out, (char)(0xf0 | code >> 18));
		buf_append_byte(out, (char)(0x80 | (code >> 12 & 0x3f)));
		buf_append_byte(out, (char)(0x80 | (code >> 6 & 0x3f)));
	}
	buf_append_byte(out, (char)(0x80 | (code & 0x3f)));
}

static int read_unicode(struct toml_reader *reader, size_t digits,
			struct buf *out)
{
	uint32_t code = 0;

	for (size_t i = 0; i < digits; i++, reader->at++) {
		int value = hex_value(toml_peek(reader, 0));

		if (value < 0)
			return toml_fail(reader, TOML_BAD_STRING);
		code = code << 4 | (uint32_t)value;
	}
	if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return toml_fail(reader, TOML_BAD_STRING);
	append_utf8(out, code);
	return 0;
}

/* Behind a backslash at a line's end: white space up to the next text. */
static int skip_line_end(struct toml_reader *reader)
{
	while (toml_peek(reader, 0) == ' ' || toml_peek(reader, 0) == '\t')
		reader->at++;
	if (toml_newline_size(reader) == 0)
		return toml_fail(reader, TOML_BAD_STRING);
	for (;;) {
		size_t newline_size = toml_newline_size(reader);
		int c = toml_peek(reader, 0);

		if (newline_size > 0)
			toml_next_line(reader, newline_size);
		else if (c == ' ' || c == '\t')
			reader->at++;
		else
			return 0;
	}
}

static int read_escape(struct toml_reader *reader, bool multiline,
		       struct buf *out)
{
	static const char names[] = "btnfr\"\\";
	static const char values[] = "\b\t\n\f\r\"\\";
	int c = toml_peek(reader, 0);
	const char *name = c > 0 ? strchr(names, c) : NULL;

	if (name) {
		buf_append_byte(out, values[name - names]);
		reader->at++;
		return 0;
	}
	if (c == 'u' || c == 'U') {
		reader->at++;
		return read_unicode(reader, c == 'u' ? 4 : 8, out);
	}
	if (multiline)
		return skip_line_end(reader);
	return toml_fail(reader, TOML_BAD_STRING);
}

/* At a quote inside a multi-line string: three end it, after up to two more
 * that belong to it. */
static bool ends_multiline(struct toml_reader *reader, int quote,
			   struct buf *out)
{
	size_t quotes = 0;

	while (quotes < 5 && toml_peek(reader, quotes) == quote)
		quotes++;
	for (size_t i = quotes < 3 ? 0 : 3; i < quotes; i++)
		buf_append_byte(out, (char)quote);
	reader->at += quotes;
	return quotes >= 3;
}

static int read_body(struct toml_reader *reader, int quote, bool multiline,
		     struct buf *out)
{
	for (;;) {
		size_t newline_size = toml_newline_size(reader);
		int c = toml_peek(reader, 0);

		if (c < 0)
			return toml_fail(reader, TOML_BAD_STRING);
		if (newline_size > 0) {
			if (!multiline)
				return toml_fail(reader, TOML_BAD_STRING);
			buf_append(out, str_of(reader->text.p + reader->at,
					       newline_size));
			toml_next_line(reader, newline_size);
		} else if (c == quote && multiline) {
			if (ends_multiline(reader, quote, out))
				return 0;
		} else if (c == quote) {
			reader->at++;
			return 0;
		} else if (is_control(c)) {
			return toml_fail(reader, TOML_BAD_CONTROL);
		} else {
			reader->at++;
			if (c != '\\' || quote == '\'')
				buf_append_byte(out, (char)c);
			else if (read_escape(reader, multiline, out))
				return -1;
		}
	}
}

int toml_read_string(struct toml_reader *reader, bool may_be_multiline,
		     struct str *string)
{
	auto_buf struct buf out = BUF_EMPTY;
	int quote = toml_peek(reader, 0);
	bool multiline = toml_eat(reader, quote == '"' ? "\"\"\"" : "'''");

	if (multiline && !may_be_multiline)
		return toml_fail(reader, TOML_BAD_KEY);
	if (multiline)
		toml_next_line(reader, toml_newline_size(reader));
	else
		reader->at++;
	if (read_body(reader, quote, multiline, &out))
		return -1;
	*string = arena_str(reader->arena, buf_str(&out));
	return 0;
}
