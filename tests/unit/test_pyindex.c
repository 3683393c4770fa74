/* pyindex: what uv and pip are told, what pages say, and who is asked. */
#include "base/pool.h"
#include "http_server.h"
#include "parts/fetch.h"
#include "parts/pyindex.h"
#include "store_fleet.h"

static const char file_name[] = "demo_pkg-1.0+cpu-py3-none-any.whl";

/* No configuration but what a test makes below its scratch folder. */
static int setup(void **state)
{
	static const char *const variables[] = {
		"UV_INDEX",	   "UV_DEFAULT_INDEX",	  "UV_INDEX_URL",
		"UV_NO_CONFIG",	   "UV_EXTRA_INDEX_URL",  "UV_FIND_LINKS",
		"UV_CONFIG_FILE",  "UV_NO_INDEX",	  "PIP_INDEX_URL",
		"PIP_FIND_LINKS",  "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX",
		"XDG_CONFIG_HOME", "VIRTUAL_ENV",	  "NETRC",
	};

	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
		unsetenv(variables[i]);
	scratch_setup(state);
	auto_free char *dirs = path_join(*state, "xdg");

	setenv("HOME", *state, 1);
	setenv("XDG_CONFIG_DIRS", dirs, 1);
	setenv("PIP_CONFIG_FILE", "/dev/null", 1);
	return 0;
}

#undef TEST
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, setup, scratch_teardown)

static void put(const char *folder, const char *name, const char *text)
{
	auto_free char *path = path_join(folder, name);
	auto_free char *parent = mem_strdup(path);

	*strrchr(parent, '/') = '\0';
	assert_int_equal(fs_make_dirs(parent, 0755, NULL), 0);
	assert_int_equal(fs_write_file(path, str_from(text), 0644, NULL), 0);
}

static struct pyindex *open_index(struct fetch *fetch, const char *folder,
				  const struct pyindex_binding *bindings,
				  size_t count)
{
	struct pyindex_options options = {fetch, folder, bindings, count};
	struct pyindex *index = NULL;
	struct error *error = NULL;

	if (pyindex_new(&options, &index, &error))
		fail_msg("%s", err_message(error));
	return index;
}

/* -- configuration -- */

/* The places of a project: "URL!SOURCE\n" each, '*' before a default, '#'
 * before an explicit one, '=' before a flat one, "NAME@" before a named one. */
static void assert_places(const char *folder, const char *expected)
{
	struct pyindex *index = open_index(NULL, folder, NULL, 0);
	const struct pyindex_place *places;
	struct error *error = NULL;
	auto_buf struct buf text = BUF_EMPTY;
	size_t count;

	if (pyindex_places(index, &places, &count, &error))
		fail_msg("%s", err_message(error));
	for (size_t i = 0; i < count; i++) {
		const char *source = places[i].source;
		size_t n = strlen(folder);

		if (strncmp(source, folder, n) == 0)
			source += n + 1;
		buf_printf(&text, "%s%s%s%s%s%s!%s\n",
			   places[i].is_default ? "*" : "",
			   places[i].is_explicit ? "#" : "",
			   places[i].kind == PYINDEX_FLAT ? "=" : "",
			   places[i].name, *places[i].name ? "@" : "",
			   places[i].url, source);
	}
	assert_string_equal(buf_text(&text), expected);
	pyindex_free(index);
}

static void uv_variables_are_read(void **state)
{
	setenv("UV_INDEX", "one=https://a.test/1 https://b.test/2\n", 1);
	setenv("UV_EXTRA_INDEX_URL", "https://c.test/3", 1);
	setenv("UV_FIND_LINKS", "https://d.test/4,/usr/lib", 1);
	setenv("UV_DEFAULT_INDEX", "main=https://e.test/5", 1);
	setenv("UV_INDEX_URL", "https://hidden.test/", 1);
	setenv("PIP_INDEX_URL", "https://hidden.test/", 1);
	setenv("UV_INDEX_ONE_USERNAME", "me", 1);
	setenv("UV_INDEX_ONE_PASSWORD", "p@ss", 1);
	assert_places(*state, "one@https://me:p%40ss@a.test/1!UV_INDEX\n"
			      "https://b.test/2!UV_INDEX\n"
			      "https://c.test/3!UV_EXTRA_INDEX_URL\n"
			      "=https://d.test/4!UV_FIND_LINKS\n"
			      "=file:///usr/lib!UV_FIND_LINKS\n"
			      "*main@https://e.test/5!UV_DEFAULT_INDEX\n");
	unsetenv("UV_INDEX_ONE_USERNAME");
	unsetenv("UV_INDEX_ONE_PASSWORD");
}

