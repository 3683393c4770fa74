#include "codec/inflate.h"

#include <isa-l/igzip_lib.h>
#include <libdeflate.h>
#include <stdlib.h>

#include "base/mem.h"

enum { WINDOW_BYTES = 256 << 10, INPUT_MAX = 1 << 30 };

struct inflate {
	struct inflate_state state;
	bool ended;
	uint32_t crc32;
	uint64_t size_bytes;
	uint8_t window[WINDOW_BYTES];
};

struct inflate *inflate_new(void)
{
	struct inflate *inflate = mem_alloc(sizeof *inflate);

	inflate_reset(inflate);
	return inflate;
}

void inflate_free(struct inflate *inflate)
{
	free(inflate);
}

void inflate_free_pointer(struct inflate **inflate)
{
	inflate_free(*inflate);
}

void inflate_reset(struct inflate *inflate)
{
	isal_inflate_init(&inflate->state);
	inflate->state.crc_flag = ISAL_DEFLATE;
	inflate->ended = false;
	inflate->crc32 = 0;
	inflate->size_bytes = 0;
}

enum inflate_status inflate_next(struct inflate *inflate, struct str *in,
				 struct str *out)
{
	struct inflate_state *state = &inflate->state;
	size_t given = in->n < INPUT_MAX ? in->n : INPUT_MAX;

	*out = STR_EMPTY;
	if (inflate->ended)
		return INFLATE_END;
	/* ISA-L only reads its input, though it does not say so. */
	state->next_in = (uint8_t *)(uintptr_t)in->p;
	state->avail_in = (uint32_t)given;
	state->next_out = inflate->window;
	state->avail_out = WINDOW_BYTES;
	if (isal_inflate(state) < 0)
		return INFLATE_BAD;
	size_t taken = given - state->avail_in;
	*out = str_of((const char *)inflate->window,
		      WINDOW_BYTES - state->avail_out);
	inflate->crc32 = crc32_add(inflate->crc32, *out);
	inflate->size_bytes += out->n;
	if (state->block_state == ISAL_BLOCK_FINISH) {
		/* Whole bytes in its bit buffer lie behind the stream. */
		size_t ahead = (size_t)state->read_in_length / 8;

		if (ahead > taken)
			return INFLATE_BAD;
		*in = str_slice(*in, taken - ahead, in->n);
		inflate->ended = true;
		return INFLATE_END;
	}
	*in = str_slice(*in, taken, in->n);
	if (taken == 0 && out->n == 0 && in->n)
		return INFLATE_BAD;
	return state->avail_out == 0 || in->n ? INFLATE_OUTPUT : INFLATE_MORE;
}

uint32_t inflate_crc32(const struct inflate *inflate)
{
	return inflate->crc32;
}

uint64_t inflate_size_bytes(const struct inflate *inflate)
{
	return inflate->size_bytes;
}

uint32_t crc32_add(uint32_t crc, struct str bytes)
{
	return libdeflate_crc32(crc, bytes.p, bytes.n);
}
