/* stops: where in a text the bytes are at which a walk may have to stop, as
 * bits of 64 bytes at once, so that walks go from bit to bit.
 *
 * Knows: sets of bytes. Does not know: what any of them means.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum stop {
	STOP_BRACKET,	/* ( [ { ) ] } # */
	STOP_QUOTE,	/* " ' \ */
	STOP_LINE,	/* \n */
	STOP_RARE,	/* ; ! */
	STOP_COLON,	/* : */
	STOP_EQUAL,	/* = */
	STOP_SEPARATOR, /* . / */
	STOP_SPACE,	/* the space alone */
	STOP_COUNT,
};

enum { STOPS_BYTES = 64 };

/* One block: bit i of masks[stop] is set where byte i is of that set. */
struct stops {
	const char *block; /* NULL: none was read yet */
	uint64_t masks[STOP_COUNT];
};

/* Reads the block of STOPS_BYTES at p, of which n bytes or more may be read;
 * those behind them are of no set. */
void stops_read(struct stops *stops, const char *p, size_t n);

/* The same without the processor's own instruction for bits of bytes: for
 * processors that have none, and for the test that both say the same. */
void stops_read_plain(struct stops *stops, const char *p, size_t n);