static void uv_files_are_read(void **state)
{
	auto_free char *project = path_join(*state, "a/b");

	put(*state, "a/uv.toml",
	    "index-url = 'https://legacy.test/'\n"
	    "extra-index-url = ['https://extra.test/']\n"
	    "find-links = ['https://links.test/']\n"
	    "[[index]]\nname = 'gpu'\nurl = 'https://gpu.test/'\n"
	    "explicit = true\n"
	    "[[index]]\nurl = 'https://flat.test/'\nformat = 'flat'\n"
	    "[[index]]\nurl = 'https://default.test/'\ndefault = true\n");
	put(*state, "a/b/pyproject.toml", "[project]\nname = 'x'\n");
	put(*state, ".config/uv/uv.toml",
	    "[[index]]\nurl = 'https://user.test/'\n");
	put(*state, "xdg/uv/uv.toml",
	    "[[index]]\nurl = 'https://system.test/'\n");
	auto_buf struct buf expected = BUF_EMPTY;

	buf_printf(&expected,
		   "#gpu@https://gpu.test/!%s/a/uv.toml\n"
		   "=https://flat.test/!%s/a/uv.toml\n"
		   "https://extra.test/!%s/a/uv.toml\n"
		   "=https://links.test/!%s/a/uv.toml\n"
		   "https://user.test/!%s/.config/uv/uv.toml\n"
		   "https://system.test/!%s/xdg/uv/uv.toml\n"
		   "*https://default.test/!%s/a/uv.toml\n",
		   (char *)*state, (char *)*state, (char *)*state,
		   (char *)*state, (char *)*state, (char *)*state,
		   (char *)*state);
	assert_places(project, buf_text(&expected));
	/* uv.toml hides pyproject.toml beside it; a nearer folder the others.
	 */
	put(*state, "a/b/pyproject.toml",
	    "[tool.uv.pip]\nindex-url = 'https://near.test/'\n");
	buf_clear(&expected);
	buf_printf(&expected,
		   "https://user.test/!%s/.config/uv/uv.toml\n"
		   "https://system.test/!%s/xdg/uv/uv.toml\n"
		   "*https://near.test/!pyproject.toml\n",
		   (char *)*state, (char *)*state);
	assert_places(project, buf_text(&expected));
	put(*state, "a/b/uv.toml", "index-url = './local'\n");
	assert_int_equal(fs_make_dirs(project, 0755, NULL), 0);
	buf_clear(&expected);
	buf_printf(&expected,
		   "https://user.test/!%s/.config/uv/uv.toml\n"
		   "https://system.test/!%s/xdg/uv/uv.toml\n"
		   "*file://%s/./local!uv.toml\n",
		   (char *)*state, (char *)*state, project);
	assert_places(project, buf_text(&expected));
	setenv("UV_NO_CONFIG", "1", 1);
	setenv("UV_INDEX_URL", "https://only.test/", 1);
	assert_places(project, "*https://only.test/!UV_INDEX_URL\n");
	unsetenv("UV_NO_CONFIG");
	unsetenv("UV_INDEX_URL");
	auto_free char *own = path_join(*state, "a/uv.toml");

	put(*state, "a/uv.toml", "index-url = 'https://own.test/'\n");
	setenv("UV_CONFIG_FILE", own, 1);
	buf_clear(&expected);
	buf_printf(&expected, "*https://own.test/!%s\n", own);
	assert_places(project, buf_text(&expected));
}

