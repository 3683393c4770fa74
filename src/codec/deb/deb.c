/* The ar archive around, and the two tar archives inside, a .deb. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "codec/deb.h"
#include "codec/libarchive.h"

enum {
	AR_HEADER = 60,
	CHUNK = 64 << 10,
	LOAD_STEP = 1 << 20,
	MAX_MEMBERS = 16,
};

/* A part of the file. */
struct range {
	uint64_t start, end;
};

/* What libarchive reads from. */
struct input {
	struct deb *deb;
	uint64_t at, end;
	char chunk[CHUNK];
};

struct deb {
	int fd;
	char *name;
	uint64_t size;
	struct arena arena; /* of the control paragraph */
	struct deb_paragraph control;
	struct range data;
	char data_name[17];
	struct input *input;
	struct archive *archive; /* of the data; NULL before the first entry */
	struct buf loaded;	 /* the data, decompressed; or empty */
	struct buf path, target; /* of the current entry */
	uint64_t entry_count, byte_count;
};

static int bad(const struct deb *deb, struct error **err, const char *what)
{
	return err_make(err, ERR_FLEET,
			"'%s' is not a sound Debian package: %s", deb->name,
			what);
}

static la_ssize_t read_input(struct archive *archive, void *context,
			     const void **bytes)
{
	struct input *input = context;
	uint64_t left = input->end - input->at;
	size_t n = left < CHUNK ? (size_t)left : CHUNK;
	auto_err struct error *why = NULL;

	*bytes = input->chunk;
	if (n && fs_pread_all(input->deb->fd, input->chunk, n, input->at,
			      input->deb->name, &why)) {
		libarchive.set_error(archive, EIO, "%s", err_message(why));
		return -1;
	}
	input->at += n;
	return (la_ssize_t)n;
}

/* Allows exactly the compression that the member's name says. */
static int allow_filter(struct archive *archive, const char *member)
{
	struct str name = str_from(member);

	if (str_ends(name, STR(".tar")))
		return ARCHIVE_OK;
	if (str_ends(name, STR(".tar.gz")))
		return libarchive.read_support_filter_gzip(archive);
	if (str_ends(name, STR(".tar.xz")))
		return libarchive.read_support_filter_xz(archive);
	if (str_ends(name, STR(".tar.zst")))
		return libarchive.read_support_filter_zstd(archive);
	return ARCHIVE_FATAL;
}

static int open_range(struct deb *deb, struct archive *archive,
		      const struct range *range)
{
	deb->input->at = range->start;
	deb->input->end = range->end;
	return libarchive.read_open(archive, deb->input, NULL, read_input,
				    NULL);
}

static struct archive *open_tar(struct deb *deb, const struct range *range,
				const char *member, struct error **err)
{
	struct archive *archive = libarchive.read_new();

	if (!deb->loaded.n && allow_filter(archive, member) != ARCHIVE_OK) {
		err_make(err, ERR_FLEET,
			 "'%s' is not a sound Debian package: its member '%s' "
			 "has a compression that slipway does not read",
			 deb->name, member);
		libarchive.read_free(archive);
		return NULL;
	}
	libarchive.read_support_format_tar(archive);
	/* An archive without one entry is not recognised as tar. */
	libarchive.read_support_format_empty(archive);
	if ((deb->loaded.n ? libarchive.read_open_memory(archive, deb->loaded.p,
							 deb->loaded.n)
			   : open_range(deb, archive, range)) == ARCHIVE_OK)
		return archive;
	err_make(err, ERR_FLEET, "'%s': its member '%s' is damaged: %s",
		 deb->name, member, libarchive.error_string(archive));
	libarchive.read_free(archive);
	return NULL;
}

/* The path without "./" in front and "/" behind; "" for the root. */
static struct str plain_path(const char *path)
{
	struct str s = str_from(path);

	while (str_eat(&s, STR("./")))
		;
	if (str_eq(s, STR(".")))
		return STR_EMPTY;
	if (s.n && s.p[s.n - 1] == '/')
		s.n--;
	return s;
}

/* libarchive converts names of pax headers into the locale's encoding and
 * those of other headers not at all. */
