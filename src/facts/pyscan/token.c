/* token: cuts the text of one statement into tokens. */
#include "facts/pyscan/scan.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Behind the number at p: `1if x` is a number and a keyword. */
static const char *number_end(const char *p, const char *end)
{
	if (*p == '0' && end - p > 1 && strchr("xXoObB", p[1]) && p[1]) {
		bool hex = p[1] == 'x' || p[1] == 'X';

		for (p += 2; p < end; p++) {
			char lower = (char)(*p | 0x20);

			if (!is_digit(*p) && *p != '_' &&
			    !(hex && lower >= 'a' && lower <= 'f'))
				break;
		}
		return p;
	}
	while (p < end && (is_digit(*p) || *p == '_' || *p == '.'))
		p++;
	if (end - p > 1 && (*p | 0x20) == 'e') {
		const char *q = p + 1;

		if (end - q > 1 && (*q == '+' || *q == '-'))
			q++;
		if (is_digit(*q))
			for (p = q; p < end && (is_digit(*p) || *p == '_');)
				p++;
	}
	if (p < end && (*p | 0x20) == 'j')
		p++;
	return p;
}

/* Behind the operator at p: those with an equals sign are one token, and "**",
 * "//", "<<", ">>", "->". */
static const char *operator_end(const char *p, const char *end)
{
	const char *q = p + 1;

	if (q == end || !(class_of(*p) & IS_OPERATOR))
		return q;
	if (*p == '-' && *q == '>')
		return q + 1;
	if (strchr("*/<>", *p) && *q == *p)
		q++;
	return q + (q < end && *q == '=');
}

/* A letter that may stand before a quote? */
static bool is_prefix(char c)
{
	switch (c | 0x20) {
	case 'r':
	case 'b':
	case 'u':
	case 'f':
	case 't':
		return true;
	default:
		return false;
	}
}

/* The end of the string that begins at p with a prefix or quote; NULL where
 * there is none. */
static const char *string_at(struct scan *scan, const char *p, const char *end)
{
	const char *quote = p;

	while (quote < end && quote - p < 2 && is_prefix(*quote))
		quote++;
	if (quote == end || (*quote != '"' && *quote != '\''))
		return NULL;
	return string_skip(scan, quote, 1, NULL, NULL);
}

static const char *token_end(struct scan *scan, const char *p, const char *end,
			     enum token_kind *kind)
{
	const char *q = string_at(scan, p, end);

	if (q) {
		*kind = TOKEN_STRING;
		return q;
	}
	if (is_digit(*p) || (*p == '.' && end - p > 1 && is_digit(p[1]))) {
		*kind = TOKEN_NUMBER;
		return number_end(p, end);
	}
	if (class_of(*p) & IS_NAME) {
		*kind = TOKEN_NAME;
		while (p < end && class_of(*p) & IS_NAME)
			p++;
		return p;
	}
	*kind = TOKEN_OTHER;
	return operator_end(p, end);
}

/* Each token knows where it is closed: brackets at the one that fits, others at
 * themselves. Until then an open one holds the number of the one around it;
 * open is the innermost, first - 1 where there is none. */
static size_t bracket_note(struct scan *scan, size_t i, size_t first,
			   size_t open)
{
	struct token *token = &scan->tokens.p[i];

	token->close = i;
	if (token->kind != TOKEN_OTHER || token->text.n != 1)
		return open;
	switch (token->text.p[0]) {
	case '(':
	case '[':
	case '{':
		token->close = open;
		return i;
	case ')':
	case ']':
	case '}':
		if (open == first - 1)
			return open;
		size_t around = scan->tokens.p[open].close;

		scan->tokens.p[open].close = i;
		return around;
	default:
		return open;
	}
}

