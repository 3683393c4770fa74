/* pyscan_dump MINOR: reads paths from stdin, one a line, and prints what the
 * scanner says of each file as one line of JSON, in the form that
 * tests/e2e/pyscan_oracle.py prints. */
#include <stdio.h>
#include <stdlib.h>

#include "base/fs.h"
#include "base/mem.h"
#include "codec/json.h"
#include "facts/pyscan.h"

static json_t *import_json(const struct pyscan_import *import)
{
	return json_pack("[iiosoibbb]", (int)import->line, (int)import->column,
			 json_new_str(import->module),
			 pyscan_level_text(import->level),
			 json_new_str(import->name), (int)import->dots,
			 import->only_main, import->never, import->by_call);
}

static json_t *dynamic_json(const struct pyscan_dynamic *dynamic)
{
	return json_pack("[iissbbo]", (int)dynamic->line, (int)dynamic->column,
			 pyscan_what_text(dynamic->what),
			 pyscan_level_text(dynamic->level), dynamic->only_main,
			 dynamic->never, json_new_str(dynamic->text));
}

static json_t *path_json(const struct pyscan_path *path)
{
	static const char *const anchors[] = {"file", "workdir", "root"};

	return json_pack("[iissbbob]", (int)path->line, (int)path->column,
			 anchors[path->anchor], pyscan_level_text(path->level),
			 path->only_main, path->never,
			 json_new_str(path->folder), path->in_front);
}

/* The names of the errors in a set. */
static json_t *errors_json(unsigned errors)
{
	static const char *const names[] = {"not-found", "import", "syntax",
					    "type",	 "value",  "attribute",
					    "other",	 "exit"};
	json_t *array = json_array();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (errors >> i & 1)
			json_array_append_new(array, json_string(names[i]));
	return array;
}

static json_t *step_json(const struct pyscan *out,
			 const struct pyscan_step *step)
{
	static const char *const flows[] = {
		"run", "try", "except", "raise", "else", "finally", "end"};
	const char *flow = flows[step->flow];

	if (step->flow == PYSCAN_RUN) {
		const struct pyscan_import *import = &out->imports[step->value];

		return json_pack("[siioo]", flow, (int)import->line,
				 (int)import->dots,
				 json_new_str(import->module),
				 json_new_str(import->name));
	}
	if (step->flow == PYSCAN_EXCEPT || step->flow == PYSCAN_RAISE)
		return json_pack("[so]", flow, errors_json(step->value));
	return json_pack("[s]", flow);
}

static json_t *name_json(const struct pyscan_name *name)
{
	return json_pack("[oii]", json_new_str(name->name), (int)name->line,
			 (int)name->plain_line);
}

static json_t *pair_json(struct str text, uint32_t line)
{
	return json_pack("[oi]", json_new_str(text), (int)line);
}

#define LIST(out, list, count, to_json)                                        \
	({                                                                     \
		json_t *array_ = json_array();                                 \
		for (size_t i_ = 0; i_ < (out)->count; i_++)                   \
			json_array_append_new(array_, to_json);                \
		array_;                                                        \
	})

static void show(const char *path, const struct pyscan *out)
{
	auto_json json_t *line = json_pack(
		"{sososososososbsbsosbsbsbso}", "imports",
		LIST(out, imports, import_count,
		     import_json(&out->imports[i_])),
		"dynamics",
		LIST(out, dynamics, dynamic_count,
		     dynamic_json(&out->dynamics[i_])),
		"paths",
		LIST(out, paths, path_count, path_json(&out->paths[i_])),
		"names",
		LIST(out, names, name_count, name_json(&out->names[i_])),
		"flow",
		LIST(out, steps, step_count, step_json(out, &out->steps[i_])),
		"all", LIST(out, all, all_count, json_new_str(out->all[i_])),
		"has_all", out->has_all, "is_all_open", out->is_all_open,
		"literals",
		LIST(out, literals, literal_count,
		     pair_json(out->literals[i_].text, out->literals[i_].line)),
		"star", out->has_star_import, "getattr", out->has_getattr,
		"dynamic_names", out->has_dynamic_names, "coding",
		json_new_str(out->coding));

	json_object_set_new(line, "path", json_new_str(str_from(path)));
	json_dumpf(line, stdout, JSON_COMPACT);
	putchar('\n');
}

int main(int argc, char **argv)
{
	auto_buf struct buf list = BUF_EMPTY;
	struct str rest, line;

	if (argc != 2 || fs_read_fd(0, "stdin", 64 << 20, &list, NULL)) {
		fputs("usage: pyscan_dump MINOR <PATHS\n", stderr);
		return 2;
	}
	rest = buf_str(&list);
	while (str_line(&rest, &line)) {
		auto_arena struct arena arena = ARENA_EMPTY;
		auto_buf struct buf source = BUF_EMPTY;
		auto_free char *path = str_dup(line);
		struct pyscan out;

		if (fs_read(path, 128 << 20, &source, NULL)) {
			fprintf(stderr, "cannot read %s\n", path);
			return 3;
		}
		pyscan(buf_str(&source), (unsigned)strtoul(argv[1], NULL, 10),
		       &arena, &out);
		show(path, &out);
	}
	return 0;
}
