/* A recipe is, in the byte order of the machine,
 *
 *   head, struct recipe_span ..., the rest as one zstd frame
 */
#include "parts/recipe.h"

#include <stdlib.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/pool.h"

enum { COPY_BYTES = 1 << 20, ZSTD_LEVEL = 3 };

static const char magic[16] = "slipway recipe1";

struct head {
	char magic[16];
	struct digest blob;
	uint64_t size_bytes; /* of the file */
	uint64_t span_count, rest_bytes;
};

static uint64_t rest_of(uint64_t size_bytes, const struct recipe_spans *spans)
{
	for (size_t i = 0; i < spans->n; i++)
		size_bytes -= spans->p[i].bytes;
	return size_bytes;
}

/* What of the file lies in no span. */
static int read_rest(int fd, uint64_t size_bytes,
		     const struct recipe_spans *spans, struct buf *rest,
		     struct error **err)
{
	uint64_t offset = 0;

	for (size_t i = 0; i <= spans->n; i++) {
		uint64_t end =
			i < spans->n ? spans->p[i].file_offset : size_bytes;

		buf_reserve(rest, end - offset);
		if (end > offset &&
		    fs_pread_all(fd, rest->p + rest->n, end - offset, offset,
				 "the wheel", err))
			return -1;
		rest->n += end - offset;
		offset = i < spans->n ? end + spans->p[i].bytes : end;
	}
	return 0;
}

int recipe_make(int fd, uint64_t size_bytes, const struct digest *blob,
		const struct recipe_spans *spans, struct buf *recipe,
		struct error **err)
{
	auto_buf struct buf rest = BUF_EMPTY;
	struct head head = {
		.blob = *blob,
		.size_bytes = size_bytes,
		.span_count = spans->n,
		.rest_bytes = rest_of(size_bytes, spans),
	};

	if (head.rest_bytes > RECIPE_REST_MAX_BYTES ||
	    head.rest_bytes > size_bytes / 4)
		return 1;
	if (read_rest(fd, size_bytes, spans, &rest, err))
		return -1;
	memcpy(head.magic, magic, sizeof magic);
	buf_append(recipe, str_of((const char *)&head, sizeof head));
	buf_append(recipe,
		   str_of((const char *)spans->p, spans->n * sizeof *spans->p));
	buf_reserve(recipe, ZSTD_compressBound(rest.n));
	size_t n = ZSTD_compress(recipe->p + recipe->n,
				 recipe->capacity - recipe->n, rest.p, rest.n,
				 ZSTD_LEVEL);

	if (ZSTD_isError(n))
		abort(); /* there was room */
	recipe->n += n;
	return 0;
}

static bool read_head(struct str recipe, struct head *head)
{
	if (recipe.n < sizeof *head)
		return false;
	memcpy(head, recipe.p, sizeof *head);
	return memcmp(head->magic, magic, sizeof magic) == 0;
}

bool recipe_blob(struct str recipe, struct digest *blob)
{
	struct head head;

	if (!read_head(recipe, &head))
		return false;
	*blob = head.blob;
	return true;
}

static int damaged(struct error **err)
{
	return err_make(err, ERR_ENV, "the recipe of a wheel is damaged");
}

/* A file that is being made. */
struct making {
	int blob_fd, fd;
	char *buffer;
	struct str rest; /* not written yet */
	struct sha256 *sha;
};

static int write_bytes(struct making *making, struct str bytes,
		       struct error **err)
{
	sha256_update(making->sha, bytes);
	return fs_write_all(making->fd, bytes, "the wheel", err);
}

static int write_rest(struct making *making, uint64_t n, struct error **err)
{
	if (n > making->rest.n)
		return damaged(err);
	struct str bytes = str_slice(making->rest, 0, n);

	making->rest = str_slice(making->rest, n, making->rest.n);
	return write_bytes(making, bytes, err);
}

static int write_span(struct making *making, const struct recipe_span *span,
		      struct error **err)
{
	uint64_t done = 0;

	while (done < span->bytes) {
		uint64_t left = span->bytes - done;
		size_t n = left < COPY_BYTES ? (size_t)left : COPY_BYTES;

		if (pool_check_cancelled(err) ||
		    fs_pread_all(making->blob_fd, making->buffer, n,
				 span->blob_offset + done, "a layer", err) ||
		    write_bytes(making, str_of(making->buffer, n), err))
			return -1;
		done += n;
	}
	return 0;
}

/* The spans stand at p, wherever that is. */
static int write_all(struct making *making, const struct head *head,
		     const char *p, struct error **err)
{
	uint64_t offset = 0;

	for (uint64_t i = 0; i < head->span_count; i++) {
		struct recipe_span span;

		memcpy(&span, p + i * sizeof span, sizeof span);
		if (span.file_offset < offset ||
		    span.file_offset > head->size_bytes ||
		    span.bytes > head->size_bytes - span.file_offset)
			return damaged(err);
		if (write_rest(making, span.file_offset - offset, err) ||
		    write_span(making, &span, err))
			return -1;
		offset = span.file_offset + span.bytes;
	}
	return write_rest(making, head->size_bytes - offset, err);
}

int recipe_follow(struct str recipe, int blob_fd, int fd, struct digest *found,
		  struct error **err)
{
	struct head head;
	auto_buf struct buf rest = BUF_EMPTY;

	if (!read_head(recipe, &head) ||
	    head.rest_bytes > RECIPE_REST_MAX_BYTES ||
	    head.span_count >
		    (recipe.n - sizeof head) / sizeof(struct recipe_span))
		return damaged(err);
	const char *spans = recipe.p + sizeof head;
	const char *frame =
		spans + head.span_count * sizeof(struct recipe_span);

	buf_reserve(&rest, head.rest_bytes);
	if (ZSTD_decompress(rest.p, head.rest_bytes, frame,
			    (size_t)(recipe.p + recipe.n - frame)) !=
	    head.rest_bytes)
		return damaged(err);
	auto_free char *buffer = mem_alloc(COPY_BYTES);
	auto_sha256 struct sha256 sha;
	struct making making = {
		.blob_fd = blob_fd,
		.fd = fd,
		.buffer = buffer,
		.rest = str_of(rest.p, head.rest_bytes),
		.sha = &sha,
	};

	sha256_init(&sha);
	if (write_all(&making, &head, spans, err))
		return -1;
	sha256_final(&sha, found);
	return 0;
}
