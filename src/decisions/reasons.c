#include "decisions/reasons.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/map.h"
#include "facts/version.h"

/* A package, or an extra of it, on the way from a root. */
struct stop {
	const struct lock_package *package;
	struct str extra;	/* "": the package itself */
	struct str requirement; /* that led here */
	ptrdiff_t from;		/* number of the stop before, or -1 */
};

struct way {
	const struct reasons_input *input;
	struct arena *arena;
	struct map seen; /* "NAME" and "NAME[EXTRA]" */
	ARRAY(struct stop) stops;
};

static struct str replaced(const struct way *way, struct str name)
{
	const struct closure_replacements *all = &way->input->replacements;

	for (size_t i = 0; i < all->n; i++)
		if (str_eq(all->p[i].name, name))
			return all->p[i].with;
	return name;
}

static void add_stop(struct way *way, struct stop stop)
{
	auto_buf struct buf key = BUF_EMPTY;

	buf_printf(&key, STR_FMT "[" STR_FMT "]", STR_ARG(stop.package->name),
		   STR_ARG(stop.extra));
	if (map_add(&way->seen, buf_str(&key)))
		array_push(&way->stops, stop);
}

static void add_requirement(struct way *way, struct str text, ptrdiff_t from)
{
	struct requirement requirement;
	const char *what;

	if (!requirement_parse(text, way->arena, &requirement, &what))
		return;
	const struct lock_package *package = lock_find_package(
		way->input->resolution, replaced(way, requirement.name));

	if (!package)
		return;
	add_stop(way, (struct stop){package, STR_EMPTY, text, from});
	for (size_t i = 0; i < requirement.extra_count; i++)
		add_stop(way, (struct stop){package, requirement.extras[i],
					    text, from});
}

static struct lock_strs requires_of(const struct stop *stop)
{
	const struct lock_package *package = stop->package;

	if (stop->extra.n == 0)
	return package->requires;
	for (size_t i = 0; i < package->extra_count; i++)
		if (str_eq(package->extras[i].name, stop->extra))
	return package->extras[i].requires;
	return (struct lock_strs){NULL, 0};
}

/* Follows what stops need, nearest first; ends at the package where one is
 * named. The number of its stop, or -1. */
static ptrdiff_t follow(struct way *way, struct str package)
{
	for (size_t i = 0; i < way->stops.n; i++) {
		struct stop stop = way->stops.p[i];
		struct lock_strs requires = requires_of(&stop);

		if (package.n && str_eq(stop.package->name, package))
			return (ptrdiff_t)i;
		for (size_t k = 0; k < requires.n; k++)
			add_requirement(way, requires.p[k], (ptrdiff_t)i);
	}
	return -1;
}

static void way_release(struct way *way)
{
	map_release(&way->seen);
	array_release(&way->stops);
}

static struct reason make_reason(const struct way *way, size_t root,
				 ptrdiff_t end)
{
	struct reason reason = {.root = root};

	for (ptrdiff_t i = end; i >= 0; i = way->stops.p[i].from)
		reason.n++;
	reason.steps =
		arena_new_array(way->arena, struct reason_step, reason.n);
	for (size_t i = reason.n; i-- > 0; end = way->stops.p[end].from)
		reason.steps[i] =
			(struct reason_step){way->stops.p[end].package,
					     way->stops.p[end].requirement};
	return reason;
}

static int compare_reasons(const void *a, const void *b)
{
	const struct reason *left = a, *right = b;

	if (left->n != right->n)
		return left->n < right->n ? -1 : 1;
	return left->root < right->root ? -1 : left->root > right->root;
}

struct reason *reasons_find(const struct reasons_input *input,
			    struct str package, struct arena *arena,
			    size_t *count)
{
	struct reason *reasons =
		arena_new_array(arena, struct reason, input->roots.n);
	size_t n = 0;

	for (size_t i = 0; i < input->roots.n; i++) {
		struct way way = {.input = input, .arena = arena};

		add_requirement(&way, input->roots.p[i], -1);
		ptrdiff_t end = follow(&way, package);

		if (end >= 0)
			reasons[n++] = make_reason(&way, i, end);
		way_release(&way);
	}
	if (n > 1)
		qsort(reasons, n, sizeof *reasons, compare_reasons);
	*count = n;
	return reasons;
}

void reasons_reach(const struct reasons_input *input, bool *is_reached)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct way way = {.input = input, .arena = &arena};

	for (size_t i = 0; i < input->roots.n; i++)
		add_requirement(&way, input->roots.p[i], -1);
	follow(&way, STR_EMPTY);
	for (size_t i = 0; i < way.stops.n; i++)
		is_reached[way.stops.p[i].package -
			   input->resolution->packages] = true;
	way_release(&way);
}
