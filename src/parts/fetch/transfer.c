#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/pool.h"
#include "parts/fetch/internal.h"

enum {
	CONNECT_TIMEOUT_MS = 20000,
	MAX_REDIRECTS = 10,
	RECEIVE_BYTES = 256 << 10,
	CANCEL_CHECK_MS = 100,
};

/* -- called by curl, in the engine thread -- */

static size_t on_header(char *bytes, size_t size, size_t n, void *context)
{
	struct transfer *transfer = context;
	struct str line = str_trim(str_of(bytes, size * n));

	pthread_mutex_lock(&transfer->fetch->lock);
	/* A new answer: after a redirect or a 100. */
	if (str_starts(line, STR("HTTP/")))
		buf_clear(&transfer->answer_headers);
	else if (line.n)
		buf_printf(&transfer->answer_headers, STR_FMT "\n",
			   STR_ARG(line));
	bool fits = transfer->answer_headers.n <= FETCH_HEADERS_MAX;

	pthread_mutex_unlock(&transfer->fetch->lock);
	return fits ? size * n : 0;
}

/* What is known once the headers are. */
static void set_head(struct transfer *transfer)
{
	long status = 0;
	curl_off_t seconds = 0;

	libcurl.easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	transfer->status = (unsigned)status;
	libcurl.easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &seconds);
	transfer->retry_after_s = seconds > 0 ? (uint64_t)seconds : 0;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *context)
{
	struct transfer *transfer = context;
	size_t result = size * n;

	pthread_mutex_lock(&transfer->fetch->lock);
	if (transfer->status == 0)
		set_head(transfer);
	if (transfer->aborted) {
		result = 0;
	} else if (transfer->window.n &&
		   transfer->window.n + result > FETCH_WINDOW_BYTES) {
		transfer->paused = true;
		result = CURL_WRITEFUNC_PAUSE;
	} else {
		buf_append(&transfer->window, str_of(bytes, result));
	}
	pthread_cond_broadcast(&transfer->fetch->changed);
	pthread_mutex_unlock(&transfer->fetch->lock);
	return result;
}

/* Children of slipway must not inherit connections. */
static curl_socket_t on_socket(void *context, curlsocktype purpose,
			       struct curl_sockaddr *address)
{
	(void)context;
	(void)purpose;
	return socket(address->family, address->socktype | SOCK_CLOEXEC,
		      address->protocol);
}

/* -- the engine thread -- */

static void end_transfer(struct transfer *transfer, CURLcode code)
{
	char *url = NULL;
	struct transfer **at = &transfer->fetch->first;

	if (transfer->added)
		libcurl.multi_remove_handle(transfer->fetch->multi,
					    transfer->easy);
	transfer->added = false;
	libcurl.easy_getinfo(transfer->easy, CURLINFO_EFFECTIVE_URL, &url);
	pthread_mutex_lock(&transfer->fetch->lock);
	set_head(transfer);
	transfer->url = fetch_url_public(url ? url : "");
	transfer->code = code;
	transfer->ended = true;
	while (*at != transfer)
		at = &(*at)->next;
	*at = transfer->next;
	transfer->fetch->active--;
	pthread_cond_broadcast(&transfer->fetch->changed);
	pthread_mutex_unlock(&transfer->fetch->lock);
}

enum wish { WISH_NONE, WISH_BEGIN, WISH_RESUME, WISH_END };

/* What a transfer wants of the engine. Takes the wish off it. */
static enum wish take_wish(struct transfer *transfer)
{
	if (transfer->aborted)
		return WISH_END;
	if (!transfer->added) {
		transfer->added = true;
		return WISH_BEGIN;
	}
	if (!transfer->resume)
		return WISH_NONE;
	transfer->resume = false;
	return WISH_RESUME;
}

static struct transfer *next_wish(struct fetch *fetch, enum wish *wish)
{
	struct transfer *found = NULL;

	*wish = WISH_NONE;
	pthread_mutex_lock(&fetch->lock);
	for (struct transfer *t = fetch->first; t && !found; t = t->next) {
		*wish = take_wish(t);
		if (*wish != WISH_NONE)
			found = t;
	}
	pthread_mutex_unlock(&fetch->lock);
	return found;
}

