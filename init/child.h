/* child: the main process, from fork to exec, and the terminal.
 *
 * Knows: what a new process must be given back (signal mask and actions), its
 * own process group or session, and the terminal's foreground. Does not know:
 * what happens to it later (supervise.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct child_plan {
	char *const *argv; /* ends in NULL */
	char **env;
	uint64_t mask;	  /* the signal mask it gets */
	bool own_session; /* else its own process group */
};

/* Starts it; -1 with errno. A program that cannot be executed ends with 127
 * when it is not there, with 126 otherwise, after one line that says why. */
pid_t child_start(const struct child_plan *plan);

/* Gives the terminal, if this process has it in front, to a process group. */
void child_to_foreground(pid_t group);

/* Takes the terminal back after the main process has ended. */
void child_end_foreground(void);

/* The exit status that a shell would give for a wait status. */
int child_exit_code(int wait_status);
