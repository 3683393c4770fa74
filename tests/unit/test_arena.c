#include "test.h"

#include "base/arena.h"

/* Pieces of all sizes: zeroed, aligned, apart from one another. */
static void pieces_do_not_overlap(void **state)
{
	enum { COUNT = 3000 };
	static unsigned char *pieces[COUNT];
	static size_t sizes[COUNT];
	auto_arena struct arena arena = ARENA_EMPTY;

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		sizes[i] = i % 100 == 99 ? 20000 + i : i % 97;
		pieces[i] = arena_alloc(&arena, sizes[i], 1);
		assert_int_equal((uintptr_t)pieces[i] % 16, 0);
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(pieces[i][j], 0);
		memset(pieces[i], (int)(i % 255) + 1, sizes[i]);
	}
	for (size_t i = 0; i < COUNT; i++)
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(pieces[i][j], i % 255 + 1);
}

static void a_big_piece_leaves_the_room_of_the_small(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	char *small = arena_alloc(&arena, 16, 1);

	(void)state;
	arena_alloc(&arena, 1, 1 << 20);
	char *next = arena_alloc(&arena, 16, 1);

	assert_ptr_equal(next, small + 16);
	assert_int_equal(arena.used_bytes, 32 + (1 << 20));
}

static void strings_are_copies_with_a_nul(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	char text[] = "abcdef";
	struct str copy = arena_str(&arena, str_of(text, 3));
	struct str none = arena_str(&arena, (struct str){NULL, 0});

	(void)state;
	text[0] = 'X';
	assert_str(copy, "abc");
	assert_int_equal(copy.p[3], '\0');
	assert_string_equal(none.p, "");
	assert_str(arena_printf(&arena, "%s-%d", "torch", 2), "torch-2");
	assert_str(arena_printf(&arena, "%s", ""), "");
}

static void releasing_starts_anew(void **state)
{
	struct arena arena = ARENA_EMPTY;
	struct pair {
		double a, b;
	} * pair;

	(void)state;
	arena_release(&arena);
	pair = arena_new(&arena, struct pair);
	pair->a = 1;
	assert_non_null(arena_new_array(&arena, struct pair, 0));
	arena_release(&arena);
	assert_int_equal(arena.used_bytes, 0);
	assert_true(arena_new(&arena, struct pair)->a == 0);
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_do_not_overlap),
		cmocka_unit_test(a_big_piece_leaves_the_room_of_the_small),
		cmocka_unit_test(strings_are_copies_with_a_nul),
		cmocka_unit_test(releasing_starts_anew),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
