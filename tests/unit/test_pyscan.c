/* pyscan: each rule of what a source says about imports. */
#include "base/arena.h"
#include "base/buf.h"
#include "facts/pyscan.h"
#include "facts/pyscan/stops.h"
#include "guard.h"
#include "test.h"

/* Saves a scan and loads it again, which has to give the same bytes. saved
 * holds what the loaded one borrows. */
static void through_bytes(struct pyscan *scan, struct arena *arena,
			  struct buf *saved)
{
	auto_buf struct buf again = BUF_EMPTY;

	pyscan_save(scan, saved);
	memset(scan, 0xff, sizeof *scan);
	assert_true(pyscan_load(buf_str(saved), arena, scan));
	pyscan_save(scan, &again);
	assert_true(str_eq(buf_str(saved), buf_str(&again)));
}

/* What is found, one line each, so that a case is a text and its answer. */
static char *said_of(struct str source, unsigned minor)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_buf struct buf saved = BUF_EMPTY;
	struct buf out = BUF_EMPTY;
	struct pyscan scan;

	pyscan(source, minor, &arena, &scan);
	through_bytes(&scan, &arena, &saved);
	for (size_t i = 0; i < scan.import_count; i++) {
		const struct pyscan_import *import = &scan.imports[i];

		buf_printf(&out, "%u:%u %s ", import->line, import->column,
			   pyscan_level_text(import->level));
		for (unsigned dot = 0; dot < import->dots; dot++)
			buf_append_byte(&out, '.');
		buf_printf(&out, STR_FMT "%s" STR_FMT "%s%s%s\n",
			   STR_ARG(import->module), import->name.n ? ":" : "",
			   STR_ARG(import->name),
			   import->only_main ? " main" : "",
			   import->never ? " never" : "",
			   import->by_call ? " call" : "");
	}
	for (size_t i = 0; i < scan.path_count; i++) {
		static const char *const anchors[] = {"file", "workdir",
						      "root"};
		const struct pyscan_path *path = &scan.paths[i];

		buf_printf(&out, "%u path %s '" STR_FMT "'%s %s\n", path->line,
			   anchors[path->anchor], STR_ARG(path->folder),
			   path->in_front ? " front" : "",
			   pyscan_level_text(path->level));
	}
	for (size_t i = 0; i < scan.dynamic_count; i++)
		buf_printf(&out, "%u %s %s " STR_FMT "\n",
			   scan.dynamics[i].line,
			   pyscan_what_text(scan.dynamics[i].what),
			   pyscan_level_text(scan.dynamics[i].level),
			   STR_ARG(scan.dynamics[i].text));
	if (scan.has_star_import)
		buf_append_text(&out, "star\n");
	if (scan.has_getattr)
		buf_append_text(&out, "getattr\n");
	if (scan.has_dynamic_names)
		buf_append_text(&out, "dynamic names\n");
	return buf_steal_text(&out);
}

struct rule {
	struct str source;
	const char *said;
	unsigned minor; /* 0 is 11 */
};

static void check_rules(const struct rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		auto_free char *said = said_of(
			rules[i].source, rules[i].minor ? rules[i].minor : 11);

		if (strcmp(said, rules[i].said))
			fail_msg("case %zu:\n" STR_FMT "\ngave\n%swanted\n%s",
				 i, STR_ARG(rules[i].source), said,
				 rules[i].said);
	}
}

#define CHECK(...)                                                             \
	do {                                                                   \
		static const struct rule rules_[] = {__VA_ARGS__};             \
		(void)state;                                                   \
		check_rules(rules_, sizeof(rules_) / sizeof(rules_[0]));       \
	} while (0)
#define CASE(source_, ...)                                                     \
	{                                                                      \
		.source = STR_INIT(source_), .said = __VA_ARGS__               \
	}

