/* graph: which imports end a start, by the handlers around them. CPython itself
 * is the oracle of tests/e2e/test_graph_random.py; here is one tree per rule.
 */
#include "decisions/graph.h"

#include "base/buf.h"
#include "test.h"

enum { MOST_FILES = 6 };

/* A tree whose entry is main.py. Distributions have `numpy` alone; a file that
 * begins with "!" does not compile. */
struct rule {
	struct {
		const char *path, *source;
	} files[MOST_FILES];
	/* "effect file:line module[:name]" of each import that is missing, and
	 * "effect file" of each file that does not compile. */
	const char *said;
};

struct scene {
	const struct rule *rule;
	struct pyscan scans[MOST_FILES];
};

static bool is_stdlib(void *context, struct str module, bool *wins)
{
	(void)context;
	*wins = false;
	return str_eq(module, STR("json"));
}

static bool is_missing(void *context, struct str module, struct str name)
{
	(void)context;
	(void)name;
	return !str_eq(module, STR("numpy"));
}

static int need(void *context, size_t file, struct graph_scan *out,
		struct error **err)
{
	struct scene *scene = context;

	(void)err;
	out->scan = &scene->scans[file];
	out->compiles = scene->rule->files[file].source[0] != '!';
	out->is_binary = strstr(scene->rule->files[file].path, ".so");
	return 0;
}

static const char *effect_text(enum graph_effect effect)
{
	static const char *const texts[] = {"by-level", "stops", "may-stop",
					    "goes-on"};

	return texts[effect];
}

static bool fails(const struct graph_import *import)
{
	if (import->problem != GRAPH_FINE || import->uncertain)
		return true;
	return import->owner == GRAPH_THIRD_PARTY &&
	       is_missing(NULL, import->module, import->name);
}

static void say(const struct rule *rule, const struct graph *graph,
		struct buf *out)
{
	for (size_t i = 0; i < graph->import_count; i++) {
		const struct graph_import *import = &graph->imports[i];

		if (fails(import))
			buf_printf(out, "%s %s:%u " STR_FMT "%s" STR_FMT "\n",
				   effect_text(import->effect),
				   rule->files[import->file].path, import->line,
				   STR_ARG(import->module),
				   import->name.n ? ":" : "",
				   STR_ARG(import->name));
	}
	for (size_t i = 0; i < graph->file_count; i++)
		if (!graph->files[i].compiles)
			buf_printf(out, "%s %s\n",
				   effect_text(graph->files[i].effect),
				   rule->files[graph->files[i].file].path);
}

/* Walks the tree of a rule; what is said of it. */
static char *walk(const struct rule *rule, struct arena *arena,
		  struct graph *graph)
{
	static const struct str root = STR_INIT("");
	struct scene scene = {.rule = rule};
	struct str paths[MOST_FILES];
	size_t n = 0;
	struct buf out = BUF_EMPTY;

	for (; n < MOST_FILES && rule->files[n].path; n++) {
		paths[n] = str_from(rule->files[n].path);
		pyscan(str_from(rule->files[n].source), 11, arena,
		       &scene.scans[n]);
	}
	struct graph_tree *tree = graph_tree_new(paths, n);
	struct graph_start start = {.entry = STR("main.py"),
				    .minor = 11,
				    .root = STR("/app"),
				    .python_path = &root,
				    .python_path_count = 1,
				    .is_stdlib = is_stdlib,
				    .is_missing = is_missing,
				    .need = need,
				    .need_context = &scene};

	assert_int_equal(graph_walk(tree, &start, arena, graph, NULL), 0);
	say(rule, graph, &out);
	graph_tree_free(tree);
	return buf_steal_text(&out);
}

static void check_rules(const struct rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		auto_arena struct arena arena = ARENA_EMPTY;
		struct graph graph;
		auto_free char *said = walk(&rules[i], &arena, &graph);

		if (strcmp(said, rules[i].said))
			fail_msg("case %zu:\n%s\ngave\n%swanted\n%s", i,
				 rules[i].files[0].source, said, rules[i].said);
	}
}

#define CHECK(...)                                                             \
	do {                                                                   \
		static const struct rule rules_[] = {__VA_ARGS__};             \
		(void)state;                                                   \
		check_rules(rules_, sizeof(rules_) / sizeof(rules_[0]));       \
	} while (0)
