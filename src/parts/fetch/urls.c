#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "parts/fetch/internal.h"

static void url_cleanup(CURLU **url)
{
	if (*url)
		libcurl.url_cleanup(*url);
}
#define auto_url __attribute__((cleanup(url_cleanup)))

static void curl_free_pointer(char **text)
{
	if (*text)
		libcurl.free(*text);
}
#define auto_curl_text __attribute__((cleanup(curl_free_pointer)))

/* What the loader did where a linked library is absent. Requests come to it
 * with an error of their own (fetch_start); these functions have none. */
static void need_curl(void)
{
	auto_err struct error *err = NULL;

	if (libcurl_load(&err) == 0)
		return;
	log_error(err);
	_exit(err_exit_status(ERR_ENV));
}

/* A url handle of an absolute url, or NULL. */
static CURLU *parse(const char *text)
{
	need_curl();
	CURLU *url = libcurl.url();

	if (!url)
		abort();
	if (libcurl.url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK)
		return url;
	libcurl.url_cleanup(url);
	return NULL;
}

/* A part (curl's memory), or NULL. */
static char *part(CURLU *url, CURLUPart which)
{
	char *text = NULL;

	return libcurl.url_get(url, which, &text, CURLU_DEFAULT_PORT) ==
			       CURLUE_OK
		       ? text
		       : NULL;
}

static bool has_scheme(CURLU *url, const char *scheme)
{
	auto_curl_text char *own = part(url, CURLUPART_SCHEME);

	return own && strcasecmp(own, scheme) == 0;
}

static char *whole(CURLU *url)
{
	auto_curl_text char *text = NULL;

	return libcurl.url_get(url, CURLUPART_URL, &text, 0) == CURLUE_OK
		       ? mem_strdup(text)
		       : NULL;
}

bool fetch_url_is_file(const char *url)
{
	return strncasecmp(url, "file:", 5) == 0;
}

char *fetch_url_public(const char *text)
{
	auto_url CURLU *url = parse(text);

	if (!url)
		return mem_strdup("(not a url)");
	/* A query may hold a signature that is as good as a password. */
	libcurl.url_set(url, CURLUPART_USER, NULL, 0);
	libcurl.url_set(url, CURLUPART_PASSWORD, NULL, 0);
	libcurl.url_set(url, CURLUPART_OPTIONS, NULL, 0);
	libcurl.url_set(url, CURLUPART_QUERY, NULL, 0);
	libcurl.url_set(url, CURLUPART_FRAGMENT, NULL, 0);
	char *result = whole(url);

	return result ? result : mem_strdup("(not a url)");
}

static bool same_part(CURLU *a, CURLU *b, CURLUPart which)
{
	auto_curl_text char *first = part(a, which);
	auto_curl_text char *second = part(b, which);

	return first && second && strcasecmp(first, second) == 0;
}

static bool same_origin(CURLU *a, CURLU *b)
{
	return same_part(a, b, CURLUPART_SCHEME) &&
	       same_part(a, b, CURLUPART_HOST) &&
	       same_part(a, b, CURLUPART_PORT);
}

/* Gives to the credentials of from, unless it has some. */
static void copy_login(CURLU *to, CURLU *from)
{
	auto_curl_text char *present = part(to, CURLUPART_USER);
	auto_curl_text char *user = part(from, CURLUPART_USER);
	auto_curl_text char *password = part(from, CURLUPART_PASSWORD);

	if (present || !user)
		return;
	/* Both are still percent-encoded, as they were. */
	libcurl.url_set(to, CURLUPART_USER, user, 0);
	if (password)
		libcurl.url_set(to, CURLUPART_PASSWORD, password, 0);
}

