#include "codec/json.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

/* jansson has one allocator per process; set before main, so that no thread
 * ever sees the change. */
__attribute__((constructor)) static void json_use_mem(void)
{
	json_set_alloc_funcs(mem_alloc, free);
}

void json_free_pointer(json_t **value)
{
	json_decref(*value);
	*value = NULL;
}

static void problem_set(struct json_problem *problem, size_t offset,
			unsigned line, unsigned column, const char *what)
{
	if (!problem)
		return;
	problem->offset = offset;
	problem->line = line;
	problem->column = column;
	snprintf(problem->what, sizeof problem->what, "%s", what);
}

json_t *json_parse(struct str text, size_t max_bytes,
		   struct json_problem *problem)
{
	json_error_t error;

	if (text.n > max_bytes) {
		char what[80];

		snprintf(what, sizeof what,
			 "%zu bytes, where at most %zu are read", text.n,
			 max_bytes);
		problem_set(problem, 0, 1, 1, what);
		return NULL;
	}
	json_t *value =
		json_loadb(text.p, text.n,
			   JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);

	if (!value)
		problem_set(problem, (size_t)(error.position),
			    error.line > 0 ? (unsigned)error.line : 1,
			    error.column > 0 ? (unsigned)error.column : 1,
			    error.text);
	return value;
}

static int append_bytes(const char *bytes, size_t n, void *out)
{
	buf_append(out, str_of(bytes, n));
	return 0;
}

static void append(struct buf *out, const json_t *value, size_t flags)
{
	/* Fails only for a value that contains itself. */
	if (json_dump_callback(value, append_bytes, out,
			       flags | JSON_ENCODE_ANY))
		abort();
}

void json_append_canonical(struct buf *out, const json_t *value)
{
	append(out, value, JSON_COMPACT | JSON_SORT_KEYS);
}

void json_append_pretty(struct buf *out, const json_t *value)
{
	append(out, value, JSON_INDENT(2));
	buf_append_byte(out, '\n');
}

json_t *json_new_str(struct str text)
{
	auto_buf struct buf clean = BUF_EMPTY;

	if (str_is_utf8(text))
		return json_stringn_nocheck(text.p, text.n);
	for (size_t i = 0; i < text.n;) {
		size_t n = 1;

		/* The shortest prefix that is UTF-8 is one character. */
		while (n <= 4 && i + n <= text.n &&
		       !str_is_utf8(str_slice(text, i, i + n)))
			n++;
		if (n > 4 || i + n > text.n) {
			buf_append(&clean, STR("\xef\xbf\xbd"));
			i++;
		} else {
			buf_append(&clean, str_slice(text, i, i + n));
			i += n;
		}
	}
	return json_stringn_nocheck(clean.p, clean.n);
}

struct str json_str(const json_t *value)
{
	return json_is_string(value) ? str_of(json_string_value(value),
					      json_string_length(value))
				     : STR_EMPTY;
}

bool json_get_str(const json_t *object, const char *name, struct str *out)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_string(value))
		return false;
	*out = json_str(value);
	return true;
}

void json_set_u64(json_t *object, const char *name, uint64_t number)
{
	json_object_set_new(object, name, json_integer((json_int_t)number));
}

bool json_get_u64(const json_t *object, const char *name, uint64_t *out)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*out = (uint64_t)json_integer_value(value);
	return true;
}

bool json_get_bool(const json_t *object, const char *name, bool *out)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_boolean(value))
		return false;
	*out = json_is_true(value);
	return true;
}

json_t *json_get_array(const json_t *object, const char *name)
{
	json_t *value = json_object_get(object, name);

	return json_is_array(value) ? value : NULL;
}

json_t *json_get_object(const json_t *object, const char *name)
{
	json_t *value = json_object_get(object, name);

	return json_is_object(value) ? value : NULL;
}
