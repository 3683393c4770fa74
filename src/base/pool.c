#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/thread.h"

enum { DEFAULT_MEMORY_BYTES = 384 << 20 };

enum node_state { NODE_WAITING, NODE_RUNNING, NODE_ENDED };

struct node {
	struct pool_task task;
	size_t *after;
	enum node_state state;
	enum pool_outcome outcome;
	struct error *error;
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned jobs, waiters;
	unsigned waiting_threads; /* of this run */
	uint64_t memory_bytes, memory_used;
	ARRAY(struct node) nodes;
	size_t first_waiting; /* all before it have ended or run */
};

static atomic_bool cancelled;

void pool_cancel(void)
{
	atomic_store(&cancelled, true);
}

bool pool_is_cancelled(void)
{
	return atomic_load(&cancelled);
}

int pool_check_cancelled(struct error **err)
{
	if (!pool_is_cancelled())
		return 0;
	return err_make(err, ERR_CANCELLED, "interrupted");
}

unsigned pool_core_count(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof set, &set) < 0)
		return 1;
	return (unsigned)CPU_COUNT(&set);
}

struct pool *pool_new(unsigned jobs, uint64_t memory_bytes)
{
	struct pool *pool = mem_zalloc(1, sizeof *pool);

	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->changed, NULL);
	pool->jobs = jobs ? jobs : pool_core_count();
	pool->memory_bytes = memory_bytes ? memory_bytes : DEFAULT_MEMORY_BYTES;
	return pool;
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	array_each (struct node, node, &pool->nodes) {
		free(node->after);
		err_free(node->error);
	}
	array_release(&pool->nodes);
	pthread_cond_destroy(&pool->changed);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

void pool_set_waiters(struct pool *pool, unsigned waiters)
{
	pool->waiters = waiters;
}

size_t pool_add(struct pool *pool, const struct pool_task *task)
{
	struct node node = {.task = *task, .outcome = POOL_SKIPPED};

	for (size_t i = 0; i < task->after_count; i++)
		if (task->after[i] >= pool->nodes.n)
			abort(); /* it could never start */
	if (task->after_count) {
		node.after = mem_alloc(task->after_count * sizeof *node.after);
		memcpy(node.after, task->after,
		       task->after_count * sizeof *node.after);
		node.task.after = node.after;
	}
	array_push(&pool->nodes, node);
	return pool->nodes.n - 1;
}

enum readiness { WAIT, READY, HOPELESS };

static enum readiness node_readiness(const struct pool *pool,
				     const struct node *node)
{
	enum readiness readiness = READY;

	if (pool_is_cancelled())
		return HOPELESS;
	for (size_t i = 0; i < node->task.after_count; i++) {
		const struct node *before = &pool->nodes.p[node->after[i]];

		if (before->state != NODE_ENDED)
			readiness = WAIT;
		else if (before->outcome != POOL_DONE)
			return HOPELESS;
	}
	return readiness;
}

static bool fits(const struct pool *pool, const struct node *node)
{
	return pool->memory_used == 0 ||
	       (pool->memory_used <= pool->memory_bytes &&
		node->task.memory_bytes <=
			pool->memory_bytes - pool->memory_used);
}

/* The task to start now of those that wait or those that do not, or NULL. Ends
 * those that cannot run any more on the way. *left tells whether any of either
 * sort has not started. */
static struct node *choose(struct pool *pool, bool waits, bool *left)
{
	struct node *best = NULL;

	*left = false;
	while (pool->first_waiting < pool->nodes.n &&
	       pool->nodes.p[pool->first_waiting].state != NODE_WAITING)
		pool->first_waiting++;
	/* Tasks depend on earlier ones only, so one pass settles them all. */
	for (size_t i = pool->first_waiting; i < pool->nodes.n; i++) {
		struct node *node = &pool->nodes.p[i];

		if (node->state != NODE_WAITING)
			continue;
		enum readiness readiness = node_readiness(pool, node);

		if (readiness == HOPELESS) {
			node->state = NODE_ENDED;
			continue;
		}
		*left = true;
		bool own = (node->task.waits && pool->waiting_threads) == waits;

		if (readiness == READY && own && fits(pool, node) &&
		    (!best || node->task.weight > best->task.weight))
			best = node;
	}
	return best;
}

static void run_node(struct pool *pool, struct node *node)
{
	struct error *error = NULL;

	node->state = NODE_RUNNING;
	pool->memory_used += node->task.memory_bytes;
	pthread_mutex_unlock(&pool->lock);
	int result = node->task.run(node->task.argument, &error);

	if (result == 0) {
		err_free(error);
		error = NULL;
	} else if (!error) {
		err_make(&error, ERR_ENV, "a task failed without saying why");
	}
	pthread_mutex_lock(&pool->lock);
	pool->memory_used -= node->task.memory_bytes;
	node->state = NODE_ENDED;
	node->outcome = result == 0 ? POOL_DONE : POOL_FAILED;
	node->error = error;
	pthread_cond_broadcast(&pool->changed);
}

static void work(struct pool *pool, bool waits)
{
	bool left = true;

	pthread_mutex_lock(&pool->lock);
	while (left) {
		struct node *node = choose(pool, waits, &left);

		if (node)
			run_node(pool, node);
		else if (left)
			pthread_cond_wait(&pool->changed, &pool->lock);
	}
	pthread_cond_broadcast(&pool->changed);
	pthread_mutex_unlock(&pool->lock);
}

static void *work_on_cores(void *pool)
{
	work(pool, false);
	return NULL;
}

static void *work_waiting(void *pool)
{
	work(pool, true);
	return NULL;
}

/* Signals are for the main thread: its handler calls pool_cancel(). Gives how
 * many threads the host let us have. */
static unsigned start_threads(struct pool *pool, void *(*begin)(void *pool),
			      unsigned count, pthread_t *threads)
{
	unsigned started = 0;

	while (started < count &&
	       thread_start(&threads[started], begin, pool) == 0)
		started++;
	return started;
}

int pool_run(struct pool *pool)
{
	auto_free pthread_t *threads =
		mem_zalloc(pool->jobs + pool->waiters, sizeof *threads);

	pthread_mutex_lock(&pool->lock);
	unsigned waiters =
		start_threads(pool, work_waiting, pool->waiters, threads);

	pool->waiting_threads = waiters;
	pthread_mutex_unlock(&pool->lock);
	unsigned jobs = start_threads(pool, work_on_cores, pool->jobs,
				      threads + waiters);

	if (jobs == 0)
		work(pool, false);
	for (unsigned i = 0; i < waiters + jobs; i++)
		pthread_join(threads[i], NULL);
	array_each (struct node, node, &pool->nodes)
		if (node->outcome != POOL_DONE)
			return -1;
	return 0;
}

enum pool_outcome pool_outcome(const struct pool *pool, size_t task)
{
	return pool->nodes.p[task].outcome;
}

const struct error *pool_error(const struct pool *pool, size_t task)
{
	return pool->nodes.p[task].error;
}

unsigned pool_jobs(const struct pool *pool)
{
	return pool->jobs;
}

int pool_pass_error(const struct pool *pool, size_t task, struct error **err)
{
	const struct error *error = pool_error(pool, task);

	return error ? err_copy(err, error) : 0;
}

int pool_run_first(struct pool *pool, struct error **err)
{
	if (pool_run(pool) == 0)
		return 0;
	for (size_t i = 0; i < pool->nodes.n; i++)
		if (pool_pass_error(pool, i, err))
			return -1;
	pool_check_cancelled(err);
	return -1;
}
