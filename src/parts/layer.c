#include "parts/layer.h"

#include <assert.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <zstd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/pool.h"
#include "codec/gzip.h"

enum {
	/* Blob bytes are gathered up to this before they are written. */
	OUT_BYTES = 256 << 10,
};

#define ZSTD_LEVEL   3
#define RUNS_VERSION "runs-1" /* how a tar is cut into gzip members */

/* What has been added at a path. */
struct known {
	enum tar_type type;
	uint32_t mode, uid, gid;
};

enum state { BETWEEN, IN_FILE, IN_DEFLATED, FINISHED };

struct layer {
	struct layer_options options;
	enum state state;
	struct buf run;	   /* tar bytes not yet hashed and compressed */
	struct buf out;	   /* blob bytes not yet written */
	struct buf header; /* of the entry being added */
	struct gzip_writer *gzip;
	ZSTD_CCtx *zstd;
	struct sha256 blob_sha, tar_sha;
	uint64_t blob_bytes, tar_bytes;
	struct fs_behind behind;
	struct map paths; /* to struct known */
	struct arena arena;

	/* the file between begin and end */
	struct str path;
	uint64_t size_bytes, raw_bytes; /* said, and seen so far */
	uint64_t deflated_size_bytes, deflated_bytes;
	uint32_t crc32;
	bool splice;
};

struct layer *layer_new(const struct layer_options *options)
{
	struct layer *layer = mem_zalloc(1, sizeof *layer);

	layer->options = *options;
	if (options->compression == LAYER_GZIP)
		layer->gzip = gzip_writer_new();
	if (options->compression == LAYER_ZSTD) {
		layer->zstd = ZSTD_createCCtx();
		if (!layer->zstd ||
		    ZSTD_isError(ZSTD_CCtx_setParameter(
			    layer->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL)))
			abort();
	}
	if (options->hash_beside) {
		sha256_init_beside(&layer->blob_sha);
		sha256_init_beside(&layer->tar_sha);
	} else {
		sha256_init(&layer->blob_sha);
		sha256_init(&layer->tar_sha);
	}
	return layer;
}

void layer_free(struct layer *layer)
{
	if (!layer)
		return;
	gzip_writer_free(layer->gzip);
	ZSTD_freeCCtx(layer->zstd);
	buf_release(&layer->run);
	buf_release(&layer->out);
	buf_release(&layer->header);
	sha256_release(&layer->blob_sha);
	sha256_release(&layer->tar_sha);
	map_release(&layer->paths);
	arena_release(&layer->arena);
	free(layer);
}

void layer_free_pointer(struct layer **layer)
{
	layer_free(*layer);
}

static int write_out(struct layer *layer, struct str bytes, struct error **err)
{
	if (pool_check_cancelled(err))
		return -1;
	sha256_update(&layer->blob_sha, bytes);
	layer->blob_bytes += bytes.n;
	if (fs_write_all(layer->options.fd, bytes,
			 "the temporary file of a layer", err))
		return -1;
	fs_write_behind(&layer->behind, layer->options.fd, layer->blob_bytes,
			true);
	return 0;
}

static int flush_out(struct layer *layer, struct error **err)
{
	if (layer->out.n && write_out(layer, buf_str(&layer->out), err))
		return -1;
	buf_clear(&layer->out);
	return 0;
}

/* Blob bytes that the caller holds; large ones are not copied. */
static int emit(struct layer *layer, struct str bytes, struct error **err)
{
	if (layer->out.n + bytes.n > OUT_BYTES && flush_out(layer, err))
		return -1;
	if (bytes.n > OUT_BYTES / 4)
		return flush_out(layer, err) || write_out(layer, bytes, err)
			       ? -1
			       : 0;
	buf_append(&layer->out, bytes);
	return 0;
}

static int zstd_step(struct layer *layer, struct str raw,
		     ZSTD_EndDirective directive, struct error **err)
{
	ZSTD_inBuffer in = {raw.p, raw.n, 0};
	size_t left;

	do {
		buf_reserve(&layer->out, OUT_BYTES);
		ZSTD_outBuffer out = {layer->out.p, layer->out.capacity,
				      layer->out.n};

		left = ZSTD_compressStream2(layer->zstd, &out, &in, directive);
		if (ZSTD_isError(left))
			return err_make(err, ERR_ENV,
					"cannot compress a layer: %s",
					ZSTD_getErrorName(left));
		layer->out.n = out.pos;
		if (layer->out.n >= OUT_BYTES && flush_out(layer, err))
			return -1;
	} while (directive == ZSTD_e_end ? left != 0 : in.pos < in.size);
	return 0;
}

