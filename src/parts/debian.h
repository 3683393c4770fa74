/* debian: a base image made of Debian packages, without root, a daemon, or a
 * maintainer script.
 *
 * Knows: apt's configuration of this host, signed archives, resolution, what
 * maintainer scripts would have done that matters (data/debian/), the unpacked
 * tree in the store, the layers that are made of it. Does not know: the
 * manifest, the lock file's text, how Python is compiled (the caller's
 * function does it).
 *
 * Source: design sections 5 and 6; deb822(5), sources.list(5) and the archive's
 * own description, "DebianRepository/Format" of the Debian wiki.
 *
 * At lock time:   debian_archive_open, debian_resolve_base, ..._system
 * At build time:  debian_tree_open, debian_tree_add_to_layer
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"
#include "facts/lockfile.h"
#include "parts/pyc.h"

struct error;
struct fetch;
struct layer;
struct store;

/* Where packages come from. A host with apt needs none of the strings. */
struct debian_source {
	struct fetch *fetch;
	struct store *store;
	const char *mirror;    /* the manifest's, or NULL: the host's apt */
	const char *snapshot;  /* an archive that keeps old versions: tried
				* last, by build only; or NULL */
	const char *keyring;   /* to judge InRelease; NULL: the one that apt's
				* configuration names, else the host's, else
				* that of data/debian/keyring.txt */
	const char *host_root; /* whose etc/apt is read; NULL: "/" */
	int64_t now_s;	       /* to judge dates; 0: the clock */
	unsigned jobs;	       /* threads that unpack; 0: one per core */
};

/* The verified package lists of one suite, its updates and its security
 * fixes, for one architecture. */
struct debian_archive;

/* platform is OCI's: "linux/amd64" or "linux/arm64". ERR_ENV: no mirror known,
 * not reachable, gpgv missing; unsigned, signed by a key that is not in the
 * keyring, expired, from the future, of another suite, a list whose hash is
 * not the signed one. */
int debian_archive_open(const struct debian_source *source, struct str suite,
			struct str platform, struct debian_archive **archive,
			struct error **err);
void debian_archive_free(struct debian_archive *archive);
void debian_archive_free_pointer(struct debian_archive **archive);
#define auto_debian_archive                                                    \
	__attribute__((cleanup(debian_archive_free_pointer)))

/* The suites that were read: "bookworm", "bookworm-security", ... */
struct lock_strs debian_archive_suites(const struct debian_archive *archive);

/* Which mirror serves a suite: fetches and judges its signed list, as
 * debian_archive_open does first; where fetch is offline, the one that would be
 * asked first. In the arena. */
int debian_probe(const struct debian_source *source, struct str suite,
		 struct arena *arena, struct str *mirror, struct error **err);

/* What data/debian/roots.txt and the packages asked for need, less what
 * data/debian/left-out.txt names and what only that needs. Sorted by name; all
 * is in the arena. python is "3.11" or empty; ERR_FLEET where the suite has
 * another, where there is no such package or it cannot be installed. */
int debian_resolve_base(struct debian_archive *archive, struct str python,
			struct lock_strs packages, struct arena *arena,
			struct lock_debs *debs, struct error **err);

/* What the named packages need besides those of the base, as above. The base's
 * versions are taken as they are, also where the archive has newer ones. */
int debian_resolve_system(struct debian_archive *archive,
			  const struct lock_debs *base,
			  struct lock_strs packages, struct arena *arena,
			  struct lock_debs *debs, struct error **err);

/* Exact versions that the rest of the lock needs: python "3.11.2", glibc
 * "2.36"; empty where the base has none. In the arena. */
void debian_versions(const struct lock_debs *debs, struct arena *arena,
		     struct str *python, struct str *glibc);

/* The layers of a base, in the order in which they are stacked. Two, because
 * fixes of the libraries and of Python come on different days and leave the
 * other's bytes as they are, and because both can be made at once. A tree of
 * system packages has one layer, DEBIAN_SYSTEM. */
enum debian_part {
	DEBIAN_SYSTEM, /* libraries, certificates, time zones, users */
	DEBIAN_PYTHON, /* the interpreter, /opt/venv, /etc/ld.so.cache */
};

enum debian_type { DEBIAN_FILE, DEBIAN_DIR, DEBIAN_SYMLINK, DEBIAN_HARDLINK };

/* One path of the image; sorted by path in a tree. */
struct debian_file {
	struct str path;   /* clean, relative to the root */
	struct str target; /* of a link; a hard link's is a path */
	enum debian_type type;
	enum debian_part part;
	uint32_t mode, uid, gid;
	uint64_t size_bytes; /* of a file */
	bool below; /* unchanged in the tree below: not in these layers */
};

/* Packages unpacked in the store: a base, or system packages above one. */
struct debian_tree;

/* Gives the tree of these packages, from the store where it is there, else
 * made: downloads what is missing by SHA-256, unpacks, applies data/debian.
 * below is the base's tree for system packages (it must outlive this one),
 * NULL for a base. ERR_ENV with what to do where no mirror has a version any
 * more; ERR_FLEET for a hostile or damaged package, or where two packages hold
 * one path. */
int debian_tree_open(const struct debian_source *source,
		     const struct lock_debs *debs, struct str platform,
		     const struct debian_tree *below, struct debian_tree **tree,
		     struct error **err);
void debian_tree_free(struct debian_tree *tree);
void debian_tree_free_pointer(struct debian_tree **tree);
#define auto_debian_tree __attribute__((cleanup(debian_tree_free_pointer)))

/* The folder that holds the tree's own files as they are in the image, modes
 * included, owned by whoever made it; without bytecode. */
const char *debian_tree_root(const struct debian_tree *tree);

/* Every path of the tree and of the one below, sorted bytewise. */
const struct debian_file *debian_tree_files(const struct debian_tree *tree,
					    size_t *count);

/* A path's attributes, or NULL; symbolic links are not followed. */
const struct debian_file *debian_tree_find(const struct debian_tree *tree,
					   struct str path);

/* "3.11", or empty where the tree holds no Python. */
struct str debian_tree_python(const struct debian_tree *tree);

/* Paths of the standard library's sources, sorted, for a caller that compiles
 * on many threads first. The list is in the arena, the paths are the tree's. */
struct lock_strs debian_tree_sources(const struct debian_tree *tree,
				     struct arena *arena);

/* Adds one part to a layer. The same packages always give the same entries in
 * the same order. pyc NULL: without bytecode. */
int debian_tree_add_to_layer(const struct debian_tree *tree,
			     enum debian_part part, struct layer *layer,
			     pyc_function *pyc, void *context,
			     struct error **err);

/* The key of that layer for the store's action cache: hashes of the packages,
 * of data/debian/ and of this module's version. Not the layer's compression
 * and not the bytecode's version: the caller adds those. */
struct digest debian_layer_key(const struct lock_debs *debs,
			       const struct lock_debs *below,
			       struct str platform, enum debian_part part);
