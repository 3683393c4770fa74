#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "parts/fetch/internal.h"

enum {
	REREAD_BYTES = 1 << 20,
	MAX_ATTEMPTS = 1000, /* in all, also where each made some progress */
};

static const uint64_t default_max_bytes = (uint64_t)8 << 30;

struct download {
	struct fetch *fetch;
	const struct fetch_file *file;
	const char *url; /* asked now */
	struct store_partial partial;
	struct sha256 sha;   /* of the first size_bytes bytes */
	uint64_t size_bytes; /* in the partial file */
	bool resumed;	     /* some of them are from before this url */
	struct fs_behind behind;
	struct buf etag; /* of what url sends; strong ones only */
	struct progress *progress;
};

/* Drops what is there. */
static int restart(struct download *download, struct error **err)
{
	if (store_partial_empty(&download->partial, err))
		return -1;
	/* Wraps around: the bar goes back. */
	progress_add(download->progress, -download->size_bytes);
	sha256_release(&download->sha);
	sha256_init(&download->sha);
	download->size_bytes = 0;
	download->behind = (struct fs_behind){0};
	download->resumed = false;
	return 0;
}

/* Hashes what an earlier attempt left. */
static int reread(struct download *download, struct error **err)
{
	auto_free char *buffer = mem_alloc(REREAD_BYTES);
	uint64_t left = download->partial.size_bytes, offset = 0;

	sha256_init(&download->sha);
	while (left) {
		size_t n = left < REREAD_BYTES ? (size_t)left : REREAD_BYTES;

		if (pool_check_cancelled(err) ||
		    fs_pread_all(download->partial.fd, buffer, n, offset,
				 download->partial.path, err))
			return -1;
		sha256_update(&download->sha, str_of(buffer, n));
		offset += n;
		left -= n;
	}
	download->size_bytes = offset;
	download->resumed = offset > 0;
	progress_add(download->progress, offset);
	return 0;
}

static uint64_t max_bytes(const struct download *download)
{
	const struct fetch_file *file = download->file;

	if (file->size_bytes)
		return file->size_bytes;
	return file->max_bytes ? file->max_bytes : default_max_bytes;
}

static int size_error(const struct download *download, struct error **err)
{
	auto_free char *public = fetch_url_public(download->url);

	err_make(err, ERR_ENV,
		 download->file->size_bytes
			 ? "%s: %s has more than the %llu bytes it should have"
			 : "%s: %s has more than the %llu bytes allowed",
		 download->file->label, public,
		 (unsigned long long)max_bytes(download));
	return err_hint(err, "the server has another file under that name");
}

static void keep_etag(struct download *download,
		      const struct fetch_response *head)
{
	struct str etag = fetch_header(head, "ETag");

	buf_clear(&download->etag);
	/* Weak ones may not stand in If-Range (RFC 9110, 13.1.5). */
	if (etag.n && etag.p[0] == '"')
		buf_append(&download->etag, etag);
}

static int on_begin(void *context, const struct fetch_response *head,
		    struct error **err)
{
	struct download *download = context;
	uint64_t first = 0, total = 0;

	if (head->status != 200 && head->status != 206)
		return 1;
	keep_etag(download, head);
	if (head->status == 206 && download->size_bytes &&
	    fetch_content_range(head, &first, &total) &&
	    first == download->size_bytes &&
	    (!total || total <= max_bytes(download)))
		return 0;
	/* The whole file, or not the part that was asked for. */
	if (download->size_bytes && restart(download, err))
		return -1;
	return head->status == 206 ? 1 : 0;
}

static int on_data(void *context, struct str bytes, struct error **err)
{
	struct download *download = context;

	if (bytes.n > max_bytes(download) - download->size_bytes)
		return size_error(download, err);
	if (fs_write_all(download->partial.fd, bytes, download->partial.path,
			 err)) {
		err_wrap(err, "%s", download->file->label);
		return err_hint(err, "what is there is kept, and the download "
				     "goes on from it");
	}
	sha256_update(&download->sha, bytes);
	download->size_bytes += bytes.n;
	/* It may be read soon; held, it may be gone before it is on a disk. */
	if (!download->file->held)
		fs_write_behind(&download->behind, download->partial.fd,
				download->size_bytes, false);
	progress_add(download->progress, bytes.n);
	return 0;
}

static enum attempt attempt(struct download *download,
			    struct fetch_response *response,
			    uint64_t *retry_after_s, struct error **err)
{
	struct fetch_request request = {.url = download->url,
					.headers = download->file->headers};
	struct sink sink = {on_begin, on_data, download};
	auto_buf struct buf range = BUF_EMPTY;
	bool resume = download->size_bytes && !fetch_url_is_file(download->url);

	if (download->size_bytes && !resume && restart(download, err))
		return ATTEMPT_FAILED;
	if (resume)
		buf_printf(&range, "%llu-",
			   (unsigned long long)download->size_bytes);
	return fetch_attempt(
		download->fetch, &request, resume ? buf_text(&range) : NULL,
		resume && download->etag.n ? buf_text(&download->etag) : NULL,
		&sink, response, retry_after_s, err);
}

