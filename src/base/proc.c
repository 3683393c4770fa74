#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/pool.h"

extern char **environ;

enum {
	DEFAULT_MAX_OUTPUT = 64 << 20,
	READ_BYTES = 64 << 10,
	CANCEL_POLL_MS = 200, /* how late a cancellation may be seen */
	STOP_MS = 1000,
};

void proc_result_release(struct proc_result *result)
{
	buf_release(&result->output);
	buf_release(&result->errors);
}

static bool is_program(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 && S_ISREG(info.st_mode) &&
	       access(path, X_OK) == 0;
}

/* An absolute path, because the child may change its folder first. */
char *proc_find(const char *name)
{
	if (strchr(name, '/'))
		return is_program(name) ? realpath(name, NULL) : NULL;
	struct str rest = str_from(getenv("PATH")), folder;

	while (str_split(&rest, ':', &folder)) {
		char *path = path_printf(STR_FMT "/%s", STR_ARG(folder), name);

		if (path[0] == '/' && folder.n && is_program(path))
			return path;
		free(path);
	}
	return NULL;
}

/* A bound above the hard limit of this process is cut to it. */
static int limit_apply(const struct proc_limit *limit)
{
	struct rlimit old;

	if (getrlimit((__rlimit_resource_t)limit->resource, &old) < 0)
		return -1;
	struct rlimit new = {limit->bound, limit->bound};

	if (new.rlim_max > old.rlim_max)
		new.rlim_cur = new.rlim_max = old.rlim_max;
	return setrlimit((__rlimit_resource_t)limit->resource, &new);
}

/* What the child says where it could not become the program. */
enum start_step { AT_PIPES, AT_FOLDER, AT_LIMITS, AT_PROGRAM };

struct start_failure {
	int number; /* errno */
	enum start_step at;
};

static _Noreturn void give_up(int report, enum start_step at)
{
	struct start_failure failure = {errno, at};

	(void)!write(report, &failure, sizeof failure);
	_exit(126);
}

/* In the child: never returns. */
static _Noreturn void run_child(const struct proc_options *options,
				const char *program, const int fds[3],
				int report)
{
	sigset_t none;

	/* Its own group, so that what it starts can be ended with it. */
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	for (int i = 0; i < 3; i++) {
		if (fds[i] == i)
			fcntl(i, F_SETFD, 0);
		else if (dup2(fds[i], i) < 0)
			give_up(report, AT_PIPES);
	}
	if (options->folder && chdir(options->folder) < 0)
		give_up(report, AT_FOLDER);
	for (size_t i = 0; i < options->limit_count; i++)
		if (limit_apply(&options->limits[i]))
			give_up(report, AT_LIMITS);
	if (options->prepare && options->prepare(options->prepare_argument))
		_exit(125);
	execve(program, (char *const *)(uintptr_t)options->argv,
	       options->env ? (char *const *)(uintptr_t)options->env : environ);
	give_up(report, AT_PROGRAM);
}

