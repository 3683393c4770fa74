/* Layers to one folder.
 *
 * Every path is opened below the root by the kernel, links followed as inside
 * of it. What is there is never opened for writing: it is removed and made
 * anew. A whiteout hides what lower layers have, and nothing of its own layer.
 *
 * Source: OCI image-spec v1.1, layer.md.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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
	MAX_ENTRIES = 2 << 20, /* of all layers */
	MAX_DEPTH = 200,
	MAX_PATH = 4096,
};
#define MAX_UNPACKED ((uint64_t)64 << 30)

struct unpacker {
	int root_fd;
	const char *root;
	uint64_t entries, bytes; /* so far, of all layers */
	struct map own;		 /* paths of the layer at hand */
	struct progress *progress;
};

/* The tar of a layer, as it is inflated. */
struct stream {
	struct unpacker *unpacker;
	int fd;
	struct archive *inflated; /* NULL: it is no compressed one */
	struct sha256 sha;
	uint64_t bytes;
	char chunk[CHUNK];
	struct error *error;
};

static int refuse(struct str path, const char *what, struct error **err)
{
	return err_make(err, ERR_FLEET,
			"the layer's entry '" STR_FMT "' is refused: %s",
			STR_ARG(path), what);
}

/* -- paths below the root -- */

static int open_inside(const struct unpacker *unpacker, const char *path,
		       int flags)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, unpacker->root_fd, path, &how,
			    sizeof how);
}

/* A folder that is there or, with make, comes into being. -1 with errno. */
static int open_folder(const struct unpacker *unpacker, struct str path,
		       bool make)
{
	auto_free char *name = path.n ? str_dup(path) : mem_strdup(".");
	int fd = open_inside(unpacker, name, O_PATH | O_DIRECTORY);

	if (fd >= 0 || errno != ENOENT || !make)
		return fd;
	ptrdiff_t slash = str_rfind(path, '/');
	auto_close int parent = open_folder(
		unpacker, str_slice(path, 0, slash < 0 ? 0 : (size_t)slash),
		true);

	if (parent < 0 || mkdirat(parent, name + slash + 1, 0755) < 0)
		return -1;
	return open_inside(unpacker, name, O_PATH | O_DIRECTORY);
}

static void note_own(struct unpacker *unpacker, struct str path)
{
	for (size_t i = 1; i < path.n; i++)
		if (path.p[i] == '/')
			map_add(&unpacker->own, str_slice(path, 0, i));
	map_add(&unpacker->own, path);
}

