#include "decisions/map.h"

#include "base/data.h"
#include "base/map.h"
#include "facts/version.h"
#include "test.h"

struct scene {
	struct arena arena;
	const struct mapping_table *table;
	struct str names[8];
	struct mapping_allow allows[2];
	struct mapping_service service;
};

static void scene_release(struct scene *scene)
{
	arena_release(&scene->arena);
}
#define auto_scene __attribute__((cleanup(scene_release)))

/* asked: normalised names, blanks between them. */
static void scene_init(struct scene *scene, const char *table,
		       const char *asked)
{
	struct mapping_table *made;
	struct error *error = NULL;
	struct str rest = str_from(asked), name;

	*scene = (struct scene){.arena = ARENA_EMPTY};
	assert_done(mapping_table_read(str_from(table), &scene->arena, &made,
				       &error),
		    error);
	scene->table = made;
	scene->service.names = scene->names;
	scene->service.allows = scene->allows;
	while (str_split(&rest, ' ', &name))
		scene->names[scene->service.name_count++] = name;
}

static struct mapping_result find(struct scene *scene, const char *module,
				  const char *name)
{
	return mapping_find(scene->table, &scene->service, str_from(module),
			    str_from(name), &scene->arena);
}

static const char table[] = "# a comment\n"
			    "\n"
			    "cv2 opencv-python-headless opencv-python # two\n"
			    "google.protobuf protobuf\n"
			    "google.cloud.storage google-cloud-storage\n"
			    "onnxruntime onnxruntime onnxruntime-gpu\n"
			    "yaml PyYAML\n";

static void test_table_gives_the_usual_one(void **state)
{
	(void)state;
	auto_scene struct scene scene;

	scene_init(&scene, table, "");
	struct mapping_result result = find(&scene, "yaml.resolver", "");

	assert_int_equal(result.how, MAPPING_TABLE);
	assert_str(result.distribution, "pyyaml");
	assert_str(result.import, "yaml");
	assert_str(find(&scene, "cv2", "*").distribution,
		   "opencv-python-headless");
}

static void test_what_the_service_asks_for_is_preferred(void **state)
{
	(void)state;
	auto_scene struct scene scene;

	scene_init(&scene, table, "opencv-python onnxruntime-gpu");
	struct mapping_result result = find(&scene, "cv2.dnn", "");

	assert_int_equal(result.how, MAPPING_ASKED);
	assert_str(result.distribution, "opencv-python");
	assert_str(find(&scene, "onnxruntime", "").distribution,
		   "onnxruntime-gpu");
}

/* Anybody can register a name: what nobody asks for is never guessed. */
static void test_own_name_counts_only_where_asked_for(void **state)
{
	(void)state;
	auto_scene struct scene scene, asked;

	scene_init(&scene, table, "");
	assert_int_equal(find(&scene, "numpy", "").how, MAPPING_NONE);
	assert_str(find(&scene, "numpy", "").distribution, "");
	struct mapping_result result = find(&scene, "onnxruntime.tools", "");

	assert_int_equal(result.how, MAPPING_NONE);
	assert_int_equal(result.candidate_count, 2);

	scene_init(&asked, table, "numpy prometheus-client onnxruntime");
	assert_int_equal(find(&asked, "numpy.linalg", "").how, MAPPING_SAME);
	assert_str(find(&asked, "prometheus_client", "Gauge").distribution,
		   "prometheus-client");
	assert_int_equal(find(&asked, "onnxruntime", "").how, MAPPING_ASKED);
}

static void test_longest_part_decides(void **state)
{
	(void)state;
	auto_scene struct scene scene;

	scene_init(&scene, table, "google-cloud-vision google");
	assert_str(find(&scene, "google.protobuf.message", "").distribution,
		   "protobuf");
	assert_str(find(&scene, "google", "protobuf").distribution, "protobuf");
	assert_str(find(&scene, "google.cloud", "storage").distribution,
		   "google-cloud-storage");
	assert_str(find(&scene, "google.cloud.vision", "Client").distribution,
		   "google-cloud-vision");
	assert_str(find(&scene, "google.other", "").distribution, "google");
}

