/* ZMTP of the ZeroMQ probe: the first byte chooses whether a request is sent
 * and a reply expected. */
#include "fuzz/init_exchange.h"
#include "init/probe_zmq.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct zmq_exchange zmq;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome large, small;
	struct exchange x;
	struct probe probe;

	if (size < 1)
		return 0;
	probe_init(&probe);
	probe_set_target(&probe, "zmq:80", NULL);
	if (data[0] & 1)
		probe_set_send(&probe, "ping");
	if (data[0] & 2)
		probe_set_expect(&probe, "pong");
	zmq_exchange_init(&x, &zmq, &probe);
	large = exchange_play(&x, data + 1, size - 1, LARGE_PIECE);
	zmq_exchange_init(&x, &zmq, &probe);
	small = exchange_play(&x, data + 1, size - 1, 1);
	outcomes_compare(&large, &small);
	return 0;
}
