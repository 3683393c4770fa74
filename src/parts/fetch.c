#include "parts/fetch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/thread.h"
#include "parts/fetch/internal.h"

enum {
	DEFAULT_PARALLEL = 8,
	DEFAULT_ATTEMPTS = 5,
	DEFAULT_PAUSE_MS = 500,
	DEFAULT_STALL_MS = 60000,
	DEFAULT_WAITING_MS = 120000,
	DEFAULT_BODY_MAX = 16 << 20,
	PAUSE_MAX_MS = 30000,
};

static void set_default(unsigned *value, unsigned standard)
{
	if (*value == 0)
		*value = standard;
}

struct fetch *fetch_new(const struct fetch_options *options)
{
	struct fetch *fetch = mem_zalloc(1, sizeof *fetch);
	pthread_condattr_t monotonic;

	if (options)
		fetch->options = *options;
	set_default(&fetch->options.parallel, DEFAULT_PARALLEL);
	set_default(&fetch->options.attempts, DEFAULT_ATTEMPTS);
	set_default(&fetch->options.pause_ms, DEFAULT_PAUSE_MS);
	set_default(&fetch->options.stall_ms, DEFAULT_STALL_MS);
	set_default(&fetch->options.max_waiting_ms, DEFAULT_WAITING_MS);
	pthread_mutex_init(&fetch->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&fetch->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return fetch;
}

static void start_curl(void)
{
	if (libcurl.global_init(CURL_GLOBAL_DEFAULT))
		abort();
}

static int start_engine(struct fetch *fetch, struct error **err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (libcurl_load(err))
		return -1;
	pthread_once(&once, start_curl);
	fetch->multi = libcurl.multi_init();
	if (!fetch->multi)
		abort();
	/* Without SIGPIPE: a lost connection must not end us. */
	if (thread_start(&fetch->thread, fetch_engine, fetch))
		abort();
	return 0;
}

int fetch_start(struct fetch *fetch, struct error **err)
{
	int result = 0;

	pthread_mutex_lock(&fetch->lock);
	if (!fetch->multi)
		result = start_engine(fetch, err);
	pthread_mutex_unlock(&fetch->lock);
	return result;
}

static void stop_engine(struct fetch *fetch)
{
	pthread_mutex_lock(&fetch->lock);
	fetch->stop = true;
	pthread_mutex_unlock(&fetch->lock);
	libcurl.multi_wakeup(fetch->multi);
	pthread_join(fetch->thread, NULL);
	libcurl.multi_cleanup(fetch->multi);
}

void fetch_free(struct fetch *fetch)
{
	if (!fetch)
		return;
	if (fetch->multi)
		stop_engine(fetch);
	pthread_cond_destroy(&fetch->changed);
	pthread_mutex_destroy(&fetch->lock);
	free(fetch);
}

bool fetch_is_offline(const struct fetch *fetch)
{
	return fetch->options.offline;
}

void fetch_response_release(struct fetch_response *response)
{
	free(response->url);
	buf_release(&response->headers);
	buf_release(&response->body);
	*response = (struct fetch_response)FETCH_RESPONSE_EMPTY;
}

struct str fetch_header(const struct fetch_response *response, const char *name)
{
	struct str rest = buf_str(&response->headers), line;

