/* hash: SHA-256 and the digests made of it.
 *
 * Source: FIPS 180-4; OCI image-spec, descriptor.md, "Digests".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct buf;

enum { DIGEST_BYTES = 32, DIGEST_HEX = 64 };

struct digest {
	uint8_t bytes[DIGEST_BYTES];
};

/* "sha256:" and 64 hex digits, with a NUL: what OCI calls a digest. */
struct digest_text {
	char p[7 + DIGEST_HEX + 1];
};

struct sha256 {
	void *context; /* OpenSSL's */
	struct sha256_thread *thread;
};

/* A running hash. final ends it and may be left out; release frees. */
void sha256_init(struct sha256 *sha);

/* The same, computed beside the caller by a thread with 2 MiB of buffers: for
 * long runs of bytes that take as long to make as to hash. All of its updates
 * come from one thread. */
void sha256_init_beside(struct sha256 *sha);
void sha256_update(struct sha256 *sha, struct str bytes);
void sha256_final(struct sha256 *sha, struct digest *digest);
void sha256_release(struct sha256 *sha);
#define auto_sha256 __attribute__((cleanup(sha256_release)))

/* The digest of bytes in one call. */
struct digest digest_of(struct str bytes);

bool digest_eq(const struct digest *a, const struct digest *b);
bool digest_is_zero(const struct digest *digest);

struct digest_text digest_text(const struct digest *digest);

/* Its DIGEST_BYTES bytes, borrowed. */
static inline struct str digest_bytes(const struct digest *digest)
{
	return str_of((const char *)digest->bytes, sizeof digest->bytes);
}

/* The 64 hex digits alone: digest_hex(&text) of a digest_text. */
static inline const char *digest_hex(const struct digest_text *text)
{
	return text->p + 7;
}

/* From "sha256:HEX" or HEX; false for anything else. Lower case only. */
bool digest_parse(struct str text, struct digest *digest);

/* Adds a length-prefixed field to a buffer from which a key is made, so that
 * no two lists of fields give the same bytes. */
void key_add(struct buf *key, struct str field);
