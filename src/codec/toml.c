#include "codec/toml.h"

#include "codec/toml/reader.h"

enum { MAX_PARTS = TOML_MAX_DEPTH };

/* How a table or array came to be: what may still be added to it. */
enum origin {
	BY_HEADER, /* [a.b]: b, once */
	BY_PATH,   /* [a.b]: a, which may get its own header later */
	BY_DOTS,   /* a.b = 1: a, which dotted keys beside it may add to */
	BY_BRACKETS /* [[a]]: the array a */,
	BY_VALUE, /* { } and [ ]: complete */
};

/* Behind every toml_value of this reader. */
struct node {
	struct toml_value value; /* first, so that one points to the other */
	enum origin origin;
	size_t capacity; /* of its array or table */
};

struct key {
	struct str parts[MAX_PARTS];
	size_t n;
};

int toml_fail(struct toml_reader *reader, enum toml_status status)
{
	if (reader->status == TOML_OK) {
		reader->status = status;
		reader->failed_at = reader->at;
		reader->failed_line = reader->line;
		reader->failed_column =
			(uint32_t)(reader->at - reader->line_start + 1);
	}
	return -1;
}

bool toml_eat(struct toml_reader *reader, const char *text)
{
	struct str rest = str_slice(reader->text, reader->at, reader->text.n);

	if (!str_starts(rest, str_from(text)))
		return false;
	reader->at += strlen(text);
	return true;
}

size_t toml_newline_size(const struct toml_reader *reader)
{
	if (toml_peek(reader, 0) == '\n')
		return 1;
	if (toml_peek(reader, 0) == '\r' && toml_peek(reader, 1) == '\n')
		return 2;
	return 0;
}

void toml_next_line(struct toml_reader *reader, size_t newline_size)
{
	if (newline_size == 0)
		return;
	reader->at += newline_size;
	reader->line_start = reader->at;
	reader->line++;
}

static void skip_blanks(struct toml_reader *reader)
{
	while (toml_peek(reader, 0) == ' ' || toml_peek(reader, 0) == '\t')
		reader->at++;
}

static int skip_comment(struct toml_reader *reader)
{
	if (toml_peek(reader, 0) != '#')
		return 0;
	while (toml_peek(reader, 0) >= 0 && toml_newline_size(reader) == 0) {
		int c = toml_peek(reader, 0);

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return toml_fail(reader, TOML_BAD_CONTROL);
		reader->at++;
	}
	return 0;
}

/* Blanks, comments and newlines, as inside an array. */
static int skip_space(struct toml_reader *reader)
{
	for (;;) {
		skip_blanks(reader);
		if (skip_comment(reader))
			return -1;
		size_t newline_size = toml_newline_size(reader);

		if (newline_size == 0)
			return 0;
		toml_next_line(reader, newline_size);
	}
}

static struct node *node_new(struct toml_reader *reader, enum toml_type type,
			     enum origin origin)
{
	struct node *node = arena_new(reader->arena, struct node);

	node->value.type = type;
	node->value.line = reader->line;
	node->origin = origin;
	return node;
}

static struct node *node_of(struct toml_value *value)
{
	return (struct node *)value;
}

/* Twice the room of an arena array, with what is in it. */
static void *grow(struct toml_reader *reader, const void *old, size_t n,
		  size_t *capacity, size_t size_bytes)
{
	*capacity = *capacity ? *capacity * 2 : 4;
	void *p = arena_alloc(reader->arena, *capacity, size_bytes);

	if (n > 0)
		memcpy(p, old, n * size_bytes);
	return p;
}

static void array_append(struct toml_reader *reader, struct node *array,
			 struct node *element)
{
	struct toml_value *value = &array->value;

	if (value->array.n == array->capacity)
		value->array.p = grow(reader, value->array.p, value->array.n,
				      &array->capacity, sizeof *value->array.p);
	value->array.p[value->array.n++] = &element->value;
}

