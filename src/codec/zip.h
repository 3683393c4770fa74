/* zip: a strict reader of zip archives, for wheels.
 *
 * Two readers of one zip can see different files: one trusts the central
 * directory, another the local headers. This one refuses every archive for
 * which that is possible. Knows: the format, zip64, data descriptors, CRC.
 * Does not know: files or the network (bytes come from a zip_source), wheels.
 *
 * Source: PKWARE APPNOTE 6.3.10; ISO/IEC 21320-1 for what is refused.
 *
 *   archive    = local* central* [end64 locator64] end NUL*
 *   local      = 'PK' 03 04 header name extra data [descriptor]
 *   central    = 'PK' 01 02 header name extra comment
 *   descriptor = ['PK' 07 08] crc32 compressed_size size
 *
 * Refused: disagreement of local header, descriptor and central directory in
 * name, CRC, size or method; members that overlap; duplicate names, and a name
 * that is a folder for another; names that are absolute, not UTF-8 or not
 * marked so, or have an empty, "." or ".." part, a control character or a
 * backslash; a wrong entry count; bytes other than NUL after the end record;
 * symbolic links and other special files; encryption; methods other than
 * stored and deflate; several disks; bytes between directory and end records.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "codec/inflate.h"

struct buf;
struct error;

/* Where the archive's bytes come from: exactly n of them at offset, or -1 with
 * an error. */
struct zip_source {
	int (*read)(void *context, void *p, size_t n, uint64_t offset,
		    struct error **err);
	void *context;
	uint64_t size_bytes;
};

enum zip_method { ZIP_STORED = 0, ZIP_DEFLATED = 8 };

struct zip_member {
	struct str name; /* without the '/' at a folder's end */
	bool is_folder;
	uint16_t mode; /* external_attr >> 16: type and permissions, or 0 */
	enum zip_method method;
	uint32_t crc32;
	uint64_t size_bytes;
	uint64_t compressed_bytes;
	uint64_t header_offset;
	uint64_t data_offset; /* 0 until the local header has been read */
	uint16_t flags;
};

enum zip_depth {
	ZIP_CHECK_ALL,	    /* local headers and descriptors too */
	ZIP_DIRECTORY_ONLY, /* what the archive claims; reads only its end */
};

struct zip {
	struct zip_source source;
	struct zip_member *members; /* bytewise sorted by name */
	size_t n;
	uint64_t directory_offset;
};

/* Reads the directory into arena, which outlives zip. ERR_FLEET for an archive
 * that breaks a rule: the message says which member and which rule, and does
 * not name the archive. Memory: about 200 bytes a member, at most 250,000
 * members and 32 MiB of directory. */
int zip_open(struct zip *zip, const struct zip_source *source,
	     enum zip_depth depth, struct arena *arena, struct error **err);

/* The member of a name, or NULL. */
const struct zip_member *zip_find(const struct zip *zip, struct str name);

/* Checks the local header of one member of an archive that was opened with
 * ZIP_DIRECTORY_ONLY, so that it can be read. */
int zip_locate(struct zip *zip, const struct zip_member *member,
	       struct error **err);

/* One member's bytes, in pieces that do not grow with the member. */
struct zip_piece {
	struct str compressed; /* as they are in the archive */
	struct str raw;	       /* what they give; both borrowed */
};

struct zip_stream;

/* A stream that can read any member; reused, since it holds 700 KiB. */
struct zip_stream *zip_stream_new(void);
void zip_stream_free(struct zip_stream *stream);
void zip_stream_free_pointer(struct zip_stream **stream);
#define auto_zip_stream __attribute__((cleanup(zip_stream_free_pointer)))

/* Begins at a member of an archive opened with ZIP_CHECK_ALL, or a located
 * one. */
void zip_stream_start(struct zip_stream *stream, const struct zip *zip,
		      const struct zip_member *member);

/* The next piece: 1, or 0 after the last, or -1. The pieces' compressed bytes
 * are together the member's, so are the raw ones, but not piece by piece: one
 * may hold only one kind. 0 means that size and CRC have been checked, and
 * that the deflate stream ends where the member does. */
int zip_stream_next(struct zip_stream *stream, struct zip_piece *piece,
		    struct error **err);

/* A whole member appended to out; one above max_bytes is an error. */
int zip_read(struct zip_stream *stream, const struct zip *zip,
	     const struct zip_member *member, size_t max_bytes, struct buf *out,
	     struct error **err);
