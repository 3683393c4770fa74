/* Where this host's apt gets packages from.
 *
 * Source: sources.list(5), both formats.
 */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/data.h"
#include "base/error.h"
#include "base/fs.h"
#include "codec/deb.h"
#include "parts/debian/archive.h"
#include "parts/debian/tree.h"

enum { MAX_FILE = 4 << 20 };

/* One suite of one archive. */
struct entry {
	struct str url, suite, signed_by;
};

struct reader {
	struct arena *arena;
	ARRAY(struct entry) entries;
};

/* The next word; white space of any kind is between words. */
static bool next_word(struct str *rest, struct str *word)
{
	size_t start = 0, end;

	while (start < rest->n && strchr(" \t\n\r", rest->p[start]))
		start++;
	end = start;
	while (end < rest->n && !strchr(" \t\n\r", rest->p[end]))
		end++;
	*word = str_slice(*rest, start, end);
	*rest = str_slice(*rest, end, rest->n);
	return word->n > 0;
}

static bool has_word(struct str words, struct str wanted)
{
	struct str word;

	while (next_word(&words, &word))
		if (str_eq(word, wanted))
			return true;
	return false;
}

static void add_entry(struct reader *reader, struct str url, struct str suite,
		      struct str signed_by)
{
	struct str path = url;

	/* apt writes file:/srv/mirror, and copy: for the same. */
	if (str_eat(&path, STR("file:")) || str_eat(&path, STR("copy:"))) {
		while (str_starts(path, STR("//")))
			path = str_slice(path, 1, path.n);
		url = arena_printf(reader->arena, "file://" STR_FMT,
				   STR_ARG(path));
	} else if (!str_starts(url, STR("http://")) &&
		   !str_starts(url, STR("https://"))) {
		return;
	}
	while (url.n && url.p[url.n - 1] == '/')
		url.n--;
	/* "./" and the like: an archive without suites. */
	if (suite.n == 0 || suite.p[suite.n - 1] == '/')
		return;
	array_push(&reader->entries,
		   (struct entry){arena_str(reader->arena, url),
				  arena_str(reader->arena, suite),
				  arena_str(reader->arena, signed_by)});
}

/* deb [option=value ...] url suite component ... */
static void read_line(struct reader *reader, struct str line)
{
	struct str signed_by = STR_EMPTY, word, url, suite;
	ptrdiff_t remark = str_find(line, '#');

	if (remark >= 0)
		line.n = (size_t)remark;
	if (!next_word(&line, &word) || !str_eq(word, STR("deb")))
		return;
	line = str_trim(line);
	if (str_eat(&line, STR("["))) {
		ptrdiff_t close = str_find(line, ']');

		if (close < 0)
			return;
		struct str options = str_slice(line, 0, (size_t)close);

		line = str_slice(line, (size_t)close + 1, line.n);
		while (next_word(&options, &word))
			if (str_eat(&word, STR("signed-by=")))
				signed_by = word;
	}
	if (next_word(&line, &url) && next_word(&line, &suite) &&
	    has_word(line, STR("main")))
		add_entry(reader, url, suite, signed_by);
}

static void read_paragraph(struct reader *reader,
			   const struct deb_paragraph *paragraph)
{
	struct str urls = deb_paragraph_get(paragraph, "URIs"), url;

	if (!has_word(deb_paragraph_get(paragraph, "Types"), STR("deb")) ||
	    !has_word(deb_paragraph_get(paragraph, "Components"),
		      STR("main")) ||
	    str_eq_case(deb_paragraph_get(paragraph, "Enabled"), STR("no")))
		return;
	while (next_word(&urls, &url)) {
		struct str suites = deb_paragraph_get(paragraph, "Suites");
		struct str suite;

		while (next_word(&suites, &suite))
			add_entry(reader, url, suite,
				  deb_paragraph_get(paragraph, "Signed-By"));
	}
}

static int read_file(struct reader *reader, const char *path,
		     struct error **err)
{
	auto_buf struct buf text = BUF_EMPTY;
	auto_arena struct arena arena = ARENA_EMPTY;
	struct deb_paragraph paragraph;
	struct str rest, line;
	int found;

	if (fs_read(path, MAX_FILE, &text, err))
		return -1;
	rest = buf_str(&text);
	if (str_ends(str_from(path), STR(".list"))) {
		while (str_line(&rest, &line))
			read_line(reader, line);
		return 0;
	}
	while ((found = deb_paragraph_next(&rest, &arena, &paragraph, err)) > 0)
		read_paragraph(reader, &paragraph);
	return found < 0 ? err_wrap(err, "'%s'", path) : 0;
}

