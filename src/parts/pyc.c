#include "parts/pyc.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/thread.h"
#include "parts/pyc/marshal.h"
#include "parts/pyc/worker.h"

/* Stands in every key: to be raised when the same input gives other bytes. */
#define PYC_VERSION "pyc 2"

enum {
	MIN_MINOR = 8,
	MAX_MINOR = 14,
	DEFAULT_CPU_MS = 60 * 1000,
	MAX_SOURCE_BYTES = 64 << 20,
	MAX_NAME_BYTES = 4096,
	FLAGS_UNCHECKED = 1,
	FLAGS_CHECKED = 3,
	HASH_BYTES = 8,
	REFUSED_HEAD_BYTES = 12,
};
static const uint64_t DEFAULT_MEMORY_BYTES = 2ull << 30;

/* Interned names are never given back from Python 3.12 on. */
static const uint64_t RETIRE_BYTES = 128ull << 20;

struct slot {
	struct pyc_worker worker;
	bool busy;
};

/* A child dies with the thread that started it, and threads of a pool end with
 * its run. So one thread, the keeper, starts all workers and outlives them. */
struct pyc_pool {
	struct pyc_python python;
	struct slot *slots;
	unsigned slot_count;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a slot is free, a wish came or was met */
	pthread_t keeper;
	struct pyc_worker *wish; /* to be started by the keeper */
	struct error *wish_error;
	bool wish_met, quit;
};

