/* One layer: its parts into a blob, and the record of what came out. */
#include <stdio.h>

#include "base/array.h"
#include "base/error.h"
#include "base/log.h"
#include "base/pool.h"
#include "codec/json.h"
#include "codec/oci.h"
#include "decisions/image.h"
#include "parts/base.h"
#include "parts/source.h"
#include "parts/wheel.h"
#include "work/build/build_private.h"
#include "work/bytecode.h"

/* -- records -- */

static bool read_record(struct str text, struct layer_result *result)
{
	auto_json json_t *record =
		json_parse(text, STORE_ACTION_MAX_BYTES, NULL);
	struct str digest, diff_id;
	uint64_t compression;

	if (!json_get_str(record, "digest", &digest) ||
	    !json_get_str(record, "diff_id", &diff_id) ||
	    !json_get_u64(record, "bytes", &result->bytes) ||
	    !json_get_u64(record, "compressed_bytes",
			  &result->compressed_bytes) ||
	    !json_get_u64(record, "compression", &compression) ||
	    compression > LAYER_NONE ||
	    !digest_parse(digest, &result->digest) ||
	    !digest_parse(diff_id, &result->diff_id))
		return false;
	result->compression = (enum layer_compression)compression;
	return true;
}

bool build_layer_record(struct store *store, const struct digest *key,
			struct layer_result *result)
{
	auto_buf struct buf text = BUF_EMPTY;

	return store_action_get(store, key, &text) &&
	       read_record(buf_str(&text), result);
}

bool build_record_blob(struct str record, struct digest *blob)
{
	struct layer_result result;

	if (!str_starts(record, STR("{")) || !read_record(record, &result))
		return false;
	*blob = result.digest;
	return true;
}

static int put_record(struct store *store, const struct digest *key,
		      const struct layer_result *result, struct error **err)
{
	auto_json json_t *record = json_object();
	auto_buf struct buf text = BUF_EMPTY;

	json_object_set_new(record, "digest",
			    json_string(digest_text(&result->digest).p));
	json_object_set_new(record, "diff_id",
			    json_string(digest_text(&result->diff_id).p));
	json_set_u64(record, "bytes", result->bytes);
	json_set_u64(record, "compressed_bytes", result->compressed_bytes);
	json_set_u64(record, "compression", result->compression);
	json_append_canonical(&text, record);
	return store_action_put(store, key, buf_str(&text), err);
}

/* -- bytecode -- */

struct compiler {
	struct runtime *runtime;
	enum pyc_mode mode;
	enum manifest_bytecode bytecode;
};

static bool is_test(struct str path)
{
	return str_find_str(path, STR("/tests/")) >= 0 ||
	       str_find_str(path, STR("/test/")) >= 0;
}

/* A pyc_function. */
static int compile(void *context, struct str source,
		   const struct digest *digest, struct str path,
		   struct buf *out, struct error **err)
{
	const struct compiler *compiler = context;
	enum pyc_verdict verdict;
	auto_pyc_problem struct pyc_problem problem = PYC_PROBLEM_EMPTY;

	if (compiler->bytecode == MANIFEST_BYTECODE_NO_TESTS && is_test(path))
		return 0;
	if (bytecode_get(compiler->runtime, source, digest, path,
			 compiler->mode, out, &verdict, &problem, err))
		return -1;
	if (verdict != PYC_COMPILED)
		log_verbose("no bytecode for " STR_FMT ": %s", STR_ARG(path),
			    problem.message);
	return verdict == PYC_COMPILED;
}

/* -- parts -- */

static void add_progress(void *context, uint64_t bytes)
{
	progress_add(context, bytes);
}

static uint64_t wheel_bytes(const struct wheel *wheel)
{
	uint64_t bytes = 0;
	size_t count;
	const struct wheel_file *files = wheel_files(wheel, &count);

	for (size_t i = 0; i < count; i++)
		bytes += files[i].size_bytes;
	return bytes;
}

