#include "probe_grpc.h"

#include "number.h"

#include <string.h>

enum frame_type {
	FRAME_DATA,
	FRAME_HEADERS,
	FRAME_PRIORITY,
	FRAME_RST_STREAM,
	FRAME_SETTINGS,
	FRAME_PUSH_PROMISE,
	FRAME_PING,
	FRAME_GOAWAY,
	FRAME_WINDOW_UPDATE,
	FRAME_CONTINUATION,
};

enum {
	FLAG_ACK = 1,
	FLAG_END_STREAM = 1,
	FLAG_END_HEADERS = 4,
	FLAG_PADDED = 8,
	FLAG_PRIORITY = 32,
	STREAM = 1,
};

static bool frame_put(struct exchange *x, enum frame_type type, uint8_t flags,
		      uint32_t stream, const void *payload, size_t n)
{
	uint8_t head[9] = {(uint8_t)(n >> 16),
			   (uint8_t)(n >> 8),
			   (uint8_t)n,
			   (uint8_t)type,
			   flags,
			   0,
			   0,
			   0,
			   (uint8_t)stream};

	return exchange_put(x, head, sizeof(head)) &&
	       exchange_put(x, payload, n);
}

/* A literal field without indexing: its name from the static table, or given;
 * strings without Huffman and below 127 bytes. */
static void field_put(struct text *block, uint8_t index, const char *name,
		      const char *value)
{
	char byte = (char)index;

	if (index >= 15) {
		char two[2] = {0x0f, (char)(index - 15)};

		text_add_bytes(block, two, 2);
	} else {
		text_add_bytes(block, &byte, 1);
	}
	if (name) {
		byte = (char)strlen(name);
		text_add_bytes(block, &byte, 1);
		text_add(block, name);
	}
	byte = (char)strlen(value);
	text_add_bytes(block, &byte, 1);
	text_add(block, value);
}

static enum step grpc_open(struct exchange *x)
{
	/* SETTINGS: no push (2), a header table of 4096 (1). */
	static const uint8_t settings[] = {0, 2, 0, 0, 0,    0,
					   0, 1, 0, 0, 0x10, 0};
	enum {
		AUTHORITY = 1,
		METHOD_POST = 3,
		PATH = 4,
		SCHEME_HTTP = 6,
		CONTENT_TYPE = 31,
		USER_AGENT = 58
	};
	const struct probe *probe = x->probe;
	size_t service_n = strlen(probe->path);
	uint8_t message[5 + 3 + 256] = {0};
	size_t message_n = 5;
	char head[512], authority[96];
	struct text block = TEXT_OF(head), name = TEXT_OF(authority);
	bool v6 = strchr(probe->host, ':') != NULL;

