#include "parts/registry.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/array.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"
#include "codec/oci.h"
#include "parts/fetch.h"
#include "parts/registry/internal.h"

enum {
	MAX_TOKEN_ANSWER = 1 << 20,
	MAX_TOKEN = 64 << 10,
	MAX_OTHER = 64 << 10,
	DEFAULT_TOKEN_S = 60, /* where the server does not say */
	MAX_TOKEN_S = 24 * 3600,
	EARLY_S = 10, /* a token is renewed so long before its end */
};

/* The permission to read one repository. */
struct grant {
	struct str repository; /* "host/name" */
	struct str header;     /* "Authorization: ..."; empty: none needed */
	bool has_login;
	time_t ends; /* by the monotonic clock; 0: never */
};

struct registry {
	struct fetch *fetch;
	char *insecure, *config;
	pthread_mutex_t lock; /* of what follows */
	struct arena arena;
	ARRAY(struct grant) grants;
};

struct registry *registry_new(const struct registry_options *options)
{
	struct registry *registry = mem_zalloc(1, sizeof *registry);
	const char *insecure = options->insecure
				       ? options->insecure
				       : getenv("SLIPWAY_INSECURE_REGISTRIES");

	registry->fetch = options->fetch;
	registry->insecure = mem_strdup(insecure ? insecure : "");
	registry->config = options->config ? mem_strdup(options->config) : NULL;
	pthread_mutex_init(&registry->lock, NULL);
	return registry;
}

void registry_free(struct registry *registry)
{
	if (!registry)
		return;
	pthread_mutex_destroy(&registry->lock);
	array_release(&registry->grants);
	arena_release(&registry->arena);
	free(registry->config);
	free(registry->insecure);
	free(registry);
}

/* -- urls -- */

static bool is_insecure(const struct registry *registry, struct str host)
{
	struct str rest = str_from(registry->insecure), part;

	while (str_split(&rest, ',', &part))
		if (str_eq_case(str_trim(part), host))
			return true;
	return registry_is_loopback(host);
}

/* "https://HOST/v2/" and the rest; the caller frees. */
static char *make_url(const struct registry *registry, struct str host,
		      const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static char *make_url(const struct registry *registry, struct str host,
		      const char *format, ...)
{
	struct buf url = BUF_EMPTY;
	va_list args;

	buf_printf(&url, "%s://" STR_FMT "/v2/",
		   is_insecure(registry, host) ? "http" : "https",
		   STR_ARG(str_eq(host, STR("docker.io"))
				   ? STR("registry-1.docker.io")
				   : host));
	va_start(args, format);
	buf_vprintf(&url, format, args);
	va_end(args);
	return buf_steal_text(&url);
}

static void append_encoded(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || strchr("-._~", c))
			buf_append_byte(out, c);
		else
			buf_printf(out, "%%%02X", (unsigned char)c);
	}
}

static void append_field(struct buf *out, const char *name, struct str value)
{
	if (value.n == 0)
		return;
	if (out->n && out->p[out->n - 1] != '?')
		buf_append_byte(out, '&');
	buf_printf(out, "%s=", name);
	append_encoded(out, value);
}

/* -- what went wrong -- */

static int status_error(const struct registry_reference *reference,
			const struct grant *grant, unsigned status,
			struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct str path = registry_reference_path(reference, &arena);
	struct str host = reference->host;

	switch (status) {
	case 401:
	case 403:
		err_make(err, ERR_ENV,
			 STR_FMT " refuses to show '" STR_FMT "' (status %u)",
			 STR_ARG(host), STR_ARG(path), status);
		return err_hint(err, "%s: docker login " STR_FMT,
				grant->has_login
					? "the login in Docker's config.json "
					  "is not accepted for it"
					: "log in first",
				STR_ARG(host));
	case 404:
		err_make(err, ERR_FLEET, STR_FMT " has no image '" STR_FMT "'",
			 STR_ARG(host), STR_ARG(path));
		return err_hint(err,
				"check the name and the tag; a private "
				"one needs: docker login " STR_FMT,
				STR_ARG(host));
	case 429:
		err_make(err, ERR_ENV,
			 STR_FMT " wants fewer requests (status 429)",
			 STR_ARG(host));
		return err_hint(err,
				"wait, or log in for a higher limit: "
				"docker login " STR_FMT,
				STR_ARG(host));
	default:
		err_make(err, ERR_ENV,
			 STR_FMT " answers %u when it is asked for '" STR_FMT
				 "'",
			 STR_ARG(host), status, STR_ARG(path));
		return err_hint(err, status >= 500
					     ? "it failed itself: try again "
					       "later"
					     : "it may be no registry");
	}
}

