#include "supervise.h"

#include "child.h"
#include "clock.h"
#include "family.h"
#include "gpu_check.h"
#include "health.h"
#include "http_server.h"
#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum phase { PHASE_GATE, PHASE_RUN, PHASE_REST, PHASE_END };

enum {
	REAP_AT_ONCE = 512, /* dead processes per turn, before other duties */
	AGAIN_MS = 20,	    /* between two SIGKILLs to what remains */
	GONE_MS = 1000,	    /* for SIGKILL to take effect */
};

struct supervisor {
	const struct supervision *plan;
	const struct settings *settings;
	enum phase phase;
	int signal_fd;
	int exit_code;
	pid_t main_pid; /* 0: not running */
	pid_t group;	/* of the main process, also after its end */
	bool reap;	/* there may be dead processes */
	int64_t kill_us, give_up_us; /* INT64_MAX: not set */
	int64_t recheck_us;
	char **env; /* as the main process got it */
	struct health health;
	struct monitor monitor;
	struct gpu_check check;
	struct gpu_state gpu;
	struct http_server server;
};

/* Static: the buffers are too big for a small stack, and there is one PID 1. */
static struct supervisor supervisor;

static unsigned answer(void *context, const char *path, struct text *body,
		       const char **type)
{
	struct supervisor *s = context;

	s->health.requests = s->server.requests;
	return health_answer(&s->health, path, body, type);
}

static void release_in_probe(void *context)
{
	struct supervisor *s = context;

	http_server_close(&s->server);
	close(s->signal_fd);
	if (s->check.fd >= 0)
		close(s->check.fd);
}

static void log_start(const struct supervisor *s)
{
	const struct environment *env = s->plan->env;
	const char *threads = environment_get(env, "OMP_NUM_THREADS");
	const char *workers = environment_get(env, "WEB_CONCURRENCY");
	const char *or_none[] = {s->settings->service, s->settings->machine,
				 s->plan->profile, s->settings->revision};
	char line[800];
	struct text text = TEXT_OF(line);

	for (unsigned i = 0; i < 4; i++)
		if (!or_none[i])
			or_none[i] = "-";
	text_addf(&text, "service=%s machine=%s profile=%s threads=%s",
		  or_none[0], or_none[1], or_none[2], threads ? threads : "-");
	if (threads)
		text_addf(&text, " (limit: %s)", s->plan->threads_from);
	text_addf(&text, " workers=%s gpu=", workers ? workers : "-");
	gpu_state_describe(&s->gpu, &s->settings->gpu, &text);
	text_addf(&text, " revision=%s", or_none[3]);
	log_line(LOG_INFO, "%s", line);
}

