/* registry: references, challenges, logins, and what servers may answer. */
#include "test.h"

#include "codec/oci.h"
#include "facts/store.h"
#include "http_server.h"
#include "parts/fetch.h"
#include "parts/registry.h"
#include "parts/registry/internal.h"

/* -- references -- */

static void references_are_read_as_docker_reads_them(void **state)
{
	static const struct {
		const char *text, *host, *repository, *tag;
	} cases[] = {
		{"python", "docker.io", "library/python", "latest"},
		{"python:3.10-slim", "docker.io", "library/python",
		 "3.10-slim"},
		{"acme/base:1", "docker.io", "acme/base", "1"},
		{"docker.io/library/python:3.10", "docker.io", "library/python",
		 "3.10"},
		{"index.docker.io/python", "docker.io", "library/python",
		 "latest"},
		{"reg.example.org/a/b__c/d-e.f:V1_2", "reg.example.org",
		 "a/b__c/d-e.f", "V1_2"},
		{"localhost/x", "localhost", "x", "latest"},
		{"localhost:5000/x:y", "localhost:5000", "x", "y"},
		{"127.0.0.1:5000/a/b", "127.0.0.1:5000", "a/b", "latest"},
		{"[::1]:5000/a", "[::1]:5000", "a", "latest"},
		{"MyHost/a", "MyHost", "a", "latest"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_arena struct arena arena = ARENA_EMPTY;
		struct registry_reference reference;
		struct error *err = NULL;

		assert_done(registry_reference_parse(str_from(cases[i].text),
						     &arena, &reference, &err),
			    err);
		assert_string_equal(reference.host.p, cases[i].host);
		assert_string_equal(reference.repository.p,
				    cases[i].repository);
		assert_string_equal(reference.tag.p, cases[i].tag);
	}
}

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void a_digest_stands_alone_or_beside_a_tag(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct registry_reference reference;

	(void)state;
	assert_int_equal(registry_reference_parse(STR("python@sha256:" HEX),
						  &arena, &reference, NULL),
			 0);
	assert_int_equal(reference.tag.n, 0);
	assert_str(registry_reference_path(&reference, &arena),
		   "library/python@sha256:" HEX);
	assert_int_equal(
		registry_reference_parse(STR("a.b/python:3@sha256:" HEX),
					 &arena, &reference, NULL),
		0);
	assert_str(registry_reference_path(&reference, &arena),
		   "python:3@sha256:" HEX);
}

static void what_names_no_image_is_refused(void **state)
{
	static const char *const cases[] = {
		"",
		"Python",
		"a//b",
		"a/",
		"/a",
		"a..b",
		"a___b",
		"-a",
		"a-",
		"a:",
		"a:-x",
		"a:x/y z",
		"a@sha256:12",
		"a@sha512:00",
		"a b",
		"../etc",
		"host:99999/a",
		"host:/a",
		"[::1/a",
		"ho_st.x/a",
		"https://reg.example.org/a",
		"a-.b/c",
		".a/c",
		"a..b/c",
		"[::x]/a",
		"[::1]5/a",
		"a:0/b",
		"a\nb",
		"reg.example.org/../../v",
		"reg.example.org:80x/a",
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_arena struct arena arena = ARENA_EMPTY;
		struct registry_reference reference;
		struct error *err = NULL;

		if (registry_reference_parse(str_from(cases[i]), &arena,
					     &reference, &err) == 0)
			fail_msg("'%s' was taken", cases[i]);
		assert_error(&err, ERR_FLEET, "names no image");
	}
}

static void loopback_is_this_machine(void **state)
{
	(void)state;
	assert_true(registry_is_loopback(STR("localhost")));
	assert_true(registry_is_loopback(STR("localhost:5000")));
	assert_true(registry_is_loopback(STR("127.0.0.1:5000")));
	assert_true(registry_is_loopback(STR("127.1.2.3")));
	assert_true(registry_is_loopback(STR("[::1]:5000")));
	assert_false(registry_is_loopback(STR("127.0.0.1.example.org")));
	assert_false(registry_is_loopback(STR("localhost.example.org:80")));
	assert_false(registry_is_loopback(STR("[::1].example.org")));
	assert_false(registry_is_loopback(STR("[::12]:80")));
	assert_false(registry_is_loopback(STR("10.0.0.1")));
}

/* -- challenges -- */

static void challenges_are_read(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct registry_challenge challenge;

	(void)state;
	assert_true(registry_challenge_parse(
		STR("Bearer realm=\"https://auth/token?a=b,c\",service=reg, "
		    "scope=\"repository:a/b:pull\" , error=\"x\""),
		&arena, &challenge));
	assert_true(challenge.is_bearer);
	assert_str(challenge.realm, "https://auth/token?a=b,c");
	assert_str(challenge.service, "reg");
	assert_str(challenge.scope, "repository:a/b:pull");
	/* Bearer is better than Basic, wherever it stands. */
	assert_true(registry_challenge_parse(
		STR("Basic realm=\"a \\\"b\\\"\", bearer REALM = \"r\""),
		&arena, &challenge));
	assert_true(challenge.is_bearer);
	assert_str(challenge.realm, "r");
	assert_true(registry_challenge_parse(
		STR("Negotiate, Basic realm=\"a \\\"b\\\"\""), &arena,
		&challenge));
	assert_false(challenge.is_bearer);
	assert_str(challenge.realm, "a \"b\"");
}

static void what_is_no_challenge_is_none(void **state)
{
	static const char *const cases[] = {
		"",
		",,,",
		"Negotiate",
		"Bearer",
		"Bearer realm=\"x",
		"Bearer realm",
		"Bearer realm=",
		"=\"a\"",
		"Digest realm=\"Basic\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_arena struct arena arena = ARENA_EMPTY;
		struct registry_challenge challenge;

		if (registry_challenge_parse(str_from(cases[i]), &arena,
					     &challenge))
			fail_msg("'%s' was taken", cases[i]);
	}
}

/* -- logins -- */

static char *write_config(void **state, const char *text)
{
	char *path = path_join(*state, "config.json");

	assert_int_equal(fs_write_file(path, str_from(text), 0600, NULL), 0);
	return path;
}

static struct registry_login find(const char *config, const char *host,
				  struct arena *arena)
{
	struct registry_login login;
	struct error *err = NULL;

	assert_done(registry_login_find(config, str_from(host), arena, &login,
					&err),
		    err);
	return login;
}

static void logins_are_those_of_docker(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	/* "me:s:ecret", "hub:x" */
	auto_free char *config = write_config(
		state, "{\"auths\":{\"reg.example.org\":{\"auth\":"
		       "\"bWU6czplY3JldA==\"},"
		       "\"https://index.docker.io/v1/\":{\"auth\":"
		       "\"aHViOng=\"},\"https://old.example.org/v2/\":"
		       "{\"username\":\"u\",\"password\":\"p\"},"
		       "\"id.example.org\":{\"identitytoken\":\"tok\"},"
		       "\"bad.example.org\":{\"auth\":\"=\"}}}");

	struct registry_login login = find(config, "reg.example.org", &arena);

	assert_str(login.user, "me");
	assert_str(login.password, "s:ecret");
	login = find(config, "docker.io", &arena);
	assert_str(login.user, "hub");
	login = find(config, "old.example.org", &arena);
	assert_str(login.password, "p");
	login = find(config, "id.example.org", &arena);
	assert_str(login.identity_token, "tok");
	assert_int_equal(find(config, "bad.example.org", &arena).user.n, 0);
	assert_int_equal(find(config, "io", &arena).user.n, 0);
	assert_int_equal(find(config, "reg.example.org:443", &arena).user.n, 0);
	assert_int_equal(
		find("/nowhere/c.json", "reg.example.org", &arena).user.n, 0);
}

static void helpers_are_asked(void **state)
{
	static const char program[] =
		"#!/bin/sh\nread server\n[ \"$1\" = get ] || exit 2\n"
		"[ \"$server\" = none ] && exit 1\n"
		"user=me; [ \"$server\" = id ] && user='<token>'\n"
		"printf '{\"Username\":\"%s\",\"Secret\":\"for %s\"}' "
		"\"$user\" "
		"\"$server\"\n";
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_free char *helper =
		path_join(*state, "docker-credential-slipway-test");
	auto_free char *config = write_config(
		state, "{\"credHelpers\":{\"one.example.org\":"
		       "\"../../bin/sh\"},\"credsStore\":\"slipway-test\"}");
	auto_free char *old = mem_strdup(getenv("PATH"));
	auto_free char *path = path_printf("%s:%s", (char *)*state, old);
	struct registry_login login;
	struct error *err = NULL;

	assert_int_equal(fs_write_file(helper, str_from(program), 0755, NULL),
			 0);
	setenv("PATH", path, 1);
	assert_str(find(config, "a.b", &arena).password, "for a.b");
	assert_str(find(config, "docker.io", &arena).password,
		   "for https://index.docker.io/v1/");
	assert_str(find(config, "id", &arena).identity_token, "for id");
	assert_int_equal(find(config, "none", &arena).user.n, 0);
	assert_int_equal(registry_login_find(config, STR("one.example.org"),
					     &arena, &login, &err),
			 -1);
	assert_error(&err, ERR_ENV, "is no name of a login helper");
	setenv("PATH", old, 1);
}

/* -- answers -- */

#define MANIFEST "{\"schemaVersion\":2}"

struct scene {
	struct server *server, *other;
	struct fetch *fetch;
	struct registry *registry;
	struct store *store;
	unsigned status;	  /* of the manifest */
	const char *headers;	  /* with it */
	struct str body;	  /* of it */
	const char *wanted_login; /* of the token server, or NULL: no login */
	bool leaked;		  /* a login came where it must not */
	unsigned tokens;
};

static void answer_other(struct exchange *exchange)
{
	struct scene *scene = exchange->server->context;

	scene->leaked |= server_header(exchange, "Authorization").n > 0;
	server_answer(exchange, 200, "", STR("blob"));
}

static void answer_token(struct exchange *exchange, struct scene *scene)
{
	struct str given = server_header(exchange, "Authorization");

	if (scene->wanted_login && scene->wanted_login[0] &&
	    !str_eq(given, str_from(scene->wanted_login)))
		server_answer(exchange, 401, "", STR(""));
	else if (!strstr(exchange->path,
			 "scope=repository%3Alibrary%2Fx%3Apull"))
		server_answer(exchange, 400, "", STR(""));
	else
		server_answer(exchange, 200, "",
			      STR("{\"access_token\":\"abc\"}"));
	scene->tokens++;
}

static void answer(struct exchange *exchange)
{
	struct scene *scene = exchange->server->context;
	auto_buf struct buf header = BUF_EMPTY;

	if (strncmp(exchange->path, "/token", 6) == 0) {
		answer_token(exchange, scene);
	} else if (scene->wanted_login &&
		   !str_eq(server_header(exchange, "Authorization"),
			   STR("Bearer abc"))) {
		buf_printf(&header,
			   "WWW-Authenticate: Bearer "
			   "realm=\"http://127.0.0.1:%u/token\",service=\"s\""
			   "\r\n",
			   scene->server->port);
		server_answer(exchange, 401, buf_text(&header), STR(""));
	} else if (strcmp(exchange->path, "/v2/") == 0) {
		server_answer(exchange, 200, "", STR("{}"));
	} else if (strstr(exchange->path, "/blobs/")) {
		buf_printf(&header, "Location: http://127.0.0.1:%u/cdn\r\n",
			   scene->other->port);
		server_answer(exchange, 307, buf_text(&header), STR(""));
	} else {
		server_answer(exchange, scene->status, scene->headers,
			      scene->body);
	}
}

static void scene_start(struct scene *scene, const char *folder,
			const char *config)
{
	struct fetch_options quick = {.pause_ms = 1, .stall_ms = 1000};
	auto_free char *store = path_join(folder, "store");

	scene->status = scene->status ? scene->status : 200;
	scene->headers = scene->headers ? scene->headers : "";
	scene->body = scene->body.n ? scene->body : STR(MANIFEST);
	scene->server = server_new(answer, scene);
	scene->other = server_new(answer_other, scene);
	scene->fetch = fetch_new(&quick);
	struct registry_options options = {
		.fetch = scene->fetch,
		.insecure = "",
		.config = config ? config : "/nowhere/config.json",
	};

	scene->registry = registry_new(&options);
	assert_int_equal(store_open(store, &scene->store, NULL), 0);
}

static void scene_end(struct scene *scene)
{
	registry_free(scene->registry);
	fetch_free(scene->fetch);
	store_close(scene->store);
	server_free(scene->server);
	server_free(scene->other);
}

static int ask(struct scene *scene, const struct digest *wanted,
	       struct buf *body, struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_free char *text =
		path_printf("127.0.0.1:%u/library/x:1", scene->server->port);
	struct registry_reference reference;
	struct str type;
	struct digest digest;

	assert_int_equal(registry_reference_parse(str_from(text), &arena,
						  &reference, NULL),
			 0);
	if (wanted)
		reference.digest = *wanted;
	return registry_document(scene->registry, &reference, &arena, body,
				 &type, &digest, err);
}

static void bad_answers_are_explained(void **state)
{
	struct digest other = digest_of(STR("other"));
	struct digest_text text = digest_text(&other);
	auto_free char *wrong =
		path_printf("Docker-Content-Digest: %s\r\n", text.p);
	auto_free char *large = mem_zalloc(OCI_MAX_BYTES + 1, 1);
	const struct {
		unsigned status;
		const char *headers;
		struct str body;
		bool by_digest;
		enum error_class class;
		const char *message, *hint;
	} cases[] = {
		{401, "", STR("no"), false, ERR_ENV, "refuses to show",
		 "log in first: docker login 127.0.0.1:"},
		{403, "", STR("no"), false, ERR_ENV, "status 403", "log in"},
		{404, "", STR("no"), false, ERR_FLEET,
		 "has no image 'library/x:1'", "check the name and the tag"},
		{429, "Retry-After: 0\r\n", STR("no"), false, ERR_ENV,
		 "wants fewer requests", "wait, or log in"},
		{503, "", STR("no"), false, ERR_ENV, "answers 503",
		 "try again later"},
		{418, "", STR("no"), false, ERR_ENV, "answers 418",
		 "it may be no registry"},
		{200, wrong, STR(MANIFEST), false, ERR_ENV, "is expected",
		 "changed in the registry or on the way"},
		{200, "", STR(MANIFEST), true, ERR_ENV, "is expected",
		 "nothing of it is used"},
		{200, "", str_of(large, OCI_MAX_BYTES + 1), false, ERR_ENV,
		 "is larger than 4.2 MB", ""},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct scene scene = {
			.status = cases[i].status,
			.headers = cases[i].headers,
			.body = cases[i].body,
		};
		auto_buf struct buf body = BUF_EMPTY;
		struct error *err = NULL;

		scene_start(&scene, *state, NULL);
		assert_int_equal(ask(&scene, cases[i].by_digest ? &other : NULL,
				     &body, &err),
				 -1);
		if (!strstr(err_hint_text(err), cases[i].hint))
			fail_msg("case %zu: hint '%s'", i, err_hint_text(err));
		assert_error(&err, cases[i].class, cases[i].message);
		scene_end(&scene);
	}
}

static void a_token_is_fetched_once_and_kept(void **state)
{
	struct scene scene = {.wanted_login = ""};
	auto_buf struct buf body = BUF_EMPTY;
	struct error *err = NULL;

	scene_start(&scene, *state, NULL);
	assert_done(ask(&scene, NULL, &body, &err), err);
	assert_done(ask(&scene, NULL, &body, &err), err);
	assert_str(buf_str(&body), MANIFEST MANIFEST);
	assert_int_equal(scene.tokens, 1);
	scene_end(&scene);
}

static void a_token_server_wants_the_right_login(void **state)
{
	struct scene scene = {.wanted_login = "Basic bWU6c2VjcmV0"};
	auto_buf struct buf body = BUF_EMPTY, text = BUF_EMPTY;
	auto_free char *config = path_join(*state, "config.json");
	struct error *err = NULL;

	scene_start(&scene, *state, config);
	assert_int_equal(ask(&scene, NULL, &body, &err), -1);
	assert_non_null(strstr(err_hint_text(err), "log in first"));
	assert_error(&err, ERR_ENV, "refuses to show");
	buf_printf(&text,
		   "{\"auths\":{\"127.0.0.1:%u\":{\"auth\":\"bWU6c2VjcmV0\"}}}",
		   scene.server->port);
	assert_int_equal(fs_write_file(config, buf_str(&text), 0600, NULL), 0);
	assert_done(ask(&scene, NULL, &body, &err), err);
	buf_clear(&text);
	buf_printf(&text,
		   "{\"auths\":{\"127.0.0.1:%u\":{\"auth\":\"bWU6b3RoZXI=\"}}}",
		   scene.server->port);
	assert_int_equal(fs_write_file(config, buf_str(&text), 0600, NULL), 0);
	struct registry_options options = {
		.fetch = scene.fetch,
		.config = config,
	};

	registry_free(scene.registry);
	scene.registry = registry_new(&options);
	assert_int_equal(ask(&scene, NULL, &body, &err), -1);
	assert_non_null(strstr(err_hint_text(err), "is not accepted"));
	assert_error(&err, ERR_ENV, "refuses to show");
	scene_end(&scene);
}

static void a_login_stays_with_its_host(void **state)
{
	struct scene scene = {.wanted_login = ""};
	auto_arena struct arena arena = ARENA_EMPTY;
	struct registry_reference reference;
	struct digest digest = digest_of(STR("blob"));
	struct error *err = NULL;

	scene_start(&scene, *state, NULL);
	auto_free char *text =
		path_printf("127.0.0.1:%u/library/x:1", scene.server->port);

	assert_int_equal(registry_reference_parse(str_from(text), &arena,
						  &reference, NULL),
			 0);
	assert_done(registry_blob(scene.registry, scene.store, &reference,
				  &digest, 4, "blob", &err),
		    err);
	assert_true(store_has(scene.store, &digest));
	assert_false(scene.leaked);
	assert_int_equal(scene.other->requests, 1);
	digest = digest_of(STR("another"));
	assert_int_equal(registry_blob(scene.registry, scene.store, &reference,
				       &digest, 4, "blob", &err),
			 -1);
	assert_error(&err, ERR_ENV, "what http://127.0.0.1:");
	assert_false(store_has(scene.store, &digest));
	scene_end(&scene);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_are_read_as_docker_reads_them),
		cmocka_unit_test(a_digest_stands_alone_or_beside_a_tag),
		cmocka_unit_test(what_names_no_image_is_refused),
		cmocka_unit_test(loopback_is_this_machine),
		cmocka_unit_test(challenges_are_read),
		cmocka_unit_test(what_is_no_challenge_is_none),
		TEST(logins_are_those_of_docker),
		TEST(helpers_are_asked),
		TEST(bad_answers_are_explained),
		TEST(a_token_is_fetched_once_and_kept),
		TEST(a_token_server_wants_the_right_login),
		TEST(a_login_stays_with_its_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
