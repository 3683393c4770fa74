/* store: what slipway has made and fetched, on disk, shared by all fleets.
 *
 * Knows: blobs, the image index, small cached results, downloads, unpacked
 * trees, temporary files, locks. Does not know: what is in a blob (but for the
 * manifests that it checks before it lists an image), where downloads come
 * from, or what a key stands for.
 *
 *   oci-layout, index.json, blobs/sha256/HEX     an OCI image layout
 *   slipway.db                                   SQLite: cached results; its
 *                                                -wal may stay beside it
 *   slipway.lock, index.lock, gc.lock            flock(2) only, empty
 *   files/sha256/HEX, files/partial/HEX          downloads, and begun ones
 *   trees/HEX/                                   unpacked, by key
 *   memos/HEX                                    cached results of megabytes
 *   tmp/                                         flocked while in use
 *
 * Source: OCI image-spec v1.1, image-layout.md, image-index.md, descriptor.md.
 *
 * A blob, download or tree has its final name only when it is complete: it is
 * written under tmp/ (or partial/), synced, renamed. Folder entries are synced
 * in batches: before any record that names a blob, not after every blob. So a
 * crash or a power cut at any point leaves a usable store; what was under tmp/
 * is removed by the next process that opens it. A new store's oci-layout and
 * index.json are not synced: empty ones are as good as none and are made anew.
 * index.json lists only images whose blobs are all present. Any number of
 * processes may use a store at once; all functions but store_open and
 * store_close may be called from any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/str.h"

struct error;
struct store;

/* Largest values of store_action_put and store_memo_put. */
enum { STORE_ACTION_MAX_BYTES = 16 << 20, STORE_MEMO_MAX_BYTES = 512 << 20 };

/* Where the store is without --store: SLIPWAY_STORE, else slipway below
 * XDG_DATA_HOME, else ~/.local/share/slipway. Heap, the caller frees. NULL
 * (ERR_ENV) where none of the three variables is set. */
char *store_default_path(struct error **err);

/* Opens the store at path (NULL: the default path) and makes what is missing.
 * A folder that holds something else is refused (ERR_USAGE), and so is a store
 * of a newer version (ERR_ENV), both before anything in it is touched. Removes
 * what dead processes left under tmp/. Waits, with a line that says so, while
 * another process holds it alone (store_lock_alone). */
int store_open(const char *path, struct store **store, struct error **err);

/* Writes nothing that was not committed before. NULL is fine. */
void store_close(struct store *store);

/* Absolute; borrowed. */
const char *store_path(const struct store *store);

/* Waits until no other process uses the store, and keeps others out until
 * store_unlock_alone: for removing what others may be about to use. Those that
 * open the store meanwhile wait until this one has had its turn, so that
 * builds without a pause between them do not hold it off; a process that is
 * to run for days must therefore not keep the store open. */
int store_lock_alone(struct store *store, struct error **err);
void store_unlock_alone(struct store *store);

/* -- blobs: parts of images -- */

/* A blob that is being written through fd. The temporary path is owned here. */
struct store_writer {
	int fd;
	char *temporary;
};
#define STORE_WRITER_EMPTY                                                     \
	{                                                                      \
		-1, NULL                                                       \
	}

int store_begin(struct store *store, struct store_writer *writer,
		struct error **err);

/* Makes what was written the blob of this digest, which the caller computed
 * from the same bytes. Ends the writer, also on failure. */
int store_commit(struct store *store, struct store_writer *writer,
		 const struct digest *digest, struct error **err);

/* Drops what was written; fine on an ended or empty writer. */
void store_abort(struct store_writer *writer);
#define auto_store_writer __attribute__((cleanup(store_abort)))

bool store_has(struct store *store, const struct digest *digest);

/* Its size, or -1 (without an error) where the blob is absent. */
int store_blob_size(struct store *store, const struct digest *digest,
		    uint64_t *size_bytes);

/* Where the blob is or would be. Heap, the caller frees. */
char *store_blob_path(struct store *store, const struct digest *digest);

/* A small blob's bytes, appended to out and checked against the digest. An
 * absent, larger or damaged blob is an error (ERR_ENV). */
int store_read(struct store *store, const struct digest *digest,
	       size_t max_bytes, struct buf *out, struct error **err);

