#include "test.h"

#include <sys/stat.h>

#include "base/sign.h"

/* RFC 8032, section 7.1, "TEST 2": the key, what it signs and the signature. */
#define RFC_SECRET                                                             \
	"-----BEGIN PRIVATE KEY-----\n"                                        \
	"MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n"   \
	"-----END PRIVATE KEY-----\n"
#define RFC_PUBLIC                                                             \
	"ed25519:3d4017c3e843895a92b70aa74d1b7ebc"                             \
	"9c982ccf2ec4968cc0cd55f12af4660c"
#define RFC_SIGNATURE                                                          \
	"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"     \
	"085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"

static void vector_of_the_rfc(void **state)
{
	struct sign_public key;
	struct signature signature;

	(void)state;
	assert_true(sign_public_parse(STR(RFC_PUBLIC), &key));
	assert_true(signature_parse(STR(RFC_SIGNATURE), &signature));
	assert_true(sign_is_of(&signature, STR("\x72"), &key));
	assert_false(sign_is_of(&signature, STR("\x73"), &key));
	assert_string_equal(sign_public_text(&key).p, RFC_PUBLIC);
	assert_string_equal(signature_text(&signature).p, RFC_SIGNATURE);
	for (size_t i = 0; i < 8 * sizeof signature.bytes; i += 7) {
		struct signature other = signature;

		other.bytes[i / 8] ^= (uint8_t)(1u << (i % 8));
		assert_false(sign_is_of(&other, STR("\x72"), &key));
	}
	for (size_t i = 0; i < sizeof key.bytes; i++) {
		struct sign_public other = key;

		other.bytes[i] ^= 1;
		assert_false(sign_is_of(&signature, STR("\x72"), &other));
	}
}

static void a_key_that_others_made(void **state)
{
	auto_free char *path = path_join(*state, "key.pem");
	auto_sign_key struct sign_key *key = NULL;
	auto_err struct error *err = NULL;

	assert_done(fs_write_file(path, STR(RFC_SECRET), 0600, &err), err);
	assert_done(sign_key_read(path, &key, &err), err);
	struct sign_public public = sign_key_public(key);
	struct signature signature = sign_make(key, STR("\x72"));

	assert_string_equal(sign_public_text(&public).p, RFC_PUBLIC);
	assert_string_equal(signature_text(&signature).p, RFC_SIGNATURE);
}

static void a_key_of_a_file(void **state)
{
	auto_free char *path = path_join(*state, "key.pem");
	auto_sign_key struct sign_key *key = NULL, *other = NULL;
	auto_err struct error *err = NULL;
	struct stat info;

	assert_done(sign_key_make(path, &err), err);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(sign_key_make(path, &err), -1);
	assert_error(&err, ERR_USAGE, "is there already");
	assert_done(sign_key_read(path, &key, &err), err);
	struct sign_public public = sign_key_public(key);
	struct signature signature = sign_make(key, STR("a statement"));

	assert_true(sign_is_of(&signature, STR("a statement"), &public));
	assert_false(sign_is_of(&signature, STR("a statement."), &public));
	auto_free char *second = path_join(*state, "other.pem");

	assert_done(sign_key_make(second, &err), err);
	assert_done(sign_key_read(second, &other, &err), err);
	public = sign_key_public(other);
	assert_false(sign_is_of(&signature, STR("a statement"), &public));
}

static void what_is_no_key(void **state)
{
	static const char *const texts[] = {
		"",
		"no key",
		"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
		/* A key of another kind: P-256. */
		"-----BEGIN PRIVATE KEY-----\n"
		"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg8TbyX3l2X6jQcM"
		"UY\n"
		"S/Z6D5ZC0D+/"
		"dYPYOftMXY9ljEqhRANCAAReLfsADpNMN+1Gzyryzlc9AJ8YHDmj\n"
		"RosCMRfx3d4744v5Ezgc5FS/ba6bOpT3xsKQwSAT0ISpuLqH6UTdr5Mn\n"
		"-----END PRIVATE KEY-----\n",
	};
	auto_free char *path = path_join(*state, "key.pem");
	auto_err struct error *err = NULL;
	struct sign_key *key = NULL;

	assert_int_equal(sign_key_read(path, &key, &err), -1);
	assert_error(&err, ERR_USAGE, "there is no key");
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		assert_done(fs_write_file(path, str_from(texts[i]), 0600, &err),
			    err);
		assert_int_equal(sign_key_read(path, &key, &err), -1);
		assert_error(&err, ERR_USAGE, "not an Ed25519 private key");
	}
}

static void texts_that_are_none(void **state)
{
	static const char upper_case[] =
		"ed25519:3D4017c3e843895a92b70aa74d1b7ebc"
		"9c982ccf2ec4968cc0cd55f12af4660c";
	static const char *const keys[] = {
		"",
		"ed25519:",
		"ed25519:3d40",
		RFC_PUBLIC "0",
		"rsa:3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f1",
		upper_case,
	};
	struct sign_public key;
	struct signature signature;

	(void)state;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		assert_false(sign_public_parse(str_from(keys[i]), &key));
	assert_false(signature_parse(STR(RFC_PUBLIC), &signature));
	assert_false(signature_parse(STR(RFC_SIGNATURE "0"), &signature));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vector_of_the_rfc),
		test_in_folder(a_key_that_others_made),
		test_in_folder(a_key_of_a_file),
		test_in_folder(what_is_no_key),
		cmocka_unit_test(texts_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
