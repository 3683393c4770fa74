/* probe_zmq: a ZeroMQ socket that shakes hands, and answers when asked to.
 *
 * Knows: ZMTP 3.x with the NULL mechanism, as a REQ socket, which says READY
 * only when it has a request. That makes the question harmless: before READY no
 * socket sends messages, and after it nothing but REP and ROUTER talks to a
 * REQ, so no message of a PUSH, PUB or DEALER is taken. The peer's READY proves
 * its I/O thread; only a request with its reply proves the worker behind. Does
 * not know: CURVE, PLAIN, GSSAPI, ZMTP before 3.0.
 *
 * Source: ZeroMQ RFC 23 (ZMTP 3.0), 37 (ZMTP 3.1: PING), 28 (REQ/REP).
 *
 *   greeting = FF eight-bytes 7F major minor mechanism[20] as-server 0[31]
 *   frame    = flags size body     flags: 1 more, 2 size is 8 bytes, 4 command
 *   command  = name-size name data
 *   READY    = { name-size(1) name value-size(4) value }*
 */
#pragma once

#include "exchange.h"

enum { ZMQ_BODY = 65536 };

enum zmq_at { ZMQ_AT_GREETING, ZMQ_AT_HEAD, ZMQ_AT_BODY };

struct zmq_exchange {
	enum zmq_at at;
	uint8_t head[64]; /* the greeting, then flags and size of a frame */
	size_t head_n;
	bool ready; /* the peer's READY has come */
	uint8_t flags;
	uint64_t left;	/* bytes of the frame's body that are still to come */
	size_t frame;	/* where the frame starts in body */
	bool delimited; /* the empty part before the reply has come */
	uint8_t body[ZMQ_BODY];
	size_t body_n;
};

void zmq_exchange_init(struct exchange *x, struct zmq_exchange *zmq,
		       const struct probe *probe);
