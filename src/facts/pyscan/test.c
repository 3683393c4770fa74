/* test: what the condition of an if says of its branches: TYPE_CHECKING, the
 * name of the main module, and what is known of the target: its version, and
 * that it is Linux. */
#include "facts/pyscan/scan.h"

enum truth { IS_FALSE = -1, UNKNOWN = 0, IS_TRUE = 1 };

/* What holds where the condition does, and where it does not. */
struct fact {
	bool typing[2], main[2];
	enum truth truth;
};

/* A walk over the condition's tokens. */
struct reader {
	struct scan *scan;
	size_t i, end;
	unsigned depth;
};

enum { DEEPEST = 50 };

static struct fact read_or(struct reader *reader);

static bool is(const struct reader *reader, size_t ahead, const char *text)
{
	return token_is(reader->scan, reader->i + ahead, reader->end, text);
}

static bool take(struct reader *reader, const char *text)
{
	bool found = is(reader, 0, text);

	reader->i += found;
	return found;
}

static enum truth truth_of(bool value)
{
	return value ? IS_TRUE : IS_FALSE;
}

/* -1, 0, 1 compared by an operator; unknown for others. */
static enum truth compare(struct str op, int order)
{
	if (str_eq(op, STR("==")))
		return truth_of(order == 0);
	if (str_eq(op, STR("!=")))
		return truth_of(order != 0);
	if (str_eq(op, STR(">=")))
		return truth_of(order >= 0);
	if (str_eq(op, STR("<=")))
		return truth_of(order <= 0);
	if (str_eq(op, STR(">")))
		return truth_of(order > 0);
	if (str_eq(op, STR("<")))
		return truth_of(order < 0);
	return UNKNOWN;
}

