/* init_ask: the questions of `slipway init` at a terminal.
 *
 * Knows: how a question is put and its answer kept in the file of answers.
 * Does not know: what an answer changes (work/init.h). */
#pragma once

#include <stdbool.h>

#include "base/array.h"
#include "base/map.h"
#include "work/init.h"

struct error;

struct init_asked {
	struct arena arena;
	ARRAY(struct init_answer) answers;
	struct map seen; /* names of questions that were put */
	bool is_over;	 /* no more input */
};

#define INIT_ASKED_EMPTY                                                       \
	{                                                                      \
		ARENA_EMPTY, ARRAY_EMPTY, MAP_EMPTY, false                     \
	}

void init_asked_release(struct init_asked *asked);
#define auto_init_asked __attribute__((cleanup(init_asked_release)))

/* Somebody is there to be asked. */
bool init_ask_can(void);

/* Puts each question that a word answers and that was not put before. True
 * where an answer came. */
bool init_ask(struct init_asked *asked, const struct init_result *result);

/* Adds the answers to the file at path, which may not be there yet. */
int init_ask_save(const struct init_asked *asked, const char *path,
		  struct error **err);
