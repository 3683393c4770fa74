/* closure: what is recorded from METADATA, and what a service gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "decisions/closure.h"

#define TEXTS(...)                                                             \
	((struct lock_strs){(struct str[]){__VA_ARGS__},                       \
			    sizeof((struct str[]){__VA_ARGS__}) /              \
				    sizeof(struct str)})
#define NONE ((struct lock_strs){NULL, 0})

/* a, gpu, onnx, torch, uvicorn, ws: sorted, as in a lock. */
enum { A, GPU, TORCH, UVICORN, WS, COUNT };

struct fleet {
	struct arena arena;
	struct lock_package packages[COUNT];
	struct lock_resolution resolution;
	struct lock_strs metadata[COUNT];
};

static void fleet_init(struct fleet *fleet)
{
	static const char *const names[] = {"a", "onnxruntime-gpu", "torch",
					    "uvicorn", "websockets"};

	*fleet = (struct fleet){0};
	for (size_t i = 0; i < COUNT; i++) {
		fleet->packages[i].name = str_from(names[i]);
		fleet->packages[i].version = STR("1.0");
	}
	fleet->resolution = (struct lock_resolution){
		.id = STR("r"),
		.python = STR("3.11.2"),
		.platform = STR("linux/amd64"),
		.packages = fleet->packages,
		.package_count = COUNT,
	};
}

static const struct closure_replacement swap[] = {
	{STR_INIT("onnxruntime"), STR_INIT("onnxruntime-gpu")}};
static const struct closure_replacements swaps = {swap, 1};
static const struct closure_replacements no_swaps = {NULL, 0};

static void check_closure(struct fleet *fleet, struct lock_strs requirements,
			  const char *expected)
{
	auto_buf struct buf text = BUF_EMPTY;
	auto_err struct error *err = NULL;
	struct lock_strs closure;

	if (closure_of(&fleet->resolution, requirements, swaps, &fleet->arena,
		       &closure, &err))
		fail_msg("%s", err_message(err));
	for (size_t i = 0; i < closure.n; i++)
		buf_printf(&text, "%s" STR_FMT, i ? " " : "",
			   STR_ARG(closure.p[i]));
	assert_string_equal(buf_text(&text), expected);
}

static void needs_are_recorded_for_the_target(void **state)
{
	struct fleet fleet;
	struct closure_missings missing;

	(void)state;
	fleet_init(&fleet);
	fleet.resolution.requirements =
		TEXTS(STR("a"), STR("uvicorn[standard]"));
	fleet.metadata[A] = TEXTS(STR("onnxruntime (>=1.2)"),
				  STR("torch ; sys_platform == 'win32'"),
				  STR("a[x]; extra == 'all'"));
	fleet.metadata[UVICORN] =
		TEXTS(STR("websockets>=9; extra == \"standard\""),
		      STR("torch; extra == 'unused'"));
	/* A cycle. */
	fleet.metadata[WS] = TEXTS(STR("uvicorn"));
	assert_int_equal(closure_record(&fleet.resolution, fleet.metadata,
					swaps, &fleet.arena, &missing, NULL),
			 0);
	assert_int_equal(missing.n, 0);
	assert_int_equal(fleet.packages[A].requires.n, 1);
	assert_true(str_eq(fleet.packages[A].requires.p[0],
			   STR("onnxruntime-gpu>=1.2")));
	assert_int_equal(fleet.packages[UVICORN].requires.n, 0);
	assert_int_equal(fleet.packages[UVICORN].extra_count, 1);
	assert_true(str_eq(fleet.packages[UVICORN].extras[0].requires.p[0],
			   STR("websockets>=9")));

	check_closure(&fleet, TEXTS(STR("a")), "a==1.0 onnxruntime-gpu==1.0");
	check_closure(&fleet, TEXTS(STR("uvicorn")), "uvicorn==1.0");
	check_closure(&fleet, TEXTS(STR("Uvicorn[Standard]")),
		      "uvicorn==1.0 websockets==1.0");
	check_closure(&fleet, TEXTS(STR("torch; python_version < '3'")), "");
	check_closure(&fleet, NONE, "");
	arena_release(&fleet.arena);
}

static void what_is_missing_is_named(void **state)
{
	struct fleet fleet;
	struct closure_missings missing;
	auto_err struct error *err = NULL;
	struct lock_strs closure;

	(void)state;
	fleet_init(&fleet);
	fleet.resolution.requirements = TEXTS(STR("a"));
	fleet.metadata[A] =
		TEXTS(STR("zlib-ng[fast]"), STR("zlib-ng"), STR("onnxruntime"));
	assert_int_equal(closure_record(&fleet.resolution, fleet.metadata,
					no_swaps, &fleet.arena, &missing, NULL),
			 0);
	assert_int_equal(missing.n, 2);
	assert_true(str_eq(missing.p[0].name, STR("onnxruntime")));
	assert_true(str_eq(missing.p[1].name, STR("zlib-ng")));
	assert_true(str_eq(missing.p[1].extras, STR("[fast]")));
	assert_true(str_eq(missing.p[1].by, STR("a")));
	assert_int_equal(closure_of(&fleet.resolution, TEXTS(STR("a")),
				    no_swaps, &fleet.arena, &closure, &err),
			 -1);
	assert_string_equal(err_message(err),
			    "the lock has no zlib-ng, which is needed by a");
	arena_release(&fleet.arena);
}

static void malformed_metadata_names_the_package(void **state)
{
	static const struct {
		struct str line;
		const char *message;
	} cases[] = {
		{STR_INIT("b >"),
		 "a: 'b >' is no requirement: the version specifier is "
		 "malformed"},
		{STR_INIT("b; nonsense == 1"),
		 "a: 'b; nonsense == 1' has a marker that cannot be read"},
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fleet fleet;
		struct closure_missings missing;
		auto_err struct error *err = NULL;

		fleet_init(&fleet);
		fleet.resolution.requirements = TEXTS(STR("a"));
		fleet.metadata[A] = TEXTS(cases[i].line);
		assert_int_equal(closure_record(&fleet.resolution,
						fleet.metadata, no_swaps,
						&fleet.arena, &missing, &err),
				 -1);
		assert_string_equal(err_message(err), cases[i].message);
		arena_release(&fleet.arena);
	}
}

static void an_extra_the_lock_does_not_know_is_an_error(void **state)
{
	struct fleet fleet;
	auto_err struct error *err = NULL;
	struct lock_strs closure;

	(void)state;
	fleet_init(&fleet);
	assert_int_equal(closure_of(&fleet.resolution, TEXTS(STR("a[new]")),
				    no_swaps, &fleet.arena, &closure, &err),
			 -1);
	assert_string_equal(err_message(err),
			    "the lock does not know the extra 'new' of a");
	arena_release(&fleet.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(needs_are_recorded_for_the_target),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(malformed_metadata_names_the_package),
		cmocka_unit_test(an_extra_the_lock_does_not_know_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
