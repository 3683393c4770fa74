/* fetch: downloads, from servers that break off, lie, and send the wrong
 * file. */
#include <signal.h>
#include <sys/resource.h>

#include "fetch_scene.h"

/* Downloads the body from urls: 0 or -1. */
static int download(const char *store_folder, const char *const *urls,
		    size_t count, uint64_t size_bytes, struct error **err)
{
	struct fetch *fetch = fetch_new(&quick);
	struct store *store = NULL;
	struct fetch_file file = {
		.urls = urls,
		.url_count = count,
		.size_bytes = size_bytes,
		.sha256 = digest_of(whole()),
		.label = "body-1.0-py3-none-any.whl",
	};
	int result = store_open(store_folder, &store, err);

	if (result == 0)
		result = fetch_download(fetch, store, &file, err);
	if (result == 0) {
		auto_free char *path = store_download_path(store, &file.sha256);
		auto_buf struct buf bytes = BUF_EMPTY;

		assert_int_equal(fs_read(path, BODY_BYTES, &bytes, NULL), 0);
		assert_true(str_eq(buf_str(&bytes), whole()));
	}
	if (store)
		assert_int_equal(store_download_has(store, &file.sha256),
				 result == 0);
	store_close(store);
	fetch_free(fetch);
	return result;
}

/* What a handler does with a download, tried with and without its size. */
static void download_by(const char *scratch, server_handler *handler,
			struct scene *scene, unsigned calls)
{
	for (int sized = 0; sized < 2; sized++) {
		struct server *server = server_new(handler, scene);
		auto_free char *url = server_url(server, "/body");
		auto_free char *store = path_printf("%s/%d", scratch, sized);
		const char *urls[] = {url};
		struct error *error = NULL;

		atomic_store(&scene->calls, 0);
		if (download(store, urls, 1, sized ? BODY_BYTES : 0, &error))
			fail_msg("%s", err_message(error));
		if (calls)
			assert_int_equal(atomic_load(&scene->calls), calls);
		/* There: nobody is asked again. */
		unsigned before = atomic_load(&server->requests);

		assert_int_equal(download(store, urls, 1, BODY_BYTES, NULL), 0);
		assert_int_equal(atomic_load(&server->requests), before);
		server_free(server);
	}
}

static void downloads_come_whole(void **state)
{
	struct scene scene = {0};

	download_by(*state, answer_part, &scene, 1);
}

/* Breaks off after a third, in each of the first requests. */
static void answer_short(struct exchange *exchange)
{
	struct scene *scene = exchange->server->context;
	unsigned call = atomic_fetch_add(&scene->calls, 1);
	size_t first = server_range_start(exchange);
	size_t end =
		call < scene->failures ? first + BODY_BYTES / 3 : BODY_BYTES;
	struct buf head = BUF_EMPTY;
	struct str if_range = server_header(exchange, "If-Range");

	/* Only a strong ETag may come back. */
	if (if_range.n && !str_eq(if_range, STR("\"strong\"")))
		atomic_store(&scene->leaked, true);
	if (first)
		buf_printf(&head,
			   "HTTP/1.1 206 Part\r\nContent-Range: bytes "
			   "%zu-%d/%d\r\n",
			   first, BODY_BYTES - 1, BODY_BYTES);
	else
		buf_append_text(&head, "HTTP/1.1 200 OK\r\n");
	buf_printf(&head, "ETag: %s\r\nContent-Length: %zu\r\n\r\n",
		   scene->etag, BODY_BYTES - first);
	buf_append(&head, str_slice(whole(), first, end));
	server_send(exchange, buf_str(&head));
	buf_release(&head);
}

static void short_bodies_are_continued(void **state)
{
	struct scene scene = {.failures = 2, .etag = "\"strong\""};

	download_by(*state, answer_short, &scene, 3);
	assert_false(atomic_load(&scene.leaked));
	scene.etag = "W/\"weak\"";
	auto_free char *other = path_join(*state, "other");

	assert_int_equal(fs_make_dirs(other, 0755, NULL), 0);
	download_by(other, answer_short, &scene, 3);
	assert_false(atomic_load(&scene.leaked));
}

