/* fetch: requests, against a server that does what servers do on bad days. */
#include "fetch_scene.h"

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* One GET with options: 0 or -1; the response's status and body are given. */
static int get(const struct fetch_options *options, const char *url,
	       struct fetch_response *response, struct error **err)
{
	struct fetch *fetch = fetch_new(options);
	struct fetch_request request = {.url = url};
	int result = fetch_bytes(fetch, &request, response, err);

	fetch_free(fetch);
	return result;
}

/* The same from a server of its own. */
static int get_from(server_handler *handler, struct scene *scene,
		    const char *path, struct fetch_response *response,
		    struct error **err)
{
	struct server *server = server_new(handler, scene);
	auto_free char *url = server_url(server, path);
	int result = get(&quick, url, response, err);

	server_free(server);
	return result;
}

/* -- requests -- */

static void a_body_comes(void **state)
{
	struct scene scene = {.headers = ""};
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;

	(void)state;
	assert_int_equal(get_from(answer_status, &scene, "/a?token=secret",
				  &response, NULL),
			 0);
	assert_int_equal(response.status, 200);
	assert_true(str_eq(buf_str(&response.body), STR("yes")));
	assert_true(str_eq(fetch_header(&response, "x-kind"), STR("test")));
	assert_int_equal(fetch_header(&response, "absent").n, 0);
	assert_null(strstr(response.url, "secret"));
}

static void temporary_failures_are_tried_again(void **state)
{
	static const unsigned temporary[] = {408, 425, 429, 500, 502, 503, 504};

	(void)state;
	for (size_t i = 0; i < sizeof temporary / sizeof *temporary; i++) {
		struct scene scene = {
			.status = temporary[i], .failures = 3, .headers = ""};
		auto_fetch_response struct fetch_response response =
			FETCH_RESPONSE_EMPTY;

		assert_int_equal(
			get_from(answer_status, &scene, "/", &response, NULL),
			0);
		assert_int_equal(atomic_load(&scene.calls), 4);
		assert_true(str_eq(buf_str(&response.body), STR("yes")));
	}
}

static void attempts_are_bounded(void **state)
{
	struct scene scene = {.status = 503, .failures = 99, .headers = ""};
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;
	struct error *error = NULL;

	(void)state;
	assert_int_equal(
		get_from(answer_status, &scene, "/page", &response, &error),
		-1);
	assert_int_equal(atomic_load(&scene.calls), 5);
	assert_int_equal(response.status, 503);
	assert_int_equal(err_class(error), ERR_ENV);
	assert_has(err_message(error), "/page: ");
	assert_error(error, "the server answers 503 (it failed itself)");
}

