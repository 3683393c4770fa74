#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "test.h"

static char *below(void **state, const char *name)
{
	return path_join(*state, name);
}

static void write_text(const char *path, const char *text)
{
	struct error *err = NULL;

	assert_done(fs_write_file(path, str_from(text), 0644, &err), err);
}

static void assert_content(const char *path, const char *text)
{
	struct error *err = NULL;
	auto_buf struct buf content = BUF_EMPTY;

	assert_done(fs_read(path, 1 << 20, &content, &err), err);
	assert_string_equal(buf_text(&content), text);
}

static void paths(void **state)
{
	auto_free char *one = path_join("a", "b");
	auto_free char *two = path_join("/", "b");
	auto_free char *three = path_join("", "b");

	(void)state;
	assert_string_equal(one, "a/b");
	assert_string_equal(two, "/b");
	assert_string_equal(three, "/b");
}

static void clean_paths(void **state)
{
	static const char *const clean[] = {
		"a",   "a/b", ".a",
		"a.",  "..a", "a..",
		"...", "a b", "\xc3\xa9/\xe2\x82\xac",
		"~",   "-",   "a:b",
	};
	static const char *const dirty[] = {
		"",	    "/",	"/a",	"a/",	"a//b",
		".",	    "..",	"./a",	"a/.",	"a/..",
		"a/../b",   "a/./b",	"../a", "a\\b", "a\nb",
		"a\tb",	    "a\x7f",	"\xff", "\xc3", "a/\xed\xa0\x80",
		"\xc2\x9b", "a\x1b[0m",
	};
	char longest[4097];

	(void)state;
	for (size_t i = 0; i < sizeof clean / sizeof *clean; i++)
		if (!path_is_clean(str_from(clean[i])))
			fail_msg("'%s' is clean", clean[i]);
	for (size_t i = 0; i < sizeof dirty / sizeof *dirty; i++)
		if (path_is_clean(str_from(dirty[i])))
			fail_msg("'%s' is not clean", dirty[i]);
	assert_false(path_is_clean(STR("a\0b")));
	memset(longest, 'a', sizeof longest);
	assert_true(path_is_clean(str_of(longest, 255)));
	assert_false(path_is_clean(str_of(longest, 256)));
	for (size_t i = 200; i < sizeof longest; i += 200)
		longest[i] = '/';
	assert_true(path_is_clean(str_of(longest, 4095)));
	assert_false(path_is_clean(str_of(longest, 4096)));
	assert_true(path_is_clean(STR("a\xc2\xa0"))); /* above the controls */
}

static void making_folders(void **state)
{
	struct error *err = NULL;
	auto_free char *deep = below(state, "a//b/c/");
	auto_free char *file = below(state, "file");
	auto_free char *in_file = below(state, "file/x");
	auto_free char *link = below(state, "link");
	auto_free char *in_link = below(state, "link/x");
	auto_free char *dangling = below(state, "dangling");

	assert_done(fs_make_dirs(deep, 0755, &err), err);
	assert_done(fs_make_dirs(deep, 0755, &err), err);
	assert_true(fs_exists(deep));
	assert_done(fs_make_dirs("/", 0755, &err), err);
	assert_int_equal(fs_make_dirs("", 0755, &err), -1);
	assert_error(&err, ERR_ENV, "cannot make the folder ''");
	write_text(file, "");
	assert_int_equal(fs_make_dirs(file, 0755, &err), -1);
	assert_error(&err, ERR_ENV, "file': Not a directory");
	assert_int_equal(fs_make_dirs(in_file, 0755, &err), -1);
	assert_error(&err, ERR_ENV, "Not a directory");
	assert_int_equal(symlink("a", link), 0);
	assert_done(fs_make_dirs(in_link, 0755, &err), err);
	assert_int_equal(symlink("nowhere", dangling), 0);
	assert_int_equal(fs_make_dirs(dangling, 0755, &err), -1);
	assert_error(&err, ERR_ENV, "dangling'");
	assert_true(fs_exists(dangling));
}

