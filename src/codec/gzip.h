/* gzip: members, made whole or wrapped around a deflate stream that exists.
 *
 * Knows: member headers and trailers, compressing a run of bytes, reading
 * several members back to back. Does not know: tar, layers, files.
 *
 * Source: RFC 1952, section 2.3.
 *
 *   blob    = member*      (readers must go on after the first one)
 *   member  = header deflate trailer
 *   header  = 1f 8b 08 00, mtime 0 (4 bytes), xfl 0, os 255 (unknown)
 *   trailer = CRC-32 and size modulo 2^32 of the raw bytes, little endian
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "codec/inflate.h"

enum { GZIP_HEADER_BYTES = 10, GZIP_TRAILER_BYTES = 8 };

/* The compressor, its level and its version: what a run's compressed bytes
 * depend on besides the run. Part of every key of a blob; static. */
const char *gzip_version(void);

/* Compresses runs, each into one member; one per thread. */
struct gzip_writer;
struct gzip_writer *gzip_writer_new(void);
void gzip_writer_free(struct gzip_writer *writer);

/* Appends raw as one member. */
void gzip_append_member(struct gzip_writer *writer, struct buf *out,
			struct str raw);

/* The two ends of a member around a deflate stream that is there already. */
void gzip_append_header(struct buf *out);
void gzip_append_trailer(struct buf *out, uint32_t crc32, uint64_t size_bytes);

enum gzip_status {
	GZIP_MORE,	  /* needs more input, in the middle of a member */
	GZIP_OUTPUT,	  /* out holds bytes; call again */
	GZIP_BETWEEN,	  /* a member has ended; the blob may end here */
	GZIP_BAD_HEADER,  /* no gzip member where one should begin */
	GZIP_BAD_STREAM,  /* not a deflate stream */
	GZIP_BAD_TRAILER, /* CRC or size are not those of the bytes */
};

/* Reads members back to back from input that comes in pieces. */
struct gzip_reader;
struct gzip_reader *gzip_reader_new(void);
void gzip_reader_free(struct gzip_reader *reader);

/* As inflate_next(): takes bytes off *in, *out is borrowed until the next
 * call. With GZIP_MORE and GZIP_BETWEEN all of *in has been taken. */
enum gzip_status gzip_reader_next(struct gzip_reader *reader, struct str *in,
				  struct str *out);

/* What went wrong, as a noun phrase; static. */
const char *gzip_status_text(enum gzip_status status);
