/* pyc_compile ROOT PROGRAM MINOR JOBS OUT: compiles the files of stdin (lines
 * of a host path) with the interpreter in ROOT (PROGRAM "-": looked for).
 *
 * Prints one line per file in the order of stdin: the digest of its .pyc, or
 * what is wrong: the verdict, type, line and column; then the path. Writes the
 * .pyc to OUT/NUMBER.pyc where OUT is not "-". */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "parts/pyc.h"

struct job {
	struct pyc_pool *pycs;
	const char *out_folder;
	char *path, *line;
	size_t number;
};

static int job_run(void *argument, struct error **err)
{
	static const char *const names[] = {"compiled", "syntax", "too-big",
					    "timeout", "crash"};
	struct job *job = argument;
	auto_buf struct buf source = BUF_EMPTY, out = BUF_EMPTY;
	auto_pyc_problem struct pyc_problem problem = PYC_PROBLEM_EMPTY;
	enum pyc_verdict verdict;

	if (fs_read(job->path, 128 << 20, &source, err) ||
	    pyc_compile(job->pycs, buf_str(&source), str_from(job->path),
			PYC_UNCHECKED, &out, &verdict, &problem, err))
		return -1;
	if (verdict != PYC_COMPILED) {
		job->line =
			path_printf("%s:%s:%u:%u", names[verdict], problem.type,
				    problem.line, problem.column);
		return 0;
	}
	struct digest digest = digest_of(buf_str(&out));
	struct digest_text text = digest_text(&digest);

	job->line = mem_strdup(text.p);
	if (strcmp(job->out_folder, "-") == 0)
		return 0;
	auto_free char *to =
		path_printf("%s/%zu.pyc", job->out_folder, job->number);
	auto_close int fd =
		fs_open(to, O_WRONLY | O_CREAT | O_TRUNC, 0644, err);

	return fd < 0 ? -1 : fs_write_all(fd, buf_str(&out), to, err);
}

static int run(struct pool *pool, struct pyc_pool *pycs, const char *out_folder,
	       char *list)
{
	ARRAY(struct job) jobs = ARRAY_EMPTY;
	struct str rest = str_from(list), path;
	int result = 0;

	while (str_line(&rest, &path))
		array_push(&jobs, (struct job){pycs, out_folder, str_dup(path),
					       NULL, 0});
	array_each (struct job, job, &jobs) {
		struct pool_task task = {.run = job_run, .argument = job};

		job->number = pool_add(pool, &task);
	}
	pool_run(pool);
	array_each (struct job, job, &jobs) {
		const struct error *error = pool_error(pool, job->number);

		if (error) {
			log_error(error);
			result = 3;
		}
		printf("%s %s\n", job->line ? job->line : "failed", job->path);
		free(job->line);
		free(job->path);
	}
	array_release(&jobs);
	return result;
}

int main(int argc, char **argv)
{
	struct error *error = NULL;
	struct pyc_pool *pycs = NULL;
	auto_buf struct buf list = BUF_EMPTY;

	if (argc != 6) {
		fputs("usage: pyc_compile ROOT PROGRAM MINOR JOBS OUT\n",
		      stderr);
		return 2;
	}
	log_init(LOG_NORMAL);
	unsigned jobs = (unsigned)strtoul(argv[4], NULL, 10);
	struct pyc_options options = {
		.root = argv[1],
		.python = strcmp(argv[2], "-") == 0 ? NULL : argv[2],
		.minor = (unsigned)strtoul(argv[3], NULL, 10),
		.workers = jobs,
	};

	if (fs_read_fd(0, "stdin", 64 << 20, &list, &error) ||
	    pyc_pool_new(&options, &pycs, &error)) {
		log_error(error);
		err_free(error);
		return 3;
	}
	struct pool *pool = pool_new(jobs, 0);
	auto_free char *text = buf_steal_text(&list);
	int result = run(pool, pycs, argv[5], text);

	pool_free(pool);
	pyc_pool_free(pycs);
	return result;
}