static void statements_of_import(void **state)
{
	CHECK(CASE("import a.b . c as d, e; import f\n",
		   "1:1 hard a.b.c\n1:1 hard e\n1:25 hard f\n"),
	      CASE("from a.b import (c, # (\n  d as e,\n)\n",
		   "1:1 hard a.b:c\n1:1 hard a.b:d\n"),
	      CASE("from . import a\nfrom ...b import c\n",
		   "1:1 hard .:a\n2:1 hard ...b:c\n"),
	      CASE("from .... import a\n", "1:1 hard ....:a\n"),
	      CASE("from a import *\n", "1:1 hard a:*\nstar\n"),
	      CASE("import \\\n  a\nif x: import b",
		   "1:1 hard a\n3:7 hard b\n"),
	      CASE("x = 'import no'\n# import no\n'''\nimport no\n'''\n", ""),
	      CASE("importer = 1\nfromage = 2\nimport_x(1)\n", ""));
}

static void levels_of_try(void **state)
{
	CHECK(CASE("try:\n import a\nexcept ImportError:\n import b\n"
		   "else:\n import c\nfinally:\n import d\nimport e\n",
		   "2:2 guarded a\n4:2 guarded b\n6:2 hard c\n8:2 hard d\n"
		   "9:1 hard e\n"),
	      CASE("try: import a\nexcept (OSError, x.ModuleNotFoundError) "
		   "as e: import b\n",
		   "1:6 guarded a\n2:47 guarded b\n"),
	      CASE("try: import a\nexcept: pass\n", "1:6 guarded a\n"),
	      CASE("try: import a\nexcept BaseException: pass\n",
		   "1:6 guarded a\n"),
	      CASE("try: import a\nexcept ValueError: import b\n",
		   "1:6 hard a\n2:20 hard b\n"),
	      /* The first handler that catches it decides. */
	      CASE("try: import a\nexcept KeyError: pass\n"
		   "except Exception: raise\nexcept ImportError: import b\n",
		   "1:6 hard a\n4:21 hard b\n"),
	      CASE("try: import a\nexcept ImportError:\n import b\n"
		   " sys.exit(1)\n",
		   "1:6 hard a\n3:2 hard b\n"),
	      CASE("try: import a\nexcept ImportError:\n if x: raise\n",
		   "1:6 guarded a\n"),
	      CASE("try:\n try: import a\n finally: pass\n"
		   "except* ImportError: pass\n",
		   "2:7 guarded a\n"));
}

static void levels_of_other_blocks(void **state)
{
	CHECK(CASE("with contextlib.suppress(KeyError, ImportError): import a\n"
		   "with suppress(KeyError): import b\n",
		   "1:50 guarded a\n2:26 hard b\n"),
	      CASE("with (open(x) as y, suppress(ImportError)):\n import a\n",
		   "2:2 guarded a\n"),
	      CASE("def f():\n try: import a\n except ImportError: 0\n"
		   "async def g(): import b\nclass C: import c\n"
		   "class D:\n def m(self): import d\n",
		   "2:7 lazy a\n4:16 lazy b\n5:10 hard c\n7:15 lazy d\n"),
	      CASE("if TYPE_CHECKING:\n import a\nelse:\n import b\n"
		   "if not typing.TYPE_CHECKING: import c\nelse: import d\n",
		   "2:2 typing a\n4:2 hard b\n5:30 hard c\n6:7 typing d\n"),
	      CASE("if TYPE_CHECKING or x: import a\n"
		   "if TYPE_CHECKING and x: import b\nelse: import c\n"
		   "if x:\n def f():\n  if t.TYPE_CHECKING: import d\n",
		   "1:24 hard a\n2:25 typing b\n3:7 hard c\n"
		   "6:23 typing d\n"),
	      CASE("if __name__ == '__main__':\n import a\n"
		   "elif '__main__' != __name__: import b\nelse: import c\n",
		   "2:2 hard a main\n3:30 hard b\n4:7 hard c main\n"),
	      CASE("for x in y: import a\nelse: import b\n"
		   "while x: import c\n"
		   "match x:\n case {'a': 1}: import d\n",
		   "1:13 hard a\n2:7 hard b\n3:10 hard c\n5:17 hard d\n"));
}