static int wait_status(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 255;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

/* Waits until the child has become the program. */
static int await_start(const struct proc_options *options, int report,
		       struct error **err)
{
	struct start_failure failure;
	ssize_t n;

	do
		n = read(report, &failure, sizeof failure);
	while (n < 0 && errno == EINTR);
	if (n != sizeof failure)
		return 0;
	errno = failure.number;
	if (failure.at == AT_FOLDER)
		return err_sys(err, "cannot start '%s' in the folder '%s'",
			       options->argv[0], options->folder);
	if (failure.at == AT_LIMITS)
		return err_sys(err, "cannot set the limits of '%s'",
			       options->argv[0]);
	return err_sys(err, "cannot start '%s'", options->argv[0]);
}

/* Starts with the three descriptors as 0, 1 and 2. The pid or -1. */
static pid_t start(const struct proc_options *options, const int fds[3],
		   struct error **err)
{
	auto_free char *program = proc_find(options->argv[0]);
	int report[2];

	if (!program)
		return err_make(err, ERR_ENV,
				"the program '%s' is not installed",
				options->argv[0]);
	if (pipe2(report, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	signal(SIGPIPE, SIG_IGN);
	/* Where it is ignored, as some supervisors leave it, the kernel keeps
	 * no exit status. */
	signal(SIGCHLD, SIG_DFL);
	pid_t pid = fork();

	if (pid == 0)
		run_child(options, program, fds, report[1]);
	close(report[1]);
	if (pid < 0)
		err_sys(err, "cannot start '%s'", options->argv[0]);
	else if (await_start(options, report[0], err)) {
		wait_status(pid);
		pid = -1;
	}
	close(report[0]);
	return pid;
}

/* Reads what there is. False at the end of the file or where it is broken. */
static bool drain(int fd, struct buf *out, size_t max_bytes)
{
	while (out->n <= max_bytes) {
		buf_reserve(out, READ_BYTES);
		ssize_t n = read(fd, out->p + out->n, out->capacity - out->n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		if (n == 0)
			return false;
		out->n += (size_t)n;
	}
	return true;
}

/* Writes what the pipe takes; closes it at the end of the input, or where the
 * child has closed its end. */
static void feed(int *fd, struct str *input)
{
	ssize_t n = input->n ? write(*fd, input->p, input->n) : 0;

	if (n > 0)
		*input = str_slice(*input, (size_t)n, input->n);
	if (input->n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
		fs_close_pointer(fd);
}

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A child's pipes while it runs. */
struct exchange {
	int fds[3]; /* -1 once closed */
	int pidfd;
	struct str input;
	size_t max_bytes;
	uint64_t end_ms;
	struct proc_result *result;
};

/* One round of waiting. True while there is more to come: the child runs.
 * What it started and left behind may keep its pipes, and is not waited for. */
static bool exchange_round(struct exchange *x, int wait_ms)
{
	struct pollfd polls[4] = {
		{x->fds[0], POLLOUT, 0},
		{x->fds[1], POLLIN, 0},
		{x->fds[2], POLLIN, 0},
		{x->pidfd, POLLIN, 0},
	};

	if (poll(polls, 4, wait_ms) < 0)
		return true;
	if (polls[0].revents)
		feed(&x->fds[0], &x->input);
	if (polls[1].revents &&
	    !drain(x->fds[1], &x->result->output, x->max_bytes))
		fs_close_pointer(&x->fds[1]);
	if (polls[2].revents &&
	    !drain(x->fds[2], &x->result->errors, x->max_bytes))
		fs_close_pointer(&x->fds[2]);
	return !polls[3].revents;
}

/* Moves bytes until the child has ended. NULL or why it has to be ended. */
static const char *exchange(struct exchange *x)
{
	bool running = true;

	while (running) {
		uint64_t now = clock_ms();
		uint64_t left = now < x->end_ms ? x->end_ms - now : 0;

		if (left == 0)
			return "took too long";
		if (pool_is_cancelled())
			return "was interrupted";
		running = exchange_round(
			x, left < CANCEL_POLL_MS ? (int)left : CANCEL_POLL_MS);
		if (!running) /* what it wrote last may still be there */
			exchange_round(x, 0);
		if (x->result->output.n > x->max_bytes ||
		    x->result->errors.n > x->max_bytes)
			return "printed too much";
	}
	return NULL;
}

/* Ends a child and all that it started and that stayed in its group. */
static void kill_group(pid_t pid)
{
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
}

static void close_all(int *fds, int count)
{
	for (int i = 0; i < count; i++)
		fs_close_pointer(&fds[i]);
}

static const char *run_to_end(const struct proc_options *options, pid_t pid,
			      int ours[3], struct proc_result *result)
{
	uint64_t now = clock_ms();
	uint64_t end = now + options->timeout_ms;
	struct exchange x = {
		.fds = {ours[0], ours[1], ours[2]},
		.pidfd = (int)syscall(SYS_pidfd_open, pid, 0),
		.input = options->input,
		.max_bytes = options->max_output_bytes
				     ? options->max_output_bytes
				     : DEFAULT_MAX_OUTPUT,
		.end_ms = options->timeout_ms && end > now ? end : UINT64_MAX,
		.result = result,
	};
	const char *problem =
		x.pidfd < 0 ? "could not be waited for" : exchange(&x);

	if (problem)
		kill_group(pid);
	close_all(x.fds, 3);
	fs_close_pointer(&x.pidfd);
	return problem;
}

/* A pipe whose end number mine is not blocking. */
static int make_pipe(int ends[2], int mine)
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	return fcntl(ends[mine], F_SETFL, O_NONBLOCK);
}

int proc_run(const struct proc_options *options, struct proc_result *result,
	     struct error **err)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, errors[2] = {-1, -1};

	if (make_pipe(in, 1) || make_pipe(out, 0) || make_pipe(errors, 0)) {
		close_all(in, 2);
		close_all(out, 2);
		close_all(errors, 2);
		return err_sys(err, "cannot make a pipe");
	}
	int theirs[3] = {in[0], out[1], errors[1]};
	int ours[3] = {in[1], out[0], errors[0]};
	int child[3] = {options->input_fd ? options->input_fd : in[0], out[1],
			errors[1]};
	pid_t pid = start(options, child, err);

	close_all(theirs, 3);
	if (pid < 0) {
		close_all(ours, 3);
		return -1;
	}
	const char *problem = run_to_end(options, pid, ours, result);

	result->status = wait_status(pid);
	result->ended_early = problem;
	if (problem)
		return err_make(
			err, pool_is_cancelled() ? ERR_CANCELLED : ERR_ENV,
			"'%s' %s and was ended", options->argv[0], problem);
	return 0;
}

int proc_start(const struct proc_options *options, struct proc_worker *worker,
	       struct error **err)
{
	int in[2], out[2];

	*worker = (struct proc_worker){-1, -1, -1};
	if (pipe2(in, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	if (pipe2(out, O_CLOEXEC) < 0) {
		close_all(in, 2);
		return err_sys(err, "cannot make a pipe");
	}
	auto_close int nowhere =
		options->discard_errors
			? open("/dev/null", O_WRONLY | O_CLOEXEC)
			: -1;
	int theirs[3] = {in[0], out[1], nowhere >= 0 ? nowhere : STDERR_FILENO};

	worker->pid = start(options, theirs, err);
	close(in[0]);
	close(out[1]);
	worker->to = in[1];
	worker->from = out[0];
	if (worker->pid < 0) {
		proc_stop(worker);
		return -1;
	}
	return 0;
}

void proc_stop(struct proc_worker *worker)
{
	fs_close_pointer(&worker->to);
	fs_close_pointer(&worker->from);
	if (worker->pid < 0)
		return;
	int pidfd = (int)syscall(SYS_pidfd_open, worker->pid, 0);
	struct pollfd wait = {pidfd, POLLIN, 0};

	if (pidfd < 0 || poll(&wait, 1, STOP_MS) <= 0)
		kill_group(worker->pid);
	fs_close_pointer(&pidfd);
	wait_status(worker->pid);
	worker->pid = -1;
}
