/* Numbers, dates and times of a TOML document (v1.0.0, "Integer", "Float",
 * "Offset Date-Time" and those after it). */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/buf.h"
#include "codec/toml/reader.h"

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool is_digit_of(int c, unsigned base)
{
	if (base == 16)
		return is_digit(c) || (c >= 'a' && c <= 'f') ||
		       (c >= 'A' && c <= 'F');
	return c >= '0' && c < '0' + (int)base;
}

/* Digits with single underscores between them, without these, to out. */
static int read_digits(struct toml_reader *reader, unsigned base,
		       struct buf *out)
{
	do {
		if (!is_digit_of(toml_peek(reader, 0), base))
			return toml_fail(reader, TOML_BAD_NUMBER);
		while (is_digit_of(toml_peek(reader, 0), base)) {
			buf_append_byte(out, (char)toml_peek(reader, 0));
			reader->at++;
		}
	} while (toml_eat(reader, "_"));
	return 0;
}

static int set_integer(struct toml_reader *reader, struct buf *digits,
		       unsigned base, struct toml_value *value)
{
	errno = 0;
	value->type = TOML_INTEGER;
	value->integer = strtoll(buf_text(digits), NULL, (int)base);
	return errno ? toml_fail(reader, TOML_BAD_NUMBER) : 0;
}

static int read_decimal(struct toml_reader *reader, struct buf *text,
			struct toml_value *value)
{
	bool is_float = false;
	size_t sign = text->n;

	if (read_digits(reader, 10, text))
		return -1;
	if (text->n > sign + 1 && text->p[sign] == '0')
		return toml_fail(reader, TOML_BAD_NUMBER);
	if (toml_eat(reader, ".")) {
		is_float = true;
		buf_append_byte(text, '.');
		if (read_digits(reader, 10, text))
			return -1;
	}
	if (toml_peek(reader, 0) == 'e' || toml_peek(reader, 0) == 'E') {
		is_float = true;
		reader->at++;
		buf_append_byte(text, 'e');
		if (toml_eat(reader, "-"))
			buf_append_byte(text, '-');
		else
			toml_eat(reader, "+");
		if (read_digits(reader, 10, text))
			return -1;
	}
	if (!is_float)
		return set_integer(reader, text, 10, value);
	value->type = TOML_FLOAT;
	value->number = strtod(buf_text(text), NULL);
	return 0;
}

int toml_read_number(struct toml_reader *reader, struct toml_value *value)
{
	auto_buf struct buf text = BUF_EMPTY;
	bool is_negative = toml_peek(reader, 0) == '-';
	bool is_signed = is_negative || toml_peek(reader, 0) == '+';

	reader->at += is_signed;
	if (toml_eat(reader, "inf") || toml_eat(reader, "nan")) {
		double number = reader->text.p[reader->at - 1] == 'f'
					? (double)INFINITY
					: (double)NAN;

		value->type = TOML_FLOAT;
		value->number = is_negative ? -number : number;
		return 0;
	}
	if (!is_signed && toml_peek(reader, 0) == '0') {
		int kind = toml_peek(reader, 1);
		unsigned base = kind == 'x'   ? 16
				: kind == 'o' ? 8
				: kind == 'b' ? 2
					      : 10;

		if (base != 10) {
			reader->at += 2;
			return read_digits(reader, base, &text) ||
					       set_integer(reader, &text, base,
							   value)
				       ? -1
				       : 0;
		}
	}
	if (is_negative)
		buf_append_byte(&text, '-');
	return read_decimal(reader, &text, value);
}

/* Exactly count digits whose value is at most max. */
static int read_field(struct toml_reader *reader, size_t count, unsigned min,
		      unsigned max, unsigned *field)
{
	unsigned value = 0;

	for (size_t i = 0; i < count; i++, reader->at++) {
		if (!is_digit(toml_peek(reader, 0)))
			return toml_fail(reader, TOML_BAD_TIME);
		value = value * 10 + (unsigned)(toml_peek(reader, 0) - '0');
	}
	if (value < min || value > max)
		return toml_fail(reader, TOML_BAD_TIME);
	if (field)
		*field = value;
	return 0;
}

static int expect(struct toml_reader *reader, const char *text)
{
	return toml_eat(reader, text) ? 0 : toml_fail(reader, TOML_BAD_TIME);
}

static int read_date(struct toml_reader *reader)
{
	static const unsigned char days[] = {31, 29, 31, 30, 31, 30,
					     31, 31, 30, 31, 30, 31};
	unsigned year = 0, month = 1, day = 0;

	if (read_field(reader, 4, 0, 9999, &year) || expect(reader, "-") ||
	    read_field(reader, 2, 1, 12, &month) || expect(reader, "-") ||
	    read_field(reader, 2, 1, days[month - 1], &day))
		return -1;
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	if (month == 2 && day == 29 && !is_leap)
		return toml_fail(reader, TOML_BAD_TIME);
	return 0;
}

/* The leap second is allowed, as in RFC 3339. */
static int read_clock(struct toml_reader *reader)
{
	if (read_field(reader, 2, 0, 23, NULL) || expect(reader, ":") ||
	    read_field(reader, 2, 0, 59, NULL) || expect(reader, ":") ||
	    read_field(reader, 2, 0, 60, NULL))
		return -1;
	if (!toml_eat(reader, "."))
		return 0;
	if (!is_digit(toml_peek(reader, 0)))
		return toml_fail(reader, TOML_BAD_TIME);
	while (is_digit(toml_peek(reader, 0)))
		reader->at++;
	return 0;
}

static int read_offset(struct toml_reader *reader, struct toml_value *value)
{
	int c = toml_peek(reader, 0);

	value->type = TOML_OFFSET_DATETIME;
	if (toml_eat(reader, "Z") || toml_eat(reader, "z"))
		return 0;
	if (c != '+' && c != '-') {
		value->type = TOML_LOCAL_DATETIME;
		return 0;
	}
	reader->at++;
	if (read_field(reader, 2, 0, 23, NULL) || expect(reader, ":"))
		return -1;
	return read_field(reader, 2, 0, 59, NULL);
}

bool toml_at_time(const struct toml_reader *reader)
{
	size_t digits = 0;

	while (digits < 4 && is_digit(toml_peek(reader, digits)))
		digits++;
	return (digits == 4 && toml_peek(reader, 4) == '-') ||
	       (digits == 2 && toml_peek(reader, 2) == ':');
}

int toml_read_time(struct toml_reader *reader, struct toml_value *value)
{
	size_t start = reader->at;
	int result;

	if (toml_peek(reader, 2) == ':') {
		value->type = TOML_LOCAL_TIME;
		result = read_clock(reader);
	} else {
		value->type = TOML_LOCAL_DATE;
		result = read_date(reader);
		int c = toml_peek(reader, 0);
		bool has_clock = c == 'T' || c == 't' ||
				 (c == ' ' && is_digit(toml_peek(reader, 1)));

		if (result == 0 && has_clock) {
			reader->at++;
			result =
				read_clock(reader) || read_offset(reader, value)
					? -1
					: 0;
		}
	}
	if (result)
		return -1;
	value->string = arena_str(reader->arena,
				  str_slice(reader->text, start, reader->at));
	return 0;
}
