#include "parts/source.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"

enum {
	MAX_FILES = 1000000,
	MAX_DEPTH = 64,
	MAX_FILE_BYTES = 64 << 20,
	MAX_IGNORE_BYTES = 1 << 20,
};

struct pattern {
	struct str glob;
	bool brings_back;
	/* Where the last part of a path alone decides, as nearly always: what
	 * it is, or ends with; else "". */
	struct str name;
	bool is_end;
};

struct lister {
	struct source_tree *tree;
	struct arena *arena;
	ARRAY(struct pattern) patterns;
	ARRAY(struct source_file) files;
	bool any_brings_back;
};

static const char *last_name(struct str path)
{
	return path.p + str_rfind(path, '/') + 1;
}

/* Of a glob that is the two stars, a slash, and a name or a star and the end of
 * one. */
static void read_name(struct pattern *pattern)
{
	struct str rest = pattern->glob;

	pattern->name = STR_EMPTY;
	if (!str_eat(&rest, STR("**/")))
		return;
	pattern->is_end = str_eat(&rest, STR("*"));
	for (size_t i = 0; i < rest.n; i++)
		if (strchr("*?[/", rest.p[i]) || rest.p[i] & 0x80)
			return;
	pattern->name = rest;
}

static void add_pattern(struct lister *lister, struct str text)
{
	struct pattern pattern = {.brings_back = str_eat(&text, STR("!"))};

	text = str_trim(text);
	while (str_eat(&text, STR("/")) || str_eat(&text, STR("./")))
		;
	while (str_ends(text, STR("/")))
		text.n--;
	if (text.n == 0)
		return;
	pattern.glob = arena_str(lister->arena, text);
	read_name(&pattern);
	lister->any_brings_back |= pattern.brings_back;
	array_push(&lister->patterns, pattern);
}

static int read_patterns(struct lister *lister, const struct str *exclude,
			 size_t exclude_count, struct error **err)
{
	static const char *const always[] = {"**/.git", "**/__pycache__",
					     "**/*.pyc"};
	auto_buf struct buf text = BUF_EMPTY;
	auto_free char *path = path_join(lister->tree->root, ".dockerignore");

	for (size_t i = 0; i < sizeof always / sizeof *always; i++)
		add_pattern(lister, str_from(always[i]));
	if (fs_exists(path) && fs_read(path, MAX_IGNORE_BYTES, &text, err))
		return -1;
	struct str rest = buf_str(&text), line;

	while (str_line(&rest, &line)) {
		line = str_trim(line);
		if (!str_starts(line, STR("#")))
			add_pattern(lister, line);
	}
	for (size_t i = 0; i < exclude_count; i++)
		add_pattern(lister, exclude[i]);
	return 0;
}

static bool matches(const struct pattern *pattern, struct str path)
{
	struct str name =
		str_slice(path, (size_t)(str_rfind(path, '/') + 1), path.n);

	if (!pattern->name.n)
		return str_glob(pattern->glob, path);
	return pattern->is_end ? str_ends(name, pattern->name)
			       : str_eq(name, pattern->name);
}

/* Whether the last pattern that matches path leaves it out; without a match
 * what its folder has stays. */
static bool is_ignored(const struct lister *lister, struct str path,
		       bool folder_ignored)
{
	bool ignored = folder_ignored;

	array_each (struct pattern, pattern, &lister->patterns)
		if (ignored == pattern->brings_back && matches(pattern, path))
			ignored = !pattern->brings_back;
	return ignored;
}

static void add_file(struct lister *lister, struct str path,
		     const struct stat *info, const char *problem)
{
	struct source_file file = {
		.path = arena_str(lister->arena, path),
		.size_bytes = (uint64_t)info->st_size,
		.executable = info->st_mode & 0111,
		.problem = problem,
		.device = info->st_dev,
		.inode = info->st_ino,
		.mtime_ns = info->st_mtim.tv_sec * 1000000000 +
			    info->st_mtim.tv_nsec,
		.ctime_ns = info->st_ctim.tv_sec * 1000000000 +
			    info->st_ctim.tv_nsec,
	};

	array_push(&lister->files, file);
}

/* Folders from the root to the one being read: a link to one of them would
 * never end. */
struct trail {
	const struct trail *up;
	dev_t device;
	ino_t inode;
	unsigned depth;
};

static bool on_trail(const struct trail *trail, const struct stat *info)
{
	for (; trail; trail = trail->up)
		if (trail->device == info->st_dev &&
		    trail->inode == info->st_ino)
			return true;
	return false;
}

static int list_folder(struct lister *lister, struct str folder, int fd,
		       const struct trail *up, bool ignored,
		       struct error **err);

/* Opens what lies at path, in the folder fd. Whatever a link there leads to is
 * below the root as well. */
static int open_in(int root_fd, int fd, struct str path, int flags)
{
	int opened = fs_open_beneath(fd, last_name(path), flags, 0);

	return opened < 0 ? fs_open_beneath(root_fd, path.p, flags, 0) : opened;
}

/* What a name in the folder fd stands for; a link is followed below the root,
 * which takes opening it. */
static int stat_entry(const struct lister *lister, int fd, struct str path,
		      struct stat *info)
{
	if (fstatat(fd, last_name(path), info, AT_SYMLINK_NOFOLLOW) == 0 &&
	    !S_ISLNK(info->st_mode))
		return 0;
	*info = (struct stat){0};
	auto_close int own =
		fs_open_beneath(lister->tree->root_fd, path.p, O_PATH, 0);

	return own < 0 ? -1 : fstat(own, info);
}

/* One name of the folder fd. */
static int list_entry(struct lister *lister, int fd, struct str path,
		      const struct trail *trail, bool folder_ignored,
		      struct error **err)
{
	bool ignored = is_ignored(lister, path, folder_ignored);
	struct stat info;