/* Progress resets the count of failures: more breaks than attempts. */
static void answer_crumbs(struct exchange *exchange)
{
	size_t first = server_range_start(exchange);
	struct buf head = BUF_EMPTY;

	buf_printf(&head,
		   "HTTP/1.1 %s\r\nContent-Range: bytes %zu-%d/%d\r\n"
		   "Content-Length: %zu\r\n\r\n",
		   first ? "206 Part" : "200 OK", first, BODY_BYTES - 1,
		   BODY_BYTES, BODY_BYTES - first);
	buf_append(&head, str_slice(whole(), first, first + BODY_BYTES / 12));
	server_send(exchange, buf_str(&head));
	buf_release(&head);
}

static void progress_earns_more_attempts(void **state)
{
	struct scene scene = {0};

	download_by(*state, answer_crumbs, &scene, 0);
}

/* A server that knows no ranges, and breaks off. */
static void answer_beginning(struct exchange *exchange)
{
	struct buf head = BUF_EMPTY;

	buf_printf(&head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n",
		   BODY_BYTES);
	buf_append(&head, str_slice(whole(), 0, 12345));
	server_send(exchange, buf_str(&head));
	buf_release(&head);
}

/* A server that knows no ranges sends all again. */
static void answer_short_then_whole(struct exchange *exchange)
{
	struct scene *scene = exchange->server->context;

	if (atomic_fetch_add(&scene->calls, 1))
		server_answer(exchange, 200, "", whole());
	else
		answer_beginning(exchange);
}

static void a_server_without_ranges_sends_all_again(void **state)
{
	struct scene scene = {0};

	download_by(*state, answer_short_then_whole, &scene, 2);
}

/* Else it would be asked a thousand times. */
static void the_same_beginning_is_no_progress(void **state)
{
	struct server *server = server_new(answer_beginning, NULL);
	auto_free char *url = server_url(server, "/body");
	const char *urls[] = {url};
	struct error *error = NULL;

	assert_int_equal(download(*state, urls, 1, BODY_BYTES, &error), -1);
	assert_error(error, "cannot fetch");
	assert_in_range(atomic_load(&server->requests), 2, 7);
	server_free(server);
}

/* Leaves text as what an earlier attempt at the body fetched. */
static void leave_partial(const char *folder, struct str text)
{
	struct store *store = NULL;
	struct store_partial partial = STORE_PARTIAL_EMPTY;
	struct digest digest = digest_of(whole());

	assert_int_equal(store_open(folder, &store, NULL), 0);
	assert_int_equal(store_partial_begin(store, &digest, STORE_DOWNLOAD,
					     &partial, NULL),
			 0);
	assert_int_equal(fs_write_all(partial.fd, text, "partial", NULL), 0);
	store_partial_release(&partial);
	store_close(store);
}

static void what_an_earlier_process_left_is_used(void **state)
{
	struct scene scene = {.etag = "\"strong\""};
	struct server *server = server_new(answer_short, &scene);
	auto_free char *url = server_url(server, "/body");
	const char *urls[] = {url};

	leave_partial(*state, str_slice(whole(), 0, BODY_BYTES - 10));
	assert_int_equal(download(*state, urls, 1, BODY_BYTES, NULL), 0);
	assert_int_equal(atomic_load(&scene.calls), 1);
	server_free(server);
}

static void a_stale_partial_is_dropped(void **state)
{
	static const size_t sizes[] = {10, BODY_BYTES - 1, BODY_BYTES,
				       BODY_BYTES + 1};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct scene scene = {.etag = "\"strong\""};
		struct server *server = server_new(answer_short, &scene);
		auto_free char *url = server_url(server, "/body");
		auto_free char *store =
			path_printf("%s/%zu", (char *)*state, i);
		auto_buf struct buf stale = BUF_EMPTY;
		const char *urls[] = {url};

		buf_append_zeros(&stale, sizes[i]);
		leave_partial(store, buf_str(&stale));
		assert_int_equal(download(store, urls, 1, BODY_BYTES, NULL), 0);
		server_free(server);
	}
}

