#include "facts/manifest.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/data.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "codec/yaml.h"
#include "facts/manifest/reader.h"

/* The manifest and, behind it, the layers that its services are made of. */
struct document {
	struct manifest manifest;
	struct manifest_layers layers;
};

static void field_defaults(struct manifest *manifest,
			   const struct yaml_node *node,
			   const struct manifest_key *key, void *field)
{
	manifest_settings_read(manifest, node, "'defaults'", 1u << SETTING_LIKE,
			       field);
	(void)key;
}

static void read_template(struct manifest *manifest, struct manifest_text name,
			  const struct yaml_node *body, void *context)
{
	struct manifest_templates *templates = context;
	struct manifest_template template = {.name = name};

	manifest_settings_read(manifest, body,
			       manifest_what(manifest, "template", name).p, 0,
			       &template.settings);
	list_push(manifest, templates, template);
}

static void field_templates(struct manifest *manifest,
			    const struct yaml_node *node,
			    const struct manifest_key *key, void *field)
{
	manifest_each_named(manifest, node, key->name, read_template, field);
}

static void read_service(struct manifest *manifest, struct manifest_text name,
			 const struct yaml_node *body, void *context)
{
	struct manifest_service *service =
		arena_new(&manifest->arena, struct manifest_service);

	(void)context;
	service->name = name;
	manifest_settings_read(manifest, body,
			       manifest_what(manifest, "service", name).p, 0,
			       &service->settings);
	list_push(manifest, &manifest->services, service);
}

static void field_services(struct manifest *manifest,
			   const struct yaml_node *node,
			   const struct manifest_key *key, void *field)
{
	manifest_each_named(manifest, node, key->name, read_service, field);
}

