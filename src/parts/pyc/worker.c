#include "parts/pyc/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/pool.h"

enum {
	GREETING_BYTES = 8,
	ANSWER_HEAD_BYTES = 5,
	PIPE_BYTES = 1 << 20,
	POLL_MS = 100,
	GREETING_MS = 60 * 1000,
	STACK_BYTES = 8 << 20, /* the depth that compiles must not vary */
	/* Waiting for a processor or for swap counts as time as well, in the
	 * end. */
	WALL_PER_CPU = 20,
};
static const uint32_t MAX_ANSWER_BYTES = 256u << 20;

/* Only built-in modules are imported. warnings are off by -W. A message is
 * what the person sees, so it is cut, not the payload. */
static const char worker_program[] =
	"import _frozen_importlib_external as external, _imp, gc, marshal\n"
	"import posix, sys\n"
	"gc.disable()\n"
	"home = sys.prefix + '/'\n"
	"sys.path[:] = [p for p in sys.path if p.startswith(home)]\n"
	"magic = external.MAGIC_NUMBER\n"
	"key = int.from_bytes(magic, 'little')\n"
	"def u32(value):\n"
	"    value = value if type(value) is int else 0\n"
	"    return min(max(value, 0), 0xffffffff).to_bytes(4, 'little')\n"
	"def send(*parts):\n"
	"    for part in parts:\n"
	"        view = memoryview(part)\n"
	"        while view:\n"
	"            view = view[posix.write(1, view):]\n"
	"def receive(n):\n"
	"    parts = []\n"
	"    while n:\n"
	"        part = posix.read(0, min(n, 1 << 20))\n"
	"        if not part:\n"
	"            posix._exit(0)\n"
	"        parts.append(part)\n"
	"        n -= len(part)\n"
	"    return b''.join(parts)\n"
	"def number():\n"
	"    return int.from_bytes(receive(4), 'little')\n"
	"def work():\n"
	"    names, n = number(), number()\n"
	"    name = receive(names).decode('utf-8', 'surrogateescape')\n"
	"    source = receive(n)\n"
	"    try:\n"
	"        code = marshal.dumps(compile(source, name, 'exec',\n"
	"                                     dont_inherit=True, optimize=0))\n"
	"        digest = _imp.source_hash(key, source)\n"
	"    except MemoryError:\n"
	"        return b'm', b''\n"
	"    except BaseException as e:\n"
	"        kind = type(e).__name__.encode('utf-8', 'replace')[:60]\n"
	"        text = str(getattr(e, 'msg', None) or e)[:2000]\n"
	"        text = text.encode('utf-8', 'backslashreplace')\n"
	"        return (b'x', u32(getattr(e, 'lineno', 0)),\n"
	"                u32(getattr(e, 'offset', 0)), u32(len(kind)), kind,\n"
	"                text)\n"
	"    return b'c', digest, code\n"
	"send(magic, u32(sys.hexversion))\n"
	"while True:\n"
	"    kind, *rest = work()\n"
	"    send(kind + u32(sum(map(len, rest))), *rest)\n"
	"    kind = rest = None\n";

/* What glibc names its loader and library folders. */
static const struct machine {
	const char *name, *loader, *triplet;
} machines[] = {
	{"x86_64", "lib64/ld-linux-x86-64.so.2", "x86_64-linux-gnu"},
	{"aarch64", "lib/ld-linux-aarch64.so.1", "aarch64-linux-gnu"},
};

/* The host path of a path in the root with all links followed as inside of it
 * (heap), or NULL with errno set. */
static char *resolve(int root_fd, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	auto_close int fd =
		(int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);

	if (fd < 0)
		return NULL;
	auto_free char *link = path_printf("/proc/self/fd/%d", fd);

	return realpath(link, NULL);
}

static char *find_program(int root_fd, const char *program, unsigned minor)
{
	if (program)
		return resolve(root_fd, program);
	auto_free char *packaged = path_printf("usr/bin/python3.%u", minor);
	char *found = resolve(root_fd, packaged);

	if (found)
		return found;
	auto_free char *local = path_printf("usr/local/bin/python3.%u", minor);

	return resolve(root_fd, local);
}

