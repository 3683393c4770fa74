/* layer: what goes in comes out through gzip, zstd and tar, the digests are
 * those of the bytes, and the bytes do not depend on how they were given. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <libdeflate.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"
#include "parts/layer.h"

static void check(int result, struct error *err)
{
	if (result)
		fail_msg("%s", err_message(err));
}
#define CHECK(call)                                                            \
	do {                                                                   \
		struct error *err = NULL;                                      \
		check(call, err);                                              \
	} while (0)

static struct tar_entry file_entry(const char *path, size_t size_bytes)
{
	return (struct tar_entry){.path = str_from(path),
				  .type = TAR_FILE,
				  .mode = 0644,
				  .size_bytes = size_bytes};
}

static void add_file(struct layer *layer, const char *path, const char *text)
{
	struct tar_entry entry = file_entry(path, strlen(text));

	CHECK(layer_add(layer, &entry, str_from(text), &err));
}

/* A file of compressible bytes, given in pieces of cut bytes. */
static void add_pieces(struct layer *layer, const char *path, struct str raw,
		       size_t cut)
{
	struct tar_entry entry = file_entry(path, raw.n);

	CHECK(layer_begin_file(layer, &entry, &err));
	for (; raw.n; raw = str_slice(raw, cut, raw.n))
		CHECK(layer_write(layer, str_slice(raw, 0, cut), &err));
	CHECK(layer_end_file(layer, &err));
}

static void deflate_bytes(struct str raw, struct buf *out)
{
	struct libdeflate_compressor *compressor =
		libdeflate_alloc_compressor(9);

	buf_reserve(out, raw.n + 1000);
	out->n = libdeflate_deflate_compress(compressor, raw.p, raw.n, out->p,
					     out->capacity);
	assert_true(out->n > 0);
	libdeflate_free_compressor(compressor);
}

static void add_deflated(struct layer *layer, const char *path, struct str raw,
			 size_t cut)
{
	auto_buf struct buf deflated = BUF_EMPTY;
	struct tar_entry entry = file_entry(path, raw.n);

	deflate_bytes(raw, &deflated);
	struct str rest = buf_str(&deflated);

	CHECK(layer_begin_deflated(layer, &entry,
				   libdeflate_crc32(0, raw.p, raw.n), rest.n,
				   &err));
	while (rest.n || raw.n) {
		CHECK(layer_write_inflated(layer, str_slice(raw, 0, cut),
					   &err));
		CHECK(layer_write_deflated(layer, str_slice(rest, 0, cut),
					   &err));
		raw = str_slice(raw, cut, raw.n);
		rest = str_slice(rest, cut, rest.n);
	}
	CHECK(layer_end_deflated(layer, &err));
}

static void make_text(struct buf *out, size_t n)
{
	for (unsigned i = 0; out->n < n; i++)
		buf_printf(out, "line %u of a file: %u\n", i, i * 2654435761u);
	out->n = n;
}

/* A layer with everything that a layer may have; fd holds the blob. */
static void make_layer(int fd, enum layer_compression compression, size_t cut,
		       struct layer_result *result)
{
	struct layer_options options = {
		.fd = fd,
		.compression = compression,
		.mtime_s = 1700000000,
		/* Changes nothing; in one of the cuts. */
		.hash_beside = cut == 1000,
	};
	auto_layer struct layer *layer = layer_new(&options);
	auto_buf struct buf large = BUF_EMPTY;
	auto_buf struct buf small = BUF_EMPTY;
	struct tar_entry link = {.path = STR("opt/venv/bin/python"),
				 .target = STR("/usr/bin/python3"),
				 .type = TAR_SYMLINK,
				 .mode = 0777};
	struct tar_entry hard = {.path = STR("opt/hard"),
				 .target = STR("opt/venv/a.py"),
				 .type = TAR_HARDLINK,
				 .mode = 0644};

