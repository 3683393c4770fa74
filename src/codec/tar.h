/* tar: bytes of a ustar/pax archive, one entry at a time.
 *
 * Knows: header fields, padding, pax extended headers. Does not know: files,
 * compression, layers, or who owns what (see parts/layer.h). Reading is
 * libarchive's.
 *
 * Source: POSIX.1-2024, pax, "ustar Interchange Format" and "pax Header Block".
 *
 *   archive = entry* end            end     = two blocks of zeros
 *   entry   = [pax] header payload  payload = size bytes, zeros to a block
 *   pax     = header('x') records   record  = LEN ' ' KEY '=' VALUE '\n'
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum { TAR_BLOCK = 512 };

enum tar_type {
	TAR_FILE = '0',
	TAR_HARDLINK = '1',
	TAR_SYMLINK = '2',
	TAR_DIR = '5',
};

struct tar_entry {
	struct str path;   /* relative, no ".." parts, no '/' at the end */
	struct str target; /* of a link, else empty; borrowed */
	enum tar_type type;
	uint32_t mode; /* permission bits only, up to 07777 */
	uint32_t uid, gid;
	uint64_t size_bytes; /* of a file's payload, else 0 */
	int64_t mtime_s;     /* seconds since 1970 */
};

enum tar_status {
	TAR_OK,
	TAR_BAD_PATH,	/* empty, absolute, not UTF-8, with a NUL, or with a
			 * "..", "." or empty part */
	TAR_BAD_TARGET, /* a link without one, a hard link out of the archive,
			 * or a target on an entry that is no link */
	TAR_BAD_MODE,	/* bits above 07777 */
	TAR_BAD_SIZE,	/* bytes on an entry that is no file */
};

/* Appends the header blocks of an entry to out, preceded by a pax header where
 * ustar cannot hold the entry (path or target above 100 bytes or not ASCII,
 * size of 8 GiB or more, uid or gid above 2097151, negative or late time). The
 * path of a folder gets a '/' at its end. The same entry always gives the same
 * bytes. On failure out is as it was. The payload and tar_padding() bytes of
 * zeros are the caller's. */
enum tar_status tar_append_header(struct buf *out,
				  const struct tar_entry *entry);

/* Appends the two blocks that end an archive. */
void tar_append_end(struct buf *out);

/* Zeros needed after a payload of size_bytes: 0 to 511. */
static inline unsigned tar_padding(uint64_t size_bytes)
{
	return (unsigned)(-size_bytes & (TAR_BLOCK - 1));
}

/* What went wrong, as a noun phrase for a message: "a path with a '..' part".
 */
const char *tar_status_text(enum tar_status status);
