#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "facts/store/internal.h"

static const char blob_folder[] = "blobs/sha256";
static const char download_folder[] = "files/sha256";

int store_begin(struct store *store, struct store_writer *writer,
		struct error **err)
{
	return store_temporary_file(store, &writer->fd, &writer->temporary,
				    err);
}

void store_abort(struct store_writer *writer)
{
	if (writer->temporary)
		unlink(writer->temporary);
	free(writer->temporary);
	fs_close_pointer(&writer->fd);
	*writer = (struct store_writer)STORE_WRITER_EMPTY;
}

/* Syncs fd and gives the file of that descriptor its final name. A file that
 * is there already stays, unless its size shows that it is damaged. */
static int publish(int fd, const char *temporary, const char *path,
		   struct error **err)
{
	struct stat made, old;

	if (fstat(fd, &made) < 0)
		return err_sys(err, "cannot look at '%s'", temporary);
	if (lstat(path, &old) == 0 && S_ISREG(old.st_mode) &&
	    old.st_size == made.st_size) {
		unlink(temporary);
		return 0;
	}
	if (fchmod(fd, STORE_FILE_MODE) < 0 || fsync(fd) < 0)
		return err_sys(err, "cannot sync '%s'", temporary);
	if (rename(temporary, path) < 0)
		return err_sys(err, "cannot rename '%s' to '%s'", temporary,
			       path);
	return 0;
}

int store_commit(struct store *store, struct store_writer *writer,
		 const struct digest *digest, struct error **err)
{
	auto_store_writer struct store_writer own = *writer;
	auto_free char *path = store_blob_path(store, digest);

	*writer = (struct store_writer)STORE_WRITER_EMPTY;
	if (publish(own.fd, own.temporary, path, err))
		return -1;
	atomic_store(&store->blobs_changed, true);
	return 0;
}

int store_sync_blobs(struct store *store, struct error **err)
{
	/* Cleared first: a blob that comes in between sets it again. */
	if (!atomic_exchange(&store->blobs_changed, false))
		return 0;
	auto_free char *inside =
		path_printf("%s/%s/.", store->path, blob_folder);

	if (fs_sync_folder_of(inside, err) == 0)
		return 0;
	atomic_store(&store->blobs_changed, true);
	return -1;
}

char *store_blob_path(struct store *store, const struct digest *digest)
{
	return store_hex_path(store, blob_folder, digest);
}

static bool is_file(const char *path, uint64_t *size_bytes)
{
	struct stat info;

	if (lstat(path, &info) < 0 || !S_ISREG(info.st_mode))
		return false;
	*size_bytes = (uint64_t)info.st_size;
	return true;
}

int store_blob_size(struct store *store, const struct digest *digest,
		    uint64_t *size_bytes)
{
	auto_free char *path = store_blob_path(store, digest);

	return is_file(path, size_bytes) ? 0 : -1;
}

bool store_has(struct store *store, const struct digest *digest)
{
	uint64_t size_bytes;

	return store_blob_size(store, digest, &size_bytes) == 0;
}

int store_read(struct store *store, const struct digest *digest,
	       size_t max_bytes, struct buf *out, struct error **err)
{
	auto_free char *path = store_blob_path(store, digest);
	auto_buf struct buf bytes = BUF_EMPTY;

	if (fs_read(path, max_bytes, &bytes, err))
		return -1;
	struct digest found = digest_of(buf_str(&bytes));

	if (!digest_eq(&found, digest)) {
		err_make(err, ERR_ENV, "'%s' is damaged: its bytes have %s now",
			 path, digest_text(&found).p);
		return err_hint(err, "slipway verify --remove takes damaged "
				     "blobs out; the next build makes them "
				     "again");
	}
	buf_append(out, buf_str(&bytes));
	return 0;
}

int store_put_bytes(struct store *store, struct str bytes,
		    struct digest *digest, struct error **err)
{
	struct digest own = digest_of(bytes);
	uint64_t size_bytes;