static void branches_that_are_never_taken(void **state)
{
	CHECK(CASE("if sys.version_info >= (3, 9): import a\nelse: import b\n",
		   "1:32 hard a\n2:7 hard b never\n"),
	      CASE("if sys.version_info >= (3, 9): import a\nelse: import b\n",
		   "1:32 hard a never\n2:7 hard b\n", 8),
	      CASE("if sys.version_info < (3, 11, 4): import a\n"
		   "if sys.version_info < (3, 10, 4, 'beta'): import b\n",
		   "1:35 hard a\n2:43 hard b never\n"),
	      CASE("import sys as s\nif s.version_info[0] == 2: import a\n"
		   "if s.version_info[:2] == (3, 11): import b\n"
		   "if s.version_info.minor < 11: import c\n",
		   "1:1 hard sys\n2:28 hard a never\n3:35 hard b\n"
		   "4:31 hard c never\n"),
	      CASE("if sys.platform == 'win32' or os.name == 'nt': import a\n"
		   "elif sys.platform.startswith('linux'): import b\n"
		   "else: import c\n",
		   "1:48 hard a never\n2:40 hard b\n3:7 hard c never\n"),
	      CASE("if sys.platform not in ('linux', 'x'): import a\n"
		   "if platform.system() == 'Windows': import b\n",
		   "1:40 hard a never\n2:36 hard b never\n"),
	      /* What is compared with no literal is not decided. */
	      CASE("if sys.platform == WINDOWS: import a\n"
		   "if sys.platform in (WINDOWS,): import b\n",
		   "1:29 hard a\n2:32 hard b\n"));
}

static void calls_that_import(void **state)
{
	CHECK(CASE("import_module('a.b')\nx = importlib.import_module(name='c')"
		   "\n__import__(\"d\", fromlist=['e'])\n",
		   "1:1 hard a.b call\n2:5 hard c call\n3:1 hard d call\n"
		   "3:1 hard d:e call\n"),
	      CASE("importlib.import_module('..x', 'a.b')\n"
		   "importlib.import_module('.x', package)\n"
		   "__import__('y', None, None, [], 1)\n",
		   "1:1 hard a.x call\n2:1 hard .x call\n3:1 hard .y call\n"),
	      CASE("from importlib import import_module as load\n"
		   "load('a' 'b')\nf = lambda x=load('c'): load('d')\n",
		   "1:1 hard importlib:import_module\n2:1 hard ab call\n"
		   "3:14 hard c call\n3:25 lazy d call\n"),
	      CASE("x = [\n  __import__ # a, #\n\n  # b(\n  ('c'),\n  ('d'),\n"
		   "  __import__ \\\n  ('e'),\n  __import__\n  ('f')]\n"
		   "__import__ # g\n('h')\n",
		   "2:3 hard c call\n7:3 hard e call\n9:3 hard f call\n"),
	      CASE("import_module('a' + x)\n__import__(f'{x}')\n"
		   "my.import_module('no')\ndef import_module(x): pass\n",
		   "1 import-call hard import_module('a' + x)\n"
		   "2 import-call hard __import__(f'{x}')\n"),
	      CASE("eval('1')\neval(x,\n   y)\neval('a' + b)\n"
		   "eval('__import__(1)')\ndef f(): exec(x)\nre.exec(x)\n",
		   "2 exec hard eval(x, y)\n4 exec hard eval('a' + b)\n"
		   "5 exec hard eval('__import__(1)')\n6 exec lazy exec(x)\n"),
	      CASE("runpy.run_path(x)\n"
		   "importlib.util.spec_from_file_location(a, b)\n"
		   "__path__ = extend(__path__) # why\n__path__ == 1\n",
		   "1 exec hard runpy.run_path(x)\n2 exec hard "
		   "importlib.util.spec_from_file_location(a, b)\n"
		   "3 package-path hard __path__ = extend(__path__)\n"));
}

