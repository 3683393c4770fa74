#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "facts/version.h"
#include "parts/fetch.h"
#include "parts/pyindex/internal.h"

/* PEP 691, "Version + Format Selection". */
static const char *const accept[] = {
	"Accept: application/vnd.pypi.simple.v1+json, "
	"application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1",
	NULL,
};

/* What is looked for. */
struct wanted {
	struct str name; /* normalised */
	struct str file_name;
	const struct digest *sha256; /* or NULL */
};

/* url + "/" + the rest, whatever slashes and queries are there. */
static char *url_below(const char *url, struct str name, const char *suffix)
{
	size_t n = strcspn(url, "?#");

	while (n && url[n - 1] == '/')
		n--;
	return path_printf("%.*s/" STR_FMT "/%s", (int)n, url, STR_ARG(name),
			   suffix);
}

static char *page_url(const struct pyindex_place *place, struct str name)
{
	bool local = strncasecmp(place->url, "file:", 5) == 0;

	if (place->kind == PYINDEX_FLAT)
		return mem_strdup(place->url);
	/* A folder of this host has no server that would choose this file. */
	return url_below(place->url, name, local ? "index.html" : "");
}

/* Fetches and reads a page. One that is not there is an empty one. */
static int load(struct pyindex *index, const struct pyindex_place *place,
		struct str name, struct page *page, struct error **err)
{
	auto_free char *url = page_url(place, name);
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;
	struct fetch_request request = {
		.url = url,
		.headers = accept,
		.max_bytes = PYINDEX_PAGE_MAX,
		.compressed = true,
	};

	if (fetch_send(index->fetch, &request, &response, err))
		return -1;
	if (response.status == 404 || response.status == 410)
		return 0;
	if (response.status != 200)
		return fetch_status_error(url, response.status, err);
	if (page_parse(page, buf_str(&response.body),
		       fetch_header(&response, "Content-Type"), response.url,
		       err)) {
		auto_free char *public = fetch_url_public(url);

		return err_wrap(err, "the page %s cannot be used", public);
	}
	return 0;
}

/* Loads the page without the lock, which is held before and after. */
static int load_unlocked(struct pyindex *index,
			 const struct pyindex_place *place, struct str name,
			 struct page *page, struct error **err)
{
	page->state = PAGE_LOADING;
	pthread_mutex_unlock(&index->lock);
	int result = load(index, place, name, page, err);

	pthread_mutex_lock(&index->lock);
	page->state = result ? PAGE_FAILED : PAGE_READY;
	pthread_cond_broadcast(&index->changed);
	return result;
}

/* The page, loaded by one of the threads that want it at the same time. */
static struct page *get_page(struct pyindex *index,
			     const struct pyindex_place *place, struct str name,
			     struct error **err)
{
	auto_buf struct buf key = BUF_EMPTY;
	int result = 0;

	buf_printf(&key, "%d %s\n" STR_FMT, place->kind, place->url,
		   STR_ARG(place->kind == PYINDEX_FLAT ? STR_EMPTY : name));
	pthread_mutex_lock(&index->lock);
	struct page *page = map_get(&index->pages, buf_str(&key));

	if (!page) {
		page = mem_zalloc(1, sizeof *page);
		page->state = PAGE_FAILED;
		map_set(&index->pages, buf_str(&key), page);
	}
	while (page->state == PAGE_LOADING)
		pthread_cond_wait(&index->changed, &index->lock);
	/* After another's failure each tries for itself. */
	if (page->state == PAGE_FAILED)
		result = load_unlocked(index, place, name, page, err);
	pthread_mutex_unlock(&index->lock);
	return result ? NULL : page;
}

static bool fits(const struct page_file *file, const struct wanted *wanted)
{
	return str_eq(file->name, wanted->file_name) &&
	       (!wanted->sha256 || digest_is_zero(&file->sha256) ||
		digest_eq(&file->sha256, wanted->sha256));
}