static void do_wishes(struct fetch *fetch)
{
	struct transfer *transfer;
	enum wish wish;

	while ((transfer = next_wish(fetch, &wish))) {
		if (wish == WISH_END)
			end_transfer(transfer, CURLE_ABORTED_BY_CALLBACK);
		else if (wish == WISH_RESUME)
			libcurl.easy_pause(transfer->easy, CURLPAUSE_CONT);
		else
			libcurl.multi_add_handle(fetch->multi, transfer->easy);
	}
}

static void end_finished(struct fetch *fetch)
{
	CURLMsg *message;
	int left;

	while ((message = libcurl.multi_info_read(fetch->multi, &left))) {
		struct transfer *transfer = NULL;
		CURLcode code = message->data.result;

		libcurl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
				     (char **)&transfer);
		end_transfer(transfer, code);
	}
}

static bool is_stopped(struct fetch *fetch)
{
	pthread_mutex_lock(&fetch->lock);
	bool stop = fetch->stop;

	pthread_mutex_unlock(&fetch->lock);
	return stop;
}

void *fetch_engine(void *argument)
{
	struct fetch *fetch = argument;
	int running;

	while (!is_stopped(fetch)) {
		do_wishes(fetch);
		libcurl.multi_perform(fetch->multi, &running);
		end_finished(fetch);
		libcurl.multi_poll(fetch->multi, NULL, 0, 1000, NULL);
	}
	return NULL;
}

/* -- the thread that asks -- */

/* Waits on the lock for a change, or a moment, to look at the flag. */
static void wait_for_change(struct fetch *fetch)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += CANCEL_CHECK_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	pthread_cond_timedwait(&fetch->changed, &fetch->lock, &until);
}

#define SET(option, value) libcurl.easy_setopt(easy, option, value)

static void set_environment(CURL *easy)
{
	const char *netrc = getenv("NETRC");
	const char *bundle = getenv("CURL_CA_BUNDLE");
	const char *file = getenv("SSL_CERT_FILE");
	const char *folder = getenv("SSL_CERT_DIR");

	SET(CURLOPT_NETRC, (long)CURL_NETRC_OPTIONAL);
	if (netrc && *netrc)
		SET(CURLOPT_NETRC_FILE, netrc);
	/* The library, unlike the curl program, reads none of these. */
	if (bundle && *bundle)
		SET(CURLOPT_CAINFO, bundle);
	else if (file && *file)
		SET(CURLOPT_CAINFO, file);
	if (folder && *folder)
		SET(CURLOPT_CAPATH, folder);
}

static void set_method(CURL *easy, const struct fetch_request *request)
{
	if (!request->method || strcmp(request->method, "GET") == 0)
		return;
	if (strcmp(request->method, "HEAD") == 0) {
		SET(CURLOPT_NOBODY, 1L);
		return;
	}
	SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.n);
	SET(CURLOPT_COPYPOSTFIELDS, request->body.n ? request->body.p : "");
	if (strcmp(request->method, "POST") != 0)
		SET(CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_redirects(CURL *easy, const char *url)
{
	bool secure = strncasecmp(url, "https:", 6) == 0;

	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 1L);
	SET(CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS);
	SET(CURLOPT_UNRESTRICTED_AUTH, 0L);
	SET(CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
}

static void set_limits(CURL *easy, const struct fetch_options *options)
{
	long stall_s = (long)(options->stall_ms + 999) / 1000;
	long connect_ms = options->stall_ms < CONNECT_TIMEOUT_MS
				  ? (long)options->stall_ms
				  : CONNECT_TIMEOUT_MS;

	SET(CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
	SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
	SET(CURLOPT_LOW_SPEED_TIME, stall_s);
	SET(CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_NOSIGNAL, 1L);
}

static void set_headers(struct transfer *transfer,
			const struct fetch_request *request,
			const char *if_range)
{
	for (const char *const *h = request->headers; h && *h; h++)
		transfer->headers = libcurl.slist_append(transfer->headers, *h);
	if (if_range) {
		auto_free char *line = NULL;
		auto_buf struct buf text = BUF_EMPTY;

		buf_printf(&text, "If-Range: %s", if_range);
		line = buf_steal_text(&text);
		transfer->headers =
			libcurl.slist_append(transfer->headers, line);
	}
}

static void set_up(struct transfer *transfer,
		   const struct fetch_request *request, const char *range,
		   const char *if_range)
{
	CURL *easy = transfer->easy;

	set_environment(easy);
	set_method(easy, request);
	set_redirects(easy, request->url);
	set_limits(easy, &transfer->fetch->options);
	set_headers(transfer, request, if_range);
	SET(CURLOPT_URL, request->url);
	SET(CURLOPT_USERAGENT, "slipway/" SLIPWAY_VERSION);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	if (request->compressed)
		SET(CURLOPT_ACCEPT_ENCODING, "");
	if (range)
		SET(CURLOPT_RANGE, range);
	SET(CURLOPT_HTTPHEADER, transfer->headers);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, transfer);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, transfer);
	SET(CURLOPT_OPENSOCKETFUNCTION, on_socket);
	SET(CURLOPT_ERRORBUFFER, transfer->message);
	SET(CURLOPT_PRIVATE, transfer);
}