	make_text(&large, 3000000);
	make_text(&small, 3000);
	add_file(layer, "opt/venv/a.py", "print(1)\n");
	CHECK(layer_add_dir(layer, STR("opt"), 0755, &err));
	CHECK(layer_add_dir(layer, STR("var/lib/private"), 0700, &err));
	add_pieces(layer, "opt/large", buf_str(&large), cut);
	add_deflated(layer, "opt/spliced", buf_str(&large), cut);
	add_deflated(layer, "opt/small", buf_str(&small), cut);
	add_file(layer, "opt/empty", "");
	CHECK(layer_add(layer, &link, STR_EMPTY, &err));
	CHECK(layer_add(layer, &hard, STR_EMPTY, &err));
	CHECK(layer_finish(layer, result, &err));
}

static void read_blob(int fd, struct buf *out)
{
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	CHECK(fs_read_fd(fd, "blob", 1 << 26, out, &err));
}

static void filter(const char *const *argv, struct str input, struct buf *out)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	const char *const env[] = {"LC_ALL=C", NULL};
	struct proc_options options = {
		.argv = argv, .env = env, .input = input};

	CHECK(proc_run(&options, &result, &err));
	assert_int_equal(result.status, 0);
	buf_append(out, buf_str(&result.output));
}

static const char listing[] =
	"drwxr-xr-x 0/0 0 2023-11-14 opt/\n"
	"drwxr-xr-x 0/0 0 2023-11-14 opt/venv/\n"
	"-rw-r--r-- 0/0 9 2023-11-14 opt/venv/a.py\n"
	"drwxr-xr-x 0/0 0 2023-11-14 var/\n"
	"drwxr-xr-x 0/0 0 2023-11-14 var/lib/\n"
	"drwx------ 0/0 0 2023-11-14 var/lib/private/\n"
	"-rw-r--r-- 0/0 3000000 2023-11-14 opt/large\n"
	"-rw-r--r-- 0/0 3000000 2023-11-14 opt/spliced\n"
	"-rw-r--r-- 0/0 3000 2023-11-14 opt/small\n"
	"-rw-r--r-- 0/0 0 2023-11-14 opt/empty\n"
	"drwxr-xr-x 0/0 0 2023-11-14 opt/venv/bin/\n"
	"lrwxrwxrwx 0/0 0 2023-11-14 opt/venv/bin/python -> "
	"/usr/bin/python3\n"
	"hrw-r--r-- 0/0 0 2023-11-14 opt/hard link to opt/venv/a.py\n";

static void test_is_read_back(void **state)
{
	(void)state;
	static const char *const unpack[][3] = {
		[LAYER_GZIP] = {"gzip", "-dc", NULL},
		[LAYER_ZSTD] = {"zstd", "-dc", NULL},
		[LAYER_NONE] = {"cat", NULL},
	};
	static const char *const list[] = {
		"sh", "-c",
		"tar --numeric-owner --utc -tvf - | "
		"sed 's/  */ /g; s/ ..:..:*[0-9]* / /'",
		NULL};

	for (unsigned i = LAYER_GZIP; i <= LAYER_NONE; i++) {
		auto_close int fd = memfd_create("layer", MFD_CLOEXEC);
		auto_buf struct buf blob = BUF_EMPTY;
		auto_buf struct buf tar = BUF_EMPTY;
		auto_buf struct buf names = BUF_EMPTY;
		struct layer_result result;

		make_layer(fd, (enum layer_compression)i, 100000, &result);
		assert_int_equal(result.compression, i);
		read_blob(fd, &blob);
		struct digest digest = digest_of(buf_str(&blob));

		assert_true(digest_eq(&digest, &result.digest));
		assert_int_equal(blob.n, result.compressed_bytes);
		filter(unpack[i], buf_str(&blob), &tar);
		digest = digest_of(buf_str(&tar));
		assert_true(digest_eq(&digest, &result.diff_id));
		assert_int_equal(tar.n, result.bytes);
		filter(list, buf_str(&tar), &names);
		assert_string_equal(buf_text(&names), listing);
	}
}

