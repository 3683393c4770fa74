/* http_server: a small HTTP server on a loopback port, inside a test. Each
 * connection has a thread; a handler of the test answers each request. */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/str.h"

struct server;

struct exchange {
	struct server *server;
	int fd;
	char method[8];
	char path[512];
	struct buf headers; /* with the request line */
	bool keep;	    /* the connection, after the answer */
	bool is_open;	    /* not answered yet */
};

typedef void server_handler(struct exchange *exchange);

struct server {
	int fd;
	unsigned port;
	server_handler *handler;
	void *context;
	pthread_t thread;
	pthread_mutex_t lock;
	ARRAY(pthread_t) threads;
	ARRAY(int) connections; /* open ones, to be shut down at the end */
	atomic_uint requests, accepted;
	atomic_uint at_once, most_at_once; /* requests without an answer */
};

/* Once per request, before its answer begins: with its last byte a client may
 * send the next request on another connection. */
static inline void server_settle(struct exchange *exchange)
{
	if (exchange->is_open)
		atomic_fetch_sub(&exchange->server->at_once, 1);
	exchange->is_open = false;
}

static inline void server_send(struct exchange *exchange, struct str bytes)
{
	server_settle(exchange);
	while (bytes.n) {
		ssize_t n = send(exchange->fd, bytes.p, bytes.n, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		bytes = str_slice(bytes, (size_t)n, bytes.n);
	}
}

/* headers: each with "\r\n" at its end; may be "". */
static inline void server_answer(struct exchange *exchange, unsigned status,
				 const char *headers, struct str body)
{
	struct buf head = BUF_EMPTY;

	buf_printf(&head, "HTTP/1.1 %u Text\r\nContent-Length: %zu\r\n%s%s\r\n",
		   status, body.n,
		   exchange->keep ? "" : "Connection: close\r\n", headers);
	if (strcmp(exchange->method, "HEAD") != 0)
		buf_append(&head, body);
	server_send(exchange, buf_str(&head));
	buf_release(&head);
}

/* The value of a request's header, or empty. */
static inline struct str server_header(const struct exchange *exchange,
				       const char *name)
{
	struct str rest = buf_str(&exchange->headers), line;

	while (str_line(&rest, &line)) {
		ptrdiff_t colon = str_find(line, ':');

		if (colon > 0 && str_eq_case(str_slice(line, 0, (size_t)colon),
					     str_from(name)))
			return str_trim(
				str_slice(line, (size_t)colon + 1, line.n));
	}
	return STR_EMPTY;
}

/* The start of "Range: bytes=N-", or 0. */
static inline size_t server_range_start(const struct exchange *exchange)
{
	struct str value = server_header(exchange, "Range"), part;
	uint64_t first = 0;

	if (str_eat(&value, STR("bytes=")) && str_split(&value, '-', &part))
		str_to_u64(part, &first);
	return (size_t)first;
}

/* Reads until the empty line; false at the end of the connection. */
static inline bool server_read(struct exchange *exchange)
{
	char byte;

	buf_clear(&exchange->headers);
	while (!str_ends(buf_str(&exchange->headers), STR("\r\n\r\n"))) {
		if (recv(exchange->fd, &byte, 1, 0) != 1)
			return false;
		buf_append_byte(&exchange->headers, byte);
	}
	return sscanf(buf_text(&exchange->headers), "%7s %511s",
		      exchange->method, exchange->path) == 2;
}

static inline void *server_connection(void *argument)
{
	struct exchange *exchange = argument;
	struct server *server = exchange->server;

	do {
		if (!server_read(exchange))
			break;
		atomic_fetch_add(&server->requests, 1);
		unsigned now = atomic_fetch_add(&server->at_once, 1) + 1;
		unsigned most = atomic_load(&server->most_at_once);

		while (now > most && !atomic_compare_exchange_weak(
					     &server->most_at_once, &most, now))
			;
		exchange->is_open = true;
		server->handler(exchange);
		server_settle(exchange);
	} while (exchange->keep);
	/* The server closes it, at its end. */
	shutdown(exchange->fd, SHUT_RDWR);
	buf_release(&exchange->headers);
	free(exchange);
	return NULL;
}

static inline void *server_run(void *argument)
{
	struct server *server = argument;
	int fd;

	while ((fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		struct exchange *exchange = mem_zalloc(1, sizeof *exchange);
		pthread_t thread;

		exchange->server = server;
		exchange->fd = fd;
		atomic_fetch_add(&server->accepted, 1);
		if (pthread_create(&thread, NULL, server_connection, exchange))
			abort();
		pthread_mutex_lock(&server->lock);
		array_push(&server->threads, thread);
		array_push(&server->connections, fd);
		pthread_mutex_unlock(&server->lock);
	}
	return NULL;
}

static inline struct server *server_new(server_handler *handler, void *context)
{
	struct server *server = mem_zalloc(1, sizeof *server);
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof address;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->handler = handler;
	server->context = context;
	pthread_mutex_init(&server->lock, NULL);
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server->fd < 0 ||
	    bind(server->fd, (struct sockaddr *)&address, size) ||
	    listen(server->fd, 64) ||
	    getsockname(server->fd, (struct sockaddr *)&address, &size) ||
	    pthread_create(&server->thread, NULL, server_run, server))
		abort();
	server->port = ntohs(address.sin_port);
	return server;
}

static inline void server_free(struct server *server)
{
	shutdown(server->fd, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	array_each (int, fd, &server->connections)
		shutdown(*fd, SHUT_RDWR);
	array_each (pthread_t, thread, &server->threads)
		pthread_join(*thread, NULL);
	array_each (int, fd, &server->connections)
		close(*fd);
	close(server->fd);
	array_release(&server->threads);
	array_release(&server->connections);
	pthread_mutex_destroy(&server->lock);
	free(server);
}

/* "http://127.0.0.1:PORT/PATH"; heap, the caller frees. */
static inline char *server_url(const struct server *server, const char *path)
{
	struct buf url = BUF_EMPTY;

	buf_printf(&url, "http://127.0.0.1:%u%s", server->port, path);
	return buf_steal_text(&url);
}
