#include "test.h"

#include "base/buf.h"
#include "base/hash.h"

/* FIPS 180-4 examples: NIST's "abc", its 448-bit message, a million times 'a',
 * and nothing. */
static void known_digests(void **state)
{
	static const struct {
		const char *text, *digest;
	} cases[] = {
		{"abc", "sha256:ba7816bf8f01cfea414140de5dae2223"
			"b00361a396177a9cb410ff61f20015ad"},
		{"", "sha256:e3b0c44298fc1c149afbf4c8996fb924"
		     "27ae41e4649b934ca495991b7852b855"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		 "sha256:248d6a61d20638b8e5c026930c3e6039"
		 "a33ce45964ff2167f6ecedd419db06c1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct digest digest = digest_of(str_from(cases[i].text));

		assert_string_equal(digest_text(&digest).p, cases[i].digest);
	}
}

static void a_running_hash_is_that_of_the_whole(void **state)
{
	auto_sha256 struct sha256 sha;
	struct digest digest;
	char piece[1000];

	(void)state;
	memset(piece, 'a', sizeof piece);
	sha256_init(&sha);
	sha256_update(&sha, STR(""));
	for (int i = 0; i < 1000; i++)
		sha256_update(&sha, str_of(piece, sizeof piece));
	sha256_final(&sha, &digest);
	struct digest_text text = digest_text(&digest);

	assert_string_equal(digest_hex(&text),
			    "cdc76e5c9914fb9281a1c7e284d73e67"
			    "f1809a48a497200e046d39ccc7112cd0");
}

/* Cut as badly as may be; more than all blocks of the thread hold. */
static void a_hash_beside_is_the_same(void **state)
{
	static char bytes[5 << 20];
	static const size_t cuts[] = {1, 4097, 262144, sizeof bytes};

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)(i * i >> 7);
	for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
		struct str rest = str_of(bytes, sizeof bytes);
		struct digest whole, found;
		auto_sha256 struct sha256 sha;

		/* Byte by byte for as long as a test may take. */
		if (cuts[c] == 1)
			rest.n = 70000;
		whole = digest_of(rest);
		sha256_init_beside(&sha);
		while (rest.n) {
			size_t n = rest.n < cuts[c] ? rest.n : cuts[c];

			sha256_update(&sha, str_slice(rest, 0, n));
			rest = str_slice(rest, n, rest.n);
		}
		sha256_final(&sha, &found);
		assert_true(digest_eq(&found, &whole));
	}
}

static void a_hash_beside_may_be_left_out(void **state)
{
	auto_sha256 struct sha256 empty, begun;
	struct digest found, nothing = digest_of(STR_EMPTY);

	(void)state;
	sha256_init_beside(&empty);
	sha256_final(&empty, &found);
	assert_true(digest_eq(&found, &nothing));
	sha256_init_beside(&begun);
	sha256_update(&begun, STR("left out"));
}

static void reading_digests(void **state)
{
	struct digest of_abc = digest_of(STR("abc")), read;
	struct digest_text text = digest_text(&of_abc);
	char wrong[80];

	(void)state;
	assert_true(digest_parse(str_from(text.p), &read));
	assert_true(digest_eq(&read, &of_abc));
	assert_true(digest_parse(str_from(digest_hex(&text)), &read));
	assert_true(digest_eq(&read, &of_abc));
	assert_false(digest_parse(STR(""), &read));
	assert_false(digest_parse(str_of(text.p, 70), &read));
	snprintf(wrong, sizeof wrong, "%s0", text.p);
	assert_false(digest_parse(str_from(wrong), &read));
	snprintf(wrong, sizeof wrong, "sha256:%s", text.p);
	assert_false(digest_parse(str_from(wrong), &read));
	static const char bad[] = {'g', 'G', 'A', '/', ':', '`', ' ', '\0'};

	for (size_t i = 0; i < sizeof bad; i++) {
		memcpy(wrong, text.p, sizeof text.p);
		wrong[7 + i * 9 % DIGEST_HEX] = bad[i];
		assert_false(digest_parse(str_of(wrong, 71), &read));
	}
}

static void zero_is_no_digest_of_anything(void **state)
{
	struct digest zero = {{0}}, empty = digest_of(STR(""));

	(void)state;
	assert_true(digest_is_zero(&zero));
	assert_false(digest_is_zero(&empty));
	empty = zero;
	empty.bytes[31] = 1;
	assert_false(digest_is_zero(&empty));
	assert_false(digest_eq(&zero, &empty));
}

static void keys_tell_fields_apart(void **state)
{
	auto_buf struct buf one = BUF_EMPTY, two = BUF_EMPTY;

	(void)state;
	key_add(&one, STR("ab"));
	key_add(&one, STR("c"));
	key_add(&two, STR("a"));
	key_add(&two, STR("bc"));
	assert_str(buf_str(&one), "2:ab1:c");
	assert_false(str_eq(buf_str(&one), buf_str(&two)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_digests),
		cmocka_unit_test(a_running_hash_is_that_of_the_whole),
		cmocka_unit_test(a_hash_beside_is_the_same),
		cmocka_unit_test(a_hash_beside_may_be_left_out),
		cmocka_unit_test(reading_digests),
		cmocka_unit_test(zero_is_no_digest_of_anything),
		cmocka_unit_test(keys_tell_fields_apart),
	};

	return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
