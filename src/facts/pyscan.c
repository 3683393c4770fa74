#include "facts/pyscan.h"

#include "facts/pyscan/scan.h"

/* The arrays move into the arena. */
#define FINISH(scan, list, count, type)                                        \
	do {                                                                   \
		(scan)->out->count = (scan)->list.n;                           \
		(scan)->out->list =                                            \
			arena_new_array((scan)->arena, type, (scan)->list.n);  \
		if ((scan)->list.n)                                            \
			memcpy((scan)->out->list, (scan)->list.p,              \
			       (scan)->list.n * sizeof(type));                 \
		array_release(&(scan)->list);                                  \
	} while (0)

/* Texts that still lie in the source, on their way into one piece of memory;
 * without a place only their sizes are added up. */
struct texts {
	char *to;
	size_t n;
};

static void text_keep(struct texts *texts, struct str *text)
{
	if (texts->to && text->n)
		text->p = memcpy(texts->to + texts->n, text->p, text->n);
	texts->n += text->n;
}

static void texts_keep(struct texts *texts, struct pyscan *out)
{
	for (size_t i = 0; i < out->import_count; i++) {
		text_keep(texts, &out->imports[i].module);
		text_keep(texts, &out->imports[i].name);
		text_keep(texts, &out->imports[i].bound);
	}
	for (size_t i = 0; i < out->path_count; i++)
		text_keep(texts, &out->paths[i].folder);
	for (size_t i = 0; i < out->name_count; i++)
		text_keep(texts, &out->names[i].name);
	for (size_t i = 0; i < out->deleted_count; i++)
		text_keep(texts, &out->deleted[i]);
	for (size_t i = 0; i < out->literal_count; i++)
		text_keep(texts, &out->literals[i].text);
	for (size_t i = 0; i < out->all_count; i++)
		text_keep(texts, &out->all[i]);
}

static void finish(struct scan *scan)
{
	names_finish(scan);
	FINISH(scan, imports, import_count, struct pyscan_import);
	FINISH(scan, steps, step_count, struct pyscan_step);
	FINISH(scan, all, all_count, struct str);
	FINISH(scan, dynamics, dynamic_count, struct pyscan_dynamic);
	FINISH(scan, paths, path_count, struct pyscan_path);
	FINISH(scan, literals, literal_count, struct pyscan_literal);
	struct texts texts = {NULL, 0};

	texts_keep(&texts, scan->out);
	texts = (struct texts){arena_alloc(scan->arena, texts.n, 1), 0};
	texts_keep(&texts, scan->out);
	array_release(&scan->bindings);
	array_release(&scan->values);
	array_release(&scan->tokens);
}

void pyscan(struct str source, unsigned minor, struct arena *arena,
	    struct pyscan *out)
{
	struct scan scan;

	*out = (struct pyscan){.coding = STR_EMPTY};
	memset(&scan, 0, offsetof(struct scan, suites));
	memset(&scan.top, 0, sizeof(scan) - offsetof(struct scan, top));
	source = source_decode(source, arena, &out->coding);
	scan.start = scan.p = scan.counted = source.p;
	scan.end = source.p + source.n;
	scan.line = 1;
	scan.minor = minor;
	scan.arena = arena;
	scan.out = out;
	scan.path_steps = 4 * source.n + 10000;
	scan.top = scan.suites;
	*scan.top = (struct suite){.scope = SCOPE_MODULE};
	statements_read(&scan);
	finish(&scan);
}

const char *pyscan_version(void)
{
	return "3";
}

const char *pyscan_level_text(enum pyscan_level level)
{
	static const char *const texts[] = {"hard", "guarded", "lazy",
					    "typing"};

	return texts[level];
}

const char *pyscan_what_text(enum pyscan_what what)
{
	static const char *const texts[] = {"import-call", "exec", "sys-path",
					    "package-path"};

	return texts[what];
}
