/* statement: lines, the statements on them, and what each has to be asked. */
#include "facts/pyscan/scan.h"

/* Behind the indentation of a line; tabs go to the next multiple of 8, a form
 * feed starts anew, and a line that goes on behind a backslash has the
 * indentation of its beginning. */
static const char *indent_read(struct scan *scan, const char *p,
			       unsigned *indent)
{
	const struct stops *stops = stops_at(scan, p);
	uint64_t others = ~stops->masks[STOP_SPACE] >> (p - stops->block);
	const char *end = scan->end;
	unsigned column = 0;
	bool is_first = true;

	/* Nearly always it is spaces, and ends in the block. */
	if (others) {
		column = (unsigned)__builtin_ctzll(others);
		p += column;
	}
	*indent = 0;
	for (; p < end; p++) {
		if (*p == ' ')
			column++;
		else if (*p == '\t')
			column = (column / 8 + 1) * 8;
		else if (*p == '\f')
			column = 0;
		else if (*p == '\\' && end - p > 1 && p[1] == '\n') {
			if (is_first)
				*indent = column;
			is_first = false;
			p++;
		} else {
			break;
		}
	}
	if (is_first || *indent == 0)
		*indent = column;
	return p;
}

#define WORD(text, keyword)                                                    \
	do {                                                                   \
		if (memcmp(word.p, text, sizeof(text) - 1) == 0)               \
			return keyword;                                        \
	} while (0)

static enum keyword keyword_of(struct str word)
{
	switch (word.n) {
	case 2:
		WORD("if", KEYWORD_IF);
		break;
	case 3:
		WORD("def", KEYWORD_DEF);
		WORD("for", KEYWORD_FOR);
		WORD("try", KEYWORD_TRY);
		WORD("del", KEYWORD_DEL);
		break;
	case 4:
		WORD("else", KEYWORD_ELSE);
		WORD("elif", KEYWORD_ELIF);
		WORD("with", KEYWORD_WITH);
		WORD("from", KEYWORD_FROM);
		WORD("case", KEYWORD_CASE);
		WORD("type", KEYWORD_TYPE);
		break;
	case 5:
		WORD("class", KEYWORD_CLASS);
		WORD("raise", KEYWORD_RAISE);
		WORD("while", KEYWORD_WHILE);
		WORD("async", KEYWORD_ASYNC);
		WORD("match", KEYWORD_MATCH);
		break;
	case 6:
		WORD("import", KEYWORD_IMPORT);
		WORD("except", KEYWORD_EXCEPT);
		WORD("global", KEYWORD_GLOBAL);
		break;
	case 7:
		WORD("finally", KEYWORD_FINALLY);
		break;
	default:
		break;
	}
	return NO_KEYWORD;
}

static struct str word_at(const struct scan *scan, const char *p)
{
	const char *start = p;

	while (p < scan->end && class_of(*p) & IS_NAME)
		p++;
	return str_of(start, (size_t)(p - start));
}

/* In a block that may not run? */
static bool is_conditional(const struct scan *scan)
{
	const struct suite *top = scan->top;

	return top != scan->suites && top[-1].function == top->function;
}

static void value_note(struct scan *scan, struct str name, const char *value,
		       const char *end)
{
	array_push(&scan->values,
		   (struct assigned){name, str_of(value, (size_t)(end - value)),
				     is_conditional(scan)});
}

/* One target of an assignment; an annotation behind a colon is not bound. */
static void target_read(struct scan *scan, size_t i, size_t end,
			const char *value, const char *value_end)
{
	size_t colon = i;

	while (colon < end && !token_is(scan, colon, end, ":"))
		colon = bracket_end(scan, colon, end);
	struct token token = token_at(scan, i, end);

	if (value && colon == i + 1 && token.kind == TOKEN_NAME) {
		name_bind(scan, token.text, token.text.p);
		value_note(scan, token.text, value, value_end);
	} else {
		targets_bind(scan, i, colon);
	}
}

/* The equals signs of an assignment with a lambda outside of brackets: those
 * of its parameters are none. */
