/* manifest: fleet.yaml as values.
 *
 * Knows: the grammar of fleet.yaml, how defaults, templates and per-machine
 * overrides become services and instances, which service has which track and
 * base, what clashes. Does not know: whether files exist, requirement strings
 * (PEP 508; facts/version, facts/marker), locks, images. Does no I/O but
 * reading the one file in manifest_load.
 *
 * Grammar: data/fleet.schema.json, docs/manifest.md. Names of keys are those of
 * the design, section 2.
 *
 *   settings of an instance = defaults, then the templates of `like` (the
 *   farthest first), then the service, then `machines.NAME` of the service.
 *   A later layer replaces a key; `env`, `mounts`, `secrets` and `resources`
 *   are merged name by name (env: NAME: null removes it).
 *
 * Everything lives in the manifest's arena and is dropped with it. Every value
 * that can be wrong later has its place in the file.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/str.h"

struct buf;
struct error;

/* 1-based; 0,0: not written in the file (a default). */
struct manifest_place {
	uint32_t line, column;
};

struct manifest_text {
	struct str s; /* .p ends in NUL */
	struct manifest_place at;
};

struct manifest_texts {
	struct manifest_text *p;
	size_t n, capacity;
};

/* NAME: VALUE, in written order. */
struct manifest_pair {
	struct manifest_text name, value;
	bool is_removed; /* value null: not in the result of a merge */
};

struct manifest_pairs {
	struct manifest_pair *p;
	size_t n, capacity;
};

/* What is wrong with the file, at a place. */
struct manifest_problem {
	struct manifest_place at;
	struct str message;
	struct str hint; /* may be empty */
};

enum manifest_gpu_fallback { MANIFEST_FALLBACK_CPU, MANIFEST_FALLBACK_FAIL };

/* A count that may be `auto`: decided at start from the cgroup. */
struct manifest_count {
	bool is_set, is_auto;
	uint32_t value;
};

struct manifest_machine {
	struct manifest_text name;
	struct manifest_text platform; /* linux/amd64 (default), linux/arm64 */
	uint32_t cores;		       /* 0: not said */
	uint64_t memory_bytes;	       /* 0: not said */
	bool has_gpu;
	struct manifest_text gpu_name, gpu_compute; /* may be empty; "8.9" */
	uint64_t gpu_memory_bytes;		    /* 0: not said */
	enum manifest_gpu_fallback gpu_fallback;
	struct manifest_text track_name; /* empty: none */
	const struct manifest_track *track;
	struct manifest_count threads, workers;
	struct manifest_pairs env;
};

/* One package bound to one index. */
struct manifest_index {
	struct manifest_text url;
	struct manifest_texts packages;
};

struct manifest_indexes {
	struct manifest_index *p;
	size_t n, capacity;
};

struct manifest_track {
	struct manifest_text name;
	struct manifest_text cuda;   /* "12.1"; empty: a track without CUDA */
	struct manifest_text driver; /* ">=525.60.13"; empty: any */
	struct manifest_texts pins;  /* requirement strings */
	struct manifest_indexes indexes;
	struct manifest_pairs replaces;	     /* onnxruntime: onnxruntime-gpu */
	struct manifest_texts platform_tags; /* wheel tags, best first */
};

enum manifest_base_kind {
	MANIFEST_BASE_DEBIAN,
	MANIFEST_BASE_REGISTRY,
	MANIFEST_BASE_OCI,
	MANIFEST_BASE_TAR,
};

struct manifest_base {
	struct manifest_text name;
	enum manifest_base_kind kind;
	struct manifest_text source; /* suite, reference, DIR[:ref] or file */
	struct manifest_texts packages; /* of debian, beyond the minimum */
	struct manifest_text mirror;	/* of debian; empty: the host's */
	struct manifest_pairs trees;	/* folder in the source: path in it */
	struct manifest_text python;	/* "3.11"; empty: found at lock */
};

struct manifest_family {
	struct manifest_text name;
	struct manifest_text extends_name, base_name, track_name; /* own */
	struct manifest_texts packages, system;			  /* own */
	/* resolved through extends */
	const struct manifest_family *extends;
	const struct manifest_base *base;
	const struct manifest_track *track; /* NULL: the family names none */
	/* farthest ancestor's first */
	struct manifest_texts all_packages, all_system;
};

