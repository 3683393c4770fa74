#include <stdlib.h>

#include "base/buf.h"
#include "decisions/graph/walk.h"

struct graph_tree {
	const struct str *paths;
	size_t n;
	struct map files;   /* path -> number + 1 */
	struct map folders; /* a set; the root is not in it */
};

struct str graph_folder_of(struct str path)
{
	ptrdiff_t slash = str_rfind(path, '/');

	return slash < 0 ? STR_EMPTY : str_slice(path, 0, (size_t)slash);
}

struct graph_tree *graph_tree_new(const struct str *paths, size_t count)
{
	struct graph_tree *tree = mem_alloc(sizeof *tree);

	*tree = (struct graph_tree){paths, count, MAP_EMPTY, MAP_EMPTY};
	for (size_t i = 0; i < count; i++) {
		struct str folder = graph_folder_of(paths[i]);

		map_set(&tree->files, paths[i], (void *)(uintptr_t)(i + 1));
		while (folder.n > 0 && map_add(&tree->folders, folder))
			folder = graph_folder_of(folder);
	}
	return tree;
}

void graph_tree_free(struct graph_tree *tree)
{
	if (!tree)
		return;
	map_release(&tree->files);
	map_release(&tree->folders);
	free(tree);
}

size_t graph_tree_find(const struct graph_tree *tree, struct str path)
{
	/* 0 - 1 is GRAPH_NO_FILE. */
	return (size_t)(uintptr_t)map_get(&tree->files, path) - 1;
}

size_t graph_tree_count(const struct graph_tree *tree)
{
	return tree->n;
}

struct str graph_tree_path(const struct graph_tree *tree, size_t file)
{
	return tree->paths[file];
}

bool graph_tree_has_folder(const struct graph_tree *tree, struct str folder)
{
	return folder.n == 0 || map_has(&tree->folders, folder);
}

/* The file STEM + SUFFIX, tried in the order of importlib's loaders. */
static size_t find_suffixed(const struct graph_tree *tree, struct str tag,
			    struct buf *stem)
{
	static const char *const suffixes[] = {".abi3.so", ".so", ".py"};
	size_t length = stem->n;

	if (tag.n > 0) {
		buf_append_byte(stem, '.');
		buf_append(stem, tag);
		buf_append_text(stem, ".so");
		size_t file = graph_tree_find(tree, buf_str(stem));

		stem->n = length;
		if (file != GRAPH_NO_FILE)
			return file;
	}
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		buf_append_text(stem, suffixes[i]);
		size_t file = graph_tree_find(tree, buf_str(stem));

		stem->n = length;
		if (file != GRAPH_NO_FILE)
			return file;
	}
	return GRAPH_NO_FILE;
}

/* One folder; true where it has the module. */
static bool search_folder(const struct graph_tree *tree, struct str tag,
			  struct buf *stem, struct arena *arena,
			  struct found *found)
{
	size_t length = stem->n;

	if (!map_has(&tree->folders, buf_str(stem))) {
		found->file = find_suffixed(tree, tag, stem);
		return found->file != GRAPH_NO_FILE;
	}
	buf_append_text(stem, "/__init__");
	size_t init = find_suffixed(tree, tag, stem);

	stem->n = length;
	found->file = find_suffixed(tree, tag, stem);
	if (init == GRAPH_NO_FILE)
		return found->file != GRAPH_NO_FILE;
	found->hidden = found->file;
	found->file = init;
	found->is_package = true;
	found->folder = arena_str(arena, buf_str(stem));
	return true;
}

void graph_tree_search(const struct graph_tree *tree, struct folders folders,
		       struct str tag, struct str name, struct arena *arena,
		       struct found *found)
{
	auto_buf struct buf stem = BUF_EMPTY;
	struct str *portions = NULL;

	*found = (struct found){.file = GRAPH_NO_FILE, .hidden = GRAPH_NO_FILE};
	if (name.n == 0 || str_find(name, '/') >= 0)
		return;
	for (size_t i = 0; i < folders.n; i++) {
		stem.n = 0;
		if (folders.p[i].n > 0) {
			buf_append(&stem, folders.p[i]);
			buf_append_byte(&stem, '/');
		}
		buf_append(&stem, name);
		found->place = i;
		if (search_folder(tree, tag, &stem, arena, found)) {
			found->portions = (struct folders){NULL, 0};
			return;
		}
		if (!map_has(&tree->folders, buf_str(&stem)))
			continue;
		if (!portions)
			portions =
				arena_new_array(arena, struct str, folders.n);
		portions[found->portions.n++] =
			arena_str(arena, buf_str(&stem));
		found->portions.p = portions;
	}
}

bool graph_path_join(struct arena *arena, struct str base, struct str tail,
		     struct str *path)
{
	auto_buf struct buf joined = BUF_EMPTY;
	struct str part;

	buf_append(&joined, base);
	while (str_split(&tail, '/', &part)) {
		if (part.n == 0 || str_eq(part, STR(".")))
			continue;
		if (str_eq(part, STR(".."))) {
			if (joined.n == 0)
				return false;
			joined.n = graph_folder_of(buf_str(&joined)).n;
			continue;
		}
		if (joined.n > 0)
			buf_append_byte(&joined, '/');
		buf_append(&joined, part);
	}
	*path = arena_str(arena, buf_str(&joined));
	return true;
}
