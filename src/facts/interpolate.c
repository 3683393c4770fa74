#include "facts/interpolate.h"

#include "base/array.h"
#include "base/buf.h"

enum { MAX_DEPTH = 8, MAX_BYTES = 64 << 10 };

void interpolation_release(struct interpolation *interpolation)
{
	array_release(&interpolation->unset);
}

static bool fail(struct interpolation *interpolation, const char *problem)
{
	if (!interpolation->problem)
		interpolation->problem = problem;
	return false;
}

/* Bytes of the name that text begins with. */
static size_t name_length(struct str text)
{
	size_t n = 0;

	for (; n < text.n; n++) {
		char c = text.p[n];

		if (!(c == '_' || (c >= 'a' && c <= 'z') ||
		      (c >= 'A' && c <= 'Z') || (n && c >= '0' && c <= '9')))
			break;
	}
	return n;
}

/* Position of the '}' that closes what stands before text, or -1. */
static ptrdiff_t find_close(struct str text)
{
	size_t open = 0;

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '$' && i + 1 < text.n && text.p[i + 1] == '{')
			open++;
		else if (text.p[i] == '}' && open-- == 0)
			return (ptrdiff_t)i;
	}
	return -1;
}

static bool append_all(struct interpolation *interpolation, struct str text,
		       unsigned depth, bool dollars, struct buf *out);

/* A reference without its "${" and "}": NAME [operator text]. */
static bool append_braced(struct interpolation *interpolation, struct str body,
			  unsigned depth, struct buf *out)
{
	size_t n = name_length(body);
	struct str name = str_slice(body, 0, n), value = STR_EMPTY;
	struct str rest = str_slice(body, n, body.n);
	bool is_set =
		interpolation->lookup(interpolation->context, name, &value);
	bool has_colon = str_eat(&rest, STR(":"));

	if (n == 0 || (has_colon && rest.n == 0))
		return fail(interpolation, "a reference like ${NAME} or "
					   "${NAME:-default} is expected");
	if (has_colon && value.n == 0)
		is_set = false;
	if (str_eat(&rest, STR("-"))) {
		if (!is_set)
			return append_all(interpolation, rest, depth, true,
					  out);
	} else if (str_eat(&rest, STR("+"))) {
		return !is_set ||
		       append_all(interpolation, rest, depth, true, out);
	} else if (str_eat(&rest, STR("?")) || (!rest.n && !has_colon)) {
		if (!is_set)
			array_push(&interpolation->unset, name);
	} else {
		return fail(interpolation, "a reference has an operator that "
					   "is none of - + ?");
	}
	buf_append(out, value);
	return true;
}

static bool append_one(struct interpolation *interpolation, struct str *rest,
		       unsigned depth, struct buf *out)
{
	struct str text = str_slice(*rest, 1, rest->n), value = STR_EMPTY;
	size_t n = name_length(text);

	if (depth > MAX_DEPTH)
		return fail(interpolation, "references are nested too deep");
	if (str_eat(&text, STR("{"))) {
		ptrdiff_t close = find_close(text);

		if (close < 0)
			return fail(interpolation, "a '${' is not closed");
		*rest = str_slice(text, (size_t)close + 1, text.n);
		return append_braced(interpolation,
				     str_slice(text, 0, (size_t)close), depth,
				     out);
	}
	struct str name = str_slice(text, 0, n);

	*rest = str_slice(text, n, text.n);
	if (n == 0)
		buf_append_byte(out, '$');
	else if (interpolation->lookup(interpolation->context, name, &value))
		buf_append(out, value);
	else
		array_push(&interpolation->unset, name);
	return true;
}

static bool append_all(struct interpolation *interpolation, struct str text,
		       unsigned depth, bool dollars, struct buf *out)
{
	while (text.n) {
		ptrdiff_t dollar = str_find(text, '$');
		size_t n = dollar < 0 ? text.n : (size_t)dollar;

		buf_append(out, str_slice(text, 0, n));
		text = str_slice(text, n, text.n);
		if (dollars && str_eat(&text, STR("$$")))
			buf_append_byte(out, '$');
		else if (text.n &&
			 !append_one(interpolation, &text, depth + 1, out))
			return false;
		if (out->n > MAX_BYTES)
			return fail(interpolation, "the text becomes larger "
						   "than 64 KiB");
	}
	return true;
}

bool interpolate(struct interpolation *interpolation, struct str text,
		 struct buf *out)
{
	return append_all(interpolation, text, 0, true, out);
}

bool interpolate_one(struct interpolation *interpolation, struct str *rest,
		     struct buf *out)
{
	return append_one(interpolation, rest, 0, out);
}

/* A reference, with what it stands for as a number. */
static bool take_reference(struct interpolation *interpolation,
			   struct str *rest, uint64_t *value)
{
	auto_buf struct buf out = BUF_EMPTY;
	size_t unset = interpolation->unset.n;

	if (!append_one(interpolation, rest, 0, &out))
		return false;
	struct str text = str_trim(buf_str(&out));

	*value = 0;
	if (text.n == 0 && interpolation->unset.n > unset)
		return true;
	return str_to_u64(text, value) ||
	       fail(interpolation, "a variable's value is no number");
}

static bool take_number(struct interpolation *interpolation, struct str *rest,
			uint64_t *value)
{
	size_t n = 0;

	while (n < rest->n && rest->p[n] >= '0' && rest->p[n] <= '9')
		n++;
	if (!str_to_u64(str_slice(*rest, 0, n), value))
		return fail(interpolation,
			    "a sum of numbers and variables is expected");
	*rest = str_slice(*rest, n, rest->n);
	return true;
}

bool interpolate_sum(struct interpolation *interpolation, struct str text,
		     uint64_t *sum)
{
	*sum = 0;
	do {
		uint64_t value;

		text = str_trim(text);
		if (!(str_starts(text, STR("$"))
			      ? take_reference(interpolation, &text, &value)
			      : take_number(interpolation, &text, &value)))
			return false;
		if (__builtin_add_overflow(*sum, value, sum))
			return fail(interpolation, "the sum is too large");
		text = str_trim(text);
	} while (str_eat(&text, STR("+")));
	return text.n == 0 ||
	       fail(interpolation,
		    "a sum of numbers and variables is expected");
}
