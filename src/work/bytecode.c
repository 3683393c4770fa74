#include "work/bytecode.h"

#include <stdio.h>

#include "base/error.h"
#include "codec/json.h"
#include "facts/store.h"

static void append_problem(struct buf *value, const struct pyc_problem *problem)
{
	auto_json json_t *root = json_object();

	json_object_set_new(root, "type",
			    json_new_str(str_from(problem->type)));
	json_object_set_new(root, "message",
			    json_new_str(str_from(problem->message)));
	json_object_set_new(root, "line", json_integer(problem->line));
	json_object_set_new(root, "column", json_integer(problem->column));
	json_append_canonical(value, root);
}

static bool read_problem(struct str text, struct pyc_problem *problem)
{
	auto_json json_t *root = json_parse(text, STORE_ACTION_MAX_BYTES, NULL);
	struct str type, message;
	uint64_t line, column;

	if (!json_get_str(root, "type", &type) ||
	    !json_get_str(root, "message", &message) ||
	    !json_get_u64(root, "line", &line) ||
	    !json_get_u64(root, "column", &column))
		return false;
	snprintf(problem->type, sizeof problem->type, STR_FMT, STR_ARG(type));
	problem->message = str_dup(message);
	problem->line = (uint32_t)line;
	problem->column = (uint32_t)column;
	return true;
}

/* True where the key is known; a value of no such form counts as unknown. */
static bool recall(struct store *store, const struct digest *key,
		   struct buf *out, enum pyc_verdict *verdict,
		   struct pyc_problem *problem)
{
	auto_buf struct buf value = BUF_EMPTY;

	if (!store_action_get(store, key, &value))
		return false;
	struct str rest = buf_str(&value);

	if (str_eat(&rest, STR("P"))) {
		*verdict = PYC_COMPILED;
		if (out)
			buf_append(out, rest);
		return true;
	}
	*verdict = PYC_SYNTAX;
	return str_eat(&rest, STR("E")) && read_problem(rest, problem);
}

int bytecode_get(struct runtime *runtime, struct str source,
		 const struct digest *digest, struct str path,
		 enum pyc_mode mode, struct buf *out, enum pyc_verdict *verdict,
		 struct pyc_problem *problem, struct error **err)
{
	struct digest own = digest ? *digest : digest_of(source);
	struct digest key =
		pyc_key(&own, path, runtime_python_id(runtime), mode);
	auto_buf struct buf value = BUF_EMPTY;

	struct store *store = runtime_store(runtime);

	if (recall(store, &key, out, verdict, problem))
		return 0;
	buf_append_byte(&value, 'P');
	if (runtime_open(runtime, err) ||
	    pyc_compile(runtime_compilers(runtime), source, path, mode, &value,
			verdict, problem, err))
		return -1;
	if (*verdict == PYC_COMPILED && out)
		buf_append(out, str_slice(buf_str(&value), 1, value.n));
	if (*verdict == PYC_SYNTAX) {
		buf_clear(&value);
		buf_append_byte(&value, 'E');
		append_problem(&value, problem);
	}
	/* A .pyc above the bound of a cached result is made again each time. */
	if ((*verdict != PYC_COMPILED && *verdict != PYC_SYNTAX) ||
	    value.n > STORE_ACTION_MAX_BYTES)
		return 0;
	return store_action_put(store, &key, buf_str(&value), err);
}
