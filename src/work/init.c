#include "work/init.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/fs.h"
#include "work/init/draft.h"

static int read_yaml(struct draft *draft, struct str path, struct error **err)
{
	const struct yaml_node *root;
	struct str text;

	if (draft_read_yaml(draft, path, &text, &root, err))
		return -1;
	draft_add_text(&draft->sources, path);
	if (startup_is_one(root))
		return startup_read(draft, path, text, root, err);
	if (compose_is_one(root))
		return compose_read(draft, path, root, err);
	err_make(err, ERR_FLEET,
		 STR_FMT ":%u: neither 'agent_groups', 'pc2_services' nor "
			 "'services' is in it",
		 STR_ARG(path), root->line);
	return err_hint(err, "init reads startup_config.yaml, compose files, "
			     "Dockerfiles and folders");
}

static int read_source(struct draft *draft, struct str path, struct error **err)
{
	if (draft_has_folder(draft, path)) {
		draft_add_text(&draft->sources, path);
		return folder_read(draft, path, err);
	}
	if (find_is_dockerfile(path))
		return docker_read(draft, path, err);
	return read_yaml(draft, path, err);
}

/* The paths that were named, as clean paths below root. */
static int take_named(struct draft *draft, const struct init_options *options,
		      struct draft_texts *sources, struct error **err)
{
	for (size_t i = 0; i < options->file_count; i++) {
		struct str path = str_from(options->files[i]), clean;

		if (!draft_clean_path(draft, STR("."), path, &clean))
			return err_make(err, ERR_USAGE,
					"'%s' is not a path below '%s'",
					options->files[i], options->root);
		if (!draft_has_file(draft, clean) &&
		    !draft_has_folder(draft, clean))
			return err_make(err, ERR_USAGE,
					"there is no file or folder '%s'",
					options->files[i]);
		draft_add_text(sources, clean);
	}
	return 0;
}

/* The name of the root folder, made of what names may have. */
static struct str fleet_name(struct draft *draft)
{
	auto_free char *path = realpath(draft->root, NULL);
	struct str name = str_from(path);
	size_t n = 0;

	name = str_slice(name, (size_t)(str_rfind(name, '/') + 1), name.n);
	char *p = arena_alloc(draft->arena, name.n + 1, 1);

	for (size_t i = 0; i < name.n && n < 100; i++) {
		char c = name.p[i];
		bool is_alnum = (c >= '0' && c <= '9') ||
				(c >= 'a' && c <= 'z') ||
				(c >= 'A' && c <= 'Z');

		if (is_alnum || (n && strchr("._-", c)))
			p[n++] = c;
	}
	return n ? str_of(p, n) : STR("fleet");
}

/* Settings of machines that no file gives. */
static void ask_machines(struct draft *draft)
{
	auto_map struct map seen = MAP_EMPTY;

	if (draft->needs_gpu && draft->services.n &&
	    draft->services.p[0]->machines.n == 0)
		draft_ask(draft, draft->services.p[0]->at, NULL,
			  "services need a GPU: which one does the machine "
			  "have (gpu: {name, compute, memory})?");
	array_each (struct draft_service *, service, &draft->services)
		array_each (const struct str, name, &(*service)->machines)
			if (map_add(&seen, *name) &&
			    !draft_is_known_machine(draft, *name))
				draft_ask(draft, (*service)->at, NULL,
					  "nothing is known of the machine "
					  "'" STR_FMT "': which cores, memory "
					  "and GPU has it?",
					  STR_ARG(*name));
}

static int by_place(const void *a, const void *b)
{
	const struct init_question *left = a, *right = b;
	int order = str_cmp(left->file, right->file);

	if (order == 0)
		order = (left->line > right->line) - (left->line < right->line);
	return order ? order : str_cmp(left->ask, right->ask);
}

static void publish(struct draft *draft, struct init_result *result)
{
	auto_buf struct buf text = BUF_EMPTY;
	struct arena *arena = &result->arena;
	size_t n = draft->questions.n;
	struct init_question *questions =
		arena_new_array(arena, struct init_question, n);
	struct str *sources =
		arena_new_array(arena, struct str, draft->sources.n);

	write_fleet(draft, &text);
	result->text = arena_str(arena, buf_str(&text));
	array_each (struct draft_service *, service, &draft->services)
		result->service_count += !(*service)->twin_of;
	result->infra_count = draft->infra.n;
	for (size_t i = 0; i < draft->sources.n; i++)
		sources[i] = draft->sources.p[i];
	result->sources = sources;
	result->answers = draft->answers.path;
	result->source_count = draft->sources.n;
	for (size_t i = 0; i < n; i++) {
		const struct init_question *from = &draft->questions.p[i];

		questions[i] = *from;
		questions[i].services =
			arena_new_array(arena, struct str, from->n);
		for (size_t j = 0; j < from->n; j++)
			questions[i].services[j] = from->services[j];
	}
	result->questions = questions;
	result->question_count = n;
}

static int read_all(struct draft *draft, const struct init_options *options,
		    struct draft_texts *sources, struct error **err)
{
	draft->name = fleet_name(draft);
	if (answers_read(draft, options, err))
		return -1;
	if (options->file_count ? take_named(draft, options, sources, err)
				: find_sources(draft, sources, err))
		return -1;
	for (size_t i = 0; i < sources->n; i++)
		if (read_source(draft, sources->p[i], err))
			return -1;
	settle_pairs(draft);
	array_each (const struct draft_elsewhere, where, &draft->elsewhere)
		if (draft_add_elsewhere(draft, where, err))
			return -1;
	if (draft->services.n)
		return 0;
	err_make(err, ERR_FLEET, "'" STR_FMT "' has no service to build",
		 STR_ARG(sources->p[0]));
	return err_hint(err, "name another file: slipway init FILE...");
}

int init_run(const struct init_options *options, struct init_result *result,
	     struct error **err)
{
	auto_draft struct draft draft = {.arena = &result->arena,
					 .root = options->root};
	struct draft_texts sources = ARRAY_EMPTY;

	draft.root_fd = fs_open(options->root, O_PATH | O_DIRECTORY, 0, err);
	int status = draft.root_fd < 0
			     ? -1
			     : read_all(&draft, options, &sources, err);

	array_release(&sources);
	if (status || overlay(&draft, err))
		return -1;
	settle(&draft);
	ask_machines(&draft);
	if (answers_check(&draft, err))
		return -1;
	array_sort(&draft.questions, by_place);
	publish(&draft, result);
	return answers_check_text(&draft, result->text, err);
}

void init_release(struct init_result *result)
{
	arena_release(&result->arena);
}
