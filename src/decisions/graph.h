/* graph: which files and imports a start of a service reaches, and how surely.
 *
 * Knows: Python's search order, packages, namespace packages, relative and
 * star imports, levels, import cycles. Does not know: which distribution has a
 * third-party module (map.h), whether a file compiles (it is told), files.
 * Values in, values out.
 *
 * Source: the Python language reference, "The import system"; PEP 420
 * (namespace packages); tests/e2e/test_graph_random.py holds it to CPython on
 * random package trees.
 *
 * What is not followed exactly: a folder that a reached file adds to sys.path
 * counts for the whole walk, also for imports that ran before; of several that
 * are put in front, the last that the walk met is first. Whether an `if` is
 * taken is not known: its imports count, its names are bound. What else than an
 * import a `try` binds or raises is not known either. Modules of the standard
 * library and of distributions are taken to load, and to have every name.
 *
 * Of 5,000 random trees 8 differ: in 3 a module of the library or of a
 * distribution lacks a name; in 3 a sitecustomize imports what is found
 * elsewhere, or not at all, before the script's folder is on sys.path; in one
 * `import a.b.c as d` meets a name `b` of `a` that hides the module; in one a
 * folder without __init__ is asked for what lies in it after its package
 * failed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "facts/pyscan.h"

struct error;

#define GRAPH_NO_FILE SIZE_MAX

/* The files of the source tree with an index over them, made once for the
 * fleet. Walks only read it, so threads may share it. */
struct graph_tree;

/* paths: relative to the source root, '/' between parts, all files and not
 * only Python's; borrowed. Their numbers here are the file numbers below. */
struct graph_tree *graph_tree_new(const struct str *paths, size_t count);
void graph_tree_free(struct graph_tree *tree);

/* The number of the file with this path, or GRAPH_NO_FILE. */
size_t graph_tree_find(const struct graph_tree *tree, struct str path);

/* What a walk is told of a file. Where verdicts are not there yet, say that
 * all compile, compile what was reached, and walk again: a walk is cheap. */
struct graph_scan {
	const struct pyscan *scan; /* NULL: not readable as source */
	bool compiles;		   /* a file that does not has no edges */
	bool is_binary; /* an extension module: it may have any name */
};

/* Asked once per walk for each Python file that is reached. 0 or -1. */
typedef int graph_need(void *context, size_t file, struct graph_scan *out,
		       struct error **err);

/* A module or file that is reached beside the entry: what `allow` includes, or
 * the application that is an argument of `-m uvicorn`. */
struct graph_include {
	struct str module; /* dotted; "" where file says it */
	size_t file;
	enum pyscan_level level;
};

struct graph_start {
	struct str entry; /* path of a script (or of a folder with
			   * __main__.py), or the module of -m */
	bool is_module;
	unsigned minor;	    /* of the Python 3 */
	struct str root;    /* of the source in the image: "/app" */
	bool has_workdir;   /* the working folder lies in the source */
	struct str workdir; /* relative to the root: "" is the root */
	const struct str *python_path; /* folders relative to the root */
	size_t python_path_count;
	/* "cpython-311-x86_64-linux-gnu": for NAME.TAG.so; "": none. */
	struct str extension_tag;

	const struct graph_include *includes;
	size_t include_count;

	/* True where the target's standard library has this top-level module;
	 * *wins: it is builtin, frozen or loaded before the start, so that no
	 * file of the same name is looked at. */
	bool (*is_stdlib)(void *context, struct str module, bool *wins);
	void *stdlib_context;
	/* True where a distribution of the service has this top-level module
	 * with its own __init__: it wins over folders of the source that have
	 * none. NULL: nothing is known of distributions. */
	bool (*is_third_party)(void *context, struct str module);
	void *third_party_context;
	/* True where no distribution has this module, or (name is not "") this
	 * name of it. NULL: nothing is known. */
	bool (*is_missing)(void *context, struct str module, struct str name);
	void *missing_context;

	graph_need *need;
	void *need_context;
};

/* What it does to the start that an import fails, or that a file does not
 * compile, by the handlers around it and around who imports it. */
enum graph_effect {
	GRAPH_BY_LEVEL, /* not followed: hard ones end it */
	GRAPH_STOPS,
	GRAPH_MAY_STOP, /* that depends on what is uncertain */
	GRAPH_GOES_ON,	/* it is caught, or never comes to it */
};

