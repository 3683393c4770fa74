/* tar: what is written is what GNU tar reads back, and always the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/proc.h"
#include "codec/tar.h"

#define GIB ((uint64_t)1 << 30)

/* GNU tar's verbose listing of an archive, with one space between columns. */
static void list(struct str archive, struct buf *out)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	struct error *err = NULL;
	const char *const argv[] = {"tar",
				    "--numeric-owner",
				    "--full-time",
				    "--utc",
				    "--quoting-style",
				    "escape",
				    "-tvf",
				    "-",
				    NULL};
	const char *const env[] = {"LC_ALL=C", NULL};
	struct proc_options options = {
		.argv = argv, .env = env, .input = archive};

	if (proc_run(&options, &result, &err))
		fail_msg("%s", err_message(err));
	for (size_t i = 0; i < result.output.n; i++)
		if (i == 0 || result.output.p[i] != ' ' ||
		    result.output.p[i - 1] != ' ')
			buf_append_byte(out, result.output.p[i]);
}

static void expect_listing(const struct tar_entry *entry, const char *expected)
{
	auto_buf struct buf archive = BUF_EMPTY;
	auto_buf struct buf listing = BUF_EMPTY;

	assert_int_equal(tar_append_header(&archive, entry), TAR_OK);
	assert_int_equal(archive.n % TAR_BLOCK, 0);
	if (entry->size_bytes < TAR_BLOCK) {
		buf_append_zeros(&archive, entry->size_bytes);
		buf_append_zeros(&archive, tar_padding(entry->size_bytes));
	}
	tar_append_end(&archive);
	list(buf_str(&archive), &listing);
	assert_string_equal(buf_text(&listing), expected);
}

static void test_kinds(void **state)
{
	(void)state;
	expect_listing(&(struct tar_entry){.path = STR("opt/a file"),
					   .type = TAR_FILE,
					   .mode = 0644,
					   .uid = 10001,
					   .gid = 10002,
					   .size_bytes = 7,
					   .mtime_s = 1700000000},
		       "-rw-r--r-- 10001/10002 7 2023-11-14 22:13:20 "
		       "opt/a file\n");
	expect_listing(&(struct tar_entry){.path = STR("opt"),
					   .type = TAR_DIR,
					   .mode = 01755},
		       "drwxr-xr-t 0/0 0 1970-01-01 00:00:00 "
		       "opt/\n");
	expect_listing(&(struct tar_entry){.path = STR("bin/python"),
					   .target = STR("../usr/bin/python3"),
					   .type = TAR_SYMLINK,
					   .mode = 0777},
		       "lrwxrwxrwx 0/0 0 1970-01-01 00:00:00 "
		       "bin/python -> ../usr/bin/python3\n");
	expect_listing(&(struct tar_entry){.path = STR("b"),
					   .target = STR("a/b"),
					   .type = TAR_HARDLINK,
					   .mode = 0644},
		       "hrw-r--r-- 0/0 0 1970-01-01 00:00:00 "
		       "b link to a/b\n");
}

/* A path of n bytes, in parts of at most 60. */
static char *long_path(size_t n)
{
	char *path = mem_alloc(n + 1);

	for (size_t i = 0; i < n; i++)
		path[i] = i % 61 == 60 && i + 1 < n ? '/' : 'a';
	path[n] = '\0';
	return path;
}

static size_t header_bytes(const struct tar_entry *entry)
{
	auto_buf struct buf out = BUF_EMPTY;

	assert_int_equal(tar_append_header(&out, entry), TAR_OK);
	return out.n;
}

static void test_limits_of_names(void **state)
{
	(void)state;
	for (size_t n = 97; n <= 300; n++) {
		auto_free char *path = long_path(n);
		auto_free char *line =
			path_printf("-rw------- 0/0 0 1970-01-01 00:00:00 "
				    "%s\n",
				    path);
		struct tar_entry entry = {
			.path = str_from(path), .type = TAR_FILE, .mode = 0600};

		expect_listing(&entry, line);
		assert_int_equal(header_bytes(&entry),
				 n <= 100 ? TAR_BLOCK : 3 * TAR_BLOCK);
		/* The '/' of a folder counts. */
		entry.type = TAR_DIR;
		assert_int_equal(header_bytes(&entry),
				 n <= 99 ? TAR_BLOCK : 3 * TAR_BLOCK);
		entry = (struct tar_entry){.path = STR("l"),
					   .target = str_from(path),
					   .type = TAR_SYMLINK};
		assert_int_equal(header_bytes(&entry),
				 n <= 100 ? TAR_BLOCK : 3 * TAR_BLOCK);
	}
	expect_listing(&(struct tar_entry){.path = STR("gr\303\274n"),
					   .type = TAR_FILE,
					   .mode = 0600},
		       "-rw------- 0/0 0 1970-01-01 00:00:00 "
		       "gr\\303\\274n\n");
}

