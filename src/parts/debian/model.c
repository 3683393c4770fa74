#include "parts/debian/model.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"

enum { MAX_LINKS = 40 };

void model_init(struct model *model, const char *root, int root_fd,
		const struct debian_tree *below)
{
	*model = (struct model){
		.arena = ARENA_EMPTY,
		.nodes = MAP_EMPTY,
		.replaces = MAP_EMPTY,
		.root = root,
		.root_fd = root_fd,
		.below = below,
		.owner = STR_EMPTY,
		.python = STR_EMPTY,
		.version = STR_EMPTY,
		.multiarch = STR_EMPTY,
		.libc_bin = STR_EMPTY,
	};
}

void model_release(struct model *model)
{
	map_release(&model->nodes);
	map_release(&model->replaces);
	arena_release(&model->arena);
	if (model->root_fd >= 0)
		close(model->root_fd);
}

static struct str parent_of(struct str path)
{
	ptrdiff_t slash = str_rfind(path, '/');

	return slash < 0 ? STR_EMPTY : str_slice(path, 0, (size_t)slash);
}

static const char *type_name(enum debian_type type)
{
	switch (type) {
	case DEBIAN_FILE:
	case DEBIAN_HARDLINK:
		return "a file";
	case DEBIAN_DIR:
		return "a folder";
	case DEBIAN_SYMLINK:
		return "a link";
	}
	return "";
}

const struct debian_file *model_find(const struct model *model, struct str path)
{
	const struct node *node = map_get(&model->nodes, path);

	if (node)
		return &node->file;
	return model->below ? debian_tree_find(model->below, path) : NULL;
}

static int make_dir(const struct model *model, struct str path,
		    struct error **err)
{
	auto_free char *name = str_dup(path);

	if (mkdirat(model->root_fd, name, 0755) < 0 && errno != EEXIST)
		return err_sys(err, "cannot make the folder '%s/%s'",
			       model->root, name);
	return 0;
}

static void put_node(struct model *model, const struct debian_file *file,
		     bool implied)
{
	struct node *node = map_get(&model->nodes, file->path);

	if (!node)
		node = arena_new(&model->arena, struct node);
	*node = (struct node){*file, model->owner, implied};
	node->file.target = arena_str(&model->arena, file->target);
	node->file.part = model->part;
	node->file.path = map_set(&model->nodes, file->path, node);
}

/* The folders above path, from the outermost, here and on disk. */
static int add_parents(struct model *model, struct str path, struct error **err)
{
	for (size_t i = 0; i < path.n; i++) {
		if (path.p[i] != '/')
			continue;
		struct str folder = str_slice(path, 0, i);
		const struct debian_file *there = model_find(model, folder);

		if (there && there->type != DEBIAN_DIR)
			return err_make(
				err, ERR_FLEET,
				"'/" STR_FMT "' of the package '" STR_FMT
				"' would be below '/" STR_FMT "', which is %s",
				STR_ARG(path), STR_ARG(model->owner),
				STR_ARG(folder), type_name(there->type));
		if (make_dir(model, folder, err))
			return -1;
		if (!there) {
			struct debian_file file = {
				.path = folder,
				.target = STR_EMPTY,
				.type = DEBIAN_DIR,
				.mode = 0755,
			};

			put_node(model, &file, true);
		}
	}
	return 0;
}

/* True where the package owner's Replaces field names other. */
static bool replaces(const struct model *model, struct str owner,
		     struct str other)
{
	const char *field = map_get(&model->replaces, owner);
	struct str rest = str_from(field), part;

	while (str_split(&rest, ',', &part)) {
		struct str name = str_trim(part);
		size_t end = 0;

		while (end < name.n && name.p[end] != ' ' &&
		       name.p[end] != '(' && name.p[end] != ':')
			end++;
		if (str_eq(str_slice(name, 0, end), other))
			return true;
	}
	return false;
}

/* What happens to a path that is there: 1 the new one takes its place, 0 the
 * old one stays, -1 neither may. */
static int settle(struct model *model, const struct debian_file *there,
		  const struct debian_file *file, struct error **err)
{
	struct node *node = map_get(&model->nodes, file->path);

	if (there->type == DEBIAN_DIR && file->type == DEBIAN_DIR) {
		if (node && node->implied)
			put_node(model, file, false);
		return 0;
	}
	if (there->type == DEBIAN_SYMLINK && file->type == DEBIAN_SYMLINK &&
	    str_eq(there->target, file->target))
		return 0;
	if (node && there->type != DEBIAN_DIR && file->type != DEBIAN_DIR) {
		auto_free char *path = str_dup(file->path);

		if (replaces(model, node->owner, model->owner))
			return 0;
		if (replaces(model, model->owner, node->owner)) {
			if (unlinkat(model->root_fd, path, 0) < 0)
				return err_sys(err, "cannot replace '%s/%s'",
					       model->root, path);
			return 1;
		}
	}
	return err_make(err, ERR_FLEET,
			"'/" STR_FMT "' is %s of the package '" STR_FMT
			"' and %s of '" STR_FMT "'",
			STR_ARG(file->path), type_name(file->type),
			STR_ARG(model->owner), type_name(there->type),
			STR_ARG(node ? node->owner : STR("the base")));
}

