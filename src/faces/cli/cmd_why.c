/* slipway why: the ways from a service to a package. */
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "codec/json.h"
#include "decisions/reasons.h"
#include "faces/cli/verbs.h"
#include "faces/cli/workspace.h"
#include "facts/version.h"
#include "work/check.h"

enum {
	MAX_PRINTED = 10,	  /* reasons; --json has all */
	MAX_FILE_BYTES = 1 << 20, /* of requirements */
	NEAR = 3, /* letters that a misspelt name may differ by */
};

/* What brings a requirement into a service. */
struct root {
	const char *kind; /* "import", "requirement" */
	struct str file;  /* "": not known */
	size_t line;
	const char *level;   /* of an import, or NULL */
	struct str what;     /* "import torch", "extra: torch>=2" */
	struct str requires; /* the requirement */
};

struct roots {
	struct root *p;
	size_t n, capacity;
};

struct question {
	struct workspace *workspace;
	const struct check_instance *checked;
	const struct manifest_instance *instance;
	const struct lock_service *service;
	const struct lock_resolution *resolution;
	struct str package; /* normalised */
	struct arena arena;
	struct roots roots;
	struct reason *reasons;
	size_t reason_count;
};

static struct str name_of(struct question *question, struct str requirement)
{
	struct requirement parsed;
	const char *what;

	return requirement_parse(requirement, &question->arena, &parsed, &what)
		       ? parsed.name
		       : STR_EMPTY;
}

/* -- roots -- */

static void add_imports(struct question *question,
			const struct source_tree *tree)
{
	const struct check_instance *checked = question->checked;
	const struct graph *graph = &checked->graph;

	for (size_t i = 0; checked->owners && i < graph->import_count; i++) {
		const struct graph_import *import = &graph->imports[i];
		struct str owner = checked->owners[i].distribution;
		struct root root = {
			.kind = "import",
			.line = import->line,
			.level = pyscan_level_text(import->level),
			.requires = owner,
		};

		if (owner.n == 0)
			continue;
		if (import->file != GRAPH_NO_FILE)
			root.file = tree->files[import->file].path;
		root.what = import->name.n
				    ? arena_printf(&question->arena,
						   "from " STR_FMT
						   " import " STR_FMT,
						   STR_ARG(import->module),
						   STR_ARG(import->name))
				    : arena_printf(&question->arena,
						   "import " STR_FMT,
						   STR_ARG(import->module));
		array_push(&question->roots, root);
	}
}

/* Requirements written in the manifest. */
static void add_texts(struct question *question, const char *where,
		      const struct manifest_texts *texts)
{
	for (size_t i = 0; i < texts->n; i++) {
		struct root root = {
			.kind = "requirement",
			.file = STR("fleet.yaml"),
			.line = texts->p[i].at.line,
			.what = arena_printf(&question->arena, "%s: " STR_FMT,
					     where, STR_ARG(texts->p[i].s)),
			.requires = texts->p[i].s,
		};

		array_push(&question->roots, root);
	}
}

static void add_file(struct question *question, struct str name)
{
	const struct workspace *workspace = question->workspace;
	auto_free char *path = path_printf(
		"%s/%s/" STR_FMT, workspace->options->folder,
		workspace->manifest->source.root.s.p, STR_ARG(name));
	auto_buf struct buf text = BUF_EMPTY;
	auto_err struct error *ignored = NULL;
	size_t number = 0;

	/* lock has judged it; what cannot be read now is no reason. */
	if (fs_read(path, MAX_FILE_BYTES, &text, &ignored))
		return;
	struct str rest = buf_str(&text), line;

	while (str_line(&rest, &line)) {
		ptrdiff_t comment = str_find_str(line, STR(" #"));
		struct root root = {.kind = "requirement", .file = name};

		number++;
		line = str_trim(comment < 0
					? line
					: str_slice(line, 0, (size_t)comment));
		if (line.n == 0 || line.p[0] == '#' || line.p[0] == '-')
			continue;
		root.line = number;
		root.what = arena_str(&question->arena, line);
		root.requires = root.what;
		array_push(&question->roots, root);
	}
}

/* What the lock has and none of the others: a file that is included, a table
 * of known imports. */
static void add_locked(struct question *question)
{
	const struct lock_strs *locked = &question->service->requirements;
	auto_map struct map known = MAP_EMPTY;

	array_each (struct root, root, &question->roots)
		map_add(&known, name_of(question, root->requires));
	for (size_t i = 0; i < locked->n; i++) {
		struct root root = {
			.kind = "requirement",
			.file = STR("fleet.lock.json"),
			.what = locked->p[i],
			.requires = locked->p[i],
		};

		if (map_add(&known, name_of(question, locked->p[i])))
			array_push(&question->roots, root);
	}
}

