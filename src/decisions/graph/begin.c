#include "base/buf.h"
#include "decisions/graph/walk.h"

static void begin_script(struct walk *walk)
{
	struct str entry = walk->start->entry, inner;
	size_t file = graph_tree_find(walk->tree, entry);

	if (file == GRAPH_NO_FILE &&
	    graph_path_join(&walk->scratch, entry, STR("__main__.py"), &inner))
		file = graph_tree_find(walk->tree, inner);
	if (file == GRAPH_NO_FILE) {
		walk->entry_problem = GRAPH_NO_MODULE;
		return;
	}
	walk->main = walk_file_node(walk, STR("__main__"), file);
	map_set(&walk->nodes, STR("__main__"), walk->main);
}

/* runpy: the packages are imported, the module runs as __main__; of a package
 * its __main__. */
static void begin_module(struct walk *walk)
{
	struct str entry = walk->start->entry;
	struct node *node = walk_resolve(walk, entry);
	enum node_kind kind = node->kind;

	if ((kind == NODE_FILE && node->is_package) || kind == NODE_FOLDERS) {
		node = walk_resolve(walk,
				    graph_name_below(&walk->scratch, entry,
						     STR("__main__")));
		kind = node->kind;
	}
	if (kind == NODE_FILE) {
		struct node *parent = node->parent;

		walk_reach_chain(walk, parent, PYSCAN_HARD, NULL, 0);
		walk->main = walk_file_node(walk, STR("__main__"), node->file);
		map_set(&walk->nodes, STR("__main__"), walk->main);
		walk->main->parent = parent;
		walk->main->package = parent ? parent->name : STR_EMPTY;
		return;
	}
	walk_reach_chain(walk, node->parent, PYSCAN_HARD, NULL, 0);
	walk->entry_problem =
		kind == NODE_NOTHING ? GRAPH_NO_MODULE : GRAPH_FINE;
	walk->start_edge = (struct edge){.module = node->name,
					 .target = node,
					 .problem = walk->entry_problem};
}

/* site imports sitecustomize before the script's folder is on sys.path. */
static void begin_site(struct walk *walk)
{
	const struct graph_start *start = walk->start;
	struct str *path = arena_new_array(&walk->scratch, struct str,
					   start->python_path_count);
	struct found found;

	for (size_t i = 0; i < start->python_path_count; i++)
		path[i] = start->python_path[i];
	graph_tree_search(walk->tree,
			  (struct folders){path, start->python_path_count},
			  start->extension_tag, STR("sitecustomize"),
			  &walk->scratch, &found);
	if (found.file == GRAPH_NO_FILE)
		return;
	walk->site = walk_file_node(walk, STR("sitecustomize"), found.file);
	map_set(&walk->nodes, STR("sitecustomize"), walk->site);
	walk_reach(walk, walk->site, PYSCAN_GUARDED, NULL, 0);
}

/* The name by which the search path leads to a file. */
static struct node *node_of_file(struct walk *walk, size_t file)
{
	auto_buf struct buf name = BUF_EMPTY;
	struct str path = graph_tree_path(walk->tree, file), stem = path;

	if (str_ends(stem, STR(".py")))
		stem.n -= 3;
	if (str_ends(stem, STR("/__init__")))
		stem.n -= 9;
	for (size_t i = 0; i < walk->front.n + walk->back.n; i++) {
		struct str rest = stem, part;
		struct str folder = i < walk->front.n
					    ? walk->front.p[i]
					    : walk->back.p[i - walk->front.n];

		if (folder.n > 0 &&
		    !(str_eat(&rest, folder) && str_eat(&rest, STR("/"))))
			continue;
		if (str_find(rest, '.') >= 0)
			continue;
		name.n = 0;
		while (str_split(&rest, '/', &part)) {
			buf_append_text(&name, name.n > 0 ? "." : "");
			buf_append(&name, part);
		}
		struct node *node = walk_resolve(walk, buf_str(&name));

		if (node->kind == NODE_FILE && node->file == file)
			return node;
	}
	return walk_file_node(walk, path, file);
}

static void begin_includes(struct walk *walk)
{
	for (size_t i = 0; i < walk->start->include_count; i++) {
		const struct graph_include *include = &walk->start->includes[i];
		struct node *node =
			include->module.n > 0
				? walk_resolve(walk, include->module)
				: node_of_file(walk, include->file);

		walk_reach_chain(walk, node, include->level, NULL, 0);
	}
}

void walk_begin(struct walk *walk)
{
	begin_site(walk);
	if (walk->start->is_module)
		begin_module(walk);
	else
		begin_script(walk);
	if (walk->main) {
		walk->main->is_main = true;
		walk_reach(walk, walk->main, PYSCAN_HARD, NULL, 0);
	}
	begin_includes(walk);
}
