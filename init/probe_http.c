#include "probe_http.h"

#include "number.h"

#include <string.h>
#include <strings.h>

static enum step http_open(struct exchange *x)
{
	const struct probe *probe = x->probe;
	bool v6 = strchr(probe->host, ':') != NULL;
	char head[1024];
	struct text text = TEXT_OF(head);

	text_addf(&text,
		  "GET %s HTTP/1.1\r\nHost: %s%s%s:%u\r\n"
		  "User-Agent: slipway-init\r\nAccept: */*\r\n"
		  "Connection: close\r\n\r\n",
		  probe->path, v6 ? "[" : "",
		  probe->host[0] ? probe->host : "localhost", v6 ? "]" : "",
		  probe->port);
	exchange_put(x, head, text.n);
	return STEP_MORE;
}

/* "HTTP/1.x NNN": the status, or 0. */
static unsigned status_read(const char *line)
{
	char number[4];
	long status;

	if (strncmp(line, "HTTP/1.", 7) != 0 ||
	    (line[7] != '0' && line[7] != '1') || line[8] != ' ' ||
	    strlen(line) < 12 || (line[12] != ' ' && line[12] != '\0'))
		return 0;
	memcpy(number, line + 9, 3);
	number[3] = '\0';
	return number_read(number, 100, 599, &status) ? (unsigned)status : 0;
}

/* The value of a header if the line is that one, else NULL. */
static const char *header_value(const char *line, const char *name)
{
	size_t n = strlen(name);

	if (strncasecmp(line, name, n) != 0 || line[n] != ':')
		return NULL;
	line += n + 1;
	return line + strspn(line, " \t");
}

static enum step http_done(struct exchange *x)
{
	const struct http_exchange *http = x->state;

	if (exchange_expected(x, http->body, http->body_n))
		return exchange_end(x, STEP_OK, "status %u", http->status);
	return exchange_end(x, STEP_FAIL,
			    "status %u, but the expected text is not in the "
			    "body",
			    http->status);
}

static enum step header_end(struct exchange *x)
{
	struct http_exchange *http = x->state;

	/* 1xx announces the real reply. */
	if (http->status < 200 && http->status != 101) {
		http->at = HTTP_AT_STATUS;
		http->chunked = http->has_length = false;
		return STEP_MORE;
	}
	if (http->status < x->probe->status_low ||
	    http->status > x->probe->status_high)
		return exchange_end(x, STEP_FAIL, "status %u", http->status);
	if (!x->probe->expect_n)
		return exchange_end(x, STEP_OK, "status %u", http->status);
	x->stage = "the expected text in the body";
	http->at = http->chunked ? HTTP_AT_CHUNK_SIZE : HTTP_AT_BODY;
	if (!http->chunked && http->has_length && http->left == 0)
		return http_done(x);
	return STEP_MORE;
}

static bool chunk_size_read(const char *line, uint64_t *out)
{
	uint64_t size = 0;
	const char *p = line;

	for (; strchr("0123456789abcdefABCDEF", *p) && *p; p++) {
		unsigned digit = *p <= '9' ? (unsigned)(*p - '0')
					   : ((unsigned)*p & 7) + 9;

		if (size >> 58)
			return false;
		size = size << 4 | digit;
	}
	*out = size;
	return p > line && (*p == '\0' || *p == ';' || *p == ' ');
}

/* One whole line, its end taken off. */
static enum step line_take(struct exchange *x)
{
	struct http_exchange *http = x->state;
	const char *line = http->line, *value;
	long length;

	switch (http->at) {
	case HTTP_AT_STATUS:
		http->status = status_read(line);
		if (!http->status)
			return exchange_end(x, STEP_FAIL,
					    "the answer is not HTTP/1.1");
		http->at = HTTP_AT_HEADER;
		return STEP_MORE;
	case HTTP_AT_HEADER:
		if (*line == '\0')
			return header_end(x);
		value = header_value(line, "transfer-encoding");
		if (value && strcasecmp(value, "chunked") == 0)
			http->chunked = true;
		value = header_value(line, "content-length");
		if (value && number_read(value, 0, INT32_MAX, &length)) {
			http->has_length = true;
			http->left = (uint64_t)length;
		}
		return STEP_MORE;
	case HTTP_AT_CHUNK_SIZE:
		if (!chunk_size_read(line, &http->left))
			return exchange_end(x, STEP_FAIL, "a bad chunk size");
		if (http->left == 0)
			return http_done(x);
		http->at = HTTP_AT_CHUNK;
		return STEP_MORE;
	case HTTP_AT_CHUNK_END:
		http->at = HTTP_AT_CHUNK_SIZE;
		return *line ? exchange_end(x, STEP_FAIL, "a bad chunk end")
			     : STEP_MORE;
	case HTTP_AT_BODY:
	case HTTP_AT_CHUNK:
		break;
	}
	return STEP_MORE;
}

/* Takes bytes of the body; how many it took in *used. */
static enum step body_take(struct exchange *x, const uint8_t *p, size_t n,
			   size_t *used)
{
	struct http_exchange *http = x->state;
	bool counted = http->at == HTTP_AT_CHUNK || http->has_length;
	size_t room = sizeof(http->body) - http->body_n;
	size_t take = n;

	if (counted && take > http->left)
		take = (size_t)http->left;
	if (take > room)
		take = room;
	memcpy(http->body + http->body_n, p, take);
	http->body_n += take;
	http->left -= counted ? take : 0;
	*used = take;
	if (exchange_expected(x, http->body, http->body_n) ||
	    http->body_n == sizeof(http->body))
		return http_done(x);
	if (counted && http->left == 0) {
		if (http->at == HTTP_AT_BODY)
			return http_done(x);
		http->at = HTTP_AT_CHUNK_END;
	}
	return STEP_MORE;
}

static enum step http_feed(struct exchange *x, const uint8_t *p, size_t n)
{
	struct http_exchange *http = x->state;
	enum step step = STEP_MORE;

	if (n == 0 && http->at == HTTP_AT_BODY && !http->has_length)
		return http_done(x);
	while (n > 0 && step == STEP_MORE) {
		size_t used = 1;

		if (http->at == HTTP_AT_BODY || http->at == HTTP_AT_CHUNK) {
			step = body_take(x, p, n, &used);
		} else if (++http->head_n > HTTP_HEAD_MAX) {
			return exchange_end(x, STEP_FAIL,
					    "headers above %d bytes",
					    HTTP_HEAD_MAX);
		} else if (*p == '\n') {
			if (http->line_n &&
			    http->line[http->line_n - 1] == '\r')
				http->line_n--;
			http->line[http->line_n] = '\0';
			http->line_n = 0;
			step = line_take(x);
		} else if (http->line_n < sizeof(http->line) - 1) {
			http->line[http->line_n++] = (char)*p;
		}
		p += used;
		n -= used;
	}
	return step;
}

void http_exchange_init(struct exchange *x, struct http_exchange *http,
			const struct probe *probe)
{
	memset(x, 0, sizeof(*x));
	memset(http, 0, offsetof(struct http_exchange, body));
	http->body_n = 0;
	x->probe = probe;
	x->open = http_open;
	x->feed = http_feed;
	x->state = http;
	x->stage = "HTTP answer";
}
