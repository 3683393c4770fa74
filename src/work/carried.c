#include "work/carried.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/map.h"
#include "codec/elf.h"
#include "parts/base.h"
#include "work/runtime.h"

enum { MAX_DEPTH = 64, MAX_SHOWN = 3 };

void carried_release(struct carried *carried)
{
	array_release(carried);
	arena_release(&carried->arena);
}

/* cuBLAS, cuDNN, cudart, NVRTC, NCCL and their like. The driver's own library
 * (libcuda.so.1) comes from the host and is in no wheel. */
static bool is_cuda(struct str name)
{
	return str_starts(name, STR("libcu")) ||
	       str_starts(name, STR("libnv")) ||
	       str_starts(name, STR("libnccl"));
}

/* -- the libraries of a base -- */

struct tree {
	struct map bytes_of; /* SONAME to uint64_t */
	struct arena arena;
};

static void add_library(struct tree *tree, const char *path, uint64_t bytes)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct elf elf;

	if (fd < 0 || bytes == 0 || bytes > PTRDIFF_MAX)
		return;
	/* Only the pages of its headers are read. */
	void *p = mmap(NULL, (size_t)bytes, PROT_READ, MAP_PRIVATE, fd, 0);

	if (p == MAP_FAILED)
		return;
	if (elf_read(str_of(p, (size_t)bytes), &arena, &elf) == ELF_OK &&
	    elf.soname.n && !map_has(&tree->bytes_of, elf.soname)) {
		uint64_t *size = arena_new(&tree->arena, uint64_t);

		*size = bytes;
		map_set(&tree->bytes_of, arena_str(&tree->arena, elf.soname),
			size);
	}
	munmap(p, (size_t)bytes);
}

static int add_folder(struct tree *tree, const char *folder, unsigned depth,
		      struct error **err)
{
	auto_names struct fs_names names = ARRAY_EMPTY;

	if (depth > MAX_DEPTH)
		return 0;
	if (fs_list(folder, &names, err))
		return -1;
	array_each (char *, name, &names) {
		auto_free char *path = path_join(folder, *name);
		struct stat info;

		if (lstat(path, &info) < 0)
			continue;
		if (S_ISDIR(info.st_mode) &&
		    add_folder(tree, path, depth + 1, err))
			return -1;
		if (S_ISREG(info.st_mode) && is_cuda(str_from(*name)))
			add_library(tree, path, (uint64_t)info.st_size);
	}
	return 0;
}

/* -- wheels of the services on it -- */

static bool is_on(const struct lock *lock, const struct lock_base *base,
		  const struct lock_resolution *resolution,
		  const struct lock_package *package)
{
	for (size_t i = 0; i < lock->service_count; i++) {
		const struct lock_service *service = &lock->services[i];

		if (str_eq(service->base, base->name) &&
		    str_eq(service->resolution, resolution->id) &&
		    lock_service_needs(service, package))
			return true;
	}
	return false;
}

/* A package may stand in the resolutions of two tracks. */
static bool has(const struct carried *carried,
		const struct carried_library *library)
{
	array_each (const struct carried_library, one, carried)
		if (str_eq(one->base, library->base) &&
		    str_eq(one->soname, library->soname))
			return true;
	return false;
}

static int compare_package(const struct tree *tree,
			   const struct lock_base *base,
			   const struct lock_package *package,
			   const struct listing_source *source,
			   struct carried *carried, struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct listing listing;

	if (listing_read(source, package, &arena, &listing, err))
		return -1;
	for (size_t i = 0; i < listing.n; i++) {
		struct str path = listing.p[i].path;
		struct str name = str_slice(
			path, (size_t)(str_rfind(path, '/') + 1), path.n);
		const uint64_t *bytes = map_get(&tree->bytes_of, name);
		struct carried_library library = {base->name, STR_EMPTY, 0,
						  package->name};

		library.soname = name;
		if (!bytes || has(carried, &library))
			continue;
		library.soname = arena_str(&carried->arena, name);
		library.bytes = *bytes;
		array_push(carried, library);
	}
	return 0;
}

static int compare_base(const struct lock *lock, const struct lock_base *base,
			const char *root, const struct listing_source *source,
			struct carried *carried, struct error **err)
{
	struct tree tree = {MAP_EMPTY, ARENA_EMPTY};
	int result = add_folder(&tree, root, 0, err);

	for (size_t r = 0; r < lock->resolution_count; r++) {
		const struct lock_resolution *resolution =
			&lock->resolutions[r];

		if (!tree.bytes_of.n ||
		    !str_eq(resolution->platform, base->platform))
			continue;
		for (size_t i = 0; result == 0 && i < resolution->package_count;
		     i++) {
			const struct lock_package *package =
				&resolution->packages[i];

			if (package->wheel.file.n &&
			    is_on(lock, base, resolution, package))
				result = compare_package(&tree, base, package,
							 source, carried, err);
		}
	}
	map_release(&tree.bytes_of);
	arena_release(&tree.arena);
	return result;
}

int carried_find(const struct lock *lock, struct runtimes *runtimes,
		 const struct listing_source *source, struct carried *carried,
		 struct error **err)
{
	for (size_t i = 0; i < lock->base_count; i++) {
		const struct lock_base *base = &lock->bases[i];
		struct runtime *runtime = runtimes_get(runtimes, base);

		auto_err struct error *unusable = NULL;

		/* Of one that cannot be opened check has spoken. */
		if (base->kind == LOCK_BASE_DEBIAN ||
		    runtime_open(runtime, &unusable))
			continue;
		if (compare_base(lock, base,
				 base_tree_root(runtime_image_tree(runtime)),
				 source, carried, err))
			return -1;
	}
	return 0;
}

static void warn(const struct carried *carried, struct str base)
{
	auto_buf struct buf names = BUF_EMPTY;
	uint64_t bytes = 0;
	size_t n = 0;

	array_each (const struct carried_library, library, carried) {
		if (!str_eq(library->base, base))
			continue;
		bytes += library->bytes;
		if (n++ < MAX_SHOWN)
			buf_printf(&names, "%s" STR_FMT " (" STR_FMT ")",
				   n > 1 ? ", " : "", STR_ARG(library->soname),
				   STR_ARG(library->package));
	}
	if (n > MAX_SHOWN)
		buf_printf(&names, " and %zu more", n - MAX_SHOWN);
	log_warn("the base '" STR_FMT "' carries CUDA that wheels bring too, "
		 "%s twice: " STR_FMT "; take a base without CUDA",
		 STR_ARG(base), log_bytes(bytes), STR_ARG(buf_str(&names)));
}

void carried_warn(const struct carried *carried)
{
	for (size_t i = 0; i < carried->n; i++)
		if (i == 0 ||
		    !str_eq(carried->p[i].base, carried->p[i - 1].base))
			warn(carried, carried->p[i].base);
}
