/* slipway plan: the tree of layers, and who shares what. */
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/log.h"
#include "codec/json.h"
#include "decisions/image.h"
#include "faces/cli/failures.h"
#include "faces/cli/verbs.h"
#include "faces/cli/workspace.h"
#include "work/build.h"
#include "work/check.h"

/* A plan with what the store knows of its layers. */
struct view {
	const struct assembly *assembly;
	struct layer_result *layers;
	bool *known;
	struct digest *chain_ids; /* where known from the base up */
	bool *has_chain;
	const bool *wanted; /* per image of the assembly: is shown */
};

static void look_up(struct view *view, struct store *store)
{
	const struct plan *plan = &view->assembly->plan;

	view->layers = mem_zalloc(plan->layer_count, sizeof *view->layers);
	view->known = mem_zalloc(plan->layer_count, sizeof *view->known);
	view->chain_ids =
		mem_zalloc(plan->layer_count, sizeof *view->chain_ids);
	view->has_chain =
		mem_zalloc(plan->layer_count, sizeof *view->has_chain);
	for (size_t l = 0; l < plan->layer_count; l++) {
		struct digest key = assembly_layer_key(view->assembly, l);
		ptrdiff_t parent = plan->layers[l].parent;

		view->known[l] =
			build_layer_record(store, &key, &view->layers[l]);
		if (!view->known[l]) {
			view->layers[l].bytes = plan->layers[l].bytes;
			view->layers[l].compressed_bytes =
				plan->layers[l].compressed_bytes;
			continue;
		}
		const struct digest *diff_id = &view->layers[l].diff_id;

		view->has_chain[l] = parent < 0 || view->has_chain[parent];
		if (view->has_chain[l])
			view->chain_ids[l] = image_chain_id(
				parent < 0 ? NULL : &view->chain_ids[parent],
				diff_id);
	}
}

static void view_release(struct view *view)
{
	free(view->layers);
	free(view->known);
	free(view->chain_ids);
	free(view->has_chain);
}
#define auto_view __attribute__((cleanup(view_release)))

static const struct manifest_instance *planned_instance(const struct view *view,
							size_t planned)
{
	const struct assembly *assembly = view->assembly;

	return assembly->images[assembly->planned[planned]].instance;
}

/* True where the layer lies on the path of a planned image. */
static bool stands_on(const struct plan *plan, size_t planned, size_t layer)
{
	ptrdiff_t l = plan->leaves[planned];

	while (l >= 0 && l != (ptrdiff_t)layer)
		l = plan->layers[l].parent;
	return l >= 0;
}

static bool is_image_shown(const struct view *view, size_t planned)
{
	return view->wanted[view->assembly->planned[planned]];
}

/* True where a shown image stands on the layer. */
static bool is_layer_shown(const struct view *view, size_t layer)
{
	const struct assembly *assembly = view->assembly;

	for (size_t i = 0; i < assembly->planned_count; i++)
		if (is_image_shown(view, i) &&
		    stands_on(&assembly->plan, i, layer))
			return true;
	return false;
}

/* -- JSON -- */

static json_t *digest_value(bool known, const struct digest *digest)
{
	return known ? json_string(digest_text(digest).p) : json_null();
}

/* Names a node of the tree by what it and the nodes below it hold: the same
 * layer may stand on several others. */
static struct digest node_key(const struct view *view, size_t l)
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

static json_t *layer_id(const struct view *view, size_t l)
{
	struct digest key = node_key(view, l);
	struct digest_text text = digest_text(&key);

	return json_stringn(digest_hex(&text), 16);
}

static json_t *layer_json(const struct view *view, size_t l)
{
	const struct assembly *assembly = view->assembly;
	const struct plan_layer *layer = &assembly->plan.layers[l];
	const struct layer_result *result = &view->layers[l];
	json_t *entry = json_object(), *parts = json_array();
	json_t *services = json_array();

	for (size_t i = 0; i < layer->part_count; i++)
		json_array_append_new(
			parts,
			json_new_str(assembly->parts[layer->parts[i]].title));
	for (size_t i = 0; i < assembly->planned_count; i++)
		if (stands_on(&assembly->plan, i, l))
			json_array_append_new(
				services,
				json_new_str(planned_instance(view, i)
						     ->service->name.s));
	json_object_set_new(entry, "id", layer_id(view, l));
	json_object_set_new(entry, "parent",
			    layer->parent < 0
				    ? json_null()
				    : layer_id(view, (size_t)layer->parent));
	json_object_set_new(entry, "parts", parts);
	json_object_set_new(entry, "bytes",
			    json_integer((json_int_t)result->bytes));
	json_object_set_new(entry, "compressed_bytes",
			    json_integer((json_int_t)result->compressed_bytes));
	json_object_set_new(entry, "digest",
			    digest_value(view->known[l], &result->digest));
	json_object_set_new(entry, "diff_id",
			    digest_value(view->known[l], &result->diff_id));
	json_object_set_new(
		entry, "chain_id",
		digest_value(view->has_chain[l], &view->chain_ids[l]));
	json_object_set_new(entry, "services", services);
	return entry;
}

