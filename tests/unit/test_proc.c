#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

#include "base/pool.h"
#include "base/proc.h"

/* options for sh -c SCRIPT */
static struct proc_options shell(const char *const argv[])
{
	return (struct proc_options){.argv = argv};
}
#define SHELL(script) shell((const char *const[]){"sh", "-c", script, NULL})

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void output_errors_and_status(void **state)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	struct proc_options options = SHELL("echo out; echo err >&2; exit 7");
	struct error *err = NULL;

	(void)state;
	assert_done(proc_run(&options, &result, &err), err);
	assert_int_equal(result.status, 7);
	assert_null(result.ended_early);
	assert_str(buf_str(&result.output), "out\n");
	assert_str(buf_str(&result.errors), "err\n");
}

static void a_signal_is_a_status_above_128(void **state)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	struct proc_options options = SHELL("kill -TERM $$");
	struct error *err = NULL;

	(void)state;
	assert_done(proc_run(&options, &result, &err), err);
	assert_int_equal(result.status, 128 + SIGTERM);
}

/* More than two pipes hold, both ways at once. */
static void much_goes_in_and_comes_out(void **state)
{
	enum { SIZE = 3 << 20 };
	auto_free char *bytes = mem_alloc(SIZE);
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	struct proc_options options = SHELL("tee /dev/stderr");
	struct error *err = NULL;

	(void)state;
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (char)(i * 7 + i / 1000);
	options.input = str_of(bytes, SIZE);
	assert_done(proc_run(&options, &result, &err), err);
	assert_int_equal(result.status, 0);
	assert_true(str_eq(buf_str(&result.output), options.input));
	assert_true(str_eq(buf_str(&result.errors), options.input));
}

static void a_child_may_leave_its_input_unread(void **state)
{
	enum { SIZE = 1 << 20 };
	auto_free char *bytes = mem_zalloc(SIZE, 1);
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	struct proc_options options = SHELL("exec <&-; echo done");
	struct error *err = NULL;

	(void)state;
	options.input = str_of(bytes, SIZE);
	assert_done(proc_run(&options, &result, &err), err);
	assert_str(buf_str(&result.output), "done\n");
}

static void a_descriptor_may_be_its_input(void **state)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	struct proc_options options = SHELL("cat; echo end");
	struct error *err = NULL;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "given\n", 6), 6);
	close(ends[1]);
	options.input_fd = ends[0];
	assert_done(proc_run(&options, &result, &err), err);
	close(ends[0]);
	assert_str(buf_str(&result.output), "given\nend\n");
}

static void time_is_bounded(void **state)
{
	static const char *const scripts[] = {
		"echo started; exec sleep 60",
		/* closes its outputs, so that only its end can be waited for */
		"echo started; exec >&- 2>&-; sleep 60",
		/* one that it starts holds the pipes and ignores us */
		"echo started; trap '' TERM; sleep 60",
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
		struct proc_options options = SHELL(scripts[i]);
		struct error *err = NULL;
		uint64_t start = now_ms();

		options.timeout_ms = 300;
		assert_int_equal(proc_run(&options, &result, &err), -1);
		assert_error(&err, ERR_ENV, "'sh' took too long and was ended");
		assert_string_equal(result.ended_early, "took too long");
		assert_str(buf_str(&result.output), "started\n");
		assert_int_equal(result.status, 128 + SIGKILL);
		assert_in_range(now_ms() - start, 250, 20000);
	}
}

static void the_longest_time_is_no_wrap(void **state)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	struct proc_options options = SHELL("echo fine");
	struct error *err = NULL;

	(void)state;
	options.timeout_ms = UINT64_MAX;
	assert_done(proc_run(&options, &result, &err), err);
	assert_str(buf_str(&result.output), "fine\n");
}

/* Is ended with the child where the child is ended. */
static void what_a_child_started_is_ended_with_it(void **state)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	struct proc_options options = SHELL("sleep 60 & echo $!; wait");
	struct error *err = NULL;
	uint64_t pid = 0;

	(void)state;
	options.timeout_ms = 300;
	assert_int_equal(proc_run(&options, &result, &err), -1);
	assert_error(&err, ERR_ENV, "took too long");
	assert_true(str_to_u64(str_trim(buf_str(&result.output)), &pid));
	/* It is a zombie or gone once init or we have seen its end. */
	for (unsigned i = 0; i < 1000; i++) {
		auto_free char *path =
			path_printf("/proc/%u/stat", (unsigned)pid);
		auto_buf struct buf stat = BUF_EMPTY;

		if (fs_read(path, 4096, &stat, NULL) ||
		    strstr(buf_text(&stat), ") Z "))
			return;
		nanosleep(&(struct timespec){0, 10000000}, NULL);
	}
	fail_msg("process %u still runs", (unsigned)pid);
}

