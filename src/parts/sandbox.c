#include "parts/sandbox.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"

enum {
	MAX_ROOTS = 200,      /* of the kernel's 500; the options must fit */
	PREPARE_FAILED = 125, /* see proc.h */
	STATUS_BYTES = 4096,
	CHECK_MS = 20 * 1000,
	ID_MAP_BYTES = 64,
};

/* Each of the empty folders may hold as much. */
#define WRITABLE_BYTES "536870912"

/* The words of a command line; those made here lie in the arena. */
struct command {
	ARRAY(const char *) words;
	struct arena arena;
};

static void command_release(struct command *command)
{
	array_release(&command->words);
	arena_release(&command->arena);
}

static void add(struct command *command, const char *word)
{
	array_push(&command->words, word);
}

static void add_option(struct command *command, const char *option,
		       const char *first, const char *second)
{
	add(command, option);
	add(command, first);
	if (second)
		add(command, second);
}

/* What the child does before bubblewrap starts, and with what. */
struct preparation {
	const char *overlay_options; /* NULL: no overlay */
	const char *mount_point;
	char uid_map[ID_MAP_BYTES], gid_map[ID_MAP_BYTES];
	int status_fd; /* to be kept open */
};

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, strlen(text));

	close(fd);
	return n < 0 ? -1 : 0;
}

/* Own user and mount name spaces, in which an overlay needs no rights. */
static int mount_overlay(const struct preparation *preparation)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 ||
	    write_text("/proc/self/setgroups", "deny") < 0 ||
	    write_text("/proc/self/uid_map", preparation->uid_map) < 0 ||
	    write_text("/proc/self/gid_map", preparation->gid_map) < 0)
		return -1;
	return mount("overlay", preparation->mount_point, "overlay", MS_RDONLY,
		     preparation->overlay_options);
}

/* In the child; only async-signal-safe calls. */
static int prepare(void *argument)
{
	const struct preparation *preparation = argument;

	if (fcntl(preparation->status_fd, F_SETFD, 0) < 0)
		return -1;
	return preparation->overlay_options ? mount_overlay(preparation) : 0;
}