static void test_splices(void **state)
{
	(void)state;
	auto_close int fd = memfd_create("layer", MFD_CLOEXEC);
	auto_buf struct buf blob = BUF_EMPTY;
	auto_buf struct buf raw = BUF_EMPTY;
	auto_buf struct buf large = BUF_EMPTY;
	auto_buf struct buf small = BUF_EMPTY;
	struct layer_result result;

	make_layer(fd, LAYER_GZIP, 4096, &result);
	read_blob(fd, &blob);
	make_text(&raw, 3000000);
	deflate_bytes(buf_str(&raw), &large);
	deflate_bytes(str_slice(buf_str(&raw), 0, 3000), &small);
	assert_true(str_find_str(buf_str(&blob), buf_str(&large)) > 0);
	assert_true(str_find_str(buf_str(&blob), buf_str(&small)) < 0);
}

static void test_cuts_do_not_matter(void **state)
{
	(void)state;
	static const size_t cuts[] = {1000, 4097, 1 << 20, 1 << 24};

	for (unsigned i = LAYER_GZIP; i <= LAYER_NONE; i++) {
		struct layer_result first, other;

		for (size_t k = 0; k < sizeof cuts / sizeof *cuts; k++) {
			auto_close int fd = memfd_create("layer", MFD_CLOEXEC);

			make_layer(fd, (enum layer_compression)i, cuts[k],
				   k ? &other : &first);
			if (k == 0)
				continue;
			assert_true(digest_eq(&first.digest, &other.digest));
			assert_true(digest_eq(&first.diff_id, &other.diff_id));
		}
	}
}

static void test_golden_digests(void **state)
{
	(void)state;
	auto_close int fd = memfd_create("layer", MFD_CLOEXEC);
	auto_buf struct buf key = BUF_EMPTY;
	struct layer_result result;

	make_layer(fd, LAYER_GZIP, 65536, &result);
	assert_string_equal(digest_text(&result.diff_id).p,
			    "sha256:"
			    "426c9232abc3144d1e36c603e5bc6b80b06a455f8c2193652d"
			    "9007c526877cd5");
	layer_key_add(&key, LAYER_GZIP);
	if (strcmp(buf_text(&key), "5:tar-14:gzip6:runs-1"
				   "22:libdeflate-1.14-level4") != 0)
		skip();
	/* deflate_bytes() is part of this one's input. */
	assert_string_equal(digest_text(&result.digest).p,
			    "sha256:"
			    "84c96bf03673f95655fb9d13c6ae6118b5858a2708252c1549"
			    "b988a40bcc3bbf");
}

/* Gives the layer calls that must fail with a message. */
static void expect_error(int (*run)(struct layer *, struct error **),
			 enum error_class class, const char *message)
{
	auto_close int fd = memfd_create("layer", MFD_CLOEXEC);
	struct layer_options options = {.fd = fd};
	auto_layer struct layer *layer = layer_new(&options);
	auto_err struct error *err = NULL;

	add_file(layer, "a/file", "text");
	assert_int_equal(run(layer, &err), -1);
	assert_string_equal(err_message(err), message);
	assert_int_equal(err_class(err), class);
}

static int add(struct layer *layer, const char *path, enum tar_type type,
	       const char *target, struct error **err)
{
	struct tar_entry entry = {.path = str_from(path),
				  .target = str_from(target),
				  .type = type,
				  .mode = 0755};

	return layer_add(layer, &entry, STR_EMPTY, err);
}

static int twice(struct layer *layer, struct error **err)
{
	return add(layer, "a/file", TAR_FILE, "", err);
}

static int other_folder(struct layer *layer, struct error **err)
{
	return layer_add_dir(layer, STR("a"), 0700, err);
}

static int file_as_folder(struct layer *layer, struct error **err)
{
	return add(layer, "a/file/b", TAR_FILE, "", err);
}

static int folder_as_file(struct layer *layer, struct error **err)
{
	return add(layer, "a", TAR_FILE, "", err);
}

static int whiteout(struct layer *layer, struct error **err)
{
	return add(layer, "a/.wh.file", TAR_FILE, "", err);
}

static int leaves(struct layer *layer, struct error **err)
{
	return add(layer, "a/../../b", TAR_FILE, "", err);
}

static int no_target(struct layer *layer, struct error **err)
{
	return add(layer, "b", TAR_HARDLINK, "a/other", err);
}

