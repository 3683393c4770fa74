#include "monitor.h"

#include "clock.h"
#include "text.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { STARTING_MS = 500, OVERSTAY_MS = 500 };

void monitor_init(struct monitor *monitor, const struct probe *probe,
		  int interval_ms)
{
	memset(monitor, 0, sizeof(*monitor));
	monitor->probe = probe;
	monitor->interval_ms = interval_ms;
	monitor->fd = -1;
}

static void result_fail(struct monitor *monitor, const char *message)
{
	monitor->result.ok = false;
	monitor->result.latency_us = 0;
	text_copy(monitor->result.message, sizeof(monitor->result.message),
		  message);
}

bool monitor_start(struct monitor *monitor, int64_t now_us,
		   void (*release)(void *), void *context)
{
	int ends[2];

	monitor->n = 0;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
		result_fail(monitor, "no pipe for a probe");
		return false;
	}
	monitor->pid = fork();
	if (monitor->pid < 0) {
		monitor->pid = 0;
		close(ends[0]);
		close(ends[1]);
		result_fail(monitor, "no process for a probe (limit reached?)");
		return false;
	}
	if (monitor->pid == 0) {
		struct probe_result result;

		memset(&result, 0, sizeof(result));
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		release(context);
		probe_run(monitor->probe, &result);
		_exit(write(ends[1], &result, sizeof(result)) !=
		      sizeof(result));
	}
	close(ends[1]);
	monitor->fd = ends[0];
	monitor->kill_us =
		now_us +
		(int64_t)(monitor->probe->timeout_ms + OVERSTAY_MS) * US_PER_MS;
	return true;
}

void monitor_stop(struct monitor *monitor)
{
	if (monitor->pid > 0)
		kill(monitor->pid, SIGKILL);
	if (monitor->fd >= 0)
		close(monitor->fd);
	monitor->fd = -1;
}

bool monitor_step(struct monitor *monitor, int64_t now_us)
{
	ssize_t n;

	if (monitor->fd < 0)
		return false;
	n = read(monitor->fd, (char *)&monitor->result + monitor->n,
		 sizeof(monitor->result) - monitor->n);
	if (n > 0)
		monitor->n += (size_t)n;
	if (monitor->n == sizeof(monitor->result)) {
		close(monitor->fd);
		monitor->fd = -1;
		return true;
	}
	if (n != 0 && now_us < monitor->kill_us)
		return false;
	result_fail(monitor, n == 0 ? "the probe ended without a result"
				    : "the probe did not end in time");
	monitor_stop(monitor);
	return true;
}

void monitor_schedule(struct monitor *monitor, int64_t now_us, bool was_ok)
{
	int ms = monitor->interval_ms;

	if (!was_ok && ms > STARTING_MS)
		ms = STARTING_MS;
	monitor->next_us = now_us + (int64_t)ms * US_PER_MS;
}
