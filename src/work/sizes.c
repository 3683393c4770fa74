#include "work/sizes.h"

#include "base/map.h"

static struct str key_of(const struct lock_package *package)
{
	return digest_bytes(&package->wheel.sha256);
}

static int measure(struct lock_package *package,
		   const struct listing_source *source, struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct listing listing;

	if (listing_read(source, package, &arena, &listing, err))
		return -1;
	for (size_t i = 0; i < listing.n; i++)
		package->wheel.unpacked_bytes += listing.p[i].size_bytes;
	return 0;
}

int sizes_fill(struct lock *lock, const struct lock *previous,
	       const struct listing_source *source, struct error **err)
{
	auto_map struct map known = MAP_EMPTY;

	for (size_t i = 0; previous && i < previous->resolution_count; i++) {
		const struct lock_resolution *old = &previous->resolutions[i];

		for (size_t k = 0; k < old->package_count; k++)
			map_set(&known, key_of(&old->packages[k]),
				&old->packages[k]);
	}
	for (size_t i = 0; i < lock->resolution_count; i++) {
		struct lock_resolution *resolution = &lock->resolutions[i];

		for (size_t k = 0; k < resolution->package_count; k++) {
			struct lock_package *package = &resolution->packages[k];
			const struct lock_package *old =
				map_get(&known, key_of(package));

			if (old)
				package->wheel.unpacked_bytes =
					old->wheel.unpacked_bytes;
			if (package->wheel.file.n > 0 &&
			    package->wheel.unpacked_bytes == 0 &&
			    measure(package, source, err))
				return -1;
		}
	}
	return 0;
}
