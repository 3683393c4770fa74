/* fs: files, written so that a crash leaves the old one or the new one.
 *
 * Knows: durable writes, containment, sorted listings. Does not know: what is
 * in the files.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/str.h"

struct error;

/* Cleanup attribute for file descriptors; -1 is fine. It becomes -1, so that a
 * second call does not close what another thread has opened meanwhile. */
void fs_close_pointer(int *fd);
#define auto_close __attribute__((cleanup(fs_close_pointer)))

/* Takes a descriptor out of an automatic variable, which becomes -1. */
#define fd_steal(variable)                                                     \
	({                                                                     \
		int fd_stolen_ = (variable);                                   \
		(variable) = -1;                                               \
		fd_stolen_;                                                    \
	})

/* A sorted list of names or paths, each a heap C string. */
struct fs_names {
	char **p;
	size_t n, capacity;
};
void fs_names_release(struct fs_names *names);
#define auto_names __attribute__((cleanup(fs_names_release)))

/* "a/b" from "a" and "b"; heap, the caller frees. An absolute or empty second
 * part is an error of the programmer. */
char *path_join(const char *folder, const char *name);
char *path_printf(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* True where a relative path has no empty, "." or ".." part, no NUL, no
 * backslash or control character, and is valid UTF-8 below 4096 bytes: safe to
 * put into a layer. */
bool path_is_clean(struct str path);

/* True where something is there, be it a dangling link. */
bool fs_exists(const char *path);

/* Makes a folder and those above it; one that is there is fine. */
int fs_make_dirs(const char *path, mode_t mode, struct error **err);

/* Removes a file or a folder with all in it; what is not there is fine. Never
 * follows symbolic links, and bounds descriptors and stack at any depth. */
int fs_remove_tree(const char *path, struct error **err);

/* Names in a folder, bytewise sorted, without "." and "..". */
int fs_list(const char *folder, struct fs_names *names, struct error **err);

/* The same of a folder that is open; name is for messages. */
int fs_list_fd(int dir_fd, const char *name, struct fs_names *names,
	       struct error **err);

/* Whole regular file into out (appended); fs_read_fd takes pipes too. More than
 * max_bytes is an error. */
int fs_read(const char *path, size_t max_bytes, struct buf *out,
	    struct error **err);
int fs_read_fd(int fd, const char *name, size_t max_bytes, struct buf *out,
	       struct error **err);

/* All of bytes, also after short writes and EINTR. Where the disk is full the
 * message names the file's path and file system. */
int fs_write_all(int fd, struct str bytes, const char *name,
		 struct error **err);

/* How far the disk was told of a file that is being written. */
struct fs_behind {
	uint64_t begun_bytes, dropped_bytes;
};

/* To be called after each write to a large file, with its size so far. The disk
 * begins to write at every 16 MiB, so that the sync at the end finds little to
 * do. drop: what it has written leaves the page cache, for a file that is not
 * read soon: what the machine's services have cached stays, and no more than 32
 * MiB of the file are in memory. These are hints: nothing fails. */
void fs_write_behind(struct fs_behind *behind, int fd, uint64_t size_bytes,
		     bool drop);

/* The bytes at offset are not read again soon: drops them from the page cache.
 * Those that are not on the disk yet stay, and the disk begins to write them.
 */
void fs_drop_read(int fd, uint64_t offset, size_t n);

/* Exactly n bytes at offset; fewer is an error. */
int fs_pread_all(int fd, void *p, size_t n, uint64_t offset, const char *name,
		 struct error **err);

/* Replaces path durably: O_EXCL temporary beside it, fsync, rename, fsync of
 * the folder. On failure the old file is as it was. */
int fs_write_file(const char *path, struct str bytes, mode_t mode,
		  struct error **err);

/* The second half of the above for a temporary file that was written through
 * fd: fsync, rename to path, fsync of the folder. */
int fs_publish(int fd, const char *temporary, const char *path,
	       struct error **err);
int fs_sync_folder_of(const char *path, struct error **err);

/* Opens a path below the folder dir_fd; no part may leave it ("..", absolute,
 * symbolic link out of it). flags as in open(2). -1 with errno set. */
int fs_open_beneath(int dir_fd, const char *path, int flags, mode_t mode);

/* Opens with a message. Close-on-exec is added to flags. */
int fs_open(const char *path, int flags, mode_t mode, struct error **err);
