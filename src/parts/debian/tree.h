/* tree: what debian_tree holds; for parts/debian only. */
#pragma once

#include "base/arena.h"
#include "base/str.h"
#include "parts/debian.h"

struct debian_rules;

struct debian_tree {
	struct arena arena; /* of what follows */
	struct digest key;
	const char *root;
	const struct debian_tree *below;
	struct debian_file *files; /* with those of the tree below, sorted */
	size_t file_count;
	struct str python, version, multiarch, libc_bin; /* as in model.h */
};

/* True where a package's files belong to the layer DEBIAN_PYTHON. */
bool debian_is_python(struct str package);

/* Adds to a key what all trees and layers depend on (rules.c). */
void debian_rules_key(const struct debian_rules *rules, struct buf *key);

/* Urls of a package file, the most likely first; in the arena. ERR_ENV where
 * no mirror is known (sources.c). */
int debian_package_urls(const struct debian_source *source, struct str suite,
			struct str path, struct arena *arena,
			struct lock_strs *urls, struct error **err);

/* Downloads packages into the store (download.c). */
int debian_download(const struct debian_source *source,
		    const struct lock_debs *debs, struct error **err);

/* "amd64" of "linux/amd64"; ERR_FLEET for a platform that is not known. The
 * name of its library folder, "x86_64-linux-gnu", in *multiarch (may be
 * NULL). */
int debian_platform(struct str platform, struct str *architecture,
		    struct str *multiarch, struct error **err);
