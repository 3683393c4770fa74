/* A Python for uv on a host that has none: that of a Debian base. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "parts/debian.h"
#include "work/resolve/run.h"
#include "work/runtime.h"

static bool is_on_path(const char *name)
{
	auto_free char *path = proc_find(name);

	return path != NULL;
}

static const struct lock_base *find_base(const struct resolve_run *run)
{
	const struct lock *lock = run->result->lock;
	struct str platform = runtime_host_platform();

	for (size_t i = 0; i < lock->base_count; i++)
		if (lock->bases[i].kind == LOCK_BASE_DEBIAN &&
		    str_eq(lock->bases[i].platform, platform))
			return &lock->bases[i];
	return NULL;
}

/* In single quotes for sh. */
static void append_quoted(struct buf *out, const char *text)
{
	buf_append_byte(out, '\'');
	for (; *text; text++) {
		if (*text == '\'')
			buf_append_text(out, "'\\'");
		buf_append_byte(out, *text);
	}
	buf_append_text(out, "' ");
}

/* Where Debian keeps the loader, the libraries and the interpreter. */
struct interpreter {
	char *loader, *libraries, *program;
};

static void interpreter_release(struct interpreter *interpreter)
{
	free(interpreter->loader);
	free(interpreter->libraries);
	free(interpreter->program);
}

static void interpreter_init(struct interpreter *interpreter,
			     const struct debian_tree *tree)
{
	bool is_arm = str_eq(runtime_host_platform(), STR("linux/arm64"));
	const char *root = debian_tree_root(tree);
	struct str version = debian_tree_python(tree);

	interpreter->libraries = path_printf("%s/usr/lib/%s-linux-gnu", root,
					     is_arm ? "aarch64" : "x86_64");
	interpreter->loader = path_printf("%s/%s", interpreter->libraries,
					  is_arm ? "ld-linux-aarch64.so.1"
						 : "ld-linux-x86-64.so.2");
	interpreter->program = path_printf("%s/usr/bin/python" STR_FMT, root,
					   STR_ARG(version));
}

/* A script that starts the tree's Python through the tree's own loader. */
static int write_script(struct resolve_run *run, const struct debian_tree *tree,
			struct error **err)
{
	auto_buf struct buf text = BUF_EMPTY;
	struct interpreter interpreter;

	interpreter_init(&interpreter, tree);
	buf_append_text(&text, "#!/bin/sh\nexec ");
	append_quoted(&text, interpreter.loader);
	buf_append_text(&text, "--library-path ");
	append_quoted(&text, interpreter.libraries);
	append_quoted(&text, interpreter.program);
	buf_append_text(&text, "\"$@\"\n");
	interpreter_release(&interpreter);
	if (store_tree_begin(run->options->store, &run->python_folder, err))
		return -1;
	run->python = path_join(run->python_folder.folder, "python3");
	return fs_write_file(run->python, buf_str(&text), 0755, err);
}

int resolve_find_python(struct resolve_run *run, struct error **err)
{
	auto_debian_tree struct debian_tree *tree = NULL;

	if (is_on_path("python3") || is_on_path("python"))
		return 0;
	const struct lock_base *base = find_base(run);

	/* uv may know one that is not in PATH, and says so if it does not. */
	if (!base)
		return 0;
	struct debian_source source = runtime_debian_source(
		manifest_base(run->options->manifest, base->name),
		run->options->store, run->options->fetch);

	log_verbose("there is no Python on this host: uv uses that of base "
		    "'" STR_FMT "'",
		    STR_ARG(base->name));
	if (debian_tree_open(&source, &base->debs, base->platform, NULL, &tree,
			     err))
		return -1;
	return write_script(run, tree, err);
}