static int folder_target(struct layer *layer, struct error **err)
{
	return add(layer, "b", TAR_HARDLINK, "a", err);
}

static int too_short(struct layer *layer, struct error **err)
{
	struct tar_entry entry = file_entry("b", 5);

	assert_int_equal(layer_begin_file(layer, &entry, err), 0);
	assert_int_equal(layer_write(layer, STR("1234"), err), 0);
	return layer_end_file(layer, err);
}

static int too_long(struct layer *layer, struct error **err)
{
	struct tar_entry entry = file_entry("b", 5);

	assert_int_equal(layer_begin_file(layer, &entry, err), 0);
	return layer_write(layer, STR("123456"), err);
}

static int deflated_short(struct layer *layer, struct error **err)
{
	struct tar_entry entry = file_entry("b", 0);

	assert_int_equal(layer_begin_deflated(layer, &entry, 0, 2, err), 0);
	assert_int_equal(layer_write_deflated(layer, STR("\x03"), err), 0);
	return layer_end_deflated(layer, err);
}

static void test_refusals(void **state)
{
	(void)state;
	expect_error(twice, ERR_FLEET, "'a/file' comes twice in one layer");
	expect_error(other_folder, ERR_FLEET,
		     "'a' comes twice in one layer, with other owners or "
		     "permissions");
	expect_error(file_as_folder, ERR_FLEET,
		     "cannot put 'a/file/b' into a layer where 'a/file' is no "
		     "folder");
	expect_error(folder_as_file, ERR_FLEET, "'a' comes twice in one layer");
	expect_error(whiteout, ERR_FLEET,
		     "cannot put 'a/.wh.file' into a layer: names that begin "
		     "with '.wh.' delete files there");
	expect_error(leaves, ERR_FLEET,
		     "cannot put 'a/../../b' into a layer: a path that is "
		     "empty, absolute, not UTF-8, or has a '..', '.' or empty "
		     "part");
	expect_error(no_target, ERR_FLEET,
		     "cannot put the hard link 'b' into a layer: it has no "
		     "file 'a/other' before it");
	expect_error(folder_target, ERR_FLEET,
		     "cannot put the hard link 'b' into a layer: it has no "
		     "file 'a' before it");
	expect_error(too_short, ERR_FLEET, "'b' has 4 bytes and should have 5");
	expect_error(too_long, ERR_FLEET,
		     "'b' has more than the 5 bytes it should have");
	expect_error(deflated_short, ERR_FLEET,
		     "'b' has 1 deflated bytes and should have 2");
}

static void test_full_disk(void **state)
{
	(void)state;
	struct error *err = NULL;
	auto_close int fd = fs_open("/dev/full", O_WRONLY, 0, &err);
	struct layer_options options = {.fd = fd};
	auto_layer struct layer *layer = layer_new(&options);
	struct layer_result result;

	add_file(layer, "a", "text");
	assert_int_equal(layer_finish(layer, &result, &err), -1);
	assert_true(str_starts(str_from(err_message(err)),
			       STR("cannot write '/dev/full': No space left on "
				   "device: the file system at '/dev' has ")));
	assert_int_equal(err_class(err), ERR_ENV);
	err_free(err);
}

static void test_names(void **state)
{
	(void)state;
	for (unsigned i = LAYER_GZIP; i <= LAYER_NONE; i++) {
		enum layer_compression compression = (enum layer_compression)i;
		auto_buf struct buf media = BUF_EMPTY;
		static const char *const ends[] = {
			[LAYER_GZIP] = "+gzip",
			[LAYER_ZSTD] = "+zstd",
			[LAYER_NONE] = "",
		};

		buf_printf(&media, "application/vnd.oci.image.layer.v1.tar%s",
			   ends[i]);
		assert_string_equal(layer_media_type(compression),
				    buf_text(&media));
	}
	assert_string_equal(layer_compression_name(LAYER_ZSTD), "zstd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_read_back),
		cmocka_unit_test(test_splices),
		cmocka_unit_test(test_cuts_do_not_matter),
		cmocka_unit_test(test_golden_digests),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