static int flush_run(struct layer *layer, struct error **err)
{
	struct str run = buf_str(&layer->run);

	if (run.n == 0)
		return 0;
	sha256_update(&layer->tar_sha, run);
	layer->tar_bytes += run.n;
	switch (layer->options.compression) {
	case LAYER_GZIP:
		gzip_append_member(layer->gzip, &layer->out, run);
		if (layer->out.n >= OUT_BYTES && flush_out(layer, err))
			return -1;
		break;
	case LAYER_ZSTD:
		if (zstd_step(layer, run, ZSTD_e_continue, err))
			return -1;
		break;
	case LAYER_NONE:
		if (emit(layer, run, err))
			return -1;
		break;
	}
	buf_clear(&layer->run);
	return 0;
}

/* Tar bytes to compress; cut at LAYER_RUN_BYTES however they come. */
static int append_run(struct layer *layer, struct str raw, struct error **err)
{
	while (raw.n) {
		size_t room = LAYER_RUN_BYTES - layer->run.n;
		size_t take = raw.n < room ? raw.n : room;

		buf_append(&layer->run, str_slice(raw, 0, take));
		raw = str_slice(raw, take, raw.n);
		if (layer->run.n == LAYER_RUN_BYTES && flush_run(layer, err))
			return -1;
	}
	return 0;
}

static int append_padding(struct layer *layer, uint64_t size_bytes,
			  struct error **err)
{
	static const char zeros[TAR_BLOCK];

	return append_run(layer, str_of(zeros, tar_padding(size_bytes)), err);
}

/* The header blocks of an entry, in layer->header. */
static int make_header(struct layer *layer, const struct tar_entry *entry,
		       struct error **err)
{
	struct tar_entry timed = *entry;

	timed.mtime_s = layer->options.mtime_s;
	buf_clear(&layer->header);
	enum tar_status status = tar_append_header(&layer->header, &timed);

	if (status != TAR_OK)
		return err_make(err, ERR_FLEET,
				"cannot put '" STR_FMT "' into a layer: %s",
				STR_ARG(entry->path), tar_status_text(status));
	return 0;
}

static int append_header(struct layer *layer, const struct tar_entry *entry,
			 struct error **err)
{
	return make_header(layer, entry, err) ||
			       append_run(layer, buf_str(&layer->header), err)
		       ? -1
		       : 0;
}

static struct known *remember(struct layer *layer,
			      const struct tar_entry *entry)
{
	struct known *known = arena_new(&layer->arena, struct known);

	*known = (struct known){entry->type, entry->mode, entry->uid,
				entry->gid};
	map_set(&layer->paths, entry->path, known);
	return known;
}

/* Adds the folders above a path that are not there yet. */
static int add_parents(struct layer *layer, struct str path, struct error **err)
{
	for (size_t i = 0; i < path.n; i++) {
		if (path.p[i] != '/')
			continue;
		struct tar_entry folder = {
			.path = str_slice(path, 0, i),
			.type = TAR_DIR,
			.mode = 0755,
		};
		const struct known *known = map_get(&layer->paths, folder.path);

		if (known && known->type != TAR_DIR)
			return err_make(err, ERR_FLEET,
					"cannot put '" STR_FMT "' into a layer "
					"where '" STR_FMT "' is no folder",
					STR_ARG(path), STR_ARG(folder.path));
		if (known)
			continue;
		if (append_header(layer, &folder, err))
			return -1;
		remember(layer, &folder);
	}
	return 0;
}

/* A ".wh." name would delete a file of the layers below. */
static bool has_whiteout(struct str path)
{
	struct str part;

	while (str_split(&path, '/', &part))
		if (str_starts(part, STR(".wh.")))
			return true;
	return false;
}

static int check_path(struct layer *layer, const struct tar_entry *entry,
		      struct error **err)
{
	const struct known *target;

