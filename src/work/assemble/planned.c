/* The plan of an assembly: what the planner is given, and what follows. */
#include <stdlib.h>

#include "base/array.h"
#include "base/map.h"
#include "work/assemble/assemble_private.h"

/* A plan without memory has to save more than 1/20. */
enum { REPLAN_SHARE = 20 };

static void add_images(struct assembly *assembly, struct plan_service *services)
{
	assembly->planned = arena_new_array(&assembly->arena, size_t,
					    assembly->image_count);
	for (size_t i = 0; i < assembly->image_count; i++) {
		const struct assemble_image *image = &assembly->images[i];

		if (image->error)
			continue;
		services[assembly->planned_count] = (struct plan_service){
			arena_printf(&assembly->arena, "%s@%s",
				     image->instance->service->name.s.p,
				     image->instance->machine->name.s.p),
			image->parts, image->part_count, image->family, false};
		assembly->planned[assembly->planned_count++] = i;
	}
}

/* The base and the init of the first of its services, and the family's own. */
static struct plan_service family_service(struct assembly *assembly,
					  size_t number)
{
	const struct assemble_family *family = &assembly->families[number];
	const struct assemble_image *first = family->first;
	size_t *parts = arena_new_array(&assembly->arena, size_t,
					first->part_count + family->part_count);
	size_t n = 0;

	for (size_t i = 0; i < first->part_count; i++)
		if (assembly->plan_parts[first->parts[i]].kind == PLAN_BASE ||
		    assembly->plan_parts[first->parts[i]].kind == PLAN_INIT)
			parts[n++] = first->parts[i];
	for (size_t i = 0; i < family->part_count; i++)
		parts[n++] = family->parts[i];
	return (struct plan_service){
		arena_printf(&assembly->arena, "family %s %s %s",
			     family->family->name.s.p,
			     family->instance->machine->platform.s.p,
			     family->instance->track->name.s.p),
		parts, n, (ptrdiff_t)number, true};
}

static void make_input(struct assembly *assembly)
{
	struct plan_family *families = arena_new_array(
		&assembly->arena, struct plan_family, assembly->family_count);
	struct plan_service *services =
		arena_new_array(&assembly->arena, struct plan_service,
				assembly->image_count + assembly->family_count);

	add_images(assembly, services);
	size_t n = assembly->planned_count;

	for (size_t i = 0; i < assembly->family_count; i++) {
		struct assemble_family *family = &assembly->families[i];

		families[i] = (struct plan_family){
			family->parent, family->parts, family->part_count};
		if (!family->instance)
			continue;
		family->planned = (ptrdiff_t)n;
		services[n++] = family_service(assembly, i);
	}
	assembly->input = (struct plan_input){
		.parts = assembly->plan_parts,
		.part_count = assembly->part_count,
		.families = families,
		.family_count = assembly->family_count,
		.services = services,
		.service_count = n,
	};
}

static struct plan_options plan_options(const struct assembly *assembly,
					bool remember)
{
	const struct manifest_policy *policy = &assembly->manifest->policy;

	return (struct plan_options){
		.max_layers = policy->layers_max,
		.max_layer_bytes = policy->layers_max_bytes,
		.memory = remember ? assembly->lock->plan : NULL,
		.memory_count = remember ? assembly->lock->plan_count : 0,
	};
}

void assemble_plan(struct assembly *assembly)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct plan_options options = plan_options(assembly, true);
	struct plan_options forgetful = plan_options(assembly, false);
	struct plan fresh;

	make_input(assembly);
	plan_make(&assembly->plan, &assembly->arena, &assembly->input,
		  &options);
	plan_make(&fresh, &arena, &assembly->input, &forgetful);
	assembly->fresh_bytes = fresh.tree_bytes;
}

void assembly_replan(struct assembly *assembly)
{
	struct plan_options options = plan_options(assembly, false);

	plan_make(&assembly->plan, &assembly->arena, &assembly->input,
		  &options);
}

bool assembly_is_worth_replanning(const struct assembly *assembly)
{
	uint64_t bytes = assembly->plan.tree_bytes;

	return bytes > assembly->fresh_bytes &&
	       bytes - assembly->fresh_bytes > bytes / REPLAN_SHARE;
}

const struct manifest_instance *
assembly_planned(const struct assembly *assembly, size_t planned,
		 const struct lock_base **base)
{
	const struct plan_service *service = &assembly->input.services[planned];

	if (service->is_family_image) {
		const struct assemble_family *family =
			&assembly->families[service->family];

		*base = family->first->base;
		return family->instance;
	}
	*base = assembly->images[assembly->planned[planned]].base;
	return assembly->images[assembly->planned[planned]].instance;
}

void assembly_mark_families(const struct assembly *assembly, bool *layers)
{
	const struct plan *plan = &assembly->plan;

	for (size_t i = 0; i < assembly->family_count; i++) {
		ptrdiff_t planned = assembly->families[i].planned;
		ptrdiff_t leaf =
			planned < 0 ? PLAN_NONE : plan->leaves[planned];

		if (leaf >= 0 && plan->layers[leaf].parent >= 0 &&
		    layers[plan->layers[leaf].parent])
			layers[leaf] = true;
	}
}

size_t assembly_find_new(const struct assembly *assembly,
			 const struct lock_node *nodes, size_t count, bool *out)
{
	const struct plan *plan = &assembly->plan;
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_map struct map old = MAP_EMPTY;
	size_t recorded, found = 0;
	struct lock_node *made =
		plan_record(plan, &assembly->input, &arena, &recorded);

	for (size_t i = 0; i < count; i++)
		map_add(&old, nodes[i].id);
	/* Recorded are the layers in their order, up to PLAN_INIT. */
	for (size_t l = 0, next = 0; l < plan->layer_count; l++) {
		size_t part = plan->layers[l].parts[0];

		out[l] = assembly->plan_parts[part].kind < PLAN_INIT &&
			 !map_has(&old, made[next++].id);
		found += out[l];
	}
	return found;
}

uint64_t assembly_pull_bytes(const struct assembly *assembly,
			     const struct manifest_machine *machine,
			     const uint64_t *bytes, const bool *chosen)
{
	const struct plan *plan = &assembly->plan;
	auto_free bool *is_pulled =
		mem_zalloc(plan->layer_count, sizeof *is_pulled);
	uint64_t sum = 0;

	for (size_t i = 0; i < assembly->planned_count; i++) {
		const struct assemble_image *image =
			&assembly->images[assembly->planned[i]];

		if (image->instance->machine != machine)
			continue;
		for (ptrdiff_t l = plan->leaves[i]; l >= 0 && !is_pulled[l];
		     l = plan->layers[l].parent) {
			is_pulled[l] = true;
			if (!chosen || chosen[l])
				sum += bytes[l];
		}
	}
	return sum;
}
