#include "profile.h"

#include "json.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The longest value of a variable that a profile can set. */
enum { VALUE_BYTES = 4096 };

struct reader {
	struct environment *env;
	struct json json;
	struct profile_report *report;
	char value[VALUE_BYTES];
};

static void reader_problem(struct reader *r, const char *what, const char *key)
{
	struct text text = TEXT_OF(r->report->problem);

	if (r->report->problem[0])
		return;
	text_addf(&text, "%s: ", what);
	text_add_plain(&text, key, strlen(key));
}

static void reader_set(struct reader *r, const char *name, uint32_t node)
{
	if (r->json.node[node].type == JSON_NULL) {
		environment_set(r->env, name, NULL, SOURCE_PROFILE);
		return;
	}
	if (!json_copy(&r->json, node, r->value, sizeof(r->value))) {
		reader_problem(r, "not a usable value", name);
		return;
	}
	environment_set(r->env, name, r->value, SOURCE_PROFILE);
}

static void apply_env(struct reader *r, uint32_t object)
{
	char name[256];

	if (r->json.node[object].type != JSON_OBJECT) {
		reader_problem(r, "not an object", "env");
		return;
	}
	for (uint32_t i = json_first(&r->json, object); i;
	     i = json_next(&r->json, object, i)) {
		if (!json_copy(&r->json, i, name, sizeof(name)) ||
		    !environment_name_ok(name)) {
			reader_problem(r, "not a variable name in", "env");
			continue;
		}
		reader_set(r, name, r->json.node[i].next);
	}
}

static void apply_gpu(struct reader *r, uint32_t node)
{
	static const char *const keys[][2] = {
		{"policy", "SLIPWAY_GPU"},
		{"min_driver", "SLIPWAY_GPU_MIN_DRIVER"},
		{"min_capability", "SLIPWAY_GPU_MIN_CAPABILITY"},
		{"recheck", "SLIPWAY_GPU_RECHECK"},
	};

	if (r->json.node[node].type == JSON_STRING) {
		reader_set(r, "SLIPWAY_GPU", node);
		return;
	}
	if (r->json.node[node].type != JSON_OBJECT) {
		reader_problem(r, "not a policy or an object", "gpu");
		return;
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		uint32_t value = json_get(&r->json, node, keys[i][0]);

		if (value)
			reader_set(r, keys[i][1], value);
	}
}

/* One part: the general one, or a service's own. */
static void apply_part(struct reader *r, uint32_t object, bool general)
{
	static const struct {
		const char *key, *variable;
		bool general_only;
	} keys[] = {
		{"threads", "SLIPWAY_THREADS", false},
		{"workers", "SLIPWAY_WORKERS", false},
		{"machine", "SLIPWAY_MACHINE", true},
		{"gpu", NULL, false},
		{"env", NULL, false},
		{"services", NULL, true},
	};
	enum { COUNT = sizeof(keys) / sizeof(*keys) };
	char key[64];

	for (uint32_t i = json_first(&r->json, object); i;
	     i = json_next(&r->json, object, i)) {
		uint32_t value = r->json.node[i].next;
		size_t k = 0;

		if (!json_copy(&r->json, i, key, sizeof(key)))
			key[0] = '\0';
		while (k < COUNT && (strcmp(key, keys[k].key) != 0 ||
				     (keys[k].general_only && !general)))
			k++;
		if (k == COUNT)
			r->report->ignored++;
		else if (keys[k].variable)
			reader_set(r, keys[k].variable, value);
		else if (strcmp(key, "gpu") == 0)
			apply_gpu(r, value);
		else if (strcmp(key, "env") == 0)
			apply_env(r, value);
	}
}

void profile_apply(struct environment *env, const char *text, size_t n,
		   const char *service, struct profile_report *report)
{
	struct reader *r = malloc(sizeof(*r));
	uint32_t own = 0;
	const char *wrong;
	size_t at = 0;

	*report = (struct profile_report){0};
	if (!r)
		return;
	r->env = env;
	r->report = report;
	wrong = json_read(&r->json, text, n, &at);
	if (!wrong && r->json.node[0].type != JSON_OBJECT)
		wrong = "not an object";
	if (wrong) {
		struct text problem = TEXT_OF(report->problem);

		text_addf(&problem, "%s at byte %zu", wrong, at);
		free(r);
		return;
	}
	apply_part(r, 0, true);
	if (service) {
		uint32_t services = json_get(&r->json, 0, "services");

		own = services ? json_get(&r->json, services, service) : 0;
	}
	if (own)
		apply_part(r, own, false);
	free(r);
}

bool profile_load(struct environment *env, const char *path,
		  const char *service, struct profile_report *report)
{
	struct text problem = TEXT_OF(report->problem);
	char *bytes = NULL;
	struct stat about;
	size_t n = 0;
	ssize_t got;
	int fd;

	*report = (struct profile_report){0};
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return false;
		text_add(&problem, strerror(errno));
		return true;
	}
	if (fstat(fd, &about) < 0 || !S_ISREG(about.st_mode)) {
		text_add(&problem, "not a file");
		goto out;
	}
	bytes = malloc(PROFILE_BYTES + 1);
	while (bytes && n <= PROFILE_BYTES &&
	       (got = read(fd, bytes + n, PROFILE_BYTES + 1 - n)) > 0)
		n += (size_t)got;
	if (!bytes || n > PROFILE_BYTES)
		text_addf(&problem, "longer than %d bytes", PROFILE_BYTES);
	else
		profile_apply(env, bytes, n, service, report);
out:
	free(bytes);
	close(fd);
	return true;
}