static void fields_of_strings(void **state)
{
	CHECK(CASE("f'{__import__(\"a\")} {{import_module(\"no\")}}'\n",
		   "1:4 hard a call\n"),
	      CASE("f'{x:>{exec(y)}}' 'exec(no)'\nimport a\n",
		   "2:1 hard a\n1 exec hard exec(y)\n"
		   "dynamic names\n"),
	      /* Since 3.12 the same quotes may stand inside. */
	      CASE("f'{__import__('a')}'\nimport b\n",
		   "1:4 hard a call\n2:1 hard b\n", 12),
	      CASE("f'''{\n x # }'''\n}'''\nimport a\n", "4:1 hard a\n", 12),
	      CASE("rf'\\{exec(x)}'\nf'\\N{DIGIT ONE}'\nimport a\n",
		   "3:1 hard a\n1 exec hard exec(x)\n"
		   "dynamic names\n"));
}

static void edits_of_the_path(void **state)
{
	CHECK(CASE("sys.path.insert(0, os.path.dirname(os.path.abspath("
		   "__file__)))\n",
		   "1 path file '' front hard\n"),
	      CASE("HERE = Path(__file__).resolve().parent\n"
		   "sys.path.append(str(HERE.parent / 'lib'))\n",
		   "2 path file '../lib' hard\n"),
	      CASE("sys.path += ['a/../b', '/c']\n",
		   "1 path workdir 'b' hard\n1 path root '/c' hard\n"),
	      CASE("sys.path = ['a', *sys.path]\n"
		   "sys.path[:] = sys.path + [os.getcwd()]\n",
		   "1 path workdir 'a' front hard\n"
		   "2 path workdir '' hard\n"),
	      CASE("def f(d):\n sys.path.insert(0, d)\ndel sys.path[0] # x\n",
		   "2 sys-path lazy sys.path.insert(0, d)\n"
		   "3 sys-path hard del sys.path[0]\n"),
	      CASE("from sys import path as p\np.append(__file__ + '/../x')\n"
		   "self.path.append(y)\n",
		   "1:1 hard sys:path\n2 path file 'x' hard\n"));
}

static void forms_of_sources(void **state)
{
	CHECK(CASE("\xef\xbb\xbfimport a\r\nif x:\r\n\timport b\r",
		   "1:1 hard a\n3:2 hard b\n"),
	      CASE("if x:\r import a\rimport b\r", "2:2 hard a\n3:1 hard b\n"),
	      CASE("\f\nif x:\n    pass\n\f    import a\n\fimport b\n",
		   "4:6 hard a\n5:2 hard b\n"),
	      CASE("# coding: latin-1\n'\xe9'; import a\n", "2:6 hard a\n"),
	      CASE("#!/x\n# coding=shift_jis\n'\x83\x5c'; import a\n",
		   "3:6 hard a\n"),
	      CASE("x = 1 + \\\n  2; import a\n\\\nimport b\n",
		   "2:6 hard a\n4:1 hard b\n"),
	      CASE("if x:\n\timport a\n        import b\n",
		   "2:2 hard a\n3:9 hard b\n"),
	      /* No Python: what could be read, and no more. */
	      CASE("\0import a\nimport b\0c\n", "2:1 hard b\n"),
	      CASE("import a as", "1:1 hard a\n"),
	      CASE("from . import (a,\nimport b", "1:1 hard .:a\n"
						  "1:1 hard .:import\n"),
	      CASE("x = '''\nimport a", ""), CASE("", ""));
}

