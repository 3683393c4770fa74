/* .debs are made here, sound ones and one per rule of what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "codec/deb.h"

struct item {
	const char *path;
	unsigned type; /* AE_IF... */
	unsigned mode;
	const char *body;     /* of a file */
	const char *target;   /* of a symbolic link */
	const char *hardlink; /* of a hard link */
};

static const char *const control_text =
	"Package: hello\nVersion: 1:2.0-1\nArchitecture: amd64\n"
	"Description: greets\n Twice.\n";

/* A tar of the items, compressed by a function of libarchive. */
static void make_tar(struct buf *out, const struct item *items, size_t count,
		     int (*filter)(struct archive *))
{
	size_t used = 0, room = 1 << 20;
	char *bytes = mem_alloc(room);
	struct archive *archive = archive_write_new();

	archive_write_set_format_gnutar(archive);
	filter(archive);
	assert_int_equal(archive_write_open_memory(archive, bytes, room, &used),
			 ARCHIVE_OK);
	for (size_t i = 0; i < count; i++) {
		struct archive_entry *entry = archive_entry_new();
		size_t n = items[i].body ? strlen(items[i].body) : 0;

		archive_entry_set_pathname(entry, items[i].path);
		archive_entry_set_filetype(entry, items[i].type);
		archive_entry_set_perm(entry, items[i].mode);
		archive_entry_set_size(entry, (la_int64_t)n);
		if (items[i].target)
			archive_entry_set_symlink(entry, items[i].target);
		if (items[i].hardlink)
			archive_entry_set_hardlink(entry, items[i].hardlink);
		assert_int_equal(archive_write_header(archive, entry),
				 ARCHIVE_OK);
		if (n)
			archive_write_data(archive, items[i].body, n);
		archive_entry_free(entry);
	}
	archive_write_close(archive);
	archive_write_free(archive);
	buf_append(out, str_of(bytes, used));
	free(bytes);
}

static void add_member(struct buf *out, const char *name, struct str bytes)
{
	buf_printf(out, "%-16s%-12d%-6d%-6d%-8o%-10zu`\n", name, 0, 0, 0,
		   0100644, bytes.n);
	buf_append(out, bytes);
	if (bytes.n & 1)
		buf_append_byte(out, '\n');
}

/* A descriptor of a memory file with the bytes. */
static int file_of(const struct buf *bytes)
{
	int fd = memfd_create("deb", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, buf_str(bytes), "deb", NULL), 0);
	return fd;
}

static int no_filter(struct archive *archive)
{
	return archive_write_add_filter_none(archive);
}

static void start_deb(struct buf *out, const char *control,
		      const char *control_name, int (*filter)(struct archive *))
{
	auto_buf struct buf tar = BUF_EMPTY;
	const struct item items[] = {
		{"./", AE_IFDIR, 0755, NULL, NULL, NULL},
		{"./control", AE_IFREG, 0644, control, NULL, NULL},
	};

	make_tar(&tar, items, 2, filter);
	buf_append_text(out, "!<arch>\n");
	add_member(out, "debian-binary", STR("2.0\n"));
	add_member(out, control_name, buf_str(&tar));
}

static int open_with_items(const struct item *items, size_t count)
{
	auto_buf struct buf deb = BUF_EMPTY;
	auto_buf struct buf tar = BUF_EMPTY;

	start_deb(&deb, control_text, "control.tar", no_filter);
	make_tar(&tar, items, count, no_filter);
	add_member(&deb, "data.tar", buf_str(&tar));
	return file_of(&deb);
}

static const struct item sound[] = {
	{"./", AE_IFDIR, 0755, NULL, NULL, NULL},
	{"./usr/", AE_IFDIR, 0755, NULL, NULL, NULL},
	{"./usr/bin/hello", AE_IFREG, 04755, "hi there", NULL, NULL},
	{"./usr/bin/salut", AE_IFLNK, 0777, NULL, "../bin/hello", NULL},
	{"./usr/bin/hallo", AE_IFREG, 0755, NULL, NULL, "./usr/bin/hello"},
	{"./usr/share/F\303\242t.crt", AE_IFREG, 0644, "", NULL, NULL},
};

