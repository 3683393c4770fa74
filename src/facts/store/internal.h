/* store/internal: what the files of the store share. */
#pragma once

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "facts/store.h"

enum {
	STORE_VERSION = 1,	      /* of the database: PRAGMA user_version */
	STORE_MANIFEST_MAX = 4 << 20, /* distribution spec: at most 4 MB */
	STORE_INDEX_MAX = 64 << 20,
	STORE_FILE_MODE = 0644,
};

struct store {
	char *path;
	int lock_fd;		   /* slipway.lock, shared while open */
	int door_fd;		   /* gc.lock, while alone; else -1 */
	atomic_uint next_name;	   /* of temporaries */
	atomic_bool blobs_changed; /* a folder entry is not synced yet */
	pthread_mutex_t database_lock;
	sqlite3 *database;
	sqlite3_stmt *action_get, *action_put;
};

/* "STORE/folder/HEX"; heap. */
char *store_hex_path(const struct store *store, const char *folder,
		     const struct digest *digest);

/* A new file or folder under tmp/, flocked through the descriptor. */
int store_temporary_file(struct store *store, int *fd, char **path,
			 struct error **err);
int store_temporary_folder(struct store *store, int *fd, char **path,
			   struct error **err);

/* Removes what dead processes left under tmp/. */
int store_clean_temporary(struct store *store, struct error **err);

/* Makes the entries of blobs/sha256 durable, if some are not yet. */
int store_sync_blobs(struct store *store, struct error **err);

/* Replaces a file of the store through tmp/; with durably, also across a power
 * cut, which else may leave it empty. */
int store_place(struct store *store, const char *path, struct str bytes,
		bool durably, struct error **err);

/* flock(2) that is interrupted by Ctrl-C and says, once, what it waits for. */
int store_flock(int fd, int operation, const char *waits_for,
		struct error **err);

/* The lock for the index, the database's making and the trees' names: one
 * holder among all threads and processes. -1 on error; close to unlock. */
int store_lock_index(struct store *store, struct error **err);

/* Opens and, where needed, makes the database. */
int store_database_open(struct store *store, struct error **err);
void store_database_close(struct store *store);

/* Refuses a database of a newer version by its header alone: SQLite would
 * already make files beside it. */
int store_database_check_version(const char *store_path, struct error **err);

/* "ok", or what SQLite says about the database. */
int store_database_check(struct store *store, struct buf *answer,
			 struct error **err);

/* Marks a download or tree as used now, for store_gc: by its time of change,
 * since that of access is kept by few file systems and moved by backups. */
void store_touch(const char *path);

/* Removes the cached results that stale picks, those above max_bytes excepted,
 * or with dry_run counts them. */
typedef bool store_stale(const void *context, struct str value);
int store_actions_remove(struct store *store, store_stale *function,
			 const void *context, uint64_t max_bytes, bool dry_run,
			 uint64_t *count, struct error **err);

int store_tree_record(struct store *store, const struct digest *key,
		      const struct digest *digest, struct error **err);
bool store_tree_recorded(struct store *store, const struct digest *key,
			 struct digest *digest);
void store_tree_forget(struct store *store, const struct digest *key);

/* The digest of a folder's content: names, kinds, modes, links and bytes, but
 * no times and owners. Adds the bytes read to *bytes. */
int store_tree_digest(const char *folder, struct digest *digest,
		      uint64_t *bytes, struct error **err);

/* The digest of a file's bytes, which are added to *bytes. */
int store_hash_file(int fd, const char *name, struct digest *digest,
		    uint64_t *bytes, struct error **err);

/* 0 where all blobs that an image needs are there with their sizes. needed,
 * if not NULL, gets the hex digits of each. */
struct map;
int store_image_check(struct store *store, const struct store_image *image,
		      struct map *needed, struct error **err);

/* The bytes of files below a folder; count is of its own entries. */
uint64_t store_folder_bytes(const char *path, uint64_t *entries);

/* A file with n names is met n times: its bytes count once, to within
 * rounding. */
struct stat;
uint64_t store_file_bytes(const struct stat *info);

/* Takes every entry of that digest off the index. */
int store_index_drop(struct store *store, const struct digest *digest,
		     struct error **err);

/* The text of an index without images. */
extern const char store_empty_index[];