static void start_main(struct supervisor *s)
{
	struct child_plan plan = {.argv = s->plan->argv,
				  .mask = s->plan->mask,
				  .own_session = s->settings->own_session};
	struct timespec now;

	log_start(s);
	/* What the GPU gate set is in it; nothing changes it from here on. */
	free(s->env);
	s->env = environment_strings(s->plan->env);
	plan.env = s->env;
	s->main_pid = child_start(&plan);
	if (s->main_pid < 0) {
		log_line(LOG_QUIET, "cannot start a process: %s",
			 strerror(errno));
		s->main_pid = 0;
		s->exit_code = STATUS_SYSTEM;
		s->phase = PHASE_END;
		return;
	}
	s->group = s->main_pid;
	s->phase = PHASE_RUN;
	s->health.child = CHILD_RUNNING;
	s->health.pid = s->main_pid;
	clock_gettime(CLOCK_REALTIME, &now);
	s->health.start_unix_ms =
		(uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	monitor_schedule(&s->monitor, clock_now_us(), false);
	/* No folder that somebody may want to unmount is held. */
	if (chdir("/") < 0)
		log_line(LOG_DEBUG, "cannot change to /: %s", strerror(errno));
}

static void gpu_decide(struct supervisor *s)
{
	const struct gpu_wish *wish = &s->settings->gpu;

	if (s->phase != PHASE_GATE) {
		if (gpu_state_stops(&s->gpu, wish))
			log_line(LOG_QUIET, "the GPU is lost: %s",
				 s->gpu.reason);
		return;
	}
	if (gpu_state_stops(&s->gpu, wish)) {
		log_line(LOG_QUIET, "no start: a GPU is required, and %s",
			 s->gpu.reason);
		s->exit_code = STATUS_GPU;
		s->phase = PHASE_END;
		return;
	}
	if (!s->gpu.usable)
		log_line(LOG_INFO, "no GPU, SLIPWAY_DEVICE=cpu: %s",
			 s->gpu.reason);
	gpu_state_export(&s->gpu, wish, s->plan->env);
	start_main(s);
}

static void gpu_start(struct supervisor *s)
{
	if (!gpu_check_start(&s->check, &s->settings->gpu, s->env, &s->gpu))
		gpu_decide(s);
	s->recheck_us = INT64_MAX;
	if (s->settings->gpu.recheck_ms)
		s->recheck_us =
			clock_now_us() +
			(int64_t)s->settings->gpu.recheck_ms * US_PER_MS;
}

/* The main process has ended: what remains is asked to, then made to. */
static void enter_rest(struct supervisor *s)
{
	int64_t until =
		clock_now_us() + (int64_t)s->settings->linger_ms * US_PER_MS;

	s->phase = PHASE_REST;
	s->main_pid = 0;
	s->health.child = CHILD_ENDED;
	monitor_stop(&s->monitor);
	gpu_check_stop(&s->check);
	s->recheck_us = INT64_MAX;
	child_end_foreground();
	if (s->kill_us == INT64_MAX)
		s->kill_us = until;
	s->reap = true;
	family_signal(s->group, SIGTERM);
	family_signal(s->group, SIGCONT);
}

static void main_ended(struct supervisor *s, int status)
{
	int code = child_exit_code(status);
	char name[16];

	if (WIFSIGNALED(status)) {
		signal_name(WTERMSIG(status), name);
		log_line(LOG_INFO, "the main process was ended by %s%s", name,
			 WTERMSIG(status) == SIGKILL && !s->health.stopping
				 ? " (out of memory?)"
				 : "");
	} else if (code) {
		log_line(LOG_INFO, "the main process exited with %d", code);
	}
	s->exit_code = s->settings->exit_ok[code & 255] ? 0 : code;
	enter_rest(s);
}

/* A job-control stop of the main process stops this one too, so that the shell
 * that waits for it notices. Process 1 cannot stop. */
static void main_stopped(struct supervisor *s, int number)
{
	s->health.child = CHILD_STOPPED;
	if (getpid() != 1 && isatty(STDIN_FILENO) &&
	    (number == SIGTSTP || number == SIGTTIN || number == SIGTTOU))
		kill(getpid(), SIGSTOP);
}

static void reap(struct supervisor *s)
{
	for (unsigned i = 0; i < REAP_AT_ONCE; i++) {
		int status;
		pid_t pid =
			waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED);

		if (pid <= 0) {
			s->reap = false;
			if (pid < 0 && errno == ECHILD &&
			    s->phase == PHASE_REST)
				s->phase = PHASE_END;
			return;
		}
		if (WIFSTOPPED(status) || WIFCONTINUED(status)) {
			if (pid != s->main_pid)
				continue;
			if (WIFSTOPPED(status))
				main_stopped(s, WSTOPSIG(status));
			else
				s->health.child = CHILD_RUNNING;
			continue;
		}
		if (pid == s->monitor.pid) {
			s->monitor.pid = 0;
		} else if (pid == s->check.pid) {
			s->check.pid = 0;
		} else if (pid == s->main_pid) {
			main_ended(s, status);
		} else {
			s->health.orphans++;
			log_line(LOG_DEBUG, "collected process %d (status %d)",
				 (int)pid, child_exit_code(status));
		}
	}
}

/* Sends a signal on, with its value where it has one. */
static void forward(struct supervisor *s, const struct signalfd_siginfo *info,
		    int number)
{
	pid_t to = s->settings->to_group ? -s->main_pid : s->main_pid;
	int code;

	if (!s->settings->to_group && info->ssi_code == SI_QUEUE)
		code = signal_queue(to, number, info->ssi_ptr);
	else
		code = kill(to, number);
	if (code < 0 && errno != ESRCH)
		log_line(LOG_INFO, "cannot send signal %d to %d: %s", number,
			 (int)to, strerror(errno));
}

