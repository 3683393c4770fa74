/* METADATA of the wheels that were chosen: what they need. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/pool.h"
#include "codec/json.h"
#include "codec/zip.h"
#include "facts/store.h"
#include "facts/version.h"
#include "parts/fetch.h"
#include "work/resolve/run.h"

enum {
	MAX_METADATA_BYTES = 4 << 20,
	MAX_CACHED_BYTES = 4 << 20,
	MAX_LINES = 10000,
};

/* One wheel: a task of the pool. Texts are the task's own until all are done,
 * since an arena belongs to one thread. */
struct task {
	struct resolve_run *run;
	const struct lock_package *package;
	struct str url;
	struct pyindex *index; /* shared; any thread may ask it */
	struct arena arena;
	struct lock_strs lines;
	uint64_t size_bytes; /* of the wheel, where it was learnt */
	struct progress *progress;
};

static struct digest cache_key(const struct digest *sha256)
{
	auto_buf struct buf key = BUF_EMPTY;

	key_add(&key, STR("wheel-requires-1"));
	key_add(&key, digest_bytes(sha256));
	return digest_of(buf_str(&key));
}

/* What an earlier run read from a wheel of this hash: size, lines. */
static bool read_cached(struct task *task)
{
	struct digest key = cache_key(&task->package->wheel.sha256);
	auto_buf struct buf text = BUF_EMPTY;

	if (!store_action_get(task->run->options->store, &key, &text))
		return false;
	auto_json json_t *value =
		json_parse(buf_str(&text), MAX_CACHED_BYTES, NULL);
	json_t *lines = json_get_array(value, "requires");

	if (!lines || !json_get_u64(value, "size", &task->size_bytes))
		return false;
	task->lines.n = json_array_size(lines);
	task->lines.p =
		arena_new_array(&task->arena, struct str, task->lines.n);
	for (size_t i = 0; i < task->lines.n; i++)
		task->lines.p[i] = arena_str(
			&task->arena, json_str(json_array_get(lines, i)));
	return true;
}

static int write_cached(struct task *task, struct error **err)
{
	struct digest key = cache_key(&task->package->wheel.sha256);
	auto_json json_t *value = json_object();
	auto_buf struct buf text = BUF_EMPTY;
	json_t *lines = json_array();

	for (size_t i = 0; i < task->lines.n; i++)
		json_array_append_new(lines, json_new_str(task->lines.p[i]));
	json_object_set_new(value, "requires", lines);
	json_set_u64(value, "size", task->size_bytes);
	json_append_canonical(&text, value);
	return store_action_put(task->run->options->store, &key, buf_str(&text),
				err);
}

/* Header lines up to the first empty one; a line that begins with white space
 * continues the one before. */
static bool next_header(struct str *rest, struct buf *header)
{
	struct str line, following;

	buf_clear(header);
	if (!str_line(rest, &line) || line.n == 0)
		return false;
	buf_append(header, line);
	for (following = *rest; str_line(&following, &line) && line.n > 0 &&
				(line.p[0] == ' ' || line.p[0] == '\t');
	     *rest = following) {
		buf_append_byte(header, ' ');
		buf_append(header, str_trim(line));
	}
	return true;
}

static int check_owner(const struct task *task, struct str name,
		       struct str version, struct error **err)
{
	auto_arena struct arena scratch = ARENA_EMPTY;
	auto_buf struct buf normal = BUF_EMPTY;
	struct version parsed;

	if (version_parse(version, &parsed))
		version_append(&normal, &parsed);
	if (str_eq(name_normalise(&scratch, name), task->package->name) &&
	    str_eq(buf_str(&normal), task->package->version))
		return 0;
	return err_make(err, ERR_ENV,
			STR_FMT ": its METADATA is that of '" STR_FMT
				"' '" STR_FMT "'",
			STR_ARG(task->package->wheel.file), STR_ARG(name),
			STR_ARG(version));
}

