/* fetch: the one HTTP client. One thread owns curl; any thread may ask.
 *
 * Knows: http, https and file urls, redirects, retries, ranges, credentials,
 * proxies, certificates. Does not know: indexes, registries, mirrors.
 *
 * Source: RFC 9110 (ranges, Retry-After), RFC 3986 (urls).
 *
 * From the environment: NETRC (else ~/.netrc); http_proxy, https_proxy,
 * all_proxy, no_proxy; CURL_CA_BUNDLE, SSL_CERT_FILE, SSL_CERT_DIR.
 * Credentials (netrc, in a url, or an Authorization header) are sent to the
 * host and port they are for and to no other, also after a redirect; an https
 * url is never redirected to http. No message shows a url's credentials.
 *
 * Every request is tried again after a lost connection, a short body, or
 * status 408, 425, 429, 500, 502, 503 or 504: with growing pauses, or after
 * what Retry-After says. Ctrl-C (pool_cancel) ends every call within a moment.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/str.h"
#include "facts/store.h"

struct error;
struct fetch;

struct fetch_options {
	bool offline;		 /* only file urls; all else is an error */
	unsigned parallel;	 /* connections at once; 0: 8 */
	unsigned attempts;	 /* without progress in between; 0: 5 */
	unsigned pause_ms;	 /* before the second attempt; 0: 500 */
	unsigned stall_ms;	 /* without a byte: lost; 0: 60,000 */
	unsigned max_waiting_ms; /* Retry-After above it: give up; 0: 120,000 */
};

/* options may be NULL. */
struct fetch *fetch_new(const struct fetch_options *options);

/* Not while a call is in progress. NULL is fine. */
void fetch_free(struct fetch *fetch);

bool fetch_is_offline(const struct fetch *fetch);

struct fetch_request {
	const char *url;
	const char *method; /* NULL: GET; HEAD and POST too */
	const char *const
		*headers; /* "Name: value", NULL at the end; or NULL */
	struct str body;  /* of a POST */
	size_t max_bytes; /* a longer body is an error; 0: 16 MiB */
	bool compressed;  /* the body may travel compressed */
};

struct fetch_response {
	unsigned status;    /* of a file url: 200, 206, 404 or 416 */
	char *url;	    /* after redirects, without credentials */
	struct buf headers; /* "name: value\n" of the last answer */
	struct buf body;
};
#define FETCH_RESPONSE_EMPTY                                                   \
	{                                                                      \
		0, NULL, BUF_EMPTY, BUF_EMPTY                                  \
	}
void fetch_response_release(struct fetch_response *response);
#define auto_fetch_response __attribute__((cleanup(fetch_response_release)))

/* The value of a header (any case), or empty. Borrowed from the response. */
struct str fetch_header(const struct fetch_response *response,
			const char *name);

/* Sends a request and takes the answer, whatever its status (after the
 * retries above): 0. -1 (ERR_ENV, ERR_CANCELLED) where there is no answer. */
int fetch_send(struct fetch *fetch, const struct fetch_request *request,
	       struct fetch_response *response, struct error **err);

/* The same, but a status other than 2xx is an error too, which says what it
 * means; response->status is set where there was an answer. */
int fetch_bytes(struct fetch *fetch, const struct fetch_request *request,
		struct fetch_response *response, struct error **err);

/* The error that fetch_bytes makes of a status. Returns -1. */
int fetch_status_error(const char *url, unsigned status, struct error **err);

/* As first: the last count bytes. */
#define FETCH_TAIL UINT64_MAX

/* Bytes first to first + count - 1 of a file, into response->body; fewer only
 * where the file ends. *total (may be NULL) is the size of the whole file, 0
 * where the server does not tell. A server that does not answer ranges is an
 * error with response->status 200. */
int fetch_range(struct fetch *fetch, const struct fetch_request *request,
		uint64_t first, uint64_t count, uint64_t *total,
		struct fetch_response *response, struct error **err);

/* A file on a server whose bytes are read where they are needed. */
struct fetch_remote {
	struct fetch *fetch;
	const char *url;
};

/* Reads n bytes at offset into p, all of them; remote is a struct
 * fetch_remote. The read of a struct zip_source (codec/zip.h). */
int fetch_read_at(void *remote, void *p, size_t n, uint64_t offset,
		  struct error **err);

struct fetch_file {
	const char *const *urls; /* tried in turn */
	size_t url_count;
	const char *const *headers; /* as in fetch_request */
	uint64_t size_bytes;	    /* 0: not known */
	uint64_t max_bytes; /* bound where the size is not known; 0: 8 GiB */
	struct digest sha256;
	enum store_kind kind; /* STORE_BLOB for a part of an image */
	const char *label;    /* for people: the file's name */
	/* NULL, or an empty one: the file, whole and checked, is then not
	 * published but left to the caller in here, who commits, drops or
	 * releases it. It stays empty where the store has the file. */
	struct store_partial *held;
};

/* Puts a file into the store, unless it is there: resumes what an earlier
 * attempt left, and publishes only what has the hash. Shows progress. A wrong
 * hash or size is an error that names both (ERR_ENV), after every url was
 * tried. Holds at most 2 MiB. */
int fetch_download(struct fetch *fetch, struct store *store,
		   const struct fetch_file *file, struct error **err);

/* -- urls; all results are heap strings the caller frees -- */

/* The url without credentials, for messages. Text that is no url comes back
 * as "(not a url)". */
char *fetch_url_public(const char *url);

/* reference resolved against base (RFC 3986, section 5), fragment dropped. The
 * credentials of base stay only where scheme, host and port stay. NULL where
 * either is malformed or the result is not http, https or file. A reference
 * to a file from an http base is refused too. */
char *fetch_url_join(const char *base, const char *reference);

/* True for a whole http, https or file url. */
bool fetch_url_is_known(const char *url);

/* The url with these credentials, unless it has some. */
char *fetch_url_with_login(const char *url, const char *user,
			   const char *password);

/* The last part of the path, percent-decoded; "" for none. NULL where the url
 * is malformed or that part holds a '/' or a NUL. */
char *fetch_url_name(const char *url);

/* file: url of a path, which is made absolute. */
char *fetch_url_of_path(const char *path);

/* The absolute path that a file url of this host means, or NULL. */
char *fetch_url_path(const char *url);