static int read_host(struct reader *reader, const char *root,
		     struct error **err)
{
	auto_free char *list = path_join(root, "etc/apt/sources.list");
	auto_free char *folder = path_join(root, "etc/apt/sources.list.d");
	auto_names struct fs_names names = {NULL, 0, 0};

	if (fs_exists(list) && read_file(reader, list, err))
		return -1;
	if (fs_exists(folder) && fs_list(folder, &names, err))
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		struct str name = str_from(names.p[i]);
		auto_free char *path = path_join(folder, names.p[i]);

		if ((str_ends(name, STR(".list")) ||
		     str_ends(name, STR(".sources"))) &&
		    read_file(reader, path, err))
			return -1;
	}
	return 0;
}

/* "-security" of "bookworm-security", where bookworm is a release of Debian or
 * the one asked for; false for another system's suites. */
static bool suite_kind(struct str suite, struct str *kind)
{
	ptrdiff_t dash = str_find(suite, '-');
	struct str release =
		str_slice(suite, 0, dash < 0 ? suite.n : (size_t)dash);
	struct str rest = data_get("debian/suites.txt"), line;

	*kind = str_slice(suite, release.n, suite.n);
	while (str_line(&rest, &line))
		if (str_eq(str_trim(line), release))
			return true;
	return false;
}

static void push_unique(struct debian_mirrors *mirrors, struct str url,
			struct str signed_by)
{
	for (size_t i = 0; i < mirrors->n; i++)
		if (str_eq(mirrors->p[i].url, url))
			return;
	mirrors->p[mirrors->n++] = (struct debian_mirror){url, signed_by};
}

/* The security archive lies beside the main one on most mirrors. */
static void use_manifest(const char *mirror, struct str kind,
			 struct arena *arena, struct debian_mirrors *mirrors)
{
	struct str url = arena_str(arena, str_from(mirror));

	while (url.n && url.p[url.n - 1] == '/')
		url.n--;
	mirrors->p = arena_new_array(arena, struct debian_mirror, 2);
	if (str_eq(kind, STR("-security")))
		push_unique(
			mirrors,
			arena_printf(arena, STR_FMT "-security", STR_ARG(url)),
			STR_EMPTY);
	push_unique(mirrors, url, STR_EMPTY);
}

int debian_mirrors_find(const struct debian_source *source, struct str suite,
			struct arena *arena, struct debian_mirrors *mirrors,
			struct error **err)
{
	struct reader reader = {.arena = arena};
	struct str kind, other;

	*mirrors = (struct debian_mirrors){NULL, 0};
	suite_kind(suite, &kind);
	if (source->mirror) {
		use_manifest(source->mirror, kind, arena, mirrors);
		return 0;
	}
	const char *root = source->host_root ? source->host_root : "/";
	int result = read_host(&reader, root, err);

	mirrors->p =
		arena_new_array(arena, struct debian_mirror, reader.entries.n);
	array_each (struct entry, entry, &reader.entries)
		if (str_eq(entry->suite, suite))
			push_unique(mirrors, entry->url, entry->signed_by);
	/* The keys of another release's entry need not be those of this one. */
	array_each (struct entry, entry, &reader.entries)
		if (suite_kind(entry->suite, &other) && str_eq(other, kind))
			push_unique(mirrors, entry->url, STR_EMPTY);
	array_release(&reader.entries);
	if (result)
		return err_wrap(err, "while reading this host's apt sources");
	if (mirrors->n)
		return 0;
	err_make(err, ERR_ENV,
		 "no mirror is known for Debian's '" STR_FMT
		 "': this host's apt has none",
		 STR_ARG(suite));
	return err_hint(err, "name one in fleet.yaml: bases.NAME.mirror");
}

int debian_package_urls(const struct debian_source *source, struct str suite,
			struct str path, struct arena *arena,
			struct lock_strs *urls, struct error **err)
{
	struct debian_mirrors mirrors;
	const char *snapshot = source->snapshot;

	if (debian_mirrors_find(source, suite, arena, &mirrors, err))
		return -1;
	*urls = (struct lock_strs){
		arena_new_array(arena, struct str, mirrors.n + 1), 0};
	for (size_t i = 0; i < mirrors.n; i++)
		urls->p[urls->n++] =
			arena_printf(arena, STR_FMT "/" STR_FMT,
				     STR_ARG(mirrors.p[i].url), STR_ARG(path));
	if (snapshot)
		urls->p[urls->n++] = arena_printf(
			arena, "%s%s" STR_FMT, snapshot,
			*snapshot && snapshot[strlen(snapshot) - 1] == '/'
				? ""
				: "/",
			STR_ARG(path));
	return 0;
}
