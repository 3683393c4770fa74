/* gzip and inflate: members made here are read by gzip(1), members of others
 * are read here, in every cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/proc.h"
#include "codec/gzip.h"

/* Bytes that deflate well in places and badly in others. */
static void make_bytes(struct buf *out, size_t n, uint32_t seed)
{
	uint32_t x = seed * 2654435761u + 1;

	while (out->n < n) {
		x = x * 1664525u + 1013904223u;
		if (x & 0x80000000u)
			buf_append_byte(out, (char)(x >> 16));
		else
			buf_append(out, str_slice(STR("import os, sys\n"), 0,
						  n - out->n));
	}
}

/* What a program makes of input. */
static void filter(const char *const *argv, struct str input, struct buf *out)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	struct proc_options options = {.argv = argv, .input = input};
	struct error *err = NULL;

	if (proc_run(&options, &result, &err))
		fail_msg("%s", err_message(err));
	assert_int_equal(result.status, 0);
	buf_append(out, buf_str(&result.output));
}

/* Reads a blob in pieces of cut bytes; the last status. */
static enum gzip_status read_cut(struct str blob, size_t cut, struct buf *out)
{
	struct gzip_reader *reader = gzip_reader_new();
	enum gzip_status status = GZIP_BETWEEN;

	while (blob.n && status < GZIP_BAD_HEADER) {
		struct str piece = str_slice(blob, 0, cut), raw;

		blob = str_slice(blob, piece.n, blob.n);
		do {
			status = gzip_reader_next(reader, &piece, &raw);
			buf_append(out, raw);
		} while (status == GZIP_OUTPUT);
		if (status < GZIP_BAD_HEADER)
			assert_int_equal(piece.n, 0);
	}
	gzip_reader_free(reader);
	return status;
}

static void expect_read(struct str blob, struct str raw)
{
	static const size_t cuts[] = {1, 2, 3, 7, 8, 13, 512, 65536, SIZE_MAX};

	for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
		auto_buf struct buf out = BUF_EMPTY;

		assert_int_equal(read_cut(blob, cuts[i], &out), GZIP_BETWEEN);
		assert_true(str_eq(buf_str(&out), raw));
	}
}

static void test_members_are_read_by_gzip(void **state)
{
	(void)state;
	static const char *const gunzip[] = {"gzip", "-dc", NULL};
	static const size_t sizes[] = {0, 1, 100, 70000, 1 << 20};
	struct gzip_writer *writer = gzip_writer_new();
	auto_buf struct buf blob = BUF_EMPTY;
	auto_buf struct buf all = BUF_EMPTY;
	auto_buf struct buf read = BUF_EMPTY;

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		auto_buf struct buf raw = BUF_EMPTY;

		make_bytes(&raw, sizes[i], (uint32_t)i);
		gzip_append_member(writer, &blob, buf_str(&raw));
		buf_append(&all, buf_str(&raw));
	}
	filter(gunzip, buf_str(&blob), &read);
	assert_true(str_eq(buf_str(&read), buf_str(&all)));
	expect_read(buf_str(&blob), buf_str(&all));
	gzip_writer_free(writer);
}

static void test_a_stream_can_be_wrapped(void **state)
{
	(void)state;
	static const char *const gunzip[] = {"gzip", "-dc", NULL};
	struct gzip_writer *writer = gzip_writer_new();
	auto_buf struct buf raw = BUF_EMPTY;
	auto_buf struct buf member = BUF_EMPTY;
	auto_buf struct buf wrapped = BUF_EMPTY;
	auto_buf struct buf read = BUF_EMPTY;

	make_bytes(&raw, 300000, 3);
	gzip_append_member(writer, &member, buf_str(&raw));
	gzip_append_header(&wrapped);
	buf_append(&wrapped, str_slice(buf_str(&member), GZIP_HEADER_BYTES,
				       member.n - GZIP_TRAILER_BYTES));
	gzip_append_trailer(&wrapped, crc32_add(0, buf_str(&raw)), raw.n);
	assert_true(str_eq(buf_str(&wrapped), buf_str(&member)));
	filter(gunzip, buf_str(&wrapped), &read);
	assert_true(str_eq(buf_str(&read), buf_str(&raw)));
	gzip_writer_free(writer);
}

