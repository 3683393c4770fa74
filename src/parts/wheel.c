#include "parts/wheel.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "parts/wheel/parts.h"

enum {
	READ_BYTES = 1 << 20,
	DROP_BYTES = 64 << 10, /* of less, dropping costs more than it gives */
	ROOT_MAX = 100,	       /* so that every shebang stays below 127 bytes */
};

#define INSTALLED_MAX_BYTES ((uint64_t)32 << 30)

static int read_fd(void *context, void *p, size_t n, uint64_t offset,
		   struct error **err)
{
	const struct wheel *wheel = context;

	if (fs_pread_all(wheel->fd, p, n, offset, "the wheel", err))
		return -1;
	if (wheel->drops_read && n >= DROP_BYTES)
		fs_drop_read(wheel->fd, offset, n);
	return 0;
}

static int check_sha256(const struct wheel *wheel,
			const struct digest *expected, struct error **err)
{
	auto_free char *buffer = mem_alloc(READ_BYTES);
	uint64_t left = wheel->zip.source.size_bytes, offset = 0;
	auto_sha256 struct sha256 sha;
	struct digest found;

	sha256_init(&sha);
	while (left) {
		size_t n = left < READ_BYTES ? (size_t)left : READ_BYTES;

		if (pool_check_cancelled(err) ||
		    fs_pread_all(wheel->fd, buffer, n, offset, "the wheel",
				 err))
			return -1;
		sha256_update(&sha, str_of(buffer, n));
		offset += n;
		left -= n;
	}
	sha256_final(&sha, &found);
	if (digest_eq(&found, expected))
		return 0;
	return err_make(err, ERR_FLEET,
			"its SHA-256 is %s and the lock says %s",
			digest_text(&found).p + 7, digest_text(expected).p + 7);
}

static void set_target(struct wheel *wheel, const struct wheel_options *options)
{
	struct str root = str_from(options->root);

	str_eat(&root, STR("/"));
	wheel->root = arena_str(&wheel->arena, root);
	wheel->python_major = options->python_major;
	wheel->python_minor = options->python_minor;
	wheel->site = arena_printf(&wheel->arena,
				   STR_FMT "/lib/python%u.%u/site-packages",
				   STR_ARG(wheel->root), options->python_major,
				   options->python_minor);
	wheel->record_exception = options->record_exception;
}

static int check_total(const struct wheel *wheel, struct error **err)
{
	uint64_t total = 0;

	for (size_t i = 0; i < wheel->zip.n; i++)
		if (__builtin_add_overflow(
			    total, wheel->zip.members[i].size_bytes, &total) ||
		    total > INSTALLED_MAX_BYTES)
			return err_make(err, ERR_FLEET,
					"it says to hold more than %s",
					log_bytes(INSTALLED_MAX_BYTES));
	return 0;
}

static int read_wheel(struct wheel *wheel, const struct wheel_options *options,
		      struct error **err)
{
	struct zip_source source = {.read = read_fd, .context = wheel};
	struct stat info;

	wheel->fd = fs_open(options->path, O_RDONLY, 0, err);
	if (wheel->fd < 0)
		return -1;
	if (fstat(wheel->fd, &info) < 0)
		return err_sys(err, "cannot read '%s'", options->path);
	source.size_bytes = (uint64_t)info.st_size;
	wheel->zip.source = source;
	if (options->sha256 && check_sha256(wheel, options->sha256, err))
		return -1;
	return zip_open(&wheel->zip, &source, ZIP_CHECK_ALL, &wheel->arena,
			err) || check_total(wheel, err) ||
			       wheel_read_metadata(wheel, err) ||
			       wheel_read_record(wheel, err) ||
			       wheel_read_entry_points(wheel, err) ||
			       wheel_place_files(wheel, err)
		       ? -1
		       : 0;
}

int wheel_open(const struct wheel_options *options, struct wheel **out,
	       struct error **err)
{
	auto_wheel struct wheel *wheel = mem_zalloc(1, sizeof *wheel);
	struct str name = str_from(options->file_name ? options->file_name
						      : options->path);

	wheel->fd = -1;
	wheel->drops_read = options->drops_read;
	wheel->stream = zip_stream_new();
	if (!options->file_name)
		name = str_slice(name, (size_t)(str_rfind(name, '/') + 1),
				 name.n);
	wheel->file_name = arena_str(&wheel->arena, name);
	if (strlen(options->root) > ROOT_MAX ||
	    str_find(str_from(options->root), ' ') >= 0)
		return err_make(err, ERR_USAGE,
				"the root '%s' of the environment has a space "
				"or more than %d bytes",
				options->root, ROOT_MAX);
	set_target(wheel, options);
	if (read_wheel(wheel, options, err))
		return err_wrap(err, "wheel '" STR_FMT "'",
				STR_ARG(wheel->file_name));
	*out = mem_steal(wheel);
	return 0;
}

void wheel_close(struct wheel *wheel)
{
	fs_close_pointer(&wheel->fd);
	zip_stream_free(wheel->stream);
	wheel->stream = NULL;
}

void wheel_free(struct wheel *wheel)
{
	if (!wheel)
		return;
	wheel_close(wheel);
	map_release(&wheel->record);
	array_release(&wheel->entry_points);
	array_release(&wheel->files);
	array_release(&wheel->spans);
	arena_release(&wheel->arena);
	free(wheel);
}

void wheel_free_pointer(struct wheel **wheel)
{
	wheel_free(*wheel);
}

struct str wheel_name(const struct wheel *wheel)
{
	return wheel->name;
}

struct str wheel_version(const struct wheel *wheel)
{
	return wheel->version;
}

struct str wheel_metadata(const struct wheel *wheel)
{
	return wheel->metadata;
}

struct str wheel_file_name(const struct wheel *wheel)
{
	return wheel->file_name;
}

const struct wheel_file *wheel_files(const struct wheel *wheel, size_t *count)
{
	*count = wheel->files.n;
	return wheel->files.p;
}

const struct recipe_spans *wheel_spans(const struct wheel *wheel)
{
	return &wheel->spans;
}

const char *wheel_installer_version(void)
{
	return "wheel-1";
}
