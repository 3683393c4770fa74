/* names: what a module binds at its top level. */
#include <stdlib.h>

#include "facts/pyscan/scan.h"

void name_bind(struct scan *scan, struct str name, const char *at)
{
	if (name.n) /* `import x as` of a source that is no Python has none */
		array_push(&scan->bindings,
			   (struct binding){.name = name,
					    .at = at,
					    .line = line_at(scan, at)});
}

void name_bind_import(struct scan *scan, struct str name, const char *at)
{
	size_t n = scan->bindings.n;

	name_bind(scan, name, at);
	if (scan->bindings.n > n)
		scan->bindings.p[n].by_import = true;
}

static bool is_keyword(struct str text)
{
	static const struct str keywords[] = {
		STR_INIT("if"),	   STR_INIT("in"),    STR_INIT("is"),
		STR_INIT("as"),	   STR_INIT("or"),    STR_INIT("and"),
		STR_INIT("not"),   STR_INIT("for"),   STR_INIT("else"),
		STR_INIT("await"), STR_INIT("async"), STR_INIT("lambda"),
		STR_INIT("None"),  STR_INIT("True"),  STR_INIT("False"),
		STR_INIT("yield"),
	};

	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (str_eq(text, keywords[i]))
			return true;
	return false;
}

/* Names that are read and not bound stand before a dot or bracket, or behind a
 * dot; all else in a target is bound. */
void targets_bind(struct scan *scan, size_t i, size_t end)
{
	while (i < end) {
		struct token token = scan->tokens.p[i];
		size_t next = i + 1;

		if (token.kind != TOKEN_NAME) {
			/* The index behind `)` or `]`: not a display. */
			bool closed = token_is(scan, i, end, ")") ||
				      token_is(scan, i, end, "]");

			while (closed && (token_is(scan, next, end, "[") ||
					  token_is(scan, next, end, "(")))
				next = bracket_end(scan, next, end);
			if (token_is(scan, i, end, "."))
				next++;
			i = next;
			continue;
		}
		bool bound = true;

		for (;;) {
			if (token_is(scan, next, end, ".")) {
				next += 2;
			} else if (token_is(scan, next, end, "[") ||
				   token_is(scan, next, end, "(")) {
				next = bracket_end(scan, next, end);
			} else {
				break;
			}
			bound = false;
		}
		if (bound && !is_keyword(token.text)) {
			name_bind(scan, token.text, token.text.p);
			array_push(
				&scan->values,
				(struct assigned){token.text, {NULL, 0}, true});
		}
		i = next;
	}
}

static int by_name(const void *a, const void *b)
{
	const struct binding *x = a, *y = b;
	int order = str_cmp(x->name, y->name);

	if (order)
		return order;
	return (x->at > y->at) - (x->at < y->at);
}

void names_finish(struct scan *scan)
{
	struct pyscan *out = scan->out;
	size_t count = 0;

	array_sort(&scan->bindings, by_name);
	/* Sorted by place, so that del undoes what stands before it. */
	out->names = arena_new_array(scan->arena, struct pyscan_name,
				     scan->bindings.n);
	out->deleted =
		arena_new_array(scan->arena, struct str, scan->bindings.n);
	for (size_t i = 0; i < scan->bindings.n;) {
		const struct binding *first = NULL, *plain = NULL;
		struct str name = scan->bindings.p[i].name;

		for (; i < scan->bindings.n &&
		       str_eq(scan->bindings.p[i].name, name);
		     i++) {
			const struct binding *binding = &scan->bindings.p[i];

			if (binding->undone)
				first = plain = NULL;
			else if (!first)
				first = binding;
			if (!plain && !binding->undone && !binding->by_import)
				plain = binding;
		}
		if (!first) {
			out->deleted[out->deleted_count++] = name;
			continue;
		}
		out->names[count++] = (struct pyscan_name){
			name, first->line, plain ? plain->line : 0};
		out->has_getattr =
			out->has_getattr || str_eq(name, STR("__getattr__"));
	}
	out->name_count = count;
}