static int make_link(struct model *model, const struct debian_file *file,
		     struct error **err)
{
	auto_free char *path = str_dup(file->path);
	auto_free char *target = str_dup(file->target);

	if (file->type == DEBIAN_SYMLINK
		    ? symlinkat(target, model->root_fd, path)
		    : linkat(model->root_fd, target, model->root_fd, path, 0))
		return err_sys(err, "cannot make the link '%s/%s'", model->root,
			       path);
	return 0;
}

int model_add(struct model *model, const struct debian_file *file, bool *fresh,
	      struct error **err)
{
	const struct debian_file *there = model_find(model, file->path);

	*fresh = false;
	if (add_parents(model, file->path, err))
		return -1;
	if (there) {
		int verdict = settle(model, there, file, err);

		if (verdict <= 0)
			return verdict;
	}
	if (file->type == DEBIAN_HARDLINK) {
		const struct node *target =
			map_get(&model->nodes, file->target);

		if (!target || (target->file.type != DEBIAN_FILE &&
				target->file.type != DEBIAN_HARDLINK))
			return err_make(
				err, ERR_FLEET,
				"'/" STR_FMT "' of the package '" STR_FMT
				"' is a hard link to '/" STR_FMT
				"', which is not there before it",
				STR_ARG(file->path), STR_ARG(model->owner),
				STR_ARG(file->target));
	}
	put_node(model, file, false);
	*fresh = true;
	if (file->type == DEBIAN_DIR)
		return make_dir(model, file->path, err);
	if (file->type == DEBIAN_FILE)
		return 0;
	return make_link(model, file, err);
}

int model_create(const struct model *model, struct str path, struct error **err)
{
	auto_free char *name = str_dup(path);
	int fd = fs_open_beneath(model->root_fd, name,
				 O_WRONLY | O_CREAT | O_EXCL, 0600);

	if (fd < 0)
		err_sys(err, "cannot make '%s/%s'", model->root, name);
	return fd;
}

int model_add_bytes(struct model *model, struct str path, uint32_t mode,
		    struct str bytes, struct error **err)
{
	const struct debian_file *there = model_find(model, path);
	struct debian_file file = {
		.path = path,
		.target = STR_EMPTY,
		.type = DEBIAN_FILE,
		.mode = mode,
		.size_bytes = bytes.n,
	};

	if (there && map_get(&model->nodes, path) == NULL &&
	    there->type == DEBIAN_FILE && there->size_bytes == bytes.n) {
		auto_buf struct buf old = BUF_EMPTY;
		auto_close int fd = model_open(model, path, err);

		if (fd < 0 || fs_read_fd(fd, "file", bytes.n, &old, err))
			return -1;
		if (str_eq(buf_str(&old), bytes))
			return 0;
	}
	if (there && there->type != DEBIAN_FILE)
		return err_make(err, ERR_FLEET,
				"'/" STR_FMT "' is %s of a package, where "
				"slipway makes a file",
				STR_ARG(path), type_name(there->type));
	if (add_parents(model, path, err))
		return -1;
	put_node(model, &file, false);
	auto_free char *name = str_dup(path);

	unlinkat(model->root_fd, name, 0);
	auto_close int fd = model_create(model, path, err);

	if (fd < 0 || fs_write_all(fd, bytes, name, err))
		return -1;
	if (fchmod(fd, mode | 0400) < 0)
		return err_sys(err, "cannot set the mode of '%s'", name);
	return 0;
}

int model_add_link(struct model *model, struct str path, struct str target,
		   struct error **err)
{
	struct debian_file file = {
		.path = path,
		.target = target,
		.type = DEBIAN_SYMLINK,
		.mode = 0777,
	};
	bool fresh;

	if (model_find(model, path))
		return 0;
	return model_add(model, &file, &fresh, err);
}

int model_set_dir(struct model *model, struct str path, uint32_t mode,
		  uint32_t uid, uint32_t gid, struct error **err)
{
	const struct debian_file *there = model_find(model, path);
	struct debian_file file = {
		.path = path,
		.target = STR_EMPTY,
		.type = DEBIAN_DIR,
		.mode = mode,
		.uid = uid,
		.gid = gid,
	};

	if (there && there->type != DEBIAN_DIR)
		return err_make(err, ERR_FLEET,
				"'/" STR_FMT "' is %s of a package, where an "
				"image needs a folder",
				STR_ARG(path), type_name(there->type));
	if (there && there->mode == mode && there->uid == uid &&
	    there->gid == gid)
		return 0;
	if (add_parents(model, path, err) || make_dir(model, path, err))
		return -1;
	put_node(model, &file, false);
	return 0;
}

