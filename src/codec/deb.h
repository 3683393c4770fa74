/* deb: what is in a Debian package file, and Debian's control paragraphs.
 *
 * Knows: the outer ar archive, the control paragraph, the entries of the data
 * archive one after the other. Does not know: where entries are put, which of
 * them are wanted, who owns them in an image (parts/debian.h).
 *
 * Source: deb(5), deb-control(5), deb822(5) of dpkg.
 *
 *   deb       = "!<arch>\n" member("debian-binary") member("control.tar" ext)
 *               member("data.tar" ext)         others between or behind: "_..."
 *   member    = name[16] time[12] uid[6] gid[6] mode[8] size[10] "`\n" bytes
 *               and one "\n" where size is odd
 *   ext       = "" | ".gz" | ".xz" | ".zst"
 *   paragraph = (field ":" value "\n" (" " value "\n")*)+
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct error;

/* One field of a paragraph; both borrow from the text. The value keeps the
 * line ends of a folded field. */
struct deb_field {
	struct str name, value;
};

struct deb_paragraph {
	struct str text; /* the whole paragraph, without the empty line */
	struct deb_field *fields;
	size_t field_count;
};

/* Cuts the next paragraph off *rest; its fields are in the arena. Lines that
 * start with "#" are left out. 1: one was read, 0: nothing is left, -1: a line
 * that is no field, a field twice, or a paragraph above 4 MiB or 512 fields;
 * the message names the line counted from the start of *rest. */
int deb_paragraph_next(struct str *rest, struct arena *arena,
		       struct deb_paragraph *paragraph, struct error **err);

/* A field's value without white space around it, or the empty str. Names are
 * compared without case. */
struct str deb_paragraph_get(const struct deb_paragraph *paragraph,
			     const char *name);

enum deb_type { DEB_FILE, DEB_DIR, DEB_SYMLINK, DEB_HARDLINK };

/* One entry of the data archive. */
struct deb_entry {
	struct str path;   /* clean (base/fs.h), without "./" in front */
	struct str target; /* of a link; a hard link's is clean as well */
	enum deb_type type;
	uint32_t mode;	     /* permission bits, with setuid, setgid, sticky */
	uint64_t size_bytes; /* of a file, else 0 */
};

enum {
	DEB_MAX_CONTROL = 4 << 20, /* bytes of control.tar, unpacked */
	DEB_MAX_ENTRIES = 1000000, /* of the data archive */
};
/* Bytes of the data archive, unpacked. */
#define DEB_MAX_DATA ((uint64_t)8 << 30)

struct deb;

/* Opens the package in fd, which stays the caller's and open while the deb is
 * used; name is for messages, copied. Reads the control paragraph. ERR_FLEET:
 * not a .deb, a member that does not fit, an unknown compression, no control
 * file, no Package, Version or Architecture. */
int deb_open(int fd, const char *name, struct deb **deb, struct error **err);

/* NULL is fine. */
void deb_free(struct deb *deb);
void deb_free_pointer(struct deb **deb);
#define auto_deb __attribute__((cleanup(deb_free_pointer)))

/* The control paragraph; borrowed from the deb. */
const struct deb_paragraph *deb_control(const struct deb *deb);

/* Decompresses the data archive into memory, before the first deb_next, which
 * then only copies: for a caller that does it on another core. Gives the bytes
 * that are held; 0 where they are more than max_bytes or damaged: deb_next then
 * reads the file, and says what is wrong. */
uint64_t deb_load(struct deb *deb, uint64_t max_bytes);

/* The next entry of the data archive; its strs hold until the next call. The
 * archive's root itself is left out. 1: there is one, 0: the end, -1: a path
 * that is absolute, has a ".." part or is not clean, a hard link out of the
 * package, a device, a pipe or a socket, or a damaged archive. */
int deb_next(struct deb *deb, struct deb_entry *entry, struct error **err);

/* Up to n bytes of the current file; *got is 0 at its end. */
int deb_read(struct deb *deb, void *bytes, size_t n, size_t *got,
	     struct error **err);