static void uses_of_the_name_table(void **state)
{
	CHECK(CASE("globals()['x'] = 1\n", "dynamic names\n"),
	      CASE("def f(): globals().update(x)\n", "dynamic names\n"),
	      CASE("setattr(sys.modules[ __name__ ], a, b)\n",
		   "dynamic names\n"),
	      CASE("exec(x)\n", "1 exec hard exec(x)\ndynamic names\n"),
	      CASE("y = globals()['x'] == 1\nz = 'x' in globals()\n"
		   "f(**globals())\nglobals().get(x)\nsys.modules[__name__ + x]"
		   "\ndef f(): locals()\nf'{globals()[1] = }'\n",
		   ""),
	      CASE("def __getattr__(name): pass\n", "getattr\n"),
	      CASE("class C:\n def __getattr__(self, name): pass\n", ""));
}

static void names_that_are_bound(void **state)
{
	static const char source[] =
		"import b.c, d as e\nfrom f import g as h\n"
		"def i(j): k = 1; global l\nclass m: n = 1\n"
		"o = p[q] = r.s = 1\n(t, [u, *v]) = 1\nw: int = 1\nx: int\n"
		"for y in z: pass\nwith a0 as (b0, c0): pass\n"
		"d0(e0 := 1, lambda: (f0 := 1))\nmatch g0:\n"
		" case H0(i0=j0) | [k0, *l0]: pass\n"
		"try: pass\nexcept m0 as n0: pass\no0 = 1\ndel o0\n"
		"lambda_x = lambda p0=1: q0\nr0 += 1\ns0 == 1\nglobal t0\n"
		"type u0 = 1\nif v0: w0 = 1\n";
	static const char wanted[] =
		"b e h i l m o t u v w y b0 c0 e0 j0 k0 l0 lambda_x u0 w0 ";
	auto_arena struct arena arena = ARENA_EMPTY;
	struct pyscan scan;
	size_t count = 0;

	(void)state;
	pyscan(str_from(source), 12, &arena, &scan);
	for (size_t i = 0; i < scan.name_count; i++) {
		auto_free char *name =
			path_printf(STR_FMT " ", STR_ARG(scan.names[i].name));

		if (!strstr(wanted, name))
			fail_msg("%s is not bound", name);
		if (i)
			assert_true(str_cmp(scan.names[i - 1].name,
					    scan.names[i].name) < 0);
	}
	for (const char *p = wanted; *p; p++)
		count += *p == ' ';
	assert_int_equal(scan.name_count, count);
	assert_str(scan.names[0].name, "b");
	assert_int_equal(scan.names[0].line, 1);
}

static void literals_that_look_like_paths(void **state)
{
	static const char source[] =
		"x = 'a/b.py', \"c.d\"; y = 'no'\nz = r'e/f' b'no.no' "
		"f'no.no'\n"
		"'''g.h'''; 'no no.no'\nf'{\"no.no\"}' 'i/j'\n";
	static const char *const wanted[] = {"a/b.py", "c.d", "e/f", "g.h",
					     "i/j"};
	static const unsigned lines[] = {1, 1, 2, 3, 4};
	auto_arena struct arena arena = ARENA_EMPTY;
	struct pyscan scan;

	(void)state;
	pyscan(str_from(source), 11, &arena, &scan);
	assert_int_equal(scan.literal_count, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_true(str_eq(scan.literals[i].text, str_from(wanted[i])));
		assert_int_equal(scan.literals[i].line, lines[i]);
	}
}

static void coding_lines(void **state)
{
	static const struct {
		struct str source, coding;
	} cases[] = {
		{STR_INIT("# -*- coding: Latin_1 -*-\n"), STR_INIT("latin-1")},
		{STR_INIT("\n# vim: fileencoding=koi8-r"), STR_INIT("koi8-r")},
		{STR_INIT("# coding: utf_8\n"), STR_INIT("")},
		{STR_INIT("x = 1\n# coding: koi8-r\n"), STR_INIT("")},
		{STR_INIT("\n\n# coding: koi8-r\n"), STR_INIT("")},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		auto_arena struct arena arena = ARENA_EMPTY;
		struct pyscan scan;

		pyscan(cases[i].source, 11, &arena, &scan);
		assert_true(str_eq(scan.coding, cases[i].coding));
	}
}

