/* supervise: the life of PID 1, from the GPU gate to the last process.
 *
 * Knows: one loop around poll() that never waits for anything else; signals
 * are forwarded, the dead are collected, the health server, the probe and the
 * GPU helper get one step each.
 *
 *   gate  the GPU helper is asked, where the service wants a GPU
 *   run   the main process runs; a stop signal starts the grace period
 *   rest  it has ended; what remains gets SIGTERM, then SIGKILL
 */
#pragma once

#include "settings.h"
#include "threads.h"

struct supervision {
	const struct settings *settings;
	struct environment *env;
	char *const *argv;
	uint64_t mask;		  /* the signal mask at the start */
	const char *profile;	  /* path of the machine profile, or NULL */
	const char *threads_from; /* which limit the thread count is from */
};

/* Exit statuses of slipway-init itself; docs/init.md lists them. */
enum {
	STATUS_USAGE = 64,
	STATUS_GPU = 69,
	STATUS_SYSTEM = 71,
};

/* Runs the service; the exit status of this program. */
int supervise(const struct supervision *plan);
