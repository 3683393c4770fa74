#include "codec/yaml.h"

#include <libfyaml.h>
#include <stdio.h>

#include "base/array.h"
#include "base/map.h"

const struct yaml_limits yaml_default_limits = {4 << 20, 40, 200000};

/* The document while its events arrive. */
struct builder {
	struct fy_parser *parser;
	struct fy_diag *diag;
	const struct yaml_limits *limits;
	struct arena *arena;
	struct map anchors; /* name to node, or to &being_built */
	struct yaml_problem *problem;
	uint64_t node_count;
	uint32_t line, column; /* of the latest node or alias */
};

struct pairs {
	struct yaml_pair *p;
	size_t n, capacity;
};

static const struct yaml_node being_built;

/* Always NULL, so that a caller can return it. */
__attribute__((format(printf, 4, 5))) static void *
refuse(struct builder *builder, uint32_t line, uint32_t column,
       const char *format, ...)
{
	va_list args;

	builder->problem->line = line;
	builder->problem->column = column;
	va_start(args, format);
	vsnprintf(builder->problem->what, sizeof builder->problem->what, format,
		  args);
	va_end(args);
	return NULL;
}

/* The parser's own first error. */
static void *refuse_syntax(struct builder *builder)
{
	void *cursor = NULL;
	const struct fy_diag_error *error =
		fy_diag_errors_iterate(builder->diag, &cursor);

	if (!error)
		return refuse(builder, 1, 1, "not YAML");
	return refuse(builder, error->line > 0 ? (uint32_t)error->line : 1,
		      error->column > 0 ? (uint32_t)error->column : 1, "%s",
		      error->msg);
}

static struct str token_text(struct builder *builder, struct fy_token *token)
{
	size_t n = 0;
	const char *p = token ? fy_token_get_text(token, &n) : NULL;

	return arena_str(builder->arena, p ? str_of(p, n) : STR_EMPTY);
}

/* The mark of a quoted scalar is behind its quote. */
static void take_place(struct builder *builder, struct fy_token *token)
{
	const struct fy_mark *mark = fy_token_start_mark(token);
	enum fy_scalar_style style = fy_token_scalar_style(token);

	if (!mark)
		return;
	builder->line = (uint32_t)mark->line + 1;
	builder->column = (uint32_t)mark->column + 1;
	if ((style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) &&
	    mark->column > 0)
		builder->column--;
}

/* A node at the token's place, or at that of beside where there is none (the
 * empty value of a key). Bounds the number of nodes. */
static struct yaml_node *node_new(struct builder *builder, enum yaml_kind kind,
				  struct fy_token *at, struct fy_token *tag,
				  const struct yaml_node *beside)
{
	struct yaml_node *node = arena_new(builder->arena, struct yaml_node);

	if (at)
		take_place(builder, at);
	node->kind = kind;
	node->line = at || !beside ? builder->line : beside->line;
	node->column = at || !beside ? builder->column : beside->column;
	node->text = STR_EMPTY;
	node->tag = token_text(builder, tag);
	node->weight = 1;
	if (++builder->node_count > builder->limits->max_nodes)
		return refuse(builder, node->line, node->column,
			      "more than %llu values",
			      (unsigned long long)builder->limits->max_nodes);
	return node;
}

/* Adds the weight of a child. False where the document becomes too large. */
static bool add_weight(struct builder *builder, struct yaml_node *node,
		       const struct yaml_node *child)
{
	node->weight += child->weight;
	if (node->weight <= builder->limits->max_nodes)
		return true;
	refuse(builder, builder->line, builder->column,
	       "more than %llu values once every alias is followed",
	       (unsigned long long)builder->limits->max_nodes);
	return false;
}

static const struct yaml_node *alias_node(struct builder *builder,
					  struct fy_token *token)
{
	struct str name = token_text(builder, token);
	const struct yaml_node *node = map_get(&builder->anchors, name);

	take_place(builder, token);
	builder->column -= builder->column > 1; /* its '*' */
	if (!node)
		return refuse(builder, builder->line, builder->column,
			      "the alias '*%s' has no anchor '&%s' above it",
			      name.p, name.p);
	if (node == &being_built)
		return refuse(builder, builder->line, builder->column,
			      "the alias '*%s' stands inside its own anchor",
			      name.p);
	return node;
}

