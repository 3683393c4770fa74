/* /etc/ld.so.cache: what ldconfig writes, for an image that is not running.
 *
 * Knows: the folders that ld.so.conf names, which name of a library counts,
 * the cache's bytes. Left out: subfolders glibc-hwcaps/, which the loader then
 * does not prefer for libraries that are in the cache.
 *
 * Source: glibc's ld.so(8), ldconfig(8), and the format as its ldconfig of
 * version 2.36 writes it ("glibc-ld.so.cache1.1"):
 *
 *   cache     = head entry* strings pad extension
 *   head      = "glibc-ld.so.cache" "1.1" count:4 strings_bytes:4 flags:1 0:3
 *               extension_offset:4 0:12          flags = 2, little endian
 *   entry     = kind:4 name:4 path:4 0:4 0:8     name, path: offset in the file
 *   strings   = paths, each with a NUL, ordered by their reversed bytes, last
 *               first; a name is the tail of its path
 *   pad       = zeros, to a multiple of 4
 *   extension = 0xeaa42174:4 1:4 section bytes   section = the maker's version
 *   section   = 0:4 0:4 offset:4 size:4
 *
 * Entries are ordered by name, in which runs of digits count as numbers, last
 * first; of equal names the folder searched first is first.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "codec/elf.h"
#include "parts/debian/model.h"

enum { HEAD_BYTES = 48, ENTRY_BYTES = 24, MAX_CONF = 1 << 20, MAX_DEPTH = 8 };

/* Kinds of entries: libc 6, and the architecture. */
enum { KIND_LIBC6 = 0x0003, KIND_X86_64 = 0x0300, KIND_AARCH64 = 0x0a00 };

/* A library as one name of it in one folder stands for it. */
struct library {
	struct str folder; /* as searched: "/lib/x86_64-linux-gnu" */
	struct str soname;
	struct str file; /* its own name */
	bool is_link;
	uint32_t kind;
};