/* A daemon that keeps our pipes open. */
static void what_a_child_leaves_behind_is_not_waited_for(void **state)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	struct proc_options options = SHELL("sleep 20 & echo $!");
	struct error *err = NULL;
	uint64_t start = now_ms(), pid = 0;

	(void)state;
	assert_done(proc_run(&options, &result, &err), err);
	assert_true(now_ms() - start < 15000);
	assert_true(str_to_u64(str_trim(buf_str(&result.output)), &pid));
	assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
}

static void output_is_bounded(void **state)
{
	static const char *const scripts[] = {
		"while :; do echo 0123456789012345678901234567890; done",
		"while :; do echo 0123456789012345678901234567890 >&2; done",
		"head -c 100001 /dev/zero",
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
		struct proc_options options = SHELL(scripts[i]);
		struct error *err = NULL;

		options.max_output_bytes = 100000;
		assert_int_equal(proc_run(&options, &result, &err), -1);
		assert_error(&err, ERR_ENV, "printed too much and was ended");
		assert_true(result.output.n + result.errors.n < 1000000);
	}
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	struct proc_options options = SHELL("head -c 100000 /dev/zero");
	struct error *err = NULL;

	options.max_output_bytes = 100000;
	assert_done(proc_run(&options, &result, &err), err);
	assert_int_equal(result.output.n, 100000);
}

static void environment_and_folder(void **state)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	struct proc_options options = {
		.argv = (const char *const[]){"/usr/bin/env", NULL},
		.env = (const char *const[]){"ONLY=this", NULL},
	};
	struct error *err = NULL;

	assert_done(proc_run(&options, &result, &err), err);
	assert_str(buf_str(&result.output), "ONLY=this\n");
	options = SHELL("pwd -P");
	options.folder = *state;
	buf_clear(&result.output);
	assert_done(proc_run(&options, &result, &err), err);
	auto_free char *real = realpath(*state, NULL);

	assert_true(str_eq(str_trim(buf_str(&result.output)), str_from(real)));
}

static void what_cannot_start_says_why(void **state)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	auto_free char *text = path_join(*state, "text");
	auto_free char *shebang = path_join(*state, "shebang");
	struct error *err = NULL;
	struct proc_options options = {
		.argv = (const char *const[]){"no-such-program", NULL}};

	assert_int_equal(proc_run(&options, &result, &err), -1);
	assert_error(&err, ERR_ENV,
		     "the program 'no-such-program' is not installed");
	options = SHELL("true");
	options.folder = "/no/such/folder";
	assert_int_equal(proc_run(&options, &result, &err), -1);
	assert_error(&err, ERR_ENV,
		     "cannot start 'sh' in the folder '/no/such/folder': "
		     "No such file or directory");
	assert_done(fs_write_file(text, STR("\177ELF no"), 0755, &err), err);
	options = (struct proc_options){
		.argv = (const char *const[]){text, NULL}};
	assert_int_equal(proc_run(&options, &result, &err), -1);
	assert_error(&err, ERR_ENV, "text': Exec format error");
	assert_done(fs_write_file(shebang, STR("#!/no/such\n"), 0755, &err),
		    err);
	options.argv = (const char *const[]){shebang, NULL};
	assert_int_equal(proc_run(&options, &result, &err), -1);
	assert_error(&err, ERR_ENV, "shebang': No such file or directory");
	struct proc_worker worker;

	assert_int_equal(proc_start(&options, &worker, &err), -1);
	assert_error(&err, ERR_ENV, "shebang'");
	assert_int_equal(worker.pid, -1);
	assert_int_equal(worker.to, -1);
}

static void finding_programs(void **state)
{
	auto_free char *folder = path_join(*state, "prog");
	auto_free char *file = path_join(*state, "data");
	auto_free char *program = path_join(*state, "tool");
	auto_free char *old = mem_strdup(getenv("PATH"));
	auto_free char *path = path_printf("::%s:.", (char *)*state);
	struct error *err = NULL;

	assert_int_equal(mkdir(folder, 0755), 0);
	assert_done(fs_write_file(file, STR(""), 0644, &err), err);
	assert_done(fs_write_file(program, STR("#!/bin/sh\n"), 0755, &err),
		    err);
	setenv("PATH", path, 1);
	auto_free char *found = proc_find("tool");
	char *no_folder = proc_find("prog");
	char *no_file = proc_find("data");
	char *no_path = proc_find(file);

	unsetenv("PATH");
	char *nowhere = proc_find("tool");

	setenv("PATH", old, 1);
	assert_string_equal(found, program);
	assert_null(no_folder);
	assert_null(no_file);
	assert_null(no_path);
	assert_null(nowhere);
}

static void no_descriptor_of_ours_leaks(void **state)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	struct proc_options options = SHELL("ls /proc/self/fd | wc -l");
	struct error *err = NULL;

	(void)state;
	/* What the test itself was started with is not ours. */
	for (int fd = 3; fd < 1024; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	assert_done(proc_run(&options, &result, &err), err);
	/* 0, 1, 2 and the folder that ls reads */
	assert_str(buf_str(&result.output), "4\n");
}

/* The kernel keeps no status where SIGCHLD is ignored, as it may be from our
 * own start on. */
