/* reader: what the parts of the TOML reader share. Private to codec/toml. */
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "codec/toml.h"

struct toml_reader {
	struct str text;
	size_t at;	   /* next byte */
	size_t line_start; /* offset of the current line */
	uint32_t line;	   /* from 1 */
	struct arena *arena;
	struct map members;	 /* table and key -> node */
	enum toml_status status; /* the first that is not TOML_OK stays */
	size_t failed_at;
	uint32_t failed_line, failed_column;
};

/* The next byte, or -1 at the end; ahead looks further. */
static inline int toml_peek(const struct toml_reader *reader, size_t ahead)
{
	size_t at = reader->at + ahead;

	return at < reader->text.n ? (unsigned char)reader->text.p[at] : -1;
}

/* Notes the first failure, at the current place. Always returns -1. */
int toml_fail(struct toml_reader *reader, enum toml_status status);

/* Eats text where it comes next. */
bool toml_eat(struct toml_reader *reader, const char *text);

/* A newline comes next: its length, 1 or 2, else 0. */
size_t toml_newline_size(const struct toml_reader *reader);

/* Eats that newline and counts the line. */
void toml_next_line(struct toml_reader *reader, size_t newline_size);

/* Any of the four kinds of string; multi-line ones only where allowed. */
int toml_read_string(struct toml_reader *reader, bool may_be_multiline,
		     struct str *string);

/* A number, date or time into value. */
int toml_read_number(struct toml_reader *reader, struct toml_value *value);

/* True where a date or time begins here; then reads it. */
bool toml_at_time(const struct toml_reader *reader);
int toml_read_time(struct toml_reader *reader, struct toml_value *value);
