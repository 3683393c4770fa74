#include "codec/oci.h"

#include "codec/json.h"

/* No layer of an image is larger than a disk. */
#define MAX_LAYER_BYTES ((uint64_t)1 << 40)

static struct str member_text(json_t *object, const char *name,
			      struct arena *arena)
{
	struct str text = STR_EMPTY;

	json_get_str(object, name, &text);
	return arena_str(arena, text);
}

static const char *read_descriptor(json_t *value, const char *what,
				   struct arena *arena,
				   struct oci_descriptor *descriptor)
{
	struct str digest;
	json_t *platform = json_get_object(value, "platform");

	if (!json_is_object(value))
		return arena_printf(arena, "%s is no object", what).p;
	descriptor->media_type = member_text(value, "mediaType", arena);
	if (!json_get_str(value, "digest", &digest) ||
	    !str_starts(digest, STR("sha256:")) ||
	    !digest_parse(digest, &descriptor->digest))
		return arena_printf(arena, "%s has no SHA-256 digest", what).p;
	if (!json_get_u64(value, "size", &descriptor->size_bytes) ||
	    descriptor->size_bytes > MAX_LAYER_BYTES)
		return arena_printf(arena, "%s has no sensible size", what).p;
	descriptor->os = member_text(platform, "os", arena);
	descriptor->architecture = member_text(platform, "architecture", arena);
	descriptor->variant = member_text(platform, "variant", arena);
	descriptor->reference =
		member_text(json_get_object(value, "annotations"),
			    "org.opencontainers.image.ref.name", arena);
	return NULL;
}

static const char *read_descriptors(json_t *list, const char *name,
				    size_t max_count, struct arena *arena,
				    struct oci_document *document)
{
	size_t n = json_array_size(list);

	if (n > max_count)
		return arena_printf(arena, "it has more than %zu %s", max_count,
				    name)
			.p;
	document->entries = arena_new_array(arena, struct oci_descriptor, n);
	document->n = n;
	for (size_t i = 0; i < n; i++) {
		struct str what = arena_printf(arena, "%s[%zu]", name, i);
		const char *problem =
			read_descriptor(json_array_get(list, i), what.p, arena,
					&document->entries[i]);

		if (problem)
			return problem;
	}
	return NULL;
}

static bool is_index_type(struct str type)
{
	return str_eq(type, STR(OCI_INDEX_TYPE)) ||
	       str_eq(type, STR(DOCKER_INDEX_TYPE));
}

static bool is_manifest_type(struct str type)
{
	return str_eq(type, STR(OCI_MANIFEST_TYPE)) ||
	       str_eq(type, STR(DOCKER_MANIFEST_TYPE));
}

static const char *read_manifest(json_t *root, struct arena *arena,
				 struct oci_document *document)
{
	const char *problem =
		read_descriptor(json_object_get(root, "config"), "config",
				arena, &document->config);
	json_t *layers = json_get_array(root, "layers");

	if (problem)
		return problem;
	if (json_array_size(layers) == 0)
		return "it has no layers";
	return read_descriptors(layers, "layers", OCI_MAX_LAYERS, arena,
				document);
}

const char *oci_read_document(struct str text, struct str media_type,
			      struct arena *arena,
			      struct oci_document *document)
{
	struct json_problem why;
	auto_json json_t *root = json_parse(text, OCI_MAX_BYTES, &why);
	uint64_t version = 0;
	struct str own;

	*document = (struct oci_document){.is_index = false};
	if (!root)
		return arena_printf(arena, "it is no JSON (%u:%u: %s)",
				    why.line, why.column, why.what)
			.p;
	json_get_u64(root, "schemaVersion", &version);
	if (version != 2)
		return version == 1 ? "it is of Docker's old format 1; push "
				      "the image anew with a current tool"
				    : "it is neither a manifest nor an index";
	if (json_get_str(root, "mediaType", &own))
		media_type = own;
	json_t *manifests = json_get_array(root, "manifests");
	bool has_layers = json_get_array(root, "layers") != NULL;

	/* One text that two readers take for two things is refused. */
	if ((manifests != NULL) == has_layers ||
	    (is_index_type(media_type) && has_layers) ||
	    (is_manifest_type(media_type) && manifests))
		return "it is neither a manifest nor an index, or says it is "
		       "the other";
	document->is_index = manifests != NULL;
	return manifests ? read_descriptors(manifests, "manifests",
					    OCI_MAX_MANIFESTS, arena, document)
			 : read_manifest(root, arena, document);
}

