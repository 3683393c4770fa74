/* Layers out of a tree. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/pool.h"
#include "codec/tar.h"
#include "parts/debian/tree.h"
#include "parts/layer.h"

enum { CHUNK = 256 << 10, MAX_SOURCE = 64 << 20 };

struct writer {
	const struct debian_tree *tree;
	struct layer *layer;
	pyc_function *pyc;
	void *context;
	struct str library; /* "usr/lib/python3.11/" */
};

static struct tar_entry tar_of(const struct debian_file *file)
{
	static const enum tar_type types[] = {
		[DEBIAN_FILE] = TAR_FILE,
		[DEBIAN_DIR] = TAR_DIR,
		[DEBIAN_SYMLINK] = TAR_SYMLINK,
		[DEBIAN_HARDLINK] = TAR_HARDLINK,
	};

	return (struct tar_entry){
		.path = file->path,
		.target = file->target,
		.type = types[file->type],
		.mode = file->mode,
		.uid = file->uid,
		.gid = file->gid,
		.size_bytes = file->size_bytes,
	};
}

/* The folders above a path with the image's attributes: those that the layer
 * would add by itself belong to root. */
static int add_folders(struct writer *writer, struct str path,
		       struct error **err)
{
	for (size_t i = 0; i < path.n; i++) {
		if (path.p[i] != '/')
			continue;
		const struct debian_file *folder =
			debian_tree_find(writer->tree, str_slice(path, 0, i));

		if (!folder)
			continue;
		struct tar_entry entry = tar_of(folder);

		if (layer_add(writer->layer, &entry, STR_EMPTY, err))
			return -1;
	}
	return 0;
}

static int open_file(const struct debian_tree *tree, struct str path,
		     struct error **err)
{
	auto_free char *name =
		path_printf("%s/" STR_FMT, tree->root, STR_ARG(path));

	return fs_open(name, O_RDONLY | O_NOFOLLOW, 0, err);
}

static int add_file(struct writer *writer, const struct debian_file *file,
		    struct error **err)
{
	struct tar_entry entry = tar_of(file);
	auto_free char *bytes = mem_alloc(CHUNK);
	auto_close int fd = open_file(writer->tree, file->path, err);
	ssize_t n;

	if (fd < 0 || layer_begin_file(writer->layer, &entry, err))
		return -1;
	while ((n = read(fd, bytes, CHUNK)) > 0)
		if (layer_write(writer->layer, str_of(bytes, (size_t)n), err) ||
		    pool_check_cancelled(err))
			return -1;
	if (n < 0)
		return err_sys(err, "cannot read '%s/" STR_FMT "'",
			       writer->tree->root, STR_ARG(file->path));
	return layer_end_file(writer->layer, err);
}

/* "usr/lib/python3.11/" for a tree that has Python. */
static struct str library_of(const struct debian_tree *tree,
			     struct arena *arena)
{
	return tree->python.n ? arena_printf(arena, "usr/lib/" STR_FMT "/",
					     STR_ARG(tree->python))
			      : STR_EMPTY;
}

static bool is_source(const struct debian_file *file, struct str library)
{
	return library.n && file->type == DEBIAN_FILE && !file->below &&
	       str_starts(file->path, library) &&
	       str_ends(file->path, STR(".py"));
}

/* "usr/lib/python3.11/__pycache__/os.cpython-311.pyc" of ".../os.py". */
static struct str bytecode_path(const struct debian_tree *tree, struct str path,
				struct arena *arena)
{
	struct str version = debian_tree_python(tree), major;
	size_t slash = (size_t)str_rfind(path, '/');
	struct str name = str_slice(path, slash + 1, path.n - strlen(".py"));

	str_split(&version, '.', &major);
	return arena_printf(arena,
			    STR_FMT "/__pycache__/" STR_FMT
				    ".cpython-" STR_FMT STR_FMT ".pyc",
			    STR_ARG(str_slice(path, 0, slash)), STR_ARG(name),
			    STR_ARG(major), STR_ARG(version));
}

static int add_bytecode(struct writer *writer, const struct debian_file *file,
			struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_buf struct buf source = BUF_EMPTY;
	auto_buf struct buf pyc = BUF_EMPTY;
	auto_close int fd = open_file(writer->tree, file->path, err);
	struct tar_entry entry = {
		.path = bytecode_path(writer->tree, file->path, &arena),
		.target = STR_EMPTY,
		.type = TAR_FILE,
		.mode = 0644,
	};

	if (fd < 0 || fs_read_fd(fd, "a file of the standard library",
				 MAX_SOURCE, &source, err))
		return -1;
	int compiled = writer->pyc(
		writer->context, buf_str(&source), NULL,
		arena_printf(&arena, "/" STR_FMT, STR_ARG(file->path)), &pyc,
		err);

	if (compiled <= 0)
		return compiled;
	entry.size_bytes = pyc.n;
	return layer_add(writer->layer, &entry, buf_str(&pyc), err);
}

static int add_path(struct writer *writer, const struct debian_file *file,
		    struct error **err)
{
	struct tar_entry entry = tar_of(file);

	if (add_folders(writer, file->path, err))
		return -1;
	if (file->type != DEBIAN_FILE)
		return layer_add(writer->layer, &entry, STR_EMPTY, err);
	if (add_file(writer, file, err))
		return -1;
	return writer->pyc && is_source(file, writer->library)
		       ? add_bytecode(writer, file, err)
		       : 0;
}

int debian_tree_add_to_layer(const struct debian_tree *tree,
			     enum debian_part part, struct layer *layer,
			     pyc_function *pyc, void *context,
			     struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct writer writer = {
		.tree = tree,
		.layer = layer,
		.pyc = pyc,
		.context = context,
		.library = library_of(tree, &arena),
	};

	for (size_t i = 0; i < tree->file_count; i++) {
		const struct debian_file *file = &tree->files[i];

		if (!file->below && file->part == part &&
		    add_path(&writer, file, err))
			return err_wrap(err, "while adding '/" STR_FMT "'",
					STR_ARG(file->path));
	}
	return 0;
}

struct lock_strs debian_tree_sources(const struct debian_tree *tree,
				     struct arena *arena)
{
	struct str library = library_of(tree, arena);
	ARRAY(struct str) paths = ARRAY_EMPTY;

	for (size_t i = 0; i < tree->file_count; i++)
		if (is_source(&tree->files[i], library))
			array_push(&paths, tree->files[i].path);
	struct lock_strs list = {arena_new_array(arena, struct str, paths.n),
				 paths.n};

	for (size_t i = 0; i < paths.n; i++)
		list.p[i] = paths.p[i];
	array_release(&paths);
	return list;
}

/* The upstream version: "3.11.2" of "1:3.11.2-6+deb12u9". */
static struct str upstream(struct str version)
{
	ptrdiff_t dash = str_rfind(version, '-');
	ptrdiff_t colon = str_find(version, ':');

	return str_slice(version, colon < 0 ? 0 : (size_t)colon + 1,
			 dash < 0 ? version.n : (size_t)dash);
}

void debian_versions(const struct lock_debs *debs, struct arena *arena,
		     struct str *python, struct str *glibc)
{
	*python = *glibc = STR_EMPTY;
	for (size_t i = 0; i < debs->n; i++) {
		const struct lock_deb *deb = &debs->p[i];

		if (str_starts(deb->name, STR("python3.")) &&
		    str_ends(deb->name, STR("-minimal")))
			*python = arena_str(arena, upstream(deb->version));
		else if (str_eq(deb->name, STR("libc6")))
			*glibc = arena_str(arena, upstream(deb->version));
	}
}
