#include "work/listing.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "codec/zip.h"
#include "facts/store.h"
#include "parts/fetch.h"
#include "parts/pyindex.h"

static struct digest cache_key(const struct lock_package *package)
{
	auto_buf struct buf key = BUF_EMPTY;

	key_add(&key, STR("wheel-listing-1"));
	key_add(&key, str_from(digest_text(&package->wheel.sha256).p));
	return digest_of(buf_str(&key));
}

/* "CRC SIZE PATH" a line. False for text of another form. */
static bool parse_lines(struct str text, struct arena *arena,
			struct listing *listing)
{
	struct str rest = text, line;
	size_t n = 0;

	while (str_line(&rest, &line))
		n++;
	listing->p = arena_new_array(arena, struct listing_member, n);
	listing->n = 0;
	while (str_line(&text, &line)) {
		struct listing_member *member = &listing->p[listing->n++];
		struct str word;
		uint64_t crc32;

		if (!str_split(&line, ' ', &word) ||
		    !str_to_u64(word, &crc32) || crc32 > UINT32_MAX ||
		    !str_split(&line, ' ', &word) ||
		    !str_to_u64(word, &member->size_bytes) || line.n == 0)
			return false;
		member->crc32 = (uint32_t)crc32;
		member->path = arena_str(arena, line);
	}
	return true;
}

static void append_lines(struct buf *out, const struct zip *zip)
{
	for (size_t i = 0; i < zip->n; i++)
		if (!zip->members[i].is_folder)
			buf_printf(
				out, "%u %llu " STR_FMT "\n",
				zip->members[i].crc32,
				(unsigned long long)zip->members[i].size_bytes,
				STR_ARG(zip->members[i].name));
}

/* -- where the bytes come from -- */

struct file_source {
	int fd;
	const char *path;
};

static int read_file(void *context, void *p, size_t n, uint64_t offset,
		     struct error **err)
{
	const struct file_source *file = context;

	return fs_pread_all(file->fd, p, n, offset, file->path, err);
}

static int list(const struct zip_source *source, struct buf *out,
		struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct zip zip;

	if (zip_open(&zip, source, ZIP_DIRECTORY_ONLY, &arena, err))
		return -1;
	append_lines(out, &zip);
	return 0;
}

static int list_file(const char *path, struct buf *out, struct error **err)
{
	auto_close int fd = fs_open(path, O_RDONLY, 0, err);
	struct stat info;

	if (fd < 0)
		return -1;
	if (fstat(fd, &info) < 0)
		return err_sys(err, "cannot read '%s'", path);
	struct file_source file = {fd, path};
	struct zip_source source = {read_file, &file, (uint64_t)info.st_size};

	return list(&source, out, err);
}

static int list_remote(const struct listing_source *from,
		       const struct lock_package *package, struct buf *out,
		       struct error **err)
{
	auto_free char *url = NULL;

	if (pyindex_url(from->index, package->name, package->wheel.file,
			&package->wheel.sha256, &url, err))
		return -1;
	struct fetch_remote remote = {from->fetch, url};
	struct zip_source source = {fetch_read_at, &remote,
				    package->wheel.size_bytes};

	return list(&source, out, err);
}

int listing_read(const struct listing_source *source,
		 const struct lock_package *package, struct arena *arena,
		 struct listing *listing, struct error **err)
{
	struct digest key = cache_key(package);
	auto_buf struct buf text = BUF_EMPTY;

	if (store_action_get(source->store, &key, &text) &&
	    parse_lines(buf_str(&text), arena, listing))
		return 0;
	buf_clear(&text);
	auto_free char *path =
		store_download_path(source->store, &package->wheel.sha256);
	int result = store_download_has(source->store, &package->wheel.sha256)
			     ? list_file(path, &text, err)
			     : list_remote(source, package, &text, err);

	if (result)
		return err_wrap(err, "the files of " STR_FMT,
				STR_ARG(package->wheel.file));
	if (!parse_lines(buf_str(&text), arena, listing))
		return err_make(err, ERR_FLEET,
				"'" STR_FMT "' lists files that cannot be",
				STR_ARG(package->wheel.file));
	return store_action_put(source->store, &key, buf_str(&text), err);
}
