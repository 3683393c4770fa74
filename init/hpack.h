/* hpack: header blocks of HTTP/2, decoded.
 *
 * Knows: indexed and literal fields, Huffman, the static table and a dynamic
 * one of at most HPACK_TABLE bytes. Does not know: frames, or which header
 * means what. Encoding needs no table: see probe_grpc.c.
 *
 * Source: RFC 7541; its appendix B is canonical, so that the lengths of the
 * codes are enough.
 *
 *   field  = 1 index(7)                       from a table
 *          | 01 index(6) [name] value         literal, put into the table
 *          | 0000 index(4) [name] value       literal
 *          | 0001 index(4) [name] value       literal, never indexed
 *          | 001 size(5)                      new size of the table
 *   string = huffman(1) length(7) bytes
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HPACK_TABLE = 4096,
	HPACK_ENTRIES = HPACK_TABLE / 32,
	HPACK_STRING = 4096, /* the longest name, and the longest value kept */
};

struct hpack {
	/* Oldest entry first; names and values lie back to back in bytes. */
	struct {
		uint16_t name_n, value_n;
	} entry[HPACK_ENTRIES];
	uint32_t entry_count, bytes_n;
	uint32_t size, max_size; /* as RFC 7541 counts: 32 more for each */
	uint8_t bytes[HPACK_TABLE];
	uint8_t name[HPACK_STRING], value[HPACK_STRING]; /* of one field */
};

/* Called for each field; the bytes are valid during the call only. A value
 * that is longer than HPACK_STRING is given as its beginning. */
typedef void hpack_field(void *context, const uint8_t *name, size_t name_n,
			 const uint8_t *value, size_t value_n);

void hpack_init(struct hpack *hpack);

/* Decodes a whole header block. False when it is malformed; the connection
 * cannot be used then. */
bool hpack_decode(struct hpack *hpack, const uint8_t *p, size_t n,
		  hpack_field *field, void *context);

/* Decodes n Huffman-coded bytes into out, of which at most cap are written;
 * *out_n is the whole length. False when they are malformed. */
bool hpack_huffman(const uint8_t *p, size_t n, uint8_t *out, size_t cap,
		   size_t *out_n);
