#include "facts/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "facts/store/internal.h"

static const char layout_text[] = "{\"imageLayoutVersion\":\"1.0.0\"}\n";

char *store_default_path(struct error **err)
{
	const char *own = getenv("SLIPWAY_STORE");
	const char *data = getenv("XDG_DATA_HOME");
	const char *home = getenv("HOME");

	if (own && *own)
		return mem_strdup(own);
	/* The base directory specification ignores a relative path. */
	if (data && *data == '/')
		return path_join(data, "slipway");
	if (home && *home)
		return path_join(home, ".local/share/slipway");
	err_make(err, ERR_ENV,
		 "no place for the store: neither SLIPWAY_STORE nor "
		 "XDG_DATA_HOME nor HOME is set");
	err_hint(err, "give one with --store DIR");
	return NULL;
}

const char *store_path(const struct store *store)
{
	return store->path;
}

char *store_hex_path(const struct store *store, const char *folder,
		     const struct digest *digest)
{
	struct digest_text text = digest_text(digest);

	return path_printf("%s/%s/%s", store->path, folder, digest_hex(&text));
}

int store_flock(int fd, int operation, const char *waits_for,
		struct error **err)
{
	enum { STEP_MS = 5, SAY_AFTER_MS = 2000 };
	unsigned waited_ms = 0;

	while (flock(fd, operation | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return err_sys(err, "cannot lock a file of the store");
		if (pool_check_cancelled(err))
			return -1;
		if (waited_ms == SAY_AFTER_MS && waits_for)
			log_info("waiting: %s", waits_for);
		waited_ms += STEP_MS;
		/* A blocking flock would not see Ctrl-C in a pool thread. */
		nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000L},
			  NULL);
	}
	return 0;
}

/* True where the file is absent, or what a power cut leaves of one that was
 * made and not synced: nothing, or zeros. */
static bool is_unmade(const char *path)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	char first = '\0';

	if (fd < 0)
		return errno == ENOENT;
	return pread(fd, &first, 1, 0) >= 0 && first == '\0';
}

/* Names that may be there before the layout file is. */
static bool is_early_name(const char *name)
{
	static const char *const early[] = {"slipway.lock", "index.lock",
					    "gc.lock", "tmp", "lost+found"};

	for (size_t i = 0; i < sizeof early / sizeof *early; i++)
		if (strcmp(name, early[i]) == 0)
			return true;
	return false;
}

static int check_layout(const char *path, const char *layout,
			struct error **err)
{
	auto_buf struct buf text = BUF_EMPTY;

	if (is_unmade(layout))
		return 0;
	if (fs_read(layout, 4096, &text, err))
		return -1;
	if (str_find_str(buf_str(&text), STR("\"1.0.0\"")) >= 0)
		return 0;
	return err_make(err, ERR_ENV,
			"'%s' is not an OCI image layout of version 1.0.0",
			path);
}

/* Refuses a folder that is used for something else; changes nothing. */
static int check_folder(const char *path, struct error **err)
{
	auto_free char *layout = path_join(path, "oci-layout");
	auto_names struct fs_names names = ARRAY_EMPTY;

	if (fs_list(path, &names, err))
		return -1;
	/* After the list: in a store that another process makes just now, the
	 * layout file comes before any name that is not an early one. */
	if (fs_exists(layout))
		return check_layout(path, layout, err);
	array_each (char *, name, &names) {
		if (is_early_name(*name))
			continue;
		err_make(err, ERR_USAGE,
			 "'%s' is neither empty nor a store: it holds '%s'",
			 path, *name);
		return err_hint(err, "name an empty or a new folder for the "
				     "store");
	}
	return 0;
}

static int make_folder(const struct store *store, const char *name,
		       struct error **err)
{
	auto_free char *path = path_join(store->path, name);

	return fs_make_dirs(path, 0755, err);
}

/* Not synced: a power cut may leave it empty, and the next process makes it
 * anew. Its name is synced with the database's; what replaces the index later
 * is synced. */