struct libraries {
	struct model *model;
	struct arena arena;
	ARRAY(struct str) folders;  /* as written */
	ARRAY(struct str) resolved; /* the same, links followed */
	ARRAY(struct library) found;
	size_t folder_start; /* in found: of the current folder */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Runs of digits compare as numbers, and are above other bytes. */
static int compare_names(struct str a, struct str b)
{
	size_t i = 0, j = 0;

	while (i < a.n && j < b.n) {
		if (is_digit(a.p[i]) && is_digit(b.p[j])) {
			uint64_t x = 0, y = 0;

			for (; i < a.n && is_digit(a.p[i]); i++)
				x = x * 10 + (uint64_t)(a.p[i] - '0');
			for (; j < b.n && is_digit(b.p[j]); j++)
				y = y * 10 + (uint64_t)(b.p[j] - '0');
			if (x != y)
				return x < y ? -1 : 1;
			continue;
		}
		if (is_digit(a.p[i]) != is_digit(b.p[j]))
			return is_digit(a.p[i]) ? 1 : -1;
		if (a.p[i] != b.p[j])
			return (unsigned char)a.p[i] < (unsigned char)b.p[j]
				       ? -1
				       : 1;
		i++;
		j++;
	}
	return (i < a.n) - (j < b.n);
}

static void add_folder(struct libraries *libraries, struct str folder)
{
	struct str relative = folder;

	while (relative.n && relative.p[0] == '/')
		relative = str_slice(relative, 1, relative.n);
	struct str resolved =
		model_resolve(libraries->model, &libraries->arena, relative);

	if (resolved.n == 0)
		return;
	array_each (struct str, other, &libraries->resolved)
		if (str_eq(*other, resolved))
			return;
	array_push(&libraries->folders, arena_str(&libraries->arena, folder));
	array_push(&libraries->resolved, resolved);
}

static int read_conf(struct libraries *libraries, struct str path,
		     unsigned depth, struct error **err);

/* include PATTERN: of files in one folder, relative to that of the file. */
static int include(struct libraries *libraries, struct str pattern,
		   unsigned depth, struct error **err)
{
	str_eat(&pattern, STR("/"));
	ptrdiff_t slash = str_rfind(pattern, '/');
	struct str folder =
		str_slice(pattern, 0, slash < 0 ? 0 : (size_t)slash);
	struct lock_strs names =
		model_list(libraries->model, &libraries->arena, folder);

	for (size_t i = 0; i < names.n; i++) {
		struct str path =
			arena_printf(&libraries->arena, STR_FMT "/" STR_FMT,
				     STR_ARG(folder), STR_ARG(names.p[i]));

		if (str_glob(pattern, path) &&
		    read_conf(libraries, path, depth + 1, err))
			return -1;
	}
	return 0;
}

static int read_conf(struct libraries *libraries, struct str path,
		     unsigned depth, struct error **err)
{
	auto_buf struct buf text = BUF_EMPTY;
	struct str resolved =
		model_resolve(libraries->model, &libraries->arena, path);

	if (resolved.n == 0)
		return 0;
	if (depth > MAX_DEPTH)
		return err_make(err, ERR_FLEET,
				"'/" STR_FMT "' is included too deep",
				STR_ARG(path));
	auto_close int fd = model_open(libraries->model, resolved, err);

	if (fd < 0 || fs_read_fd(fd, "ld.so.conf", MAX_CONF, &text, err))
		return -1;
	struct str rest = buf_str(&text), line;

	while (str_line(&rest, &line)) {
		ptrdiff_t remark = str_find(line, '#');

		if (remark >= 0)
			line.n = (size_t)remark;
		line = str_trim(line);
		if (line.n && line.p[0] == '/')
			add_folder(libraries, line);
		else if (str_eat(&line, STR("include ")) &&
			 include(libraries, str_trim(line), depth, err))
			return -1;
	}
	return 0;
}

/* A name that ldconfig looks at. */
static bool is_library_name(struct str name)
{
	return (str_starts(name, STR("lib")) || str_starts(name, STR("ld-"))) &&
	       str_find_str(name, STR(".so")) >= 0 &&
	       !str_ends(name, STR("-gdb.py"));
}

/* 1 with the kind and soname of a library of the image's architecture, 0 for
 * anything else. */
static int read_library(struct libraries *libraries, struct str path,
			struct library *library, struct error **err)
{
	struct elf elf = {.soname = STR_EMPTY};
	auto_close int fd = model_open(libraries->model, path, err);
	struct stat info;

	if (fd < 0)
		return -1;
	if (fstat(fd, &info) < 0)
		return err_sys(err, "cannot read '/" STR_FMT "'",
			       STR_ARG(path));
	if (info.st_size == 0)
		return 0;
	size_t n = (size_t)info.st_size;
	char *bytes = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);

	if (bytes == MAP_FAILED)
		return err_sys(err, "cannot map '/" STR_FMT "'", STR_ARG(path));
	enum elf_status status =
		elf_read(str_of(bytes, n), &libraries->arena, &elf);

	/* What it says of itself must outlive the map. */
	library->soname = arena_str(&libraries->arena, elf.soname);
	munmap(bytes, n);
	if (status != ELF_OK || elf.bits != 64)
		return 0;
	if (elf.machine == ELF_X86_64)
		library->kind = KIND_LIBC6 | KIND_X86_64;
	else if (elf.machine == ELF_AARCH64)
		library->kind = KIND_LIBC6 | KIND_AARCH64;
	else
		return 0;
	return 1;
}

/* Of several files with one soname in a folder, a file is taken before a link,
 * then the one with the highest name. */
static void keep_best(struct libraries *libraries, const struct library *new)
{
	for (size_t i = libraries->folder_start; i < libraries->found.n; i++) {
		struct library *old = &libraries->found.p[i];

		if (!str_eq(old->soname, new->soname))
			continue;
		if ((!new->is_link && old->is_link) ||
		    (new->is_link ==
		     old->is_link &&compare_names(old->file, new->file) < 0))
			*old = *new;
		return;
	}
	array_push(&libraries->found, *new);
}

