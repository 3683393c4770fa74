/* init: a fleet.yaml from what a repository has already.
 *
 * Knows: both shapes of startup_config.yaml, compose files, Dockerfiles and
 * folders of scripts; which of them to take where none is named; how their
 * services become short lines of fleet.yaml. Does not know: which packages a
 * service needs (check and lock), what a person would answer.
 *
 * Never guesses in silence. What the files do not decide becomes a question
 * with its file and line, once per line with the services that it touches;
 * what they say and slipway does not understand becomes one too. The text that
 * comes out is always a manifest without problems: a value that fleet.yaml
 * does not take is left out and asked about.
 *
 *   startup = "agent_groups": {GROUP: {NAME: service}}
 *           | "pc2_services": [{"name": NAME, service...}]
 *             and "global_settings": {"environment": {NAME: VALUE}}
 *   service = script_path, port, health_check_port, X_port, host, required,
 *             dependencies, env | environment | env_vars, config
 *   port    = term ("+" term)*; term = NUMBER | ${VAR} | ${VAR:-NUMBER}
 *
 * A file of answers adds what no file says. It is written like fleet.yaml, and
 * laid over what was read, key by key; null takes a key out. `services` may
 * name several ("A, B", globs); `answers` are those to the questions:
 *
 *   answers  = ID: WORD | "FILE:LINE": settled
 *   services = "NAME, GLOB, ...": {settings of fleet.yaml}
 *
 * What it names and nobody read, and what it answers and nobody asked, is an
 * error: so it never goes stale in silence.
 *
 * Compose files: the Compose Specification, https://compose-spec.io;
 * Dockerfiles: facts/dockerfile.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct error;

#define INIT_ANSWERS "fleet.answers.yaml"

struct init_options {
	const char *root;	  /* folder of the repository */
	const char *const *files; /* relative to root; none: those found */
	size_t file_count;
	const char *answers; /* relative to root; NULL: fleet.answers.yaml,
			      * where it is there */
	const struct init_answer *given; /* stronger than those of the file */
	size_t given_count;
};

struct init_answer {
	struct str id, value;
};

struct init_question {
	struct str file; /* relative to root */
	uint32_t line;	 /* 1-based; 0: the file as a whole */
	struct str ask;
	/* What a word answers: the question's name, and the words, the usual
	 * one first, "*" for any other. Else both are empty. */
	struct str id, choices;
	struct str *services; /* none: it concerns the whole fleet */
	size_t n, capacity;
};

struct init_result {
	struct arena arena;
	struct str text; /* fleet.yaml */
	size_t service_count, infra_count;
	const struct str *sources; /* the files that were read */
	size_t source_count;
	struct str answers; /* the file of answers; empty: none */
	const struct init_question *questions;
	size_t question_count;
};

/* Reads the files and writes the text. -1: a file is missing, malformed
 * (ERR_FLEET, with its line), or there is nothing to start from. */
int init_run(const struct init_options *options, struct init_result *result,
	     struct error **err);
void init_release(struct init_result *result);
#define auto_init __attribute__((cleanup(init_release)))