	while (str_line(&rest, &line)) {
		ptrdiff_t colon = str_find(line, ':');

		if (colon >= 0 && str_eq_case(str_slice(line, 0, (size_t)colon),
					      str_from(name)))
			return str_trim(
				str_slice(line, (size_t)colon + 1, line.n));
	}
	return STR_EMPTY;
}

bool fetch_content_range(const struct fetch_response *response, uint64_t *first,
			 uint64_t *total)
{
	struct str text = fetch_header(response, "Content-Range"), part;

	*total = 0;
	if (!str_eat(&text, STR("bytes ")) || !str_split(&text, '-', &part) ||
	    !str_to_u64(str_trim(part), first) || !str_split(&text, '/', &part))
		return false;
	return str_eq(text, STR("*")) || str_to_u64(text, total);
}

/* -- messages -- */

bool fetch_status_is_temporary(unsigned status)
{
	switch (status) {
	case 408:
	case 425:
	case 429:
	case 500:
	case 502:
	case 503:
	case 504:
		return true;
	default:
		return false;
	}
}

int fetch_status_error(const char *url, unsigned status, struct error **err)
{
	static const struct {
		unsigned status;
		const char *meaning, *hint;
	} known[] = {
		{401, "it wants a login",
		 "put one for that host into ~/.netrc (or the file that NETRC "
		 "names), or into the url"},
		{403, "the login that it got may not have this",
		 "check the login for that host in ~/.netrc or in the url"},
		{404, "it does not have this", ""},
		{407, "the proxy wants a login",
		 "put it into https_proxy: http://USER:PASSWORD@PROXY:PORT"},
		{410, "it does not have this any more", ""},
		{429, "it wants fewer requests", "try again later"},
	};
	auto_free char *public = fetch_url_public(url);

	if (status == 404 && fetch_url_is_file(url))
		return err_make(err, ERR_ENV, "%s: there is no such file",
				public);
	const char *meaning =
		status >= 500 ? "it failed itself" : "it refuses this";
	const char *hint = status >= 500 ? "try again later" : "";

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i].status == status) {
			meaning = known[i].meaning;
			hint = known[i].hint;
		}
	err_make(err, ERR_ENV, "cannot fetch %s: the server answers %u (%s)",
		 public, status, meaning);
	return *hint ? err_hint(err, "%s", hint) : -1;
}

static const char *curl_hint(CURLcode code)
{
	switch ((int)code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT:
		return "check the network, and https_proxy or http_proxy where "
		       "a proxy is needed";
	case CURLE_COULDNT_RESOLVE_PROXY:
		return "check https_proxy and http_proxy";
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		return "if your network has its own certificates, name their "
		       "file in SSL_CERT_FILE";
	default:
		return "";
	}
}

static int curl_error(const char *url, const struct transfer *transfer,
		      struct error **err)
{
	auto_free char *public = fetch_url_public(url);
	const char *hint = curl_hint(transfer->code);

	err_make(err, ERR_ENV, "cannot fetch %s: %s", public,
		 *transfer->message ? transfer->message
				    : libcurl.easy_strerror(transfer->code));
	return *hint ? err_hint(err, "%s", hint) : -1;
}

int fetch_check_url(const struct fetch *fetch, const char *url,
		    struct error **err)
{
	auto_free char *public = fetch_url_public(url);
	bool file = fetch_url_is_file(url);

	if (!file && strncasecmp(url, "http:", 5) != 0 &&
	    strncasecmp(url, "https:", 6) != 0)
		return err_make(err, ERR_ENV,
				"cannot fetch %s: only http, https and file "
				"urls can be fetched",
				public);
	if (file || !fetch->options.offline)
		return 0;
	err_make(err, ERR_ENV,
		 "%s is needed and not in the store, and "
		 "--offline forbids to fetch it",
		 public);
	return err_hint(err, "run it once without --offline");
}

/* -- one attempt -- */

static bool is_lost(CURLcode code)
{
	switch ((int)code) {
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
	case CURLE_PARTIAL_FILE:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_BAD_CONTENT_ENCODING:
		return true;
	default:
		return false;
	}
}

/* Takes status and headers over from a transfer that has them: once its first
 * bytes are there, or it ended. */
static void take_head(struct transfer *transfer,
		      struct fetch_response *response, uint64_t *retry_after_s)
{
	pthread_mutex_lock(&transfer->fetch->lock);
	response->status = transfer->status;
	*retry_after_s = transfer->retry_after_s;
	buf_clear(&response->headers);
	buf_append(&response->headers, buf_str(&transfer->answer_headers));
	if (transfer->url && !response->url)
		response->url = mem_strdup(transfer->url);
	pthread_mutex_unlock(&transfer->fetch->lock);
}

/* Feeds the sink: 0 at the end, 1 where it wants no more, -1 on error. */
static int feed(struct transfer *transfer, const struct sink *sink,
		struct fetch_response *response, uint64_t *retry_after_s,
		struct error **err)
{
	auto_buf struct buf bytes = BUF_EMPTY;
	bool begun = false;

