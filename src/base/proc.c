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

extern char **environ;

enum { DEFAULT_MAX_OUTPUT = 64 << 20, READ_BYTES = 64 << 10 };

void proc_result_release(struct proc_result *result)
{
	buf_release(&result->output);
	buf_release(&result->errors);
}

char *proc_find(const char *name)
{
	if (strchr(name, '/'))
		return access(name, X_OK) == 0 ? mem_strdup(name) : NULL;
	struct str rest = str_from(getenv("PATH")), folder;

	while (str_split(&rest, ':', &folder)) {
		char *path = path_printf(STR_FMT "/%s", STR_ARG(folder), name);

		if (access(path, X_OK) == 0)
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

/* In the child: never returns. */
static _Noreturn void run_child(const struct proc_options *options,
				const char *program, const int fds[3])
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	for (int i = 0; i < 3; i++) {
		if (fds[i] == i)
			fcntl(i, F_SETFD, 0);
		else if (dup2(fds[i], i) < 0)
			_exit(126);
	}
	if (options->folder && chdir(options->folder) < 0)
		_exit(126);
	for (size_t i = 0; i < options->limit_count; i++) {
		const struct proc_limit *limit = &options->limits[i];

		if (limit_apply(limit))
			_exit(126);
	}
	if (options->prepare && options->prepare(options->prepare_argument))
		_exit(125);
	execve(program, (char *const *)(uintptr_t)options->argv,
	       options->env ? (char *const *)(uintptr_t)options->env : environ);
	_exit(errno == ENOENT ? 127 : 126);
}

/* Starts with the three descriptors as 0, 1 and 2. The pid or -1. */
static pid_t start(const struct proc_options *options, const int fds[3],
		   struct error **err)
{
	auto_free char *program = proc_find(options->argv[0]);

	if (!program) {
		err_make(err, ERR_ENV, "the program '%s' is not installed",
			 options->argv[0]);
		return -1;
	}
	signal(SIGPIPE, SIG_IGN);
	pid_t pid = fork();

	if (pid == 0)
		run_child(options, program, fds);
	if (pid < 0)
		err_sys(err, "cannot start '%s'", options->argv[0]);
	return pid;
}

static int wait_status(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

/* Reads what there is; at end of file closes *fd and sets it to -1. */
static int drain(int *fd, struct buf *out, size_t max_bytes)
{
	buf_reserve(out, READ_BYTES);
	ssize_t n = read(*fd, out->p + out->n, out->capacity - out->n);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -1;
	if (n == 0) {
		close(*fd);
		*fd = -1;
	}
	out->n += (size_t)n;
	return out->n > max_bytes ? -1 : 0;
}

/* Writes what the pipe takes; closes it at the end of the input. */
static void feed(int *fd, struct str *input)
{
	ssize_t n = input->n ? write(*fd, input->p, input->n) : 0;

	if (n > 0)
		*input = str_slice(*input, (size_t)n, input->n);
	if (input->n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
		close(*fd);
		*fd = -1;
	}
}

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Moves bytes until both outputs are closed. NULL or why it ended early. */
static const char *exchange(int fds[3], const struct proc_options *options,
			    struct proc_result *result)
{
	size_t max = options->max_output_bytes ? options->max_output_bytes
					       : DEFAULT_MAX_OUTPUT;
	uint64_t end = clock_ms() + options->timeout_ms;
	struct str input = options->input;

	while (fds[1] >= 0 || fds[2] >= 0) {
		struct pollfd polls[3] = {
			{fds[0], POLLOUT, 0},
			{fds[1], POLLIN, 0},
			{fds[2], POLLIN, 0},
		};
		int wait_ms = -1;

		if (options->timeout_ms) {
			uint64_t now = clock_ms();

			if (now >= end)
				return "took too long";
			wait_ms = end - now > 60000 ? 60000 : (int)(end - now);
		}
		if (poll(polls, 3, wait_ms) < 0 && errno != EINTR)
			return "could not be waited for";
		if (polls[0].revents)
			feed(&fds[0], &input);
		if (polls[1].revents && drain(&fds[1], &result->output, max))
			return "printed too much";
		if (polls[2].revents && drain(&fds[2], &result->errors, max))
			return "printed too much";
	}
	return NULL;
}

/* A pipe whose end number mine is not blocking. */
static int make_pipe(int ends[2], int mine)
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	return fcntl(ends[mine], F_SETFL, O_NONBLOCK);
}

static void close_all(int *fds, int count)
{
	for (int i = 0; i < count; i++)
		fs_close_pointer(&fds[i]);
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
	pid_t pid = start(options, theirs, err);

	close_all(theirs, 3);
	if (pid < 0) {
		close_all(ours, 3);
		return -1;
	}
	const char *problem = exchange(ours, options, result);

	close_all(ours, 3);
	if (problem)
		kill(pid, SIGKILL);
	result->status = wait_status(pid);
	result->ended_early = problem;
	if (problem)
		return err_make(err, ERR_ENV, "'%s' %s and was ended",
				options->argv[0], problem);
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
	worker->to = worker->from = -1;
	if (worker->pid < 0)
		return;
	int pidfd = (int)syscall(SYS_pidfd_open, worker->pid, 0);
	struct pollfd wait = {pidfd, POLLIN, 0};

	if (pidfd < 0 || poll(&wait, 1, 1000) <= 0)
		kill(worker->pid, SIGKILL);
	fs_close_pointer(&pidfd);
	wait_status(worker->pid);
	worker->pid = -1;
}