static void an_ignored_sigchld_hides_no_failure(void **state)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	struct proc_options options = SHELL("exit 9");
	struct error *err = NULL;

	(void)state;
	signal(SIGCHLD, SIG_IGN);
	assert_done(proc_run(&options, &result, &err), err);
	assert_int_equal(result.status, 9);
}

static void limits_are_set_in_the_child(void **state)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	const struct proc_limit limit = {RLIMIT_NOFILE, 33};
	const struct proc_limit wrong = {9999, 1};
	struct proc_options options = SHELL("ulimit -n");
	struct error *err = NULL;

	(void)state;
	options.limits = &limit;
	options.limit_count = 1;
	assert_done(proc_run(&options, &result, &err), err);
	assert_str(buf_str(&result.output), "33\n");
	options.limits = &wrong;
	assert_int_equal(proc_run(&options, &result, &err), -1);
	assert_error(&err, ERR_ENV, "cannot set the limits of 'sh'");
}

static int refuse(void *argument)
{
	return *(int *)argument;
}

static void prepare_runs_in_the_child(void **state)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	struct proc_options options = SHELL("echo started");
	struct error *err = NULL;
	int answer = 0;

	(void)state;
	options.prepare = refuse;
	options.prepare_argument = &answer;
	assert_done(proc_run(&options, &result, &err), err);
	assert_str(buf_str(&result.output), "started\n");
	answer = 1;
	buf_clear(&result.output);
	assert_done(proc_run(&options, &result, &err), err);
	assert_int_equal(result.status, 125);
	assert_int_equal(result.output.n, 0);
}

static void a_worker_answers_until_it_is_stopped(void **state)
{
	struct proc_options options = {
		.argv = (const char *const[]){"cat", NULL}};
	struct proc_worker worker;
	struct error *err = NULL;
	char answer[4];

	(void)state;
	assert_done(proc_start(&options, &worker, &err), err);
	for (unsigned i = 0; i < 3; i++) {
		assert_done(fs_write_all(worker.to, STR("ping"), "cat", &err),
			    err);
		assert_int_equal(read(worker.from, answer, 4), 4);
		assert_memory_equal(answer, "ping", 4);
	}
	pid_t pid = worker.pid;
	uint64_t start = now_ms();

	proc_stop(&worker);
	assert_true(now_ms() - start < 900);
	assert_int_equal(kill(pid, 0), -1);
	proc_stop(&worker); /* is stopped already */
}

static void a_worker_that_does_not_end_is_killed(void **state)
{
	struct proc_options options =
		SHELL("echo ready; trap '' TERM HUP; exec sleep 60");
	struct proc_worker worker;
	struct error *err = NULL;
	char ready[6];

	(void)state;
	assert_done(proc_start(&options, &worker, &err), err);
	assert_int_equal(read(worker.from, ready, 6), 6);
	pid_t pid = worker.pid;

	proc_stop(&worker);
	assert_int_equal(kill(pid, 0), -1);
}

static void *cancel_soon(void *argument)
{
	nanosleep(&(struct timespec){0, 200000000}, NULL);
	pool_cancel();
	return argument;
}

/* The flag is for the whole process and stays, so this test is the last. */
static void cancelling_ends_a_child(void **state)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	struct proc_options options = SHELL("sleep 60");
	struct error *err = NULL;
	pthread_t thread;
	uint64_t start = now_ms();

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, NULL), 0);
	assert_int_equal(proc_run(&options, &result, &err), -1);
	pthread_join(thread, NULL);
	assert_error(&err, ERR_CANCELLED, "was interrupted and was ended");
	assert_true(now_ms() - start < 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_errors_and_status),
		cmocka_unit_test(a_signal_is_a_status_above_128),
		cmocka_unit_test(much_goes_in_and_comes_out),
		cmocka_unit_test(a_child_may_leave_its_input_unread),
		cmocka_unit_test(a_descriptor_may_be_its_input),
		cmocka_unit_test(time_is_bounded),
		cmocka_unit_test(the_longest_time_is_no_wrap),
		cmocka_unit_test(what_a_child_started_is_ended_with_it),
		cmocka_unit_test(what_a_child_leaves_behind_is_not_waited_for),
		cmocka_unit_test(output_is_bounded),
		test_in_folder(environment_and_folder),
		test_in_folder(what_cannot_start_says_why),
		test_in_folder(finding_programs),
		cmocka_unit_test(no_descriptor_of_ours_leaks),
		cmocka_unit_test(an_ignored_sigchld_hides_no_failure),
		cmocka_unit_test(limits_are_set_in_the_child),
		cmocka_unit_test(prepare_runs_in_the_child),
		cmocka_unit_test(a_worker_answers_until_it_is_stopped),
		cmocka_unit_test(a_worker_that_does_not_end_is_killed),
		cmocka_unit_test(cancelling_ends_a_child),
	};

	return cmocka_run_group_tests_name("proc", tests, NULL, NULL);
}
