#include "facts/marker.h"

#include "base/arena.h"
#include "facts/version.h"

struct reader {
	struct str rest;
	const struct marker_environment *environment;
	unsigned depth;
};

/* One side of a comparison. */
struct operand {
	struct str value;
	bool is_variable, is_version, is_extra;
};

static void skip_blanks(struct reader *reader)
{
	struct str *rest = &reader->rest;
	size_t n = 0;

	while (n < rest->n && (rest->p[n] == ' ' || rest->p[n] == '\t'))
		n++;
	*rest = str_slice(*rest, n, rest->n);
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '.';
}

static struct str peek_word(const struct reader *reader)
{
	size_t n = 0;

	while (n < reader->rest.n && is_word(reader->rest.p[n]))
		n++;
	return str_slice(reader->rest, 0, n);
}

static bool eat_keyword(struct reader *reader, struct str word)
{
	skip_blanks(reader);
	return str_eq(peek_word(reader), word) && str_eat(&reader->rest, word);
}

static bool read_variable(struct reader *reader, struct operand *operand)
{
	const struct marker_environment *e = reader->environment;
	const struct {
		struct str name;
		struct str value;
		bool is_version;
	} variables[] = {
		{STR("python_version"), e->python_version, true},
		{STR("python_full_version"), e->python_full_version, true},
		{STR("implementation_version"), e->python_full_version, true},
		{STR("platform_release"), e->platform_release, true},
		{STR("os_name"), e->os_name, false},
		{STR("os.name"), e->os_name, false},
		{STR("sys_platform"), e->sys_platform, false},
		{STR("sys.platform"), e->sys_platform, false},
		{STR("platform_machine"), e->platform_machine, false},
		{STR("platform.machine"), e->platform_machine, false},
		{STR("platform_version"), e->platform_version, false},
		{STR("platform.version"), e->platform_version, false},
		{STR("platform_system"), e->platform_system, false},
		{STR("implementation_name"), e->implementation_name, false},
		{STR("platform_python_implementation"),
		 e->platform_python_implementation, false},
		{STR("platform.python_implementation"),
		 e->platform_python_implementation, false},
		{STR("python_implementation"),
		 e->platform_python_implementation, false},
		{STR("extra"), e->extra, false},
	};
	struct str word = peek_word(reader);

	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
		if (!str_eq(word, variables[i].name))
			continue;
		str_eat(&reader->rest, word);
		*operand = (struct operand){
			.value = variables[i].value,
			.is_variable = true,
			.is_version = variables[i].is_version,
			.is_extra = str_eq(word, STR("extra")),
		};
		return true;
	}
	return false;
}

static bool read_operand(struct reader *reader, struct operand *operand)
{
	skip_blanks(reader);
	struct str rest = reader->rest;

	*operand = (struct operand){.value = STR_EMPTY};
	if (rest.n == 0)
		return false;
	if (rest.p[0] != '\'' && rest.p[0] != '"')
		return read_variable(reader, operand);
	struct str body = str_slice(rest, 1, rest.n);
	ptrdiff_t end = str_find(body, rest.p[0]);

	if (end < 0)
		return false;
	operand->value = str_slice(body, 0, (size_t)end);
	reader->rest = str_slice(body, (size_t)end + 1, body.n);
	return true;
}

static bool read_operator(struct reader *reader, struct str *comparison)
{
	static const struct str symbols[] = {
		STR_INIT("==="), STR_INIT("=="), STR_INIT("~="), STR_INIT("!="),
		STR_INIT("<="),	 STR_INIT(">="), STR_INIT("<"),	 STR_INIT(">"),
	};

	skip_blanks(reader);
	for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
		if (str_eat(&reader->rest, symbols[i])) {
			*comparison = symbols[i];
			return true;
		}
	}
	if (eat_keyword(reader, STR("in"))) {
		*comparison = STR("in");
		return true;
	}
	*comparison = STR("not in");
	return eat_keyword(reader, STR("not")) &&
	       eat_keyword(reader, STR("in"));
}

