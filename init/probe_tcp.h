/* probe_tcp: a stream socket that accepts, and answers when asked to.
 *
 * Knows: TCP and Unix stream sockets; with a payload to send or bytes to
 * expect, one question and its answer (for example redis: send "PING\r\n",
 * expect "+PONG"). Without them the connection itself is the answer, which a
 * stopped process still gives: the kernel accepts for it (see alive.h).
 */
#pragma once

#include "exchange.h"

struct tcp_exchange {
	uint8_t seen[8192]; /* the answer so far */
	size_t n;
};

void tcp_exchange_init(struct exchange *x, struct tcp_exchange *tcp,
		       const struct probe *probe);
