#include "json.h"

#include <string.h>

struct cursor {
	struct json *json;
	size_t at;
	unsigned depth;
	const char *wrong; /* the first thing that is */
};

static bool cursor_fail(struct cursor *c, const char *wrong)
{
	if (!c->wrong)
		c->wrong = wrong;
	return false;
}

static int cursor_peek(const struct cursor *c)
{
	return c->at < c->json->n ? (unsigned char)c->json->p[c->at] : -1;
}

static void cursor_skip_space(struct cursor *c)
{
	for (;; c->at++) {
		int byte = cursor_peek(c);

		if (byte != ' ' && byte != '\t' && byte != '\n' && byte != '\r')
			return;
	}
}

static struct json_node *cursor_add(struct cursor *c, enum json_type type)
{
	struct json_node *node;

	if (c->json->count == JSON_NODES) {
		cursor_fail(c, "too many values");
		return NULL;
	}
	node = &c->json->node[c->json->count++];
	*node = (struct json_node){.type = type, .at = (uint32_t)c->at};
	return node;
}

static int hex_value(int byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	if (byte >= 'a' && byte <= 'f')
		return byte - 'a' + 10;
	if (byte >= 'A' && byte <= 'F')
		return byte - 'A' + 10;
	return -1;
}

static bool read_escape(struct cursor *c)
{
	int byte = cursor_peek(c);

	c->at++;
	if (byte == 'u') {
		for (int i = 0; i < 4; i++, c->at++)
			if (hex_value(cursor_peek(c)) < 0)
				return cursor_fail(c, "a bad \\u escape");
		return true;
	}
	if (byte <= 0 || !strchr("\"\\/bfnrt", byte))
		return cursor_fail(c, "an unknown escape");
	return true;
}

static bool read_string(struct cursor *c)
{
	struct json_node *node;

	c->at++;
	node = cursor_add(c, JSON_STRING);
	if (!node)
		return false;
	for (;;) {
		int byte = cursor_peek(c);

		if (byte < 0x20)
			return cursor_fail(c, "a string that does not end");
		if (byte == '"')
			break;
		c->at++;
		if (byte == '\\' && !read_escape(c))
			return false;
	}
	node->n = (uint32_t)(c->at - node->at);
	node->next = c->json->count;
	c->at++;
	return true;
}

static size_t skip_digits(struct cursor *c)
{
	size_t from = c->at;

	while (cursor_peek(c) >= '0' && cursor_peek(c) <= '9')
		c->at++;
	return c->at - from;
}

static bool read_number(struct cursor *c)
{
	struct json_node *node = cursor_add(c, JSON_NUMBER);
	size_t digits;
	bool zero;

	if (!node)
		return false;
	if (cursor_peek(c) == '-')
		c->at++;
	zero = cursor_peek(c) == '0';
	digits = skip_digits(c);
	if (digits == 0 || (zero && digits > 1))
		return cursor_fail(c, "a bad number");
	if (cursor_peek(c) == '.') {
		c->at++;
		if (skip_digits(c) == 0)
			return cursor_fail(c, "a bad number");
	}
	if (cursor_peek(c) == 'e' || cursor_peek(c) == 'E') {
		c->at++;
		if (cursor_peek(c) == '+' || cursor_peek(c) == '-')
			c->at++;
		if (skip_digits(c) == 0)
			return cursor_fail(c, "a bad number");
	}
	node->n = (uint32_t)(c->at - node->at);
	node->next = c->json->count;
	return true;
}

static bool read_word(struct cursor *c, const char *word, enum json_type type)
{
	size_t n = strlen(word);
	struct json_node *node;

	if (c->json->n - c->at < n || memcmp(c->json->p + c->at, word, n) != 0)
		return cursor_fail(c, "an unknown word");
	node = cursor_add(c, type);
	if (!node)
		return false;
	c->at += n;
	node->n = (uint32_t)n;
	node->next = c->json->count;
	return true;
}

static bool read_value(struct cursor *c);

static bool read_key(struct cursor *c)
{
	cursor_skip_space(c);
	if (cursor_peek(c) != '"')
		return cursor_fail(c, "a key that is not a string");
	if (!read_string(c))
		return false;
	cursor_skip_space(c);
	if (cursor_peek(c) != ':')
		return cursor_fail(c, "a key without a ':'");
	c->at++;
	return true;
}

/* Depth is bounded, so the recursion is. */
static bool read_members(struct cursor *c, enum json_type type, int close)
{
	struct json_node *node = cursor_add(c, type);

	if (!node)
		return false;
	if (++c->depth > JSON_DEPTH)
		return cursor_fail(c, "values nested too deep");
	c->at++;
	cursor_skip_space(c);
	if (cursor_peek(c) != close) {
		for (;;) {
			if (type == JSON_OBJECT && !read_key(c))
				return false;
			if (!read_value(c))
				return false;
			cursor_skip_space(c);
			if (cursor_peek(c) == close)
				break;
			if (cursor_peek(c) != ',')
				return cursor_fail(c, "a missing ','");
			c->at++;
		}
	}
	c->at++;
	c->depth--;
	node->n = (uint32_t)(c->at - node->at);
	node->next = c->json->count;
	return true;
}

