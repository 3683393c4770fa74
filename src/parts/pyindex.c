#include "parts/pyindex.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/pool.h"
#include "facts/version.h"
#include "parts/fetch.h"
#include "parts/pyindex/internal.h"

struct str pyindex_env(const char *name)
{
	return str_from(getenv(name));
}

bool pyindex_is_true(struct str text)
{
	static const char *const words[] = {"1", "true", "yes", "on", "t"};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (str_eq_case(text, str_from(words[i])))
			return true;
	return false;
}

bool pyindex_word(struct str *rest, char separator, struct str *word)
{
	size_t start = 0, end;

	while (start < rest->n && (isspace((unsigned char)rest->p[start]) ||
				   rest->p[start] == separator))
		start++;
	end = start;
	while (end < rest->n && !isspace((unsigned char)rest->p[end]) &&
	       rest->p[end] != separator)
		end++;
	*word = str_slice(*rest, start, end);
	*rest = str_slice(*rest, end, rest->n);
	return word->n > 0;
}

/* -- places -- */

/* "UV_INDEX_NAME_SUFFIX": uv's variables for the login of a named index. */
static const char *login_variable(struct str name, const char *suffix)
{
	auto_buf struct buf text = BUF_EMPTY;

	buf_append_text(&text, "UV_INDEX_");
	for (size_t i = 0; i < name.n; i++)
		buf_append_byte(
			&text, isalnum((unsigned char)name.p[i])
				       ? (char)toupper((unsigned char)name.p[i])
				       : '_');
	buf_append_text(&text, suffix);
	return getenv(buf_text(&text));
}

static char *with_login(char *url, struct str name)
{
	const char *user = login_variable(name, "_USERNAME");
	const char *password = login_variable(name, "_PASSWORD");

	if (!name.n || (!user && !password))
		return url;
	char *result = fetch_url_with_login(url, user ? user : "",
					    password ? password : "");

	free(url);
	return result;
}

/* A url from a url, or from a path relative to folder. */
static char *place_url(struct str value, const char *folder)
{
	auto_free char *text = str_dup(value);

	if (str_find_str(value, STR("://")) >= 0 ||
	    str_starts(value, STR("file:")))
		return mem_steal(text);
	auto_free char *path = NULL;

	if (*text == '/')
		path = mem_steal(text);
	else if (value.n)
		path = path_join(folder, text);
	return path ? fetch_url_of_path(path) : NULL;
}

/* Equal but for slashes at the end. */
static bool same_url(const char *a, const char *b)
{
	struct str first = str_from(a), second = str_from(b);

	while (str_ends(first, STR("/")))
		first.n--;
	while (str_ends(second, STR("/")))
		second.n--;
	return str_eq(first, second);
}

static void push_place(struct places *places, struct pyindex_place place)
{
	array_each (struct pyindex_place, old, places)
		if (old->kind == place.kind &&
		    old->is_explicit == place.is_explicit &&
		    same_url(old->url, place.url)) {
			old->is_default |= place.is_default;
			return;
		}
	array_push(places, place);
}

int pyindex_add(struct pyindex *index, enum pyindex_kind kind, struct str name,
		struct str value, const char *folder, const char *source,
		bool is_default, bool is_explicit, struct error **err)
{
	auto_free char *url = place_url(value, folder);

	if (!url || !fetch_url_is_known(url))
		return err_make(err, ERR_ENV,
				"%s: '" STR_FMT "' is neither an http, https "
				"or file url nor a path",
				source, STR_ARG(value));
	/* Only the first default counts. */
	if (is_default && index->has_default)
		return 0;
	index->has_default |= is_default;
	url = with_login(mem_steal(url), name);
	push_place(
		&index->configured,
		(struct pyindex_place){
			.kind = kind,
			.name = arena_str(&index->arena, name).p,
			.url = arena_str(&index->arena, str_from(url)).p,
			.source = arena_str(&index->arena, str_from(source)).p,
			.is_default = is_default,
			.is_explicit = is_explicit,
		});
	return 0;
}

int pyindex_add_named(struct pyindex *index, struct str value,
		      const char *folder, const char *source, bool is_default,
		      struct error **err)
{
	ptrdiff_t equals = str_find(value, '='), colon = str_find(value, ':');
	struct str name = STR_EMPTY;

