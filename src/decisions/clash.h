/* clash: distributions that cannot lie in one image, since they install
 * different bytes at one path.
 *
 * Knows: where a wheel's members are installed. Does not know: where the lists
 * come from. CRC and size stand for the bytes: that is what a wheel's central
 * directory says without the wheel; build compares the bytes' hashes. Files
 * that are the same in both (an empty __init__.py) are no clash.
 *
 * Source: PyPA "Binary distribution format"; as parts/wheel installs it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/str.h"

/* A file of one distribution. */
struct clash_file {
	struct str path; /* installed: "cv2/version.py", "../bin/tool" */
	uint64_t size_bytes;
	uint32_t crc32;
	size_t distribution; /* its number */
};

/* Two distributions that clash, a before b, and the first path where. */
struct clash {
	size_t a, b;
	struct str path;
	size_t path_count; /* of all such paths */
};

struct clashes {
	struct clash *p; /* by a, then b */
	size_t n, capacity;
};

/* Where a member of a wheel is installed, in *path: for site-packages relative
 * to it, for another folder of the environment "{scripts}/NAME" and the like.
 * False for what is not installed. */
bool clash_path(struct str member, struct str *path);

/* All clashes among files, which are sorted by this; texts are borrowed. The
 * caller releases the array. */
void clash_find(struct clash_file *files, size_t count,
		struct clashes *clashes);
