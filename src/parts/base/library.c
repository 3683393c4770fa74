/* Bytecode of the standard library, which images of Python come without: each
 * start would compile for half a second, since nothing is written there. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "parts/base/internal.h"
#include "parts/layer.h"

enum { MAX_DEPTH = 32, MAX_SOURCE = 64 << 20 };

struct compiling {
	const struct base_tree *tree;
	struct layer *layer;
	pyc_function *pyc;
	void *context;
	struct str tag; /* "cpython-310" */
};

/* A folder of the tree that no link leads to, or -1. */
static int open_folder(const struct base_tree *tree, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	auto_close int root_fd =
		open(tree->root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return root_fd < 0 ? -1
			   : (int)syscall(SYS_openat2, root_fd, path, &how,
					  sizeof how);
}

/* The folders above a path with the modes that they have below. */
static int add_folders(const struct compiling *compiling, struct str path,
		       struct error **err)
{
	for (size_t i = 1; i <= path.n; i++) {
		if (i < path.n && path.p[i] != '/')
			continue;
		auto_free char *folder = str_dup(str_slice(path, 0, i));

		if (base_add_folder(compiling->tree, folder, compiling->layer,
				    err))
			return -1;
	}
	return 0;
}

static int add_bytecode(const struct compiling *compiling, int folder_fd,
			struct str folder, const char *name, struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_buf struct buf source = BUF_EMPTY, pyc = BUF_EMPTY;
	auto_close int fd =
		openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct str stem = str_from(name);
	struct str made =
		arena_printf(&arena, "__pycache__/" STR_FMT "." STR_FMT ".pyc",
			     STR_ARG(str_slice(stem, 0, stem.n - 3)),
			     STR_ARG(compiling->tag));
	struct str path =
		arena_printf(&arena, "/" STR_FMT "/%s", STR_ARG(folder), name);

	/* A link is another file's, and what the base has is the base's. */
	if (fd < 0 ||
	    faccessat(folder_fd, made.p, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (fs_read_fd(fd, path.p, MAX_SOURCE, &source, err))
		return -1;
	int compiled = compiling->pyc(compiling->context, buf_str(&source),
				      NULL, path, &pyc, err);

	if (compiled <= 0)
		return compiled;
	struct tar_entry entry = {
		.path = arena_printf(&arena, STR_FMT "/%s", STR_ARG(folder),
				     made.p),
		.type = TAR_FILE,
		.mode = 0644,
		.size_bytes = pyc.n,
	};

	return add_folders(compiling, folder, err) ||
			       layer_add(compiling->layer, &entry,
					 buf_str(&pyc), err)
		       ? -1
		       : 0;
}

static int add_folder_bytecode(const struct compiling *compiling,
			       struct str folder, unsigned depth,
			       struct error **err);

static int add_name(const struct compiling *compiling, int folder_fd,
		    struct str folder, const char *name, unsigned depth,
		    struct error **err)
{
	/* A venv does not see the base's own packages. */
	static const struct str others[] = {STR_INIT("site-packages"),
					    STR_INIT("dist-packages"),
					    STR_INIT("__pycache__")};
	struct stat info;

	if (!path_is_clean(str_from(name)) ||
	    fstatat(folder_fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (S_ISREG(info.st_mode))
		return str_ends(str_from(name), STR(".py"))
			       ? add_bytecode(compiling, folder_fd, folder,
					      name, err)
			       : 0;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (str_eq(str_from(name), others[i]))
			return 0;
	if (!S_ISDIR(info.st_mode))
		return 0;
	auto_free char *below =
		path_printf(STR_FMT "/%s", STR_ARG(folder), name);

	return add_folder_bytecode(compiling, str_from(below), depth + 1, err);
}

static int add_folder_bytecode(const struct compiling *compiling,
			       struct str folder, unsigned depth,
			       struct error **err)
{
	auto_free char *path = str_dup(folder);
	auto_names struct fs_names names = ARRAY_EMPTY;
	auto_close int fd = open_folder(compiling->tree, path);

	if (fd < 0 || depth > MAX_DEPTH)
		return 0;
	auto_free char *listed = path_printf("/proc/self/fd/%d", fd);

	if (fs_list(listed, &names, err))
		return -1;
	array_each (char *, name, &names)
		if (add_name(compiling, fd, folder, *name, depth, err))
			return -1;
	return 0;
}

int base_add_library(const struct base_tree *tree, const struct lock_base *base,
		     struct layer *layer, pyc_function *pyc, void *context,
		     struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct str home = base->interpreter, version = base->python, part;
	struct compiling compiling = {tree, layer, pyc, context, STR_EMPTY};

	for (int i = 0; i < 2; i++)
		home = str_slice(home, 0, (size_t)str_rfind(home, '/'));
	str_eat(&home, STR("/"));
	str_split(&version, '.', &part);
	str_split(&version, '.', &part);
	compiling.tag =
		arena_printf(&arena, "cpython-3" STR_FMT, STR_ARG(part));
	return add_folder_bytecode(
		&compiling,
		arena_printf(&arena, STR_FMT "%slib/python3." STR_FMT,
			     STR_ARG(home), home.n ? "/" : "", STR_ARG(part)),
		0, err);
}
