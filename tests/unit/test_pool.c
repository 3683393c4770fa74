#include <stdatomic.h>
#include <time.h>

#include "test.h"

#include "base/pool.h"

/* One clock for all tasks of a test: who started and ended when. */
static atomic_uint ticks;

struct job {
	unsigned started, ended; /* ticks; 0 where it did not run */
	bool fails;
	uint64_t memory_bytes;
};

static atomic_uint_fast64_t memory_now, memory_peak;

static void wait_a_little(void)
{
	struct timespec pause = {0, 200000};

	nanosleep(&pause, NULL);
}

static int run_job(void *argument, struct error **err)
{
	struct job *job = argument;
	uint64_t now = atomic_fetch_add(&memory_now, job->memory_bytes) +
		       job->memory_bytes;
	uint64_t peak = atomic_load(&memory_peak);

	while (now > peak &&
	       !atomic_compare_exchange_weak(&memory_peak, &peak, now))
		;
	job->started = atomic_fetch_add(&ticks, 1) + 1;
	wait_a_little();
	job->ended = atomic_fetch_add(&ticks, 1) + 1;
	atomic_fetch_sub(&memory_now, job->memory_bytes);
	if (job->fails)
		return err_make(err, ERR_FLEET, "job %u is broken",
				job->started);
	return 0;
}

static int reset(void **state)
{
	(void)state;
	atomic_store(&ticks, 0);
	atomic_store(&memory_now, 0);
	atomic_store(&memory_peak, 0);
	return 0;
}

static size_t add(struct pool *pool, struct job *job, const size_t *after,
		  size_t count)
{
	return pool_add(pool, &(struct pool_task){
				      .run = run_job,
				      .argument = job,
				      .memory_bytes = job->memory_bytes,
				      .after = after,
				      .after_count = count,
			      });
}

static void no_tasks_is_done(void **state)
{
	struct pool *pool = pool_new(2, 0);

	(void)state;
	assert_int_equal(pool_run(pool), 0);
	pool_free(pool);
	pool_free(NULL);
}

/* A ladder: each task comes after the one before and the one three before. */
static void tasks_run_after_those_they_need(void **state)
{
	enum { COUNT = 200 };
	static struct job jobs[COUNT];
	struct pool *pool = pool_new(4, 0);

	(void)state;
	memset(jobs, 0, sizeof jobs);
	for (size_t i = 0; i < COUNT; i++) {
		size_t after[2] = {i - 1, i - 3};

		assert_int_equal(
			add(pool, &jobs[i], after, i >= 3 ? 2 : i >= 1), i);
	}
	assert_int_equal(pool_run(pool), 0);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(pool_outcome(pool, i), POOL_DONE);
		assert_null(pool_error(pool, i));
		assert_true(i == 0 || jobs[i].started > jobs[i - 1].ended);
	}
	pool_free(pool);
}

/* 0 fails; 1 needs 0, 2 needs 1; 3 and 4 (needs 3) have nothing to do with
 * it; 5 needs 4 and 2. */
static void a_failure_stops_its_dependents_only(void **state)
{
	struct job jobs[6] = {{.fails = true}};
	struct pool *pool = pool_new(3, 0);
	const enum pool_outcome expected[6] = {
		POOL_FAILED, POOL_SKIPPED, POOL_SKIPPED,
		POOL_DONE,   POOL_DONE,	   POOL_SKIPPED,
	};

	(void)state;
	add(pool, &jobs[0], NULL, 0);
	add(pool, &jobs[1], (size_t[]){0}, 1);
	add(pool, &jobs[2], (size_t[]){1}, 1);
	add(pool, &jobs[3], NULL, 0);
	add(pool, &jobs[4], (size_t[]){3}, 1);
	add(pool, &jobs[5], (size_t[]){4, 2}, 2);
	assert_int_equal(pool_run(pool), -1);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(pool_outcome(pool, i), expected[i]);
		assert_int_equal(jobs[i].started > 0,
				 expected[i] != POOL_SKIPPED);
	}
	assert_non_null(strstr(err_message(pool_error(pool, 0)), "is broken"));
	assert_int_equal(err_class(pool_error(pool, 0)), ERR_FLEET);
	assert_null(pool_error(pool, 1));
	pool_free(pool);
}

