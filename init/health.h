/* health: what PID 1 knows about its service, and how it says so.
 *
 * Knows: /health and /ready as JSON, /metrics as OpenMetrics text. Does not
 * know: how it came to be known.
 *
 * Source: OpenMetrics 1.0.
 */
#pragma once

#include "gpu_state.h"
#include "probe.h"
#include "text.h"

#include <stdint.h>
#include <sys/types.h>

enum child_state { CHILD_WAITING, CHILD_RUNNING, CHILD_STOPPED, CHILD_ENDED };

struct health {
	const char *service, *machine, *revision; /* NULL when not known */
	const char *target;			  /* of the probe */
	const struct gpu_wish *gpu_wish;
	const struct gpu_state *gpu;
	int retries; /* failures in a row that make a service unwell */

	int64_t since_us; /* start of this program, monotonic */
	enum child_state child;
	pid_t pid;
	uint64_t start_unix_ms; /* of the child */
	bool stopping;		/* a stop signal has come */

	bool was_ok; /* the probe has been answered well once */
	struct probe_result last;
	int64_t last_us;   /* when; 0: never */
	unsigned failures; /* in a row */
	uint64_t ok_count, fail_count;
	uint64_t orphans; /* processes reaped besides the main one */
	uint64_t requests;
};

/* Records the result of a probe. */
void health_note(struct health *health, const struct probe_result *result,
		 int64_t now_us);

/* "ok", "starting", "failing" or "stopping". */
const char *health_status(const struct health *health);

/* Answers a path; the HTTP status. */
unsigned health_answer(const struct health *health, const char *path,
		       struct text *body, const char **type);
