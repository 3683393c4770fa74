/* worker: one long-lived CPython that compiles what it is sent.
 *
 * Knows: where an unpacked root keeps its interpreter, loader and libraries,
 * the worker's program and its protocol, bounds on time and memory. Does not
 * know: threads, retries, .pyc files.
 *
 * The interpreter is started through the root's own loader with an environment
 * of our own. It imports built-in modules alone; what stays on sys.path is the
 * root's standard library, for the codecs that a coding line may name.
 *
 *   greeting = magic(4) hexversion(u32)
 *   request  = name_bytes(u32) source_bytes(u32) name source
 *   answer   = kind(1) bytes(u32) payload
 *   payload  = source_hash(8) marshalled code            kind 'c': compiled
 *            | line(u32) column(u32) name_bytes(u32)      kind 'x': refused
 *              exception_name message
 *            | nothing                                    kind 'm': no memory
 *   Integers are little endian.
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/proc.h"
#include "base/str.h"

struct error;

/* Host paths of what is needed to start. */
struct pyc_python {
	char *loader;
	char *program;
	char *home;	     /* PYTHONHOME */
	char *library_paths; /* joined by ':' */
	unsigned minor;
	uint64_t memory_bytes, cpu_ms;
};

/* Looks into root for Python 3.minor, at the in-root path program where that
 * is not NULL. Links are followed as they are inside of the root. */
int pyc_python_find(const char *root, const char *program, unsigned minor,
		    struct pyc_python *python, struct error **err);
void pyc_python_release(struct pyc_python *python);

/* Runs another program text to its end; what it prints is appended to out. -1
 * with what the interpreter said where it fails. */
int pyc_python_run(const struct pyc_python *python, const char *program,
		   struct buf *out, struct error **err);

struct pyc_worker {
	struct proc_worker process; /* pid of -1: not started */
	bool greeted;
	uint32_t compiled;	/* files so far */
	uint64_t source_bytes;	/* of them */
	unsigned char magic[4]; /* of .pyc files; once greeted */
};
#define PYC_WORKER_EMPTY                                                       \
	{                                                                      \
		{-1, -1, -1}, false, 0, 0,                                     \
		{                                                              \
			0                                                      \
		}                                                              \
	}

/* Starts the process and returns at once. It dies with the calling thread. */
int pyc_worker_start(const struct pyc_python *python, struct pyc_worker *worker,
		     struct error **err);
void pyc_worker_stop(struct pyc_worker *worker);

/* Waits for the greeting of a new worker. -1 with what the interpreter said
 * where it does not come, or with ERR_CANCELLED. */
int pyc_worker_greet(const struct pyc_python *python, struct pyc_worker *worker,
		     struct error **err);

enum pyc_answer {
	PYC_ANSWER_COMPILED,
	PYC_ANSWER_REFUSED,
	PYC_ANSWER_NO_MEMORY,
	PYC_ANSWER_TIMEOUT,
	PYC_ANSWER_DIED,
	PYC_ANSWER_CANCELLED,
};

/* Sends one source and waits; the payload replaces what is in answer. After
 * anything but COMPILED and REFUSED the worker must be stopped. */
enum pyc_answer pyc_worker_compile(const struct pyc_python *python,
				   struct pyc_worker *worker,
				   struct str file_name, struct str source,
				   struct buf *answer);
