#include "probe_zmq.h"

#include <string.h>

enum {
	FLAG_MORE = 1,
	FLAG_LONG = 2,
	FLAG_COMMAND = 4,
	GREETING = 64,
	MECHANISM_AT = 12,
};

/* The greeting goes in two parts, as libzmq's own does: a socket that wants
 * another mechanism closes when it has seen ours, and so would never tell which
 * it wants. */
static void greeting_make(uint8_t greeting[GREETING])
{
	memset(greeting, 0, GREETING);
	greeting[0] = 0xff;
	greeting[9] = 0x7f;
	greeting[10] = 3;
	memcpy(greeting + MECHANISM_AT, "NULL", 4);
}

static enum step zmq_open(struct exchange *x)
{
	uint8_t greeting[GREETING];

	greeting_make(greeting);
	exchange_put(x, greeting, MECHANISM_AT);
	return STEP_MORE;
}

static enum step greeting_take(struct exchange *x)
{
	struct zmq_exchange *zmq = x->state;
	const uint8_t *mechanism = zmq->head + MECHANISM_AT;
	uint8_t greeting[GREETING];
	char name[21] = {0};

	if (memcmp(mechanism, "NULL", 5) != 0) {
		memcpy(name, mechanism, 20);
		return exchange_end(x, STEP_FAIL,
				    "the socket wants the mechanism '%s'; only "
				    "NULL is spoken",
				    name);
	}
	greeting_make(greeting);
	exchange_put(x, greeting + MECHANISM_AT, GREETING - MECHANISM_AT);
	zmq->at = ZMQ_AT_HEAD;
	zmq->head_n = 0;
	x->stage = "READY";
	return STEP_MORE;
}

/* Sends READY and the request once the peer is known to be one that replies;
 * without a request its READY is all there is to know, and the socket behind it
 * never hears of this connection. */
static enum step request_send(struct exchange *x, const char *type)
{
	const struct probe *probe = x->probe;
	static const uint8_t ready[] = "\x04\x19\x05READY\x0bSocket-Type\0\0\0"
				       "\x03REQ";
	uint8_t head[11] = {FLAG_MORE, 0};
	size_t head_n;

	if (!probe->has_send)
		return exchange_end(x, STEP_OK, "READY from %s", type);
	if (strcmp(type, "REP") != 0 && strcmp(type, "ROUTER") != 0)
		return exchange_end(x, STEP_FAIL,
				    "the socket is a %s, which does not reply "
				    "to a request; leave the payload out",
				    type);
	if (probe->send_n < 256) {
		head[2] = 0;
		head[3] = (uint8_t)probe->send_n;
		head_n = 4;
	} else {
		head[2] = FLAG_LONG;
		memset(head + 3, 0, 6);
		head[9] = (uint8_t)(probe->send_n >> 8);
		head[10] = (uint8_t)probe->send_n;
		head_n = 11;
	}
	if (!exchange_put(x, ready, sizeof(ready) - 1) ||
	    !exchange_put(x, head, head_n) ||
	    !exchange_put(x, probe->send, probe->send_n))
		return exchange_end(x, STEP_FAIL, "the peer asks too much");
	x->stage = "reply";
	return STEP_MORE;
}

static enum step ready_take(struct exchange *x, const uint8_t *p, size_t n)
{
	struct zmq_exchange *zmq = x->state;
	char type[16] = "unknown socket";

	if (zmq->ready)
		return exchange_end(x, STEP_FAIL, "READY came twice");
	while (n > 0) {
		size_t name_n = p[0], value_n;
		const uint8_t *value;

		if (n < 1 + name_n + 4)
			return exchange_end(x, STEP_FAIL, "a bad READY");
		value = p + 1 + name_n;
		value_n = (size_t)value[0] << 24 | (size_t)value[1] << 16 |
			  (size_t)value[2] << 8 | value[3];
		value += 4;
		if (value_n > n - (1 + name_n + 4))
			return exchange_end(x, STEP_FAIL, "a bad READY");
		if (name_n == 11 && memcmp(p + 1, "Socket-Type", 11) == 0 &&
		    value_n < sizeof(type)) {
			memcpy(type, value, value_n);
			type[value_n] = '\0';
		}
		n -= 1 + name_n + 4 + value_n;
		p = value + value_n;
	}
	zmq->ready = true;
	return request_send(x, type);
}

/* PING: two bytes of time to live and up to 16 of context, which go back. */
static enum step ping_take(struct exchange *x, const uint8_t *p, size_t n)
{
	uint8_t pong[2 + 5 + 16] = {FLAG_COMMAND, 0, 4, 'P', 'O', 'N', 'G'};

	if (n < 2 || n > 18)
		return exchange_end(x, STEP_FAIL, "a bad PING");
	pong[1] = (uint8_t)(5 + n - 2);
	memcpy(pong + 7, p + 2, n - 2);
	if (!exchange_put(x, pong, 7 + n - 2))
		return exchange_end(x, STEP_FAIL, "the peer asks too much");
	return STEP_MORE;
}

static enum step command_take(struct exchange *x, const uint8_t *p, size_t n)
{
	size_t name_n = n > 0 ? p[0] : 0;
	const uint8_t *name = p + 1;