static int look_at(struct libraries *libraries, struct str folder,
		   struct str resolved_folder, struct str name,
		   struct error **err)
{
	struct str path = arena_printf(&libraries->arena, STR_FMT "/" STR_FMT,
				       STR_ARG(resolved_folder), STR_ARG(name));
	const struct debian_file *file = model_find(libraries->model, path);
	struct str resolved =
		model_resolve(libraries->model, &libraries->arena, path);
	const struct debian_file *target =
		model_find(libraries->model, resolved);
	struct library library = {
		.folder = folder,
		.file = name,
		.is_link = file->type == DEBIAN_SYMLINK,
	};

	if (!target ||
	    (target->type != DEBIAN_FILE && target->type != DEBIAN_HARDLINK))
		return 0;
	int found = read_library(libraries, resolved, &library, err);

	if (found <= 0)
		return found;
	/* A link by the soname stands for the file, and so does one for the
	 * linker ("libz.so" for "libz.so.1"); any other is like a file. */
	if (library.is_link && library.soname.n &&
	    !str_eq(name, library.soname) &&
	    !(str_ends(name, STR(".so")) && str_starts(library.soname, name)))
		library.is_link = false;
	if (library.is_link || library.soname.n == 0)
		library.soname = name;
	keep_best(libraries, &library);
	return 0;
}

static int search_folder(struct libraries *libraries, size_t number,
			 struct error **err)
{
	struct lock_strs names = model_list(libraries->model, &libraries->arena,
					    libraries->resolved.p[number]);

	libraries->folder_start = libraries->found.n;
	for (size_t i = 0; i < names.n; i++)
		if (is_library_name(names.p[i]) &&
		    look_at(libraries, libraries->folders.p[number],
			    libraries->resolved.p[number], names.p[i], err))
			return -1;
	/* A package that relies on ldconfig brings no link by the soname. */
	for (size_t i = libraries->folder_start; i < libraries->found.n; i++) {
		const struct library *library = &libraries->found.p[i];

		if (library->is_link || str_find(library->soname, '/') >= 0)
			continue;
		struct str link =
			arena_printf(&libraries->arena, STR_FMT "/" STR_FMT,
				     STR_ARG(libraries->resolved.p[number]),
				     STR_ARG(library->soname));

		if (model_add_link(libraries->model, link, library->file, err))
			return -1;
	}
	return 0;
}

/* A library's path in the cache, and where it is there. */
struct path {
	struct str text;
	uint32_t offset;
};

static int compare_reversed(const void *a, const void *b)
{
	struct str x = ((const struct path *)a)->text;
	struct str y = ((const struct path *)b)->text;

	while (x.n && y.n) {
		unsigned char p = (unsigned char)x.p[--x.n];
		unsigned char q = (unsigned char)y.p[--y.n];

		if (p != q)
			return p < q ? 1 : -1;
	}
	return (x.n < y.n) - (x.n > y.n);
}

/* Last name first; equal names stay as they were found. */
static void sort_entries(struct libraries *libraries)
{
	for (size_t i = 1; i < libraries->found.n; i++) {
		struct library library = libraries->found.p[i];
		size_t j = i;

		for (; j && compare_names(libraries->found.p[j - 1].soname,
					  library.soname) < 0;
		     j--)
			libraries->found.p[j] = libraries->found.p[j - 1];
		libraries->found.p[j] = library;
	}
}

static struct str path_of(struct libraries *libraries,
			  const struct library *library)
{
	return arena_printf(&libraries->arena, STR_FMT "/" STR_FMT,
			    STR_ARG(library->folder), STR_ARG(library->soname));
}

static uint32_t offset_of(const struct path *paths, size_t count,
			  struct str text)
{
	struct path key = {text, 0};
	const struct path *path =
		bsearch(&key, paths, count, sizeof *paths, compare_reversed);