	if (equals > 0 && (colon < 0 || equals < colon)) {
		name = str_slice(value, 0, (size_t)equals);
		value = str_slice(value, (size_t)equals + 1, value.n);
	}
	return pyindex_add(index, PYINDEX_SIMPLE, name, value, folder, source,
			   is_default, false, err);
}

static const char no_default[] =
	"no package index is configured, and neither uv nor pip is installed "
	"to be asked for one";

/* Completes the list of places, once. Under the lock. */
static int complete_places(struct pyindex *index, struct error **err)
{
	if (index->default_asked)
		return 0;
	auto_free char *url = NULL;
	const char *who = "";

	if (!index->has_default) {
		url = pyindex_ask(&who);
		/* Then nobody was asked to the end. */
		if (!url && pool_check_cancelled(err))
			return -1;
		if (!url) {
			err_make(err, ERR_ENV, "%s", no_default);
			return err_hint(err, "set UV_DEFAULT_INDEX or "
					     "PIP_INDEX_URL to the url of a "
					     "simple index");
		}
	}
	index->default_asked = true;
	/* The default comes last, as uv asks it. */
	array_each (struct pyindex_place, place, &index->configured)
		if (!place->is_default)
			push_place(&index->places, *place);
	array_each (struct pyindex_place, place, &index->configured)
		if (place->is_default)
			push_place(&index->places, *place);
	if (url)
		push_place(
			&index->places,
			(struct pyindex_place){
				.kind = PYINDEX_SIMPLE,
				.name = "",
				.url = arena_str(&index->arena, str_from(url))
					       .p,
				.source = who,
				.is_default = true,
			});
	return 0;
}

int pyindex_places(struct pyindex *index, const struct pyindex_place **places,
		   size_t *count, struct error **err)
{
	pthread_mutex_lock(&index->lock);
	int result = complete_places(index, err);

	pthread_mutex_unlock(&index->lock);
	*places = index->places.p;
	*count = index->places.n;
	return result;
}

/* -- making one -- */

static int bind(struct pyindex *index, const struct pyindex_binding *binding,
		struct error **err)
{
	auto_free char *url = place_url(binding->url, index->folder);
	struct str name = name_normalise(&index->arena, binding->package);
	const char *kept;

	if (!url || !fetch_url_is_known(url))
		return err_make(err, ERR_FLEET,
				"the index of '" STR_FMT "', '" STR_FMT
				"', is neither an http, https or file url nor "
				"a path",
				STR_ARG(binding->package),
				STR_ARG(binding->url));
	kept = arena_str(&index->arena, str_from(url)).p;
	/* Where uv knows the same index, with its login. */
	array_each (struct pyindex_place, place, &index->configured) {
		auto_free char *ours = fetch_url_public(kept);
		auto_free char *theirs = fetch_url_public(place->url);

		if (place->kind == PYINDEX_SIMPLE && same_url(ours, theirs))
			kept = place->url;
	}
	/* The value is only ever read. */
	map_set(&index->bindings, name, (void *)(uintptr_t)kept);
	return 0;
}

static int configure(struct pyindex *index,
		     const struct pyindex_options *options, struct error **err)
{
	index->folder = realpath(options->folder ? options->folder : ".", NULL);
	if (!index->folder)
		return err_sys(err, "cannot find the folder '%s'",
			       options->folder ? options->folder : ".");
	if (pyindex_read_uv(index, err) || pyindex_read_pip(index, err))
		return -1;
	for (size_t i = 0; i < options->binding_count; i++)
		if (bind(index, &options->bindings[i], err))
			return -1;
	return 0;
}

int pyindex_new(const struct pyindex_options *options, struct pyindex **index,
		struct error **err)
{
	struct pyindex *made = mem_zalloc(1, sizeof *made);

	made->fetch = options->fetch;
	pthread_mutex_init(&made->lock, NULL);
	pthread_cond_init(&made->changed, NULL);
	if (configure(made, options, err)) {
		pyindex_free(made);
		return -1;
	}
	*index = made;
	return 0;
}

void pyindex_free(struct pyindex *index)
{
	if (!index)
		return;
	map_each (entry, &index->pages) {
		struct page *page = entry->value;

		array_release(&page->files);
		arena_release(&page->arena);
		free(page);
	}
	map_release(&index->pages);
	map_release(&index->bindings);
	array_release(&index->configured);
	array_release(&index->places);
	arena_release(&index->arena);
	pthread_cond_destroy(&index->changed);
	pthread_mutex_destroy(&index->lock);
	free(index->folder);
	free(index);
}