static void heavier_tasks_start_first(void **state)
{
	static const uint64_t weights[] = {5, 1, 9, 9, 0, 7};
	static const size_t order[] = {2, 3, 5, 0, 1, 4};
	struct job jobs[6] = {0};
	struct pool *pool = pool_new(1, 0);

	(void)state;
	for (size_t i = 0; i < 6; i++)
		pool_add(pool, &(struct pool_task){.run = run_job,
						   .argument = &jobs[i],
						   .weight = weights[i]});
	assert_int_equal(pool_run(pool), 0);
	for (size_t i = 1; i < 6; i++)
		assert_true(jobs[order[i]].started >
			    jobs[order[i - 1]].started);
	pool_free(pool);
}

static void memory_stays_within_the_budget(void **state)
{
	enum { COUNT = 60 };
	struct job jobs[COUNT];
	struct pool *pool = pool_new(8, 100);

	(void)state;
	memset(jobs, 0, sizeof jobs);
	for (size_t i = 0; i < COUNT; i++) {
		jobs[i].memory_bytes = 10 + i % 41;
		add(pool, &jobs[i], NULL, 0);
	}
	assert_int_equal(pool_run(pool), 0);
	assert_true(atomic_load(&memory_peak) <= 100);
	assert_true(atomic_load(&memory_peak) > 50);
	pool_free(pool);
}

static void a_task_above_the_budget_runs_alone(void **state)
{
	struct job jobs[9];
	struct pool *pool = pool_new(4, 100);

	(void)state;
	memset(jobs, 0, sizeof jobs);
	for (size_t i = 0; i < 9; i++) {
		jobs[i].memory_bytes = i % 3 == 0 ? 1000 : 30;
		add(pool, &jobs[i], NULL, 0);
	}
	assert_int_equal(pool_run(pool), 0);
	assert_int_equal(atomic_load(&memory_peak), 1000);
	for (size_t i = 0; i < 9; i += 3)
		assert_int_equal(jobs[i].ended, jobs[i].started + 1);
	pool_free(pool);
}

/* A sum that would pass 2^64 is above the budget, not below it. */
static void huge_memory_does_not_wrap(void **state)
{
	struct job jobs[4];
	struct pool *pool = pool_new(4, 100);

	(void)state;
	memset(jobs, 0, sizeof jobs);
	for (size_t i = 0; i < 4; i++) {
		jobs[i].memory_bytes = i % 2 ? UINT64_MAX - 10 : 50;
		add(pool, &jobs[i], NULL, 0);
	}
	assert_int_equal(pool_run(pool), 0);
	for (size_t i = 1; i < 4; i += 2)
		assert_int_equal(jobs[i].ended, jobs[i].started + 1);
	pool_free(pool);
}

static void more_tasks_after_a_run(void **state)
{
	struct job jobs[4] = {{.fails = true}};
	struct pool *pool = pool_new(2, 0);

	(void)state;
	add(pool, &jobs[0], NULL, 0);
	add(pool, &jobs[1], NULL, 0);
	assert_int_equal(pool_run(pool), -1);
	unsigned ran_at = jobs[1].started;

	add(pool, &jobs[2], (size_t[]){1}, 1);
	add(pool, &jobs[3], (size_t[]){0}, 1);
	assert_int_equal(pool_run(pool), -1);
	assert_int_equal(jobs[1].started, ran_at);
	assert_int_equal(pool_outcome(pool, 2), POOL_DONE);
	assert_int_equal(pool_outcome(pool, 3), POOL_SKIPPED);
	assert_int_equal(jobs[3].started, 0);
	pool_free(pool);
}

static int fail_without_a_word(void *argument, struct error **err)
{
	(void)argument;
	(void)err;
	return -1;
}

/* Whoever prints the errors of failed tasks may rely on there being one. */
static void a_failed_task_always_has_an_error(void **state)
{
	struct pool *pool = pool_new(1, 0);

	(void)state;
	pool_add(pool, &(struct pool_task){.run = fail_without_a_word});
	assert_int_equal(pool_run(pool), -1);
	assert_int_equal(pool_outcome(pool, 0), POOL_FAILED);
	assert_non_null(pool_error(pool, 0));
	pool_free(pool);
}

static int succeed_with_a_word(void *argument, struct error **err)
{
	(void)argument;
	err_make(err, ERR_ENV, "tried first, then found another way");
	return 0;
}

static void a_task_that_is_done_has_no_error(void **state)
{
	struct pool *pool = pool_new(1, 0);

	(void)state;
	pool_add(pool, &(struct pool_task){.run = succeed_with_a_word});
	assert_int_equal(pool_run(pool), 0);
	assert_null(pool_error(pool, 0));
	pool_free(pool);
}

