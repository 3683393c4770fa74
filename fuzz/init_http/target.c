/* HTTP on both sides of slipway-init: the first byte chooses between a request
 * to the health server and an answer to a probe. */
#include "fuzz/init_exchange.h"
#include "init/http_request.h"
#include "init/probe_http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct http_exchange http;

/* A request that is whole stays so when more follows, and is not whole one byte
 * earlier. */
static void request_check(const uint8_t *data, size_t size)
{
	struct http_request request, again;
	char *copy = malloc(size);

	memcpy(copy, data, size);
	if (http_request_read(&request, copy, size) == HTTP_REQUEST_OK) {
		if (request.n > size || request.n == 0 ||
		    request.path[0] != '/')
			abort();
		if (http_request_read(&again, copy, request.n) !=
			    HTTP_REQUEST_OK ||
		    again.n != request.n || again.keep != request.keep)
			abort();
		if (http_request_read(&again, copy, request.n - 1) ==
		    HTTP_REQUEST_OK)
			abort();
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome large, small;
	struct exchange x;
	struct probe probe;

	if (size < 2)
		return 0;
	if (data[0] & 1) {
		request_check(data + 1, size - 1);
		return 0;
	}
	probe_init(&probe);
	probe_set_target(&probe, "http:80/", NULL);
	if (data[0] & 2)
		probe_set_expect(&probe, "ok");
	http_exchange_init(&x, &http, &probe);
	large = exchange_play(&x, data + 1, size - 1, LARGE_PIECE);
	http_exchange_init(&x, &http, &probe);
	small = exchange_play(&x, data + 1, size - 1, 1);
	outcomes_compare(&large, &small);
	return 0;
}