static const char *entry_path(struct archive_entry *entry)
{
	const char *path = libarchive.entry_pathname(entry);

	return path ? path : libarchive.entry_pathname_utf8(entry);
}

static int parse_control(struct deb *deb, struct buf *text, struct error **err)
{
	struct str rest = arena_str(&deb->arena, buf_str(text));
	static const char *const needed[] = {"Package", "Version",
					     "Architecture"};
	int found = deb_paragraph_next(&rest, &deb->arena, &deb->control, err);

	if (found < 0)
		return err_wrap(err, "'%s': its control file", deb->name);
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		if (deb_paragraph_get(&deb->control, needed[i]).n == 0)
			return err_make(err, ERR_FLEET,
					"'%s' is not a sound Debian package: "
					"its control file has no field '%s'",
					deb->name, needed[i]);
	return 0;
}

static int read_control(struct deb *deb, const struct range *range,
			const char *member, struct error **err)
{
	struct archive *archive = open_tar(deb, range, member, err);
	auto_buf struct buf text = BUF_EMPTY;
	struct archive_entry *entry;
	bool found = false;

	if (!archive)
		return -1;
	while (!found &&
	       libarchive.read_next_header(archive, &entry) == ARCHIVE_OK) {
		const char *path = entry_path(entry);
		int64_t size = libarchive.entry_size(entry);

		if (!path || !str_eq(plain_path(path), STR("control")))
			continue;
		if (libarchive.entry_filetype(entry) != AE_IFREG || size < 0 ||
		    size > DEB_MAX_CONTROL)
			break;
		buf_reserve(&text, (size_t)size + 1);
		la_ssize_t n =
			libarchive.read_data(archive, text.p, (size_t)size);

		if (n != size)
			break;
		text.n = (size_t)n;
		found = true;
	}
	libarchive.read_free(archive);
	if (!found)
		return bad(deb, err, "it has no readable control file");
	return parse_control(deb, &text, err);
}

/* The ar member at *at: its name without padding and "/", its range. 0 at the
 * end of the file. */
static int next_member(struct deb *deb, uint64_t *at, char name[17],
		       struct range *range, struct error **err)
{
	char header[AR_HEADER];
	uint64_t size;

	if (*at >= deb->size)
		return 0;
	if (deb->size - *at < AR_HEADER)
		return bad(deb, err, "it ends within the head of a member");
	if (fs_pread_all(deb->fd, header, sizeof header, *at, deb->name, err))
		return -1;
	if (header[58] != '`' || header[59] != '\n' ||
	    !str_to_u64(str_trim(str_of(header + 48, 10)), &size))
		return bad(deb, err, "the head of a member is damaged");
	*range = (struct range){*at + AR_HEADER, *at + AR_HEADER + size};
	if (size > deb->size || range->end > deb->size)
		return bad(deb, err, "a member is larger than the file");
	struct str member = str_trim(str_of(header, 16));

	if (member.n && member.p[member.n - 1] == '/')
		member.n--;
	memcpy(name, member.p, member.n);
	name[member.n] = '\0';
	*at = range->end + (size & 1);
	return 1;
}

static int read_members(struct deb *deb, struct error **err)
{
	uint64_t at = 8;
	char name[17];
	struct range range;
	bool seen_control = false;

	for (int i = 0; i < MAX_MEMBERS; i++) {
		int found = next_member(deb, &at, name, &range, err);
		struct str member = str_from(name);

		if (found < 0)
			return -1;
		if (found == 0)
			return bad(deb, err, "a member is missing");
		if (i == 0) {
			char version[2];

			if (strcmp(name, "debian-binary") != 0 ||
			    range.end - range.start < 4)
				return bad(deb, err,
					   "it does not start with the member "
					   "debian-binary");
			if (fs_pread_all(deb->fd, version, 2, range.start,
					 deb->name, err))
				return -1;
			if (memcmp(version, "2.", 2) != 0)
				return bad(deb, err,
					   "its format is not version 2");
		} else if (str_starts(member, STR("_"))) {
			continue;
		} else if (!seen_control) {
			if (!str_starts(member, STR("control.tar")))
				return bad(deb, err, "it has no control.tar");
			if (read_control(deb, &range, name, err))
				return -1;
			seen_control = true;
		} else {
			if (!str_starts(member, STR("data.tar")))
				return bad(deb, err, "it has no data.tar");
			deb->data = range;
			memcpy(deb->data_name, name, sizeof name);
			return 0;
		}
	}
	return bad(deb, err, "it has too many members");
}

