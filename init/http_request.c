#include "http_request.h"

#include <string.h>
#include <strings.h>

/* One line without its end, as [*p, *line_end); false when it is not whole. */
static bool line_next(const char **p, const char *end, const char **line_end)
{
	const char *newline = memchr(*p, '\n', (size_t)(end - *p));

	if (!newline)
		return false;
	*line_end = newline > *p && newline[-1] == '\r' ? newline - 1 : newline;
	return true;
}

/* The next word up to a space, copied; false when it is empty or too long. */
static bool word_copy(const char **p, const char *end, char *out, size_t cap)
{
	const char *space = memchr(*p, ' ', (size_t)(end - *p));
	size_t n = (size_t)((space ? space : end) - *p);

	if (n == 0 || n >= cap)
		return false;
	memcpy(out, *p, n);
	out[n] = '\0';
	*p += n + (space ? 1 : 0);
	return true;
}

static bool request_line(struct http_request *request, const char *p,
			 const char *end)
{
	char target[HTTP_REQUEST_BYTES], version[16];
	size_t n;

	if (!word_copy(&p, end, request->method, sizeof(request->method)) ||
	    !word_copy(&p, end, target, sizeof(target)) ||
	    !word_copy(&p, end, version, sizeof(version)) || p != end)
		return false;
	if (strncmp(version, "HTTP/1.", 7) != 0 || target[0] != '/' ||
	    (strcmp(version + 7, "0") != 0 && strcmp(version + 7, "1") != 0))
		return false;
	request->keep = version[7] == '1';
	n = strcspn(target, "?#");
	if (n >= sizeof(request->path))
		n = sizeof(request->path) - 1;
	memcpy(request->path, target, n);
	request->path[n] = '\0';
	return true;
}

static bool header_is(const char *p, size_t n, const char *name)
{
	size_t name_n = strlen(name);

	return n > name_n && strncasecmp(p, name, name_n) == 0 &&
	       p[name_n] == ':';
}

static void header_take(struct http_request *request, const char *p, size_t n)
{
	size_t at;

	if (header_is(p, n, "content-length")) {
		at = sizeof("content-length");
		while (at < n && (p[at] == ' ' || p[at] == '0'))
			at++;
		if (at < n)
			request->keep = false;
	} else if (header_is(p, n, "transfer-encoding") ||
		   header_is(p, n, "upgrade")) {
		request->keep = false;
	} else if (header_is(p, n, "connection")) {
		for (at = sizeof("connection"); at + 5 <= n; at++)
			if (strncasecmp(p + at, "close", 5) == 0)
				request->keep = false;
	}
}

enum http_request_status http_request_read(struct http_request *request,
					   const char *p, size_t n)
{
	const char *start = p, *end = p + n, *line_end;

	if (!line_next(&p, end, &line_end))
		return HTTP_REQUEST_MORE;
	if (!request_line(request, p, line_end))
		return HTTP_REQUEST_BAD;
	for (;;) {
		p = line_end + (*line_end == '\r' ? 2 : 1);
		if (!line_next(&p, end, &line_end))
			return HTTP_REQUEST_MORE;
		if (line_end == p)
			break;
		header_take(request, p, (size_t)(line_end - p));
	}
	request->n = (size_t)(line_end - start) + (*line_end == '\r' ? 2 : 1);
	return HTTP_REQUEST_OK;
}
