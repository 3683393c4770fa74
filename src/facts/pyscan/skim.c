/* skim: walks over code without cutting it into tokens. Stops only at bytes
 * of certain sets (stops.h); at each bracket it looks back whether a name
 * stands there whose calls matter. */
#include "base/buf.h"
#include "facts/pyscan/scan.h"

#define LETTER (IS_NAME | IS_LITERAL)

const uint8_t scan_classes[256] = {
	[':'] = IS_OPERATOR,
	['='] = IS_OPERATOR,
	['!'] = IS_OPERATOR,
	['+'] = IS_OPERATOR,
	['*'] = IS_OPERATOR,
	['%'] = IS_OPERATOR,
	['&'] = IS_OPERATOR,
	['|'] = IS_OPERATOR,
	['^'] = IS_OPERATOR,
	['@'] = IS_OPERATOR,
	['<'] = IS_OPERATOR,
	['>'] = IS_OPERATOR,
	['.'] = IS_LITERAL | IS_SEPARATOR,
	['/'] = IS_LITERAL | IS_SEPARATOR | IS_OPERATOR,
	['-'] = IS_LITERAL | IS_OPERATOR,
	['_'] = LETTER,
	['0' ... '9'] = LETTER,
	['A' ... 'Z'] = LETTER,
	['a' ... 'z'] = LETTER,
	[0x80 ... 0xff] = IS_NAME,
};

enum { LITERAL_MAX = 200 };

const char *blanks_skip(const char *p, const char *end)
{
	for (;;) {
		while (p < end && is_blank(*p))
			p++;
		if (end - p < 2 || *p != '\\' || p[1] != '\n')
			return p;
		p += 2;
	}
}

/* Lines in n bytes; sixteen at a time, by the compilers' vector extension. */
static size_t lines_in(const char *p, size_t n)
{
	typedef signed char lanes __attribute__((vector_size(16)));
	size_t count = 0;

	while (n >= 16) {
		lanes sums = {0};
		size_t rounds = n / 16 < 127 ? n / 16 : 127;

		for (size_t i = 0; i < rounds; i++) {
			lanes bytes;

			memcpy(&bytes, p + 16 * i, 16);
			sums -= (lanes)(bytes == '\n');
		}
		for (size_t i = 0; i < 16; i++)
			count += (size_t)sums[i];
		p += 16 * rounds;
		n -= 16 * rounds;
	}
	for (size_t i = 0; i < n; i++)
		count += p[i] == '\n';
	return count;
}

uint32_t line_at(struct scan *scan, const char *at)
{
	if (at >= scan->counted)
		scan->line += (uint32_t)lines_in(scan->counted,
						 (size_t)(at - scan->counted));
	else
		scan->line -=
			(uint32_t)lines_in(at, (size_t)(scan->counted - at));
	scan->counted = at;
	return scan->line;
}

uint32_t column_at(struct scan *scan, const char *at)
{
	const char *p = at;
	uint32_t column = 0;

	/* From where it is known, or the start of the line. */
	while (p > scan->start && p != scan->measured && p[-1] != '\n')
		if (((unsigned char)*--p & 0xc0) != 0x80)
			column++;
	column += p == scan->measured ? scan->column : 1;
	scan->measured = at;
	scan->column = column;
	return column;
}

#define FOUR(a, b, c, d)                                                       \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 |            \
	 (uint32_t)(d) << 24)

/* Behind the byte before p that is no blank; NULL where that is a line end,
 * so that what it belongs to lies on another line, or nothing. */
static const char *blanks_back(const struct scan *scan, const char *p)
{
	while (p > scan->start && is_blank(p[-1]))
		p--;
	if (p == scan->start || p[-1] == '\n' || p[-1] == '\\')
		return NULL;
	return p;
}

/* The name that ends at p. */
static struct str name_before(const struct scan *scan, const char *p)
{
	const char *end = p;

	while (p > scan->start && class_of(p[-1]) & IS_NAME)
		p--;
	return str_of(p, (size_t)(end - p));
}

