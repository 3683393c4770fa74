/* image: config, manifest and reference of one service on one machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/json.h"
#include "decisions/image.h"

static const char fleet[] =
	"fleet: test\n"
	"version: v1\n"
	"registry: registry.example/acme\n"
	"tag: \"{version}-py{python}-{track}-{os}\"\n"
	"source: {pythonpath: [., lib]}\n"
	"machines:\n"
	"  big: {platform: linux/amd64, gpu: {name: RTX}, threads: 8, workers: "
	"4,\n"
	"        env: {CUDA_DEVICE_ORDER: PCI_BUS_ID}}\n"
	"  small: {platform: linux/arm64, threads: auto}\n"
	"families: {core: {base: py311}}\n"
	"bases: {py311: {debian: bookworm, python: \"3.11\"}}\n"
	"defaults: {family: core}\n"
	"services:\n"
	"  MemoryHub:\n"
	"    machines: {big: {}, small: {env: {CACHE_MB: 256}}}\n"
	"    run: [hub/app.py, --config, /app/hub/config.yaml]\n"
	"    ports: {zmq: 5713, metrics: 8080}\n"
	"    gpu: optional\n"
	"  Alone: {machines: big, run: -m tools.alone, ports: {zmq: 5000},\n"
	"    health: {zmq: 5000, send: \"{\\\"a\\\":\\\"\\\\n\\n\\\"}\"}}\n"
	"  Trainer: {machines: big, run: train.py, gpu: required,\n"
	"    success_exit_status: [7, 3]}\n"
	"  Strict: {machines: big, run: s.py, success_exit_status: []}\n";

static struct manifest *load(void)
{
	struct manifest *manifest = manifest_parse(str_from(fleet), "f.yaml");

	for (size_t i = 0; i < manifest->problems.n; i++)
		fail_msg("%s", manifest->problems.p[i].message.p);
	return manifest;
}

static json_t *config_of(const struct manifest *manifest, size_t instance)
{
	auto_buf struct buf text = BUF_EMPTY;
	struct image_input input = {
		.manifest = manifest,
		.instance = manifest->instances.p[instance],
	};

	image_config(&input, &text);
	json_t *config = json_parse(buf_str(&text), text.n, NULL);

	assert_non_null(config);
	return config;
}

/* The value of a variable in config.Env, or NULL. */
static const char *env_value(const json_t *config, const char *name)
{
	json_t *list =
		json_object_get(json_object_get(config, "config"), "Env");
	size_t n = strlen(name), i;
	json_t *entry;

	json_array_foreach (list, i, entry) {
		const char *text = json_string_value(entry);

		if (strncmp(text, name, n) == 0 && text[n] == '=')
			return text + n + 1;
	}
	return NULL;
}

static void test_environment_follows_the_machine(void **state)
{
	auto_manifest struct manifest *manifest = load();
	auto_json json_t *big = config_of(manifest, 0);
	auto_json json_t *small = config_of(manifest, 1);

	(void)state;
	assert_string_equal(env_value(big, "OMP_NUM_THREADS"), "8");
	assert_string_equal(env_value(big, "WEB_CONCURRENCY"), "4");
	assert_string_equal(env_value(big, "CUDA_DEVICE_ORDER"), "PCI_BUS_ID");
	assert_null(env_value(big, "CACHE_MB"));
	assert_string_equal(env_value(big, "PYTHONPATH"), "/app:/app/lib");
	assert_null(env_value(big, "REQUIRED_GPU"));
	assert_string_equal(env_value(big, "NVIDIA_VISIBLE_DEVICES"), "all");
	assert_string_equal(env_value(small, "SLIPWAY_THREADS"), "auto");
	assert_null(env_value(small, "OMP_NUM_THREADS"));
	assert_null(env_value(small, "WEB_CONCURRENCY"));
	assert_string_equal(env_value(small, "CACHE_MB"), "256");
	assert_string_equal(
		json_string_value(json_object_get(small, "architecture")),
		"arm64");
}

static void test_service_without_gpu_sees_none(void **state)
{
	auto_manifest struct manifest *manifest = load();
	auto_json json_t *config = config_of(manifest, 2);

	(void)state;
	assert_string_equal(env_value(config, "NVIDIA_VISIBLE_DEVICES"),
			    "void");
	assert_null(env_value(config, "NVIDIA_DRIVER_CAPABILITIES"));
}

static void test_required_gpu_is_said(void **state)
{
	auto_manifest struct manifest *manifest = load();
	auto_json json_t *config = config_of(manifest, 3);

	(void)state;
	assert_string_equal(env_value(config, "REQUIRED_GPU"), "true");
	assert_string_equal(env_value(config, "SLIPWAY_GPU"), "required");
}

static void test_health_is_asked_by_init(void **state)
{
	auto_manifest struct manifest *manifest = load();
	auto_json json_t *config = config_of(manifest, 2);
	json_t *inner = json_object_get(config, "config");
	json_t *test =
		json_object_get(json_object_get(inner, "Healthcheck"), "Test");

	(void)state;
	assert_string_equal(env_value(config, "SLIPWAY_PROBE"), "zmq:5000");
	assert_string_equal(env_value(config, "SLIPWAY_PROBE_SEND"),
			    "{\"a\":\"\\\\n\\x0a\"}");
	assert_string_equal(json_string_value(json_array_get(test, 1)),
			    "/usr/sbin/slipway-init");
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(inner, "Entrypoint"), 0)),
			    "/usr/sbin/slipway-init");
}