/* A blob of these bytes. digest may be NULL. */
int store_put_bytes(struct store *store, struct str bytes,
		    struct digest *digest, struct error **err);

/* -- cached results: key to small value, independent of any blob -- */

/* True and the value appended, where the key is known. A database that cannot
 * be read counts as "not known": it is a cache. */
bool store_action_get(struct store *store, const struct digest *key,
		      struct buf *value);

/* Remembers value (any bytes, often JSON) until the store is cleaned; replaces
 * an older one. Blobs committed before are durable before it is. */
int store_action_put(struct store *store, const struct digest *key,
		     struct str value, struct error **err);

/* -- memos: cached results of megabytes, each read and replaced as a whole --
 */

/* True and the value appended, where there is one. It is not synced: after a
 * power cut it may be anything, so whoever reads it checks it. */
bool store_memo_get(struct store *store, const struct digest *key,
		    struct buf *out);

/* Marks it as used, for store_gc. */
void store_memo_touch(struct store *store, const struct digest *key);

/* Replaces the memo of key; who reads it meanwhile has the old or the new. */
int store_memo_put(struct store *store, const struct digest *key,
		   struct str value, struct error **err);

/* -- downloads: wheels, .debs, and what else is not part of an image -- */

/* Where the download is or would be. Heap, the caller frees. */
char *store_download_path(struct store *store, const struct digest *digest);
bool store_download_has(struct store *store, const struct digest *digest);

/* A download that is being written, at its end, through fd. */
struct store_partial {
	int fd;
	char *path;
	struct digest digest;
	uint64_t size_bytes; /* what an earlier attempt left */
};
#define STORE_PARTIAL_EMPTY                                                    \
	{                                                                      \
		-1, NULL, {{0}}, 0                                             \
	}

enum store_kind { STORE_DOWNLOAD, STORE_BLOB };

/* Opens the partial file of a digest for this caller alone; waits while
 * another thread or process has it (interrupted by Ctrl-C). 1 where the
 * finished file of that kind is there, with no partial opened; 0 with a
 * partial; -1 on error. */
int store_partial_begin(struct store *store, const struct digest *digest,
			enum store_kind kind, struct store_partial *partial,
			struct error **err);

/* Drops the bytes that are there: it begins anew. */
int store_partial_empty(struct store_partial *partial, struct error **err);

/* Publishes it; the caller has checked that its bytes have the digest. Ends
 * the partial, also on failure. */
int store_partial_commit(struct store *store, struct store_partial *partial,
			 enum store_kind kind, struct error **err);

/* Removes it: its bytes have done their work. Fine on an ended or empty one. */
void store_partial_drop(struct store_partial *partial);

/* Ends it and keeps what is there, to be resumed later. */
void store_partial_release(struct store_partial *partial);
#define auto_store_partial __attribute__((cleanup(store_partial_release)))

/* -- trees: unpacked bases -- */

struct store_tree {
	char *folder; /* to fill; owned here */
	int lock_fd;
};
#define STORE_TREE_EMPTY                                                       \
	{                                                                      \
		NULL, -1                                                       \
	}

/* A new empty folder in the store. */
int store_tree_begin(struct store *store, struct store_tree *tree,
		     struct error **err);

/* Makes the folder the tree of key; where another process was faster, its tree
 * stays. Ends the tree, also on failure. */
int store_tree_commit(struct store *store, struct store_tree *tree,
		      const struct digest *key, struct error **err);

/* Removes the folder; fine on an ended or empty tree. Also for a folder that
 * was only needed for a while. */
void store_tree_abort(struct store_tree *tree);
#define auto_store_tree __attribute__((cleanup(store_tree_abort)))

/* The folder of key's tree (heap, the caller frees), or NULL. */
char *store_tree_path(struct store *store, const struct digest *key);

/* -- images: the entries of index.json -- */

struct store_annotation {
	struct str key, value;
};

/* A manifest or index, described. All borrowed. */
struct store_image {
	struct str reference;  /* org.opencontainers.image.ref.name */
	struct str media_type; /* empty: an OCI image manifest */
	struct digest digest;
	uint64_t size_bytes;
	struct str os, architecture, variant; /* empty: left out */
	const struct store_annotation *annotations;
	size_t annotation_count;
};

