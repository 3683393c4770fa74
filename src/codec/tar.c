#include "codec/tar.h"

#include <stdbool.h>
#include <stdio.h>

/* Where the fields of a ustar header are, and how long. */
enum {
	NAME_AT = 0,
	NAME_BYTES = 100,
	MODE_AT = 100,
	UID_AT = 108,
	GID_AT = 116,
	SIZE_AT = 124,
	MTIME_AT = 136,
	SUM_AT = 148,
	TYPE_AT = 156,
	TARGET_AT = 157,
	MAGIC_AT = 257,
	VERSION_AT = 263,
	DEVICE_MAJOR_AT = 329,
	DEVICE_MINOR_AT = 337,
	SHORT_DIGITS = 7, /* of mode, uid, gid and devices, with a NUL after */
	LONG_DIGITS = 11, /* of size and time */
	SUM_DIGITS = 6,
};

static const uint64_t short_max = (1ull << (3 * SHORT_DIGITS)) - 1;
static const uint64_t long_max = (1ull << (3 * LONG_DIGITS)) - 1;

static bool path_is_sound(struct str path)
{
	struct str rest = path, part;

	if (path.n == 0 || path.p[path.n - 1] == '/' || !str_is_utf8(path) ||
	    str_find(path, '\0') >= 0)
		return false;
	while (str_split(&rest, '/', &part))
		if (part.n == 0 || str_eq(part, STR(".")) ||
		    str_eq(part, STR("..")))
			return false;
	return true;
}

static bool target_is_sound(const struct tar_entry *entry)
{
	if (entry->type == TAR_HARDLINK)
		return path_is_sound(entry->target);
	if (entry->type == TAR_SYMLINK)
		return entry->target.n && str_is_utf8(entry->target) &&
		       str_find(entry->target, '\0') < 0;
	return entry->target.n == 0;
}

static enum tar_status check(const struct tar_entry *entry)
{
	if (!path_is_sound(entry->path))
		return TAR_BAD_PATH;
	if (!target_is_sound(entry))
		return TAR_BAD_TARGET;
	if (entry->mode > 07777)
		return TAR_BAD_MODE;
	if (entry->type != TAR_FILE && entry->size_bytes)
		return TAR_BAD_SIZE;
	return TAR_OK;
}

static bool needs_record(struct str name)
{
	if (name.n > NAME_BYTES)
		return true;
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] >= 0x80)
			return true;
	return false;
}

/* "LEN KEY=VALUE\n", where LEN counts itself. */
static void append_record(struct buf *records, const char *key,
			  struct str value)
{
	size_t rest = strlen(key) + value.n + 3; /* ' ', '=' and '\n' */
	size_t n, digits = 0;

	/* LEN may need one more digit for its own digits: 98 + 2 is 100. */
	do {
		n = rest + digits;
		digits = (size_t)snprintf(NULL, 0, "%zu", n);
	} while (n != rest + digits);
	buf_printf(records, "%zu %s=", n, key);
	buf_append(records, value);
	buf_append_byte(records, '\n');
}

static void append_number_record(struct buf *records, const char *key,
				 int64_t value)
{
	char text[24];
	int n = snprintf(text, sizeof text, "%lld", (long long)value);

	append_record(records, key, str_of(text, (size_t)n));
}

/* Records in the order of their keys, so that there is one way to write an
 * entry. */
static void append_records(struct buf *records, const struct tar_entry *entry,
			   struct str path)
{
	if (entry->gid > short_max)
		append_number_record(records, "gid", entry->gid);
	if (needs_record(entry->target))
		append_record(records, "linkpath", entry->target);
	if (entry->mtime_s < 0 || (uint64_t)entry->mtime_s > long_max)
		append_number_record(records, "mtime", entry->mtime_s);
	if (needs_record(path))
		append_record(records, "path", path);
	if (entry->size_bytes > long_max)
		append_number_record(records, "size",
				     (int64_t)entry->size_bytes);
	if (entry->uid > short_max)
		append_number_record(records, "uid", entry->uid);
}