static void refusals_are_final_and_explained(void **state)
{
	static const struct {
		unsigned status;
		const char *message, *hint;
	} cases[] = {
		{400, "answers 400 (it refuses this)", ""},
		{401, "answers 401 (it wants a login)", "~/.netrc"},
		{403, "answers 403 (the login", "check the login"},
		{404, "answers 404 (it does not have this)", ""},
		{407, "answers 407 (the proxy wants a login)", "https_proxy"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct scene scene = {.status = cases[i].status,
				      .failures = 99,
				      .headers = ""};
		struct server *server = server_new(answer_status, &scene);
		auto_free char *url = server_url(server, "/");
		auto_fetch_response struct fetch_response response =
			FETCH_RESPONSE_EMPTY;
		struct error *error = NULL;

		assert_int_equal(get(&quick, url, &response, &error), -1);
		assert_int_equal(atomic_load(&scene.calls), 1);
		assert_has(err_hint_text(error), cases[i].hint);
		assert_error(error, cases[i].message);
		server_free(server);
	}
}

static void fetch_send_gives_refusals_to_the_caller(void **state)
{
	struct scene scene = {.status = 401,
			      .failures = 99,
			      .headers = "WWW-Authenticate: Bearer x\r\n"};
	struct server *server = server_new(answer_status, &scene);
	auto_free char *url = server_url(server, "/");
	struct fetch *fetch = fetch_new(&quick);
	struct fetch_request request = {.url = url};
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;

	(void)state;
	assert_int_equal(fetch_send(fetch, &request, &response, NULL), 0);
	assert_int_equal(response.status, 401);
	assert_true(str_eq(fetch_header(&response, "WWW-Authenticate"),
			   STR("Bearer x")));
	fetch_free(fetch);
	server_free(server);
}

static void retry_after_is_kept(void **state)
{
	struct scene scene = {
		.status = 429, .failures = 1, .headers = "Retry-After: 1\r\n"};
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;
	double start = seconds_now();

	(void)state;
	assert_int_equal(get_from(answer_status, &scene, "/", &response, NULL),
			 0);
	assert_true(seconds_now() - start >= 0.95);
}

static void a_long_retry_after_is_an_error(void **state)
{
	struct scene scene = {.status = 429,
			      .failures = 9,
			      .headers = "Retry-After: 86400\r\n"};
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;
	struct error *error = NULL;

	(void)state;
	assert_int_equal(
		get_from(answer_status, &scene, "/", &response, &error), -1);
	assert_int_equal(atomic_load(&scene.calls), 1);
	assert_error(error, "429 (it wants fewer requests)");
}

static void answer_echo(struct exchange *exchange)
{
	struct buf body = BUF_EMPTY;
	struct str length = server_header(exchange, "Content-Length");
	uint64_t n = 0;
	char byte;

	buf_printf(&body, "%s " STR_FMT " ", exchange->method,
		   STR_ARG(server_header(exchange, "X-Test")));
	str_to_u64(length, &n);
	for (; n && recv(exchange->fd, &byte, 1, 0) == 1; n--)
		buf_append_byte(&body, byte);
	server_answer(exchange, 200, "", buf_str(&body));
	buf_release(&body);
}

static void methods_headers_and_bodies_are_sent(void **state)
{
	struct server *server = server_new(answer_echo, NULL);
	auto_free char *url = server_url(server, "/");
	struct fetch *fetch = fetch_new(&quick);
	const char *headers[] = {"X-Test: value", NULL};
	struct fetch_request request = {.url = url, .headers = headers};
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;

	(void)state;
	assert_int_equal(fetch_bytes(fetch, &request, &response, NULL), 0);
	assert_true(str_eq(buf_str(&response.body), STR("GET value ")));
	request.method = "POST";
	request.body = STR("a=b");
	assert_int_equal(fetch_bytes(fetch, &request, &response, NULL), 0);
	assert_true(str_eq(buf_str(&response.body), STR("POST value a=b")));
	request.method = "PUT";
	assert_int_equal(fetch_bytes(fetch, &request, &response, NULL), 0);
	assert_true(str_eq(buf_str(&response.body), STR("PUT value a=b")));
	request.method = "HEAD";
	request.body = STR_EMPTY;
	assert_int_equal(fetch_bytes(fetch, &request, &response, NULL), 0);
	assert_int_equal(response.body.n, 0);
	assert_true(
		str_eq(fetch_header(&response, "content-length"), STR("11")));
	fetch_free(fetch);
	server_free(server);
}

static void a_body_above_its_bound_is_an_error(void **state)
{
	struct server *server = server_new(answer_large, NULL);
	auto_free char *url = server_url(server, "/");
	struct fetch *fetch = fetch_new(&quick);
	struct fetch_request request = {.url = url, .max_bytes = BODY_BYTES};
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;
	struct error *error = NULL;

	(void)state;
	assert_int_equal(fetch_bytes(fetch, &request, &response, NULL), 0);
	assert_true(str_eq(buf_str(&response.body), whole()));
	request.max_bytes--;
	assert_int_equal(fetch_bytes(fetch, &request, &response, &error), -1);
	assert_error(error, "is larger than 3.0 MB");
	fetch_free(fetch);
	server_free(server);
}

static void answer_kept(struct exchange *exchange)
{
	exchange->keep = true;
	server_answer(exchange, 200, "", STR("yes"));
}

static void connections_are_reused(void **state)
{
	struct server *server = server_new(answer_kept, NULL);
	auto_free char *url = server_url(server, "/");
	struct fetch *fetch = fetch_new(&quick);
	struct fetch_request request = {.url = url};

	(void)state;
	for (int i = 0; i < 10; i++) {
		auto_fetch_response struct fetch_response response =
			FETCH_RESPONSE_EMPTY;

		assert_int_equal(fetch_bytes(fetch, &request, &response, NULL),
				 0);
	}
	assert_int_equal(atomic_load(&server->requests), 10);
	assert_int_equal(atomic_load(&server->accepted), 1);
	fetch_free(fetch);
	server_free(server);
}

static void answer_never(struct exchange *exchange)
{
	struct scene *scene = exchange->server->context;

	if (atomic_fetch_add(&scene->calls, 1) < scene->failures)
		usleep(2500000);
	else
		server_answer(exchange, 200, "", STR("yes"));
}

static void silence_is_a_lost_connection(void **state)
{
	struct scene scene = {.failures = 1};
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;

	(void)state;
	assert_int_equal(get_from(answer_never, &scene, "/", &response, NULL),
			 0);
	assert_int_equal(atomic_load(&scene.calls), 2);
}

static void nobody_there_is_an_error(void **state)
{
	struct server *server = server_new(answer_kept, NULL);
	auto_free char *url = server_url(server, "/x");
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;
	struct error *error = NULL;

	(void)state;
	/* From now on nobody listens on its port. */
	server_free(server);
	assert_int_equal(get(&quick, url, &response, &error), -1);
	assert_int_equal(err_class(error), ERR_ENV);
	assert_has(err_hint_text(error), "check the network");
	assert_error(error, "/x: ");
}

static void offline_asks_nobody(void **state)
{
	struct scene scene = {.headers = ""};
	struct server *server = server_new(answer_status, &scene);
	auto_free char *url = server_url(server, "/x");
	struct fetch_options options = {.offline = true};
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;
	struct error *error = NULL;

	(void)state;
	assert_int_equal(get(&options, url, &response, &error), -1);
	assert_error(error, "--offline forbids");
	assert_int_equal(atomic_load(&scene.calls), 0);
	server_free(server);
}

static void only_known_schemes_are_fetched(void **state)
{
	static const char *const urls[] = {"ftp://127.0.0.1/x", "gopher://x/",
					   "/etc/passwd", "", "dict://x/"};

	(void)state;
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		auto_fetch_response struct fetch_response response =
			FETCH_RESPONSE_EMPTY;
		struct error *error = NULL;

		assert_int_equal(get(&quick, urls[i], &response, &error), -1);
		assert_error(error, "only http, https and file");
	}
}

