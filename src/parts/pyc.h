/* pyc: compiles Python sources with the target's own CPython.
 *
 * Knows: how to start an interpreter out of an unpacked root without root
 * rights and without a sandbox, long-lived workers of it, complete .pyc bytes
 * that depend on the source, its path and the Python version alone. Does not
 * know: where sources come from, which of them matter, caches.
 *
 * Compiling runs none of the code that is compiled. A file that hangs, crashes
 * or starves the compiler costs its worker, which is replaced, and is a problem
 * of that file alone.
 *
 * CPython's marshal output depends on reference counts, thus on what a process
 * did before. The stream is therefore rewritten (pyc/marshal.h): the same bytes
 * in any order, process and number of workers, and on x86-64 as on aarch64. (A
 * constant power of floats may differ in its last digit on x86-64 processors
 * without fused multiply-add, those before 2013.)
 *
 * Source: PEP 552 (hash-based .pyc); CPython's
 * Lib/importlib/_bootstrap_external for the layout:
 *
 *   pyc = magic(4) flags(u32, little endian) source_hash(8) marshalled code
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/str.h"

struct error;
struct pyc_pool;

struct pyc_options {
	const char *root;   /* unpacked root folder that has the interpreter; of
			     * the host's architecture, whatever the image's:
			     * bytecode does not depend on it */
	const char *python; /* in-root path "/usr/local/bin/python3.10"; NULL:
			     * looked for by version */
	unsigned minor;	    /* 8 to 14: the Python 3 version it must have */
	unsigned workers;   /* 0: one per core that the process may use */
	uint64_t memory_bytes; /* address space of a worker; 0: 2 GiB */
	uint64_t cpu_ms;       /* processor time for one file; 0: 60 s */
};

/* Runs a program text in the interpreter of a root and takes what it prints:
 * for asking it about itself. Site packages are not looked at. options as for
 * a pool, but minor counts only where python is NULL. ERR_ENV where the root
 * has no such interpreter, or it does not start, fails, or takes above a
 * minute. */
int pyc_ask(const struct pyc_options *options, const char *program,
	    struct buf *out, struct error **err);

/* A pool of workers. Nothing is started before the first compilation, so that
 * a build that finds all in its cache starts no interpreter. ERR_ENV where the
 * root has no such interpreter. The strings of options are copied. */
int pyc_pool_new(const struct pyc_options *options, struct pyc_pool **pool,
		 struct error **err);

/* Ends the workers. No thread may be in pyc_compile(). NULL is fine. */
void pyc_pool_free(struct pyc_pool *pool);

enum pyc_mode {
	PYC_UNCHECKED, /* never compared with its source: wheels, library */
	PYC_CHECKED,   /* compared by hash at import: /app */
};

enum pyc_verdict {
	PYC_COMPILED,
	PYC_SYNTAX,  /* the interpreter refuses the source */
	PYC_TOO_BIG, /* the source, its memory or its nesting */
	PYC_TIMEOUT, /* above cpu_ms */
	PYC_CRASH,   /* the interpreter died of it, twice */
};

/* Why a source was not compiled. */
struct pyc_problem {
	char type[64];	 /* "SyntaxError", "IndentationError", "ValueError" */
	char *message;	 /* heap; NULL where compiled */
	uint32_t line;	 /* from 1; 0: unknown */
	uint32_t column; /* in characters from 1; 0: unknown */
};

void pyc_problem_release(struct pyc_problem *problem);
#define auto_pyc_problem __attribute__((cleanup(pyc_problem_release)))
#define PYC_PROBLEM_EMPTY                                                      \
	{                                                                      \
		"", NULL, 0, 0                                                 \
	}

/* Compiles one source and appends its whole .pyc to out. file_name is the path
 * in the image ("/app/common/x.py"), which stands in tracebacks. Blocks; any
 * thread may call it, each call holds one worker. 0 with a verdict (out is as
 * it was unless it is PYC_COMPILED; problem is set otherwise), or -1 where the
 * interpreter cannot be started or the process is cancelled. */
int pyc_compile(struct pyc_pool *pool, struct str source, struct str file_name,
		enum pyc_mode mode, struct buf *out, enum pyc_verdict *verdict,
		struct pyc_problem *problem, struct error **err);

/* How those who write layers ask for bytecode, so that they need not know where
 * it comes from. source is the file's bytes, digest theirs (NULL: the callee
 * computes it), path where the file will be in the image, with the first '/'.
 * 1 and the .pyc appended to out, 0 where it does not compile (then the image
 * has none, as with pip), or -1. Any thread may call it. */
typedef int pyc_function(void *context, struct str source,
			 const struct digest *digest, struct str path,
			 struct buf *out, struct error **err);

/* The key under which a result of pyc_compile() may be kept for ever.
 * python_id fixes the build of the interpreter, as the digest of its package
 * or of its base does; finding a key starts nothing. */
struct digest pyc_key(const struct digest *source, struct str file_name,
		      struct str python_id, enum pyc_mode mode);