enum manifest_gpu {
	MANIFEST_GPU_NONE,
	MANIFEST_GPU_OPTIONAL,
	MANIFEST_GPU_REQUIRED,
	MANIFEST_GPU_NVML, /* sees the driver, computes nothing */
};

enum manifest_bytecode {
	MANIFEST_BYTECODE_ALL,
	MANIFEST_BYTECODE_NO_TESTS,
	MANIFEST_BYTECODE_NONE,
};

struct manifest_port {
	struct str name; /* "zmq", "health", "http", "grpc", "metrics", ... */
	uint16_t number;
	bool is_udp;
	struct manifest_place at;
};

struct manifest_ports {
	struct manifest_port *p;
	size_t n, capacity;
};

struct manifest_run {
	bool is_module;		    /* -m */
	struct manifest_text entry; /* clean path below the root, or module */
	struct manifest_texts arguments;
};

enum manifest_health_kind {
	MANIFEST_HEALTH_AUTO, /* in settings only; an instance has another */
	MANIFEST_HEALTH_HTTP,
	MANIFEST_HEALTH_GRPC,
	MANIFEST_HEALTH_ZMQ,
	MANIFEST_HEALTH_TCP,
	MANIFEST_HEALTH_SERVED, /* slipway-init probes `port` by TCP
				 * (0: only that the child is alive) */
	MANIFEST_HEALTH_NONE,
};

struct manifest_health {
	enum manifest_health_kind kind;
	bool is_auto; /* the kind was chosen, not written */
	uint16_t port;
	/* The port named `health`, where the question is not asked on it:
	 * slipway-init serves it. 0: none. */
	uint16_t served_port;
	struct manifest_text path;    /* of HTTP: "/health" */
	struct manifest_text send;    /* of ZMQ: may be empty */
	struct manifest_text expect;  /* of ZMQ and HTTP: may be empty */
	struct manifest_text service; /* of GRPC: "" is the whole server */
	uint64_t interval_ms, timeout_ms, start_period_ms;
	uint32_t retries;
	struct manifest_place at;
};

/* What `allow` answers: a dynamic import, a name without a distribution, a
 * source-only package. */
struct manifest_allow {
	struct manifest_text import_glob; /* dotted glob; may be empty */
	struct manifest_texts include;	  /* folders or globs in the source */
	struct manifest_text package;	  /* distribution that owns it */
	struct manifest_text sdist;	  /* distribution built from source */
	struct manifest_text file;	  /* only where this file says it */
	struct manifest_text why;
	struct manifest_place at;
};

struct manifest_allows {
	struct manifest_allow *p;
	size_t n, capacity;
};

struct manifest_mount {
	struct manifest_text source; /* path on the host or volume name */
	struct manifest_text target; /* absolute path in the image */
	bool is_read_only;
};

struct manifest_mounts {
	struct manifest_mount *p;
	size_t n, capacity;
};

struct manifest_device {
	struct manifest_text host, target; /* the same where one is written */
};

struct manifest_devices {
	struct manifest_device *p;
	size_t n, capacity;
};

struct manifest_secret {
	struct manifest_text name;
	struct manifest_text
		file; /* on the host; empty: given by the runtime */
};

struct manifest_secrets {
	struct manifest_secret *p;
	size_t n, capacity;
};

struct manifest_resources {
	uint64_t memory_bytes, shm_bytes; /* 0: no limit, default */
	uint32_t cpus_milli;		  /* 1500: 1.5 cores; 0: no limit */
	uint32_t pids;			  /* 0: no limit */
};

struct manifest_user {
	uint32_t uid, gid; /* 10001:10001 */
	struct manifest_place at;
};

struct manifest_override {
	struct manifest_text machine;
	struct manifest_settings
		*settings; /* empty ones where none are given */
};

struct manifest_overrides {
	struct manifest_override *p;
	size_t n, capacity;
};

/* Exit statuses of a program, 1 to 255. */
struct manifest_statuses {
	bool has[256];
};