/* A session of its own has nobody who could continue it from a terminal, and
 * the kernel ignores terminal stops there. */
static int stop_signal_for(const struct supervisor *s, int number)
{
	bool terminal =
		number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;

	return s->settings->own_session && terminal ? SIGSTOP : number;
}

static void take_signal(struct supervisor *s,
			const struct signalfd_siginfo *info)
{
	const struct settings *settings = s->settings;
	int number = (int)info->ssi_signo, send = settings->rewrite[number];

	if (number == SIGCHLD) {
		s->reap = true;
		return;
	}
	/* Only our own writes make a SIGPIPE that comes from ourselves. */
	if (number == SIGPIPE && info->ssi_pid == (uint32_t)getpid())
		return;
	if (s->phase == PHASE_GATE) {
		if (number == SIGTERM || number == SIGINT ||
		    number == SIGQUIT || number == SIGHUP) {
			s->exit_code = 128 + number;
			s->phase = PHASE_END;
		}
		return;
	}
	if (settings->stops[number] && !s->health.stopping) {
		s->health.stopping = true;
		if (settings->grace_ms >= 0)
			s->kill_us = clock_now_us() +
				     (int64_t)settings->grace_ms * US_PER_MS;
	}
	if (s->main_pid == 0 || send == 0)
		return;
	if (number == SIGCONT)
		child_to_foreground(s->main_pid);
	forward(s, info, send == number ? stop_signal_for(s, number) : send);
	if (number == SIGTSTP && getpid() != 1)
		kill(getpid(), SIGSTOP);
}

static void take_signals(struct supervisor *s)
{
	struct signalfd_siginfo info[32];
	ssize_t n = read(s->signal_fd, info, sizeof(info));

	for (size_t i = 0; n > 0 && i < (size_t)n / sizeof(*info); i++)
		take_signal(s, &info[i]);
}

static void note_probe(struct supervisor *s, const struct probe_result *result)
{
	int64_t now = clock_now_us();
	const char *before = health_status(&s->health), *after;

	health_note(&s->health, result, now);
	after = health_status(&s->health);
	if (strcmp(before, after) != 0)
		log_line(LOG_INFO, "health: %s, was %s (%s: %s)", after, before,
			 s->settings->probe.target, result->message);
	monitor_schedule(&s->monitor, now, s->health.was_ok);
}

/* What needs no other process to find out. */
static bool probe_from_state(struct supervisor *s, struct probe_result *result)
{
	bool stopped = s->health.child == CHILD_STOPPED;

	if (!stopped && s->settings->probe.kind != PROBE_ALIVE)
		return false;
	result->ok = !stopped;
	result->latency_us = 0;
	text_copy(result->message, sizeof(result->message),
		  stopped ? "the main process is stopped"
			  : "the main process is running");
	return true;
}

static void step_probe(struct supervisor *s, int64_t now_us)
{
	struct probe_result result;

	if (monitor_step(&s->monitor, now_us))
		note_probe(s, &s->monitor.result);
	if (s->phase != PHASE_RUN || !s->settings->has_health ||
	    s->monitor.fd >= 0 || now_us < s->monitor.next_us)
		return;
	/* One that was killed and is not gone yet holds the next one back. */
	if (s->monitor.pid) {
		monitor_schedule(&s->monitor, now_us, s->health.was_ok);
		return;
	}
	if (probe_from_state(s, &result))
		note_probe(s, &result);
	else if (!monitor_start(&s->monitor, now_us, release_in_probe, s))
		note_probe(s, &s->monitor.result);
}

static void step_gpu(struct supervisor *s, int64_t now_us)
{
	if (gpu_check_step(&s->check, &s->settings->gpu, now_us, &s->gpu))
		gpu_decide(s);
	if (s->phase == PHASE_RUN && now_us >= s->recheck_us) {
		if (s->check.pid == 0 && s->check.fd < 0)
			gpu_start(s);
		else
			s->recheck_us = now_us + US_PER_S;
	}
}

