/* What `plan --json` prints. */
#include <stdlib.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/map.h"
#include "codec/json.h"
#include "faces/cli/plan_view.h"
#include "work/build.h"

static void set_bytes(json_t *object, const char *key, uint64_t bytes)
{
	json_set_u64(object, key, bytes);
}

static json_t *digest_value(bool known, const struct digest *digest)
{
	return known ? json_string(digest_text(digest).p) : json_null();
}

static const struct manifest_instance *
planned_instance(const struct plan_view *view, size_t planned)
{
	const struct lock_base *base;

	return assembly_planned(view->assembly, planned, &base);
}

/* Names a node of the tree by what it and the nodes below it hold: the same
 * layer may stand on several others. */
static struct digest node_key(const struct plan_view *view, size_t l)
{
	ptrdiff_t parent = view->assembly->plan.layers[l].parent;
	struct digest key = assembly_layer_key(view->assembly, l);
	auto_buf struct buf both = BUF_EMPTY;

	if (parent < 0)
		return key;
	struct digest below = node_key(view, (size_t)parent);

	key_add(&both, str_from(digest_text(&below).p));
	key_add(&both, str_from(digest_text(&key).p));
	return digest_of(buf_str(&both));
}

static json_t *layer_id(const struct plan_view *view, size_t l)
{
	struct digest key = node_key(view, l);
	struct digest_text text = digest_text(&key);

	return json_stringn(digest_hex(&text), 16);
}

/* The names of the planned from start to before end that the layer serves,
 * each once: there is one for each machine or track. */
static json_t *names_json(const struct plan_view *view, size_t l, size_t start,
			  size_t end)
{
	json_t *names = json_array();
	auto_map struct map seen = MAP_EMPTY;

	for (size_t i = start; i < end; i++) {
		struct str name = planned_instance(view, i)->service->name.s;

		if (plan_view_stands_on(view, i, l) && map_add(&seen, name))
			json_array_append_new(names, json_new_str(name));
	}
	return names;
}

static json_t *layer_json(const struct plan_view *view, size_t l)
{
	const struct assembly *assembly = view->assembly;
	const struct plan_layer *layer = &assembly->plan.layers[l];
	const struct layer_result *result = &view->layers[l];
	json_t *entry = json_object(), *parts = json_array();

	for (size_t i = 0; i < layer->part_count; i++)
		json_array_append_new(
			parts,
			json_new_str(assembly->parts[layer->parts[i]].title));
	json_object_set_new(entry, "id", layer_id(view, l));
	json_object_set_new(entry, "parent",
			    layer->parent < 0
				    ? json_null()
				    : layer_id(view, (size_t)layer->parent));
	json_object_set_new(entry, "parts", parts);
	set_bytes(entry, "bytes", result->bytes);
	set_bytes(entry, "compressed_bytes", result->compressed_bytes);
	json_object_set_new(entry, "digest",
			    digest_value(view->known[l], &result->digest));
	json_object_set_new(entry, "diff_id",
			    digest_value(view->known[l], &result->diff_id));
	json_object_set_new(
		entry, "chain_id",
		digest_value(view->has_chain[l], &view->chain_ids[l]));
	json_object_set_new(entry, "absent", json_boolean(view->is_absent[l]));
	json_object_set_new(entry, "new", json_boolean(view->is_new[l]));
	json_object_set_new(entry, "services",
			    names_json(view, l, 0, assembly->planned_count));
	json_object_set_new(entry, "families",
			    names_json(view, l, assembly->planned_count,
				       assembly->input.service_count));
	return entry;
}

/* The layers, bytes and digest of one planned image. */
static void set_image(const struct plan_view *view, size_t planned,
		      json_t *entry)
{
	const struct assembly *assembly = view->assembly;
	ptrdiff_t leaf = assembly->plan.leaves[planned];
	auto_buf struct buf config = BUF_EMPTY, manifest = BUF_EMPTY;
	json_t *layers = json_array();
	uint64_t bytes = 0;

	auto_free size_t *path =
		mem_zalloc(assembly->plan.layers[leaf].depth + 1, sizeof *path);
	size_t n = plan_path(&assembly->plan, planned, path);

	for (size_t i = 0; i < n; i++) {
		json_array_append_new(layers, layer_id(view, path[i]));
		bytes += view->layers[path[i]].compressed_bytes;
	}
	json_object_set_new(entry, "layers", layers);
	set_bytes(entry, "bytes", bytes);
	build_documents(assembly, view->layers, planned, &config, &manifest);
	struct digest digest = digest_of(buf_str(&manifest));

	json_object_set_new(entry, "digest",
			    digest_value(view->has_chain[leaf], &digest));
}

static json_t *images_json(const struct plan_view *view)
{
	json_t *images = json_array();

	for (size_t i = 0; i < view->assembly->planned_count; i++) {
		const struct manifest_instance *instance =
			planned_instance(view, i);
		if (!view->wanted[view->assembly->planned[i]])
			continue;
		json_t *entry = json_object();

		json_object_set_new(entry, "service",
				    json_new_str(instance->service->name.s));
		json_object_set_new(entry, "machine",
				    json_new_str(instance->machine->name.s));
		workspace_set_family(
			entry,
			instance->family ? instance->family->name.s : STR_EMPTY,
			&view->assembly->images[view->assembly->planned[i]]
				 .service->family);
		set_image(view, i, entry);
		json_array_append_new(images, entry);
	}
	return images;
}

