/* The one layer on top of an image's own. */
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "parts/base/internal.h"
#include "parts/layer.h"

/* Changes with what this makes of the same base. */
#define SKELETON_VERSION "base-skeleton-1"

enum { MAX_USERS = 4 << 20, APP_ID = 10001 };

int base_add_folder(const struct base_tree *tree, const char *path,
		    struct layer *layer, struct error **err)
{
	auto_free char *full = path_join(tree->root, path);
	struct stat info;
	uint32_t mode =
		lstat(full, &info) == 0 ? (uint32_t)info.st_mode & 0777 : 0755;

	return layer_add_dir(layer, str_from(path), mode, err);
}

/* True where a line's first field is name, or its third the number. */
static bool has_user(struct str text, struct str name, bool by_number)
{
	struct str line, field = STR_EMPTY;

	while (str_line(&text, &line)) {
		for (int i = 0; i < (by_number ? 3 : 1); i++)
			if (!str_split(&line, ':', &field))
				field = STR_EMPTY;
		if (str_eq(field, name))
			return true;
	}
	return false;
}

/* A file of users or groups with one line more. */
static int add_user(const struct base_tree *tree, const char *path,
		    const char *rest, struct layer *layer, struct error **err)
{
	auto_free char *full = path_join(tree->root, path);
	auto_buf struct buf text = BUF_EMPTY;

	if (fs_exists(full) && fs_read(full, MAX_USERS, &text, err))
		return -1;
	if (has_user(buf_str(&text), STR("10001"), true))
		return 0;
	if (text.n && text.p[text.n - 1] != '\n')
		buf_append_byte(&text, '\n');
	buf_printf(&text, "%s:x:%d:%s\n",
		   has_user(buf_str(&text), STR("app"), false) ? "app10001"
							       : "app",
		   (int)APP_ID, rest);
	struct tar_entry entry = {
		.path = str_from(path),
		.type = TAR_FILE,
		.mode = 0644,
		.size_bytes = text.n,
	};

	return layer_add(layer, &entry, buf_str(&text), err);
}

static int add_link(struct layer *layer, const char *path, struct str target,
		    struct error **err)
{
	struct tar_entry entry = {
		.path = str_from(path),
		.target = target,
		.type = TAR_SYMLINK,
		.mode = 0777,
	};

	return layer_add(layer, &entry, STR_EMPTY, err);
}

/* "python3.10" of "3.10.13". */
static struct str versioned_name(const struct lock_base *base,
				 struct arena *arena)
{
	ptrdiff_t dot = str_rfind(base->python, '.');

	return arena_printf(
		arena, "python" STR_FMT,
		STR_ARG(str_slice(base->python, 0, dot < 0 ? 0 : (size_t)dot)));
}

static int add_venv(const struct lock_base *base, struct layer *layer,
		    struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_buf struct buf config = BUF_EMPTY;
	struct str name = versioned_name(base, &arena);
	struct str home = str_slice(base->interpreter, 0,
				    (size_t)str_rfind(base->interpreter, '/'));
	struct str program = arena_printf(&arena, "opt/venv/bin/%s", name.p);
	struct str packages =
		arena_printf(&arena, "opt/venv/lib/%s/site-packages", name.p);

	buf_printf(&config,
		   "home = " STR_FMT "\n"
		   "include-system-site-packages = false\n"
		   "version = " STR_FMT "\n"
		   "executable = " STR_FMT "\n",
		   STR_ARG(home), STR_ARG(base->python),
		   STR_ARG(base->interpreter));
	struct tar_entry entry = {
		.path = STR("opt/venv/pyvenv.cfg"),
		.type = TAR_FILE,
		.mode = 0644,
		.size_bytes = config.n,
	};

	return layer_add(layer, &entry, buf_str(&config), err) ||
			       add_link(layer, program.p, base->interpreter,
					err) ||
			       add_link(layer, "opt/venv/bin/python3", name,
					err) ||
			       add_link(layer, "opt/venv/bin/python", name,
					err) ||
			       add_link(layer, "opt/venv/lib64", STR("lib"),
					err) ||
			       layer_add_dir(layer, packages, 0755, err)
		       ? -1
		       : 0;
}

int base_tree_add_to_layer(const struct base_tree *tree,
			   const struct lock_base *base, struct layer *layer,
			   pyc_function *pyc, void *context, struct error **err)
{
	struct tar_entry home = {
		.path = STR("home/app"),
		.type = TAR_DIR,
		.mode = 0755,
		.uid = APP_ID,
		.gid = APP_ID,
	};

	return base_add_folder(tree, "etc", layer, err) ||
			       add_user(tree, "etc/group", "", layer, err) ||
			       add_user(tree, "etc/passwd",
					"10001:app:/home/app:/bin/sh", layer,
					err) ||
			       base_add_folder(tree, "home", layer, err) ||
			       layer_add(layer, &home, STR_EMPTY, err) ||
			       base_add_folder(tree, "opt", layer, err) ||
			       add_venv(base, layer, err) ||
			       (pyc && base_add_library(tree, base, layer, pyc,
							context, err))
		       ? -1
		       : 0;
}

struct digest base_layer_key(const struct lock_base *base)
{
	auto_buf struct buf key = BUF_EMPTY;

	key_add(&key, STR(SKELETON_VERSION));
	for (size_t i = 0; i < base->layer_count; i++)
		key_add(&key,
			str_from(digest_text(&base->layers[i].diff_id).p));
	key_add(&key, base->interpreter);
	key_add(&key, base->python);
	return digest_of(buf_str(&key));
}