static char *find_library_paths(int root_fd, const char *home,
				const struct machine *machine)
{
	const char *const folders[] = {
		"lib", "usr/lib", "lib64", "usr/lib64", "usr/local/lib",
	};
	auto_buf struct buf paths = BUF_EMPTY;

	buf_printf(&paths, "%s/lib", home);
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		auto_free char *with_triplet =
			path_printf("%s/%s", folders[i], machine->triplet);
		auto_free char *first = resolve(root_fd, with_triplet);
		auto_free char *second = resolve(root_fd, folders[i]);

		if (first)
			buf_printf(&paths, ":%s", first);
		if (second)
			buf_printf(&paths, ":%s", second);
	}
	return buf_steal_text(&paths);
}

static const struct machine *find_machine(void)
{
	struct utsname host;

	if (uname(&host) < 0)
		return NULL;
	for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
		if (strcmp(machines[i].name, host.machine) == 0)
			return &machines[i];
	return NULL;
}

/* "/usr" of "/usr/bin/python3.11", heap. */
static char *home_of(const char *program)
{
	struct str path = str_from(program);

	for (int i = 0; i < 2; i++) {
		ptrdiff_t slash = str_rfind(path, '/');

		path = str_slice(path, 0, slash < 0 ? 0 : (size_t)slash);
	}
	return str_dup(path);
}

int pyc_python_find(const char *root, const char *program, unsigned minor,
		    struct pyc_python *python, struct error **err)
{
	const struct machine *machine = find_machine();

	*python = (struct pyc_python){.minor = minor};
	if (!machine)
		return err_make(err, ERR_ENV,
				"bytecode cannot be compiled on this kind of "
				"processor");
	auto_close int root_fd = fs_open(root, O_PATH | O_DIRECTORY, 0, err);

	if (root_fd < 0)
		return err_wrap(err, "while looking for Python 3.%u", minor);
	python->program = find_program(root_fd, program, minor);
	if (!python->program)
		return err_make(err, ERR_ENV,
				"there is no Python 3.%u in '%s'%s%s to "
				"compile with",
				minor, root, program ? " at " : "",
				program ? program : "");
	python->loader = resolve(root_fd, machine->loader);
	if (!python->loader) {
		pyc_python_release(python);
		return err_make(err, ERR_ENV,
				"there is no /%s in '%s' to start Python with",
				machine->loader, root);
	}
	python->home = home_of(python->program);
	python->library_paths =
		find_library_paths(root_fd, python->home, machine);
	return 0;
}

void pyc_python_release(struct pyc_python *python)
{
	free(python->loader);
	free(python->program);
	free(python->home);
	free(python->library_paths);
	*python = (struct pyc_python){0};
}

/* In the child: Ctrl-C is the parent's to judge. An ignored signal stays
 * ignored in the program. */
static int ignore_interrupts(void *argument)
{
	(void)argument;
	signal(SIGINT, SIG_IGN);
	return 0;
}

/* What options point to. */
struct command {
	const char *argv[16];
	const char *env[8];
	struct proc_limit limits[4];
	char *home;
};

static void command_fill(const struct pyc_python *python, const char *program,
			 struct command *command, struct proc_options *options)
{
	const char *const argv[] = {
		python->loader,
		"--inhibit-cache",
		"--library-path",
		python->library_paths,
		python->program,
		"-S",
		"-s",
		"-B",
		"-W",
		"ignore",
		"-c",
		program,
		NULL,
	};

	memcpy(command->argv, argv, sizeof argv);
	command->home = path_printf("PYTHONHOME=%s", python->home);
	const char *const env[] = {
		command->home,		 "PYTHONHASHSEED=0", "PYTHONUTF8=1",
		"PYTHONCOERCECLOCALE=0", "LC_ALL=C",	     NULL,
	};

