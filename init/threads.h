/* threads: how many CPUs this container may really use.
 *
 * Knows: cgroup v2 cpu.max, cgroup v1 quota and period, cpuset files, and the
 * affinity mask; walks up the ancestors, because the tightest limit counts.
 * Does not know: what the number is used for.
 *
 * Source: Linux Documentation/admin-guide/cgroup-v2.rst ("cpu.max",
 * "cpuset.cpus.effective"), cgroup-v1/cpusets.rst, scheduler/sched-bwc.rst;
 * proc(5) for mountinfo and cgroup.
 */
#pragma once

#include "environment.h"

struct cpu_limit {
	int cpus;	  /* at least 1 */
	const char *from; /* which limit decides: "affinity", "cgroup v2 ..." */
};

/* root is the folder under which /proc and /sys are looked for: "" for the
 * real ones. A file that is absent or unreadable sets no limit. */
struct cpu_limit cpu_limit_find(const char *root);

/* Replaces "auto" in SLIPWAY_THREADS and SLIPWAY_WORKERS, sets the variables
 * of the numeric libraries and servers from them where nothing stronger has
 * set them, and replaces "auto" in those. NULL, or the variable whose value is
 * neither a number nor "auto". */
const char *threads_apply(struct environment *env,
			  const struct cpu_limit *limit);