/* -- credentials -- */

static void answer_redirect(struct exchange *exchange)
{
	struct scene *scene = exchange->server->context;
	auto_free char *url = server_url(scene->other, "/final");
	struct buf header = BUF_EMPTY;

	if (server_header(exchange, "Authorization").n)
		atomic_fetch_add(&scene->calls, 1);
	buf_printf(&header, "Location: %s\r\n", url);
	server_answer(exchange, 302, buf_text(&header), STR_EMPTY);
	buf_release(&header);
}

static void answer_unless_leaked(struct exchange *exchange)
{
	struct scene *scene = exchange->server->context;

	if (server_header(exchange, "Authorization").n ||
	    server_header(exchange, "Cookie").n)
		atomic_store(&scene->leaked, true);
	server_answer(exchange, 200, "", STR("there"));
}

/* Follows a redirect from one port to another with these credentials: they
 * must come to the first and not to the second. */
static void follow(const char *login, const char *header)
{
	struct scene scene = {0};
	struct server *second = server_new(answer_unless_leaked, &scene);
	struct server *first = server_new(answer_redirect, &scene);
	struct fetch *fetch = fetch_new(&quick);
	const char *headers[] = {header, NULL};
	auto_buf struct buf url = BUF_EMPTY;
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;

	scene.other = second;
	buf_printf(&url, "http://%s127.0.0.1:%u/", login, first->port);
	struct fetch_request request = {.url = buf_text(&url),
					.headers = headers};

	assert_int_equal(fetch_bytes(fetch, &request, &response, NULL), 0);
	assert_true(str_eq(buf_str(&response.body), STR("there")));
	assert_has(response.url, "/final");
	assert_int_equal(atomic_load(&scene.calls), 1);
	assert_false(atomic_load(&scene.leaked));
	fetch_free(fetch);
	server_free(first);
	server_free(second);
}