	if (ignored && !lister->any_brings_back)
		return 0;
	if (lister->files.n == MAX_FILES)
		return err_make(err, ERR_FLEET,
				"more than %d files below the source root "
				"'%s': leave some out with source.exclude",
				MAX_FILES, lister->tree->root);
	if (stat_entry(lister, fd, path, &info) < 0) {
		if (!ignored)
			add_file(lister, path, &info,
				 errno == EXDEV
					 ? "a symbolic link out of the source "
					   "root"
					 : "a file that cannot be opened");
		return 0;
	}
	if (S_ISDIR(info.st_mode)) {
		auto_close int folder_fd =
			open_in(lister->tree->root_fd, fd, path,
				O_RDONLY | O_DIRECTORY);

		if (on_trail(trail, &info) || trail->depth == MAX_DEPTH)
			return 0;
		return list_folder(lister, path, folder_fd, trail, ignored,
				   err);
	}
	if (!ignored)
		add_file(lister, path, &info,
			 S_ISREG(info.st_mode) ? NULL : "not a regular file");
	return 0;
}

static int list_folder(struct lister *lister, struct str folder, int fd,
		       const struct trail *up, bool ignored, struct error **err)
{
	auto_names struct fs_names names = ARRAY_EMPTY;
	auto_buf struct buf path = BUF_EMPTY;
	struct stat info;

	if (fd < 0 || fstat(fd, &info) < 0)
		return err_sys(err, "cannot read the folder '%s/" STR_FMT "'",
			       lister->tree->root, STR_ARG(folder));
	struct trail trail = {up, info.st_dev, info.st_ino,
			      up ? up->depth + 1 : 0};

	buf_append(&path, folder);
	if (fs_list_fd(fd, buf_text(&path), &names, err))
		return err_wrap(err, "below the source root '%s'",
				lister->tree->root);
	if (folder.n)
		buf_append_byte(&path, '/');
	size_t start = path.n;

	for (size_t i = 0; i < names.n; i++) {
		path.n = start;
		buf_append_text(&path, names.p[i]);
		buf_text(&path);
		if (list_entry(lister, fd, buf_str(&path), &trail, ignored,
			       err))
			return -1;
	}
	return 0;
}

static int compare_files(const void *a, const void *b)
{
	return str_cmp(((const struct source_file *)a)->path,
		       ((const struct source_file *)b)->path);
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000000 + now.tv_nsec;
}

int source_tree_open(struct source_tree *tree, struct arena *arena,
		     const char *root, const struct str *exclude,
		     size_t exclude_count, struct error **err)
{
	struct lister lister = {.tree = tree, .arena = arena};

	*tree = (struct source_tree){
		.root = arena_str(arena, str_from(root)).p,
		.root_fd = fs_open(root, O_RDONLY | O_DIRECTORY, 0, err),
		.listed_ns = now_ns(),
	};
	if (tree->root_fd < 0)
		return err_wrap(err, "the source root");
	int result = read_patterns(&lister, exclude, exclude_count, err);

	if (result == 0)
		result = list_folder(&lister, STR_EMPTY, tree->root_fd, NULL,
				     false, err);
	if (result == 0) {
		array_sort(&lister.files, compare_files);
		tree->n = lister.files.n;
		tree->files =
			arena_new_array(arena, struct source_file, tree->n);
		if (tree->n)
			memcpy(tree->files, lister.files.p,
			       tree->n * sizeof *tree->files);
	}
	array_release(&lister.files);
	array_release(&lister.patterns);
	if (result)
		source_tree_close(tree);
	return result;
}

void source_tree_close(struct source_tree *tree)
{
	fs_close_pointer(&tree->root_fd);
}

/* Number of the first file whose path is not below key. */
static size_t lower_bound(const struct source_tree *tree, struct str key)
{
	size_t low = 0, high = tree->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (str_cmp(tree->files[middle].path, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct source_file *source_tree_find(const struct source_tree *tree,
					   struct str path)
{
	size_t at = lower_bound(tree, path);

	return at < tree->n && str_eq(tree->files[at].path, path)
		       ? &tree->files[at]
		       : NULL;
}

bool source_file_is_settled(const struct source_tree *tree,
			    const struct source_file *file)
{
	/* The kernel's clock for files ticks every 10 ms at most; FAT and the
	 * like count whole seconds, FAT every second one. */
	int64_t step_ns = file->ctime_ns % 1000000000 ? 100000000 : 3000000000;

	return file->ctime_ns < tree->listed_ns - step_ns;
}

size_t source_tree_below(const struct source_tree *tree, struct str prefix)
{
	auto_buf struct buf folder = BUF_EMPTY;

	if (source_tree_find(tree, prefix) || prefix.n == 0)
		return lower_bound(tree, prefix);
	buf_append(&folder, prefix);
	buf_append_byte(&folder, '/');
	size_t at = lower_bound(tree, buf_str(&folder));

	return at < tree->n && str_starts(tree->files[at].path,
					  buf_str(&folder))
		       ? at
		       : tree->n;
}

int source_read(const struct source_tree *tree, const struct source_file *file,
		struct buf *out, struct error **err)
{
	if (file->problem)
		return err_make(err, ERR_FLEET, "'" STR_FMT "' is %s",
				STR_ARG(file->path), file->problem);
	auto_close int fd =
		fs_open_beneath(tree->root_fd, file->path.p, O_RDONLY, 0);

	if (fd < 0)
		return err_sys(err, "cannot open '%s/" STR_FMT "'", tree->root,
			       STR_ARG(file->path));
	return fs_read_fd(fd, file->path.p, MAX_FILE_BYTES, out, err);
}