static const struct yaml_node *read_node(struct builder *builder,
					 struct fy_event *event, unsigned depth,
					 const struct yaml_node *beside);

/* The next event, which the caller frees; NULL for a refused document. */
static struct fy_event *next_event(struct builder *builder)
{
	struct fy_event *event = fy_parser_parse(builder->parser);

	if (!event)
		refuse_syntax(builder);
	return event;
}

/* Reads the node that the next event begins. *end is set, and NULL returned,
 * for the event that ends a list or map. */
static const struct yaml_node *next_node(struct builder *builder,
					 enum fy_event_type end_type, bool *end,
					 unsigned depth,
					 const struct yaml_node *beside)
{
	struct fy_event *event = next_event(builder);

	*end = false;
	if (!event)
		return NULL;
	if (event->type == end_type) {
		*end = true;
		fy_parser_event_free(builder->parser, event);
		return NULL;
	}
	return read_node(builder, event, depth, beside);
}

static const struct yaml_node *read_list(struct builder *builder,
					 struct yaml_node *list, unsigned depth)
{
	ARRAY(const struct yaml_node *) items = ARRAY_EMPTY;
	const struct yaml_node *item;
	bool end;

	while ((item = next_node(builder, FYET_SEQUENCE_END, &end, depth + 1,
				 list))) {
		array_push(&items, item);
		if (!add_weight(builder, list, item))
			break;
	}
	if (end) {
		list->n = items.n;
		list->items = arena_new_array(
			builder->arena, const struct yaml_node *, items.n);
		if (items.n)
			memcpy(list->items, items.p, items.n * sizeof *items.p);
	}
	array_release(&items);
	return end ? list : NULL;
}

static bool is_merge_key(const struct yaml_node *key)
{
	return !key->is_quoted && str_eq(key->text, STR("<<"));
}

/* Adds to pairs what `<<: value` brings and keys does not have. */
static bool merge(struct builder *builder, struct yaml_node *map,
		  const struct yaml_node *value, struct map *keys,
		  struct pairs *pairs)
{
	if (value->kind != YAML_MAP) {
		refuse(builder, value->line, value->column,
		       "'<<' takes a map or a list of maps");
		return false;
	}
	for (size_t i = 0; i < value->n; i++) {
		const struct yaml_pair *pair = &value->pairs[i];

		if (map_has(keys, pair->key->text))
			continue;
		map_set(keys, pair->key->text, map);
		array_push(pairs, *pair);
		if (!add_weight(builder, map, pair->value))
			return false;
	}
	return true;
}

static bool merge_all(struct builder *builder, struct yaml_node *map,
		      const struct yaml_node *value, struct map *keys,
		      struct pairs *pairs)
{
	if (value->kind != YAML_LIST)
		return merge(builder, map, value, keys, pairs);
	for (size_t i = 0; i < value->n; i++)
		if (!merge(builder, map, value->items[i], keys, pairs))
			return false;
	return true;
}

/* One key and its value. False at the end of the map (*end) or where the
 * document is refused. */
static bool read_pair(struct builder *builder, struct yaml_node *map,
		      struct yaml_pair *pair, struct map *keys, bool *end,
		      unsigned depth)
{
	bool never;
	const struct yaml_node *key =
		next_node(builder, FYET_MAPPING_END, end, depth + 1, map);

	if (!key)
		return false;
	if (key->kind != YAML_SCALAR) {
		refuse(builder, key->line, key->column,
		       "a key must be a word, not a list or a map");
		return false;
	}
	const struct yaml_node *first = map_get(keys, key->text);

	if (first) {
		refuse(builder, key->line, key->column,
		       "the key '%.80s' stands here twice; first in line %u",
		       key->text.p, first->line);
		return false;
	}
	map_set(keys, key->text, (void *)(uintptr_t)key);
	pair->key = key;
	pair->value = next_node(builder, FYET_NONE, &never, depth + 1, key);
	return pair->value && add_weight(builder, map, key) &&
	       add_weight(builder, map, pair->value);
}

static const struct yaml_node *read_map(struct builder *builder,
					struct yaml_node *map, unsigned depth)
{
	auto_map struct map keys = MAP_EMPTY;
	struct pairs pairs = ARRAY_EMPTY;
	const struct yaml_node *merged = NULL;
	struct yaml_pair pair;
	bool end;

