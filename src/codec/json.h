/* json: JSON text to jansson values and back.
 *
 * Knows: bounds, positions of errors, the two ways in which slipway writes
 * JSON. Does not know: files, or what the values mean. jansson's own functions
 * (json_object_get, json_array_append_new ...) are used for the rest; its
 * allocations end the process where there is no memory (base/mem.h), so that
 * json_object() and its like never give NULL for that reason.
 *
 * Source: RFC 8259. Stricter: names in an object are unique, text is UTF-8,
 * U+0000 in a string is refused.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

void json_free_pointer(json_t **value);
#define auto_json __attribute__((cleanup(json_free_pointer)))

/* Where and why a text is not JSON. */
struct json_problem {
	size_t offset;	 /* bytes before the place */
	unsigned line;	 /* 1-based */
	unsigned column; /* 1-based, in characters */
	char what[160];	 /* "'}' expected near end of file" */
};

/* The value of a text of at most max_bytes, or NULL with *problem (may be
 * NULL) filled. The caller owns the reference (json_decref or auto_json).
 * Nesting is bounded by jansson at 2048. */
json_t *json_parse(struct str text, size_t max_bytes,
		   struct json_problem *problem);

/* Appends the value without white space and with sorted names: one value,
 * one text. For keys, OCI documents and everything that is hashed. */
void json_append_canonical(struct buf *out, const json_t *value);

/* Appends the value indented by two spaces, names in the order in which they
 * were set, and a newline. For the lock and --json. */
void json_append_pretty(struct buf *out, const json_t *value);

/* A new string value. Bytes that are not UTF-8 become U+FFFD, so that a file
 * name never makes a document invalid. */
json_t *json_new_str(struct str text);

/* The bytes of a string value, borrowed; empty for any other or NULL. */
struct str json_str(const json_t *value);

/* Sets a member to a number, which is at most INT64_MAX. */
void json_set_u64(json_t *object, const char *name, uint64_t number);

/* Members of an object: false (and *out untouched) where the object has no
 * such name or its value has another type. str borrows from the object. */
bool json_get_str(const json_t *object, const char *name, struct str *out);
bool json_get_u64(const json_t *object, const char *name, uint64_t *out);
bool json_get_bool(const json_t *object, const char *name, bool *out);

/* A member that is an array or object, borrowed, or NULL. */
json_t *json_get_array(const json_t *object, const char *name);
json_t *json_get_object(const json_t *object, const char *name);