static int parse(struct task *task, struct str text, struct error **err)
{
	auto_buf struct buf header = BUF_EMPTY;
	struct resolve_strs lines = ARRAY_EMPTY;
	struct str name = STR_EMPTY, version = STR_EMPTY;

	while (next_header(&text, &header) && lines.n < MAX_LINES) {
		ptrdiff_t colon = str_find(buf_str(&header), ':');

		if (colon < 0)
			continue;
		struct str key = str_slice(buf_str(&header), 0, (size_t)colon);
		struct str value = arena_str(
			&task->arena,
			str_trim(str_slice(buf_str(&header), (size_t)colon + 1,
					   header.n)));

		if (str_eq_case(key, STR("Name")))
			name = value;
		else if (str_eq_case(key, STR("Version")))
			version = value;
		else if (str_eq_case(key, STR("Requires-Dist")))
			array_push(&lines, value);
	}
	task->lines.n = lines.n;
	task->lines.p = arena_new_array(&task->arena, struct str, lines.n);
	if (lines.n > 0)
		memcpy(task->lines.p, lines.p, lines.n * sizeof *lines.p);
	array_release(&lines);
	return check_owner(task, name, version, err);
}

/* -- the index's own METADATA file (PEP 658): false where it has none -- */

static bool read_sidecar(struct task *task, struct error **err, int *result)
{
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;
	struct str url = arena_printf(&task->arena, STR_FMT ".metadata",
				      STR_ARG(task->url));
	struct fetch_request request = {.url = url.p,
					.max_bytes = MAX_METADATA_BYTES,
					.compressed = true};

	if (task->url.n == 0 || str_find(task->url, '?') >= 0 ||
	    fetch_send(task->run->options->fetch, &request, &response, NULL) ||
	    response.status != 200)
		return false;
	*result = parse(task, buf_str(&response.body), err);
	return true;
}

/* Some indexes do not tell sizes; the server does. */
static void ask_size(struct task *task)
{
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;
	struct fetch_request request = {.url = task->url.p, .method = "HEAD"};

	if (task->size_bytes > 0 || task->url.n == 0 ||
	    fetch_send(task->run->options->fetch, &request, &response, NULL) ||
	    response.status != 200)
		return;
	if (!str_to_u64(fetch_header(&response, "content-length"),
			&task->size_bytes))
		task->size_bytes = 0;
}

/* -- the wheel itself -- */

static int read_at(void *context, void *p, size_t n, uint64_t offset,
		   struct error **err)
{
	return fs_pread_all(*(const int *)context, p, n, offset, "the wheel",
			    err);
}

/* X.dist-info/METADATA; NULL where there is none or more than one. */
static const struct zip_member *find_metadata(const struct zip *zip)
{
	const struct zip_member *found = NULL;

	for (size_t i = 0; i < zip->n; i++) {
		struct str name = zip->members[i].name;
		ptrdiff_t slash = str_find(name, '/');

		if (slash < 0 || !str_ends(name, STR(".dist-info/METADATA")) ||
		    slash != str_rfind(name, '/'))
			continue;
		if (found)
			return NULL;
		found = &zip->members[i];
	}
	return found;
}

static int read_zip(const struct zip_source *source, struct buf *out,
		    struct error **err)
{
	auto_arena struct arena scratch = ARENA_EMPTY;
	auto_zip_stream struct zip_stream *stream = zip_stream_new();
	struct zip zip;

	if (zip_open(&zip, source, ZIP_DIRECTORY_ONLY, &scratch, err))
		return -1;
	const struct zip_member *member = find_metadata(&zip);

	if (!member)
		return err_make(err, ERR_FLEET, "not one METADATA file");
	if (zip_locate(&zip, member, err))
		return -1;
	return zip_read(stream, &zip, member, MAX_METADATA_BYTES, out, err);
}

/* Where the wheel is: uv's word, then the index's own, which carries the
 * credentials of the index. None is an error. */
static int wheel_urls(struct task *task, char **found, const char *urls[2],
		      size_t *n, struct error **err)
{
	const struct lock_file *wheel = &task->package->wheel;

	*n = 0;
	if (task->url.n > 0)
		urls[(*n)++] = task->url.p;
	if (pyindex_url(task->index, task->package->name, wheel->file,
			&wheel->sha256, found, *n ? NULL : err) == 0)
		urls[(*n)++] = *found;
	return *n > 0 ? 0 : -1;
}

/* Parts of the wheel, where the server gives such: its end and METADATA. False
 * where that does not go. What it says is a claim, as that of a metadata file
 * is, until the whole wheel has been hashed. */
static bool read_parts(struct task *task, struct error **err, int *result)
{
	auto_free char *found = NULL;
	const char *urls[2];
	size_t n;

	if (wheel_urls(task, &found, urls, &n, NULL))
		return false;
	for (size_t i = 0; i < n; i++) {
		auto_buf struct buf text = BUF_EMPTY;
		struct fetch_remote remote = {task->run->options->fetch,
					      urls[i]};
		struct zip_source source = {fetch_read_at, &remote,
					    task->size_bytes};

		if (read_zip(&source, &text, NULL))
			continue;
		*result = parse(task, buf_str(&text), err);
		return true;
	}
	return false;
}

