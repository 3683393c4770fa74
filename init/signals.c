#include "signals.h"

#include "number.h"
#include "text.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Size of the kernel's signal set, which is not the C library's. */
enum { KERNEL_SET_BYTES = 8 };

static const struct {
	const char *name;
	int number;
} signal_names[] = {
	{"HUP", SIGHUP},       {"INT", SIGINT},	      {"QUIT", SIGQUIT},
	{"ILL", SIGILL},       {"TRAP", SIGTRAP},     {"ABRT", SIGABRT},
	{"BUS", SIGBUS},       {"FPE", SIGFPE},	      {"KILL", SIGKILL},
	{"USR1", SIGUSR1},     {"SEGV", SIGSEGV},     {"USR2", SIGUSR2},
	{"PIPE", SIGPIPE},     {"ALRM", SIGALRM},     {"TERM", SIGTERM},
	{"STKFLT", SIGSTKFLT}, {"CHLD", SIGCHLD},     {"CONT", SIGCONT},
	{"STOP", SIGSTOP},     {"TSTP", SIGTSTP},     {"TTIN", SIGTTIN},
	{"TTOU", SIGTTOU},     {"URG", SIGURG},	      {"XCPU", SIGXCPU},
	{"XFSZ", SIGXFSZ},     {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF},
	{"WINCH", SIGWINCH},   {"IO", SIGIO},	      {"PWR", SIGPWR},
	{"SYS", SIGSYS},
};

int signal_from_name(const char *name)
{
	long number;

	if (number_read(name, 1, SIGNAL_MAX, &number))
		return (int)number;
	if (strncmp(name, "SIG", 3) == 0)
		name += 3;
	for (size_t i = 0; i < sizeof(signal_names) / sizeof(*signal_names);
	     i++)
		if (strcmp(name, signal_names[i].name) == 0)
			return signal_names[i].number;
	if (strcmp(name, "RTMIN") == 0)
		return SIGNAL_RTMIN;
	if (strcmp(name, "RTMAX") == 0)
		return SIGNAL_RTMAX;
	if (strncmp(name, "RTMIN+", 6) == 0 &&
	    number_read(name + 6, 0, SIGNAL_RTMAX - SIGNAL_RTMIN, &number))
		return SIGNAL_RTMIN + (int)number;
	if (strncmp(name, "RTMAX-", 6) == 0 &&
	    number_read(name + 6, 0, SIGNAL_RTMAX - SIGNAL_RTMIN, &number))
		return SIGNAL_RTMAX - (int)number;
	return -1;
}

void signal_name(int number, char name[16])
{
	struct text text = {name, 0, 16, false};

	for (size_t i = 0; i < sizeof(signal_names) / sizeof(*signal_names);
	     i++) {
		if (signal_names[i].number == number) {
			text_addf(&text, "SIG%s", signal_names[i].name);
			return;
		}
	}
	if (number >= SIGNAL_RTMIN)
		text_addf(&text, "SIGRTMIN+%d", number - SIGNAL_RTMIN);
	else
		text_addf(&text, "signal %d", number);
}

void signals_set_mask(uint64_t mask)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, KERNEL_SET_BYTES);
}

void signals_block_all(uint64_t *saved)
{
	uint64_t all = ~(uint64_t)0;

	*saved = 0;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, saved, KERNEL_SET_BYTES);
}

void signals_reset_actions(void)
{
	/* All zero is SIG_DFL with no flags in the kernel's own layout, which
	 * is at most 32 bytes on the machines that are built for. */
	uint64_t by_default[4] = {0};

	for (int number = 1; number <= SIGNAL_MAX; number++)
		syscall(SYS_rt_sigaction, number, by_default, NULL,
			KERNEL_SET_BYTES);
}

int signals_open(void)
{
	uint64_t all = ~(uint64_t)0;

	return (int)syscall(SYS_signalfd4, -1, &all, KERNEL_SET_BYTES,
			    O_CLOEXEC | O_NONBLOCK);
}

void signals_discard(int number)
{
	uint64_t one = (uint64_t)1 << (number - 1);
	struct timespec at_once = {0, 0};

	syscall(SYS_rt_sigtimedwait, &one, NULL, &at_once, KERNEL_SET_BYTES);
}

int signal_queue(pid_t pid, int number, uint64_t value)
{
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	info.si_signo = number;
	info.si_code = SI_QUEUE;
	info.si_pid = getpid();
	info.si_uid = getuid();
	memcpy(&info.si_value, &value, sizeof(info.si_value));
	return (int)syscall(SYS_rt_sigqueueinfo, pid, number, &info);
}