static void pip_is_read(void **state)
{
	unsetenv("PIP_CONFIG_FILE");
	put(*state, "xdg/pip/pip.conf",
	    "[global]\nindex-url = https://weak.test/simple\n"
	    "extra-index-url =\n"
	    "    https://one.test/simple\n"
	    "    # not this one\n"
	    "    https://two.test/simple\n"
	    "find_links: https://links.test/\n"
	    "timeout = 60\n");
	put(*state, ".config/pip/pip.conf",
	    "; a comment\n[install]\nindex-url=https://strong.test/simple\n"
	    "[global]\nindex-url = https://overridden.test/simple\n"
	    "[list]\nindex-url = https://other-command.test/\n");
	auto_buf struct buf expected = BUF_EMPTY;

	buf_printf(&expected,
		   "https://one.test/simple!xdg/pip/pip.conf\n"
		   "https://two.test/simple!xdg/pip/pip.conf\n"
		   "=https://links.test/!xdg/pip/pip.conf\n"
		   "*https://strong.test/simple!.config/pip/pip.conf\n");
	assert_places(*state, buf_text(&expected));
	setenv("PIP_INDEX_URL", "https://env.test/simple", 1);
	setenv("PIP_EXTRA_INDEX_URL", "https://x.test/\nhttps://y.test/", 1);
	setenv("PIP_FIND_LINKS", "/usr/lib", 1);
	assert_places(*state, "https://x.test/!PIP_EXTRA_INDEX_URL\n"
			      "https://y.test/!PIP_EXTRA_INDEX_URL\n"
			      "=file:///usr/lib!PIP_FIND_LINKS\n"
			      "*https://env.test/simple!PIP_INDEX_URL\n");
	setenv("PIP_CONFIG_FILE", "/dev/null", 1);
	setenv("PIP_NO_INDEX", "1", 1);
	assert_places(*state, "https://x.test/!PIP_EXTRA_INDEX_URL\n"
			      "https://y.test/!PIP_EXTRA_INDEX_URL\n"
			      "=file:///usr/lib!PIP_FIND_LINKS\n");
}

static void the_same_place_is_asked_once(void **state)
{
	setenv("UV_INDEX", "https://a.test/simple/", 1);
	setenv("PIP_EXTRA_INDEX_URL", "https://a.test/simple", 1);
	setenv("PIP_INDEX_URL", "https://b.test/simple", 1);
	assert_places(*state, "https://a.test/simple/!UV_INDEX\n"
			      "*https://b.test/simple!PIP_INDEX_URL\n");
}

static void bad_configuration_is_an_error(void **state)
{
	static const struct {
		const char *file, *text, *message;
	} cases[] = {
		{"uv.toml", "index-url =\n", "uv.toml:1:12: "},
		{"uv.toml", "[[index]]\nname = 'x'\n",
		 "uv.toml:1: an index needs a 'url'"},
		{"uv.toml", "\nextra-index-url = [1]\n",
		 "uv.toml:2: a url is expected"},
		{"uv.toml", "index-url = 'ftp://a.test/'\n",
		 "uv.toml: 'ftp://a.test/' is neither"},
		{".config/pip/pip.conf", "[global]\n\nnothing\n",
		 ".config/pip/pip.conf:3: neither a [section] nor"},
		{".config/pip/pip.conf", "[global]\nindex-url = gopher://x\n",
		 "pip.conf: 'gopher://x' is neither an http"},
	};
	struct pyindex_options options = {.folder = *state};

	unsetenv("PIP_CONFIG_FILE");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pyindex *index = NULL;
		struct error *error = NULL;
		auto_free char *path = path_join(*state, cases[i].file);

		put(*state, cases[i].file, cases[i].text);
		assert_int_equal(pyindex_new(&options, &index, &error), -1);
		assert_int_equal(err_class(error), ERR_ENV);
		assert_error(error, cases[i].message);
		assert_int_equal(unlink(path), 0);
	}
	setenv("UV_CONFIG_FILE", "/nowhere/uv.toml", 1);
	struct pyindex *index = NULL;
	struct error *error = NULL;

	assert_int_equal(pyindex_new(&options, &index, &error), -1);
	assert_error(error, "cannot read UV_CONFIG_FILE '/nowhere/uv.toml'");
}

/* Puts a program into the folder bin that prints this. */
static void put_program(const char *folder, const char *name, const char *text)
{
	auto_buf struct buf script = BUF_EMPTY;
	auto_free char *relative = path_join("bin", name);
	auto_free char *path = path_join(folder, relative);

	buf_printf(&script, "#!/bin/sh\n/bin/cat <<'END'\n%s\nEND\n", text);
	put(folder, relative, buf_text(&script));
	assert_int_equal(chmod(path, 0755), 0);
}