/* The steps of a start: "1" is the import of line 1, "except 3" what it
 * catches, "raise 0" raises that again. */
static void steps_of_a_start(void **state)
{
	static const struct {
		struct str source, said;
	} cases[] = {
		{STR_INIT("import a\ntry: import b\nexcept ImportError: import "
			  "c\n"
			  "else: import d\nfinally: import e\n"),
		 STR_INIT("1 try 2 except 3 3 else 4 finally 5 end ")},
		{STR_INIT("try: import a\nexcept (SyntaxError, x.ImportError) "
			  "as "
			  "e: raise\nexcept: raise OSError\n"),
		 STR_INIT("try 1 except 7 raise 0 except 255 raise 64 end ")},
		{STR_INIT("with suppress(ValueError) as x:\n import a\n"
			  "try: pass\nexcept ImportError: pass\n"),
		 STR_INIT("try 2 except 16 end ")},
		{STR_INIT("def f():\n try: import a\n except: pass\n"
			  "if TYPE_CHECKING: import b\n"
			  "try:\n try: import c\n finally: d = 1\n"
			  "except KeyError: exit()\n"),
		 STR_INIT("try try 6 finally end except 0 raise 128 end ")},
	};
	static const char *const flows[] = {
		"run", "try", "except", "raise", "else", "finally", "end"};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		auto_arena struct arena arena = ARENA_EMPTY;
		auto_buf struct buf out = BUF_EMPTY;
		struct pyscan scan;

		pyscan(cases[i].source, 11, &arena, &scan);
		for (size_t k = 0; k < scan.step_count; k++) {
			struct pyscan_step step = scan.steps[k];

			if (step.flow == PYSCAN_RUN)
				buf_printf(&out, "%u ",
					   scan.imports[step.value].line);
			else if (step.flow == PYSCAN_EXCEPT ||
				 step.flow == PYSCAN_RAISE)
				buf_printf(&out, "%s %u ", flows[step.flow],
					   step.value);
			else
				buf_printf(&out, "%s ", flows[step.flow]);
		}
		if (!str_eq(buf_str(&out), cases[i].said))
			fail_msg("case %zu: " STR_FMT, i,
				 STR_ARG(buf_str(&out)));
	}
}

static void names_of_all(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct pyscan scan;

	(void)state;
	pyscan(STR("__all__ = ['a']\n__all__ += ('b', \"c\")\n"
		   "__all__.append('d')\n"),
	       11, &arena, &scan);
	assert_int_equal(scan.all_count, 4);
	assert_str(scan.all[3], "d");
	assert_true(scan.has_all && !scan.is_all_open);
	pyscan(STR("__all__ = ['a'] + b.__all__\nc = 1\ndel c\n"), 11, &arena,
	       &scan);
	assert_int_equal(scan.all_count, 1);
	assert_true(scan.is_all_open);
	assert_int_equal(scan.deleted_count, 1);
}

/* Every prefix of a source, against a page that may not be read. */
static void nothing_behind_the_end_is_read(void **state)
{
	static const char source[] =
		"# coding: shift-jis\nfrom . import (a as b)\n"
		"if sys.version_info[:2] >= (3, 8) and TYPE_CHECKING:\n"
		" x = f'''{y!r:>{import_module(\"z\")}}''' \\\n + rb'\\''\n"
		"with suppress(ImportError) as c: sys.path[0:0] = [__file__]\n"
		"try: exec(1_0.5e-3j)\nexcept* ImportError: del d\n"
		"globals()['e'] = lambda f=1: (g := \"\"\"h.i\"\"\")\r"
		"sys.modules[ __name__ ]\n\x83\x5c";
	struct guard guard = guard_new(sizeof(source));

	(void)state;
	for (size_t n = 0; n < sizeof(source); n++) {
		const char *p = guard_copy(&guard, source, n);

		free(said_of(str_of(p, n), 12));
	}
	guard_free(&guard);
}

/* Of bytes that are cut or changed none makes the loader read behind them; a
 * cut is always refused, and a step never names an import that is not there. */
