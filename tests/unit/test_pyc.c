/* Streams are made here, one per rule of what is refused; sources are compiled
 * by the Python of this machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/pool.h"
#include "parts/pyc.h"
#include "parts/pyc/marshal.h"

enum { PYC_HEAD_BYTES = 16 };

static void assert_str(struct str found, struct str expected)
{
	assert_int_equal(found.n, expected.n);
	assert_memory_equal(found.p, expected.p, expected.n);
}

static void assert_normal(struct str stream, struct str expected)
{
	auto_buf struct buf out = BUF_EMPTY;
	auto_buf struct buf again = BUF_EMPTY;
	size_t offset;

	assert_int_equal(marshal_normalise(stream, 14, &out, &offset),
			 MARSHAL_OK);
	assert_str(buf_str(&out), expected);
	assert_int_equal(marshal_normalise(expected, 14, &again, &offset),
			 MARSHAL_OK);
	assert_str(buf_str(&again), expected);
}

static void test_marks_follow_references(void **state)
{
	(void)state;
	/* A mark that nothing refers to. */
	assert_normal(STR("\xe9\1\0\0\0"), STR("i\1\0\0\0"));
	/* ("long", <reference to it>) behind an unused mark. */
	assert_normal(STR("\xa9\2\xfa\4longr\1\0\0\0"),
		      STR(")\2\xfa\4longr\0\0\0\0"));
	/* Nothing is not referred to. */
	assert_normal(STR(")\2\xcer\0\0\0\0"), STR(")\2NN"));
	/* Marks are numbered as they come, not as they end. */
	assert_normal(STR(")\3\xa9\1\xe9\7\0\0\0r\0\0\0\0r\1\0\0\0"),
		      STR(")\3\xa9\1\xe9\7\0\0\0r\0\0\0\0r\1\0\0\0"));
}

static void test_equal_constants_are_one(void **state)
{
	(void)state;
	assert_normal(STR(")\2i\5\0\0\0i\5\0\0\0"),
		      STR(")\2\xe9\5\0\0\0r\0\0\0\0"));
	assert_normal(STR("(\2\0\0\0)\1z\2ab)\1z\2ab"),
		      STR("(\2\0\0\0\xa9\1z\2abr\0\0\0\0"));
	/* 0.0 and -0.0, "ab" interned and not, b"ab" and "ab" stay two. */
	assert_normal(STR(")\2g\0\0\0\0\0\0\0\0g\0\0\0\0\0\0\0\x80"),
		      STR(")\2g\0\0\0\0\0\0\0\0g\0\0\0\0\0\0\0\x80"));
	assert_normal(STR(")\3z\2abZ\2abs\2\0\0\0ab"),
		      STR(")\3z\2abZ\2abs\2\0\0\0ab"));
	/* A slice of 3.14. */
	assert_normal(STR(")\2:NN\xe9\1\0\0\0:NNi\1\0\0\0"),
		      STR(")\2\xba"
			  "NNi\1\0\0\0r\0\0\0\0"));
}

static void test_nans_have_no_sign(void **state)
{
	(void)state;
	assert_normal(STR("g\0\0\0\0\0\0\xf8\xff"),
		      STR("g\0\0\0\0\0\0\xf8\x7f"));
	assert_normal(STR("y\0\0\0\0\0\0\xf0\xff\1\0\0\0\0\0\xf8\xff"),
		      STR("y\0\0\0\0\0\0\xf0\xff\0\0\0\0\0\0\xf8\x7f"));
	/* Two are not equal, and stay two; one of them may be meant twice. */
	assert_normal(STR(")\3\xe7\0\0\0\0\0\0\xf8\xff"
			  "g\0\0\0\0\0\0\xf8\xffr\0\0\0\0"),
		      STR(")\3\xe7\0\0\0\0\0\0\xf8\x7f"
			  "g\0\0\0\0\0\0\xf8\x7fr\0\0\0\0"));
	assert_normal(STR(">\2\0\0\0Ng\0\0\0\0\0\0\xf8\xff"),
		      STR(">\2\0\0\0Ng\0\0\0\0\0\0\xf8\x7f"));
}

static void test_single_characters_are_interned(void **state)
{
	(void)state;
	assert_normal(STR("z\1%"), STR("Z\1%"));
	assert_normal(STR("z\0"), STR("Z\0"));
	assert_normal(STR("u\2\0\0\0\xc3\xa9"), STR("t\2\0\0\0\xc3\xa9"));
	/* U+0100 is no singleton. */
	assert_normal(STR("u\2\0\0\0\xc4\x80"), STR("u\2\0\0\0\xc4\x80"));
	assert_normal(STR("z\2%%"), STR("z\2%%"));
}

