/* json: a bounded reader for small documents (RFC 8259).
 *
 * Knows: one document in memory becomes a flat list of nodes that point into
 * it; nothing is allocated or copied. Strict: no comments, no trailing commas,
 * no bytes after the value. Where a key appears twice the last one counts, as
 * in Python. Does not know: files, or what the keys mean.
 *
 *   JSON_NODES nodes and JSON_DEPTH levels are the limits.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_NODES = 2048, JSON_DEPTH = 16 };

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

struct json_node {
	enum json_type type;
	uint32_t at, n; /* bytes in the text; of a string without its quotes */
	uint32_t next;	/* index behind this node and all that is in it */
};

struct json {
	const char *p; /* borrowed */
	size_t n;
	struct json_node node[JSON_NODES];
	uint32_t count;
};

/* Reads a text of n bytes; NULL, or what is wrong, with the byte in *at. */
const char *json_read(struct json *json, const char *p, size_t n, size_t *at);

/* The value of a key in the object at index, or 0 (which is never a value,
 * since node 0 is the document). */
uint32_t json_get(const struct json *json, uint32_t object, const char *key);

/* The first member of an object or array, and the one that follows; 0 at the
 * end. Members of an object are its keys; key + 1 is the key's value. */
uint32_t json_first(const struct json *json, uint32_t parent);
uint32_t json_next(const struct json *json, uint32_t parent, uint32_t node);

/* Copies a string with its escapes resolved, or the text of a number, true or
 * false. False when it does not fit cap with its NUL, holds a NUL, or is of
 * another type. */
bool json_copy(const struct json *json, uint32_t node, char *to, size_t cap);

/* As json_copy() for an unsigned whole number. */
bool json_copy_number(const struct json *json, uint32_t node, uint64_t *out);