static bool read_value(struct cursor *c)
{
	int byte;

	cursor_skip_space(c);
	byte = cursor_peek(c);
	switch (byte) {
	case '{':
		return read_members(c, JSON_OBJECT, '}');
	case '[':
		return read_members(c, JSON_ARRAY, ']');
	case '"':
		return read_string(c);
	case 't':
		return read_word(c, "true", JSON_TRUE);
	case 'f':
		return read_word(c, "false", JSON_FALSE);
	case 'n':
		return read_word(c, "null", JSON_NULL);
	default:
		if (byte == '-' || (byte >= '0' && byte <= '9'))
			return read_number(c);
		return cursor_fail(c, "a missing value");
	}
}

const char *json_read(struct json *json, const char *p, size_t n, size_t *at)
{
	struct cursor c = {.json = json};

	json->p = p;
	json->n = n;
	json->count = 0;
	if (n > UINT32_MAX)
		return "a text that is too long";
	if (read_value(&c)) {
		cursor_skip_space(&c);
		if (c.at < n)
			cursor_fail(&c, "bytes behind the end");
	}
	*at = c.at;
	return c.wrong;
}

uint32_t json_first(const struct json *json, uint32_t parent)
{
	const struct json_node *node = &json->node[parent];

	if (node->type != JSON_OBJECT && node->type != JSON_ARRAY)
		return 0;
	return node->next > parent + 1 ? parent + 1 : 0;
}

uint32_t json_next(const struct json *json, uint32_t parent, uint32_t node)
{
	uint32_t next = json->node[node].next;

	if (json->node[parent].type == JSON_OBJECT)
		next = json->node[next].next;
	return next < json->node[parent].next ? next : 0;
}

uint32_t json_get(const struct json *json, uint32_t object, const char *key)
{
	uint32_t found = 0;
	char name[128];

	if (json->node[object].type != JSON_OBJECT)
		return 0;
	for (uint32_t i = json_first(json, object); i;
	     i = json_next(json, object, i))
		if (json_copy(json, i, name, sizeof(name)) &&
		    strcmp(name, key) == 0)
			found = json->node[i].next;
	return found;
}

static unsigned read_hex4(const char *p)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++)
		value = value << 4 | (unsigned)hex_value((unsigned char)p[i]);
	return value;
}

/* Writes a code point as UTF-8 (RFC 3629); the bytes written. */
static size_t put_utf8(char out[4], unsigned code)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

/* Resolves the escape at p[0] == '\\' within end into out; the bytes read. A
 * lone surrogate becomes U+FFFD. */
static size_t take_escape(const char *p, const char *end, char out[4],
			  size_t *out_n)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *simple;
	unsigned code, low;

	if (p[1] != 'u') {
		simple = strchr(from, p[1]);
		out[0] = simple ? to[simple - from] : p[1];
		*out_n = 1;
		return 2;
	}
	code = read_hex4(p + 2);
	if (code >= 0xd800 && code < 0xdc00 && end - p >= 12 && p[6] == '\\' &&
	    p[7] == 'u') {
		low = read_hex4(p + 8);
		if (low >= 0xdc00 && low < 0xe000) {
			code = 0x10000 + ((code - 0xd800) << 10) +
			       (low - 0xdc00);
			*out_n = put_utf8(out, code);
			return 12;
		}
	}
	if (code >= 0xd800 && code < 0xe000)
		code = 0xfffd;
	*out_n = put_utf8(out, code);
	return 6;
}

bool json_copy(const struct json *json, uint32_t node, char *to, size_t cap)
{
	const struct json_node *value = &json->node[node];
	const char *p = json->p + value->at, *end = p + value->n;
	size_t n = 0;

	if (value->type == JSON_NULL || value->type == JSON_ARRAY ||
	    value->type == JSON_OBJECT)
		return false;
	while (p < end) {
		char bytes[4];
		size_t count = 1;

		if (value->type == JSON_STRING && *p == '\\')
			p += take_escape(p, end, bytes, &count);
		else
			bytes[0] = *p++;
		if (bytes[0] == '\0' || n + count >= cap)
			return false;
		memcpy(to + n, bytes, count);
		n += count;
	}
	if (n >= cap)
		return false;
	to[n] = '\0';
	return true;
}

bool json_copy_number(const struct json *json, uint32_t node, uint64_t *out)
{
	const struct json_node *value = &json->node[node];
	uint64_t number = 0;

	if (value->type != JSON_NUMBER)
		return false;
	for (uint32_t i = 0; i < value->n; i++) {
		char c = json->p[value->at + i];

		if (c < '0' || c > '9' ||
		    number > (UINT64_MAX - (unsigned)(c - '0')) / 10)
			return false;
		number = number * 10 + (unsigned)(c - '0');
	}
	*out = number;
	return true;
}
