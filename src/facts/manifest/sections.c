/* Machines, tracks and families. */
#include "facts/manifest/reader.h"

void manifest_each_named(struct manifest *manifest,
			 const struct yaml_node *node, const char *section,
			 manifest_named *read, void *context)
{
	if (yaml_is_null(node))
		return;
	if (node->kind != YAML_MAP) {
		reader_problem(manifest, reader_place(node),
			       STR("write it as NAME: {...}"),
			       "'%s' must be a map", section);
		return;
	}
	if (node->n > MANIFEST_MAX_NAMED) {
		reader_problem(manifest, reader_place(node), STR_EMPTY,
			       "'%s' has more than %d entries", section,
			       MANIFEST_MAX_NAMED);
		return;
	}
	for (size_t i = 0; i < node->n; i++) {
		const struct yaml_node *name = node->pairs[i].key;

		if (reader_is_name(name->text, "._-"))
			read(manifest, reader_text(name), node->pairs[i].value,
			     context);
		else
			reader_refuse(manifest, name, section,
				      "a map whose names are letters, digits, "
				      "'.', '_' and '-'");
	}
}

static const struct manifest_word platform_words[] = {
	{"linux/amd64", 0},
	{"linux/arm64", 1},
	{NULL, 0},
};

static const struct manifest_word fallback_words[] = {
	{"cpu", MANIFEST_FALLBACK_CPU},
	{"fail", MANIFEST_FALLBACK_FAIL},
	{NULL, 0},
};

static const struct manifest_key gpu_keys[] = {
	KEY_AS("name", struct manifest_machine, gpu_name, field_text),
	KEY_AS("compute", struct manifest_machine, gpu_compute, field_version),
	KEY_AS("memory", struct manifest_machine, gpu_memory_bytes, field_size),
};

/* field is the whole machine. */
static void field_gpu(struct manifest *manifest, const struct yaml_node *node,
		      const struct manifest_key *key, void *field)
{
	struct manifest_machine *machine = field;

	(void)key;
	if (node->kind == YAML_SCALAR && str_eq(node->text, STR("none")))
		return;
	machine->has_gpu = true;
	if (node->kind == YAML_SCALAR && !yaml_is_null(node))
		machine->gpu_name = reader_text(node);
	else
		reader_map(manifest, node, "'gpu'", gpu_keys,
			   KEY_COUNT(gpu_keys), machine);
}

static const struct manifest_range core_range = {1, 65536};

static const struct manifest_key machine_keys[] = {
	KEY(struct manifest_machine, platform, field_word_text, platform_words),
	KEY(struct manifest_machine, cores, field_number, &core_range),
	KEY_AS("memory", struct manifest_machine, memory_bytes, field_size),
	{"gpu", field_gpu, 0, sizeof(struct manifest_machine), NULL},
	KEY(struct manifest_machine, gpu_fallback, field_word, fallback_words),
	KEY_AS("track", struct manifest_machine, track_name, field_name),
	KEY(struct manifest_machine, threads, field_count),
	KEY(struct manifest_machine, workers, field_count),
	KEY(struct manifest_machine, env, field_env),
};

struct str manifest_what(struct manifest *manifest, const char *kind,
			 struct manifest_text name)
{
	return arena_printf(&manifest->arena, "%s '" STR_FMT "'", kind,
			    STR_ARG(name.s));
}

struct manifest_machine *manifest_machine_new(struct manifest *manifest,
					      struct manifest_text name)
{
	struct manifest_machine *machine =
		arena_new(&manifest->arena, struct manifest_machine);

	machine->name = name;
	machine->platform = reader_default("linux/amd64");
	machine->gpu_name = machine->gpu_compute = machine->track_name =
		reader_default("");
	list_push(manifest, &manifest->machines, machine);
	return machine;
}

static void read_machine(struct manifest *manifest, struct manifest_text name,
			 const struct yaml_node *body, void *context)
{
	(void)context;
	reader_map(manifest, body, manifest_what(manifest, "machine", name).p,
		   machine_keys, KEY_COUNT(machine_keys),
		   manifest_machine_new(manifest, name));
}

void field_machine_section(struct manifest *manifest,
			   const struct yaml_node *node,
			   const struct manifest_key *key, void *field)
{
	manifest_each_named(manifest, node, key->name, read_machine, field);
}

static bool is_url(struct str url)
{
	if (!str_eat(&url, STR("https://")) && !str_eat(&url, STR("http://")) &&
	    !str_eat(&url, STR("file:///")))
		return false;
	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= ' ' || url.p[i] > '~')
			return false;
	return url.n > 0;
}

static bool has_credentials(struct str url)
{
	ptrdiff_t host = str_find_str(url, STR("://"));
	struct str rest = str_slice(url, (size_t)host + 3, url.n), authority;

	return str_split(&rest, '/', &authority) &&
	       str_find(authority, '@') >= 0;
}

