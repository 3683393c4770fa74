/* pool: the threads of one verb, and the graph of tasks they work on.
 *
 * A task has constant inputs and one output slot; it never waits for a task.
 * It starts when those it depends on have succeeded and the memory that it
 * declares fits the budget; of those that may start, the one with the highest
 * weight does. A task that mostly waits, for a server or a disk, may say so: it
 * then runs beside those that use the cores. A failed task cancels its
 * dependents and nothing else. Errors are kept per task and read in the order
 * in which tasks were added, so that no message depends on timing.
 *
 * Cancellation (Ctrl-C, full disk) is one flag for the process, which long
 * loops read at each buffer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct pool;

/* A task's work: 0, or -1 with *err set. */
typedef int pool_function(void *argument, struct error **err);

struct pool_task {
	pool_function *run;
	void *argument;
	uint64_t weight;       /* larger starts earlier */
	uint64_t memory_bytes; /* taken from the budget while it runs */
	bool waits; /* runs on a thread of pool_set_waiters() if there is one */
	const size_t *after; /* numbers of earlier tasks; copied */
	size_t after_count;
};

enum pool_outcome {
	POOL_DONE,
	POOL_FAILED,
	POOL_SKIPPED, /* a task before it failed, or the process is cancelled */
};

/* jobs threads (0: one per core that the process may use), memory_bytes for
 * all running tasks together (0: 384 MiB). A task that declares more than the
 * whole budget runs alone. */
struct pool *pool_new(unsigned jobs, uint64_t memory_bytes);
void pool_free(struct pool *pool);

/* Gives it that many threads more, for tasks that wait alone. */
void pool_set_waiters(struct pool *pool, unsigned waiters);

/* Adds a task and gives its number. Not while pool_run runs. A task after one
 * that is not there yet is an error of the programmer and ends the process. */
size_t pool_add(struct pool *pool, const struct pool_task *task);

/* Runs all tasks to their end. 0 where all are done, else -1. May be called
 * again after more tasks were added. */
int pool_run(struct pool *pool);

/* The same; where not all are done, the first error in the order of tasks, with
 * its hint, is passed on, or ERR_CANCELLED where no task has one. */
int pool_run_first(struct pool *pool, struct error **err);

enum pool_outcome pool_outcome(const struct pool *pool, size_t task);

/* The error of a failed task, borrowed, never NULL; NULL for any other. */
const struct error *pool_error(const struct pool *pool, size_t task);

/* Passes a copy of a task's error on and gives -1; 0 where it has none. */
int pool_pass_error(const struct pool *pool, size_t task, struct error **err);

/* Threads of the pool. */
unsigned pool_jobs(const struct pool *pool);

/* Cores this process may use. */
unsigned pool_core_count(void);

/* Ctrl-C: sets the flag; async-signal-safe. */
void pool_cancel(void);
bool pool_is_cancelled(void);

/* -1 with an ERR_CANCELLED error where the flag is set, else 0. */
int pool_check_cancelled(struct error **err);
