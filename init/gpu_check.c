#include "gpu_check.h"

#include "clock.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

void gpu_check_init(struct gpu_check *check)
{
	check->pid = 0;
	check->fd = -1;
	check->n = 0;
}

/* In the child: becomes the helper, or says in the pipe why it cannot. */
static void helper_exec(const struct gpu_wish *wish, char *const *env, int out)
{
	char name[] = "slipway-gpu", message[16];
	char *const argv[] = {name, NULL};
	struct text text = TEXT_OF(message);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(out, STDOUT_FILENO) < 0)
		_exit(127);
	signals_reset_actions();
	signals_set_mask(0);
	execve(wish->helper, argv, env);
	text_addf(&text, "E%d\n", errno);
	if (write(out, message, text.n) < 0)
		_exit(126);
	_exit(127);
}

bool gpu_check_start(struct gpu_check *check, const struct gpu_wish *wish,
		     char *const *env, struct gpu_state *state)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
		gpu_state_fail(state, "no pipe for the GPU helper");
		return false;
	}
	check->pid = fork();
	if (check->pid < 0) {
		check->pid = 0;
		close(ends[0]);
		close(ends[1]);
		gpu_state_fail(state, "the GPU helper cannot be started");
		return false;
	}
	if (check->pid == 0)
		helper_exec(wish, env, ends[1]);
	close(ends[1]);
	check->fd = ends[0];
	check->n = 0;
	check->deadline_us =
		clock_now_us() + (int64_t)wish->timeout_ms * US_PER_MS;
	return true;
}

void gpu_check_stop(struct gpu_check *check)
{
	if (check->pid > 0)
		kill(check->pid, SIGKILL);
	if (check->fd >= 0)
		close(check->fd);
	check->fd = -1;
}

static void check_judge(struct gpu_check *check, const struct gpu_wish *wish,
			struct gpu_state *state)
{
	char reason[128];
	struct text text = TEXT_OF(reason);
	long code;

	check->line[check->n] = '\0';
	if (check->line[0] == 'E') {
		check->line[strcspn(check->line, "\n")] = '\0';
		if (!number_read(check->line + 1, 0, 4096, &code))
			code = EIO;
		/* ENOENT of a program that is there: its loader is not. */
		if (code == ENOENT && access(wish->helper, F_OK) == 0)
			text_add(&text, "NVML unavailable: this image has no C "
					"library for the GPU helper");
		else
			text_addf(&text, "NVML unavailable: %s: %s",
				  wish->helper, strerror((int)code));
		gpu_state_fail(state, reason);
	} else if (check->n == 0) {
		gpu_state_fail(state, "NVML unavailable: the GPU helper ended "
				      "without an answer");
	} else {
		gpu_state_read(state, wish, check->line, check->n);
	}
}

bool gpu_check_step(struct gpu_check *check, const struct gpu_wish *wish,
		    int64_t now_us, struct gpu_state *state)
{
	bool end = false;

	if (check->fd < 0)
		return false;
	while (!end) {
		ssize_t n = read(check->fd, check->line + check->n,
				 sizeof(check->line) - 1 - check->n);

		if (n < 0)
			break;
		check->n += (size_t)n;
		end = n == 0 || memchr(check->line, '\n', check->n) ||
		      check->n == sizeof(check->line) - 1;
	}
	if (end) {
		check_judge(check, wish, state);
	} else if (now_us >= check->deadline_us) {
		char reason[128];
		struct text text = TEXT_OF(reason);

		text_addf(&text, "NVML did not answer within %d ms",
			  wish->timeout_ms);
		gpu_state_fail(state, reason);
	} else {
		return false;
	}
	gpu_check_stop(check);
	return true;
}