static void listings_are_sorted_bytewise(void **state)
{
	static const char *const names[] = {"b",  "a",	     "B", "\xc3\xa9",
					    "a.", ".hidden", "aa"};
	static const char *const sorted[] = {".hidden", "B", "a",	"a.",
					     "aa",	"b", "\xc3\xa9"};
	auto_names struct fs_names found = ARRAY_EMPTY;
	struct error *err = NULL;

	for (size_t i = 0; i < 7; i++) {
		auto_free char *path = below(state, names[i]);

		write_text(path, names[i]);
	}
	assert_done(fs_list(*state, &found, &err), err);
	assert_int_equal(found.n, 7);
	for (size_t i = 0; i < 7; i++)
		assert_string_equal(found.p[i], sorted[i]);
	auto_free char *missing = below(state, "missing");

	assert_int_equal(fs_list(missing, &found, &err), -1);
	assert_error(&err, ERR_ENV, "No such file");
}

static void reading_is_bounded(void **state)
{
	auto_free char *path = below(state, "file");
	auto_buf struct buf out = BUF_EMPTY;
	struct error *err = NULL;

	write_text(path, "12345");
	buf_append_text(&out, "before ");
	assert_done(fs_read(path, 5, &out, &err), err);
	assert_str(buf_str(&out), "before 12345");
	assert_int_equal(fs_read(path, 4, &out, &err), -1);
	assert_error(&err, ERR_FLEET, "is larger than 4 B");
	/* A file that says it is empty, and one that has no end. */
	buf_clear(&out);
	assert_done(fs_read("/proc/self/status", 1 << 20, &out, &err), err);
	assert_true(out.n > 100);
	assert_int_equal(fs_read("/proc/self/status", 10, &out, &err), -1);
	assert_error(&err, ERR_FLEET, "is larger than 10 B");
	assert_int_equal(fs_read("/dev/zero", 1 << 20, &out, &err), -1);
	assert_error(&err, ERR_FLEET, "is not a regular file");
}

/* A named pipe in a source tree must not stop us until someone writes. */
static void reading_what_is_no_file(void **state)
{
	auto_free char *fifo = below(state, "fifo");
	auto_buf struct buf out = BUF_EMPTY;
	struct error *err = NULL;

	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(fs_read(fifo, 100, &out, &err), -1);
	assert_error(&err, ERR_FLEET, "fifo' is not a regular file");
	assert_int_equal(fs_read(*state, 100, &out, &err), -1);
	assert_error(&err, ERR_ENV, "Is a directory");
}

static void reading_at_an_offset(void **state)
{
	auto_free char *path = below(state, "file");
	struct error *err = NULL;
	char bytes[4] = "";

	write_text(path, "0123456789");
	auto_close int fd = fs_open(path, O_RDONLY, 0, &err);

	assert_done(fs_pread_all(fd, bytes, 4, 6, path, &err), err);
	assert_memory_equal(bytes, "6789", 4);
	assert_done(fs_pread_all(fd, bytes, 0, 99, path, &err), err);
	assert_int_equal(fs_pread_all(fd, bytes, 4, 7, path, &err), -1);
	assert_error(&err, ERR_ENV, "1 bytes are missing at offset 10");
	assert_int_equal(fs_pread_all(-1, bytes, 4, 0, path, &err), -1);
	assert_error(&err, ERR_ENV, "Bad file descriptor");
}

static void what_was_written_behind_is_all_there(void **state)
{
	enum { PIECE = 1 << 20, PIECES = 50 };
	auto_free char *path = below(state, "large");
	auto_free char *piece = mem_alloc(PIECE), *read = mem_alloc(PIECE);
	struct fs_behind behind = {0};
	struct error *err = NULL;
	auto_close int fd = fs_open(path, O_RDWR | O_CREAT, 0600, &err);

	for (int i = 0; i < PIECES; i++) {
		memset(piece, i, PIECE);
		assert_done(fs_write_all(fd, str_of(piece, PIECE), path, &err),
			    err);
		fs_write_behind(&behind, fd, (uint64_t)(i + 1) * PIECE, true);
	}
	assert_int_equal(behind.begun_bytes, 48 << 20);
	assert_int_equal(behind.dropped_bytes, 32 << 20);
	for (int i = 0; i < PIECES; i++) {
		uint64_t offset = (uint64_t)i * PIECE;

		memset(piece, i, PIECE);
		assert_done(fs_pread_all(fd, read, PIECE, offset, path, &err),
			    err);
		assert_memory_equal(read, piece, PIECE);
		fs_drop_read(fd, offset, PIECE);
	}
}

