/* path: edits of sys.path. What follows from __file__ and constants becomes a
 * folder, all else is dynamic. */
#include "facts/pyscan/scan.h"

/* An edit: where it stands, and what of it was not understood. */
struct edit {
	struct scan *scan;
	const char *at;
	struct context context;
	bool in_front;
	bool unknown;
};

bool path_is(const struct scan *scan, struct str name)
{
	struct str root = name;

	if (alias_is(scan, ALIAS_SYS_PATH, name))
		return true;
	if (!str_ends(name, STR(".path")))
		return false;
	root.n -= STR(".path").n;
	return alias_is(scan, ALIAS_SYS, root);
}

static void folder_add(struct edit *edit, size_t i, size_t end)
{
	struct scan *scan = edit->scan;
	struct value value = value_read(scan, i, end);
	struct pyscan_path path = {.in_front = edit->in_front,
				   .level = edit->context.level,
				   .only_main = edit->context.only_main,
				   .never = edit->context.never};

	if (!value_folder(scan, &value, &path.anchor, &path.folder)) {
		edit->unknown = true;
		return;
	}
	path.line = line_at(scan, edit->at);
	path.column = column_at(scan, edit->at);
	array_push(&scan->paths, path);
}

/* Is it sys.path, a part of it, or a copy? *next is behind it. */
static bool is_whole_path(struct scan *scan, size_t i, size_t end, size_t *next)
{
	struct str name = dotted_name(scan, i, end, next);

	if (str_eq(name, STR("list")) && token_is(scan, *next, end, "(")) {
		size_t close = bracket_end(scan, *next, end), behind;
		bool found = is_whole_path(scan, *next + 1, close - 1, &behind);

		*next = close;
		return found && behind == close - 1;
	}
	if (!name.n || !path_is(scan, name))
		return false;
	if (token_is(scan, *next, end, "["))
		*next = bracket_end(scan, *next, end);
	return true;
}

/* A display of folders; `*sys.path` in it says which stand in front. */
static void display_read(struct edit *edit, size_t i, size_t end,
			 bool *is_whole)
{
	enum { MOST = 64 };
	struct argument elements[MOST];
	size_t count = arguments_of(edit->scan, i, end, elements, MOST), next;

	if (count == MOST)
		edit->unknown = true;
	for (size_t j = 0; j < count; j++) {
		struct argument *element = &elements[j];

		if (!token_is(edit->scan, element->start, element->end, "*")) {
			folder_add(edit, element->start, element->end);
		} else if (is_whole_path(edit->scan, element->start + 1,
					 element->end, &next)) {
			edit->in_front = false;
			*is_whole = true;
		} else {
			edit->unknown = true;
		}
	}
}

static bool is_display(const struct scan *scan, size_t i, size_t end)
{
	return (token_is(scan, i, end, "[") || token_is(scan, i, end, "(")) &&
	       bracket_end(scan, i, end) == end;
}

/* Displays and sys.path, added: `[a] + sys.path + [b]`. *is_whole says whether
 * sys.path was among them. */
static void sum_read(struct edit *edit, size_t i, size_t end, bool *is_whole)
{
	struct scan *scan = edit->scan;

	while (i < end && !edit->unknown) {
		size_t part = i, next;

		while (part < end && !token_is(scan, part, end, "+"))
			part = bracket_end(scan, part, end);
		if (is_display(scan, i, part)) {
			display_read(edit, i, part, is_whole);
		} else if (is_whole_path(scan, i, part, &next) &&
			   next == part) {
			edit->in_front = false;
			*is_whole = true;
		} else {
			edit->unknown = true;
		}
		i = part + 1;
	}
}

static bool is_first_place(const struct scan *scan,
			   const struct argument *argument)
{
	/* Behind the script's own folder is in front as well. */
	return argument->end == argument->start + 1 &&
	       (token_is(scan, argument->start, argument->end, "0") ||
		token_is(scan, argument->start, argument->end, "1"));
}

