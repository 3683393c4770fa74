/* yaml: one YAML document to a tree whose nodes know their line.
 *
 * Knows: bounds, anchors, merge keys, duplicate keys, positions, how to quote
 * a scalar. Does not know: files, or what the values mean; types of plain
 * scalars are left to the reader (yaml_is_null and its like follow the core
 * schema: `yes` and `3.10` are text).
 *
 * Source: YAML 1.2.2, chapters 6 to 9 and 10.3 "Core Schema"; the merge key
 * `<<` is that of YAML 1.1 (https://yaml.org/type/merge.html), because compose
 * files use it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_pair {
	const struct yaml_node *key; /* a scalar, unique in its map */
	const struct yaml_node *value;
};

/* Frozen once parsed. An alias is the anchor's node itself, so a node may have
 * several parents, but never itself below it. */
struct yaml_node {
	enum yaml_kind kind;
	bool is_quoted;	 /* scalar in quotes or a block: text, whatever it says
			  */
	uint32_t line;	 /* of its first character, 1-based */
	uint32_t column; /* 1-based, in characters */
	struct str text; /* of a scalar; .p ends in NUL */
	struct str tag;	 /* as written ("!x"); empty where there is none */
	size_t n;	 /* items or pairs */
	union {
		const struct yaml_node **items; /* of a list */
		struct yaml_pair *pairs;	/* of a map, in written order;
						 * merged ones last */
	};
	uint64_t weight; /* nodes below and including it, aliases expanded */
};

/* What a text may cost. */
struct yaml_limits {
	size_t max_bytes;
	unsigned max_depth;
	uint64_t max_nodes; /* with every alias expanded */
};

/* 4 MiB, 40 deep, 200,000 nodes: what a hand-written file never needs. */
extern const struct yaml_limits yaml_default_limits;

struct yaml_problem {
	uint32_t line, column; /* 1-based */
	char what[200];	       /* "the key 'a' stands here twice; first ..." */
};

/* The one document of a text, all in arena, or NULL with *problem filled. An
 * empty document is a null scalar. Refused: what is not UTF-8, a second
 * document, keys that are lists or maps, a key twice, an alias without or
 * inside its anchor, `<<` of something that is no map, anything above limits
 * (NULL: the default ones). */
const struct yaml_node *yaml_parse(struct str text,
				   const struct yaml_limits *limits,
				   struct arena *arena,
				   struct yaml_problem *problem);

/* The value of a key, or NULL; NULL also for what is no map. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

/* Core schema of plain scalars. */
bool yaml_is_null(const struct yaml_node *node);
bool yaml_to_bool(const struct yaml_node *node, bool *value);
bool yaml_is_number(const struct yaml_node *node);

/* Appends text as a scalar that yaml_parse reads back as the same string, in
 * block and flow context alike: plain where that is safe, else in double
 * quotes. text is UTF-8. */
void yaml_append_scalar(struct buf *out, struct str text);

/* Appends a node in flow form, {a: [b, "8.9"]}: yaml_parse reads back the same,
 * but for the place of merged keys and tags. */
void yaml_append_flow(struct buf *out, const struct yaml_node *node);
