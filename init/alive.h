/* alive: is the main process running, seen from another process?
 *
 * Knows: /proc. The init of this container is process 1, or its child where
 * the container runtime put its own init in front (compose `init: true`); the
 * main process is the oldest child of it, since all others came after. A
 * process that is stopped (SIGSTOP, Ctrl-Z) is not running: its sockets still
 * accept, because the kernel does that, but nobody answers.
 *
 * Source: proc(5), /proc/pid/stat and /proc/pid/task/tid/children.
 */
#pragma once

#include "probe.h"

enum alive {
	ALIVE_NO_INIT, /* no slipway-init runs here: nothing to say */
	ALIVE_YES,
	ALIVE_NO,
};

/* result's message says what was found. */
enum alive alive_check(struct probe_result *result);

/* The state letter of a process ('R', 'S', 'T', ...), its parent and start
 * time in clock ticks; false where there is no such process. */
bool process_read(int pid, char *state, int *parent,
		  unsigned long long *start_ticks);
