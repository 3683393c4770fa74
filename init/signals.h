/* signals: the kernel's 64 signals by number and by name.
 *
 * Knows: names, masks, defaults. Goes to the kernel directly, because the C
 * library keeps signals 32 to 34 for itself and SIGRTMIN as Docker and systemd
 * count it is 34. Does not know: what a signal means for the service.
 *
 *   name = ("SIG")? ("TERM" | ... | "RTMIN" ("+" n)? | "RTMAX" ("-" n)?) | n
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

enum { SIGNAL_MAX = 64, SIGNAL_RTMIN = 34, SIGNAL_RTMAX = 64 };

/* The number of a signal, or -1. */
int signal_from_name(const char *name);

/* Writes the name ("SIGTERM", "SIGRTMIN+3") to an array of 16 bytes. */
void signal_name(int number, char name[16]);

/* Blocks every signal that can be blocked; *saved takes the former mask. */
void signals_block_all(uint64_t *saved);

/* Sets the mask of this process. */
void signals_set_mask(uint64_t mask);

/* Gives every signal its default action. */
void signals_reset_actions(void);

/* A non-blocking descriptor that reads signalfd_siginfo of every signal. */
int signals_open(void);

/* Takes a pending signal off the queue, if there is one. */
void signals_discard(int number);

/* Sends a queued signal with its value, as sigqueue() does for any number. */
int signal_queue(pid_t pid, int number, uint64_t value);