/* A file in a folder of this host: 1 where the place is one. */
static int find_in_folder(const struct pyindex_place *place,
			  const struct wanted *wanted, char **url)
{
	auto_free char *folder = fetch_url_path(place->url);
	struct stat info;

	if (!folder || stat(folder, &info) < 0 || !S_ISDIR(info.st_mode))
		return 0;
	auto_free char *name = str_dup(wanted->file_name);
	auto_free char *path = path_join(folder, name);

	if (stat(path, &info) == 0 && S_ISREG(info.st_mode))
		*url = fetch_url_of_path(path);
	return 1;
}

/* Sets *url where the place has the file. */
static int find_at(struct pyindex *index, const struct pyindex_place *place,
		   const struct wanted *wanted, char **url, struct error **err)
{
	if (place->kind == PYINDEX_FLAT && find_in_folder(place, wanted, url))
		return 0;
	const struct page *page = get_page(index, place, wanted->name, err);

	if (!page)
		return -1;
	array_each (struct page_file, file, &page->files)
		if (!*url && fits(file, wanted))
			/* The place's login goes where its host is. */
			*url = fetch_url_join(place->url, file->url.p);
	return 0;
}

static int not_found(const struct wanted *wanted, const struct buf *asked,
		     struct error *problem, struct error **err)
{
	if (problem) {
		err_pass(err, problem);
		return err_wrap(err, "cannot find '" STR_FMT "'",
				STR_ARG(wanted->file_name));
	}
	err_make(err, ERR_ENV, "no index has '" STR_FMT "'%s; asked: " STR_FMT,
		 STR_ARG(wanted->file_name),
		 wanted->sha256 ? " with the expected hash" : "",
		 STR_ARG(buf_str(asked)));
	return err_hint(err, "check UV_INDEX, UV_DEFAULT_INDEX, PIP_INDEX_URL "
			     "and the indexes in fleet.yaml, or run slipway "
			     "lock again");
}

static int find_in(struct pyindex *index, const struct pyindex_place *places,
		   size_t count, const struct wanted *wanted, char **url,
		   struct error **err)
{
	auto_buf struct buf asked = BUF_EMPTY;
	auto_err struct error *first = NULL;

	*url = NULL;
	for (size_t i = 0; i < count; i++) {
		auto_err struct error *problem = NULL;
		auto_free char *public = fetch_url_public(places[i].url);

		if (places[i].is_explicit)
			continue;
		if (find_at(index, &places[i], wanted, url, &problem) &&
		    err_class(problem) == ERR_CANCELLED)
			return err_pass(err, mem_steal(problem));
		if (*url)
			return 0;
		if (problem && !first)
			first = mem_steal(problem);
		buf_printf(&asked, "%s%s", asked.n ? ", " : "", public);
	}
	return not_found(wanted, &asked, mem_steal(first), err);
}

/* A name that cannot leave the folder or the url that it is put into. */
static bool is_plain(struct str name)
{
	return path_is_clean(name) && str_find(name, '/') < 0;
}

int pyindex_url(struct pyindex *index, struct str distribution,
		struct str file_name, const struct digest *sha256, char **url,
		struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	const struct pyindex_place *places;
	struct wanted wanted = {name_normalise(&arena, distribution), file_name,
				sha256};
	size_t count;

	if (!is_plain(wanted.name) || !is_plain(file_name))
		return err_make(err, ERR_FLEET,
				"'" STR_FMT "' of '" STR_FMT "' is not the "
				"name of a file of a distribution",
				STR_ARG(file_name), STR_ARG(distribution));
	const char *bound = map_get(&index->bindings, wanted.name);
	struct pyindex_place only = {.kind = PYINDEX_SIMPLE, .url = bound};

	if (bound)
		return find_in(index, &only, 1, &wanted, url, err);
	if (pyindex_places(index, &places, &count, err))
		return -1;
	return find_in(index, places, count, &wanted, url, err);
}
