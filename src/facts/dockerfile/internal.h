/* What the parts of the Dockerfile reader share. */
#pragma once

#include "base/mem.h"
#include "facts/dockerfile.h"
#include "facts/interpolate.h"

/* Appends to a list that lives in an arena. */
#define dockerfile_push(arena, list, value)                                    \
	do {                                                                   \
		if ((list)->n == (list)->capacity) {                           \
			size_t capacity_ = mem_grow_capacity((list)->capacity, \
							     (list)->n + 1);   \
			__typeof__((list)->p) grown_ = arena_alloc(            \
				arena, capacity_, sizeof *(list)->p);          \
                                                                               \
			for (size_t i_ = 0; i_ < (list)->n; i_++)              \
				grown_[i_] = (list)->p[i_];                    \
			(list)->p = grown_;                                    \
			(list)->capacity = capacity_;                          \
		}                                                              \
		(list)->p[(list)->n++] = (value);                              \
	} while (0)

void dockerfile_add_text(struct arena *arena, struct dockerfile_texts *texts,
			 struct str text, uint32_t line);
void dockerfile_add_pair(struct arena *arena, struct dockerfile_pairs *pairs,
			 struct dockerfile_pair pair);
/* The same, in place of a pair of that name. */
void dockerfile_set_pair(struct arena *arena, struct dockerfile_pairs *pairs,
			 struct dockerfile_pair pair);
const struct dockerfile_pair *
dockerfile_find(const struct dockerfile_pairs *pairs, struct str name);

/* A character of a name; at is its number. */
bool dockerfile_is_name(char c, size_t at);

/* The variables of an instruction: env, which may be NULL, then arguments. */
struct dockerfile_scope {
	struct arena *arena;
	char escape;
	bool keeps_unset; /* "$X" stays where X has no value; a shell's job */
	const struct dockerfile_pairs *env, *arguments;
	const struct dockerfile_pairs *given; /* --build-arg, or NULL */
};

/* The words of a text: quotes taken away, variables replaced outside of
 * single ones. A text with a reference that cannot be read keeps it. */
void dockerfile_words(const struct dockerfile_scope *scope, struct str text,
		      uint32_t line, struct dockerfile_texts *words);

/* The words of the next command of a shell text, up to one of ; & | and the
 * end of a line. False at the end. */
bool dockerfile_command(const struct dockerfile_scope *scope, struct str *rest,
			uint32_t line, struct dockerfile_texts *words);

/* ARG NAME[=default]...: into arguments, with the value that was given to the
 * build where there is one. */
void dockerfile_arg(const struct dockerfile_scope *scope,
		    const struct dockerfile_instruction *instruction,
		    struct dockerfile_pairs *arguments);

/* What the commands of a RUN install: into the image's lists. Files of pip
 * are absolute paths of the stage's image. */
void dockerfile_run(const struct dockerfile_scope *scope,
		    const struct dockerfile_instruction *instruction,
		    struct str workdir, bool is_final,
		    struct dockerfile_image *image);

/* "/a/b" from a folder and a path in it or an absolute one, without "." and
 * "..". */
struct str dockerfile_path(struct arena *arena, struct str folder,
			   struct str path);
