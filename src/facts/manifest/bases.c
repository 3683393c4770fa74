/* `bases`: what images stand on, and `infra`: what they talk to. */
#include "facts/manifest/reader.h"

/* The Python of Debian's releases. */
static const struct {
	struct str suite;
	const char *python;
} suites[] = {
	{STR_INIT("bullseye"), "3.9"},
	{STR_INIT("bookworm"), "3.11"},
	{STR_INIT("trixie"), "3.13"},
};

/* What a base is made from; the first that is set counts. */
struct sources {
	struct manifest_base base;
	struct manifest_text debian, registry, oci, tar;
};

void field_reference(struct manifest *manifest, const struct yaml_node *node,
		     const struct manifest_key *key, void *field)
{
	static const char form[] = "an image like registry.example.org/redis:7";

	if (!reader_want(manifest, node, key->name, form))
		return;
	if (reader_is_word(node->text, "._-/:@", 512))
		*(struct manifest_text *)field = reader_text(node);
	else
		reader_refuse(manifest, node, key->name, form);
}

/* Folder in the source: absolute path in the image. */
static void field_trees(struct manifest *manifest, const struct yaml_node *node,
			const struct manifest_key *key, void *field)
{
	struct manifest_pairs *pairs = field;

	if (node->kind != YAML_MAP) {
		reader_problem(manifest, reader_place(node),
			       STR("write trees: {FOLDER: /PATH/IN/IMAGE}"),
			       "'%s' must be a map", key->name);
		return;
	}
	for (size_t i = 0; i < node->n; i++) {
		struct manifest_pair pair = {.is_removed = false};

		field_path(manifest, node->pairs[i].key, key, &pair.name);
		field_absolute(manifest, node->pairs[i].value, key,
			       &pair.value);
		if (pair.name.s.p && pair.value.s.p)
			list_push(manifest, pairs, pair);
	}
}

static const struct manifest_key base_keys[] = {
	KEY(struct sources, debian, field_name),
	KEY(struct sources, registry, field_reference),
	KEY(struct sources, oci, field_text),
	KEY(struct sources, tar, field_text),
	KEY_AS("packages", struct sources, base.packages,
	       field_debian_packages),
	KEY_AS("mirror", struct sources, base.mirror, field_url),
	KEY_AS("trees", struct sources, base.trees, field_trees),
	KEY_AS("python", struct sources, base.python, field_version),
};
enum { KEYS_KIND = 0xf, KEYS_DEBIAN_ONLY = 0x70 };

struct manifest_base *manifest_base_new(struct manifest *manifest,
					struct manifest_text name)
{
	struct manifest_base *base =
		arena_new(&manifest->arena, struct manifest_base);

	base->name = name;
	base->kind = MANIFEST_BASE_DEBIAN;
	base->source = reader_default("bookworm");
	base->python = reader_default("3.11");
	base->mirror = reader_default("");
	list_push(manifest, &manifest->bases, base);
	return base;
}

static void unknown_suite(struct manifest *manifest,
			  const struct manifest_base *base)
{
	struct manifest_nearest nearest = {.word = base->source.s};

	for (size_t i = 0; i < KEY_COUNT(suites); i++)
		manifest_nearest_offer(&nearest, suites[i].suite);
	reader_problem(manifest, base->source.at,
		       manifest_nearest_hint(&manifest->arena, &nearest),
		       "which Python Debian '" STR_FMT "' has is not known; "
		       "say it with python: \"3.N\"",
		       STR_ARG(base->source.s));
}

/* A release has one Python; another needs another kind of base. */
static void take_suite_python(struct manifest *manifest,
			      struct manifest_base *base)
{
	for (size_t i = 0; i < KEY_COUNT(suites); i++) {
		if (!str_eq(base->source.s, suites[i].suite))
			continue;
		if (base->python.s.n == 0)
			base->python = reader_default(suites[i].python);
		else if (!str_eq(base->python.s, str_from(suites[i].python)))
			reader_problem(
				manifest, base->python.at,
				STR("another Python needs a registry base"),
				"Debian '" STR_FMT "' has Python %s, not %s",
				STR_ARG(base->source.s), suites[i].python,
				base->python.s.p);
		return;
	}
	if (base->python.s.n == 0)
		unknown_suite(manifest, base);
}

static void check_python(struct manifest *manifest,
			 const struct manifest_base *base)
{
	struct str minor = base->python.s;
	uint64_t number;

	if (minor.n && (!str_eat(&minor, STR("3.")) ||
			!reader_to_number(minor, 8, 14, &number)))
		reader_problem(manifest, base->python.at, STR_EMPTY,
			       "Python %s is not supported; 3.8 to 3.14 are",
			       base->python.s.p);
}

static void read_base(struct manifest *manifest, struct manifest_text name,
		      const struct yaml_node *body, void *context)
{
	struct sources sources = {.base = {.python = reader_default(""),
					   .mirror = reader_default("")}};
	struct manifest_text *kinds[] = {&sources.debian, &sources.registry,
					 &sources.oci, &sources.tar};
	struct str what = manifest_what(manifest, "base", name);
	struct manifest_base *base = manifest_base_new(manifest, name);
	size_t problems = manifest->problems.n;
	uint64_t seen = reader_map(manifest, body, what.p, base_keys,
				   KEY_COUNT(base_keys), &sources);
	unsigned kind = (unsigned)__builtin_ctz((unsigned)seen | 1u << 4);

	(void)context;
	if (manifest->problems.n != problems)
		return;
	if (__builtin_popcount(seen & KEYS_KIND) != 1) {
		reader_problem(manifest, name.at, STR_EMPTY,
			       "%s needs exactly one of debian, registry, oci "
			       "or tar",
			       what.p);
		return;
	}
	*base = sources.base;
	base->name = name;
	base->kind = (enum manifest_base_kind)kind;
	base->source = *kinds[kind];
	if (base->kind != MANIFEST_BASE_DEBIAN && (seen & KEYS_DEBIAN_ONLY))
		reader_problem(manifest, name.at, STR_EMPTY,
			       "%s: packages, mirror and trees need a debian "
			       "base",
			       what.p);
	check_python(manifest, base);
	if (base->kind == MANIFEST_BASE_DEBIAN)
		take_suite_python(manifest, base);
}

void field_base_section(struct manifest *manifest, const struct yaml_node *node,
			const struct manifest_key *key, void *field)
{
	manifest_each_named(manifest, node, key->name, read_base, field);
}

static const struct manifest_key infra_keys[] = {
	KEY(struct manifest_infra, image, field_reference),
	KEY(struct manifest_infra, ports, field_ports),
	KEY(struct manifest_infra, machines, field_names),
	KEY(struct manifest_infra, env, field_env),
	KEY(struct manifest_infra, command, field_command),
	KEY(struct manifest_infra, mounts, field_mounts),
};

static void read_infra(struct manifest *manifest, struct manifest_text name,
		       const struct yaml_node *body, void *context)
{
	struct manifest_infra infra = {.name = name};
	struct str what = manifest_what(manifest, "infra", name);
	size_t problems = manifest->problems.n;

	(void)context;
	reader_map(manifest, body, what.p, infra_keys, KEY_COUNT(infra_keys),
		   &infra);
	if (infra.image.s.n == 0 && manifest->problems.n == problems)
		reader_problem(manifest, name.at, STR_EMPTY, "%s has no image",
			       what.p);
	list_push(manifest, &manifest->infra, infra);
}

void field_infra_section(struct manifest *manifest,
			 const struct yaml_node *node,
			 const struct manifest_key *key, void *field)
{
	manifest_each_named(manifest, node, key->name, read_infra, field);
}
