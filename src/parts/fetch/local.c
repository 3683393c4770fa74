#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/pool.h"
#include "parts/fetch/internal.h"

/* File urls are read here and not by curl, which cannot pause such a transfer
 * and would need memory for the whole file. */

enum { READ_BYTES = 256 << 10 };

/* The first byte and the number of bytes that a range of a file of size_bytes
 * means: "2-5", "2-" or "-5", made by fetch_range. */
static bool resolve(const char *range, uint64_t size_bytes, uint64_t *first,
		    uint64_t *count)
{
	struct str rest = str_from(range), part;
	uint64_t last = size_bytes - 1;

	if (size_bytes == 0 || !str_split(&rest, '-', &part))
		return false;
	if (part.n == 0) {
		if (!str_to_u64(rest, count))
			return false;
		if (*count > size_bytes)
			*count = size_bytes;
		*first = size_bytes - *count;
		return true;
	}
	if (!str_to_u64(part, first) || *first >= size_bytes ||
	    (rest.n && !str_to_u64(rest, &last)))
		return false;
	if (last > size_bytes - 1)
		last = size_bytes - 1;
	*count = last - *first + 1;
	return last >= *first;
}

static int copy(int fd, const char *path, uint64_t first, uint64_t count,
		const struct sink *sink, struct error **err)
{
	auto_free char *buffer = mem_alloc(READ_BYTES);

	while (count) {
		size_t n = count < READ_BYTES ? (size_t)count : READ_BYTES;

		if (pool_check_cancelled(err) ||
		    fs_pread_all(fd, buffer, n, first, path, err) ||
		    sink->data(sink->context, str_of(buffer, n), err))
			return -1;
		first += n;
		count -= n;
	}
	return 0;
}

enum attempt fetch_local(const struct fetch_request *request, const char *range,
			 const struct sink *sink,
			 struct fetch_response *response, struct error **err)
{
	auto_free char *path = fetch_url_path(request->url);
	struct stat info;
	uint64_t first = 0, count;

	if (!path) {
		err_make(err, ERR_ENV, "'%s' does not name a file of this host",
			 request->url);
		return ATTEMPT_FAILED;
	}
	auto_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT) {
		response->status = 404;
		return ATTEMPT_ANSWERED;
	}
	if (fd < 0 || fstat(fd, &info) < 0) {
		err_sys(err, "cannot open '%s'", path);
		return ATTEMPT_FAILED;
	}
	if (!S_ISREG(info.st_mode)) {
		err_make(err, ERR_ENV, "'%s' is not a file", path);
		return ATTEMPT_FAILED;
	}
	count = (uint64_t)info.st_size;
	response->status = range ? 206 : 200;
	response->url = fetch_url_public(request->url);
	if (range && !resolve(range, count, &first, &count)) {
		response->status = 416;
		return ATTEMPT_ANSWERED;
	}
	buf_printf(&response->headers, "content-range: bytes %llu-%llu/%llu\n",
		   (unsigned long long)first,
		   (unsigned long long)(first + count - (count > 0)),
		   (unsigned long long)info.st_size);
	int wanted = sink->begin(sink->context, response, err);

	if (wanted < 0 ||
	    (wanted == 0 && copy(fd, path, first, count, sink, err)))
		return ATTEMPT_FAILED;
	return ATTEMPT_ANSWERED;
}
