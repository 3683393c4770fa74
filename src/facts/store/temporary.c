#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "facts/store/internal.h"

/* A temporary is flocked by its owner through fd, so that it can be told from
 * what a dead process left, also where process ids are reused. */

static char *new_name(struct store *store)
{
	return path_printf("%s/tmp/%d.%u", store->path, (int)getpid(),
			   atomic_fetch_add(&store->next_name, 1));
}

/* True where fd is locked and still what path names: between its making and
 * the lock another process may have taken it for a leftover and removed it. */
static bool own(int fd, const char *path)
{
	struct stat opened, named;

	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return false;
	return fstat(fd, &opened) == 0 && lstat(path, &named) == 0 &&
	       opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

static int make_file(const char *path)
{
	return open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

static int make_folder(const char *path)
{
	if (mkdir(path, 0700) < 0)
		return -1;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	/* Taken for a leftover already: as if the name had been in use. */
	if (fd < 0 && errno == ENOENT)
		errno = EEXIST;
	return fd;
}

static int make_owned(struct store *store, int (*make)(const char *path),
		      int *fd, char **path, struct error **err)
{
	for (int attempt = 0; attempt < 1000; attempt++) {
		auto_free char *name = new_name(store);
		auto_close int made = make(name);

		if (made < 0 && errno == EEXIST)
			continue;
		if (made < 0)
			return err_sys(err, "cannot make '%s'", name);
		if (!own(made, name))
			continue;
		*fd = fd_steal(made);
		*path = mem_steal(name);
		return 0;
	}
	return err_make(err, ERR_ENV,
			"cannot make a temporary file in '%s/tmp': every name "
			"is taken",
			store->path);
}

int store_temporary_file(struct store *store, int *fd, char **path,
			 struct error **err)
{
	return make_owned(store, make_file, fd, path, err);
}

int store_temporary_folder(struct store *store, int *fd, char **path,
			   struct error **err)
{
	return make_owned(store, make_folder, fd, path, err);
}

int store_clean_temporary(struct store *store, struct error **err)
{
	auto_free char *folder = path_join(store->path, "tmp");
	auto_names struct fs_names names = ARRAY_EMPTY;

	if (fs_list(folder, &names, err))
		return -1;
	array_each (char *, name, &names) {
		auto_free char *path = path_join(folder, *name);
		auto_close int fd = open(path, O_RDONLY | O_NOFOLLOW |
						       O_NONBLOCK | O_CLOEXEC);

		/* Gone already, in use, or not ours to remove. */
		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
			continue;
		fs_remove_tree(path, NULL);
	}
	return 0;
}

int store_place(struct store *store, const char *path, struct str bytes,
		bool durably, struct error **err)
{
	auto_store_writer struct store_writer writer = STORE_WRITER_EMPTY;

	if (store_begin(store, &writer, err) ||
	    fs_write_all(writer.fd, bytes, writer.temporary, err))
		return -1;
	if (fchmod(writer.fd, STORE_FILE_MODE) < 0)
		return err_sys(err, "cannot set the mode of '%s'",
			       writer.temporary);
	if (durably)
		return fs_publish(writer.fd, writer.temporary, path, err);
	return rename(writer.temporary, path) < 0
		       ? err_sys(err, "cannot rename '%s' to '%s'",
				 writer.temporary, path)
		       : 0;
}
