#include "base/sign.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"

enum { MAX_KEY_FILE = 16 << 10 };

#define PREFIX "ed25519:"

struct sign_key {
	EVP_PKEY *pkey;
};

/* -- texts -- */

static void append_hex(char *out, const uint8_t *bytes, size_t n)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*out++ = hex[bytes[i] >> 4];
		*out++ = hex[bytes[i] & 15];
	}
	*out = '\0';
}

/* -1 for what is no lower case hex digit. */
static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_hex(struct str text, uint8_t *bytes, size_t n)
{
	if (text.n != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = digit(text.p[2 * i]), low = digit(text.p[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

struct sign_public_text sign_public_text(const struct sign_public *key)
{
	struct sign_public_text text = {PREFIX};

	append_hex(text.p + sizeof PREFIX - 1, key->bytes, sizeof key->bytes);
	return text;
}

struct signature_text signature_text(const struct signature *signature)
{
	struct signature_text text;

	append_hex(text.p, signature->bytes, sizeof signature->bytes);
	return text;
}

bool sign_public_parse(struct str text, struct sign_public *key)
{
	return str_eat(&text, STR(PREFIX)) &&
	       parse_hex(text, key->bytes, sizeof key->bytes);
}

bool signature_parse(struct str text, struct signature *signature)
{
	return parse_hex(text, signature->bytes, sizeof signature->bytes);
}

/* -- keys -- */

static void free_pkey(EVP_PKEY **pkey)
{
	EVP_PKEY_free(*pkey);
}

static void free_bio(BIO **bio)
{
	BIO_free(*bio);
}

#define auto_pkey __attribute__((cleanup(free_pkey)))
#define auto_bio  __attribute__((cleanup(free_bio)))

/* The file is there at once, with the mode that it stays with. */
static int write_new(const char *path, struct str pem, struct error **err)
{
	auto_close int fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 && errno == EEXIST) {
		err_make(err, ERR_USAGE, "'%s' is there already", path);
		return err_hint(err, "take another name: a key that was lost "
				     "cannot be made again");
	}
	if (fd < 0)
		return err_sys(err, "cannot make '%s'", path);
	if (fs_write_all(fd, pem, path, err) == 0 &&
	    (fsync(fd) == 0 || err_sys(err, "cannot sync '%s'", path) == 0) &&
	    fs_sync_folder_of(path, err) == 0)
		return 0;
	unlink(path);
	return -1;
}

int sign_key_make(const char *path, struct error **err)
{
	auto_pkey EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	auto_bio BIO *bio = BIO_new(BIO_s_mem());
	char *pem = NULL;
	long n;

	if (!pkey || !bio ||
	    !PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL,
					   NULL) ||
	    (n = BIO_get_mem_data(bio, &pem)) <= 0)
		return err_make(err, ERR_ENV,
				"libcrypto cannot make an Ed25519 key");
	return write_new(path, str_of(pem, (size_t)n), err);
}

/* A pem_password_cb: no terminal is asked. */
static int no_passphrase(char *out, int size, int writes, void *context)
{
	(void)out;
	(void)size;
	(void)writes;
	(void)context;
	return -1;
}

int sign_key_read(const char *path, struct sign_key **key, struct error **err)
{
	auto_buf struct buf pem = BUF_EMPTY;

	if (!fs_exists(path)) {
		err_make(err, ERR_USAGE, "there is no key '%s'", path);
		return err_hint(err, "'slipway key --new %s' makes one", path);
	}
	if (fs_read(path, MAX_KEY_FILE, &pem, err))
		return -1;
	auto_bio BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	auto_pkey EVP_PKEY *pkey =
		bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL)
		    : NULL;

	OPENSSL_cleanse(pem.p, pem.n);
	ERR_clear_error();
	if (!pkey || EVP_PKEY_get_id(pkey) != EVP_PKEY_ED25519) {
		err_make(err, ERR_USAGE,
			 "'%s' is not an Ed25519 private key in PEM, without a "
			 "passphrase",
			 path);
		return err_hint(err, "'slipway key --new FILE' makes one");
	}
	*key = mem_zalloc(1, sizeof(**key));
	(*key)->pkey = mem_steal(pkey);
	return 0;
}

void sign_key_free(struct sign_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->pkey);
	free(key);
}

void sign_key_free_pointer(struct sign_key **key)
{
	sign_key_free(*key);
	*key = NULL;
}

struct sign_public sign_key_public(const struct sign_key *key)
{
	struct sign_public public;
	size_t n = sizeof public.bytes;

	if (!EVP_PKEY_get_raw_public_key(key->pkey, public.bytes, &n))
		abort();
	return public;
}

/* -- signatures -- */

struct signature sign_make(const struct sign_key *key, struct str message)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	struct signature signature;
	size_t n = sizeof signature.bytes;

	if (!context ||
	    !EVP_DigestSignInit(context, NULL, NULL, NULL, key->pkey) ||
	    !EVP_DigestSign(context, signature.bytes, &n,
			    (const unsigned char *)message.p, message.n))
		abort();
	EVP_MD_CTX_free(context);
	return signature;
}

bool sign_is_of(const struct signature *signature, struct str message,
		const struct sign_public *key)
{
	auto_pkey EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(
		EVP_PKEY_ED25519, NULL, key->bytes, sizeof key->bytes);
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	/* What is no point of the curve verifies nothing. */
	bool is_of =
		pkey && context &&
		EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey) == 1 &&
		EVP_DigestVerify(
			context, signature->bytes, sizeof signature->bytes,
			(const unsigned char *)message.p, message.n) == 1;

	EVP_MD_CTX_free(context);
	ERR_clear_error();
	return is_of;
}
