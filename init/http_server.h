/* http_server: answers small requests without ever making PID 1 wait.
 *
 * Knows: a fixed table of connections, each with its own buffers and deadline;
 * no memory is taken for traffic. When the table is full the connection that
 * has waited longest makes room, so slow clients cannot keep others out. Does
 * not know: what the answers are about (a callback writes them).
 */
#pragma once

#include "http_request.h"
#include "text.h"

#include <poll.h>
#include <stdint.h>

enum {
	HTTP_CONNECTIONS = 16,
	HTTP_ANSWER_BYTES = 12288,
	HTTP_IDLE_MS = 5000, /* for a whole request, or for the next one */
	HTTP_POLLS = HTTP_CONNECTIONS + 1,
};

struct http_connection {
	int fd; /* -1: free */
	int64_t deadline_us;
	bool close_after;
	size_t in_n, out_n, sent_n;
	char in[HTTP_REQUEST_BYTES];
	char out[HTTP_ANSWER_BYTES];
};

/* Writes the body of an answer to a path and its content type; the status. */
typedef unsigned http_answer(void *context, const char *path, struct text *body,
			     const char **type);

struct http_server {
	int fd; /* -1: not open */
	http_answer *answer;
	void *context;
	uint64_t requests;
	struct http_connection connection[HTTP_CONNECTIONS];
};

void http_server_init(struct http_server *server, http_answer *answer,
		      void *context);

/* Listens on an IP address, or on all when host is "". 0, or an errno. */
int http_server_open(struct http_server *server, const char *host,
		     uint16_t port);

/* Closes every descriptor. */
void http_server_close(struct http_server *server);

/* Fills polls with what to wait for; how many. *deadline_us is lowered to the
 * next moment at which something is due. */
unsigned http_server_polls(const struct http_server *server,
			   struct pollfd polls[HTTP_POLLS],
			   int64_t *deadline_us);

/* Does what can be done without waiting; polls as filled, after poll(). */
void http_server_step(struct http_server *server, const struct pollfd *polls,
		      unsigned count, int64_t now_us);
