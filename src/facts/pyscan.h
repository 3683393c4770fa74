/* pyscan: what a Python source says about imports, read by a scanner.
 *
 * Knows: Python's tokens from 3.8 to 3.14, statements as far as imports,
 * definitions and a few calls need them. Does not know: files, where a module
 * lies, whether the source compiles: that is for the target's own compiler
 * (parts/pyc.h), and what the scanner says of a source that does not compile
 * means nothing.
 *
 * Source: the Python language reference, "Lexical analysis" and "Simple
 * statements"; PEP 263 (coding lines), PEP 701 (f-strings since 3.12).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

/* How surely an import happens when the module is run, strongest first. */
enum pyscan_level {
	PYSCAN_HARD,	/* at import time */
	PYSCAN_GUARDED, /* a failure is swallowed */
	PYSCAN_LAZY,	/* in a function or lambda */
	PYSCAN_TYPING,	/* under TYPE_CHECKING */
};

struct pyscan_import {
	struct str module; /* dotted, as written; "" of `from . import x` */
	struct str name;   /* of a from-import: one per name, "*" for all;
			    * "" of a plain import */
	unsigned dots;	   /* leading dots of a from-import */
	enum pyscan_level level;
	bool only_main;	 /* in the body of `if __name__ == "__main__"` */
	bool by_call;	 /* importlib.import_module("x"), __import__("x") */
	uint32_t line;	 /* of the statement, from 1 */
	uint32_t column; /* of the statement, in characters from 1 */
};

enum pyscan_what {
	PYSCAN_IMPORT_CALL, /* import_module/__import__ of something computed */
	PYSCAN_EXEC,	    /* exec, eval of code, runpy, spec_from_file_... */
	PYSCAN_SYS_PATH, /* an edit of sys.path that could not be evaluated */
	PYSCAN_PACKAGE_PATH, /* an edit of __path__ */
};

struct pyscan_dynamic {
	enum pyscan_what what;
	enum pyscan_level level;
	bool only_main;
	struct str text; /* the call or statement, cut to 120 bytes */
	uint32_t line, column;
};

/* A folder that the file adds to sys.path: relative to the folder of the
 * file, from `__file__` and constants: "" is that folder, ".." its parent. */
struct pyscan_path {
	struct str folder;
	bool in_front;
	enum pyscan_level level;
	uint32_t line;
};

/* A name that the module binds at its top level: by def, class, assignment
 * (tuples and attributes' roots too), import, for, with, walrus, del undone. */
struct pyscan_name {
	struct str name;
	uint32_t line;
};

/* A string literal that looks like a path or module: at most 200 bytes, of
 * letters, digits and ._-/ with at least one of "./" inside. */
struct pyscan_literal {
	struct str text;
	uint32_t line;
};

struct pyscan {
	struct pyscan_import *imports; /* in source order */
	size_t import_count;
	struct pyscan_dynamic *dynamics;
	size_t dynamic_count;
	struct pyscan_path *paths;
	size_t path_count;
	struct pyscan_name *names; /* sorted, each once */
	size_t name_count;
	struct pyscan_literal *literals;
	size_t literal_count;
	bool has_star_import;	/* names are not all known */
	bool has_getattr;	/* a module __getattr__ */
	bool has_dynamic_names; /* globals()[...], setattr on the module */
	struct str coding;	/* of the coding line or BOM; "" is UTF-8 */
};

/* Scans one source. minor is the Python 3 version of the target (8 to 14).
 * What the result holds is in arena and borrows from source. Never fails: a
 * source that is no Python gives what could be read. Linear in time. */
void pyscan(struct str source, unsigned minor, struct arena *arena,
	    struct pyscan *out);

/* Changes whenever the same source may give another result: for keys. */
const char *pyscan_version(void);

/* "hard", "guarded", "lazy", "typing"; static. */
const char *pyscan_level_text(enum pyscan_level level);
const char *pyscan_what_text(enum pyscan_what what);