static void step_deadlines(struct supervisor *s, int64_t now_us)
{
	if (s->phase != PHASE_GATE && now_us >= s->kill_us) {
		if (s->give_up_us == INT64_MAX) {
			log_line(LOG_INFO,
				 "time is up: SIGKILL to what remains");
			s->give_up_us = now_us + (int64_t)GONE_MS * US_PER_MS;
		}
		family_signal(s->group, SIGKILL);
		/* Orphans of the killed come to a subreaper one after the
		 * other: again, until nothing is left. */
		s->kill_us = now_us + (int64_t)AGAIN_MS * US_PER_MS;
	}
	if (now_us >= s->give_up_us) {
		if (s->main_pid)
			s->exit_code = 128 + SIGKILL;
		s->phase = PHASE_END;
	}
}

static int64_t next_deadline(const struct supervisor *s)
{
	int64_t at = s->kill_us < s->give_up_us ? s->kill_us : s->give_up_us;

	if (s->monitor.fd >= 0 && s->monitor.kill_us < at)
		at = s->monitor.kill_us;
	if (s->phase == PHASE_RUN && s->settings->has_health &&
	    s->monitor.fd < 0 && s->monitor.next_us < at)
		at = s->monitor.next_us;
	if (s->check.fd >= 0 && s->check.deadline_us < at)
		at = s->check.deadline_us;
	if (s->phase == PHASE_RUN && s->recheck_us < at)
		at = s->recheck_us;
	return at;
}

static void turn(struct supervisor *s)
{
	struct pollfd polls[3 + HTTP_POLLS] = {
		{.fd = s->signal_fd, .events = POLLIN},
		{.fd = s->monitor.fd, .events = POLLIN},
		{.fd = s->check.fd, .events = POLLIN},
	};
	int64_t at = next_deadline(s);
	unsigned count = http_server_polls(&s->server, polls + 3, &at);
	int64_t now = clock_now_us();

	if (poll(polls, 3 + count, s->reap ? 0 : clock_poll_ms(at, now)) < 0)
		return;
	if (polls[0].revents)
		take_signals(s);
	if (s->reap)
		reap(s);
	now = clock_now_us();
	if (s->phase != PHASE_END)
		step_gpu(s, now);
	if (s->phase != PHASE_END)
		step_probe(s, now);
	if (s->phase != PHASE_END)
		step_deadlines(s, now);
	http_server_step(&s->server, polls + 3, count, now);
}

static void open_server(struct supervisor *s)
{
	const struct settings *settings = s->settings;
	int code;

	if (!settings->has_health)
		return;
	code = http_server_open(&s->server, settings->health_host,
				settings->health_port);
	if (code)
		log_line(LOG_QUIET, "no health server on port %u: %s",
			 settings->health_port, strerror(code));
}

static bool supervisor_init(struct supervisor *s,
			    const struct supervision *plan)
{
	const struct settings *settings = plan->settings;

	s->plan = plan;
	s->settings = settings;
	s->kill_us = s->give_up_us = s->recheck_us = INT64_MAX;
	s->health = (struct health){
		.service = settings->service,
		.machine = settings->machine,
		.revision = settings->revision,
		.target = settings->probe.target,
		.gpu_wish = &settings->gpu,
		.gpu = &s->gpu,
		.retries = settings->retries,
		.since_us = clock_now_us(),
	};
	monitor_init(&s->monitor, &settings->probe, settings->interval_ms);
	gpu_check_init(&s->check);
	http_server_init(&s->server, answer, s);
	s->signal_fd = signals_open();
	if (s->signal_fd < 0) {
		log_line(LOG_QUIET, "no descriptor for signals: %s",
			 strerror(errno));
		return false;
	}
	if (getpid() != 1)
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (settings->parent_death)
		prctl(PR_SET_PDEATHSIG, settings->parent_death);
	return true;
}

int supervise(const struct supervision *plan)
{
	struct supervisor *s = &supervisor;

	if (!supervisor_init(s, plan))
		return STATUS_SYSTEM;
	open_server(s);
	if (plan->settings->gpu.policy == GPU_NONE) {
		environment_set(plan->env, "SLIPWAY_DEVICE", "cpu",
				SOURCE_INIT);
		start_main(s);
	} else {
		s->env = environment_strings(plan->env);
		gpu_start(s);
	}
	while (s->phase != PHASE_END)
		turn(s);
	monitor_stop(&s->monitor);
	gpu_check_stop(&s->check);
	http_server_close(&s->server);
	free(s->env);
	return s->exit_code;
}