static void find_roots(struct question *question,
		       const struct source_tree *tree)
{
	const struct manifest_settings *settings =
		&question->instance->settings;

	add_imports(question, tree);
	add_texts(question, "extra", &settings->extra);
	for (size_t i = 0; i < settings->requirements.n; i++)
		add_file(question, settings->requirements.p[i].s);
	for (const struct manifest_family *family = question->instance->family;
	     family; family = family->extends) {
		struct str where = arena_printf(
			&question->arena, "family " STR_FMT "%s",
			STR_ARG(family->name.s),
			question->instance->is_family_auto ? ", chosen" : "");

		add_texts(question, where.p, &family->packages);
	}
	add_locked(question);
}

/* -- the answer -- */

static void find_reasons(struct question *question)
{
	struct arena *arena = &question->arena;
	struct lock_strs roots = {
		arena_new_array(arena, struct str, question->roots.n),
		question->roots.n};

	for (size_t i = 0; i < roots.n; i++)
	roots.p[i] = question->roots.p[i].requires;
	struct reasons_input input = {
		.resolution = question->resolution,
		.replacements = closure_replacements_of(
			&question->instance->track->replaces, arena),
		.roots = roots,
	};

	question->reasons = reasons_find(&input, question->package, arena,
					 &question->reason_count);
}

static void print_reason(const struct question *question,
			 const struct reason *reason)
{
	const struct root *root = &question->roots.p[reason->root];

	printf("  " STR_FMT, STR_ARG(root->file));
	if (root->line)
		printf(":%zu", root->line);
	printf("%s" STR_FMT, root->file.n ? ": " : "", STR_ARG(root->what));
	if (root->level && root->level[0] != 'h')
		printf(" (%s)", root->level);
	for (size_t i = 0; i < reason->n; i++) {
		const struct reason_step *step = &reason->steps[i];

		if (i)
			printf("\n%*sneeds " STR_FMT, (int)(2 + 2 * i), "",
			       STR_ARG(step->requirement));
		printf(" -> " STR_FMT " " STR_FMT, STR_ARG(step->package->name),
		       STR_ARG(step->package->version));
	}
	putchar('\n');
}

static void print_text(const struct question *question)
{
	const struct reason *reasons = question->reasons;
	size_t n = question->reason_count;

	printf(STR_FMT " has " STR_FMT " for %zu reason%s:\n",
	       STR_ARG(question->service->name), STR_ARG(question->package), n,
	       n == 1 ? "" : "s");
	for (size_t i = 0; i < n && i < MAX_PRINTED; i++)
		print_reason(question, &reasons[i]);
	if (n > MAX_PRINTED)
		printf("  and %zu more: --json lists them\n", n - MAX_PRINTED);
}

static json_t *reason_json(const struct question *question,
			   const struct reason *reason)
{
	const struct root *root = &question->roots.p[reason->root];
	json_t *entry = json_object(), *steps = json_array();

	json_object_set_new(entry, "kind", json_string(root->kind));
	json_object_set_new(entry, "file", json_new_str(root->file));
	json_set_u64(entry, "line", root->line);
	json_object_set_new(entry, "level",
			    root->level ? json_string(root->level)
					: json_null());
	json_object_set_new(entry, "what", json_new_str(root->what));
	for (size_t i = 0; i < reason->n; i++) {
		const struct reason_step *from = &reason->steps[i];
		json_t *step = json_object();

		json_object_set_new(step, "package",
				    json_new_str(from->package->name));
		json_object_set_new(step, "version",
				    json_new_str(from->package->version));
		json_object_set_new(step, "requirement",
				    json_new_str(from->requirement));
		json_array_append_new(steps, step);
	}
	json_object_set_new(entry, "steps", steps);
	return entry;
}

static void set_family(const struct question *question, json_t *object)
{
	const struct manifest_family *family = question->instance->family;

	workspace_set_family(object, family ? family->name.s : STR_EMPTY,
			     &question->service->family);
}

/* Without a package: what the service stands on, and why. */
static void print_service(const struct question *question)
{
	const struct manifest_instance *instance = question->instance;
	const struct lock_family *chosen = &question->service->family;
	json_t *root = json_object();

	json_object_set_new(root, "service",
			    json_new_str(instance->service->name.s));
	json_object_set_new(root, "machine",
			    json_new_str(instance->machine->name.s));
	set_family(question, root);
	json_object_set_new(root, "base", json_new_str(instance->base->name.s));
	json_object_set_new(root, "track",
			    json_new_str(instance->track->name.s));
	if (question->workspace->options->json) {
		workspace_print_json(root);
		return;
	}
	json_decref(root);
	printf("%s on %s: %s%s, base %s, track %s\n",
	       instance->service->name.s.p, instance->machine->name.s.p,
	       instance->family ? "family " : "no family",
	       instance->family ? instance->family->name.s.p : "",
	       instance->base->name.s.p, instance->track->name.s.p);
	if (chosen->by.n)
		printf("  slipway chose it: " STR_FMT "\n",
		       STR_ARG(chosen->why));
}

