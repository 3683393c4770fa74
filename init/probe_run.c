/* probe_run: carries bytes between one socket and one exchange, until the
 * exchange ends or the deadline is there. */
#include "clock.h"
#include "exchange.h"
#include "probe_grpc.h"
#include "probe_http.h"
#include "probe_tcp.h"
#include "probe_zmq.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un local;
	};
	socklen_t n;
};

struct run {
	struct exchange x;
	int64_t deadline_us;
	int fd;
};

/* Waits for an event until the deadline: 0, or an errno. */
static int run_wait(const struct run *run, short events)
{
	struct pollfd ready = {.fd = run->fd, .events = events};

	for (;;) {
		int64_t now = clock_now_us();
		int n = poll(&ready, 1, clock_poll_ms(run->deadline_us, now));

		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return errno;
		if (clock_now_us() >= run->deadline_us)
			return ETIMEDOUT;
	}
}

/* The addresses to try, one after the other; their count, 0 when the host is
 * not an address. */
static unsigned addresses_of(const struct probe *probe, struct address out[2])
{
	uint16_t port = htons(probe->port);

	memset(out, 0, 2 * sizeof(*out));
	if (probe->kind == PROBE_UNIX) {
		size_t n = strlen(probe->path);

		out->local.sun_family = AF_UNIX;
		memcpy(out->local.sun_path, probe->path, n);
		if (probe->path[0] == '@')
			out->local.sun_path[0] = '\0';
		else
			n++;
		out->n =
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
		return 1;
	}
	out[0].v4.sin_family = AF_INET;
	out[0].v4.sin_port = port;
	out[0].n = sizeof(out[0].v4);
	out[1].v6.sin6_family = AF_INET6;
	out[1].v6.sin6_port = port;
	out[1].n = sizeof(out[1].v6);
	if (!probe->host[0]) {
		out[0].v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		out[1].v6.sin6_addr = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
		return 2;
	}
	if (inet_pton(AF_INET, probe->host, &out[0].v4.sin_addr) == 1)
		return 1;
	if (inet_pton(AF_INET6, probe->host, &out[1].v6.sin6_addr) == 1) {
		out[0] = out[1];
		return 1;
	}
	return 0;
}

/* A port in the ephemeral range that nobody listens on can be given to the
 * connecting socket itself, which then talks to itself. */
static bool is_own_peer(int fd)
{
	struct address own = {.n = sizeof(own.v6)};
	struct address peer = {.n = sizeof(peer.v6)};

	memset(&own.v6, 0, sizeof(own.v6));
	memset(&peer.v6, 0, sizeof(peer.v6));
	return getsockname(fd, &own.any, &own.n) == 0 &&
	       getpeername(fd, &peer.any, &peer.n) == 0 &&
	       own.any.sa_family != AF_UNIX && own.n == peer.n &&
	       memcmp(&own.v6, &peer.v6, own.n) == 0;
}