struct graph_reached {
	size_t file;
	enum pyscan_level level; /* the strongest over all ways */
	/* Who imported it on such a way; GRAPH_NO_FILE: the start itself. */
	size_t from_file;
	uint32_t from_line;
	struct str module; /* as which it is loaded first; "__main__" */
	bool compiles;
	enum graph_effect effect; /* where it does not */
	const struct pyscan *scan;
};

enum graph_owner {
	GRAPH_FIRST_PARTY,
	GRAPH_STDLIB,
	GRAPH_THIRD_PARTY,
	GRAPH_NOTHING, /* a module of a first-party package that no file is */
};

/* What is wrong with an import, as far as first-party files say. */
enum graph_problem {
	GRAPH_FINE,
	GRAPH_NO_MODULE,   /* owner is GRAPH_NOTHING */
	GRAPH_NOT_PACKAGE, /* "a.b" where a is a file: owner GRAPH_NOTHING */
	GRAPH_NO_PARENT,   /* a relative import outside of, or beyond, a
			    * package: owner GRAPH_NOTHING */
	GRAPH_NO_NAME,	   /* `from a import x`, and a has no x */
	GRAPH_CIRCULAR,	   /* a is still being loaded and binds x later */
};

struct graph_import {
	struct str module;	 /* dotted, absolute; with the leading dots as
				  * written where the problem is GRAPH_NO_PARENT */
	struct str name;	 /* of a from-import, "*", or "" */
	enum pyscan_level level; /* the weakest step from the start */
	enum pyscan_level own_level; /* in its file alone */
	enum graph_owner owner;
	enum graph_problem problem;
	enum graph_effect effect;
	/* The problem may not be one: __getattr__, a star import of unknown
	 * names, globals(), an edit of __path__, an order of imports that
	 * depends on a guarded one. */
	bool uncertain; /* with GRAPH_FINE: found only in a folder that a
			 * function adds to sys.path */
	/* GRAPH_THIRD_PARTY, and folders of the source without __init__.py
	 * have this name too: they are the module where no distribution has
	 * it, and `is_missing_below` says that the part below is not there. */
	bool is_namespace, is_missing_below;
	bool is_implied; /* by __all__ of the module, with `import *` */
	bool by_call;
	size_t target; /* first-party file that it loads last, or none */
	size_t file;   /* GRAPH_NO_FILE: the start itself (of -m) */
	uint32_t line, column;
};

struct graph_dynamic {
	const struct pyscan_dynamic *dynamic;
	enum pyscan_level level; /* the weakest step from the start */
	size_t file;
};

/* A reached first-party module that has the name of another. */
struct graph_shadow {
	size_t file;
	struct str module;	/* "queue" */
	enum graph_owner owner; /* whose it hides: the standard library, a
				 * distribution, or (FIRST_PARTY) a file beside
				 * the package, which is `hidden` */
	size_t hidden;
};

struct graph {
	size_t entry_file; /* GRAPH_NO_FILE: there is none, or `-m` runs a
			    * module that is not first-party */
	enum graph_problem entry_problem; /* FINE, or NO_MODULE: no such file,
					   * no module, no __main__.py */
	struct graph_reached *files;	  /* sorted by file */
	size_t file_count;
	/* By file, then in source order; without those of branches that the
	 * target does not take. */
	struct graph_import *imports;
	size_t import_count;
	struct graph_dynamic *dynamics; /* by file, then in source order */
	size_t dynamic_count;
	struct graph_shadow *shadows; /* by file */
	size_t shadow_count;
	/* Folders that were searched, relative to the root, in order; those of
	 * sys.path edits among them. */
	struct str *searched;
	size_t searched_count;
};

/* Walks from a start. The result lives in arena and borrows from the tree, the
 * start and the scans. -1 only where need() failed. */
int graph_walk(const struct graph_tree *tree, const struct graph_start *start,
	       struct arena *arena, struct graph *out, struct error **err);

/* What graph_walk found of a file, or NULL where it is not reached. */
const struct graph_reached *graph_file(const struct graph *graph, size_t file);

/* "first-party", "stdlib", "third-party", "nothing"; static. */
const char *graph_owner_text(enum graph_owner owner);
