/* Sources read, scanned and compiled on all cores, in chunks of neighbours. */
#include <stdatomic.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/pool.h"
#include "work/bytecode.h"
#include "work/check/check_private.h"

/* Enough to make the cost of a task small, few enough to fill the cores. */
enum { CHUNK_FILES = 64 };

struct chunk {
	struct check *check;
	struct check_python *python;
	const bool *wanted; /* of compiling */
	struct progress *progress;
	struct arena *arena;
	size_t first, end;
};

/* A thread's part of the reading: chunk after chunk, so that its memory is used
 * again for the next file. */
struct reader {
	struct chunk chunk;  /* the one that it is at */
	atomic_size_t *next; /* the first file that no thread has */
};

static bool is_python(struct str path)
{
	return str_ends(path, STR(".py"));
}

/* The content of a file; false, and why, where it cannot be had. */
static bool read_one(struct chunk *chunk, size_t number, struct buf *content)
{
	const struct source_tree *tree = chunk->check->tree;
	struct check_file *file = &chunk->python->files[number];
	auto_err struct error *error = NULL;

	buf_clear(content);
	if (source_read(tree, &tree->files[number], content, &error) == 0)
		return true;
	file->unreadable =
		arena_str(chunk->arena, str_from(err_message(error))).p;
	return false;
}

/* By what is remembered; else the file is read, and what it has is saved. */
static void scan_one(struct chunk *chunk, size_t number, struct buf *content)
{
	struct check_file *file = &chunk->python->files[number];
	struct check_memory *memory = &chunk->python->memory;
	struct str *saved = &memory->scans[number];

	if (saved->p && pyscan_load(*saved, chunk->arena, &file->scan))
		return;
	*saved = (struct str){NULL, 0};
	if (!read_one(chunk, number, content))
		return;
	pyscan(buf_str(content), chunk->python->minor, chunk->arena,
	       &file->scan);
	buf_clear(content);
	pyscan_save(&file->scan, content);
	*saved = arena_str(chunk->arena, buf_str(content));
	memory->is_new[number] = true;
}

static bool next_chunk(struct reader *reader)
{
	struct chunk *chunk = &reader->chunk;
	size_t n = chunk->check->tree->n;

	chunk->first = atomic_fetch_add(reader->next, CHUNK_FILES);
	chunk->end = chunk->first + CHUNK_FILES;
	if (chunk->end > n)
		chunk->end = n;
	return chunk->first < n;
}

static int run_reading(void *argument, struct error **err)
{
	struct reader *reader = argument;
	struct chunk *chunk = &reader->chunk;
	auto_buf struct buf content = BUF_EMPTY;

	while (next_chunk(reader))
		for (size_t i = chunk->first; i < chunk->end; i++) {
			struct check_file *file = &chunk->python->files[i];

			if (pool_check_cancelled(err))
				return -1;
			file->is_python =
				is_python(chunk->check->tree->files[i].path);
			if (file->is_python)
				scan_one(chunk, i, &content);
		}
	return 0;
}

static int compile_one(struct chunk *chunk, size_t number, struct error **err)
{
	struct check_file *file = &chunk->python->files[number];
	struct pyc_problem problem = PYC_PROBLEM_EMPTY;
	auto_buf struct buf content = BUF_EMPTY;
	auto_free char *path =
		path_printf("/app/" STR_FMT,
			    STR_ARG(chunk->check->tree->files[number].path));

	/* Read once more: kept, the sources would fill the memory. */
	if (!read_one(chunk, number, &content))
		return 0;
	if (bytecode_get(chunk->python->runtime, buf_str(&content), NULL,
			 str_from(path), PYC_CHECKED, NULL, &file->verdict,
			 &problem, err)) {
		pyc_problem_release(&problem);
		return -1;
	}
	file->problem = problem;
	file->is_compiled = true;
	return 0;
}

static int run_compiling(void *argument, struct error **err)
{
	struct chunk *chunk = argument;

	for (size_t i = chunk->first; i < chunk->end; i++) {
		const struct check_file *file = &chunk->python->files[i];

		if (!chunk->wanted[i] || file->is_compiled ||
		    !file->is_python || file->unreadable)
			continue;
		if (pool_check_cancelled(err) || compile_one(chunk, i, err))
			return -1;
		progress_add(chunk->progress, 1);
	}
	return 0;
}

static size_t chunk_count(const struct check *check)
{
	return (check->tree->n + CHUNK_FILES - 1) / CHUNK_FILES;
}

/* Compiles all files in chunks; the first error in order. */
static int run_chunks(struct check *check, struct check_python *python,
		      const bool *wanted, struct progress *progress,
		      unsigned jobs, struct error **err)
{
	size_t n = chunk_count(check);
	struct chunk *chunks = mem_zalloc(n, sizeof *chunks);
	struct pool *pool = pool_new(jobs, 0);

	for (size_t i = 0; i < n; i++) {
		size_t end = (i + 1) * CHUNK_FILES;

		chunks[i] = (struct chunk){
			.check = check,
			.python = python,
			.wanted = wanted,
			.progress = progress,
			.arena = &python->arenas[i],
			.first = i * CHUNK_FILES,
			.end = end < check->tree->n ? end : check->tree->n,
		};
		struct pool_task task = {.run = run_compiling,
					 .argument = &chunks[i]};

		pool_add(pool, &task);
	}
	int result = pool_run_first(pool, err);

	pool_free(pool);
	free(chunks);
	return result;
}

int check_read_sources(struct check *check, struct check_python *python,
		       unsigned jobs, struct error **err)
{
	struct pool *pool = pool_new(jobs, 0);
	size_t n = chunk_count(check), count = pool_jobs(pool);
	struct reader *readers = mem_zalloc(count, sizeof *readers);
	atomic_size_t next = 0;

	python->arenas = mem_zalloc(n, sizeof *python->arenas);
	python->arena_count = n;
	for (size_t i = 0; i < count && i < n; i++) {
		readers[i] = (struct reader){
			.chunk = {.check = check,
				  .python = python,
				  .arena = &python->arenas[i]},
			.next = &next,
		};
		struct pool_task task = {.run = run_reading,
					 .argument = &readers[i]};

		pool_add(pool, &task);
	}
	int result = pool_run_first(pool, err);

	pool_free(pool);
	free(readers);
	return result;
}

int check_compile_sources(struct check *check, struct check_python *python,
			  const bool *wanted, unsigned jobs, struct error **err)
{
	size_t n = 0;

	for (size_t i = 0; i < check->tree->n; i++)
		n += wanted[i];
	struct progress *progress = progress_new("compiling", n, "files");
	int result = run_chunks(check, python, wanted, progress, jobs, err);

	progress_free(progress);
	return result;
}
