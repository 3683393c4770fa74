#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/pool.h"
#include "facts/store/internal.h"

/* -- verify: what has a digest for a name -- */

enum item_kind { ITEM_BLOB, ITEM_DOWNLOAD, ITEM_TREE };

struct item {
	enum item_kind kind;
	char *path;  /* relative to the store */
	char *wrong; /* NULL where it is sound */
	uint64_t bytes;
};

struct verify {
	struct store *store;
	ARRAY(struct item) items;
	atomic_size_t next;
	struct progress *progress;
};

static int add_items(struct verify *verify, const char *folder,
		     enum item_kind kind, struct error **err)
{
	auto_free char *path = path_join(verify->store->path, folder);
	auto_names struct fs_names names = ARRAY_EMPTY;

	if (fs_list(path, &names, err))
		return -1;
	array_each (char *, name, &names)
		array_push(
			&verify->items,
			(struct item){kind, path_join(folder, *name), NULL, 0});
	return 0;
}

static char *differs(const struct digest *found, const struct digest *wanted)
{
	return digest_eq(found, wanted) ? NULL
					: path_printf("its content has %s now",
						      digest_text(found).p);
}

static int verify_file(struct item *item, const char *path,
		       const struct digest *wanted, struct error **err)
{
	auto_close int fd =
		open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct digest found;
	struct stat info;

	/* Removed meanwhile by a gc: nothing to say. */
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &info) < 0 || !S_ISREG(info.st_mode)) {
		item->wrong = mem_strdup("it is not a file that can be read");
		return 0;
	}
	auto_err struct error *problem = NULL;

	if (store_hash_file(fd, path, &found, &item->bytes, &problem) == 0)
		item->wrong = differs(&found, wanted);
	else if (pool_is_cancelled())
		return err_pass(err, mem_steal(problem));
	else
		item->wrong = mem_strdup(err_message(problem));
	return 0;
}

static int verify_tree(struct store *store, struct item *item, const char *path,
		       const struct digest *key, struct error **err)
{
	auto_err struct error *problem = NULL;
	struct digest found, wanted;

	if (!store_tree_recorded(store, key, &wanted))
		item->wrong = mem_strdup("the database does not know it");
	else if (store_tree_digest(path, &found, &item->bytes, &problem) == 0)
		item->wrong = differs(&found, &wanted);
	else if (pool_is_cancelled())
		return err_pass(err, mem_steal(problem));
	else
		item->wrong = mem_strdup(err_message(problem));
	return 0;
}

static int verify_item(struct store *store, struct item *item,
		       struct error **err)
{
	auto_free char *path = path_join(store->path, item->path);
	struct digest name;

	/* Never a prefix here: names have no ':'. */
	if (!digest_parse(str_from(strrchr(path, '/') + 1), &name)) {
		item->wrong = mem_strdup("its name is not a SHA-256 digest");
		return 0;
	}
	return item->kind == ITEM_TREE
		       ? verify_tree(store, item, path, &name, err)
		       : verify_file(item, path, &name, err);
}

static int verify_some(void *argument, struct error **err)
{
	struct verify *verify = argument;
	size_t i;

	while ((i = atomic_fetch_add(&verify->next, 1)) < verify->items.n) {
		if (verify_item(verify->store, &verify->items.p[i], err))
			return -1;
		progress_add(verify->progress, 1);
	}
	return 0;
}

/* One task per thread, each takes the next item: a store may hold more blobs
 * than the pool likes to have tasks. */
static int verify_all(struct verify *verify, unsigned jobs, struct error **err)
{
	struct pool *pool = pool_new(jobs, 0);
	struct pool_task task = {.run = verify_some, .argument = verify};
	unsigned count = pool_jobs(pool);

	for (unsigned i = 0; i < count; i++)
		pool_add(pool, &task);
	verify->progress =
		progress_new("rehashing", verify->items.n, "files and trees");
	int result = pool_run(pool);

	progress_free(verify->progress);
	for (unsigned i = 0; result && i < count; i++)
		if (pool_error(pool, i))
			err_make(err, err_class(pool_error(pool, i)), "%s",
				 err_message(pool_error(pool, i)));
	pool_free(pool);
	return result ? pool_check_cancelled(err), -1 : 0;
}

static void add_problem(struct store_report *report, const char *path,
			char *what, bool removed)
{
	array_push(&report->problems,
		   (struct store_problem){mem_strdup(path), what, removed});
}

static int settle_item(struct store *store, struct item *item, bool remove,
		       struct store_report *report, struct error **err)
{
	uint64_t *counts[] = {&report->blobs, &report->downloads,
			      &report->trees};

	(*counts[item->kind])++;
	report->bytes += item->bytes;
	if (!item->wrong)
		return 0;
	if (remove) {
		auto_free char *path = path_join(store->path, item->path);
		struct digest key;

		if (fs_remove_tree(path, err))
			return -1;
		if (item->kind == ITEM_TREE &&
		    digest_parse(str_from(strrchr(path, '/') + 1), &key))
			store_tree_forget(store, &key);
	}
	add_problem(report, item->path, mem_steal(item->wrong), remove);
	return 0;
}