	/* Before the parents are added: they are parts of this path. */
	if (make_header(layer, entry, err))
		return -1;
	if (has_whiteout(entry->path))
		return err_make(err, ERR_FLEET,
				"cannot put '" STR_FMT "' into a layer: names "
				"that begin with '.wh.' delete files there",
				STR_ARG(entry->path));
	if (entry->type != TAR_HARDLINK)
		return 0;
	target = map_get(&layer->paths, entry->target);
	if (!target || target->type != TAR_FILE)
		return err_make(err, ERR_FLEET,
				"cannot put the hard link '" STR_FMT "' into a "
				"layer: it has no file '" STR_FMT "' before it",
				STR_ARG(entry->path), STR_ARG(entry->target));
	return 0;
}

/* Everything before an entry's payload: 1, or 0 for a folder that is there. */
static int begin_entry(struct layer *layer, const struct tar_entry *entry,
		       struct error **err)
{
	const struct known *known = map_get(&layer->paths, entry->path);

	assert(layer->state == BETWEEN);
	if (check_path(layer, entry, err))
		return -1;
	if (known) {
		if (known->type == TAR_DIR && entry->type == TAR_DIR &&
		    known->mode == entry->mode && known->uid == entry->uid &&
		    known->gid == entry->gid)
			return 0;
		return err_make(err, ERR_FLEET,
				"'" STR_FMT "' comes twice in one layer%s",
				STR_ARG(entry->path),
				known->type == TAR_DIR && entry->type == TAR_DIR
					? ", with other owners or permissions"
					: "");
	}
	if (add_parents(layer, entry->path, err) ||
	    append_header(layer, entry, err))
		return -1;
	remember(layer, entry);
	return 1;
}

static int begin_payload(struct layer *layer, const struct tar_entry *entry,
			 enum state state, struct error **err)
{
	assert(entry->type == TAR_FILE);
	if (begin_entry(layer, entry, err) < 0)
		return -1;
	layer->state = state;
	layer->path = arena_str(&layer->arena, entry->path);
	layer->size_bytes = entry->size_bytes;
	layer->raw_bytes = layer->deflated_bytes = 0;
	return 0;
}

static int count_raw(struct layer *layer, size_t n, struct error **err)
{
	if (n > layer->size_bytes - layer->raw_bytes)
		return err_make(err, ERR_FLEET,
				"'" STR_FMT "' has more than the %llu bytes "
				"it should have",
				STR_ARG(layer->path),
				(unsigned long long)layer->size_bytes);
	layer->raw_bytes += n;
	return 0;
}

static int end_payload(struct layer *layer, struct error **err)
{
	if (layer->raw_bytes != layer->size_bytes)
		return err_make(err, ERR_FLEET,
				"'" STR_FMT "' has %llu bytes and should have "
				"%llu",
				STR_ARG(layer->path),
				(unsigned long long)layer->raw_bytes,
				(unsigned long long)layer->size_bytes);
	layer->state = BETWEEN;
	return append_padding(layer, layer->size_bytes, err);
}

int layer_add(struct layer *layer, const struct tar_entry *entry,
	      struct str payload, struct error **err)
{
	int begun;

	if (entry->type == TAR_FILE)
		return layer_begin_file(layer, entry, err) ||
				       layer_write(layer, payload, err) ||
				       layer_end_file(layer, err)
			       ? -1
			       : 0;
	assert(payload.n == 0);
	begun = begin_entry(layer, entry, err);
	return begun < 0 ? -1 : 0;
}

int layer_add_dir(struct layer *layer, struct str path, uint32_t mode,
		  struct error **err)
{
	struct tar_entry entry = {.path = path, .type = TAR_DIR, .mode = mode};

	return layer_add(layer, &entry, STR_EMPTY, err);
}

int layer_begin_file(struct layer *layer, const struct tar_entry *entry,
		     struct error **err)
{
	return begin_payload(layer, entry, IN_FILE, err);
}

int layer_write(struct layer *layer, struct str raw, struct error **err)
{
	assert(layer->state == IN_FILE);
	return count_raw(layer, raw.n, err) || append_run(layer, raw, err) ? -1
									   : 0;
}

int layer_end_file(struct layer *layer, struct error **err)
{
	assert(layer->state == IN_FILE);
	return end_payload(layer, err);
}