/* One layer of settings, or the result of laying several over each other. */
struct manifest_settings {
	uint64_t is_set; /* bit per key, in the order of the fields below */
	struct manifest_text like;
	struct manifest_overrides machines;
	struct manifest_text family; /* "auto": slipway chooses */
	struct manifest_run run;
	struct manifest_text workdir; /* absolute, in the image */
	struct manifest_ports ports;
	struct manifest_health health;
	enum manifest_gpu gpu;
	struct manifest_pairs env;
	struct manifest_texts requirements, constraints; /* files */
	struct manifest_texts extra;  /* requirement strings */
	struct manifest_texts system; /* Debian packages */
	struct manifest_allows allow;
	struct manifest_texts data;  /* paths or globs in the source */
	struct manifest_texts write; /* folders: below workdir, or absolute */
	struct manifest_mounts mounts;
	struct manifest_devices devices;
	struct manifest_texts groups; /* names or numbers */
	struct manifest_secrets secrets;
	struct manifest_user user;
	struct manifest_resources resources;
	struct manifest_texts depends_on; /* services or infra */
	bool is_required;
	struct manifest_text track;
	struct manifest_text skip; /* the reason; empty: not skipped */
	enum manifest_bytecode bytecode;
	struct manifest_statuses success_exit_status; /* besides 0 */
};

/* One service on one machine: what becomes an image. */
struct manifest_instance {
	const struct manifest_service *service;
	const struct manifest_machine *machine;
	struct manifest_settings
		settings; /* resolved; env with the machine's */
	const struct manifest_family *family; /* NULL: none, or auto and not
					       * chosen */
	bool is_family_auto;
	const struct manifest_base *base;
	const struct manifest_track *track; /* never NULL */
	struct manifest_texts system;	    /* its family's, then its own */
};

struct manifest_service {
	struct manifest_text name;
	struct manifest_settings settings; /* without the overrides */
	struct manifest_instance **instances;
	size_t instance_count;
};

struct manifest_infra {
	struct manifest_text name, image;
	struct manifest_ports ports;
	struct manifest_texts machines; /* empty: every machine */
	struct manifest_pairs env;
	struct manifest_texts command;
	struct manifest_mounts mounts;
};

enum manifest_compression {
	MANIFEST_GZIP,
	MANIFEST_ZSTD,
	MANIFEST_UNCOMPRESSED,
	MANIFEST_ESTARGZ,
};

enum manifest_unfixed {
	MANIFEST_UNFIXED_REPORT,
	MANIFEST_UNFIXED_IGNORE,
	MANIFEST_UNFIXED_FAIL
};

/* Which wheels stay in the store once layers are made of them. */
enum manifest_keep {
	MANIFEST_KEEP_PACKED, /* those that share a layer with others */
	MANIFEST_KEEP_ALL,
};

/* An advisory or diagnostic that is known and accepted for a time. */
struct manifest_exception {
	struct manifest_text id;      /* CVE-..., GHSA-..., or a code */
	struct manifest_text service; /* empty: all */
	struct manifest_text package; /* empty: all */
	struct manifest_text why;
	struct manifest_text expires; /* YYYY-MM-DD */
};

struct manifest_exceptions {
	struct manifest_exception *p;
	size_t n, capacity;
};

struct manifest_policy {
	struct manifest_texts scan_fail_on; /* low, medium, high, critical */
	enum manifest_unfixed scan_unfixed;
	uint32_t layers_max;	   /* 40 */
	uint64_t layers_max_bytes; /* 1 GiB, compressed */
	enum manifest_compression compression;
	uint32_t keep_releases;	  /* 5 */
	uint64_t keep_disk_bytes; /* 0: no limit */
	enum manifest_keep keep_wheels;
	struct manifest_exceptions exceptions;
	struct manifest_texts trust; /* keys whose layer claims count */
};

/* What init could not decide; answered by editing and removing it. */
struct manifest_question {
	struct manifest_text from; /* FILE:LINE of what raised it */
	struct manifest_text ask;
	struct manifest_texts services;
	struct manifest_place at;
};

struct manifest_questions {
	struct manifest_question *p;
	size_t n, capacity;
};

struct manifest_source {
	struct manifest_text root; /* relative to the manifest's folder */
	struct manifest_texts pythonpath; /* below root; default "." */
	struct manifest_texts shared;
	struct manifest_texts exclude; /* globs */
};

struct manifest {
	struct arena arena;
	char *path; /* of the file, as given; "fleet.yaml" */