	text_addf(&name, "%s%s%s:%u", v6 ? "[" : "",
		  probe->host[0] ? probe->host : "localhost", v6 ? "]" : "",
		  probe->port);
	text_add_bytes(&block, (const char[]){(char)(0x80 | METHOD_POST)}, 1);
	text_add_bytes(&block, (const char[]){(char)(0x80 | SCHEME_HTTP)}, 1);
	field_put(&block, PATH, NULL, "/grpc.health.v1.Health/Check");
	field_put(&block, AUTHORITY, NULL, authority);
	field_put(&block, CONTENT_TYPE, NULL, "application/grpc");
	field_put(&block, USER_AGENT, NULL, "slipway-init");
	field_put(&block, 0, "te", "trailers");
	/* HealthCheckRequest: field 1, the service's name, if it has one. */
	if (service_n > 0) {
		message[message_n++] = 0x0a;
		if (service_n > 127)
			message[message_n++] = (uint8_t)(service_n | 0x80);
		message[message_n++] =
			(uint8_t)(service_n > 127 ? service_n >> 7 : service_n);
		memcpy(message + message_n, probe->path, service_n);
		message_n += service_n;
		message[3] = (uint8_t)((message_n - 5) >> 8);
		message[4] = (uint8_t)(message_n - 5);
	}
	exchange_put(x, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
	frame_put(x, FRAME_SETTINGS, 0, 0, settings, sizeof(settings));
	frame_put(x, FRAME_HEADERS, FLAG_END_HEADERS, STREAM, head, block.n);
	frame_put(x, FRAME_DATA, FLAG_END_STREAM, STREAM, message, message_n);
	return STEP_MORE;
}

static enum step grpc_error(struct exchange *x, const char *what)
{
	return exchange_end(x, STEP_FAIL, "not a gRPC answer: %s", what);
}

static bool name_is(const uint8_t *p, size_t n, const char *name)
{
	return n == strlen(name) && memcmp(p, name, n) == 0;
}

static void field_take(void *context, const uint8_t *name, size_t name_n,
		       const uint8_t *value, size_t value_n)
{
	struct grpc_exchange *grpc = context;
	char copy[16];
	struct text text = TEXT_OF(copy);
	long number;

	copy[0] = '\0';
	if (name_is(name, name_n, "content-type")) {
		grpc->grpc_type = value_n >= 16 &&
				  memcmp(value, "application/grpc", 16) == 0;
		return;
	}
	if (name_is(name, name_n, "grpc-message")) {
		struct text detail = TEXT_OF(grpc->detail);

		text_add_plain(&detail, (const char *)value, value_n);
		return;
	}
	text_add_plain(&text, (const char *)value, value_n);
	if (name_is(name, name_n, ":status") &&
	    number_read(copy, 100, 599, &number))
		grpc->status = (unsigned)number;
	else if (name_is(name, name_n, "grpc-status") &&
		 number_read(copy, 0, 1000, &number))
		grpc->grpc_status = (int)number;
}

/* HealthCheckResponse: field 1 as a varint; fields that are not known are
 * passed over. Returns the status, or -1. */
static int reply_read(const uint8_t *p, size_t n)
{
	const uint8_t *end = p + n;
	int status = 0;

	while (p < end) {
		uint8_t tag = *p++;
		uint64_t value = 0;
		unsigned shift = 0;

		/* Only small field numbers as varint or bytes can be here. */
		if (tag & 0x80 || ((tag & 7) != 0 && (tag & 7) != 2))
			return -1;
		do {
			if (p == end || shift > 56)
				return -1;
			value |= (uint64_t)(*p & 0x7f) << shift;
			shift += 7;
		} while (*p++ & 0x80);
		if ((tag & 7) == 2) {
			if (value > (size_t)(end - p))
				return -1;
			p += value;
		} else if (tag >> 3 == 1) {
			status = value > 3 ? -1 : (int)value;
		}
	}
	return status;
}

/* The stream has ended: what did it say? */
static enum step stream_end(struct exchange *x)
{
	static const char *const states[] = {"UNKNOWN", "SERVING",
					     "NOT_SERVING", "SERVICE_UNKNOWN"};
	struct grpc_exchange *grpc = x->state;
	const uint8_t *m = grpc->message;
	size_t n;
	int state;