int deb_open(int fd, const char *name, struct deb **out, struct error **err)
{
	auto_deb struct deb *deb = mem_zalloc(1, sizeof *deb);
	off_t size = lseek(fd, 0, SEEK_END);
	char magic[8];

	deb->fd = fd;
	deb->name = mem_strdup(name);
	deb->input = mem_zalloc(1, sizeof *deb->input);
	deb->input->deb = deb;
	if (size < 0)
		return err_sys(err, "cannot read '%s'", name);
	deb->size = (uint64_t)size;
	if (deb->size < sizeof magic)
		return bad(deb, err, "it is too short");
	if (fs_pread_all(fd, magic, sizeof magic, 0, name, err))
		return -1;
	if (memcmp(magic, "!<arch>\n", sizeof magic) != 0)
		return bad(deb, err, "it is not an ar archive");
	if (libarchive_load(err) || read_members(deb, err))
		return -1;
	*out = mem_steal(deb);
	return 0;
}

void deb_free(struct deb *deb)
{
	if (!deb)
		return;
	if (deb->archive)
		libarchive.read_free(deb->archive);
	buf_release(&deb->loaded);
	buf_release(&deb->path);
	buf_release(&deb->target);
	arena_release(&deb->arena);
	free(deb->input);
	free(deb->name);
	free(deb);
}

void deb_free_pointer(struct deb **deb)
{
	deb_free(*deb);
}

const struct deb_paragraph *deb_control(const struct deb *deb)
{
	return &deb->control;
}

static int bad_entry(const struct deb *deb, struct error **err,
		     const char *path, const char *what)
{
	return err_make(err, ERR_FLEET, "'%s' is refused: its entry '%s' %s",
			deb->name, path, what);
}

static int check_path(const struct deb *deb, const char *whole, struct str path,
		      const char *what, struct error **err)
{
	struct str rest = path, part;

	if (path.n && path.p[0] == '/')
		return err_make(err, ERR_FLEET,
				"'%s' is refused: %s '%s' is absolute",
				deb->name, what, whole);
	while (str_split(&rest, '/', &part))
		if (str_eq(part, STR("..")))
			return err_make(err, ERR_FLEET,
					"'%s' is refused: %s '%s' leaves the "
					"package's root",
					deb->name, what, whole);
	if (!path_is_clean(path))
		return err_make(err, ERR_FLEET,
				"'%s' is refused: %s '%s' has an empty or '.' "
				"part, a control character, a backslash, or is "
				"not UTF-8",
				deb->name, what, whole);
	return 0;
}

/* Where a link points is the image's own matter; that it can be printed and
 * stand in a list is not. */
