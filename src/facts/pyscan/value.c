/* value: texts and pathlib objects that follow from __file__ and constants.
 *
 *   sum   = product { "+" product }
 *   product = item { "/" item }                        (of pathlib)
 *   item  = ( literal | "(" sum ")" | name | call ) { "." attribute }
 *
 * A value is a folder (an anchor) and what is appended to it, unnormalised, as
 * os.path.dirname("a/..") is "a". `__file__` is the anchor with FILE_PART.
 */
#include "facts/pyscan/scan.h"

/* Stands for the name of the file itself; no literal can hold it. */
#define FILE_PART "\xff"

enum { MOST_TEXT = 4096, MOST_ARGUMENTS = 8, DEEPEST = 24 };

struct evaluation {
	struct scan *scan;
	size_t i, end;
	unsigned depth;
};

static const struct value unknown = {.known = false};

static struct value sum_read(struct evaluation *evaluation);

static bool is(const struct evaluation *e, size_t ahead, const char *text)
{
	return token_is(e->scan, e->i + ahead, e->end, text);
}

static bool take(struct evaluation *e, const char *text)
{
	bool found = is(e, 0, text);

	e->i += found;
	return found;
}

static struct value text_value(struct str text)
{
	return (struct value){.known = text.n <= MOST_TEXT &&
				       str_find(text, FILE_PART[0]) < 0,
			      .kind = VALUE_TEXT,
			      .tail = text};
}

static struct value part_value(struct scan *scan, size_t start, size_t end,
			       unsigned depth)
{
	struct evaluation e = {scan, start, end, depth + 1};
	struct value value = depth < DEEPEST ? sum_read(&e) : unknown;

	return e.i == end ? value : unknown;
}

/* os.path.normpath, and abspath where anchored: "." and ".." go away. */
static struct value value_normal(struct scan *scan, struct value value)
{
	auto_buf struct buf buf = BUF_EMPTY;
	bool is_root =
		value.kind == VALUE_TEXT && str_starts(value.tail, STR("/"));
	struct str rest = value.tail, part;
	unsigned up = 0; /* of a relative text */

	while (str_split(&rest, '/', &part)) {
		struct str done = buf_str(&buf);
		ptrdiff_t slash = str_rfind(done, '/');

		if (!part.n || str_eq(part, STR("."))) {
			continue;
		} else if (!str_eq(part, STR(".."))) {
			if (done.n)
				buf_append_byte(&buf, '/');
			buf_append(&buf, part);
		} else if (done.n) {
			buf.n = slash < 0 ? 0 : (size_t)slash;
		} else if (value.kind == VALUE_TEXT) {
			up += !is_root;
		} else {
			value.up++;
		}
	}
	auto_buf struct buf whole = BUF_EMPTY;

	if (is_root)
		buf_append_byte(&whole, '/');
	while (up--)
		buf_append(&whole, up || buf.n ? STR("../") : STR(".."));
	buf_append(&whole, buf_str(&buf));
	value.tail = arena_str(scan->arena, buf_str(&whole));
	return value;
}

static struct value value_absolute(struct scan *scan, struct value value)
{
	if (value.kind == VALUE_TEXT && !str_starts(value.tail, STR("/")))
		value.kind = VALUE_BY_WORKDIR;
	return value_normal(scan, value);
}

/* os.path.dirname and .parent. */
static struct value value_parent(struct value value)
{
	ptrdiff_t slash = str_rfind(value.tail, '/');

	if (value.kind != VALUE_TEXT && !value.tail.n)
		value.up++;
	else if (slash > 0)
		value.tail.n = (size_t)slash;
	else if (slash == 0)
		value.tail.n = 1;
	else
		value.tail = value.is_object && value.kind == VALUE_TEXT
				     ? STR(".")
				     : STR_EMPTY;
	return value;
}

static struct value value_add(struct scan *scan, struct value value,
			      const char *between, struct str text)
{
	value.tail = arena_printf(scan->arena, STR_FMT "%s" STR_FMT,
				  STR_ARG(value.tail), between, STR_ARG(text));
	value.known = value.known && value.tail.n <= MOST_TEXT;
	return value;
}

