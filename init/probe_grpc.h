/* probe_grpc: grpc.health.v1.Health/Check over HTTP/2 without TLS (h2c).
 *
 * Knows: one request on one stream; SETTINGS, PING, headers in any number of
 * pieces, data in any number of pieces, padding, trailers with or without a
 * body before them. Does not know: TLS, compression, server push.
 *
 * Source: RFC 9113 (frames), grpc/doc/PROTOCOL-HTTP2.md, the health checking
 * protocol (grpc.health.v1).
 *
 *   frame   = length(24) type(8) flags(8) stream(32) payload
 *   message = compressed(8) length(32) protobuf
 *   reply   = [08 status]     status: 0 unknown, 1 serving, 2 not serving,
 *                             3 service unknown
 */
#pragma once

#include "exchange.h"
#include "hpack.h"

enum { GRPC_FRAME = 16384, GRPC_BLOCK = 65536, GRPC_MESSAGE = 4096 };

struct grpc_exchange {
	uint8_t head[9];
	size_t head_n, payload_n, frame_n; /* frame_n: the payload's size */
	bool settled;			   /* the peer's SETTINGS came */
	bool in_block;			   /* CONTINUATION must follow */
	bool block_ends_stream;
	unsigned status;  /* :status */
	int grpc_status;  /* -1 until it came */
	bool grpc_type;	  /* content-type is application/grpc */
	char detail[100]; /* grpc-message */
	struct hpack hpack;
	size_t block_n, message_n;
	uint8_t message[GRPC_MESSAGE];
	uint8_t payload[GRPC_FRAME];
	uint8_t block[GRPC_BLOCK];
};

void grpc_exchange_init(struct exchange *x, struct grpc_exchange *grpc,
			const struct probe *probe);