static void test_limits_of_numbers(void **state)
{
	(void)state;
	struct tar_entry entry = {.path = STR("f"), .type = TAR_FILE};

	entry.size_bytes = 8 * GIB - 1;
	assert_int_equal(header_bytes(&entry), TAR_BLOCK);
	entry.size_bytes = 8 * GIB;
	assert_int_equal(header_bytes(&entry), 3 * TAR_BLOCK);
	entry.size_bytes = 0;
	entry.uid = 2097151;
	entry.gid = 2097151;
	assert_int_equal(header_bytes(&entry), TAR_BLOCK);
	entry.uid = 2097152;
	expect_listing(&entry, "---------- 2097152/2097151 0 1970-01-01 "
			       "00:00:00 f\n");
	entry.gid = UINT32_MAX;
	expect_listing(&entry, "---------- 2097152/4294967295 0 1970-01-01 "
			       "00:00:00 f\n");
	entry.uid = entry.gid = 0;
	entry.mtime_s = -1;
	expect_listing(&entry, "---------- 0/0 0 1969-12-31 "
			       "23:59:59 f\n");
	entry.mtime_s = 8589934591;
	assert_int_equal(header_bytes(&entry), TAR_BLOCK);
	entry.mtime_s = 8589934592;
	expect_listing(&entry, "---------- 0/0 0 2242-03-16 "
			       "12:56:32 f\n");
}

static void test_large_size_is_read_back(void **state)
{
	(void)state;
	auto_buf struct buf archive = BUF_EMPTY;
	auto_buf struct buf listing = BUF_EMPTY;

	/* tar lists an entry before it misses the payload. */
	assert_int_equal(
		tar_append_header(&archive,
				  &(struct tar_entry){.path = STR("f"),
						      .type = TAR_FILE,
						      .size_bytes = 9 * GIB}),
		TAR_OK);
	list(buf_str(&archive), &listing);
	assert_string_equal(buf_text(&listing),
			    "---------- 0/0 9663676416 1970-01-01 "
			    "00:00:00 f\n");
}

static void expect_status(struct tar_entry entry, enum tar_status status)
{
	auto_buf struct buf out = BUF_EMPTY;

	buf_append_text(&out, "before");
	assert_int_equal(tar_append_header(&out, &entry), status);
	assert_string_equal(buf_text(&out), "before");
	assert_true(strlen(tar_status_text(status)) > 10);
}

static void test_refusals(void **state)
{
	(void)state;
	static const struct str paths[] = {
		STR_INIT(""),	   STR_INIT("/a"),   STR_INIT("a/"),
		STR_INIT("a//b"),  STR_INIT(".."),   STR_INIT("a/../b"),
		STR_INIT("./a"),   STR_INIT("a/."),  STR_INIT("a\0b"),
		STR_INIT("a\xff"), STR_INIT("a/.."),
	};

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		expect_status(
			(struct tar_entry){.path = paths[i], .type = TAR_FILE},
			TAR_BAD_PATH);
	expect_status((struct tar_entry){.path = STR("a"), .type = TAR_SYMLINK},
		      TAR_BAD_TARGET);
	expect_status((struct tar_entry){.path = STR("a"),
					 .target = STR("../b"),
					 .type = TAR_HARDLINK},
		      TAR_BAD_TARGET);
	expect_status((struct tar_entry){.path = STR("a"),
					 .target = STR("b"),
					 .type = TAR_FILE},
		      TAR_BAD_TARGET);
	expect_status((struct tar_entry){.path = STR("a"),
					 .type = TAR_FILE,
					 .mode = 010000},
		      TAR_BAD_MODE);
	expect_status((struct tar_entry){.path = STR("a"),
					 .type = TAR_DIR,
					 .size_bytes = 1},
		      TAR_BAD_SIZE);
}

static void test_golden_bytes(void **state)
{
	(void)state;
	auto_buf struct buf out = BUF_EMPTY;
	auto_free char *path = long_path(150);
	struct tar_entry entries[] = {
		{.path = STR("opt"), .type = TAR_DIR, .mode = 0755},
		{.path = STR("opt/gr\303\274n"),
		 .type = TAR_FILE,
		 .mode = 0644,
		 .mtime_s = 1700000000},
		{.path = str_from(path),
		 .target = STR("a"),
		 .type = TAR_SYMLINK,
		 .uid = 3000000},
	};

	for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
		assert_int_equal(tar_append_header(&out, entries + i), TAR_OK);
	tar_append_end(&out);
	struct digest digest = digest_of(buf_str(&out));

	assert_string_equal(digest_text(&digest).p,
			    "sha256:"
			    "d89ee0cc80288ae624b5ee318f2ad3e90e422731797aba6fe9"
			    "8a01ce38c815e0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_limits_of_names),
		cmocka_unit_test(test_limits_of_numbers),
		cmocka_unit_test(test_large_size_is_read_back),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_golden_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
