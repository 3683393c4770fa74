#include "probe_tcp.h"

#include <string.h>

static enum step tcp_open(struct exchange *x)
{
	if (!x->probe->has_send && !x->probe->expect_n)
		return exchange_end(x, STEP_OK, "connected");
	if (x->probe->has_send)
		exchange_put(x, x->probe->send, x->probe->send_n);
	x->stage = x->probe->expect_n ? "the expected answer" : "answer";
	return STEP_MORE;
}

static enum step tcp_feed(struct exchange *x, const uint8_t *p, size_t n)
{
	struct tcp_exchange *tcp = x->state;

	if (n > sizeof(tcp->seen) - tcp->n)
		n = sizeof(tcp->seen) - tcp->n;
	memcpy(tcp->seen + tcp->n, p, n);
	tcp->n += n;
	if (tcp->n > 0 && exchange_expected(x, tcp->seen, tcp->n))
		return exchange_end(x, STEP_OK, "answered");
	if (tcp->n == sizeof(tcp->seen))
		return exchange_end(x, STEP_FAIL,
				    "the answer's first %zu bytes are not what "
				    "is expected",
				    tcp->n);
	return STEP_MORE;
}

void tcp_exchange_init(struct exchange *x, struct tcp_exchange *tcp,
		       const struct probe *probe)
{
	memset(x, 0, sizeof(*x));
	tcp->n = 0;
	x->probe = probe;
	x->open = tcp_open;
	x->feed = tcp_feed;
	x->state = tcp;
	x->stage = "connection";
}
