/* lockfile: fleet.lock.json, what exactly a fleet is made of.
 *
 * Knows: its own JSON, its bounds, its order. Does not know: how the pins were
 * found (work/resolve.h), where files are downloaded from (parts/pyindex.h,
 * parts/debian.h): no host is ever in a lock, so that it serves behind any
 * mirror.
 *
 * Source: design section 4. Names are normalised (PEP 503), versions too
 * (PEP 440), platforms are OCI's ("linux/amd64").
 *
 *   lock = { version, inputs, bases[], resolutions[], services[], refused[],
 *            plan[], layers[] }
 *
 * It is printed with keys in a fixed order and sorted lists, two spaces deep,
 * so that a merge of two branches shows what changed; what was printed and read
 * again prints the same bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/sign.h"
#include "base/str.h"

struct buf;
struct error;

enum {
	LOCK_VERSION = 2,		   /* the newest that is understood */
	LOCK_MAX_BYTES = 64 * 1024 * 1024, /* of the file */
};

/* All that is in a list is in the lock's arena. */
struct lock_strs {
	struct str *p;
	size_t n;
};

/* One .deb. */
struct lock_deb {
	struct str name, version, architecture, suite;
	struct digest sha256;
	uint64_t size_bytes;
	struct str path; /* below the archive's root: "pool/main/..." */
};

struct lock_debs {
	struct lock_deb *p;
	size_t n;
};

enum lock_base_kind {
	LOCK_BASE_DEBIAN,
	LOCK_BASE_REGISTRY,
	LOCK_BASE_OCI,
	LOCK_BASE_TAR,
};

/* One layer of an image that is a base. */
struct lock_image_layer {
	struct digest digest, diff_id;
	uint64_t size_bytes; /* of the blob */
	uint64_t bytes;	     /* of the tar */
	struct str media_type;
};

/* A base for one platform. */
struct lock_base {
	struct str name;     /* the manifest's */
	struct str platform; /* "linux/amd64" */
	enum lock_base_kind kind;
	struct digest inputs; /* of what the manifest asked of the base */
	struct str python;    /* exact: "3.11.2" */
	struct str glibc;     /* "2.36" */
	/* LOCK_BASE_DEBIAN */
	struct lock_strs suites; /* "bookworm", "bookworm-updates", ... */
	struct lock_debs debs;	 /* the base itself */
	struct lock_debs system; /* more, for services' `system:`; may hold
				  * two versions of a package */
	/* the others */
	struct str image;		 /* registry: repository and tag, e.g.
					  * "library/python:3.10-slim"; oci, tar: path as
					  * written */
	struct digest digest;		 /* of the platform's image manifest */
	struct lock_image_layer *layers; /* lowest first; 1 to 127 */
	size_t layer_count;
	struct lock_strs env;	/* the image's: "NAME=value", sorted */
	struct str interpreter; /* "/usr/local/bin/python3.10" */
};

/* One file on a Python index. */
struct lock_file {
	struct str file; /* its name: "pyzmq-27.1.0-cp311-...-x86_64.whl" */
	uint64_t size_bytes;
	struct digest sha256;
	uint64_t unpacked_bytes; /* of a wheel's members; 0: not known */
	struct str index; /* the track that binds the package to an index; "" is
			   * what the host's own configuration names */
};

/* What a package needs when one of its extras is asked for. */
struct lock_extra {
	struct str name;
	struct lock_strs requires;
};

/* One distribution of a resolution. */
struct lock_package {
	struct str name, version;
	struct lock_file wheel; /* the one that is installed; file is empty for
				 * a package that is built from its sdist */
	struct lock_file sdist; /* file is empty where the wheel is used */
	/* Requires-Dist whose marker holds for the target, without the marker:
	 * "anyio<5,>=3.6.2"; names may carry extras: "uvicorn[standard]". */
	struct lock_strs requires;
	struct lock_extra *extras; /* those that this resolution uses */
	size_t extra_count;
};

/* One run of the resolver: services that share it share its versions. */
struct lock_resolution {
	struct str id; /* "py311-cu121-linux-amd64", or with a service's name */
	struct str python;	       /* exact: "3.11.2" */
	struct str platform;	       /* "linux/amd64" */
	struct str glibc;	       /* "2.36" */
	struct str track;	       /* the manifest's, or "" */
	struct digest inputs;	       /* of all that the resolver was given */
	struct lock_strs requirements; /* what was asked for */
	struct lock_package *packages; /* sorted by name */
	size_t package_count;
};

/* Which distribution an import of a service comes from. */
struct lock_owner {
	struct str import;	 /* dotted module: "zmq", "google.protobuf" */
	struct str distribution; /* "pyzmq" */
};

