#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"

void fs_close_pointer(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

void fs_names_release(struct fs_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->p[i]);
	array_release(names);
}

char *path_printf(const char *format, ...)
{
	struct buf text = BUF_EMPTY;
	va_list args;

	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	return buf_steal_text(&text);
}

char *path_join(const char *folder, const char *name)
{
	size_t n = strlen(folder);

	return path_printf("%s%s%s", folder,
			   n && folder[n - 1] == '/' ? "" : "/", name);
}

bool path_is_clean(struct str path)
{
	struct str rest = path, part;

	if (path.n == 0 || path.n >= 4096 || path.p[path.n - 1] == '/' ||
	    !str_is_utf8(path))
		return false;
	for (size_t i = 0; i < path.n; i++)
		if ((unsigned char)path.p[i] < 0x20 || path.p[i] == 0x7f ||
		    path.p[i] == '\\')
			return false;
	while (str_split(&rest, '/', &part))
		if (part.n == 0 || part.n > 255 || str_eq(part, STR(".")) ||
		    str_eq(part, STR("..")))
			return false;
	return true;
}

bool fs_exists(const char *path)
{
	struct stat info;

	return lstat(path, &info) == 0;
}

int fs_make_dirs(const char *path, mode_t mode, struct error **err)
{
	auto_free char *partial = mem_strdup(path);

	for (char *p = partial + 1;; p++) {
		if (*p != '/' && *p != '\0')
			continue;
		char end = *p;

		*p = '\0';
		if (mkdir(partial, mode) < 0 && errno != EEXIST)
			return err_sys(err, "cannot make the folder '%s'",
				       partial);
		if (end == '\0')
			return 0;
		*p = '/';
	}
}

static int remove_entries(int dir_fd, const char *path, struct error **err);

static int remove_at(int parent_fd, const char *name, const char *path,
		     struct error **err)
{
	if (unlinkat(parent_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(err, "cannot remove '%s'", path);
	auto_close int dir_fd =
		openat(parent_fd, name,
		       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir_fd < 0)
		return err_sys(err, "cannot open '%s' to remove it", path);
	/* An image root may hold folders that their owner cannot write. */
	fchmod(dir_fd, 0700);
	if (remove_entries(dir_fd, path, err))
		return -1;
	if (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(err, "cannot remove the folder '%s'", path);
	return 0;
}

static int remove_entries(int dir_fd, const char *path, struct error **err)
{
	int copy = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	int result = 0;

	if (!dir) {
		if (copy >= 0)
			close(copy);
		return err_sys(err, "cannot read the folder '%s'", path);
	}
	struct dirent *entry;

	while (result == 0 && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		auto_free char *child = path_join(path, entry->d_name);

		result = remove_at(dir_fd, entry->d_name, child, err);
	}
	closedir(dir);
	return result;
}

int fs_remove_tree(const char *path, struct error **err)
{
	return remove_at(AT_FDCWD, path, path, err);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int fs_list(const char *folder, struct fs_names *names, struct error **err)
{
	DIR *dir = opendir(folder);

	if (!dir)
		return err_sys(err, "cannot read the folder '%s'", folder);
	struct dirent *entry;

	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			array_push(names, mem_strdup(entry->d_name));
	closedir(dir);
	array_sort(names, compare_names);
	return 0;
}

int fs_open(const char *path, int flags, mode_t mode, struct error **err)
{
	int fd = open(path, flags | O_CLOEXEC, mode);

	if (fd < 0)
		err_sys(err, "cannot open '%s'", path);
	return fd;
}

int fs_read_fd(int fd, const char *name, size_t max_bytes, struct buf *out,
	       struct error **err)
{
	size_t start = out->n;
	struct stat info;

	if (fstat(fd, &info) == 0 && info.st_size > 0 &&
	    (uint64_t)info.st_size <= max_bytes)
		buf_reserve(out, (size_t)info.st_size + 1);
	for (;;) {
		buf_reserve(out, 4096);
		ssize_t n = read(fd, out->p + out->n, out->capacity - out->n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "cannot read '%s'", name);
		if (n == 0)
			return 0;
		out->n += (size_t)n;
		if (out->n - start > max_bytes)
			return err_make(err, ERR_FLEET,
					"'%s' is larger than %s, the most "
					"that such a file may have",
					name, log_bytes(max_bytes));
	}
}

int fs_read(const char *path, size_t max_bytes, struct buf *out,
	    struct error **err)
{
	auto_close int fd = fs_open(path, O_RDONLY, 0, err);

	return fd < 0 ? -1 : fs_read_fd(fd, path, max_bytes, out, err);
}

int fs_write_all(int fd, struct str bytes, const char *name, struct error **err)
{
	while (bytes.n) {
		ssize_t n = write(fd, bytes.p, bytes.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "cannot write '%s'", name);
		bytes = str_slice(bytes, (size_t)n, bytes.n);
	}
	return 0;
}

int fs_pread_all(int fd, void *p, size_t n, uint64_t offset, const char *name,
		 struct error **err)
{
	char *at = p;

	while (n) {
		ssize_t got = pread(fd, at, n, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, "cannot read '%s'", name);
		if (got == 0)
			return err_make(err, ERR_ENV,
					"'%s' ends too early: %zu bytes are "
					"missing at offset %llu",
					name, n, (unsigned long long)offset);
		at += got;
		n -= (size_t)got;
		offset += (uint64_t)got;
	}
	return 0;
}

int fs_sync_folder_of(const char *path, struct error **err)
{
	const char *slash = strrchr(path, '/');
	auto_free char *folder =
		slash ? str_dup(str_of(path, slash == path
						     ? 1
						     : (size_t)(slash - path)))
		      : mem_strdup(".");
	auto_close int fd = fs_open(folder, O_RDONLY | O_DIRECTORY, 0, err);

	if (fd < 0)
		return -1;
	if (fsync(fd) < 0 && errno != EINVAL)
		return err_sys(err, "cannot sync the folder '%s'", folder);
	return 0;
}

int fs_publish(int fd, const char *temporary, const char *path,
	       struct error **err)
{
	if (fsync(fd) < 0)
		return err_sys(err, "cannot sync '%s'", temporary);
	if (rename(temporary, path) < 0)
		return err_sys(err, "cannot rename '%s' to '%s'", temporary,
			       path);
	return fs_sync_folder_of(path, err);
}

int fs_write_file(const char *path, struct str bytes, mode_t mode,
		  struct error **err)
{
	auto_free char *temporary =
		path_printf("%s.%d.tmp", path, (int)gettid());
	unlink(temporary);
	auto_close int fd =
		fs_open(temporary, O_WRONLY | O_CREAT | O_EXCL, mode, err);

	if (fd < 0)
		return -1;
	if (fs_write_all(fd, bytes, temporary, err) ||
	    fs_publish(fd, temporary, path, err)) {
		unlink(temporary);
		return -1;
	}
	return 0;
}

int fs_open_beneath(int dir_fd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC),
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof how);
}
