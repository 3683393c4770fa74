/* Which files of the tree the source layer of a service holds. */
#include <stdlib.h>

#include "base/buf.h"
#include "work/check/check_private.h"

static bool is_glob(struct str pattern)
{
	return str_find(pattern, '*') >= 0 || str_find(pattern, '?') >= 0 ||
	       str_find(pattern, '[') >= 0;
}

static void mark(bool *marks, size_t file)
{
	if (marks)
		marks[file] = true;
}

bool check_matches(const struct source_tree *tree, struct str pattern,
		   bool *marks)
{
	bool any = false;

	while (str_ends(pattern, STR("/")))
		pattern.n--;
	if (is_glob(pattern)) {
		for (size_t i = 0; i < tree->n; i++)
			if (str_glob(pattern, tree->files[i].path)) {
				mark(marks, i);
				any = true;
			}
		return any;
	}
	for (size_t i = source_tree_below(tree, pattern); i < tree->n; i++) {
		struct str rest = tree->files[i].path;

		if (!str_eat(&rest, pattern))
			break;
		/* "a.py" lies between "a" and "a/b". */
		if (rest.n && rest.p[0] != '/')
			continue;
		mark(marks, i);
		any = true;
	}
	return any;
}

/* Files that a reached source names in a string: relative to the root, where
 * services run, or to the source itself. */
static void mark_literals(const struct source_tree *tree,
			  const struct graph_reached *reached, bool *marks)
{
	struct str path = tree->files[reached->file].path;
	ptrdiff_t slash = str_rfind(path, '/');

	for (size_t i = 0; reached->scan && i < reached->scan->literal_count;
	     i++) {
		struct str text = reached->scan->literals[i].text;
		auto_buf struct buf beside = BUF_EMPTY;
		const struct source_file *file;

		str_eat(&text, STR("/app/"));
		str_eat(&text, STR("./"));
		buf_append(&beside, str_slice(path, 0, (size_t)(slash + 1)));
		buf_append(&beside, text);
		file = source_tree_find(tree, text);
		if (!file)
			file = source_tree_find(tree, buf_str(&beside));
		/* Sources come by import, or are asked for. */
		if (file && !str_ends(file->path, STR(".py")))
			marks[file - tree->files] = true;
	}
}

void check_choose_files(struct check *check, struct check_instance *instance)
{
	const struct source_tree *tree = check->tree;
	const struct graph *graph = &instance->graph;
	const struct manifest_settings *settings =
		&instance->instance->settings;
	bool *marks = mem_zalloc(tree->n, sizeof *marks);

	for (size_t i = 0; i < graph->file_count; i++) {
		const struct graph_reached *reached = &graph->files[i];

		if (reached->level == PYSCAN_TYPING)
			continue;
		marks[reached->file] = true;
		mark_literals(tree, reached, marks);
	}
	for (size_t i = 0; i < settings->data.n; i++)
		check_matches(tree, settings->data.p[i].s, marks);
	for (size_t a = 0; a < settings->allow.n; a++)
		for (size_t i = 0; i < settings->allow.p[a].include.n; i++)
			check_matches(tree, settings->allow.p[a].include.p[i].s,
				      marks);
	instance->files = arena_new_array(&check->arena, size_t, tree->n);
	for (size_t i = 0; i < tree->n; i++)
		if (marks[i] && !tree->files[i].problem)
			instance->files[instance->file_count++] = i;
	free(marks);
}