/* What an answered attempt amounts to. */
static enum attempt judge(struct download *download,
			  const struct fetch_response *response,
			  struct error **err)
{
	uint64_t wanted = download->file->size_bytes;
	unsigned status = response->status;

	if (status == 416 || (status == 206 && download->size_bytes == 0)) {
		err_make(err, ERR_ENV, "%s: the rest cannot be fetched alone",
			 download->file->label);
		return restart(download, err) ? ATTEMPT_FAILED : ATTEMPT_LOST;
	}
	if (status != 200 && status != 206) {
		fetch_status_error(download->url, status, err);
		return fetch_status_is_temporary(status) ? ATTEMPT_LOST
							 : ATTEMPT_FAILED;
	}
	if (wanted == 0 || download->size_bytes == wanted)
		return ATTEMPT_ANSWERED;
	err_make(err, ERR_ENV, "%s: only %llu of %llu bytes came",
		 download->file->label,
		 (unsigned long long)download->size_bytes,
		 (unsigned long long)wanted);
	return ATTEMPT_LOST;
}

/* Gets all bytes from the url, in as many attempts as it takes. */
static int get_bytes(struct download *download, struct error **err)
{
	struct retry retry = {download->fetch, download->url, 0};
	uint64_t wanted = download->file->size_bytes, retry_after_s;
	uint64_t furthest_bytes = download->size_bytes;

	for (unsigned i = 0; i < MAX_ATTEMPTS; i++) {
		auto_fetch_response struct fetch_response response =
			FETCH_RESPONSE_EMPTY;
		auto_err struct error *problem = NULL;

		if (wanted && download->size_bytes == wanted)
			return 0;
		enum attempt outcome =
			attempt(download, &response, &retry_after_s, &problem);

		if (outcome == ATTEMPT_ANSWERED)
			outcome = judge(download, &response, &problem);
		if (outcome == ATTEMPT_ANSWERED)
			return 0;
		/* Progress is what no attempt had: a server without ranges may
		 * send the same beginning for ever. */
		if (download->size_bytes > furthest_bytes) {
			furthest_bytes = download->size_bytes;
			retry.failures = 0;
		}
		if (outcome == ATTEMPT_FAILED ||
		    retry_wait(&retry, retry_after_s, err_message(problem),
			       &problem))
			return err_pass(err, mem_steal(problem));
	}
	return err_make(err, ERR_ENV, "%s: the connection was lost %d times",
			download->file->label, (int)MAX_ATTEMPTS);
}

static int hash_error(const struct download *download,
		      const struct digest *found, struct error **err)
{
	auto_free char *public = fetch_url_public(download->url);

	err_make(err, ERR_ENV, "%s: what %s sends has %s, not %s",
		 download->file->label, public, digest_text(found).p,
		 digest_text(&download->file->sha256).p);
	return err_hint(err, "the file was changed on the server or on the "
			     "way (a proxy?); nothing of it was kept");
}

/* From one url: 0 where all bytes are there and have the hash. */
static int download_from(struct download *download, const char *url,
			 struct error **err)
{
	download->url = url;
	buf_clear(&download->etag);
	if (fetch_check_url(download->fetch, url, err))
		return -1;
	for (;;) {
		struct digest found;
		bool resumed;

		if (download->size_bytes > max_bytes(download) &&
		    restart(download, err))
			return -1;
		if (get_bytes(download, err))
			return -1;
		sha256_final(&download->sha, &found);
		if (digest_eq(&found, &download->file->sha256))
			return 0;
		resumed = download->resumed;
		if (restart(download, err))
			return -1;
		/* What an earlier attempt left may have been another file. */
		if (!resumed)
			return hash_error(download, &found, err);
	}
}

static int download_all(struct download *download, struct error **err)
{
	if (reread(download, err))
		return -1;
	for (size_t i = 0; i < download->file->url_count; i++) {
		auto_err struct error *problem = NULL;

		if (download_from(download, download->file->urls[i],
				  &problem) == 0)
			return 0;
		if (i + 1 == download->file->url_count || pool_is_cancelled())
			return err_pass(err, mem_steal(problem));
		log_verbose("%s; asking the next server", err_message(problem));
		download->resumed = download->size_bytes > 0;
	}
	return err_make(err, ERR_ENV, "%s: no url is known for it",
			download->file->label);
}

int fetch_download(struct fetch *fetch, struct store *store,
		   const struct fetch_file *file, struct error **err)
{
	struct download download = {
		.fetch = fetch, .file = file, .partial = STORE_PARTIAL_EMPTY};
	int there = store_partial_begin(store, &file->sha256, file->kind,
					&download.partial, err);

	if (there)
		return there < 0 ? -1 : 0;
	download.progress = progress_new(file->label, file->size_bytes, "B");
	int result = download_all(&download, err);

	if (result == 0 && file->held) {
		*file->held = download.partial;
		download.partial = (struct store_partial)STORE_PARTIAL_EMPTY;
	} else if (result == 0) {
		result = store_partial_commit(store, &download.partial,
					      file->kind, err);
	}
	progress_free(download.progress);
	store_partial_release(&download.partial);
	sha256_release(&download.sha);
	buf_release(&download.etag);
	return result;
}
