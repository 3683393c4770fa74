#include "parts/pyc/marshal.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/mem.h"

enum {
	FLAG_REF = 0x80,
	MAX_DEPTH = 2000,
	MAX_BYTES = 1 << 30,
	CODE_HEAD_OBJECTS = 8,
};

static const uint32_t NONE = UINT32_MAX;

/* Of a double. */
static const uint64_t SIGN_BIT = 1ull << 63;
static const uint64_t INFINITY_BITS = 0x7ffull << 52;

/* One object: the bytes of its own behind the type byte, and its children in
 * the reader's list. */
struct node {
	uint8_t type;
	bool plain;	 /* made of constants alone: equal ones are merged */
	bool unique;	 /* holds a NaN: no other is equal to it */
	uint16_t height; /* of the deepest descent from here */
	uint32_t uses;	 /* by different parents or places */
	uint32_t number; /* once written with FLAG_REF */
	uint32_t line;	 /* of a code object */
	uint32_t byte_count;
	const char *bytes; /* in the stream, or normal ones */
	uint32_t children_at;
	uint32_t child_count;
	uint32_t hash;
};

struct reader {
	struct str stream;
	size_t at;
	unsigned minor, depth;
	uint64_t seed; /* a source cannot choose which constants collide */
	enum marshal_status status;
	struct arena normal; /* bytes that are not as in the stream */
	ARRAY(struct node) nodes;
	ARRAY(uint32_t) children; /* of all nodes */
	ARRAY(uint32_t) stack;	  /* children of objects not complete yet */
	ARRAY(uint32_t) marked;	  /* node of each number, or NONE */
	uint32_t *slots;	  /* of plain nodes, by hash; NONE: free */
	size_t slot_count, slots_used;
};

static uint32_t read_object(struct reader *reader);

static uint32_t fail(struct reader *reader, enum marshal_status status)
{
	if (reader->status == MARSHAL_OK)
		reader->status = status;
	return NONE;
}

/* Steps over n bytes; false where they are not there. */
static bool take(struct reader *reader, size_t n)
{
	if (n > reader->stream.n - reader->at) {
		fail(reader, MARSHAL_TRUNCATED);
		return false;
	}
	reader->at += n;
	return true;
}

static bool take_u8(struct reader *reader, uint32_t *value)
{
	if (!take(reader, 1))
		return false;
	*value = (uint8_t)reader->stream.p[reader->at - 1];
	return true;
}

