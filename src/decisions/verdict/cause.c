#include <stdlib.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/map.h"
#include "decisions/verdict.h"

enum { NAMED_SERVICES = 3 };

/* A cause while it is gathered. */
struct gathered {
	struct diagnostic diagnostic;
	struct map services; /* name -> its level + 1 */
	struct map places;   /* "file:line" */
};

static void gather(struct map *causes, struct str service,
		   const struct diagnostic *diagnostic)
{
	auto_buf struct buf key = BUF_EMPTY, place = BUF_EMPTY;

	buf_printf(&place, STR_FMT ":%u", STR_ARG(diagnostic->file),
		   diagnostic->line);
	buf_printf(&key, STR_FMT "\n" STR_FMT, STR_ARG(diagnostic->code),
		   STR_ARG(diagnostic->message));
	if (!str_eq(diagnostic->code, STR("import-unmapped")))
		buf_printf(&key, "\n" STR_FMT, STR_ARG(buf_str(&place)));
	struct gathered *cause = map_get(causes, buf_str(&key));

	if (!cause) {
		cause = mem_zalloc(1, sizeof *cause);
		cause->diagnostic = *diagnostic;
		map_set(causes, buf_str(&key), cause);
	} else if (diagnostic->level < cause->diagnostic.level) {
		cause->diagnostic = *diagnostic;
	}
	map_add(&cause->places, buf_str(&place));
	uintptr_t old = (uintptr_t)map_get(&cause->services, service);

	if (old == 0 || old - 1 > (uintptr_t)diagnostic->level)
		map_set(&cause->services, service,
			(void *)((uintptr_t)diagnostic->level + 1));
}

static int text_compare(const void *a, const void *b)
{
	const struct str *x = a, *y = b;

	return str_cmp(*x, *y);
}

static struct verdict_cause cause_finish(struct gathered *gathered,
					 struct arena *arena)
{
	struct verdict_cause cause = {.diagnostic = gathered->diagnostic,
				      .place_count = gathered->places.n};
	uintptr_t level = (uintptr_t)gathered->diagnostic.level;
	struct str *services =
		arena_new_array(arena, struct str, gathered->services.n);

	map_each (entry, &gathered->services) {
		if ((uintptr_t)entry->value - 1 == level)
			services[cause.service_count++] =
				arena_str(arena, entry->key);
		else
			cause.other_count++;
	}
	qsort(services, cause.service_count, sizeof *services, text_compare);
	cause.services = services;
	map_release(&gathered->services);
	map_release(&gathered->places);
	free(gathered);
	return cause;
}

static int cause_compare(const void *a, const void *b)
{
	const struct verdict_cause *x = a, *y = b;
	const struct diagnostic *d = &x->diagnostic, *e = &y->diagnostic;

	if (d->level != e->level)
		return d->level < e->level ? -1 : 1;
	if (x->service_count != y->service_count)
		return x->service_count > y->service_count ? -1 : 1;
	int order = str_cmp(d->file, e->file);

	if (order == 0)
		order = (d->line > e->line) - (d->line < e->line);
	if (order == 0)
		order = str_cmp(d->code, e->code);
	return order ? order : str_cmp(d->message, e->message);
}

void verdict_group(const struct verdict_service *services, size_t count,
		   struct arena *arena, struct verdict_causes *out)
{
	auto_map struct map causes = MAP_EMPTY;

	for (size_t i = 0; i < count; i++) {
		const struct verdict *verdict = services[i].verdict;

		if (verdict->status == VERDICT_SKIPPED)
			continue;
		for (size_t k = 0; k < verdict->diagnostics.n; k++)
			if (verdict->diagnostics.p[k].level != DIAGNOSTIC_NOTE)
				gather(&causes, services[i].name,
				       &verdict->diagnostics.p[k]);
	}
	*out = (struct verdict_causes){
		arena_new_array(arena, struct verdict_cause, causes.n), 0};
	map_each (entry, &causes)
		out->p[out->n++] = cause_finish(entry->value, arena);
	if (out->n > 0)
		qsort(out->p, out->n, sizeof *out->p, cause_compare);
}

static void append_services(const struct verdict_cause *cause, struct buf *out)
{
	if (cause->service_count > NAMED_SERVICES) {
		buf_printf(out, "%zu services", cause->service_count);
		return;
	}
	for (size_t i = 0; i < cause->service_count; i++)
		buf_printf(out, "%s" STR_FMT, i ? ", " : "",
			   STR_ARG(cause->services[i]));
}

void verdict_cause_append(const struct verdict_cause *cause, struct buf *out)
{
	static const char *const effects[] = {"stops", "uncertain for",
					      "concerns", "noted for"};
	const struct diagnostic *diagnostic = &cause->diagnostic;

	if (diagnostic->file.n > 0) {
		buf_append(out, diagnostic->file);
		if (diagnostic->line > 0)
			buf_printf(out, ":%u", diagnostic->line);
		buf_append_byte(out, ' ');
	}
	buf_append(out, diagnostic->message);
	if (str_eq(diagnostic->code, STR("import-unmapped")) &&
	    cause->place_count > 1)
		buf_printf(out, " (and in %zu more places)",
			   cause->place_count - 1);
	buf_printf(out, ": %s ", effects[diagnostic->level]);
	append_services(cause, out);
	if (cause->other_count > 0)
		buf_printf(out, ", concerns %zu more", cause->other_count);
}

void verdict_summary_append(const struct verdict_service *services,
			    size_t count, struct buf *out)
{
	size_t counts[VERDICT_SKIPPED + 1] = {0};

	for (size_t i = 0; i < count; i++)
		counts[services[i].verdict->status]++;
	buf_printf(out, "%zu start, %zu cannot, %zu uncertain",
		   counts[VERDICT_OK], counts[VERDICT_ERROR],
		   counts[VERDICT_UNCERTAIN]);
	if (counts[VERDICT_SKIPPED] > 0)
		buf_printf(out, ", %zu skipped", counts[VERDICT_SKIPPED]);
}
