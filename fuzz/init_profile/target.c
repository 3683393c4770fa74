/* The machine profile and the image's defaults, which are what JSON comes to
 * process 1 from outside, and the GPU helper's line: the text up to the first
 * NUL is the defaults, the rest the profile. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "init/gpu_state.h"
#include "init/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *copy_of(const uint8_t *data, size_t size)
{
	char *copy = malloc(size ? size : 1);

	if (size)
		memcpy(copy, data, size);
	return copy;
}

static void gpu_check(const char *line, size_t n)
{
	static struct gpu_state state;
	struct gpu_wish wish = {.policy = GPU_OPTIONAL,
				.min_capability = {{8, 0}},
				.min_driver = {{525, 60, 13}}};

	gpu_state_read(&state, &wish, line, n);
	if (state.listed > GPU_DEVICES || state.fit > state.listed ||
	    (state.usable && (state.fit == 0 || state.reason[0])) ||
	    (!state.nvml && state.usable))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *const strings[] = {"R=run", "I=image", "A=b", NULL};
	const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
	size_t defaults_n = zero ? (size_t)(zero - data) : 0;
	const uint8_t *text = zero ? zero + 1 : data;
	size_t text_n = size - (size_t)(text - data);
	char *defaults = copy_of(data, defaults_n);
	char *profile = copy_of(text, text_n);
	struct profile_report report;
	struct environment env;
	bool r_is_image;

	environment_init(&env, strings);
	environment_mark_defaults(&env, defaults, defaults_n);
	r_is_image = environment_source(&env, "R") == SOURCE_IMAGE;
	profile_apply(&env, profile, text_n, "S", &report);
	/* What a run has set, no profile changes. */
	if (!r_is_image && strcmp(environment_get(&env, "R"), "run") != 0)
		abort();
	for (size_t i = 0; i < env.count; i++)
		if (env.list[i].text && !strchr(env.list[i].text, '='))
			abort();
	environment_release(&env);
	gpu_check(profile, text_n);
	free(defaults);
	free(profile);
	return 0;
}