static void equals_by_tokens(struct scan *scan, struct str text)
{
	size_t first = tokens_of(scan, text);
	struct lambdas lambdas = {.count = 0};

	scan->first_equal = scan->last_equal = NULL;
	for (size_t i = first; i < scan->tokens.n; i++) {
		lambdas_take(&lambdas, scan->tokens.p[i]);
		if (!token_is(scan, i, scan->tokens.n, "=") || lambdas.depth ||
		    lambdas.count)
			continue;
		scan->last_equal = scan->tokens.p[i].text.p;
		if (!scan->first_equal)
			scan->first_equal = scan->last_equal;
	}
	scan->tokens.n = first;
}

/* `a = b = value` at the top level of the module. */
static void assignment_read(struct scan *scan, const char *start,
			    const char *end)
{
	const char *last = scan->last_equal;
	size_t first = tokens_of(scan, str_of(start, (size_t)(last - start)));
	const char *value = scan->first_equal == last ? last + 1 : NULL;
	size_t count = scan->tokens.n, i = first;

	while (i < count) {
		size_t stop = i;

		while (stop < count && !token_is(scan, stop, count, "="))
			stop = bracket_end(scan, stop, count);
		target_read(scan, i, stop, value, end);
		i = stop + 1;
	}
	scan->tokens.n = first;
}

/* `name = value` in a function. */
static void local_read(struct scan *scan, struct str word, const char *end)
{
	const char *p = word.p + word.n;

	while (p < end && is_blank(*p))
		p++;
	if (end - p > 1 && *p == '=' && p[1] != '=')
		value_note(scan, word, p + 1, end);
}

static void del_read(struct scan *scan, struct str text)
{
	size_t first = tokens_of(scan, text), names = scan->bindings.n;

	if (scan->top == scan->suites) {
		targets_bind(scan, first + 1, scan->tokens.n);
		for (size_t i = names; i < scan->bindings.n; i++)
			scan->bindings.p[i].undone = true;
	}
	if (token_at(scan, first + 1, scan->tokens.n).kind == TOKEN_NAME)
		path_statement(scan, text, context_now(scan));
	scan->tokens.n = first;
}

static void global_read(struct scan *scan, struct str text)
{
	size_t first = tokens_of(scan, text);

	for (size_t i = first + 1; i < scan->tokens.n; i++) {
		struct token token = scan->tokens.p[i];

		if (token.kind == TOKEN_NAME)
			name_bind(scan, token.text, token.text.p);
	}
	scan->tokens.n = first;
}

/* `type X = ...`: the word is a name as well. */
static void type_read(struct scan *scan, struct str word)
{
	struct str name =
		word_at(scan, blanks_skip(word.p + word.n, scan->end));

	if (name.n && scan->top->scope == SCOPE_MODULE)
		name_bind(scan, name, name.p);
}

/* A statement that is no import: what it binds, and edits of paths. */
static void other_read(struct scan *scan, enum keyword keyword, struct str word,
		       struct str text)
{
	const char *end = text.p + text.n;

	if (keyword == KEYWORD_DEL)
		del_read(scan, text);
	else if (keyword == KEYWORD_GLOBAL && scan->top->scope != SCOPE_MODULE)
		global_read(scan, text);
	else if (keyword == KEYWORD_TYPE && !scan->first_equal)
		return;
	else if (keyword == KEYWORD_TYPE &&
		 class_of(*blanks_skip(word.p + word.n, end)) & IS_NAME)
		type_read(scan, word);
	else if (scan->top->scope == SCOPE_MODULE && scan->first_equal)
		assignment_read(scan, text.p, end);
	else if (scan->top->scope == SCOPE_FUNCTION && word.n)
		local_read(scan, word, end);
	if (str_eq(word, STR("__all__")) && scan->top->scope == SCOPE_MODULE)
		all_read(scan, text);
	if (alias_is(scan, ALIAS_SYS, word) ||
	    alias_is(scan, ALIAS_SYS_PATH, word) ||
	    str_eq(word, STR("__path__")))
		path_statement(scan, text, context_now(scan));
}

static void simple_read(struct scan *scan, enum keyword keyword,
			struct str word, const char *start)
{
	struct suite *top = scan->top;
	const char *end;

