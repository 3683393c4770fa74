/* reader: YAML nodes into fields, driven by tables of keys, and the messages
 * for what does not fit. Private to the manifest.
 *
 * A wrong value is a problem of the manifest and leaves the field as it was,
 * so that reading goes on and one run shows all that is wrong.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "codec/yaml.h"
#include "facts/manifest.h"

struct manifest_key;

/* Reads node into field. key is what named it, for messages and .extra. */
typedef void manifest_reader(struct manifest *manifest,
			     const struct yaml_node *node,
			     const struct manifest_key *key, void *field);

struct manifest_key {
	const char *name;
	manifest_reader *read;
	size_t offset, size; /* of the field in what the map fills */
	const void *extra;   /* of read: words, range; else NULL */
};

#define KEY_AS(text, type, member, reader, ...)                                \
	{                                                                      \
		.name = (text), .read = (reader),                              \
		.offset = offsetof(type, member),                              \
		.size = sizeof(((type *)0)->member), __VA_ARGS__               \
	}
#define KEY(type, member, reader, ...)                                         \
	KEY_AS(#member, type, member, reader, __VA_ARGS__)
#define KEY_COUNT(keys) (sizeof(keys) / sizeof *(keys))

/* A word of an enum; a table ends with a NULL word. The field is an enum or
 * another int. */
struct manifest_word {
	const char *word;
	int value;
};

struct manifest_range {
	uint64_t low, high;
};

/* Appends a value to {p, n, capacity} in the manifest's arena. */
#define list_push(manifest, list, ...)                                         \
	do {                                                                   \
		if ((list)->n == (list)->capacity) {                           \
			size_t list_n_ =                                       \
				(list)->capacity ? 2 * (list)->capacity : 4;   \
			void *list_p_ =                                        \
				arena_alloc(&(manifest)->arena, list_n_,       \
					    sizeof *(list)->p);                \
			if ((list)->n)                                         \
				memcpy(list_p_, (list)->p,                     \
				       (list)->n * sizeof *(list)->p);         \
			(list)->p = list_p_;                                   \
			(list)->capacity = list_n_;                            \
		}                                                              \
		(list)->p[(list)->n++] = (__VA_ARGS__);                        \
	} while (0)

struct manifest_place reader_place(const struct yaml_node *node);

/* The scalar's text at its place; nothing is copied. */
struct manifest_text reader_text(const struct yaml_node *node);

/* A default: text at no place. */
struct manifest_text reader_default(const char *text);

/* Adds a problem, unless it is there already (a template's value is looked at
 * once per service). hint may be empty. */
void reader_problem(struct manifest *manifest, struct manifest_place at,
		    struct str hint, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The candidate that looks most like word, for "did you mean". */
struct manifest_nearest {
	struct str word, best;
	size_t distance, offered;
	struct buf known; /* the candidates, for where none is near */
};

void manifest_nearest_offer(struct manifest_nearest *nearest,
			    struct str candidate);

/* "did you mean 'x'?", or "known: a, b, c", or "" where nothing was offered.
 * In the arena; releases known. */
struct str manifest_nearest_hint(struct arena *arena,
				 struct manifest_nearest *nearest);

/* Reads the pairs of a map into the fields of target. what names it in
 * messages: "machine 'pc2'". Unknown keys are problems. Returns a bit per key
 * that was there, in the table's order. A null node is an empty map. */
uint64_t reader_map(struct manifest *manifest, const struct yaml_node *node,
		    const char *what, const struct manifest_key *keys,
		    size_t count, void *target);

/* True for a scalar that is not null and not empty; else a problem: "'cores'
 * must be a whole number, not a list". */
bool reader_want(struct manifest *manifest, const struct yaml_node *node,
		 const char *name, const char *wanted);

/* The problem of a scalar whose text is wrong: "'cores' must be a whole
 * number, not 'many'". */
void reader_refuse(struct manifest *manifest, const struct yaml_node *node,
		   const char *name, const char *wanted);

/* Whole numbers within the range, of a plain or quoted scalar. */
bool reader_to_number(struct str text, uint64_t low, uint64_t high,
		      uint64_t *number);

bool reader_to_port(struct str text, uint16_t *port);

/* "1m30s", "500ms" in milliseconds; "24GiB", "500MB", "10B" in bytes; "1.5"
 * in thousandths. False for anything else. */
bool reader_to_duration(struct str text, uint64_t *duration_ms);
bool reader_to_size(struct str text, uint64_t *size_bytes);
bool reader_to_milli(struct str text, uint32_t *milli);

/* A letter or digit, then letters, digits and the others; a name has at most
 * 128 bytes. */
bool reader_is_word(struct str text, const char *others, size_t most_bytes);
bool reader_is_name(struct str text, const char *others);
bool reader_is_dotted_number(struct str text, unsigned least_parts,
			     unsigned most_parts);

/* Glob or path below the root: relative, clean, sets closed, few stars. NULL
 * where it is fine, else what is wrong. */
const char *reader_path_defect(struct str path);
const char *reader_glob_defect(struct str glob);

/* Fields of struct manifest_text. word_text: extra is the words. */
manifest_reader field_text, field_name, field_path, field_glob, field_version,
	field_absolute, field_word_text;
/* Fields of struct manifest_texts: a list, or one value. */
manifest_reader field_texts, field_names, field_paths, field_globs,
	field_distributions, field_debian_packages, field_public_keys,
	field_word_texts;
/* Fields of struct manifest_pairs. env: values may be empty or null. */
manifest_reader field_env, field_replaces;
/* uint32_t (extra: range, else 1 to a million), struct manifest_count,
 * uint64_t bytes, uint64_t milliseconds, uint32_t thousandths, bool, enum
 * (extra: words). */
manifest_reader field_number, field_count, field_size, field_duration,
	field_milli, field_bool, field_word;

/* Each item of a list, or the node itself where it is no list, through read,
 * with element as field. */
void reader_items(struct manifest *manifest, const struct yaml_node *node,
		  const struct manifest_key *key, manifest_reader *read,
		  void *field);

/* Reads settings (sections of services, templates, defaults, overrides). */
enum setting {
	SETTING_LIKE,
	SETTING_MACHINES,
	SETTING_FAMILY,
	SETTING_RUN,
	SETTING_WORKDIR,
	SETTING_PORTS,
	SETTING_HEALTH,
	SETTING_GPU,
	SETTING_ENV,
	SETTING_REQUIREMENTS,
	SETTING_CONSTRAINTS,
	SETTING_EXTRA,
	SETTING_SYSTEM,
	SETTING_ALLOW,
	SETTING_DATA,
	SETTING_WRITE,
	SETTING_MOUNTS,
	SETTING_DEVICES,
	SETTING_GROUPS,
	SETTING_SECRETS,
	SETTING_USER,
	SETTING_RESOURCES,
	SETTING_DEPENDS_ON,
	SETTING_REQUIRED,
	SETTING_TRACK,
	SETTING_SKIP,
	SETTING_BYTECODE,
	SETTING_SUCCESS_EXIT_STATUS,
	SETTING_COUNT,
};

extern const struct manifest_key manifest_setting_keys[SETTING_COUNT];

static inline bool setting_is_set(const struct manifest_settings *settings,
				  enum setting setting)
{
	return settings->is_set >> setting & 1;
}

/* Reads one layer. forbidden: bits of keys that have no meaning there. */
void manifest_settings_read(struct manifest *manifest,
			    const struct yaml_node *node, const char *what,
			    uint64_t forbidden,
			    struct manifest_settings *settings);

/* Lays upper over lower, which becomes the result. */
void manifest_settings_overlay(struct manifest *manifest,
			       struct manifest_settings *lower,
			       const struct manifest_settings *upper);

/* The same for environments alone. */
void manifest_env_overlay(struct manifest *manifest,
			  struct manifest_pairs *lower,
			  const struct manifest_pairs *upper);

/* What an instance is asked: written, or chosen from its ports. */
struct manifest_health
manifest_health_resolve(const struct manifest_health *written,
			const struct manifest_ports *ports);

/* Values with a grammar of their own. */
manifest_reader field_run, field_command, field_ports, field_health,
	field_mounts;

/* Words of a command line: white space separates, quotes hold together. */
bool reader_words(struct manifest *manifest, const struct yaml_node *node,
		  const char *name, struct manifest_texts *words);

enum { MANIFEST_MAX_NAMED = 4096 };

/* Sections of NAME: BODY: calls read for each pair whose name is one. */
typedef void manifest_named(struct manifest *manifest,
			    struct manifest_text name,
			    const struct yaml_node *body, void *context);
void manifest_each_named(struct manifest *manifest,
			 const struct yaml_node *node, const char *section,
			 manifest_named *read, void *context);

/* "machine 'pc2'", for messages; .p ends in NUL. */
struct str manifest_what(struct manifest *manifest, const char *kind,
			 struct manifest_text name);

/* Added to the manifest with their defaults. */
struct manifest_machine *manifest_machine_new(struct manifest *manifest,
					      struct manifest_text name);
struct manifest_track *manifest_track_new(struct manifest *manifest,
					  struct manifest_text name);
struct manifest_base *manifest_base_new(struct manifest *manifest,
					struct manifest_text name);

/* The sections besides services, templates and defaults; field is unused
 * where they add to the manifest. */
manifest_reader field_source, field_machine_section, field_track_section,
	field_base_section, field_family_section, field_infra_section,
	field_policy, field_questions, field_tag, field_registry, field_url,
	field_reference;
void manifest_policy_init(struct manifest_policy *policy);

/* A template: a layer with a name. */
struct manifest_template {
	struct manifest_text name;
	struct manifest_settings settings;
};

struct manifest_templates {
	struct manifest_template *p;
	size_t n, capacity;
};

struct manifest_layers {
	struct manifest_settings defaults;
	struct manifest_templates templates;
};

/* Lists of pointers to things that begin with their name. */
const struct manifest_text *manifest_name_at(const void *list, size_t i);
const void *manifest_find_named(const void *list, size_t n, struct str name);

/* The element that a reference names, or NULL with a problem (none where the
 * reference is empty). */
const void *manifest_find_or_problem(struct manifest *manifest,
				     const struct manifest_text *wanted,
				     const char *kind, const void *list,
				     size_t n);

/* Everything that needs the whole file: extends, like, instances. */
void manifest_resolve(struct manifest *manifest,
		      struct manifest_layers *layers);

/* What clashes between instances. */
void manifest_find_conflicts(struct manifest *manifest);
