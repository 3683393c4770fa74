#include "codec/zip.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "codec/zip/bytes.h"

enum {
	END_BYTES = 22,
	END64_BYTES = 56,
	LOCATOR_BYTES = 20,
	COMMENT_MAX = UINT16_MAX,
	NUL_MAX = 64 << 10, /* behind the end record */
	DIRECTORY_MAX = 32 << 20,
	MEMBERS_MAX = 250000,
	UNICODE_PATH_ID = 0x7075,
};

/* What the end records say. */
struct end {
	uint64_t count, directory_bytes, directory_offset;
	uint64_t offset; /* where the first of the end records begins */
};

static int refuse(struct error **err, const char *what)
{
	return err_make(err, ERR_FLEET, "%s", what);
}

static int read_at(const struct zip_source *source, void *p, size_t n,
		   uint64_t offset, struct error **err)
{
	if (offset > source->size_bytes || n > source->size_bytes - offset)
		return refuse(err, "the archive is cut short");
	return source->read(source->context, p, n, offset, err);
}

/* The zip64 end record, found through its locator; it replaces fields of the
 * end record that are all ones and must equal the others. */
static int read_end64(const struct zip_source *source, uint64_t locator_at,
		      const unsigned char *locator, struct end *end,
		      struct error **err)
{
	unsigned char record[END64_BYTES];
	uint64_t offset = le64(locator + 8), length;

	if (le32(locator + 4) != 0 || le32(locator + 16) > 1)
		return refuse(err, "the archive spans several disks");
	if (offset > locator_at || locator_at - offset < END64_BYTES)
		return refuse(err, "the zip64 end record is not where its "
				   "locator says");
	if (read_at(source, record, sizeof record, offset, err))
		return -1;
	length = le64(record + 4);
	if (le32(record) != 0x06064b50 || length != locator_at - offset - 12)
		return refuse(err, "the zip64 end record is not where its "
				   "locator says");
	if (le32(record + 16) != 0 || le32(record + 20) != 0)
		return refuse(err, "the archive spans several disks");
	if (le64(record + 24) != le64(record + 32) ||
	    (end->count != UINT16_MAX && end->count != le64(record + 32)) ||
	    (end->directory_bytes != UINT32_MAX &&
	     end->directory_bytes != le64(record + 40)) ||
	    (end->directory_offset != UINT32_MAX &&
	     end->directory_offset != le64(record + 48)))
		return refuse(err, "the two end records disagree");
	end->count = le64(record + 32);
	end->directory_bytes = le64(record + 40);
	end->directory_offset = le64(record + 48);
	end->offset = offset;
	return 0;
}

static int parse_end(const struct zip_source *source, struct str tail,
		     size_t at, struct end *end, struct error **err)
{
	const unsigned char *p = (const unsigned char *)tail.p + at;
	size_t comment = le16(p + 20);

	if (comment > tail.n - at - END_BYTES)
		return refuse(err, "the comment at the archive's end is cut "
				   "short");
	for (size_t i = at + END_BYTES + comment; i < tail.n; i++)
		if (tail.p[i] != '\0')
			return refuse(err, "there are bytes after the end "
					   "record");
	if (le16(p + 4) != 0 || le16(p + 6) != 0)
		return refuse(err, "the archive spans several disks");
	if (le16(p + 8) != le16(p + 10))
		return refuse(err, "the end record has two entry counts");
	end->count = le16(p + 10);
	end->directory_bytes = le32(p + 12);
	end->directory_offset = le32(p + 16);
	end->offset = source->size_bytes - tail.n + at;
	if (end->offset < LOCATOR_BYTES)
		return 0;
	unsigned char locator[LOCATOR_BYTES];
	uint64_t locator_at = end->offset - LOCATOR_BYTES;

	if (read_at(source, locator, sizeof locator, locator_at, err))
		return -1;
	return le32(locator) == 0x07064b50
		       ? read_end64(source, locator_at, locator, end, err)
		       : 0;
}

static int find_end(const struct zip_source *source, struct end *end,
		    struct error **err)
{
	auto_buf struct buf tail = BUF_EMPTY;
	size_t n = END_BYTES + COMMENT_MAX + NUL_MAX;

	if (source->size_bytes < n)
		n = (size_t)source->size_bytes;
	buf_reserve(&tail, n);
	if (read_at(source, tail.p, n, source->size_bytes - n, err))
		return -1;
	tail.n = n;
	for (size_t i = n; i-- > 0;)
		if (n - i >= END_BYTES && memcmp(tail.p + i, "PK\5\6", 4) == 0)
			return parse_end(source, buf_str(&tail), i, end, err);
	return refuse(err, "there is no end record: this is no zip archive, "
			   "or it is cut short");
}

