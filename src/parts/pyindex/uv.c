#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "codec/toml.h"
#include "parts/fetch.h"
#include "parts/pyindex/internal.h"

/* uv's settings reference: "index", "index-url", "extra-index-url",
 * "find-links", "no-index", and the same below "pip"; "Configuration files";
 * "Environment variables". */

/* One configuration file. */
struct uv_file {
	struct pyindex *index;
	char *path;
	char *folder; /* what relative paths start from */
};

static int type_error(const struct uv_file *file,
		      const struct toml_value *value, const char *what,
		      struct error **err)
{
	return err_make(err, ERR_ENV, "%s:%u: %s", file->path, value->line,
			what);
}

static bool get_bool(const struct toml_value *table, const char *key)
{
	const struct toml_value *value =
		toml_get_typed(table, key, TOML_BOOLEAN);

	return value && value->boolean;
}

static int read_entry(const struct uv_file *file,
		      const struct toml_value *entry, struct error **err)
{
	struct str url = toml_get_string(entry, "url");
	bool flat = str_eq(toml_get_string(entry, "format"), STR("flat"));

	if (!url.n)
		return type_error(file, entry, "an index needs a 'url'", err);
	return pyindex_add(file->index, flat ? PYINDEX_FLAT : PYINDEX_SIMPLE,
			   toml_get_string(entry, "name"), url, file->folder,
			   file->path, get_bool(entry, "default"),
			   get_bool(entry, "explicit"), err);
}

static int read_entries(const struct uv_file *file,
			const struct toml_value *table, struct error **err)
{
	const struct toml_value *list =
		toml_get_typed(table, "index", TOML_ARRAY);

	for (size_t i = 0; list && i < list->array.n; i++)
		if (read_entry(file, list->array.p[i], err))
			return -1;
	return 0;
}

static int read_list(const struct uv_file *file, const struct toml_value *table,
		     const char *key, enum pyindex_kind kind,
		     struct error **err)
{
	const struct toml_value *list = toml_get_typed(table, key, TOML_ARRAY);

	for (size_t i = 0; list && i < list->array.n; i++) {
		const struct toml_value *value = list->array.p[i];

		if (value->type != TOML_STRING)
			return type_error(file, value, "a url is expected",
					  err);
		if (pyindex_add(file->index, kind, STR_EMPTY, value->string,
				file->folder, file->path, false, false, err))
			return -1;
	}
	return 0;
}

static int read_table(const struct uv_file *file,
		      const struct toml_value *table, struct error **err)
{
	struct str standard = toml_get_string(table, "index-url");

	if (get_bool(table, "no-index"))
		file->index->has_default = true;
	if (read_entries(file, table, err) ||
	    read_list(file, table, "extra-index-url", PYINDEX_SIMPLE, err) ||
	    read_list(file, table, "find-links", PYINDEX_FLAT, err))
		return -1;
	if (!standard.n)
		return 0;
	return pyindex_add(file->index, PYINDEX_SIMPLE, STR_EMPTY, standard,
			   file->folder, file->path, true, false, err);
}

/* Reads a file; *found tells whether it configures uv. */
static int read_file(struct pyindex *index, const char *folder,
		     const char *name, bool *found, struct error **err)
{
	auto_free char *path = path_join(folder, name);
	auto_free char *own_folder = mem_strdup(folder);
	auto_buf struct buf text = BUF_EMPTY;
	auto_arena struct arena arena = ARENA_EMPTY;
	struct toml_value *root = NULL;
	struct toml_place place;
	const struct toml_value *table;

	*found = false;
	if (access(path, F_OK) < 0)
		return 0;
	if (fs_read(path, PYINDEX_CONFIG_MAX, &text, err))
		return -1;
	enum toml_status status =
		toml_parse(buf_str(&text), &arena, &root, &place);

	if (status != TOML_OK)
		return err_make(err, ERR_ENV, "%s:%u:%u: %s", path, place.line,
				place.column, toml_status_text(status));
	table = strcmp(name, "pyproject.toml") == 0
			? toml_get(toml_get(root, "tool"), "uv")
			: root;
	*found = table != NULL;
	if (!table)
		return 0;
	struct uv_file file = {index, path, own_folder};

	/* The section of "uv pip" comes first: it is the more special one. */
	if (read_table(&file, toml_get(table, "pip"), err))
		return -1;
	return read_table(&file, table, err);
}