static void jobs_follow_the_cores(void **state)
{
	struct pool *pool = pool_new(0, 0);

	(void)state;
	assert_true(pool_core_count() >= 1);
	assert_int_equal(pool_jobs(pool), pool_core_count());
	pool_free(pool);
	pool = pool_new(7, 0);
	assert_int_equal(pool_jobs(pool), 7);
	pool_free(pool);
}

static int run_job_and_cancel(void *argument, struct error **err)
{
	pool_cancel();
	return run_job(argument, err);
}

/* The flag is for the whole process and stays, so this test is the last. */
static void cancelling_skips_what_has_not_started(void **state)
{
	struct job jobs[3] = {{0}};
	struct pool *pool = pool_new(1, 0);
	struct error *err = NULL;

	(void)state;
	assert_false(pool_is_cancelled());
	assert_int_equal(pool_check_cancelled(&err), 0);
	assert_null(err);
	add(pool, &jobs[0], NULL, 0);
	pool_add(pool, &(struct pool_task){.run = run_job_and_cancel,
					   .argument = &jobs[1]});
	add(pool, &jobs[2], (size_t[]){1}, 1);
	assert_int_equal(pool_run(pool), -1);
	assert_int_equal(pool_outcome(pool, 0), POOL_DONE);
	assert_int_equal(pool_outcome(pool, 1), POOL_DONE);
	assert_int_equal(pool_outcome(pool, 2), POOL_SKIPPED);
	assert_int_equal(jobs[2].started, 0);
	assert_true(pool_is_cancelled());
	assert_int_equal(pool_check_cancelled(&err), -1);
	assert_int_equal(err_class(err), ERR_CANCELLED);
	err_free(err);
	pool_free(pool);
}

static atomic_uint met;

/* Ends only when another such task runs at the same time. */
static int meet(void *argument, struct error **err)
{
	(void)argument;
	(void)err;
	atomic_fetch_add(&met, 1);
	while (atomic_load(&met) < 2)
		wait_a_little();
	return 0;
}

/* One core, and two tasks that each need the other to run. */
static void tasks_that_wait_have_threads_of_their_own(void **state)
{
	struct job last = {0};
	struct pool *pool = pool_new(1, 0);
	struct pool_task task = {.run = meet};
	size_t after[2];

	(void)state;
	atomic_store(&met, 0);
	pool_set_waiters(pool, 1);
	after[0] = pool_add(pool, &task);
	task.waits = true;
	after[1] = pool_add(pool, &task);
	add(pool, &last, after, 2);
	assert_int_equal(pool_run(pool), 0);
	assert_int_not_equal(last.started, 0);
	pool_free(pool);
}

/* Without such threads they run on the cores. */
static void tasks_that_wait_run_without_waiters(void **state)
{
	struct job job = {0};
	struct pool *pool = pool_new(1, 0);
	struct pool_task task = {
		.run = run_job, .argument = &job, .waits = true};

	(void)state;
	pool_add(pool, &task);
	assert_int_equal(pool_run(pool), 0);
	assert_int_not_equal(job.started, 0);
	pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(no_tasks_is_done, reset),
		cmocka_unit_test_setup(tasks_run_after_those_they_need, reset),
		cmocka_unit_test_setup(a_failure_stops_its_dependents_only,
				       reset),
		cmocka_unit_test_setup(heavier_tasks_start_first, reset),
		cmocka_unit_test_setup(memory_stays_within_the_budget, reset),
		cmocka_unit_test_setup(a_task_above_the_budget_runs_alone,
				       reset),
		cmocka_unit_test_setup(huge_memory_does_not_wrap, reset),
		cmocka_unit_test_setup(more_tasks_after_a_run, reset),
		cmocka_unit_test_setup(a_failed_task_always_has_an_error,
				       reset),
		cmocka_unit_test_setup(a_task_that_is_done_has_no_error, reset),
		cmocka_unit_test_setup(jobs_follow_the_cores, reset),
		cmocka_unit_test_setup(
			tasks_that_wait_have_threads_of_their_own, reset),
		cmocka_unit_test_setup(tasks_that_wait_run_without_waiters,
				       reset),
		cmocka_unit_test_setup(cancelling_skips_what_has_not_started,
				       reset),
	};

	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