static void programs_are_asked_for_their_default(void **state)
{
	auto_free char *bin = path_join(*state, "bin");
	auto_free char *old = mem_strdup(getenv("PATH"));
	struct pyindex *index = open_index(NULL, *state, NULL, 0);
	const struct pyindex_place *places;
	struct error *error = NULL;
	size_t count;

	assert_int_equal(fs_make_dirs(bin, 0755, NULL), 0);
	setenv("PATH", bin, 1);
	assert_int_equal(pyindex_places(index, &places, &count, &error), -1);
	assert_has(err_hint_text(error), "set UV_DEFAULT_INDEX or");
	assert_error(error, "neither uv nor pip is installed");
	put_program(*state, "pip",
		    "  -i, --index-url <url>  Base URL (default\n"
		    "        https://pip.test/simple). This should");
	/* The same pyindex asks again after a failure. */
	assert_int_equal(pyindex_places(index, &places, &count, NULL), 0);
	assert_string_equal(places[0].url, "https://pip.test/simple");
	assert_string_equal(places[0].source, "pip");
	pyindex_free(index);
	put_program(*state, "uv",
		    "  --emit-index-url\n      https://not-this.test\n"
		    "  --default-index <DEFAULT_INDEX>\n"
		    "      The index (by default: <https://uv.test/simple>)");
	assert_places(*state, "*https://uv.test/simple!uv\n");
	setenv("PATH", old, 1);
}

/* -- pages -- */

struct site {
	const char *type, *page;
	unsigned status;
	bool login;
	struct server *files; /* another host */
};

static void answer_page(struct exchange *exchange)
{
	struct site *site = exchange->server->context;
	struct buf headers = BUF_EMPTY, page = BUF_EMPTY;

	if (site->login && !str_eq(server_header(exchange, "Authorization"),
				   STR("Basic dXNlcjpzZWNyZXQ="))) {
		server_answer(exchange, 401, "", STR_EMPTY);
		return;
	}
	buf_printf(&headers, "Content-Type: %s\r\n", site->type);
	for (const char *p = site->page; *p; p++)
		if (*p == '@')
			buf_printf(&page, "http://127.0.0.1:%u",
				   site->files ? site->files->port : 1);
		else
			buf_append_byte(&page, *p);
	bool there = strcmp(exchange->path, "/simple/demo-pkg/") == 0 ||
		     strcmp(exchange->path, "/flat") == 0;

	server_answer(exchange,
		      site->status ? site->status
		      : there	   ? 200
				   : 404,
		      buf_text(&headers), buf_str(&page));
	buf_release(&headers);
	buf_release(&page);
}

/* Looks the file up with these settings: its url without the server's origin
 * (heap), or NULL with *err. */
static char *look_up(struct site *site, const char *login, const char *path,
		     const char *variable, const struct digest *sha256,
		     struct error **err)
{
	struct server *server = server_new(answer_page, site);
	struct fetch_options options = {.pause_ms = 1};
	struct fetch *fetch = fetch_new(&options);
	auto_buf struct buf text = BUF_EMPTY, origin = BUF_EMPTY;
	char *url = NULL;

	buf_printf(&origin, "http://%s127.0.0.1:%u", login, server->port);
	buf_printf(&text, "%s%s", buf_text(&origin), path);
	setenv(variable, buf_text(&text), 1);
	if (strcmp(variable, "UV_FIND_LINKS") == 0)
		setenv("PIP_NO_INDEX", "yes", 1);
	struct pyindex *index = open_index(fetch, "/", NULL, 0);
	int result = pyindex_url(index, STR("Demo_Pkg"), str_from(file_name),
				 sha256, &url, err);

	assert_int_equal(result, url ? 0 : -1);
	if (url && str_starts(str_from(url), buf_str(&origin)))
		memmove(url, url + origin.n, strlen(url) - origin.n + 1);
	pyindex_free(index);
	fetch_free(fetch);
	server_free(server);
	unsetenv(variable);
	unsetenv("PIP_NO_INDEX");
	return url;
}

static void assert_url(struct site *site, const char *expected)
{
	struct error *error = NULL;
	auto_free char *url =
		look_up(site, "", "/simple", "UV_DEFAULT_INDEX", NULL, &error);

	if (!url)
		fail_msg("%s", err_message(error));
	assert_string_equal(url, expected);
}