static void test_frozensets_are_ordered(void **state)
{
	(void)state;
	assert_normal(STR("\xbe\0\0\0\0"), STR(">\0\0\0\0"));
	struct str normal = STR(">\3\0\0\0)\1i\1\0\0\0)\1i\2\0\0\0N");

	assert_normal(STR(">\3\0\0\0N)\1i\2\0\0\0)\1i\1\0\0\0"), normal);
	assert_normal(STR(">\3\0\0\0)\1\xe9\2\0\0\0\xa9\1i\1\0\0\0\xce"),
		      normal);
	/* The first to be written is what others refer to. */
	assert_normal(STR(")\2>\2\0\0\0\xfa\2zz\xfa\2aar\0\0\0\0"),
		      STR(")\2>\2\0\0\0z\2aa\xfa\2zzr\0\0\0\0"));
}

struct refused {
	struct str stream;
	enum marshal_status status;
	size_t offset;
};

static void test_streams_that_are_refused(void **state)
{
	const struct refused cases[] = {
		{STR(""), MARSHAL_TRUNCATED, 0},
		{STR("i\1\0\0"), MARSHAL_TRUNCATED, 1},
		{STR("z\5abc"), MARSHAL_TRUNCATED, 2},
		{STR("s\xff\xff\xff\xff"), MARSHAL_TRUNCATED, 5},
		{STR("l\0\0\0\x80"), MARSHAL_TRUNCATED, 5},
		{STR("l\xfe\xff\xff\xff\1\0\2"), MARSHAL_TRUNCATED, 5},
		{STR("(\xff\xff\xff\xff"), MARSHAL_TRUNCATED, 5},
		{STR("[\0\0\0\0"), MARSHAL_UNKNOWN_TYPE, 1},
		{STR("{0"), MARSHAL_UNKNOWN_TYPE, 1},
		{STR("f\0030.5"), MARSHAL_UNKNOWN_TYPE, 1},
		{STR("?"), MARSHAL_UNKNOWN_TYPE, 1},
		{STR("\0"), MARSHAL_UNKNOWN_TYPE, 1},
		{STR("\x80"), MARSHAL_UNKNOWN_TYPE, 1},
		{STR("r\0\0\0\0"), MARSHAL_BAD_REFERENCE, 5},
		{STR("\xa9\1r\0\0\0\0"), MARSHAL_BAD_REFERENCE, 7},
		{STR("NN"), MARSHAL_TRAILING, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_buf struct buf out = BUF_EMPTY;
		size_t offset;

		assert_int_equal(
			marshal_normalise(cases[i].stream, 14, &out, &offset),
			cases[i].status);
		assert_int_equal(offset, cases[i].offset);
		assert_int_equal(out.n, 0);
		assert_true(*marshal_status_text(cases[i].status));
	}
	auto_buf struct buf out = BUF_EMPTY;
	size_t offset;

	/* Slices came with 3.14. */
	assert_int_equal(marshal_normalise(STR(":NNN"), 13, &out, &offset),
			 MARSHAL_UNKNOWN_TYPE);
}

/* Levels nested tuples around nothing. */
static enum marshal_status nest(unsigned levels)
{
	auto_buf struct buf stream = BUF_EMPTY, out = BUF_EMPTY;
	size_t offset;

	for (unsigned i = 0; i < levels; i++)
		buf_append(&stream, STR(")\1"));
	buf_append_byte(&stream, 'N');
	return marshal_normalise(buf_str(&stream), 11, &out, &offset);
}

static void test_depth_is_bounded(void **state)
{
	auto_buf struct buf stream = BUF_EMPTY, out = BUF_EMPTY;
	size_t offset;

	(void)state;
	assert_int_equal(nest(1999), MARSHAL_OK);
	assert_int_equal(nest(2000), MARSHAL_TOO_DEEP);
	/* Each tuple holds the one before twice: 2^60 paths, 61 objects. A
	 * reference makes what is not deep in the stream high. */
	for (unsigned levels = 60; levels <= 3000; levels += 2940) {
		buf_clear(&stream);
		buf_append_byte(&stream, '(');
		buf_append_le32(&stream, levels);
		buf_append(&stream, STR("\xa9\1N"));
		for (unsigned i = 1; i < levels; i++) {
			buf_append(&stream, STR("\xa9\2r"));
			buf_append_le32(&stream, i - 1);
			buf_append_byte(&stream, 'r');
			buf_append_le32(&stream, i - 1);
		}
		assert_int_equal(
			marshal_normalise(buf_str(&stream), 11, &out, &offset),
			levels == 60 ? MARSHAL_OK : MARSHAL_TOO_DEEP);
	}
}

/* A frozenset of code, and every prefix of a code object at a guard page. */
static void test_code_objects(void **state)
{
	struct str code = STR("\xe3\1\0\0\0\0\0\0\0\0\0\0\0\3\0\0\0\3\0\0\0"
			      "\xf3\4\0\0\0\227\0d\0\xa9\1N\xa9\0r\3\0\0\0"
			      "s\1\0\0\0\x60\xda\4x.py\xda\1f\xda\1f\7\0\0\0"
			      "\xf3\0\0\0\0r\7\0\0\0");
	struct str normal = STR("c\1\0\0\0\0\0\0\0\0\0\0\0\3\0\0\0\3\0\0\0"
				"s\4\0\0\0\227\0d\0)\1N\xa9\0r\0\0\0\0"
				"s\1\0\0\0\x60Z\4x.py\xda\1fr\1\0\0\0\7\0\0\0"
				"\xf3\0\0\0\0r\2\0\0\0");
	auto_buf struct buf out = BUF_EMPTY;
	size_t offset, page = (size_t)sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_int_equal(mprotect(map + page, page, PROT_NONE), 0);
	assert_int_equal(marshal_normalise(code, 11, &out, &offset),
			 MARSHAL_OK);
	assert_str(buf_str(&out), normal);
	for (size_t n = 0; n < code.n; n++) {
		char *p = map + page - n;

		memcpy(p, code.p, n);
		buf_clear(&out);
		assert_int_equal(
			marshal_normalise(str_of(p, n), 11, &out, &offset),
			MARSHAL_TRUNCATED);
		assert_int_equal(out.n, 0);
	}
	munmap(map, 2 * page);
	auto_buf struct buf set = BUF_EMPTY;

	buf_append(&set, STR(">\1\0\0\0"));
	buf_append(&set, code);
	assert_int_equal(marshal_normalise(buf_str(&set), 11, &out, &offset),
			 MARSHAL_BAD_ELEMENT);
}

/* Workers of some Python of this machine. */
static struct pyc_pool *start(struct pyc_options options)
{
	struct pyc_pool *pool = NULL;

	options.root = "/";
	for (unsigned minor = 8; minor <= 14 && !pool; minor++) {
		options.minor = minor;
		pyc_pool_new(&options, &pool, NULL);
	}
	assert_non_null(pool);
	return pool;
}

static enum pyc_verdict compile_text(struct pyc_pool *pool, struct str source,
				     enum pyc_mode mode, struct buf *out,
				     struct pyc_problem *problem)
{
	struct error *error = NULL;
	enum pyc_verdict verdict = PYC_CRASH;
	int result = pyc_compile(pool, source, STR("/app/x.py"), mode, out,
				 &verdict, problem, &error);

	if (error)
		print_error("%s\n", err_message(error));
	assert_int_equal(result, 0);
	return verdict;
}

static void test_modes(void **state)
{
	struct pyc_pool *pool = start((struct pyc_options){.workers = 1});
	auto_buf struct buf unchecked = BUF_EMPTY, checked = BUF_EMPTY;
	auto_pyc_problem struct pyc_problem problem = PYC_PROBLEM_EMPTY;
	struct str source = STR("def f():\n    return 'value'\n");

	(void)state;
	assert_int_equal(
		compile_text(pool, source, PYC_UNCHECKED, &unchecked, &problem),
		PYC_COMPILED);
	assert_int_equal(
		compile_text(pool, source, PYC_CHECKED, &checked, &problem),
		PYC_COMPILED);
	assert_null(problem.message);
	assert_true(unchecked.n > PYC_HEAD_BYTES);
	assert_str(str_of(unchecked.p + 2, 2), STR("\r\n"));
	assert_int_equal(le32_at(unchecked.p + 4), 1);
	assert_int_equal(le32_at(checked.p + 4), 3);
	assert_str(str_slice(buf_str(&checked), 8, checked.n),
		   str_slice(buf_str(&unchecked), 8, unchecked.n));
	assert_true(str_find_str(buf_str(&checked), STR("/app/x.py")) > 0);
	pyc_pool_free(pool);
}

/* How each source ends; one worker, so that each follows on the one before. */
static void test_sick_sources_cost_only_themselves(void **state)
{
	struct pyc_pool *pool = start((struct pyc_options){
		.workers = 1, .memory_bytes = 256 << 20, .cpu_ms = 3000});
	auto_buf struct buf first = BUF_EMPTY, out = BUF_EMPTY,
			    deep = BUF_EMPTY, big = BUF_EMPTY;
	auto_pyc_problem struct pyc_problem problem = PYC_PROBLEM_EMPTY;
	struct str sound = STR("x = {'a', None, 1.5}\n");

	(void)state;
	buf_append_text(&deep, "x = ");
	for (int i = 0; i < 100000; i++)
		buf_append_byte(&deep, '-');
	buf_append_byte(&deep, '1');
	for (int i = 0; i < 500000; i++)
		buf_append_text(&big, "x = y\n");
	compile_text(pool, sound, PYC_CHECKED, &first, &problem);

	assert_int_equal(compile_text(pool, STR("x = (1,\ny = 2\n"),
				      PYC_CHECKED, &out, &problem),
			 PYC_SYNTAX);
	assert_string_equal(problem.type, "SyntaxError");
	assert_true(problem.line >= 1 && problem.line <= 2);
	assert_true(problem.column >= 1);
	assert_non_null(problem.message);
	assert_int_equal(compile_text(pool, STR("if x:\ny = 2\n"), PYC_CHECKED,
				      &out, &problem),
			 PYC_SYNTAX);
	assert_string_equal(problem.type, "IndentationError");
	assert_int_equal(problem.line, 2);
	assert_int_equal(compile_text(pool, STR("x = 1\0\n"), PYC_CHECKED, &out,
				      &problem),
			 PYC_SYNTAX);
	assert_int_equal(compile_text(pool, STR("# coding: none\n"),
				      PYC_CHECKED, &out, &problem),
			 PYC_SYNTAX);
	assert_int_not_equal(
		compile_text(pool, buf_str(&deep), PYC_CHECKED, &out, &problem),
		PYC_COMPILED);
	assert_int_equal(
		compile_text(pool, buf_str(&big), PYC_CHECKED, &out, &problem),
		PYC_TOO_BIG);
	assert_int_equal(out.n, 0);
	assert_int_equal(compile_text(pool, sound, PYC_CHECKED, &out, &problem),
			 PYC_COMPILED);
	assert_null(problem.message);
	assert_str(buf_str(&out), buf_str(&first));
	pyc_pool_free(pool);
}

static void test_time_is_bounded(void **state)
{
	struct pyc_pool *pool =
		start((struct pyc_options){.workers = 1, .cpu_ms = 200});
	auto_buf struct buf slow = BUF_EMPTY, out = BUF_EMPTY;
	auto_pyc_problem struct pyc_problem problem = PYC_PROBLEM_EMPTY;

	(void)state;
	for (int i = 0; i < 300000; i++)
		buf_append_text(&slow, "x = y\n");
	assert_int_equal(
		compile_text(pool, buf_str(&slow), PYC_CHECKED, &out, &problem),
		PYC_TIMEOUT);
	assert_int_equal(
		compile_text(pool, STR("x = 1\n"), PYC_CHECKED, &out, &problem),
		PYC_COMPILED);
	pyc_pool_free(pool);
}

/* Nothing that is compiled is run, and nothing of it is imported. */
static void test_code_is_not_run(void **state)
{
	struct pyc_pool *pool = start((struct pyc_options){.workers = 1});
	auto_buf struct buf out = BUF_EMPTY;
	auto_pyc_problem struct pyc_problem problem = PYC_PROBLEM_EMPTY;
	char folder[] = "/tmp/pyc-test-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(folder));
	auto_free char *touched = path_join(folder, "touched");
	auto_free char *source = path_printf(
		"open('%s', 'w')\nimport os\nos._exit(1)\n", touched);

	assert_int_equal(compile_text(pool, str_from(source), PYC_CHECKED, &out,
				      &problem),
			 PYC_COMPILED);
	assert_false(fs_exists(touched));
	rmdir(folder);
	pyc_pool_free(pool);
}

struct job {
	struct pyc_pool *pycs;
	struct str source;
	struct buf out;
};

static int job_run(void *argument, struct error **err)
{
	struct job *job = argument;
	auto_pyc_problem struct pyc_problem problem = PYC_PROBLEM_EMPTY;
	enum pyc_verdict verdict;

	return pyc_compile(job->pycs, job->source, STR("/app/x.py"),
			   PYC_CHECKED, &job->out, &verdict, &problem, err);
}

/* The threads of one run end; the workers do not end with them. More threads
 * than workers wait for one. */
static void test_many_threads(void **state)
{
	enum { JOBS = 64 };
	struct pyc_pool *pycs = start((struct pyc_options){.workers = 2});
	struct pool *pool = pool_new(5, 0);
	static const struct str sources[] = {
		STR_INIT("a = 1, 'x', (2, 3)\n"),
		STR_INIT("import a\ndef f(x): return x in {'%', 'a', None}\n"),
		STR_INIT("x = (\n"),
	};
	struct job jobs[JOBS] = {0};

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < JOBS; i++) {
			struct pool_task task = {.run = job_run,
						 .argument = &jobs[i]};

			buf_clear(&jobs[i].out);
			jobs[i].pycs = pycs;
			jobs[i].source = sources[i % 3];
			pool_add(pool, &task);
		}
		assert_int_equal(pool_run(pool), 0);
		for (size_t i = 3; i < JOBS; i++)
			assert_str(buf_str(&jobs[i].out),
				   buf_str(&jobs[i % 3].out));
	}
	for (size_t i = 0; i < JOBS; i++)
		buf_release(&jobs[i].out);
	pool_free(pool);
	pyc_pool_free(pycs);
}

