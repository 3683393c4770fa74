#include "test.h"

#include "base/map.h"

static void an_empty_map_has_nothing(void **state)
{
	auto_map struct map map = MAP_EMPTY;

	(void)state;
	assert_null(map_get(&map, STR("a")));
	assert_false(map_has(&map, STR("")));
	map_each (entry, &map)
		fail_msg("an empty map has '" STR_FMT "'", STR_ARG(entry->key));
}

static void order_is_that_of_insertion(void **state)
{
	enum { COUNT = 20000 };
	static int values[COUNT];
	auto_map struct map map = MAP_EMPTY;
	char key[32];
	size_t seen = 0;

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		snprintf(key, sizeof key, "key-%d", i * 7919 % COUNT);
		map_set(&map, str_from(key), &values[i]);
	}
	assert_int_equal(map.n, COUNT);
	map_each (entry, &map) {
		snprintf(key, sizeof key, "key-%zu", seen * 7919 % COUNT);
		assert_true(str_eq(entry->key, str_from(key)));
		assert_ptr_equal(entry->value, &values[seen]);
		assert_ptr_equal(map_get(&map, str_from(key)), &values[seen]);
		seen++;
	}
	assert_int_equal(seen, COUNT);
	assert_false(map_has(&map, STR("key-20000")));
}

static void keys_are_bytes_and_copied(void **state)
{
	auto_map struct map map = MAP_EMPTY;
	char key[] = "changes";
	struct str own = map_set(&map, str_from(key), key);

	(void)state;
	key[0] = 'X';
	assert_str(own, "changes");
	assert_int_equal(own.p[own.n], '\0');
	assert_true(map_has(&map, STR("changes")));
	assert_true(map_add(&map, STR("")));
	assert_true(map_add(&map, STR("\0")));
	assert_true(map_add(&map, STR("\0\0")));
	assert_true(map_add(&map, STR("12345678")));
	assert_true(map_add(&map, STR("12345678\0")));
	assert_false(map_add(&map, STR("")));
	assert_false(map_add(&map, STR("12345678")));
	assert_int_equal(map.n, 6);
}

static void setting_again_replaces_the_value_in_place(void **state)
{
	auto_map struct map map = MAP_EMPTY;
	int one, two;

	(void)state;
	map_set(&map, STR("a"), &one);
	map_set(&map, STR("b"), &one);
	assert_ptr_equal(map_set(&map, STR("a"), &two).p, map.entries[0].key.p);
	assert_int_equal(map.n, 2);
	assert_ptr_equal(map.entries[0].value, &two);
	assert_false(map_add(&map, STR("a")));
	assert_ptr_equal(map_get(&map, STR("a")), &two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_map_has_nothing),
		cmocka_unit_test(order_is_that_of_insertion),
		cmocka_unit_test(keys_are_bytes_and_copied),
		cmocka_unit_test(setting_again_replaces_the_value_in_place),
	};

	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