/* The wheel stays for the check of paths, without what read it. */
static void keep_wheel(struct build *build, size_t number, struct wheel *wheel)
{
	struct wheel *none = NULL;

	wheel_close(wheel);
	/* Another layer may have been made of the same part. */
	if (!atomic_compare_exchange_strong(&build->wheels[number], &none,
					    wheel))
		wheel_free(wheel);
}

static int add_wheel(struct build *build, size_t number, struct layer *layer,
		     struct wheel_paths *paths, struct compiler *compiler,
		     struct error **err)
{
	const struct assemble_part *part = &build->assembly->parts[number];
	const struct lock_file *file = &part->package->wheel;

	if (build_begin_wheel(build, number, err))
		return -1;
	auto_free char *path = build_wheel_path(build, number);
	auto_free char *name = str_dup(file->file);
	auto_wheel struct wheel *wheel = NULL;
	struct wheel_options options = {
		.path = path,
		.file_name = name,
		.sha256 = build_wheel_was_hashed(build, number) ? NULL
								: &file->sha256,
		.root = IMAGE_VENV,
		.python_major = 3,
		.python_minor = runtime_python_minor(part->base),
		.drops_read = build_wheel_stays(build, number),
	};

	if (wheel_open(&options, &wheel, err))
		return -1;
	struct progress *progress =
		progress_new(part->title.p, wheel_bytes(wheel), "B");
	struct wheel_add_options add = {
		.paths = paths,
		.compile = part->bytecode == MANIFEST_BYTECODE_NONE ? NULL
								    : compile,
		.compile_context = compiler,
		.progress = add_progress,
		.progress_context = progress,
		.strict = build->options->strict,
	};
	int result = wheel_add_to_layer(wheel, layer, &add, err);

	progress_free(progress);
	if (result == 0)
		keep_wheel(build, number, mem_steal(wheel));
	return result;
}

static int add_source(struct build *build, const struct assemble_part *part,
		      struct layer *layer, struct compiler *compiler,
		      struct error **err)
{
	const struct manifest_settings *settings = &part->instance->settings;
	struct arena scratch = ARENA_EMPTY;
	struct str *write =
		arena_new_array(&scratch, struct str, settings->write.n);
	char tag[24];

	snprintf(tag, sizeof tag, "cpython-3%u",
		 runtime_python_minor(part->base));
	for (size_t i = 0; i < settings->write.n; i++) {
		struct str folder = settings->write.p[i].s;

		write[i] = str_starts(folder, STR("/"))
				   ? folder
				   : arena_printf(&scratch, "%s/" STR_FMT,
						  settings->workdir.s.p,
						  STR_ARG(folder));
	}
	struct source_layer_input input = {
		.tree = build->assembly->tree,
		.files = part->files,
		.file_count = part->file_count,
		.digests = build->assembly->file_digests,
		.write = write,
		.write_count = settings->write.n,
		.uid = settings->user.uid,
		.gid = settings->user.gid,
		.cache_tag = tag,
		.compile = part->bytecode == MANIFEST_BYTECODE_NONE ? NULL
								    : compile,
		.compile_context = compiler,
	};
	int result = source_add_to_layer(&input, layer, err);

	arena_release(&scratch);
	return result;
}

static int add_init(const struct assemble_part *part, struct layer *layer,
		    struct error **err)
{
	static const char *const paths[] = {IMAGE_INIT, IMAGE_GPU};
	struct str programs[2];

	assembly_init_programs(part->base, programs);
	for (size_t i = 0; i < 2 && programs[i].n; i++) {
		struct tar_entry entry = {
			.path = str_from(paths[i] + 1),
			.type = TAR_FILE,
			.mode = 0755,
			.size_bytes = programs[i].n,
		};

		if (layer_add(layer, &entry, programs[i], err))
			return -1;
	}
	return 0;
}

