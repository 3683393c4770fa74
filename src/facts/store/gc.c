/* Mark and sweep: what the listed images need stays. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/pool.h"
#include "facts/store/internal.h"

/* Results that name a blob are small; larger ones are not read. */
enum { NAMING_MAX_BYTES = 4096 };

enum { MEMO_UNUSED_S = 30 * 24 * 3600 };

enum item_kind { ITEM_BLOB, ITEM_PARTIAL, ITEM_MEMO, ITEM_DOWNLOAD, ITEM_TREE };

struct item {
	enum item_kind kind;
	char *path;
	uint64_t bytes;
	int64_t used_s; /* seconds since 1970 */
	bool chosen;
};

struct gc {
	struct store *store;
	const struct store_gc_options *options;
	struct store_gc_report *report;
	struct map needed, gone; /* hex digits of blobs */
	int64_t now_s;
	uint64_t memos;		  /* removed */
	ARRAY(struct item) items; /* what no listed image needs */
};

/* -- mark -- */

/* The one place that says what is kept: everything that an entry of the index
 * needs. An image of which something is lacking could need anything. */
static int mark(struct gc *gc, struct error **err)
{
	auto_store_image_list struct store_image_list list =
		STORE_IMAGE_LIST_EMPTY;

	if (store_images(gc->store, &list, err))
		return -1;
	array_each (struct store_image, image, &list)
		if (store_image_check(gc->store, image, &gc->needed, err))
			return err_hint(err, "nothing was removed; slipway "
					     "verify --remove takes broken "
					     "images off the list");
	gc->report->images = list.n;
	return 0;
}

/* -- what may go -- */

static int find_items(struct gc *gc, const char *folder, enum item_kind kind,
		      struct error **err)
{
	auto_free char *inside = path_join(gc->store->path, folder);
	auto_names struct fs_names names = ARRAY_EMPTY;

	if (fs_list(inside, &names, err))
		return -1;
	array_each (char *, name, &names) {
		struct stat info;

		if (pool_check_cancelled(err))
			return -1;
		if (kind == ITEM_BLOB && map_has(&gc->needed, str_from(*name)))
			continue;
		auto_free char *path = path_join(inside, *name);

		if (lstat(path, &info) < 0)
			continue;
		uint64_t bytes = S_ISDIR(info.st_mode)
					 ? store_folder_bytes(path, NULL)
					 : store_file_bytes(&info);

		array_push(&gc->items,
			   (struct item){kind, mem_steal(path), bytes,
					 info.st_mtim.tv_sec, false});
	}
	return 0;
}

static bool is_file_kind(const struct item *item)
{
	return item->kind == ITEM_DOWNLOAD || item->kind == ITEM_TREE;
}

static bool may_go(const struct gc *gc, const struct item *item)
{
	return !is_file_kind(item) || !gc->options->keep_files;
}

/* By age: downloads and trees only where an age was named, memos else by one of
 * their own, since nothing says that their tree is still there. */
static bool is_old(const struct gc *gc, const struct item *item)
{
	uint64_t least_s = gc->options->older_than_s;
	int64_t age_s = gc->now_s - item->used_s;

	if (item->kind == ITEM_MEMO && !least_s)
		least_s = MEMO_UNUSED_S;

	if (gc->options->all)
		return true;
	if (is_file_kind(item) && !least_s)
		return false;
	return !least_s || (age_s >= 0 && (uint64_t)age_s >= least_s);
}

static int compare_use(const void *a, const void *b)
{
	const struct item *first = a, *second = b;

	if (first->used_s != second->used_s)
		return first->used_s < second->used_s ? -1 : 1;
	return strcmp(first->path, second->path);
}

/* The oldest first; what is over the bound goes although it is young. */
static void choose(struct gc *gc)
{
	const struct store_gc_options *options = gc->options;
	uint64_t bytes = gc->report->bytes_before;

	array_sort(&gc->items, compare_use);
	array_each (struct item, item, &gc->items) {
		item->chosen = may_go(gc, item) && is_old(gc, item);
		if (item->chosen)
			bytes -= item->bytes;
	}
	array_each (struct item, item, &gc->items) {
		if (!options->max_bytes || bytes <= options->max_bytes)
			break;
		if (item->chosen || !may_go(gc, item))
			continue;
		item->chosen = true;
		bytes -= item->bytes;
	}
	gc->report->bytes_after = bytes;
}

