#include "hpack.h"

#include "hpack_table.h"

#include <string.h>

struct block {
	const uint8_t *p, *end;
};

void hpack_init(struct hpack *hpack)
{
	hpack->entry_count = 0;
	hpack->bytes_n = 0;
	hpack->size = 0;
	hpack->max_size = HPACK_TABLE;
}

/* Canonical codes: those of one length are consecutive numbers in the order of
 * the bytes they stand for, and a length starts where the shorter one ended. */
struct huffman {
	uint32_t first[HUFFMAN_LONGEST + 1]; /* first code of a length */
	uint16_t start[HUFFMAN_LONGEST + 1]; /* its place in order */
	uint16_t count[HUFFMAN_LONGEST + 1];
	uint16_t order[HUFFMAN_CODES];
};

static void huffman_build(struct huffman *h)
{
	uint32_t code = 0;
	uint16_t place = 0;

	for (unsigned bits = HUFFMAN_SHORTEST; bits <= HUFFMAN_LONGEST;
	     bits++) {
		h->start[bits] = place;
		for (unsigned i = 0; i < HUFFMAN_CODES; i++)
			if (huffman_length[i] == bits)
				h->order[place++] = (uint16_t)i;
		h->count[bits] = (uint16_t)(place - h->start[bits]);
		h->first[bits] = code;
		code = (code + h->count[bits]) << 1;
	}
}

bool hpack_huffman(const uint8_t *p, size_t n, uint8_t *out, size_t cap,
		   size_t *out_n)
{
	struct huffman h;
	uint32_t code = 0;
	unsigned bits = 0;

	*out_n = 0;
	huffman_build(&h);
	for (size_t i = 0; i < n * 8; i++) {
		code = code << 1 | (p[i / 8] >> (7 - i % 8) & 1);
		bits++;
		if (bits > HUFFMAN_LONGEST)
			return false;
		if (bits < HUFFMAN_SHORTEST || code < h.first[bits] ||
		    code - h.first[bits] >= h.count[bits])
			continue;
		code = h.order[h.start[bits] + code - h.first[bits]];
		if (code == HUFFMAN_CODES - 1)
			return false;
		if (*out_n < cap)
			out[*out_n] = (uint8_t)code;
		++*out_n;
		code = 0;
		bits = 0;
	}
	/* What is left over must be less than a byte, all ones. */
	return bits < 8 && code == (1u << bits) - 1;
}

/* An integer with a prefix of some bits (section 5.1), at most 2^24. */
static bool integer_read(struct block *block, unsigned prefix, uint32_t *out)
{
	uint32_t mask = (1u << prefix) - 1, value;
	unsigned shift = 0;
	uint8_t byte;

	if (block->p == block->end)
		return false;
	value = *block->p++ & mask;
	if (value == mask) {
		do {
			if (block->p == block->end || shift > 21)
				return false;
			byte = *block->p++;
			value += (uint32_t)(byte & 0x7f) << shift;
			shift += 7;
		} while (byte & 0x80);
	}
	*out = value;
	return value <= 1u << 24;
}

/* A string; *out_n is its whole length, of which HPACK_STRING bytes are kept.
 */
static bool string_read(struct block *block, uint8_t *out, size_t *out_n)
{
	bool coded = block->p < block->end && *block->p & 0x80;
	const uint8_t *p;
	uint32_t n;

	if (!integer_read(block, 7, &n) || n > (size_t)(block->end - block->p))
		return false;
	p = block->p;
	block->p += n;
	if (coded)
		return hpack_huffman(p, n, out, HPACK_STRING, out_n);
	memcpy(out, p, n < HPACK_STRING ? n : HPACK_STRING);
	*out_n = n;
	return true;
}

/* Takes the oldest entries out until the table is at most size bytes. */
static void table_shrink(struct hpack *hpack, uint32_t size)
{
	uint32_t gone = 0, gone_bytes = 0;

	while (hpack->size > size) {
		uint32_t n = (uint32_t)hpack->entry[gone].name_n +
			     hpack->entry[gone].value_n;

		hpack->size -= n + 32;
		gone_bytes += n;
		gone++;
	}
	if (!gone)
		return;
	hpack->entry_count -= gone;
	hpack->bytes_n -= gone_bytes;
	memmove(hpack->entry, hpack->entry + gone,
		hpack->entry_count * sizeof(*hpack->entry));
	memmove(hpack->bytes, hpack->bytes + gone_bytes, hpack->bytes_n);
}

