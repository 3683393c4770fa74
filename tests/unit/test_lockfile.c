/* lockfile: what is printed is read again, what is wrong has its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "facts/lockfile.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char full[] =
	"{\n"
	"  \"version\": 2,\n"
	"  \"inputs\": \"sha256:" HEX64 "\",\n"
	"  \"bases\": [\n"
	"    {\n"
	"      \"name\": \"py310\",\n"
	"      \"platform\": \"linux/amd64\",\n"
	"      \"kind\": \"registry\",\n"
	"      \"python\": \"3.10.14\",\n"
	"      \"image\": \"library/python:3.10-slim\",\n"
	"      \"digest\": \"sha256:" HEX64 "\",\n"
	"      \"layers\": [\n"
	"        {\n"
	"          \"digest\": \"sha256:" HEX64 "\",\n"
	"          \"diff_id\": \"sha256:" HEX64 "\",\n"
	"          \"size\": 31415,\n"
	"          \"bytes\": 27182,\n"
	"          \"media_type\": "
	"\"application/vnd.oci.image.layer.v1.tar+gzip\"\n"
	"        }\n"
	"      ],\n"
	"      \"interpreter\": \"/usr/local/bin/python3.10\",\n"
	"      \"env\": [\n"
	"        \"PATH=/usr/local/bin\"\n"
	"      ]\n"
	"    },\n"
	"    {\n"
	"      \"name\": \"py311\",\n"
	"      \"platform\": \"linux/amd64\",\n"
	"      \"kind\": \"debian\",\n"
	"      \"python\": \"3.11.2\",\n"
	"      \"glibc\": \"2.36\",\n"
	"      \"suites\": [\n"
	"        \"bookworm\"\n"
	"      ],\n"
	"      \"packages\": [\n"
	"        {\n"
	"          \"name\": \"libc6\",\n"
	"          \"version\": \"2.36-9\",\n"
	"          \"architecture\": \"amd64\",\n"
	"          \"suite\": \"bookworm\",\n"
	"          \"size\": 2756000,\n"
	"          \"sha256\": \"" HEX64 "\",\n"
	"          \"path\": \"pool/main/g/glibc/libc6_2.36-9_amd64.deb\"\n"
	"        }\n"
	"      ],\n"
	"      \"system\": [\n"
	"        {\n"
	"          \"name\": \"libjack\",\n"
	"          \"version\": \"1:1.9\",\n"
	"          \"architecture\": \"amd64\",\n"
	"          \"suite\": \"bookworm\",\n"
	"          \"size\": 4,\n"
	"          \"sha256\": \"" HEX64 "\",\n"
	"          \"path\": \"pool/main/j/jack/libjack_1.9_amd64.deb\"\n"
	"        }\n"
	"      ]\n"
	"    }\n"
	"  ],\n"
	"  \"resolutions\": [\n"
	"    {\n"
	"      \"id\": \"r\",\n"
	"      \"python\": \"3.11.2\",\n"
	"      \"platform\": \"linux/amd64\",\n"
	"      \"glibc\": \"2.36\",\n"
	"      \"track\": \"cpu\",\n"
	"      \"requirements\": [\n"
	"        \"uvicorn[standard]\"\n"
	"      ],\n"
	"      \"packages\": [\n"
	"        {\n"
	"          \"name\": \"h11\",\n"
	"          \"version\": \"0.14.0\",\n"
	"          \"wheel\": {\n"
	"            \"file\": \"h11-0.14.0-py3-none-any.whl\",\n"
	"            \"size\": 58259,\n"
	"            \"sha256\": \"" HEX64 "\"\n"
	"          }\n"
	"        },\n"
	"        {\n"
	"          \"name\": \"uvicorn\",\n"
	"          \"version\": \"0.30.0\",\n"
	"          \"wheel\": {\n"
	"            \"file\": \"uvicorn-0.30.0-py3-none-any.whl\",\n"
	"            \"size\": 62000,\n"
	"            \"sha256\": \"" HEX64 "\",\n"
	"            \"index\": \"cpu\"\n"
	"          },\n"
	"          \"requires\": [\n"
	"            \"h11>=0.8\"\n"
	"          ],\n"
	"          \"extras\": {\n"
	"            \"standard\": [\n"
	"              \"h11\"\n"
	"            ]\n"
	"          }\n"
	"        }\n"
	"      ]\n"
	"    }\n"
	"  ],\n"
	"  \"services\": [\n"
	"    {\n"
	"      \"name\": \"Hub\",\n"
	"      \"machines\": [\n"
	"        \"mainpc\"\n"
	"      ],\n"
	"      \"base\": \"py311\",\n"
	"      \"family\": {\n"
	"        \"name\": \"web\",\n"
	"        \"by\": \"only\",\n"
	"        \"why\": \"no other fits\",\n"
	"        \"inputs\": \"sha256:" HEX64 "\"\n"
	"      },\n"
	"      \"resolution\": \"r\",\n"
	"      \"requirements\": [\n"
	"        \"uvicorn[standard]\"\n"
	"      ],\n"
	"      \"closure\": [\n"
	"        \"h11==0.14.0\",\n"
	"        \"uvicorn==0.30.0\"\n"
	"      ],\n"
	"      \"system_requirements\": [\n"
	"        \"libjack\"\n"
	"      ],\n"
	"      \"system\": [\n"
	"        \"libjack=1:1.9\"\n"
	"      ],\n"
	"      \"owners\": {\n"
	"        \"uvicorn\": \"uvicorn\"\n"
	"      }\n"
	"    }\n"
	"  ],\n"
	"  \"refused\": [\n"
	"    {\n"
	"      \"service\": \"Lost\",\n"
	"      \"code\": \"lock-conflict\",\n"
	"      \"message\": \"no versions\"\n"
	"    }\n"
	"  ],\n"
	"  \"plan\": [\n"
	"    {\n"
	"      \"id\": \"base\",\n"
	"      \"parts\": [\n"
	"        \"py311\"\n"
	"      ]\n"
	"    }\n"
	"  ],\n"
	"  \"layers\": [\n"
	"    {\n"
	"      \"key\": \"sha256:" HEX64 "\",\n"
	"      \"diff_id\": \"sha256:" HEX64 "\",\n"
	"      \"digest\": \"sha256:" HEX64 "\",\n"
	"      \"compressed_bytes\": 1,\n"
	"      \"bytes\": 2,\n"
	"      \"compressor\": \"gzip libdeflate-1.19-level6 runs-1\",\n"
	"      \"signer\": \"ed25519:" HEX64 "\",\n"
	"      \"signature\": \"" HEX64 HEX64 "\"\n"
	"    }\n"
	"  ]\n"
	"}\n";

static void what_is_printed_is_read(void **state)
{
	auto_lock struct lock *lock = NULL;
	auto_buf struct buf printed = BUF_EMPTY;

	(void)state;
	assert_int_equal(
		lock_parse(str_from(full), "fleet.lock.json", &lock, NULL), 0);
	lock_print(lock, &printed);
	assert_string_equal(buf_text(&printed), full);

	const struct lock_service *service =
		lock_find_service(lock, STR("Hub"), STR("mainpc"));

	assert_non_null(service);
	assert_null(lock_find_service(lock, STR("Hub"), STR("pc2")));
	const struct lock_resolution *resolution =
		lock_find_resolution(lock, service->resolution);

	assert_true(str_eq(
		lock_find_package(resolution, STR("uvicorn"))->wheel.index,
		STR("cpu")));
	assert_null(lock_find_package(resolution, STR("absent")));
	const struct lock_base *base =
		lock_find_base(lock, service->base, STR("linux/amd64"));

	assert_ptr_equal(lock_find_system(base, service->system.p[0]),
			 &base->system.p[0]);
	assert_null(lock_find_system(base, STR("libjack=1.9")));
	assert_null(lock_find_system(base, STR("libjack")));
	assert_non_null(lock_find_base(lock, STR("py310"), STR("linux/amd64")));
	assert_null(lock_find_base(lock, STR("py310"), STR("linux/arm64")));
	assert_non_null(lock_find_layer(lock, &lock->layers[0].key));
}

/* Every value is in what is signed, and none can pass for another. */
static void what_is_signed_of_a_layer(void **state)
{
	struct lock_layer layers[8] = {{.compressor = STR("none"), .bytes = 1}};
	struct buf statements[8];

	(void)state;
	for (size_t i = 1; i < 8; i++)
		layers[i] = layers[0];
	layers[1].key.bytes[31] = 1;
	layers[2].diff_id.bytes[31] = 1;
	layers[3].digest.bytes[31] = 1;
	layers[4].bytes = 11;
	layers[5].compressed_bytes = 1;
	layers[6].compressor = STR("none1");
	layers[7].compressor = STR("");
	for (size_t i = 0; i < 8; i++) {
		statements[i] = (struct buf)BUF_EMPTY;
		lock_layer_statement(&layers[i], &statements[i]);
		for (size_t k = 0; k < i; k++)
			assert_false(str_eq(buf_str(&statements[i]),
					    buf_str(&statements[k])));
	}
	for (size_t i = 0; i < 8; i++)
		buf_release(&statements[i]);
}

