/* dockerfile: a Dockerfile as instructions and stages, and what an image that
 * it makes says.
 *
 * Knows: lines, continuations, comments, the escape directive, heredocs, exec
 * and shell form, stages, ARG and ENV, which packages a RUN installs through
 * apt and pip. Does not know: files, what a command does, base images.
 *
 * Source: Dockerfile reference, https://docs.docker.com/reference/dockerfile/
 * ("Format", "Parser directives", "Environment replacement", "Here-Documents",
 * and the sections of the instructions). Looser: an unknown instruction is
 * kept with its name, so that a newer Dockerfile is not refused.
 *
 * Everything lives in the arena that was given.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum {
	DOCKERFILE_MAX_BYTES = 1 << 20,
	DOCKERFILE_MAX_INSTRUCTIONS = 4096,
	DOCKERFILE_MAX_STAGES = 128,
};

struct dockerfile_text {
	struct str s;
	uint32_t line;
};

struct dockerfile_texts {
	struct dockerfile_text *p;
	size_t n, capacity;
};

struct dockerfile_pair {
	struct str name, value;
	uint32_t line;
};

struct dockerfile_pairs {
	struct dockerfile_pair *p;
	size_t n, capacity;
};

struct dockerfile_instruction {
	uint32_t line;		       /* of its first line, 1-based */
	struct str name;	       /* in upper case: "RUN" */
	struct dockerfile_pairs flags; /* --from=builder */
	struct str text;    /* behind the flags, continued lines joined */
	struct str heredoc; /* bodies of its heredocs */
	bool is_exec;	    /* ["a", "b"] */
	struct dockerfile_texts words; /* of the exec form */
};

struct dockerfile_stage {
	struct str name; /* AS name, or empty */
	struct str base; /* image, or name or number of a stage, expanded */
	const struct dockerfile_stage *parent; /* the stage it is FROM */
	uint32_t line;
	size_t first, count; /* instructions behind FROM */
};

struct dockerfile {
	struct dockerfile_instruction *instructions;
	size_t n;
	char escape;			   /* '\\', or '`' by directive */
	struct dockerfile_pairs arguments; /* ARG before the first FROM */
	struct dockerfile_stage *stages;   /* at least one */
	size_t stage_count;
};

struct dockerfile_problem {
	uint32_t line;
	char what[200];
};

/* NULL with *problem filled: no UTF-8, above the bounds, no FROM, an
 * instruction before FROM, an instruction without arguments, a heredoc that
 * does not end. arguments are those given to the build (--build-arg), or
 * NULL. */
const struct dockerfile *
dockerfile_parse(struct str text, const struct dockerfile_pairs *arguments,
		 struct arena *arena, struct dockerfile_problem *problem);

/* The stage with that name or number, NULL; empty: the last one. */
const struct dockerfile_stage *
dockerfile_stage(const struct dockerfile *dockerfile, struct str name);

/* CMD, ENTRYPOINT or the command of HEALTHCHECK. */
struct dockerfile_command {
	uint32_t line; /* 0: none */
	bool is_exec;
	struct dockerfile_texts words; /* of the exec form */
	struct str text;	       /* of the shell form */
};

/* COPY or ADD of files. */
struct dockerfile_copy {
	uint32_t line;
	struct str from; /* stage or image; empty: the build context */
	struct str source, target; /* target is absolute */
	bool is_folder_target;	   /* ends in '/' or has several sources */
};

struct dockerfile_copies {
	struct dockerfile_copy *p;
	size_t n, capacity;
};

/* What a stage, with those it is FROM, says about its image. */
struct dockerfile_image {
	struct dockerfile_text base; /* the image at the bottom */
	struct dockerfile_pairs env;
	struct dockerfile_text workdir; /* absolute; empty: "/" */
	struct dockerfile_text user;	/* empty: none */
	struct dockerfile_texts ports;	/* "80", "53/udp", "8000-8010" */
	struct dockerfile_texts volumes;
	struct dockerfile_command command, entrypoint, health;
	bool is_health_none;
	struct dockerfile_pairs health_flags; /* interval, timeout ... */
	struct dockerfile_texts system;	      /* apt packages */
	struct dockerfile_texts written;      /* folders made and given away by
					       * chown */
	struct dockerfile_copies copies;
	/* pip, with that of the stages that are copied from: */
	struct dockerfile_texts packages;     /* requirement strings */
	struct dockerfile_texts requirements; /* files, as paths of the
					       * context where COPY says so,
					       * else absolute ones */
	/* What is beyond this reader, in words: "apk add curl". */
	struct dockerfile_texts unknown;
};

/* True where the build context has a file of that path. */
typedef bool dockerfile_exists(void *context, struct str path);

/* arguments as above. */
void dockerfile_image(const struct dockerfile *dockerfile,
		      const struct dockerfile_stage *stage,
		      const struct dockerfile_pairs *arguments,
		      dockerfile_exists *exists, void *context,
		      struct arena *arena, struct dockerfile_image *image);

/* The file of the build context that lies at a path of a stage's image, by the
 * COPY instructions of it and of the stages it copies from. False where none
 * says it. */
bool dockerfile_source(const struct dockerfile *dockerfile,
		       const struct dockerfile_stage *stage, struct str path,
		       dockerfile_exists *exists, void *context,
		       struct arena *arena, struct str *source);
