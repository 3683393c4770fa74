/* call: calls that import, run code, edit sys.path, or bind names unseen; and
 * what := binds. */
#include "facts/pyscan/scan.h"

enum { MOST_ARGUMENTS = 6, TEXT_MAX = 120 };

/* A call: the tokens of its name, its bracket, where the statement's end. */
struct call {
	struct scan *scan;
	struct str name;   /* dotted */
	struct str prefix; /* before the last dot, or "" */
	struct str last;   /* behind it */
	size_t start, open, end;
	struct context context;
};

static bool is_one_of(struct str text, const struct str *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(text, list[i]))
			return true;
	return false;
}

#define IS_ONE_OF(text, list)                                                  \
	is_one_of(text, list, sizeof(list) / sizeof((list)[0]))

/* Runs of white space become one space, so that it is one line. */
static struct str one_line(struct scan *scan, const char *p, const char *end)
{
	char text[TEXT_MAX];
	size_t n = 0;

	for (; p < end && n < TEXT_MAX; p++) {
		bool space = is_blank(*p) || *p == '\n' ||
			     (*p == '\\' && end - p > 1 && p[1] == '\n');

		if (!space)
			text[n++] = *p;
		else if (n && text[n - 1] != ' ')
			text[n++] = ' ';
	}
	if (p < end) /* cut: not in the middle of a character */
		while (n && ((unsigned char)*p & 0xc0) == 0x80) {
			p--;
			n--;
		}
	while (n && text[n - 1] == ' ')
		n--;
	return arena_str(scan->arena, str_of(text, n));
}

void dynamic_add(struct scan *scan, enum pyscan_what what, const char *at,
		 const char *end, struct context context)
{
	array_push(&scan->dynamics, (struct pyscan_dynamic){
					    .what = what,
					    .level = context.level,
					    .only_main = context.only_main,
					    .never = context.never,
					    .text = one_line(scan, at, end),
					    .line = line_at(scan, at),
					    .column = column_at(scan, at),
				    });
}

static const char *call_start(const struct call *call)
{
	return call->scan->tokens.p[call->start].text.p;
}

static void call_dynamic(const struct call *call, enum pyscan_what what)
{
	struct scan *scan = call->scan;
	size_t close = bracket_end(scan, call->open, call->end);
	struct str last = scan->tokens.p[close - 1].text;

	dynamic_add(scan, what, call_start(call), last.p + last.n,
		    call->context);
}

static void import_add(const struct call *call, struct pyscan_import import)
{
	struct scan *scan = call->scan;

	import.by_call = true;
	import.bound = STR_EMPTY;
	import.line = line_at(scan, call_start(call));
	import.column = column_at(scan, call_start(call));
	import_push(scan, &call->context, import);
}

/* The whole argument as a literal. */
static bool argument_literal(struct scan *scan, const struct argument *argument,
			     struct str *value)
{
	size_t i, end, next;

	if (!argument)
		return false;
	i = argument->start;
	end = argument->end;
	brackets_strip(scan, &i, &end);
	return literal_value(scan, i, end, value, &next) && next == end;
}

/* import_module(".x", "a.b") is a.b.x: the package without as many parts as
 * there are dots but one. False where it is not a literal. */
static bool resolve_package(struct scan *scan, const struct argument *argument,
			    struct pyscan_import *import)
{
	struct str package;

	if (!argument_literal(scan, argument, &package) || !package.n)
		return false;
	for (unsigned i = 1; i < import->dots; i++) {
		ptrdiff_t dot = str_rfind(package, '.');

		if (dot < 0)
			return false;
		package = str_slice(package, 0, (size_t)dot);
	}
	import->module = arena_printf(
		scan->arena, STR_FMT "%s" STR_FMT, STR_ARG(package),
		import->module.n ? "." : "", STR_ARG(import->module));
	import->dots = 0;
	return true;
}

/* __import__(name, globals, locals, fromlist, level): each name of a literal
 * list is imported as `from` does. */
static void names_add(const struct call *call, const struct argument *argument,
		      struct pyscan_import import)
{
	enum { MOST_NAMES = 64 };
	struct argument names[MOST_NAMES];
	struct scan *scan = call->scan;

	if (!argument ||
	    (!token_is(scan, argument->start, argument->end, "[") &&
	     !token_is(scan, argument->start, argument->end, "(")))
		return;
	size_t count = arguments_of(scan, argument->start, argument->end, names,
				    MOST_NAMES);

	for (size_t i = 0; i < count; i++)
		if (argument_literal(scan, &names[i], &import.name) &&
		    import.name.n)
			import_add(call, import);
}

