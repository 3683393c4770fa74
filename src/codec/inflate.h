/* inflate: raw deflate streams back to bytes, in pieces, with their CRC-32.
 *
 * Knows: one deflate stream of any length in memory that does not depend on
 * that length. Does not know: what wraps the stream (zip.h, gzip.h). ISA-L
 * does the work; it is never used to compress, since what it makes depends on
 * the CPU.
 *
 * Source: RFC 1951.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum inflate_status {
	INFLATE_MORE,	/* needs more input */
	INFLATE_OUTPUT, /* out holds bytes; call again with what is left of in
			 */
	INFLATE_END,	/* the stream is complete; out holds its last bytes */
	INFLATE_BAD,	/* not a deflate stream */
};

struct inflate;

/* A stream at its start. Holds about 400 KiB, its output window included. */
struct inflate *inflate_new(void);
void inflate_free(struct inflate *inflate);
void inflate_free_pointer(struct inflate **inflate);
#define auto_inflate __attribute__((cleanup(inflate_free_pointer)))

/* Back to the start, for the next stream. */
void inflate_reset(struct inflate *inflate);

/* Takes bytes off the front of *in. *out is what they gave, borrowed until the
 * next call; it may hold bytes with INFLATE_MORE as well. After INFLATE_END
 * *in is what follows the stream. */
enum inflate_status inflate_next(struct inflate *inflate, struct str *in,
				 struct str *out);

/* Of all bytes given out so far. */
uint32_t inflate_crc32(const struct inflate *inflate);
uint64_t inflate_size_bytes(const struct inflate *inflate);

/* CRC-32 of bytes that follow others with the CRC crc; 0 to start.
 * Source: RFC 1952, section 8. */
uint32_t crc32_add(uint32_t crc, struct str bytes);
