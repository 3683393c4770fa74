/* model: a tree of packages while it is made.
 *
 * Knows: every path with its attributes, whose it is, and the folder on this
 * host that holds the files; that folder always is what the model says, so
 * that nothing is ever written through a link. Does not know: the store,
 * downloads, layers.
 */
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "base/str.h"
#include "parts/debian.h"

struct debian_rules;

struct node {
	struct debian_file file;
	struct str owner; /* package, or "" for what slipway made */
	bool implied;	  /* a folder that only what is in it asked for */
};

struct model {
	struct arena arena;
	struct map nodes;    /* path to struct node */
	struct map replaces; /* package to the names it takes files from */
	const char *root;    /* folder of the files */
	int root_fd;
	const struct debian_tree *below; /* or NULL */
	enum debian_part part;		 /* of what is added next */
	struct str owner;		 /* the same */
	/* What stands for the names in braces of data/debian/; empty: none. */
	struct str python, version, multiarch;
	struct str libc_bin; /* version of that package */
};

/* root is borrowed; root_fd becomes the model's. */
void model_init(struct model *model, const char *root, int root_fd,
		const struct debian_tree *below);
void model_release(struct model *model);
#define auto_model __attribute__((cleanup(model_release)))

/* A path's attributes here or in the tree below, or NULL. */
const struct debian_file *model_find(const struct model *model,
				     struct str path);

/* Adds a path that is not there, or a folder that is, and the folders above
 * it; makes folders and links on disk. *fresh: the path is new, and the caller
 * writes its file. ERR_FLEET: below something that is no folder, or another
 * package has the path as something else. */
int model_add(struct model *model, const struct debian_file *file, bool *fresh,
	      struct error **err);

/* Adds a file of these bytes, unless the tree below has just this. */
int model_add_bytes(struct model *model, struct str path, uint32_t mode,
		    struct str bytes, struct error **err);

/* Adds a symbolic link, unless the path is there. */
int model_add_link(struct model *model, struct str path, struct str target,
		   struct error **err);

/* Sets a folder's attributes; makes it where it is not there. */
int model_set_dir(struct model *model, struct str path, uint32_t mode,
		  uint32_t uid, uint32_t gid, struct error **err);

/* Opens a new file of the root for writing; -1 with an error. */
int model_create(const struct model *model, struct str path,
		 struct error **err);

/* Where a path leads when links in the image are followed, "" for nowhere or
 * out of the root. In the arena. */
struct str model_resolve(const struct model *model, struct arena *arena,
			 struct str path);

/* A descriptor to read a file of the image (no link), or -1 with an error. */
int model_open(const struct model *model, struct str path, struct error **err);

/* Names in a folder, sorted; borrowed names, the list is in the arena. */
struct lock_strs model_list(const struct model *model, struct arena *arena,
			    struct str folder);

/* Paths of the model's own (not the tree below), sorted; in the arena. */
struct lock_strs model_paths(const struct model *model, struct arena *arena);

/* Of the names of a hard-linked file, the first becomes the file. */
void model_sort_hard_links(struct model *model);

/* -- what data/debian/fixups.txt says (rules.c) -- */

struct debian_rules *debian_rules_new(void);
void debian_rules_free(struct debian_rules *rules);
void debian_rules_free_pointer(struct debian_rules **rules);
#define auto_debian_rules __attribute__((cleanup(debian_rules_free_pointer)))

/* Where a path of a package goes: in the arena; "" for one that becomes a
 * link. */
struct str debian_rules_fold(const struct debian_rules *rules,
			     struct arena *arena, struct str path);
bool debian_rules_drop(const struct debian_rules *rules, struct str path,
		       bool is_link);
bool debian_rules_keep_setid(const struct debian_rules *rules, struct str path);

/* Does the steps that come after unpacking. */
int debian_rules_apply(const struct debian_rules *rules, struct model *model,
		       struct error **err);

/* The steps that have a file of their own. */
int debian_add_certificates(struct model *model, struct error **err);
int debian_add_library_cache(struct model *model, struct error **err);

/* Unpacks locked packages into the model, one after the other, decompressing a
 * few ahead on that many threads (unpack.c). */
int debian_unpack(struct model *model, const struct debian_rules *rules,
		  struct store *store, const struct lock_debs *debs,
		  unsigned jobs, struct error **err);