static int check_kind(const struct zip_member *member, struct error **err)
{
	mode_t type = member->mode & S_IFMT;

	if (member->flags & (ZIP_FLAG_ENCRYPTED | ZIP_FLAG_STRONG |
			     ZIP_FLAG_MASKED | ZIP_FLAG_PATCH))
		return zip_refuse(err, member, "is encrypted or patched");
	if (member->method != ZIP_STORED && member->method != ZIP_DEFLATED)
		return zip_refuse(err, member,
				  "has compression method %d; a wheel may have "
				  "stored and deflated members",
				  (int)member->method);
	if (type == S_IFLNK)
		return zip_refuse(err, member, "is a symbolic link");
	if (type != 0 && type != S_IFREG && type != S_IFDIR)
		return zip_refuse(err, member, "is a special file");
	if (type == S_IFDIR && !member->is_folder)
		return zip_refuse(err, member,
				  "is a folder without a '/' at its end");
	if (member->is_folder && member->size_bytes)
		return zip_refuse(err, member, "is a folder with bytes");
	if (member->method == ZIP_STORED &&
	    member->size_bytes != member->compressed_bytes)
		return zip_refuse(err, member, "is stored with two sizes");
	return 0;
}

/* A name that is not printable is described, not shown. */
static int check_name(const struct zip_member *member, struct str extra,
		      struct error **err)
{
	struct str other;
	int found = zip_extra(extra, UNICODE_PATH_ID, &other);
	size_t n = member->name.n + member->is_folder;

	if (!path_is_clean(member->name))
		return err_make(err, ERR_FLEET,
				"a member has a name that is empty, absolute, "
				"not UTF-8, or has a '..', '.' or empty part, "
				"a backslash or a control character");
	for (size_t i = 0; i < member->name.n; i++)
		if ((unsigned char)member->name.p[i] >= 0x80 &&
		    !(member->flags & ZIP_FLAG_UTF8))
			return zip_refuse(err, member,
					  "has a name that is not marked as "
					  "UTF-8");
	if (found < 0)
		return zip_refuse(err, member, "has a malformed extra field");
	/* version (1), CRC of the name (4), the name in UTF-8 */
	if (found &&
	    (other.n != n + 5 || memcmp(other.p + 5, member->name.p, n) != 0))
		return zip_refuse(err, member,
				  "has a second name in its extra field");
	return 0;
}

/* One directory entry off the front of rest. */
static int parse_member(struct str *rest, struct arena *arena,
			struct zip_member *member, struct error **err)
{
	const unsigned char *p = (const unsigned char *)rest->p;

	if (rest->n < ZIP_CENTRAL_BYTES || le32(p) != 0x02014b50)
		return refuse(err, "the directory has fewer entries than the "
				   "end record says, or is damaged");
	size_t name_n = le16(p + 28), extra_n = le16(p + 30);
	size_t n = ZIP_CENTRAL_BYTES + name_n + extra_n + le16(p + 32);

	if (n > rest->n)
		return refuse(err, "the directory is cut short");
	struct str extra = str_slice(*rest, ZIP_CENTRAL_BYTES + name_n,
				     ZIP_CENTRAL_BYTES + name_n + extra_n);
	struct zip_sizes sizes = {
		.size_bytes = le32(p + 24),
		.compressed_bytes = le32(p + 20),
		.header_offset = le32(p + 42),
		.disk = le16(p + 34),
	};

	*member = (struct zip_member){
		.name = arena_str(arena,
				  str_of(rest->p + ZIP_CENTRAL_BYTES, name_n)),
		.mode = (uint16_t)(le32(p + 38) >> 16),
		.method = le16(p + 10),
		.crc32 = le32(p + 16),
		.flags = le16(p + 8),
	};
	if (name_n && member->name.p[name_n - 1] == '/') {
		member->is_folder = true;
		member->name.n--;
	}
	*rest = str_slice(*rest, n, rest->n);
	if (check_name(member, extra, err))
		return -1;
	if (!zip_widen(extra, &sizes))
		return zip_refuse(err, member, "has a malformed extra field");
	if (sizes.disk != 0)
		return zip_refuse(err, member, "is on another disk");
	member->size_bytes = sizes.size_bytes;
	member->compressed_bytes = sizes.compressed_bytes;
	member->header_offset = sizes.header_offset;
	return check_kind(member, err);
}