/* The key of reader->members for a table's key: one index for all tables, so
 * that a document of a million keys is still read in linear time. */
static struct str member_key(struct arena *arena, const struct node *table,
			     struct str key)
{
	char *p = arena_alloc(arena, sizeof table + key.n, 1);

	memcpy(p, &table, sizeof table);
	if (key.n > 0)
		memcpy(p + sizeof table, key.p, key.n);
	return str_of(p, sizeof table + key.n);
}

static struct node *table_find(struct toml_reader *reader,
			       const struct node *table, struct str key)
{
	auto_arena struct arena scratch = ARENA_EMPTY;

	return map_get(&reader->members, member_key(&scratch, table, key));
}

static void table_add(struct toml_reader *reader, struct node *table,
		      struct str key, struct node *node)
{
	auto_arena struct arena scratch = ARENA_EMPTY;
	struct toml_value *value = &table->value;

	if (value->table.n == table->capacity)
		value->table.p = grow(reader, value->table.p, value->table.n,
				      &table->capacity, sizeof *value->table.p);
	value->table.p[value->table.n++] =
		(struct toml_member){key, &node->value};
	map_set(&reader->members, member_key(&scratch, table, key), node);
}

static bool is_bare(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static int read_key_part(struct toml_reader *reader, struct str *part)
{
	size_t start = reader->at;
	int c = toml_peek(reader, 0);

	if (c == '"' || c == '\'')
		return toml_read_string(reader, false, part);
	while (is_bare(toml_peek(reader, 0)))
		reader->at++;
	if (reader->at == start)
		return toml_fail(reader, TOML_BAD_KEY);
	*part = arena_str(reader->arena,
			  str_slice(reader->text, start, reader->at));
	return 0;
}

static int read_key(struct toml_reader *reader, struct key *key)
{
	key->n = 0;
	do {
		if (key->n == MAX_PARTS)
			return toml_fail(reader, TOML_TOO_DEEP);
		skip_blanks(reader);
		if (read_key_part(reader, &key->parts[key->n++]))
			return -1;
		skip_blanks(reader);
	} while (toml_eat(reader, "."));
	return 0;
}

static int read_value(struct toml_reader *reader, unsigned depth,
		      struct node **node);

/* Adds key = value to a table, making the tables between. */
static int read_pair(struct toml_reader *reader, struct node *table,
		     unsigned depth)
{
	struct key key = {0};
	struct node *value;

	if (read_key(reader, &key))
		return -1;
	for (size_t i = 0; i + 1 < key.n; i++) {
		struct node *next = table_find(reader, table, key.parts[i]);

		if (!next) {
			next = node_new(reader, TOML_TABLE, BY_DOTS);
			table_add(reader, table, key.parts[i], next);
		} else if (next->value.type != TOML_TABLE ||
			   next->origin != BY_DOTS) {
			return toml_fail(reader, TOML_DUPLICATE);
		}
		table = next;
	}
	if (table_find(reader, table, key.parts[key.n - 1]))
		return toml_fail(reader, TOML_DUPLICATE);
	if (!toml_eat(reader, "="))
		return toml_fail(reader, TOML_BAD_SYNTAX);
	skip_blanks(reader);
	if (read_value(reader, depth + (unsigned)key.n - 1, &value))
		return -1;
	table_add(reader, table, key.parts[key.n - 1], value);
	return 0;
}

static int read_array(struct toml_reader *reader, unsigned depth,
		      struct node *array)
{
	reader->at++;
	for (;;) {
		struct node *element;

		if (skip_space(reader))
			return -1;
		if (toml_eat(reader, "]"))
			return 0;
		if (read_value(reader, depth + 1, &element) ||
		    skip_space(reader))
			return -1;
		array_append(reader, array, element);
		if (!toml_eat(reader, ",") && toml_peek(reader, 0) != ']')
			return toml_fail(reader, TOML_BAD_SYNTAX);
	}
}

static int read_inline_table(struct toml_reader *reader, unsigned depth,
			     struct node *table)
{
	reader->at++;
	skip_blanks(reader);
	if (toml_eat(reader, "}"))
		return 0;
	do {
		if (read_pair(reader, table, depth + 1))
			return -1;
		skip_blanks(reader);
	} while (toml_eat(reader, ","));
	if (!toml_eat(reader, "}"))
		return toml_fail(reader, TOML_BAD_SYNTAX);
	return 0;
}

/* A dotted key's tables are complete too once its inline table is. */
static void close_tables(struct toml_value *value)
{
	for (size_t i = 0; i < value->table.n; i++) {
		struct toml_value *member = value->table.p[i].value;

		if (member->type == TOML_TABLE &&
		    node_of(member)->origin == BY_DOTS) {
			node_of(member)->origin = BY_VALUE;
			close_tables(member);
		}
	}
}

static int read_value(struct toml_reader *reader, unsigned depth,
		      struct node **node)
{
	int c = toml_peek(reader, 0);
	struct node *made = node_new(reader, TOML_STRING, BY_VALUE);

	*node = made;
	if (depth >= TOML_MAX_DEPTH)
		return toml_fail(reader, TOML_TOO_DEEP);
	if (c == '"' || c == '\'')
		return toml_read_string(reader, true, &made->value.string);
	if (c == '[') {
		made->value.type = TOML_ARRAY;
		return read_array(reader, depth, made);
	}
	if (c == '{') {
		made->value.type = TOML_TABLE;
		int result = read_inline_table(reader, depth, made);

		close_tables(&made->value);
		return result;
	}
	if (toml_eat(reader, "true") || toml_eat(reader, "false")) {
		made->value.type = TOML_BOOLEAN;
		made->value.boolean = c == 't';
		return 0;
	}
	if (toml_at_time(reader))
		return toml_read_time(reader, &made->value);
	if ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == 'i' ||
	    c == 'n')
		return toml_read_number(reader, &made->value);
	return toml_fail(reader, TOML_BAD_SYNTAX);
}

