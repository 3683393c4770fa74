/* thread: threads beside the main one, which alone takes signals. */
#pragma once

#include <pthread.h>

/* pthread_create() of a thread in which every signal is blocked: 0, or the
 * errno value of what the host refused. The caller joins it. */
int thread_start(pthread_t *thread, void *(*run)(void *argument),
		 void *argument);
