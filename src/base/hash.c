#include "base/hash.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/hash/thread.h"
#include "base/mem.h"

void sha256_init(struct sha256 *sha)
{
	sha->thread = NULL;
	sha->context = EVP_MD_CTX_new();
	if (!sha->context ||
	    !EVP_DigestInit_ex(sha->context, EVP_sha256(), NULL))
		abort();
}

void sha256_init_beside(struct sha256 *sha)
{
	sha256_init(sha);
	sha->thread = sha256_thread_new(sha->context);
}

void sha256_update(struct sha256 *sha, struct str bytes)
{
	if (sha->thread) {
		sha256_thread_update(sha->thread, bytes);
		return;
	}
	if (!EVP_DigestUpdate(sha->context, bytes.p, bytes.n))
		abort();
}

static void end_thread(struct sha256 *sha)
{
	if (sha->thread)
		sha256_thread_end(sha->thread);
	sha->thread = NULL;
}

void sha256_final(struct sha256 *sha, struct digest *digest)
{
	end_thread(sha);
	if (!EVP_DigestFinal_ex(sha->context, digest->bytes, NULL))
		abort();
}

void sha256_release(struct sha256 *sha)
{
	end_thread(sha);
	EVP_MD_CTX_free(sha->context);
	sha->context = NULL;
}

struct digest digest_of(struct str bytes)
{
	struct digest digest;
	auto_sha256 struct sha256 sha;

	sha256_init(&sha);
	sha256_update(&sha, bytes);
	sha256_final(&sha, &digest);
	return digest;
}

bool digest_eq(const struct digest *a, const struct digest *b)
{
	return memcmp(a->bytes, b->bytes, DIGEST_BYTES) == 0;
}

bool digest_is_zero(const struct digest *digest)
{
	static const struct digest zero;

	return digest_eq(digest, &zero);
}

struct digest_text digest_text(const struct digest *digest)
{
	static const char hex[] = "0123456789abcdef";
	struct digest_text text = {"sha256:"};

	for (size_t i = 0; i < DIGEST_BYTES; i++) {
		text.p[7 + 2 * i] = hex[digest->bytes[i] >> 4];
		text.p[8 + 2 * i] = hex[digest->bytes[i] & 15];
	}
	return text;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool digest_parse(struct str text, struct digest *digest)
{
	str_eat(&text, STR("sha256:"));
	if (text.n != DIGEST_HEX)
		return false;
	for (size_t i = 0; i < DIGEST_BYTES; i++) {
		int high = hex_value(text.p[2 * i]);
		int low = hex_value(text.p[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		digest->bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

void key_add(struct buf *key, struct str field)
{
	buf_printf(key, "%zu:", field.n);
	buf_append(key, field);
}