static int make_file(struct store *store, const char *name, const char *text,
		     struct error **err)
{
	auto_free char *path = path_join(store->path, name);

	if (!is_unmade(path))
		return 0;
	return store_place(store, path, str_from(text), false, err);
}

/* A locked file of the store, which is made; -1 on error, close to unlock. */
static int open_locked(const struct store *store, const char *name,
		       int operation, const char *waits_for, struct error **err)
{
	auto_free char *path = path_join(store->path, name);
	auto_close int fd = fs_open(path, O_RDWR | O_CREAT, 0644, err);

	if (fd < 0 || store_flock(fd, operation, waits_for, err))
		return -1;
	return fd_steal(fd);
}

/* Takes the shared lock that lasts as long as the store is open; through the
 * door, which is shut while one waits to be alone. */
static int lock_shared(struct store *store, struct error **err)
{
	static const char cleans[] = "another slipway cleans the store, or is "
				     "about to";
	auto_close int door =
		open_locked(store, "gc.lock", LOCK_SH, cleans, err);

	if (door < 0)
		return -1;
	store->lock_fd =
		open_locked(store, "slipway.lock", LOCK_SH, cleans, err);
	return store->lock_fd < 0 ? -1 : 0;
}

static int prepare(struct store *store, struct error **err)
{
	static const char *const folders[] = {"blobs/sha256", "files/sha256",
					      "files/partial", "trees",
					      "memos"};

	if (lock_shared(store, err) || make_folder(store, "tmp", err))
		return -1;
	auto_close int index_lock = store_lock_index(store, err);

	if (index_lock < 0 || make_file(store, "oci-layout", layout_text, err))
		return -1;
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		if (make_folder(store, folders[i], err))
			return -1;
	if (make_file(store, "index.json", store_empty_index, err) ||
	    store_database_open(store, err))
		return -1;
	return store_clean_temporary(store, err);
}

int store_open(const char *path, struct store **store, struct error **err)
{
	auto_free char *wanted =
		path ? mem_strdup(path) : store_default_path(err);

	if (!wanted || (!fs_exists(wanted) && fs_make_dirs(wanted, 0755, err)))
		return -1;
	auto_free char *absolute = realpath(wanted, NULL);

	if (!absolute)
		return err_sys(err, "cannot find the store '%s'", wanted);
	if (check_folder(absolute, err) ||
	    store_database_check_version(absolute, err))
		return -1;
	struct store *opened = mem_zalloc(1, sizeof *opened);

	opened->path = mem_steal(absolute);
	opened->lock_fd = opened->door_fd = -1;
	pthread_mutex_init(&opened->database_lock, NULL);
	if (prepare(opened, err)) {
		err_wrap(err, "cannot use the store '%s'", opened->path);
		store_close(opened);
		return -1;
	}
	*store = opened;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	store_database_close(store);
	pthread_mutex_destroy(&store->database_lock);
	fs_close_pointer(&store->lock_fd);
	fs_close_pointer(&store->door_fd);
	free(store->path);
	free(store);
}

int store_lock_alone(struct store *store, struct error **err)
{
	store->door_fd = open_locked(store, "gc.lock", LOCK_EX,
				     "another slipway cleans the store", err);
	if (store->door_fd < 0)
		return -1;
	/* Changing a lock is not atomic, and a refused change loses the shared
	 * one: with the door shut none but those inside hold any. */
	if (store_flock(store->lock_fd, LOCK_EX,
			"another slipway uses the store", err) == 0)
		return 0;
	store_unlock_alone(store);
	return -1;
}

void store_unlock_alone(struct store *store)
{
	while (flock(store->lock_fd, LOCK_SH) < 0 && errno == EINTR)
		;
	/* Not by closing alone: a forked child may have the descriptor too. */
	flock(store->door_fd, LOCK_UN);
	fs_close_pointer(&store->door_fd);
}

int store_lock_index(struct store *store, struct error **err)
{
	return open_locked(store, "index.lock", LOCK_EX, NULL, err);
}