	while (read_pair(builder, map, &pair, &keys, &end, depth)) {
		if (is_merge_key(pair.key))
			merged = pair.value;
		else
			array_push(&pairs, pair);
	}
	if (end && merged)
		end = merge_all(builder, map, merged, &keys, &pairs);
	if (end) {
		map->n = pairs.n;
		map->pairs = arena_new_array(builder->arena, struct yaml_pair,
					     pairs.n);
		if (pairs.n)
			memcpy(map->pairs, pairs.p, pairs.n * sizeof *pairs.p);
	}
	array_release(&pairs);
	return end ? map : NULL;
}

/* Takes the event. */
static const struct yaml_node *read_node(struct builder *builder,
					 struct fy_event *event, unsigned depth,
					 const struct yaml_node *beside)
{
	struct fy_token *anchor = NULL;
	struct yaml_node *node = NULL;
	const struct yaml_node *done = NULL;
	struct str name = STR_EMPTY;

	if (event->type == FYET_ALIAS) {
		done = alias_node(builder, event->alias.anchor);
		fy_parser_event_free(builder->parser, event);
		return done;
	}
	if (event->type == FYET_SCALAR) {
		anchor = event->scalar.anchor;
		node = node_new(builder, YAML_SCALAR, event->scalar.value,
				event->scalar.tag, beside);
		if (node) {
			node->text = token_text(builder, event->scalar.value);
			node->is_quoted =
				event->scalar.value &&
				fy_token_scalar_style(event->scalar.value) !=
					FYSS_PLAIN;
		}
	} else if (event->type == FYET_SEQUENCE_START) {
		anchor = event->sequence_start.anchor;
		node = node_new(builder, YAML_LIST,
				event->sequence_start.sequence_start,
				event->sequence_start.tag, beside);
	} else if (event->type == FYET_MAPPING_START) {
		anchor = event->mapping_start.anchor;
		node = node_new(builder, YAML_MAP,
				event->mapping_start.mapping_start,
				event->mapping_start.tag, beside);
	} else {
		refuse(builder, 1, 1, "not a YAML value");
	}
	if (node && anchor) {
		/* The event owns the token, the arena the name. */
		name = token_text(builder, anchor);
		map_set(&builder->anchors, name,
			(void *)(uintptr_t)&being_built);
	}
	fy_parser_event_free(builder->parser, event);
	if (node && depth > builder->limits->max_depth)
		return refuse(builder, node->line, node->column,
			      "more than %u levels deep",
			      builder->limits->max_depth);
	if (node)
		done = node->kind == YAML_SCALAR ? node
		       : node->kind == YAML_LIST
			       ? read_list(builder, node, depth)
			       : read_map(builder, node, depth);
	if (done && name.n)
		map_set(&builder->anchors, name, node);
	return done;
}

/* Steps over the stream's own events to the document, and after it to the
 * end. */
static const struct yaml_node *read_document(struct builder *builder)
{
	const struct yaml_node *root = NULL;
	struct fy_event *event;

	while ((event = next_event(builder))) {
		enum fy_event_type type = event->type;

		if (type != FYET_STREAM_START && type != FYET_STREAM_END &&
		    type != FYET_DOCUMENT_START && type != FYET_DOCUMENT_END) {
			root = read_node(builder, event, 1, NULL);
			if (!root)
				return NULL;
			continue;
		}
		const struct fy_mark *mark =
			type == FYET_DOCUMENT_START &&
					event->document_start.document_start
				? fy_token_start_mark(
					  event->document_start.document_start)
				: NULL;
		uint32_t line = mark ? (uint32_t)mark->line + 1 : 1;

		fy_parser_event_free(builder->parser, event);
		if (type == FYET_DOCUMENT_START && root)
			return refuse(builder, line, 1,
				      "a second document begins here; one file "
				      "holds one");
		if (type == FYET_STREAM_END)
			return root ? root
				    : node_new(builder, YAML_SCALAR, NULL, NULL,
					       NULL);
	}
	return NULL;
}

