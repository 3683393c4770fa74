#include "decisions/verdict.h"

#include "base/buf.h"
#include "test.h"

/* A service with the files main.py, common/x.py, lib/__init__.py, lib.py. */
static const struct str paths[] = {
	STR_INIT("main.py"),
	STR_INIT("common/x.py"),
	STR_INIT("lib/__init__.py"),
	STR_INIT("lib.py"),
};

struct scene {
	struct arena arena;
	struct graph_reached files[2];
	struct graph_import import;
	struct mapping_result owner;
	struct pyscan_dynamic dynamic;
	struct graph_dynamic reached_dynamic;
	struct verdict_allow allow;
	struct graph graph;
	struct verdict_file_problem problem;
	struct verdict_input input;
	struct verdict verdict;
};

static const struct verdict_file_problem *problem_of(void *context, size_t file)
{
	const struct scene *scene = context;

	return file == 1 && scene->problem.code.n > 0 ? &scene->problem : NULL;
}

static void scene_init(struct scene *scene)
{
	*scene = (struct scene){
		.arena = ARENA_EMPTY,
		.files = {{.file = 0, .from_file = GRAPH_NO_FILE},
			  {.file = 1, .from_file = 0, .from_line = 7}},
		.import = {.module = STR("foo.bar"),
			   .name = STR(""),
			   .owner = GRAPH_THIRD_PARTY,
			   .target = GRAPH_NO_FILE,
			   .line = 3,
			   .column = 5},
	};
	scene->graph = (struct graph){
		.files = scene->files,
		.file_count = 2,
		.imports = &scene->import,
		.dynamics = &scene->reached_dynamic,
	};
	scene->reached_dynamic.dynamic = &scene->dynamic;
	scene->input = (struct verdict_input){
		.graph = &scene->graph,
		.paths = paths,
		.entry = STR("main.py"),
		.python = STR("3.12"),
		.problem = problem_of,
		.problem_context = scene,
		.owners = &scene->owner,
		.allows = &scene->allow,
	};
}

static void scene_release(struct scene *scene)
{
	arena_release(&scene->arena);
}
#define auto_scene __attribute__((cleanup(scene_release)))

static void judge(struct scene *scene, enum verdict_status status, size_t count)
{
	verdict_make(&scene->input, &scene->arena, &scene->verdict);
	assert_int_equal(scene->verdict.status, status);
	assert_int_equal(scene->verdict.diagnostics.n, count);
}

/* The only diagnostic, as "level code file:line:column message". */
static struct str said(struct scene *scene)
{
	const struct diagnostic *d = scene->verdict.diagnostics.p;

	return arena_printf(
		&scene->arena, "%s " STR_FMT " " STR_FMT ":%u:%u " STR_FMT,
		diagnostic_level_text(d->level), STR_ARG(d->code),
		STR_ARG(d->file), d->line, d->column, STR_ARG(d->message));
}

static bool hints(const struct scene *scene, const char *part)
{
	return str_find_str(scene->verdict.diagnostics.p[0].hint,
			    str_from(part)) >= 0;
}

static void test_nothing_to_say(void **state)
{
	(void)state;
	auto_scene struct scene scene;

	scene_init(&scene);
	judge(&scene, VERDICT_OK, 0);
	scene.input.skip = STR("later");
	judge(&scene, VERDICT_SKIPPED, 0);
}

static void test_entry_is_missing(void **state)
{
	(void)state;
	auto_scene struct scene scene;

	scene_init(&scene);
	scene.graph.file_count = 0;
	scene.graph.entry_problem = GRAPH_NO_MODULE;
	judge(&scene, VERDICT_ERROR, 1);
	assert_str(said(&scene), "error entry-missing :0:0 the entrypoint "
				 "'main.py' is not there");
}

static void test_file_that_does_not_compile(void **state)
{
	(void)state;
	auto_scene struct scene scene;

	scene_init(&scene);
	scene.problem = (struct verdict_file_problem){
		.code = STR("syntax"),
		.message = STR("'(' was never closed"),
		.line = 31,
		.column = 9,
	};
	judge(&scene, VERDICT_ERROR, 1);
	assert_str(said(&scene), "error syntax common/x.py:31:9 '(' was never "
				 "closed");
	assert_true(hints(&scene, "imported by main.py:7"));
	scene.files[1].level = PYSCAN_LAZY;
	judge(&scene, VERDICT_OK, 1);
	assert_int_equal(scene.verdict.diagnostics.p[0].level,
			 DIAGNOSTIC_WARNING);
	scene.files[1].level = PYSCAN_TYPING;
	judge(&scene, VERDICT_OK, 0);
}