static void check_sound(int fd, uint64_t load_bytes)
{
	auto_deb struct deb *deb = NULL;
	auto_err struct error *err = NULL;
	struct deb_entry entry;
	char bytes[64];
	size_t n;

	assert_int_equal(deb_open(fd, "hello.deb", &deb, &err), 0);
	assert_true(str_eq(deb_paragraph_get(deb_control(deb), "version"),
			   STR("1:2.0-1")));
	assert_true(str_eq(deb_paragraph_get(deb_control(deb), "Description"),
			   STR("greets\n Twice.")));
	assert_true(str_eq(deb_control(deb)->text,
			   str_slice(str_from(control_text), 0,
				     strlen(control_text) - 1)));
	assert_int_equal(deb_load(deb, load_bytes) > 0, load_bytes > 100);
	assert_int_equal(deb_next(deb, &entry, &err), 1);
	assert_true(str_eq(entry.path, STR("usr")));
	assert_int_equal(entry.type, DEB_DIR);
	assert_int_equal(deb_next(deb, &entry, &err), 1);
	assert_true(str_eq(entry.path, STR("usr/bin/hello")));
	assert_int_equal(entry.mode, 04755);
	assert_int_equal(entry.size_bytes, 8);
	assert_int_equal(deb_read(deb, bytes, sizeof bytes, &n, &err), 0);
	assert_true(str_eq(str_of(bytes, n), STR("hi there")));
	assert_int_equal(deb_read(deb, bytes, sizeof bytes, &n, &err), 0);
	assert_int_equal(n, 0);
	assert_int_equal(deb_next(deb, &entry, &err), 1);
	assert_int_equal(entry.type, DEB_SYMLINK);
	assert_true(str_eq(entry.target, STR("../bin/hello")));
	assert_int_equal(deb_next(deb, &entry, &err), 1);
	assert_int_equal(entry.type, DEB_HARDLINK);
	assert_true(str_eq(entry.target, STR("usr/bin/hello")));
	assert_int_equal(deb_next(deb, &entry, &err), 1);
	assert_true(str_eq(entry.path, STR("usr/share/F\303\242t.crt")));
	assert_int_equal(deb_next(deb, &entry, &err), 0);
	close(fd);
}

static void reads_every_compression(void **state)
{
	static const struct {
		const char *control, *data;
		int (*filter)(struct archive *);
	} kinds[] = {
		{"control.tar", "data.tar", no_filter},
		{"control.tar.gz", "data.tar.gz",
		 archive_write_add_filter_gzip},
		{"control.tar.xz", "data.tar.xz", archive_write_add_filter_xz},
		{"control.tar.zst/", "data.tar.zst/",
		 archive_write_add_filter_zstd},
	};

	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		auto_buf struct buf deb = BUF_EMPTY;
		auto_buf struct buf tar = BUF_EMPTY;

		start_deb(&deb, control_text, kinds[i].control,
			  kinds[i].filter);
		add_member(&deb, "_gpgorigin", STR("abc"));
		make_tar(&tar, sound, sizeof sound / sizeof *sound,
			 kinds[i].filter);
		add_member(&deb, kinds[i].data, buf_str(&tar));
		/* As it comes, from memory, and where that has no room. */
		check_sound(file_of(&deb), 0);
		check_sound(file_of(&deb), 1 << 20);
		check_sound(file_of(&deb), 100);
	}
}

/* Opens and reads to the end; the message of what went wrong. */
static char *failure(int fd)
{
	auto_deb struct deb *deb = NULL;
	auto_err struct error *err = NULL;
	struct deb_entry entry;
	char bytes[4096];
	size_t n;
	int more = deb_open(fd, "bad.deb", &deb, &err) ? -1 : 1;

	while (more > 0) {
		more = deb_next(deb, &entry, &err);
		if (more > 0 && entry.type == DEB_FILE)
			do
				if (deb_read(deb, bytes, sizeof bytes, &n,
					     &err))
					more = -1;
			while (more > 0 && n);
	}
	close(fd);
	return more < 0 ? mem_strdup(err_message(err)) : NULL;
}

static void assert_refused(int fd, const char *why)
{
	auto_free char *message = failure(fd);

	if (!message)
		fail_msg("a .deb was accepted, expected: %s", why);
	if (!strstr(message, why))
		fail_msg("'%s' does not say '%s'", message, why);
}