static void credentials_stay_with_their_host(void **state)
{
	(void)state;
	follow("user:secret@", NULL);
	follow("", "Authorization: Bearer secret");
}

static void answer_login(struct exchange *exchange)
{
	/* RFC 7617: base64 of "user:secret" */
	if (str_eq(server_header(exchange, "Authorization"),
		   STR("Basic dXNlcjpzZWNyZXQ=")))
		server_answer(exchange, 200, "", STR("welcome"));
	else
		server_answer(exchange, 401, "", STR_EMPTY);
}

static void netrc_is_read(void **state)
{
	struct server *server = server_new(answer_login, NULL);
	auto_free char *url = server_url(server, "/");
	auto_free char *netrc = path_join(*state, "netrc");
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;
	struct error *error = NULL;
	struct str text = STR("machine 127.0.0.1 login user password secret\n");

	assert_int_equal(fs_write_file(netrc, text, 0600, NULL), 0);
	assert_int_equal(get(&quick, url, &response, &error), -1);
	assert_error(error, "401");
	setenv("NETRC", netrc, 1);
	assert_int_equal(get(&quick, url, &response, NULL), 0);
	unsetenv("NETRC");
	/* The other place for it. */
	auto_free char *dot = path_join(*state, ".netrc");
	const char *home = getenv("HOME");
	auto_free char *old = home ? mem_strdup(home) : NULL;

	assert_int_equal(rename(netrc, dot), 0);
	setenv("HOME", *state, 1);
	assert_int_equal(get(&quick, url, &response, NULL), 0);
	if (old)
		setenv("HOME", old, 1);
	server_free(server);
}

static void messages_hide_credentials(void **state)
{
	struct scene scene = {.status = 404, .failures = 9, .headers = ""};
	struct server *server = server_new(answer_status, &scene);
	auto_buf struct buf url = BUF_EMPTY;
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;
	struct error *error = NULL;

	(void)state;
	buf_printf(&url, "http://user:secret@127.0.0.1:%u/x?sig=secret",
		   server->port);
	assert_int_equal(get(&quick, buf_text(&url), &response, &error), -1);
	assert_null(strstr(err_message(error), "secret"));
	assert_null(strstr(response.url, "secret"));
	assert_error(error, "/x: the server answers 404");
	server_free(server);
}

static void answer_proxy(struct exchange *exchange)
{
	/* A proxy gets the whole url. */
	server_answer(exchange, 200, "",
		      str_starts(str_from(exchange->path),
				 STR("http://example.invalid/x"))
			      ? STR("by proxy")
			      : STR("directly"));
}

static void proxies_are_used(void **state)
{
	struct server *server = server_new(answer_proxy, NULL);
	auto_free char *proxy = server_url(server, "");
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;

	(void)state;
	setenv("http_proxy", proxy, 1);
	int result = get(&quick, "http://example.invalid/x", &response, NULL);

	unsetenv("http_proxy");
	assert_int_equal(result, 0);
	assert_true(str_eq(buf_str(&response.body), STR("by proxy")));
	server_free(server);
}

static void answer_to_file(struct exchange *exchange)
{
	server_answer(exchange, 302, "Location: file:///etc/passwd\r\n",
		      STR_EMPTY);
}