/* Is the method whose name ends at p one of sys.path or of a __path__? True
 * also where only a walk over tokens could tell. */
static bool is_path_method(const struct scan *scan, const char *p)
{
	p = blanks_back(scan, name_before(scan, p).p);
	if (!p)
		return true;
	if (p[-1] != '.')
		return false;
	p = blanks_back(scan, p - 1);
	if (!p)
		return true;
	if (p - scan->start < 4)
		return false;
	uint32_t tail = le32_at(p - 4);

	return tail == FOUR('p', 'a', 't', 'h') ||
	       tail == FOUR('t', 'h', '_', '_');
}

/* The calls that call.c looks at, whoever they are called on. */
static bool is_watched(struct str name)
{
	static const struct str names[] = {
		STR_INIT("import_module"),
		STR_INIT("run_module"),
		STR_INIT("load_module"),
		STR_INIT("__import__"),
		STR_INIT("exec"),
		STR_INIT("eval"),
		STR_INIT("run_path"),
		STR_INIT("spec_from_file_location"),
		STR_INIT("SourceFileLoader"),
		STR_INIT("SourcelessFileLoader"),
		STR_INIT("ExtensionFileLoader"),
		STR_INIT("load_source"),
		STR_INIT("load_dynamic"),
		STR_INIT("load_compiled"),
		STR_INIT("load_package"),
		STR_INIT("addsitedir"),
		STR_INIT("globals"),
		STR_INIT("locals"),
		STR_INIT("vars"),
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_eq(name, names[i]))
			return true;
	return false;
}

/* Behind the last byte of code before p, be it on another line. */
static const char *code_before(const struct scan *scan, const char *p)
{
	while (p > scan->start && (is_blank(p[-1]) || p[-1] == '\n'))
		p--;
	return p > scan->comment && p <= scan->comment_end ? scan->code_end : p;
}

/* Behind the comment at p. */
static const char *comment_skip(struct scan *scan, const char *p)
{
	scan->code_end = code_before(scan, p);
	scan->comment = p;
	scan->comment_end = stop_find(scan, p, 1 << STOP_LINE);
	return scan->comment_end;
}

/* Does the name before p, the bracket of a call, make the call one to look
 * at? Says yes too often, never too seldom. Its last letters decide nearly
 * always. */
static bool call_matters(const struct scan *scan, const char *p)
{
	p = code_before(scan, p);
	if (p > scan->start && p[-1] == '\\')
		return true;
	if (p - scan->start < 4 || !(class_of(p[-1]) & IS_NAME))
		return false;
	uint32_t tail = le32_at(p - 4);

	switch (tail) {
	case FOUR('d', 'u', 'l', 'e'): /* import_module, run_module, ... */
	case FOUR('r', 't', '_', '_'): /* __import__ */
	case FOUR('e', 'x', 'e', 'c'):
	case FOUR('e', 'v', 'a', 'l'):
	case FOUR('p', 'a', 't', 'h'): /* run_path */
	case FOUR('t', 'i', 'o', 'n'): /* spec_from_file_location */
	case FOUR('a', 'd', 'e', 'r'): /* SourceFileLoader */
	case FOUR('u', 'r', 'c', 'e'): /* load_source */
	case FOUR('a', 'm', 'i', 'c'): /* load_dynamic */
	case FOUR('i', 'l', 'e', 'd'): /* load_compiled */
	case FOUR('k', 'a', 'g', 'e'): /* load_package */
	case FOUR('e', 'd', 'i', 'r'): /* addsitedir */
	case FOUR('b', 'a', 'l', 's'): /* globals */
	case FOUR('c', 'a', 'l', 's'): /* locals */
	case FOUR('v', 'a', 'r', 's'):
		return is_watched(name_before(scan, p));
	case FOUR('s', 'e', 'r', 't'): /* insert */
	case FOUR('p', 'e', 'n', 'd'): /* append */
	case FOUR('t', 'e', 'n', 'd'): /* extend */
	case FOUR('m', 'o', 'v', 'e'): /* remove */
	case FOUR('e', 'r', 's', 'e'): /* reverse */
	case FOUR('l', 'e', 'a', 'r'): /* clear */
	case FOUR('s', 'o', 'r', 't'):
		return is_path_method(scan, p);
	default:
		return tail >> 8 == FOUR('p', 'o', 'p', 0) &&
		       is_path_method(scan, p);
	}
}

