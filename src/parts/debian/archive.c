/* Verified package lists of a suite in libsolv's pool. */
#include "parts/debian/archive.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "facts/store.h"
#include "parts/debian/sizes.h"
#include "parts/debian/tree.h"
#include "parts/fetch.h"
#include "parts/libsolv.h"

enum { MAX_PACKAGES = 256 << 20 };

/* Downloads the release's list of packages; its place in the store. */
static char *fetch_packages(const struct debian_source *source,
			    const struct debian_release *release,
			    struct str architecture, struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct str folder = arena_printf(&arena, "main/binary-" STR_FMT,
					 STR_ARG(architecture));
	struct str name =
		arena_printf(&arena, STR_FMT "/Packages.xz", STR_ARG(folder));
	struct digest digest;
	uint64_t size;

	if (!debian_release_file(release, name, &digest, &size) ||
	    size > MAX_PACKAGES) {
		err_make(err, ERR_ENV,
			 "the suite '" STR_FMT "' lists no '" STR_FMT
			 "' of a usable size",
			 STR_ARG(release->suite), STR_ARG(name));
		return NULL;
	}
	struct digest_text text = digest_text(&digest);
	struct str dists =
		arena_printf(&arena, STR_FMT "/dists/" STR_FMT,
			     STR_ARG(release->mirror), STR_ARG(release->suite));
	const char *urls[] = {
		arena_printf(&arena, STR_FMT "/" STR_FMT "/by-hash/SHA256/%s",
			     STR_ARG(dists), STR_ARG(folder), digest_hex(&text))
			.p,
		arena_printf(&arena, STR_FMT "/" STR_FMT, STR_ARG(dists),
			     STR_ARG(name))
			.p,
	};
	struct fetch_file file = {
		.urls = release->by_hash ? urls : urls + 1,
		.url_count = release->by_hash ? 2 : 1,
		.size_bytes = size,
		.sha256 = digest,
		.kind = STORE_DOWNLOAD,
		.label = arena_printf(&arena, "packages of " STR_FMT,
				      STR_ARG(release->suite))
				 .p,
	};

	if (fetch_download(source->fetch, source->store, &file, err)) {
		err_wrap(err, "the package list of '" STR_FMT "'",
			 STR_ARG(release->suite));
		return NULL;
	}
	return store_download_path(source->store, &digest);
}

static int load_packages(struct debian_archive *archive, const char *path,
			 size_t number, struct error **err)
{
	int fd = fs_open(path, O_RDONLY, 0, err);
	Repo *repo;

	if (fd < 0)
		return -1;
	FILE *list = libsolvext.solv_xfopen_fd("Packages.xz", fd, "r");

	if (!list) {
		close(fd);
		return err_make(err, ERR_ENV, "cannot read '%s' as xz", path);
	}
	FILE *file = debian_sizes_tee(archive->sizes, list);

	if (!file)
		return err_sys(err, "cannot read '%s'", path);
	repo = libsolv.repo_create(archive->pool, archive->suites.p[number].p);
	repo->appdata = (void *)(uintptr_t)(number + 1);
	int status = libsolvext.repo_add_debpackages(repo, file, 0);

	if (ferror(file))
		status = -1;
	fclose(file);
	return status ? err_make(err, ERR_ENV, "cannot read '%s': %s", path,
				 libsolv.pool_errstr(archive->pool))
		      : 0;
}

static int add_suite(const struct debian_source *source,
		     struct debian_archive *archive, size_t number,
		     struct error **err)
{
	struct debian_release release;

	if (debian_release_fetch(source, archive->suites.p[number],
				 &archive->arena, &release, err))
		return -1;
	auto_free char *path =
		fetch_packages(source, &release, archive->architecture, err);

	return path ? load_packages(archive, path, number, err) : -1;
}

/* A rolling suite has neither updates nor security fixes of its own. */
static bool is_rolling(struct str suite)
{
	return str_eq(suite, STR("sid")) || str_eq(suite, STR("unstable"));
}

int debian_archive_open(const struct debian_source *source, struct str suite,
			struct str platform, struct debian_archive **out,
			struct error **err)
{
	static const char *const kinds[] = {"", "-updates", "-security"};
	auto_debian_archive struct debian_archive *archive =
		mem_zalloc(1, sizeof *archive);
	struct str architecture;

	if (libsolv_load(err) || libsolvext_load(err))
		return -1;
	archive->pool = libsolv.pool_create();
	archive->sizes = debian_sizes_new();
	if (debian_platform(platform, &architecture, NULL, err))
		return -1;
	if (!path_is_clean(suite) || str_find(suite, '/') >= 0)
		return err_make(err, ERR_FLEET,
				"'" STR_FMT "' is no name of a Debian suite",
				STR_ARG(suite));
	archive->suite = arena_str(&archive->arena, suite);
	archive->architecture = architecture;
	archive->suites.p = arena_new_array(&archive->arena, struct str, 3);
	libsolv.pool_setdisttype(archive->pool, DISTTYPE_DEB);
	libsolv.pool_setarch(archive->pool, architecture.p);
	for (size_t i = 0; i < (is_rolling(suite) ? 1 : 3); i++) {
		archive->suites.p[i] =
			arena_printf(&archive->arena, STR_FMT "%s",
				     STR_ARG(suite), kinds[i]);
		archive->suites.n = i + 1;
		if (add_suite(source, archive, i, err))
			return -1;
	}
	libsolv.pool_createwhatprovides(archive->pool);
	*out = mem_steal(archive);
	return 0;
}

void debian_archive_free(struct debian_archive *archive)
{
	if (!archive)
		return;
	if (archive->pool)
		libsolv.pool_free(archive->pool);
	debian_sizes_free(archive->sizes);
	arena_release(&archive->arena);
	free(archive);
}

void debian_archive_free_pointer(struct debian_archive **archive)
{
	debian_archive_free(*archive);
}

struct lock_strs debian_archive_suites(const struct debian_archive *archive)
{
	return archive->suites;
}
