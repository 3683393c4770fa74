/* header: the first lines of compound statements, up to the colon. */
#include "facts/pyscan/scan.h"

/* The colon that ends a header with a lambda outside of brackets, by tokens;
 * literals is how many there were before it. NULL where there is none. */
static const char *colon_by_tokens(struct scan *scan, const char *from,
				   size_t literals)
{
	scan->literals.n = literals;
	const char *line_end = skim(scan, from, SKIM_PLAIN);
	size_t first = tokens_of(scan, str_of(from, (size_t)(line_end - from)));
	struct lambdas lambdas = {.count = 0};
	const char *found = NULL;

	for (size_t i = first; i < scan->tokens.n && !found; i++) {
		bool of_lambda = lambdas_take(&lambdas, scan->tokens.p[i]);

		if (!of_lambda && !lambdas.depth &&
		    token_is(scan, i, scan->tokens.n, ":"))
			found = scan->tokens.p[i].text.p;
	}
	scan->tokens.n = first;
	while (found && scan->literals.n > literals &&
	       scan->literals.p[scan->literals.n - 1].text.p > found)
		scan->literals.n--;
	return found;
}

/* Nothing but a comment from p to the end of the line. */
static bool line_ends(const char *p, const char *end)
{
	p = blanks_skip(p, end);
	return p == end || *p == '\n' || *p == '#';
}

/* The colon that ends the header, or NULL: then it is none. `match` may be a
 * name as well; its header is followed by a block. */
static const char *header_colon(struct scan *scan, enum keyword keyword,
				const char *from)
{
	size_t literals = scan->literals.n;
	const char *colon = skim(scan, from, SKIM_HEADER);

	if (colon == scan->end || *colon != ':')
		colon = NULL;
	else if (names_lambda(str_of(from, (size_t)(colon - from))))
		colon = colon_by_tokens(scan, from, literals);
	if (colon && keyword == KEYWORD_MATCH &&
	    !line_ends(colon + 1, scan->end))
		colon = NULL;
	if (!colon)
		scan->literals.n = literals;
	return colon;
}

static struct context context_add(struct context a, struct context b)
{
	return (struct context){.level = level_max(a.level, b.level),
				.only_main = a.only_main || b.only_main,
				.never = a.never || b.never};
}

/* The errors that `except ...` catches. */
static unsigned catches(struct scan *scan, struct str header)
{
	size_t first = tokens_of(scan, header), end = scan->tokens.n;
	size_t i = first + 1, stop = i;

	i += token_is(scan, i, end, "*");
	for (stop = i; stop < end && !token_is(scan, stop, end, "as");)
		stop = bracket_end(scan, stop, end);
	bool bare = i >= end;

	brackets_strip(scan, &i, &stop);
	unsigned found = bare ? errors_of(STR("BaseException"))
			      : errors_in(scan, i, stop);

	scan->tokens.n = first;
	return found;
}

/* The errors of `suppress(...)` among the managers of a with statement. */
static unsigned suppresses(struct scan *scan, size_t i, size_t end)
{
	unsigned found = 0;

	brackets_strip(scan, &i, &end);
	while (i < end) {
		size_t part = part_end(scan, i, end), next;
		struct str name = dotted_name(scan, i, part, &next);

		if (str_eq(last_part(name), STR("suppress")) &&
		    token_is(scan, next, part, "(")) {
			size_t close = bracket_end(scan, next, part);

			if (close == part || token_is(scan, close, part, "as"))
				found |= errors_in(scan, next + 1, close - 1);
		}
		i = part + 1;
	}
	return found;
}

/* Binds what stands behind each `as` of a with statement. */
static void managers_bind(struct scan *scan, size_t i, size_t end)
{
	for (; i < end; i++) {
		if (!token_is(scan, i, end, "as"))
			continue;
		size_t stop = i + 1;

		while (stop < end && !token_is(scan, stop, end, ",") &&
		       !token_is(scan, stop, end, ")"))
			stop = bracket_end(scan, stop, end);
		targets_bind(scan, i + 1, stop);
	}
}

static void with_read(struct scan *scan, struct str header, struct suite *suite)
{
	bool may_guard = is_run_by_start(&suite->context) &&
			 str_find_str(header, STR("suppress")) >= 0;

	if (!may_guard && suite->scope != SCOPE_MODULE)
		return;
	size_t first = tokens_of(scan, header), i = first;

	i += token_is(scan, i, scan->tokens.n, "async");
	unsigned errors =
		may_guard ? suppresses(scan, i + 1, scan->tokens.n) : 0;

	if (errors & PYSCAN_NOT_FOUND)
		suite->context.level = PYSCAN_GUARDED;
	if (errors) {
		suite->clause = CLAUSE_SUPPRESS;
		suite->catches = errors;
		suite->first_step = scan->steps.n;
		step_add(scan, PYSCAN_TRY, 0);
	}
	if (suite->scope == SCOPE_MODULE)
		managers_bind(scan, i + 1, scan->tokens.n);
	scan->tokens.n = first;
}

static void for_bind(struct scan *scan, struct str header)
{
	size_t first = tokens_of(scan, header), end = scan->tokens.n;
	size_t i = first + 1 + token_is(scan, first, end, "async"), stop = i;

	while (stop < end && !token_is(scan, stop, end, "in"))
		stop = bracket_end(scan, stop, end);
	targets_bind(scan, i, stop);
	scan->tokens.n = first;
}