static void import_call(const struct call *call, bool is_builtin)
{
	struct scan *scan = call->scan;
	struct argument arguments[MOST_ARGUMENTS];
	size_t count = arguments_of(scan, call->open, call->end, arguments,
				    MOST_ARGUMENTS);
	struct pyscan_import import = {.name = STR_EMPTY};

	if (!argument_literal(scan, argument_find(arguments, count, 0, "name"),
			      &import.module)) {
		call_dynamic(call, PYSCAN_IMPORT_CALL);
		return;
	}
	while (str_eat(&import.module, STR(".")))
		import.dots++;
	if (!import.module.n && !import.dots)
		return;
	if (!is_builtin) {
		if (import.dots)
			resolve_package(
				scan,
				argument_find(arguments, count, 1, "package"),
				&import);
		import_add(call, import);
		return;
	}
	const struct argument *level =
		argument_find(arguments, count, 4, "level");
	uint64_t dots;

	if (level && level->end == level->start + 1 &&
	    str_to_u64(scan->tokens.p[level->start].text, &dots) && dots < 100)
		import.dots = (unsigned)dots;
	import_add(call, import);
	names_add(call, argument_find(arguments, count, 3, "fromlist"), import);
}

static bool is_import(const struct call *call)
{
	return alias_is(call->scan, ALIAS_IMPORT, call->name) ||
	       (str_eq(call->last, STR("import_module")) &&
		alias_is(call->scan, ALIAS_IMPORTLIB, call->prefix));
}

static bool is_builtin(const struct call *call, const char *name)
{
	return str_eq(call->last, str_from(name)) &&
	       (!call->prefix.n || str_eq(call->prefix, STR("builtins")));
}

/* Is what eval is given a constant that imports nothing? */
static bool is_harmless(const struct call *call)
{
	struct argument code;

	if (!arguments_of(call->scan, call->open, call->end, &code, 1))
		return false;
	for (size_t i = code.start; i < code.end; i++) {
		struct token token = call->scan->tokens.p[i];

		if (token.kind != TOKEN_STRING ||
		    literal_parts(token.text).is_f ||
		    str_find_str(token.text, STR("import")) >= 0)
			return false;
	}
	return code.end > code.start;
}

/* Does the call run code or a file that is no import? */
static bool is_exec(const struct call *call)
{
	static const struct str anywhere[] = {
		STR_INIT("spec_from_file_location"),
		STR_INIT("SourceFileLoader"),
		STR_INIT("SourcelessFileLoader"),
		STR_INIT("ExtensionFileLoader"),
	};
	static const struct str of_runpy[] = {STR_INIT("run_path"),
					      STR_INIT("run_module")};
	static const struct str of_imp[] = {
		STR_INIT("load_source"),  STR_INIT("load_module"),
		STR_INIT("load_dynamic"), STR_INIT("load_compiled"),
		STR_INIT("load_package"),
	};

	if (is_builtin(call, "eval"))
		return !is_harmless(call);
	return is_builtin(call, "exec") || IS_ONE_OF(call->last, anywhere) ||
	       ((!call->prefix.n || str_eq(call->prefix, STR("runpy"))) &&
		IS_ONE_OF(call->last, of_runpy)) ||
	       (str_eq(call->prefix, STR("imp")) &&
		IS_ONE_OF(call->last, of_imp));
}

static bool is_at_top(const struct call *call)
{
	return call->scan->top->scope == SCOPE_MODULE &&
	       !call->context.in_lambda;
}

/* What is done with the dictionary of names that tokens from i to before next
 * give: may it bind some? Reading from it does not. */
static bool is_bound_by(const struct scan *scan, size_t i, size_t next,
			size_t end)
{
	static const struct str reads[] = {
		STR_INIT("get"),    STR_INIT("items"), STR_INIT("keys"),
		STR_INIT("values"), STR_INIT("copy"),
	};

	while (i > 0 && token_is(scan, i - 1, end, "(") &&
	       token_is(scan, next, end, ")")) {
		i--;
		next++;
	}
	if (token_is(scan, next, end, "."))
		return !IS_ONE_OF(token_at(scan, next + 1, end).text, reads);
	if (token_is(scan, next, end, "[")) {
		size_t op = bracket_end(scan, next, end);
		bool annotates = i > 0 && token_is(scan, i - 1, end, ":");

		/* Nothing is behind the one of f"{x = }". */
		return is_assigning(token_at(scan, op, end).text) &&
		       op + 1 < end && !annotates;
	}
	return i == 0 || !(token_is(scan, i - 1, end, "in") ||
			   token_is(scan, i - 1, end, "**"));
}

/* Is it a call of `globals()` that may bind names of the module? */
static bool binds_names(const struct call *call)
{
	struct scan *scan = call->scan;
	size_t end = call->end;
	bool is_local = str_eq(call->last, STR("locals")) ||
			str_eq(call->last, STR("vars"));

	if (!(is_local || str_eq(call->last, STR("globals"))) ||
	    call->prefix.n || !token_is(scan, call->open + 1, end, ")"))
		return false;
	return (!is_local || is_at_top(call)) &&
	       is_bound_by(scan, call->start, call->open + 2, end);
}