#define TOP(member, reader)                                                    \
	KEY_AS(#member, struct document, manifest.member, reader)
#define SECTION(text, reader)                                                  \
	{                                                                      \
		text, reader, 0, 0, NULL                                       \
	}

static const struct manifest_key keys[] = {
	TOP(fleet, field_name),
	TOP(registry, field_registry),
	TOP(version, field_name),
	TOP(tag, field_tag),
	TOP(source, field_source),
	SECTION("machines", field_machine_section),
	SECTION("tracks", field_track_section),
	SECTION("bases", field_base_section),
	SECTION("families", field_family_section),
	KEY_AS("defaults", struct document, layers.defaults, field_defaults),
	KEY_AS("templates", struct document, layers.templates, field_templates),
	SECTION("services", field_services),
	SECTION("infra", field_infra_section),
	TOP(policy, field_policy),
	TOP(questions, field_questions),
};

/* A tag would ask for a type; here the key says what a value is. */
static void check_tags(struct manifest *manifest, const struct yaml_node *node)
{
	if (node->tag.n)
		reader_problem(manifest, reader_place(node),
			       STR("leave it out"),
			       "the tag '" STR_FMT "' has no meaning here",
			       STR_ARG(node->tag));
	for (size_t i = 0; node->kind == YAML_LIST && i < node->n; i++)
		check_tags(manifest, node->items[i]);
	for (size_t i = 0; node->kind == YAML_MAP && i < node->n; i++) {
		check_tags(manifest, node->pairs[i].key);
		check_tags(manifest, node->pairs[i].value);
	}
}

static void set_defaults(struct manifest *manifest)
{
	manifest->fleet = reader_default("fleet");
	manifest->registry = reader_default("");
	manifest->version = reader_default("v1");
	manifest->tag =
		reader_default("{version}-py{python}-{track}-{os}-{date}");
	manifest->source.root = reader_default(".");
	manifest_policy_init(&manifest->policy);
}

static int by_place(const void *left, const void *right)
{
	const struct manifest_problem *a = left, *b = right;

	if (a->at.line != b->at.line)
		return a->at.line < b->at.line ? -1 : 1;
	if (a->at.column != b->at.column)
		return a->at.column < b->at.column ? -1 : 1;
	return str_cmp(a->message, b->message);
}

static void read_document(struct document *document,
			  const struct yaml_node *root)
{
	struct manifest *manifest = &document->manifest;
	size_t problems;

	check_tags(manifest, root);
	problems = manifest->problems.n;
	reader_map(manifest, root, "the fleet", keys, KEY_COUNT(keys),
		   document);
	if (!manifest->source.pythonpath.n)
		list_push(manifest, &manifest->source.pythonpath,
			  reader_default("."));
	if (!manifest->services.n && manifest->problems.n == problems)
		reader_problem(manifest, (struct manifest_place){1, 1},
			       STR("add services: {NAME: {run: script.py}}, "
				   "or run 'slipway init'"),
			       "there are no services");
	manifest_resolve(manifest, &document->layers);
	manifest_find_conflicts(manifest);
}

struct manifest *manifest_parse(struct str text, const char *path)
{
	struct document *document = mem_zalloc(1, sizeof *document);
	struct manifest *manifest = &document->manifest;
	struct yaml_problem problem;

	manifest->path = mem_strdup(path);
	set_defaults(manifest);
	const struct yaml_node *root =
		yaml_parse(text, NULL, &manifest->arena, &problem);

	if (root)
		read_document(document, root);
	else
		reader_problem(
			manifest,
			(struct manifest_place){problem.line, problem.column},
			STR_EMPTY, "%s", problem.what);
	array_sort(&manifest->problems, by_place);
	return manifest;
}

void manifest_free(struct manifest *manifest)
{
	if (!manifest)
		return;
	arena_release(&manifest->arena);
	free(manifest->path);
	free(manifest); /* the document begins with it */
}

void manifest_free_pointer(struct manifest **manifest)
{
	manifest_free(*manifest);
	*manifest = NULL;
}

void manifest_append_problems(const struct manifest *manifest, struct buf *out)
{
	array_each (const struct manifest_problem, problem,
		    &manifest->problems) {
		buf_printf(out, "%s:%u:%u: " STR_FMT, manifest->path,
			   problem->at.line, problem->at.column,
			   STR_ARG(problem->message));
		if (problem->hint.n)
			buf_printf(out, "; " STR_FMT, STR_ARG(problem->hint));
		buf_append_byte(out, '\n');
	}
}

int manifest_load(const char *path, struct manifest **manifest,
		  struct error **err)
{
	auto_buf struct buf text = BUF_EMPTY;
	auto_buf struct buf problems = BUF_EMPTY;

	if (fs_read(path, MANIFEST_MAX_BYTES, &text, err)) {
		if (!fs_exists(path))
			err_hint(err, "'slipway init' writes one");
		return -1;
	}
	auto_manifest struct manifest *read =
		manifest_parse(buf_str(&text), path);

	if (read->problems.n) {
		manifest_append_problems(read, &problems);
		problems.n--; /* the last newline */
		return err_make(err, ERR_FLEET, "%s", buf_text(&problems));
	}
	*manifest = mem_steal(read);
	return 0;
}

const struct manifest_text *manifest_name_at(const void *list, size_t i)
{
	const struct manifest_text *name;

	memcpy(&name, (const char *)list + i * sizeof name, sizeof name);
	return name;
}

const void *manifest_find_named(const void *list, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(manifest_name_at(list, i)->s, name))
			return manifest_name_at(list, i);
	return NULL;
}

#define GETTER(type, list)                                                     \
	const struct type *type(const struct manifest *manifest,               \
				struct str name)                               \
	{                                                                      \
		return manifest_find_named(manifest->list.p, manifest->list.n, \
					   name);                              \
	}

GETTER(manifest_service, services)
GETTER(manifest_machine, machines)
GETTER(manifest_family, families)
GETTER(manifest_track, tracks)
GETTER(manifest_base, bases)

const struct manifest_infra *manifest_infra(const struct manifest *manifest,
					    struct str name)
{
	array_each (const struct manifest_infra, infra, &manifest->infra)
		if (str_eq(infra->name.s, name))
			return infra;
	return NULL;
}

const struct manifest_port *manifest_port(const struct manifest_ports *ports,
					  const char *name)
{
	array_each (const struct manifest_port, port, ports)
		if (str_eq(port->name, str_from(name)))
			return port;
	return NULL;
}

struct str manifest_schema(void)
{
	return data_get("fleet.schema.json");
}