size_t tokens_of(struct scan *scan, struct str text)
{
	const char *p = text.p, *end = text.p + text.n;
	size_t first = scan->tokens.n, open = first - 1;

	while (p < end) {
		enum token_kind kind;

		p = blanks_skip(p, end);
		if (p == end)
			break;
		if (*p == '#') {
			p = memchr(p, '\n', (size_t)(end - p));
			if (!p)
				break;
		}
		if (*p == '\n') {
			p++;
			continue;
		}
		const char *next = token_end(scan, p, end, &kind);

		if (next > end)
			next = end;
		array_push(
			&scan->tokens,
			(struct token){kind, str_of(p, (size_t)(next - p)), 0});
		open = bracket_note(scan, scan->tokens.n - 1, first, open);
		p = next;
	}
	while (open != first - 1) { /* never closed */
		size_t around = scan->tokens.p[open].close;

		scan->tokens.p[open].close = scan->tokens.n;
		open = around;
	}
	return first;
}

struct token token_at(const struct scan *scan, size_t i, size_t end)
{
	if (i >= end)
		return (struct token){TOKEN_OTHER, STR_EMPTY, i};
	return scan->tokens.p[i];
}

size_t bracket_end(const struct scan *scan, size_t i, size_t end)
{
	size_t close = i < end ? scan->tokens.p[i].close : i;

	return close < end ? close + 1 : end;
}

bool is_assigning(struct str op)
{
	return str_ends(op, STR("=")) && !str_eq(op, STR("==")) &&
	       !str_eq(op, STR("!=")) && !str_eq(op, STR("<=")) &&
	       !str_eq(op, STR(">=")) && !str_eq(op, STR(":="));
}

void brackets_strip(const struct scan *scan, size_t *i, size_t *end)
{
	while (token_is(scan, *i, *end, "(") &&
	       bracket_end(scan, *i, *end) == *end &&
	       token_is(scan, *end - 1, *end, ")")) {
		++*i;
		--*end;
	}
}

struct str last_part(struct str dotted)
{
	return str_slice(dotted, (size_t)(str_rfind(dotted, '.') + 1),
			 dotted.n);
}

struct str dotted_name(struct scan *scan, size_t i, size_t end, size_t *next)
{
	size_t first = i, length = 0;

	*next = i;
	if (token_at(scan, i, end).kind != TOKEN_NAME)
		return STR_EMPTY;
	for (;; i += 2) {
		length += scan->tokens.p[i].text.n + 1;
		*next = i + 1;
		if (!token_is(scan, i + 1, end, ".") ||
		    token_at(scan, i + 2, end).kind != TOKEN_NAME)
			break;
	}
	const char *p = scan->tokens.p[first].text.p;
	struct str last = scan->tokens.p[i].text;

	length--;
	if ((size_t)(last.p + last.n - p) == length)
		return str_of(p, length);
	char *joined = arena_alloc(scan->arena, length + 1, 1);
	char *to = joined;

	for (size_t j = first; j <= i; j++) {
		memcpy(to, scan->tokens.p[j].text.p, scan->tokens.p[j].text.n);
		to += scan->tokens.p[j].text.n;
	}
	return str_of(joined, length);
}

size_t part_end(const struct scan *scan, size_t i, size_t end)
{
	while (i < end && !token_is(scan, i, end, ","))
		i = bracket_end(scan, i, end);
	return i < end ? i : end;
}

size_t arguments_of(const struct scan *scan, size_t open, size_t end,
		    struct argument *arguments, size_t most)
{
	size_t close = bracket_end(scan, open, end), count = 0, i = open + 1;

	if (close > open + 1 && (token_is(scan, close - 1, close, ")") ||
				 token_is(scan, close - 1, close, "]")))
		close--;
	while (i < close && count < most) {
		struct argument *argument = &arguments[count++];

		*argument = (struct argument){.keyword = STR_EMPTY};
		if (token_at(scan, i, close).kind == TOKEN_NAME &&
		    token_is(scan, i + 1, close, "=")) {
			argument->keyword = scan->tokens.p[i].text;
			i += 2;
		}
		argument->start = i;
		argument->end = part_end(scan, i, close);
		i = argument->end + 1;
	}
	return count;
}

const struct argument *argument_find(const struct argument *arguments,
				     size_t count, size_t position,
				     const char *keyword)
{
	struct str wanted = str_from(keyword);

	for (size_t i = 0; i < count; i++)
		if (arguments[i].keyword.n
			    ? str_eq(arguments[i].keyword, wanted)
			    : i == position)
			return &arguments[i];
	return NULL;
}