static int add_part(struct build *build, size_t number, struct layer *layer,
		    struct wheel_paths *paths, struct error **err)
{
	const struct assemble_part *part = &build->assembly->parts[number];
	struct runtime *runtime = runtimes_get(build->runtimes, part->base);
	struct compiler compiler = {
		.runtime = runtime,
		.mode = part->kind == ASSEMBLE_SOURCE ? PYC_CHECKED
						      : PYC_UNCHECKED,
		.bytecode = part->bytecode,
	};

	switch (part->kind) {
	case ASSEMBLE_BASE:
		return debian_tree_add_to_layer(runtime_tree(runtime),
						part->debian, layer, compile,
						&compiler, err);
	case ASSEMBLE_SYSTEM:
		return debian_tree_add_to_layer(build->systems[number],
						DEBIAN_SYSTEM, layer, compile,
						&compiler, err);
	case ASSEMBLE_IMAGE: /* is a layer already: take_image_layer() */
		return 0;
	case ASSEMBLE_VENV:
		return base_tree_add_to_layer(runtime_image_tree(runtime),
					      part->base, layer, compile,
					      &compiler, err);
	case ASSEMBLE_INIT:
		return add_init(part, layer, err);
	case ASSEMBLE_WHEEL:
		return add_wheel(build, number, layer, paths, &compiler, err);
	case ASSEMBLE_SOURCE:
		return add_source(build, part, layer, &compiler, err);
	}
	return 0;
}

static enum layer_compression compression_of(struct str media_type)
{
	enum oci_compression found = OCI_NONE;

	oci_layer_compression(media_type, &found);
	switch (found) {
	case OCI_GZIP:
		return LAYER_GZIP;
	case OCI_ZSTD:
		return LAYER_ZSTD;
	case OCI_NONE:
		break;
	}
	return LAYER_NONE;
}

/* A layer of an image that is a base is taken as it is. */
static int take_image_layer(struct build *build, size_t number,
			    const struct assemble_part *part,
			    struct error **err)
{
	const struct lock_image_layer *locked = part->image_layer;
	struct layer_result *result = &build->result->layers[number];
	struct digest key = assembly_layer_key(build->assembly, number);

	*result = (struct layer_result){
		.digest = locked->digest,
		.diff_id = locked->diff_id,
		.compressed_bytes = locked->size_bytes,
		.bytes = locked->bytes,
		.compression = compression_of(locked->media_type),
	};
	if (runtime_pull(runtimes_get(build->runtimes, part->base), err) ||
	    put_record(build->store, &key, result, err))
		return -1;
	build->result->known[number] = true;
	return 0;
}

int build_make_layer(struct build *build, size_t number, struct error **err)
{
	const struct assembly *assembly = build->assembly;
	const struct plan_layer *node = &assembly->plan.layers[number];
	auto_store_writer struct store_writer writer = STORE_WRITER_EMPTY;
	auto_wheel_paths struct wheel_paths paths = WHEEL_PATHS_EMPTY;
	auto_layer struct layer *layer = NULL;
	struct layer_result *result = &build->result->layers[number];
	const struct assemble_part *first = &assembly->parts[node->parts[0]];

	if (first->kind == ASSEMBLE_IMAGE)
		return take_image_layer(build, number, first, err);
	if (store_begin(build->store, &writer, err))
		return -1;
	struct layer_options options = {
		.fd = writer.fd,
		.compression = assembly->compression,
		.hash_beside = build_is_last(build, number),
	};

	layer = layer_new(&options);
	for (size_t i = 0; i < node->part_count; i++)
		if (pool_check_cancelled(err) ||
		    add_part(build, node->parts[i], layer, &paths, err))
			return -1;
	if (layer_finish(layer, result, err) ||
	    build_check_claim(build, number, err) ||
	    store_commit(build->store, &writer, &result->digest, err))
		return -1;
	struct digest key = assembly_layer_key(assembly, number);

	if (put_record(build->store, &key, result, err))
		return -1;
	for (size_t i = 0; i < node->part_count; i++)
		if (build_end_wheel(build, node->parts[i], &result->digest,
				    err))
			return -1;
	build->result->known[number] = true;
	return 0;
}