/* os.path.join, and / of pathlib. */
static struct value value_join(struct scan *scan, struct value a,
			       struct value b)
{
	if (!a.known || !b.known)
		return unknown;
	b.is_object = b.is_object || a.is_object;
	if (b.kind != VALUE_TEXT || str_starts(b.tail, STR("/")))
		return b;
	a.is_object = b.is_object;
	bool bare = !a.tail.n || str_ends(a.tail, STR("/"));

	return value_add(scan, a, bare ? "" : "/", b.tail);
}

/* The + of texts. */
static struct value value_concat(struct scan *scan, struct value a,
				 struct value b)
{
	if (!a.known || !b.known || a.is_object || b.is_object)
		return unknown;
	if (a.kind == VALUE_TEXT && !a.tail.n)
		return b;
	if (b.kind != VALUE_TEXT)
		return unknown;
	if (a.kind == VALUE_TEXT || !b.tail.n)
		return value_add(scan, a, "", b.tail);
	if (!a.tail.n) /* the anchor's own name would change */
		return str_eat(&b.tail, STR("/"))
			       ? value_add(scan, a, "", b.tail)
			       : unknown;
	if (str_ends(a.tail, STR(FILE_PART)) && !str_starts(b.tail, STR("/")))
		return unknown;
	return value_add(scan, a, "", b.tail);
}

/* Does the name stand in the text as something that may be bound otherwise:
 * a parameter, a loop's variable, a manager, an import? */
static bool is_bound_in(struct scan *scan, struct str text, struct str name)
{
	size_t first = tokens_of(scan, text), end = scan->tokens.n;
	bool in_for = false, found = false;

	for (size_t i = first + 1; i < end && !found; i++) {
		struct token token = scan->tokens.p[i];

		if (token.kind != TOKEN_NAME) {
			continue;
		} else if (str_eq(token.text, STR("for"))) {
			in_for = true;
		} else if (str_eq(token.text, STR("in"))) {
			in_for = false;
		} else if (str_eq(token.text, name)) {
			struct str after = token_at(scan, i + 1, end).text;

			found = in_for || token_is(scan, i - 1, end, "as") ||
				token_is(scan, i - 1, end, "import") ||
				(str_ends(after, STR("=")) &&
				 !str_eq(after, STR("==")) &&
				 !str_eq(after, STR("!=")));
		}
	}
	scan->tokens.n = first;
	return found;
}

/* Is it a parameter of the `def` that begins there? */
static bool is_parameter(struct scan *scan, const char *def, struct str name)
{
	size_t n = (size_t)(scan->p - def);
	size_t first = tokens_of(scan, str_of(def, n)), end = scan->tokens.n;
	size_t open = first;
	bool found = false;

	while (open < end && !token_is(scan, open, end, "("))
		open++;
	for (size_t i = open, close = bracket_end(scan, open, end); i < close;
	     i++)
		found = found || (scan->tokens.p[i].kind == TOKEN_NAME &&
				  str_eq(scan->tokens.p[i].text, name));
	scan->tokens.n = first;
	return found;
}

/* Looking at text costs from what the file may spend, so that a hostile one
 * cannot make it slow. */
static bool spend(struct scan *scan, size_t steps)
{
	if (scan->path_steps < steps)
		return false;
	scan->path_steps -= steps;
	return true;
}

static bool same_value(struct value a, struct value b)
{
	return a.known && b.known && a.kind == b.kind && a.up == b.up &&
	       a.is_object == b.is_object && str_eq(a.tail, b.tail);
}

/* What was last assigned to the name among values from before from down to
 * to; where that may not have run, all that it may be has to be the same. */