static void print_json(const struct question *question)
{
	const struct lock_package *package =
		question->resolution ? lock_find_package(question->resolution,
							 question->package)
				     : NULL;
	json_t *root = json_object(), *reasons = json_array();

	for (size_t i = 0; i < question->reason_count; i++)
		json_array_append_new(
			reasons, reason_json(question, &question->reasons[i]));
	json_object_set_new(root, "service",
			    json_new_str(question->service->name));
	json_object_set_new(root, "machine",
			    json_new_str(question->instance->machine->name.s));
	set_family(question, root);
	json_object_set_new(root, "package", json_new_str(question->package));
	json_object_set_new(root, "version",
			    package && question->reason_count
				    ? json_new_str(package->version)
				    : json_null());
	json_object_set_new(root, "reasons", reasons);
	workspace_print_json(root);
}

/* The name of the closure that is most like the package's, or "". */
static struct str nearest(const struct question *question)
{
	const struct lock_strs *closure = &question->service->closure;
	struct str best = STR_EMPTY;
	size_t least = NEAR + 1;

	for (size_t i = 0; i < closure->n; i++) {
		ptrdiff_t end = str_find(closure->p[i], '=');
		struct str name = str_slice(closure->p[i], 0, (size_t)end);
		size_t distance = str_distance(name, question->package);

		if (distance < least) {
			least = distance;
			best = name;
		}
	}
	return best;
}

static int refuse(const struct question *question, struct error **err)
{
	struct str like = nearest(question);

	err_make(err, ERR_FLEET, STR_FMT " does not have " STR_FMT,
		 STR_ARG(question->service->name), STR_ARG(question->package));
	if (like.n)
		err_hint(err, "did you mean " STR_FMT "?", STR_ARG(like));
	return -1;
}

static int answer(struct question *question, const struct source_tree *tree,
		  struct error **err)
{
	const struct workspace *workspace = question->workspace;

	question->service = lock_find_service(
		workspace->lock, question->instance->service->name.s,
		question->instance->machine->name.s);
	if (!question->service) {
		err_make(err, ERR_FLEET, STR_FMT " is not in the lock",
			 STR_ARG(question->instance->service->name.s));
		return err_hint(err, "run: slipway lock");
	}
	if (workspace->options->word_count == 1) {
		print_service(question);
		return 0;
	}
	question->resolution = lock_find_resolution(
		workspace->lock, question->service->resolution);
	if (question->resolution) {
		find_roots(question, tree);
		find_reasons(question);
	}
	if (workspace->options->json)
		print_json(question);
	else if (question->reason_count)
		print_text(question);
	return question->reason_count ? 0 : refuse(question, err);
}

/* The instance that the first word names; its number in the manifest. */
static int choose(const struct workspace *workspace, size_t *number,
		  struct error **err)
{
	const struct cli_options *options = workspace->options;
	auto_selection struct manifest_selection selection = ARRAY_EMPTY;

	if (options->word_count < 1 || options->word_count > 2) {
		err_make(err, ERR_USAGE,
			 "a service and perhaps a package are expected");
		return err_hint(err, "as in: slipway why Echo pyzmq");
	}
	if (manifest_select(workspace->manifest,
			    (const char *const *)options->words, 1, &selection,
			    err))
		return -1;
	for (*number = 0;
	     workspace->manifest->instances.p[*number] != selection.p[0];
	     (*number)++)
		;
	return 0;
}

static int run(const struct cli_options *options, struct error **err)
{
	auto_workspace struct workspace workspace = {0};
	auto_source_tree struct source_tree tree = SOURCE_TREE_EMPTY;
	auto_check struct check check = {0};
	struct question question = {.workspace = &workspace};
	size_t number;

	if (workspace_open(&workspace, options,
			   WORKSPACE_MANIFEST | WORKSPACE_LOCK |
				   WORKSPACE_STORE | WORKSPACE_NETWORK,
			   err) ||
	    choose(&workspace, &number, err) ||
	    workspace_check(&workspace, &tree, &check, err))
		return -1;
	question.checked = &check.instances[number];
	question.instance = question.checked->instance;
	if (options->word_count == 2)
		question.package = name_normalise(&question.arena,
						  str_from(options->words[1]));
	int status = answer(&question, &tree, err);

	array_release(&question.roots);
	arena_release(&question.arena);
	return status;
}

const struct cli_verb verb_why = {
	.name = "why",
	.summary = "why a service has a package, or its family",
	.synopsis = "SERVICE [PACKAGE]",
	.about = "Shows every import and requirement of a service that leads "
		 "to a package, each\nwith its shortest way through "
		 "Requires-Dist, the shortest first. Of a service\n"
		 "on several machines the first is looked at. Without a "
		 "package: the service's\nfamily, base and track, and why "
		 "slipway chose the family ('family: auto').\n\n"
		 "  slipway why ChitchatAgent\n"
		 "  slipway why ChitchatAgent pyzmq\n"
		 "  slipway why StreamingTTSAgent nvidia-cudnn-cu12",
	.takes_words = true,
	.run = run,
};
