/* import: the statements that import. */
#include "facts/pyscan/scan.h"

/* A name that stands for one of these, written differently. */
static void alias_add(struct scan *scan, enum alias_of of, struct str name)
{
	if (scan->alias_count == MAX_ALIASES)
		return;
	scan->aliases[scan->alias_count++] = (struct alias){of, name};
	scan->any_call = scan->any_call || of == ALIAS_IMPORT ||
			 (of == ALIAS_SYS_PATH && !str_eq(name, STR("path")));
}

bool alias_is(const struct scan *scan, enum alias_of of, struct str name)
{
	static const struct str usual[] = {
		[ALIAS_SYS] = STR_INIT("sys"),
		[ALIAS_SYS_PATH] = STR_INIT("sys.path"),
		[ALIAS_IMPORTLIB] = STR_INIT("importlib"),
		[ALIAS_IMPORT] = STR_INIT("import_module"),
	};

	if (str_eq(name, usual[of]))
		return true;
	for (size_t i = 0; i < scan->alias_count; i++)
		if (scan->aliases[i].of == of &&
		    str_eq(scan->aliases[i].name, name))
			return true;
	return false;
}

static void add(struct scan *scan, struct pyscan_import import, const char *at)
{
	struct context context = context_now(scan);

	import.line = line_at(scan, at);
	import.column = column_at(scan, at);
	import_push(scan, &context, import);
}

/* What the last import binds. */
static void bind(struct scan *scan, struct str name, const char *at)
{
	if (scan->top->scope != SCOPE_MODULE)
		return;
	name_bind_import(scan, name, at);
	scan->imports.p[scan->imports.n - 1].bound = name;
}

/* `as NAME` at token i, else the name that is bound without. */
static struct str bound_name(const struct scan *scan, size_t *i, size_t end,
			     struct str without)
{
	if (!token_is(scan, *i, end, "as"))
		return without;
	*i += 2;
	return token_at(scan, *i - 1, end).text;
}

void import_read(struct scan *scan, struct str text)
{
	size_t first = tokens_of(scan, text), end = scan->tokens.n;
	size_t i = first + 1;

	while (i < end) {
		struct token token = scan->tokens.p[i];
		struct str module = dotted_name(scan, i, end, &i);

		if (!module.n)
			break;
		add(scan,
		    (struct pyscan_import){.module = module,
					   .name = STR_EMPTY,
					   .bound = STR_EMPTY},
		    text.p);
		bool renamed = token_is(scan, i, end, "as");
		struct str name = bound_name(scan, &i, end, token.text);

		bind(scan, name, text.p);
		if (renamed && str_eq(module, STR("sys")))
			alias_add(scan, ALIAS_SYS, name);
		if (renamed && str_eq(module, STR("importlib")))
			alias_add(scan, ALIAS_IMPORTLIB, name);
		if (!token_is(scan, i, end, ","))
			break;
		i++;
	}
	scan->tokens.n = first;
}

/* One of the names behind `import`; false where there is none. */
static bool name_read(struct scan *scan, size_t *i, size_t end,
		      struct pyscan_import *import, const char *at)
{
	struct token token = token_at(scan, *i, end);

	if (token_is(scan, *i, end, "*")) {
		scan->out->has_star_import = scan->out->has_star_import ||
					     scan->top->scope == SCOPE_MODULE;
		import->name = STR("*");
		add(scan, *import, at);
		return false;
	}
	if (token.kind != TOKEN_NAME)
		return false;
	++*i;
	import->name = token.text;
	add(scan, *import, at);
	struct str name = bound_name(scan, i, end, token.text);

	bind(scan, name, at);
	if (import->dots)
		return true;
	if (str_eq(import->module, STR("sys")) &&
	    str_eq(token.text, STR("path")))
		alias_add(scan, ALIAS_SYS_PATH, name);
	if (str_eq(import->module, STR("importlib")) &&
	    str_eq(token.text, STR("import_module")) &&
	    !str_eq(name, token.text))
		alias_add(scan, ALIAS_IMPORT, name);
	return true;
}

void from_read(struct scan *scan, struct str text)
{
	size_t first = tokens_of(scan, text), end = scan->tokens.n;
	size_t i = first + 1;
	struct pyscan_import import = {
		.module = STR_EMPTY, .name = STR_EMPTY, .bound = STR_EMPTY};

	for (; token_is(scan, i, end, "."); i++)
		import.dots++;
	if (!token_is(scan, i, end, "import"))
		import.module = dotted_name(scan, i, end, &i);
	if (token_is(scan, i, end, "import") &&
	    (import.dots || import.module.n)) {
		i++;
		i += token_is(scan, i, end, "(");
		while (name_read(scan, &i, end, &import, text.p) &&
		       token_is(scan, i, end, ","))
			i++;
	}
	scan->tokens.n = first;
}