static struct value last_assigned(struct evaluation *e, struct str name,
				  size_t from, size_t to, bool *found)
{
	struct scan *scan = e->scan;
	struct value value = unknown;

	*found = false;
	while (from-- > to) {
		struct assigned assigned = scan->values.p[from];

		if (!spend(scan, 1))
			return unknown;
		if (!str_eq(assigned.name, name))
			continue;
		struct value other = unknown;

		if (assigned.value.p && e->depth < DEEPEST &&
		    spend(scan, assigned.value.n)) {
			size_t first = tokens_of(scan, assigned.value);
			size_t n = scan->values.n;

			/* `p = dirname(p)` means the p before it. */
			scan->values.n = from;
			other = part_value(scan, first, scan->tokens.n,
					   e->depth);
			scan->values.n = n;
			scan->tokens.n = first;
		}
		if (*found && !same_value(value, other))
			return unknown;
		value = other;
		*found = true;
		if (!assigned.maybe || !value.known)
			return value;
	}
	return value;
}

static struct value name_value(struct evaluation *e, struct str name)
{
	struct scan *scan = e->scan;
	const struct suite *top = scan->top;
	size_t locals = top->function ? top->function_values : 0;
	bool found;
	struct value value =
		last_assigned(e, name, scan->values.n,
			      locals < scan->values.n ? locals : 0, &found);

	if (found || !top->function)
		return value;
	size_t length = (size_t)(scan->p - top->function);

	if (!spend(scan, length) || is_parameter(scan, top->function, name) ||
	    is_bound_in(scan, str_of(top->function, length), name))
		return unknown;
	return last_assigned(e, name,
			     locals < scan->values.n ? locals : scan->values.n,
			     0, &found);
}

/* An f-string of constants and fields without conversion or format. */
static struct value format_value(struct evaluation *e, struct literal literal)
{
	auto_buf struct buf buf = BUF_EMPTY;
	struct scan *scan = e->scan;
	struct value value = text_value(STR_EMPTY);
	struct str rest = literal.text;

	while (rest.n && value.known) {
		size_t n = 0;

		while (n < rest.n && rest.p[n] != '{' && rest.p[n] != '}')
			n++;
		buf_clear(&buf);
		if (!literal_append(&buf, str_slice(rest, 0, n),
				    literal.is_raw))
			return unknown;
		value = value_concat(
			scan, value,
			text_value(arena_str(scan->arena, buf_str(&buf))));
		rest = str_slice(rest, n, rest.n);
		if (!rest.n)
			break;
		ptrdiff_t close = str_find(rest, '}');

		if (rest.p[0] == '}' || close < 0)
			return unknown;
		size_t first =
			tokens_of(scan, str_slice(rest, 1, (size_t)close));

		struct value field =
			part_value(scan, first, scan->tokens.n, e->depth);

		scan->tokens.n = first;
		field.is_object = false; /* str() of it */
		value = value_concat(scan, value, field);
		rest = str_slice(rest, (size_t)close + 1, rest.n);
	}
	return value;
}

static struct value string_value(struct evaluation *e)
{
	struct literal literal =
		literal_parts(token_at(e->scan, e->i, e->end).text);
	struct str text;

	if (literal.is_f) {
		e->i++;
		return format_value(e, literal);
	}
	return literal_value(e->scan, e->i, e->end, &text, &e->i)
		       ? text_value(text)
		       : unknown;
}

/* The values of a call's arguments; false where one is not known, or named.
 * e stands at the bracket, and then behind the call. */
static bool arguments_read(struct evaluation *e, struct value *values,
			   size_t *count)
{
	struct argument arguments[MOST_ARGUMENTS];
	struct scan *scan = e->scan;
	size_t n = arguments_of(scan, e->i, e->end, arguments, MOST_ARGUMENTS);

	e->i = bracket_end(scan, e->i, e->end);
	*count = 0;
	for (size_t i = 0; i < n; i++) {
		if (str_eq(arguments[i].keyword, STR("strict")))
			continue;
		if (arguments[i].keyword.n)
			return false;
		values[*count] = part_value(scan, arguments[i].start,
					    arguments[i].end, e->depth);
		if (!values[(*count)++].known)
			return false;
	}
	return n < MOST_ARGUMENTS;
}

static struct value join_all(struct scan *scan, const struct value *values,
			     size_t count)
{
	struct value value = count ? values[0] : text_value(STR_EMPTY);

	for (size_t i = 1; i < count; i++)
		value = value_join(scan, value, values[i]);
	return value;
}

