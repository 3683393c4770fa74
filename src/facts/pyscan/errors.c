/* errors: classes of exceptions by their names, and what raises them. */
#include "facts/pyscan/scan.h"

#define IMPORT_ERRORS (PYSCAN_NOT_FOUND | PYSCAN_IMPORT_ERROR)
#define ERRORS	      (PYSCAN_EXIT - 1)

static const struct {
	struct str name;
	unsigned catches, raises;
} classes[] = {
	{STR_INIT("ImportError"), IMPORT_ERRORS, PYSCAN_IMPORT_ERROR},
	{STR_INIT("ModuleNotFoundError"), PYSCAN_NOT_FOUND, PYSCAN_NOT_FOUND},
	{STR_INIT("Exception"), ERRORS, PYSCAN_OTHER_ERROR},
	{STR_INIT("BaseException"), ERRORS | PYSCAN_EXIT, PYSCAN_EXIT},
	{STR_INIT("SyntaxError"), PYSCAN_SYNTAX_ERROR, PYSCAN_SYNTAX_ERROR},
	{STR_INIT("TypeError"), PYSCAN_TYPE_ERROR, PYSCAN_TYPE_ERROR},
	{STR_INIT("ValueError"), PYSCAN_VALUE_ERROR, PYSCAN_VALUE_ERROR},
	{STR_INIT("AttributeError"), PYSCAN_ATTRIBUTE_ERROR,
	 PYSCAN_ATTRIBUTE_ERROR},
	{STR_INIT("SystemExit"), PYSCAN_EXIT, PYSCAN_EXIT},
	{STR_INIT("KeyboardInterrupt"), 0, PYSCAN_EXIT},
};

enum { CLASS_COUNT = sizeof(classes) / sizeof(classes[0]) };

unsigned errors_of(struct str dotted)
{
	struct str name = last_part(dotted);

	for (size_t i = 0; i < CLASS_COUNT; i++)
		if (str_eq(classes[i].name, name))
			return classes[i].catches;
	return 0;
}

unsigned errors_in(struct scan *scan, size_t i, size_t end)
{
	unsigned found = 0;

	while (i < end) {
		size_t part = part_end(scan, i, end), next;
		struct str name = dotted_name(scan, i, part, &next);

		if (name.n && next == part)
			found |= errors_of(name);
		i = part + 1;
	}
	return found;
}

static bool is_exit(struct str name)
{
	static const struct str exits[] = {
		STR_INIT("sys.exit"), STR_INIT("exit"),	    STR_INIT("quit"),
		STR_INIT("os._exit"), STR_INIT("os.abort"),
	};

	for (size_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++)
		if (str_eq(name, exits[i]))
			return true;
	return false;
}

/* What `raise NAME` raises: a name that begins small is a variable, which has
 * what was caught. */
static unsigned raised_by(struct str dotted)
{
	struct str name = last_part(dotted);

	for (size_t i = 0; i < CLASS_COUNT; i++)
		if (str_eq(classes[i].name, name))
			return classes[i].raises;
	return name.n == 0 || (name.p[0] >= 'a' && name.p[0] <= 'z')
		       ? 0
		       : PYSCAN_OTHER_ERROR;
}

bool leaves(struct scan *scan, enum keyword keyword, struct str text,
	    unsigned *raises)
{
	size_t first = tokens_of(scan, text), end = scan->tokens.n, next;
	bool is_raise = keyword == KEYWORD_RAISE;
	struct str name = dotted_name(scan, first + is_raise, end, &next);
	bool is_left = is_raise;

	*raises = raised_by(name);
	if (!is_raise && token_is(scan, next, end, "(") &&
	    bracket_end(scan, next, end) == end && is_exit(name)) {
		*raises = PYSCAN_EXIT;
		is_left = true;
	}
	scan->tokens.n = first;
	return is_left;
}