static void saved_bytes_may_be_anything(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_buf struct buf saved = BUF_EMPTY;
	struct pyscan scan;

	(void)state;
	pyscan(STR("# coding: latin-1\nimport a.b as c\nfrom .d import *\n"
		   "try: import e\nexcept ImportError: raise\n"
		   "import sys; sys.path.insert(0, 'x/y')\nexec(f)\ndel c\n"
		   "__all__ = ['a']\nsys.path.append(g())\n"),
	       11, &arena, &scan);
	assert_int_equal(scan.import_count, 4);
	assert_true(scan.step_count > 4 && scan.dynamic_count == 2);
	assert_true(scan.path_count == 1 && scan.literal_count == 1);
	pyscan_save(&scan, &saved);
	struct guard guard = guard_new(saved.n);

	for (size_t n = 0; n < saved.n; n++) {
		const char *p = guard_copy(&guard, saved.p, n);

		assert_false(pyscan_load(str_of(p, n), &arena, &scan));
	}
	for (size_t i = 0; i < saved.n; i++)
		for (unsigned byte = 0; byte < 256; byte++) {
			char *p = guard_copy(&guard, saved.p, saved.n);

			p[i] = (char)byte;
			if (!pyscan_load(str_of(p, saved.n), &arena, &scan))
				continue;
			for (size_t k = 0; k < scan.step_count; k++)
				assert_true(scan.steps[k].flow != PYSCAN_RUN ||
					    scan.steps[k].value <
						    scan.import_count);
		}
	guard_free(&guard);
}

/* As the sets of stops.h, in its order. */
static const char *const stop_sets[STOP_COUNT] = {
	[STOP_BRACKET] = "([{)]}#", [STOP_QUOTE] = "\"'\\", [STOP_LINE] = "\n",
	[STOP_RARE] = ";!",	    [STOP_COLON] = ":",	    [STOP_EQUAL] = "=",
	[STOP_SEPARATOR] = "./",    [STOP_SPACE] = " ",
};

static void assert_stops(const struct stops *stops, const char *p, size_t n)
{
	assert_ptr_equal(stops->block, p);
	for (unsigned set = 0; set < STOP_COUNT; set++)
		for (size_t i = 0; i < STOPS_BYTES; i++)
			assert_int_equal(stops->masks[set] >> i & 1,
					 i < n && p[i] &&
						 strchr(stop_sets[set], p[i]));
}

/* With the processor's instructions and without, each byte at each place of a
 * block, and blocks of each size. */
static void stops_of_blocks(void **state)
{
	struct guard guard = guard_new(4096);
	struct stops native, plain;
	char bytes[256 + STOPS_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)i;
	for (size_t at = 0; at < 256; at++)
		for (size_t n = 1; n <= STOPS_BYTES; n++) {
			const char *p = guard_copy(&guard, bytes + at, n);

			stops_read(&native, p, n);
			stops_read_plain(&plain, p, n);
			assert_stops(&native, p, n);
			assert_stops(&plain, p, n);
		}
	guard_free(&guard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statements_of_import),
		cmocka_unit_test(levels_of_try),
		cmocka_unit_test(levels_of_other_blocks),
		cmocka_unit_test(branches_that_are_never_taken),
		cmocka_unit_test(calls_that_import),
		cmocka_unit_test(fields_of_strings),
		cmocka_unit_test(edits_of_the_path),
		cmocka_unit_test(forms_of_sources),
		cmocka_unit_test(uses_of_the_name_table),
		cmocka_unit_test(names_that_are_bound),
		cmocka_unit_test(literals_that_look_like_paths),
		cmocka_unit_test(coding_lines),
		cmocka_unit_test(steps_of_a_start),
		cmocka_unit_test(names_of_all),
		cmocka_unit_test(nothing_behind_the_end_is_read),
		cmocka_unit_test(saved_bytes_may_be_anything),
		cmocka_unit_test(stops_of_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