/* As versions, where the right side makes a specifier with the comparison. */
static bool compare_versions(struct str left, struct str comparison,
			     struct str right, bool *holds)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct specifiers specifiers;
	struct version version;
	struct str text = arena_printf(&arena, STR_FMT STR_FMT,
				       STR_ARG(comparison), STR_ARG(right));

	if (str_find(right, ',') >= 0 ||
	    !specifiers_parse(text, &arena, &specifiers) || specifiers.n != 1)
		return false;
	if (!version_parse(left, &version)) {
		*holds = str_eq(comparison, STR("===")) &&
			 str_eq_case(left, specifiers.p[0].text);
		return true;
	}
	*holds = specifiers_contain(&specifiers, &version, left);
	return true;
}

static bool compare(struct operand left, struct str comparison,
		    struct operand right, bool *holds)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	bool is_version = left.is_variable ? left.is_version : right.is_version;
	bool is_equal, is_ordering;

	if (!left.is_variable && !right.is_variable)
		return false;
	if (is_version &&
	    compare_versions(left.value, comparison, right.value, holds))
		return true;
	if (left.is_extra || right.is_extra) {
		left.value = name_normalise(&arena, left.value);
		right.value = name_normalise(&arena, right.value);
	}
	if (str_ends(comparison, STR("in"))) {
		bool is_in = str_find_str(right.value, left.value) >= 0;

		*holds = is_in == (comparison.n == 2);
		return true;
	}
	is_equal = str_eq(left.value, right.value);
	is_ordering =
		str_eq(comparison, STR("<")) || str_eq(comparison, STR(">"));
	/* Words have no order: < and > never hold, <= and >= where equal. */
	*holds = str_eq(comparison, STR("!=")) ? !is_equal
					       : is_equal && !is_ordering;
	return !str_eq(comparison, STR("~=")) &&
	       !str_eq(comparison, STR("==="));
}

static bool read_or(struct reader *reader, bool *holds);

static bool read_atom(struct reader *reader, bool *holds)
{
	struct operand left, right;
	struct str comparison;

	skip_blanks(reader);
	if (str_eat(&reader->rest, STR("("))) {
		if (reader->depth == MARKER_MAX_DEPTH)
			return false;
		reader->depth++;
		if (!read_or(reader, holds))
			return false;
		reader->depth--;
		skip_blanks(reader);
		return str_eat(&reader->rest, STR(")"));
	}
	return read_operand(reader, &left) &&
	       read_operator(reader, &comparison) &&
	       read_operand(reader, &right) &&
	       compare(left, comparison, right, holds);
}

static bool read_and(struct reader *reader, bool *holds)
{
	if (!read_atom(reader, holds))
		return false;
	while (eat_keyword(reader, STR("and"))) {
		bool right;

		if (!read_atom(reader, &right))
			return false;
		*holds = *holds && right;
	}
	return true;
}

static bool read_or(struct reader *reader, bool *holds)
{
	if (!read_and(reader, holds))
		return false;
	while (eat_keyword(reader, STR("or"))) {
		bool right;

		if (!read_and(reader, &right))
			return false;
		*holds = *holds || right;
	}
	return true;
}

bool marker_evaluate(struct str marker,
		     const struct marker_environment *environment, bool *holds)
{
	struct reader reader = {str_trim(marker), environment, 0};

	*holds = true;
	if (reader.rest.n == 0)
		return true;
	if (!read_or(&reader, holds))
		return false;
	skip_blanks(&reader);
	return reader.rest.n == 0;
}

bool marker_environment_init(struct marker_environment *environment,
			     struct str python, struct str platform)
{
	struct version version;
	ptrdiff_t first = str_find(python, '.');
	struct str rest = str_slice(python, (size_t)(first + 1), python.n);
	ptrdiff_t second = str_find(rest, '.');
	struct str machine =
		str_eq(platform, STR("linux/amd64"))   ? STR("x86_64")
		: str_eq(platform, STR("linux/arm64")) ? STR("aarch64")
						       : STR_EMPTY;

	if (!version_parse(python, &version) || first < 0 || second < 0 ||
	    machine.n == 0)
		return false;
	*environment = (struct marker_environment){
		.python_full_version = python,
		.python_version =
			str_slice(python, 0, (size_t)(first + 1 + second)),
		.sys_platform = STR("linux"),
		.os_name = STR("posix"),
		.platform_system = STR("Linux"),
		.platform_machine = machine,
		.platform_release = STR_EMPTY,
		.platform_version = STR_EMPTY,
		.implementation_name = STR("cpython"),
		.platform_python_implementation = STR("CPython"),
		.extra = STR_EMPTY,
	};
	return true;
}
