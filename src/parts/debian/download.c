/* Package files into the store's downloads. */
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/pool.h"
#include "facts/store.h"
#include "parts/debian/tree.h"
#include "parts/fetch.h"

enum { PARALLEL = 8 };

struct download {
	const struct debian_source *source;
	const struct lock_deb *deb;
};

/* True where every server that answers says that it has no such file. */
static bool is_gone(struct fetch *fetch, const char *const *urls, size_t count)
{
	bool gone = !fetch_is_offline(fetch) && count;

	for (size_t i = 0; i < count; i++) {
		auto_fetch_response struct fetch_response response =
			FETCH_RESPONSE_EMPTY;
		auto_err struct error *err = NULL;
		struct fetch_request request = {
			.url = urls[i],
			.method = "HEAD",
		};

		gone = gone &&
		       fetch_send(fetch, &request, &response, &err) == 0 &&
		       (response.status == 404 || response.status == 410);
	}
	return gone;
}

static int explain(const struct download *download, const char *const *urls,
		   size_t count, struct error **err)
{
	const struct lock_deb *deb = download->deb;

	if (!is_gone(download->source->fetch, urls, count))
		return err_wrap(err, "the package " STR_FMT " " STR_FMT,
				STR_ARG(deb->name), STR_ARG(deb->version));
	if (err) {
		err_free(*err);
		*err = NULL;
	}
	err_make(err, ERR_ENV,
		 "no mirror has the package " STR_FMT " " STR_FMT " (" STR_FMT
		 ") any more: a newer version took its place",
		 STR_ARG(deb->name), STR_ARG(deb->version),
		 STR_ARG(deb->architecture));
	return err_hint(err, "lock the newer one with slipway lock --upgrade, "
			     "or let bases.NAME.mirror in fleet.yaml name an "
			     "archive that keeps old versions");
}

static int run(void *argument, struct error **err)
{
	const struct download *download = argument;
	const struct lock_deb *deb = download->deb;
	auto_arena struct arena arena = ARENA_EMPTY;
	struct lock_strs urls;

	if (debian_package_urls(download->source, deb->suite, deb->path, &arena,
				&urls, err))
		return -1;
	const char **texts = arena_new_array(&arena, const char *, urls.n);

	for (size_t i = 0; i < urls.n; i++)
		texts[i] = urls.p[i].p;
	ptrdiff_t slash = str_rfind(deb->path, '/');
	struct fetch_file file = {
		.urls = texts,
		.url_count = urls.n,
		.size_bytes = deb->size_bytes,
		.sha256 = deb->sha256,
		.kind = STORE_DOWNLOAD,
		.label = arena_str(&arena,
				   str_slice(deb->path, (size_t)(slash + 1),
					     deb->path.n))
				 .p,
	};

	if (fetch_download(download->source->fetch, download->source->store,
			   &file, err) == 0)
		return 0;
	return explain(download, texts, urls.n, err);
}

int debian_download(const struct debian_source *source,
		    const struct lock_debs *debs, struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct download *downloads =
		arena_new_array(&arena, struct download, debs->n);
	size_t missing = 0;

	for (size_t i = 0; i < debs->n; i++)
		if (!store_download_has(source->store, &debs->p[i].sha256))
			downloads[missing++] =
				(struct download){source, &debs->p[i]};
	if (missing == 0)
		return 0;
	/* These threads only wait for the network. */
	struct pool *pool = pool_new(PARALLEL, 0);

	for (size_t i = 0; i < missing; i++)
		pool_add(pool, &(struct pool_task){.run = run,
						   .argument = &downloads[i]});
	int result = pool_run_first(pool, err);

	pool_free(pool);
	return result;
}