static void test_reads_what_others_write(void **state)
{
	(void)state;
	static const char *const commands[][4] = {
		{"gzip", "-1", NULL},
		{"gzip", "-9", NULL},
		{"gzip", "-nc", NULL},
	};
	/* With a name, a comment, an extra field and a header CRC. */
	static const char full[] = "\x1f\x8b\x08\x1e\0\0\0\0\0\x03"
				   "\x05\0extra"
				   "name\0comment\0\x12\x34"
				   "\x03\0\0\0\0\0\0\0\0\0";
	auto_buf struct buf raw = BUF_EMPTY;

	make_bytes(&raw, 100000, 9);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		auto_buf struct buf blob = BUF_EMPTY;

		filter(commands[i], buf_str(&raw), &blob);
		expect_read(buf_str(&blob), buf_str(&raw));
	}
	expect_read(str_of(full, sizeof full - 1), STR_EMPTY);
}

static void test_refusals(void **state)
{
	(void)state;
	struct gzip_writer *writer = gzip_writer_new();
	auto_buf struct buf raw = BUF_EMPTY;
	auto_buf struct buf blob = BUF_EMPTY;
	auto_buf struct buf out = BUF_EMPTY;

	make_bytes(&raw, 1000, 1);
	gzip_append_member(writer, &blob, buf_str(&raw));
	for (size_t n = 1; n < blob.n; n++)
		assert_int_equal(
			read_cut(str_slice(buf_str(&blob), 0, n), 64, &out),
			GZIP_MORE);
	blob.p[blob.n - 1] ^= 1;
	assert_int_equal(read_cut(buf_str(&blob), 64, &out), GZIP_BAD_TRAILER);
	blob.p[blob.n - 1] ^= 1;
	blob.p[blob.n - 8] ^= 1;
	assert_int_equal(read_cut(buf_str(&blob), 64, &out), GZIP_BAD_TRAILER);
	blob.p[blob.n - 8] ^= 1;
	/* A block of the reserved type. */
	blob.p[GZIP_HEADER_BYTES] |= 6;
	assert_int_equal(read_cut(buf_str(&blob), 64, &out), GZIP_BAD_STREAM);
	blob.p[1] ^= 1;
	assert_int_equal(read_cut(buf_str(&blob), 64, &out), GZIP_BAD_HEADER);
	assert_int_equal(
		read_cut(STR("\x1f\x8b\x08\x20\0\0\0\0\0\x03"), 64, &out),
		GZIP_BAD_HEADER);
	for (int status = GZIP_MORE; status <= GZIP_BAD_TRAILER; status++)
		assert_true(strlen(gzip_status_text((enum gzip_status)status)) >
			    10);
	gzip_writer_free(writer);
}

static void test_golden_member(void **state)
{
	(void)state;
	struct gzip_writer *writer = gzip_writer_new();
	auto_buf struct buf raw = BUF_EMPTY;
	auto_buf struct buf blob = BUF_EMPTY;

	make_bytes(&raw, 200000, 5);
	gzip_append_member(writer, &blob, buf_str(&raw));
	struct digest digest = digest_of(buf_str(&blob));

	/* The bytes are those of one version of the compressor. */
	if (strcmp(gzip_version(), "libdeflate-1.14-level4") != 0)
		skip();
	assert_string_equal(digest_text(&digest).p,
			    "sha256:"
			    "cb2e4a891a4c8727aa0c6d08925deb4b00bacd824a4255ee33"
			    "ee223b4f22e8e1");
	gzip_writer_free(writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members_are_read_by_gzip),
		cmocka_unit_test(test_a_stream_can_be_wrapped),
		cmocka_unit_test(test_reads_what_others_write),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_golden_member),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