/* The nearest folder upward that configures uv. */
static int read_project(struct pyindex *index, struct error **err)
{
	auto_free char *folder = mem_strdup(index->folder);

	for (;;) {
		bool found;

		if (read_file(index, folder, "uv.toml", &found, err))
			return -1;
		if (!found &&
		    read_file(index, folder, "pyproject.toml", &found, err))
			return -1;
		char *slash = strrchr(folder, '/');

		if (found || !slash || !folder[1])
			return 0;
		slash[slash == folder ? 1 : 0] = '\0';
	}
}

static int read_user(struct pyindex *index, struct error **err)
{
	struct str config = pyindex_env("XDG_CONFIG_HOME");
	struct str home = pyindex_env("HOME");
	auto_free char *folder = NULL;
	bool found;

	if (config.n)
		folder = path_printf(STR_FMT "/uv", STR_ARG(config));
	else if (home.n)
		folder = path_printf(STR_FMT "/.config/uv", STR_ARG(home));
	return folder ? read_file(index, folder, "uv.toml", &found, err) : 0;
}

static int read_system(struct pyindex *index, struct error **err)
{
	struct str folders = pyindex_env("XDG_CONFIG_DIRS"), folder;
	bool found = false;

	if (!folders.n)
		folders = STR("/etc/xdg");
	while (!found && str_split(&folders, ':', &folder)) {
		auto_free char *path =
			path_printf(STR_FMT "/uv", STR_ARG(folder));

		if (folder.n && read_file(index, path, "uv.toml", &found, err))
			return -1;
	}
	return found ? 0 : read_file(index, "/etc/uv", "uv.toml", &found, err);
}

static int read_files(struct pyindex *index, struct error **err)
{
	const char *named = getenv("UV_CONFIG_FILE");
	bool found;

	if (pyindex_is_true(pyindex_env("UV_NO_CONFIG")))
		return 0;
	if (named && *named) {
		auto_free char *path = realpath(named, NULL);

		if (!path)
			return err_sys(err, "cannot read UV_CONFIG_FILE '%s'",
				       named);
		char *slash = strrchr(path, '/');

		*slash = '\0';
		return read_file(index, slash == path ? "/" : path, slash + 1,
				 &found, err);
	}
	if (read_project(index, err) || read_user(index, err))
		return -1;
	return read_system(index, err);
}

static int read_words(struct pyindex *index, const char *variable,
		      char separator, enum pyindex_kind kind,
		      struct error **err)
{
	struct str rest = pyindex_env(variable), word;

	while (str_split(&rest, separator, &word)) {
		word = str_trim(word);
		if (!word.n)
			continue;
		int result =
			kind == PYINDEX_FLAT
				? pyindex_add(index, kind, STR_EMPTY, word,
					      index->folder, variable, false,
					      false, err)
				: pyindex_add_named(index, word, index->folder,
						    variable, false, err);

		if (result)
			return -1;
	}
	return 0;
}

static int read_default(struct pyindex *index, const char *variable,
			struct error **err)
{
	struct str value = str_trim(pyindex_env(variable));

	return value.n ? pyindex_add_named(index, value, index->folder,
					   variable, true, err)
		       : 0;
}

int pyindex_read_uv(struct pyindex *index, struct error **err)
{
	if (pyindex_is_true(pyindex_env("UV_NO_INDEX")))
		index->has_default = true;
	if (read_words(index, "UV_INDEX", ' ', PYINDEX_SIMPLE, err) ||
	    read_words(index, "UV_EXTRA_INDEX_URL", ' ', PYINDEX_SIMPLE, err) ||
	    read_words(index, "UV_FIND_LINKS", ',', PYINDEX_FLAT, err) ||
	    read_default(index, "UV_DEFAULT_INDEX", err) ||
	    read_default(index, "UV_INDEX_URL", err))
		return -1;
	return read_files(index, err);
}
