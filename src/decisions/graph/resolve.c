#include "decisions/graph/walk.h"

static struct node *node_add(struct walk *walk, struct node node)
{
	struct node *made = arena_new(&walk->scratch, struct node);

	*made = node;
	made->from_file = GRAPH_NO_FILE;
	made->level = PYSCAN_TYPING;
	array_push(&walk->all, made);
	return made;
}

/* Makes a node what a search found; false where it found no file. */
static bool node_take(struct walk *walk, struct node *node,
		      const struct found *found)
{
	if (found->file == GRAPH_NO_FILE)
		return false;
	node->kind = NODE_FILE;
	node->file = found->file;
	node->hidden = found->hidden;
	node->is_package = found->is_package;
	if (found->is_package) {
		struct str *folder = arena_new(&walk->scratch, struct str);

		*folder = found->folder;
		node->folders = (struct folders){folder, 1};
		node->package = node->name;
	}
	return true;
}

static struct folders folders_concat(struct walk *walk, struct folders a,
				     struct folders b)
{
	struct folders both = {
		arena_new_array(&walk->scratch, struct str, a.n + b.n),
		a.n + b.n,
	};

	for (size_t i = 0; i < both.n; i++)
		both.p[i] = i < a.n ? a.p[i] : b.p[i - a.n];
	return both;
}

/* sys.path: folders in front, the standard library, what is installed, folders
 * behind; over all of it the first real module wins against mere folders. */
static void resolve_top(struct walk *walk, struct node *node)
{
	const struct graph_start *start = walk->start;
	struct found front, back;
	bool wins = false;

	node->kind = NODE_STDLIB;
	if (str_eq(node->name, STR("__main__")))
		return;
	bool is_stdlib =
		start->is_stdlib(start->stdlib_context, node->name, &wins);

	if (is_stdlib && wins)
		return;
	graph_tree_search(walk->tree, walk->front, start->extension_tag,
			  node->name, &walk->scratch, &front);
	if (node_take(walk, node, &front)) {
		node->uncertain = walk->front_is_lazy[front.place];
		return;
	}
	if (is_stdlib)
		return;
	node->kind = NODE_THIRD_PARTY;
	if (start->is_third_party &&
	    start->is_third_party(start->third_party_context, node->name))
		return;
	graph_tree_search(walk->tree, walk->back, start->extension_tag,
			  node->name, &walk->scratch, &back);
	if (node_take(walk, node, &back)) {
		node->uncertain = walk->back_is_lazy[back.place];
		return;
	}
	if (front.portions.n + back.portions.n == 0)
		return;
	node->kind = NODE_FOLDERS;
	node->is_open = true;
	node->folders = folders_concat(walk, front.portions, back.portions);
	node->package = node->name;
}

static bool edits_package_path(struct walk *walk, const struct node *node)
{
	struct graph_scan scan = walk_scan(walk, node->file);

	if (!scan.scan)
		return true;
	for (size_t i = 0; i < scan.scan->dynamic_count; i++)
		if (scan.scan->dynamics[i].what == PYSCAN_PACKAGE_PATH &&
		    !scan.scan->dynamics[i].never)
			return true;
	return false;
}

static void resolve_below(struct walk *walk, struct node *node)
{
	struct node *parent = node->parent;
	struct str last =
		str_slice(node->name, parent->name.n + 1, node->name.n);
	struct found found;

	node->kind = parent->kind;
	node->uncertain = parent->uncertain;
	node->is_below_folders = parent->is_below_folders;
	node->package = parent->name;
	if (parent->kind != NODE_FILE && parent->kind != NODE_FOLDERS)
		return;
	graph_tree_search(walk->tree, parent->folders,
			  walk->start->extension_tag, last, &walk->scratch,
			  &found);
	if (node_take(walk, node, &found))
		return;
	if (found.portions.n > 0) {
		node->kind = NODE_FOLDERS;
		node->is_open = parent->is_open;
		node->folders = found.portions;
		node->package = node->name;
	} else if (parent->is_open) {
		node->kind = NODE_THIRD_PARTY;
		node->is_below_folders = true;
	} else {
		node->kind = NODE_NOTHING;
		node->is_below_file =
			parent->kind == NODE_FILE && !parent->is_package;
		node->uncertain |= parent->kind == NODE_FILE &&
				   edits_package_path(walk, parent);
	}
}

/* One name whose parents are there. */
static struct node *resolve_one(struct walk *walk, struct str name,
				struct node *parent)
{
	struct node *node = map_get(&walk->nodes, name);

	if (node)
		return node;
	node = node_add(walk,
			(struct node){.name = arena_str(walk->arena, name),
				      .parent = parent,
				      .file = GRAPH_NO_FILE,
				      .hidden = GRAPH_NO_FILE});
	map_set(&walk->nodes, name, node);
	if (parent)
		resolve_below(walk, node);
	else
		resolve_top(walk, node);
	return node;
}

struct node *walk_resolve(struct walk *walk, struct str module)
{
	struct node *node = NULL;

	/* No file system has a longer one; keeps the prefixes' sum small. */
	if (module.n > GRAPH_MAX_MODULE_BYTES)
		module.n = GRAPH_MAX_MODULE_BYTES;
	for (size_t end = 0; end <= module.n; end++)
		if (end == module.n || module.p[end] == '.')
			node = resolve_one(walk, str_slice(module, 0, end),
					   node);
	return node;
}

struct node *walk_file_node(struct walk *walk, struct str name, size_t file)
{
	return node_add(walk, (struct node){.name = name,
					    .kind = NODE_FILE,
					    .file = file,
					    .hidden = GRAPH_NO_FILE});
}

bool walk_absolute(struct walk *walk, const struct node *node,
		   const struct pyscan_import *import, struct str *module)
{
	struct str base = node->package, tail = import->module;
	size_t dots = import->dots;

	while (import->by_call && str_eat(&tail, STR(".")))
		dots++;
	*module = tail;
	if (dots == 0)
		return true;
	for (size_t i = 1; i < dots && base.n > 0; i++) {
		ptrdiff_t dot = str_rfind(base, '.');

		base = str_slice(base, 0, dot < 0 ? 0 : (size_t)dot);
	}
	if (base.n == 0) {
		static const char many[] = "................";
		size_t shown = dots < 16 ? dots : 16;

		*module = arena_printf(walk->arena, "%.*s" STR_FMT, (int)shown,
				       many, STR_ARG(tail));
		return false;
	}
	*module =
		tail.n == 0 ? base : graph_name_below(walk->arena, base, tail);
	return true;
}
