/* The bytes of an export: archive, file, folder. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/pool.h"
#include "codec/json.h"
#include "codec/tar.h"
#include "work/export.h"

enum { PIECE_BYTES = 1 << 20, FALLBACK_BYTES = 64 << 10 };

static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
static const char reference_key[] = "org.opencontainers.image.ref.name";
/* What containerd names an image by. Source: its images package. */
static const char containerd_key[] = "io.containerd.image.name";

/* -- documents -- */

static json_t *blob_name(const struct export *export, size_t blob)
{
	struct digest_text text = digest_text(&export->blobs.p[blob].digest);

	return json_sprintf("blobs/sha256/%s", digest_hex(&text));
}

static void set_str(json_t *object, const char *name, struct str value)
{
	if (value.n)
		json_object_set_new(object, name, json_new_str(value));
}

static json_t *index_entry(const struct export_image *image)
{
	const struct store_image *listed = &image->listed;
	json_t *entry = json_object(), *annotations = json_object();
	json_t *platform = json_object();
	auto_buf struct buf name = BUF_EMPTY;

	set_str(entry, "mediaType", listed->media_type);
	json_object_set_new(entry, "digest",
			    json_string(digest_text(&listed->digest).p));
	json_set_u64(entry, "size", listed->size_bytes);
	set_str(platform, "os", listed->os);
	set_str(platform, "architecture", listed->architecture);
	set_str(platform, "variant", listed->variant);
	json_object_set_new(entry, "platform", platform);
	set_str(annotations, reference_key, listed->reference);
	export_full_name(listed->reference, &name);
	set_str(annotations, containerd_key, buf_str(&name));
	json_object_set_new(entry, "annotations", annotations);
	return entry;
}

static void append_document(struct buf *out, json_t *owned)
{
	auto_json json_t *value = owned;

	json_append_canonical(out, value);
}

static void append_index(const struct export *export, struct buf *out)
{
	json_t *root = json_object(), *list = json_array();

	for (size_t i = 0; i < export->image_count; i++)
		json_array_append_new(list, index_entry(&export->images[i]));
	json_object_set_new(root, "schemaVersion", json_integer(2));
	json_object_set_new(
		root, "mediaType",
		json_string("application/vnd.oci.image.index.v1+json"));
	json_object_set_new(root, "manifests", list);
	append_document(out, root);
}

static void append_docker(const struct export *export, struct buf *out)
{
	json_t *root = json_array();

	for (size_t i = 0; i < export->image_count; i++) {
		const struct export_image *image = &export->images[i];
		json_t *entry = json_object(), *layers = json_array();
		json_t *tags = json_array();

		for (size_t k = 0; k < image->layer_count; k++)
			json_array_append_new(
				layers,
				blob_name(export, image->layers[k].blob));
		json_array_append_new(tags,
				      json_new_str(image->listed.reference));
		json_object_set_new(entry, "Config",
				    blob_name(export, image->config));
		json_object_set_new(entry, "RepoTags", tags);
		json_object_set_new(entry, "Layers", layers);
		json_array_append_new(root, entry);
	}
	append_document(out, root);
}

/* -- blobs -- */

/* At most max_bytes more from in to out; the number, 0 at the end of in. */
static ssize_t move_some(int in, int out, size_t max_bytes, const char *name,
			 struct error **err)
{
	char bytes[FALLBACK_BYTES];
	ssize_t n;

	do
		n = sendfile(out, in, NULL, max_bytes);
	while (n < 0 && errno == EINTR && !pool_is_cancelled());
	if (n >= 0)
		return n;
	if (errno != EINVAL && errno != ENOSYS)
		return err_sys(err, "cannot write '%s'", name);
	/* An end that is appended to, for one, takes no sendfile(2). */
	n = read(in, bytes,
		 max_bytes < sizeof bytes ? max_bytes : sizeof bytes);
	if (n < 0)
		return err_sys(err, "cannot read a blob of the store");
	return fs_write_all(out, str_of(bytes, (size_t)n), name, err) ? -1 : n;
}

static int copy_blob(const struct export *export,
		     const struct export_blob *blob, int out, const char *name,
		     struct progress *progress, struct error **err)
{
	auto_free char *path = store_blob_path(export->store, &blob->digest);
	auto_close int in = fs_open(path, O_RDONLY, 0, err);
	uint64_t left = blob->bytes;

	if (in < 0)
		return -1;
	while (left) {
		size_t piece = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
		ssize_t n = -1;

		if (pool_check_cancelled(err) == 0)
			n = move_some(in, out, piece, name, err);
		if (n < 0)
			return -1;
		if (n == 0)
			return err_make(err, ERR_ENV,
					"'%s' is shorter than it was", path);
		left -= (uint64_t)n;
		progress_add(progress, (uint64_t)n);
	}
	return 0;
}

/* -- archive -- */

struct archive {
	const struct export *export;
	int fd;
	const char *name;
	struct progress *progress;
};

static int write_header(const struct archive *archive, const char *path,
			enum tar_type type, uint64_t size_bytes,
			struct error **err)
{
	struct tar_entry entry = {
		.path = str_from(path),
		.type = type,
		.mode = type == TAR_DIR ? 0755 : 0644,
		.size_bytes = size_bytes,
	};
	auto_buf struct buf header = BUF_EMPTY;

	tar_append_header(&header, &entry);
	return fs_write_all(archive->fd, buf_str(&header), archive->name, err);
}