/* Lists these images under their references, in place of what had the same
 * reference before; other entries stay. An image with an absent blob is an
 * error (ERR_ENV) and leaves the index as it was. One durable write for all;
 * none where nothing changes. */
int store_images_put(struct store *store, const struct store_image *images,
		     size_t count, struct error **err);

/* Takes references off the index; unknown ones are fine. Blobs stay. */
int store_images_remove(struct store *store, const struct str *references,
			size_t count, struct error **err);

struct store_image_list {
	struct store_image *p;
	size_t n, capacity;
	struct arena arena; /* what the images borrow */
};
#define STORE_IMAGE_LIST_EMPTY                                                 \
	{                                                                      \
		NULL, 0, 0, ARENA_EMPTY                                        \
	}
void store_image_list_release(struct store_image_list *list);
#define auto_store_image_list __attribute__((cleanup(store_image_list_release)))

/* All images of the index, by reference, then digest. */
int store_images(struct store *store, struct store_image_list *list,
		 struct error **err);

/* -- upkeep -- */

/* One thing that is wrong. */
struct store_problem {
	char *path; /* relative to the store */
	char *what; /* "its bytes have sha256:... now" */
	bool removed;
};

struct store_report {
	uint64_t blobs, downloads, trees, images; /* looked at */
	uint64_t bytes;				  /* rehashed */
	struct {
		struct store_problem *p;
		size_t n, capacity;
	} problems; /* by path */
};
#define STORE_REPORT_EMPTY                                                     \
	{                                                                      \
		0, 0, 0, 0, 0,                                                 \
		{                                                              \
			NULL, 0, 0                                             \
		}                                                              \
	}
void store_report_release(struct store_report *report);
#define auto_store_report __attribute__((cleanup(store_report_release)))

/* Rehashes every blob, download and tree, checks that the images of the index
 * are whole and that the database is sound. With remove, takes what is broken
 * out of the store, and images that need it off the index, so that the next
 * build makes them anew. 0 also where there are problems; -1 where it could
 * not look. jobs threads (0: one per core). */
int store_verify(struct store *store, bool remove, unsigned jobs,
		 struct store_report *report, struct error **err);

struct store_amount {
	uint64_t count, bytes;
};

struct store_usage {
	struct store_amount blobs;	 /* all */
	struct store_amount image_blobs; /* of these: what the index needs */
	struct store_amount downloads, partial, trees, temporary;
	struct store_amount database; /* with its log, and memos */
};

/* How much each kind takes, by file size (a file with several names once). */
int store_du(struct store *store, struct store_usage *usage,
	     struct error **err);

/* All kinds together. */
uint64_t store_usage_bytes(const struct store_usage *usage);

struct store_gc_options {
	/* What no listed image needs (blobs, begun downloads) is removed
	 * where it is at least this old. Where it is given, downloads and
	 * trees are too, by their last use; memos are after 30 days
	 * without it. */
	uint64_t older_than_s;
	/* Then the least recently used of what may go at all is removed until
	 * the store takes no more. 0: no bound. */
	uint64_t max_bytes;
	bool all;	 /* all that no listed image needs, whatever its use */
	bool keep_files; /* neither downloads nor trees */
	bool dry_run;	 /* only report; others may go on meanwhile */
	/* Whether a cached result names a blob, and which; such a result goes
	 * with its blob. The store knows no form of results. */
	bool (*output)(struct str value, struct digest *blob);
};

struct store_gc_report {
	struct store_amount blobs, downloads, partial, trees; /* removed */
	uint64_t results;		    /* with memos; removed */
	uint64_t images;		    /* listed; they stay */
	uint64_t kept_bytes;		    /* of blobs that they need */
	uint64_t bytes_before, bytes_after; /* of all files; see store_du */
};

/* Removes what no listed image needs, by the options. Alone: waits for running
 * builds, and what begins meanwhile waits for it. An image that is not whole is
 * an error (ERR_ENV), with nothing removed. A crash at any point leaves a
 * usable store. */
int store_gc(struct store *store, const struct store_gc_options *options,
	     struct store_gc_report *report, struct error **err);