static void *keep(void *argument)
{
	struct pyc_pool *pool = argument;

	pthread_mutex_lock(&pool->lock);
	while (!pool->quit) {
		if (pool->wish && !pool->wish_met) {
			pool->wish_error = NULL;
			pyc_worker_start(&pool->python, pool->wish,
					 &pool->wish_error);
			pool->wish_met = true;
			pthread_cond_broadcast(&pool->changed);
		}
		pthread_cond_wait(&pool->changed, &pool->lock);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* Has the keeper start a worker. */
static int ask_keeper(struct pyc_pool *pool, struct pyc_worker *worker,
		      struct error **err)
{
	pthread_mutex_lock(&pool->lock);
	while (pool->wish)
		pthread_cond_wait(&pool->changed, &pool->lock);
	pool->wish = worker;
	pool->wish_met = false;
	pthread_cond_broadcast(&pool->changed);
	while (!pool->wish_met)
		pthread_cond_wait(&pool->changed, &pool->lock);
	struct error *error = pool->wish_error;

	pool->wish = NULL;
	pthread_cond_broadcast(&pool->changed);
	pthread_mutex_unlock(&pool->lock);
	return error ? err_pass(err, error) : 0;
}

int pyc_pool_new(const struct pyc_options *options, struct pyc_pool **out,
		 struct error **err)
{
	struct pyc_python python;

	if (options->minor < MIN_MINOR || options->minor > MAX_MINOR)
		return err_make(err, ERR_FLEET,
				"bytecode of Python 3.%u is not known: 3.%d to "
				"3.%d are",
				options->minor, MIN_MINOR, MAX_MINOR);
	if (pyc_python_find(options->root, options->python, options->minor,
			    &python, err))
		return -1;
	struct pyc_pool *pool = mem_zalloc(1, sizeof *pool);

	python.memory_bytes = options->memory_bytes ? options->memory_bytes
						    : DEFAULT_MEMORY_BYTES;
	python.cpu_ms = options->cpu_ms ? options->cpu_ms : DEFAULT_CPU_MS;
	pool->python = python;
	pool->slot_count =
		options->workers ? options->workers : pool_core_count();
	pool->slots = mem_zalloc(pool->slot_count, sizeof *pool->slots);
	for (unsigned i = 0; i < pool->slot_count; i++)
		pool->slots[i].worker = (struct pyc_worker)PYC_WORKER_EMPTY;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->changed, NULL);
	if (thread_start(&pool->keeper, keep, pool))
		abort();
	*out = pool;
	return 0;
}

int pyc_ask(const struct pyc_options *options, const char *program,
	    struct buf *out, struct error **err)
{
	struct pyc_python python;

	if (pyc_python_find(options->root, options->python, options->minor,
			    &python, err))
		return -1;
	python.memory_bytes = DEFAULT_MEMORY_BYTES;
	int result = pyc_python_run(&python, program, out, err);

	pyc_python_release(&python);
	return result;
}

void pyc_pool_free(struct pyc_pool *pool)
{
	if (!pool)
		return;
	for (unsigned i = 0; i < pool->slot_count; i++)
		pyc_worker_stop(&pool->slots[i].worker);
	pthread_mutex_lock(&pool->lock);
	pool->quit = true;
	pthread_cond_broadcast(&pool->changed);
	pthread_mutex_unlock(&pool->lock);
	pthread_join(pool->keeper, NULL);
	pthread_cond_destroy(&pool->changed);
	pthread_mutex_destroy(&pool->lock);
	pyc_python_release(&pool->python);
	free(pool->slots);
	free(pool);
}

void pyc_problem_release(struct pyc_problem *problem)
{
	free(problem->message);
	problem->message = NULL;
	problem->type[0] = '\0';
	problem->line = problem->column = 0;
}

/* A free slot, one whose worker runs before one that has to start. */
static struct slot *slot_take(struct pyc_pool *pool)
{
	struct slot *best = NULL;

	pthread_mutex_lock(&pool->lock);
	for (;;) {
		for (unsigned i = 0; i < pool->slot_count; i++) {
			struct slot *slot = &pool->slots[i];

			if (!slot->busy &&
			    (!best ||
			     slot->worker.greeted > best->worker.greeted))
				best = slot;
		}
		if (best)
			break;
		pthread_cond_wait(&pool->changed, &pool->lock);
	}
	best->busy = true;
	pthread_mutex_unlock(&pool->lock);
	return best;
}

static void slot_give_back(struct pyc_pool *pool, struct slot *slot)
{
	pthread_mutex_lock(&pool->lock);
	slot->busy = false;
	pthread_cond_broadcast(&pool->changed);
	pthread_mutex_unlock(&pool->lock);
}

static int worker_ready(struct pyc_pool *pool, struct pyc_worker *worker,
			struct error **err)
{
	if (worker->source_bytes > RETIRE_BYTES)
		pyc_worker_stop(worker);
	if (worker->process.pid < 0 && ask_keeper(pool, worker, err))
		return -1;
	if (pyc_worker_greet(&pool->python, worker, err)) {
		pyc_worker_stop(worker);
		return -1;
	}
	return 0;
}

/* Sends a source to the slot's worker. What may come of files that it had
 * before is tried once more with a new one. */
static int exchange(struct pyc_pool *pool, struct pyc_worker *worker,
		    struct str file_name, struct str source, struct buf *answer,
		    enum pyc_answer *outcome, unsigned char magic[4],
		    struct error **err)
{
	for (bool again = true; again;) {
		if (worker_ready(pool, worker, err))
			return -1;
		again = worker->compiled > 0;
		memcpy(magic, worker->magic, sizeof worker->magic);
		*outcome = pyc_worker_compile(&pool->python, worker, file_name,
					      source, answer);
		if (*outcome == PYC_ANSWER_COMPILED ||
		    *outcome == PYC_ANSWER_REFUSED)
			return 0;
		pyc_worker_stop(worker);
		if (*outcome == PYC_ANSWER_CANCELLED)
			return pool_check_cancelled(err);
		again = again && *outcome != PYC_ANSWER_TIMEOUT;
	}
	return 0;
}

static enum pyc_verdict problem_set(struct pyc_problem *problem,
				    enum pyc_verdict verdict, const char *type,
				    const char *message)
{
	pyc_problem_release(problem);
	memcpy(problem->type, type, strlen(type) + 1);
	problem->message = mem_strdup(message);
	return verdict;
}

/* line, column, size of the type's name, name, message */
static enum pyc_verdict problem_read(struct pyc_problem *problem,
				     struct str answer)
{
	if (answer.n < REFUSED_HEAD_BYTES)
		return problem_set(problem, PYC_CRASH, "",
				   "the interpreter gave a broken answer");
	uint32_t type_bytes = le32_at(answer.p + 8);
	struct str rest = str_slice(answer, REFUSED_HEAD_BYTES, answer.n);

	if (type_bytes >= sizeof problem->type || type_bytes > rest.n)
		return problem_set(problem, PYC_CRASH, "",
				   "the interpreter gave a broken answer");
	pyc_problem_release(problem);
	problem->line = le32_at(answer.p);
	problem->column = le32_at(answer.p + 4);
	memcpy(problem->type, rest.p, type_bytes);
	problem->message = str_dup(str_slice(rest, type_bytes, rest.n));
	return PYC_SYNTAX;
}

/* Puts a .pyc together out of the worker's answer. */
static int assemble(const struct pyc_pool *pool, const unsigned char *magic,
		    enum pyc_mode mode, struct str answer, struct buf *out,
		    enum pyc_verdict *verdict, struct pyc_problem *problem,
		    struct error **err)
{
	size_t start = out->n, offset;

	if (answer.n < HASH_BYTES)
		return err_make(err, ERR_ENV, "'%s' gave a broken answer",
				pool->python.program);
	buf_append(out, str_of((const char *)magic, 4));
	buf_append_le32(out,
			mode == PYC_CHECKED ? FLAGS_CHECKED : FLAGS_UNCHECKED);
	buf_append(out, str_slice(answer, 0, HASH_BYTES));
	enum marshal_status status =
		marshal_normalise(str_slice(answer, HASH_BYTES, answer.n),
				  pool->python.minor, out, &offset);

	*verdict = PYC_COMPILED;
	if (status == MARSHAL_OK)
		return 0;
	out->n = start;
	if (status == MARSHAL_TOO_DEEP || status == MARSHAL_TOO_BIG) {
		*verdict = problem_set(problem, PYC_TOO_BIG, "",
				       marshal_status_text(status));
		return 0;
	}
	return err_make(err, ERR_ENV,
			"'%s' gave bytecode with %s at byte %zu: this build of "
			"Python is not known",
			pool->python.program, marshal_status_text(status),
			offset);
}

int pyc_compile(struct pyc_pool *pool, struct str source, struct str file_name,
		enum pyc_mode mode, struct buf *out, enum pyc_verdict *verdict,
		struct pyc_problem *problem, struct error **err)
{
	auto_buf struct buf answer = BUF_EMPTY;
	enum pyc_answer outcome = PYC_ANSWER_DIED;
	unsigned char magic[4];

	pyc_problem_release(problem);
	if (source.n > MAX_SOURCE_BYTES || file_name.n > MAX_NAME_BYTES) {
		*verdict = problem_set(problem, PYC_TOO_BIG, "",
				       "the source is above 64 MiB");
		return 0;
	}
	struct slot *slot = slot_take(pool);
	int result = exchange(pool, &slot->worker, file_name, source, &answer,
			      &outcome, magic, err);

	slot_give_back(pool, slot);
	if (result)
		return err_wrap(err, "while compiling '" STR_FMT "'",
				STR_ARG(file_name));
	switch (outcome) {
	case PYC_ANSWER_COMPILED:
		if (assemble(pool, magic, mode, buf_str(&answer), out, verdict,
			     problem, err))
			return err_wrap(err, "while compiling '" STR_FMT "'",
					STR_ARG(file_name));
		break;
	case PYC_ANSWER_REFUSED:
		*verdict = problem_read(problem, buf_str(&answer));
		break;
	case PYC_ANSWER_NO_MEMORY:
		*verdict = problem_set(problem, PYC_TOO_BIG, "MemoryError",
				       "too big or too deeply nested to "
				       "compile");
		break;
	case PYC_ANSWER_TIMEOUT:
		*verdict = problem_set(problem, PYC_TIMEOUT, "",
				       "takes too long to compile");
		break;
	case PYC_ANSWER_DIED:
	case PYC_ANSWER_CANCELLED:
		*verdict = problem_set(problem, PYC_CRASH, "",
				       "the interpreter crashes while it "
				       "compiles this");
		break;
	}
	return 0;
}

struct digest pyc_key(const struct digest *source, struct str file_name,
		      struct str python_id, enum pyc_mode mode)
{
	auto_buf struct buf key = BUF_EMPTY;

	key_add(&key, STR(PYC_VERSION));
	key_add(&key, digest_bytes(source));
	key_add(&key, file_name);
	key_add(&key, python_id);
	key_add(&key, mode == PYC_CHECKED ? STR("checked") : STR("unchecked"));
	return digest_of(buf_str(&key));
}
