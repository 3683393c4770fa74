#include "http_server.h"

#include "clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Buffers of a refused request that are read and thrown away. */
enum { HTTP_DRAIN = 32 };

void http_server_init(struct http_server *server, http_answer *answer,
		      void *context)
{
	server->fd = -1;
	server->answer = answer;
	server->context = context;
	server->requests = 0;
	for (unsigned i = 0; i < HTTP_CONNECTIONS; i++)
		server->connection[i].fd = -1;
}

/* Binds and listens; 0, or an errno with the socket closed. */
static int listen_on(struct http_server *server, const void *address,
		     socklen_t n, int family)
{
	int on = 1, off = 0, code;

	server->fd =
		socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (server->fd < 0)
		return errno;
	setsockopt(server->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (family == AF_INET6)
		setsockopt(server->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off,
			   sizeof(off));
	if (bind(server->fd, address, n) == 0 && listen(server->fd, 64) == 0)
		return 0;
	code = errno;
	close(server->fd);
	server->fd = -1;
	return code;
}

int http_server_open(struct http_server *server, const char *host,
		     uint16_t port)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
				  .sin6_port = htons(port)};
	struct sockaddr_in v4 = {.sin_family = AF_INET,
				 .sin_port = htons(port)};
	bool any = host[0] == '\0';
	int code;

	if (any || inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
		code = listen_on(server, &v6, sizeof(v6), AF_INET6);
		/* Machines without IPv6 still have the other one. */
		if (code == 0 || code == EADDRINUSE || !any)
			return code;
	}
	if (!any && inet_pton(AF_INET, host, &v4.sin_addr) != 1)
		return EADDRNOTAVAIL;
	return listen_on(server, &v4, sizeof(v4), AF_INET);
}

static void connection_close(struct http_connection *c)
{
	close(c->fd);
	c->fd = -1;
}

void http_server_close(struct http_server *server)
{
	for (unsigned i = 0; i < HTTP_CONNECTIONS; i++)
		if (server->connection[i].fd >= 0)
			connection_close(&server->connection[i]);
	if (server->fd >= 0)
		close(server->fd);
	server->fd = -1;
}

static void connection_touch(struct http_connection *c, int64_t now_us)
{
	c->deadline_us = now_us + (int64_t)HTTP_IDLE_MS * US_PER_MS;
}

static const char *status_text(unsigned status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 431:
		return "Request Header Fields Too Large";
	default:
		return "Service Unavailable";
	}
}

static void answer_put(struct http_connection *c, unsigned status,
		       const char *type, const struct text *body,
		       bool head_only)
{
	struct text out = TEXT_OF(c->out);

	text_addf(&out,
		  "HTTP/1.1 %u %s\r\nContent-Type: %s\r\n"
		  "Content-Length: %zu\r\nCache-Control: no-store\r\n"
		  "%s%s\r\n",
		  status, status_text(status), type, body->n,
		  status == 405 ? "Allow: GET, HEAD\r\n" : "",
		  c->close_after ? "Connection: close\r\n" : "");
	if (!head_only)
		text_add_bytes(&out, body->p, body->n);
	c->out_n = out.n;
	c->sent_n = 0;
}

static void error_put(struct http_connection *c, unsigned status)
{
	char line[64];
	struct text body = TEXT_OF(line);

	c->close_after = true;
	text_addf(&body, "%s\n", status_text(status));
	answer_put(c, status, "text/plain", &body, false);
}

/* Answers the first request in the buffer; false when there is none. */
static bool connection_answer(struct http_server *server,
			      struct http_connection *c)
{
	char bytes[HTTP_ANSWER_BYTES - 512];
	struct text body = TEXT_OF(bytes);
	struct http_request request;
	const char *type = "text/plain";
	bool head;
	unsigned status;

	switch (http_request_read(&request, c->in, c->in_n)) {
	case HTTP_REQUEST_MORE:
		if (c->in_n < sizeof(c->in))
			return false;
		error_put(c, 431);
		return true;
	case HTTP_REQUEST_BAD:
		error_put(c, 400);
		return true;
	case HTTP_REQUEST_OK:
		break;
	}
	server->requests++;
	c->close_after = !request.keep;
	head = strcmp(request.method, "HEAD") == 0;
	if (!head && strcmp(request.method, "GET") != 0) {
		error_put(c, 405);
		return true;
	}
	bytes[0] = '\0';
	status = server->answer(server->context, request.path, &body, &type);
	answer_put(c, status, type, &body, head);
	c->in_n -= request.n;
	memmove(c->in, c->in + request.n, c->in_n);
	return true;
}

