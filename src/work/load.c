#include "work/load.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "work/load/engine.h"

/* -- what to send -- */

static bool knows_layer(const struct engine_images *known,
			const struct export_layer *layer)
{
	return map_has(&known->chain_ids,
		       str_from(digest_text(&layer->chain_id).p));
}

/* A blob may stand on several stacks: it is left out where the engine has each
 * of them. Configs are always sent; manifests are small. */
static void leave_out(const struct load_engine *engine, struct export *export,
		      const struct engine_images *known)
{
	if (!engine->takes_partial)
		return;
	for (size_t i = 0; i < export->image_count; i++)
		for (size_t k = 0; k < export->images[i].layer_count; k++)
			export->blobs.p[export->images[i].layers[k].blob]
				.left_out = true;
	for (size_t i = 0; i < export->image_count; i++)
		for (size_t k = 0; k < export->images[i].layer_count; k++) {
			const struct export_layer *layer =
				&export->images[i].layers[k];

			if (!knows_layer(known, layer))
				export->blobs.p[layer->blob].left_out = false;
		}
}

static void count_layers(const struct export *export, size_t number,
			 bool *counted, struct load_image *out)
{
	const struct export_image *image = &export->images[number];

	for (size_t k = 0; k < image->layer_count; k++) {
		size_t blob = image->layers[k].blob;

		if (export->blobs.p[blob].left_out || counted[blob]) {
			out->present_layers++;
			continue;
		}
		counted[blob] = true;
		out->sent_layers++;
		out->sent_bytes += export->blobs.p[blob].bytes;
	}
}

/* The export of the images that are not there; numbers are those of the whole
 * one. */
static int open_missing(struct export *export, const struct load_result *result,
			struct export *missing, size_t *numbers,
			struct error **err)
{
	struct store_image *images = arena_new_array(
		&export->arena, struct store_image, export->image_count);
	size_t n = 0;

	for (size_t i = 0; i < export->image_count; i++)
		if (result->images[i].state != LOAD_PRESENT) {
			numbers[n] = i;
			images[n++] = export->images[i].listed;
		}
	if (export_open(missing, export->store, images, n, err))
		return -1;
	missing->maker = export->maker;
	return 0;
}

/* -- sending -- */

struct sender {
	const struct export *export;
	const char *name;
	int fd; /* closed at the end */
	struct error *error;
};

static void *send(void *argument)
{
	struct sender *sender = argument;

	if (export_archive(sender->export, sender->fd, sender->name,
			   &sender->error) == 0)
		log_info("%s unpacks what it got", sender->name);
	fs_close_pointer(&sender->fd);
	return NULL;
}

/* The engine's own word comes first: where it ended early, what the sender
 * says is that its pipe broke. */
static int judge(const struct load_engine *engine,
		 const struct proc_result *result, struct error *sent,
		 struct error **err)
{
	struct str said = str_trim(buf_str(&result->errors));

	if (result->status == 0 && !sent)
		return 0;
	if (result->status == 0 || said.n == 0) {
		if (sent)
			return err_make(err, err_class(sent), "%s",
					err_message(sent));
		return err_make(err, ERR_ENV, "'%s load' ended with status %d",
				engine->program, result->status);
	}
	err_make(err, ERR_ENV, "'%s load' failed: " STR_FMT, engine->program,
		 STR_ARG(said));
	return err_hint(err, "run 'slipway load' again: what came through is "
			     "not sent twice");
}

static int send_archive(const struct load_engine *engine,
			const struct export *export, struct error **err)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	const char *const argv[] = {engine->program, "load", "--quiet", NULL};
	int ends[2];
	pthread_t thread;

	if (pipe2(ends, O_CLOEXEC))
		return err_sys(err, "cannot make a pipe");
	struct sender sender = {export, engine->program, ends[1], NULL};
	struct proc_options options = {.argv = argv, .input_fd = ends[0]};

	/* Writing into a pipe that nobody reads has to give EPIPE. */
	signal(SIGPIPE, SIG_IGN);
	if (pthread_create(&thread, NULL, send, &sender)) {
		close(ends[0]);
		close(ends[1]);
		return err_make(err, ERR_ENV, "cannot start a thread");
	}
	int status = proc_run(&options, &result, err);

	close(ends[0]); /* frees a sender that nobody reads any more */
	pthread_join(thread, NULL);
	if (status == 0)
		status = judge(engine, &result, sender.error, err);
	err_free(sender.error);
	return status;
}

static int send_missing(const struct load_engine *engine, struct export *export,
			const struct engine_images *known,
			struct load_result *result, struct error **err)
{
	auto_export struct export missing = {0};
	size_t *numbers =
		arena_new_array(&export->arena, size_t, export->image_count);

	if (open_missing(export, result, &missing, numbers, err))
		return -1;
	if (missing.image_count == 0)
		return 0;
	bool *counted = arena_new_array(&export->arena, bool, missing.blobs.n);

	leave_out(engine, &missing, known);
	for (size_t i = 0; i < missing.image_count; i++)
		count_layers(&missing, i, counted, &result->images[numbers[i]]);
	return export_complete(&missing, err) ||
			       send_archive(engine, &missing, err)
		       ? -1
		       : 0;
}

int load_run(const struct load_engine *engine, struct export *export,
	     struct load_result *result, struct error **err)
{
	auto_engine_images struct engine_images before = ENGINE_IMAGES_EMPTY;
	auto_engine_images struct engine_images after = ENGINE_IMAGES_EMPTY;

	result->images =
		mem_zalloc(export->image_count, sizeof *result->images);
	if (engine_images_read(engine, &before, err))
		return -1;
	for (size_t i = 0; i < export->image_count; i++) {
		if (!engine_has(&before, export, &export->images[i]))
			continue;
		result->images[i].state = LOAD_PRESENT;
		result->images[i].present_layers =
			export->images[i].layer_count;
	}
	if (send_missing(engine, export, &before, result, err) ||
	    engine_images_read(engine, &after, err))
		return -1;
	for (size_t i = 0; i < export->image_count; i++)
		if (!engine_has(&after, export, &export->images[i])) {
			result->images[i].state = LOAD_FAILED;
			result->failed++;
		}
	return 0;
}

void load_result_release(struct load_result *result)
{
	free(result->images);
}

const char *load_state_text(enum load_state state)
{
	static const char *const texts[] = {
		[LOAD_LOADED] = "loaded",
		[LOAD_PRESENT] = "present",
		[LOAD_FAILED] = "failed",
	};

	return texts[state];
}