static void test_unmapped_import(void **state)
{
	(void)state;
	auto_scene struct scene scene;

	scene_init(&scene);
	scene.graph.import_count = 1;
	judge(&scene, VERDICT_ERROR, 1);
	assert_str(said(&scene), "error import-unmapped main.py:3:5 no "
				 "distribution is known for 'foo.bar'");
	assert_true(hints(&scene, "{import: foo, package: DISTRIBUTION"));
	scene.import.level = PYSCAN_GUARDED;
	judge(&scene, VERDICT_OK, 1);
	scene.import.level = PYSCAN_TYPING;
	judge(&scene, VERDICT_OK, 0);
	scene.import.level = PYSCAN_HARD;
	scene.owner.how = MAPPING_SAME;
	judge(&scene, VERDICT_OK, 0);
	scene.owner.how = MAPPING_NONE;
	scene.input.owners = NULL;
	judge(&scene, VERDICT_OK, 0);
}

static void test_hints_of_unmapped_imports(void **state)
{
	(void)state;
	auto_scene struct scene scene;
	struct str both[] = {STR_INIT("onnxruntime"),
			     STR_INIT("onnxruntime-gpu")};

	scene_init(&scene);
	scene.graph.import_count = 1;
	scene.owner.candidates = both;
	scene.owner.candidate_count = 2;
	judge(&scene, VERDICT_ERROR, 1);
	assert_true(hints(&scene, "onnxruntime, onnxruntime-gpu have it"));
	scene.owner.candidate_count = 0;
	scene.import.module = STR("distutils.core");
	judge(&scene, VERDICT_ERROR, 1);
	assert_true(hints(&scene, "left the standard library in Python 3.12, "
				  "the service has 3.12"));
	scene.import.module = STR("winreg");
	judge(&scene, VERDICT_ERROR, 1);
	assert_true(hints(&scene, "Windows"));
	scene.import.module = STR("foo");
	scene.dynamic = (struct pyscan_dynamic){
		.what = PYSCAN_SYS_PATH,
		.text = STR("sys.path.append(x)"),
		.line = 2,
	};
	scene.graph.dynamic_count = 1;
	judge(&scene, VERDICT_ERROR, 2);
	assert_true(hints(&scene, "the folder that main.py:2 adds"));
}

static void test_folders_that_distributions_share(void **state)
{
	(void)state;
	auto_scene struct scene scene;

	scene_init(&scene);
	scene.graph.import_count = 1;
	scene.import.is_namespace = true;
	judge(&scene, VERDICT_OK, 0);
	scene.import.is_missing_below = true;
	judge(&scene, VERDICT_ERROR, 1);
	assert_str(said(&scene), "error import-missing main.py:3:5 no file is "
				 "the module 'foo.bar'");
}

