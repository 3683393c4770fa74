/* walk: what one walk over the modules of a start keeps; private to graph.
 *
 * A node is a module name of the process, as in sys.modules: one file may have
 * several (the script as "__main__" and by its name). graph/tree.c looks names
 * up, graph/resolve.c makes nodes, graph/begin.c reaches the
 * first of them, graph/names.c knows what a module binds, graph/order.c runs
 * the imports of a start in their order and graph/live.c knows what a module
 * has meanwhile, graph/result.c makes the result.
 */
#pragma once

#include "base/array.h"
#include "base/map.h"
#include "decisions/graph.h"

enum { GRAPH_MAX_MODULE_BYTES = 512, GRAPH_MAX_EDITS = 64 };

struct folders {
	struct str *p;
	size_t n;
};

/* What a search of folders for one name gives. */
struct found {
	size_t file;   /* GRAPH_NO_FILE: no module, maybe portions */
	size_t hidden; /* the file beside a package that it hides */
	size_t place;  /* of the folder among those searched */
	bool is_package;
	struct str folder;	 /* of a package */
	struct folders portions; /* folders without __init__, where no file */
};

/* Searches folders for a name with no dot, as FileFinder and PEP 420 do. What
 * is found lives in arena. */
void graph_tree_search(const struct graph_tree *tree, struct folders folders,
		       struct str extension_tag, struct str name,
		       struct arena *arena, struct found *found);

/* True where a file lies in this folder or below it. */
bool graph_tree_has_folder(const struct graph_tree *tree, struct str folder);

size_t graph_tree_count(const struct graph_tree *tree);
struct str graph_tree_path(const struct graph_tree *tree, size_t file);

/* The folder of a path: "" is the root. */
struct str graph_folder_of(struct str path);

/* base/tail with "." and ".." taken out. False where that leaves the root. */
bool graph_path_join(struct arena *arena, struct str base, struct str tail,
		     struct str *path);

/* "module.name", and a NUL behind it. */
struct str graph_name_below(struct arena *arena, struct str module,
			    struct str name);

enum node_kind {
	NODE_FILE,    /* a first-party file */
	NODE_FOLDERS, /* first-party folders without __init__ */
	NODE_STDLIB,
	NODE_THIRD_PARTY,
	NODE_NOTHING,
};

enum node_state { NODE_NEW, NODE_RUNNING, NODE_DONE };

struct edge;

struct node {
	struct str name; /* in the result's arena */
	struct node *parent;
	enum node_kind kind;
	bool is_main, is_package;
	bool is_open;	       /* folders that distributions may share */
	bool is_below_folders; /* third-party: below such folders */
	bool is_below_file;    /* nothing: the parent is no package */
	bool uncertain;	       /* found, or not, by what is not known */
	size_t file, hidden;
	struct folders folders; /* its __path__ */
	struct str package;	/* of its relative imports */

	bool is_reached;
	enum pyscan_level level;
	size_t from_file;
	uint32_t from_line;
	struct graph_scan scan;
	struct edge *edges; /* one per import of the scan */
	size_t edge_count;

	uint64_t query; /* of graph/names.c and live.c: the last that came */

	/* of graph/order.c */
	enum node_state state;
	const struct edge *running; /* the import that is under way */
	size_t life;		    /* how often it was begun */
	size_t attribute_of; /* that life of its parent, plus 1, which has it
			      * as an attribute; 0: none */
	uint64_t attribute_at;
	bool ran[2], stops[2];
};

/* An import of a node. */
struct edge {
	const struct pyscan_import *import; /* NULL: it does not count here */
	struct str module;		    /* absolute, or as written */
	struct node *target;
	struct node *sub; /* `from target import sub`, where it is a module */
	bool loads_sub;
	enum graph_problem problem;
	bool uncertain;
	/* `from target import NAME`, one for each of target's __all__ */
	struct edge *implied;
	size_t implied_count;
	bool is_implied;

	/* of graph/order.c, by its two runs */
	bool ran[2], fails[2], stops[2];
	bool is_circular;
	bool is_done;	 /* in this life of its module */
	uint32_t before; /* a star: what target bound above this line */
	uint64_t moment; /* at which it was done */
};