static int compare_names(const void *a, const void *b)
{
	const struct zip_member *one = a, *other = b;

	return str_cmp(one->name, other->name);
}

static int check_duplicates(const struct zip *zip, struct error **err)
{
	auto_map struct map files = MAP_EMPTY;

	for (size_t i = 0; i < zip->n; i++) {
		const struct zip_member *member = zip->members + i;

		if (i && str_eq(member[-1].name, member->name))
			return zip_refuse(err, member, "is there twice");
		if (!member->is_folder)
			map_add(&files, member->name);
	}
	for (size_t i = 0; i < zip->n; i++) {
		struct str name = zip->members[i].name;

		for (size_t k = 0; k < name.n; k++)
			if (name.p[k] == '/' &&
			    map_has(&files, str_slice(name, 0, k)))
				return zip_refuse(err, zip->members + i,
						  "is below a member that is "
						  "no folder");
	}
	return 0;
}

struct range {
	uint64_t start, end;
	const struct zip_member *member;
};

static int compare_ranges(const void *a, const void *b)
{
	const struct range *one = a, *other = b;

	return (one->start > other->start) - (one->start < other->start);
}

static int check_locals(struct zip *zip, struct error **err)
{
	auto_free struct range *ranges = mem_zalloc(zip->n + 1, sizeof *ranges);

	for (size_t i = 0; i < zip->n; i++) {
		ranges[i].start = zip->members[i].header_offset;
		ranges[i].member = zip->members + i;
		if (zip_check_local(zip, zip->members + i, &ranges[i].end, err))
			return -1;
	}
	qsort(ranges, zip->n, sizeof *ranges, compare_ranges);
	for (size_t i = 1; i < zip->n; i++)
		if (ranges[i].start < ranges[i - 1].end)
			return zip_refuse(err, ranges[i].member,
					  "overlaps member '" STR_FMT "'",
					  STR_ARG(ranges[i - 1].member->name));
	return 0;
}

static int read_directory(struct zip *zip, const struct end *end,
			  struct arena *arena, struct error **err)
{
	auto_buf struct buf directory = BUF_EMPTY;
	size_t n = (size_t)end->directory_bytes;

	buf_reserve(&directory, n);
	if (read_at(&zip->source, directory.p, n, end->directory_offset, err))
		return -1;
	directory.n = n;
	struct str rest = buf_str(&directory);

	zip->n = (size_t)end->count;
	zip->members = arena_new_array(arena, struct zip_member, zip->n + 1);
	for (size_t i = 0; i < zip->n; i++) {
		struct zip_member *member = zip->members + i;

		if (parse_member(&rest, arena, member, err))
			return -1;
		if (member->header_offset > zip->directory_offset ||
		    member->compressed_bytes >
			    zip->directory_offset - member->header_offset)
			return zip_refuse(err, member,
					  "runs into the directory");
	}
	if (rest.n)
		return refuse(err, "the directory has more entries than the "
				   "end record says");
	return 0;
}

int zip_open(struct zip *zip, const struct zip_source *source,
	     enum zip_depth depth, struct arena *arena, struct error **err)
{
	struct end end;

	*zip = (struct zip){.source = *source};
	if (find_end(source, &end, err))
		return -1;
	if (end.directory_bytes > DIRECTORY_MAX || end.count > MEMBERS_MAX)
		return refuse(err, "the directory is larger than any wheel's");
	if (end.directory_offset > end.offset ||
	    end.directory_bytes != end.offset - end.directory_offset)
		return refuse(err, "the directory does not end where the end "
				   "record begins");
	zip->directory_offset = end.directory_offset;
	if (read_directory(zip, &end, arena, err))
		return -1;
	qsort(zip->members, zip->n, sizeof *zip->members, compare_names);
	if (check_duplicates(zip, err))
		return -1;
	return depth == ZIP_CHECK_ALL ? check_locals(zip, err) : 0;
}

int zip_locate(struct zip *zip, const struct zip_member *member,
	       struct error **err)
{
	uint64_t end;

	return zip_check_local(zip, &zip->members[member - zip->members], &end,
			       err);
}

const struct zip_member *zip_find(const struct zip *zip, struct str name)
{
	struct zip_member key = {.name = name};

	return zip->n ? bsearch(&key, zip->members, zip->n,
				sizeof *zip->members, compare_names)
		      : NULL;
}
