/* Trees in the store: packages unpacked, and the list of what they hold.
 *
 *   TREE/root/   the files
 *   TREE/list    "python 3.11 3.11.2", "libc-bin 2.36-9", "multiarch NAME",
 *                then a line for each path, sorted:
 *                TYPE " " MODE " " UID " " GID " " SIZE " " PART " " PATH
 *                ["\t" TARGET]            TYPE = f, d, l or h; MODE is octal
 */
#include "parts/debian/tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/pool.h"
#include "facts/store.h"
#include "parts/debian/model.h"

/* Changes with the bytes that the same packages and data/debian/ give. */
static const struct str tree_version = STR_INIT("debian-tree-1");

enum { MAX_LIST = 512 << 20 };

static const char type_letters[] = {
	[DEBIAN_FILE] = 'f',
	[DEBIAN_DIR] = 'd',
	[DEBIAN_SYMLINK] = 'l',
	[DEBIAN_HARDLINK] = 'h',
};

bool debian_is_python(struct str package)
{
	return str_starts(package, STR("python3")) ||
	       str_starts(package, STR("libpython3"));
}

int debian_platform(struct str platform, struct str *architecture,
		    struct str *multiarch, struct error **err)
{
	static const struct {
		struct str platform, architecture, multiarch;
	} known[] = {
		{STR_INIT("linux/amd64"), STR_INIT("amd64"),
		 STR_INIT("x86_64-linux-gnu")},
		{STR_INIT("linux/arm64"), STR_INIT("arm64"),
		 STR_INIT("aarch64-linux-gnu")},
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (!str_eq(platform, known[i].platform))
			continue;
		*architecture = known[i].architecture;
		if (multiarch)
			*multiarch = known[i].multiarch;
		return 0;
	}
	return err_make(err, ERR_FLEET,
			"a Debian base for the platform '" STR_FMT
			"' is not possible: linux/amd64 and linux/arm64 are",
			STR_ARG(platform));
}

/* -- keys -- */

static void key_debs(struct buf *key, const struct lock_debs *debs,
		     bool with_python)
{
	for (size_t i = 0; debs && i < debs->n; i++) {
		const struct lock_deb *deb = &debs->p[i];
		struct digest_text text = digest_text(&deb->sha256);

		if (!with_python && debian_is_python(deb->name))
			continue;
		key_add(key, deb->name);
		key_add(key, str_from(text.p));
	}
	key_add(key, STR("end"));
}

/* What every key starts with. */
static void start_key(struct buf *key, struct str what, struct str platform)
{
	auto_debian_rules struct debian_rules *rules = debian_rules_new();

	key_add(key, tree_version);
	key_add(key, what);
	key_add(key, platform);
	debian_rules_key(rules, key);
}

static struct digest tree_key(const struct lock_debs *debs, struct str platform,
			      const struct debian_tree *below)
{
	auto_buf struct buf key = BUF_EMPTY;

	start_key(&key, STR("tree"), platform);
	key_debs(&key, debs, true);
	if (below)
		key_add(&key, str_from(digest_text(&below->key).p));
	return digest_of(buf_str(&key));
}

struct digest debian_layer_key(const struct lock_debs *debs,
			       const struct lock_debs *below,
			       struct str platform, enum debian_part part)
{
	auto_buf struct buf key = BUF_EMPTY;
	bool python = part == DEBIAN_PYTHON;

	start_key(&key, python ? STR("python") : STR("system"), platform);
	/* What Python's packages hold changes nothing below them. */
	key_debs(&key, debs, python || below);
	key_debs(&key, below, true);
	return digest_of(buf_str(&key));
}

/* -- the list -- */

static void print_list(const struct model *model, const struct lock_strs *paths,
		       struct buf *out)
{
	buf_printf(out,
		   "python " STR_FMT " " STR_FMT "\nlibc-bin " STR_FMT
		   "\nmultiarch " STR_FMT "\n",
		   STR_ARG(model->python), STR_ARG(model->version),
		   STR_ARG(model->libc_bin), STR_ARG(model->multiarch));
	for (size_t i = 0; i < paths->n; i++) {
		const struct debian_file *file = model_find(model, paths->p[i]);

		buf_printf(out, "%c %o %u %u %llu %d " STR_FMT,
			   type_letters[file->type], file->mode, file->uid,
			   file->gid, (unsigned long long)file->size_bytes,
			   (int)file->part, STR_ARG(file->path));
		if (file->target.n)
			buf_printf(out, "\t" STR_FMT, STR_ARG(file->target));
		buf_append_byte(out, '\n');
	}
}

static bool parse_number(struct str *rest, unsigned base, uint64_t *value)
{
	struct str word;

	*value = 0;
	if (!str_split(rest, ' ', &word) || word.n == 0 || word.n > 19)
		return false;
	for (size_t i = 0; i < word.n; i++) {
		unsigned digit = (unsigned)(word.p[i] - '0');

		if (digit >= base)
			return false;
		*value = *value * base + digit;
	}
	return true;
}