	if (digest)
		*digest = own;
	if (store_blob_size(store, &own, &size_bytes) == 0 &&
	    size_bytes == bytes.n)
		return 0;
	auto_store_writer struct store_writer writer = STORE_WRITER_EMPTY;

	if (store_begin(store, &writer, err) ||
	    fs_write_all(writer.fd, bytes, writer.temporary, err))
		return -1;
	return store_commit(store, &writer, &own, err);
}

char *store_download_path(struct store *store, const struct digest *digest)
{
	return store_hex_path(store, download_folder, digest);
}

void store_touch(const char *path)
{
	utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
}

bool store_download_has(struct store *store, const struct digest *digest)
{
	auto_free char *path = store_download_path(store, digest);
	uint64_t size_bytes;

	return is_file(path, &size_bytes) && (store_touch(path), true);
}

static char *final_path(struct store *store, const struct digest *digest,
			enum store_kind kind)
{
	return kind == STORE_BLOB ? store_blob_path(store, digest)
				  : store_download_path(store, digest);
}

/* Opens and locks the partial file: 1 where it was published or removed while
 * this caller waited, so that it has to look again. */
static int open_partial(const char *path, int *fd, uint64_t *size_bytes,
			struct error **err)
{
	auto_close int opened =
		fs_open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600, err);
	struct stat info, named;

	if (opened < 0 ||
	    store_flock(opened, LOCK_EX,
			"another download of the same file is running", err))
		return -1;
	if (fstat(opened, &info) < 0)
		return err_sys(err, "cannot look at '%s'", path);
	if (lstat(path, &named) < 0 || named.st_ino != info.st_ino)
		return 1;
	if (lseek(opened, 0, SEEK_END) < 0)
		return err_sys(err, "cannot seek in '%s'", path);
	*size_bytes = (uint64_t)info.st_size;
	*fd = fd_steal(opened);
	return 0;
}

int store_partial_begin(struct store *store, const struct digest *digest,
			enum store_kind kind, struct store_partial *partial,
			struct error **err)
{
	auto_free char *done = final_path(store, digest, kind);
	auto_free char *path = store_hex_path(store, "files/partial", digest);
	uint64_t size_bytes = 0;
	int fd = -1, result;

	do {
		uint64_t done_bytes;

		if (is_file(done, &done_bytes)) {
			store_touch(done);
			return 1;
		}
		result = open_partial(path, &fd, &size_bytes, err);
	} while (result > 0);
	if (result < 0)
		return -1;
	*partial = (struct store_partial){fd, mem_steal(path), *digest,
					  size_bytes};
	/* Published by another after the look above and before the lock. */
	if (is_file(done, &size_bytes)) {
		unlink(partial->path);
		store_partial_release(partial);
		return 1;
	}
	return 0;
}

int store_partial_empty(struct store_partial *partial, struct error **err)
{
	if (ftruncate(partial->fd, 0) < 0 ||
	    lseek(partial->fd, 0, SEEK_SET) < 0)
		return err_sys(err, "cannot empty '%s'", partial->path);
	partial->size_bytes = 0;
	return 0;
}

int store_partial_commit(struct store *store, struct store_partial *partial,
			 enum store_kind kind, struct error **err)
{
	auto_store_partial struct store_partial own = *partial;
	auto_free char *path = final_path(store, &own.digest, kind);

	*partial = (struct store_partial)STORE_PARTIAL_EMPTY;
	if (publish(own.fd, own.path, path, err))
		return -1;
	if (kind == STORE_BLOB)
		atomic_store(&store->blobs_changed, true);
	return 0;
}

void store_partial_drop(struct store_partial *partial)
{
	if (partial->path)
		unlink(partial->path);
	store_partial_release(partial);
}

void store_partial_release(struct store_partial *partial)
{
	/* An empty one is nothing to resume. */
	struct stat info;

	if (partial->path && fstat(partial->fd, &info) == 0 &&
	    info.st_size == 0 && info.st_nlink)
		unlink(partial->path);
	free(partial->path);
	fs_close_pointer(&partial->fd);
	*partial = (struct store_partial)STORE_PARTIAL_EMPTY;
}
