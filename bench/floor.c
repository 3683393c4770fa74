/* The least that any maker of images has to do with its wheels, and no more:
 *
 *   floor WHEEL...
 *
 * Per wheel three tasks, on all cores, largest first: SHA-256 of the wheel;
 * SHA-256 of as many bytes again, as of the blob that it becomes; inflating all
 * members with their CRC-32 and the SHA-256 of what they give, as for a DiffID.
 * It writes nothing. It uses slipway's own reader and libraries.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/pool.h"
#include "codec/zip.h"

struct job {
	const char *path;
	struct str bytes; /* mapped */
	uint64_t *raw_bytes;
};

static int map_wheel(struct job *job, struct error **err)
{
	struct stat info;
	auto_close int fd = fs_open(job->path, O_RDONLY, 0, err);

	if (fd < 0)
		return -1;
	if (fstat(fd, &info) < 0)
		return err_sys(err, "cannot look at '%s'", job->path);
	void *p =
		mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return err_sys(err, "cannot map '%s'", job->path);
	job->bytes = str_of(p, (size_t)info.st_size);
	return 0;
}

static int run_hash(void *argument, struct error **err)
{
	const struct job *job = argument;

	(void)err;
	digest_of(job->bytes);
	return 0;
}

static int read_mapped(void *context, void *p, size_t n, uint64_t offset,
		       struct error **err)
{
	const struct job *job = context;

	if (offset > job->bytes.n || n > job->bytes.n - offset)
		return err_make(err, ERR_FLEET, "'%s' ends too early",
				job->path);
	memcpy(p, job->bytes.p + offset, n);
	return 0;
}

static int run_inflate(void *argument, struct error **err)
{
	struct job *job = argument;
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_zip_stream struct zip_stream *stream = zip_stream_new();
	auto_sha256 struct sha256 sha;
	struct zip_source source = {read_mapped, job, job->bytes.n};
	struct digest digest;
	struct zip zip;

	sha256_init(&sha);
	if (zip_open(&zip, &source, ZIP_CHECK_ALL, &arena, err))
		return err_wrap(err, "%s", job->path);
	for (size_t i = 0; i < zip.n; i++) {
		struct zip_piece piece;
		int more;

		zip_stream_start(stream, &zip, &zip.members[i]);
		while ((more = zip_stream_next(stream, &piece, err)) > 0)
			sha256_update(&sha, piece.raw);
		if (more < 0)
			return err_wrap(err, "%s", job->path);
		*job->raw_bytes += zip.members[i].size_bytes;
	}
	sha256_final(&sha, &digest);
	return 0;
}

static void add(struct pool *pool, pool_function *run, struct job *job,
		uint64_t weight)
{
	struct pool_task task = {.run = run, .argument = job, .weight = weight};

	pool_add(pool, &task);
}

int main(int argc, char **argv)
{
	size_t n = (size_t)argc - 1;
	struct job *jobs = mem_zalloc(n, sizeof *jobs);
	uint64_t *raw = mem_zalloc(n, sizeof *raw), wheels = 0, all = 0;
	struct pool *pool = pool_new(0, 0);
	auto_err struct error *error = NULL;
	int result = 0;

	for (size_t i = 0; result == 0 && i < n; i++) {
		jobs[i] = (struct job){argv[i + 1], STR_EMPTY, &raw[i]};
		result = map_wheel(&jobs[i], &error);
		/* A wheel gives about twice its bytes. */
		add(pool, run_inflate, &jobs[i], jobs[i].bytes.n * 3);
		add(pool, run_hash, &jobs[i], jobs[i].bytes.n);
		add(pool, run_hash, &jobs[i], jobs[i].bytes.n);
		wheels += jobs[i].bytes.n;
	}
	if (result == 0)
		result = pool_run_first(pool, &error);
	for (size_t i = 0; i < n; i++)
		all += raw[i];
	if (result)
		fprintf(stderr, "floor: %s\n", err_message(error));
	else
		printf("%zu wheels, %.2f GB, of which come %.2f GB, on %u "
		       "cores\n",
		       n, (double)wheels / 1e9, (double)all / 1e9,
		       pool_jobs(pool));
	pool_free(pool);
	free(jobs);
	free(raw);
	return result ? 1 : 0;
}
