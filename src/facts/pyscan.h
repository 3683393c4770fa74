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

struct buf;

/* How surely an import happens when the module is run, strongest first. An
 * import has the last level that applies to it. */
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
	struct str bound;  /* the name of the module that it binds, or "" */
	unsigned dots;	   /* leading dots of a from-import */
	enum pyscan_level level;
	bool only_main;	 /* in the body of `if __name__ == "__main__"` */
	bool by_call;	 /* importlib.import_module("x"), __import__("x") */
	bool never;	 /* in a branch that the target does not take, by
			  * sys.version_info, sys.platform or os.name */
	uint32_t line;	 /* of the statement or call, from 1 */
	uint32_t column; /* the same, in characters from 1 */
};

/* What an import may raise, and what a handler catches: a set. */
enum pyscan_error {
	PYSCAN_NOT_FOUND = 1,	 /* ModuleNotFoundError */
	PYSCAN_IMPORT_ERROR = 2, /* any other ImportError */
	PYSCAN_SYNTAX_ERROR = 4,
	PYSCAN_TYPE_ERROR = 8,
	PYSCAN_VALUE_ERROR = 16,
	PYSCAN_ATTRIBUTE_ERROR = 32,
	PYSCAN_OTHER_ERROR = 64, /* that `except Exception` catches */
	PYSCAN_EXIT = 128,	 /* that it does not */
};

/* What a start of the module does: its imports in order, and the statements
 * that decide which of them happen. `with suppress(X)` is a try whose handler
 * does nothing. */
enum pyscan_flow {
	PYSCAN_RUN, /* import number value */
	PYSCAN_TRY,
	PYSCAN_EXCEPT, /* a handler of the errors in value */
	PYSCAN_RAISE,  /* the end of a handler: one of the errors, or 0 for that
			* which was caught */
	PYSCAN_ELSE,
	PYSCAN_FINALLY,
	PYSCAN_END, /* of the try */
};

struct pyscan_step {
	enum pyscan_flow flow;
	uint32_t value;
};

enum pyscan_what {
	PYSCAN_IMPORT_CALL, /* import_module/__import__ of something computed */
	PYSCAN_EXEC,	    /* exec, eval of code, runpy, spec_from_file_... */
	PYSCAN_SYS_PATH,    /* an edit of sys.path that was not evaluated */
	PYSCAN_PACKAGE_PATH, /* an edit of __path__ */
};

struct pyscan_dynamic {
	enum pyscan_what what;
	enum pyscan_level level;
	bool only_main;
	bool never;	 /* as of an import */
	struct str text; /* the call or statement, cut to 120 bytes */
	uint32_t line, column;
};

/* What a folder of sys.path is relative to. */
enum pyscan_anchor {
	PYSCAN_BY_FILE,	   /* the folder that the file lies in, by __file__ */
	PYSCAN_BY_WORKDIR, /* the working folder */
	PYSCAN_BY_ROOT,	   /* nothing: folder begins with "/" */
};

/* A folder that the file adds to sys.path, known from `__file__` and
 * constants, without "." and empty parts, ".." only in front: "" is the
 * anchor itself, ".." its parent. */
struct pyscan_path {
	struct str folder;
	enum pyscan_anchor anchor;
	bool in_front; /* searched before what was there */
	enum pyscan_level level;
	bool only_main;
	bool never;
	uint32_t line, column;
};

/* A name that the module binds at its top level: by def, class, assignment
 * (also of tuples), import, for, with, match, walrus, or `global` in a
 * function; not what `del` or the end of an except clause takes away. */
struct pyscan_name {
	struct str name;
	uint32_t line; /* of the first; where an import binds it, that of the
			* import's statement */
	uint32_t plain_line; /* of the first that is no import, or 0 */
};

/* A string literal that looks like a path or module: at most 200 bytes, of
 * letters, digits and ._-/ with at least one of "./" inside. Literals in the
 * fields of an f-string are not among them. */
struct pyscan_literal {
	struct str text;
	uint32_t line;
};

struct pyscan {
	struct pyscan_import *imports; /* in source order */
	size_t import_count;
	struct pyscan_step *steps; /* without lazy, typing and `never` ones */
	size_t step_count;
	struct pyscan_dynamic *dynamics; /* so are these */
	size_t dynamic_count;
	struct pyscan_path *paths;
	size_t path_count;
	struct pyscan_name *names; /* sorted, each once */
	size_t name_count;
	struct str *deleted; /* what del takes away, in any order */
	size_t deleted_count;
	struct pyscan_literal *literals; /* in source order */
	size_t literal_count;
	struct str *all; /* the literals of __all__, in source order */
	size_t all_count;
	bool has_all;		/* it is set */
	bool is_all_open;	/* and has more than these */
	bool has_star_import;	/* names are not all known */
	bool has_getattr;	/* a module __getattr__ */
	bool has_dynamic_names; /* globals()[...], setattr on the module */
	struct str coding; /* of the coding line, lower case; "" is UTF-8 */
};

/* Scans one source. minor is the Python 3 version of the target (8 to 14).
 * What the result holds is in arena; nothing of source is kept. Never fails: a
 * source that is no Python gives what could be read. Linear in time. */
void pyscan(struct str source, unsigned minor, struct arena *arena,
	    struct pyscan *out);

/* Appends a scan as bytes, for a cache whose key has pyscan_version(). */
void pyscan_save(const struct pyscan *scan, struct buf *out);

/* The scan of saved bytes, which its texts borrow; the lists are in arena.
 * False where the bytes are no saved scan: then *out means nothing. */
bool pyscan_load(struct str saved, struct arena *arena, struct pyscan *out);

/* True where a source says its encoding, by a coding line or a byte order mark;
 * where none does it is UTF-8. */
bool pyscan_has_coding(struct str source);

/* Changes whenever the same source may give another result, or the saved form
 * another reading: for keys. */
const char *pyscan_version(void);

/* "hard", "guarded", "lazy", "typing"; static. */
const char *pyscan_level_text(enum pyscan_level level);

/* "import-call", "exec", "sys-path", "package-path"; static. */
const char *pyscan_what_text(enum pyscan_what what);