/* Adds the field in name and value; one that is larger than the table empties
 * it (section 4.4). */
static void table_add(struct hpack *hpack, size_t name_n, size_t value_n)
{
	uint8_t *end;

	if (name_n + value_n + 32 > hpack->max_size) {
		table_shrink(hpack, 0);
		return;
	}
	table_shrink(hpack,
		     hpack->max_size - (uint32_t)(name_n + value_n + 32));
	end = hpack->bytes + hpack->bytes_n;
	memcpy(end, hpack->name, name_n);
	memcpy(end + name_n, hpack->value, value_n);
	hpack->entry[hpack->entry_count].name_n = (uint16_t)name_n;
	hpack->entry[hpack->entry_count].value_n = (uint16_t)value_n;
	hpack->entry_count++;
	hpack->bytes_n += (uint32_t)(name_n + value_n);
	hpack->size += (uint32_t)(name_n + value_n + 32);
}

/* Copies a table's name, and its value where value_n is not NULL. */
static bool table_get(struct hpack *hpack, uint32_t index, size_t *name_n,
		      size_t *value_n)
{
	const uint8_t *p = hpack->bytes;
	uint32_t place;

	if (index == 0)
		return false;
	if (index <= HPACK_STATIC) {
		const char *name = hpack_static[index - 1].name;
		const char *value = hpack_static[index - 1].value;

		*name_n = strlen(name);
		memcpy(hpack->name, name, *name_n);
		if (value_n) {
			*value_n = strlen(value);
			memcpy(hpack->value, value, *value_n);
		}
		return true;
	}
	index -= HPACK_STATIC;
	if (index > hpack->entry_count)
		return false;
	place = hpack->entry_count - index;
	for (uint32_t i = 0; i < place; i++)
		p += hpack->entry[i].name_n + hpack->entry[i].value_n;
	*name_n = hpack->entry[place].name_n;
	memcpy(hpack->name, p, *name_n);
	if (value_n) {
		*value_n = hpack->entry[place].value_n;
		memcpy(hpack->value, p + *name_n, *value_n);
	}
	return true;
}

static bool literal_read(struct hpack *hpack, struct block *block,
			 unsigned prefix, size_t *name_n, size_t *value_n)
{
	uint32_t index;

	if (!integer_read(block, prefix, &index))
		return false;
	if (index ? !table_get(hpack, index, name_n, NULL)
		  : !string_read(block, hpack->name, name_n))
		return false;
	return *name_n <= HPACK_STRING &&
	       string_read(block, hpack->value, value_n);
}

bool hpack_decode(struct hpack *hpack, const uint8_t *p, size_t n,
		  hpack_field *field, void *context)
{
	struct block block = {p, p + n};
	bool any = false;

	while (block.p < block.end) {
		uint8_t byte = *block.p;
		size_t name_n, value_n;
		uint32_t number;

		if ((byte & 0xe0) == 0x20) {
			/* Only at the start of a block (section 4.2). */
			if (any || !integer_read(&block, 5, &number) ||
			    number > HPACK_TABLE)
				return false;
			hpack->max_size = number;
			table_shrink(hpack, number);
			continue;
		}
		any = true;
		if (byte & 0x80) {
			if (!integer_read(&block, 7, &number) ||
			    !table_get(hpack, number, &name_n, &value_n))
				return false;
		} else if (byte & 0x40) {
			if (!literal_read(hpack, &block, 6, &name_n, &value_n))
				return false;
			table_add(hpack, name_n, value_n);
		} else if (!literal_read(hpack, &block, 4, &name_n, &value_n)) {
			return false;
		}
		field(context, hpack->name, name_n, hpack->value,
		      value_n < HPACK_STRING ? value_n : HPACK_STRING);
	}
	return true;
}