/* "[0]" and its like: the number. */
static bool index_read(struct evaluation *e, uint64_t *number)
{
	struct token token = token_at(e->scan, e->i + 1, e->end);

	if (!is(e, 0, "[") || token.kind != TOKEN_NUMBER || !is(e, 2, "]") ||
	    !str_to_u64(token.text, number) || *number > 100)
		return false;
	e->i += 3;
	return true;
}

static bool is_path_class(struct str last)
{
	return str_eq(last, STR("Path")) || str_eq(last, STR("PurePath")) ||
	       str_eq(last, STR("PosixPath")) ||
	       str_eq(last, STR("PurePosixPath"));
}

static struct value anchor_value(bool is_object)
{
	return (struct value){.known = true,
			      .is_object = is_object,
			      .kind = VALUE_BY_WORKDIR,
			      .tail = STR_EMPTY};
}

/* A call of a function by its name; e stands at the bracket. */
static struct value function_value(struct evaluation *e, struct str name)
{
	struct value values[MOST_ARGUMENTS];
	struct scan *scan = e->scan;
	struct str last = last_part(name);
	bool is_frame = is(e, 1, "inspect") && is(e, 2, ".") &&
			is(e, 3, "currentframe") && is(e, 4, "(") &&
			is(e, 5, ")");
	uint64_t number = 1;
	size_t count;

	if (is_frame && (str_eq(last, STR("getfile")) ||
			 str_eq(last, STR("getsourcefile")))) {
		e->i = bracket_end(scan, e->i, e->end);
		return (struct value){.known = true,
				      .kind = VALUE_BY_FILE,
				      .tail = STR(FILE_PART)};
	}
	if (!arguments_read(e, values, &count))
		return unknown;
	if (str_eq(name, STR("os.getcwd")) || str_eq(name, STR("getcwd")))
		return anchor_value(false);
	if (str_eq(last, STR("cwd")) && str_find_str(name, STR("Path")) >= 0)
		return anchor_value(true);
	if (is_path_class(last)) {
		struct value value = join_all(scan, values, count);

		value.is_object = true;
		return value;
	}
	if (str_eq(last, STR("join")) && count && !values[0].is_object)
		return join_all(scan, values, count);
	if (count != 1)
		return unknown;
	if (str_eq(name, STR("str")) || str_eq(last, STR("fspath"))) {
		values[0].is_object = false;
		return values[0];
	}
	values[0].is_object = false;
	if (str_eq(last, STR("abspath")) || str_eq(last, STR("realpath")))
		return value_absolute(scan, values[0]);
	if (str_eq(last, STR("normpath")))
		return value_normal(scan, values[0]);
	if (str_eq(last, STR("dirname")))
		return value_parent(values[0]);
	if (str_eq(last, STR("split")) && index_read(e, &number) && !number)
		return value_parent(values[0]);
	return unknown;
}

/* A constant of os, `__file__`, or a variable; e stands behind it. */
static struct value variable_value(struct evaluation *e, struct str name)
{
	struct str last = last_part(name);

	if (str_eq(name, STR("__file__")))
		return (struct value){.known = true,
				      .kind = VALUE_BY_FILE,
				      .tail = STR(FILE_PART)};
	if (str_starts(name, STR("os.")) || str_starts(name, STR("path."))) {
		if (str_eq(last, STR("pardir")))
			return text_value(STR(".."));
		if (str_eq(last, STR("curdir")))
			return text_value(STR("."));
		if (str_eq(last, STR("sep")))
			return text_value(STR("/"));
	}
	return name.n == last.n ? name_value(e, name) : unknown;
}

/* `.parent`, `.parents[1]`, `.resolve()` and so on; e is behind the dot. */
static struct value attribute_value(struct evaluation *e, struct value value)
{
	struct value values[MOST_ARGUMENTS];
	struct str name = token_at(e->scan, e->i, e->end).text;
	uint64_t number = 0;
	size_t count;