/* Connects run->fd: 0, or an errno. */
static int run_connect_one(struct run *run, const struct address *address)
{
	int code = 0, on = 1;
	socklen_t code_n = sizeof(code);

	run->fd = socket(address->any.sa_family,
			 SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (run->fd < 0)
		return errno;
	if (address->any.sa_family != AF_UNIX)
		setsockopt(run->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(run->fd, &address->any, address->n) == 0)
		return is_own_peer(run->fd) ? ECONNREFUSED : 0;
	/* A local socket with a full queue says EAGAIN instead of waiting. */
	if (errno != EINPROGRESS)
		return errno;
	code = run_wait(run, POLLOUT);
	if (code)
		return code;
	if (getsockopt(run->fd, SOL_SOCKET, SO_ERROR, &code, &code_n) < 0)
		return errno;
	if (code == 0 && is_own_peer(run->fd))
		return ECONNREFUSED;
	return code;
}

static enum step run_connect(struct run *run)
{
	struct address addresses[2];
	unsigned count = addresses_of(run->x.probe, addresses);
	int code = EINVAL;

	if (count == 0)
		return exchange_end(&run->x, STEP_FAIL,
				    "'%s' is not an IP address; names are not "
				    "looked up",
				    run->x.probe->host);
	for (unsigned i = 0; i < count; i++) {
		int other = run_connect_one(run, &addresses[i]);

		/* What the first address says is worth telling, unless the
		 * second one works. */
		if (i == 0 || other == 0)
			code = other;
		if (other == 0)
			return STEP_MORE;
		if (run->fd >= 0)
			close(run->fd);
		run->fd = -1;
		if (other == ETIMEDOUT)
			break;
	}
	if (code == ETIMEDOUT)
		return exchange_end(&run->x, STEP_FAIL,
				    "no connection within %d ms",
				    run->x.probe->timeout_ms);
	return exchange_end(&run->x, STEP_FAIL, "cannot connect: %s",
			    strerror(code));
}

static enum step run_failed(struct run *run, int code)
{
	if (code == ETIMEDOUT)
		return exchange_end(&run->x, STEP_FAIL, "no %s within %d ms",
				    run->x.stage, run->x.probe->timeout_ms);
	return exchange_end(&run->x, STEP_FAIL, "while waiting for %s: %s",
			    run->x.stage, strerror(code));
}

/* Writes all of out. A peer that has answered and closed already may refuse
 * the bytes: what it said is read before that counts. */
static int run_write(struct run *run)
{
	size_t done = 0;

	while (done < run->x.out_n) {
		ssize_t n = send(run->fd, run->x.out + done,
				 run->x.out_n - done, MSG_NOSIGNAL);

		if (n >= 0) {
			done += (size_t)n;
		} else if (errno == EAGAIN) {
			int code = run_wait(run, POLLOUT);

			if (code)
				return code;
		} else if (errno == EPIPE || errno == ECONNRESET) {
			break;
		} else if (errno != EINTR) {
			return errno;
		}
	}
	run->x.out_n = 0;
	return 0;
}

static enum step run_exchange(struct run *run)
{
	uint8_t bytes[8192];
	enum step step = run->x.open(&run->x);

	while (step == STEP_MORE) {
		int code = run_write(run);
		ssize_t n;

		if (!code)
			code = run_wait(run, POLLIN);
		if (code)
			return run_failed(run, code);
		n = recv(run->fd, bytes, sizeof(bytes), 0);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return run_failed(run, errno);
		step = run->x.feed(&run->x, bytes, (size_t)n);
		if (step == STEP_MORE && n == 0)
			return exchange_end(&run->x, STEP_FAIL,
					    "closed before %s", run->x.stage);
		/* A peer that never stops talking must not outlive it. */
		if (step == STEP_MORE && clock_now_us() >= run->deadline_us)
			return run_failed(run, ETIMEDOUT);
	}
	return step;
}

void probe_run(const struct probe *probe, struct probe_result *result)
{
	union {
		struct http_exchange http;
		struct grpc_exchange grpc;
		struct zmq_exchange zmq;
		struct tcp_exchange tcp;
	} state;
	int64_t start = clock_now_us();
	struct run run = {.fd = -1};
	enum step step;

	run.deadline_us = start + (int64_t)probe->timeout_ms * US_PER_MS;
	if (probe->kind == PROBE_HTTP)
		http_exchange_init(&run.x, &state.http, probe);
	else if (probe->kind == PROBE_GRPC)
		grpc_exchange_init(&run.x, &state.grpc, probe);
	else if (probe->kind == PROBE_ZMQ)
		zmq_exchange_init(&run.x, &state.zmq, probe);
	else
		tcp_exchange_init(&run.x, &state.tcp, probe);
	step = run_connect(&run);
	if (step == STEP_MORE)
		step = run_exchange(&run);
	if (run.fd >= 0)
		close(run.fd);
	result->ok = step == STEP_OK;
	result->latency_us = (uint32_t)(clock_now_us() - start);
	text_copy(result->message, sizeof(result->message), run.x.message);
}
