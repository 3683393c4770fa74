/* Wheels that left the store, since the layers made of them have their bytes:
 * what it takes to have one again is a memo of the store. */
#include <fcntl.h>

#include "base/error.h"
#include "base/log.h"
#include "parts/recipe.h"
#include "parts/wheel.h"
#include "work/build/build_private.h"

static struct digest key_of(const struct lock_file *wheel)
{
	auto_buf struct buf fields = BUF_EMPTY;

	key_add(&fields, STR("recipe"));
	key_add(&fields, digest_bytes(&wheel->sha256));
	return digest_of(buf_str(&fields));
}

bool build_save_recipe(struct build *build, const struct lock_file *file,
		       int fd, const struct wheel *wheel,
		       const struct digest *blob)
{
	auto_buf struct buf recipe = BUF_EMPTY;
	auto_err struct error *error = NULL;
	struct digest key = key_of(file);
	int made = recipe_make(fd, file->size_bytes, blob, wheel_spans(wheel),
			       &recipe, &error);

	if (made == 0 &&
	    store_memo_put(build->store, &key, buf_str(&recipe), &error) == 0)
		return true;
	log_verbose(STR_FMT " stays: %s", STR_ARG(file->file),
		    error ? err_message(error)
			  : "its layer has too little of it");
	return false;
}

void build_touch_recipe(struct build *build, const struct lock_file *wheel)
{
	struct digest key = key_of(wheel);

	store_memo_touch(build->store, &key);
}

/* Writes the wheel, and has its digest compared. */
static int follow(struct build *build, struct str recipe,
		  const struct lock_file *wheel, struct store_partial *partial,
		  struct error **err)
{
	struct digest blob, found;

	if (!recipe_blob(recipe, &blob))
		return err_make(err, ERR_ENV, "the recipe is of another kind");
	auto_free char *path = store_blob_path(build->store, &blob);
	auto_close int blob_fd = fs_open(path, O_RDONLY, 0, err);

	/* An earlier download may have left a part of it. */
	if (blob_fd < 0 || store_partial_empty(partial, err) ||
	    recipe_follow(recipe, blob_fd, partial->fd, &found, err))
		return -1;
	if (!digest_eq(&found, &wheel->sha256))
		return err_make(err, ERR_ENV, "what came out has %s",
				digest_text(&found).p);
	return 0;
}

bool build_follow_recipe(struct build *build, const struct lock_file *wheel,
			 struct store_partial *held)
{
	auto_buf struct buf recipe = BUF_EMPTY;
	auto_err struct error *error = NULL;
	auto_store_partial struct store_partial partial = STORE_PARTIAL_EMPTY;
	struct digest key = key_of(wheel);

	if (!store_memo_get(build->store, &key, &recipe) ||
	    store_partial_begin(build->store, &wheel->sha256, STORE_DOWNLOAD,
				&partial, &error))
		return false;
	if (follow(build, buf_str(&recipe), wheel, &partial, &error) ||
	    (!held && store_partial_commit(build->store, &partial,
					   STORE_DOWNLOAD, &error))) {
		log_verbose(STR_FMT " is fetched: %s", STR_ARG(wheel->file),
			    err_message(error));
		store_partial_drop(&partial);
		return false;
	}
	if (held) {
		*held = partial;
		partial = (struct store_partial)STORE_PARTIAL_EMPTY;
	}
	return true;
}
