/* wheel: what pip would install from a wheel, added to a layer by splicing.
 *
 * Knows: the wheel's own files (WHEEL, METADATA, RECORD, entry_points.txt),
 * where each member is installed, which files are generated. Does not know:
 * the store, the network, how bytecode is made, what else is in the image.
 *
 * Source: packaging.python.org specifications "Binary distribution format",
 * "Recording installed packages", "Entry points"; pip's tree in a venv is the
 * oracle (tests/e2e/test_wheel_layer.py).
 *
 * Differs from pip on purpose: INSTALLER says slipway; there is no REQUESTED
 * and no direct_url.json; shebangs are "#!ROOT/bin/python"; a __pycache__ in
 * the wheel is left out; RECORD is checked, though not every hash of it
 * (below); it comes last in the layer, since it lists the bytecode too.
 *
 * Order in the layer: members and generated files bytewise by installed path,
 * each source followed by its bytecode, then RECORD.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/str.h"
#include "codec/zip.h"
#include "parts/pyc.h"
#include "parts/recipe.h"

struct error;
struct buf;
struct layer;
struct wheel;

enum {
	WHEEL_SOURCE_MAX = 32 << 20,
	/* A larger member is a library or data, and few members hold nearly all
	 * bytes. The lock's SHA-256 of the wheel binds its bytes as it binds
	 * RECORD, and size and CRC-32 are checked: RECORD's hash of it could
	 * only find a mistake of those who made the wheel, for a fourth SHA-256
	 * over all that is installed. */
	WHEEL_ALWAYS_HASHED_BYTES = 1 << 20,
};

struct wheel_options {
	const char *path; /* the file */
	/* NAME-VERSION(-BUILD)?-PYTHON-ABI-PLATFORM.whl; NULL: path's last
	 * part */
	const char *file_name;
	/* From the lock; the whole file is read and hashed. NULL where this
	 * process has hashed the same file itself. */
	const struct digest *sha256;
	const char *root; /* "/opt/venv"; at most 100 bytes, no space */
	unsigned python_major, python_minor;
	/* The reason that the manifest gives (policy.exceptions, id
	 * "wheel-record") why this wheel's RECORD may disagree with its
	 * members, or NULL: then a disagreement is an error. */
	const char *record_exception;
	/* Where the file stays on the disk and is not read again soon: what was
	 * read of it leaves the page cache. */
	bool drops_read;
};

/* A file that the wheel puts into the image. RECORD is not among them: it also
 * lists bytecode, so it is known last. */
struct wheel_file {
	struct str path; /* in the image, without the first '/' */
	uint32_t mode;	 /* 0644 or 0755 */
	uint64_t size_bytes;
	struct digest digest;		 /* SHA-256 of its bytes */
	const struct zip_member *member; /* NULL: generated, see bytes */
	struct str bytes;
	bool is_python; /* a .py that pip would compile */
};

/* Opens and checks a wheel; all that can be known without reading the large
 * members is checked here. ERR_FLEET where the wheel is not what it should be
 * (the message names the wheel), ERR_ENV where it cannot be read. */
int wheel_open(const struct wheel_options *options, struct wheel **wheel,
	       struct error **err);
void wheel_free(struct wheel *wheel);
void wheel_free_pointer(struct wheel **wheel);
#define auto_wheel __attribute__((cleanup(wheel_free_pointer)))

/* Closes the file and frees what reads it. What the wheel has been found to
 * hold stays: all but wheel_add_to_layer() may be called. */
void wheel_close(struct wheel *wheel);

/* Borrowed from the wheel. name and version are as METADATA spells them. */
struct str wheel_name(const struct wheel *wheel);
struct str wheel_version(const struct wheel *wheel);
struct str wheel_metadata(const struct wheel *wheel); /* text of METADATA */
struct str wheel_file_name(const struct wheel *wheel);
const struct wheel_file *wheel_files(const struct wheel *wheel, size_t *count);

/* Which distribution put which bytes where: the paths of one image, or of one
 * layer. */
struct wheel_paths {
	struct map files;   /* path to struct wheel_owner */
	struct map folders; /* the same, for each folder above a file */
	struct arena arena;
};

struct wheel_owner {
	struct digest digest;
	uint32_t mode, crc32;
	struct str distribution; /* "torch 2.4.1" */
};

#define WHEEL_PATHS_EMPTY                                                      \
	{                                                                      \
		MAP_EMPTY, MAP_EMPTY, ARENA_EMPTY                              \
	}
void wheel_paths_release(struct wheel_paths *paths);
#define auto_wheel_paths __attribute__((cleanup(wheel_paths_release)))

/* Adds the wheel's paths, which needs nothing but the open wheel. A path that
 * is there with the same bytes (hash and CRC-32) and mode is fine; with others,
 * or where one has a folder and the other a file, it is ERR_FLEET, naming both
 * distributions, and paths is as it was. */
int wheel_claim(const struct wheel *wheel, struct wheel_paths *paths,
		struct error **err);

struct wheel_add_options {
	struct wheel_paths *paths; /* what is there already; NULL: nothing */
	pyc_function *compile;	   /* NULL: no bytecode */
	void *compile_context;
	/* Called with raw bytes written, for progress; NULL: not. */
	void (*progress)(void *context, uint64_t bytes);
	void *progress_context;
	/* Compare RECORD's hash of members above WHEEL_ALWAYS_HASHED_BYTES
	 * too. */
	bool strict;
};

/* Adds the wheel's files to a layer, except those that paths holds already
 * with the same bytes, and claims its paths. Give the paths of one layer where
 * the layer's bytes must not depend on those below. On the way every member's
 * size and CRC-32 are checked, and RECORD's hash of those up to
 * WHEEL_ALWAYS_HASHED_BYTES, of all sources, and with strict of all: after an
 * error the layer must not be published. Memory does not grow with the wheel; a
 * .py is held whole while it compiles, and is not compiled above
 * WHEEL_SOURCE_MAX bytes. */
int wheel_add_to_layer(struct wheel *wheel, struct layer *layer,
		       const struct wheel_add_options *options,
		       struct error **err);

/* What of the wheel's file lies in the blob of the last layer that it was added
 * to, which has to be finished. Borrowed. */
const struct recipe_spans *wheel_spans(const struct wheel *wheel);

/* For keys: changes whenever the files or bytes made from a wheel do. */
const char *wheel_installer_version(void);