/* Removes what lies under a name in a folder. */
static int remove_all(int folder_fd, const char *name, struct error **err)
{
	auto_free char *path =
		path_printf("/proc/self/fd/%d/%s", folder_fd, name);

	if (unlinkat(folder_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	return fs_remove_tree(path, err);
}

static int remove_lower_children(struct unpacker *unpacker, int folder_fd,
				 struct str path, unsigned depth,
				 struct error **err);

/* Removes a path less what the layer at hand has put there. */
static int remove_lower(struct unpacker *unpacker, int folder_fd,
			const char *name, struct str path, unsigned depth,
			struct error **err)
{
	if (!map_has(&unpacker->own, path))
		return remove_all(folder_fd, name, err);
	auto_close int fd =
		openat(folder_fd, name,
		       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? 0
		      : remove_lower_children(unpacker, fd, path, depth + 1,
					      err);
}

static int remove_lower_children(struct unpacker *unpacker, int folder_fd,
				 struct str path, unsigned depth,
				 struct error **err)
{
	auto_names struct fs_names names = ARRAY_EMPTY;
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_free char *folder = path_printf("/proc/self/fd/%d", folder_fd);

	if (depth > MAX_DEPTH)
		return refuse(path, "it lies too deep", err);
	if (fs_list(folder, &names, err))
		return -1;
	array_each (char *, name, &names) {
		struct str child =
			arena_printf(&arena, STR_FMT "%s%s", STR_ARG(path),
				     path.n ? "/" : "", *name);

		if (remove_lower(unpacker, folder_fd, *name, child, depth, err))
			return -1;
	}
	return 0;
}

/* -- entries -- */

struct place {
	struct str path, folder; /* relative to the root */
	const char *name;	 /* in the folder; NUL-terminated */
	int folder_fd;
};

/* A path without "./" or "/" in front and "/" behind; empty for the root. -1
 * for one with "..". */
static int clean_path(const char *text, struct arena *arena, struct str *path,
		      struct error **err)
{
	struct str rest = str_from(text), part;
	auto_buf struct buf clean = BUF_EMPTY;
	unsigned depth = 0;

	if (rest.n >= MAX_PATH)
		return refuse(str_slice(rest, 0, 80), "its name is too long",
			      err);
	while (str_split(&rest, '/', &part)) {
		if (part.n == 0 || str_eq(part, STR(".")))
			continue;
		if (str_eq(part, STR("..")) || ++depth > MAX_DEPTH)
			return refuse(str_from(text),
				      "it leaves the image or lies too deep",
				      err);
		if (clean.n)
			buf_append_byte(&clean, '/');
		buf_append(&clean, part);
	}
	*path = arena_str(arena, buf_str(&clean));
	return 0;
}

static void split(struct str path, struct place *place)
{
	ptrdiff_t slash = str_rfind(path, '/');

	*place = (struct place){
		.path = path,
		.folder = str_slice(path, 0, slash < 0 ? 0 : (size_t)slash),
		.name = path.p + slash + 1,
		.folder_fd = -1,
	};
}

/* Takes away what an entry replaces: all but a folder under a folder. */
static int make_room(const struct place *place, bool is_folder,
		     struct error **err)
{
	struct stat info;

	if (fstatat(place->folder_fd, place->name, &info, AT_SYMLINK_NOFOLLOW) <
		    0 ||
	    (is_folder && S_ISDIR(info.st_mode)))
		return 0;
	return remove_all(place->folder_fd, place->name, err);
}

static int write_file(struct unpacker *unpacker, struct archive *archive,
		      struct archive_entry *entry, const struct place *place,
		      char *bytes, struct error **err)
{
	auto_close int fd = openat(
		place->folder_fd, place->name,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	la_ssize_t n;

	if (fd < 0)
		return err_sys(err, "cannot make '%s/" STR_FMT "'",
			       unpacker->root, STR_ARG(place->path));
	/* Holes would write more than was read, and bound by nothing. */
	if (libarchive.entry_sparse_count(entry))
		return refuse(place->path, "it is a sparse file", err);
	while ((n = libarchive.read_data(archive, bytes, CHUNK)) > 0)
		if (fs_write_all(fd, str_of(bytes, (size_t)n), unpacker->root,
				 err))
			return -1;
	if (n < 0)
		return refuse(place->path, "it is cut short", err);
	/* This host's reader needs what the image may deny. */
	if (fchmod(fd, (libarchive.entry_perm(entry) & 0777) | 0400) < 0)
		return err_sys(err, "cannot set the mode of '%s/" STR_FMT "'",
			       unpacker->root, STR_ARG(place->path));
	return 0;
}

static int make_folder(const struct unpacker *unpacker,
		       struct archive_entry *entry, const struct place *place,
		       struct error **err)
{
	if ((mkdirat(place->folder_fd, place->name, 0700) < 0 &&
	     errno != EEXIST) ||
	    fchmodat(place->folder_fd, place->name,
		     (libarchive.entry_perm(entry) & 0777) | 0700, 0) < 0)
		return err_sys(err, "cannot make the folder '%s/" STR_FMT "'",
			       unpacker->root, STR_ARG(place->path));
	return 0;
}

static int make_hard_link(const struct unpacker *unpacker, const char *text,
			  const struct place *place, struct arena *arena,
			  struct error **err)
{
	struct place target;
	struct str path;

	if (clean_path(text, arena, &path, err))
		return -1;
	split(path, &target);
	auto_close int fd = open_folder(unpacker, target.folder, false);

	if (path.n == 0 || fd < 0 ||
	    linkat(fd, target.name, place->folder_fd, place->name, 0) < 0)
		return refuse(place->path,
			      "it is a hard link to what is not there", err);
	return 0;
}

static int add_entry(struct unpacker *unpacker, struct archive *archive,
		     struct archive_entry *entry, const struct place *place,
		     struct arena *arena, char *bytes, struct error **err)
{
	const char *hard = libarchive.entry_hardlink(entry);
	const char *symbolic = libarchive.entry_symlink(entry);
	unsigned type = libarchive.entry_filetype(entry);

	if (make_room(place, !hard && type == AE_IFDIR, err))
		return -1;
	note_own(unpacker, place->path);
	if (hard)
		return make_hard_link(unpacker, hard, place, arena, err);
	if (type == AE_IFDIR)
		return make_folder(unpacker, entry, place, err);
	if (type == AE_IFREG)
		return write_file(unpacker, archive, entry, place, bytes, err);
	if (type != AE_IFLNK)
		return 0; /* a device, a pipe */
	if (!symbolic || !*symbolic ||
	    symlinkat(symbolic, place->folder_fd, place->name) < 0)
		return refuse(place->path, "it is a link that cannot be made",
			      err);
	return 0;
}

static int apply_whiteout(struct unpacker *unpacker, const struct place *place,
			  struct arena *arena, struct error **err)
{
	struct str hidden = str_from(place->name);
	auto_close int fd = open_folder(unpacker, place->folder, false);

	if (fd < 0)
		return 0;
	if (str_eq(hidden, STR(".wh..wh..opq"))) {
		auto_close int listed =
			openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		return listed < 0
			       ? err_sys(err, "cannot open '" STR_FMT "'",
					 STR_ARG(place->folder))
			       : remove_lower_children(unpacker, listed,
						       place->folder, 0, err);
	}
	/* Notes of a file system of old. */
	if (str_starts(hidden, STR(".wh..wh.")))
		return 0;
	str_eat(&hidden, STR(".wh."));
	if (hidden.n == 0 || str_eq(hidden, STR(".")) ||
	    str_eq(hidden, STR("..")))
		return refuse(place->path, "it hides nothing that can be named",
			      err);
	return remove_lower(unpacker, fd, hidden.p,
			    arena_printf(arena, STR_FMT "%s" STR_FMT,
					 STR_ARG(place->folder),
					 place->folder.n ? "/" : "",
					 STR_ARG(hidden)),
			    0, err);
}

static int take_entry(struct unpacker *unpacker, struct archive *archive,
		      struct archive_entry *entry, char *bytes,
		      struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	const char *text = libarchive.entry_pathname(entry);
	struct place place;
	struct str path;

	if (!text)
		text = libarchive.entry_pathname_utf8(entry);
	if (++unpacker->entries > MAX_ENTRIES || !text)
		return err_make(err, ERR_FLEET,
				text ? "it has more than two million files"
				     : "a file in it has no name");
	if (pool_check_cancelled(err) || clean_path(text, &arena, &path, err))
		return -1;
	if (path.n == 0)
		return 0;
	split(path, &place);
	if (str_starts(str_from(place.name), STR(".wh.")))
		return apply_whiteout(unpacker, &place, &arena, err);
	auto_close int folder_fd = open_folder(unpacker, place.folder, true);

	if (folder_fd < 0)
		return refuse(path, "what lies above it is no folder", err);
	place.folder_fd = folder_fd;
	return add_entry(unpacker, archive, entry, &place, &arena, bytes, err);
}

/* -- one layer -- */

static ssize_t read_raw(struct stream *stream)
{
	ssize_t n;

	if (stream->inflated) {
		n = libarchive.read_data(stream->inflated, stream->chunk,
					 CHUNK);
		if (n < 0 && !stream->error)
			err_make(&stream->error, ERR_FLEET,
				 "its compressed bytes are damaged: %s",
				 libarchive.error_string(stream->inflated));
		return n;
	}
	do
		n = read(stream->fd, stream->chunk, CHUNK);
	while (n < 0 && errno == EINTR);
	return n;
}

static la_ssize_t read_stream(struct archive *archive, void *context,
			      const void **bytes)
{
	struct stream *stream = context;
	ssize_t n = read_raw(stream);

	*bytes = stream->chunk;
	if (n <= 0)
		return n;
	sha256_update(&stream->sha, str_of(stream->chunk, (size_t)n));
	stream->bytes += (uint64_t)n;
	stream->unpacker->bytes += (uint64_t)n;
	progress_add(stream->unpacker->progress, (uint64_t)n);
	if (stream->unpacker->bytes <= MAX_UNPACKED)
		return n;
	err_make(&stream->error, ERR_FLEET, "it unpacks to more than %s",
		 log_bytes(MAX_UNPACKED));
	libarchive.set_error(archive, EFBIG, "too large");
	return -1;
}

/* Reads the blob through the filter that its media type names. */
static int open_inflated(struct stream *stream,
			 enum oci_compression compression, struct error **err)
{
	struct archive_entry *entry;

	if (compression == OCI_NONE)
		return 0;
	stream->inflated = libarchive.read_new();
	if (compression == OCI_GZIP)
		libarchive.read_support_filter_gzip(stream->inflated);
	else
		libarchive.read_support_filter_zstd(stream->inflated);
	libarchive.read_support_format_raw(stream->inflated);
	if (libarchive.read_open_fd(stream->inflated, stream->fd, CHUNK) ==
		    ARCHIVE_OK &&
	    libarchive.read_next_header(stream->inflated, &entry) == ARCHIVE_OK)
		return 0;
	return err_make(err, ERR_FLEET, "its compressed bytes are damaged: %s",
			libarchive.error_string(stream->inflated)
				? libarchive.error_string(stream->inflated)
				: "there are none");
}

static int read_entries(struct unpacker *unpacker, struct stream *stream,
			struct archive *tar, struct error **err)
{
	auto_free char *bytes = mem_alloc(CHUNK);
	struct archive_entry *entry;
	int status = libarchive.read_open(tar, stream, NULL, read_stream, NULL);

	while (status >= ARCHIVE_WARN &&
	       (status = libarchive.read_next_header(tar, &entry)) >=
		       ARCHIVE_WARN &&
	       status != ARCHIVE_EOF)
		if (take_entry(unpacker, tar, entry, bytes, err))
			return -1;
	if (status == ARCHIVE_EOF)
		return 0;
	if (stream->error)
		return err_pass(err, mem_steal(stream->error));
	return err_make(err, ERR_FLEET, "it is no sound tar: %s",
			libarchive.error_string(tar));
}

static int read_layer(struct unpacker *unpacker, struct stream *stream,
		      const struct lock_image_layer *layer, struct error **err)
{
	struct archive *tar = libarchive.read_new();
	struct digest found;
	const void *bytes;

	libarchive.read_support_format_tar(tar);
	/* A layer without one file is not recognised as tar. */
	libarchive.read_support_format_empty(tar);
	int result = read_entries(unpacker, stream, tar, err);

	/* What stands behind the end belongs to the DiffID. */
	while (result == 0 && read_stream(tar, stream, &bytes) > 0)
		;
	libarchive.read_free(tar);
	if (result == 0 && stream->error)
		return err_pass(err, mem_steal(stream->error));
	if (result)
		return -1;
	sha256_final(&stream->sha, &found);
	return digest_eq(&found, &layer->diff_id)
		       ? 0
		       : err_make(err, ERR_FLEET,
				  "its files have the DiffID %s, and the "
				  "image's config says %s",
				  digest_text(&found).p,
				  digest_text(&layer->diff_id).p);
}

static int unpack_layer(struct unpacker *unpacker, struct store *store,
			const struct lock_image_layer *layer, uint64_t *bytes,
			struct error **err)
{
	auto_free char *path = store_blob_path(store, &layer->digest);
	auto_close int fd = fs_open(path, O_RDONLY, 0, err);
	enum oci_compression compression;

	if (fd < 0)
		return -1;
	if (!oci_layer_compression(layer->media_type, &compression))
		return err_make(err, ERR_FLEET,
				"its media type '" STR_FMT "' is not known",
				STR_ARG(layer->media_type));
	struct stream *stream = mem_zalloc(1, sizeof *stream);

	stream->unpacker = unpacker;
	stream->fd = fd;
	sha256_init(&stream->sha);
	map_release(&unpacker->own);
	unpacker->own = (struct map)MAP_EMPTY;
	int result = open_inflated(stream, compression, err)
			     ? -1
			     : read_layer(unpacker, stream, layer, err);

	*bytes = stream->bytes;
	libarchive.read_free(stream->inflated);
	sha256_release(&stream->sha);
	err_free(stream->error);
	free(stream);
	return result;
}

int base_unpack(struct store *store, const struct lock_base *base,
		const char *root, uint64_t *bytes, struct error **err)
{
	auto_close int root_fd = fs_open(root, O_RDONLY | O_DIRECTORY, 0, err);
	struct unpacker unpacker = {
		.root_fd = root_fd,
		.root = root,
		.own = MAP_EMPTY,
	};
	int result = 0;

	if (root_fd < 0 || libarchive_load(err))
		return -1;
	unpacker.progress = progress_new("unpacking base", 0, "B");
	for (size_t i = 0; result == 0 && i < base->layer_count; i++) {
		const struct lock_image_layer *layer = &base->layers[i];

		result = unpack_layer(&unpacker, store, layer, &bytes[i], err);
		if (result)
			err_wrap(err, "layer %zu (%.19s)", i + 1,
				 digest_text(&layer->digest).p);
	}
	progress_free(unpacker.progress);
	map_release(&unpacker.own);
	return result;
}