static bool take_u32(struct reader *reader, uint32_t *value)
{
	if (!take(reader, 4))
		return false;
	*value = le32_at(reader->stream.p + reader->at - 4);
	return true;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	__uint128_t product =
		(__uint128_t)(hash ^ value ^ 0x9e3779b97f4a7c15u) *
		0xd6e8feb86659fd93u;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t mix_bytes(uint64_t hash, const void *p, size_t n)
{
	const char *bytes = p;
	uint64_t word;

	hash = mix(hash, n);
	for (; n >= sizeof word; n -= sizeof word, bytes += sizeof word) {
		memcpy(&word, bytes, sizeof word);
		hash = mix(hash, word);
	}
	word = 0;
	memcpy(&word, bytes, n);
	return mix(hash, word);
}

static const uint32_t *node_children(const struct reader *reader,
				     const struct node *node)
{
	return reader->children.p + node->children_at;
}

static bool node_same(const struct reader *reader, const struct node *a,
		      const struct node *b)
{
	return a->hash == b->hash && a->type == b->type &&
	       a->byte_count == b->byte_count &&
	       a->child_count == b->child_count &&
	       memcmp(a->bytes, b->bytes, a->byte_count) == 0 &&
	       (a->child_count == 0 ||
		memcmp(node_children(reader, a), node_children(reader, b),
		       a->child_count * sizeof(uint32_t)) == 0);
}

static void slots_grow(struct reader *reader)
{
	size_t count = reader->slot_count ? reader->slot_count * 2 : 1024;
	uint32_t *slots = mem_alloc(count * sizeof *slots);

	memset(slots, 0xff, count * sizeof *slots);
	for (size_t i = 0; i < reader->slot_count; i++) {
		uint32_t node = reader->slots[i];

		if (node == NONE)
			continue;
		size_t at = reader->nodes.p[node].hash & (count - 1);

		while (slots[at] != NONE)
			at = (at + 1) & (count - 1);
		slots[at] = node;
	}
	free(reader->slots);
	reader->slots = slots;
	reader->slot_count = count;
}

/* The slot of a plain node equal to the one given, or a free one. */
static uint32_t *slot_find(const struct reader *reader, const struct node *node)
{
	size_t at = node->hash & (reader->slot_count - 1);

	while (reader->slots[at] != NONE &&
	       !node_same(reader, &reader->nodes.p[reader->slots[at]], node))
		at = (at + 1) & (reader->slot_count - 1);
	return &reader->slots[at];
}

/* Children pushed on the stack since base become the node's. A reference may
 * make an object higher than the stream is deep. */
static bool node_adopt(struct reader *reader, struct node *node, size_t base)
{
	node->children_at = (uint32_t)reader->children.n;
	node->child_count = (uint32_t)(reader->stack.n - base);
	for (size_t i = base; i < reader->stack.n; i++) {
		uint32_t child = reader->stack.p[i];

		array_push(&reader->children, child);
		if (node->height <= reader->nodes.p[child].height)
			node->height = reader->nodes.p[child].height + 1;
	}
	reader->stack.n = base;
	if (node->height >= MAX_DEPTH)
		fail(reader, MARSHAL_TOO_DEEP);
	return node->height < MAX_DEPTH;
}

/* Takes in a complete node, or finds the one it equals. */
static uint32_t node_add(struct reader *reader, struct node *node)
{
	uint32_t *slot = NULL;

	if (node->plain && !node->unique) {
		uint64_t hash = mix(reader->seed, node->type);

		hash = mix_bytes(hash, node->bytes, node->byte_count);
		if (node->child_count)
			hash = mix_bytes(hash, node_children(reader, node),
					 node->child_count * sizeof(uint32_t));
		node->hash = (uint32_t)hash;
		if (reader->slots_used * 2 >= reader->slot_count)
			slots_grow(reader);
		slot = slot_find(reader, node);
		if (*slot != NONE) {
			reader->children.n -= node->child_count;
			return *slot;
		}
		*slot = (uint32_t)reader->nodes.n;
		reader->slots_used++;
	}
	for (uint32_t i = 0; i < node->child_count; i++)
		reader->nodes.p[node_children(reader, node)[i]].uses++;
	node->number = NONE;
	array_push(&reader->nodes, *node);
	return (uint32_t)reader->nodes.n - 1;
}

/* Strings below two Latin-1 characters are the same object all over a process,
 * so that whether they are interned is an accident. */
static uint8_t string_type(const struct reader *reader, uint8_t type, size_t at,
			   size_t n)
{
	if (type == 'z' && n < 2)
		return 'Z';
	if (type == 'a' && n < 2)
		return 'A';
	/* U+0080 to U+00FF begin with 0xc2 or 0xc3 in UTF-8. */
	if (type == 'u' && n == 2 && (reader->stream.p[at] & 0xfe) == 0xc2)
		return 't';
	return type;
}

/* The sign of a NaN that the compiler came upon is the processor's choice. Any
 * among these doubles becomes the positive quiet one; true where there is. */
static bool normalise_nans(struct reader *reader, struct node *node)
{
	bool found = false;

	for (uint32_t at = 0; at < node->byte_count; at += sizeof(uint64_t)) {
		uint64_t bits = le64_at(node->bytes + at);

		if ((bits & ~SIGN_BIT) <= INFINITY_BITS)
			continue;
		char *copy = arena_alloc(&reader->normal, 1, node->byte_count);

		memcpy(copy, node->bytes, node->byte_count);
		memset(copy + at, 0, sizeof bits - 2);
		copy[at + 6] = '\xf8';
		copy[at + 7] = '\x7f';
		node->bytes = copy;
		found = true;
	}
	return found;
}

/* An object without children whose own bytes begin at the reader's place. */
static uint32_t read_scalar(struct reader *reader, uint8_t type)
{
	size_t start = reader->at;
	uint32_t n = 0;
	bool there = false;

	if (type == 'i') {
		there = take(reader, 4);
	} else if (type == 'g') {
		there = take(reader, 8);
	} else if (type == 'y') {
		there = take(reader, 16);
	} else if (type == 'l') {
		there = take_u32(reader, &n);
		/* The sign of the count is that of the number. */
		int64_t digits = llabs((int64_t)(int32_t)n);

		there = there && take(reader, (size_t)digits * 2);
	} else if (strchr("zZ", type)) {
		there = take_u8(reader, &n) && take(reader, n);
	} else if (strchr("stuaA", type)) {
		there = take_u32(reader, &n) && take(reader, n);
	}
	if (!there)
		return NONE;
	struct node node = {
		.type = string_type(reader, type, reader->at - n, n),
		.plain = true,
		.bytes = reader->stream.p + start,
		.byte_count = (uint32_t)(reader->at - start),
	};

	if (type == 'g' || type == 'y')
		node.unique = normalise_nans(reader, &node);
	return node_add(reader, &node);
}

/* Reads count objects and leaves them on the stack. */
static bool read_children(struct reader *reader, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t child = read_object(reader);

		if (child == NONE)
			return false;
		array_push(&reader->stack, child);
	}
	return true;
}

