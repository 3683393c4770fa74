/* Programs of this machine in sandboxes made of its own folders. A host that
 * forbids sandboxes skips what needs one, and says why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "parts/sandbox.h"

static const char *const host[] = {"/"};
static const char *const path_env[] = {"PATH=/usr/bin:/bin", "COLOUR=a=b",
				       NULL};

static bool refused(int with_overlay)
{
	auto_err struct error *error = NULL;

	if (sandbox_check(with_overlay, &error) == 0)
		return false;
	printf("# skipped: %s\n", err_message(error));
	assert_int_equal(err_class(error), ERR_ENV);
	return true;
}

/* Runs a shell script with what options has beside; its exit status. */
static int shell(struct sandbox_options options, const char *script,
		 struct proc_result *result)
{
	const char *const argv[] = {"sh", "-c", script, NULL};
	struct error *error = NULL;

	options.argv = argv;
	options.env = path_env;
	if (!options.roots) {
		options.roots = host;
		options.root_count = 1;
	}
	if (sandbox_run(&options, result, &error))
		fail_msg("%s", err_message(error));
	return result->status;
}

static void assert_output(const struct proc_result *result, const char *text)
{
	assert_int_equal(result->output.n, strlen(text));
	assert_memory_equal(result->output.p, text, strlen(text));
}

static void test_results_come_back(void **state)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;

	(void)state;
	if (refused(0))
		skip();
	assert_int_equal(shell((struct sandbox_options){.uid = 10001,
							.gid = 10002,
							.folder = "/usr"},
			       "id -u; id -g; pwd; echo $COLOUR; env | wc -l;"
			       "hostname; echo sad >&2; exit 7",
			       &result),
			 7);
	/* PATH, COLOUR and the shell's PWD and _ or the like. */
	assert_true(str_starts(buf_str(&result.output),
			       STR("10001\n10002\n/usr\na=b\n")));
	assert_true(str_ends(buf_str(&result.output), STR("slipway\n")));
	assert_int_equal(result.errors.n, 4);
	assert_null(result.ended_early);
}

static void test_the_host_is_out_of_reach(void **state)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	char mine[] = "/tmp/sandbox-test-XXXXXX";

	(void)state;
	if (refused(0))
		skip();
	assert_non_null(mkdtemp(mine));
	assert_int_equal(setenv("SANDBOX_SECRET", "here", 1), 0);
	assert_int_equal(
		shell((struct sandbox_options){.uid = 0},
		      "ls /tmp | wc -l\n"
		      "echo x >/usr/x || echo x >/x || echo x >/etc/x || "
		      "echo read-only\n"
		      "grep -c : /proc/net/dev\n"
		      "ls /proc | grep -c '^[0-9]'\n"
		      "env | grep -c SECRET\n"
		      "echo x >/tmp/x && echo x >/run/x && echo x >/dev/shm/x "
		      "&& echo written\n"
		      "mount -t tmpfs none /tmp || echo no mounts\n",
		      &result),
		0);
	assert_true(
		str_starts(buf_str(&result.output), STR("0\nread-only\n1\n")));
	assert_true(str_ends(buf_str(&result.output),
			     STR("0\nwritten\nno mounts\n")));
	rmdir(mine);
}

static void test_binds_and_writable_folders(void **state)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	char mine[] = "/tmp/sandbox-test-XXXXXX";
	const char *const writable[] = {"/scratch", NULL};

	(void)state;
	if (refused(0))
		skip();
	assert_non_null(mkdtemp(mine));
	auto_free char *file = path_join(mine, "note");
	const struct sandbox_bind binds[] = {{mine, "/given", 0},
					     {mine, "/taken", 1}};

	assert_int_equal(shell((struct sandbox_options){.binds = binds,
							.bind_count = 2,
							.writable = writable},
			       "echo x >/given/x || echo refused\n"
			       "echo hello >/taken/note; cat /given/note\n"
			       "echo y >/scratch/y && cat /scratch/y",
			       &result),
			 0);
	assert_output(&result, "refused\nhello\ny\n");
	assert_true(fs_exists(file));
	fs_remove_tree(mine, NULL);
}