	memcpy(command->env, env, sizeof env);
	const struct proc_limit limits[] = {
		{RLIMIT_AS, python->memory_bytes},
		{RLIMIT_STACK, STACK_BYTES},
		{RLIMIT_CORE, 0},
		{RLIMIT_FSIZE, 0},
	};

	memcpy(command->limits, limits, sizeof limits);
	*options = (struct proc_options){
		.argv = command->argv,
		.env = command->env,
		.folder = "/",
		.limits = command->limits,
		.limit_count = sizeof limits / sizeof *limits,
		.discard_errors = true,
		.prepare = ignore_interrupts,
	};
}

int pyc_worker_start(const struct pyc_python *python, struct pyc_worker *worker,
		     struct error **err)
{
	struct command command;
	struct proc_options options;

	*worker = (struct pyc_worker)PYC_WORKER_EMPTY;
	command_fill(python, worker_program, &command, &options);
	int result = proc_start(&options, &worker->process, err);

	free(command.home);
	if (result)
		return -1;
	/* Larger pipes save switches; where they may not be had it is slower.
	 */
	fcntl(worker->process.to, F_SETPIPE_SZ, PIPE_BYTES);
	fcntl(worker->process.from, F_SETPIPE_SZ, PIPE_BYTES);
	return 0;
}

void pyc_worker_stop(struct pyc_worker *worker)
{
	if (worker->process.pid > 0)
		kill(worker->process.pid, SIGKILL);
	proc_stop(&worker->process);
	*worker = (struct pyc_worker)PYC_WORKER_EMPTY;
}

