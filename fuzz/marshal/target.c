/* Marshal streams: the first byte chooses the version. What is rewritten stays
 * as it is when it is rewritten again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "parts/pyc/marshal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_buf struct buf once = BUF_EMPTY, twice = BUF_EMPTY;
	size_t offset;

	if (size == 0)
		return 0;
	unsigned minor = 8 + data[0] % 7;
	struct str stream = str_of((const char *)data + 1, size - 1);

	if (marshal_normalise(stream, minor, &once, &offset)) {
		if (once.n || offset > stream.n)
			abort();
		return 0;
	}
	if (marshal_normalise(buf_str(&once), minor, &twice, &offset) ||
	    !str_eq(buf_str(&once), buf_str(&twice)))
		abort();
	return 0;
}