static bool parse_file(struct str line, struct debian_file *file)
{
	struct str type, target = STR_EMPTY;
	uint64_t mode, uid, gid, size, part;
	const char *letter;

	if (!str_split(&line, ' ', &type) || type.n != 1)
		return false;
	letter = memchr(type_letters, type.p[0], sizeof type_letters);
	if (!letter || !parse_number(&line, 8, &mode) || mode > 07777 ||
	    !parse_number(&line, 10, &uid) || uid > UINT32_MAX ||
	    !parse_number(&line, 10, &gid) || gid > UINT32_MAX ||
	    !parse_number(&line, 10, &size) ||
	    !parse_number(&line, 10, &part) || part > DEBIAN_PYTHON)
		return false;
	ptrdiff_t tab = str_find(line, '\t');

	if (tab >= 0) {
		target = str_slice(line, (size_t)tab + 1, line.n);
		line.n = (size_t)tab;
	}
	*file = (struct debian_file){
		.path = line,
		.target = target,
		.type = (enum debian_type)(letter - type_letters),
		.part = (enum debian_part)part,
		.mode = (uint32_t)mode,
		.uid = (uint32_t)uid,
		.gid = (uint32_t)gid,
		.size_bytes = size,
	};
	return path_is_clean(line);
}

/* The rest of the next line, which starts with name. */
static bool parse_value(struct str *rest, const char *name, struct str *value)
{
	struct str line, word;

	if (!str_line(rest, &line) || !str_split(&line, ' ', &word) ||
	    !str_eq(word, str_from(name)))
		return false;
	*value = line;
	return true;
}

/* Merges the tree's own files with those below; the own win. */
static void merge_files(struct debian_tree *tree, const struct debian_file *own,
			size_t own_count)
{
	size_t below_count = 0, i = 0, j = 0;
	const struct debian_file *below =
		tree->below ? debian_tree_files(tree->below, &below_count)
			    : NULL;

	tree->files = arena_new_array(&tree->arena, struct debian_file,
				      own_count + below_count);
	while (i < own_count || j < below_count) {
		int order = i == own_count ? 1
			    : j == below_count
				    ? -1
				    : str_cmp(own[i].path, below[j].path);
		struct debian_file *file = &tree->files[tree->file_count++];

		*file = order <= 0 ? own[i] : below[j];
		file->below = order > 0;
		i += order <= 0;
		j += order >= 0;
	}
}

static bool parse_list(struct debian_tree *tree, struct str text)
{
	struct str python, line;
	ARRAY(struct debian_file) own = ARRAY_EMPTY;
	bool ok = parse_value(&text, "python", &python) &&
		  parse_value(&text, "libc-bin", &tree->libc_bin) &&
		  parse_value(&text, "multiarch", &tree->multiarch);

	if (ok && !str_split(&python, ' ', &tree->python))
		tree->python = STR_EMPTY;
	tree->version = python;
	while (ok && str_line(&text, &line)) {
		struct debian_file file;

		ok = parse_file(line, &file) &&
		     (own.n == 0 ||
		      str_cmp(own.p[own.n - 1].path, file.path) < 0);
		if (ok)
			array_push(&own, file);
	}
	if (ok)
		merge_files(tree, own.p, own.n);
	array_release(&own);
	return ok;
}

/* The tree in a folder of the store. */
static int load(const char *folder, const struct debian_tree *below,
		struct debian_tree **out, struct error **err)
{
	auto_debian_tree struct debian_tree *tree = mem_zalloc(1, sizeof *tree);
	auto_buf struct buf text = BUF_EMPTY;
	auto_free char *list = path_join(folder, "list");
	auto_free char *root = path_join(folder, "root");

	tree->below = below;
	tree->root = arena_str(&tree->arena, str_from(root)).p;
	if (fs_read(list, MAX_LIST, &text, err))
		return -1;
	if (!parse_list(tree, arena_str(&tree->arena, buf_str(&text)))) {
		err_make(err, ERR_ENV, "'%s' is damaged", list);
		return err_hint(err,
				"remove the folder '%s'; slipway makes it "
				"anew",
				folder);
	}
	*out = mem_steal(tree);
	return 0;
}

/* -- making one -- */

/* A package's name becomes a part of a path, and its path one of a url. */
static int check_debs(const struct lock_debs *debs, struct error **err)
{
	for (size_t i = 0; i < debs->n; i++) {
		const struct lock_deb *deb = &debs->p[i];
		bool ok = deb->name.n >= 2 && deb->name.n < 128 &&
			  path_is_clean(deb->path);

		for (size_t j = 0; j < deb->name.n; j++) {
			char c = deb->name.p[j];

			ok = ok && ((c >= 'a' && c <= 'z') ||
				    (c >= '0' && c <= '9') ||
				    (j && (c == '+' || c == '-' || c == '.')));
		}
		if (!ok)
			return err_make(err, ERR_FLEET,
					"the lock's package '" STR_FMT
					"' at '" STR_FMT
					"' has a name or path that no Debian "
					"package has",
					STR_ARG(deb->name), STR_ARG(deb->path));
	}
	return 0;
}

