#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#include "base/array.h"
#include "base/buf.h"

static void an_empty_buf_is_a_str_and_a_text(void **state)
{
	struct buf buf = BUF_EMPTY;

	(void)state;
	assert_non_null(buf_str(&buf).p);
	assert_int_equal(buf_str(&buf).n, 0);
	assert_string_equal(buf_text(&buf), "");
	assert_int_equal(buf.n, 0);
	buf_release(&buf);
	buf_release(&buf);
	char *text = buf_steal_text(&buf);

	assert_string_equal(text, "");
	free(text);
}

static void growing_keeps_the_bytes(void **state)
{
	auto_buf struct buf buf = BUF_EMPTY;

	(void)state;
	for (unsigned i = 0; i < 100000; i++)
		buf_append_byte(&buf, (char)(i % 251));
	assert_int_equal(buf.n, 100000);
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal((unsigned char)buf.p[i], i % 251);
	buf_clear(&buf);
	assert_int_equal(buf.n, 0);
	assert_true(buf.capacity >= 100000);
}

static void appending(void **state)
{
	auto_buf struct buf buf = BUF_EMPTY;

	(void)state;
	buf_append(&buf, (struct str){NULL, 0});
	buf_append(&buf, STR("a\0b"));
	buf_append_text(&buf, "cd");
	buf_append_zeros(&buf, 0);
	buf_append_zeros(&buf, 2);
	buf_append_le16(&buf, 0xfffe);
	buf_append_le32(&buf, 0x80020304u);
	assert_str(buf_str(&buf), "a\0bcd\0\0\xfe\xff\x04\x03\x02\x80");
}

/* printf's own NUL needs room, but is no part of the bytes. */
static void formatting_at_every_size(void **state)
{
	(void)state;
	for (int n = 0; n < 70; n++) {
		auto_buf struct buf buf = BUF_EMPTY;

		buf_printf(&buf, "%*s|", n, "");
		assert_int_equal(buf.n, n + 1);
		assert_int_equal(buf.p[n], '|');
		buf_printf(&buf, "%d%s", 42, "");
		assert_string_equal(buf_text(&buf) + n, "|42");
	}
}

static void reserving_does_not_append(void **state)
{
	auto_buf struct buf buf = BUF_EMPTY;

	(void)state;
	buf_reserve(&buf, 1000);
	assert_int_equal(buf.n, 0);
	char *before = buf.p;

	buf_append_zeros(&buf, 1000);
	assert_ptr_equal(buf.p, before);
}

/* Sizes whose sum or product wraps end the process with status 3. */
static int exit_status_of(void (*function)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		fclose(stderr);
		close(STDERR_FILENO);
		function();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void reserve_too_much(void)
{
	struct buf buf = BUF_EMPTY;

	buf_append_byte(&buf, 'x');
	buf_reserve(&buf, SIZE_MAX);
}

static void realloc_too_much(void)
{
	free(mem_realloc(NULL, SIZE_MAX / 2, 3));
}

static void no_memory_is_status_3(void **state)
{
	(void)state;
	assert_int_equal(exit_status_of(reserve_too_much), 3);
	assert_int_equal(exit_status_of(realloc_too_much), 3);
}

static int compare_ints(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void arrays(void **state)
{
	ARRAY(int) numbers = ARRAY_EMPTY;
	int expected = 0;

	(void)state;
	array_sort(&numbers, compare_ints);
	array_each (int, number, &numbers)
		fail_msg("an empty array has no %d", *number);
	for (int i = 0; i < 1000; i++)
		array_push(&numbers, (i * 7) % 1000);
	array_sort(&numbers, compare_ints);
	array_each (int, number, &numbers)
		assert_int_equal(*number, expected++);
	assert_int_equal(expected, 1000);
	array_release(&numbers);
	assert_int_equal(numbers.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_buf_is_a_str_and_a_text),
		cmocka_unit_test(growing_keeps_the_bytes),
		cmocka_unit_test(appending),
		cmocka_unit_test(formatting_at_every_size),
		cmocka_unit_test(reserving_does_not_append),
		cmocka_unit_test(no_memory_is_status_3),
		cmocka_unit_test(arrays),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
