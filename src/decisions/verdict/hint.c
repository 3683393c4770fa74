#include "decisions/verdict/hint.h"

#include "base/buf.h"
#include "base/data.h"

struct str hint_name(const struct pyscan *scan, struct str name)
{
	struct str best = STR_EMPTY;
	size_t nearest = name.n / 3 + 1;

	for (size_t i = 0; scan && i < scan->name_count; i++) {
		size_t distance = str_distance(scan->names[i].name, name);

		if (distance < nearest) {
			nearest = distance;
			best = scan->names[i].name;
		}
	}
	return best;
}

/* What data/stdlib.txt says of a module, or "". */
static struct str hint_stdlib(const struct verdict_input *input, struct str top,
			      struct arena *arena)
{
	struct str text = data_get("stdlib.txt"), line, name, what;

	while (str_line(&text, &line)) {
		if (!str_split(&line, ' ', &name) || !str_eq(name, top) ||
		    !str_split(&line, ' ', &what))
			continue;
		if (str_eq(what, STR("windows")))
			return STR("only Python on Windows has it");
		return arena_printf(
			arena,
			"it %s the standard library in Python " STR_FMT
			", the service has " STR_FMT,
			str_eq(what, STR("left")) ? "left" : "came to",
			STR_ARG(line), STR_ARG(input->python));
	}
	return STR_EMPTY;
}

/* An edit of sys.path that is not understood may be where it comes from. */
static void append_edit(struct buf *out, const struct verdict_input *input)
{
	const struct graph *graph = input->graph;

	for (size_t i = 0; i < graph->dynamic_count; i++) {
		const struct graph_dynamic *dynamic = &graph->dynamics[i];

		if (dynamic->dynamic->what != PYSCAN_SYS_PATH ||
		    dynamic->level == PYSCAN_TYPING)
			continue;
		buf_printf(out,
			   "; or is it in the folder that " STR_FMT ":%u adds "
			   "to sys.path? Then list that in source.pythonpath",
			   STR_ARG(input->paths[dynamic->file]),
			   dynamic->dynamic->line);
		return;
	}
}

struct str hint_unmapped(const struct verdict_input *input,
			 const struct graph_import *import,
			 const struct mapping_result *owner,
			 struct arena *arena)
{
	auto_buf struct buf out = BUF_EMPTY;
	struct str top = import->module;
	ptrdiff_t dot = str_find(top, '.');

	if (dot >= 0)
		top.n = (size_t)dot;
	struct str stdlib = hint_stdlib(input, top, arena);

	if (stdlib.n > 0)
		return stdlib;
	if (owner->candidate_count > 0) {
		for (size_t i = 0; i < owner->candidate_count; i++)
			buf_printf(&out, "%s" STR_FMT, i ? ", " : "",
				   STR_ARG(owner->candidates[i]));
		buf_append_text(&out, owner->candidate_count > 1
					      ? " have it: add one of them to "
					      : " has it: add it to ");
		buf_append_text(&out, "the service's requirements or extra");
	} else {
		buf_printf(&out,
			   "add its distribution to the service's requirements "
			   "or extra; where that has another name, map it: "
			   "allow: {import: " STR_FMT
			   ", package: DISTRIBUTION, why: ...}",
			   STR_ARG(top));
	}
	append_edit(&out, input);
	return arena_str(arena, buf_str(&out));
}