/* Sends what there is; false when the connection has ended. */
static bool connection_send(struct http_connection *c)
{
	while (c->sent_n < c->out_n) {
		ssize_t n = send(c->fd, c->out + c->sent_n,
				 c->out_n - c->sent_n, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN;
		c->sent_n += (size_t)n;
	}
	if (c->out_n && c->close_after) {
		/* Says that this was all. Bytes that are left unread would
		 * turn the answer into a reset. */
		shutdown(c->fd, SHUT_WR);
		for (unsigned i = 0; i < HTTP_DRAIN; i++)
			if (recv(c->fd, c->in, sizeof(c->in), 0) <= 0)
				break;
		return false;
	}
	c->out_n = c->sent_n = 0;
	return true;
}

static void connection_step(struct http_server *server,
			    struct http_connection *c, short events,
			    int64_t now_us)
{
	if (c->out_n == 0 && events & (POLLIN | POLLHUP | POLLERR)) {
		ssize_t n = recv(c->fd, c->in + c->in_n,
				 sizeof(c->in) - c->in_n, 0);

		if (n == 0 || (n < 0 && errno != EAGAIN)) {
			connection_close(c);
			return;
		}
		c->in_n += n > 0 ? (size_t)n : 0;
	}
	/* The buffer bounds how many requests can wait in it. */
	for (;;) {
		bool answered = c->out_n > 0;

		if (!answered && !connection_answer(server, c))
			return;
		if (!connection_send(c)) {
			connection_close(c);
			return;
		}
		if (c->out_n > 0)
			return;
		connection_touch(c, now_us);
	}
}

/* A free place, made by ending the connection that has waited longest. */
static struct http_connection *connection_place(struct http_server *server)
{
	struct http_connection *oldest = &server->connection[0];

	for (unsigned i = 0; i < HTTP_CONNECTIONS; i++) {
		struct http_connection *c = &server->connection[i];

		if (c->fd < 0)
			return c;
		if (c->deadline_us < oldest->deadline_us)
			oldest = c;
	}
	connection_close(oldest);
	return oldest;
}

static void server_accept(struct http_server *server, int64_t now_us)
{
	for (unsigned i = 0; i < HTTP_CONNECTIONS; i++) {
		int fd = accept4(server->fd, NULL, NULL,
				 SOCK_CLOEXEC | SOCK_NONBLOCK);
		struct http_connection *c;
		int on = 1;

		if (fd < 0)
			return;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		c = connection_place(server);
		c->fd = fd;
		c->in_n = c->out_n = c->sent_n = 0;
		c->close_after = false;
		connection_touch(c, now_us);
		/* The request is mostly there already. */
		connection_step(server, c, POLLIN, now_us);
	}
}

unsigned http_server_polls(const struct http_server *server,
			   struct pollfd polls[HTTP_POLLS],
			   int64_t *deadline_us)
{
	unsigned count = 0;

	if (server->fd < 0)
		return 0;
	polls[count++] = (struct pollfd){.fd = server->fd, .events = POLLIN};
	for (unsigned i = 0; i < HTTP_CONNECTIONS; i++) {
		const struct http_connection *c = &server->connection[i];

		if (c->fd < 0)
			continue;
		polls[count++] = (struct pollfd){
			.fd = c->fd, .events = c->out_n ? POLLOUT : POLLIN};
		if (c->deadline_us < *deadline_us)
			*deadline_us = c->deadline_us;
	}
	return count;
}

void http_server_step(struct http_server *server, const struct pollfd *polls,
		      unsigned count, int64_t now_us)
{
	if (count == 0)
		return;
	for (unsigned i = 0; i < HTTP_CONNECTIONS; i++) {
		struct http_connection *c = &server->connection[i];

		for (unsigned j = 1; j < count && c->fd >= 0; j++)
			if (polls[j].fd == c->fd && polls[j].revents) {
				connection_step(server, c, polls[j].revents,
						now_us);
				break;
			}
		if (c->fd >= 0 && c->deadline_us <= now_us)
			connection_close(c);
	}
	if (polls[0].revents)
		server_accept(server, now_us);
}