	e->i++;
	if (!is(e, 0, "(")) {
		bool many = str_eq(name, STR("parents"));

		if (!value.is_object || (many ? !index_read(e, &number)
					      : !str_eq(name, STR("parent"))))
			return unknown;
		for (uint64_t i = 0; i <= number; i++)
			value = value_parent(value);
		return value;
	}
	if (!arguments_read(e, values, &count) || !value.is_object)
		return unknown;
	if (str_eq(name, STR("joinpath"))) {
		for (size_t i = 0; i < count; i++)
			value = value_join(e->scan, value, values[i]);
		return value;
	}
	if (count)
		return unknown;
	if (str_eq(name, STR("resolve")))
		return value_absolute(e->scan, value);
	if (str_eq(name, STR("absolute"))) {
		if (value.kind == VALUE_TEXT &&
		    !str_starts(value.tail, STR("/")))
			value.kind = VALUE_BY_WORKDIR;
		return value;
	}
	value.is_object = false;
	return str_eq(name, STR("as_posix")) || str_eq(name, STR("__str__")) ||
			       str_eq(name, STR("__fspath__"))
		       ? value
		       : unknown;
}

/* The names of a dotted chain that are methods or attributes of a value, and
 * not the way to a function. */
static bool is_of_value(struct str name)
{
	static const struct str names[] = {
		STR_INIT("parent"),   STR_INIT("parents"),
		STR_INIT("resolve"),  STR_INIT("absolute"),
		STR_INIT("joinpath"), STR_INIT("as_posix"),
		STR_INIT("__str__"),  STR_INIT("__fspath__"),
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_eq(name, names[i]))
			return true;
	return false;
}

static struct value named_value(struct evaluation *e)
{
	size_t start = e->i, stop = start + 1, next;

	while (token_is(e->scan, stop, e->end, ".") &&
	       token_at(e->scan, stop + 1, e->end).kind == TOKEN_NAME &&
	       !is_of_value(e->scan->tokens.p[stop + 1].text))
		stop += 2;
	struct str name = dotted_name(e->scan, start, stop, &next);

	e->i = stop;
	return is(e, 0, "(") ? function_value(e, name)
			     : variable_value(e, name);
}

static struct value item_read(struct evaluation *e)
{
	struct token token = token_at(e->scan, e->i, e->end);
	struct value value = unknown;

	if (token.kind == TOKEN_STRING) {
		value = string_value(e);
	} else if (token.kind == TOKEN_NAME) {
		value = named_value(e);
	} else if (is(e, 0, "(")) {
		size_t close = bracket_end(e->scan, e->i, e->end);

		value = part_value(e->scan, e->i + 1, close - 1, e->depth);
		e->i = close;
	}
	while (value.known && take(e, "."))
		value = attribute_value(e, value);
	return value;
}

static struct value product_read(struct evaluation *e)
{
	struct value value = item_read(e);

	while (value.known && take(e, "/")) {
		struct value right = item_read(e);

		if (!value.is_object && !right.is_object)
			return unknown;
		value = value_join(e->scan, value, right);
	}
	return value;
}

static struct value sum_read(struct evaluation *e)
{
	struct value value = product_read(e);

	while (value.known && take(e, "+"))
		value = value_concat(e->scan, value, product_read(e));
	return value;
}

struct value value_read(struct scan *scan, size_t i, size_t end)
{
	return part_value(scan, i, end, 0);
}

bool value_folder(struct scan *scan, const struct value *value,
		  enum pyscan_anchor *anchor, struct str *folder)
{
	if (!value->known)
		return false;
	struct value normal = value_normal(scan, *value);

	if (str_find(normal.tail, FILE_PART[0]) >= 0 || normal.up > 100)
		return false;
	if (normal.kind != VALUE_TEXT && normal.up) {
		auto_buf struct buf buf = BUF_EMPTY;

		for (unsigned i = 1; i < normal.up; i++)
			buf_append(&buf, STR("../"));
		buf_append(&buf, normal.tail.n ? STR("../") : STR(".."));
		buf_append(&buf, normal.tail);
		normal.tail = arena_str(scan->arena, buf_str(&buf));
	}
	*folder = normal.tail;
	*anchor = normal.kind == VALUE_BY_FILE	      ? PYSCAN_BY_FILE
		  : str_starts(normal.tail, STR("/")) ? PYSCAN_BY_ROOT
						      : PYSCAN_BY_WORKDIR;
	return true;
}