char *fetch_url_join(const char *base_text, const char *reference)
{
	auto_url CURLU *base = parse(base_text);
	auto_url CURLU *result = base ? libcurl.url_dup(base) : NULL;

	if (!result ||
	    libcurl.url_set(result, CURLUPART_URL, reference, 0) != CURLUE_OK)
		return NULL;
	bool file = has_scheme(result, "file");

	if (!file && !has_scheme(result, "http") &&
	    !has_scheme(result, "https"))
		return NULL;
	/* A page from the network must not name files of this machine. */
	if (file && !has_scheme(base, "file"))
		return NULL;
	libcurl.url_set(result, CURLUPART_FRAGMENT, NULL, 0);
	if (!file && same_origin(base, result))
		copy_login(result, base);
	return whole(result);
}

static bool all_of(struct str text, const char *allowed)
{
	for (size_t i = 0; i < text.n; i++)
		if (!strchr(allowed, text.p[i]) || !text.p[i])
			return false;
	return true;
}

/* What needs no parser, and so no curl, to be seen as a url: a scheme, a name,
 * and letters without a meaning behind it. */
static bool is_plain(struct str url)
{
	static const char unreserved[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789-._~/";
	struct str host;

	if (str_eat(&url, STR("file:///")))
		return all_of(url, unreserved);
	if (!str_eat(&url, STR("https://")) && !str_eat(&url, STR("http://")))
		return false;
	return str_split(&url, '/', &host) && host.n &&
	       all_of(host, "abcdefghijklmnopqrstuvwxyz0123456789-.") &&
	       all_of(url, unreserved);
}

bool fetch_url_is_known(const char *text)
{
	if (is_plain(str_from(text)))
		return true;
	auto_free char *joined = fetch_url_join(text, "");

	return joined != NULL;
}

char *fetch_url_with_login(const char *text, const char *user,
			   const char *password)
{
	auto_url CURLU *url = parse(text);
	auto_curl_text char *present = url ? part(url, CURLUPART_USER) : NULL;

	if (!url || present)
		return mem_strdup(text);
	libcurl.url_set(url, CURLUPART_USER, user, CURLU_URLENCODE);
	libcurl.url_set(url, CURLUPART_PASSWORD, password, CURLU_URLENCODE);
	char *result = whole(url);

	return result ? result : mem_strdup(text);
}

char *fetch_url_name(const char *text)
{
	auto_url CURLU *url = parse(text);
	auto_curl_text char *path = url ? part(url, CURLUPART_PATH) : NULL;
	const char *slash = path ? strrchr(path, '/') : NULL;
	int n = 0;

	if (!slash)
		return NULL;
	auto_curl_text char *name =
		libcurl.easy_unescape(NULL, slash + 1, 0, &n);

	if (!name || strlen(name) != (size_t)n || strchr(name, '/'))
		return NULL;
	return mem_strdup(name);
}

char *fetch_url_path(const char *text)
{
	struct str rest = str_from(text);
	int n = 0;

	rest = str_slice(rest, strlen("file:"), rest.n);
	/* RFC 8089: file:/path, file:///path, file://localhost/path */
	if (str_eat(&rest, STR("//")) && !str_starts(rest, STR("/")))
		str_eat(&rest, STR("localhost"));
	auto_free char *encoded = str_dup(rest);

	encoded[strcspn(encoded, "?#")] = '\0';
	need_curl();
	auto_curl_text char *path = libcurl.easy_unescape(NULL, encoded, 0, &n);

	if (*encoded != '/' || !path || strlen(path) != (size_t)n)
		return NULL;
	return mem_strdup(path);
}

char *fetch_url_of_path(const char *path)
{
	auto_free char *absolute = realpath(path, NULL);
	struct buf url = BUF_EMPTY;

	buf_append_text(&url, "file://");
	for (const char *p = absolute ? absolute : path; *p; p++)
		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxy"
			   "z"
			   "0123456789-._~/",
			   *p))
			buf_append_byte(&url, *p);
		else
			buf_printf(&url, "%%%02X", (unsigned char)*p);
	return buf_steal_text(&url);
}