	for (;;) {
		if (transfer_take(transfer, &bytes, err))
			return -1;
		if (bytes.n == 0)
			break;
		if (!begun) {
			take_head(transfer, response, retry_after_s);
			int wanted = sink->begin(sink->context, response, err);

			if (wanted)
				return wanted;
			begun = true;
		}
		if (sink->data(sink->context, buf_str(&bytes), err))
			return -1;
	}
	take_head(transfer, response, retry_after_s);
	if (begun || transfer->code != CURLE_OK)
		return 0;
	return sink->begin(sink->context, response, err) < 0 ? -1 : 0;
}

enum attempt fetch_attempt(struct fetch *fetch,
			   const struct fetch_request *request,
			   const char *range, const char *if_range,
			   const struct sink *sink,
			   struct fetch_response *response,
			   uint64_t *retry_after_s, struct error **err)
{
	enum attempt outcome = ATTEMPT_ANSWERED;

	*retry_after_s = 0;
	response->status = 0;
	free(response->url);
	response->url = NULL;
	buf_clear(&response->headers);
	if (fetch_url_is_file(request->url))
		return fetch_local(request, range, sink, response, err);
	struct transfer *transfer =
		transfer_new(fetch, request, range, if_range, err);

	if (!transfer)
		return ATTEMPT_FAILED;
	int result = feed(transfer, sink, response, retry_after_s, err);

	if (result < 0) {
		outcome = ATTEMPT_FAILED;
	} else if (result == 0 && transfer->code != CURLE_OK) {
		curl_error(request->url, transfer, err);
		outcome =
			is_lost(transfer->code) ? ATTEMPT_LOST : ATTEMPT_FAILED;
	}
	transfer_free(transfer);
	return outcome;
}

/* -- again and again -- */