struct reader {
	int fd;
	size_t n;
	uint64_t sum;
	pthread_t writer;
};

/* Reads in small sips and disturbs the writer with signals meanwhile. */
static void *sip(void *argument)
{
	struct reader *reader = argument;
	unsigned char bytes[777];
	ssize_t n;

	while ((n = read(reader->fd, bytes, sizeof bytes)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			reader->sum += bytes[i] * (reader->n++ % 1000 + 1);
		pthread_kill(reader->writer, SIGUSR1);
	}
	return NULL;
}

static void ignore(int number)
{
	(void)number;
}

/* A pipe takes 64 KiB at a time, and signals interrupt: both are short
 * writes. */
static void all_is_written_in_pieces_and_under_signals(void **state)
{
	enum { SIZE = 1 << 20 };
	auto_free char *bytes = mem_alloc(SIZE);
	struct sigaction action = {.sa_handler = ignore}; /* no SA_RESTART */
	struct error *err = NULL;
	struct reader reader = {.writer = pthread_self()};
	uint64_t sum = 0;
	pthread_t thread;
	int ends[2];

	(void)state;
	for (size_t i = 0; i < SIZE; i++) {
		bytes[i] = (char)(i * 31);
		sum += (unsigned char)bytes[i] * (i % 1000 + 1);
	}
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	reader.fd = ends[0];
	assert_int_equal(pthread_create(&thread, NULL, sip, &reader), 0);
	int result = fs_write_all(ends[1], str_of(bytes, SIZE), "pipe", &err);

	close(ends[1]);
	pthread_join(thread, NULL);
	close(ends[0]);
	assert_done(result, err);
	assert_int_equal(reader.n, SIZE);
	assert_true(reader.sum == sum);
}

static void a_full_disk_is_an_error(void **state)
{
	struct error *err = NULL;
	auto_close int fd = fs_open("/dev/full", O_WRONLY, 0, &err);

	(void)state;
	assert_int_equal(fs_write_all(fd, STR("x"), "/dev/full", &err), -1);
	assert_error(&err, ERR_ENV,
		     "cannot write '/dev/full': No space left on device");
}

static void writing_replaces_or_leaves_as_it_was(void **state)
{
	auto_free char *path = below(state, "file");
	auto_free char *missing = below(state, "missing/file");
	auto_names struct fs_names names = ARRAY_EMPTY;
	struct rlimit old, small = {0};
	struct error *err = NULL;
	struct stat info;

	write_text(path, "old");
	write_text(path, "new");
	assert_content(path, "new");
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(fs_write_file(missing, STR("x"), 0644, &err), -1);
	assert_error(&err, ERR_ENV, "No such file or directory");
	/* The third byte does not fit any more. */
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){2, old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int result = fs_write_file(path, STR("12345"), 0644, &err);

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(result, -1);
	assert_error(&err, ERR_ENV, "File too large");
	assert_content(path, "new");
	assert_done(fs_list(*state, &names, &err), err);
	assert_int_equal(names.n, 1); /* no temporary is left */
}

static void a_link_is_replaced_and_not_followed(void **state)
{
	auto_free char *target = below(state, "target");
	auto_free char *link = below(state, "link");
	struct stat info;

	write_text(target, "mine");
	assert_int_equal(symlink("target", link), 0);
	write_text(link, "new");
	assert_content(target, "mine");
	assert_int_equal(lstat(link, &info), 0);
	assert_true(S_ISREG(info.st_mode));
}

static void syncing_the_folder_of_any_path(void **state)
{
	struct error *err = NULL;
	auto_free char *path = below(state, "x");
	auto_free char *bad = below(state, "no/x");

	assert_done(fs_sync_folder_of(path, &err), err);
	assert_done(fs_sync_folder_of("x", &err), err);
	assert_done(fs_sync_folder_of("/x", &err), err);
	assert_int_equal(fs_sync_folder_of(bad, &err), -1);
	assert_error(&err, ERR_ENV, "No such file");
}

static void removing_follows_no_link(void **state)
{
	auto_free char *keep = below(state, "keep");
	auto_free char *kept = below(state, "keep/file");
	auto_free char *tree = below(state, "tree/sub/deep");
	auto_free char *top = below(state, "tree");
	auto_free char *to_folder = below(state, "tree/sub/to-folder");
	auto_free char *to_file = below(state, "tree/to-file");
	auto_free char *dangling = below(state, "tree/dangling");
	auto_free char *link = below(state, "link");
	struct error *err = NULL;

	assert_done(fs_make_dirs(keep, 0755, &err), err);
	write_text(kept, "kept");
	assert_done(fs_make_dirs(tree, 0755, &err), err);
	assert_int_equal(symlink(keep, to_folder), 0);
	assert_int_equal(symlink(kept, to_file), 0);
	assert_int_equal(symlink("nowhere", dangling), 0);
	assert_int_equal(symlink(keep, link), 0);
	assert_done(fs_remove_tree(top, &err), err);
	assert_false(fs_exists(top));
	assert_done(fs_remove_tree(link, &err), err);
	assert_false(fs_exists(link));
	assert_done(fs_remove_tree(top, &err), err); /* is gone already */
	assert_content(kept, "kept");
	assert_done(fs_remove_tree(kept, &err), err);
	assert_false(fs_exists(kept));
}

static void removing_what_the_owner_may_not_touch(void **state)
{
	auto_free char *sub = below(state, "tree/sub");
	auto_free char *file = below(state, "tree/sub/file");
	auto_free char *shut = below(state, "tree/shut");
	auto_free char *in_shut = below(state, "tree/shut/file");
	auto_free char *top = below(state, "tree");
	struct error *err = NULL;

	assert_done(fs_make_dirs(sub, 0755, &err), err);
	assert_done(fs_make_dirs(shut, 0755, &err), err);
	write_text(file, "");
	write_text(in_shut, "");
	assert_int_equal(chmod(file, 0), 0);
	assert_int_equal(chmod(sub, 0555), 0);
	assert_int_equal(chmod(shut, 0), 0);
	assert_int_equal(chmod(top, 0500), 0);
	/* Root may do all; the test is about others. */
	uid_t self = geteuid();

	if (self == 0) {
		assert_int_equal(chown(*state, 65534, 65534), 0);
		for (size_t i = 0; i < 5; i++)
			assert_int_equal(
				chown((const char *[]){file, in_shut, sub, shut,
						       top}[i],
				      65534, 65534),
				0);
		assert_int_equal(seteuid(65534), 0);
	}
	int result = fs_remove_tree(top, &err);

	assert_int_equal(seteuid(self), 0);
	assert_done(result, err);
	assert_false(fs_exists(top));
}

/* Deeper than there are descriptors, and than a path may be long. */
static void removing_a_deep_tree(void **state)
{
	auto_free char *top = below(state, "deep");
	struct rlimit old, small;
	struct error *err = NULL;

	assert_int_equal(mkdir(top, 0755), 0);
	int fd = open(top, O_RDONLY | O_DIRECTORY);

	for (unsigned i = 0; i < 3000; i++) {
		assert_int_equal(mkdirat(fd, "a", 0755), 0);
		if (i % 500 == 499)
			assert_int_equal(mkdirat(fd, "remove.0", 0755), 0);
		int next = openat(fd, "a", O_RDONLY | O_DIRECTORY);

		close(fd);
		fd = next;
		assert_true(fd >= 0);
	}
	close(fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	small = (struct rlimit){256, old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &small), 0);
	int result = fs_remove_tree(top, &err);

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_done(result, err);
	assert_false(fs_exists(top));
}

/* errno, or 0 where the path could be opened. */
static int beneath(int dir_fd, const char *path, int flags)
{
	auto_close int fd = fs_open_beneath(dir_fd, path, flags, 0600);

	return fd < 0 ? errno : 0;
}

static void opening_beneath_leaves_no_folder(void **state)
{
	auto_free char *root = below(state, "root");
	auto_free char *sub = below(state, "root/sub");
	auto_free char *file = below(state, "root/sub/file");
	auto_free char *secret = below(state, "secret");
	struct error *err = NULL;

	assert_done(fs_make_dirs(sub, 0755, &err), err);
	write_text(file, "");
	write_text(secret, "");
	auto_close int fd = fs_open(root, O_RDONLY | O_DIRECTORY, 0, &err);

	assert_int_equal(symlinkat("sub/file", fd, "inside"), 0);
	assert_int_equal(symlinkat("../secret", fd, "outside"), 0);
	assert_int_equal(symlinkat("..", fd, "up"), 0);
	assert_int_equal(symlinkat(secret, fd, "absolute"), 0);
	assert_int_equal(symlinkat(file, fd, "absolute-inside"), 0);
	assert_int_equal(symlinkat("/proc/self/fd/0", fd, "magic"), 0);
	assert_int_equal(symlinkat("loop", fd, "loop"), 0);
	assert_int_equal(beneath(fd, "sub/file", O_RDONLY), 0);
	assert_int_equal(beneath(fd, "sub/../sub/file", O_RDONLY), 0);
	assert_int_equal(beneath(fd, "inside", O_RDONLY), 0);
	assert_int_equal(beneath(fd, "outside", O_RDONLY), EXDEV);
	assert_int_equal(beneath(fd, "up/secret", O_RDONLY), EXDEV);
	assert_int_equal(beneath(fd, "../secret", O_RDONLY), EXDEV);
	assert_int_equal(beneath(fd, "sub/../../secret", O_RDONLY), EXDEV);
	assert_int_equal(beneath(fd, "absolute", O_RDONLY), EXDEV);
	assert_int_equal(beneath(fd, "absolute-inside", O_RDONLY), EXDEV);
	assert_int_equal(beneath(fd, secret, O_RDONLY), EXDEV);
	assert_int_equal(beneath(fd, "magic", O_RDONLY), EXDEV);
	assert_int_equal(beneath(fd, "loop", O_RDONLY), ELOOP);
	assert_int_equal(beneath(fd, "missing", O_RDONLY), ENOENT);
	assert_int_equal(beneath(fd, "up/new", O_WRONLY | O_CREAT), EXDEV);
	assert_int_equal(beneath(fd, "sub/new", O_WRONLY | O_CREAT | O_EXCL),
			 0);
	assert_int_equal(beneath(fd, "sub/new", O_WRONLY | O_CREAT | O_EXCL),
			 EEXIST);
}

static void descriptors_do_not_leak_into_children(void **state)
{
	auto_free char *path = below(state, "file");
	struct error *err = NULL;

	write_text(path, "");
	auto_close int fd = fs_open(path, O_RDONLY, 0, &err);
	auto_close int dir = fs_open(*state, O_RDONLY | O_DIRECTORY, 0, &err);
	auto_close int second = fs_open_beneath(dir, "file", O_RDONLY, 0);

	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(second, F_GETFD), FD_CLOEXEC);
	int stolen = fd_steal(second);

	assert_int_equal(second, -1);
	close(stolen);
	assert_int_equal(fs_open("/no/such", O_RDONLY, 0, &err), -1);
	assert_error(&err, ERR_ENV, "cannot open '/no/such'");
}

