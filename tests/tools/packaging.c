/* Answers questions about Python packages, one line each, so that
 * tests/e2e/test_packaging.py can ask Python's own library the same. Fields of
 * a line are separated by tabs; "-" is the answer to what is malformed. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "facts/marker.h"
#include "facts/version.h"
#include "facts/wheeltag.h"

static const char *truth(bool value)
{
	return value ? "true" : "false";
}

static void answer_version(struct str *fields)
{
	struct version version;
	auto_buf struct buf text = BUF_EMPTY;

	if (!version_parse(fields[1], &version)) {
		puts("-");
		return;
	}
	version_append(&text, &version);
	printf("%s %s\n", buf_text(&text),
	       truth(version_is_prerelease(&version)));
}

static void answer_compare(struct str *fields)
{
	struct version a, b;

	if (!version_parse(fields[1], &a) || !version_parse(fields[2], &b)) {
		puts("-");
		return;
	}
	int order = version_cmp(&a, &b);

	printf("%d\n", (order > 0) - (order < 0));
}

static void answer_specifier(struct str *fields)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct specifiers specifiers;
	struct version version;

	if (!specifiers_parse(fields[1], &arena, &specifiers) ||
	    !version_parse(fields[2], &version)) {
		puts("-");
		return;
	}
	printf("%s %s\n",
	       truth(specifiers_contain(&specifiers, &version, fields[2])),
	       truth(specifiers_name_prerelease(&specifiers)));
}

static void answer_requirement(struct str *fields)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct requirement requirement;
	const char *what;

	if (!requirement_parse(fields[1], &arena, &requirement, &what)) {
		puts("-");
		return;
	}
	printf(STR_FMT "\t", STR_ARG(requirement.name));
	for (size_t i = 0; i < requirement.extra_count; i++)
		printf("%s" STR_FMT, i ? "," : "",
		       STR_ARG(requirement.extras[i]));
	printf("\t%zu\t" STR_FMT "\t%s\n", requirement.specifiers.n,
	       STR_ARG(requirement.url), truth(requirement.marker.n > 0));
}

static void answer_marker(struct str *fields)
{
	struct marker_environment environment;
	bool holds;

	if (!marker_environment_init(&environment, fields[2], fields[3])) {
		puts("-");
		return;
	}
	environment.extra = fields[4];
	if (!marker_evaluate(fields[1], &environment, &holds))
		puts("-");
	else
		puts(truth(holds));
}

static void answer_rank(struct str *fields)
{
	struct wheeltag_target target;
	struct wheeltag tag;

	if (!wheeltag_target_init(&target, fields[2], fields[3], fields[4]) ||
	    !wheeltag_parse(fields[1], &tag)) {
		puts("-");
		return;
	}
	uint32_t rank = wheeltag_rank(&tag, &target);

	if (rank == WHEELTAG_NONE)
		puts("none");
	else
		printf("%u\n", rank);
}

static void answer_name(struct str *fields)
{
	auto_arena struct arena arena = ARENA_EMPTY;

	if (!name_is_valid(fields[1]))
		puts("-");
	else
		puts(name_normalise(&arena, fields[1]).p);
}

int main(void)
{
	static const struct {
		struct str name;
		void (*answer)(struct str *fields);
	} questions[] = {
		{STR_INIT("version"), answer_version},
		{STR_INIT("compare"), answer_compare},
		{STR_INIT("specifier"), answer_specifier},
		{STR_INIT("requirement"), answer_requirement},
		{STR_INIT("marker"), answer_marker},
		{STR_INIT("rank"), answer_rank},
		{STR_INIT("name"), answer_name},
	};
	char *line = NULL;
	size_t capacity = 0;
	ssize_t size;

	while ((size = getline(&line, &capacity, stdin)) > 0) {
		struct str rest = str_of(line, (size_t)size - 1), fields[6];
		size_t n = 0, i = 0;

		while (n < 5 && str_split(&rest, '\t', &fields[n]))
			n++;
		while (n < 6)
			fields[n++] = STR_EMPTY;
		while (i < sizeof questions / sizeof *questions &&
		       !str_eq(fields[0], questions[i].name))
			i++;
		if (i == sizeof questions / sizeof *questions)
			return 2;
		questions[i].answer(fields);
	}
	free(line);
	return 0;
}