/* A value that does not fit stands in a record; the field is then 0. */
static void put_octal(char *field, size_t digits, uint64_t value)
{
	if (value >> (3 * digits))
		value = 0;
	for (size_t i = digits; i-- > 0; value >>= 3)
		field[i] = (char)('0' + (value & 7));
}

/* A name that does not fit stands in a record; the field then holds what fits
 * of it, with '_' for bytes that are not ASCII. */
static void put_name(char *field, struct str name)
{
	for (size_t i = 0; i < name.n && i < NAME_BYTES; i++)
		field[i] = (unsigned char)name.p[i] < 0x80 ? name.p[i] : '_';
}

static void append_block(struct buf *out, const struct tar_entry *entry,
			 struct str path, char type)
{
	char block[TAR_BLOCK] = {0};
	unsigned sum = 0;

	put_name(block + NAME_AT, path);
	put_octal(block + MODE_AT, SHORT_DIGITS, entry->mode);
	put_octal(block + UID_AT, SHORT_DIGITS, entry->uid);
	put_octal(block + GID_AT, SHORT_DIGITS, entry->gid);
	put_octal(block + SIZE_AT, LONG_DIGITS, entry->size_bytes);
	put_octal(block + MTIME_AT, LONG_DIGITS,
		  entry->mtime_s < 0 ? 0 : (uint64_t)entry->mtime_s);
	block[TYPE_AT] = type;
	put_name(block + TARGET_AT, entry->target);
	memcpy(block + MAGIC_AT, "ustar", 6);
	memcpy(block + VERSION_AT, "00", 2);
	put_octal(block + DEVICE_MAJOR_AT, SHORT_DIGITS, 0);
	put_octal(block + DEVICE_MINOR_AT, SHORT_DIGITS, 0);
	/* The sum is taken with its own field full of spaces. */
	memset(block + SUM_AT, ' ', 8);
	for (size_t i = 0; i < sizeof block; i++)
		sum += (unsigned char)block[i];
	put_octal(block + SUM_AT, SUM_DIGITS, sum);
	block[SUM_AT + SUM_DIGITS] = '\0';
	buf_append(out, str_of(block, sizeof block));
}

enum tar_status tar_append_header(struct buf *out,
				  const struct tar_entry *entry)
{
	enum tar_status status = check(entry);

	if (status != TAR_OK)
		return status;
	auto_buf struct buf folder = BUF_EMPTY;
	auto_buf struct buf records = BUF_EMPTY;
	struct str path = entry->path;

	if (entry->type == TAR_DIR) {
		buf_append(&folder, path);
		buf_append_byte(&folder, '/');
		path = buf_str(&folder);
	}
	append_records(&records, entry, path);
	if (records.n) {
		struct tar_entry pax = {
			.mode = 0644,
			.size_bytes = records.n,
		};

		append_block(out, &pax, STR("PaxHeader"), 'x');
		buf_append(out, buf_str(&records));
		buf_append_zeros(out, tar_padding(records.n));
	}
	append_block(out, entry, path, (char)entry->type);
	return TAR_OK;
}

void tar_append_end(struct buf *out)
{
	buf_append_zeros(out, (size_t)2 * TAR_BLOCK);
}

const char *tar_status_text(enum tar_status status)
{
	switch (status) {
	case TAR_OK:
		return "nothing wrong";
	case TAR_BAD_PATH:
		return "a path that is empty, absolute, not UTF-8, or has a "
		       "'..', '.' or empty part";
	case TAR_BAD_TARGET:
		return "a link target that is missing, leaves the archive, or "
		       "is on an entry that is no link";
	case TAR_BAD_MODE:
		return "a mode with bits other than permissions";
	case TAR_BAD_SIZE:
		return "a size on an entry that is no file";
	}
	return "an unknown status";
}
