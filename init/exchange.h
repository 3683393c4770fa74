/* exchange: a protocol as bytes in and bytes out.
 *
 * Knows: the interface between a socket's driver (probe.c) and a protocol that
 * does no input or output of its own, so that fuzzers and tests can feed it.
 */
#pragma once

#include "probe.h"
#include "text.h"

#include <stddef.h>

/* Room for what a protocol wants to write before it reads on; a peer that
 * makes it write more is refused. */
enum { EXCHANGE_OUT = 4096 };

enum step {
	STEP_MORE, /* needs more bytes */
	STEP_OK,   /* the service is well; message says how */
	STEP_FAIL, /* it is not; message says why */
};

struct exchange {
	const struct probe *probe;
	uint8_t out[EXCHANGE_OUT];
	size_t out_n; /* the driver writes and takes them before it feeds on */
	char message[200];
	const char *stage; /* what is being waited for, for the deadline */

	/* Puts the first bytes into out. */
	enum step (*open)(struct exchange *x);
	/* Takes n bytes from the peer; n 0 says that it closed. */
	enum step (*feed)(struct exchange *x, const uint8_t *p, size_t n);
	void *state; /* the protocol's own, owned by who made the exchange */
};

/* Adds to out; false when there is no room. */
bool exchange_put(struct exchange *x, const void *p, size_t n);

/* Writes message and gives the step back. */
enum step exchange_end(struct exchange *x, enum step step, const char *format,
		       ...) __attribute__((format(printf, 3, 4)));

/* True when the probe's expected bytes are in p. */
bool exchange_expected(const struct exchange *x, const uint8_t *p, size_t n);