static int find(struct gc *gc, struct error **err)
{
	struct store_usage usage;

	if (mark(gc, err) || store_du(gc->store, &usage, err) ||
	    find_items(gc, "blobs/sha256", ITEM_BLOB, err) ||
	    find_items(gc, "files/partial", ITEM_PARTIAL, err) ||
	    find_items(gc, "memos", ITEM_MEMO, err) ||
	    find_items(gc, "files/sha256", ITEM_DOWNLOAD, err) ||
	    find_items(gc, "trees", ITEM_TREE, err))
		return -1;
	gc->report->kept_bytes = usage.image_blobs.bytes;
	gc->report->bytes_before = store_usage_bytes(&usage);
	choose(gc);
	return 0;
}

/* -- sweep -- */

static const char *name_of(const struct item *item)
{
	return strrchr(item->path, '/') + 1;
}

/* A tree goes by one rename, its thousands of files when others may use the
 * store again: what a crash leaves under tmp/ the next process removes. */
static int set_aside(struct gc *gc, struct item *item, struct error **err)
{
	auto_free char *aside =
		path_printf("%s/tmp/%s", gc->store->path, name_of(item));
	struct digest key;

	if (rename(item->path, aside) < 0)
		return err_sys(err, "cannot rename '%s' to '%s'", item->path,
			       aside);
	if (digest_parse(str_from(name_of(item)), &key))
		store_tree_forget(gc->store, &key);
	free(item->path);
	item->path = mem_steal(aside);
	return 0;
}

static int remove_item(struct gc *gc, struct item *item, struct error **err)
{
	if (pool_check_cancelled(err))
		return -1;
	return item->kind == ITEM_TREE ? set_aside(gc, item, err)
				       : fs_remove_tree(item->path, err);
}

/* What was removed; also of a sweep that an error ended. */
static void count(struct gc *gc, const struct item *item)
{
	struct store_amount *amounts[] = {
		[ITEM_BLOB] = &gc->report->blobs,
		[ITEM_PARTIAL] = &gc->report->partial,
		[ITEM_DOWNLOAD] = &gc->report->downloads,
		[ITEM_TREE] = &gc->report->trees,
	};

	if (item->kind == ITEM_MEMO) {
		gc->memos++;
		return;
	}
	amounts[item->kind]->count++;
	amounts[item->kind]->bytes += item->bytes;
	if (item->kind == ITEM_BLOB)
		map_add(&gc->gone, str_from(name_of(item)));
}

static bool is_stale(const void *context, struct str value)
{
	const struct gc *gc = context;
	struct digest blob;

	if (!gc->options->output || !gc->options->output(value, &blob))
		return gc->options->all;
	struct digest_text hex = digest_text(&blob);

	return map_has(&gc->gone, str_from(digest_hex(&hex))) ||
	       !store_has(gc->store, &blob);
}

static int sweep(struct gc *gc, struct error **err)
{
	bool dry_run = gc->options->dry_run;
	struct progress *progress =
		progress_new("removing", gc->items.n, "files and trees");
	int result = 0;

	array_each (struct item, item, &gc->items) {
		if (item->chosen && !dry_run)
			result = remove_item(gc, item, err);
		if (result)
			break;
		if (item->chosen)
			count(gc, item);
		progress_add(progress, 1);
	}
	progress_free(progress);
	/* Blobs first: a result without its blob is what a crash leaves. */
	if (result ||
	    store_actions_remove(gc->store, is_stale, gc,
				 gc->options->all ? STORE_ACTION_MAX_BYTES
						  : NAMING_MAX_BYTES,
				 dry_run, &gc->report->results, err))
		return -1;
	gc->report->results += gc->memos;
	return 0;
}

static int run_alone(struct gc *gc, struct error **err)
{
	/* Only looking may be overtaken by a build. */
	if (gc->options->dry_run)
		return find(gc, err) || sweep(gc, err) ? -1 : 0;
	if (store_lock_alone(gc->store, err))
		return -1;
	int result = find(gc, err) || sweep(gc, err) ? -1 : 0;

	store_unlock_alone(gc->store);
	return result;
}

int store_gc(struct store *store, const struct store_gc_options *options,
	     struct store_gc_report *report, struct error **err)
{
	struct gc gc = {
		.store = store,
		.options = options,
		.report = report,
		.now_s = (int64_t)time(NULL),
	};
	struct store_usage usage;

	*report = (struct store_gc_report){0};
	int result = run_alone(&gc, err);

	array_each (struct item, item, &gc.items) {
		if (item->chosen && item->kind == ITEM_TREE &&
		    !options->dry_run && result == 0)
			fs_remove_tree(item->path, NULL);
		free(item->path);
	}
	array_release(&gc.items);
	map_release(&gc.needed);
	map_release(&gc.gone);
	if (result || options->dry_run)
		return result;
	result = store_du(store, &usage, err);
	report->bytes_after = store_usage_bytes(&usage);
	return result;
}
