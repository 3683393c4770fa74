/* Which uv: that of PATH, else the one of data/uv.txt from its wheel. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/data.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "codec/zip.h"
#include "facts/store.h"
#include "facts/version.h"
#include "parts/fetch.h"
#include "work/resolve/run.h"
#include "work/runtime.h"

/* The first that writes PEP 751 files for `uv pip compile`. */
static const char oldest_uv[] = "0.7.0";

enum { MAX_UV_BYTES = 256 << 20 };

/* A line of data/uv.txt. */
struct uv_wheel {
	struct str platform, version, file;
	uint64_t size_bytes;
	struct digest sha256;
};

static bool read_wheel(struct str line, struct uv_wheel *wheel)
{
	struct str size = STR_EMPTY, sha256 = STR_EMPTY;

	return str_split(&line, ' ', &wheel->platform) &&
	       str_split(&line, ' ', &wheel->version) &&
	       str_split(&line, ' ', &wheel->file) &&
	       str_split(&line, ' ', &size) && str_split(&line, ' ', &sha256) &&
	       str_to_u64(size, &wheel->size_bytes) &&
	       digest_parse(sha256, &wheel->sha256);
}

static int find_wheel(struct uv_wheel *wheel, struct error **err)
{
	struct str text = data_get("uv.txt"), line;
	struct str platform = runtime_host_platform();

	while (str_line(&text, &line))
		if (!str_starts(line, STR("#")) && read_wheel(line, wheel) &&
		    str_eq(wheel->platform, platform))
			return 0;
	err_make(err, ERR_ENV,
		 "there is no uv on this host, and none is known for its "
		 "kind of machine");
	return err_hint(err, "install uv, which slipway resolves with");
}

static bool is_new_enough(const char *program)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	const char *const argv[] = {program, "--version", NULL};
	struct proc_options options = {
		.argv = argv, .max_output_bytes = 4096, .timeout_ms = 10000};
	struct version version, oldest;
	struct str text, word;

	if (proc_run(&options, &result, NULL) || result.status != 0)
		return false;
	text = str_trim(buf_str(&result.output));
	return str_eat(&text, STR("uv ")) && str_split(&text, ' ', &word) &&
	       version_parse(word, &version) &&
	       version_parse(str_from(oldest_uv), &oldest) &&
	       version_cmp(&version, &oldest) >= 0;
}

static int read_at(void *context, void *p, size_t n, uint64_t offset,
		   struct error **err)
{
	return fs_pread_all(*(const int *)context, p, n, offset, "uv's wheel",
			    err);
}

/* One member of an opened zip to a file. */
static int write_member(const struct zip *zip, const struct zip_member *member,
			const char *path, struct error **err)
{
	auto_zip_stream struct zip_stream *stream = zip_stream_new();
	auto_close int fd =
		fs_open(path, O_WRONLY | O_CREAT | O_EXCL, 0755, err);
	struct zip_piece piece;
	int more;

	if (fd < 0)
		return -1;
	if (member->size_bytes > MAX_UV_BYTES)
		return err_make(err, ERR_ENV, "uv is larger than 256 MiB");
	zip_stream_start(stream, zip, member);
	while ((more = zip_stream_next(stream, &piece, err)) > 0)
		if (fs_write_all(fd, piece.raw, path, err))
			return -1;
	if (more == 0 && fchmod(fd, 0755))
		return err_sys(err, "cannot make '%s' executable", path);
	return more;
}

static int unpack(struct store *store, const struct uv_wheel *wheel,
		  struct error **err)
{
	auto_store_tree struct store_tree tree = STORE_TREE_EMPTY;
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_free char *path = store_download_path(store, &wheel->sha256);
	auto_close int fd = fs_open(path, O_RDONLY, 0, err);
	struct zip_source source = {read_at, &fd, wheel->size_bytes};
	struct zip zip;

	if (fd < 0 || zip_open(&zip, &source, ZIP_CHECK_ALL, &arena, err) ||
	    store_tree_begin(store, &tree, err))
		return -1;
	struct str name = arena_printf(&arena, "uv-" STR_FMT ".data/scripts/uv",
				       STR_ARG(wheel->version));
	const struct zip_member *member = zip_find(&zip, name);
	auto_free char *target = path_join(tree.folder, "uv");

	if (!member)
		return err_make(err, ERR_ENV, "there is no '%s' in it", name.p);
	if (write_member(&zip, member, target, err))
		return -1;
	return store_tree_commit(store, &tree, &wheel->sha256, err);
}

static int provision(struct resolve_run *run, const struct uv_wheel *wheel,
		     struct error **err)
{
	auto_free char *url = NULL;
	auto_free char *label = str_dup(wheel->file);

	if (!store_download_has(run->options->store, &wheel->sha256)) {
		if (pyindex_url(run->index, STR("uv"), wheel->file,
				&wheel->sha256, &url, err))
			return -1;
		const char *const urls[] = {url};
		struct fetch_file file = {
			.urls = urls,
			.url_count = 1,
			.size_bytes = wheel->size_bytes,
			.sha256 = wheel->sha256,
			.kind = STORE_DOWNLOAD,
			.label = label,
		};

		log_info("there is no uv on this host: taking " STR_FMT
			 " from its wheel",
			 STR_ARG(wheel->version));
		if (fetch_download(run->options->fetch, run->options->store,
				   &file, err))
			return -1;
	}
	return unpack(run->options->store, wheel, err);
}

char *resolve_host_uv(void)
{
	char *found = proc_find("uv");

	if (found && is_new_enough(found))
		return found;
	free(found);
	return NULL;
}

int resolve_find_uv(struct resolve_run *run, char **path, struct error **err)
{
	struct store *store = run->options->store;
	struct uv_wheel wheel;

	*path = resolve_host_uv();
	if (*path)
		return 0;
	if (find_wheel(&wheel, err))
		return -1;
	auto_free char *tree = store_tree_path(store, &wheel.sha256);

	if (!tree) {
		if (provision(run, &wheel, err)) {
			err_wrap(err, "cannot get uv, which slipway resolves "
				      "with");
			return -1;
		}
		tree = store_tree_path(store, &wheel.sha256);
	}
	if (!tree)
		return err_make(err, ERR_ENV, "uv is no longer in the store");
	*path = path_join(tree, "uv");
	return 0;
}