/* -- logging in -- */

/* "Authorization: Basic ..." of a login, in arena. */
static struct str basic_header(const struct registry_login *login,
			       struct arena *arena)
{
	auto_buf struct buf both = BUF_EMPTY, text = BUF_EMPTY;

	buf_printf(&both, STR_FMT ":" STR_FMT, STR_ARG(login->user),
		   STR_ARG(login->password));
	buf_append_text(&text, "Authorization: Basic ");
	buf_reserve(&text, (both.n + 2) / 3 * 4 + 1);
	text.n += (size_t)EVP_EncodeBlock((unsigned char *)text.p + text.n,
					  (const unsigned char *)both.p,
					  (int)both.n);
	return arena_str(arena, buf_str(&text));
}

/* A login is not sent by http to the token server of an https registry. */
static bool is_realm_allowed(const struct registry *registry, struct str host,
			     struct str realm)
{
	return str_starts(realm, STR("https://")) ||
	       (str_starts(realm, STR("http://")) &&
		is_insecure(registry, host));
}

/* What goes into a header has no control characters and no spaces. */
static bool is_token(struct str token)
{
	for (size_t i = 0; i < token.n; i++)
		if (token.p[i] <= ' ' || token.p[i] == 0x7f)
			return false;
	return token.n > 0 && token.n <= MAX_TOKEN;
}

static int read_token(struct str body, struct str host, struct arena *arena,
		      struct grant *grant, struct error **err)
{
	auto_json json_t *answer = json_parse(body, MAX_TOKEN_ANSWER, NULL);
	uint64_t lasts_s = DEFAULT_TOKEN_S;
	struct str token = STR_EMPTY;
	struct timespec now;

	if (!json_get_str(answer, "token", &token) || token.n == 0)
		json_get_str(answer, "access_token", &token);
	json_get_u64(answer, "expires_in", &lasts_s);
	if (!is_token(token))
		return err_make(err, ERR_ENV,
				"the token server of " STR_FMT
				" gives no token",
				STR_ARG(host));
	if (lasts_s < DEFAULT_TOKEN_S || lasts_s > MAX_TOKEN_S)
		lasts_s = DEFAULT_TOKEN_S;
	clock_gettime(CLOCK_MONOTONIC, &now);
	grant->ends = now.tv_sec + (time_t)lasts_s - EARLY_S;
	grant->header = arena_printf(arena, "Authorization: Bearer " STR_FMT,
				     STR_ARG(token));
	return 0;
}

/* Asks the token server: with an identity token by POST, else by GET. */
static int get_token(struct registry *registry,
		     const struct registry_reference *reference,
		     const struct registry_challenge *challenge,
		     const struct registry_login *login, struct grant *grant,
		     struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_buf struct buf url = BUF_EMPTY, form = BUF_EMPTY;
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;
	bool trade = login->identity_token.n > 0;
	struct buf *fields = trade ? &form : &url;
	const char *headers[] = {NULL, NULL};

	if (!is_realm_allowed(registry, reference->host, challenge->realm))
		return err_make(err, ERR_ENV,
				STR_FMT " wants a login at '" STR_FMT
					"', which is no https url",
				STR_ARG(reference->host),
				STR_ARG(challenge->realm));
	buf_append(&url, challenge->realm);
	if (!trade)
		buf_append_byte(
			&url, str_find(challenge->realm, '?') < 0 ? '?' : '&');
	append_field(fields, "service", challenge->service);
	append_field(fields, "scope",
		     arena_printf(&arena, "repository:" STR_FMT ":pull",
				  STR_ARG(reference->repository)));
	if (trade) {
		append_field(fields, "grant_type", STR("refresh_token"));
		append_field(fields, "client_id", STR("slipway"));
		append_field(fields, "refresh_token", login->identity_token);
		headers[0] = "Content-Type: application/x-www-form-urlencoded";
	} else if (login->user.n) {
		append_field(fields, "account", login->user);
		headers[0] = basic_header(login, &arena).p;
	}
	struct fetch_request request = {
		.url = buf_text(&url),
		.method = trade ? "POST" : "GET",
		.headers = headers,
		.body = buf_str(&form),
		.max_bytes = MAX_TOKEN_ANSWER,
	};

	if (fetch_send(registry->fetch, &request, &response, err))
		return -1;
	if (response.status != 200)
		return status_error(reference, grant, response.status, err);
	return read_token(buf_str(&response.body), reference->host,
			  &registry->arena, grant, err);
}