void field_url(struct manifest *manifest, const struct yaml_node *node,
	       const struct manifest_key *key, void *field)
{
	static const char form[] = "a URL (https://, http:// or file:///)";

	if (!reader_want(manifest, node, key->name, form))
		return;
	if (!is_url(node->text))
		reader_refuse(manifest, node, key->name, form);
	else if (has_credentials(node->text))
		reader_problem(manifest, reader_place(node),
			       STR("put them into ~/.netrc"),
			       "'%s': a password does not belong into this "
			       "file",
			       key->name);
	else
		*(struct manifest_text *)field = reader_text(node);
}

static void field_indexes(struct manifest *manifest,
			  const struct yaml_node *node,
			  const struct manifest_key *key, void *field)
{
	struct manifest_indexes *indexes = field;

	if (node->kind != YAML_MAP) {
		reader_problem(manifest, reader_place(node),
			       STR("write indexes: {URL: [PACKAGE, ...]}"),
			       "'%s' must be a map", key->name);
		return;
	}
	for (size_t i = 0; i < node->n; i++) {
		struct manifest_index index = {.url = {.s = {NULL, 0}}};

		field_url(manifest, node->pairs[i].key, key, &index.url);
		field_distributions(manifest, node->pairs[i].value, key,
				    &index.packages);
		if (index.url.s.p)
			list_push(manifest, indexes, index);
	}
}

static void field_driver(struct manifest *manifest,
			 const struct yaml_node *node,
			 const struct manifest_key *key, void *field)
{
	static const char form[] = "a minimum like \">=525.60.13\"";

	if (!reader_want(manifest, node, key->name, form))
		return;
	struct str version = node->text;

	if (str_eat(&version, STR(">=")) &&
	    reader_is_dotted_number(str_trim(version), 1, 4))
		*(struct manifest_text *)field = reader_text(node);
	else
		reader_refuse(manifest, node, key->name, form);
}

static const struct manifest_key track_keys[] = {
	KEY(struct manifest_track, cuda, field_version),
	KEY(struct manifest_track, driver, field_driver),
	KEY(struct manifest_track, pins, field_texts),
	KEY(struct manifest_track, indexes, field_indexes),
	KEY(struct manifest_track, replaces, field_replaces),
	KEY_AS("platforms", struct manifest_track, platform_tags, field_names),
};

/* A package may come from one index only, else its bytes depend on which
 * answers. */
static void check_indexes(struct manifest *manifest,
			  const struct manifest_track *track)
{
	struct manifest_texts seen = ARRAY_EMPTY;

	for (size_t i = 0; i < track->indexes.n; i++)
		array_each (struct manifest_text, package,
			    &track->indexes.p[i].packages) {
			array_each (struct manifest_text, other, &seen)
				if (str_eq_case(other->s, package->s))
					reader_problem(
						manifest, package->at,
						STR_EMPTY,
						"the package '" STR_FMT
						"' is bound to an index twice",
						STR_ARG(package->s));
			list_push(manifest, &seen, *package);
		}
}

struct manifest_track *manifest_track_new(struct manifest *manifest,
					  struct manifest_text name)
{
	struct manifest_track *track =
		arena_new(&manifest->arena, struct manifest_track);

	track->name = name;
	track->cuda = track->driver = reader_default("");
	list_push(manifest, &manifest->tracks, track);
	return track;
}

static void read_track(struct manifest *manifest, struct manifest_text name,
		       const struct yaml_node *body, void *context)
{
	struct manifest_track *track = manifest_track_new(manifest, name);

	(void)context;
	reader_map(manifest, body, manifest_what(manifest, "track", name).p,
		   track_keys, KEY_COUNT(track_keys), track);
	check_indexes(manifest, track);
	if (str_eq(name.s, STR("cpu")) && track->cuda.s.n)
		reader_problem(manifest, track->cuda.at, STR_EMPTY,
			       "the track 'cpu' cannot have CUDA");
}

void field_track_section(struct manifest *manifest,
			 const struct yaml_node *node,
			 const struct manifest_key *key, void *field)
{
	manifest_each_named(manifest, node, key->name, read_track, field);
}

static const struct manifest_key family_keys[] = {
	KEY_AS("extends", struct manifest_family, extends_name, field_name),
	KEY_AS("base", struct manifest_family, base_name, field_name),
	KEY_AS("track", struct manifest_family, track_name, field_name),
	KEY(struct manifest_family, packages, field_texts),
	KEY(struct manifest_family, system, field_debian_packages),
};

static void read_family(struct manifest *manifest, struct manifest_text name,
			const struct yaml_node *body, void *context)
{
	struct manifest_family *family =
		arena_new(&manifest->arena, struct manifest_family);

	(void)context;
	family->name = name;
	family->extends_name = family->base_name = family->track_name =
		reader_default("");
	if (str_eq(name.s, STR("auto")))
		reader_problem(manifest, name.at, STR_EMPTY,
			       "a family cannot be named 'auto': that is what "
			       "lets slipway choose");
	list_push(manifest, &manifest->families, family);
	reader_map(manifest, body, manifest_what(manifest, "family", name).p,
		   family_keys, KEY_COUNT(family_keys), family);
}

void field_family_section(struct manifest *manifest,
			  const struct yaml_node *node,
			  const struct manifest_key *key, void *field)
{
	manifest_each_named(manifest, node, key->name, read_family, field);
}
