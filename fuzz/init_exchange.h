/* init_exchange: what the targets for slipway-init's protocols share.
 *
 * Knows: a peer's bytes must lead to the same end whether they come in large
 * pieces or one by one, the message must be one printable line, and nothing may
 * be read outside of a piece (each lies in memory of its own size).
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "init/exchange.h"

enum { LARGE_PIECE = 200 };

struct outcome {
	enum step step;
	char message[sizeof(((struct exchange *)0)->message)];
};

/* Feeds all pieces and, where that was not the end, the peer's close. */
static inline struct outcome exchange_play(struct exchange *x,
					   const uint8_t *data, size_t size,
					   size_t piece)
{
	struct outcome outcome = {.step = x->open(x)};

	while (outcome.step == STEP_MORE && size > 0) {
		size_t n = size < piece ? size : piece;
		uint8_t *copy = malloc(n);

		memcpy(copy, data, n);
		outcome.step = x->feed(x, copy, n);
		free(copy);
		if (x->out_n > sizeof(x->out))
			abort();
		x->out_n = 0;
		data += n;
		size -= n;
	}
	if (outcome.step == STEP_MORE)
		outcome.step = x->feed(x, data, 0);
	memcpy(outcome.message, x->message, sizeof(outcome.message));
	for (const char *p = outcome.message; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			abort();
	return outcome;
}

static inline void outcomes_compare(const struct outcome *a,
				    const struct outcome *b)
{
	if (a->step != b->step || strcmp(a->message, b->message) != 0)
		abort();
}