/* `sys.modules[__name__]`: what is done with it may bind any name. */
static void subscript_note(struct scan *scan, const char *p)
{
	if (p == scan->start || p[-1] != 's' ||
	    !str_eq(name_before(scan, p), STR("modules")))
		return;
	p = blanks_skip(p + 1, scan->end);
	struct str rest = str_of(p, (size_t)(scan->end - p));

	if (!str_eat(&rest, STR("__name__")))
		return;
	p = blanks_skip(rest.p, scan->end);
	if (p < scan->end && *p == ']')
		scan->out->has_dynamic_names = true;
}

struct prefix {
	bool is_f, is_raw, is_bytes;
};

/* The letters before the quote, where they are a string's prefix. */
static struct prefix prefix_of(const struct scan *scan, const char *quote)
{
	struct prefix prefix = {0};
	const char *p = quote;

	while (p > scan->start && class_of(p[-1]) & IS_NAME && quote - p < 3)
		p--;
	if (quote - p > 2)
		return prefix;
	for (; p < quote; p++) {
		switch (*p | 0x20) {
		case 'r':
			prefix.is_raw = true;
			break;
		case 'b':
			prefix.is_bytes = true;
			break;
		case 'f':
		case 't':
			prefix.is_f = true;
			break;
		case 'u':
			break;
		default:
			return (struct prefix){0};
		}
	}
	return prefix;
}

static bool is_triple(const char *p, const char *end)
{
	return end - p >= 3 && p[1] == *p && p[2] == *p;
}

/* Behind the closing quotes of a string without fields; p is behind the
 * opening ones. The end of the line ends a string that has no closing one. */
static const char *plain_end(struct scan *scan, const char *p, char quote,
			     bool triple)
{
	const char *end = scan->end;

	while (p < end) {
		if (triple) {
			const char *next = memchr(p, quote, (size_t)(end - p));
			const char *back = next ? next : end;

			while (back > p && back[-1] == '\\')
				back--;
			if (!next)
				return end;
			if ((next - back) % 2) {
				p = next + 1;
				continue;
			}
			if (is_triple(next, end))
				return next + 3;
			p = next + 1;
			continue;
		}
		p = stop_find(scan, p, 1 << STOP_QUOTE | 1 << STOP_LINE);
		if (p == end || *p == '\n')
			return p;
		if (*p == quote)
			return p + 1;
		p += *p == '\\' && end - p > 1 ? 2 : 1;
	}
	return end;
}

static const char *walk(struct scan *scan, const char *p, enum skim how,
			unsigned nest);

/* Where a string with fields stands. */
struct format {
	struct scan *scan;
	char quote;
	bool triple, is_raw;
	unsigned nest;
	struct fields *fields;
};

static bool format_ends(const struct format *format, const char *p)
{
	return *p == format->quote &&
	       (!format->triple || is_triple(p, format->scan->end));
}

/* Behind the field whose brace is before p: an expression, a conversion, a
 * text that may hold fields. That one is walked here too, so that the depth
 * of the brackets counts and no call goes deeper for it. */
static const char *field_end(const struct format *format, const char *p)
{
	const char *end = format->scan->end;
	size_t depth = 1; /* fields that are open */
	bool in_text = false;

	while (p < end && depth) {
		if (!in_text) {
			const char *expression = p;

			p = walk(format->scan, p, SKIM_FIELD, format->nest + 1);
			if (format->fields)
				array_push(&format->fields->list,
					   str_of(expression,
						  (size_t)(p - expression)));
			while (p < end && *p != ':' && *p != '}')
				p++;
			in_text = true;
			p += p < end && *p == ':';
		} else if (*p == '}') {
			depth--;
			p++;
		} else if (*p == '{') {
			depth++;
			in_text = false;
			p++;
		} else if (format_ends(format, p)) {
			return p;
		} else {
			p += *p == '\\' && end - p > 1 && p[1] != '{' &&
					     p[1] != '}'
				     ? 2
				     : 1;
		}
	}
	return p;
}

