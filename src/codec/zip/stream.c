/* A member's bytes in pieces, checked on the way. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "codec/zip/bytes.h"

enum { INPUT_BYTES = 256 << 10 };

struct zip_stream {
	const struct zip *zip;
	const struct zip_member *member;
	struct inflate *inflate;
	struct str pending;	  /* of input, not yet inflated */
	uint64_t compressed_left; /* not yet read */
	uint64_t size_bytes;	  /* raw bytes given out */
	uint32_t crc32;		  /* of them, of a stored member */
	bool inflated;		  /* the deflate stream has ended */
	char input[INPUT_BYTES];
};

struct zip_stream *zip_stream_new(void)
{
	struct zip_stream *stream = mem_alloc(sizeof *stream);

	stream->inflate = inflate_new();
	return stream;
}

void zip_stream_free(struct zip_stream *stream)
{
	if (!stream)
		return;
	inflate_free(stream->inflate);
	free(stream);
}

void zip_stream_free_pointer(struct zip_stream **stream)
{
	zip_stream_free(*stream);
}

void zip_stream_start(struct zip_stream *stream, const struct zip *zip,
		      const struct zip_member *member)
{
	stream->zip = zip;
	stream->member = member;
	stream->pending = STR_EMPTY;
	stream->compressed_left = member->compressed_bytes;
	stream->size_bytes = 0;
	stream->crc32 = 0;
	stream->inflated = false;
	inflate_reset(stream->inflate);
}

static int read_input(struct zip_stream *stream, struct error **err)
{
	const struct zip_source *source = &stream->zip->source;
	const struct zip_member *member = stream->member;
	size_t n = stream->compressed_left < INPUT_BYTES
			   ? (size_t)stream->compressed_left
			   : INPUT_BYTES;
	uint64_t done = member->compressed_bytes - stream->compressed_left;

	if (source->read(source->context, stream->input, n,
			 member->data_offset + done, err))
		return -1;
	stream->compressed_left -= n;
	stream->pending = str_of(stream->input, n);
	return 0;
}

static int end_member(struct zip_stream *stream, uint32_t crc32,
		      struct error **err)
{
	const struct zip_member *member = stream->member;

	if (stream->size_bytes != member->size_bytes)
		return zip_refuse(err, member,
				  "has %llu bytes and should have %llu",
				  (unsigned long long)stream->size_bytes,
				  (unsigned long long)member->size_bytes);
	if (crc32 != member->crc32)
		return zip_refuse(err, member,
				  "has other bytes than its CRC says");
	return 0;
}

static int next_stored(struct zip_stream *stream, struct zip_piece *piece,
		       struct error **err)
{
	if (stream->compressed_left == 0)
		return end_member(stream, stream->crc32, err);
	if (read_input(stream, err))
		return -1;
	stream->crc32 = crc32_add(stream->crc32, stream->pending);
	stream->size_bytes += stream->pending.n;
	piece->compressed = piece->raw = stream->pending;
	return 1;
}

static int next_deflated(struct zip_stream *stream, struct zip_piece *piece,
			 struct error **err)
{
	const struct zip_member *member = stream->member;
	enum inflate_status status;

	if (stream->inflated)
		return end_member(stream, inflate_crc32(stream->inflate), err);
	if (stream->pending.n == 0 && stream->compressed_left) {
		if (read_input(stream, err))
			return -1;
		piece->compressed = stream->pending;
	}
	status = inflate_next(stream->inflate, &stream->pending, &piece->raw);
	if (status == INFLATE_BAD)
		return zip_refuse(err, member, "is not a deflate stream");
	stream->size_bytes += piece->raw.n;
	if (stream->size_bytes > member->size_bytes)
		return zip_refuse(err, member,
				  "has more than the %llu bytes it should have",
				  (unsigned long long)member->size_bytes);
	if (status == INFLATE_MORE && stream->compressed_left == 0)
		return zip_refuse(err, member,
				  "has a deflate stream that is cut short");
	if (status == INFLATE_END) {
		if (stream->pending.n || stream->compressed_left)
			return zip_refuse(err, member,
					  "has bytes after its deflate stream");
		stream->inflated = true;
	}
	return 1;
}

int zip_stream_next(struct zip_stream *stream, struct zip_piece *piece,
		    struct error **err)
{
	*piece = (struct zip_piece){STR_EMPTY, STR_EMPTY};
	return stream->member->method == ZIP_STORED
		       ? next_stored(stream, piece, err)
		       : next_deflated(stream, piece, err);
}

int zip_read(struct zip_stream *stream, const struct zip *zip,
	     const struct zip_member *member, size_t max_bytes, struct buf *out,
	     struct error **err)
{
	struct zip_piece piece;
	int more;

	if (member->size_bytes > max_bytes)
		return zip_refuse(err, member,
				  "has %llu bytes, more than the %zu it may "
				  "have",
				  (unsigned long long)member->size_bytes,
				  max_bytes);
	zip_stream_start(stream, zip, member);
	while ((more = zip_stream_next(stream, &piece, err)) > 0)
		buf_append(out, piece.raw);
	return more;
}