	if (grpc->status != 200)
		return exchange_end(x, STEP_FAIL, "HTTP status %u",
				    grpc->status);
	if (!grpc->grpc_type)
		return grpc_error(x, "the content type is not gRPC's");
	if (grpc->grpc_status == 5)
		return exchange_end(x, STEP_FAIL,
				    "the health service does not know the "
				    "service '%s' (NOT_FOUND)",
				    x->probe->path);
	if (grpc->grpc_status == 12)
		return exchange_end(x, STEP_FAIL,
				    "the server has no health service "
				    "(UNIMPLEMENTED)");
	if (grpc->grpc_status < 0)
		return grpc_error(x, "no grpc-status in the trailers");
	if (grpc->grpc_status != 0)
		return exchange_end(x, STEP_FAIL, "grpc-status %d %s",
				    grpc->grpc_status, grpc->detail);
	if (grpc->message_n < 5 || m[0] != 0)
		return grpc_error(x, "no plain message");
	n = (size_t)m[1] << 24 | (size_t)m[2] << 16 | (size_t)m[3] << 8 | m[4];
	if (n != grpc->message_n - 5)
		return grpc_error(x, "the message has another length");
	state = reply_read(m + 5, n);
	if (state < 0)
		return grpc_error(x, "a state that is not known");
	return exchange_end(x, state == 1 ? STEP_OK : STEP_FAIL, "%s",
			    states[state]);
}

/* Takes padding (and priority) off a payload. */
static bool payload_strip(const struct grpc_exchange *grpc, const uint8_t **p,
			  size_t *n)
{
	uint8_t flags = grpc->head[4];
	size_t padding = 0;

	if (flags & FLAG_PADDED) {
		if (*n < 1)
			return false;
		padding = *(*p)++;
		--*n;
	}
	if (grpc->head[3] == FRAME_HEADERS && flags & FLAG_PRIORITY) {
		if (*n < 5)
			return false;
		*p += 5;
		*n -= 5;
	}
	if (padding > *n)
		return false;
	*n -= padding;
	return true;
}

static enum step block_add(struct exchange *x, const uint8_t *p, size_t n)
{
	struct grpc_exchange *grpc = x->state;

	if (n > sizeof(grpc->block) - grpc->block_n)
		return grpc_error(x, "headers above 64 KiB");
	memcpy(grpc->block + grpc->block_n, p, n);
	grpc->block_n += n;
	grpc->in_block = !(grpc->head[4] & FLAG_END_HEADERS);
	if (grpc->in_block)
		return STEP_MORE;
	if (!hpack_decode(&grpc->hpack, grpc->block, grpc->block_n, field_take,
			  grpc))
		return grpc_error(x, "bad header compression");
	grpc->block_n = 0;
	return grpc->block_ends_stream ? stream_end(x) : STEP_MORE;
}

static enum step data_take(struct exchange *x, const uint8_t *p, size_t n)
{
	struct grpc_exchange *grpc = x->state;

	if (!payload_strip(grpc, &p, &n))
		return grpc_error(x, "bad padding");
	if (n > sizeof(grpc->message) - grpc->message_n)
		return grpc_error(x, "a message above 4 KiB");
	memcpy(grpc->message + grpc->message_n, p, n);
	grpc->message_n += n;
	return grpc->head[4] & FLAG_END_STREAM ? stream_end(x) : STEP_MORE;
}

/* Frames of the connection itself, whatever their stream. */
static enum step control_take(struct exchange *x, const uint8_t *p, size_t n)
{
	struct grpc_exchange *grpc = x->state;
	bool ack = grpc->head[4] & FLAG_ACK;
	bool room = true;

	if (grpc->head[3] == FRAME_SETTINGS) {
		if (n % 6 != 0)
			return grpc_error(x, "bad SETTINGS");
		grpc->settled = true;
		x->stage = "gRPC answer";
		if (!ack)
			room = frame_put(x, FRAME_SETTINGS, FLAG_ACK, 0, "", 0);
	} else if (grpc->head[3] == FRAME_PING) {
		if (n != 8)
			return grpc_error(x, "bad PING");
		if (!ack)
			room = frame_put(x, FRAME_PING, FLAG_ACK, 0, p, 8);
	} else if (grpc->head[3] == FRAME_GOAWAY) {
		uint32_t last;

		if (n < 8)
			return grpc_error(x, "bad GOAWAY");
		last = (uint32_t)(p[0] & 0x7f) << 24 | (uint32_t)p[1] << 16 |
		       (uint32_t)p[2] << 8 | p[3];
		if (last < STREAM)
			return exchange_end(x, STEP_FAIL,
					    "the server is going away (HTTP/2 "
					    "code %u)",
					    p[7]);
	}
	return room ? STEP_MORE : grpc_error(x, "too much to acknowledge");
}

static enum step frame_take(struct exchange *x)
{
	struct grpc_exchange *grpc = x->state;
	const uint8_t *head = grpc->head, *p = grpc->payload;
	size_t n = grpc->payload_n;
	uint32_t stream = (uint32_t)(head[5] & 0x7f) << 24 |
			  (uint32_t)head[6] << 16 | (uint32_t)head[7] << 8 |
			  head[8];