	if (n == 0 || name_n > n - 1)
		return exchange_end(x, STEP_FAIL, "a bad command");
	p += 1 + name_n;
	n -= 1 + name_n;
	if (name_n == 5 && memcmp(name, "READY", 5) == 0)
		return ready_take(x, p, n);
	if (name_n == 4 && memcmp(name, "PING", 4) == 0)
		return ping_take(x, p, n);
	if (name_n == 5 && memcmp(name, "ERROR", 5) == 0)
		return exchange_end(x, STEP_FAIL, "the socket refused: '%.*s'",
				    n > 1 ? (int)(n - 1) : 0,
				    n > 1 ? (const char *)p + 1 : "");
	return STEP_MORE;
}

static enum step reply_done(struct exchange *x)
{
	const struct zmq_exchange *zmq = x->state;

	if (exchange_expected(x, zmq->body, zmq->body_n))
		return exchange_end(x, STEP_OK, "replied with %zu bytes",
				    zmq->body_n);
	return exchange_end(x, STEP_FAIL,
			    "the reply (%zu bytes) is not what is expected",
			    zmq->body_n);
}

/* A whole frame lies at body + frame. */
static enum step frame_take(struct exchange *x)
{
	struct zmq_exchange *zmq = x->state;
	const uint8_t *p = zmq->body + zmq->frame;
	size_t n = zmq->body_n - zmq->frame;
	enum step step;

	zmq->at = ZMQ_AT_HEAD;
	zmq->head_n = 0;
	if (zmq->flags & FLAG_COMMAND) {
		step = command_take(x, p, n);
		zmq->body_n = zmq->frame;
		return step;
	}
	if (!zmq->ready || !x->probe->has_send)
		return exchange_end(x, STEP_FAIL, "a message before READY");
	if (!zmq->delimited) {
		zmq->delimited = true;
		if (n > 0 || !(zmq->flags & FLAG_MORE))
			return exchange_end(x, STEP_FAIL,
					    "a reply without the empty part "
					    "that comes first");
		return STEP_MORE;
	}
	zmq->frame = zmq->body_n;
	return zmq->flags & FLAG_MORE ? STEP_MORE : reply_done(x);
}

static enum step head_take(struct exchange *x)
{
	struct zmq_exchange *zmq = x->state;

	zmq->flags = zmq->head[0];
	if (zmq->flags & ~(FLAG_MORE | FLAG_LONG | FLAG_COMMAND))
		return exchange_end(x, STEP_FAIL, "a frame with bad flags");
	zmq->left = 0;
	for (size_t i = 1; i < zmq->head_n; i++)
		zmq->left = zmq->left << 8 | zmq->head[i];
	if (zmq->left > sizeof(zmq->body) - zmq->body_n)
		return exchange_end(x, STEP_FAIL, "an answer above %d bytes",
				    ZMQ_BODY);
	zmq->at = ZMQ_AT_BODY;
	return zmq->left == 0 ? frame_take(x) : STEP_MORE;
}

/* Takes one byte of a greeting or of a frame's head. */
static enum step head_byte_take(struct exchange *x, uint8_t byte)
{
	struct zmq_exchange *zmq = x->state;
	size_t i = zmq->head_n++;

	zmq->head[i] = byte;
	if (zmq->at == ZMQ_AT_HEAD) {
		size_t whole = zmq->head[0] & FLAG_LONG ? 9 : 2;

		return zmq->head_n == whole ? head_take(x) : STEP_MORE;
	}
	if ((i == 0 && byte != 0xff) || (i == 9 && !(byte & 1)))
		return exchange_end(x, STEP_FAIL,
				    "the answer is not ZMTP 3 (is it a ZeroMQ "
				    "socket?)");
	if (i == 10 && byte < 3)
		return exchange_end(x, STEP_FAIL, "the socket speaks ZMTP %u",
				    byte);
	return zmq->head_n == GREETING ? greeting_take(x) : STEP_MORE;
}

static enum step zmq_feed(struct exchange *x, const uint8_t *p, size_t n)
{
	struct zmq_exchange *zmq = x->state;
	enum step step = STEP_MORE;

	while (n > 0 && step == STEP_MORE) {
		size_t take = 1;

		if (zmq->at == ZMQ_AT_BODY) {
			take = n < zmq->left ? n : (size_t)zmq->left;
			memcpy(zmq->body + zmq->body_n, p, take);
			zmq->body_n += take;
			zmq->left -= take;
			if (zmq->left == 0)
				step = frame_take(x);
		} else {
			step = head_byte_take(x, *p);
		}
		p += take;
		n -= take;
	}
	return step;
}

void zmq_exchange_init(struct exchange *x, struct zmq_exchange *zmq,
		       const struct probe *probe)
{
	memset(x, 0, sizeof(*x));
	memset(zmq, 0, offsetof(struct zmq_exchange, body));
	zmq->body_n = 0;
	x->probe = probe;
	x->open = zmq_open;
	x->feed = zmq_feed;
	x->state = zmq;
	x->stage = "ZMTP greeting";
}
