/* OCI layouts, and archives of images: their members by name.
 *
 * An archive is read once for its documents, which are small and kept, and
 * once more for layers that the store lacks: it may be compressed, and then
 * nothing in it can be found but by reading.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "codec/libarchive.h"
#include "facts/store.h"
#include "parts/base/internal.h"

enum {
	CHUNK = 256 << 10,
	MAX_MEMBERS = 1 << 16,
	MAX_DOCUMENTS = 64 << 20, /* all together */
	MAX_LINKS = 8,
};

struct layout {
	struct arena arena;
	const char *path; /* of the folder or archive */
	struct str reference;
	int dir_fd;	      /* -1 for an archive */
	struct map documents; /* of an archive: name to struct str */
	struct map links;     /* of an archive: name to C string */
	size_t document_bytes;
};

void layout_free(struct layout *layout)
{
	if (!layout)
		return;
	if (layout->dir_fd >= 0)
		close(layout->dir_fd);
	map_release(&layout->documents);
	map_release(&layout->links);
	arena_release(&layout->arena);
	free(layout);
}

void layout_free_pointer(struct layout **layout)
{
	layout_free(*layout);
	*layout = NULL;
}

struct str layout_reference(const struct layout *layout)
{
	return layout->reference;
}

/* -- an archive -- */

static int damaged(const struct layout *layout, struct archive *archive,
		   struct error **err)
{
	const char *why = libarchive.error_string(archive);

	return err_make(err, ERR_FLEET,
			"'%s' is no archive of an image, or damaged: %s",
			layout->path, why ? why : "it ends early");
}

static struct archive *archive_open(const struct layout *layout,
				    struct error **err)
{
	struct archive *archive = libarchive.read_new();

	libarchive.read_support_filter_gzip(archive);
	libarchive.read_support_filter_zstd(archive);
	libarchive.read_support_filter_xz(archive);
	libarchive.read_support_format_tar(archive);
	if (libarchive.read_open_filename(archive, layout->path, CHUNK) ==
	    ARCHIVE_OK)
		return archive;
	damaged(layout, archive, err);
	libarchive.read_free(archive);
	return NULL;
}

/* The next entry: 1, or 0 at the end. *name has no "./" in front; it is empty
 * for one with a name that no member of an image has. */
static int archive_next(const struct layout *layout, struct archive *archive,
			size_t *count, struct archive_entry **entry,
			struct str *name, struct error **err)
{
	int status = libarchive.read_next_header(archive, entry);

	if (status == ARCHIVE_EOF)
		return 0;
	if (status < ARCHIVE_WARN || pool_check_cancelled(err))
		return pool_is_cancelled() ? -1 : damaged(layout, archive, err);
	if (++*count > MAX_MEMBERS)
		return err_make(err, ERR_FLEET, "'%s' has more than %d members",
				layout->path, (int)MAX_MEMBERS);
	*name = str_from(libarchive.entry_pathname(*entry));
	str_eat(name, STR("./"));
	if (!path_is_clean(*name))
		*name = STR_EMPTY;
	return 1;
}

static bool is_document(struct str name, uint64_t size)
{
	return size <= OCI_MAX_BYTES &&
	       (str_ends(name, STR(".json")) ||
		str_starts(name, STR("blobs/sha256/")));
}

static int keep_document(struct layout *layout, struct archive *archive,
			 struct str name, size_t size, struct error **err)
{
	struct str *document = arena_new(&layout->arena, struct str);
	char *bytes = arena_alloc(&layout->arena, size + 1, 1);

	layout->document_bytes += size;
	if (layout->document_bytes > MAX_DOCUMENTS)
		return err_make(err, ERR_FLEET,
				"'%s' has too many documents: save one image "
				"alone",
				layout->path);
	if (libarchive.read_data(archive, bytes, size) != (la_ssize_t)size)
		return damaged(layout, archive, err);
	*document = str_of(bytes, size);
	map_set(&layout->documents, name, document);
	return 0;
}

/* The name that a link in the archive means; of a symbolic one it is relative
 * to the link's folder. Empty where it leads out of the archive. */
static struct str link_target(struct layout *layout, struct str name,
			      struct str target, bool is_symbolic)
{
	ptrdiff_t slash = is_symbolic ? str_rfind(name, '/') : -1;
	struct str folder = str_slice(name, 0, slash < 0 ? 0 : (size_t)slash);

	str_eat(&target, STR("./"));
	while (str_eat(&target, STR("../"))) {
		if (folder.n == 0)
			return STR_EMPTY;
		slash = str_rfind(folder, '/');
		folder = str_slice(folder, 0, slash < 0 ? 0 : (size_t)slash);
	}
	return arena_printf(&layout->arena, STR_FMT "%s" STR_FMT,
			    STR_ARG(folder), folder.n ? "/" : "",
			    STR_ARG(target));
}

static void keep_link(struct layout *layout, struct archive_entry *entry,
		      struct str name)
{
	const char *symbolic = libarchive.entry_symlink(entry);
	const char *hard = libarchive.entry_hardlink(entry);
	struct str target =
		link_target(layout, name, str_from(symbolic ? symbolic : hard),
			    symbolic != NULL);

