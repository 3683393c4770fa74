/* environment: the environment that the service gets, and where each value is
 * from.
 *
 * Knows: three strengths. The image's defaults are weakest, the machine profile
 * is stronger, the real environment (docker run -e, compose, Kubernetes) is
 * strongest. A process cannot see which of its variables an image set, so
 * SLIPWAY_ENV_DEFAULTS holds the image's values as a JSON object: a variable
 * that equals its default counts as the image's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { ENVIRON_MAX = 8192 };

enum source { SOURCE_IMAGE, SOURCE_PROFILE, SOURCE_RUN, SOURCE_INIT };

struct variable {
	char *text; /* "NAME=value", owned; NULL where it was taken out */
	enum source source;
};

struct environment {
	struct variable *list;
	size_t count, cap;
};

/* Takes the strings of a process environment (copied); every variable counts
 * as SOURCE_RUN until environment_mark_defaults(). */
void environment_init(struct environment *env, char *const *strings);
void environment_release(struct environment *env);

/* Marks what equals its value in a JSON object {"NAME": "value"} as
 * SOURCE_IMAGE. Returns NULL, or what is wrong with the text; nothing is marked
 * then. */
const char *environment_mark_defaults(struct environment *env, const char *text,
				      size_t n);

/* The value of a variable, or NULL; borrowed until the next change. */
const char *environment_get(const struct environment *env, const char *name);

/* The strength of a variable; SOURCE_IMAGE where it does not exist. */
enum source environment_source(const struct environment *env, const char *name);

/* Sets a variable, or takes it out when value is NULL, unless one of a greater
 * strength is there. True when it was done. */
bool environment_set(struct environment *env, const char *name,
		     const char *value, enum source source);

/* A name that can stand in an environment: [A-Za-z_][A-Za-z0-9_]*. */
bool environment_name_ok(const char *name);

/* The NULL-ended list for execve(); the caller frees the list, not the
 * strings. */
char **environment_strings(const struct environment *env);