static bool is_link_target(const char *target)
{
	if (!target || !*target || strlen(target) >= 4096 ||
	    !str_is_utf8(str_from(target)))
		return false;
	for (const char *p = target; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	return true;
}

/* Fills the entry's type and target. */
static int read_type(struct deb *deb, struct archive_entry *from,
		     struct deb_entry *entry, const char *path,
		     struct error **err)
{
	const char *hardlink = libarchive.entry_hardlink(from);
	const char *target;

	if (hardlink) {
		entry->type = DEB_HARDLINK;
		buf_append(&deb->target, plain_path(hardlink));
		entry->target = buf_str(&deb->target);
		return check_path(deb, hardlink, entry->target,
				  "the target of a hard link,", err);
	}
	switch (libarchive.entry_filetype(from)) {
	case AE_IFREG:
		entry->type = DEB_FILE;
		entry->size_bytes = (uint64_t)libarchive.entry_size(from);
		return 0;
	case AE_IFDIR:
		entry->type = DEB_DIR;
		return 0;
	case AE_IFLNK:
		entry->type = DEB_SYMLINK;
		target = libarchive.entry_symlink(from);
		if (!is_link_target(target))
			return bad_entry(deb, err, path,
					 "is a symbolic link without a usable "
					 "target");
		buf_append_text(&deb->target, target);
		entry->target = buf_str(&deb->target);
		return 0;
	default:
		return bad_entry(deb, err, path,
				 "is a device, a pipe or a socket");
	}
}

static int count_entry(struct deb *deb, const struct deb_entry *entry,
		       struct error **err)
{
	if (++deb->entry_count > DEB_MAX_ENTRIES)
		return bad(deb, err, "it has more than a million entries");
	if (entry->size_bytes > DEB_MAX_DATA - deb->byte_count)
		return bad(deb, err, "it holds more than 8 GiB");
	deb->byte_count += entry->size_bytes;
	return 0;
}

/* The next header whose path is not the root. */
static int next_header(struct deb *deb, struct archive_entry **from,
		       const char **path, struct error **err)
{
	do {
		int status = libarchive.read_next_header(deb->archive, from);

		if (status == ARCHIVE_EOF)
			return 0;
		if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
			return err_make(err, ERR_FLEET,
					"'%s': its member '%s' is damaged: %s",
					deb->name, deb->data_name,
					libarchive.error_string(deb->archive));
		*path = entry_path(*from);
		if (!*path)
			return bad(deb, err, "it has an entry without a name");
	} while (plain_path(*path).n == 0 &&
		 libarchive.entry_filetype(*from) == AE_IFDIR);
	return 1;
}

/* All that the archive gives, up to max_bytes; false for more, or damage. */
static bool read_all(struct archive *archive, uint64_t max_bytes,
		     struct buf *out)
{
	struct archive_entry *entry;
	la_ssize_t n;

	if (libarchive.read_next_header(archive, &entry) != ARCHIVE_OK)
		return false;
	do {
		buf_reserve(out, LOAD_STEP);
		n = libarchive.read_data(archive, out->p + out->n, LOAD_STEP);
		out->n += n > 0 ? (size_t)n : 0;
	} while (n > 0 && out->n <= max_bytes);
	return n == 0;
}

uint64_t deb_load(struct deb *deb, uint64_t max_bytes)
{
	struct archive *archive = libarchive.read_new();

	libarchive.read_support_format_raw(archive);
	if (allow_filter(archive, deb->data_name) != ARCHIVE_OK ||
	    open_range(deb, archive, &deb->data) != ARCHIVE_OK ||
	    !read_all(archive, max_bytes, &deb->loaded))
		buf_release(&deb->loaded);
	libarchive.read_free(archive);
	return deb->loaded.n;
}

int deb_next(struct deb *deb, struct deb_entry *entry, struct error **err)
{
	struct archive_entry *from = NULL;
	const char *path = NULL;

	if (!deb->archive) {
		deb->archive = open_tar(deb, &deb->data, deb->data_name, err);
		if (!deb->archive)
			return -1;
	}
	int found = next_header(deb, &from, &path, err);

	if (found <= 0)
		return found;
	buf_clear(&deb->path);
	buf_clear(&deb->target);
	buf_append(&deb->path, plain_path(path));
	*entry = (struct deb_entry){
		.path = buf_str(&deb->path),
		.target = STR_EMPTY,
		.mode = (uint32_t)libarchive.entry_perm(from) & 07777,
	};
	if (check_path(deb, path, entry->path, "the path", err) ||
	    read_type(deb, from, entry, path, err) ||
	    count_entry(deb, entry, err))
		return -1;
	return 1;
}

int deb_read(struct deb *deb, void *bytes, size_t n, size_t *got,
	     struct error **err)
{
	la_ssize_t count = libarchive.read_data(deb->archive, bytes, n);

	if (count < 0)
		return err_make(err, ERR_FLEET,
				"'%s': its member '%s' is damaged: %s",
				deb->name, deb->data_name,
				libarchive.error_string(deb->archive));
	*got = (size_t)count;
	return 0;
}