static void answer_wrong(struct exchange *exchange)
{
	auto_free char *wrong = mem_alloc(BODY_BYTES);

	memcpy(wrong, body_bytes, BODY_BYTES);
	wrong[BODY_BYTES / 2] ^= 1;
	server_answer(exchange, 200, "", str_of(wrong, BODY_BYTES));
}

static void wrong_bytes_are_never_published(void **state)
{
	struct server *wrong = server_new(answer_wrong, NULL);
	struct server *right = server_new(answer_part, NULL);
	auto_free char *bad = server_url(wrong, "/bad");
	auto_free char *good = server_url(right, "/good");
	const char *urls[] = {bad, good};
	struct error *error = NULL;
	struct digest wanted = digest_of(whole());

	assert_int_equal(download(*state, urls, 1, BODY_BYTES, &error), -1);
	assert_int_equal(err_class(error), ERR_ENV);
	assert_has(err_message(error), "body-1.0-py3-none-any.whl");
	assert_has(err_message(error), digest_text(&wanted).p);
	assert_error(error, "/bad sends has sha256:");
	/* Another url of the same file makes up for it. */
	assert_int_equal(download(*state, urls, 2, BODY_BYTES, NULL), 0);
	server_free(wrong);
	server_free(right);
}

static void too_many_bytes_are_an_error(void **state)
{
	struct server *server = server_new(answer_part, NULL);
	auto_free char *url = server_url(server, "/body");
	const char *urls[] = {url};
	struct error *error = NULL;

	assert_int_equal(download(*state, urls, 1, BODY_BYTES - 1, &error), -1);
	assert_error(error, "more than the 2999999 bytes");
	server_free(server);
}

static void too_few_bytes_are_an_error(void **state)
{
	struct server *server = server_new(answer_part, NULL);
	auto_free char *url = server_url(server, "/body");
	const char *urls[] = {url};
	struct error *error = NULL;

	assert_int_equal(download(*state, urls, 1, BODY_BYTES + 1, &error), -1);
	assert_error(error, "only 3000000 of 3000001 bytes came");
	server_free(server);
}

static void the_next_url_is_asked_after_a_404(void **state)
{
	struct scene scene = {.status = 404, .failures = 9, .headers = ""};
	struct server *absent = server_new(answer_status, &scene);
	struct server *right = server_new(answer_part, NULL);
	auto_free char *bad = server_url(absent, "/bad");
	auto_free char *good = server_url(right, "/good");
	const char *urls[] = {bad, good};

	assert_int_equal(download(*state, urls, 2, BODY_BYTES, NULL), 0);
	assert_int_equal(atomic_load(&scene.calls), 1);
	server_free(absent);
	server_free(right);
}

static void files_are_downloaded_too(void **state)
{
	auto_free char *path = path_join(*state, "body.whl");
	auto_free char *store = path_join(*state, "store");

	assert_int_equal(fs_write_file(path, whole(), 0644, NULL), 0);
	auto_free char *url = fetch_url_of_path(path);
	const char *urls[] = {url};

	leave_partial(store, str_slice(whole(), 0, 100));
	assert_int_equal(download(store, urls, 1, BODY_BYTES, NULL), 0);
}

static void answer_slowly(struct exchange *exchange)
{
	for (int i = 0; i < 3; i++)
		usleep(20000);
	answer_part(exchange);
}

struct job {
	struct fetch *fetch;
	struct store *store;
	const char *url;
	enum store_kind kind;
};

