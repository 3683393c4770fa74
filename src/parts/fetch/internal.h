/* fetch/internal: one transfer, and one attempt at a request.
 *
 * The engine thread owns curl's multi handle and does nothing but move bytes
 * into a transfer's window; the thread that asked takes them out, hashes and
 * writes them. A full window pauses the transfer. One lock guards it all.
 */
#pragma once

#include <pthread.h>

#include "parts/fetch.h"
#include "parts/libcurl.h"

enum {
	FETCH_WINDOW_BYTES = 1 << 20, /* not taken yet, per transfer */
	FETCH_HEADERS_MAX = 256 << 10,
};

struct fetch {
	struct fetch_options options;
	CURLM *multi; /* NULL before the first request */
	pthread_t thread;
	pthread_mutex_t lock; /* guards all below, and the transfers */
	pthread_cond_t changed;
	struct transfer *first; /* all that have begun and not ended */
	unsigned active;
	bool stop;
};

struct transfer {
	struct fetch *fetch;
	struct transfer *next;
	CURL *easy;
	struct curl_slist *headers;
	bool added;	      /* to the multi handle */
	bool paused, aborted; /* the engine is to resume, or to end it */
	bool resume;
	bool ended;
	struct buf window;
	struct buf answer_headers;
	unsigned status; /* 0 until known */
	CURLcode code;	 /* once ended */
	uint64_t retry_after_s;
	char *url; /* after redirects; once ended */
	char message[CURL_ERROR_SIZE];
};

/* Loads curl and starts the engine, where that has not been done. */
int fetch_start(struct fetch *fetch, struct error **err);

/* Starts a request; waits for its turn. range is "0-99", "-100", "100-" or
 * NULL, if_range an ETag or NULL. */
struct transfer *transfer_new(struct fetch *fetch,
			      const struct fetch_request *request,
			      const char *range, const char *if_range,
			      struct error **err);

/* Takes what has come into bytes (emptied first); waits for some. Empty at the
 * end. -1 only for Ctrl-C. */
int transfer_take(struct transfer *transfer, struct buf *bytes,
		  struct error **err);

/* Ends it, at once where it still runs. */
void transfer_free(struct transfer *transfer);

void *fetch_engine(void *fetch);

/* What to do with an answer's body. */
struct sink {
	/* Once, when the status and headers are known. 0: take the body; 1: do
	 * not, the attempt counts as answered; -1: error. */
	int (*begin)(void *context, const struct fetch_response *head,
		     struct error **err);
	int (*data)(void *context, struct str bytes, struct error **err);
	void *context;
};

enum attempt {
	ATTEMPT_ANSWERED, /* response has status, url and headers */
	ATTEMPT_LOST,	  /* worth another attempt; err says why */
	ATTEMPT_FAILED,	  /* not worth one; err says why */
};

enum attempt fetch_attempt(struct fetch *fetch,
			   const struct fetch_request *request,
			   const char *range, const char *if_range,
			   const struct sink *sink,
			   struct fetch_response *response,
			   uint64_t *retry_after_s, struct error **err);

bool fetch_status_is_temporary(unsigned status);

/* Attempts without progress so far. */
struct retry {
	struct fetch *fetch;
	const char *url;
	unsigned failures;
};

/* Counts a failure and waits before the next attempt: 0. -1 where that was the
 * last (err untouched) or on Ctrl-C (err replaced). why is borrowed. */
int retry_wait(struct retry *retry, uint64_t retry_after_s, const char *why,
	       struct error **err);

/* 0 where the url may be asked: its scheme is known and it may be reached. */
int fetch_check_url(const struct fetch *fetch, const char *url,
		    struct error **err);

bool fetch_url_is_file(const char *url);

/* fetch_attempt of a file url. */
enum attempt fetch_local(const struct fetch_request *request, const char *range,
			 const struct sink *sink,
			 struct fetch_response *response, struct error **err);

/* Checks a 206's Content-Range: the first byte and, unless "*", the whole. */
bool fetch_content_range(const struct fetch_response *response, uint64_t *first,
			 uint64_t *total);
