/* clock: time that never goes back.
 *
 * Knows: CLOCK_MONOTONIC and deadlines. Does not know: the time of day.
 */
#pragma once

#include <stdint.h>
#include <time.h>

enum { US_PER_MS = 1000, US_PER_S = 1000000 };

/* Microseconds since some fixed point in the past. */
static inline int64_t clock_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

/* Milliseconds until a deadline for poll(): 0 when it has passed, rounded up
 * so that a poll that times out is never early, at most one minute. */
static inline int clock_poll_ms(int64_t deadline_us, int64_t now_us)
{
	int64_t left = deadline_us - now_us;

	if (left <= 0)
		return 0;
	if (left > 60 * (int64_t)US_PER_S)
		return 60000;
	return (int)((left + US_PER_MS - 1) / US_PER_MS);
}