static void refuses_hostile_entries(void **state)
{
	static const struct {
		struct item item;
		const char *why;
	} cases[] = {
		{{"../etc/passwd", AE_IFREG, 0644, "x", NULL, NULL},
		 "leaves the package's root"},
		{{"./usr/../../x", AE_IFREG, 0644, "x", NULL, NULL},
		 "leaves the package's root"},
		{{"/etc/passwd", AE_IFREG, 0644, "x", NULL, NULL},
		 "is absolute"},
		{{"./usr//x", AE_IFREG, 0644, "x", NULL, NULL}, "an empty or"},
		{{"./usr/a\nb", AE_IFREG, 0644, "x", NULL, NULL}, "control"},
		{{"./usr/a\\b", AE_IFREG, 0644, "x", NULL, NULL}, "backslash"},
		{{"./usr/\377", AE_IFREG, 0644, "x", NULL, NULL}, "UTF-8"},
		{{"./dev/null", AE_IFCHR, 0666, NULL, NULL, NULL},
		 "is a device"},
		{{"./dev/sda", AE_IFBLK, 0666, NULL, NULL, NULL},
		 "is a device"},
		{{"./run/p", AE_IFIFO, 0666, NULL, NULL, NULL}, "a pipe"},
		{{"./x", AE_IFLNK, 0777, NULL, "a\nb", NULL},
		 "without a usable target"},
		{{"./x", AE_IFREG, 0644, NULL, NULL, "../../etc/shadow"},
		 "target of a hard link, '../../etc/shadow' leaves"},
		{{"./x", AE_IFREG, 0644, NULL, NULL, "/etc/shadow"},
		 "target of a hard link, '/etc/shadow' is absolute"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_refused(open_with_items(&cases[i].item, 1),
			       cases[i].why);
}

static void refuses_damaged_archives(void **state)
{
	auto_buf struct buf deb = BUF_EMPTY;
	auto_buf struct buf tar = BUF_EMPTY;

	(void)state;
	buf_append_text(&deb, "!<arch>");
	assert_refused(file_of(&deb), "too short");
	buf_clear(&deb);
	buf_append_text(&deb, "PK\3\4 and so on");
	assert_refused(file_of(&deb), "not an ar archive");
	buf_clear(&deb);
	buf_append_text(&deb, "!<arch>\n");
	add_member(&deb, "debian-binary", STR("3.0\n"));
	assert_refused(file_of(&deb), "not version 2");
	buf_clear(&deb);
	start_deb(&deb, control_text, "control.tar", no_filter);
	assert_refused(file_of(&deb), "a member is missing");
	buf_append_text(&deb, "data.tar        0  ");
	assert_refused(file_of(&deb), "within the head of a member");
	buf_clear(&deb);
	start_deb(&deb, control_text, "control.tar", no_filter);
	buf_printf(&deb, "%-16s%-12d%-6d%-6d%-8o%-10s`\n", "data.tar", 0, 0, 0,
		   0644, "4000000000");
	assert_refused(file_of(&deb), "larger than the file");
	buf_clear(&deb);
	start_deb(&deb, control_text, "control.tar", no_filter);
	add_member(&deb, "data.tar.lzma", STR("xx"));
	assert_refused(file_of(&deb), "compression");
	buf_clear(&deb);
	start_deb(&deb, control_text, "control.tar", no_filter);
	make_tar(&tar, sound, sizeof sound / sizeof *sound,
		 archive_write_add_filter_xz);
	tar.p[tar.n / 2] = (char)(tar.p[tar.n / 2] ^ 0x55);
	add_member(&deb, "data.tar.xz", buf_str(&tar));
	assert_refused(file_of(&deb), "damaged");
}

static void refuses_bad_control(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"Package: a\nVersion: 1\n", "no field 'Architecture'"},
		{"Package: a\nPackage: b\n", "'Package' is there twice"},
		{"Package: a\nnonsense\n", "line 2 is not a field"},
		{" folded first\n", "line 1 is not a field"},
		{"", "no field 'Package'"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_buf struct buf deb = BUF_EMPTY;

		start_deb(&deb, cases[i].text, "control.tar", no_filter);
		add_member(&deb, "data.tar", STR(""));
		assert_refused(file_of(&deb), cases[i].why);
	}
}

static void reads_paragraphs(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_err struct error *err = NULL;
	struct deb_paragraph paragraph;
	struct str rest = STR("\n\n# a remark\nTypes: deb\nURIs: http://a\n"
			      "# inside\n http://b\nSuites:\n"
			      "\n\nTypes: deb-src\r\n\r\n");

	(void)state;
	assert_int_equal(deb_paragraph_next(&rest, &arena, &paragraph, &err),
			 1);
	assert_int_equal(paragraph.field_count, 3);
	assert_true(str_starts(deb_paragraph_get(&paragraph, "URIs"),
			       STR("http://a\n")));
	assert_true(str_eq(deb_paragraph_get(&paragraph, "Suites"), STR("")));
	assert_int_equal(deb_paragraph_next(&rest, &arena, &paragraph, &err),
			 1);
	assert_true(
		str_eq(deb_paragraph_get(&paragraph, "types"), STR("deb-src")));
	assert_int_equal(deb_paragraph_next(&rest, &arena, &paragraph, &err),
			 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_compression),
		cmocka_unit_test(refuses_hostile_entries),
		cmocka_unit_test(refuses_damaged_archives),
		cmocka_unit_test(refuses_bad_control),
		cmocka_unit_test(reads_paragraphs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
