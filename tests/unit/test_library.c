#include "test.h"

#include <dlfcn.h>

#include "base/error.h"
#include "base/library.h"
#include "base/str.h"

/* Those of the program. */
extern struct library libarchive_library, libcurl_library, libsolv_library,
	libsolvext_library;

static struct library *const all[] = {&libarchive_library, &libcurl_library,
				      &libsolv_library, &libsolvext_library};

static void every_function_is_there(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct error *err = NULL;

		assert_int_equal(library_load(all[i], &err), 0);
		assert_int_equal(library_load(all[i], &err), 0);
		for (size_t f = 0; f < all[i]->count; f++)
			assert_non_null(((void **)all[i]->table)[f]);
	}
}

/* The SONAME that the code has is that of the headers it was compiled with:
 * the name that a linker would take leads to the same file. */
static void sonames_are_those_of_the_headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct str soname = str_from(all[i]->soname);
		ptrdiff_t end = str_find_str(soname, STR(".so."));

		assert_true(end > 0);
		auto_free char *link =
			str_dup(str_slice(soname, 0, (size_t)end + 3));
		void *linked = dlopen(link, RTLD_NOW | RTLD_LOCAL);
		void *loaded = dlopen(all[i]->soname, RTLD_NOW | RTLD_LOCAL);

		assert_non_null(linked);
		assert_ptr_equal(linked, loaded);
	}
}

static void check_failure(const char *soname, const char *const *names,
			  const char *said)
{
	void *table[2] = {NULL, NULL};
	struct library library = {
		.soname = soname,
		.package = "libnone1",
		.names = names,
		.table = table,
		.count = 2,
	};

	/* The second attempt is like the first. */
	for (int i = 0; i < 2; i++) {
		auto_err struct error *err = NULL;

		assert_int_equal(library_load(&library, &err), -1);
		assert_int_equal(err_class(err), ERR_ENV);
		assert_non_null(strstr(err_message(err), soname));
		assert_non_null(strstr(err_message(err), said));
		assert_non_null(strstr(err_hint_text(err), "libnone1"));
	}
}

static void what_is_absent_is_named(void **state)
{
	static const char *const names[] = {"strlen", "no_such_function"};

	(void)state;
	check_failure("libslipway-none.so.1", names, "cannot open");
	check_failure("libc.so.6", names, "no_such_function");
}

static void *load_curl(void *argument)
{
	return library_load(&libcurl_library, NULL) ? NULL : argument;
}

static void threads_load_it_once(void **state)
{
	pthread_t threads[8];

	(void)state;
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, load_curl, threads),
			0);
	for (size_t i = 0; i < 8; i++) {
		void *result = NULL;

		pthread_join(threads[i], &result);
		assert_ptr_equal(result, threads);
		assert_non_null(*(void **)libcurl_library.table);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_load_it_once),
		cmocka_unit_test(every_function_is_there),
		cmocka_unit_test(sonames_are_those_of_the_headers),
		cmocka_unit_test(what_is_absent_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
