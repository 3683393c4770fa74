/* draft: a fleet in the making, before it is written. Private to init. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/map.h"
#include "codec/yaml.h"
#include "work/init.h"

struct error;

/* The keys of a service, in the order in which they are written. */
enum draft_key {
	DRAFT_LIKE,
	DRAFT_MACHINES,
	DRAFT_FAMILY,
	DRAFT_RUN,
	DRAFT_WORKDIR,
	DRAFT_PORTS,
	DRAFT_HEALTH,
	DRAFT_GPU,
	DRAFT_ENV,
	DRAFT_REQUIREMENTS,
	DRAFT_CONSTRAINTS,
	DRAFT_EXTRA,
	DRAFT_SYSTEM,
	DRAFT_ALLOW,
	DRAFT_DATA,
	DRAFT_WRITE,
	DRAFT_MOUNTS,
	DRAFT_DEVICES,
	DRAFT_GROUPS,
	DRAFT_SECRETS,
	DRAFT_USER,
	DRAFT_RESOURCES,
	DRAFT_DEPENDS_ON,
	DRAFT_SUCCESS_EXIT_STATUS,
	DRAFT_TRACK,
	DRAFT_BYTECODE,
	DRAFT_REQUIRED,
	DRAFT_SKIP,
	DRAFT_KEY_COUNT,
};

const char *draft_key_name(enum draft_key key);

struct draft_texts {
	struct str *p;
	size_t n, capacity;
};

struct draft_pair {
	struct str name, value;
};

struct draft_pairs {
	struct draft_pair *p;
	size_t n, capacity;
};

struct draft_port {
	struct str name; /* empty: none */
	uint16_t number;
	bool is_udp;
};

struct draft_ports {
	struct draft_port *p;
	size_t n, capacity;
};

/* A line of a file that was read. */
struct draft_place {
	struct str file;
	uint32_t line;
};

struct draft_service {
	struct str name;
	/* The same service on another machine, or NULL: what differs there
	 * becomes an override of that one. */
	struct draft_service *twin_of;
	struct str group;   /* a heading above it; may be empty */
	struct str comment; /* lines above it; may be empty */
	struct draft_place at, depends_at, ports_at;
	struct draft_texts machines;
	struct draft_ports ports;
	struct draft_pairs env;
	struct draft_texts depends_on;
	/* Values as YAML in flow form; empty: not said. Those of the lists
	 * above are set at the end. */
	struct str settings[DRAFT_KEY_COUNT];
};

struct draft_infra {
	struct str name;
	struct str text; /* the map, in flow form */
};

struct draft_gone {
	struct str name, run; /* commented out */
	struct draft_place at;
	bool is_settled; /* it stays out */
};

/* A service that runs on a machine too, whose files only name it. */
struct draft_elsewhere {
	struct str name, machine, group;
	struct draft_place at;
};

struct draft_answer {
	struct str id, value;
	uint32_t line, column; /* in the answers' file; 0: given otherwise */
	bool is_used;
};

/* What a person adds to what the files say; work/init.h has the grammar. */
struct draft_answers {
	struct str path, text;	      /* empty: there is no such file */
	const struct yaml_node *root; /* a map, or NULL */
	ARRAY(struct draft_answer) given;
	struct str problem; /* the first answer that is none; may be empty */
};

struct draft {
	struct arena *arena;
	const char *root;
	int root_fd;
	struct str name; /* of the root folder */
	ARRAY(struct draft_service *) services;
	ARRAY(struct draft_infra) infra;
	ARRAY(struct draft_gone) gone;
	ARRAY(struct draft_elsewhere) elsewhere;
	struct draft_answers answers;
	ARRAY(struct init_question) questions;
	struct draft_texts sources;
	struct draft_pairs env;	    /* of all services; set at the end */
	struct draft_pairs pythons; /* bases beside the default one: "3.10",
				     * image */
	bool needs_gpu;		    /* some service wants one */
	struct map checked;	    /* rendered settings known to be fine */
};

void draft_release(struct draft *draft);
#define auto_draft __attribute__((cleanup(draft_release)))

/* -- draft.c -- */

struct draft_service *draft_service(const struct draft *draft, struct str name);

/* A new service; a name that fleet.yaml does not take or that is there
 * already is altered and asked about. NULL: there are 2000 already. */
struct draft_service *draft_add(struct draft *draft, struct str name,
				struct draft_place at);

/* Another service of the same name, for another machine. */
struct draft_service *draft_add_twin(struct draft *draft,
				     struct draft_service *first,
				     struct draft_place at);
/* Takes the last one that was added out again; its questions become those of
 * the fleet. */