static struct str version_of(const struct lock_debs *debs, const char *name)
{
	for (size_t i = 0; i < debs->n; i++)
		if (str_eq(debs->p[i].name, str_from(name)))
			return debs->p[i].version;
	return STR_EMPTY;
}

/* What stands for names in braces. */
static void set_names(struct model *model, const struct lock_debs *debs,
		      struct str multiarch)
{
	struct str glibc;

	model->multiarch = multiarch;
	if (model->below) {
		model->python = model->below->python;
		model->version = model->below->version;
		model->libc_bin = model->below->libc_bin;
		return;
	}
	debian_versions(debs, &model->arena, &model->version, &glibc);
	model->libc_bin =
		arena_str(&model->arena, version_of(debs, "libc-bin"));
	ptrdiff_t dot = str_rfind(model->version, '.');

	if (dot > 0)
		model->python = arena_printf(
			&model->arena, "python" STR_FMT,
			STR_ARG(str_slice(model->version, 0, (size_t)dot)));
}

static int set_folder_modes(const struct model *model,
			    const struct lock_strs *paths, struct error **err)
{
	for (size_t i = paths->n; i-- > 0;) {
		const struct debian_file *file = model_find(model, paths->p[i]);
		auto_free char *path = str_dup(paths->p[i]);

		if (file->type == DEBIAN_DIR &&
		    fchmodat(model->root_fd, path, file->mode | 0700, 0) < 0)
			return err_sys(err, "cannot set the mode of '%s/%s'",
				       model->root, path);
	}
	return 0;
}

static int fill(struct model *model, const struct debian_source *source,
		const struct lock_debs *debs, const char *folder,
		struct error **err)
{
	auto_debian_rules struct debian_rules *rules = debian_rules_new();
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_buf struct buf list = BUF_EMPTY;
	auto_free char *list_path = path_join(folder, "list");

	if (debian_unpack(model, rules, source->store, debs, source->jobs,
			  err) ||
	    debian_rules_apply(rules, model, err))
		return -1;
	model_sort_hard_links(model);
	struct lock_strs paths = model_paths(model, &arena);

	if (set_folder_modes(model, &paths, err))
		return -1;
	print_list(model, &paths, &list);
	return fs_write_file(list_path, buf_str(&list), 0644, err);
}

static int make(const struct debian_source *source,
		const struct lock_debs *debs, struct str multiarch,
		const struct debian_tree *below, const struct digest *key,
		struct error **err)
{
	auto_store_tree struct store_tree folder = STORE_TREE_EMPTY;

	if (check_debs(debs, err) || debian_download(source, debs, err) ||
	    store_tree_begin(source->store, &folder, err))
		return -1;
	auto_free char *root = path_join(folder.folder, "root");

	if (mkdir(root, 0755) < 0)
		return err_sys(err, "cannot make the folder '%s'", root);
	int root_fd = fs_open(root, O_PATH | O_DIRECTORY, 0, err);

	if (root_fd < 0)
		return -1;
	auto_model struct model model;

	model_init(&model, root, root_fd, below);
	set_names(&model, debs, multiarch);
	if (fill(&model, source, debs, folder.folder, err))
		return -1;
	return store_tree_commit(source->store, &folder, key, err);
}

int debian_tree_open(const struct debian_source *source,
		     const struct lock_debs *debs, struct str platform,
		     const struct debian_tree *below, struct debian_tree **tree,
		     struct error **err)
{
	struct str architecture, multiarch;

	if (debian_platform(platform, &architecture, &multiarch, err))
		return -1;
	struct digest key = tree_key(debs, platform, below);
	auto_free char *folder = store_tree_path(source->store, &key);

	if (!folder) {
		if (make(source, debs, multiarch, below, &key, err))
			return -1;
		folder = store_tree_path(source->store, &key);
	}
	if (!folder)
		return err_make(err, ERR_ENV,
				"an unpacked base is gone from the store just "
				"after it was made");
	if (load(folder, below, tree, err))
		return -1;
	(*tree)->key = key;
	return 0;
}

/* -- reading one -- */

void debian_tree_free(struct debian_tree *tree)
{
	if (!tree)
		return;
	arena_release(&tree->arena);
	free(tree);
}

void debian_tree_free_pointer(struct debian_tree **tree)
{
	debian_tree_free(*tree);
}

const char *debian_tree_root(const struct debian_tree *tree)
{
	return tree->root;
}

const struct debian_file *debian_tree_files(const struct debian_tree *tree,
					    size_t *count)
{
	*count = tree->file_count;
	return tree->files;
}

const struct debian_file *debian_tree_find(const struct debian_tree *tree,
					   struct str path)
{
	size_t low = 0, high = tree->file_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = str_cmp(tree->files[middle].path, path);

		if (order == 0)
			return &tree->files[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

struct str debian_tree_python(const struct debian_tree *tree)
{
	struct str python = tree->python;

	str_eat(&python, STR("python"));
	return python;
}
