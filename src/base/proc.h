/* proc: other programs, run with a bound on time and output.
 *
 * Children get only the environment they are given, are reaped by pidfd, and
 * die with slipway. From the first start on SIGPIPE is ignored, so that a child
 * that ends early does not end slipway.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/str.h"

struct error;

/* A resource of setrlimit(2): its soft and hard bound. */
struct proc_limit {
	int resource;
	uint64_t bound;
};

struct proc_options {
	const char *const
		*argv;		/* argv[0] is looked up in PATH; ends in NULL */
	const char *const *env; /* NULL: slipway's own */
	const char *folder;	/* working folder; NULL: slipway's own */
	struct str input;	/* for its stdin */
	int input_fd; /* what proc_run makes its stdin instead; 0: nothing */
	size_t max_output_bytes; /* of stdout, and of stderr; 0: 64 MiB */
	uint64_t timeout_ms;	 /* 0: none */
	const struct proc_limit *limits; /* set in the child */
	size_t limit_count;
	bool discard_errors; /* a worker's stderr goes nowhere */
	/* Called in the child just before the program is started; only
	 * async-signal-safe calls. Other than 0 ends the child with 125. */
	int (*prepare)(void *argument);
	void *prepare_argument;
};

struct proc_result {
	int status; /* exit status, or 128 + signal */
	struct buf output;
	struct buf errors;
	const char *ended_early; /* "took too long", "printed too much"; NULL
				  * where it ended by itself */
};

void proc_result_release(struct proc_result *result);
#define auto_proc_result __attribute__((cleanup(proc_result_release)))
#define PROC_RESULT_EMPTY                                                      \
	{                                                                      \
		0, BUF_EMPTY, BUF_EMPTY, NULL                                  \
	}

/* Runs to the end. 0 whatever the exit status; -1 where it cannot be started
 * or runs into its bounds (ERR_ENV), or the process is cancelled (pool.h;
 * ERR_CANCELLED). A child that has to be ended is ended with its process group.
 * What it leaves behind when it ends by itself is not waited for. */
int proc_run(const struct proc_options *options, struct proc_result *result,
	     struct error **err);

/* A long-lived worker with pipes to its stdin and from its stdout; its stderr
 * is slipway's where it is not discarded. A child dies with the thread that
 * started it, so start workers from one that outlives them. */
struct proc_worker {
	pid_t pid;
	int to, from; /* pipe ends; -1 once closed */
};

int proc_start(const struct proc_options *options, struct proc_worker *worker,
	       struct error **err);

/* Closes the pipes and reaps; kills what does not end within a second. */
void proc_stop(struct proc_worker *worker);

/* Absolute path of a program in PATH, or of one that is given by a path (heap,
 * the caller frees), or NULL. Relative folders in PATH are left out. */
char *proc_find(const char *name);
