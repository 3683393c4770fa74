/* toml: bytes of a TOML document to a tree of values.
 *
 * Knows: the whole language. Does not know: files, or what a document means;
 * it only reads, slipway writes no TOML.
 *
 * Source: TOML v1.0.0, toml.io/en/v1.0.0 (its ABNF, toml.abnf). Dates and times
 * are checked and kept as their text.
 *
 *   toml       = [ expression ] *( newline expression )
 *   expression = [ keyval / table ] [ comment ]
 *   table      = "[" key "]" / "[[" key "]]"
 *   keyval     = key "=" value
 *   value      = string / boolean / array / inline-table / date-time
 *              / float / integer
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct buf;

enum {
	TOML_MAX_BYTES = 64 * 1024 * 1024, /* of a document */
	TOML_MAX_DEPTH = 128, /* of arrays and tables in each other, and of
			       * the parts of a dotted key */
};

enum toml_type {
	TOML_TABLE,
	TOML_ARRAY,
	TOML_STRING,
	TOML_INTEGER,
	TOML_FLOAT,
	TOML_BOOLEAN,
	TOML_OFFSET_DATETIME,
	TOML_LOCAL_DATETIME,
	TOML_LOCAL_DATE,
	TOML_LOCAL_TIME,
};

struct toml_value {
	enum toml_type type;
	uint32_t line; /* where it begins, from 1 */
	union {
		struct str string; /* of a string, or the text of a time */
		int64_t integer;
		double number;
		bool boolean;
		struct {
			struct toml_value **p;
			size_t n;
		} array;
		struct {
			struct toml_member *p; /* in the document's order */
			size_t n;
		} table;
	};
};

struct toml_member {
	struct str key; /* may be empty; a NUL stands behind it */
	struct toml_value *value;
};

enum toml_status {
	TOML_OK,
	TOML_TOO_LARGE, /* the document */
	TOML_TOO_DEEP,	/* beyond TOML_MAX_DEPTH */
	TOML_BAD_UTF8,
	TOML_BAD_CONTROL, /* a control character */
	TOML_BAD_SYNTAX,
	TOML_BAD_KEY,
	TOML_BAD_STRING, /* unterminated, or a bad escape */
	TOML_BAD_NUMBER,
	TOML_BAD_TIME,
	TOML_DUPLICATE, /* a key or table defined twice */
};

/* Where reading stopped. */
struct toml_place {
	size_t offset;	       /* in bytes */
	uint32_t line, column; /* from 1; columns are bytes */
};

/* Reads a document; the root is a table in arena, strings too (text is not
 * borrowed from). On failure *root is untouched and place says where. */
enum toml_status toml_parse(struct str text, struct arena *arena,
			    struct toml_value **root, struct toml_place *place);

/* Appends text, which is UTF-8, as a basic string with its quotes. */
void toml_append_string(struct buf *out, struct str text);

/* What went wrong, as a noun phrase: "a key that is defined twice". */
const char *toml_status_text(enum toml_status status);

/* A table's value of key, or NULL; NULL too where table is NULL or no table.
 * A dotted path is not followed. */
const struct toml_value *toml_get(const struct toml_value *table,
				  const char *key);

/* The string, array of tables and so on at key, or NULL of the same kind where
 * it is absent or of another type. */
struct str toml_get_string(const struct toml_value *table, const char *key);
const struct toml_value *toml_get_typed(const struct toml_value *table,
					const char *key, enum toml_type type);