static int run_job(void *argument, struct error **err)
{
	struct job *job = argument;
	const char *urls[] = {job->url};
	struct fetch_file file = {.urls = urls,
				  .url_count = 1,
				  .sha256 = digest_of(whole()),
				  .kind = job->kind,
				  .label = "body"};
	struct fetch_request request = {.url = job->url};
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;

	if (fetch_download(job->fetch, job->store, &file, err))
		return -1;
	return fetch_range(job->fetch, &request, 100, 200000, NULL, &response,
			   err);
}

static void threads_share_the_client(void **state)
{
	struct server *server = server_new(answer_slowly, NULL);
	auto_free char *url = server_url(server, "/body");
	struct fetch_options options = {.parallel = 3};
	struct job jobs[12];
	struct store *store = NULL;
	struct fetch *fetch = fetch_new(&options);
	struct pool *pool = pool_new(12, 0);

	assert_int_equal(store_open(*state, &store, NULL), 0);
	for (unsigned i = 0; i < 12; i++) {
		jobs[i] = (struct job){fetch, store, url,
				       i % 2 ? STORE_BLOB : STORE_DOWNLOAD};
		pool_add(pool, &(struct pool_task){.run = run_job,
						   .argument = &jobs[i]});
	}
	assert_int_equal(pool_run(pool), 0);
	/* Two downloads for twelve that want them, and one range each. */
	assert_int_equal(atomic_load(&server->requests), 14);
	assert_in_range(atomic_load(&server->most_at_once), 2, 3);
	pool_free(pool);
	fetch_free(fetch);
	store_close(store);
	server_free(server);
}

static void a_full_disk_is_an_error(void **state)
{
	struct server *server = server_new(answer_part, NULL);
	auto_free char *url = server_url(server, "/body");
	const char *urls[] = {url};
	struct rlimit old, limit;
	struct error *error = NULL;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = BODY_BYTES / 2;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	int result = download(*state, urls, 1, BODY_BYTES, &error);

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(result, -1);
	assert_int_equal(err_class(error), ERR_ENV);
	assert_has(err_hint_text(error), "goes on from it");
	assert_error(error, "cannot write");
	assert_int_equal(download(*state, urls, 1, BODY_BYTES, NULL), 0);
	server_free(server);
}

/* -- cancellation: last, for the flag stays set -- */

static void answer_and_cancel(struct exchange *exchange)
{
	pool_cancel();
	usleep(200000);
	server_answer(exchange, 503, "", STR_EMPTY);
}

static void cancellation_ends_a_call(void **state)
{
	struct server *server = server_new(answer_and_cancel, NULL);
	auto_free char *url = server_url(server, "/body");
	const char *urls[] = {url};
	struct error *error = NULL;
	struct store *store = NULL;
	struct fetch *fetch = fetch_new(&quick);
	struct fetch_file file = {.urls = urls,
				  .url_count = 1,
				  .sha256 = digest_of(whole()),
				  .label = "body"};

	assert_int_equal(store_open(*state, &store, NULL), 0);
	assert_int_equal(fetch_download(fetch, store, &file, &error), -1);
	assert_int_equal(err_class(error), ERR_CANCELLED);
	err_free(error);
	assert_int_equal(atomic_load(&server->requests), 1);
	fetch_free(fetch);
	store_close(store);
	server_free(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(downloads_come_whole),
		TEST(short_bodies_are_continued),
		TEST(progress_earns_more_attempts),
		TEST(a_server_without_ranges_sends_all_again),
		TEST(the_same_beginning_is_no_progress),
		TEST(what_an_earlier_process_left_is_used),
		TEST(a_stale_partial_is_dropped),
		TEST(wrong_bytes_are_never_published),
		TEST(too_many_bytes_are_an_error),
		TEST(too_few_bytes_are_an_error),
		TEST(the_next_url_is_asked_after_a_404),
		TEST(files_are_downloaded_too),
		TEST(threads_share_the_client),
		TEST(a_full_disk_is_an_error),
		TEST(cancellation_ends_a_call),
	};

	scene_fill_body();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