/* full with its only from replaced by to. */
static void check_refusal(const char *from, const char *to, const char *message)
{
	auto_lock struct lock *lock = NULL;
	auto_buf struct buf text = BUF_EMPTY;
	auto_err struct error *err = NULL;
	ptrdiff_t at = str_find_str(str_from(full), str_from(from));

	assert_true(at >= 0);
	buf_append(&text, str_slice(str_from(full), 0, (size_t)at));
	buf_append_text(&text, to);
	buf_append(&text, str_slice(str_from(full), (size_t)at + strlen(from),
				    sizeof full - 1));
	assert_int_equal(lock_parse(buf_str(&text), "L", &lock, &err), -1);
	assert_null(lock);
	assert_string_equal(err_message(err), message);
}

static void what_is_wrong_has_its_place(void **state)
{
	(void)state;
	check_refusal("\"version\": 2", "\"version\": 3",
		      "L: lock version 3, this slipway reads up to 2");
	check_refusal("\"version\": 2", "\"version\": \"1\"",
		      "L: version: the number of the lock's version is "
		      "expected");
	check_refusal("\"kind\": \"debian\"", "\"kind\": \"deb\"",
		      "L: bases[1].kind: debian, registry, oci or tar is "
		      "expected");
	check_refusal("\"size\": 31415,", "",
		      "L: bases[0].layers[0].size: a size in bytes is "
		      "expected");
	check_refusal("\"diff_id\": \"sha256:" HEX64 "\"",
		      "\"diff_id\": \"sha512:\"",
		      "L: bases[0].layers[0].diff_id: a SHA-256 digest is "
		      "expected");
	check_refusal("\"/usr/local/bin/python", "\"/usr/../bin/python",
		      "L: bases[0].interpreter: an absolute path is expected");
	check_refusal("pool/main", "../main",
		      "L: bases[1].packages[0]: a path that is not below the "
		      "archive");
	check_refusal("\"size\": 58259", "\"size\": -1",
		      "L: resolutions[0].packages[0].wheel.size: a size in "
		      "bytes is expected");
	check_refusal("h11-0.14.0-py3-none-any.whl", "a/b-0-py3-none-any.whl",
		      "L: resolutions[0].packages[0].wheel: a file name is "
		      "expected");
	check_refusal("h11-0.14.0-py3-none-any.whl", "h11.tar.gz",
		      "L: resolutions[0].packages[0]: a file name that is no "
		      "wheel's");
	check_refusal("\"wheel\": {", "\"extra\": {}, \"wheel\": {",
		      "L: resolutions[0].packages[0].extra: a key that is not "
		      "known");
	check_refusal("\"name\": \"h11\"", "\"name\": \"uvicorn\"",
		      "L: resolutions[0]: a package twice");
	check_refusal("h11==0.14.0", "h11==0.14.1",
		      "L: services[0].closure[0]: not a package of the "
		      "resolution");
	check_refusal("\"resolution\": \"r\"", "\"resolution\": \"s\"",
		      "L: services[0]: its resolution is not there");
	check_refusal("\"mainpc\"", "\"mainpc\", \"mainpc\"",
		      "L: services[0]: a service twice for one machine");
	check_refusal("\"mainpc\"", "7",
		      "L: services[0].machines[0]: a string is expected");
	check_refusal("\"mainpc\"", "\"a\\u0001\"",
		      "L: services[0].machines[0]: a control character");
	check_refusal("\"py310\"", "\"py311\"",
		      "L: bases[1]: the same entry twice");
	check_refusal("\"key\": \"sha256:0", "\"key\": \"sha256:X",
		      "L: layers[0].key: a SHA-256 digest is expected");
	check_refusal("\"signer\": \"ed25519:0", "\"signer\": \"ed25519:X",
		      "L: layers[0].signer: a public key, ed25519:HEX, is "
		      "expected");
	check_refusal("\"signature\": \"0", "\"signature\": \"",
		      "L: layers[0].signature: 128 hex digits are expected");
	check_refusal("\"signer\"", "\"signed\"",
		      "L: layers[0].signed: a key that is not known");
	check_refusal("\"owners\": {", "\"owners\": [",
		      "L:128:18: not JSON: ']' expected near ':'");
}

static void a_missing_lock_says_what_to_run(void **state)
{
	auto_lock struct lock *lock = NULL;
	auto_err struct error *err = NULL;

	(void)state;
	assert_int_equal(lock_read("/nowhere/fleet.lock.json", &lock, &err),
			 -1);
	assert_string_equal(err_hint_text(err), "run: slipway lock");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_printed_is_read),
		cmocka_unit_test(what_is_signed_of_a_layer),
		cmocka_unit_test(what_is_wrong_has_its_place),
		cmocka_unit_test(a_missing_lock_says_what_to_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
