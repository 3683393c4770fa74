#include "faces/cli/workspace.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/error.h"
#include "base/fs.h"
#include "codec/json.h"
#include "work/check.h"

int workspace_open_index(struct workspace *workspace, struct error **err)
{
	const struct manifest *manifest = workspace->manifest;
	ARRAY(struct pyindex_binding) bindings = ARRAY_EMPTY;

	for (size_t t = 0; manifest && t < manifest->tracks.n; t++) {
		const struct manifest_track *track = manifest->tracks.p[t];

		for (size_t i = 0; i < track->indexes.n; i++) {
			const struct manifest_index *index =
				&track->indexes.p[i];

			for (size_t k = 0; k < index->packages.n; k++) {
				struct pyindex_binding binding = {
					index->packages.p[k].s, index->url.s};

				array_push(&bindings, binding);
			}
		}
	}
	struct pyindex_options options = {
		.fetch = workspace->fetch,
		.folder = workspace->options->folder,
		.bindings = bindings.p,
		.binding_count = bindings.n,
	};
	int result = pyindex_new(&options, &workspace->index, err);

	array_release(&bindings);
	return result;
}

static void open_runtimes(struct workspace *workspace)
{
	struct runtime_options options = {
		.lock = workspace->lock,
		.store = workspace->store,
		.fetch = workspace->fetch,
		.jobs = workspace->options->jobs,
		.manifest = workspace->manifest,
		.folder = workspace->options->folder,
	};

	workspace->runtimes = runtimes_new(&options);
}

/* Gives services with `family: auto` what the lock says. */
static void apply_families(struct manifest *manifest, const struct lock *lock)
{
	for (size_t i = 0; i < manifest->instances.n; i++) {
		struct manifest_instance *instance = manifest->instances.p[i];
		const struct lock_service *service =
			lock_find_service(lock, instance->service->name.s,
					  instance->machine->name.s);

		if (instance->is_family_auto && service)
			manifest_choose_family(
				manifest, instance,
				manifest_family(manifest,
						service->family.name));
	}
}

int workspace_open(struct workspace *workspace,
		   const struct cli_options *options, unsigned needs,
		   struct error **err)
{
	struct fetch_options fetch = {.offline = options->offline};

	*workspace = (struct workspace){
		.options = options,
		.manifest_path = path_join(options->folder, "fleet.yaml"),
		.lock_path = path_join(options->folder, "fleet.lock.json"),
	};
	if ((needs & WORKSPACE_MANIFEST) &&
	    manifest_load(workspace->manifest_path, &workspace->manifest, err))
		return -1;
	if (((needs & WORKSPACE_LOCK) || ((needs & WORKSPACE_LOCK_IF_THERE) &&
					  fs_exists(workspace->lock_path))) &&
	    lock_read(workspace->lock_path, &workspace->lock, err))
		return -1;
	if ((needs & WORKSPACE_LOCK) &&
	    workspace->lock->version < LOCK_VERSION) {
		err_make(err, ERR_FLEET,
			 "%s: an older slipway wrote it, without what is "
			 "needed now",
			 workspace->lock_path);
		return err_hint(err, "run: slipway lock");
	}
	if ((needs & WORKSPACE_STORE) &&
	    store_open(options->store, &workspace->store, err))
		return -1;
	if (needs & WORKSPACE_NETWORK) {
		workspace->fetch = fetch_new(&fetch);
		if (workspace_open_index(workspace, err))
			return -1;
	}
	if (workspace->lock && workspace->manifest)
		apply_families(workspace->manifest, workspace->lock);
	if (workspace->lock && workspace->store)
		open_runtimes(workspace);
	return 0;
}

void workspace_close(struct workspace *workspace)
{
	runtimes_free(workspace->runtimes);
	pyindex_free(workspace->index);
	fetch_free(workspace->fetch);
	store_close(workspace->store);
	lock_free(workspace->lock);
	manifest_free(workspace->manifest);
	arena_release(&workspace->arena);
	free(workspace->lock_path);
	free(workspace->manifest_path);
}

bool *workspace_select(const struct workspace *workspace, struct error **err)
{
	const struct cli_options *options = workspace->options;
	const struct manifest *manifest = workspace->manifest;
	auto_selection struct manifest_selection selection = ARRAY_EMPTY;

	if (manifest_select(manifest, (const char *const *)options->words,
			    options->word_count, &selection, err))
		return NULL;
	bool *chosen = mem_zalloc(manifest->instances.n, sizeof *chosen);

	for (size_t i = 0; i < selection.n; i++)
		for (size_t k = 0; k < manifest->instances.n; k++)
			if (manifest->instances.p[k] == selection.p[i])
				chosen[k] = true;
	return chosen;
}

static int open_tree(struct workspace *workspace, struct source_tree *tree,
		     struct error **err)
{
	const struct manifest *manifest = workspace->manifest;
	const struct manifest_texts *exclude = &manifest->source.exclude;
	struct str *globs =
		arena_new_array(&workspace->arena, struct str, exclude->n);
	auto_free char *root = path_join(workspace->options->folder,
					 manifest->source.root.s.p);

	for (size_t i = 0; i < exclude->n; i++)
		globs[i] = exclude->p[i].s;
	return source_tree_open(tree, &workspace->arena, root, globs,
				exclude->n, err);
}

int workspace_check(struct workspace *workspace, struct source_tree *tree,
		    struct check *check, struct error **err)
{
	struct check_options options = {
		.manifest = workspace->manifest,
		.tree = tree,
		.lock = workspace->lock,
		.runtimes = workspace->runtimes,
		.store = workspace->store,
		.jobs = workspace->options->jobs,
	};

	return open_tree(workspace, tree, err) ||
			       check_run(&options, check, err)
		       ? -1
		       : 0;
}

static void set_or_null(json_t *object, const char *key, struct str text)
{
	json_object_set_new(object, key,
			    text.n ? json_new_str(text) : json_null());
}

void workspace_set_family(struct json_t *object, struct str family,
			  const struct lock_family *choice)
{
	set_or_null(object, "family", family);
	set_or_null(object, "family_by", choice->by);
	set_or_null(object, "family_why", choice->why);
}

void workspace_print_json(struct json_t *value)
{
	auto_json json_t *owned = value;
	auto_buf struct buf text = BUF_EMPTY;

	json_append_pretty(&text, owned);
	fwrite(text.p, 1, text.n, stdout);
}