	if (target.n)
		map_set(&layout->links, name, (void *)(uintptr_t)target.p);
}

static int read_documents(struct layout *layout, struct error **err)
{
	struct archive *archive = archive_open(layout, err);
	struct archive_entry *entry;
	struct str name;
	size_t count = 0;
	int result;

	if (!archive)
		return -1;
	while ((result = archive_next(layout, archive, &count, &entry, &name,
				      err)) > 0) {
		la_int64_t size = libarchive.entry_size(entry);

		if (name.n == 0)
			continue;
		if (libarchive.entry_symlink(entry) ||
		    libarchive.entry_hardlink(entry))
			keep_link(layout, entry, name);
		else if (libarchive.entry_filetype(entry) == AE_IFREG &&
			 size >= 0 && is_document(name, (uint64_t)size) &&
			 keep_document(layout, archive, name, (size_t)size,
				       err)) {
			result = -1;
			break;
		}
	}
	libarchive.read_free(archive);
	return result;
}

/* The member that a name means after links. */
static struct str follow(const struct layout *layout, struct str name)
{
	for (int i = 0; i < MAX_LINKS; i++) {
		const char *target = map_get(&layout->links, name);

		if (!target)
			break;
		name = str_from(target);
	}
	return name;
}

/* -- opening -- */