	if (!grpc->settled && head[3] != FRAME_SETTINGS)
		return grpc_error(x, "no SETTINGS first");
	if (grpc->in_block && head[3] != FRAME_CONTINUATION)
		return grpc_error(x, "a header block that is cut");
	if (head[3] == FRAME_SETTINGS || head[3] == FRAME_PING ||
	    head[3] == FRAME_GOAWAY)
		return control_take(x, p, n);
	if (head[3] == FRAME_PUSH_PROMISE)
		return grpc_error(x, "a push");
	if (stream != STREAM)
		return head[3] == FRAME_HEADERS || head[3] == FRAME_DATA ||
				       head[3] == FRAME_CONTINUATION
			       ? grpc_error(x, "a stream that was not opened")
			       : STEP_MORE;
	if (head[3] == FRAME_DATA)
		return data_take(x, p, n);
	if (head[3] == FRAME_HEADERS) {
		grpc->block_ends_stream = head[4] & FLAG_END_STREAM;
		if (!payload_strip(grpc, &p, &n))
			return grpc_error(x, "bad padding");
		return block_add(x, p, n);
	}
	if (head[3] == FRAME_CONTINUATION)
		return grpc->in_block ? block_add(x, p, n)
				      : grpc_error(x, "a stray CONTINUATION");
	if (head[3] == FRAME_RST_STREAM)
		return exchange_end(x, STEP_FAIL,
				    "the server reset the stream (HTTP/2 code "
				    "%u)",
				    n == 4 ? p[3] : 0);
	return STEP_MORE;
}

static enum step grpc_feed(struct exchange *x, const uint8_t *p, size_t n)
{
	struct grpc_exchange *grpc = x->state;
	enum step step = STEP_MORE;

	if (n == 0 && !grpc->settled)
		return exchange_end(x, STEP_FAIL,
				    "closed without an HTTP/2 answer (does it "
				    "want TLS?)");
	while (n > 0 && step == STEP_MORE) {
		size_t take;

		if (grpc->head_n < sizeof(grpc->head)) {
			grpc->head[grpc->head_n++] = *p++;
			n--;
			if (grpc->head_n < sizeof(grpc->head))
				continue;
			grpc->frame_n = (size_t)grpc->head[0] << 16 |
					(size_t)grpc->head[1] << 8 |
					grpc->head[2];
			grpc->payload_n = 0;
			if (!grpc->settled && grpc->head[3] != FRAME_SETTINGS)
				return grpc_error(x, "not HTTP/2 (does it want "
						     "TLS?)");
			if (grpc->frame_n > sizeof(grpc->payload))
				return grpc_error(x, "a frame above 16 KiB");
		}
		take = grpc->frame_n - grpc->payload_n;
		take = n < take ? n : take;
		memcpy(grpc->payload + grpc->payload_n, p, take);
		grpc->payload_n += take;
		p += take;
		n -= take;
		if (grpc->payload_n == grpc->frame_n) {
			step = frame_take(x);
			grpc->head_n = 0;
		}
	}
	return step;
}

void grpc_exchange_init(struct exchange *x, struct grpc_exchange *grpc,
			const struct probe *probe)
{
	memset(x, 0, sizeof(*x));
	memset(grpc, 0, offsetof(struct grpc_exchange, hpack));
	hpack_init(&grpc->hpack);
	grpc->block_n = grpc->message_n = 0;
	grpc->grpc_status = -1;
	x->probe = probe;
	x->open = grpc_open;
	x->feed = grpc_feed;
	x->state = grpc;
	x->stage = "HTTP/2 answer";
}