/* One step: the part's link is put before the rest. False: too long. */
static bool follow(struct buf *done, struct buf *rest,
		   const struct debian_file *link)
{
	auto_buf struct buf next = BUF_EMPTY;
	struct str folder = parent_of(link->path);

	buf_append(&next, link->target);
	buf_append_byte(&next, '/');
	buf_append(&next, buf_str(rest));
	buf_clear(rest);
	buf_append(rest, buf_str(&next));
	done->n = link->target.p[0] == '/' ? 0 : folder.n;
	return rest->n < 16384;
}

struct str model_resolve(const struct model *model, struct arena *arena,
			 struct str path)
{
	auto_buf struct buf done = BUF_EMPTY;
	auto_buf struct buf rest = BUF_EMPTY;
	unsigned links = 0;

	buf_append(&rest, path);
	while (rest.n) {
		struct str left = buf_str(&rest), part;
		size_t before = done.n;

		if (!str_split(&left, '/', &part))
			break;
		size_t eaten = rest.n - left.n;
		bool up = str_eq(part, STR(".."));

		if (up)
			done.n = parent_of(buf_str(&done)).n;
		else if (part.n && !str_eq(part, STR("."))) {
			if (done.n)
				buf_append_byte(&done, '/');
			buf_append(&done, part);
		}
		memmove(rest.p, rest.p + eaten, rest.n - eaten);
		rest.n -= eaten;
		if (up || done.n == before)
			continue;
		const struct debian_file *file =
			model_find(model, buf_str(&done));

		if (!file)
			return STR_EMPTY;
		if (file->type == DEBIAN_SYMLINK &&
		    (++links > MAX_LINKS || !follow(&done, &rest, file)))
			return STR_EMPTY;
	}
	return arena_str(arena, buf_str(&done));
}

int model_open(const struct model *model, struct str path, struct error **err)
{
	const struct debian_file *file = model_find(model, path);
	bool here = map_get(&model->nodes, path) != NULL;
	auto_free char *name = str_dup(path);

	if (!file ||
	    (file->type != DEBIAN_FILE && file->type != DEBIAN_HARDLINK)) {
		err_make(err, ERR_FLEET, "'/%s' is no file of the image", name);
		return -1;
	}
	const char *root = here ? model->root : debian_tree_root(model->below);
	auto_free char *whole = path_join(root, name);

	return fs_open(whole, O_RDONLY | O_NOFOLLOW, 0, err);
}

static int compare_strs(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* The name where path is directly in folder, else empty. */
static struct str child_name(struct str path, struct str folder)
{
	if (!str_eat(&path, folder) || !str_eat(&path, STR("/")) ||
	    str_find(path, '/') >= 0)
		return STR_EMPTY;
	return path;
}

static struct lock_strs in_arena(struct arena *arena, struct str *names,
				 size_t count)
{
	struct lock_strs list = {arena_new_array(arena, struct str, count),
				 count};

	for (size_t i = 0; i < count; i++)
		list.p[i] = names[i];
	return list;
}

struct lock_strs model_list(const struct model *model, struct arena *arena,
			    struct str folder)
{
	ARRAY(struct str) names = ARRAY_EMPTY;
	size_t below_count = 0;
	const struct debian_file *below =
		model->below ? debian_tree_files(model->below, &below_count)
			     : NULL;

	map_each (entry, &model->nodes) {
		struct str name = child_name(entry->key, folder);

		if (name.n)
			array_push(&names, name);
	}
	for (size_t i = 0; i < below_count; i++) {
		struct str name = child_name(below[i].path, folder);

		if (name.n && !map_has(&model->nodes, below[i].path))
			array_push(&names, name);
	}
	array_sort(&names, compare_strs);
	struct lock_strs list = in_arena(arena, names.p, names.n);

	array_release(&names);
	return list;
}

struct lock_strs model_paths(const struct model *model, struct arena *arena)
{
	ARRAY(struct str) paths = ARRAY_EMPTY;

	map_each (entry, &model->nodes)
		array_push(&paths, entry->key);
	array_sort(&paths, compare_strs);
	struct lock_strs list = in_arena(arena, paths.p, paths.n);

	array_release(&paths);
	return list;
}

static struct node *file_of(const struct model *model, struct node *node)
{
	while (node->file.type == DEBIAN_HARDLINK)
		node = map_get(&model->nodes, node->file.target);
	return node;
}

void model_sort_hard_links(struct model *model)
{
	map_each (entry, &model->nodes) {
		struct node *link = entry->value;

		if (link->file.type != DEBIAN_HARDLINK)
			continue;
		struct node *file = file_of(model, link);

		if (str_cmp(link->file.path, file->file.path) > 0)
			continue;
		link->file.type = DEBIAN_FILE;
		link->file.size_bytes = file->file.size_bytes;
		link->file.mode = file->file.mode;
		link->file.target = STR_EMPTY;
		file->file.type = DEBIAN_HARDLINK;
		file->file.size_bytes = 0;
		file->file.target = link->file.path;
	}
	map_each (entry, &model->nodes) {
		struct node *link = entry->value;

		if (link->file.type == DEBIAN_HARDLINK)
			link->file.target = file_of(model, link)->file.path;
	}
}