static uint64_t pause_ms(const struct retry *retry)
{
	uint64_t pause = retry->fetch->options.pause_ms;
	struct timespec now;

	for (unsigned i = 1; i < retry->failures && pause < PAUSE_MAX_MS; i++)
		pause *= 2;
	if (pause > PAUSE_MAX_MS)
		pause = PAUSE_MAX_MS;
	/* Up to a quarter more, so that many do not come back as one. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	return pause + (uint64_t)now.tv_nsec % (pause / 4 + 1);
}

static int sleep_ms(uint64_t duration_ms, struct error **err)
{
	enum { STEP_MS = 50 };

	while (duration_ms) {
		uint64_t step = duration_ms < STEP_MS ? duration_ms : STEP_MS;

		if (pool_check_cancelled(err))
			return -1;
		nanosleep(&(struct timespec){.tv_nsec = (long)step * 1000000},
			  NULL);
		duration_ms -= step;
	}
	return pool_check_cancelled(err);
}

int retry_wait(struct retry *retry, uint64_t retry_after_s, const char *why,
	       struct error **err)
{
	if (++retry->failures >= retry->fetch->options.attempts)
		return -1;
	uint64_t wait = pause_ms(retry);

	if (retry_after_s > retry->fetch->options.max_waiting_ms / 1000)
		return -1;
	if (retry_after_s * 1000 > wait)
		wait = retry_after_s * 1000;
	log_verbose("%s; trying again in %.1f s", why, (double)wait / 1000);
	return sleep_ms(wait, err);
}

/* -- whole bodies -- */

struct body {
	struct fetch_response *response;
	const struct fetch_request *request;
	size_t max_bytes;
	bool only_partial; /* take the body of a 206 and no other */
};

static int body_begin(void *context, const struct fetch_response *head,
		      struct error **err)
{
	struct body *body = context;

	(void)err;
	buf_clear(&body->response->body);
	return body->only_partial && head->status != 206 ? 1 : 0;
}

static int body_data(void *context, struct str bytes, struct error **err)
{
	struct body *body = context;

	if (bytes.n > body->max_bytes - body->response->body.n) {
		auto_free char *public = fetch_url_public(body->request->url);

		return err_make(err, ERR_ENV,
				"%s is larger than %s, the most that such an "
				"answer may have",
				public, log_bytes(body->max_bytes));
	}
	buf_append(&body->response->body, bytes);
	return 0;
}

static int send_range(struct fetch *fetch, const struct fetch_request *request,
		      const char *range, struct fetch_response *response,
		      struct error **err)
{
	struct body body = {response, request,
			    request->max_bytes ? request->max_bytes
					       : DEFAULT_BODY_MAX,
			    range != NULL};
	struct sink sink = {body_begin, body_data, &body};
	struct retry retry = {fetch, request->url, 0};
	uint64_t retry_after_s;

	if (fetch_check_url(fetch, request->url, err))
		return -1;
	for (;;) {
		auto_err struct error *problem = NULL;
		enum attempt outcome =
			fetch_attempt(fetch, request, range, NULL, &sink,
				      response, &retry_after_s, &problem);

		if (outcome == ATTEMPT_FAILED)
			return err_pass(err, mem_steal(problem));
		if (outcome == ATTEMPT_ANSWERED &&
		    !fetch_status_is_temporary(response->status))
			return 0;
		if (outcome == ATTEMPT_ANSWERED)
			fetch_status_error(request->url, response->status,
					   &problem);
		if (retry_wait(&retry, retry_after_s, err_message(problem),
			       err) == 0)
			continue;
		if (pool_is_cancelled())
			return -1;
		return outcome == ATTEMPT_ANSWERED
			       ? 0
			       : err_pass(err, mem_steal(problem));
	}
}

int fetch_send(struct fetch *fetch, const struct fetch_request *request,
	       struct fetch_response *response, struct error **err)
{
	return send_range(fetch, request, NULL, response, err);
}

int fetch_bytes(struct fetch *fetch, const struct fetch_request *request,
		struct fetch_response *response, struct error **err)
{
	if (fetch_send(fetch, request, response, err))
		return -1;
	return response->status / 100 == 2
		       ? 0
		       : fetch_status_error(request->url, response->status,
					    err);
}

static int range_error(const struct fetch_request *request, const char *what,
		       struct error **err)
{
	auto_free char *public = fetch_url_public(request->url);

	return err_make(err, ERR_ENV, "cannot fetch a part of %s: %s", public,
			what);
}

int fetch_range(struct fetch *fetch, const struct fetch_request *request,
		uint64_t first, uint64_t count, uint64_t *total,
		struct fetch_response *response, struct error **err)
{
	struct fetch_request bounded = *request;
	auto_buf struct buf range = BUF_EMPTY;
	uint64_t begin, whole = 0, last;

	if (count == 0 || (first != FETCH_TAIL &&
			   __builtin_add_overflow(first, count - 1, &last)))
		return range_error(request, "the range is empty or too large",
				   err);
	if (first == FETCH_TAIL)
		buf_printf(&range, "-%llu", (unsigned long long)count);
	else
		buf_printf(&range, "%llu-%llu", (unsigned long long)first,
			   (unsigned long long)last);
	bounded.max_bytes = count;
	if (send_range(fetch, &bounded, buf_text(&range), response, err))
		return -1;
	if (response->status / 100 != 2)
		return fetch_status_error(request->url, response->status, err);
	if (response->status != 206)
		return range_error(request, "the server sends whole files only",
				   err);
	if (!fetch_content_range(response, &begin, &whole) ||
	    (first != FETCH_TAIL && begin != first))
		return range_error(request, "the server sends another part",
				   err);
	if (total)
		*total = whole;
	return 0;
}

int fetch_read_at(void *context, void *p, size_t n, uint64_t offset,
		  struct error **err)
{
	const struct fetch_remote *remote = context;
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;
	struct fetch_request request = {.url = remote->url, .max_bytes = n};

	if (fetch_range(remote->fetch, &request, offset, n, NULL, &response,
			err))
		return -1;
	if (response.body.n != n)
		return err_make(err, ERR_ENV, "'%s' ends too early",
				response.url);
	memcpy(p, response.body.p, n);
	return 0;
}