static const char *read_diff_ids(json_t *list, struct arena *arena,
				 struct oci_config *config)
{
	config->diff_id_count = json_array_size(list);
	if (config->diff_id_count > OCI_MAX_LAYERS)
		return "its config names too many layers";
	config->diff_ids =
		arena_new_array(arena, struct digest, config->diff_id_count);
	for (size_t i = 0; i < config->diff_id_count; i++)
		if (!digest_parse(json_str(json_array_get(list, i)),
				  &config->diff_ids[i]))
			return arena_printf(arena,
					    "rootfs.diff_ids[%zu] of its "
					    "config is no SHA-256 digest",
					    i)
				.p;
	return NULL;
}

const char *oci_read_config(struct str text, struct arena *arena,
			    struct oci_config *config)
{
	auto_json json_t *root = json_parse(text, OCI_MAX_BYTES, NULL);
	json_t *env = json_get_array(json_get_object(root, "config"), "Env");

	*config = (struct oci_config){.os = STR_EMPTY};
	if (!json_is_object(root))
		return "its config is no JSON object";
	config->os = member_text(root, "os", arena);
	config->architecture = member_text(root, "architecture", arena);
	config->env_count = json_array_size(env);
	if (config->env_count > OCI_MAX_VARIABLES)
		return "its config has too many variables";
	config->env = arena_new_array(arena, struct str, config->env_count);
	for (size_t i = 0; i < config->env_count; i++) {
		config->env[i] =
			arena_str(arena, json_str(json_array_get(env, i)));
		if (str_find(config->env[i], '=') < 1)
			return arena_printf(arena,
					    "config.Env[%zu] of its config is "
					    "no NAME=value",
					    i)
				.p;
	}
	return read_diff_ids(
		json_get_array(json_get_object(root, "rootfs"), "diff_ids"),
		arena, config);
}

/* How well an entry fits: 0 not, 1 as what its platform can run, 2 exactly. */
static int fit(const struct oci_descriptor *entry, struct str os,
	       struct str architecture, struct str variant)
{
	if (!str_eq(entry->os, os) ||
	    !str_eq(entry->architecture, architecture))
		return 0;
	if (str_eq(entry->variant, variant))
		return 2;
	/* The only arm64 there is. */
	return str_eq(architecture, STR("arm64")) &&
	       (str_eq(entry->variant, STR("v8")) ||
		str_eq(variant, STR("v8"))) &&
	       (entry->variant.n == 0 || variant.n == 0);
}

const struct oci_descriptor *oci_choose(const struct oci_document *index,
					struct str platform)
{
	const struct oci_descriptor *best = NULL;
	struct str os = STR_EMPTY, architecture = STR_EMPTY;
	int best_fit = 0;

	str_split(&platform, '/', &os);
	str_split(&platform, '/', &architecture);
	for (size_t i = 0; i < index->n; i++) {
		int found = fit(&index->entries[i], os, architecture, platform);

		if (found > best_fit) {
			best = &index->entries[i];
			best_fit = found;
		}
	}
	return best;
}

struct str oci_platform(const struct oci_descriptor *entry, struct arena *arena)
{
	if (entry->os.n == 0)
		return STR("an unknown platform");
	return arena_printf(arena, STR_FMT "/" STR_FMT "%s" STR_FMT,
			    STR_ARG(entry->os), STR_ARG(entry->architecture),
			    entry->variant.n ? "/" : "",
			    STR_ARG(entry->variant));
}

bool oci_layer_compression(struct str media_type,
			   enum oci_compression *compression)
{
	static const struct {
		struct str type;
		enum oci_compression compression;
	} known[] = {
		{STR_INIT("application/vnd.oci.image.layer.v1.tar"), OCI_NONE},
		{STR_INIT("application/vnd.oci.image.layer.v1.tar+gzip"),
		 OCI_GZIP},
		{STR_INIT("application/vnd.oci.image.layer.v1.tar+zstd"),
		 OCI_ZSTD},
		{STR_INIT("application/vnd.docker.image.rootfs.diff.tar"),
		 OCI_NONE},
		{STR_INIT("application/vnd.docker.image.rootfs.diff.tar.gzip"),
		 OCI_GZIP},
		{STR_INIT("application/vnd.docker.image.rootfs.diff.tar.zstd"),
		 OCI_ZSTD},
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (str_eq(media_type, known[i].type)) {
			*compression = known[i].compression;
			return true;
		}
	return false;
}

const char *oci_layer_type(enum oci_compression compression)
{
	static const char *const types[] = {
		[OCI_GZIP] = "application/vnd.oci.image.layer.v1.tar+gzip",
		[OCI_ZSTD] = "application/vnd.oci.image.layer.v1.tar+zstd",
		[OCI_NONE] = "application/vnd.oci.image.layer.v1.tar",
	};

	return types[compression];
}
