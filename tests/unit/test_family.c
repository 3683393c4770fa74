/* family: which of the declared families a service gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"
#include "decisions/family.h"

/* Families by number in the manifest below. */
enum { CORE, WEB, CPU, CUDA, CUDA12, OLD, IMAGE, FAMILIES };

static const char head[] =
	"machines:\n"
	"  plain: {}\n"
	"  open: {gpu: RTX 3060}\n"
	"  big: {gpu: RTX 4090, track: cu121}\n"
	"tracks: {cpu: {}, cu121: {cuda: '12.1'}, cu124: {cuda: '12.4'}}\n"
	"bases:\n"
	"  py311: {debian: bookworm, python: '3.11'}\n"
	"  py310: {registry: 'python:3.10', python: '3.10'}\n"
	"  image: {registry: 'python:3.11', python: '3.11'}\n"
	"families:\n"
	"  core: {}\n"
	"  web: {packages: [fastapi]}\n"
	"  cpu: {track: cpu}\n"
	"  cuda: {track: cu121}\n"
	"  cuda12: {track: cu124}\n"
	"  old: {base: py310}\n"
	"  image: {base: image}\n"
	"services:\n"
	"  S: {run: s.py, family: auto, ";

/* Whether each family fits a service of these settings. */
static void assert_fits(const char *settings, const char *fits)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct str text = arena_printf(&arena, "%s%s}\n", head, settings);
	auto_manifest struct manifest *manifest =
		manifest_parse(text, "fleet.yaml");
	char found[FAMILIES + 1] = {0};

	assert_int_equal(manifest->problems.n, 0);
	for (size_t i = 0; i < FAMILIES; i++)
		found[i] = family_refusal(manifest, manifest->instances.p[0],
					  manifest->families.p[i], &arena)
					   .n
				   ? '-'
				   : '+';
	assert_string_equal(found, fits);
}

static void test_what_the_manifest_says(void **state)
{
	(void)state;
	/*          core web cpu cuda cuda12 old image */
	assert_fits("machines: plain", "+++---+");
	/* No CUDA for what computes nothing, also where the machine has it. */
	assert_fits("machines: big", "+++---+");
	assert_fits("machines: big, gpu: nvml", "+++---+");
	/* The machine's track, unless the service names another. */
	assert_fits("machines: big, gpu: optional", "++-+--+");
	assert_fits("machines: big, gpu: required", "++-+--+");
	assert_fits("machines: big, gpu: required, track: cu124", "++--+-+");
	/* A machine without a track takes what its GPU allows. */
	assert_fits("machines: open, gpu: optional", "+++++-+");
	assert_fits("machines: open, gpu: required", "---++--");
	assert_fits("machines: plain, gpu: optional", "+++---+");
	/* Debian packages need such a base. */
	assert_fits("machines: plain, system: [libportaudio2]", "+++----");
}

struct case_ {
	struct manifest_family families[3];
	struct family_option options[3];
	struct family_choice choice;
	struct arena arena;
};

static void choose(struct case_ *c)
{
	static const char *const names[] = {"a", "b", "c"};

	for (size_t i = 0; i < 3; i++) {
		c->families[i].name.s = str_from(names[i]);
		c->options[i].family = &c->families[i];
	}
	family_choose(c->options, 3, &c->arena, &c->choice);
}

static void assert_chosen(struct case_ *c, const char *name, const char *by,
			  const char *why)
{
	choose(c);
	assert_string_equal(c->choice.family ? c->choice.family->name.s.p : "",
			    name);
	assert_string_equal(c->choice.by.p, by);
	assert_string_equal(c->choice.why.p, why);
	arena_release(&c->arena);
}

static const struct family_package small[] = {{1000, true}};
static const struct family_package big[] = {{5000, true}, {10, false}};
static const struct family_package ballast[] = {{10, true}, {5000, false}};
static const struct family_package unused[] = {{10, false}, {10, false}};
static const struct family_package exact[] = {{5000, true}};
static const struct family_package debian[] = {{0, false}};

#define OPTION(packages)                                                       \
	{                                                                      \
		NULL, STR_INIT(""), packages,                                  \
			sizeof packages / sizeof *packages, 0                  \
	}
#define NOTHING                                                                \
	{                                                                      \
		NULL, STR_INIT(""), NULL, 0, 0                                 \
	}

static void test_what_the_packages_say(void **state)
{
	struct case_ bytes = {.options = {OPTION(small), OPTION(big), NOTHING}};
	struct case_ fewest = {
		.options = {OPTION(big), OPTION(exact), OPTION(small)}};
	struct case_ order = {
		.options = {OPTION(small), OPTION(small), NOTHING}};
	struct case_ only = {
		.options = {OPTION(unused), NOTHING, OPTION(ballast)}};
	struct case_ imports = {
		.options = {OPTION(big), OPTION(small), NOTHING}};
	struct case_ none = {
		.options = {OPTION(unused), OPTION(ballast), OPTION(debian)}};

	(void)state;
	assert_chosen(&bytes, "b", "bytes",
		      "1 of its 2 packages is needed, 5.0 kB; of a 1.0 kB are");
	assert_chosen(&fewest, "b", "unused",
		      "1 of its 1 packages is needed, 5.0 kB; a has 1 more "
		      "that are not");
	assert_chosen(&order, "a", "order",
		      "1 of its 1 packages is needed, 1.0 kB; declared before "
		      "b");
	assert_chosen(&only, "b", "only",
		      "it brings no packages; no other fits");
	imports.options[1].known = 1;
	assert_chosen(&imports, "b", "imports",
		      "1 of its 1 packages is needed, 1.0 kB; a lacks what is "
		      "imported");
	assert_chosen(&none, "", "none",
		      "none fits; a: none of its 2 packages is needed; b: 5.0 "
		      "kB of it would go unused, and 10 B is needed; c: its "
		      "package is not needed");
	/* What does not fit has no part in it. */
	bytes.options[1].refused = STR("its track has CUDA");
	assert_chosen(&bytes, "a", "bytes",
		      "1 of its 1 packages is needed, 1.0 kB; of c 0 B are");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_the_manifest_says),
		cmocka_unit_test(test_what_the_packages_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