static void json_pages_are_read(void **state)
{
	struct site site = {
		.type = "application/vnd.pypi.simple.v1+json",
		.page = "{\"meta\":{\"api-version\":\"1.1\"},\"files\":["
			"{\"filename\":7},{\"url\":\"/none\"},"
			"{\"filename\":\"other.whl\",\"url\":\"/other\"},"
			"{\"filename\":\"demo_pkg-1.0+cpu-py3-none-any.whl\","
			"\"url\":\"../../files/d%2Bcpu.whl\",\"hashes\":{}}]}",
	};

	(void)state;
	assert_url(&site, "/files/d%2Bcpu.whl");
	site.page = "{\"meta\":{\"api-version\":\"1.0\"},\"files\":["
		    "{\"filename\":\"demo_pkg-1.0+cpu-py3-none-any.whl\","
		    "\"url\":\"https://cdn.test/x/d.whl\"}]}";
	assert_url(&site, "https://cdn.test/x/d.whl");
}

static void html_pages_are_read(void **state)
{
	static const struct {
		const char *page, *expected;
	} cases[] = {
		{"<!DOCTYPE html><html><body><!-- <a href='/no/"
		 "demo_pkg-1.0+cpu-py3-none-any.whl'>x</a> -->"
		 "<A class=x HREF=\"f/demo_pkg-1.0%2Bcpu-py3-none-any.whl"
		 "#sha256=00\" data-requires-python=\"&gt;=3.8\">t</A>",
		 "/simple/demo-pkg/f/demo_pkg-1.0%2Bcpu-py3-none-any.whl"},
		{"<base href='https://cdn.test/root/'>"
		 "<a href=demo_pkg-1.0%2Bcpu-py3-none-any.whl>t</a>",
		 "https://cdn.test/root/demo_pkg-1.0%2Bcpu-py3-none-any.whl"},
		{"<a x=1 / y href='/f/demo_pkg-1.0&#43;cpu-py3-none-any.whl"
		 "?a=1&amp;b=2'>t</a>",
		 "/f/demo_pkg-1.0+cpu-py3-none-any.whl?a=1&b=2"},
		{"<a href='ftp://x/demo_pkg-1.0%2Bcpu-py3-none-any.whl'>"
		 "<a href='file:///demo_pkg-1.0%2Bcpu-py3-none-any.whl'>"
		 "<a href='/ok/demo_pkg-1.0%2Bcpu-py3-none-any.whl'>",
		 "/ok/demo_pkg-1.0%2Bcpu-py3-none-any.whl"},
		{"<a><abbr href='/no/demo_pkg-1.0%2Bcpu-py3-none-any.whl'>"
		 "<a href='/ok/demo_pkg-1.0%2Bcpu-py3-none-any.whl'",
		 "/ok/demo_pkg-1.0%2Bcpu-py3-none-any.whl"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct site site = {.type = "text/html; charset=utf-8",
				    .page = cases[i].page};

		assert_url(&site, cases[i].expected);
	}
}

static void broken_pages_are_errors(void **state)
{
	static const struct {
		unsigned status;
		const char *type, *page, *message;
	} cases[] = {
		{200, "application/json", "{\"files\":", "it is not JSON"},
		{200, "application/json", "{}", "it has no list 'files'"},
		{200, "application/json",
		 "{\"meta\":{\"api-version\":\"2.0\"},\"files\":[]}",
		 "version '2.0' of the simple repository API"},
		{200, "text/html", "", "no index has 'demo_pkg-1.0+cpu"},
		{200, "text/html", "<a href='", "no index has 'demo_pkg"},
		{200, "text/html", "<a href", "no index has 'demo_pkg"},
		{200, "text/html", "<", "no index has 'demo_pkg"},
		{404, "text/html", "", "no index has 'demo_pkg"},
		{401, "text/html", "", "the server answers 401"},
		{500, "text/html", "", "the server answers 500"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct site site = {.status = cases[i].status,
				    .type = cases[i].type,
				    .page = cases[i].page};
		struct error *error = NULL;

		assert_null(look_up(&site, "", "/simple", "UV_DEFAULT_INDEX",
				    NULL, &error));
		assert_int_equal(err_class(error), ERR_ENV);
		assert_error(error, cases[i].message);
	}
}

static void a_page_must_agree_with_the_hash(void **state)
{
	struct digest right, wrong = {{1}};
	struct site site = {
		.type = "text/html",
		.page = "<a href='/f/demo_pkg-1.0%2Bcpu-py3-none-any.whl#sha256"
			"=2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043"
			"362938b9824'>",
	};
	struct error *error = NULL;

	(void)state;
	right = digest_of(STR("hello"));
	auto_free char *url = look_up(&site, "", "/simple", "UV_DEFAULT_INDEX",
				      &right, &error);

	assert_non_null(url);
	assert_null(look_up(&site, "", "/simple", "UV_DEFAULT_INDEX", &wrong,
			    &error));
	assert_error(error, "with the expected hash; asked: http://127.0.0.1");
}

static void logins_stay_on_their_host(void **state)
{
	struct site site = {
		.type = "text/html",
		.login = true,
		.page = "<a href='/f/demo_pkg-1.0%2Bcpu-py3-none-any.whl'>",
	};
	struct error *error = NULL;

	(void)state;
	/* look_up takes the origin off only where it has the login. */
	auto_free char *same = look_up(&site, "user:secret@", "/simple",
				       "UV_DEFAULT_INDEX", NULL, &error);

	assert_string_equal(same, "/f/demo_pkg-1.0%2Bcpu-py3-none-any.whl");
	site.page = "<a href='@/f/demo_pkg-1.0%2Bcpu-py3-none-any.whl'>";
	auto_free char *other = look_up(&site, "user:secret@", "/simple",
					"UV_DEFAULT_INDEX", NULL, &error);

	assert_string_equal(
		other,
		"http://127.0.0.1:1/f/demo_pkg-1.0%2Bcpu-py3-none-any.whl");
	assert_null(look_up(&site, "user:wrong@", "/simple", "UV_DEFAULT_INDEX",
			    NULL, &error));
	assert_null(strstr(err_message(error), "wrong"));
	assert_error(error, "the server answers 401 (it wants a login)");
}

static void flat_places_are_searched(void **state)
{
	struct site site = {
		.type = "text/html",
		.page = "<a href='f/demo_pkg-1.0%2Bcpu-py3-none-any.whl'>",
	};
	struct error *error = NULL;
	struct pyindex *index;
	char *url = NULL;
	auto_free char *page =
		look_up(&site, "", "/flat", "UV_FIND_LINKS", NULL, &error);

	assert_string_equal(page, "/f/demo_pkg-1.0%2Bcpu-py3-none-any.whl");
	put(*state, file_name, "a wheel");
	setenv("UV_FIND_LINKS", *state, 1);
	setenv("PIP_NO_INDEX", "1", 1);
	index = open_index(NULL, *state, NULL, 0);
	assert_int_equal(pyindex_url(index, STR("demo-pkg"),
				     str_from(file_name), NULL, &url, NULL),
			 0);
	assert_has(url, "demo_pkg-1.0%2Bcpu-py3-none-any.whl");
	assert_true(str_starts(str_from(url), STR("file:///")));
	free(url);
	assert_int_equal(pyindex_url(index, STR("demo-pkg"), STR("../passwd"),
				     NULL, &url, &error),
			 -1);
	assert_error(error, "is not the name of a file");
	pyindex_free(index);
}

static void a_local_simple_index_is_read(void **state)
{
	struct fetch *fetch = fetch_new(NULL);
	auto_free char *simple = path_join(*state, "simple");
	char *url = NULL;

	put(*state, "simple/demo-pkg/index.html",
	    "<a href='../../demo_pkg-1.0%2Bcpu-py3-none-any.whl'>");
	setenv("PIP_INDEX_URL", simple, 1);
	struct pyindex *index = open_index(fetch, *state, NULL, 0);

	assert_int_equal(pyindex_url(index, STR("demo.pkg"),
				     str_from(file_name), NULL, &url, NULL),
			 0);
	auto_free char *expected =
		path_printf("file://%s/demo_pkg-1.0%%2Bcpu-py3-none-any.whl",
			    (char *)*state);

	assert_string_equal(url, expected);
	free(url);
	pyindex_free(index);
	fetch_free(fetch);
}

static void bound_packages_come_from_their_index(void **state)
{
	struct site bound = {
		.type = "text/html",
		.login = true,
		.page = "<a href='/b/demo_pkg-1.0%2Bcpu-py3-none-any.whl'>",
	};
	struct site other = {.type = "text/html", .page = ""};
	struct server *first = server_new(answer_page, &bound);
	struct server *second = server_new(answer_page, &other);
	struct fetch *fetch = fetch_new(NULL);
	auto_free char *url = server_url(first, "/simple/");
	auto_free char *elsewhere = server_url(second, "/simple/");
	struct pyindex_binding binding = {STR("demo.PKG"), str_from(url)};
	auto_buf struct buf config = BUF_EMPTY, expected = BUF_EMPTY;
	char *found = NULL;

	/* The login is that of the explicit index of the same url. */
	buf_printf(&config,
		   "[[index]]\nname = 'the-gpu'\nurl = '%s'\n"
		   "explicit = true\n",
		   url);
	put(*state, "uv.toml", buf_text(&config));
	setenv("UV_INDEX_THE_GPU_USERNAME", "user", 1);
	setenv("UV_INDEX_THE_GPU_PASSWORD", "secret", 1);
	setenv("UV_DEFAULT_INDEX", elsewhere, 1);
	struct pyindex *index = open_index(fetch, *state, &binding, 1);

	assert_int_equal(pyindex_url(index, STR("demo-pkg"),
				     str_from(file_name), NULL, &found, NULL),
			 0);
	buf_printf(&expected,
		   "http://user:secret@127.0.0.1:%u/b/"
		   "demo_pkg-1.0%%2Bcpu-py3-none-any.whl",
		   first->port);
	assert_string_equal(found, buf_text(&expected));
	free(found);
	assert_int_equal(atomic_load(&second->requests), 0);
	unsigned before = atomic_load(&first->requests);

	/* Another package is not looked for on an explicit index. */
	assert_int_equal(pyindex_url(index, STR("other"), STR("o.whl"), NULL,
				     &found, NULL),
			 -1);
	assert_int_equal(atomic_load(&first->requests), before);
	assert_int_equal(atomic_load(&second->requests), 1);
	pyindex_free(index);
	fetch_free(fetch);
	server_free(first);
	server_free(second);
}

static void a_bad_binding_is_an_error(void **state)
{
	struct pyindex_binding binding = {STR("torch"), STR("ftp://x/")};
	struct pyindex_options options = {NULL, *state, &binding, 1};
	struct pyindex *index = NULL;
	struct error *error = NULL;

	assert_int_equal(pyindex_new(&options, &index, &error), -1);
	assert_int_equal(err_class(error), ERR_FLEET);
	assert_error(error, "the index of 'torch', 'ftp://x/', is neither");
}

static int look_up_task(void *argument, struct error **err)
{
	char *url = NULL;
	int result = pyindex_url(argument, STR("demo-pkg"), str_from(file_name),
				 NULL, &url, err);

	free(url);
	return result;
}

static void threads_share_pages(void **state)
{
	struct site site = {
		.type = "text/html",
		.page = "<a href='/f/demo_pkg-1.0%2Bcpu-py3-none-any.whl'>",
	};
	struct server *server = server_new(answer_page, &site);
	struct fetch *fetch = fetch_new(NULL);
	struct pool *pool = pool_new(8, 0);
	auto_free char *url = server_url(server, "/simple");

	setenv("UV_DEFAULT_INDEX", url, 1);
	struct pyindex *index = open_index(fetch, *state, NULL, 0);

	for (int i = 0; i < 16; i++)
		pool_add(pool, &(struct pool_task){.run = look_up_task,
						   .argument = index});
	assert_int_equal(pool_run(pool), 0);
	assert_int_equal(atomic_load(&server->requests), 1);
	pool_free(pool);
	pyindex_free(index);
	fetch_free(fetch);
	server_free(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(uv_variables_are_read),
		TEST(uv_files_are_read),
		TEST(pip_is_read),
		TEST(the_same_place_is_asked_once),
		TEST(bad_configuration_is_an_error),
		TEST(programs_are_asked_for_their_default),
		TEST(json_pages_are_read),
		TEST(html_pages_are_read),
		TEST(broken_pages_are_errors),
		TEST(a_page_must_agree_with_the_hash),
		TEST(logins_stay_on_their_host),
		TEST(flat_places_are_searched),
		TEST(a_local_simple_index_is_read),
		TEST(bound_packages_come_from_their_index),
		TEST(a_bad_binding_is_an_error),
		TEST(threads_share_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
