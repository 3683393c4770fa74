/* wheeltag: names of wheels, and which of them a target takes first.
 *
 * Knows: wheel file names, the tags of CPython on glibc Linux and their order.
 * Does not know: musl, other interpreters, the machine it runs on.
 *
 * Source: PyPA binary distribution format, "File name convention"; platform
 * compatibility tags (PEP 425, 600).
 *
 *   file = distribution "-" version ["-" build] "-" python "-" abi "-" platform
 *          ".whl"          python, abi, platform: alternatives between "."
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum { WHEELTAG_MAX_BYTES = 1024 };

/* All borrowed from the file name. */
struct wheeltag {
	struct str distribution, version, build, python, abi, platform;
};

/* False where name is no wheel's. */
bool wheeltag_parse(struct str name, struct wheeltag *tag);

struct wheeltag_target {
	unsigned python_minor; /* 11 of Python 3.11 */
	struct str machine;    /* "x86_64" */
	unsigned glibc_minor;  /* 36 of glibc 2.36 */
	/* Platform tags, best first, in place of those that follow from
	 * machine and glibc. */
	const struct str *platforms;
	size_t platform_count;
};

/* From an exact Python version, an OCI platform and a glibc version ("3.11.2",
 * "linux/amd64", "2.36"). False where one is not known. */
bool wheeltag_target_init(struct wheeltag_target *target, struct str python,
			  struct str platform, struct str glibc);

enum { WHEELTAG_NONE = UINT32_MAX };

/* How well a wheel fits: lower is better, WHEELTAG_NONE not at all. */
uint32_t wheeltag_rank(const struct wheeltag *tag,
		       const struct wheeltag_target *target);

/* Negative where a is to be taken before b: rank, then the higher build tag,
 * then the name. Both are wheels' names. */
int wheeltag_cmp(struct str a, struct str b,
		 const struct wheeltag_target *target);