static uint64_t clock_ms(clockid_t clock)
{
	struct timespec now = {0, 0};

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Bounds of one exchange. */
struct deadline {
	clockid_t cpu_clock; /* of the worker */
	uint64_t cpu_end_ms, wall_end_ms;
};

static void deadline_set(struct deadline *deadline,
			 const struct pyc_worker *worker, uint64_t cpu_ms,
			 uint64_t wall_ms)
{
	if (clock_getcpuclockid(worker->process.pid, &deadline->cpu_clock))
		deadline->cpu_clock = CLOCK_MONOTONIC;
	deadline->cpu_end_ms = clock_ms(deadline->cpu_clock) + cpu_ms;
	deadline->wall_end_ms = clock_ms(CLOCK_MONOTONIC) + wall_ms;
}

/* Waits until fd can be read or written. COMPILED means that it can. */
static enum pyc_answer wait_for(int fd, short events,
				const struct deadline *deadline)
{
	for (;;) {
		struct pollfd wait = {fd, events, 0};

		if (pool_is_cancelled())
			return PYC_ANSWER_CANCELLED;
		if (poll(&wait, 1, POLL_MS) > 0)
			return PYC_ANSWER_COMPILED;
		if (clock_ms(deadline->cpu_clock) > deadline->cpu_end_ms ||
		    clock_ms(CLOCK_MONOTONIC) > deadline->wall_end_ms)
			return PYC_ANSWER_TIMEOUT;
	}
}

static enum pyc_answer receive(int fd, char *p, size_t n,
			       const struct deadline *deadline)
{
	while (n) {
		enum pyc_answer state = wait_for(fd, POLLIN, deadline);
		ssize_t got = state == PYC_ANSWER_COMPILED ? read(fd, p, n) : 0;

		if (state != PYC_ANSWER_COMPILED)
			return state;
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return PYC_ANSWER_DIED;
		p += got;
		n -= (size_t)got;
	}
	return PYC_ANSWER_COMPILED;
}

/* A worker takes in what it is sent before it compiles, so writing may block
 * for no longer than reading takes. */
static enum pyc_answer send_bytes(int fd, struct str bytes)
{
	auto_err struct error *error = NULL;

	return fs_write_all(fd, bytes, "worker", &error) ? PYC_ANSWER_DIED
							 : PYC_ANSWER_COMPILED;
}

int pyc_python_run(const struct pyc_python *python, const char *program,
		   struct buf *out, struct error **err)
{
	struct command command;
	struct proc_options options;
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;

	command_fill(python, program, &command, &options);
	options.timeout_ms = GREETING_MS;
	options.max_output_bytes = 1 << 20;
	int outcome = proc_run(&options, &result, err);

	free(command.home);
	if (outcome)
		return -1;
	if (result.status == 0) {
		buf_append(out, buf_str(&result.output));
		return 0;
	}
	struct str said = str_trim(buf_str(&result.errors));
	ptrdiff_t last = str_rfind(said, '\n');

	said = str_slice(said, (size_t)(last + 1), said.n);
	return err_make(err, ERR_ENV,
			"'%s' cannot be started (exit status %d): " STR_FMT,
			python->program, result.status, STR_ARG(said));
}

/* Runs the interpreter once more, to tell what it says. */
static int explain(const struct pyc_python *python, struct error **err)
{
	auto_buf struct buf greeting = BUF_EMPTY;

	if (pyc_python_run(python, worker_program, &greeting, err))
		return -1;
	return err_make(err, ERR_ENV,
			"'%s' ends before it has said its "
			"version",
			python->program);
}

int pyc_worker_greet(const struct pyc_python *python, struct pyc_worker *worker,
		     struct error **err)
{
	char greeting[GREETING_BYTES];
	struct deadline deadline;

	if (worker->greeted)
		return 0;
	deadline_set(&deadline, worker, GREETING_MS, GREETING_MS);
	enum pyc_answer state = receive(worker->process.from, greeting,
					sizeof greeting, &deadline);

	if (state == PYC_ANSWER_CANCELLED)
		return pool_check_cancelled(err);
	if (state == PYC_ANSWER_TIMEOUT)
		return err_make(err, ERR_ENV, "'%s' does not start within %d s",
				python->program, GREETING_MS / 1000);
	if (state != PYC_ANSWER_COMPILED)
		return explain(python, err);
	uint32_t version = le32_at(greeting + 4);

	if (version >> 16 != (3u << 8 | python->minor))
		return err_make(err, ERR_ENV, "'%s' is Python %u.%u, not 3.%u",
				python->program, version >> 24,
				version >> 16 & 0xff, python->minor);
	memcpy(worker->magic, greeting, sizeof worker->magic);
	worker->greeted = true;
	return 0;
}

enum pyc_answer pyc_worker_compile(const struct pyc_python *python,
				   struct pyc_worker *worker,
				   struct str file_name, struct str source,
				   struct buf *answer)
{
	auto_buf struct buf head = BUF_EMPTY;
	char answer_head[ANSWER_HEAD_BYTES];
	struct deadline deadline;
	int from = worker->process.from, to = worker->process.to;

	buf_append_le32(&head, (uint32_t)file_name.n);
	buf_append_le32(&head, (uint32_t)source.n);
	buf_append(&head, file_name);
	deadline_set(&deadline, worker, python->cpu_ms,
		     python->cpu_ms * WALL_PER_CPU);
	if (send_bytes(to, buf_str(&head)) != PYC_ANSWER_COMPILED ||
	    send_bytes(to, source) != PYC_ANSWER_COMPILED)
		return PYC_ANSWER_DIED;
	enum pyc_answer state =
		receive(from, answer_head, sizeof answer_head, &deadline);

	if (state != PYC_ANSWER_COMPILED)
		return state;
	uint32_t n = le32_at(answer_head + 1);

	if (answer_head[0] == 'm' || n > MAX_ANSWER_BYTES)
		return PYC_ANSWER_NO_MEMORY;
	buf_clear(answer);
	buf_reserve(answer, n);
	state = receive(from, answer->p, n, &deadline);
	if (state != PYC_ANSWER_COMPILED)
		return state;
	answer->n = n;
	worker->compiled++;
	worker->source_bytes += source.n;
	return answer_head[0] == 'c' ? PYC_ANSWER_COMPILED : PYC_ANSWER_REFUSED;
}
