/* family: every process that this one is responsible for.
 *
 * Knows: process 1 reaches all by kill(-1); any other is a subreaper, which
 * finds its children in /proc, and gets their children when they are gone.
 */
#pragma once

#include <sys/types.h>

/* Sends a signal to the main process's group and all that remains. */
void family_signal(pid_t main_pid, int number);