/* Behind the backslash at p and what it makes literal. */
static const char *escape_end(const struct format *format, const char *p)
{
	const char *end = format->scan->end;

	if (end - p < 2)
		return end;
	if (p[1] == '{' || p[1] == '}')
		return p + 1;
	if (!format->is_raw && p[1] == 'N' && end - p > 2 && p[2] == '{') {
		while (p < end && *p != '}' && *p != '\n')
			p++;
		return p;
	}
	return p + 2;
}

/* As plain_end, of a string with fields. */
static const char *format_end(const struct format *format, const char *p)
{
	const char *end = format->scan->end;

	while (p < end) {
		if (format_ends(format, p))
			return p + (format->triple ? 3 : 1);
		switch (*p) {
		case '\\':
			p = escape_end(format, p);
			break;
		case '{':
			if (end - p > 1 && p[1] == '{')
				p += 2;
			else
				p = field_end(format, p + 1);
			break;
		case '\n':
			if (!format->triple)
				return p;
			p++;
			break;
		default:
			p++;
		}
	}
	return end;
}

const char *string_skip(struct scan *scan, const char *quote, unsigned nest,
			bool *is_f, struct fields *fields)
{
	const char *end = scan->end;
	struct prefix prefix = prefix_of(scan, quote);
	bool triple = is_triple(quote, end);
	const char *p = quote + (triple ? 3 : 1);

	if (is_f)
		*is_f = prefix.is_f;
	if (!triple && p < end && *p == *quote)
		return p + 1;
	if (prefix.is_f && nest < MAX_NEST) {
		struct format format = {scan,	       *quote, triple,
					prefix.is_raw, nest,   fields};

		return format_end(&format, p);
	}
	return plain_end(scan, p, *quote, triple);
}

/* The same in the walk over code, where literals are remembered. */
static const char *string_walk(struct scan *scan, const char *quote)
{
	const char *end = scan->end;
	bool triple = is_triple(quote, end);
	const char *text = quote + (triple ? 3 : 1);
	const char *p = stop_find(scan, text,
				  1 << STOP_QUOTE | 1 << STOP_LINE |
					  1 << STOP_SEPARATOR);
	bool has_separator = p < end && class_of(*p) & IS_SEPARATOR;

	for (p = text; has_separator && p < end && class_of(*p) & IS_LITERAL;)
		p++;
	if (has_separator && p - text <= LITERAL_MAX && p < end &&
	    *p == *quote && (!triple || is_triple(p, end))) {
		struct prefix prefix = prefix_of(scan, quote);

		if (!prefix.is_f && !prefix.is_bytes)
			array_push(&scan->literals,
				   (struct pyscan_literal){
					   str_of(text, (size_t)(p - text)),
					   line_at(scan, quote)});
	}
	return string_skip(scan, quote, 0, NULL, NULL);
}

/* Its "b" is the rarest of the letters. */
bool names_lambda(struct str text)
{
	const char *p = text.p, *end = text.p + text.n;

	while (end - p > 5) {
		p = memchr(p, 'b', (size_t)(end - p));
		if (!p)
			return false;
		p++;
		if (p - text.p > 3 && end - p > 1 &&
		    memcmp(p - 4, "lambda", 6) == 0)
			return true;
	}
	return false;
}

/* Is there a lambda outside of brackets? */
static bool has_lambda(struct scan *scan, struct str text)
{
	bool found = false;

	if (!names_lambda(text))
		return false;
	size_t first = tokens_of(scan, text), end = scan->tokens.n;

	for (size_t i = first; i < end && !found; i = bracket_end(scan, i, end))
		found = token_is(scan, i, end, "lambda");
	scan->tokens.n = first;
	return found;
}