void draft_remove(struct draft *draft, struct draft_service *service);
int draft_too_many(struct draft_place at, struct error **err);

/* Asks; service may be NULL (the whole fleet). The same question of the same
 * line is one. */
void draft_ask(struct draft *draft, struct draft_place at,
	       const struct draft_service *service, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Asks what a word answers: one of choices ("two one"; "*" among them is any
 * word). The answer to id, where it was given, else empty: the question is
 * open. */
struct str draft_choose(struct draft *draft, struct draft_place at,
			const struct draft_service *service, struct str id,
			const char *choices, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

/* Sets a key to a value in flow form, where fleet.yaml takes it; otherwise
 * asks, and leaves the key out. */
bool draft_set(struct draft *draft, struct draft_service *service,
	       enum draft_key key, struct str value, struct draft_place at);
bool draft_set_text(struct draft *draft, struct draft_service *service,
		    enum draft_key key, struct str text, struct draft_place at);
bool draft_set_texts(struct draft *draft, struct draft_service *service,
		     enum draft_key key, const struct draft_texts *texts,
		     struct draft_place at);
bool draft_set_pairs(struct draft *draft, struct draft_service *service,
		     enum draft_key key, const struct draft_pairs *pairs,
		     struct draft_place at);

void draft_add_text(struct draft_texts *texts, struct str text);
bool draft_has_text(const struct draft_texts *texts, struct str text);
void draft_set_pair(struct draft_pairs *pairs, struct str name,
		    struct str value);

/* NAME: VALUE into the service's env, where the name can be one, and slipway
 * does not set it itself. */
bool draft_add_env(struct draft *draft, struct draft_service *service,
		   struct str name, struct str value, struct draft_place at);
void draft_add_port(struct draft *draft, struct draft_service *service,
		    const char *name, uint64_t number, bool is_udp,
		    struct draft_place at);

/* "80", "53/udp", "8000-8010": each of them without a name. */
void draft_add_port_range(struct draft *draft, struct draft_service *service,
			  struct str text, struct draft_place at);
/* `user`, where it is given in numbers; a name is the service's own user
 * anyway, and root is asked about. */
void draft_set_user(struct draft *draft, struct draft_service *service,
		    struct str user, struct draft_place at);
/* The image of a Python version beside the default one, or empty. */
struct str draft_python(const struct draft *draft, struct str version);

/* A callback of facts/interpolate.h over a struct draft_pairs. */
bool draft_lookup(void *context, struct str name, struct str *value);
/* The last part of a path. */
struct str draft_base_name(struct str path);

/* "a", [a, b] and {a: b} in flow form. */
void draft_append_texts(struct buf *out, const struct draft_texts *texts);
void draft_append_pairs(struct buf *out, const struct draft_pairs *pairs);
void draft_append_measure(struct buf *out, struct str text);
void draft_append_ports(struct buf *out, const struct draft_ports *ports);

/* True where fleet.yaml takes "KEY: VALUE" of a service; else why not. */
bool draft_is_fine(struct draft *draft, const char *key, struct str value,
		   struct str *why);

/* What lies at a path below root: no link out of it counts. */
bool draft_has_file(const struct draft *draft, struct str path);
bool draft_has_folder(const struct draft *draft, struct str path);

/* The clean form of a path in a folder below root, "." and ".." taken out
 * (the root itself is "."); false where it is absolute or leaves the root. */
bool draft_clean_path(struct draft *draft, struct str folder, struct str path,
		      struct str *clean);
struct str draft_folder_of(struct str path);

/* The text of a file below root, at most 4 MiB, in the draft's arena. */
int draft_read(struct draft *draft, struct str path, struct str *text,
	       struct error **err);
/* The same, parsed as YAML. */
int draft_read_yaml(struct draft *draft, struct str path, struct str *text,
		    const struct yaml_node **root, struct error **err);

/* The text of a scalar that is no null, else empty. */
struct str draft_scalar(const struct yaml_node *node);

/* -- elsewhere.c -- */

bool draft_runs_on(const struct draft *draft, struct str name,
		   struct str machine);

/* A twin with the settings of the first, and what it depends on there. */
struct draft_service *draft_copy(struct draft *draft,
				 struct draft_service *first,
				 struct str machine, struct draft_place at);
/* The same for a machine whose file names the service: with the others of that
 * file, and the first becomes its twin. */
int draft_add_elsewhere(struct draft *draft,
			const struct draft_elsewhere *where,
			struct error **err);

/* -- answers.c, overlay.c -- */

/* Reads the file of answers, if there is one, and those given otherwise. */
int answers_read(struct draft *draft, const struct init_options *options,
		 struct error **err);
/* The answer to a question, or empty. */
struct str answers_take(struct draft *draft, struct str id,
			const char *choices);
/* The value of a key at the top of the answers' file, or NULL. */
const struct yaml_node *answers_section(const struct draft *draft,
					const char *key);
/* -1 where an answer is none, or answers nothing that was asked. */
int answers_check(const struct draft *draft, struct error **err);
/* -1 where fleet.yaml does not take what the answers make of it. */
int answers_check_text(const struct draft *draft, struct str text,
		       struct error **err);
/* FILE:LINE:COLUMN: message. */
int answers_refuse(const struct draft *draft, const struct yaml_node *node,
		   struct error **err, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The comment lines right above a key of the answers' file, or empty. */
struct str answers_comment(const struct draft *draft,
			   const struct yaml_node *map, struct str key);

/* Lays `services` and `infra` of the answers over those that were read. */
int overlay(struct draft *draft, struct error **err);

/* -- tree.c: sections of fleet.yaml as trees -- */

/* base with over laid on it, key by key; null takes a key out. */
const struct yaml_node *tree_merge(struct arena *arena,
				   const struct yaml_node *base,
				   const struct yaml_node *over);
/* "KEY: VALUE" on a line, or a line for each key below where that is long. */
void tree_append(struct buf *out, unsigned indent, struct str key,
		 const struct yaml_node *value);

/* -- command.c, health.c -- */

/* A command as a container runs it: words, or a line for a shell. */
struct command {
	struct draft_texts words;
	struct str shell;
	struct draft_place at; /* line 0: there is none */
};

/* The file of the source at a path of the image; false: nobody knows. */
typedef bool command_source(void *context, struct str path, struct str *source);

struct command_image {
	struct command entrypoint, command;
	struct str workdir; /* absolute */
	command_source *source;
	void *context;
};

void command_image_release(struct command_image *image);

/* The words of a command line; false where it needs a shell. */
bool command_split(struct draft *draft, struct str text,
		   struct draft_texts *words);

/* Sets run, workdir and allow, as far as entrypoint and command say them;
 * asks where they do not. */
void command_to_run(struct draft *draft, struct draft_service *service,
		    const struct command_image *image);

/* Sets `health` from a command that a container runtime runs, with its
 * timings: "interval" and so on. */
void command_to_health(struct draft *draft, struct draft_service *service,
		       struct str command, const struct draft_pairs *timings,
		       struct draft_place at);

/* -- readers: each adds the services of one file -- */

bool startup_is_one(const struct yaml_node *root);
int startup_read(struct draft *draft, struct str path, struct str text,
		 const struct yaml_node *root, struct error **err);
/* Services that are commented out in the text, for people. */
void startup_read_gone(struct draft *draft, struct str path, struct str text);
/* Names of the services of a startup configuration. */
void startup_names(const struct yaml_node *root, struct draft_texts *names);

bool compose_is_one(const struct yaml_node *root);
int compose_read(struct draft *draft, struct str path,
		 const struct yaml_node *root, struct error **err);

int docker_read(struct draft *draft, struct str path, struct error **err);

/* What the image of a Dockerfile says: into the service, but for how it is
 * started, which compose may say anew. target may be empty. */
int docker_into(struct draft *draft, struct str path, struct str context,
		struct str target, const struct draft_pairs *arguments,
		struct draft_service *service, struct command_image *image,
		struct error **err);

/* -- folder.c: scripts below a folder that look like services -- */
int folder_read(struct draft *draft, struct str path, struct error **err);

/* -- find.c -- */

/* What there is in the repository, sorted; at most 100,000 files, six folders
 * deep, without hidden folders and those of environments. */
int find_files(struct draft *draft, struct str folder,
	       struct draft_texts *files, struct error **err);

/* The files to start from where none is named. Asks about the others. */
int find_sources(struct draft *draft, struct draft_texts *sources,
		 struct error **err);

/* "dir" of "dir/config/startup_config.yaml" as a machine's name, or empty. */
struct str find_machine(struct draft *draft, struct str path);
/* "Main_PC_code" as a machine's name: "mainpc". */
struct str find_machine_name(struct draft *draft, struct str text);
bool find_is_dockerfile(struct str path);

/* -- settle.c: what follows from all services together -- */
/* First: one service under two names. */
void settle_pairs(struct draft *draft);
void settle(struct draft *draft);

/* -- write.c -- */
void write_fleet(struct draft *draft, struct buf *out);
/* A text as one comment line, whatever it holds. */
void draft_comment(struct buf *out, const char *indent, struct str text);
void draft_comments(struct buf *out, const char *indent, struct str lines);
/* One of the machines whose settings are known: init/machines/ in data/. */
bool draft_is_known_machine(struct draft *draft, struct str name);