static int download(struct task *task, struct error **err)
{
	auto_free char *found = NULL;
	auto_free char *label = str_dup(task->package->wheel.file);
	const struct lock_file *wheel = &task->package->wheel;
	const char *urls[2];
	size_t n;

	if (wheel_urls(task, &found, urls, &n, err))
		return -1;
	struct fetch_file file = {
		.urls = urls,
		.url_count = n,
		.size_bytes = wheel->size_bytes,
		.sha256 = wheel->sha256,
		.kind = STORE_DOWNLOAD,
		.label = label,
	};

	return fetch_download(task->run->options->fetch,
			      task->run->options->store, &file, err);
}

static int read_wheel(struct task *task, struct error **err)
{
	auto_buf struct buf text = BUF_EMPTY;
	auto_free char *path = store_download_path(
		task->run->options->store, &task->package->wheel.sha256);
	struct stat status;

	if (!store_download_has(task->run->options->store,
				&task->package->wheel.sha256) &&
	    download(task, err))
		return -1;
	auto_close int fd = fs_open(path, O_RDONLY, 0, err);

	if (fd < 0)
		return -1;
	if (fstat(fd, &status))
		return err_sys(err, "cannot stat '%s'", path);
	task->size_bytes = (uint64_t)status.st_size;
	struct zip_source source = {read_at, &fd, task->size_bytes};

	if (read_zip(&source, &text, err)) {
		err_wrap(err, STR_FMT, STR_ARG(task->package->wheel.file));
		return -1;
	}
	return parse(task, buf_str(&text), err);
}

static int read_one(void *argument, struct error **err)
{
	struct task *task = argument;
	int result = 0;

	task->size_bytes = task->package->wheel.size_bytes;
	if (!read_cached(task)) {
		bool is_here = store_download_has(task->run->options->store,
						  &task->package->wheel.sha256);

		if (!is_here)
			ask_size(task);
		/* Without a size the wheel itself has to tell it. */
		if (is_here || task->size_bytes == 0 ||
		    (!read_sidecar(task, err, &result) &&
		     !read_parts(task, err, &result)))
			result = read_wheel(task, err);
		if (result == 0)
			result = write_cached(task, err);
	}
	progress_add(task->progress, 1);
	return result;
}

static int run_tasks(struct resolve_run *run, struct task *tasks, size_t n,
		     struct error **err)
{
	struct pool *pool = run->options->pool;
	size_t first = 0;

	for (size_t i = 0; i < n; i++) {
		struct pool_task task = {.run = read_one,
					 .argument = &tasks[i]};
		size_t number = pool_add(pool, &task);

		if (i == 0)
			first = number;
	}
	if (pool_run(pool) == 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (pool_pass_error(pool, first + i, err))
			return -1;
	return pool_check_cancelled(err);
}

static struct lock_strs copy_lines(struct arena *arena, struct lock_strs lines)
{
	struct lock_strs copy = {arena_new_array(arena, struct str, lines.n),
				 lines.n};

	for (size_t i = 0; i < lines.n; i++)
		copy.p[i] = arena_str(arena, lines.p[i]);
	return copy;
}

int resolve_metadata(struct resolve_run *run,
		     struct lock_resolution *resolution,
		     const struct resolve_urls *urls, struct arena *arena,
		     struct lock_strs **metadata, struct error **err)
{
	size_t n = resolution->package_count;
	struct task *tasks = arena_new_array(arena, struct task, n);
	struct progress *progress =
		progress_new("reading what packages need", n, "packages");

	for (size_t i = 0; i < n; i++)
		tasks[i] = (struct task){
			.run = run,
			.package = &resolution->packages[i],
			.url = urls->p[i],
			.index = run->index,
			.arena = ARENA_EMPTY,
			.progress = progress,
		};
	int result = n ? run_tasks(run, tasks, n, err) : 0;

	progress_free(progress);
	*metadata = arena_new_array(arena, struct lock_strs, n);
	for (size_t i = 0; i < n; i++) {
		if (result == 0) {
			(*metadata)[i] = copy_lines(arena, tasks[i].lines);
			resolution->packages[i].wheel.size_bytes =
				tasks[i].size_bytes;
		}
		arena_release(&tasks[i].arena);
	}
	return result;
}