static void assert_refused(struct pyc_options options, const char *words)
{
	struct pyc_pool *pool = NULL;
	auto_err struct error *error = NULL;
	auto_buf struct buf out = BUF_EMPTY;
	auto_pyc_problem struct pyc_problem problem = PYC_PROBLEM_EMPTY;
	enum pyc_verdict verdict;
	int result = pyc_pool_new(&options, &pool, &error);

	if (result == 0)
		result = pyc_compile(pool, STR("x\n"), STR("x.py"), PYC_CHECKED,
				     &out, &verdict, &problem, &error);
	assert_int_equal(result, -1);
	assert_int_equal(err_class(error), ERR_ENV);
	assert_non_null(strstr(err_message(error), words));
	pyc_pool_free(pool);
}

static void test_interpreters_that_are_not_there(void **state)
{
	char folder[] = "/tmp/pyc-test-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_refused((struct pyc_options){.root = folder, .minor = 11},
		       "no Python 3.11 in");
	assert_refused(
		(struct pyc_options){.root = "/does/not/exist", .minor = 11},
		"/does/not/exist");
	assert_refused((struct pyc_options){.root = "/",
					    .python = "bin/sh",
					    .minor = 11},
		       "cannot be started");
	rmdir(folder);
}

static void test_keys_differ(void **state)
{
	struct digest source = digest_of(STR("a")), other = digest_of(STR("b"));
	struct digest keys[] = {
		pyc_key(&source, STR("a.py"), STR("3.11"), PYC_CHECKED),
		pyc_key(&other, STR("a.py"), STR("3.11"), PYC_CHECKED),
		pyc_key(&source, STR("b.py"), STR("3.11"), PYC_CHECKED),
		pyc_key(&source, STR("a.py"), STR("3.12"), PYC_CHECKED),
		pyc_key(&source, STR("a.py"), STR("3.11"), PYC_UNCHECKED),
	};

	(void)state;
	for (size_t i = 0; i < 5; i++)
		for (size_t j = 0; j < i; j++)
			assert_false(digest_eq(&keys[i], &keys[j]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_marks_follow_references),
		cmocka_unit_test(test_equal_constants_are_one),
		cmocka_unit_test(test_nans_have_no_sign),
		cmocka_unit_test(test_single_characters_are_interned),
		cmocka_unit_test(test_frozensets_are_ordered),
		cmocka_unit_test(test_streams_that_are_refused),
		cmocka_unit_test(test_depth_is_bounded),
		cmocka_unit_test(test_code_objects),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_sick_sources_cost_only_themselves),
		cmocka_unit_test(test_time_is_bounded),
		cmocka_unit_test(test_code_is_not_run),
		cmocka_unit_test(test_many_threads),
		cmocka_unit_test(test_interpreters_that_are_not_there),
		cmocka_unit_test(test_keys_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
