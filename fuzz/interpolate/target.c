/* References and sums on hostile text. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "facts/interpolate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool look_up(void *context, struct str name, struct str *value)
{
	(void)context;
	*value = name.n == 1 ? STR("12") : STR_EMPTY;
	return name.n < 3;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_of((const char *)data, size);
	auto_interpolation struct interpolation one = {.lookup = look_up};
	auto_interpolation struct interpolation two = {.lookup = look_up};
	auto_buf struct buf out = BUF_EMPTY;
	uint64_t sum;

	/* What is refused has a reason, and only that. */
	if (interpolate(&one, text, &out) != !one.problem)
		abort();
	if (interpolate_sum(&two, text, &sum) != !two.problem)
		abort();
	if (str_find(text, '$') < 0 && one.problem == NULL &&
	    !str_eq(buf_str(&out), text))
		abort();
	return 0;
}
