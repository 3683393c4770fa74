/* graph_walk: walks source trees that never were on a disk, and judges them, so
 * that tests/e2e/test_graph_random.py can compare with CPython.
 *
 * Reads from stdin one JSON object a line, answers with one each:
 *
 *   {"files": {PATH: SOURCE}, "broken": [PATH that does not compile],
 *    "minor": 11, "entry": "main.py", "module": false, "workdir": "" or null,
 *    "pythonpath": [""], "installed": [dotted MODULE of a distribution],
 *    "regular": [top-level ones with an __init__]}
 *
 *   {"status": "ok", "files": {PATH: LEVEL},
 *    "diagnostics": [[LEVEL, CODE, FILE, LINE, MESSAGE]]}
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "codec/json.h"
#include "decisions/verdict.h"
#include "work/check/check_private.h"

struct tree {
	struct arena arena;
	const json_t *asked;
	struct str *paths;
	struct pyscan *scans;
	bool *broken;
	size_t n;
	struct map stdlib;
	struct verdict_file_problem problem;
};

static bool has(const json_t *list, struct str text)
{
	size_t i;
	json_t *item;

	json_array_foreach ((json_t *)(uintptr_t)list, i, item)
		if (str_eq(json_str(item), text))
			return true;
	return false;
}

static bool is_third_party(void *context, struct str module)
{
	const struct tree *tree = context;

	return has(json_get_array(tree->asked, "regular"), module);
}

static bool is_missing(void *context, struct str module, struct str name)
{
	struct tree *tree = context;

	if (name.n > 0)
		module = arena_printf(&tree->arena, STR_FMT "." STR_FMT,
				      STR_ARG(module), STR_ARG(name));
	return !has(json_get_array(tree->asked, "installed"), module);
}

static int need(void *context, size_t file, struct graph_scan *out,
		struct error **err)
{
	const struct tree *tree = context;

	(void)err;
	*out = (struct graph_scan){
		.scan = &tree->scans[file],
		.compiles = !tree->broken[file],
	};
	return 0;
}

static const struct verdict_file_problem *problem(void *context, size_t file)
{
	const struct tree *tree = context;

	return tree->broken[file] ? &tree->problem : NULL;
}

static void read_files(struct tree *tree, unsigned minor)
{
	json_t *files = json_get_object(tree->asked, "files"), *source;
	const json_t *broken = json_get_array(tree->asked, "broken");
	size_t n = json_object_size(files);
	const char *path;

	tree->paths = arena_new_array(&tree->arena, struct str, n);
	tree->scans = arena_new_array(&tree->arena, struct pyscan, n);
	tree->broken = arena_new_array(&tree->arena, bool, n);
	json_object_foreach (files, path, source) {
		tree->paths[tree->n] = str_from(path);
		tree->broken[tree->n] = has(broken, str_from(path));
		pyscan(json_str(source), minor, &tree->arena,
		       &tree->scans[tree->n++]);
	}
}

static void walk(struct tree *tree, unsigned minor, struct graph *graph)
{
	struct graph_tree *files = graph_tree_new(tree->paths, tree->n);
	json_t *path = json_get_array(tree->asked, "pythonpath");
	struct str *folders = arena_new_array(&tree->arena, struct str,
					      json_array_size(path));
	struct graph_start start = {
		.root = STR("/app"),
		.minor = minor,
		.python_path = folders,
		.python_path_count = json_array_size(path),
		.extension_tag =
			arena_printf(&tree->arena, "cpython-3%u-x", minor),
		.is_stdlib = check_is_stdlib,
		.stdlib_context = &tree->stdlib,
		.is_third_party = is_third_party,
		.third_party_context = tree,
		.is_missing = is_missing,
		.missing_context = tree,
		.need = need,
		.need_context = tree,
	};

	for (size_t i = 0; i < start.python_path_count; i++)
		folders[i] = json_str(json_array_get(path, i));
	json_get_str(tree->asked, "entry", &start.entry);
	json_get_bool(tree->asked, "module", &start.is_module);
	start.has_workdir =
		json_get_str(tree->asked, "workdir", &start.workdir);
	if (graph_walk(files, &start, &tree->arena, graph, NULL) != 0)
		exit(1);
	graph_tree_free(files);
}

/* As the lists of files of the wheels would say. */
static bool is_owned(struct tree *tree, const struct graph_import *import)
{
	return !is_missing(tree, import->module,
			   import->is_missing_below ? import->name : STR_EMPTY);
}

static void judge(struct tree *tree, const struct graph *graph,
		  struct verdict *verdict)
{
	struct mapping_result *owners = arena_new_array(
		&tree->arena, struct mapping_result, graph->import_count);
	struct verdict_input input = {
		.graph = graph,
		.paths = tree->paths,
		.python = STR("3"),
		.problem = problem,
		.problem_context = tree,
		.owners = owners,
	};

	json_get_str(tree->asked, "entry", &input.entry);
	json_get_bool(tree->asked, "module", &input.is_module);
	for (size_t i = 0; i < graph->import_count; i++)
		if (is_owned(tree, &graph->imports[i]))
			owners[i].how = MAPPING_OWNED;
	tree->problem = (struct verdict_file_problem){
		.code = STR("syntax"), .message = STR("broken"), .line = 1};
	verdict_make(&input, &tree->arena, verdict);
}

static void answer(const struct tree *tree, const struct graph *graph,
		   const struct verdict *verdict)
{
	auto_json json_t *out = json_object();
	json_t *files = json_object(), *said = json_array();
	auto_buf struct buf text = BUF_EMPTY;

	for (size_t i = 0; i < graph->file_count; i++)
		json_object_set_new(
			files, tree->paths[graph->files[i].file].p,
			json_string(pyscan_level_text(graph->files[i].level)));
	for (size_t i = 0; i < verdict->diagnostics.n; i++) {
		const struct diagnostic *one = &verdict->diagnostics.p[i];
		json_t *row = json_array();

		json_array_append_new(
			row, json_string(diagnostic_level_text(one->level)));
		json_array_append_new(row, json_new_str(one->code));
		json_array_append_new(row, json_new_str(one->file));
		json_array_append_new(row, json_integer(one->line));
		json_array_append_new(row, json_new_str(one->message));
		json_array_append_new(said, row);
	}
	json_object_set_new(out, "status",
			    json_string(verdict_status_text(verdict->status)));
	json_object_set_new(out, "files", files);
	json_object_set_new(out, "diagnostics", said);
	json_append_canonical(&text, out);
	puts(buf_text(&text));
}

static void one_tree(struct str line)
{
	auto_json json_t *asked = json_parse(line, SIZE_MAX, NULL);
	struct tree tree = {.asked = asked, .stdlib = MAP_EMPTY};
	struct graph graph;
	struct verdict verdict;
	uint64_t minor;

	if (!asked || !json_get_u64(asked, "minor", &minor))
		exit(2);
	check_read_stdlib(&tree.stdlib, (unsigned)minor);
	read_files(&tree, (unsigned)minor);
	walk(&tree, (unsigned)minor, &graph);
	judge(&tree, &graph, &verdict);
	answer(&tree, &graph, &verdict);
	map_release(&tree.stdlib);
	arena_release(&tree.arena);
}

int main(void)
{
	char *line = NULL;
	size_t capacity = 0;
	ssize_t n;

	while ((n = getline(&line, &capacity, stdin)) > 0)
		one_tree(str_of(line, (size_t)n));
	free(line);
	return 0;
}
