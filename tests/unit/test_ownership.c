/* ownership: member paths of wheels to modules, and who has a module. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "decisions/ownership.h"

static void test_members_become_modules(void **state)
{
	struct ownership one = OWNERSHIP_EMPTY;

	(void)state;
	ownership_add(&one, STR("zmq/__init__.py"));
	ownership_add(&one, STR("zmq/backend/cython/_zmq.abi3.so"));
	ownership_add(&one, STR("_fast.cpython-311-x86_64-linux-gnu.so"));
	ownership_add(&one, STR("plain.so"));
	ownership_add(&one, STR("single.py"));
	ownership_add(&one, STR("pyzmq-1.data/purelib/extra/mod.py"));
	ownership_add(&one, STR("pyzmq-1.data/scripts/tool.py"));
	ownership_add(&one, STR("pyzmq-1.dist-info/METADATA"));
	ownership_add(&one, STR("pyzmq.libs/libsodium-1.so.23"));
	ownership_add(&one, STR("zmq/notes.txt"));
	assert_int_equal(ownership_has(&one, STR("zmq")), OWNERSHIP_MODULE);
	assert_int_equal(ownership_has(&one, STR("zmq.backend")),
			 OWNERSHIP_FOLDER);
	assert_int_equal(ownership_has(&one, STR("zmq.backend.cython._zmq")),
			 OWNERSHIP_MODULE);
	assert_int_equal(ownership_has(&one, STR("_fast")), OWNERSHIP_MODULE);
	assert_int_equal(ownership_has(&one, STR("plain")), OWNERSHIP_MODULE);
	assert_int_equal(ownership_has(&one, STR("single")), OWNERSHIP_MODULE);
	assert_int_equal(ownership_has(&one, STR("extra.mod")),
			 OWNERSHIP_MODULE);
	assert_int_equal(ownership_has(&one, STR("tool")), OWNERSHIP_NONE);
	assert_int_equal(ownership_has(&one, STR("pyzmq-1")), OWNERSHIP_NONE);
	assert_int_equal(ownership_has(&one, STR("zmq.notes")), OWNERSHIP_NONE);
	ownership_release(&one);
}

static void test_namespace_is_shared(void **state)
{
	struct ownership proto = OWNERSHIP_EMPTY, auth = OWNERSHIP_EMPTY;
	const struct ownership *both[] = {&proto, NULL, &auth};
	bool partial;

	(void)state;
	ownership_add(&proto, STR("google/protobuf/__init__.py"));
	ownership_add(&auth, STR("google/auth/__init__.py"));
	assert_int_equal(ownership_find(both, 3, STR("google.protobuf"),
					STR_EMPTY, &partial),
			 0);
	assert_int_equal(ownership_find(both, 3, STR("google.auth"),
					STR("default"), &partial),
			 2);
	/* from google import auth */
	assert_int_equal(
		ownership_find(both, 3, STR("google"), STR("auth"), &partial),
		2);
	assert_int_equal(ownership_find(both, 3, STR("google.cloud"), STR_EMPTY,
					&partial),
			 -1);
	assert_true(partial);
	assert_int_equal(
		ownership_find(both, 3, STR("boto3"), STR_EMPTY, &partial), -1);
	assert_false(partial);
	ownership_release(&proto);
	ownership_release(&auth);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members_become_modules),
		cmocka_unit_test(test_namespace_is_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