/* All challenges of an answer: a server may send several headers. */
static bool find_challenge(const struct fetch_response *response,
			   struct arena *arena,
			   struct registry_challenge *challenge)
{
	auto_buf struct buf all = BUF_EMPTY;
	struct str rest = buf_str(&response->headers), line;

	while (str_line(&rest, &line)) {
		ptrdiff_t colon = str_find(line, ':');

		if (colon < 0 || !str_eq_case(str_slice(line, 0, (size_t)colon),
					      STR("WWW-Authenticate")))
			continue;
		buf_append(&all, str_slice(line, (size_t)colon + 1, line.n));
		buf_append_byte(&all, ',');
	}
	return registry_challenge_parse(buf_str(&all), arena, challenge);
}

/* Asks for "/v2/", which tells how to log in. */
static int ping(struct registry *registry,
		const struct registry_reference *reference,
		const struct grant *grant, struct fetch_response *response,
		struct error **err)
{
	auto_free char *url = make_url(registry, reference->host, "%s", "");
	const char *headers[] = {grant->header.n ? grant->header.p : NULL,
				 NULL};
	struct fetch_request request = {
		.url = url,
		.headers = headers,
		.max_bytes = MAX_OTHER,
	};

	return fetch_send(registry->fetch, &request, response, err);
}

static int log_in(struct registry *registry,
		  const struct registry_reference *reference,
		  struct grant *grant, struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;
	struct registry_challenge challenge;
	struct registry_login login;

	if (ping(registry, reference, grant, &response, err))
		return -1;
	/* Some answer 404 to this and serve images all the same. */
	if (response.status != 401)
		return response.status < 400 || response.status == 404
			       ? 0
			       : status_error(reference, grant, response.status,
					      err);
	if (!find_challenge(&response, &arena, &challenge))
		return err_make(err, ERR_ENV,
				STR_FMT " wants a login of a kind that is not "
					"known",
				STR_ARG(reference->host));
	if (registry_login_find(registry->config, reference->host, &arena,
				&login, err))
		return -1;
	grant->has_login = login.user.n || login.identity_token.n;
	if (challenge.is_bearer)
		return get_token(registry, reference, &challenge, &login, grant,
				 err);
	if (login.user.n == 0)
		return status_error(reference, grant, 401, err);
	grant->header = basic_header(&login, &registry->arena);
	fetch_response_release(&response);
	if (ping(registry, reference, grant, &response, err))
		return -1;
	return response.status == 401 ? status_error(reference, grant, 401, err)
				      : 0;
}

static bool has_ended(const struct grant *grant)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return grant->ends && now.tv_sec >= grant->ends;
}

/* The grant for a repository, made where there is none that still holds. One
 * thread at a time: the others would ask for the same. */
static int get_grant(struct registry *registry,
		     const struct registry_reference *reference,
		     struct grant *out, struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct str name = arena_printf(&arena, STR_FMT "/" STR_FMT,
				       STR_ARG(reference->host),
				       STR_ARG(reference->repository));
	struct grant *found = NULL;
	int result = 0;

	pthread_mutex_lock(&registry->lock);
	array_each (struct grant, grant, &registry->grants)
		if (str_eq(grant->repository, name))
			found = grant;
	if (!found || has_ended(found)) {
		struct grant made = {
			.repository = arena_str(&registry->arena, name),
		};

		result = log_in(registry, reference, &made, err);
		*out = made;
		if (result == 0 && found)
			*found = made;
		else if (result == 0)
			array_push(&registry->grants, made);
	} else {
		*out = *found;
	}
	pthread_mutex_unlock(&registry->lock);
	return result;
}