/* Folders that are made anew inside, whatever the image has there. */
static bool is_made_inside(const char *name)
{
	static const char *const names[] = {"proc", "dev", "tmp", "run", "sys"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* One entry at the top of the image. A link is made anew, since it is to be
 * followed inside. */
static int add_entry(struct command *command, const char *folder,
		     const char *mounted, const char *name, struct error **err)
{
	auto_free char *path = path_join(folder, name);
	char target[4096];
	ssize_t n = readlink(path, target, sizeof target);
	struct arena *arena = &command->arena;
	const char *inside = arena_printf(arena, "/%s", name).p;

	if (n == sizeof target)
		return err_make(err, ERR_FLEET, "the link '%s' is too long",
				path);
	if (n > 0)
		add_option(command, "--symlink",
			   arena_str(arena, str_of(target, (size_t)n)).p,
			   inside);
	else
		add_option(command, "--ro-bind",
			   arena_printf(arena, "%s/%s", mounted, name).p,
			   inside);
	return 0;
}

/* The image's root is an empty file system with the image's entries mounted
 * into it: where to mount /proc or /tmp need not be in the image then. */
static int add_root(struct command *command,
		    const struct sandbox_options *options, const char *mounted,
		    struct error **err)
{
	auto_map struct map seen = MAP_EMPTY;

	add_option(command, "--tmpfs", "/", NULL);
	for (size_t i = options->root_count; i-- > 0;) {
		auto_names struct fs_names names = {NULL, 0, 0};

		if (fs_list(options->roots[i], &names, err))
			return -1;
		for (size_t j = 0; j < names.n; j++)
			if (!is_made_inside(names.p[j]) &&
			    map_add(&seen, str_from(names.p[j])) &&
			    add_entry(command, options->roots[i], mounted,
				      names.p[j], err))
				return -1;
	}
	return 0;
}

static void add_writable(struct command *command, const char *path)
{
	add_option(command, "--size", WRITABLE_BYTES, NULL);
	add_option(command, "--perms", "1777", NULL);
	add_option(command, "--tmpfs", path, NULL);
}

/* No variable of bubblewrap's own: LD_LIBRARY_PATH is for the image alone. */
static int add_env(struct command *command, const char *const *env,
		   struct error **err)
{
	add(command, "--clearenv");
	for (; env && *env; env++) {
		struct str entry = str_from(*env);
		ptrdiff_t equals = str_find(entry, '=');

		if (equals <= 0)
			return err_make(err, ERR_FLEET,
					"'%s' is no NAME=value for the "
					"environment",
					*env);
		add_option(command, "--setenv",
			   arena_str(&command->arena,
				     str_slice(entry, 0, (size_t)equals))
				   .p,
			   *env + equals + 1);
	}
	return 0;
}

static int command_fill(struct command *command,
			const struct sandbox_options *options,
			const char *mounted, int status_fd, struct error **err)
{
	static const char *const start[] = {
		"bwrap",
		"--die-with-parent",
		"--new-session",
		"--unshare-user",
		"--unshare-pid",
		"--unshare-net",
		"--unshare-ipc",
		"--unshare-uts",
		"--unshare-cgroup-try",
		"--hostname",
		"slipway",
		"--cap-drop",
		"ALL",
	};
	struct arena *arena = &command->arena;

	for (size_t i = 0; i < sizeof start / sizeof *start; i++)
		add(command, start[i]);
	add_option(command, "--json-status-fd",
		   arena_printf(arena, "%d", status_fd).p, NULL);
	add_option(command, "--uid", arena_printf(arena, "%u", options->uid).p,
		   NULL);
	add_option(command, "--gid", arena_printf(arena, "%u", options->gid).p,
		   NULL);
	if (add_root(command, options, mounted, err) ||
	    add_env(command, options->env, err))
		return -1;
	add_option(command, "--proc", "/proc", NULL);
	add_option(command, "--dev", "/dev", NULL);
	add_writable(command, "/tmp");
	add_writable(command, "/run");
	for (const char *const *w = options->writable; w && *w; w++)
		add_writable(command, *w);
	for (size_t i = 0; i < options->bind_count; i++)
		add_option(command,
			   options->binds[i].writable ? "--bind" : "--ro-bind",
			   options->binds[i].from, options->binds[i].to);
	add_option(command, "--remount-ro", "/", NULL);
	add_option(command, "--chdir", options->folder ? options->folder : "/",
		   NULL);
	add(command, "--");
	for (const char *const *word = options->argv; *word; word++)
		add(command, *word);
	add(command, NULL);
	return 0;
}

/* A folder of short links to the roots and the place to mount them at: their
 * own paths may be too long together, and hold ':' or ','. */
struct overlay {
	char folder[64];
	char *mount_point;
	struct buf options;
};

static void overlay_release(struct overlay *overlay)
{
	if (overlay->folder[0])
		fs_remove_tree(overlay->folder, NULL);
	free(overlay->mount_point);
	buf_release(&overlay->options);
}

static int overlay_make(struct overlay *overlay,
			const struct sandbox_options *options,
			struct error **err)
{
	strcpy(overlay->folder, "/tmp/slipway-root-XXXXXX");
	if (!mkdtemp(overlay->folder)) {
		overlay->folder[0] = '\0';
		return err_sys(err, "cannot make a folder in /tmp");
	}
	overlay->mount_point = path_join(overlay->folder, "root");
	if (fs_make_dirs(overlay->mount_point, 0755, err))
		return -1;
	buf_append_text(&overlay->options, "lowerdir=");
	/* The highest comes first. */
	for (size_t i = options->root_count; i-- > 0;) {
		auto_free char *real = realpath(options->roots[i], NULL);
		auto_free char *link =
			path_printf("%s/%zu", overlay->folder, i);

		if (!real || symlink(real, link) < 0)
			return err_sys(err, "cannot use '%s' as a layer",
				       options->roots[i]);
		buf_printf(&overlay->options, "%s%s", link, i ? ":" : "");
	}
	return 0;
}

/* What the kernel said is lost with the child, but it is always this. */
static int overlay_refused(struct error **err)
{
	err_make(err, ERR_ENV,
		 "the kernel does not allow an overlay in a user name space");
	return err_hint(err,
			"Linux 5.11 or newer does, unless the host forbids "
			"user name spaces: run 'slipway doctor'");
}

/* bubblewrap tells the program's exit status; without one it did not start. */
static int judge(int status_fd, const struct proc_result *result,
		 struct error **err)
{
	char status[STATUS_BYTES];
	ssize_t n = pread(status_fd, status, sizeof status, 0);
	struct str said = str_trim(buf_str(&result->errors));

	if (n > 0 &&
	    str_find_str(str_of(status, (size_t)n), STR("\"exit-code\"")) >= 0)
		return 0;
	if (result->status == PREPARE_FAILED)
		return overlay_refused(err);
	if (said.n == 0)
		return err_make(err, ERR_ENV,
				"the sandbox ended with status %d",
				result->status);
	return err_make(err, ERR_ENV, "the sandbox cannot be made: " STR_FMT,
			STR_ARG(said));
}

static int run(const struct sandbox_options *options, struct overlay *overlay,
	       struct command *command, struct proc_result *result,
	       struct error **err)
{
	struct preparation preparation = {.mount_point = options->roots[0]};
	auto_close int status_fd = memfd_create("status", MFD_CLOEXEC);

	if (status_fd < 0)
		return err_sys(err, "cannot make a file in memory");
	if (options->root_count > 1) {
		if (overlay_make(overlay, options, err))
			return -1;
		preparation.mount_point = overlay->mount_point;
		preparation.overlay_options = buf_text(&overlay->options);
	}
	snprintf(preparation.uid_map, ID_MAP_BYTES, "%u %u 1", geteuid(),
		 geteuid());
	snprintf(preparation.gid_map, ID_MAP_BYTES, "%u %u 1", getegid(),
		 getegid());
	preparation.status_fd = status_fd;
	if (command_fill(command, options, preparation.mount_point, status_fd,
			 err))
		return -1;
	const struct proc_limit limits[] = {
		{RLIMIT_CORE, 0},
		{RLIMIT_AS, options->memory_bytes},
	};
	const char *const no_env[] = {NULL};
	struct proc_options child = {
		.argv = command->words.p,
		.env = no_env,
		.max_output_bytes = options->max_output_bytes,
		.timeout_ms = options->timeout_ms,
		.limits = limits,
		.limit_count = options->memory_bytes ? 2 : 1,
		.prepare = prepare,
		.prepare_argument = &preparation,
	};

	if (proc_run(&child, result, err))
		return -1;
	return judge(status_fd, result, err);
}

int sandbox_run(const struct sandbox_options *options,
		struct proc_result *result, struct error **err)
{
	struct overlay overlay = {.options = BUF_EMPTY};
	struct command command = {.arena = ARENA_EMPTY};

	if (options->root_count == 0 || options->root_count > MAX_ROOTS)
		return err_make(err, ERR_FLEET,
				"a sandbox needs 1 to %d layers, not %zu",
				MAX_ROOTS, options->root_count);
	int outcome = run(options, &overlay, &command, result, err);

	command_release(&command);
	overlay_release(&overlay);
	return outcome;
}

static bool setting_is(const char *path, const char *value)
{
	auto_buf struct buf text = BUF_EMPTY;

	return fs_read(path, STATUS_BYTES, &text, NULL) == 0 &&
	       str_eq(str_trim(buf_str(&text)), str_from(value));
}

/* The first thing on this host that is known to forbid name spaces. */
static int hint(struct error **err)
{
	if (setting_is("/proc/sys/kernel/unprivileged_userns_clone", "0"))
		return err_hint(err, "allow user name spaces: 'sysctl -w "
				     "kernel.unprivileged_userns_clone=1'");
	if (setting_is("/proc/sys/user/max_user_namespaces", "0"))
		return err_hint(err, "allow user name spaces: 'sysctl -w "
				     "user.max_user_namespaces=10000'");
	if (setting_is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
		       "1"))
		return err_hint(err,
				"AppArmor forbids user name spaces (Ubuntu "
				"23.10 and newer): give bwrap a profile with "
				"'userns,' in /etc/apparmor.d, or 'sysctl -w "
				"kernel.apparmor_restrict_unprivileged_userns="
				"0'");
	if (fs_exists("/.dockerenv") || fs_exists("/run/.containerenv"))
		return err_hint(err,
				"a container forbids name spaces by default: "
				"start it with '--security-opt "
				"seccomp=unconfined --security-opt "
				"apparmor=unconfined --security-opt "
				"systempaths=unconfined'");
	return -1;
}

int sandbox_check(int with_overlay, struct error **err)
{
	auto_free char *program = proc_find("bwrap");
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	/* With its links merged, /usr is a root of its own; "/" has mounts in
	 * it, which no layer has and an overlay refuses. */
	const char *const roots[] = {"/usr", "/etc"};
	const char *const argv[] = {"true", NULL};
	const char *const env[] = {"PATH=/usr/bin:/bin", NULL};
	struct sandbox_options options = {
		.roots = roots,
		.root_count = with_overlay ? 2 : 1,
		.argv = argv,
		.env = env,
		.timeout_ms = CHECK_MS,
	};

	if (!program) {
		err_make(err, ERR_ENV, "bubblewrap is not installed");
		return err_hint(err, "install the package 'bubblewrap'");
	}
	if (sandbox_run(&options, &result, err))
		return hint(err);
	if (result.status != 0)
		return err_make(err, ERR_ENV,
				"a sandboxed program ends with status %d",
				result.status);
	return 0;
}
