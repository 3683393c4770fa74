/* /etc/ssl/certs: what update-ca-certificates makes of the certificates that
 * packages bring.
 *
 * Knows: the bundle, the links to each certificate, the links by the hash of
 * its subject that OpenSSL looks for. Source: X509_NAME_hash_ex(3),
 * openssl-rehash(1).
 */
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "parts/debian/model.h"

static const struct str source_folder =
	STR_INIT("usr/share/ca-certificates/mozilla");
static const struct str bundle_path =
	STR_INIT("etc/ssl/certs/ca-certificates.crt");

enum { MAX_CERTIFICATE = 1 << 20, MAX_SAME_HASH = 100 };

/* The hash of the subject of a PEM certificate; false where there is none. */
static bool subject_hash(struct str pem, unsigned long *hash)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	int ok = 0;

	if (certificate)
		*hash = X509_NAME_hash_ex(X509_get_subject_name(certificate),
					  NULL, NULL, &ok);
	X509_free(certificate);
	BIO_free(bio);
	return ok;
}

/* "Some CA (2).crt" as a link's name: "Some_CA_=2=.pem". */
static void append_link_name(struct buf *out, struct str file)
{
	for (size_t i = 0; i + strlen(".crt") < file.n; i++) {
		char c = file.p[i];

		buf_append_byte(out, c == ' ' || c == ','   ? '_'
				     : c == '(' || c == ')' ? '='
							    : c);
	}
	buf_append_text(out, ".pem");
}

static int add_links(struct model *model, struct str file, unsigned long hash,
		     struct error **err)
{
	auto_buf struct buf name = BUF_EMPTY;
	auto_buf struct buf path = BUF_EMPTY;
	auto_buf struct buf target = BUF_EMPTY;

	append_link_name(&name, file);
	buf_printf(&path, "etc/ssl/certs/" STR_FMT, STR_ARG(buf_str(&name)));
	buf_printf(&target, "/" STR_FMT "/" STR_FMT, STR_ARG(source_folder),
		   STR_ARG(file));
	if (model_add_link(model, buf_str(&path), buf_str(&target), err))
		return -1;
	for (int i = 0; i < MAX_SAME_HASH; i++) {
		buf_clear(&path);
		buf_printf(&path, "etc/ssl/certs/%08lx.%d", hash, i);
		const struct debian_file *there =
			model_find(model, buf_str(&path));

		if (there && str_eq(there->target, buf_str(&name)))
			return 0;
		if (!there)
			return model_add_link(model, buf_str(&path),
					      buf_str(&name), err);
	}
	return err_make(err, ERR_FLEET,
			"more than %d certificates have the hash %08lx",
			MAX_SAME_HASH, hash);
}

static int add_certificate(struct model *model, struct str file,
			   struct buf *bundle, struct error **err)
{
	auto_buf struct buf path = BUF_EMPTY;
	auto_buf struct buf pem = BUF_EMPTY;
	unsigned long hash = 0;

	buf_printf(&path, STR_FMT "/" STR_FMT, STR_ARG(source_folder),
		   STR_ARG(file));
	auto_close int fd = model_open(model, buf_str(&path), err);

	if (fd < 0 ||
	    fs_read_fd(fd, buf_text(&path), MAX_CERTIFICATE, &pem, err))
		return -1;
	if (!subject_hash(buf_str(&pem), &hash))
		return err_make(err, ERR_FLEET, "'/%s' is no PEM certificate",
				buf_text(&path));
	buf_append(bundle, buf_str(&pem));
	if (pem.n && pem.p[pem.n - 1] != '\n')
		buf_append_byte(bundle, '\n');
	return add_links(model, file, hash, err);
}

int debian_add_certificates(struct model *model, struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_buf struct buf bundle = BUF_EMPTY;
	struct lock_strs names = model_list(model, &arena, source_folder);

	for (size_t i = 0; i < names.n; i++)
		if (str_ends(names.p[i], STR(".crt")) &&
		    add_certificate(model, names.p[i], &bundle, err))
			return -1;
	return bundle.n ? model_add_bytes(model, bundle_path, 0644,
					  buf_str(&bundle), err)
			: 0;
}
