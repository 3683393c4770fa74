/* probe: one question to a service, with a deadline and a yes or no.
 *
 * Knows: the targets that can be written in an image, and how to carry bytes
 * between a socket and a protocol. Does not know: the protocols (exchange.h),
 * or when and how often to ask (monitor.h).
 *
 *   target = "alive"
 *          | "unix:" ["//"] PATH               "@NAME" is an abstract socket
 *          | ("tcp" | "zmq") ":" address
 *          | "grpc:" address ["/" SERVICE]
 *          | "http:" address ["/" PATH]
 *   address = ["//"] [HOST ":" | ":"] port     HOST: an IP address, "[v6]" or
 *                                              "localhost" (also the default)
 *   port    = number | ["${" NAME "}" "+"] number
 *
 * Nothing is forked, no name is looked up, TLS is not spoken.
 */
#pragma once

#include "environment.h"

#include <stdbool.h>
#include <stdint.h>

enum probe_kind {
	PROBE_NONE,
	PROBE_ALIVE,
	PROBE_TCP,
	PROBE_UNIX,
	PROBE_HTTP,
	PROBE_GRPC,
	PROBE_ZMQ,
};

enum { PROBE_BYTES = 1024 };

struct probe {
	enum probe_kind kind;
	char target[320]; /* as written, for messages */
	char host[64];	  /* empty: this machine */
	uint16_t port;
	char path[256]; /* of http, socket of unix, service of grpc */
	uint8_t send[PROBE_BYTES], expect[PROBE_BYTES];
	uint16_t send_n, expect_n;
	bool has_send;
	uint16_t status_low, status_high; /* of http */
	int timeout_ms;
};

struct probe_result {
	bool ok;
	uint32_t latency_us;
	char message[200]; /* one line of printable ASCII */
};

/* An unset probe with the default deadline and statuses. */
void probe_init(struct probe *probe);

/* Reads a target; the environment resolves a port's variable. NULL, or what is
 * wrong with it. */
const char *probe_set_target(struct probe *probe, const char *target,
			     const struct environment *env);

/* Read a payload with the escapes \r \n \t \0 \\ and \xHH, and a status such
 * as "204" or "200-299". False when it is malformed or too long. */
bool probe_set_send(struct probe *probe, const char *value);
bool probe_set_expect(struct probe *probe, const char *value);
bool probe_set_status(struct probe *probe, const char *value);

/* True when the target is on this machine. */
bool probe_is_local(const struct probe *probe);

/* Asks, for at most timeout_ms. Never PROBE_ALIVE (see alive.h). */
void probe_run(const struct probe *probe, struct probe_result *result);
