/* wheel2layer [OPTION...] BLOB WHEEL...: one layer made of wheels, so that
 * tests/e2e/test_wheel_layer.py can compare it with what pip installs.
 *
 *   --root DIR  --python X.Y  --compression gzip|zstd|none
 *   --sha256 HEX         of the wheel; with several, of each
 *   --exception REASON   RECORD may disagree
 *   --compile PROGRAM    bytecode by this Python
 *   --strict             compare every hash of RECORD
 *
 * Prints the digest, the DiffID and both sizes. */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"
#include "parts/layer.h"
#include "parts/wheel.h"

/* Reads "PATH BYTES\n" and the source, writes "BYTES\n" and the .pyc; -1 where
 * the source does not compile. */
static const char compiler[] =
	"import sys, marshal, importlib._bootstrap_external as b\n"
	"i, o = sys.stdin.buffer, sys.stdout.buffer\n"
	"import warnings; warnings.simplefilter('ignore')\n"
	"for line in i:\n"
	"    path, n = line.decode().rsplit(' ', 1)\n"
	"    source = i.read(int(n))\n"
	"    try:\n"
	"        code = compile(source, path, 'exec', dont_inherit=True)\n"
	"        pyc = b._code_to_hash_pyc(code, b'12345678', False)\n"
	"    except Exception:\n"
	"        o.write(b'-1\\n')\n"
	"    else:\n"
	"        o.write(b'%d\\n' % len(pyc) + pyc)\n"
	"    o.flush()\n";

struct tool {
	struct wheel_options wheel;
	enum layer_compression compression;
	const char *python;
	struct proc_worker worker;
	FILE *answers;
	struct wheel_paths paths;
	uint64_t progress_bytes;
	bool strict;
};

static int compile(void *context, struct str source,
		   const struct digest *digest, struct str path,
		   struct buf *out, struct error **err)
{
	struct tool *tool = context;
	auto_buf struct buf line = BUF_EMPTY;
	struct digest found = digest_of(source);
	long n;

	if (!digest_eq(&found, digest))
		return err_make(err, ERR_FLEET, "a source with a wrong digest");
	buf_append(&line, path);
	buf_printf(&line, " %zu\n", source.n);
	buf_append(&line, source);
	if (fs_write_all(tool->worker.to, buf_str(&line), "a pipe", err))
		return -1;
	if (fscanf(tool->answers, "%ld", &n) != 1 ||
	    fgetc(tool->answers) != '\n')
		return err_make(err, ERR_ENV, "the compiler ended");
	if (n < 0)
		return 0;
	buf_reserve(out, (size_t)n);
	out->n += fread(out->p + out->n, 1, (size_t)n, tool->answers);
	return 1;
}

static void count(void *context, uint64_t bytes)
{
	struct tool *tool = context;

	tool->progress_bytes += bytes;
}

static int add_wheel(struct tool *tool, struct layer *layer, const char *path,
		     struct error **err)
{
	auto_wheel struct wheel *wheel = NULL;
	struct wheel_add_options options = {
		.paths = &tool->paths,
		.compile = tool->python ? compile : NULL,
		.compile_context = tool,
		.progress = count,
		.progress_context = tool,
		.strict = tool->strict,
	};

	tool->wheel.path = path;
	if (wheel_open(&tool->wheel, &wheel, err))
		return -1;
	return wheel_add_to_layer(wheel, layer, &options, err);
}

static int make(struct tool *tool, char **arguments, struct error **err)
{
	auto_close int fd =
		fs_open(arguments[0], O_RDWR | O_CREAT | O_TRUNC, 0644, err);
	struct layer_options options = {.fd = fd,
					.compression = tool->compression};
	auto_layer struct layer *layer = layer_new(&options);
	struct layer_result result;

	if (fd < 0)
		return -1;
	for (char **path = arguments + 1; *path; path++)
		if (add_wheel(tool, layer, *path, err))
			return -1;
	if (layer_finish(layer, &result, err))
		return -1;
	printf("%s %s %llu %llu\n", digest_text(&result.digest).p,
	       digest_text(&result.diff_id).p,
	       (unsigned long long)result.compressed_bytes,
	       (unsigned long long)result.bytes);
	return 0;
}

static int start_compiler(struct tool *tool, struct error **err)
{
	const char *const argv[] = {tool->python, "-ISc", compiler, NULL};
	struct proc_options options = {.argv = argv};

	if (!tool->python)
		return 0;
	if (proc_start(&options, &tool->worker, err))
		return -1;
	tool->answers = fdopen(dup(tool->worker.from), "r");
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"root", required_argument, NULL, 'r'},
		{"python", required_argument, NULL, 'p'},
		{"compression", required_argument, NULL, 'c'},
		{"sha256", required_argument, NULL, 's'},
		{"exception", required_argument, NULL, 'e'},
		{"compile", required_argument, NULL, 'C'},
		{"strict", no_argument, NULL, 'S'},
		{NULL, 0, NULL, 0},
	};
	struct tool tool = {
		.wheel = {.root = "/opt/venv",
			  .python_major = 3,
			  .python_minor = 11},
		.paths = WHEEL_PATHS_EMPTY,
	};
	struct error *err = NULL;
	struct digest sha256;
	int letter;

	while ((letter = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (letter == 'r')
			tool.wheel.root = optarg;
		else if (letter == 'p')
			sscanf(optarg, "%u.%u", &tool.wheel.python_major,
			       &tool.wheel.python_minor);
		else if (letter == 'c')
			tool.compression = optarg[0] == 'z'   ? LAYER_ZSTD
					   : optarg[0] == 'n' ? LAYER_NONE
							      : LAYER_GZIP;
		else if (letter == 's' &&
			 digest_parse(str_from(optarg), &sha256))
			tool.wheel.sha256 = &sha256;
		else if (letter == 'e')
			tool.wheel.record_exception = optarg;
		else if (letter == 'C')
			tool.python = optarg;
		else if (letter == 'S')
			tool.strict = true;
		else
			return 2;
	}
	if (argc - optind < 2)
		return 2;
	int result = start_compiler(&tool, &err);

	if (result == 0)
		result = make(&tool, argv + optind, &err);
	if (tool.answers) {
		fclose(tool.answers);
		proc_stop(&tool.worker);
	}
	wheel_paths_release(&tool.paths);
	if (result == 0)
		return 0;
	fprintf(stderr, "%s\n%s\n", err_message(err), err_hint_text(err));
	result = err_exit_status(err_class(err));
	err_free(err);
	return result;
}