static bool is_folder(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* "DIR" or "DIR:REF"; a folder whose name has a colon is one. */
static int open_folder(struct layout *layout, struct error **err)
{
	struct str text = str_from(layout->path);
	ptrdiff_t colon = str_rfind(text, ':');

	if (!is_folder(layout->path) && colon > 0) {
		layout->reference = str_slice(text, (size_t)colon + 1, text.n);
		layout->path = arena_str(&layout->arena,
					 str_slice(text, 0, (size_t)colon))
				       .p;
	}
	if (!is_folder(layout->path)) {
		err_make(err, ERR_FLEET, "'%s' is no folder", layout->path);
		return err_hint(err, "oci: takes the folder of an OCI layout, "
				     "tar: an archive");
	}
	layout->dir_fd = fs_open(layout->path, O_RDONLY | O_DIRECTORY, 0, err);
	return layout->dir_fd < 0 ? -1 : 0;
}

static int open_archive(struct layout *layout, struct error **err)
{
	if (!fs_exists(layout->path))
		return err_make(err, ERR_FLEET, "there is no file '%s'",
				layout->path);
	if (is_folder(layout->path)) {
		err_make(err, ERR_FLEET, "'%s' is a folder", layout->path);
		return err_hint(err, "for the folder of an OCI layout write "
				     "oci: instead of tar:");
	}
	return libarchive_load(err) ? -1 : read_documents(layout, err);
}

int layout_open(enum lock_base_kind kind, struct str text, struct layout **out,
		struct error **err)
{
	auto_layout struct layout *layout = mem_zalloc(1, sizeof *layout);

	layout->dir_fd = -1;
	layout->path = arena_str(&layout->arena, text).p;
	if (kind == LOCK_BASE_OCI ? open_folder(layout, err)
				  : open_archive(layout, err))
		return -1;
	if (!layout_has(layout, "index.json") &&
	    !layout_has(layout, "manifest.json")) {
		err_make(err, ERR_FLEET, "'%s' holds no image", layout->path);
		return err_hint(err, "there is no index.json%s in it",
				kind == LOCK_BASE_TAR ? " and no manifest.json"
						      : "");
	}
	*out = mem_steal(layout);
	return 0;
}

/* -- members -- */

bool layout_has(const struct layout *layout, const char *name)
{
	if (layout->dir_fd < 0)
		return map_has(&layout->documents,
			       follow(layout, str_from(name)));
	auto_close int fd = fs_open_beneath(layout->dir_fd, name, O_PATH, 0);

	return fd >= 0;
}

static int missing(const struct layout *layout, const char *name,
		   struct error **err)
{
	err_make(err, ERR_FLEET, "'%s' lacks '%s'", layout->path, name);
	return err_hint(err, "the image is not complete: copy or save it "
			     "again");
}

int layout_read(const struct layout *layout, const char *name, struct buf *out,
		struct error **err)
{
	if (layout->dir_fd < 0) {
		const struct str *document = map_get(
			&layout->documents, follow(layout, str_from(name)));

		if (!document)
			return missing(layout, name, err);
		buf_append(out, *document);
		return 0;
	}
	auto_close int fd = fs_open_beneath(layout->dir_fd, name, O_RDONLY, 0);

	if (fd < 0)
		return missing(layout, name, err);
	return fs_read_fd(fd, name, OCI_MAX_BYTES, out, err);
}

/* -- blobs -- */

/* Where a member's bytes come from. */
struct member {
	const struct layout *layout;
	int fd; /* or -1: the archive's current entry */
	struct archive *archive;
};

static ssize_t member_read(const struct member *member, char *bytes, size_t n,
			   struct error **err)
{
	ssize_t got;

	if (pool_check_cancelled(err))
		return -1;
	if (member->fd < 0) {
		got = libarchive.read_data(member->archive, bytes, n);
		return got < 0 ? damaged(member->layout, member->archive, err)
			       : got;
	}
	do
		got = read(member->fd, bytes, n);
	while (got < 0 && errno == EINTR);
	return got < 0 ? err_sys(err, "cannot read '%s'", member->layout->path)
		       : got;
}

static enum oci_compression compression_of(const unsigned char *first, size_t n)
{
	if (n >= 2 && first[0] == 0x1f && first[1] == 0x8b)
		return OCI_GZIP;
	if (n >= 4 && le32_at(first) == 0xfd2fb528)
		return OCI_ZSTD;
	return OCI_NONE;
}

static int check_blob(const struct layout *layout, struct str name,
		      const struct digest *expected,
		      const struct layout_blob *blob, struct error **err)
{
	if (!expected || digest_eq(expected, &blob->digest))
		return 0;
	err_make(err, ERR_FLEET,
		 "'%s': '" STR_FMT "' is damaged: its bytes have %s, not %s",
		 layout->path, STR_ARG(name), digest_text(&blob->digest).p,
		 digest_text(expected).p);
	return err_hint(err, "copy or save the image again");
}

static int copy(const struct member *member, struct store *store,
		struct str name, const struct digest *expected,
		struct layout_blob *blob, struct error **err)
{
	auto_store_writer struct store_writer writer = STORE_WRITER_EMPTY;
	auto_sha256 struct sha256 sha;
	auto_free char *bytes = mem_alloc(CHUNK);
	ssize_t n;

	*blob = (struct layout_blob){.compression = OCI_NONE};
	sha256_init(&sha);
	if (store_begin(store, &writer, err))
		return -1;
	while ((n = member_read(member, bytes, CHUNK, err)) > 0) {
		struct str part = str_of(bytes, (size_t)n);

		if (blob->size_bytes == 0)
			blob->compression = compression_of(
				(const unsigned char *)bytes, part.n);
		blob->size_bytes += part.n;
		sha256_update(&sha, part);
		if (fs_write_all(writer.fd, part, "a layer", err))
			return -1;
	}
	if (n < 0)
		return -1;
	sha256_final(&sha, &blob->digest);
	return check_blob(member->layout, name, expected, blob, err) ||
			       store_commit(store, &writer, &blob->digest, err)
		       ? -1
		       : 0;
}

static int import_files(const struct layout *layout, struct store *store,
			const struct str *names, size_t count,
			const struct digest *expected,
			struct layout_blob *blobs, struct error **err)
{
	for (size_t i = 0; i < count; i++) {
		auto_free char *name = str_dup(names[i]);
		auto_close int fd =
			fs_open_beneath(layout->dir_fd, name, O_RDONLY, 0);
		struct member member = {layout, fd, NULL};

		if (fd < 0)
			return missing(layout, name, err);
		if (copy(&member, store, names[i],
			 expected ? &expected[i] : NULL, &blobs[i], err))
			return -1;
	}
	return 0;
}

/* Copies the current entry where it is wanted, once for all who want it. */
static int import_entry(const struct member *member, struct store *store,
			struct str found, const struct str *names, size_t count,
			const struct digest *expected, bool *done,
			struct layout_blob *blobs, struct error **err)
{
	const struct layout_blob *made = NULL;

	for (size_t i = 0; i < count; i++) {
		if (done[i] || !str_eq(follow(member->layout, names[i]), found))
			continue;
		if (made)
			blobs[i] = *made;
		else if (copy(member, store, names[i],
			      expected ? &expected[i] : NULL, &blobs[i], err))
			return -1;
		made = &blobs[i];
		done[i] = true;
	}
	return 0;
}

static int import_members(const struct layout *layout, struct store *store,
			  const struct str *names, size_t count,
			  const struct digest *expected,
			  struct layout_blob *blobs, struct error **err)
{
	struct archive *archive = archive_open(layout, err);
	bool done[OCI_MAX_LAYERS] = {false};
	struct member member = {layout, -1, archive};
	struct archive_entry *entry;
	struct str found;
	size_t seen = 0;
	int result;

	if (!archive)
		return -1;
	while ((result = archive_next(layout, archive, &seen, &entry, &found,
				      err)) > 0)
		if (found.n && libarchive.entry_filetype(entry) == AE_IFREG &&
		    !libarchive.entry_hardlink(entry) &&
		    import_entry(&member, store, found, names, count, expected,
				 done, blobs, err)) {
			result = -1;
			break;
		}
	libarchive.read_free(archive);
	for (size_t i = 0; result == 0 && i < count; i++)
		if (!done[i]) {
			auto_free char *name = str_dup(names[i]);

			result = missing(layout, name, err);
		}
	return result;
}

int layout_import(const struct layout *layout, struct store *store,
		  const struct str *names, size_t count,
		  const struct digest *expected, struct layout_blob *blobs,
		  struct error **err)
{
	log_verbose("copying %zu layers out of %s", count, layout->path);
	return layout->dir_fd < 0 ? import_members(layout, store, names, count,
						   expected, blobs, err)
				  : import_files(layout, store, names, count,
						 expected, blobs, err);
}
