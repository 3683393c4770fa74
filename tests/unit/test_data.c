/* The files of data/ are in the program, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/data.h"
#include "base/fs.h"

static void same_bytes_as_the_file(void **state)
{
	auto_buf struct buf bytes = BUF_EMPTY;
	auto_free char *path =
		path_printf("%s/../data/debian/passwd", getenv("TEST_DATA"));

	(void)state;
	assert_int_equal(fs_read(path, 1 << 20, &bytes, NULL), 0);
	assert_true(bytes.n > 0);
	assert_true(str_eq(buf_str(&bytes), data_get("debian/passwd")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_bytes_as_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