/* Names in a pattern are bound, but for those of classes, keywords, values. */
static void pattern_bind(struct scan *scan, struct str header)
{
	size_t first = tokens_of(scan, header), end = scan->tokens.n;

	for (size_t i = first + 1; i < end && !token_is(scan, i, end, "if");
	     i++) {
		struct token token = scan->tokens.p[i];

		if (token.kind != TOKEN_NAME || str_eq(token.text, STR("_")) ||
		    token_is(scan, i - 1, end, ".") ||
		    token_is(scan, i + 1, end, ".") ||
		    token_is(scan, i + 1, end, "(") ||
		    token_is(scan, i + 1, end, "="))
			continue;
		targets_bind(scan, i, i + 1);
	}
	scan->tokens.n = first;
}

/* def and class: the name behind the keyword. */
static void definition_read(struct scan *scan, struct str header,
			    struct suite *suite, bool is_function)
{
	const char *p = header.p, *end = header.p + header.n;

	for (unsigned words = 0; words < 3; words++) {
		const char *word = p;

		while (p < end && class_of(*p) & IS_NAME)
			p++;
		struct str name = str_of(word, (size_t)(p - word));

		if (!str_eq(name, STR("async")) && !str_eq(name, STR("def")) &&
		    !str_eq(name, STR("class"))) {
			if (name.n && scan->top->scope == SCOPE_MODULE)
				name_bind(scan, name, name.p);
			break;
		}
		p = blanks_skip(p, end);
	}
	suite->scope = SCOPE_CLASS;
	if (is_function) {
		suite->scope = SCOPE_FUNCTION;
		suite->function = header.p;
		suite->function_values = scan->values.n;
		suite->context.level =
			level_max(suite->context.level, PYSCAN_LAZY);
	}
}

/* The condition behind the keyword decides what applies to the body, and what
 * to the clauses after it. */
static void if_read(struct scan *scan, const char *from, const char *colon,
		    struct suite *suite)
{
	struct test test =
		test_read(scan, str_of(from, (size_t)(colon - from)));
	struct chain *chain = &scan->top->chain;

	chain->kind = CHAIN_IF;
	chain->rest = context_add(suite->context, test.other);
	suite->context = context_add(suite->context, test.then);
}

static void except_read(struct scan *scan, struct str header,
			struct suite *suite)
{
	struct chain *chain = &scan->top->chain;

	if (chain->kind != CHAIN_TRY)
		return;
	unsigned errors = catches(scan, header);

	if (chain->has_steps)
		step_add(scan, PYSCAN_EXCEPT, errors);
	suite->clause = CLAUSE_OTHER_HANDLER;
	if (chain->has_handler || !(errors & PYSCAN_NOT_FOUND))
		return;
	chain->has_handler = true;
	chain->handler_start = marks_now(scan);
	suite->clause = CLAUSE_HANDLER;
}

static void try_read(struct scan *scan, struct suite *suite)
{
	struct chain *chain = &scan->top->chain;

	*chain = (struct chain){.kind = CHAIN_TRY,
				.body_start = marks_now(scan),
				.has_steps = is_run_by_start(&suite->context),
				.first_step = scan->steps.n};
	if (chain->has_steps)
		step_add(scan, PYSCAN_TRY, 0);
	suite->clause = CLAUSE_TRY;
}

static bool is_later_clause(enum keyword keyword)
{
	return keyword == KEYWORD_ELIF || keyword == KEYWORD_ELSE ||
	       keyword == KEYWORD_EXCEPT || keyword == KEYWORD_FINALLY;
}

/* What the suite is, by its keyword; from is behind that. */
static void suite_read(struct scan *scan, enum keyword keyword,
		       const char *from, struct str header, struct suite *suite)
{
	switch ((unsigned)keyword) {
	case KEYWORD_IF:
	case KEYWORD_ELIF:
		if_read(scan, from, header.p + header.n, suite);
		break;
	case KEYWORD_TRY:
		try_read(scan, suite);
		break;
	case KEYWORD_EXCEPT:
		except_read(scan, header, suite);
		break;
	case KEYWORD_ELSE:
	case KEYWORD_FINALLY:
		if (scan->top->chain.kind == CHAIN_TRY &&
		    scan->top->chain.has_steps)
			step_add(scan,
				 keyword == KEYWORD_ELSE ? PYSCAN_ELSE
							 : PYSCAN_FINALLY,
				 0);
		break;
	case KEYWORD_WITH:
		with_read(scan, header, suite);
		break;
	case KEYWORD_FOR:
		if (suite->scope == SCOPE_MODULE)
			for_bind(scan, header);
		break;
	case KEYWORD_MATCH:
		suite->is_match = true;
		break;
	case KEYWORD_CASE:
		if (suite->scope == SCOPE_MODULE)
			pattern_bind(scan, header);
		break;
	case KEYWORD_DEF:
	case KEYWORD_CLASS:
		definition_read(scan, header, suite, keyword == KEYWORD_DEF);
		break;
	default:
		break;
	}
}

bool header_read(struct scan *scan, enum keyword keyword, const char *start,
		 struct suite *suite)
{
	const char *from = scan->p;
	const char *colon = header_colon(scan, keyword, from);

	if (!colon)
		return false;
	struct suite *top = scan->top;
	struct str header = str_of(start, (size_t)(colon - start));

	*suite = (struct suite){.scope = top->scope,
				.context = top->context,
				.function = top->function,
				.function_values = top->function_values,
				.indent = top->indent};
	if (is_later_clause(keyword)) {
		if (top->chain.kind == CHAIN_IF)
			suite->context = top->chain.rest;
	} else {
		chain_end(scan, &top->chain);
		top->ends_in_raise = false;
	}
	if (scan->calls)
		calls_read(scan, header, suite->context);
	suite_read(scan, keyword, from, header, suite);
	scan->p = colon + 1;
	return true;
}