/* What libfyaml would stop at without a word, or read in its own way. */
static bool text_is_fit(struct builder *builder, struct str text)
{
	uint32_t line = 1, column = 1;

	if (text.n > builder->limits->max_bytes) {
		refuse(builder, 1, 1, "%zu bytes, where at most %zu are read",
		       text.n, builder->limits->max_bytes);
		return false;
	}
	bool is_utf8 = str_is_utf8(text);

	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		bool is_control =
			(c < 0x20 && c != '\t' && c != '\n' && c != '\r') ||
			c == 0x7f;

		/* A whole line is what can be judged without decoding. */
		if (!is_utf8 && (i == 0 || text.p[i - 1] == '\n')) {
			struct str rest = str_slice(text, i, text.n), part;

			str_split(&rest, '\n', &part);
			if (!str_is_utf8(part)) {
				refuse(builder, line, 1,
				       "this line is not UTF-8");
				return false;
			}
		}
		if (is_control) {
			refuse(builder, line, column,
			       "the control character 0x%02x", c);
			return false;
		}
		line += c == '\n';
		column = c == '\n' ? 1 : column + ((c & 0xc0) != 0x80);
	}
	return true;
}

const struct yaml_node *yaml_parse(struct str text,
				   const struct yaml_limits *limits,
				   struct arena *arena,
				   struct yaml_problem *problem)
{
	struct builder builder = {
		.limits = limits ? limits : &yaml_default_limits,
		.arena = arena,
		.problem = problem,
		.line = 1,
		.column = 1,
	};
	const struct yaml_node *root = NULL;

	if (!text_is_fit(&builder, text))
		return NULL;
	builder.diag = fy_diag_create(NULL);
	fy_diag_set_collect_errors(builder.diag, true);
	struct fy_parse_cfg config = {
		.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG |
			 FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE,
		.diag = builder.diag,
	};

	builder.parser = fy_parser_create(&config);
	if (!builder.parser ||
	    fy_parser_set_string(builder.parser, text.n ? text.p : "", text.n))
		refuse(&builder, 1, 1, "the YAML reader cannot start");
	else
		root = read_document(&builder);
	fy_parser_destroy(builder.parser);
	fy_diag_destroy(builder.diag);
	map_release(&builder.anchors);
	return root;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
	if (!map || map->kind != YAML_MAP)
		return NULL;
	for (size_t i = 0; i < map->n; i++)
		if (str_eq(map->pairs[i].key->text, str_from(key)))
			return map->pairs[i].value;
	return NULL;
}

static bool is_one_of(struct str text, const char *const *words)
{
	for (; *words; words++)
		if (str_eq(text, str_from(*words)))
			return true;
	return false;
}

static bool is_null_text(struct str text)
{
	static const char *const words[] = {"",	    "~",    "null",
					    "Null", "NULL", NULL};

	return is_one_of(text, words);
}

static bool is_bool_text(struct str text, bool *value)
{
	static const char *const yes[] = {"true", "True", "TRUE", NULL};
	static const char *const no[] = {"false", "False", "FALSE", NULL};

	*value = is_one_of(text, yes);
	return *value || is_one_of(text, no);
}

bool yaml_is_null(const struct yaml_node *node)
{
	return node->kind == YAML_SCALAR && !node->is_quoted &&
	       is_null_text(node->text);
}

bool yaml_to_bool(const struct yaml_node *node, bool *value)
{
	return node->kind == YAML_SCALAR && !node->is_quoted &&
	       is_bool_text(node->text, value);
}

static bool eat_digits(struct str *text)
{
	size_t n = 0;

	while (n < text->n && text->p[n] >= '0' && text->p[n] <= '9')
		n++;
	*text = str_slice(*text, n, text->n);
	return n > 0;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?, octal
 * and hexadecimal integers, infinity, not-a-number. */
static bool is_number_text(struct str text)
{
	static const char *const words[] = {".inf", ".Inf", ".INF", ".nan",
					    ".NaN", ".NAN", NULL};
	struct str rest = text;

	if (str_starts(text, STR("0x")) || str_starts(text, STR("0o")))
		return true;
	if (!str_eat(&rest, STR("-")))
		str_eat(&rest, STR("+"));
	if (is_one_of(rest, words))
		return true;
	bool whole = eat_digits(&rest);
	bool part = str_eat(&rest, STR(".")) && eat_digits(&rest);

	if (!whole && !part)
		return false;
	if (str_eat(&rest, STR("e")) || str_eat(&rest, STR("E"))) {
		if (!str_eat(&rest, STR("-")))
			str_eat(&rest, STR("+"));
		if (!eat_digits(&rest))
			return false;
	}
	return rest.n == 0;
}

bool yaml_is_number(const struct yaml_node *node)
{
	return node->kind == YAML_SCALAR && !node->is_quoted &&
	       is_number_text(node->text);
}