static void redirects_never_lead_to_files(void **state)
{
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;
	struct error *error = NULL;

	(void)state;
	assert_int_equal(get_from(answer_to_file, NULL, "/", &response, &error),
			 -1);
	assert_int_equal(response.body.n, 0);
	err_free(error);
}

/* -- parts, and files of this host -- */

static void parts_come_from_servers_and_files(void **state)
{
	struct server *server = server_new(answer_part, NULL);
	auto_free char *path = path_join(*state, "file with % and #");
	auto_free char *file = NULL;
	auto_free char *remote = server_url(server, "/");
	struct fetch *fetch = fetch_new(&quick);

	assert_int_equal(fs_write_file(path, whole(), 0644, NULL), 0);
	file = fetch_url_of_path(path);
	const char *const urls[] = {remote, file};

	for (size_t i = 0; i < 2; i++) {
		struct fetch_request request = {.url = urls[i]};
		auto_fetch_response struct fetch_response response =
			FETCH_RESPONSE_EMPTY;
		uint64_t total = 0;

		assert_int_equal(fetch_range(fetch, &request, 1000, 5000,
					     &total, &response, NULL),
				 0);
		assert_true(str_eq(buf_str(&response.body),
				   str_slice(whole(), 1000, 6000)));
		assert_int_equal(total, BODY_BYTES);
		assert_int_equal(fetch_range(fetch, &request, FETCH_TAIL, 77,
					     NULL, &response, NULL),
				 0);
		assert_true(str_eq(
			buf_str(&response.body),
			str_slice(whole(), BODY_BYTES - 77, BODY_BYTES)));
		assert_int_equal(
			fetch_bytes(fetch,
				    &(struct fetch_request){.url = urls[i]},
				    &response, NULL),
			0);
		assert_true(str_eq(buf_str(&response.body), whole()));
	}
	fetch_free(fetch);
	server_free(server);
}

