/* oci: documents of images, good and hostile ones. */
#include "test.h"

#include "base/buf.h"
#include "codec/oci.h"

#define HEX    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ENTRY  "\"mediaType\":\"t\",\"digest\":\"sha256:" HEX "\",\"size\":7"
#define CONFIG "\"config\":{" ENTRY "}"

static const char *read_text(const char *text, const char *type,
			     struct arena *arena, struct oci_document *document)
{
	return oci_read_document(str_from(text), str_from(type), arena,
				 document);
}

static void a_manifest_has_a_config_and_layers(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct oci_document document;

	(void)state;
	assert_null(read_text("{\"schemaVersion\":2," CONFIG
			      ",\"layers\":[{" ENTRY "},{" ENTRY "}]}",
			      "", &arena, &document));
	assert_false(document.is_index);
	assert_int_equal(document.n, 2);
	assert_int_equal(document.config.size_bytes, 7);
	assert_str(document.entries[1].media_type, "t");
}

static void an_index_has_one_for_each_platform(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_buf struct buf text = BUF_EMPTY;
	struct oci_document index;
	static const char *const platforms[] = {
		"\"os\":\"linux\",\"architecture\":\"amd64\","
		"\"variant\":\"v3\"",
		"\"os\":\"linux\",\"architecture\":\"amd64\"",
		"\"os\":\"linux\",\"architecture\":\"arm64\","
		"\"variant\":\"v8\"",
		"\"os\":\"unknown\",\"architecture\":\"unknown\"",
	};

	(void)state;
	buf_append_text(&text, "{\"schemaVersion\":2,\"manifests\":[");
	for (size_t i = 0; i < 4; i++)
		buf_printf(&text, "%s{" ENTRY ",\"platform\":{%s}}",
			   i ? "," : "", platforms[i]);
	buf_append_text(&text, "]}");
	assert_null(
		read_text(buf_text(&text), DOCKER_INDEX_TYPE, &arena, &index));
	assert_true(index.is_index);
	assert_ptr_equal(oci_choose(&index, STR("linux/amd64")),
			 &index.entries[1]);
	assert_ptr_equal(oci_choose(&index, STR("linux/amd64/v3")),
			 &index.entries[0]);
	assert_ptr_equal(oci_choose(&index, STR("linux/arm64")),
			 &index.entries[2]);
	assert_null(oci_choose(&index, STR("linux/arm")));
	assert_null(oci_choose(&index, STR("windows/amd64")));
	assert_str(oci_platform(&index.entries[0], &arena), "linux/amd64/v3");
}

static void hostile_documents_are_refused(void **state)
{
	static const struct {
		const char *text, *type, *problem;
	} cases[] = {
		{"", "", "it is no JSON"},
		{"{\"schemaVersion\":2", "", "it is no JSON"},
		{"[]", "", "neither a manifest nor an index"},
		{"{\"schemaVersion\":1,\"fsLayers\":[]}", "", "old format 1"},
		{"{\"schemaVersion\":2}", "", "neither"},
		{"{\"schemaVersion\":2," CONFIG ",\"layers\":[]}", "",
		 "it has no layers"},
		{"{\"schemaVersion\":2,\"layers\":[{" ENTRY "}]}", "",
		 "config is no object"},
		{"{\"schemaVersion\":2," CONFIG ",\"layers\":[7]}", "",
		 "layers[0] is no object"},
		{"{\"schemaVersion\":2," CONFIG
		 ",\"layers\":[{\"digest\":\"md5:00\",\"size\":1}]}",
		 "", "layers[0] has no SHA-256 digest"},
		{"{\"schemaVersion\":2," CONFIG
		 ",\"layers\":[{\"digest\":\"sha256:../../etc\",\"size\":1}]}",
		 "", "layers[0] has no SHA-256 digest"},
		{"{\"schemaVersion\":2," CONFIG
		 ",\"layers\":[{\"digest\":\"sha256:" HEX "\",\"size\":-1}]}",
		 "", "layers[0] has no sensible size"},
		{"{\"schemaVersion\":2," CONFIG
		 ",\"layers\":[{\"digest\":\"sha256:" HEX
		 "\",\"size\":9007199254740991}]}",
		 "", "layers[0] has no sensible size"},
		/* One reader's index is another's manifest. */
		{"{\"schemaVersion\":2," CONFIG ",\"layers\":[{" ENTRY
		 "}],\"manifests\":[{" ENTRY "}]}",
		 "", "says it is the other"},
		{"{\"schemaVersion\":2," CONFIG ",\"layers\":[{" ENTRY "}]}",
		 OCI_INDEX_TYPE, "says it is the other"},
		{"{\"schemaVersion\":2,\"mediaType\":\"" DOCKER_MANIFEST_TYPE
		 "\",\"manifests\":[{" ENTRY "}]}",
		 OCI_INDEX_TYPE, "says it is the other"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_arena struct arena arena = ARENA_EMPTY;
		struct oci_document document;
		const char *problem = read_text(cases[i].text, cases[i].type,
						&arena, &document);

		if (!problem || !strstr(problem, cases[i].problem))
			fail_msg("case %zu: %s", i,
				 problem ? problem : "was taken");
	}
}

static void too_many_layers_are_refused(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_buf struct buf text = BUF_EMPTY;
	struct oci_document document;

	(void)state;
	buf_append_text(&text, "{\"schemaVersion\":2," CONFIG ",\"layers\":[");
	for (int i = 0; i < OCI_MAX_LAYERS + 1; i++)
		buf_printf(&text, "%s{" ENTRY "}", i ? "," : "");
	buf_append_text(&text, "]}");
	assert_string_equal(read_text(buf_text(&text), "", &arena, &document),
			    "it has more than 127 layers");
}

static void a_config_names_its_layers_and_variables(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct oci_config config;

	(void)state;
	assert_null(oci_read_config(
		STR("{\"os\":\"linux\",\"architecture\":\"amd64\","
		    "\"config\":{\"Env\":[\"A=1=2\"]},"
		    "\"rootfs\":{\"diff_ids\":[\"sha256:" HEX "\"]}}"),
		&arena, &config));
	assert_str(config.env[0], "A=1=2");
	assert_int_equal(config.diff_id_count, 1);
	assert_string_equal(
		oci_read_config(STR("{\"config\":{\"Env\":[\"=x\"]}}"), &arena,
				&config),
		"config.Env[0] of its config is no NAME=value");
	assert_string_equal(
		oci_read_config(STR("{\"rootfs\":{\"diff_ids\":[1]}}"), &arena,
				&config),
		"rootfs.diff_ids[0] of its config is no SHA-256 digest");
	assert_string_equal(oci_read_config(STR("[]"), &arena, &config),
			    "its config is no JSON object");
}

static void layers_have_known_types(void **state)
{
	enum oci_compression compression;

	(void)state;
	assert_true(oci_layer_compression(
		STR("application/vnd.docker.image.rootfs.diff.tar.gzip"),
		&compression));
	assert_int_equal(compression, OCI_GZIP);
	assert_true(oci_layer_compression(str_from(oci_layer_type(OCI_ZSTD)),
					  &compression));
	assert_int_equal(compression, OCI_ZSTD);
	assert_false(oci_layer_compression(
		STR("application/"
		    "vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
		&compression));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_manifest_has_a_config_and_layers),
		cmocka_unit_test(an_index_has_one_for_each_platform),
		cmocka_unit_test(hostile_documents_are_refused),
		cmocka_unit_test(too_many_layers_are_refused),
		cmocka_unit_test(a_config_names_its_layers_and_variables),
		cmocka_unit_test(layers_have_known_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
