/* Which Python a base has, and whether slipway's layers fit on top of it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "parts/base/internal.h"
#include "parts/pyc.h"

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

/* Imports what is built in, so that it answers on any base. */
static const char question[] =
	"import posix, sys\n"
	"try:\n"
	"    libc = posix.confstr('CS_GNU_LIBC_VERSION')\n"
	"except (AttributeError, ValueError, OSError):\n"
	"    libc = None\n"
	"print(sys.implementation.name, '%d.%d.%d' % sys.version_info[:3],\n"
	"      libc or 'unknown 0')\n";

static int open_in(int root_fd, const char *path, uint64_t resolve)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve,
	};

	return (int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);
}

/* -- places -- */

/* Slipway's layers put folders there: over a link they would hide all that it
 * leads to. */
static int check_folder(int root_fd, const char *path, struct error **err)
{
	auto_close int fd = open_in(root_fd, path, RESOLVE_NO_SYMLINKS);
	struct stat info;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd >= 0 && fstat(fd, &info) == 0 && S_ISDIR(info.st_mode))
		return 0;
	return err_make(err, ERR_FLEET,
			"the image cannot be a base: its '/%s' is no folder, "
			"but a link or a file",
			path);
}

/* What lies there would be taken for the service's own. */
static int check_empty(const char *root, const char *path, struct error **err)
{
	auto_free char *full = path_join(root, path);
	auto_names struct fs_names names = ARRAY_EMPTY;

	if (!fs_exists(full))
		return 0;
	if (fs_list(full, &names, err))
		return -1;
	if (names.n == 0)
		return 0;
	err_make(err, ERR_FLEET,
		 "the image cannot be a base: it has files in '/%s' already",
		 path);
	return err_hint(err, "slipway puts %s there; take a base without",
			*path == 'a' ? "the service's sources"
				     : "the service's packages");
}

static int check_places(const char *root, int root_fd, struct error **err)
{
	static const char *const folders[] = {
		"app", "etc", "home", "opt", "opt/venv", "usr", "usr/sbin"};
	static const char *const users[] = {"etc/passwd", "etc/group"};
	static const char *const musl[] = {"lib/ld-musl-x86_64.so.1",
					   "lib/ld-musl-aarch64.so.1"};

	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		if (check_folder(root_fd, folders[i], err))
			return -1;
	for (size_t i = 0; i < sizeof users / sizeof *users; i++) {
		auto_close int fd =
			open_in(root_fd, users[i], RESOLVE_NO_SYMLINKS);

		if (fd < 0 && errno != ENOENT)
			return err_make(err, ERR_FLEET,
					"the image cannot be a base: its '/%s' "
					"is a link",
					users[i]);
	}
	for (size_t i = 0; i < sizeof musl / sizeof *musl; i++) {
		auto_close int fd = open_in(root_fd, musl[i], 0);

		if (fd < 0)
			continue;
		err_make(err, ERR_FLEET,
			 "the image cannot be a base: it has "
			 "musl for a C library");
		return err_hint(err, "slipway installs wheels for glibc: take "
				     "a base with it, such as "
				     "python:3.N-slim");
	}
	return check_empty(root, "opt/venv", err) ||
			       check_empty(root, "app", err)
		       ? -1
		       : 0;
}

/* -- the interpreter -- */

/* The path in the root that an open file has, with no link in it; or empty. */
static struct str path_in_root(const char *root, int fd, struct arena *arena)
{
	auto_free char *link = path_printf("/proc/self/fd/%d", fd);
	auto_free char *host = realpath(link, NULL);
	auto_free char *real_root = realpath(root, NULL);
	struct str path = str_from(host);

	if (!host || !real_root || !str_eat(&path, str_from(real_root)))
		return STR_EMPTY;
	return arena_str(arena, path);
}

static struct str find_in(const char *root, int root_fd, struct str folder,
			  struct str python, struct arena *arena)
{
	const struct str names[] = {
		arena_printf(arena, "python" STR_FMT,
			     STR_ARG(python.n ? python : STR("3"))),
		STR("python"),
	};

	for (size_t i = 0; i < (python.n ? 1 : 2); i++) {
		struct str path = arena_printf(arena, STR_FMT "/%s",
					       STR_ARG(folder), names[i].p);
		auto_close int fd = open_in(root_fd, path.p, 0);
		struct stat info;

		if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
		    (info.st_mode & 0111))
			return path_in_root(root, fd, arena);
	}
	return STR_EMPTY;
}

/* The first that the image's PATH has. */
static struct str find_interpreter(const char *root, int root_fd,
				   const struct lock_base *base,
				   struct str python, struct arena *arena)
{
	struct str path = STR(DEFAULT_PATH), folder;

	for (size_t i = 0; i < base->env.n; i++) {
		struct str variable = base->env.p[i];

		if (str_eat(&variable, STR("PATH=")))
			path = variable;
	}
	while (str_split(&path, ':', &folder)) {
		struct str found =
			str_starts(folder, STR("/"))
				? find_in(root, root_fd, folder, python, arena)
				: STR_EMPTY;

		if (found.n)
			return found;
	}
	return STR_EMPTY;
}

/* "cpython 3.10.13 glibc 2.36" */
static int read_answer(struct str answer, struct str python,
		       struct arena *arena, struct lock_base *base,
		       struct error **err)
{
	struct str words[4] = {STR_EMPTY, STR_EMPTY, STR_EMPTY, STR_EMPTY};
	struct str rest = str_trim(answer);

	for (size_t i = 0; i < 4; i++)
		str_split(&rest, ' ', &words[i]);
	if (!str_eq(words[0], STR("cpython")))
		return err_make(err, ERR_FLEET,
				"the image cannot be a base: its Python is "
				"'" STR_FMT "', not CPython",
				STR_ARG(words[0]));
	if (!str_eq(words[2], STR("glibc")))
		return err_make(err, ERR_FLEET,
				"the image cannot be a base: its Python is not "
				"linked with glibc");
	ptrdiff_t dot = str_rfind(words[1], '.');
	struct str minor = str_slice(words[1], 0, dot < 0 ? 0 : (size_t)dot);

	if (python.n && !str_eq(minor, python))
		return err_make(err, ERR_FLEET,
				"'" STR_FMT "' of the image is Python " STR_FMT
				", not " STR_FMT,
				STR_ARG(base->interpreter), STR_ARG(words[1]),
				STR_ARG(python));
	base->python = arena_str(arena, words[1]);
	base->glibc = arena_str(arena, words[3]);
	return 0;
}

int base_tree_describe(const struct base_tree *tree, struct str python,
		       struct arena *arena, struct lock_base *base,
		       struct error **err)
{
	auto_buf struct buf answer = BUF_EMPTY;
	auto_close int root_fd =
		fs_open(tree->root, O_PATH | O_DIRECTORY, 0, err);

	if (root_fd < 0 || check_places(tree->root, root_fd, err))
		return -1;
	base->interpreter =
		find_interpreter(tree->root, root_fd, base, python, arena);
	if (base->interpreter.n == 0) {
		err_make(err, ERR_FLEET,
			 "the image has no Python%s" STR_FMT " in its PATH",
			 python.n ? " " : "", STR_ARG(python));
		return err_hint(err, "take an image with Python, such as "
				     "python:3.N-slim");
	}
	struct pyc_options options = {
		.root = tree->root,
		.python = base->interpreter.p,
	};

	if (pyc_ask(&options, question, &answer, err))
		return err_wrap(err, "the image's Python cannot be asked for "
				     "its version");
	return read_answer(buf_str(&answer), python, arena, base, err);
}
