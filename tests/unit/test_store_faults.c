/* store, when things go wrong: a build is killed at each call that changes the
 * disk, or that call fails for want of space, is cut short, or interrupted.
 * This program's own definitions of those calls come before libc's, for SQLite
 * too. */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "store_fleet.h"

enum fault {
	FAULT_NONE,
	FAULT_KILL,	 /* before the call */
	FAULT_KILL_HALF, /* after half of a write's bytes */
	FAULT_FULL,	 /* this call and all later ones: ENOSPC */
	FAULT_SHORT,	 /* every write is cut to one half */
	FAULT_INTERRUPT, /* every other call: EINTR */
};

static enum fault fault;
static long fault_at, calls;

/* What is to happen to the call that comes now; true where it fails, with
 * errno set. *n, if there is one, may become smaller. */
static bool hit(size_t *n)
{
	calls++;
	if (fault == FAULT_SHORT && n && *n > 1)
		*n /= 2;
	if (fault == FAULT_INTERRUPT && calls % 2) {
		errno = EINTR;
		return true;
	}
	if (fault == FAULT_FULL && calls >= fault_at) {
		errno = ENOSPC;
		return true;
	}
	if (calls != fault_at)
		return false;
	if (fault == FAULT_KILL)
		raise(SIGKILL);
	if (fault == FAULT_KILL_HALF && n)
		*n /= 2;
	return false;
}

/* After a call. */
static void hit_after(void)
{
	if (fault == FAULT_KILL_HALF && calls == fault_at)
		raise(SIGKILL);
}

#define EXPORTED __attribute__((visibility("default")))

EXPORTED ssize_t write(int fd, const void *bytes, size_t n)
{
	if (hit(&n))
		return -1;
	ssize_t result = syscall(SYS_write, fd, bytes, n);

	hit_after();
	return result;
}

EXPORTED ssize_t pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
	if (hit(&n))
		return -1;
	ssize_t result = syscall(SYS_pwrite64, fd, bytes, n, offset);

	hit_after();
	return result;
}

/* The others are not interrupted by signals on a local disk. */
#define HIT_WHOLE                                                              \
	do {                                                                   \
		if (fault != FAULT_INTERRUPT && hit(NULL))                     \
			return -1;                                             \
	} while (0)

EXPORTED int rename(const char *old, const char *new)
{
	HIT_WHOLE;
	return (int)syscall(SYS_renameat2, AT_FDCWD, old, AT_FDCWD, new, 0);
}

EXPORTED int fsync(int fd)
{
	HIT_WHOLE;
	return (int)syscall(SYS_fsync, fd);
}

EXPORTED int fdatasync(int fd)
{
	HIT_WHOLE;
	return (int)syscall(SYS_fdatasync, fd);
}