	struct manifest_text fleet, registry, version, tag;
	struct manifest_source source;
	struct {
		struct manifest_machine **p;
		size_t n, capacity;
	} machines; /* in written order, as all below; never empty */
	struct {
		struct manifest_track **p;
		size_t n, capacity;
	} tracks; /* with one named "cpu", written or not */
	struct {
		struct manifest_base **p;
		size_t n, capacity;
	} bases; /* never empty: debian bookworm where none is written */
	struct {
		struct manifest_family **p;
		size_t n, capacity;
	} families;
	struct {
		struct manifest_service **p;
		size_t n, capacity;
	} services;
	struct {
		struct manifest_instance **p;
		size_t n, capacity;
	} instances; /* by service, then by machine of the service */
	struct {
		struct manifest_infra *p;
		size_t n, capacity;
	} infra;
	struct manifest_policy policy;
	struct manifest_questions questions;

	/* All that is wrong, by place. Where there is any, the rest is read
	 * as far as it goes and not to be relied on. */
	struct {
		struct manifest_problem *p;
		size_t n, capacity;
	} problems;
};

enum { MANIFEST_MAX_BYTES = 4 << 20, MANIFEST_MAX_PROBLEMS = 100 };

/* Reads a text; path is for messages and copied. Never NULL; the caller looks
 * at problems. */
struct manifest *manifest_parse(struct str text, const char *path);
void manifest_free(struct manifest *manifest);
void manifest_free_pointer(struct manifest **manifest);
#define auto_manifest __attribute__((cleanup(manifest_free_pointer)))

/* Reads the file at path. -1 where it cannot be read or has problems: the
 * message (class ERR_FLEET) then is manifest_append_problems'. */
int manifest_load(const char *path, struct manifest **manifest,
		  struct error **err);

/* Appends one line per problem: PATH:LINE:COLUMN: message, "; ", hint. */
void manifest_append_problems(const struct manifest *manifest, struct buf *out);

/* Gives an instance the family that was chosen for it, or none (NULL): with its
 * base, its track and its Debian packages. */
void manifest_choose_family(struct manifest *manifest,
			    struct manifest_instance *instance,
			    const struct manifest_family *family);

/* The track that an instance has in a family, or in none: its own, else the
 * family's, else the machine's, else cpu. */
const struct manifest_track *
manifest_track_in(const struct manifest *manifest,
		  const struct manifest_instance *instance,
		  const struct manifest_family *family);

/* By exact name, or NULL. */
const struct manifest_service *manifest_service(const struct manifest *manifest,
						struct str name);
const struct manifest_machine *manifest_machine(const struct manifest *manifest,
						struct str name);
const struct manifest_family *manifest_family(const struct manifest *manifest,
					      struct str name);
const struct manifest_track *manifest_track(const struct manifest *manifest,
					    struct str name);
const struct manifest_base *manifest_base(const struct manifest *manifest,
					  struct str name);
const struct manifest_infra *manifest_infra(const struct manifest *manifest,
					    struct str name);

/* The port of an instance or service with that name, or NULL. */
const struct manifest_port *manifest_port(const struct manifest_ports *ports,
					  const char *name);

struct manifest_selection {
	const struct manifest_instance **p;
	size_t n, capacity;
};
void manifest_selection_release(struct manifest_selection *selection);
#define auto_selection __attribute__((cleanup(manifest_selection_release)))

/* The instances that arguments name, in the manifest's order: a service name
 * or glob and family:GLOB (also of a chosen family) add services, machine:GLOB
 * keeps only those on these machines. Without arguments all, skipped ones
 * included. An argument that matches nothing is ERR_USAGE with the nearest name
 * as hint. */
int manifest_select(const struct manifest *manifest,
		    const char *const *arguments, size_t count,
		    struct manifest_selection *selection, struct error **err);

/* The JSON Schema of fleet.yaml, what `slipway schema` prints. */
struct str manifest_schema(void);

/* Words of the enums as written in the file. */
const char *manifest_gpu_text(enum manifest_gpu gpu);
const char *manifest_health_text(enum manifest_health_kind kind);
const char *manifest_bytecode_text(enum manifest_bytecode bytecode);
const char *manifest_compression_text(enum manifest_compression compression);