/* An order by value. Equal constants are one node, so it follows one path; into
 * those that may equal others and yet be apart it does not go. */
static int node_compare(const struct reader *reader, uint32_t left,
			uint32_t right)
{
	const struct node *a = &reader->nodes.p[left];
	const struct node *b = &reader->nodes.p[right];

	if (left == right)
		return 0;
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	int order = str_cmp(str_of(a->bytes, a->byte_count),
			    str_of(b->bytes, b->byte_count));

	if (a->unique && b->unique)
		return order;
	for (uint32_t i = 0;
	     order == 0 && i < a->child_count && i < b->child_count; i++)
		order = node_compare(reader, node_children(reader, a)[i],
				     node_children(reader, b)[i]);
	return order;
}

static int compare_elements(const void *a, const void *b, void *reader)
{
	return node_compare(reader, *(const uint32_t *)a, *(const uint32_t *)b);
}

/* A tuple, slice or frozenset of count objects. */
static uint32_t read_container(struct reader *reader, uint8_t type,
			       size_t start, size_t count)
{
	size_t base = reader->stack.n;
	struct node node = {
		.type = type,
		.plain = true,
		.bytes = reader->stream.p + start,
		.byte_count = (uint32_t)(reader->at - start),
	};

	/* An object has a byte at least. */
	if (count > reader->stream.n - reader->at)
		return fail(reader, MARSHAL_TRUNCATED);
	if (!read_children(reader, count))
		return NONE;
	for (size_t i = base; i < reader->stack.n; i++) {
		const struct node *child = &reader->nodes.p[reader->stack.p[i]];

		node.plain &= child->plain;
		node.unique |= child->unique;
	}
	if (type == '>') {
		if (!node.plain)
			return fail(reader, MARSHAL_BAD_ELEMENT);
		if (count > 1)
			qsort_r(reader->stack.p + base, count, sizeof(uint32_t),
				compare_elements, reader);
	}
	return node_adopt(reader, &node, base) ? node_add(reader, &node) : NONE;
}

static uint32_t read_code(struct reader *reader)
{
	size_t base = reader->stack.n;
	bool old = reader->minor < 11;
	struct node node = {
		.type = 'c',
		.bytes = reader->stream.p + reader->at,
		.byte_count = old ? 24 : 20,
	};

	if (!take(reader, node.byte_count) ||
	    !read_children(reader, CODE_HEAD_OBJECTS) ||
	    !take_u32(reader, &node.line) ||
	    !read_children(reader, old ? 1 : 2))
		return NONE;
	return node_adopt(reader, &node, base) ? node_add(reader, &node) : NONE;
}

static uint32_t read_reference(struct reader *reader)
{
	uint32_t number;

	if (!take_u32(reader, &number))
		return NONE;
	if (number >= reader->marked.n || reader->marked.p[number] == NONE)
		return fail(reader, MARSHAL_BAD_REFERENCE);
	return reader->marked.p[number];
}