/* The table at all but the last part of a header's key. */
static struct node *walk_header(struct toml_reader *reader, struct node *root,
				const struct key *key)
{
	struct node *table = root;

	for (size_t i = 0; i + 1 < key->n; i++) {
		struct node *next = table_find(reader, table, key->parts[i]);

		if (!next) {
			next = node_new(reader, TOML_TABLE, BY_PATH);
			table_add(reader, table, key->parts[i], next);
		} else if (next->origin == BY_BRACKETS) {
			struct toml_value *array = &next->value;

			next = node_of(array->array.p[array->array.n - 1]);
		} else if (next->origin == BY_VALUE) {
			toml_fail(reader, TOML_DUPLICATE);
			return NULL;
		}
		table = next;
	}
	return table;
}

static int enter_table(struct toml_reader *reader, struct node *parent,
		       struct str name, struct node **current)
{
	struct node *table = table_find(reader, parent, name);

	if (!table) {
		table = node_new(reader, TOML_TABLE, BY_HEADER);
		table_add(reader, parent, name, table);
	} else if (table->origin != BY_PATH) {
		return toml_fail(reader, TOML_DUPLICATE);
	}
	table->origin = BY_HEADER;
	table->value.line = reader->line;
	*current = table;
	return 0;
}

static int enter_element(struct toml_reader *reader, struct node *parent,
			 struct str name, struct node **current)
{
	struct node *array = table_find(reader, parent, name);

	if (!array) {
		array = node_new(reader, TOML_ARRAY, BY_BRACKETS);
		table_add(reader, parent, name, array);
	} else if (array->origin != BY_BRACKETS) {
		return toml_fail(reader, TOML_DUPLICATE);
	}
	*current = node_new(reader, TOML_TABLE, BY_HEADER);
	array_append(reader, array, *current);
	return 0;
}