EXPORTED int mkdir(const char *path, mode_t mode)
{
	HIT_WHOLE;
	return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

EXPORTED int fchmod(int fd, mode_t mode)
{
	if (fault == FAULT_KILL)
		HIT_WHOLE;
	return (int)syscall(SYS_fchmod, fd, mode);
}

EXPORTED int unlink(const char *path)
{
	/* Removing needs no space. */
	if (fault == FAULT_KILL)
		HIT_WHOLE;
	return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

EXPORTED int unlinkat(int dir_fd, const char *path, int flags)
{
	if (fault == FAULT_KILL)
		HIT_WHOLE;
	return (int)syscall(SYS_unlinkat, dir_fd, path, flags);
}

typedef int work(const char *path, struct error **err);

/* Runs work in a child with a fault: its wait status. */
static int work_with(work *function, const char *path, enum fault kind, long at)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct error *error = NULL;

		fault = kind;
		fault_at = at;
		calls = 0;
		int result = function(path, &error);

		fault = FAULT_NONE;
		/* A failure says why, and blames the host. */
		if (result && (!error || err_class(error) != ERR_ENV ||
			       !*err_message(error)))
			_exit(9);
		_exit(result ? 1 : calls < at ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static int build_with(const char *path, enum fault kind, long at)
{
	return work_with(fleet_build, path, kind, at);
}

/* The store is sound, and holds every image or none. */
static void assert_sound(const char *path, long at)
{
	struct store *store = NULL;
	struct error *error = NULL;
	auto_store_report struct store_report report = STORE_REPORT_EMPTY;
	struct store_usage usage;

	if (store_open(path, &store, &error) ||
	    store_verify(store, false, 1, &report, &error) ||
	    store_du(store, &usage, &error))
		fail_msg("after call %ld: %s", at, err_message(error));
	if (report.problems.n)
		fail_msg("after call %ld: %s: %s", at,
			 report.problems.p[0].path, report.problems.p[0].what);
	assert_true(report.images == 0 || report.images == 2);
	assert_int_equal(usage.temporary.count, 0);
	store_close(store);
}

static void assert_complete(const char *path)
{
	struct store *store = NULL;
	struct error *error = NULL;
	struct digest wheel = digest_of(STR("the bytes of a wheel"));
	struct digest key = digest_of(STR("key")),
		      tree = digest_of(STR("tree"));
	struct digest blob;
	auto_buf struct buf value = BUF_EMPTY;

	if (store_open(path, &store, &error))
		fail_msg("%s", err_message(error));
	assert_true(store_download_has(store, &wheel));
	assert_true(store_action_get(store, &key, &value));
	assert_true(digest_parse(buf_str(&value), &blob));
	assert_true(store_has(store, &blob));
	auto_free char *folder = store_tree_path(store, &tree);

	assert_non_null(folder);
	store_close(store);
	assert_sound(path, 0);
}

/* Builds with the fault at call 1, 2, 3 ... until one gets through. In a new
 * store each time, and once more in one store that every build leaves as it
 * is. Gives the number of calls that were hit. */
static long hit_every_call(enum fault kind, bool fresh)
{
	char *path = scratch_new();
	long at = 0, hits = 0;
	int status;

	do {
		status = build_with(path, kind, ++at);
		if (kind == FAULT_FULL)
			assert_true(WIFEXITED(status) &&
				    WEXITSTATUS(status) != 9);
		assert_sound(path, at);
		hits += status != 0;
		if (fresh && status != 0) {
			assert_int_equal(build_with(path, FAULT_NONE, 1 << 20),
					 0);
			assert_complete(path);
			assert_int_equal(fs_remove_tree(path, NULL), 0);
		}
	} while (status != 0 && at < 2000);
	assert_int_equal(status, 0);
	assert_complete(path);
	fs_remove_tree(path, NULL);
	free(path);
	print_message("%ld calls hit\n", hits);
	return hits;
}

static void killed_before_each_call(void **state)
{
	(void)state;
	assert_true(hit_every_call(FAULT_KILL, true) > 60);
	assert_true(hit_every_call(FAULT_KILL, false) > 30);
}

static void killed_within_each_write(void **state)
{
	(void)state;
	assert_true(hit_every_call(FAULT_KILL_HALF, true) > 60);
	assert_true(hit_every_call(FAULT_KILL_HALF, false) > 30);
}

static void no_space_from_each_call_on(void **state)
{
	(void)state;
	assert_true(hit_every_call(FAULT_FULL, true) > 60);
}

static void short_writes_are_continued(void **state)
{
	auto_free char *path = scratch_new();

	(void)state;
	assert_int_equal(build_with(path, FAULT_SHORT, 1 << 20), 0);
	assert_complete(path);
	fs_remove_tree(path, NULL);
}

static void interrupted_writes_are_repeated(void **state)
{
	auto_free char *path = scratch_new();

	(void)state;
	assert_int_equal(build_with(path, FAULT_INTERRUPT, 1 << 20), 0);
	assert_complete(path);
	fs_remove_tree(path, NULL);
}

/* The kernel's own limit rather than ours: a blob above it fails with a
 * message, and leaves nothing. */
static void a_file_size_limit_is_an_error(void **state)
{
	auto_free char *path = scratch_new();
	struct store *store = NULL;
	struct rlimit old, limit;
	struct digest digest;
	struct error *error = NULL;
	auto_buf struct buf bytes = BUF_EMPTY;

	(void)state;
	assert_int_equal(store_open(path, &store, NULL), 0);
	buf_append_zeros(&bytes, 3 << 20);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 2 << 20;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	int result = store_put_bytes(store, buf_str(&bytes), &digest, &error);

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(result, -1);
	assert_non_null(strstr(err_message(error), "File too large"));
	assert_false(store_has(store, &digest));
	err_free(error);
	store_close(store);
	assert_sound(path, 0);
	fs_remove_tree(path, NULL);
}

static int gc(const char *path, struct error **err)
{
	struct store *store = NULL;
	struct store_gc_options options = {.all = true};
	struct store_gc_report report;
	int result = store_open(path, &store, err);

	if (result == 0)
		result = store_gc(store, &options, &report, err);
	store_close(store);
	return result;
}

/* Images stay whole, what is half removed is nobody's, and the next build
 * finds all it needs. */
static void gc_is_killed_before_each_call(void **state)
{
	auto_free char *path = scratch_new();
	long at = 0;
	int status;

	(void)state;
	do {
		assert_int_equal(build_with(path, FAULT_NONE, 1 << 20), 0);
		status = work_with(gc, path, FAULT_KILL, ++at);
		assert_sound(path, at);
	} while (status != 0 && at < 1000);
	assert_int_equal(status, 0);
	print_message("%ld calls hit\n", at - 1);
	assert_true(at > 10);
	assert_int_equal(build_with(path, FAULT_NONE, 1 << 20), 0);
	assert_complete(path);
	fs_remove_tree(path, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_before_each_call),
		cmocka_unit_test(killed_within_each_write),
		cmocka_unit_test(no_space_from_each_call_on),
		cmocka_unit_test(short_writes_are_continued),
		cmocka_unit_test(interrupted_writes_are_repeated),
		cmocka_unit_test(a_file_size_limit_is_an_error),
		cmocka_unit_test(gc_is_killed_before_each_call),
	};

	/* Hundreds of builds: in memory, where syncing costs nothing. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
