/* proposal: which packages belong into a family. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "decisions/proposal.h"

enum { WEB, ENGINE, AUDIO, TORCH, PACKAGES };

static const uint64_t bytes[PACKAGES] = {10, 20, 5, 1000};

/* Family 0 carries torch; web brings engine. */
static const size_t with_web[] = {WEB, ENGINE, TORCH};
static const size_t with_audio[] = {AUDIO, TORCH};
static const size_t bare[] = {WEB, ENGINE, AUDIO};
static const ptrdiff_t by_family[] = {-1, -1, 0};
static const ptrdiff_t audio_family[] = {-1, 0};
static const ptrdiff_t none[] = {-1, -1, -1};
static const bool used[] = {true, true, false};
static const bool used_torch[] = {true, true};
static const bool asked[] = {true, false, true};

static const struct proposal_service a = {0,	     with_web, 3,
					  by_family, used,     asked};
static const struct proposal_service b = {
	0, with_audio, 2, audio_family, used_torch, asked};
static const struct proposal_service c = {1, bare, 3, none, used, asked};

static void propose(const struct proposal_service *services, size_t n,
		    struct arena *arena, struct proposals *out)
{
	struct proposal_input input = {services, n, bytes, PACKAGES, 2};

	proposals_make(&input, arena, out);
}

static void test_three_services_of_a_family(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	const struct proposal_service all[] = {a, a, a, b};
	struct proposals out;

	(void)state;
	propose(all, 4, &arena, &out);
	assert_int_equal(out.n, 1);
	assert_int_equal(out.p[0].kind, PROPOSAL_NEW_FAMILY);
	assert_int_equal(out.p[0].family, 0);
	assert_int_equal(out.p[0].service_count, 3);
	assert_int_equal(out.p[0].asked_count, 1);
	assert_int_equal(out.p[0].packages[0], WEB);
	assert_int_equal(out.p[0].packages[1], ENGINE);
	assert_int_equal(out.p[0].bytes, 30);
	/* Torch is of the family; one of its four services imports it. */
	assert_int_equal(out.use_count, 1);
	assert_int_equal(out.uses[0].package, TORCH);
	assert_int_equal(out.uses[0].users, 1);
	assert_int_equal(out.uses[0].members, 4);
	/* Where all have it, the family itself should. */
	propose(all, 3, &arena, &out);
	assert_int_equal(out.p[0].kind, PROPOSAL_FAMILY_PACKAGE);
}

static void test_two_are_too_few(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	const struct proposal_service all[] = {a, a, b};
	struct proposals out;

	(void)state;
	propose(all, 3, &arena, &out);
	assert_int_equal(out.n, 0);
}

static void test_several_families(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	const struct proposal_service all[] = {a, a, c, c, b, b};
	struct proposals out;

	(void)state;
	propose(all, 6, &arena, &out);
	assert_int_equal(out.n, 2);
	assert_int_equal(out.p[0].kind, PROPOSAL_EXTRA);
	assert_int_equal(out.p[0].family, -1);
	assert_int_equal(out.p[0].packages[0], WEB);
	assert_int_equal(out.p[1].packages[0], AUDIO);
	assert_int_equal(out.p[1].service_count, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_three_services_of_a_family),
		cmocka_unit_test(test_two_are_too_few),
		cmocka_unit_test(test_several_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
