#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"

void fs_close_pointer(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
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

/* At p of valid UTF-8: U+0000 to U+001F, U+007F, U+0080 to U+009F. */
static bool is_control(const char *p)
{
	unsigned char c = (unsigned char)p[0];

	return c < 0x20 || c == 0x7f ||
	       (c == 0xc2 && (unsigned char)p[1] < 0xa0);
}

bool path_is_clean(struct str path)
{
	struct str rest = path, part;

	if (path.n == 0 || path.n >= 4096 || path.p[path.n - 1] == '/' ||
	    !str_is_utf8(path))
		return false;
	for (size_t i = 0; i < path.n; i++)
		if (is_control(path.p + i) || path.p[i] == '\\')
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

static bool is_folder(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Errors other than EEXIST hide that it is there, on read-only mounts. */
static int make_dir(const char *path, mode_t mode, struct error **err)
{
	if (mkdir(path, mode) == 0)
		return 0;
	int number = errno;

	if (is_folder(path))
		return 0;
	errno = number == EEXIST ? ENOTDIR : number;
	return err_sys(err, "cannot make the folder '%s'", path);
}

int fs_make_dirs(const char *path, mode_t mode, struct error **err)
{
	auto_free char *partial = mem_strdup(path);
	size_t n = strlen(partial);

	for (size_t i = 1; i < n; i++) {
		if (partial[i] != '/')
			continue;
		partial[i] = '\0';
		if (make_dir(partial, mode, err))
			return -1;
		partial[i] = '/';
	}
	return make_dir(partial, mode, err);
}

/* Removing a tree. Depth costs descriptors and stack, and an archive's author
 * chooses it, so a folder below MAX_DEPTH is first moved up to the top. */
enum { MAX_DEPTH = 64 };

struct removal {
	int top_fd;	/* the outermost folder */
	unsigned moved; /* folders so far; makes their names */
};

static int remove_at(struct removal *removal, int parent_fd, const char *name,
		     const char *path, unsigned depth, struct error **err);

/* A tree may hold folders that their owner cannot read or write. */
static int open_to_remove(int parent_fd, const char *name)
{
	int flags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(parent_fd, name, O_RDONLY | flags);

	if (fd < 0 && errno == EACCES) {
		auto_close int handle = openat(parent_fd, name, O_PATH | flags);
		auto_free char *link = path_printf("/proc/self/fd/%d", handle);

		if (handle < 0 || chmod(link, 0700) < 0)
			return -1;
		return openat(handle, ".", O_RDONLY | flags);
	}
	if (fd >= 0)
		fchmod(fd, 0700);
	return fd;
}

static int remove_entries(struct removal *removal, int dir_fd, const char *path,
			  unsigned depth, struct error **err)
{
	int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	int result = 0;

	if (!dir) {
		err_sys(err, "cannot read the folder '%s'", path);
		fs_close_pointer(&copy);
		return -1;
	}
	struct dirent *entry;

	while (result == 0 && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		auto_free char *child = path_join(path, entry->d_name);

		result = remove_at(removal, dir_fd, entry->d_name, child,
				   depth + 1, err);
	}
	closedir(dir);
	return result;
}

static int move_to_top(struct removal *removal, int parent_fd, const char *name,
		       const char *path, struct error **err)
{
	for (unsigned tries = 0; tries < 1000; tries++) {
		auto_free char *moved =
			path_printf("remove.%u", removal->moved++);

		if (renameat(parent_fd, name, removal->top_fd, moved) == 0)
			return 0;
		if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR)
			break;
	}
	return err_sys(err, "cannot move '%s' to remove it", path);
}

static int remove_folder(struct removal *removal, int parent_fd,
			 const char *name, const char *path, unsigned depth,
			 struct error **err)
{
	auto_close int dir_fd = open_to_remove(parent_fd, name);

	if (dir_fd < 0)
		return err_sys(err, "cannot open '%s' to remove it", path);
	if (depth == 0)
		removal->top_fd = dir_fd;
	for (;;) {
		unsigned moved = removal->moved;

		if (remove_entries(removal, dir_fd, path, depth, err))
			return -1;
		if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 ||
		    errno == ENOENT)
			return 0;
		/* What was moved up here meanwhile is removed next. */
		if (errno != ENOTEMPTY || depth > 0 || moved == removal->moved)
			return err_sys(err, "cannot remove the folder '%s'",
				       path);
	}
}

static int remove_at(struct removal *removal, int parent_fd, const char *name,
		     const char *path, unsigned depth, struct error **err)
{
	if (unlinkat(parent_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(err, "cannot remove '%s'", path);
	if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0)
		return 0;
	if (depth > MAX_DEPTH)
		return move_to_top(removal, parent_fd, name, path, err);
	return remove_folder(removal, parent_fd, name, path, depth, err);
}

int fs_remove_tree(const char *path, struct error **err)
{
	struct removal removal = {-1, 0};

	return remove_at(&removal, AT_FDCWD, path, path, 0, err);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Takes the folder that was opened; -1 is one that could not be. */
static int list_opened(int fd, const char *folder, struct fs_names *names,
		       struct error **err)
{
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		err_sys(err, "cannot read the folder '%s'", folder);
		fs_close_pointer(&fd);
		return -1;
	}
	struct dirent *entry;

	for (errno = 0; (entry = readdir(dir)); errno = 0)
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			array_push(names, mem_strdup(entry->d_name));
	if (errno) {
		err_sys(err, "cannot read the folder '%s'", folder);
		closedir(dir);
		return -1;
	}
	closedir(dir);
	array_sort(names, compare_names);
	return 0;
}

enum { OPEN_FOLDER = O_RDONLY | O_DIRECTORY | O_CLOEXEC };

int fs_list(const char *folder, struct fs_names *names, struct error **err)
{
	return list_opened(open(folder, OPEN_FOLDER), folder, names, err);
}

int fs_list_fd(int dir_fd, const char *name, struct fs_names *names,
	       struct error **err)
{
	return list_opened(openat(dir_fd, ".", OPEN_FOLDER), name, names, err);
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
	/* Opening a named pipe would wait for a writer. */
	auto_close int fd = fs_open(path, O_RDONLY | O_NONBLOCK, 0, err);
	struct stat info;

	if (fd < 0)
		return -1;
	if (fstat(fd, &info) == 0 && !S_ISREG(info.st_mode) &&
	    !S_ISDIR(info.st_mode))
		return err_make(err, ERR_FLEET, "'%s' is not a regular file",
				path);
	return fs_read_fd(fd, path, max_bytes, out, err);
}

/* The folder at which the file system of a path is mounted: the highest on the
 * way up that is of the same device. */
static void find_mount(char *path)
{
	struct stat own, above;
	char *slash;

	if (stat(path, &own) < 0)
		return;
	while ((slash = strrchr(path, '/')) && slash != path) {
		*slash = '\0';
		if (stat(path, &above) == 0 && above.st_dev == own.st_dev)
			continue;
		*slash = '/';
		return;
	}
	if (stat("/", &above) == 0 && above.st_dev == own.st_dev)
		path[1] = '\0';
}

/* Says which file system is full: name may be a part of an archive. */
static int err_full(int fd, const char *name, uint64_t needed_bytes,
		    struct error **err)
{
	const char *why = strerror(errno);
	auto_free char *link = path_printf("/proc/self/fd/%d", fd);
	char path[4097];
	ssize_t n = readlink(link, path, sizeof path - 1);
	struct statvfs info;

	if (n <= 0 || *path != '/' || fstatvfs(fd, &info) < 0)
		return err_make(err, ERR_ENV, "cannot write '%s': %s", name,
				why);
	path[n] = '\0';
	auto_free char *file = mem_strdup(path);

	find_mount(path);
	err_make(err, ERR_ENV,
		 "cannot write '%s': %s: the file system at '%s' has %s of %s "
		 "free, %s more have to be written",
		 file, why, path, log_bytes(info.f_bavail * info.f_frsize),
		 log_bytes(info.f_blocks * info.f_frsize),
		 log_bytes(needed_bytes));
	return err_hint(err, "make room there ('slipway gc' takes out of the "
			     "store what no image needs), or name another "
			     "place with --store DIR");
}

int fs_write_all(int fd, struct str bytes, const char *name, struct error **err)
{
	while (bytes.n) {
		ssize_t n = write(fd, bytes.p, bytes.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == ENOSPC || errno == EDQUOT))
			return err_full(fd, name, bytes.n, err);
		if (n < 0)
			return err_sys(err, "cannot write '%s'", name);
		bytes = str_slice(bytes, (size_t)n, bytes.n);
	}
	return 0;
}

enum { BEHIND_BYTES = 16 << 20 };

void fs_write_behind(struct fs_behind *behind, int fd, uint64_t size_bytes,
		     bool drop)
{
	uint64_t n = size_bytes - behind->begun_bytes;
	uint64_t before = behind->begun_bytes - behind->dropped_bytes;

	if (n < BEHIND_BYTES)
		return;
	sync_file_range(fd, (off_t)behind->begun_bytes, (off_t)n,
			SYNC_FILE_RANGE_WRITE);
	behind->begun_bytes = size_bytes;
	if (!drop || !before)
		return;
	/* Only what is on the disk can be dropped. */
	sync_file_range(fd, (off_t)behind->dropped_bytes, (off_t)before,
			SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
				SYNC_FILE_RANGE_WAIT_AFTER);
	posix_fadvise(fd, (off_t)behind->dropped_bytes, (off_t)before,
		      POSIX_FADV_DONTNEED);
	behind->dropped_bytes += before;
}

void fs_drop_read(int fd, uint64_t offset, size_t n)
{
	posix_fadvise(fd, (off_t)offset, (off_t)n, POSIX_FADV_DONTNEED);
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
	uint64_t random;

	/* Processes in two containers may write the same file. */
	if (getrandom(&random, sizeof random, 0) != sizeof random)
		return err_sys(err, "cannot get random bytes");
	auto_free char *temporary =
		path_printf("%s.%016" PRIx64 ".tmp", path, random);
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
	int fd;

	/* EAGAIN: something was renamed while the kernel walked a "..". */
	do
		fd = (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof how);
	while (fd < 0 && (errno == EAGAIN || errno == EINTR));
	return fd;
}