static void files_that_cannot_be_read_are_errors(void **state)
{
	auto_free char *path = path_join(*state, "absent");
	auto_free char *absent = fetch_url_of_path(path);
	auto_free char *folder = fetch_url_of_path(*state);
	const struct {
		const char *url, *message;
	} cases[] = {
		{absent, "absent: there is no such file"},
		{folder, "is not a file"},
		{"file://elsewhere/etc/passwd", "does not name a file of this"},
		{"file:etc/passwd", "does not name a file of this host"},
		{"file:///etc/a%00b", "does not name a file of this host"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_fetch_response struct fetch_response response =
			FETCH_RESPONSE_EMPTY;
		struct error *error = NULL;

		assert_int_equal(get(&quick, cases[i].url, &response, &error),
				 -1);
		assert_error(error, cases[i].message);
	}
}

static void whole_files_are_no_parts(void **state)
{
	struct server *server = server_new(answer_large, NULL);
	auto_free char *url = server_url(server, "/");
	struct fetch *fetch = fetch_new(&quick);
	struct fetch_request request = {.url = url};
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;
	struct error *error = NULL;

	(void)state;
	assert_int_equal(
		fetch_range(fetch, &request, 5, 10, NULL, &response, &error),
		-1);
	assert_int_equal(response.status, 200);
	assert_error(error, "the server sends whole files only");
	fetch_free(fetch);
	server_free(server);
}

/* -- urls -- */

static void assert_text(char *text, const char *expected)
{
	if (expected)
		assert_string_equal(text ? text : "(none)", expected);
	else
		assert_null(text);
	free(text);
}

static void urls_are_joined(void **state)
{
	static const struct {
		const char *base, *reference, *expected;
	} cases[] = {
		{"http://h/simple/x/", "../../f/x.whl#sha256=0",
		 "http://h/f/x.whl"},
		{"http://h/simple/x/", "x.whl", "http://h/simple/x/x.whl"},
		{"http://h/simple/x/", "/a/b", "http://h/a/b"},
		{"http://h/simple/x/", "//o/b", "http://o/b"},
		{"http://h/a", "https://o/b%20c", "https://o/b%20c"},
		{"https://u:p@h/a/", "b", "https://u:p@h/a/b"},
		{"https://u:p@h/a/", "https://h/b", "https://u:p@h/b"},
		{"https://u:p@h/a/", "https://H:443/b", "https://u:p@H:443/b"},
		{"https://u:p@h/a/", "https://v:q@h/b", "https://v:q@h/b"},
		{"https://u:p@h/a/", "https://h:444/b", "https://h:444/b"},
		{"https://u:p@h/a/", "http://h/b", "http://h/b"},
		{"https://u:p@h/a/", "https://o/b", "https://o/b"},
		{"https://u:p@h/a/", "//o/b", "https://o/b"},
		{"https://h/a/", "file:///etc/passwd", NULL},
		{"https://h/a/", "ftp://h/x", NULL},
		{"file:///a/b/", "c%20d.whl", "file:///a/b/c%20d.whl"},
		{"no url", "x", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_text(fetch_url_join(cases[i].base, cases[i].reference),
			    cases[i].expected);
}

/* What is seen without curl is what curl sees. */
static void urls_are_known(void **state)
{
	static const struct {
		const char *url;
		bool known;
	} cases[] = {
		{"https://pypi.example/simple", true},
		{"http://h", true},
		{"https://10.0.0.1/a/", true},
		{"file:///opt/wheels", true},
		{"https://u:p@h/a", true},
		{"https://h:444/a%20b?c#d", true},
		{"HTTPS://h/", true},
		{"file:///a%20b", true},
		{"https://", false},
		{"https://h:99999999/", false},
		{"https://a b/", false},
		{"ftp://h/x", false},
		{"h/x", false},
		{"", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_free char *joined = fetch_url_join(cases[i].url, "");

		assert_int_equal(fetch_url_is_known(cases[i].url),
				 cases[i].known);
		assert_int_equal(joined != NULL, cases[i].known);
	}
}

static void urls_are_taken_apart(void **state)
{
	(void)state;
	assert_text(fetch_url_public("https://u:p@h/a?q=1#f"), "https://h/a");
	assert_text(fetch_url_public("nothing"), "(not a url)");
	assert_text(fetch_url_name("https://h/a/t-1%2Bcpu-x.whl#f"),
		    "t-1+cpu-x.whl");
	assert_text(fetch_url_name("https://h/a/"), "");
	assert_text(fetch_url_name("https://h/a%2Fb"), NULL);
	assert_text(fetch_url_name("https://h/a%00b"), NULL);
	assert_text(fetch_url_with_login("https://h/a", "me@x", "p:w"),
		    "https://me%40x:p%3aw@h/a");
	assert_text(fetch_url_with_login("https://u@h/a", "me", "p"),
		    "https://u@h/a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_body_comes),
		TEST(temporary_failures_are_tried_again),
		TEST(attempts_are_bounded),
		TEST(refusals_are_final_and_explained),
		TEST(fetch_send_gives_refusals_to_the_caller),
		TEST(retry_after_is_kept),
		TEST(a_long_retry_after_is_an_error),
		TEST(methods_headers_and_bodies_are_sent),
		TEST(a_body_above_its_bound_is_an_error),
		TEST(connections_are_reused),
		TEST(silence_is_a_lost_connection),
		TEST(nobody_there_is_an_error),
		TEST(offline_asks_nobody),
		TEST(only_known_schemes_are_fetched),
		TEST(credentials_stay_with_their_host),
		TEST(netrc_is_read),
		TEST(messages_hide_credentials),
		TEST(proxies_are_used),
		TEST(redirects_never_lead_to_files),
		TEST(parts_come_from_servers_and_files),
		TEST(files_that_cannot_be_read_are_errors),
		TEST(whole_files_are_no_parts),
		TEST(urls_are_joined),
		TEST(urls_are_known),
		TEST(urls_are_taken_apart),
	};

	scene_fill_body();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
