/* The half of a zip that stands before the directory: local headers and data
 * descriptors must say what the directory says. */
#include "base/buf.h"
#include "codec/zip/bytes.h"

enum { ZIP64_ID = 0x0001, DESCRIPTOR_MAX = 24 };

int zip_extra(struct str extra, uint16_t id, struct str *field)
{
	int found = 0;

	/* Writers that align members pad with up to 3 zeros. */
	while (extra.n >= 4) {
		const unsigned char *p = (const unsigned char *)extra.p;
		size_t n = le16(p + 2);

		if (n > extra.n - 4)
			return -1;
		if (le16(p) == id) {
			if (found)
				return -1;
			*field = str_slice(extra, 4, 4 + n);
			found = 1;
		}
		extra = str_slice(extra, 4 + n, extra.n);
	}
	return found;
}

static bool take64(struct str *field, uint64_t *value)
{
	if (field->n < 8)
		return false;
	*value = le64((const unsigned char *)field->p);
	*field = str_slice(*field, 8, field->n);
	return true;
}

bool zip_widen(struct str extra, struct zip_sizes *sizes)
{
	struct str field = STR_EMPTY;
	int found = zip_extra(extra, ZIP64_ID, &field);

	if (found < 0)
		return false;
	sizes->is_zip64 = found;
	if (!found)
		return true;
	if ((sizes->size_bytes == UINT32_MAX &&
	     !take64(&field, &sizes->size_bytes)) ||
	    (sizes->compressed_bytes == UINT32_MAX &&
	     !take64(&field, &sizes->compressed_bytes)) ||
	    (sizes->header_offset == UINT32_MAX &&
	     !take64(&field, &sizes->header_offset)))
		return false;
	if (sizes->disk == UINT16_MAX) {
		if (field.n < 4)
			return false;
		sizes->disk = le32((const unsigned char *)field.p);
	}
	return true;
}

/* With a descriptor the local fields may be zero, since they were not known
 * when the header was written. */
static bool agrees(uint64_t local, uint64_t central, bool later)
{
	return local == central || (later && local == 0);
}

static int check_fields(const struct zip_member *member,
			const unsigned char *header, struct str extra,
			struct error **err)
{
	bool later = member->flags & ZIP_FLAG_DESCRIPTOR;
	uint16_t same = ZIP_FLAG_ENCRYPTED | ZIP_FLAG_DESCRIPTOR |
			ZIP_FLAG_UTF8 | ZIP_FLAG_MASKED;
	struct zip_sizes sizes = {
		.size_bytes = le32(header + 22),
		.compressed_bytes = le32(header + 18),
	};

	if ((le16(header + 6) & same) != (member->flags & same) ||
	    le16(header + 8) != (uint16_t)member->method)
		return zip_refuse(err, member,
				  "has another method or other flags in its "
				  "local header than in the directory");
	if (!zip_widen(extra, &sizes))
		return zip_refuse(err, member,
				  "has a malformed extra field in its local "
				  "header");
	if (!agrees(le32(header + 14), member->crc32, later))
		return zip_refuse(err, member,
				  "has another CRC in its local header than in "
				  "the directory");
	if (!agrees(sizes.size_bytes, member->size_bytes, later) ||
	    !agrees(sizes.compressed_bytes, member->compressed_bytes, later))
		return zip_refuse(err, member,
				  "has another size in its local header than "
				  "in the directory");
	return 0;
}

/* One of the four shapes a descriptor may have: with or without signature,
 * with 4 or 8 bytes per size. Returns its length, or 0. */
static size_t match_descriptor(const struct zip_member *member,
			       const unsigned char *p, size_t n, bool sign,
			       bool wide)
{
	size_t at = sign ? 4 : 0, width = wide ? 8 : 4;
	size_t length = at + 4 + 2 * width;

	if (n < length || (sign && le32(p) != 0x08074b50) ||
	    le32(p + at) != member->crc32)
		return 0;
	p += at + 4;
	if (wide ? le64(p) != member->compressed_bytes ||
			    le64(p + 8) != member->size_bytes
		 : le32(p) != member->compressed_bytes ||
			    le32(p + 4) != member->size_bytes)
		return 0;
	return length;
}

static int check_descriptor(const struct zip *zip,
			    const struct zip_member *member, uint64_t *end,
			    struct error **err)
{
	unsigned char bytes[DESCRIPTOR_MAX];
	uint64_t room = zip->directory_offset - *end;
	size_t n = room < sizeof bytes ? (size_t)room : sizeof bytes;
	size_t length = 0;

	if (zip->source.read(zip->source.context, bytes, n, *end, err))
		return -1;
	for (int shape = 3; shape >= 0 && length == 0; shape--)
		length = match_descriptor(member, bytes, n, shape & 2,
					  shape & 1);
	if (length == 0)
		return zip_refuse(err, member,
				  "has a data descriptor that does not say "
				  "what the directory says");
	*end += length;
	return 0;
}

int zip_check_local(const struct zip *zip, struct zip_member *member,
		    uint64_t *end, struct error **err)
{
	auto_buf struct buf bytes = BUF_EMPTY;
	size_t name_bytes = member->name.n + member->is_folder;
	uint64_t room = zip->directory_offset - member->header_offset;
	size_t extra_bytes;

	/* Room for the extra field of most wheels, to read once. */
	buf_reserve(&bytes, ZIP_LOCAL_BYTES + name_bytes + UINT16_MAX);
	bytes.n = ZIP_LOCAL_BYTES + name_bytes;
	if (bytes.n > room)
		return zip_refuse(err, member,
				  "has no room for its local header");
	if (zip->source.read(zip->source.context, bytes.p, bytes.n,
			     member->header_offset, err))
		return -1;
	const unsigned char *header = (const unsigned char *)bytes.p;

	if (le32(header) != 0x04034b50)
		return zip_refuse(err, member, "has no local header");
	if (le16(header + 26) != name_bytes ||
	    memcmp(header + ZIP_LOCAL_BYTES, member->name.p, name_bytes) != 0)
		return zip_refuse(err, member,
				  "has another name in its local header than "
				  "in the directory");
	extra_bytes = le16(header + 28);
	if (extra_bytes > room - bytes.n ||
	    member->compressed_bytes > room - bytes.n - extra_bytes)
		return zip_refuse(err, member, "runs into the directory");
	member->data_offset = member->header_offset + bytes.n + extra_bytes;
	if (extra_bytes &&
	    zip->source.read(zip->source.context, bytes.p + bytes.n,
			     extra_bytes, member->header_offset + bytes.n, err))
		return -1;
	if (check_fields(member, header, str_of(bytes.p + bytes.n, extra_bytes),
			 err))
		return -1;
	*end = member->data_offset + member->compressed_bytes;
	return member->flags & ZIP_FLAG_DESCRIPTOR
		       ? check_descriptor(zip, member, end, err)
		       : 0;
}