static json_t *image_json(const struct view *view, size_t planned)
{
	const struct assembly *assembly = view->assembly;
	const struct manifest_instance *instance =
		planned_instance(view, planned);
	ptrdiff_t leaf = assembly->plan.leaves[planned];
	json_t *entry = json_object(), *layers = json_array();
	auto_buf struct buf config = BUF_EMPTY, manifest = BUF_EMPTY;
	uint64_t bytes = 0;

	auto_free size_t *path =
		mem_zalloc(assembly->plan.layers[leaf].depth + 1, sizeof *path);
	size_t n = plan_path(&assembly->plan, planned, path);

	for (size_t i = 0; i < n; i++) {
		json_array_append_new(layers, layer_id(view, path[i]));
		bytes += view->layers[path[i]].compressed_bytes;
	}
	json_object_set_new(entry, "service",
			    json_new_str(instance->service->name.s));
	json_object_set_new(entry, "machine",
			    json_new_str(instance->machine->name.s));
	json_object_set_new(entry, "layers", layers);
	json_object_set_new(entry, "bytes", json_integer((json_int_t)bytes));
	build_documents(assembly, view->layers, planned, &config, &manifest);
	struct digest digest = digest_of(buf_str(&manifest));

	json_object_set_new(entry, "digest",
			    digest_value(view->has_chain[leaf], &digest));
	return entry;
}

struct totals {
	uint64_t unique_bytes, tree_bytes, unshared_bytes;
};

static struct totals sum_up(const struct view *view)
{
	const struct plan *plan = &view->assembly->plan;
	struct totals totals = {.unique_bytes = plan->unique_bytes};

	for (size_t l = 0; l < plan->layer_count; l++) {
		totals.tree_bytes += view->layers[l].bytes;
		totals.unshared_bytes +=
			view->layers[l].bytes * plan->layers[l].service_count;
	}
	return totals;
}

static void print_json(const struct view *view)
{
	const struct assembly *assembly = view->assembly;
	struct totals sums = sum_up(view);
	json_t *root = json_object(), *layers = json_array();
	json_t *images = json_array(), *totals = json_object();

	for (size_t l = 0; l < assembly->plan.layer_count; l++)
		if (is_layer_shown(view, l))
			json_array_append_new(layers, layer_json(view, l));
	for (size_t i = 0; i < assembly->planned_count; i++)
		if (is_image_shown(view, i))
			json_array_append_new(images, image_json(view, i));
	json_object_set_new(totals, "unique_bytes",
			    json_integer((json_int_t)sums.unique_bytes));
	json_object_set_new(totals, "tree_bytes",
			    json_integer((json_int_t)sums.tree_bytes));
	json_object_set_new(totals, "unshared_bytes",
			    json_integer((json_int_t)sums.unshared_bytes));
	json_object_set_new(root, "layers", layers);
	json_object_set_new(root, "images", images);
	json_object_set_new(root, "totals", totals);
	workspace_print_json(root);
}

/* -- text -- */

static void print_node(const struct view *view, size_t l)
{
	const struct assembly *assembly = view->assembly;
	const struct plan_layer *layer = &assembly->plan.layers[l];
	auto_arena struct arena arena = ARENA_EMPTY;
	struct str title = assembly_layer_title(assembly, l, &arena);

	printf("%*s" STR_FMT "  %s%s", (int)(2 * layer->depth), "",
	       STR_ARG(title), view->known[l] ? "" : "about ",
	       log_bytes(view->layers[l].compressed_bytes));
	if (layer->service_count > 1)
		printf("  shared by %zu images", layer->service_count);
	putchar('\n');
}

/* Children follow their parent, as the planner gives them. */
static void print_text(const struct view *view)
{
	const struct assembly *assembly = view->assembly;
	struct totals sums = sum_up(view);

	for (size_t l = 0; l < assembly->plan.layer_count; l++)
		if (is_layer_shown(view, l))
			print_node(view, l);
	printf("the fleet: %zu images, %zu layers: %s on disk, %s without "
	       "sharing\n",
	       assembly->planned_count, assembly->plan.layer_count,
	       log_bytes(sums.tree_bytes), log_bytes(sums.unshared_bytes));
}

static int run(const struct cli_options *options, struct error **err)
{
	auto_workspace struct workspace workspace = {0};
	auto_source_tree struct source_tree tree = SOURCE_TREE_EMPTY;
	auto_check struct check check = {0};
	auto_assembly struct assembly assembly = {0};
	auto_view struct view view = {.assembly = &assembly};

	if (workspace_open(&workspace, options,
			   WORKSPACE_MANIFEST | WORKSPACE_LOCK |
				   WORKSPACE_STORE | WORKSPACE_NETWORK,
			   err))
		return -1;
	auto_free bool *chosen = workspace_select(&workspace, err);

	if (!chosen || workspace_check(&workspace, &tree, &check, err))
		return -1;
	assembly_make(&assembly, &check, workspace.lock, workspace.runtimes);
	auto_free bool *wanted = cli_wanted_images(&assembly, chosen);

	view.wanted = wanted;
	look_up(&view, workspace.store);
	if (options->json)
		print_json(&view);
	else
		print_text(&view);
	return 0;
}

const struct cli_verb verb_plan = {
	.name = "plan",
	.summary = "the tree of layers: sizes, and who shares what",
	.synopsis = "[SERVICE...]",
	.about = "Shows how the images of the fleet share layers. Sizes that "
		 "no build has\n"
		 "measured yet are estimates from the lock. With a SERVICE "
		 "only its layers and\n"
		 "images are shown; the sums are always those of the fleet.\n"
		 "\n"
		 "  slipway plan\n"
		 "  slipway plan machine:pc2\n"
		 "  slipway plan --json | jq .totals",
	.takes_words = true,
	.selects = true,
	.run = run,
};
