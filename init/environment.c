#include "environment.h"

#include "json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void *memory_or_die(void *p)
{
	/* Before the child runs there is nothing to lose, and after it nothing
	 * is allocated. */
	if (!p)
		abort();
	return p;
}

static struct variable *environment_find(const struct environment *env,
					 const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < env->count; i++) {
		const char *text = env->list[i].text;

		if (text && strncmp(text, name, n) == 0 && text[n] == '=')
			return &env->list[i];
	}
	return NULL;
}

static struct variable *environment_add(struct environment *env)
{
	if (env->count == ENVIRON_MAX)
		return NULL;
	if (env->count == env->cap) {
		env->cap = env->cap ? env->cap * 2 : 64;
		env->list = memory_or_die(
			realloc(env->list, env->cap * sizeof(*env->list)));
	}
	return &env->list[env->count++];
}

void environment_init(struct environment *env, char *const *strings)
{
	*env = (struct environment){0};
	for (; *strings; strings++) {
		struct variable *variable = environment_add(env);

		if (!variable)
			return;
		variable->text = memory_or_die(strdup(*strings));
		variable->source = SOURCE_RUN;
	}
}

void environment_release(struct environment *env)
{
	for (size_t i = 0; i < env->count; i++)
		free(env->list[i].text);
	free(env->list);
	*env = (struct environment){0};
}

const char *environment_mark_defaults(struct environment *env, const char *text,
				      size_t n)
{
	struct json *json = memory_or_die(malloc(sizeof(*json)));
	char *value = memory_or_die(malloc(n + 1));
	const char *wrong;
	char name[256];
	size_t at = 0;

	wrong = json_read(json, text, n, &at);
	if (!wrong && json->node[0].type != JSON_OBJECT)
		wrong = "not an object";
	for (uint32_t i = wrong ? 0 : json_first(json, 0); i;
	     i = json_next(json, 0, i)) {
		struct variable *variable;

		if (!json_copy(json, i, name, sizeof(name)) ||
		    !json_copy(json, json->node[i].next, value, n + 1))
			continue;
		variable = environment_find(env, name);
		if (variable &&
		    strcmp(variable->text + strlen(name) + 1, value) == 0)
			variable->source = SOURCE_IMAGE;
	}
	free(value);
	free(json);
	return wrong;
}

const char *environment_get(const struct environment *env, const char *name)
{
	const struct variable *variable = environment_find(env, name);

	return variable ? variable->text + strlen(name) + 1 : NULL;
}

enum source environment_source(const struct environment *env, const char *name)
{
	const struct variable *variable = environment_find(env, name);

	return variable ? variable->source : SOURCE_IMAGE;
}

bool environment_set(struct environment *env, const char *name,
		     const char *value, enum source source)
{
	struct variable *variable = environment_find(env, name);
	size_t name_n = strlen(name);
	char *text;

	if (variable && variable->source > source)
		return false;
	if (!value) {
		if (variable) {
			free(variable->text);
			variable->text = NULL;
		}
		return true;
	}
	if (!variable) {
		variable = environment_add(env);
		if (!variable)
			return false;
		variable->text = NULL;
	}
	text = memory_or_die(malloc(name_n + strlen(value) + 2));
	memcpy(text, name, name_n);
	text[name_n] = '=';
	memcpy(text + name_n + 1, value, strlen(value) + 1);
	free(variable->text);
	variable->text = text;
	variable->source = source;
	return true;
}

bool environment_name_ok(const char *name)
{
	size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				"abcdefghijklmnopqrstuvwxyz_0123456789");

	return n > 0 && name[n] == '\0' && !(*name >= '0' && *name <= '9');
}

char **environment_strings(const struct environment *env)
{
	char **strings =
		memory_or_die(malloc((env->count + 1) * sizeof(*strings)));
	size_t n = 0;

	for (size_t i = 0; i < env->count; i++)
		if (env->list[i].text)
			strings[n++] = env->list[i].text;
	strings[n] = NULL;
	return strings;
}