static int order_of(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static bool take_number(struct reader *reader, uint64_t *value)
{
	struct token token = token_at(reader->scan, reader->i, reader->end);

	if (token.kind != TOKEN_NUMBER || !str_to_u64(token.text, value))
		return false;
	reader->i++;
	return true;
}

/* sys.version_info[:length] against the tuple at whose bracket the reader
 * stands. What follows the part that decides does not count. */
static enum truth version_tuple(struct reader *reader, struct str op,
				size_t length)
{
	struct scan *scan = reader->scan;
	struct argument parts[5];
	size_t count = arguments_of(scan, reader->i, reader->end, parts, 5);
	int order = 0;

	reader->i = bracket_end(scan, reader->i, reader->end);
	if (count == 0 ||
	    (count == 1 && !token_is(scan, parts[0].end, reader->end, ",")))
		return UNKNOWN;
	for (size_t i = 0; i < count && order == 0; i++) {
		struct reader part = {scan, parts[i].start, parts[i].end, 0};
		uint64_t value;

		if (i == length)
			order = -1;
		else if (i > 1 || !take_number(&part, &value) ||
			 part.i != part.end)
			return UNKNOWN; /* the third part: not known here */
		else
			order = order_of(i ? scan->minor : 3, value);
	}
	if (order == 0)
		order = count < length; /* a longer tuple is greater */
	return compare(op, order);
}

/* Behind `sys.version_info`. */
static enum truth version_truth(struct reader *reader)
{
	uint64_t part = 0, value, length = 5;
	bool one = false;

	if (take(reader, ".")) {
		one = true;
		part = is(reader, 0, "minor");
		if (!take(reader, "major") && !take(reader, "minor"))
			return UNKNOWN;
	} else if (take(reader, "[")) {
		if (!take(reader, ":"))
			one = take_number(reader, &part);
		else if (!take_number(reader, &length))
			return UNKNOWN;
		if (!take(reader, "]") || part > 1 || length == 0)
			return UNKNOWN;
	}
	struct str op = token_at(reader->scan, reader->i, reader->end).text;

	reader->i++;
	if (!one)
		return is(reader, 0, "(") ? version_tuple(reader, op, length)
					  : UNKNOWN;
	if (!take_number(reader, &value))
		return UNKNOWN;
	return compare(op, order_of(part ? reader->scan->minor : 3, value));
}

static bool take_literal(struct reader *reader, struct str *value)
{
	return literal_value(reader->scan, reader->i, reader->end, value,
			     &reader->i);
}

/* Behind a name that is this text on the target. */
static enum truth platform_truth(struct reader *reader, struct str actual)
{
	struct str value;

	if (take(reader, ".")) {
		if (!take(reader, "startswith") || !take(reader, "(") ||
		    !take_literal(reader, &value) || !take(reader, ")"))
			return UNKNOWN;
		return truth_of(str_starts(actual, value));
	}
	bool equal = take(reader, "==");

	if (equal || take(reader, "!="))
		return take_literal(reader, &value)
			       ? truth_of(str_eq(actual, value) == equal)
			       : UNKNOWN;
	bool not_in = take(reader, "not");
	bool found = false;

	if (!take(reader, "in") ||
	    (!take(reader, "(") && !take(reader, "[") && !take(reader, "{")))
		return UNKNOWN;
	while (take_literal(reader, &value)) {
		found = found || str_eq(value, actual);
		if (!take(reader, ","))
			break;
	}
	if (!take(reader, ")") && !take(reader, "]") && !take(reader, "}"))
		return UNKNOWN;
	return truth_of(found != not_in);
}

static bool is_main(struct str text)
{
	return str_eq(text, STR("__main__"));
}

/* `__name__ == "__main__"`, in both orders. */
static bool read_main(struct reader *reader, struct fact *fact)
{
	struct str value;
	size_t at = reader->i;
	bool found = false, equal = false;

	if (take(reader, "__name__")) {
		equal = is(reader, 0, "==");
		found = (take(reader, "==") || take(reader, "!=")) &&
			take_literal(reader, &value) && is_main(value);
	} else if (take_literal(reader, &value) && is_main(value)) {
		equal = is(reader, 0, "==");
		found = (take(reader, "==") || take(reader, "!=")) &&
			take(reader, "__name__");
	}
	if (found)
		fact->main[equal ? 0 : 1] = true;
	else
		reader->i = at;
	return found;
}

/* Does an operand end here, so that what was read is the whole of it? */
static bool at_end(const struct reader *reader)
{
	return reader->i >= reader->end || is(reader, 0, ")") ||
	       is(reader, 0, "and") || is(reader, 0, "or");
}

/* Behind what is not understood, up to the end of the operand; behind the end
 * of it all at what binds weaker than `or`. */
static void skip_operand(struct reader *reader)
{
	while (!at_end(reader)) {
		if (is(reader, 0, "if") || is(reader, 0, "lambda"))
			reader->i = reader->end + 1; /* nothing is known */
		else
			reader->i = bracket_end(reader->scan, reader->i,
						reader->end);
	}
}

static struct fact read_atom(struct reader *reader)
{
	struct fact fact = {0};
	size_t at = reader->i, next;

	if (read_main(reader, &fact) && at_end(reader))
		return fact;
	fact = (struct fact){0};
	reader->i = at;
	struct str name = dotted_name(reader->scan, at, reader->end, &next);
	struct str root = str_slice(
		name, 0,
		str_find(name, '.') < 0 ? 0 : (size_t)str_find(name, '.'));

	reader->i = next;
	if (str_eq(last_part(name), STR("TYPE_CHECKING"))) {
		fact.typing[0] = true;
	} else if (alias_is(reader->scan, ALIAS_SYS, root) &&
		   str_starts(str_slice(name, root.n, name.n),
			      STR(".version_info"))) {
		reader->i = at + 3;
		fact.truth = version_truth(reader);
	} else if (alias_is(reader->scan, ALIAS_SYS, root) &&
		   str_starts(str_slice(name, root.n, name.n),
			      STR(".platform"))) {
		reader->i = at + 3;
		fact.truth = platform_truth(reader, STR("linux"));
	} else if (str_eq(name, STR("os.name"))) {
		fact.truth = platform_truth(reader, STR("posix"));
	} else if (str_eq(name, STR("platform.system")) && take(reader, "(") &&
		   take(reader, ")")) {
		fact.truth = platform_truth(reader, STR("Linux"));
	}
	if (!at_end(reader)) {
		fact = (struct fact){0};
		reader->i = at;
		skip_operand(reader);
	}
	return fact;
}

static struct fact read_not(struct reader *reader)
{
	size_t at = reader->i;

	if (reader->depth > DEEPEST) {
		reader->i = reader->end;
		return (struct fact){0};
	}
	reader->depth++;
	if (take(reader, "not")) {
		struct fact fact = read_not(reader);

		reader->depth--;
		return (struct fact){{fact.typing[1], fact.typing[0]},
				     {fact.main[1], fact.main[0]},
				     (enum truth) - fact.truth};
	}
	if (take(reader, "(")) {
		struct fact fact = read_or(reader);

		reader->depth--;
		if (take(reader, ")") && at_end(reader))
			return fact;
		reader->i = at;
		skip_operand(reader);
		return (struct fact){0};
	}
	struct fact fact = read_atom(reader);

	reader->depth--;
	return fact;
}

/* Of `a and b` all holds in the first branch that holds by either, and in the
 * other branch what holds by both; of `a or b` the other way round. */
static struct fact combine(struct fact a, struct fact b, bool both)
{
	struct fact fact;
	size_t any = both ? 0 : 1, all = 1 - any;

	fact.typing[any] = a.typing[any] || b.typing[any];
	fact.typing[all] = a.typing[all] && b.typing[all];
	fact.main[any] = a.main[any] || b.main[any];
	fact.main[all] = a.main[all] && b.main[all];
	fact.truth = both == (a.truth < b.truth) ? a.truth : b.truth;
	return fact;
}

static struct fact read_and(struct reader *reader)
{
	struct fact fact = read_not(reader);

	while (take(reader, "and"))
		fact = combine(fact, read_not(reader), true);
	return fact;
}

static struct fact read_or(struct reader *reader)
{
	struct fact fact = read_and(reader);

	while (take(reader, "or"))
		fact = combine(fact, read_and(reader), false);
	return fact;
}

/* Most conditions have nothing of this, and are not cut into tokens. */
static bool may_matter(struct str condition)
{
	const char *p = condition.p, *end = p + condition.n;

	while (p < end) {
		const char *start = p;

		while (p < end && class_of(*p) & IS_NAME)
			p++;
		struct str word = str_of(start, (size_t)(p - start));

		if (str_eq(word, STR("TYPE_CHECKING")) ||
		    str_eq(word, STR("__name__")) ||
		    str_eq(word, STR("version_info")) ||
		    str_eq(word, STR("platform")) || str_eq(word, STR("os")))
			return true;
		p += p < end;
	}
	return false;
}

struct test test_read(struct scan *scan, struct str condition)
{
	struct test test = {{0}, {0}};

	if (!may_matter(condition))
		return test;
	struct reader reader = {.scan = scan};

	reader.i = tokens_of(scan, condition);
	reader.end = scan->tokens.n;
	size_t first = reader.i;
	struct fact fact = read_or(&reader);

	if (reader.i == reader.end) {
		struct context *branches[2] = {&test.then, &test.other};

		for (size_t i = 0; i < 2; i++) {
			branches[i]->level =
				fact.typing[i] ? PYSCAN_TYPING : PYSCAN_HARD;
			branches[i]->only_main = fact.main[i];
			branches[i]->never =
				fact.truth == (i == 0 ? IS_FALSE : IS_TRUE);
		}
	}
	scan->tokens.n = first;
	return test;
}