static void test_problems_of_imports(void **state)
{
	(void)state;
	static const struct {
		enum graph_problem problem;
		enum graph_owner owner;
		const char *code;
	} cases[] = {
		{GRAPH_NO_MODULE, GRAPH_NOTHING, "import-missing"},
		{GRAPH_NOT_PACKAGE, GRAPH_NOTHING, "import-missing"},
		{GRAPH_NO_PARENT, GRAPH_NOTHING, "import-relative"},
		{GRAPH_NO_NAME, GRAPH_FIRST_PARTY, "name-missing"},
		{GRAPH_CIRCULAR, GRAPH_FIRST_PARTY, "import-circular"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_scene struct scene scene;

		scene_init(&scene);
		scene.graph.import_count = 1;
		scene.import.owner = cases[i].owner;
		scene.import.problem = cases[i].problem;
		judge(&scene, VERDICT_ERROR, 1);
		assert_true(str_eq(scene.verdict.diagnostics.p[0].code,
				   str_from(cases[i].code)));
		scene.import.level = PYSCAN_LAZY;
		judge(&scene, VERDICT_OK, 1);
		scene.import.uncertain = true;
		judge(&scene, VERDICT_OK, 0);
		scene.import.level = PYSCAN_HARD;
		judge(&scene, VERDICT_UNCERTAIN, 1);
		scene.allow.file = STR("*.py");
		scene.input.allow_count = 1;
		judge(&scene, VERDICT_OK, 0);
		scene.import.uncertain = false;
		judge(&scene, VERDICT_ERROR, 1);
		scene.allow = (struct verdict_allow){.import_glob = STR("foo")};
		judge(&scene, VERDICT_OK, 0);
	}
}

static void test_nearest_name(void **state)
{
	(void)state;
	auto_scene struct scene scene;
	struct pyscan_name names[] = {{STR_INIT("Agent"), 1, 1},
				      {STR_INIT("BaseAgent"), 4, 4}};
	struct pyscan scan = {.names = names, .name_count = 2};

	scene_init(&scene);
	scene.graph.import_count = 1;
	scene.files[1].scan = &scan;
	scene.import.owner = GRAPH_FIRST_PARTY;
	scene.import.problem = GRAPH_NO_NAME;
	scene.import.module = STR("common.x");
	scene.import.name = STR("BaseAgnt");
	scene.import.target = 1;
	judge(&scene, VERDICT_ERROR, 1);
	assert_str(said(&scene), "error name-missing main.py:3:5 'common.x' "
				 "has no 'BaseAgnt'");
	assert_true(hints(&scene, "did you mean 'BaseAgent'?"));
	scene.import.name = STR("zzz");
	judge(&scene, VERDICT_ERROR, 1);
	assert_str(scene.verdict.diagnostics.p[0].hint, "");
}

static void test_dynamics(void **state)
{
	(void)state;
	static const struct {
		enum pyscan_what what;
		const char *code;
	} cases[] = {
		{PYSCAN_IMPORT_CALL, "import-dynamic"},
		{PYSCAN_EXEC, "exec-dynamic"},
		{PYSCAN_SYS_PATH, "path-dynamic"},
		{PYSCAN_PACKAGE_PATH, "path-dynamic"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_scene struct scene scene;

		scene_init(&scene);
		scene.graph.dynamic_count = 1;
		scene.dynamic.what = cases[i].what;
		scene.dynamic.text = STR("import_module(name)");
		scene.reached_dynamic.level = PYSCAN_LAZY;
		judge(&scene, VERDICT_UNCERTAIN, 1);
		assert_true(str_eq(scene.verdict.diagnostics.p[0].code,
				   str_from(cases[i].code)));
		scene.input.allow_count = 1;
		scene.allow.import_glob = STR("plugins.*");
		judge(&scene, VERDICT_UNCERTAIN, 1);
		scene.allow.has_include = true;
		if (cases[i].what == PYSCAN_IMPORT_CALL)
			judge(&scene, VERDICT_OK, 0);
		else
			judge(&scene, VERDICT_UNCERTAIN, 1);
		scene.allow.file = STR("common/*.py");
		judge(&scene, VERDICT_UNCERTAIN, 1);
		scene.allow.file = STR("main.py");
		judge(&scene, VERDICT_OK, 0);
		scene.input.allow_count = 0;
		scene.reached_dynamic.level = PYSCAN_TYPING;
		judge(&scene, VERDICT_OK, 0);
	}
}

static void test_shadows(void **state)
{
	(void)state;
	auto_scene struct scene scene;
	struct graph_shadow shadow = {
		.file = 2,
		.module = STR("lib"),
		.owner = GRAPH_FIRST_PARTY,
		.hidden = 3,
	};

	scene_init(&scene);
	scene.graph.shadows = &shadow;
	scene.graph.shadow_count = 1;
	judge(&scene, VERDICT_OK, 1);
	assert_str(said(&scene), "warning module-shadows lib/__init__.py:0:0 "
				 "'lib' is this package; it hides lib.py");
	shadow.owner = GRAPH_STDLIB;
	judge(&scene, VERDICT_OK, 1);
	assert_str(said(&scene), "warning module-shadows lib/__init__.py:0:0 "
				 "'lib' hides the module of the standard "
				 "library");
}

/* `from foo import a, b` is said once; the worst comes first. */
static void test_order_and_repetition(void **state)
{
	(void)state;
	auto_scene struct scene scene;
	struct graph_import imports[3];
	struct mapping_result owners[3] = {{0}};
	struct diagnostic other = {
		.level = DIAGNOSTIC_UNCERTAIN,
		.code = STR("file-missing"),
		.file = STR("a.py"),
		.message = STR("x"),
	};

	scene_init(&scene);
	imports[0] = imports[1] = imports[2] = scene.import;
	imports[0].level = PYSCAN_LAZY;
	imports[0].line = 1;
	scene.graph.imports = imports;
	scene.graph.import_count = 3;
	scene.input.owners = owners;
	scene.input.others = (struct diagnostics){&other, 1};
	judge(&scene, VERDICT_ERROR, 3);
	assert_int_equal(scene.verdict.diagnostics.p[0].line, 3);
	assert_str(scene.verdict.diagnostics.p[1].code, "file-missing");
	assert_int_equal(scene.verdict.diagnostics.p[2].line, 1);
}

static struct diagnostic made(enum diagnostic_level level, const char *code,
			      uint32_t line)
{
	return (struct diagnostic){
		.level = level,
		.code = str_from(code),
		.file = STR("common/x.py"),
		.line = line,
		.message = STR("'(' was never closed"),
	};
}

static void test_causes(void **state)
{
	(void)state;
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_buf struct buf text = BUF_EMPTY;
	struct diagnostic error = made(DIAGNOSTIC_ERROR, "syntax", 31);
	struct diagnostic warning = made(DIAGNOSTIC_WARNING, "syntax", 31);
	struct diagnostic unmapped[] = {
		made(DIAGNOSTIC_ERROR, "import-unmapped", 8),
		made(DIAGNOSTIC_ERROR, "import-unmapped", 9),
	};
	struct diagnostic note = made(DIAGNOSTIC_NOTE, "module-shadows", 1);
	struct verdict verdicts[] = {
		{VERDICT_ERROR, {&error, 1}},	{VERDICT_ERROR, {unmapped, 2}},
		{VERDICT_OK, {&warning, 1}},	{VERDICT_OK, {&note, 1}},
		{VERDICT_SKIPPED, {&error, 1}}, {VERDICT_UNCERTAIN, {NULL, 0}},
	};
	struct verdict_service services[] = {
		{STR("E"), &verdicts[0]}, {STR("B"), &verdicts[0]},
		{STR("C"), &verdicts[0]}, {STR("D"), &verdicts[0]},
		{STR("F"), &verdicts[1]}, {STR("G"), &verdicts[2]},
		{STR("H"), &verdicts[3]}, {STR("I"), &verdicts[4]},
		{STR("J"), &verdicts[5]},
	};
	struct verdict_causes causes;

	verdict_group(services, 9, &arena, &causes);
	assert_int_equal(causes.n, 2);
	assert_int_equal(causes.p[0].service_count, 4);
	assert_str(causes.p[0].services[0], "B");
	verdict_cause_append(&causes.p[0], &text);
	assert_str(buf_str(&text), "common/x.py:31 '(' was never closed: "
				   "stops 4 services, concerns 1 more");
	buf_clear(&text);
	verdict_cause_append(&causes.p[1], &text);
	assert_str(buf_str(&text), "common/x.py:8 '(' was never closed (and in "
				   "1 more places): stops F");
	buf_clear(&text);
	verdict_summary_append(services, 9, &text);
	assert_str(buf_str(&text), "2 start, 5 cannot, 1 uncertain, 1 skipped");
}

static void test_syntax_codes(void **state)
{
	(void)state;
	assert_str(diagnostic_syntax_code("SyntaxError", "invalid syntax"),
		   "syntax");
	assert_str(diagnostic_syntax_code("TabError", "inconsistent use"),
		   "syntax-indentation");
	assert_str(diagnostic_syntax_code("SyntaxError",
					  "source code cannot contain null "
					  "bytes"),
		   "syntax-null");
	assert_str(diagnostic_syntax_code("SyntaxError",
					  "(unicode error) 'utf-8' codec can't "
					  "decode byte 0xe9"),
		   "syntax-encoding");
	assert_str(diagnostic_syntax_code("SyntaxError",
					  "(unicode error) 'unicodeescape' "
					  "codec can't decode bytes"),
		   "syntax");
	assert_str(
		diagnostic_syntax_code("SyntaxError", "unknown encoding: foo"),
		"syntax-encoding");
	assert_str(diagnostic_syntax_code("SyntaxError",
					  "'ascii' codec can't decode byte"),
		   "syntax-encoding");
	assert_str(diagnostic_syntax_code("SyntaxError",
					  "keyword argument repeated: "
					  "encoding"),
		   "syntax");
}

/* Every code has its row in the list that users read, and no row is without a
 * code. */
static void test_codes_are_documented(void **state)
{
	(void)state;
	auto_free char *path =
		path_printf("%s/../docs/diagnostics.md", getenv("TEST_DATA"));
	auto_buf struct buf text = BUF_EMPTY;
	struct error *error = NULL;
	struct str rest, line;
	const char *const *codes = diagnostic_codes();
	size_t next = 0;

	assert_done(fs_read(path, 1 << 20, &text, &error), error);
	rest = buf_str(&text);
	while (str_line(&rest, &line)) {
		if (!str_eat(&line, STR("| `")))
			continue;
		line.n = (size_t)str_find(line, '`');
		assert_non_null(codes[next]);
		if (!str_eq(line, str_from(codes[next])))
			fail_msg("docs have '" STR_FMT "', the list '%s'",
				 STR_ARG(line), codes[next]);
		next++;
	}
	assert_null(codes[next]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_to_say),
		cmocka_unit_test(test_entry_is_missing),
		cmocka_unit_test(test_file_that_does_not_compile),
		cmocka_unit_test(test_unmapped_import),
		cmocka_unit_test(test_hints_of_unmapped_imports),
		cmocka_unit_test(test_folders_that_distributions_share),
		cmocka_unit_test(test_problems_of_imports),
		cmocka_unit_test(test_nearest_name),
		cmocka_unit_test(test_dynamics),
		cmocka_unit_test(test_shadows),
		cmocka_unit_test(test_order_and_repetition),
		cmocka_unit_test(test_causes),
		cmocka_unit_test(test_syntax_codes),
		cmocka_unit_test(test_codes_are_documented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