static void release(struct transfer *transfer)
{
	libcurl.easy_cleanup(transfer->easy);
	libcurl.slist_free_all(transfer->headers);
	buf_release(&transfer->window);
	buf_release(&transfer->answer_headers);
	free(transfer->url);
	free(transfer);
}

/* Hands it to the engine as soon as fewer than the allowed number run. */
static int submit(struct transfer *transfer, struct error **err)
{
	struct fetch *fetch = transfer->fetch;
	int result = 0;

	pthread_mutex_lock(&fetch->lock);
	while ((result = pool_check_cancelled(err)) == 0 &&
	       fetch->active >= fetch->options.parallel)
		wait_for_change(fetch);
	if (result == 0) {
		fetch->active++;
		transfer->next = fetch->first;
		fetch->first = transfer;
	}
	pthread_mutex_unlock(&fetch->lock);
	if (result == 0)
		libcurl.multi_wakeup(fetch->multi);
	return result;
}

struct transfer *transfer_new(struct fetch *fetch,
			      const struct fetch_request *request,
			      const char *range, const char *if_range,
			      struct error **err)
{
	if (fetch_start(fetch, err))
		return NULL;
	struct transfer *transfer = mem_zalloc(1, sizeof *transfer);

	transfer->fetch = fetch;
	transfer->easy = libcurl.easy_init();
	if (!transfer->easy)
		abort();
	set_up(transfer, request, range, if_range);
	if (submit(transfer, err) == 0)
		return transfer;
	release(transfer);
	return NULL;
}

int transfer_take(struct transfer *transfer, struct buf *bytes,
		  struct error **err)
{
	struct fetch *fetch = transfer->fetch;
	bool resume = false;
	int result = 0;

	buf_clear(bytes);
	pthread_mutex_lock(&fetch->lock);
	while ((result = pool_check_cancelled(err)) == 0 &&
	       transfer->window.n == 0 && !transfer->ended)
		wait_for_change(fetch);
	if (result == 0) {
		struct buf taken = transfer->window;

		transfer->window = *bytes;
		*bytes = taken;
		resume = transfer->paused && !transfer->ended;
		transfer->paused = false;
		transfer->resume |= resume;
	}
	pthread_mutex_unlock(&fetch->lock);
	if (resume)
		libcurl.multi_wakeup(fetch->multi);
	return result;
}

void transfer_free(struct transfer *transfer)
{
	struct fetch *fetch = transfer->fetch;

	pthread_mutex_lock(&fetch->lock);
	transfer->aborted = true;
	if (!transfer->ended)
		libcurl.multi_wakeup(fetch->multi);
	while (!transfer->ended)
		wait_for_change(fetch);
	pthread_mutex_unlock(&fetch->lock);
	release(transfer);
}