	scan->calls = false;
	scan->first_equal = scan->last_equal = NULL;
	scan->equals_end = false;
	end = skim(scan, start,
		   top->scope == SCOPE_MODULE ? SKIM_ASSIGNMENT : SKIM_PLAIN);
	struct str text = str_of(start, (size_t)(end - start));

	if (scan->equals_end)
		equals_by_tokens(scan, text);
	chain_end(scan, &top->chain);
	if (top->clause == CLAUSE_HANDLER ||
	    top->clause == CLAUSE_OTHER_HANDLER)
		top->ends_in_raise = leaves(scan, keyword, text, &top->raises);
	if (keyword == KEYWORD_IMPORT)
		import_read(scan, text);
	else if (keyword == KEYWORD_FROM)
		from_read(scan, text);
	else
		other_read(scan, keyword, word, text);
	if (scan->calls)
		calls_read(scan, text, context_now(scan));
	scan->p = end;
}

static bool begins_block(const struct scan *scan, enum keyword keyword)
{
	switch (keyword) {
	case KEYWORD_CASE:
		return scan->top->is_match;
	case KEYWORD_CLASS:
	case KEYWORD_DEF:
	case KEYWORD_ELIF:
	case KEYWORD_ELSE:
	case KEYWORD_EXCEPT:
	case KEYWORD_FINALLY:
	case KEYWORD_FOR:
	case KEYWORD_IF:
	case KEYWORD_MATCH:
	case KEYWORD_TRY:
	case KEYWORD_WHILE:
	case KEYWORD_WITH:
		return true;
	case NO_KEYWORD:
	case KEYWORD_ASYNC:
	case KEYWORD_DEL:
	case KEYWORD_FROM:
	case KEYWORD_GLOBAL:
	case KEYWORD_IMPORT:
	case KEYWORD_RAISE:
	case KEYWORD_TYPE:
		return false;
	}
	return false;
}

/* Up to the end of the line, or to the next statement on it: then true. */
static bool line_goes_on(struct scan *scan)
{
	scan->p = blanks_skip(scan->p, scan->end);
	if (scan->p < scan->end && *scan->p == '#')
		scan->p = stop_find(scan, scan->p, 1 << STOP_LINE);
	return scan->p < scan->end && *scan->p != '\n';
}

/* One statement. True where another follows on the line; *opened counts the
 * suites that end with it. */
static bool statement_read(struct scan *scan, unsigned *opened)
{
	const char *start = scan->p;
	struct str word = word_at(scan, start);
	enum keyword keyword = keyword_of(word);
	struct suite suite;

	scan->p = word.p + word.n;
	if (keyword == KEYWORD_ASYNC) {
		struct str next =
			word_at(scan, blanks_skip(scan->p, scan->end));

		keyword = keyword_of(next);
		scan->p = next.p + next.n;
	}
	scan->calls = false;
	if (begins_block(scan, keyword) &&
	    header_read(scan, keyword, start, &suite)) {
		if (line_goes_on(scan)) {
			*opened += suite_push(scan, &suite);
			return true;
		}
		scan->pending = suite;
		scan->has_pending = true;
		return false;
	}
	simple_read(scan, keyword, word, start);
	if (scan->p == scan->end || *scan->p == '\n')
		return false;
	scan->p++; /* a semicolon, or what a broken header stopped at */
	return line_goes_on(scan);
}

void statements_read(struct scan *scan)
{
	const char *end = scan->end;

	while (scan->p < end) {
		unsigned indent, opened = 0;

		scan->p = indent_read(scan, scan->p, &indent);
		if (scan->p == end)
			break;
		if (*scan->p != '\n' && *scan->p != '#') {
			suites_indent(scan, indent);
			while (statement_read(scan, &opened))
				;
			while (opened--)
				suite_pop(scan);
		}
		scan->p = stop_find(scan, scan->p, 1 << STOP_LINE);
		if (scan->p == end)
			break;
		scan->p++;
	}
	while (scan->top > scan->suites)
		suite_pop(scan);
	chain_end(scan, &scan->top->chain);
}