int layer_begin_deflated(struct layer *layer, const struct tar_entry *entry,
			 uint32_t crc32, uint64_t deflated_bytes,
			 struct error **err)
{
	if (begin_payload(layer, entry, IN_DEFLATED, err))
		return -1;
	layer->crc32 = crc32;
	layer->deflated_size_bytes = deflated_bytes;
	layer->splice = layer->options.compression == LAYER_GZIP &&
			entry->size_bytes >= LAYER_SPLICE_BYTES;
	if (!layer->splice)
		return 0;
	if (flush_run(layer, err))
		return -1;
	gzip_append_header(&layer->out);
	return 0;
}

bool layer_deflated_at(const struct layer *layer, uint64_t *blob_offset)
{
	*blob_offset = layer->blob_bytes + layer->out.n;
	return layer->state == IN_DEFLATED && layer->splice;
}

int layer_write_deflated(struct layer *layer, struct str deflated,
			 struct error **err)
{
	assert(layer->state == IN_DEFLATED);
	layer->deflated_bytes += deflated.n;
	return layer->splice ? emit(layer, deflated, err) : 0;
}

int layer_write_inflated(struct layer *layer, struct str raw,
			 struct error **err)
{
	assert(layer->state == IN_DEFLATED);
	if (count_raw(layer, raw.n, err))
		return -1;
	if (!layer->splice)
		return append_run(layer, raw, err);
	sha256_update(&layer->tar_sha, raw);
	layer->tar_bytes += raw.n;
	return 0;
}

int layer_end_deflated(struct layer *layer, struct error **err)
{
	assert(layer->state == IN_DEFLATED);
	if (layer->deflated_bytes != layer->deflated_size_bytes)
		return err_make(err, ERR_FLEET,
				"'" STR_FMT "' has %llu deflated bytes and "
				"should have %llu",
				STR_ARG(layer->path),
				(unsigned long long)layer->deflated_bytes,
				(unsigned long long)layer->deflated_size_bytes);
	if (layer->splice)
		gzip_append_trailer(&layer->out, layer->crc32,
				    layer->size_bytes);
	return end_payload(layer, err);
}

int layer_finish(struct layer *layer, struct layer_result *result,
		 struct error **err)
{
	auto_buf struct buf end = BUF_EMPTY;

	assert(layer->state == BETWEEN);
	tar_append_end(&end);
	if (append_run(layer, buf_str(&end), err) || flush_run(layer, err))
		return -1;
	if (layer->options.compression == LAYER_ZSTD &&
	    zstd_step(layer, STR_EMPTY, ZSTD_e_end, err))
		return -1;
	if (flush_out(layer, err))
		return -1;
	layer->state = FINISHED;
	sha256_final(&layer->blob_sha, &result->digest);
	sha256_final(&layer->tar_sha, &result->diff_id);
	result->compressed_bytes = layer->blob_bytes;
	result->bytes = layer->tar_bytes;
	result->compression = layer->options.compression;
	return 0;
}

const char *layer_media_type(enum layer_compression compression)
{
	switch (compression) {
	case LAYER_GZIP:
		return "application/vnd.oci.image.layer.v1.tar+gzip";
	case LAYER_ZSTD:
		return "application/vnd.oci.image.layer.v1.tar+zstd";
	case LAYER_NONE:
		break;
	}
	return "application/vnd.oci.image.layer.v1.tar";
}

const char *layer_compression_name(enum layer_compression compression)
{
	switch (compression) {
	case LAYER_GZIP:
		return "gzip";
	case LAYER_ZSTD:
		return "zstd";
	case LAYER_NONE:
		break;
	}
	return "none";
}

const char *layer_tar_version(void)
{
	return "tar-1";
}

void layer_compressor(enum layer_compression compression, struct buf *out)
{
	buf_append_text(out, layer_compression_name(compression));
	if (compression == LAYER_GZIP)
		buf_printf(out, " %s " RUNS_VERSION, gzip_version());
	if (compression == LAYER_ZSTD)
		buf_printf(out, " libzstd-%s", ZSTD_versionString());
}

void layer_key_add(struct buf *key, enum layer_compression compression)
{
	key_add(key, str_from(layer_tar_version()));
	key_add(key, str_from(layer_compression_name(compression)));
	if (compression == LAYER_GZIP) {
		key_add(key, STR(RUNS_VERSION));
		key_add(key, str_from(gzip_version()));
	}
	if (compression == LAYER_ZSTD)
		key_add(key, str_from(ZSTD_versionString()));
}
