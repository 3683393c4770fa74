/* What a check remembers of a tree: the scan of every Python file, one memo of
 * the store for the tree and the Python version.
 *
 *   memo = head, file ...
 *   file = struct saved_file, path, scan (facts/pyscan.h)
 *
 * in the byte order of the machine, files by path. A file is known by its place
 * and times, as git knows those of its index; one that changed just before it
 * was read might change again without a trace, and is not remembered. A memo
 * that is damaged or of another version is as none.
 */
#include <stdlib.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "codec/inflate.h"
#include "facts/store.h"
#include "work/check/check_private.h"

static const char magic[16] = "slipway scans 1";

struct head {
	char magic[16];
	char version[12]; /* of the scanner */
	uint32_t crc32;	  /* of all that follows */
};

struct saved_file {
	uint64_t size_bytes, device, inode;
	int64_t mtime_ns, ctime_ns;
	uint32_t path_bytes, scan_bytes;
};

static struct head head_of(struct str files)
{
	struct head head = {.crc32 = crc32_add(0, files)};

	memcpy(head.magic, magic, sizeof magic);
	strncpy(head.version, pyscan_version(), sizeof head.version - 1);
	return head;
}

/* False where the tree cannot be named. */
static bool key_of(const struct source_tree *tree, unsigned minor,
		   struct digest *key)
{
	auto_free char *root = realpath(tree->root, NULL);
	auto_buf struct buf fields = BUF_EMPTY;

	if (!root)
		return false;
	key_add(&fields, STR("scans"));
	key_add(&fields, str_from(root));
	buf_printf(&fields, "%u", minor);
	*key = digest_of(buf_str(&fields));
	return true;
}

/* What a file is known by. */
static struct saved_file saved_of(const struct source_file *file,
				  struct str scan)
{
	return (struct saved_file){
		.size_bytes = file->size_bytes,
		.device = file->device,
		.inode = file->inode,
		.mtime_ns = file->mtime_ns,
		.ctime_ns = file->ctime_ns,
		.path_bytes = (uint32_t)file->path.n,
		.scan_bytes = (uint32_t)scan.n,
	};
}

/* The next file of a memo; false at its end, or where it is broken. */
static bool next_file(struct str *rest, struct saved_file *file,
		      struct str *path, struct str *scan)
{
	if (rest->n < sizeof *file)
		return false;
	memcpy(file, rest->p, sizeof *file);
	*rest = str_slice(*rest, sizeof *file, rest->n);
	if (rest->n < (uint64_t)file->path_bytes + file->scan_bytes)
		return false;
	*path = str_slice(*rest, 0, file->path_bytes);
	*rest = str_slice(*rest, file->path_bytes, rest->n);
	*scan = str_slice(*rest, 0, file->scan_bytes);
	*rest = str_slice(*rest, file->scan_bytes, rest->n);
	return true;
}

void check_memory_load(struct check_memory *memory,
		       const struct source_tree *tree, unsigned minor,
		       struct store *store)
{
	struct digest key;
	struct str rest, path, scan;
	struct saved_file file;
	struct head head;
	size_t at = 0;

	memory->scans = mem_zalloc(tree->n, sizeof *memory->scans);
	memory->is_new = mem_zalloc(tree->n, sizeof *memory->is_new);
	if (!store || !key_of(tree, minor, &key) ||
	    !store_memo_get(store, &key, &memory->bytes) ||
	    memory->bytes.n < sizeof head)
		return;
	rest = str_slice(buf_str(&memory->bytes), sizeof head, memory->bytes.n);
	head = head_of(rest);
	if (memcmp(&head, memory->bytes.p, sizeof head) != 0)
		return;
	/* Both by path: one walk. */
	for (; next_file(&rest, &file, &path, &scan); memory->count++) {
		while (at < tree->n && str_cmp(tree->files[at].path, path) < 0)
			at++;
		if (at == tree->n || !str_eq(tree->files[at].path, path) ||
		    tree->files[at].problem)
			continue;
		struct saved_file now = saved_of(&tree->files[at], scan);

		if (memcmp(&now, &file, sizeof now) == 0)
			memory->scans[at] = scan;
	}
}

void check_memory_save(const struct check_memory *memory,
		       const struct source_tree *tree, unsigned minor,
		       struct store *store)
{
	auto_err struct error *error = NULL;
	auto_buf struct buf bytes = BUF_EMPTY;
	struct digest key;
	size_t count = 0, room = sizeof(struct head);
	bool has_changed = false;

	if (!store || !key_of(tree, minor, &key))
		return;
	for (size_t i = 0; i < tree->n; i++) {
		if (!memory->scans[i].p ||
		    !source_file_is_settled(tree, &tree->files[i]))
			continue;
		room += sizeof(struct saved_file) + tree->files[i].path.n +
			memory->scans[i].n;
		has_changed |= memory->is_new[i];
		count++;
	}
	if (!has_changed && count == memory->count)
		return;
	buf_reserve(&bytes, room);
	buf_append_zeros(&bytes, sizeof(struct head));
	for (size_t i = 0; i < tree->n; i++) {
		if (!memory->scans[i].p ||
		    !source_file_is_settled(tree, &tree->files[i]))
			continue;
		struct saved_file file =
			saved_of(&tree->files[i], memory->scans[i]);

		buf_append(&bytes, str_of((const char *)&file, sizeof file));
		buf_append(&bytes, tree->files[i].path);
		buf_append(&bytes, memory->scans[i]);
	}
	struct head head =
		head_of(str_slice(buf_str(&bytes), sizeof head, bytes.n));

	memcpy(bytes.p, &head, sizeof head);
	if (store_memo_put(store, &key, buf_str(&bytes), &error))
		log_verbose("not remembered: %s", err_message(error));
}

void check_memory_release(struct check_memory *memory)
{
	buf_release(&memory->bytes);
	free(memory->scans);
	free(memory->is_new);
}
