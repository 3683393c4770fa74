#include "faces/cli/record_plan.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"
#include "work/build.h"

void record_plan(struct recorded_plan *recorded,
		 const struct manifest *manifest, struct lock *lock,
		 const struct lock *previous, struct runtimes *runtimes,
		 bool replan)
{
	struct assembly *assembly = &recorded->assembly;

	assembly_make_unsourced(assembly, manifest, lock, runtimes);
	recorded->previous = previous;
	recorded->fresh_bytes = assembly->fresh_bytes;
	recorded->kept_bytes = assembly->plan.tree_bytes;
	recorded->is_replanned =
		replan && assembly_is_worth_replanning(assembly);
	if (recorded->is_replanned)
		assembly_replan(assembly);
	recorded->is_new = mem_zalloc(assembly->plan.layer_count,
				      sizeof *recorded->is_new);
	assembly_find_new(assembly, previous ? previous->plan : NULL,
			  previous ? previous->plan_count : 0,
			  recorded->is_new);
	build_forget(assembly, lock);
	lock->plan = plan_record(&assembly->plan, &assembly->input,
				 &lock->arena, &lock->plan_count);
}

void recorded_plan_release(struct recorded_plan *recorded)
{
	free(recorded->is_new);
	assembly_release(&recorded->assembly);
}

static uint64_t pull_bytes(const struct recorded_plan *recorded,
			   const struct manifest_machine *machine,
			   const bool *chosen)
{
	const struct plan *plan = &recorded->assembly.plan;
	auto_free uint64_t *bytes =
		mem_zalloc(plan->layer_count, sizeof *bytes);

	for (size_t l = 0; l < plan->layer_count; l++)
		bytes[l] = plan->layers[l].compressed_bytes;
	return assembly_pull_bytes(&recorded->assembly, machine, bytes, chosen);
}

static void print_replan(const struct recorded_plan *recorded, bool replan)
{
	uint64_t saved = recorded->kept_bytes > recorded->fresh_bytes
				 ? recorded->kept_bytes - recorded->fresh_bytes
				 : 0;

	if (recorded->is_replanned)
		printf("  planned anew: saves %s on disk, and moves layers "
		       "that did not change\n",
		       log_bytes(saved));
	else if (replan)
		printf("  the plan stays: a new one would save %s, which is "
		       "not more than 5 %%\n",
		       log_bytes(saved));
	else if (assembly_is_worth_replanning(&recorded->assembly))
		printf("  a new plan would save %s on disk: slipway lock "
		       "--replan\n",
		       log_bytes(saved));
}

void recorded_plan_print(const struct recorded_plan *recorded, bool replan)
{
	const struct assembly *assembly = &recorded->assembly;
	const struct manifest *manifest = assembly->manifest;
	size_t new = 0;

	for (size_t l = 0; l < assembly->plan.layer_count; l++)
		new += recorded->is_new[l];
	printf("plan: %zu layers besides sources, %zu new, about %s on disk\n",
	       assembly->lock->plan_count, new,
	       log_bytes(assembly->plan.tree_bytes));
	print_replan(recorded, replan);
	if (!recorded->previous || recorded->previous->plan_count == 0)
		return;
	for (size_t i = 0; i < manifest->machines.n; i++) {
		const struct manifest_machine *machine =
			manifest->machines.p[i];
		uint64_t bytes =
			pull_bytes(recorded, machine, recorded->is_new);

		if (bytes)
			printf("  %s pulls about %s for what has changed\n",
			       machine->name.s.p, log_bytes(bytes));
	}
}

static void set_bytes(json_t *object, const char *key, uint64_t bytes)
{
	json_set_u64(object, key, bytes);
}

json_t *recorded_plan_json(const struct recorded_plan *recorded)
{
	const struct assembly *assembly = &recorded->assembly;
	const struct manifest *manifest = assembly->manifest;
	json_t *root = json_object(), *machines = json_array();
	uint64_t new = 0;

	for (size_t l = 0; l < assembly->plan.layer_count; l++)
		new += recorded->is_new[l];
	for (size_t i = 0; i < manifest->machines.n; i++) {
		const struct manifest_machine *machine =
			manifest->machines.p[i];
		json_t *entry = json_object();

		json_object_set_new(entry, "machine",
				    json_new_str(machine->name.s));
		set_bytes(entry, "pull_bytes",
			  pull_bytes(recorded, machine, NULL));
		set_bytes(entry, "change_bytes",
			  pull_bytes(recorded, machine, recorded->is_new));
		json_array_append_new(machines, entry);
	}
	set_bytes(root, "layers", assembly->lock->plan_count);
	set_bytes(root, "new_layers", new);
	set_bytes(root, "tree_bytes", assembly->plan.tree_bytes);
	set_bytes(root, "unique_bytes", assembly->plan.unique_bytes);
	set_bytes(root, "replan_bytes", recorded->fresh_bytes);
	json_object_set_new(root, "replanned",
			    json_boolean(recorded->is_replanned));
	json_object_set_new(root, "machines", machines);
	return root;
}

bool plan_is_current(const struct manifest *manifest, const struct lock *lock,
		     struct runtimes *runtimes)
{
	auto_assembly struct assembly assembly = {0};

	assembly_make_unsourced(&assembly, manifest, lock, runtimes);
	for (size_t l = 0; l < assembly.plan.layer_count; l++) {
		const struct plan_layer *layer = &assembly.plan.layers[l];

		if (!layer->is_remembered &&
		    assembly.plan_parts[layer->parts[0]].kind < PLAN_INIT)
			return false;
	}
	return true;
}