/* -- documents and blobs -- */

static int check_digest(const struct registry_reference *reference,
			const struct fetch_response *response,
			const struct digest *found, struct error **err)
{
	struct str header = fetch_header(response, "Docker-Content-Digest");
	struct digest wanted = reference->digest;

	if (digest_is_zero(&wanted) && !digest_parse(header, &wanted))
		return 0;
	if (digest_eq(&wanted, found))
		return 0;
	err_make(err, ERR_ENV,
		 STR_FMT " sends a document with %s for '" STR_FMT
			 "', where %s is expected",
		 STR_ARG(reference->host), digest_text(found).p,
		 STR_ARG(reference->repository), digest_text(&wanted).p);
	return err_hint(err, "it was changed in the registry or on the way (a "
			     "proxy?); nothing of it is used");
}

int registry_document(struct registry *registry,
		      const struct registry_reference *reference,
		      struct arena *arena, struct buf *body, struct str *type,
		      struct digest *digest, struct error **err)
{
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;
	struct digest_text wanted = digest_text(&reference->digest);
	struct grant grant = {.has_login = false};

	if (get_grant(registry, reference, &grant, err))
		return -1;
	auto_free char *url =
		make_url(registry, reference->host, STR_FMT "/manifests/%s",
			 STR_ARG(reference->repository),
			 digest_is_zero(&reference->digest) ? reference->tag.p
							    : wanted.p);
	const char *headers[] = {
		"Accept: " OCI_INDEX_TYPE ", " OCI_MANIFEST_TYPE
		", " DOCKER_INDEX_TYPE ", " DOCKER_MANIFEST_TYPE,
		grant.header.n ? grant.header.p : NULL,
		NULL,
	};
	struct fetch_request request = {
		.url = url,
		.headers = headers,
		.max_bytes = OCI_MAX_BYTES,
	};

	if (fetch_send(registry->fetch, &request, &response, err))
		return -1;
	if (response.status != 200)
		return status_error(reference, &grant, response.status, err);
	*digest = digest_of(buf_str(&response.body));
	if (check_digest(reference, &response, digest, err))
		return -1;
	buf_append(body, buf_str(&response.body));
	*type = arena_str(arena, fetch_header(&response, "Content-Type"));
	return 0;
}

static int get_blob(struct registry *registry, struct store *store,
		    const struct registry_reference *reference,
		    struct fetch_file *file, struct grant *grant,
		    struct error **err)
{
	if (get_grant(registry, reference, grant, err))
		return -1;
	const char *headers[] = {grant->header.n ? grant->header.p : NULL,
				 NULL};

	file->headers = headers;
	int result = fetch_download(registry->fetch, store, file, err);

	file->headers = NULL;
	return result;
}

int registry_blob(struct registry *registry, struct store *store,
		  const struct registry_reference *reference,
		  const struct digest *digest, uint64_t size_bytes,
		  const char *label, struct error **err)
{
	auto_err struct error *problem = NULL;
	struct digest_text text = digest_text(digest);
	struct grant grant = {.has_login = false};
	auto_free char *url =
		make_url(registry, reference->host, STR_FMT "/blobs/%s",
			 STR_ARG(reference->repository), text.p);
	const char *urls[] = {url};
	struct fetch_file file = {
		.urls = urls,
		.url_count = 1,
		.size_bytes = size_bytes,
		.sha256 = *digest,
		.kind = STORE_BLOB,
		.label = label,
	};

	if (store_has(store, digest))
		return 0;
	if (get_blob(registry, store, reference, &file, &grant, &problem) == 0)
		return 0;
	/* A token that ended during a long download: what came is kept. */
	if (!has_ended(&grant))
		return err_pass(err, mem_steal(problem));
	return get_blob(registry, store, reference, &file, &grant, err);
}
