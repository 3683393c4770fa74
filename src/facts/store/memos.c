/* Memos: files, since megabytes through the database's log cost more than they
 * save. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/mem.h"
#include "facts/store/internal.h"

bool store_memo_get(struct store *store, const struct digest *key,
		    struct buf *out)
{
	auto_free char *path = store_hex_path(store, "memos", key);
	auto_close int fd =
		open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat info;

	if (fd < 0 || fstat(fd, &info) < 0 || !S_ISREG(info.st_mode) ||
	    fs_read_fd(fd, path, STORE_MEMO_MAX_BYTES, out, NULL))
		return false;
	store_touch(path);
	return true;
}

void store_memo_touch(struct store *store, const struct digest *key)
{
	auto_free char *path = store_hex_path(store, "memos", key);

	store_touch(path);
}

int store_memo_put(struct store *store, const struct digest *key,
		   struct str value, struct error **err)
{
	auto_free char *path = store_hex_path(store, "memos", key);

	if (value.n > STORE_MEMO_MAX_BYTES)
		return err_make(err, ERR_ENV,
				"a memo of more than %d bytes is not kept",
				STORE_MEMO_MAX_BYTES);
	return store_place(store, path, value, false, err);
}
