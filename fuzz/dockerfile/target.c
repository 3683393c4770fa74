/* A hostile Dockerfile: it is refused with a line, or every stage of it is an
 * image, and its files are looked for in bounded time. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "facts/dockerfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool exists(void *context, struct str path)
{
	(void)context;
	return path.n % 2 == 0;
}

static void check_image(const struct dockerfile *dockerfile,
			const struct dockerfile_stage *stage)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct dockerfile_image image;
	struct str source;

	dockerfile_image(dockerfile, stage, NULL, exists, NULL, &arena, &image);
	if (image.workdir.s.n == 0 || image.workdir.s.p[0] != '/')
		abort();
	for (size_t i = 0; i < image.system.n; i++)
		if (image.system.p[i].s.n == 0)
			abort();
	if (dockerfile_source(dockerfile, stage, STR("/app/x.py"), exists, NULL,
			      &arena, &source) &&
	    source.n == 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct dockerfile_problem problem = {0};
	const struct dockerfile *dockerfile = dockerfile_parse(
		str_of((const char *)data, size), NULL, &arena, &problem);

	if (!dockerfile && (problem.line == 0 || problem.what[0] == '\0'))
		abort();
	for (size_t i = 0; dockerfile && i < dockerfile->stage_count && i < 8;
	     i++)
		check_image(dockerfile, &dockerfile->stages[i]);
	return 0;
}