/* What `family: auto` came to (decisions/family.h). */
struct lock_family {
	struct str by;	 /* the rule that chose; "": the manifest names it */
	struct str name; /* "" where none fits */
	struct str why;
	struct digest inputs; /* of what it was chosen from */
};

/* A service, once for all its machines or once for each that differs. */
struct lock_service {
	struct str name;
	struct lock_strs machines; /* sorted */
	struct str base;
	struct lock_family family;
	struct str resolution;	       /* id; "" where it needs no package */
	struct lock_strs requirements; /* its own: extra, files, family */
	struct lock_strs closure;      /* "pyzmq==27.1.0", sorted */
	struct lock_strs system_requirements; /* Debian packages asked for */
	struct lock_strs system;   /* what these are besides the base:
				    * "libportaudio2=19.6.0-1.2", sorted */
	struct digest imports;	   /* of the third-party imports that owners are
				    * of; zero: owners are not known */
	struct lock_owner *owners; /* sorted by import */
	size_t owner_count;
};

/* Why the lock does not hold a service: its first problem. */
struct lock_refusal {
	struct str service, code, message, hint;
};

/* A node of the layer tree as it was planned (decisions/plan.h). */
struct lock_node {
	struct str id, parent; /* parent "" at the base */
	struct lock_strs parts;
	struct lock_strs services; /* that end here, but for their source;
				    * sorted: "Echo@desk", "family core" */
};

/* What a layer came out as. A claim: who signed it says that it is so. */
struct lock_layer {
	struct digest key;     /* of all that the tar depends on */
	struct digest diff_id; /* of the tar, whose size is bytes */
	struct digest digest;  /* of the blob that the compressor made of it */
	uint64_t compressed_bytes, bytes;
	struct str compressor; /* and its version: layer_compressor() */
	bool is_signed;
	struct sign_public signer;
	struct signature signature; /* of lock_layer_statement() */
};

struct lock {
	struct arena arena;   /* holds everything below */
	unsigned version;     /* of the file that was read; the first has no
			       * owners: good for its versions only */
	struct digest inputs; /* of the manifest's part that decides the lock */
	struct lock_base *bases; /* sorted by name, platform */
	size_t base_count;
	struct lock_resolution *resolutions; /* sorted by id */
	size_t resolution_count;
	struct lock_service *services; /* sorted by name, first machine */
	size_t service_count;
	struct lock_refusal *refused; /* sorted by service, each once */
	size_t refused_count;
	struct lock_node *plan; /* in the planner's order: parents first */
	size_t plan_count;
	struct lock_layer *layers; /* sorted by key */
	size_t layer_count;
};

/* An empty lock. lock_free takes NULL too. */
struct lock *lock_new(void);
void lock_free(struct lock *lock);
void lock_free_pointer(struct lock **lock);
#define auto_lock __attribute__((cleanup(lock_free_pointer)))

/* Reads a lock file. ERR_FLEET: not there (with what to run), not JSON, a
 * value out of its bounds (with its place, "services[3].closure[0]"), two
 * entries of one name, a reference to a resolution or package that is not
 * there, or a version newer than LOCK_VERSION. */
int lock_read(const char *path, struct lock **lock, struct error **err);

/* The same from bytes; name is for messages. */
int lock_parse(struct str text, const char *name, struct lock **lock,
	       struct error **err);

/* Sorts what is declared sorted above, then prints it; a newline ends it. */
void lock_sort(struct lock *lock);
void lock_print(struct lock *lock, struct buf *out);

/* Prints and replaces the file durably. */
int lock_write(struct lock *lock, const char *path, struct error **err);

/* Lookups; NULL where there is none. Names are compared as they stand. */
const struct lock_base *lock_find_base(const struct lock *lock, struct str name,
				       struct str platform);
const struct lock_resolution *lock_find_resolution(const struct lock *lock,
						   struct str id);
const struct lock_package *
lock_find_package(const struct lock_resolution *resolution, struct str name);
/* True where the closure of a service of the package's resolution has it. */
bool lock_service_needs(const struct lock_service *service,
			const struct lock_package *package);
const struct lock_service *
lock_find_service(const struct lock *lock, struct str name, struct str machine);
const struct lock_refusal *lock_find_refusal(const struct lock *lock,
					     struct str service);
/* The .deb of a service's system entry, "NAME=VERSION". */
const struct lock_deb *lock_find_system(const struct lock_base *base,
					struct str entry);
const struct lock_layer *lock_find_layer(const struct lock *lock,
					 const struct digest *key);

/* Appends what is signed of a layer: all of its values, each with its length,
 * behind a word that no other statement begins with. */
void lock_layer_statement(const struct lock_layer *layer, struct buf *out);
