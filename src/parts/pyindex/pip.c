#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "parts/pyindex/internal.h"

/* pip's documentation, "Configuration": files, their order, and their format,
 * which is that of Python's configparser.
 *
 *   file    = *( section / setting / comment / empty )
 *   section = "[" name "]"
 *   setting = key ( "=" / ":" ) value *( newline space value )
 *   comment = ( "#" / ";" ) text
 */

enum setting { INDEX_URL, EXTRA_INDEX_URL, FIND_LINKS, NO_INDEX, SETTINGS };

static const char *const setting_names[SETTINGS] = {
	"index-url", "extra-index-url", "find-links", "no-index"};
static const char *const variable_names[SETTINGS] = {
	"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS",
	"PIP_NO_INDEX"};

/* The strongest value so far, and who gave it. */
struct settings {
	struct str value[SETTINGS];
	const char *source[SETTINGS];
	const char *folder[SETTINGS]; /* what relative paths start from */
};

enum section { SECTION_OTHER, SECTION_GLOBAL, SECTION_INSTALL };

struct pip_file {
	struct settings *settings;
	struct arena *arena;
	const char *path;
	enum section wanted;
	enum section section;
	int setting; /* that a continuation belongs to; -1: none of ours */
};

static int setting_of(struct str key)
{
	auto_free char *name = str_dup(key);

	for (char *p = name; *p; p++)
		if (*p == '_')
			*p = '-';
	for (int i = 0; i < SETTINGS; i++)
		if (str_eq_case(str_from(name), str_from(setting_names[i])))
			return i;
	return -1;
}

static void set(struct pip_file *file, int setting, struct str value)
{
	struct settings *settings = file->settings;
	const char *slash = strrchr(file->path, '/');

	settings->value[setting] = arena_str(file->arena, value);
	settings->source[setting] = file->path;
	settings->folder[setting] =
		arena_str(file->arena,
			  str_of(file->path, (size_t)(slash - file->path)))
			.p;
}

static bool read_section(struct pip_file *file, struct str line)
{
	ptrdiff_t end = str_find(line, ']');

	if (*line.p != '[' || end < 0)
		return false;
	struct str name = str_slice(line, 1, (size_t)end);

	file->section = str_eq(name, STR("global"))    ? SECTION_GLOBAL
			: str_eq(name, STR("install")) ? SECTION_INSTALL
						       : SECTION_OTHER;
	file->setting = -1;
	return true;
}

static bool read_setting(struct pip_file *file, struct str line)
{
	size_t n = 0;

	while (n < line.n && line.p[n] != '=' && line.p[n] != ':')
		n++;
	if (n == line.n || file->section == SECTION_OTHER)
		return n < line.n;
	file->setting = setting_of(str_trim(str_slice(line, 0, n)));
	if (file->section != file->wanted)
		file->setting = -1;
	if (file->setting >= 0)
		set(file, file->setting,
		    str_trim(str_slice(line, n + 1, line.n)));
	return true;
}

static void read_continuation(struct pip_file *file, struct str line)
{
	if (file->setting < 0)
		return;
	struct str joined = arena_printf(
		file->arena, STR_FMT " " STR_FMT,
		STR_ARG(file->settings->value[file->setting]), STR_ARG(line));

	set(file, file->setting, joined);
}

/* One pass per section: that of the command overrides the global one, wherever
 * it stands. */
static int read_text(struct pip_file *file, struct str text, struct error **err)
{
	struct str line;
	unsigned number = 0;

	file->section = SECTION_OTHER;
	file->setting = -1;
	while (str_line(&text, &line)) {
		struct str content = str_trim(line);

		number++;
		if (!content.n || *content.p == '#' || *content.p == ';')
			continue;
		if (*line.p == ' ' || *line.p == '\t')
			read_continuation(file, content);
		else if (!read_section(file, content) &&
			 !read_setting(file, content))
			return err_make(err, ERR_ENV,
					"%s:%u: neither a [section] nor a "
					"'name = value'",
					file->path, number);
	}
	return 0;
}