/* What the order of imports showed of one of them; kept from round to round. */
struct late {
	bool loads_sub[2];
};

/* A folder that a reached file adds to sys.path. */
struct edit {
	struct str folder;
	bool in_front, is_lazy;
};

struct walk {
	const struct graph_tree *tree;
	const struct graph_start *start;
	struct arena *arena;	  /* of the result */
	struct arena scratch;	  /* of this walk */
	struct graph_scan *scans; /* by file */
	bool *is_asked;		  /* by file */
	struct error *error;	  /* of need() */
	bool has_failed;

	struct map late; /* place, module, name -> struct late */
	struct {
		struct edit *p;
		size_t n, capacity;
	} edits;

	/* of a round */
	bool has_changed;
	bool is_cut; /* the order was too long to follow */
	uint64_t query;
	uint64_t moment;	    /* of the order */
	struct folders front, back; /* of sys.path around the installed ones */
	bool *front_is_lazy, *back_is_lazy;
	struct map nodes; /* by name */
	struct node *main;
	struct {
		struct node **p;
		size_t n, capacity;
	} all; /* in the order they were made */
	struct {
		struct node **p;
		size_t n, capacity;
	} waiting[PYSCAN_TYPING + 1];
	struct node *site;	/* sitecustomize, or NULL */
	struct edge start_edge; /* of -m, where it is not first-party */
	enum graph_problem entry_problem;
};

/* The node of an absolute name; never NULL. */
struct node *walk_resolve(struct walk *walk, struct str module);

/* A node that no name leads to: the script, or a file of `allow`. */
struct node *walk_file_node(struct walk *walk, struct str name, size_t file);

/* The absolute name of an import of a node; false where a relative one has no
 * package (*module is then as written). */
bool walk_absolute(struct walk *walk, const struct node *node,
		   const struct pyscan_import *import, struct str *module);

/* What is known of a file, asked once; where need() failed, nothing is. */
struct graph_scan walk_scan(struct walk *walk, size_t file);

struct late *walk_late(struct walk *walk, const struct node *node,
		       const struct edge *edge);

/* Whether `from module import *` gives a name, by __all__ or the underscore;
 * what the module has is another question. before: it has come to this line. */
bool star_gives(const struct pyscan *scan, struct str name, uint32_t before);
bool star_has_all(const struct pyscan *scan, uint32_t before);
bool name_is_given(struct str name);

/* The entry of a scan for a name that the module binds, or NULL. */
const struct pyscan_name *scan_name(const struct pyscan *scan, struct str name);

/* The line above which a module has come; UINT32_MAX: it is through. */
uint32_t live_line(const struct node *node);

/* Whether a module has an attribute at this moment of the order. steps is what
 * is left to be looked at. */
enum binding {
	BINDING_NONE,
	BINDING_UNKNOWN, /* it may have it: __getattr__, unknown stars */
	BINDING_WEAK,	 /* by an import that need not have happened */
	BINDING_SURE,
};
enum binding live_has(struct walk *walk, struct node *node, struct str name,
		      size_t *steps);

/* Whether a module has an attribute once it has run. before: only what it binds
 * above this line; UINT32_MAX: all. */
enum binding walk_binds(struct walk *walk, struct node *node, struct str name,
			uint32_t before);

/* Reaches a node from another (NULL: from the start) at a level, where that is
 * stronger than what it has; _chain: and before it its packages. */
void walk_reach(struct walk *walk, struct node *node, enum pyscan_level level,
		const struct node *from, uint32_t line);
void walk_reach_chain(struct walk *walk, struct node *node,
		      enum pyscan_level level, const struct node *from,
		      uint32_t line);

/* Reaches what the start names. */
void walk_begin(struct walk *walk);

/* Runs the imports of the start in their order, and says which end it. Sets
 * has_changed where that reaches more. */
void walk_order(struct walk *walk);

/* Fills *out from the walk's last round. */
void walk_result(struct walk *walk, struct graph *out);

static inline enum pyscan_level level_weaker(enum pyscan_level a,
					     enum pyscan_level b)
{
	return a > b ? a : b;
}
