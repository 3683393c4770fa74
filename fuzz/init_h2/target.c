/* HTTP/2 and HPACK of the gRPC probe: the first byte chooses between a server's
 * frames, a header block alone, and Huffman-coded bytes alone. */
#include "fuzz/init_exchange.h"
#include "init/probe_grpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct grpc_exchange grpc;
static struct hpack hpack;

static void count_field(void *context, const uint8_t *name, size_t name_n,
			const uint8_t *value, size_t value_n)
{
	unsigned *sum = context;

	if (name_n > HPACK_STRING || value_n > HPACK_STRING)
		abort();
	for (size_t i = 0; i < name_n; i++)
		*sum += name[i];
	for (size_t i = 0; i < value_n; i++)
		*sum += value[i];
}

static void frames_check(const uint8_t *data, size_t size, bool named)
{
	struct outcome large, small;
	struct exchange x;
	struct probe probe;

	probe_init(&probe);
	probe_set_target(&probe, named ? "grpc:80/a.B" : "grpc:80", NULL);
	grpc_exchange_init(&x, &grpc, &probe);
	large = exchange_play(&x, data, size, LARGE_PIECE);
	grpc_exchange_init(&x, &grpc, &probe);
	small = exchange_play(&x, data, size, 1);
	outcomes_compare(&large, &small);
}

/* Blocks of up to 64 bytes on one connection: the table lives on. */
static void blocks_check(const uint8_t *data, size_t size)
{
	unsigned sum = 0;

	hpack_init(&hpack);
	while (size > 0) {
		size_t n = size < 64 ? size : 64;
		uint8_t *copy = malloc(n);
		bool ok;

		memcpy(copy, data, n);
		ok = hpack_decode(&hpack, copy, n, count_field, &sum);
		free(copy);
		if (hpack.size > HPACK_TABLE ||
		    hpack.entry_count > HPACK_ENTRIES ||
		    hpack.bytes_n + 32 * hpack.entry_count != hpack.size)
			abort();
		if (!ok)
			return;
		data += n;
		size -= n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t out[256];
	size_t n;

	if (size < 2)
		return 0;
	if (data[0] % 4 == 3) {
		uint8_t *copy = malloc(size - 1);

		memcpy(copy, data + 1, size - 1);
		hpack_huffman(copy, size - 1, out, sizeof(out), &n);
		free(copy);
	} else if (data[0] % 4 == 2) {
		blocks_check(data + 1, size - 1);
	} else {
		frames_check(data + 1, size - 1, data[0] & 1);
	}
	return 0;
}