static uint32_t read_typed(struct reader *reader, uint32_t flagged)
{
	uint8_t type = flagged & 0x7f;
	size_t start = reader->at;
	uint32_t count = 3;

	if (!type)
		return fail(reader, MARSHAL_UNKNOWN_TYPE);
	if (strchr("NFT.S", type))
		return node_add(reader,
				&(struct node){.type = type,
					       .plain = true,
					       .bytes = reader->stream.p});
	if (strchr("iglystuaAzZ", type))
		return read_scalar(reader, type);
	if (type == 'c')
		return read_code(reader);
	if (type == ')' && !take_u8(reader, &count))
		return NONE;
	if (strchr("(>", type) && !take_u32(reader, &count))
		return NONE;
	if (strchr("()>", type) || (type == ':' && reader->minor >= 14))
		return read_container(reader, type, start, count);
	return fail(reader, MARSHAL_UNKNOWN_TYPE);
}

/* The node of the next object, or NONE with the status set. */
static uint32_t read_object(struct reader *reader)
{
	size_t number = reader->marked.n;
	uint32_t node, type;

	if (!take_u8(reader, &type))
		return NONE;
	if (type == 'r')
		return read_reference(reader);
	if (++reader->depth > MAX_DEPTH)
		return fail(reader, MARSHAL_TOO_DEEP);
	if (type & FLAG_REF)
		array_push(&reader->marked, NONE);
	node = read_typed(reader, type);
	if (type & FLAG_REF)
		reader->marked.p[number] = node;
	reader->depth--;
	return node;
}

/* Appends the object and gives numbers in the order of type bytes. Codes
 * without payload are shorter than a reference to them. */
static void write_object(struct reader *reader, uint32_t which,
			 uint32_t *next_number, struct buf *out)
{
	struct node *node = &reader->nodes.p[which];

	if (node->number != NONE) {
		buf_append_byte(out, 'r');
		buf_append_le32(out, node->number);
		return;
	}
	bool shared = node->uses > 1 && !strchr("NFT.S", node->type);

	buf_append_byte(out, (char)(node->type | (shared ? FLAG_REF : 0)));
	if (shared)
		node->number = (*next_number)++;
	buf_append(out, str_of(node->bytes, node->byte_count));
	for (uint32_t i = 0; i < node->child_count; i++) {
		if (node->type == 'c' && i == CODE_HEAD_OBJECTS)
			buf_append_le32(out, node->line);
		write_object(reader, node_children(reader, node)[i],
			     next_number, out);
	}
}

enum marshal_status marshal_normalise(struct str stream, unsigned minor,
				      struct buf *out, size_t *offset)
{
	struct reader reader = {.stream = stream, .minor = minor};
	uint32_t root = NONE, next_number = 0;

	if (getrandom(&reader.seed, sizeof reader.seed, 0) < 0)
		reader.seed = (uintptr_t)&reader;
	if (stream.n > MAX_BYTES)
		fail(&reader, MARSHAL_TOO_BIG);
	else
		root = read_object(&reader);
	if (root != NONE && reader.at < stream.n)
		root = fail(&reader, MARSHAL_TRAILING);
	if (root != NONE) {
		buf_reserve(out, stream.n);
		write_object(&reader, root, &next_number, out);
	}
	*offset = reader.at;
	array_release(&reader.nodes);
	array_release(&reader.children);
	array_release(&reader.stack);
	array_release(&reader.marked);
	free(reader.slots);
	arena_release(&reader.normal);
	return reader.status;
}

const char *marshal_status_text(enum marshal_status status)
{
	static const char *const texts[] = {
		[MARSHAL_OK] = "no error",
		[MARSHAL_TRUNCATED] = "an object that is cut short",
		[MARSHAL_UNKNOWN_TYPE] =
			"a type of object that compiled modules do not hold",
		[MARSHAL_BAD_REFERENCE] =
			"a reference to an object that is not there",
		[MARSHAL_BAD_ELEMENT] =
			"a frozenset with an element that is no constant",
		[MARSHAL_TOO_DEEP] = "more than 2000 levels of objects",
		[MARSHAL_TOO_BIG] = "more than 1 GiB",
		[MARSHAL_TRAILING] = "bytes behind the object",
	};

	return texts[status];
}
