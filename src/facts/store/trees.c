#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/pool.h"
#include "facts/store/internal.h"

enum { READ_BYTES = 1 << 20, MAX_DEPTH = 256 };

int store_hash_file(int fd, const char *name, struct digest *digest,
		    uint64_t *bytes, struct error **err)
{
	auto_free char *buffer = mem_alloc(READ_BYTES);
	auto_sha256 struct sha256 sha;

	sha256_init(&sha);
	for (;;) {
		ssize_t n = read(fd, buffer, READ_BYTES);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "cannot read '%s'", name);
		if (n == 0)
			break;
		sha256_update(&sha, str_of(buffer, (size_t)n));
		*bytes += (uint64_t)n;
		if (pool_check_cancelled(err))
			return -1;
	}
	sha256_final(&sha, digest);
	return 0;
}

struct walk {
	struct sha256 sha;
	uint64_t *bytes;
};

static int hash_folder(struct walk *walk, int dir_fd, const char *path,
		       unsigned depth, struct error **err);

static int hash_content(struct walk *walk, int parent, const char *name,
			const char *path, struct error **err)
{
	auto_close int fd =
		openat(parent, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct digest digest;

	if (fd < 0)
		return err_sys(err, "cannot open '%s'", path);
	if (store_hash_file(fd, path, &digest, walk->bytes, err))
		return -1;
	sha256_update(&walk->sha, digest_bytes(&digest));
	return 0;
}

static int hash_link(struct walk *walk, int parent, const char *name,
		     const char *path, struct error **err)
{
	char target[4097];
	ssize_t n = readlinkat(parent, name, target, sizeof target);

	if (n < 0 || (size_t)n == sizeof target)
		return err_sys(err, "cannot read the link '%s'", path);
	sha256_update(&walk->sha, str_of(target, (size_t)n));
	return 0;
}

static int hash_entry(struct walk *walk, int parent, const char *name,
		      const char *path, unsigned depth, struct error **err)
{
	auto_buf struct buf head = BUF_EMPTY;
	struct stat info;

	if (fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "cannot look at '%s'", path);
	key_add(&head, str_from(name));
	buf_printf(&head, "%o %lld\n", (unsigned)info.st_mode,
		   S_ISREG(info.st_mode) || S_ISLNK(info.st_mode)
			   ? (long long)info.st_size
			   : 0LL);
	sha256_update(&walk->sha, buf_str(&head));
	if (S_ISREG(info.st_mode))
		return hash_content(walk, parent, name, path, err);
	if (S_ISLNK(info.st_mode))
		return hash_link(walk, parent, name, path, err);
	if (!S_ISDIR(info.st_mode))
		return 0;
	auto_close int fd = openat(
		parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, "cannot open '%s'", path);
	return hash_folder(walk, fd, path, depth + 1, err);
}

static int hash_folder(struct walk *walk, int dir_fd, const char *path,
		       unsigned depth, struct error **err)
{
	auto_names struct fs_names names = ARRAY_EMPTY;

	if (depth > MAX_DEPTH)
		return err_make(err, ERR_ENV,
				"'%s' lies more than %d folders deep", path,
				MAX_DEPTH);
	if (fs_list(path, &names, err))
		return -1;
	array_each (char *, name, &names) {
		auto_free char *child = path_join(path, *name);

		if (hash_entry(walk, dir_fd, *name, child, depth, err))
			return -1;
	}
	/* The end of a folder, so that no two trees give the same bytes. */
	sha256_update(&walk->sha, STR("/\n"));
	return 0;
}

int store_tree_digest(const char *folder, struct digest *digest,
		      uint64_t *bytes, struct error **err)
{
	auto_close int fd = fs_open(folder, O_RDONLY | O_DIRECTORY, 0, err);
	struct walk walk = {.bytes = bytes};

	if (fd < 0)
		return -1;
	sha256_init(&walk.sha);
	int result = hash_folder(&walk, fd, folder, 0, err);

	if (result == 0)
		sha256_final(&walk.sha, digest);
	sha256_release(&walk.sha);
	return result;
}

int store_tree_begin(struct store *store, struct store_tree *tree,
		     struct error **err)
{
	return store_temporary_folder(store, &tree->lock_fd, &tree->folder,
				      err);
}

void store_tree_abort(struct store_tree *tree)
{
	if (tree->folder)
		fs_remove_tree(tree->folder, NULL);
	free(tree->folder);
	fs_close_pointer(&tree->lock_fd);
	*tree = (struct store_tree)STORE_TREE_EMPTY;
}

int store_tree_commit(struct store *store, struct store_tree *tree,
		      const struct digest *key, struct error **err)
{
	auto_store_tree struct store_tree own = *tree;
	auto_free char *path = store_hex_path(store, "trees", key);
	struct digest digest;
	uint64_t bytes = 0;

	*tree = (struct store_tree)STORE_TREE_EMPTY;
	if (fchmod(own.lock_fd, 0755) < 0)
		return err_sys(err, "cannot set the mode of '%s'", own.folder);
	if (store_tree_digest(own.folder, &digest, &bytes, err))
		return -1;
	/* One call for its thousands of files. */
	if (syncfs(own.lock_fd) < 0)
		return err_sys(err, "cannot sync '%s'", own.folder);
	auto_close int index_lock = store_lock_index(store, err);

	if (index_lock < 0)
		return -1;
	if (fs_exists(path))
		return 0;
	/* The record first: one without a tree does no harm, a tree without a
	 * record could not be verified. */
	if (store_tree_record(store, key, &digest, err))
		return -1;
	if (rename(own.folder, path) < 0)
		return err_sys(err, "cannot rename '%s' to '%s'", own.folder,
			       path);
	return fs_sync_folder_of(path, err);
}

char *store_tree_path(struct store *store, const struct digest *key)
{
	auto_free char *path = store_hex_path(store, "trees", key);

	if (!fs_exists(path))
		return NULL;
	store_touch(path);
	return mem_steal(path);
}
