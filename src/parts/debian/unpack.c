/* One package into the model. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/pool.h"
#include "codec/deb.h"
#include "facts/store.h"
#include "parts/debian/model.h"
#include "parts/debian/tree.h"

enum {
	CHUNK = 256 << 10,
	AHEAD = 6, /* packages that are open, decompressed, and wait */
	LOAD_MAX_BYTES = 16 << 20,
};

/* The package in the file must be the one that the lock names: a mirror that
 * serves another under a right hash does not exist, but a lock that was edited
 * by hand does. */
static int check_control(const struct deb *deb, const struct lock_deb *locked,
			 struct error **err)
{
	const struct deb_paragraph *control = deb_control(deb);
	const struct {
		const char *field;
		struct str expected;
	} checks[] = {
		{"Package", locked->name},
		{"Version", locked->version},
		{"Architecture", locked->architecture},
	};

	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		struct str found = deb_paragraph_get(control, checks[i].field);

		if (!str_eq(found, checks[i].expected))
			return err_make(
				err, ERR_FLEET,
				"the lock names %s '" STR_FMT
				"', but the package file says '" STR_FMT "'",
				checks[i].field, STR_ARG(checks[i].expected),
				STR_ARG(found));
	}
	return 0;
}

/* Which package is installed, for scanners: its control paragraph with the
 * state that dpkg would add. */
static int add_status(struct model *model, const struct deb *deb,
		      const struct lock_deb *locked, struct error **err)
{
	auto_buf struct buf text = BUF_EMPTY;
	auto_free char *path = path_printf("var/lib/dpkg/status.d/" STR_FMT,
					   STR_ARG(locked->name));
	struct str rest = deb_control(deb)->text, line;

	while (str_line(&rest, &line)) {
		buf_append(&text, line);
		buf_append_byte(&text, '\n');
		if (str_starts(line, STR("Package:")))
			buf_append_text(&text,
					"Status: install ok installed\n");
	}
	return model_add_bytes(model, str_from(path), 0644, buf_str(&text),
			       err);
}

static int write_file(const struct model *model, struct deb *deb,
		      const struct debian_file *file, struct error **err)
{
	auto_close int fd = model_create(model, file->path, err);
	auto_free char *bytes = mem_alloc(CHUNK);
	uint64_t written = 0;
	size_t n;

	if (fd < 0)
		return -1;
	do {
		if (deb_read(deb, bytes, CHUNK, &n, err) ||
		    fs_write_all(fd, str_of(bytes, n), "a file of a package",
				 err) ||
		    pool_check_cancelled(err))
			return -1;
		written += n;
	} while (n);
	if (written != file->size_bytes)
		return err_make(err, ERR_FLEET, "'/" STR_FMT "' is cut short",
				STR_ARG(file->path));
	/* The reader of this host needs what the image may deny. */
	if (fchmod(fd, (file->mode & 0777) | 0400) < 0)
		return err_sys(err, "cannot set the mode of '/" STR_FMT "'",
			       STR_ARG(file->path));
	return 0;
}

static enum debian_type type_of(const struct deb_entry *entry)
{
	switch (entry->type) {
	case DEB_DIR:
		return DEBIAN_DIR;
	case DEB_SYMLINK:
		return DEBIAN_SYMLINK;
	case DEB_HARDLINK:
		return DEBIAN_HARDLINK;
	case DEB_FILE:
		break;
	}
	return DEBIAN_FILE;
}

static int add_entry(struct model *model, const struct debian_rules *rules,
		     struct deb *deb, const struct deb_entry *entry,
		     struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct str path = debian_rules_fold(rules, &arena, entry->path);
	struct debian_file file = {
		.path = path,
		.target = entry->target,
		.type = type_of(entry),
		.mode = entry->mode,
		.size_bytes = entry->size_bytes,
	};
	bool fresh;

	if (path.n == 0 ||
	    debian_rules_drop(rules, path, file.type == DEBIAN_SYMLINK))
		return 0;
	if (file.type == DEBIAN_HARDLINK)
		file.target = debian_rules_fold(rules, &arena, entry->target);
	if (file.type == DEBIAN_DIR)
		file.mode &= 01777;
	else if (file.type == DEBIAN_SYMLINK)
		file.mode = 0777;
	else if (!debian_rules_keep_setid(rules, path))
		file.mode &= 0777;
	if (model_add(model, &file, &fresh, err))
		return -1;
	return fresh && file.type == DEBIAN_FILE
		       ? write_file(model, deb, &file, err)
		       : 0;
}