static int read_header(struct toml_reader *reader, struct node *root,
		       struct node **current)
{
	bool is_element = toml_eat(reader, "[[");
	struct key key = {0};

	if (!is_element)
		reader->at++;
	if (read_key(reader, &key))
		return -1;
	if (!toml_eat(reader, is_element ? "]]" : "]"))
		return toml_fail(reader, TOML_BAD_SYNTAX);
	struct node *parent = walk_header(reader, root, &key);

	if (!parent)
		return -1;
	return (is_element ? enter_element : enter_table)(
		reader, parent, key.parts[key.n - 1], current);
}

static int read_document(struct toml_reader *reader, struct node *root)
{
	struct node *current = root;

	for (;;) {
		if (skip_space(reader))
			return -1;
		int c = toml_peek(reader, 0);

		if (c < 0)
			return 0;
		if (c == '[' ? read_header(reader, root, &current)
			     : read_pair(reader, current, 0))
			return -1;
		skip_blanks(reader);
		if (skip_comment(reader))
			return -1;
		if (toml_peek(reader, 0) >= 0 && toml_newline_size(reader) == 0)
			return toml_fail(reader, TOML_BAD_SYNTAX);
	}
}

enum toml_status toml_parse(struct str text, struct arena *arena,
			    struct toml_value **root, struct toml_place *place)
{
	struct toml_reader reader = {
		.text = text, .line = 1, .arena = arena, .members = MAP_EMPTY};
	struct node *table;

	if (text.n > TOML_MAX_BYTES)
		toml_fail(&reader, TOML_TOO_LARGE);
	else if (!str_is_utf8(text))
		toml_fail(&reader, TOML_BAD_UTF8);
	if (reader.status == TOML_OK) {
		toml_eat(&reader, "\xef\xbb\xbf"); /* a byte order mark */
		table = node_new(&reader, TOML_TABLE, BY_HEADER);
		if (read_document(&reader, table) == 0)
			*root = &table->value;
	}
	map_release(&reader.members);
	if (reader.status != TOML_OK)
		*place = (struct toml_place){reader.failed_at,
					     reader.failed_line,
					     reader.failed_column};
	return reader.status;
}

const char *toml_status_text(enum toml_status status)
{
	switch (status) {
	case TOML_OK:
		return "nothing wrong";
	case TOML_TOO_LARGE:
		return "more than 64 MiB";
	case TOML_TOO_DEEP:
		return "values nested too deeply";
	case TOML_BAD_UTF8:
		return "bytes that are not UTF-8";
	case TOML_BAD_CONTROL:
		return "a control character";
	case TOML_BAD_SYNTAX:
		return "something that is not TOML";
	case TOML_BAD_KEY:
		return "a key that is missing or malformed";
	case TOML_BAD_STRING:
		return "a string that does not end or has a bad escape";
	case TOML_BAD_NUMBER:
		return "a malformed number";
	case TOML_BAD_TIME:
		return "a malformed date or time";
	case TOML_DUPLICATE:
		return "a key that is defined twice";
	}
	return "an unknown defect";
}

const struct toml_value *toml_get(const struct toml_value *table,
				  const char *key)
{
	if (!table || table->type != TOML_TABLE)
		return NULL;
	for (size_t i = 0; i < table->table.n; i++)
		if (str_eq(table->table.p[i].key, str_from(key)))
			return table->table.p[i].value;
	return NULL;
}

const struct toml_value *toml_get_typed(const struct toml_value *table,
					const char *key, enum toml_type type)
{
	const struct toml_value *value = toml_get(table, key);

	return value && value->type == type ? value : NULL;
}

struct str toml_get_string(const struct toml_value *table, const char *key)
{
	const struct toml_value *value =
		toml_get_typed(table, key, TOML_STRING);

	return value ? value->string : STR_EMPTY;
}