void path_call(struct scan *scan, struct str method, size_t open, size_t end,
	       const char *at, struct context context)
{
	struct edit edit = {.scan = scan, .at = at, .context = context};
	struct argument arguments[3];
	size_t count = arguments_of(scan, open, end, arguments, 3);
	struct argument *first = &arguments[0], *second = &arguments[1];
	bool is_whole = false;

	if (str_eq(method, STR("insert")) && count == 2) {
		edit.in_front = is_first_place(scan, first);
		folder_add(&edit, second->start, second->end);
	} else if (str_eq(method, STR("append")) && count == 1) {
		folder_add(&edit, first->start, first->end);
	} else if (str_eq(method, STR("extend")) && count == 1 &&
		   is_display(scan, first->start, first->end)) {
		display_read(&edit, first->start, first->end, &is_whole);
	} else if (str_eq(method, STR("remove")) && count == 1) {
		/* What is searched beyond what is removed does no harm. */
		edit.unknown =
			!value_read(scan, first->start, first->end).known;
	} else {
		edit.unknown = true;
	}
	if (edit.unknown) {
		struct str last =
			scan->tokens.p[bracket_end(scan, open, end) - 1].text;

		dynamic_add(scan, PYSCAN_SYS_PATH, at, last.p + last.n,
			    context);
	}
}

/* `sys.path[...] =`: which places, by the tokens between the brackets. */
static void slice_read(struct edit *edit, size_t i, size_t end, bool *is_all)
{
	struct scan *scan = edit->scan;
	struct token from = token_at(scan, i, end);
	bool has_from = from.kind == TOKEN_NUMBER;
	size_t colon = i + has_from;
	struct token to = token_at(scan, colon + 1, end);

	*is_all = end == i + 1 && token_is(scan, i, end, ":");
	if (*is_all)
		return;
	if (has_from && end == i + 1) { /* one place, of the script mostly */
		edit->in_front = str_eq(from.text, STR("0"));
		edit->unknown = !edit->in_front;
	} else if (token_is(scan, colon, end, ":") && end == colon + 2 &&
		   to.kind == TOKEN_NUMBER &&
		   (str_eq(to.text, STR("0")) || str_eq(to.text, from.text))) {
		edit->in_front = true;
	} else if (token_is(scan, i, end, "len") &&
		   token_is(scan, end - 1, end, ":") &&
		   bracket_end(scan, i + 1, end) == end - 1) {
		edit->in_front = false;
	} else {
		edit->unknown = true;
	}
}

/* Behind the name: an index or not, an operator, and what is put there. */
static bool assignment_read(struct edit *edit, size_t i, size_t end)
{
	struct scan *scan = edit->scan;
	bool is_all = true, is_slice = false, is_one = false, is_whole = false;

	if (token_is(scan, i, end, "[")) {
		size_t close = bracket_end(scan, i, end);

		slice_read(edit, i + 1, close - 1, &is_all);
		is_slice = !is_all;
		is_one = close == i + 3 && is_slice;
		i = close;
	}
	bool adds = token_is(scan, i, end, "+=");

	if (!adds && !token_is(scan, i, end, "="))
		return false;
	if (!is_slice)
		edit->in_front = !adds;
	if (is_one && !edit->unknown)
		folder_add(edit, i + 1, end);
	else
		sum_read(edit, i + 1, end, &is_whole);
	if (!is_slice && !adds && !is_whole)
		edit->unknown = true; /* what was there is gone */
	return true;
}

bool path_statement(struct scan *scan, struct str text, struct context context)
{
	size_t first = tokens_of(scan, text), end = scan->tokens.n, next;
	struct edit edit = {.scan = scan, .at = text.p, .context = context};
	bool deletes = token_is(scan, first, end, "del"), found = false;
	struct str name = dotted_name(scan, first + deletes, end, &next);
	enum pyscan_what what = PYSCAN_SYS_PATH;

	if (str_eq(name, STR("__path__"))) {
		what = PYSCAN_PACKAGE_PATH;
		while (next < end && !is_assigning(scan->tokens.p[next].text))
			next = bracket_end(scan, next, end);
		found = edit.unknown = next < end;
	} else if (path_is(scan, name) && deletes) {
		found = edit.unknown = true;
	} else if (path_is(scan, name)) {
		found = assignment_read(&edit, next, end);
	}
	if (found && edit.unknown) {
		struct str last = scan->tokens.p[end - 1].text;

		dynamic_add(scan, what, text.p, last.p + last.n, context);
	}
	scan->tokens.n = first;
	return found;
}
