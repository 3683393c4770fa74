#include "facts/pyscan/stops.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { LANES = 16 };

/* By the compilers' vector extension: a comparison gives all bits or none of a
 * lane. */
typedef unsigned char lanes __attribute__((vector_size(LANES)));

/* One bit of each lane, the first lane's is the lowest. */
typedef uint64_t bits_function(lanes set);

/* The product of eight bytes with one bit each has the sum of these, which is
 * all of them, in its highest byte. */
static inline uint64_t bits_plain(lanes set)
{
	uint64_t halves[2], bits = 0;

	memcpy(halves, &set, sizeof set);
	for (unsigned i = 0; i < 2; i++)
		bits |= ((halves[i] & 0x8040201008040201) *
			 0x0101010101010101) >>
			56 << 8 * i;
	return bits;
}

static inline uint64_t bits_native(lanes set)
{
#ifdef __SSE2__
	return (unsigned)_mm_movemask_epi8((__m128i)set);
#else
	return bits_plain(set);
#endif
}

static inline lanes are(lanes bytes, unsigned char c)
{
	return (lanes)(bytes == c);
}

static inline __attribute__((always_inline)) void
read_block(struct stops *stops, const char *p, bits_function *bits)
{
	uint64_t masks[STOP_COUNT] = {0};

#pragma GCC unroll 4
	for (unsigned at = 0; at < STOPS_BYTES; at += LANES) {
		lanes bytes;

		memcpy(&bytes, p + at, sizeof bytes);
		/* One comparison for two: ( and ), . and /, [ and {, ] and }.
		 */
		lanes even = bytes & 0xfe, folded = bytes | 0x20;

		masks[STOP_BRACKET] |= bits(are(even, '(') | are(folded, '{') |
					    are(folded, '}') | are(bytes, '#'))
				       << at;
		masks[STOP_QUOTE] |= bits(are(bytes, '"') | are(bytes, '\'') |
					  are(bytes, '\\'))
				     << at;
		masks[STOP_LINE] |= bits(are(bytes, '\n')) << at;
		masks[STOP_RARE] |= bits(are(bytes, ';') | are(bytes, '!'))
				    << at;
		masks[STOP_COLON] |= bits(are(bytes, ':')) << at;
		masks[STOP_EQUAL] |= bits(are(bytes, '=')) << at;
		masks[STOP_SEPARATOR] |= bits(are(even, '.')) << at;
		masks[STOP_SPACE] |= bits(are(bytes, ' ')) << at;
	}
	memcpy(stops->masks, masks, sizeof masks);
}

/* The block at p; of one that n cuts off, a copy. */
static inline const char *whole_block(const char *p, size_t n,
				      char copy[STOPS_BYTES])
{
	if (n >= STOPS_BYTES)
		return p;
	memset(copy, 0, STOPS_BYTES);
	return memcpy(copy, p, n);
}

void stops_read(struct stops *stops, const char *p, size_t n)
{
	char copy[STOPS_BYTES];

	read_block(stops, whole_block(p, n, copy), bits_native);
	stops->block = p;
}

void stops_read_plain(struct stops *stops, const char *p, size_t n)
{
	char copy[STOPS_BYTES];

	read_block(stops, whole_block(p, n, copy), bits_plain);
	stops->block = p;
}