#define MAIN(source_, said_)                                                   \
	{                                                                      \
		{{"main.py", source_}}, said_                                  \
	}

static void the_handlers_own_imports(void **state)
{
	CHECK(MAIN("try: import a\nexcept ImportError: import b\n",
		   "goes-on main.py:1 a\nstops main.py:2 b\n"),
	      MAIN("try: import json\nexcept ImportError: import b\n",
		   "goes-on main.py:2 b\n"),
	      MAIN("try: import numpy\nexcept ImportError: import b\n",
		   "goes-on main.py:2 b\n"),
	      MAIN("try: import a\nexcept ImportError:\n"
		   " try: import b\n except ImportError: c = None\n",
		   "goes-on main.py:1 a\ngoes-on main.py:3 b\n"),
	      MAIN("try: import a\nexcept ImportError as e: raise e\n",
		   "stops main.py:1 a\n"),
	      MAIN("try:\n try: import a\n except ImportError: raise\n"
		   "except Exception: pass\n",
		   "goes-on main.py:2 a\n"));
}

static void what_a_handler_catches(void **state)
{
	CHECK(MAIN("try: import a\nexcept ValueError: pass\n",
		   "stops main.py:1 a\n"),
	      MAIN("try: from json import *\nexcept ImportError: pass\n", ""),
	      MAIN("try: from . import a\nexcept ModuleNotFoundError: pass\n",
		   "stops main.py:1 .:a\n"),
	      MAIN("try: import a\nexcept ModuleNotFoundError: pass\n",
		   "goes-on main.py:1 a\n"),
	      MAIN("try: import a\nexcept (OSError, ImportError): pass\n",
		   "goes-on main.py:1 a\n"),
	      MAIN("try: import a\nexcept ImportError: exit(1)\n",
		   "stops main.py:1 a\n"),
	      MAIN("try:\n try: import a\n except ImportError: exit(1)\n"
		   "except Exception: pass\n",
		   "stops main.py:2 a\n"),
	      MAIN("try:\n try: import a\n except ImportError: exit(1)\n"
		   "except: pass\n",
		   "goes-on main.py:2 a\n"));
}

static void else_finally_and_suppress(void **state)
{
	CHECK(MAIN("try: import a\nexcept ImportError: pass\n"
		   "else: import b\n",
		   "goes-on main.py:1 a\ngoes-on main.py:3 b\n"),
	      MAIN("try: import json\nexcept ImportError: pass\n"
		   "else: import b\n",
		   "stops main.py:3 b\n"),
	      MAIN("try: import a\nexcept ImportError: pass\n"
		   "finally: import b\n",
		   "goes-on main.py:1 a\nstops main.py:3 b\n"),
	      MAIN("with suppress(ImportError):\n import a\n import b\n"
		   "import c\n",
		   "goes-on main.py:2 a\ngoes-on main.py:3 b\n"
		   "stops main.py:4 c\n"),
	      MAIN("with suppress(KeyError): import a\n",
		   "stops main.py:1 a\n"));
}

static void files_that_do_not_compile(void **state)
{
	CHECK({{{"main.py", "try: import x\nexcept ImportError: pass\n"},
		{"x.py", "!"}},
	       "stops x.py\n"},
	      {{{"main.py", "try: import x\nexcept Exception: pass\n"},
		{"x.py", "!"}},
	       "goes-on x.py\n"},
	      {{{"main.py", "try: import x\nexcept (ImportError, SyntaxError):"
			    "\n import b\n"},
		{"x.py", "!"}},
	       "stops main.py:3 b\ngoes-on x.py\n"},
	      {{{"main.py", "try: import x\nexcept ImportError: pass\n"},
		{"x.py", "import y\n"},
		{"y.py", "!"}},
	       "stops y.py\n"});
}