	return path ? path->offset : 0;
}

static void append_extension(struct buf *out, struct str libc_bin)
{
	auto_buf struct buf maker = BUF_EMPTY;
	ptrdiff_t dash = str_rfind(libc_bin, '-');

	buf_printf(&maker,
		   "ldconfig (Debian GLIBC " STR_FMT
		   ") stable release version " STR_FMT,
		   STR_ARG(libc_bin),
		   STR_ARG(str_slice(libc_bin, 0,
				     dash < 0 ? libc_bin.n : (size_t)dash)));
	buf_append_le32(out, 0xeaa42174);
	buf_append_le32(out, 1);
	buf_append_le32(out, 0);
	buf_append_le32(out, 0);
	buf_append_le32(out, (uint32_t)out->n + 8);
	buf_append_le32(out, (uint32_t)maker.n);
	buf_append(out, buf_str(&maker));
}

/* Sorts the paths and gives each its place; the bytes of all of them. */
static size_t place_paths(struct path *paths, size_t count, size_t start)
{
	size_t at = start;

	if (count)
		qsort(paths, count, sizeof *paths, compare_reversed);
	for (size_t i = 0; i < count; i++) {
		paths[i].offset = (uint32_t)at;
		at += paths[i].text.n + 1;
	}
	return at - start;
}

static void append_cache(struct libraries *libraries, struct buf *out)
{
	size_t count = libraries->found.n;
	size_t start = HEAD_BYTES + ENTRY_BYTES * count;
	struct path *paths =
		arena_new_array(&libraries->arena, struct path, count);

	for (size_t i = 0; i < count; i++)
		paths[i].text = path_of(libraries, &libraries->found.p[i]);
	size_t bytes = place_paths(paths, count, start);
	size_t end = (start + bytes + 3) & ~(size_t)3;

	buf_append_text(out, "glibc-ld.so.cache1.1");
	buf_append_le32(out, (uint32_t)count);
	buf_append_le32(out, (uint32_t)bytes);
	buf_append_le32(out, 2);
	buf_append_le32(out, (uint32_t)end);
	buf_append_zeros(out, 12);
	for (size_t i = 0; i < count; i++) {
		const struct library *library = &libraries->found.p[i];
		uint32_t offset =
			offset_of(paths, count, path_of(libraries, library));

		buf_append_le32(out, library->kind);
		buf_append_le32(out, offset + (uint32_t)library->folder.n + 1);
		buf_append_le32(out, offset);
		buf_append_zeros(out, 12);
	}
	for (size_t i = 0; i < count; i++) {
		buf_append(out, paths[i].text);
		buf_append_byte(out, '\0');
	}
	buf_append_zeros(out, end - out->n);
	append_extension(out, libraries->model->libc_bin);
}

int debian_add_library_cache(struct model *model, struct error **err)
{
	struct libraries libraries = {.model = model, .arena = ARENA_EMPTY};
	auto_buf struct buf cache = BUF_EMPTY;
	auto_free char *own =
		path_printf("/lib/" STR_FMT, STR_ARG(model->multiarch));
	int result = 0;

	if (model->libc_bin.n)
		result = read_conf(&libraries, STR("etc/ld.so.conf"), 0, err);
	add_folder(&libraries, str_from(own));
	add_folder(&libraries, STR("/lib"));
	for (size_t i = 0; result == 0 && i < libraries.folders.n; i++)
		result = search_folder(&libraries, i, err);
	if (result == 0 && model->libc_bin.n) {
		sort_entries(&libraries);
		append_cache(&libraries, &cache);
		result = model_add_bytes(model, STR("etc/ld.so.cache"), 0644,
					 buf_str(&cache), err);
	}
	array_release(&libraries.folders);
	array_release(&libraries.resolved);
	array_release(&libraries.found);
	arena_release(&libraries.arena);
	return result;
}