static json_t *families_json(const struct plan_view *view)
{
	const struct assembly *assembly = view->assembly;
	json_t *families = json_array();

	for (size_t i = 0; i < assembly->family_count; i++) {
		const struct assemble_family *family = &assembly->families[i];
		json_t *entry;

		if (family->planned < 0)
			continue;
		entry = json_object();
		json_object_set_new(entry, "family",
				    json_new_str(family->family->name.s));
		json_object_set_new(
			entry, "platform",
			json_new_str(family->instance->machine->platform.s));
		json_object_set_new(
			entry, "track",
			json_new_str(family->instance->track->name.s));
		set_bytes(entry, "images", family->image_count);
		set_image(view, (size_t)family->planned, entry);
		json_array_append_new(families, entry);
	}
	return families;
}

static json_t *machines_json(const struct plan_view *view)
{
	json_t *machines = json_array();

	for (size_t i = 0; i < view->assembly->manifest->machines.n; i++) {
		const struct machine_view *machine = &view->machines[i];
		json_t *entry = json_object();

		json_object_set_new(entry, "machine",
				    json_new_str(machine->machine->name.s));
		set_bytes(entry, "images", machine->images);
		set_bytes(entry, "pull_bytes", machine->pull_bytes);
		set_bytes(entry, "change_bytes", machine->change_bytes);
		json_array_append_new(machines, entry);
	}
	return machines;
}

/* -- what could be better -- */

static json_t *family_name(const struct plan_view *view, ptrdiff_t family)
{
	const struct manifest *manifest = view->assembly->manifest;

	return family < 0 ? json_null()
			  : json_new_str(manifest->families.p[family]->name.s);
}

static json_t *proposal_json(const struct plan_view *view,
			     const struct proposal *proposal)
{
	static const char *const kinds[] = {
		[PROPOSAL_FAMILY_PACKAGE] = "family-package",
		[PROPOSAL_NEW_FAMILY] = "new-family",
		[PROPOSAL_EXTRA] = "extra",
	};
	const struct assembly *assembly = view->assembly;
	json_t *entry = json_object(), *packages = json_array();
	json_t *services = json_array();

	for (size_t i = 0; i < proposal->package_count; i++) {
		const struct lock_package *package =
			assembly->parts[proposal->packages[i]].package;

		json_array_append_new(packages,
				      json_sprintf("%s==%s", package->name.p,
						   package->version.p));
	}
	for (size_t i = 0; i < proposal->service_count; i++)
		json_array_append_new(
			services,
			json_new_str(assembly->images[proposal->services[i]]
					     .instance->service->name.s));
	json_object_set_new(entry, "kind", json_string(kinds[proposal->kind]));
	json_object_set_new(entry, "family",
			    family_name(view, proposal->family));
	json_object_set_new(entry, "packages", packages);
	set_bytes(entry, "bytes", proposal->bytes);
	json_object_set_new(entry, "services", services);
	return entry;
}

static json_t *proposals_json(const struct plan_view *view)
{
	json_t *proposals = json_array();

	for (size_t i = 0; i < view->proposals.n; i++)
		json_array_append_new(
			proposals, proposal_json(view, &view->proposals.p[i]));
	return proposals;
}

static json_t *uses_json(const struct plan_view *view)
{
	json_t *uses = json_array();

	for (size_t i = 0; i < view->proposals.use_count; i++) {
		const struct proposal_use *use = &view->proposals.uses[i];
		const struct assemble_part *part =
			&view->assembly->parts[use->package];
		json_t *entry = json_object();

		json_object_set_new(entry, "family",
				    family_name(view, (ptrdiff_t)use->family));
		json_object_set_new(entry, "package",
				    json_new_str(part->package->name));
		set_bytes(entry, "users", use->users);
		set_bytes(entry, "members", use->members);
		json_array_append_new(uses, entry);
	}
	return uses;
}

static json_t *totals_json(const struct plan_view *view)
{
	json_t *totals = json_object();

	set_bytes(totals, "unique_bytes", view->unique_bytes);
	set_bytes(totals, "tree_bytes", view->tree_bytes);
	set_bytes(totals, "unshared_bytes", view->unshared_bytes);
	return totals;
}

static json_t *replan_json(const struct plan_view *view)
{
	const struct assembly *assembly = view->assembly;
	json_t *replan = json_object();

	set_bytes(replan, "planned_bytes", assembly->plan.tree_bytes);
	set_bytes(replan, "replanned_bytes", assembly->fresh_bytes);
	json_object_set_new(
		replan, "worth",
		json_boolean(assembly_is_worth_replanning(assembly)));
	return replan;
}

json_t *plan_view_json(const struct plan_view *view)
{
	json_t *root = json_object(), *layers = json_array();

	for (size_t l = 0; l < view->assembly->plan.layer_count; l++)
		if (view->is_shown[l])
			json_array_append_new(layers, layer_json(view, l));
	json_object_set_new(root, "layers", layers);
	json_object_set_new(root, "images", images_json(view));
	json_object_set_new(root, "families", families_json(view));
	json_object_set_new(root, "machines", machines_json(view));
	json_object_set_new(root, "totals", totals_json(view));
	json_object_set_new(root, "replan", replan_json(view));
	json_object_set_new(root, "proposals", proposals_json(view));
	json_object_set_new(root, "family_packages", uses_json(view));
	if (view->against) {
		json_t *against = json_object();

		set_bytes(against, "images", view->against->images);
		set_bytes(against, "bytes", view->against->bytes);
		json_object_set_new(root, "against", against);
	}
	return root;
}