static bool is_list_edit(struct str method)
{
	static const struct str edits[] = {
		STR_INIT("append"), STR_INIT("clear"),	 STR_INIT("extend"),
		STR_INIT("insert"), STR_INIT("pop"),	 STR_INIT("remove"),
		STR_INIT("sort"),   STR_INIT("reverse"),
	};

	return IS_ONE_OF(method, edits);
}

static void call_read(const struct call *call)
{
	struct scan *scan = call->scan;

	if (is_import(call)) {
		import_call(call, false);
	} else if (is_builtin(call, "__import__")) {
		import_call(call, true);
	} else if (is_exec(call)) {
		call_dynamic(call, PYSCAN_EXEC);
		if (is_builtin(call, "exec") && is_at_top(call))
			scan->out->has_dynamic_names = true;
	} else if (is_list_edit(call->last) && path_is(scan, call->prefix)) {
		path_call(scan, call->last, call->open, call->end,
			  call_start(call), call->context);
	} else if (str_eq(call->name, STR("site.addsitedir"))) {
		path_call(scan, STR("append"), call->open, call->end,
			  call_start(call), call->context);
	} else if (is_list_edit(call->last) &&
		   str_eq(last_part(call->prefix), STR("__path__"))) {
		call_dynamic(call, PYSCAN_PACKAGE_PATH);
	} else if (binds_names(call)) {
		scan->out->has_dynamic_names = true;
	}
}

/* The call whose bracket is the token open, where a dotted name that is not
 * itself part of something stands before it. */
static void bracket_read(struct scan *scan, size_t first, size_t open,
			 size_t end, struct context context)
{
	struct call call = {
		.scan = scan, .open = open, .end = end, .context = context};
	size_t next;

	if (open == first || scan->tokens.p[open - 1].kind != TOKEN_NAME)
		return;
	call.start = open - 1;
	while (call.start >= first + 2 &&
	       token_is(scan, call.start - 1, end, ".") &&
	       scan->tokens.p[call.start - 2].kind == TOKEN_NAME)
		call.start -= 2;
	if (call.start > first &&
	    (token_is(scan, call.start - 1, end, ".") ||
	     token_is(scan, call.start - 1, end, "def") ||
	     token_is(scan, call.start - 1, end, "class")))
		return;
	call.name = dotted_name(scan, call.start, open, &next);
	call.last = last_part(call.name);
	call.prefix = STR_EMPTY;
	if (call.last.n < call.name.n)
		call.prefix =
			str_slice(call.name, 0, call.name.n - call.last.n - 1);
	call_read(&call);
}

/* `(name := value)` binds the name in the module, or in the lambda. */
static void walrus_read(struct scan *scan, struct token name,
			struct context context)
{
	if (name.kind == TOKEN_NAME && scan->top->scope == SCOPE_MODULE &&
	    !context.in_lambda)
		name_bind(scan, name.text, name.text.p);
}

static void calls_in(struct scan *scan, struct str text, struct context context,
		     unsigned nest);

/* The calls in the fields of an f-string. */
static void fields_read(struct scan *scan, struct str token,
			struct context context, unsigned nest)
{
	struct fields fields = {ARRAY_EMPTY};
	const char *quote = token.p;

	while (*quote != '"' && *quote != '\'')
		quote++;
	string_skip(scan, quote, nest, NULL, &fields);
	array_each (struct str, field, &fields.list)
		calls_in(scan, *field, context, nest + 1);
	array_release(&fields.list);
}

static void calls_in(struct scan *scan, struct str text, struct context context,
		     unsigned nest)
{
	size_t first = tokens_of(scan, text), end = scan->tokens.n;
	struct lambdas lambdas = {.count = 0};

	for (size_t i = first; i < end; i++) {
		struct token token = scan->tokens.p[i];
		struct context here = context;

		if (lambdas_in_body(&lambdas)) {
			here.level = level_max(here.level, PYSCAN_LAZY);
			here.in_lambda = true;
		}
		if (token.kind == TOKEN_STRING && nest < MAX_NEST &&
		    literal_parts(token.text).is_f)
			fields_read(scan, token.text, here, nest);
		if (token_is(scan, i, end, "("))
			bracket_read(scan, first, i, end, here);
		if (i > first && token_is(scan, i, end, ":="))
			walrus_read(scan, scan->tokens.p[i - 1], here);
		lambdas_take(&lambdas, token);
	}
	scan->tokens.n = first;
}

void calls_read(struct scan *scan, struct str text, struct context context)
{
	calls_in(scan, text, context, 1);
}
