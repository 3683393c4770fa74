/* The zip reader on hostile bytes: what it accepts, it can name, find again
 * and either read whole or refuse. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "codec/zip.h"

enum { MEMBER_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_bytes(void *context, void *p, size_t n, uint64_t offset,
		      struct error **err)
{
	const struct str *all = context;

	/* The reader promises to stay inside. */
	if (offset > all->n || n > all->n - offset)
		abort();
	if (n)
		memcpy(p, all->p + offset, n);
	(void)err;
	return 0;
}

static void read_member(struct zip_stream *stream, const struct zip *zip,
			const struct zip_member *member)
{
	struct zip_piece piece;
	uint64_t raw = 0, compressed = 0;
	int more;

	if (!path_is_clean(member->name) ||
	    zip_find(zip, member->name) != member)
		abort();
	if (member->size_bytes > MEMBER_MAX)
		return;
	zip_stream_start(stream, zip, member);
	while ((more = zip_stream_next(stream, &piece, NULL)) > 0) {
		raw += piece.raw.n;
		compressed += piece.compressed.n;
	}
	if (more == 0 && (raw != member->size_bytes ||
			  compressed != member->compressed_bytes))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str all = str_of((const char *)data, size);
	struct zip_source source = {read_bytes, &all, size};
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_err struct error *err = NULL;
	struct zip zip;

	if (zip_open(&zip, &source, ZIP_CHECK_ALL, &arena, &err))
		return 0;
	auto_zip_stream struct zip_stream *stream = zip_stream_new();

	for (size_t i = 0; i < zip.n; i++)
		read_member(stream, &zip, zip.members + i);
	return 0;
}
