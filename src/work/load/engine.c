/* Asking docker and podman by their command lines. */
#include "work/load/engine.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/proc.h"
#include "codec/json.h"
#include "decisions/image.h"

enum {
	ANSWER_MS = 60000,
	MAX_ANSWER = 64 << 20,
	MAX_INSPECTED = 200, /* images that one command line names */
};

/* What a program printed on standard output. Its exit status is no error. */
static int ask(const char *const *argv, struct proc_result *result,
	       struct error **err)
{
	struct proc_options options = {
		.argv = argv,
		.max_output_bytes = MAX_ANSWER,
		.timeout_ms = ANSWER_MS,
	};

	return proc_run(&options, result, err);
}

/* -- which engine -- */

static bool uses_containerd(const json_t *info)
{
	const json_t *status = json_get_array(info, "DriverStatus");

	for (size_t i = 0; i < json_array_size(status); i++) {
		const json_t *pair = json_array_get(status, i);

		if (str_eq(json_str(json_array_get(pair, 0)),
			   STR("driver-type")) &&
		    str_starts(json_str(json_array_get(pair, 1)),
			       STR("io.containerd.")))
			return true;
	}
	return false;
}

/* docker says why on standard output too, as info->ServerErrors. */
static int does_not_answer(const char *program, const json_t *info,
			   const struct proc_result *result, struct error **err)
{
	struct str said = str_trim(buf_str(&result->errors)), line = said;
	struct str reason = json_str(
		json_array_get(json_get_array(info, "ServerErrors"), 0));

	while (str_line(&said, &line))
		;
	err_make(err, ERR_ENV, "%s does not answer: " STR_FMT, program,
		 STR_ARG(reason.n ? reason : line));
	return err_hint(err, "start it, or see 'slipway doctor'; 'slipway "
			     "export' writes an archive without it");
}

/* podman that goes by the name of docker says nothing of a server. */
static int try_engine(const char *program, struct load_engine *engine,
		      struct error **err)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	const char *const argv[] = {program, "info", "--format", "{{json .}}",
				    NULL};
	struct str version = STR_EMPTY;

	if (ask(argv, &result, err))
		return -1;
	auto_json json_t *info =
		json_parse(buf_str(&result.output), MAX_ANSWER, NULL);

	json_get_str(info, "ServerVersion", &version);
	if (result.status != 0 ||
	    (version.n == 0 && !json_get_object(info, "host")))
		return does_not_answer(program, info, &result, err);
	bool is_docker = version.n > 0;

	engine->program = mem_strdup(program);
	if (!is_docker)
		json_get_str(json_get_object(info, "version"), "Version",
			     &version);
	engine->version = str_dup(version);
	engine->takes_partial = is_docker && !uses_containerd(info);
	return 0;
}

int load_engine_find(const char *wanted, struct load_engine *engine,
		     struct error **err)
{
	if (wanted && strcmp(wanted, "docker") != 0 &&
	    strcmp(wanted, "podman") != 0)
		return err_make(err, ERR_USAGE,
				"--to takes docker or podman, not '%s'",
				wanted);
	if (wanted)
		return try_engine(wanted, engine, err);
	auto_err struct error *first = NULL;

	if (try_engine("docker", engine, &first) == 0 ||
	    (err_class(first) != ERR_CANCELLED &&
	     try_engine("podman", engine, NULL) == 0))
		return 0;
	return err_pass(err, mem_steal(first));
}

void load_engine_release(struct load_engine *engine)
{
	free(engine->program);
	free(engine->version);
}

/* -- what it has -- */

static void add_chain(struct engine_images *images, const json_t *layers)
{
	struct digest chain, diff_id;

	for (size_t i = 0; i < json_array_size(layers); i++) {
		if (!digest_parse(json_str(json_array_get(layers, i)),
				  &diff_id))
			return;
		chain = image_chain_id(i ? &chain : NULL, &diff_id);
		map_add(&images->chain_ids, str_from(digest_text(&chain).p));
	}
}

static void add_image(struct engine_images *images, const json_t *image)
{
	const json_t *tags = json_get_array(image, "RepoTags");
	struct str *id = arena_new(&images->arena, struct str);

	*id = arena_str(&images->arena, json_str(json_object_get(image, "Id")));
	for (size_t i = 0; i < json_array_size(tags); i++)
		map_set(&images->references, json_str(json_array_get(tags, i)),
			id);
	add_chain(images,
		  json_get_array(json_get_object(image, "RootFS"), "Layers"));
}

/* The images of a list of ids. One that is gone by now is not in the answer. */
static int inspect(const struct load_engine *engine, struct str *ids,
		   struct engine_images *images, struct error **err)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	auto_arena struct arena arena = ARENA_EMPTY;
	const char *argv[MAX_INSPECTED + 4] = {engine->program, "image",
					       "inspect"};
	size_t n = 3;
	struct str id;

	while (n < MAX_INSPECTED + 3 && str_line(ids, &id))
		argv[n++] = arena_str(&arena, id).p;
	if (ask(argv, &result, err))
		return -1;
	auto_json json_t *list =
		json_parse(buf_str(&result.output), MAX_ANSWER, NULL);

	if (!list)
		return does_not_answer(engine->program, NULL, &result, err);
	for (size_t i = 0; i < json_array_size(list); i++)
		add_image(images, json_array_get(list, i));
	return 0;
}

int engine_images_read(const struct load_engine *engine,
		       struct engine_images *images, struct error **err)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	const char *const argv[] = {engine->program, "image",	   "ls",
				    "--quiet",	     "--no-trunc", NULL};

	if (ask(argv, &result, err))
		return -1;
	if (result.status != 0)
		return does_not_answer(engine->program, NULL, &result, err);
	struct str ids = str_trim(buf_str(&result.output));

	while (ids.n)
		if (inspect(engine, &ids, images, err))
			return -1;
	return 0;
}

void engine_images_release(struct engine_images *images)
{
	map_release(&images->references);
	map_release(&images->chain_ids);
	arena_release(&images->arena);
}

bool engine_has(const struct engine_images *images, const struct export *export,
		const struct export_image *image)
{
	const size_t blobs[] = {image->config, image->manifest};
	struct str reference = image->listed.reference;
	auto_buf struct buf local = BUF_EMPTY, full = BUF_EMPTY;
	struct digest digest;

	/* podman has two names for one without a host. */
	buf_printf(&local, "localhost/" STR_FMT, STR_ARG(reference));
	export_full_name(reference, &full);
	const struct str names[] = {reference, buf_str(&local), buf_str(&full)};

	for (size_t i = 0; i < 6; i++) {
		const struct str *id =
			map_get(&images->references, names[i / 2]);

		if (id && digest_parse(*id, &digest) &&
		    digest_eq(&digest, &export->blobs.p[blobs[i % 2]].digest))
			return true;
	}
	return false;
}