static void test_bounds(void **state)
{
	const char *const argv[] = {"sh", "-c", "sleep 100 & sleep 100", NULL};
	struct sandbox_options options = {.roots = host,
					  .root_count = 1,
					  .argv = argv,
					  .env = path_env,
					  .timeout_ms = 300};
	auto_proc_result struct proc_result slow = PROC_RESULT_EMPTY;
	auto_proc_result struct proc_result big = PROC_RESULT_EMPTY;
	auto_proc_result struct proc_result fat = PROC_RESULT_EMPTY;
	const char *const flood[] = {"yes", NULL};

	(void)state;
	if (refused(0))
		skip();
	assert_int_equal(sandbox_run(&options, &slow, NULL), -1);
	assert_string_equal(slow.ended_early, "took too long");
	options.argv = flood;
	options.timeout_ms = 20000;
	options.max_output_bytes = 100000;
	assert_int_equal(sandbox_run(&options, &big, NULL), -1);
	assert_string_equal(big.ended_early, "printed too much");
	/* tail keeps the one endless line. */
	assert_int_not_equal(
		shell((struct sandbox_options){.memory_bytes = 64 << 20},
		      "tail -n 1 /dev/zero >/dev/null", &fat),
		0);
}

/* Puts a file into a folder that may be new. */
static void put(const char *folder, const char *sub, const char *name,
		const char *text)
{
	auto_free char *inside = path_join(folder, sub);
	auto_free char *path = path_join(inside, name);

	assert_int_equal(fs_make_dirs(inside, 0755, NULL), 0);
	assert_int_equal(fs_write_file(path, str_from(text), 0644, NULL), 0);
}

static void test_layers_are_one_root(void **state)
{
	/* With its links merged, /usr is a root of its own. */
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	char mine[] = "/tmp/sandbox,test:XXXXXX";

	(void)state;
	if (refused(1))
		skip();
	assert_non_null(mkdtemp(mine));
	auto_free char *low = path_join(mine, "low");
	auto_free char *high = path_join(mine, "high");
	const char *const roots[] = {"/usr", low, high};

	put(low, "app", "a", "low a\n");
	put(low, "app", "b", "low b\n");
	put(high, "app", "b", "high b\n");
	put(high, "share", "added", "by high\n");
	assert_int_equal(
		shell((struct sandbox_options){.roots = roots, .root_count = 3},
		      "cat /app/a /app/b /share/added; echo x >/app/x ||"
		      "echo read-only",
		      &result),
		0);
	assert_output(&result, "low a\nhigh b\nby high\nread-only\n");
	fs_remove_tree(mine, NULL);
}

static void assert_refused(struct sandbox_options options, const char *words)
{
	static const char *const argv[] = {"true", NULL};
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	auto_err struct error *error = NULL;

	options.argv = argv;
	assert_int_equal(sandbox_run(&options, &result, &error), -1);
	assert_non_null(strstr(err_message(error), words));
}

static void test_what_cannot_be_run(void **state)
{
	const char *const nowhere[] = {"/does/not/exist"};
	const char *const bad_env[] = {"=x", NULL};
	const struct sandbox_bind bind = {"/does/not/exist", "/x", 0};

	(void)state;
	assert_refused((struct sandbox_options){.roots = nowhere},
		       "1 to 200 layers");
	assert_refused(
		(struct sandbox_options){.roots = nowhere, .root_count = 1},
		"/does/not/exist");
	assert_refused((struct sandbox_options){.roots = host,
						.root_count = 1,
						.env = bad_env},
		       "NAME=value");
	if (refused(0))
		skip();
	assert_refused((struct sandbox_options){.roots = host,
						.root_count = 1,
						.binds = &bind,
						.bind_count = 1},
		       "/does/not/exist");
}

static void test_a_missing_bubblewrap_is_named(void **state)
{
	auto_err struct error *error = NULL;
	auto_free char *path = mem_strdup(getenv("PATH"));

	(void)state;
	assert_int_equal(setenv("PATH", "/does/not/exist", 1), 0);
	assert_int_equal(sandbox_check(0, &error), -1);
	assert_int_equal(setenv("PATH", path, 1), 0);
	assert_string_equal(err_message(error), "bubblewrap is not installed");
	assert_non_null(strstr(err_hint_text(error), "bubblewrap"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_results_come_back),
		cmocka_unit_test(test_the_host_is_out_of_reach),
		cmocka_unit_test(test_binds_and_writable_folders),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_layers_are_one_root),
		cmocka_unit_test(test_what_cannot_be_run),
		cmocka_unit_test(test_a_missing_bubblewrap_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
