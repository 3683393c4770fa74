/* Scalars on their way out. */
#include "codec/yaml.h"

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Words that some reader, YAML 1.1 included, takes for something else. */
static bool is_special_word(struct str text)
{
	static const char *const words[] = {
		"null", "true", "false", "yes", "no", "on", "off", "y", "n"};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (str_eq_case(text, str_from(words[i])))
			return true;
	return false;
}

/* Plain only where no context and no reader can take it for anything but this
 * string: begins with a letter, '_' or '/', and a ':' is followed by a letter,
 * a digit or '/'. */
static bool is_plain(struct str text)
{
	if (text.n == 0 || is_special_word(text))
		return false;
	if (!is_letter(text.p[0]) && text.p[0] != '_' && text.p[0] != '/')
		return false;
	for (size_t i = 1; i < text.n; i++) {
		char c = text.p[i];
		char next = i + 1 < text.n ? text.p[i + 1] : '\0';

		if (c == ':'
			    ? !is_letter(next) && !is_digit(next) && next != '/'
			    : !is_letter(c) && !is_digit(c) &&
				      !memchr("_/.-+@=", c, 7))
			return false;
	}
	return true;
}

/* The character at p, which is UTF-8, and its length. */
static uint32_t decode(const char *p, size_t *n)
{
	unsigned char c = (unsigned char)p[0];

	*n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	uint32_t value = *n == 1 ? c : c & (0xffu >> (*n + 1));

	for (size_t i = 1; i < *n; i++)
		value = value << 6 | ((unsigned char)p[i] & 0x3f);
	return value;
}

static bool must_escape(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 ||
	       c == 0x2029 || c == 0xfeff || c == 0xfffe || c == 0xffff;
}

/* Has double quotes in it, and nothing that single ones would not take. */
static bool is_fine_in_single(struct str text)
{
	bool has_double = false;

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < ' ' || text.p[i] > '~' || text.p[i] == '\'')
			return false;
		has_double |= text.p[i] == '"';
	}
	return has_double;
}

void yaml_append_scalar(struct buf *out, struct str text)
{
	if (is_plain(text)) {
		buf_append(out, text);
		return;
	}
	if (is_fine_in_single(text)) {
		buf_printf(out, "'" STR_FMT "'", STR_ARG(text));
		return;
	}
	buf_append_byte(out, '"');
	for (size_t i = 0, n; i < text.n; i += n) {
		uint32_t c = decode(text.p + i, &n);

		if (c == '"' || c == '\\')
			buf_append_byte(out, '\\');
		if (c == '\n')
			buf_append_text(out, "\\n");
		else if (c == '\t')
			buf_append_text(out, "\\t");
		else if (must_escape(c))
			buf_printf(out, c < 0x100 ? "\\x%02x" : "\\u%04x", c);
		else
			buf_append(out, str_slice(text, i, i + n));
	}
	buf_append_byte(out, '"');
}

/* A plain scalar of whatever context that is one in flow context too. */
static bool stays_plain(const struct yaml_node *node)
{
	struct str text = node->text;

	if (node->is_quoted || text.n == 0 || strchr(":?", text.p[0]))
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < ' ' || text.p[i] > '~' ||
		    strchr(",[]{}#", text.p[i]))
			return false;
	return text.p[text.n - 1] != ':';
}

void yaml_append_flow(struct buf *out, const struct yaml_node *node)
{
	bool is_map = node->kind == YAML_MAP, value;

	if (node->kind == YAML_SCALAR) {
		if (yaml_is_null(node))
			buf_append_text(out, "null");
		else if (yaml_to_bool(node, &value) || yaml_is_number(node) ||
			 stays_plain(node))
			buf_append(out, node->text);
		else
			yaml_append_scalar(out, node->text);
		return;
	}
	buf_append_byte(out, is_map ? '{' : '[');
	for (size_t i = 0; i < node->n; i++) {
		buf_append_text(out, i ? ", " : "");
		if (is_map) {
			yaml_append_scalar(out, node->pairs[i].key->text);
			buf_append_text(out, ": ");
		}
		yaml_append_flow(out, is_map ? node->pairs[i].value
					     : node->items[i]);
	}
	buf_append_byte(out, is_map ? '}' : ']');
}
