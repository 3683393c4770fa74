/* What `plan` prints for people. */
#include <stdio.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/log.h"
#include "faces/cli/plan_view.h"

enum {
	MAX_NAMES = 4,	   /* of services or packages on a line */
	MAX_PROPOSALS = 5, /* the best; --json has all */
};

/* "A, B, C, D and 3 more" */
struct list {
	struct buf text;
	size_t n;
};

static void list_add(struct list *list, struct str name)
{
	if (list->n++ < MAX_NAMES)
		buf_printf(&list->text, "%s" STR_FMT, list->n > 1 ? ", " : "",
			   STR_ARG(name));
}

static const char *list_text(struct list *list)
{
	if (list->n > MAX_NAMES)
		buf_printf(&list->text, " and %zu more", list->n - MAX_NAMES);
	return buf_text(&list->text);
}

static void list_release(struct list *list)
{
	buf_release(&list->text);
}
#define auto_list __attribute__((cleanup(list_release)))

/* -- the tree -- */

/* The families whose own image ends with this layer. */
static void print_families(const struct plan_view *view, size_t l)
{
	const struct assembly *assembly = view->assembly;

	for (size_t i = 0; i < assembly->family_count; i++) {
		const struct assemble_family *family = &assembly->families[i];

		if (family->planned >= 0 &&
		    assembly->plan.leaves[family->planned] == (ptrdiff_t)l)
			printf("  = family " STR_FMT " (" STR_FMT ")",
			       STR_ARG(family->family->name.s),
			       STR_ARG(family->instance->track->name.s));
	}
}

static void print_sharers(const struct plan_view *view, size_t l)
{
	const struct assembly *assembly = view->assembly;
	auto_list struct list names = {BUF_EMPTY, 0};
	const struct manifest_service *last = NULL;

	if (assembly->plan.layers[l].service_count < 2)
		return;
	for (size_t i = 0; i < assembly->planned_count; i++) {
		const struct manifest_service *service =
			assembly->images[assembly->planned[i]]
				.instance->service;

		/* Images of one service follow one another. */
		if (service != last && plan_view_stands_on(view, i, l)) {
			list_add(&names, service->name.s);
			last = service;
		}
	}
	printf("  %zu images: %s", assembly->plan.layers[l].service_count,
	       list_text(&names));
}

/* Stacks that all stand on one another are one level; branches go deeper. */
static void print_tree(const struct plan_view *view)
{
	const struct plan *plan = &view->assembly->plan;
	auto_free size_t *children =
		mem_zalloc(plan->layer_count, sizeof *children);
	auto_free int *indents = mem_zalloc(plan->layer_count, sizeof *indents);

	for (size_t l = 0; l < plan->layer_count; l++)
		if (plan->layers[l].parent >= 0)
			children[plan->layers[l].parent]++;
	for (size_t l = 0; l < plan->layer_count; l++) {
		ptrdiff_t parent = plan->layers[l].parent;
		auto_arena struct arena arena = ARENA_EMPTY;
		struct str title =
			assembly_layer_title(view->assembly, l, &arena);

		if (!view->is_shown[l])
			continue;
		if (parent >= 0)
			indents[l] = indents[parent] +
				     (children[parent] > 1 ? 2 : 0);
		printf("%*s%c%9s  " STR_FMT, indents[l], "",
		       view->known[l] ? ' ' : '~',
		       log_bytes(view->layers[l].compressed_bytes),
		       STR_ARG(title));
		print_families(view, l);
		print_sharers(view, l);
		puts(view->is_new[l] ? "  (new)" : "");
	}
}

/* -- sums -- */

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100 * (double)part / (double)whole : 0;
}

static void print_saved(const char *what, uint64_t before, uint64_t now)
{
	if (before >= now)
		printf("  %s %s: saves %s, %.0f %%\n", log_bytes(before), what,
		       log_bytes(before - now), percent(before - now, before));
	else
		printf("  %s %s: takes %s more\n", log_bytes(before), what,
		       log_bytes(now - before));
}

static void print_sums(const struct plan_view *view)
{
	const struct assembly *assembly = view->assembly;
	uint64_t over = view->tree_bytes > view->unique_bytes
				? view->tree_bytes - view->unique_bytes
				: 0;
	uint64_t absent = 0;
	bool is_known = true;

	for (size_t l = 0; l < assembly->plan.layer_count; l++) {
		is_known = is_known && view->known[l];
		if (view->is_absent[l])
			absent += view->layers[l].compressed_bytes;
	}
	printf("\n%zu images, %zu layers: %s%s on disk\n",
	       assembly->planned_count, assembly->plan.layer_count,
	       is_known ? "" : "about ", log_bytes(view->tree_bytes));
	printf("  %s is the least, with every file once: %.1f %% above it\n",
	       log_bytes(view->unique_bytes),
	       percent(over, view->unique_bytes));
	if (absent)
		printf("  %s of it are known and not in the store\n",
		       log_bytes(absent));
	print_saved("without sharing", view->unshared_bytes, view->tree_bytes);
	if (view->against) {
		auto_buf struct buf what = BUF_EMPTY;

		buf_printf(&what, "in today's %zu images, as docker counts",
			   view->against->images);
		print_saved(buf_text(&what), view->against->bytes,
			    view->tree_bytes);
	}
}

