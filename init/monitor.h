/* monitor: the service's probe, again and again, beside PID 1's duties.
 *
 * Knows: each probe runs in a process of its own, so that neither a slow peer
 * nor hostile bytes reach PID 1; the process is killed when it overstays. Does
 * not know: what follows from a result (health.h).
 */
#pragma once

#include "probe.h"

#include <stdint.h>
#include <sys/types.h>

struct monitor {
	const struct probe *probe;
	int interval_ms;
	pid_t pid;	 /* of the probing process; 0: none */
	int fd;		 /* to poll for reading; -1: no result is awaited */
	int64_t next_us; /* when to start the next one */
	int64_t kill_us;
	struct probe_result result;
	size_t n; /* bytes of it that came */
};

void monitor_init(struct monitor *monitor, const struct probe *probe,
		  int interval_ms);

/* Starts a probe; in the new process release(context) is called first, to
 * close what it must not hold. False when it cannot be started. */
bool monitor_start(struct monitor *monitor, int64_t now_us,
		   void (*release)(void *), void *context);

/* Reads what there is; true when a result is there. */
bool monitor_step(struct monitor *monitor, int64_t now_us);

/* Sets the time of the next probe; until a service has answered once it is
 * asked more often. */
void monitor_schedule(struct monitor *monitor, int64_t now_us, bool was_ok);

/* Kills the probing process. */
void monitor_stop(struct monitor *monitor);
