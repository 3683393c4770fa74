#include "child.h"

#include "log.h"
#include "signals.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

extern char **environ;

enum { EXEC_REFUSED = 126, EXEC_NOT_FOUND = 127 };

/* In the child, all signals still blocked. */
static void child_exec(const struct child_plan *plan, bool in_front)
{
	const char *name = plan->argv[0];
	int code;

	if (plan->own_session) {
		setsid();
		ioctl(STDIN_FILENO, TIOCSCTTY, 0);
	} else {
		setpgid(0, 0);
		if (in_front)
			tcsetpgrp(STDIN_FILENO, getpgrp());
	}
	signals_reset_actions();
	signals_set_mask(plan->mask);
	environ = plan->env;
	execvp(name, plan->argv);
	code = errno;
	if (code == ENOENT || code == ENOTDIR) {
		log_line(LOG_QUIET,
			 "cannot run '%s': it, or the interpreter that it "
			 "names, is not in the image",
			 name);
		_exit(EXEC_NOT_FOUND);
	}
	log_line(LOG_QUIET, "cannot run '%s': %s", name, strerror(code));
	_exit(EXEC_REFUSED);
}

pid_t child_start(const struct child_plan *plan)
{
	bool lead = plan->own_session && getsid(0) == getpid() &&
		    isatty(STDIN_FILENO);
	bool in_front = tcgetpgrp(STDIN_FILENO) == getpgrp();
	pid_t pid;

	/* A session's leader must let go of the terminal before another
	 * session can have it; the kernel tells the group that it has lost it,
	 * which is no news for the service. */
	if (lead && ioctl(STDIN_FILENO, TIOCNOTTY) == 0) {
		signals_discard(signal_from_name("HUP"));
		signals_discard(signal_from_name("CONT"));
	}
	pid = fork();
	if (pid == 0)
		child_exec(plan, in_front);
	/* Done on both sides: whoever comes first, it is done. */
	if (pid > 0 && !plan->own_session)
		setpgid(pid, pid);
	return pid;
}

void child_to_foreground(pid_t group)
{
	if (tcgetpgrp(STDIN_FILENO) == getpgrp())
		tcsetpgrp(STDIN_FILENO, group);
}

void child_end_foreground(void)
{
	if (isatty(STDIN_FILENO))
		tcsetpgrp(STDIN_FILENO, getpgrp());
}

int child_exit_code(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status)
					: WEXITSTATUS(wait_status);
}