static void print_machines(const struct plan_view *view)
{
	const struct assembly *assembly = view->assembly;

	for (size_t i = 0; i < assembly->manifest->machines.n; i++) {
		const struct machine_view *machine = &view->machines[i];

		printf("  %s pulls %s for %zu images",
		       machine->machine->name.s.p,
		       log_bytes(machine->pull_bytes), machine->images);
		if (view->new_count)
			printf(", %s of it for what has changed",
			       log_bytes(machine->change_bytes));
		putchar('\n');
	}
}

/* -- families that slipway chose -- */

static void print_choices(const struct plan_view *view)
{
	const struct assembly *assembly = view->assembly;
	const struct lock_service *last = NULL;

	for (size_t i = 0; i < assembly->image_count; i++) {
		const struct assemble_image *image = &assembly->images[i];
		const struct lock_family *chosen;

		/* Images of one service follow one another. */
		if (!view->wanted[i] || !image->service ||
		    image->service == last)
			continue;
		last = image->service;
		chosen = &last->family;
		if (chosen->by.n)
			printf("  %s" STR_FMT ", chosen for " STR_FMT
			       ": " STR_FMT "\n",
			       chosen->name.n ? "family " : "no family",
			       STR_ARG(chosen->name), STR_ARG(last->name),
			       STR_ARG(chosen->why));
	}
}

/* -- what could be better -- */

static void print_proposal(const struct plan_view *view,
			   const struct proposal *proposal)
{
	const struct assembly *assembly = view->assembly;
	const char *family = proposal->family < 0 ? NULL
						  : assembly->manifest->families
							    .p[proposal->family]
							    ->name.s.p;
	auto_list struct list packages = {BUF_EMPTY, 0};
	auto_list struct list services = {BUF_EMPTY, 0};

	for (size_t i = 0; i < proposal->asked_count; i++)
		list_add(&packages,
			 assembly->parts[proposal->packages[i]].package->name);
	for (size_t i = 0; i < proposal->service_count; i++)
		list_add(&services, assembly->images[proposal->services[i]]
					    .instance->service->name.s);
	if (proposal->kind == PROPOSAL_FAMILY_PACKAGE)
		printf("  family %s could carry %s: all its %zu services have "
		       "it\n",
		       family, list_text(&packages), proposal->service_count);
	else if (proposal->kind == PROPOSAL_EXTRA)
		printf("  %s: shared by %zu services of several families "
		       "(%s); a family below them could carry it\n",
		       list_text(&packages), proposal->service_count,
		       list_text(&services));
	else
		printf("  a family%s%s with %s would serve %zu services: %s\n",
		       family ? " that extends " : "", family ? family : "",
		       list_text(&packages), proposal->service_count,
		       list_text(&services));
}

static void print_uses(const struct plan_view *view)
{
	const struct assembly *assembly = view->assembly;

	for (size_t i = 0; i < view->proposals.use_count; i++) {
		const struct proposal_use *use = &view->proposals.uses[i];

		if (use->users * 2 >= use->members)
			continue;
		printf("  family %s carries %s, which %zu of its %zu services "
		       "use\n",
		       assembly->manifest->families.p[use->family]->name.s.p,
		       assembly->parts[use->package].package->name.p,
		       use->users, use->members);
	}
}

static void print_advice(const struct plan_view *view)
{
	const struct assembly *assembly = view->assembly;

	for (size_t i = 0; i < view->proposals.n && i < MAX_PROPOSALS; i++)
		print_proposal(view, &view->proposals.p[i]);
	if (view->proposals.n > MAX_PROPOSALS)
		printf("  and %zu more such proposals: --json lists them\n",
		       view->proposals.n - MAX_PROPOSALS);
	print_uses(view);
	if (assembly_is_worth_replanning(assembly))
		printf("  a new plan would save %s on disk: slipway lock "
		       "--replan\n",
		       log_bytes(assembly->plan.tree_bytes -
				 assembly->fresh_bytes));
}

void plan_view_print(const struct plan_view *view)
{
	print_tree(view);
	print_sums(view);
	print_machines(view);
	print_choices(view);
	print_advice(view);
}
