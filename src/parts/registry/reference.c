/* References to images. */
#include "base/error.h"
#include "parts/registry/internal.h"

enum { MAX_NAME = 255, MAX_TAG = 128 };

static bool is_lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_word(char c)
{
	return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '_';
}

/* [a-z0-9]+ (sep [a-z0-9]+)* */
static bool is_part(struct str part)
{
	for (size_t i = 0; i < part.n;) {
		size_t start = i;

		while (i < part.n && is_lower_or_digit(part.p[i]))
			i++;
		if (i == start)
			return false;
		if (i == part.n)
			return true;
		start = i;
		while (i < part.n && part.p[i] == part.p[start])
			i++;
		char c = part.p[start];
		size_t n = i - start;

		if (!(c == '-' || (c == '.' && n == 1) || (c == '_' && n < 3)))
			return false;
	}
	return false;
}

static bool is_repository(struct str name)
{
	struct str part;

	if (name.n == 0 || name.n > MAX_NAME || str_ends(name, STR("/")))
		return false;
	while (str_split(&name, '/', &part))
		if (!is_part(part))
			return false;
	return true;
}

static bool is_tag(struct str tag)
{
	if (tag.n == 0 || tag.n > MAX_TAG || !is_word(tag.p[0]))
		return false;
	for (size_t i = 1; i < tag.n; i++)
		if (!is_word(tag.p[i]) && tag.p[i] != '.' && tag.p[i] != '-')
			return false;
	return true;
}

/* Labels of letters, digits and '-' within, joined by '.'. */
static bool is_domain(struct str name)
{
	struct str label;

	if (name.n == 0 || name.n > MAX_NAME || str_ends(name, STR(".")))
		return false;
	while (str_split(&name, '.', &label)) {
		if (label.n == 0 || label.p[0] == '-' ||
		    label.p[label.n - 1] == '-')
			return false;
		for (size_t i = 0; i < label.n; i++)
			if (label.p[i] == '_' ||
			    (!is_word(label.p[i]) && label.p[i] != '-'))
				return false;
	}
	return true;
}

/* Takes the address off "[::1]:5000". */
static bool eat_address(struct str *host)
{
	ptrdiff_t end = str_find(*host, ']');

	if (!str_starts(*host, STR("[")) || end < 3)
		return false;
	for (ptrdiff_t i = 1; i < end; i++)
		if (!host->p[i] ||
		    !strchr("0123456789abcdefABCDEF:", host->p[i]))
			return false;
	*host = str_slice(*host, (size_t)end + 1, host->n);
	return true;
}

/* A domain, or an address in brackets, and maybe a port. */
static bool is_host(struct str host)
{
	ptrdiff_t colon = str_find(host, ':');
	uint64_t port;

	if (!eat_address(&host)) {
		size_t end = colon < 0 ? host.n : (size_t)colon;

		if (!is_domain(str_slice(host, 0, end)))
			return false;
		host = str_slice(host, end, host.n);
	}
	return host.n == 0 ||
	       (str_eat(&host, STR(":")) && str_to_u64(host, &port) &&
		port > 0 && port < 65536);
}

bool registry_is_loopback(struct str host)
{
	ptrdiff_t colon = str_rfind(host, ':');

	if (str_starts(host, STR("[::1]")))
		return host.n == 5 || host.p[5] == ':';
	if (colon >= 0)
		host.n = (size_t)colon;
	if (str_eq_case(host, STR("localhost")))
		return true;
	/* A name such as 127.example.org is another's. */
	for (size_t i = 0; i < host.n; i++)
		if (host.p[i] != '.' && (host.p[i] < '0' || host.p[i] > '9'))
			return false;
	return str_starts(host, STR("127."));
}

/* True where the first part names a host, by Docker's rule. */
static bool names_host(struct str part)
{
	if (str_eq(part, STR("localhost")))
		return true;
	for (size_t i = 0; i < part.n; i++)
		if (part.p[i] == '.' || part.p[i] == ':' ||
		    (part.p[i] >= 'A' && part.p[i] <= 'Z'))
			return true;
	return false;
}

static int refuse(struct str text, const char *what, struct error **err)
{
	err_make(err, ERR_FLEET, "'" STR_FMT "' names no image: %s",
		 STR_ARG(text), what);
	return err_hint(err, "write HOST/NAME:TAG, or NAME:TAG for an image of "
			     "Docker Hub");
}

/* Cuts tag and digest off rest. */
static int take_version(struct str text, struct str *rest,
			struct registry_reference *reference,
			struct error **err)
{
	ptrdiff_t at = str_find(*rest, '@');

	if (at >= 0) {
		struct str digest = str_slice(*rest, (size_t)at + 1, rest->n);

		if (!str_starts(digest, STR("sha256:")) ||
		    !digest_parse(digest, &reference->digest))
			return refuse(text,
				      "what follows '@' is no SHA-256 "
				      "digest",
				      err);
		rest->n = (size_t)at;
	}
	ptrdiff_t colon = str_rfind(*rest, ':');

	if (colon >= 0 && colon > str_rfind(*rest, '/')) {
		reference->tag = str_slice(*rest, (size_t)colon + 1, rest->n);
		rest->n = (size_t)colon;
		if (!is_tag(reference->tag))
			return refuse(text, "its tag is no tag", err);
	} else if (at < 0) {
		reference->tag = STR("latest");
	}
	return 0;
}

int registry_reference_parse(struct str text, struct arena *arena,
			     struct registry_reference *reference,
			     struct error **err)
{
	struct str rest = text, host = STR("docker.io");
	ptrdiff_t slash = str_find(text, '/');

	*reference = (struct registry_reference){.tag = STR_EMPTY};
	if (slash > 0 && names_host(str_slice(text, 0, (size_t)slash))) {
		host = str_slice(text, 0, (size_t)slash);
		rest = str_slice(text, (size_t)slash + 1, text.n);
		if (!is_host(host))
			return refuse(text, "its host is no host", err);
	}
	if (take_version(text, &rest, reference, err))
		return -1;
	if (str_eq(host, STR("index.docker.io")))
		host = STR("docker.io");
	if (!is_repository(rest))
		return refuse(text,
			      "its name has other than lower case letters, "
			      "digits and separators between them",
			      err);
	bool is_official =
		str_eq(host, STR("docker.io")) && str_find(rest, '/') < 0;

	reference->host = arena_str(arena, host);
	reference->repository =
		arena_printf(arena, "%s" STR_FMT, is_official ? "library/" : "",
			     STR_ARG(rest));
	reference->tag = arena_str(arena, reference->tag);
	return 0;
}

struct str registry_reference_path(const struct registry_reference *reference,
				   struct arena *arena)
{
	bool has_digest = !digest_is_zero(&reference->digest);

	return arena_printf(
		arena, STR_FMT "%s" STR_FMT "%s%s",
		STR_ARG(reference->repository), reference->tag.n ? ":" : "",
		STR_ARG(reference->tag), has_digest ? "@" : "",
		has_digest ? digest_text(&reference->digest).p : "");
}