/* Ended by SIGTERM is success, unless the manifest says which ones are. */
static void test_exit_statuses_that_are_success(void **state)
{
	static const char *const expected[] = {"143", "143", "143", "3,7"};
	auto_manifest struct manifest *manifest = load();

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		auto_json json_t *config = config_of(manifest, i);

		assert_string_equal(env_value(config, "SLIPWAY_EXIT_OK"),
				    expected[i]);
	}
	auto_json json_t *strict = config_of(manifest, 4);

	assert_null(env_value(strict, "SLIPWAY_EXIT_OK"));
}

/* What the image sets is listed for slipway-init, but for the list itself. */
static void test_defaults_list_the_environment(void **state)
{
	auto_manifest struct manifest *manifest = load();
	auto_json json_t *config = config_of(manifest, 0);
	struct str text = str_from(env_value(config, "SLIPWAY_ENV_DEFAULTS"));
	auto_json json_t *defaults = json_parse(text, text.n, NULL);

	(void)state;
	assert_string_equal(
		json_string_value(json_object_get(defaults, "OMP_NUM_THREADS")),
		"8");
	assert_null(json_object_get(defaults, "SLIPWAY_ENV_DEFAULTS"));
	assert_int_equal(json_object_size(defaults) + 1,
			 json_array_size(json_object_get(
				 json_object_get(config, "config"), "Env")));
}

static void test_ports_and_user(void **state)
{
	auto_manifest struct manifest *manifest = load();
	auto_json json_t *config = config_of(manifest, 0);
	json_t *inner = json_object_get(config, "config");
	json_t *ports = json_object_get(inner, "ExposedPorts");

	(void)state;
	assert_int_equal(json_object_size(ports), 2);
	assert_non_null(json_object_get(ports, "5713/tcp"));
	assert_string_equal(json_string_value(json_object_get(inner, "User")),
			    "10001:10001");
}

static void test_references_differ_where_images_do(void **state)
{
	auto_manifest struct manifest *manifest = load();
	struct image_words words = {STR("311"), STR("bookworm"), STR("abc"),
				    STR("20260101")};
	auto_buf struct buf big = BUF_EMPTY, small = BUF_EMPTY;
	auto_buf struct buf alone = BUF_EMPTY;

	(void)state;
	image_reference(manifest, manifest->instances.p[0], &words, &big);
	image_reference(manifest, manifest->instances.p[1], &words, &small);
	image_reference(manifest, manifest->instances.p[2], &words, &alone);
	assert_string_equal(buf_text(&big), "registry.example/acme/memoryhub:"
					    "v1-py311-cpu-bookworm-big");
	assert_string_equal(buf_text(&small), "registry.example/acme/memoryhub:"
					      "v1-py311-cpu-bookworm-small");
	assert_string_equal(buf_text(&alone), "registry.example/acme/alone:"
					      "v1-py311-cpu-bookworm");
}

static void test_manifest_names_config_and_layers(void **state)
{
	auto_manifest struct manifest *manifest = load();
	struct image_layer layer = {
		.digest = digest_of(STR("blob")),
		.diff_id = digest_of(STR("tar")),
		.compressed_bytes = 4,
		.media_type = STR("application/vnd.oci.image.layer.v1.tar"),
		.made_of = STR("torch 2.4.1"),
	};
	struct image_input input = {
		.manifest = manifest,
		.instance = manifest->instances.p[0],
		.layers = &layer,
		.layer_count = 1,
	};
	auto_buf struct buf config = BUF_EMPTY, text = BUF_EMPTY;

	(void)state;
	image_config(&input, &config);
	image_manifest(&input, buf_str(&config), &text);
	auto_json json_t *parsed = json_parse(buf_str(&text), text.n, NULL);
	json_t *named = json_object_get(parsed, "config");
	struct digest digest = digest_of(buf_str(&config));

	assert_string_equal(json_string_value(json_object_get(named, "digest")),
			    digest_text(&digest).p);
	assert_int_equal(json_integer_value(json_object_get(named, "size")),
			 config.n);
	json_t *first = json_array_get(json_object_get(parsed, "layers"), 0);

	assert_string_equal(json_string_value(json_object_get(first, "digest")),
			    digest_text(&layer.digest).p);
}

static void a_base_has_its_own_variables(void **state)
{
	auto_manifest struct manifest *manifest = load();
	const struct str env[] = {
		STR_INIT("PATH=/opt/tools/bin:/bin"),
		STR_INIT("GPG_KEY=A=B"),
		STR_INIT("LANG=de_DE"),
	};
	auto_buf struct buf text = BUF_EMPTY;
	struct image_input input = {
		.manifest = manifest,
		.instance = manifest->instances.p[0],
		.base_env = env,
		.base_env_count = 3,
	};

	(void)state;
	image_config(&input, &text);
	auto_json json_t *config = json_parse(buf_str(&text), text.n, NULL);

	assert_string_equal(env_value(config, "PATH"),
			    "/opt/venv/bin:/opt/tools/bin:/bin");
	assert_string_equal(env_value(config, "GPG_KEY"), "A=B");
	assert_string_equal(env_value(config, "LANG"), "C.UTF-8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_environment_follows_the_machine),
		cmocka_unit_test(test_service_without_gpu_sees_none),
		cmocka_unit_test(test_required_gpu_is_said),
		cmocka_unit_test(test_health_is_asked_by_init),
		cmocka_unit_test(test_exit_statuses_that_are_success),
		cmocka_unit_test(test_defaults_list_the_environment),
		cmocka_unit_test(test_ports_and_user),
		cmocka_unit_test(test_references_differ_where_images_do),
		cmocka_unit_test(test_manifest_names_config_and_layers),
		cmocka_unit_test(a_base_has_its_own_variables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