static int read_file(struct settings *settings, struct arena *arena,
		     const char *path, struct error **err)
{
	auto_buf struct buf text = BUF_EMPTY;
	struct pip_file file = {.settings = settings,
				.arena = arena,
				.path = arena_str(arena, str_from(path)).p};

	if (access(path, F_OK) < 0)
		return 0;
	if (fs_read(path, PYINDEX_CONFIG_MAX, &text, err))
		return -1;
	file.wanted = SECTION_GLOBAL;
	if (read_text(&file, buf_str(&text), err))
		return -1;
	file.wanted = SECTION_INSTALL;
	return read_text(&file, buf_str(&text), err);
}

static int read_below(struct settings *settings, struct arena *arena,
		      struct str folder, const char *name, struct error **err)
{
	if (!folder.n || *folder.p != '/')
		return 0;
	auto_free char *path =
		path_printf(STR_FMT "/%s", STR_ARG(folder), name);

	return read_file(settings, arena, path, err);
}

/* Weakest first. */
static int read_files(struct settings *settings, struct arena *arena,
		      struct error **err)
{
	struct str own = pyindex_env("PIP_CONFIG_FILE");
	struct str folders = pyindex_env("XDG_CONFIG_DIRS"), folder;
	struct str home = pyindex_env("HOME");
	struct str config = pyindex_env("XDG_CONFIG_HOME");

	if (str_eq(own, STR("/dev/null")))
		return 0;
	if (!folders.n)
		folders = STR("/etc/xdg");
	while (str_split(&folders, ':', &folder))
		if (read_below(settings, arena, folder, "pip/pip.conf", err))
			return -1;
	if (read_file(settings, arena, "/etc/pip.conf", err) ||
	    read_below(settings, arena, home, ".pip/pip.conf", err) ||
	    (config.n ? read_below(settings, arena, config, "pip/pip.conf", err)
		      : read_below(settings, arena, home,
				   ".config/pip/pip.conf", err)) ||
	    read_below(settings, arena, pyindex_env("VIRTUAL_ENV"), "pip.conf",
		       err))
		return -1;
	if (!own.n)
		return 0;
	auto_free char *path = str_dup(own);
	auto_free char *absolute = realpath(path, NULL);

	return read_file(settings, arena, absolute ? absolute : path, err);
}

static int add_words(struct pyindex *index, const struct settings *settings,
		     enum setting setting, enum pyindex_kind kind,
		     struct error **err)
{
	struct str rest = settings->value[setting], word;

	while (pyindex_word(&rest, ' ', &word))
		if (pyindex_add(index, kind, STR_EMPTY, word,
				settings->folder[setting],
				settings->source[setting], false, false, err))
			return -1;
	return 0;
}

int pyindex_read_pip(struct pyindex *index, struct error **err)
{
	struct settings settings = {0};

	if (read_files(&settings, &index->arena, err))
		return -1;
	for (int i = 0; i < SETTINGS; i++) {
		struct str value = str_trim(pyindex_env(variable_names[i]));

		if (!value.n)
			continue;
		settings.value[i] = value;
		settings.source[i] = variable_names[i];
		settings.folder[i] = index->folder;
	}
	if (add_words(index, &settings, EXTRA_INDEX_URL, PYINDEX_SIMPLE, err) ||
	    add_words(index, &settings, FIND_LINKS, PYINDEX_FLAT, err))
		return -1;
	if (pyindex_is_true(settings.value[NO_INDEX])) {
		index->has_default = true;
		return 0;
	}
	/* uv's default hides pip's. */
	if (!settings.value[INDEX_URL].n || index->has_default)
		return 0;
	return pyindex_add(index, PYINDEX_SIMPLE, STR_EMPTY,
			   settings.value[INDEX_URL],
			   settings.folder[INDEX_URL],
			   settings.source[INDEX_URL], true, false, err);
}