static void closing_twice_closes_no_other(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), closed = fd;

	(void)state;
	fs_close_pointer(&closed);
	auto_close int other = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_int_equal(other, fd);
	fs_close_pointer(&closed);
	assert_int_equal(fcntl(other, F_GETFD), FD_CLOEXEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),
		cmocka_unit_test(clean_paths),
		test_in_folder(making_folders),
		test_in_folder(listings_are_sorted_bytewise),
		test_in_folder(reading_is_bounded),
		test_in_folder(reading_what_is_no_file),
		test_in_folder(reading_at_an_offset),
		test_in_folder(what_was_written_behind_is_all_there),
		cmocka_unit_test(all_is_written_in_pieces_and_under_signals),
		cmocka_unit_test(a_full_disk_is_an_error),
		test_in_folder(writing_replaces_or_leaves_as_it_was),
		test_in_folder(a_link_is_replaced_and_not_followed),
		test_in_folder(syncing_the_folder_of_any_path),
		test_in_folder(removing_follows_no_link),
		test_in_folder(removing_what_the_owner_may_not_touch),
		test_in_folder(removing_a_deep_tree),
		test_in_folder(opening_beneath_leaves_no_folder),
		cmocka_unit_test(closing_twice_closes_no_other),
		test_in_folder(descriptors_do_not_leak_into_children),
	};

	return cmocka_run_group_tests_name("fs", tests, NULL, NULL);
}