static int verify_files(struct verify *verify, bool remove, unsigned jobs,
			struct store_report *report, struct error **err)
{
	if (add_items(verify, "blobs/sha256", ITEM_BLOB, err) ||
	    add_items(verify, "files/sha256", ITEM_DOWNLOAD, err) ||
	    add_items(verify, "trees", ITEM_TREE, err) ||
	    verify_all(verify, jobs, err))
		return -1;
	array_each (struct item, item, &verify->items)
		if (settle_item(verify->store, item, remove, report, err))
			return -1;
	return 0;
}

/* -- verify: the index and the database -- */

static int verify_images(struct store *store, bool remove,
			 struct store_report *report, struct error **err)
{
	auto_store_image_list struct store_image_list list =
		STORE_IMAGE_LIST_EMPTY;

	if (store_images(store, &list, err))
		return -1;
	array_each (struct store_image, image, &list) {
		auto_err struct error *problem = NULL;

		report->images++;
		if (store_image_check(store, image, NULL, &problem) == 0)
			continue;
		if (remove && store_index_drop(store, &image->digest, err))
			return -1;
		add_problem(report, "index.json",
			    mem_strdup(err_message(problem)), remove);
	}
	return 0;
}

static int verify_database(struct store *store, struct store_report *report,
			   struct error **err)
{
	auto_buf struct buf answer = BUF_EMPTY;

	if (store_database_check(store, &answer, err))
		return -1;
	if (!str_eq(buf_str(&answer), STR("ok")))
		add_problem(report, "slipway.db", buf_steal_text(&answer),
			    false);
	return 0;
}

static int compare_problems(const void *a, const void *b)
{
	const struct store_problem *first = a, *second = b;
	int order = strcmp(first->path, second->path);

	return order ? order : strcmp(first->what, second->what);
}

int store_verify(struct store *store, bool remove, unsigned jobs,
		 struct store_report *report, struct error **err)
{
	struct verify verify = {.store = store};
	/* The database first: trees are compared with what it says. */
	int result = verify_database(store, report, err);

	if (result == 0)
		result = verify_files(&verify, remove, jobs, report, err);
	if (result == 0)
		result = verify_images(store, remove, report, err);
	array_each (struct item, item, &verify.items) {
		free(item->path);
		free(item->wrong);
	}
	array_release(&verify.items);
	array_sort(&report->problems, compare_problems);
	return result;
}

void store_report_release(struct store_report *report)
{
	array_each (struct store_problem, problem, &report->problems) {
		free(problem->path);
		free(problem->what);
	}
	array_release(&report->problems);
}

/* -- du -- */

uint64_t store_file_bytes(const struct stat *info)
{
	/* One whose last name went just now has none. */
	return info->st_nlink ? (uint64_t)info->st_size / info->st_nlink : 0;
}

/* Adds up files below a folder; count is of its own entries. What vanishes
 * meanwhile counts nothing. */
uint64_t store_folder_bytes(const char *path, uint64_t *entries)
{
	auto_names struct fs_names names = ARRAY_EMPTY;
	uint64_t bytes = 0;

	fs_list(path, &names, NULL);
	array_each (char *, name, &names) {
		auto_free char *child = path_join(path, *name);
		struct stat info;

		if (lstat(child, &info) < 0)
			continue;
		if (entries)
			++*entries;
		if (S_ISDIR(info.st_mode))
			bytes += store_folder_bytes(child, NULL);
		else
			bytes += store_file_bytes(&info);
	}
	return bytes;
}

static struct store_amount amount_of(struct store *store, const char *folder)
{
	auto_free char *path = path_join(store->path, folder);
	struct store_amount amount = {0, 0};

	amount.bytes = store_folder_bytes(path, &amount.count);
	return amount;
}

static struct store_amount database_amount(struct store *store)
{
	static const char *const names[] = {"slipway.db", "slipway.db-wal",
					    "slipway.db-shm"};
	struct store_amount amount = amount_of(store, "memos");

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		auto_free char *path = path_join(store->path, names[i]);
		struct stat info;

		if (stat(path, &info) == 0) {
			amount.count++;
			amount.bytes += (uint64_t)info.st_size;
		}
	}
	return amount;
}

static int image_blobs(struct store *store, struct store_amount *amount,
		       struct error **err)
{
	auto_store_image_list struct store_image_list list =
		STORE_IMAGE_LIST_EMPTY;
	auto_map struct map needed = MAP_EMPTY;

	if (store_images(store, &list, err))
		return -1;
	/* An image that is not whole counts with what it has. */
	array_each (struct store_image, image, &list)
		store_image_check(store, image, &needed, NULL);
	map_each (entry, &needed) {
		struct digest digest;
		uint64_t size_bytes;

		if (digest_parse(entry->key, &digest) &&
		    store_blob_size(store, &digest, &size_bytes) == 0) {
			amount->count++;
			amount->bytes += size_bytes;
		}
	}
	return 0;
}

int store_du(struct store *store, struct store_usage *usage, struct error **err)
{
	*usage = (struct store_usage){
		.blobs = amount_of(store, "blobs/sha256"),
		.downloads = amount_of(store, "files/sha256"),
		.partial = amount_of(store, "files/partial"),
		.trees = amount_of(store, "trees"),
		.temporary = amount_of(store, "tmp"),
		.database = database_amount(store),
	};
	return image_blobs(store, &usage->image_blobs, err);
}

uint64_t store_usage_bytes(const struct store_usage *usage)
{
	return usage->blobs.bytes + usage->downloads.bytes +
	       usage->partial.bytes + usage->trees.bytes +
	       usage->temporary.bytes + usage->database.bytes;
}