/* One package: a task opens it, the next one puts what it holds into the model,
 * after those of the packages before. */
struct package {
	const struct lock_deb *locked;
	const struct debian_rules *rules;
	struct model *model;
	struct store *store;
	char *name; /* for messages */
	int fd;
	struct deb *deb;
};

static int open_package(void *argument, struct error **err)
{
	struct package *package = argument;
	auto_free char *path =
		store_download_path(package->store, &package->locked->sha256);

	package->fd = fs_open(path, O_RDONLY, 0, err);
	if (package->fd < 0)
		return -1;
	if (deb_open(package->fd, package->name, &package->deb, err) ||
	    check_control(package->deb, package->locked, err))
		return err_wrap(err, "package %s", package->name);
	deb_load(package->deb, LOAD_MAX_BYTES);
	return 0;
}

static void close_package(struct package *package)
{
	deb_free(package->deb);
	package->deb = NULL;
	fs_close_pointer(&package->fd);
}

static int unpack(struct package *package, struct error **err)
{
	struct model *model = package->model;
	struct deb *deb = package->deb;
	bool is_python = debian_is_python(package->locked->name);
	struct deb_entry entry;
	int found;

	model->part =
		!model->below && is_python ? DEBIAN_PYTHON : DEBIAN_SYSTEM;
	model->owner = arena_str(&model->arena, package->locked->name);
	struct str replaces = arena_str(
		&model->arena, deb_paragraph_get(deb_control(deb), "Replaces"));

	map_set(&model->replaces, model->owner, (void *)(uintptr_t)replaces.p);
	if (add_status(model, deb, package->locked, err))
		return -1;
	while ((found = deb_next(deb, &entry, err)) > 0)
		if (pool_check_cancelled(err) ||
		    add_entry(model, package->rules, deb, &entry, err))
			return -1;
	return found;
}

static int add_package(void *argument, struct error **err)
{
	struct package *package = argument;

	if (unpack(package, err))
		return err_wrap(err, "package %s", package->name);
	close_package(package);
	return 0;
}

/* Adds the two tasks of package i; gives the second, which `before` has of the
 * packages before. */
static size_t add_tasks(struct pool *pool, struct package *package, size_t i,
			const size_t *before)
{
	struct pool_task open = {
		.run = open_package,
		.argument = package,
		.after = &before[i < AHEAD ? 0 : i - AHEAD],
		.after_count = i < AHEAD ? 0 : 1,
	};
	size_t after[] = {pool_add(pool, &open), i ? before[i - 1] : 0};
	struct pool_task add = {
		.run = add_package,
		.argument = package,
		.weight = 1,
		.after = after,
		.after_count = i ? 2 : 1,
	};

	return pool_add(pool, &add);
}

int debian_unpack(struct model *model, const struct debian_rules *rules,
		  struct store *store, const struct lock_debs *debs,
		  unsigned jobs, struct error **err)
{
	struct package *packages = mem_zalloc(debs->n, sizeof *packages);
	size_t *tasks = mem_zalloc(debs->n, sizeof *tasks);
	struct pool *pool = pool_new(jobs, 0);

	for (size_t i = 0; i < debs->n; i++) {
		const struct lock_deb *deb = &debs->p[i];

		packages[i] = (struct package){
			.locked = deb,
			.rules = rules,
			.model = model,
			.store = store,
			.name = path_printf(STR_FMT " " STR_FMT,
					    STR_ARG(deb->name),
					    STR_ARG(deb->version)),
			.fd = -1,
		};
		tasks[i] = add_tasks(pool, &packages[i], i, tasks);
	}
	int result = pool_run_first(pool, err);

	for (size_t i = 0; i < debs->n; i++) {
		close_package(&packages[i]);
		free(packages[i].name);
	}
	pool_free(pool);
	free(tasks);
	free(packages);
	return result;
}
