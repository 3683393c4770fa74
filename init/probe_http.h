/* probe_http: one GET over HTTP/1.1 without TLS.
 *
 * Knows: status, headers, a body by length, in chunks or until the end, and
 * whether the expected bytes are in its first HTTP_BODY bytes. Follows no
 * redirect: 3xx is an answer, and counts as well by default.
 *
 * Source: RFC 9112 (message syntax), RFC 9110 (status codes).
 *
 *   reply  = status-line header* empty-line body     lines end in [CR] LF
 *   chunks = (hex-size [";" ...] line data line)* "0" line ...
 */
#pragma once

#include "exchange.h"

enum { HTTP_LINE = 512, HTTP_BODY = 65536, HTTP_HEAD_MAX = 262144 };

enum http_at {
	HTTP_AT_STATUS,
	HTTP_AT_HEADER,
	HTTP_AT_BODY, /* left bytes, or until the end */
	HTTP_AT_CHUNK_SIZE,
	HTTP_AT_CHUNK, /* left bytes */
	HTTP_AT_CHUNK_END,
};

struct http_exchange {
	enum http_at at;
	char line[HTTP_LINE]; /* longer lines are cut: no need for their rest */
	size_t line_n;
	size_t head_n; /* bytes before the body */
	unsigned status;
	bool chunked, has_length;
	uint64_t left;
	uint8_t body[HTTP_BODY];
	size_t body_n;
};

void http_exchange_init(struct exchange *x, struct http_exchange *http,
			const struct probe *probe);