static void test_allow_is_first(void **state)
{
	(void)state;
	auto_scene struct scene scene;

	scene_init(&scene, table, "pyyaml");
	scene.allows[0] = (struct mapping_allow){STR("yaml"), STR("My_YAML")};
	scene.allows[1] = (struct mapping_allow){STR("in.*"), STR("inner")};
	scene.service.allow_count = 2;
	struct mapping_result result = find(&scene, "yaml.nodes", "Node");

	assert_int_equal(result.how, MAPPING_ALLOW);
	assert_str(result.distribution, "my-yaml");
	assert_str(find(&scene, "in.a.b", "").distribution, "inner");
	assert_int_equal(find(&scene, "in", "").how, MAPPING_NONE);
	assert_int_equal(find(&scene, "yamlx", "").how, MAPPING_NONE);
}

static void test_wrong_tables_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"a b\nyaml\n", "line 2: 'yaml' names no distribution"},
		{"a..b x\n", "line 1: 'a..b x' is no dotted name"},
		{"a. x\n", "is no dotted name"},
		{"1a x\n", "is no dotted name"},
		{"a\tb c\n", "is no dotted name"},
		{"a b/c\n", "none of a distribution"},
		{"prometheus_client Prometheus-Client\n", "only its own name"},
		{"a b\na c\n", "'a' is there twice"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_arena struct arena arena = ARENA_EMPTY;
		struct mapping_table *made;
		struct error *error = NULL;

		assert_int_equal(mapping_table_read(str_from(cases[i].text),
						    &arena, &made, &error),
				 -1);
		assert_error(&error, ERR_FLEET, cases[i].says);
	}
}

static void test_own_table(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {
		{"cv2", "opencv-python-headless"},
		{"yaml", "pyyaml"},
		{"zmq", "pyzmq"},
		{"PIL", "pillow"},
		{"sklearn", "scikit-learn"},
		{"google.protobuf", "protobuf"},
		{"grpc", "grpcio"},
		{"grpc_health.v1", "grpcio-health-checking"},
		{"jwt", "pyjwt"},
		{"dotenv", "python-dotenv"},
		{"bs4", "beautifulsoup4"},
		{"dateutil.parser", "python-dateutil"},
		{"serial", "pyserial"},
		{"usb.core", "pyusb"},
		{"Crypto.Cipher", "pycryptodome"},
		{"nacl", "pynacl"},
		{"OpenSSL", "pyopenssl"},
		{"attr", "attrs"},
		{"pkg_resources", "setuptools"},
		{"win32api", "pywin32"},
		{"webrtcvad", ""},
		{"fitz", "pymupdf"},
		{"pynvml", "nvidia-ml-py"},
	};
	struct mapping_service service = {0};
	auto_arena struct arena arena = ARENA_EMPTY;
	const struct mapping_table *own = mapping_table_own(&arena);

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct mapping_result result =
			mapping_find(own, &service, str_from(pairs[i][0]),
				     STR_EMPTY, &arena);

		if (!str_eq(result.distribution, str_from(pairs[i][1])))
			fail_msg("%s: '" STR_FMT "'", pairs[i][0],
				 STR_ARG(result.distribution));
	}
}

/* Sorted, so that a person finds a line and a merge is clean. */
static void test_another_with_the_same_import(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	const struct mapping_table *own = mapping_table_own(&arena);
	struct str other;

	(void)state;
	assert_true(mapping_other(own, STR("webrtcvad"), &other));
	assert_str(other, "webrtcvad-wheels");
	assert_true(mapping_other(own, STR("onnxruntime-gpu"), &other));
	assert_str(other, "onnxruntime");
	assert_false(mapping_other(own, STR("pyyaml"), &other));
	assert_false(mapping_other(own, STR("no-such"), &other));
}

static void test_own_table_is_sorted_and_long(void **state)
{
	(void)state;
	struct str text = data_get("imports.txt"), line, last = STR_EMPTY;
	size_t count = 0;

	while (str_line(&text, &line)) {
		struct str import;

		if (line.n == 0 || line.p[0] == '#')
			continue;
		str_split(&line, ' ', &import);
		if (str_cmp(last, import) >= 0)
			fail_msg("'" STR_FMT "' stands after '" STR_FMT "'",
				 STR_ARG(import), STR_ARG(last));
		last = import;
		count++;
	}
	assert_true(count >= 250);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_gives_the_usual_one),
		cmocka_unit_test(test_what_the_service_asks_for_is_preferred),
		cmocka_unit_test(test_own_name_counts_only_where_asked_for),
		cmocka_unit_test(test_longest_part_decides),
		cmocka_unit_test(test_allow_is_first),
		cmocka_unit_test(test_wrong_tables_are_refused),
		cmocka_unit_test(test_own_table),
		cmocka_unit_test(test_another_with_the_same_import),
		cmocka_unit_test(test_own_table_is_sorted_and_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