static int write_padding(const struct archive *archive, uint64_t size_bytes,
			 struct error **err)
{
	static const char zeros[TAR_BLOCK];

	return fs_write_all(archive->fd, str_of(zeros, tar_padding(size_bytes)),
			    archive->name, err);
}

static int write_blob(const struct archive *archive,
		      const struct export_blob *blob, struct error **err)
{
	struct digest_text text = digest_text(&blob->digest);
	auto_free char *path =
		path_printf("blobs/sha256/%s", digest_hex(&text));

	return write_header(archive, path, TAR_FILE, blob->bytes, err) ||
			       copy_blob(archive->export, blob, archive->fd,
					 archive->name, archive->progress,
					 err) ||
			       write_padding(archive, blob->bytes, err)
		       ? -1
		       : 0;
}

static int write_text(const struct archive *archive, const char *path,
		      struct str text, struct error **err)
{
	return write_header(archive, path, TAR_FILE, text.n, err) ||
			       fs_write_all(archive->fd, text, archive->name,
					    err) ||
			       write_padding(archive, text.n, err)
		       ? -1
		       : 0;
}

static int write_archive(const struct archive *archive, struct error **err)
{
	const struct export *export = archive->export;
	auto_buf struct buf index = BUF_EMPTY, docker = BUF_EMPTY;
	auto_buf struct buf end = BUF_EMPTY;

	append_index(export, &index);
	append_docker(export, &docker);
	tar_append_end(&end);
	if (write_header(archive, "blobs", TAR_DIR, 0, err) ||
	    write_header(archive, "blobs/sha256", TAR_DIR, 0, err))
		return -1;
	array_each (const struct export_blob, blob, &export->blobs)
		if (!blob->left_out && write_blob(archive, blob, err))
			return -1;
	return write_text(archive, "index.json", buf_str(&index), err) ||
			       write_text(archive, "manifest.json",
					  buf_str(&docker), err) ||
			       write_text(archive, "oci-layout",
					  str_from(layout), err) ||
			       fs_write_all(archive->fd, buf_str(&end),
					    archive->name, err)
		       ? -1
		       : 0;
}

int export_archive(const struct export *export, int fd, const char *name,
		   struct error **err)
{
	struct archive archive = {
		.export = export,
		.fd = fd,
		.name = name,
		.progress = progress_new(name, export_bytes(export), "B"),
	};
	int result = write_archive(&archive, err);

	progress_free(archive.progress);
	return result;
}

int export_file(const struct export *export, const char *path,
		struct error **err)
{
	auto_free char *temporary = path_printf("%s.%d.tmp", path, getpid());
	auto_close int fd =
		fs_open(temporary, O_WRONLY | O_CREAT | O_EXCL, 0644, err);

	if (fd < 0)
		return -1;
	if (export_archive(export, fd, path, err) ||
	    fs_publish(fd, temporary, path, err)) {
		unlink(temporary);
		return -1;
	}
	return 0;
}

/* -- folder -- */

static int fill_folder(const struct export *export, const char *folder,
		       struct progress *progress, struct error **err)
{
	auto_free char *blobs = path_join(folder, "blobs/sha256");
	auto_free char *index_path = path_join(folder, "index.json");
	auto_free char *layout_path = path_join(folder, "oci-layout");
	auto_buf struct buf index = BUF_EMPTY;

	append_index(export, &index);
	if (fs_make_dirs(blobs, 0755, err))
		return -1;
	array_each (const struct export_blob, blob, &export->blobs) {
		struct digest_text text = digest_text(&blob->digest);
		auto_free char *path = path_join(blobs, digest_hex(&text));
		auto_close int fd =
			fs_open(path, O_WRONLY | O_CREAT | O_EXCL, 0644, err);

		if (fd < 0 || copy_blob(export, blob, fd, path, progress, err))
			return -1;
		if (fsync(fd))
			return err_sys(err, "cannot write '%s'", path);
	}
	return fs_write_file(index_path, buf_str(&index), 0644, err) ||
			       fs_write_file(layout_path, str_from(layout),
					     0644, err)
		       ? -1
		       : 0;
}

static int check_target(const char *path, struct error **err)
{
	auto_names struct fs_names names = {0};

	if (!fs_exists(path) ||
	    (fs_list(path, &names, NULL) == 0 && names.n == 0))
		return 0;
	err_make(err, ERR_USAGE, "'%s' is there, and not as an empty folder",
		 path);
	return err_hint(err, "name a folder that is not there yet, or "
			     "FILE.tar");
}

/* rename(2) replaces an empty folder. */
static int publish_folder(const char *temporary, const char *path,
			  struct error **err)
{
	if (rename(temporary, path))
		return err_sys(err, "cannot make '%s'", path);
	return fs_sync_folder_of(path, err);
}

int export_folder(const struct export *export, const char *path,
		  struct error **err)
{
	struct str trimmed = str_from(path);

	while (trimmed.n > 1 && trimmed.p[trimmed.n - 1] == '/')
		trimmed.n--;
	auto_free char *target = str_dup(trimmed);
	auto_free char *temporary = path_printf("%s.%d.tmp", target, getpid());

	if (check_target(target, err))
		return -1;
	struct progress *progress =
		progress_new(path, export_bytes(export), "B");
	int result = fill_folder(export, temporary, progress, err) ||
				     publish_folder(temporary, target, err)
			     ? -1
			     : 0;

	progress_free(progress);
	if (result)
		fs_remove_tree(temporary, NULL);
	return result;
}
