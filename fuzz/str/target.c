/* Globs, UTF-8, clean paths and distances on hostile text: the first line is
 * the pattern, the rest the text. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/fs.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_of((const char *)data, size), pattern;

	if (!str_line(&rest, &pattern))
		return 0;
	str_glob(pattern, rest);
	/* What is clean is UTF-8, relative, and matches itself as "**". */
	if (path_is_clean(rest) && (!str_is_utf8(rest) || rest.p[0] == '/' ||
				    !str_glob(STR("**"), rest)))
		abort();
	if (str_distance(pattern, rest) != str_distance(rest, pattern))
		abort();
	return 0;
}