/* Remembers the equals signs of an assignment at depth 0, not those of a
 * comparison, and none behind a lambda. Behind it. */
static const char *equal_note(struct scan *scan, const char *from,
			      const char *p)
{
	if (scan->end - p > 1 && p[1] == '=')
		return p + 2;
	if (scan->equals_end || p == from || class_of(p[-1]) & IS_OPERATOR)
		return p + 1;
	const char *last = scan->last_equal ? scan->last_equal : from;
	struct str between = str_of(last, (size_t)(p - last));

	scan->equals_end = has_lambda(scan, between);
	if (scan->equals_end)
		return p + 1;
	if (!scan->first_equal)
		scan->first_equal = p;
	scan->last_equal = p;
	return p + 1;
}

/* Where a walk stops, at p or behind it. In brackets, among these at depth 0
 * too: brackets, strings, comments and `:=`. */
static const char *walk_stop(struct scan *scan, const char *p, enum skim how,
			     bool in_brackets)
{
	while (p < scan->end) {
		const struct stops *stops = stops_at(scan, p);
		const uint64_t *masks = stops->masks;
		uint64_t bits = masks[STOP_BRACKET] | masks[STOP_QUOTE];
		uint64_t before_equal = masks[STOP_EQUAL] >> 1 | UINT64_C(1)
									 << 63;

		bits |= masks[STOP_COLON] & before_equal;
		if (!in_brackets)
			bits |= how == SKIM_FIELD
					? masks[STOP_COLON] | masks[STOP_RARE]
					: masks[STOP_LINE] | masks[STOP_RARE];
		if (!in_brackets && how == SKIM_HEADER)
			bits |= masks[STOP_COLON];
		if (!in_brackets && how == SKIM_ASSIGNMENT)
			bits |= masks[STOP_EQUAL];
		bits >>= p - stops->block;
		if (bits)
			return p + __builtin_ctzll(bits);
		p = stops->block + STOPS_BYTES;
	}
	return scan->end;
}

/* In the field of an f-string (nest above 0) line ends do not count, and the
 * closing brace stops. */
static const char *walk(struct scan *scan, const char *p, enum skim how,
			unsigned nest)
{
	const char *from = p, *end = scan->end;
	unsigned depth = 0;

	for (;;) {
		p = walk_stop(scan, p, how, depth > 0);
		if (p == end)
			return end;
		switch (*p) {
		case '#':
			p = comment_skip(scan, p);
			break;
		case '\\':
			p += end - p > 1 ? 2 : 1;
			break;
		case '"':
		case '\'':
			p = nest ? string_skip(scan, p, nest, NULL, NULL)
				 : string_walk(scan, p);
			break;
		case '(':
			scan->calls = scan->calls || scan->any_call ||
				      call_matters(scan, p);
			depth++;
			p++;
			break;
		case '[':
			subscript_note(scan, p);
			depth++;
			p++;
			break;
		case '{':
			depth++;
			p++;
			break;
		case ')':
		case ']':
		case '}':
			if (!depth && nest && *p == '}')
				return p;
			depth -= depth > 0;
			p++;
			break;
		case ':':
			if (!depth && nest)
				return p;
			if (end - p > 1 && p[1] == '=') {
				/* It binds a name: see call.c. */
				scan->calls = true;
				p += 2;
				break;
			}
			if (!depth && how == SKIM_HEADER)
				return p;
			p++;
			break;
		case '!':
			if (nest && end - p > 1 && p[1] != '=')
				return p;
			p++;
			break;
		case '=':
			p = equal_note(scan, from, p);
			break;
		default: /* the end of a line, or ; */
			if (!nest)
				return p;
			p++;
		}
	}
}

const char *skim(struct scan *scan, const char *p, enum skim how)
{
	return walk(scan, p, how, 0);
}
