/* http_request: the head of one request to the health server.
 *
 * Knows: request line and the headers that decide where a request ends and
 * whether the connection stays (RFC 9112). Does not know: sockets, answers. A
 * request with a body is not for this server and ends the connection.
 *
 *   request = method SP target SP "HTTP/1." digit line-end header* line-end
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { HTTP_REQUEST_BYTES = 2048 };

enum http_request_status {
	HTTP_REQUEST_OK,
	HTTP_REQUEST_MORE, /* not whole yet */
	HTTP_REQUEST_BAD,
};

struct http_request {
	char method[8];
	char path[64]; /* without the query; cut where it is longer */
	bool keep;     /* the connection stays open */
	size_t n;      /* bytes of the request */
};

enum http_request_status http_request_read(struct http_request *request,
					   const char *p, size_t n);
