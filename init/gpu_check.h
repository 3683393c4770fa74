/* gpu_check: one run of the GPU helper, which may hang.
 *
 * Knows: a static program cannot load the driver's library, and the library is
 * known to hang; so a separate program does it, is killed at its deadline, and
 * is never waited for (a process in the kernel ignores SIGKILL). Does not know:
 * what the answer means (gpu_state.h).
 */
#pragma once

#include "gpu_state.h"

#include <stdint.h>
#include <sys/types.h>

enum { GPU_LINE = 16384 };

struct gpu_check {
	pid_t pid; /* of the helper; 0 when it has been reaped, or none runs */
	int fd;	   /* to poll for reading; -1 when no answer is awaited */
	int64_t deadline_us;
	char line[GPU_LINE];
	size_t n;
};

void gpu_check_init(struct gpu_check *check);

/* Starts the helper with the given environment. False when it cannot be
 * started: state says why. */
bool gpu_check_start(struct gpu_check *check, const struct gpu_wish *wish,
		     char *const *env, struct gpu_state *state);

/* Reads what there is, or sees that the deadline has passed; true when the
 * check has ended and state is new. */
bool gpu_check_step(struct gpu_check *check, const struct gpu_wish *wish,
		    int64_t now_us, struct gpu_state *state);

/* Kills the helper. */
void gpu_check_stop(struct gpu_check *check);
