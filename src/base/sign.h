/* sign: Ed25519 keys and signatures, which say whose word a statement is.
 *
 * Knows: keys in files, their texts. Does not know: who is trusted, or what is
 * signed.
 *
 * Source: RFC 8032; private keys are PKCS #8 in PEM, as RFC 8410 has them and
 * `openssl genpkey -algorithm ed25519` writes them.
 *
 *   public key = "ed25519:" 64 hex digits
 *   signature  = 128 hex digits
 *
 * Hex digits are lower case, so that one value has one text.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct error;
struct sign_key; /* a private one */

enum { SIGN_PUBLIC_BYTES = 32, SIGNATURE_BYTES = 64 };

struct sign_public {
	uint8_t bytes[SIGN_PUBLIC_BYTES];
};

struct signature {
	uint8_t bytes[SIGNATURE_BYTES];
};

struct sign_public_text {
	char p[8 + 2 * SIGN_PUBLIC_BYTES + 1];
};

struct signature_text {
	char p[2 * SIGNATURE_BYTES + 1];
};

/* Makes a key and its file, which only its owner may read. ERR_USAGE where
 * something is at that path already. */
int sign_key_make(const char *path, struct error **err);

/* Reads a private key. ERR_USAGE where there is none, or another kind of key,
 * or one that asks for a passphrase. */
int sign_key_read(const char *path, struct sign_key **key, struct error **err);
void sign_key_free(struct sign_key *key);
void sign_key_free_pointer(struct sign_key **key);
#define auto_sign_key __attribute__((cleanup(sign_key_free_pointer)))

struct sign_public sign_key_public(const struct sign_key *key);

struct signature sign_make(const struct sign_key *key, struct str message);
bool sign_is_of(const struct signature *signature, struct str message,
		const struct sign_public *key);

struct sign_public_text sign_public_text(const struct sign_public *key);
struct signature_text signature_text(const struct signature *signature);
bool sign_public_parse(struct str text, struct sign_public *key);
bool signature_parse(struct str text, struct signature *signature);
