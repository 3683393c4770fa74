/* Requirements, markers, versions and wheel names on hostile text. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "facts/marker.h"
#include "facts/version.h"
#include "facts/wheeltag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A version equals its normal form, which is its own normal form. */
static void check_version(struct str text)
{
	auto_buf struct buf once = BUF_EMPTY, twice = BUF_EMPTY;
	struct version version, normal;

	if (!version_parse(text, &version))
		return;
	version_append(&once, &version);
	if (!version_parse(buf_str(&once), &normal) ||
	    version_cmp(&version, &normal) != 0)
		abort();
	version_append(&twice, &normal);
	if (!str_eq(buf_str(&once), buf_str(&twice)))
		abort();
}

static void check_requirement(struct str text,
			      const struct marker_environment *environment)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct requirement requirement;
	struct version version;
	const char *what = NULL;
	bool holds;

	if (!requirement_parse(text, &arena, &requirement, &what)) {
		if (!what)
			abort();
		return;
	}
	if (!name_is_valid(requirement.name))
		abort();
	version_parse(STR("1.0"), &version);
	specifiers_contain(&requirement.specifiers, &version, STR("1.0"));
	marker_evaluate(requirement.marker, environment, &holds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_of((const char *)data, size);
	struct marker_environment environment;
	struct wheeltag_target target;
	struct wheeltag tag;
	bool holds;

	if (!marker_environment_init(&environment, STR("3.11.2"),
				     STR("linux/amd64")) ||
	    !wheeltag_target_init(&target, STR("3.11.2"), STR("linux/amd64"),
				  STR("2.36")))
		abort();
	check_version(text);
	check_requirement(text, &environment);
	marker_evaluate(text, &environment, &holds);
	if (wheeltag_parse(text, &tag))
		wheeltag_rank(&tag, &target);
	return 0;
}