static void what_other_modules_throw(void **state)
{
	CHECK({{{"main.py", "try: import x\nexcept ImportError: import b\n"},
		{"x.py", "import nowhere\nimport later\n"}},
	       "stops main.py:2 b\ngoes-on x.py:1 nowhere\n"
	       "goes-on x.py:2 later\n"},
	      /* It is out of sys.modules, and fails again. */
	      {{{"main.py", "try: import x\nexcept ImportError: pass\n"
			    "import x\n"},
		{"x.py", "import nowhere\n"}},
	       "stops x.py:1 nowhere\n"},
	      /* What it has loaded is still there: with `from`, what lies
	       * below needs it no more. */
	      {{{"main.py", "try: import a\nexcept ImportError: pass\n"
			    "from a.b.c import x\n"},
		{"a/__init__.py", "import a.b\nimport nowhere\n"},
		{"a/b/__init__.py", ""},
		{"a/b/c.py", "x = 1\n"}},
	       "goes-on a/__init__.py:2 nowhere\n"},
	      {{{"main.py", "try: import a\nexcept ImportError: pass\n"
			    "import a.b.c\n"},
		{"a/__init__.py", "import a.b\nimport nowhere\n"},
		{"a/b/__init__.py", ""},
		{"a/b/c.py", "x = 1\n"}},
	       "stops a/__init__.py:2 nowhere\n"},
	      /* A name that only the skipped part of a try binds. */
	      {{{"main.py", "from x import late\n"},
		{"x.py", "try:\n import nowhere\n import json as late\n"
			 "except ImportError: pass\n"}},
	       "stops main.py:1 x:late\ngoes-on x.py:2 nowhere\n"},
	      {{{"main.py", "from x import any\n"},
		{"x.py", "def __getattr__(name): return 1\n"}},
	       "may-stop main.py:1 x:any\n"});
}

static void names_of_dunder_all(void **state)
{
	CHECK({{{"main.py", "from p import *\n"},
		{"p/__init__.py", "__all__ = ['a', 'gone', 'x']\nx = 1\n"},
		{"p/a.py", "import nowhere\n"}},
	       "stops main.py:1 p:gone\nstops p/a.py:1 nowhere\n"},
	      {{{"main.py", "from p import a, b\n"},
		{"p.py", "from q import *\n"},
		{"q.py", "__all__ = ['a']\na = b = 1\n"}},
	       "stops main.py:1 p:b\n"},
	      {{{"main.py", "from p import *\n"},
		{"p/__init__.py", "from p.b import names\n__all__ = names\n"},
		{"p/b.py", "names = []\n"}},
	       ""});
}

/* Their names are not known; what lies below them is. */
static void extension_modules(void **state)
{
	CHECK({{{"main.py", "from fast import a\nfrom p import a, sub\n"
			    "from q import b, _c\nfrom p import _gone\n"
			    "import fast.gone\nimport p.gone\n"},
		{"fast.abi3.so", ""},
		{"p/__init__.so", ""},
		{"p/sub.py", "import nowhere\n"},
		{"q.py", "from fast import *\n"}},
	       "stops main.py:3 q:_c\nstops main.py:5 fast.gone\n"
	       "stops main.py:6 p.gone\nstops p/sub.py:1 nowhere\n"});
}

/* Modules that fail at each import cost no more than the bound. */
static void modules_that_fail_again_and_again(void **state)
{
	struct rule rule = {{{"main.py", "import a0\n"},
			     {"a0.py", NULL},
			     {"a1.py", NULL},
			     {"a2.py", NULL},
			     {"a3.py", NULL},
			     {"a4.py", "import nowhere\n"}},
			    NULL};
	char sources[4][64 * 60];
	auto_arena struct arena arena = ARENA_EMPTY;
	struct graph graph;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		sources[i][0] = '\0';
		for (size_t k = 0; k < 64; k++)
			sprintf(sources[i] + strlen(sources[i]),
				"try: import a%zu\nexcept ImportError: pass\n",
				i + 1);
		strcat(sources[i], "import nowhere\n");
		rule.files[i + 1].source = sources[i];
	}
	free(walk(&rule, &arena, &graph));
	assert_int_equal(graph.file_count, 6);
	assert_int_equal(graph.imports[0].effect, GRAPH_BY_LEVEL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_handlers_own_imports),
		cmocka_unit_test(what_a_handler_catches),
		cmocka_unit_test(else_finally_and_suppress),
		cmocka_unit_test(files_that_do_not_compile),
		cmocka_unit_test(what_other_modules_throw),
		cmocka_unit_test(names_of_dunder_all),
		cmocka_unit_test(extension_modules),
		cmocka_unit_test(modules_that_fail_again_and_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
