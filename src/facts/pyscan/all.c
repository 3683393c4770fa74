/* all: the names of __all__, which `from module import *` takes. */
#include "facts/pyscan/scan.h"

/* The literals of a display in tokens from i to before end, whose brackets may
 * be missing; what is none makes the list open. */
static void take(struct scan *scan, size_t i, size_t end)
{
	bool is_display =
		token_is(scan, i, end, "[") || token_is(scan, i, end, "(");

	if (is_display && bracket_end(scan, i, end) == end) {
		i++;
		end--;
	} else if (is_display) { /* `[...] + other` */
		size_t close = bracket_end(scan, i, end);

		take(scan, i, close);
		if (token_is(scan, close, end, "+"))
			take(scan, close + 1, end);
		else
			scan->out->is_all_open = true;
		return;
	}
	while (i < end) {
		size_t part = part_end(scan, i, end), next;
		struct str value;

		if (literal_value(scan, i, part, &value, &next) && next == part)
			array_push(&scan->all, value);
		else
			scan->out->is_all_open = true;
		i = part + 1;
	}
}

void all_read(struct scan *scan, struct str text)
{
	size_t first = tokens_of(scan, text), end = scan->tokens.n;
	size_t i = first + 1;

	scan->out->has_all = true;
	if (token_is(scan, i, end, ":"))
		while (i < end && !token_is(scan, i, end, "="))
			i = bracket_end(scan, i, end);
	if (token_is(scan, i, end, "=") && scan->top == scan->suites) {
		scan->all.n = 0;
		scan->out->is_all_open = false;
	}
	if (token_is(scan, i, end, "=") || token_is(scan, i, end, "+="))
		take(scan, i + 1, end);
	else if (token_is(scan, i, end, ".") &&
		 (token_is(scan, i + 1, end, "extend") ||
		  token_is(scan, i + 1, end, "append")) &&
		 token_is(scan, i + 2, end, "(") &&
		 bracket_end(scan, i + 2, end) == end)
		take(scan, i + 3, end - 1);
	else
		scan->out->is_all_open = true;
	scan->tokens.n = first;
}
