/* Which keys an archive is judged by, as files that gpgv reads.
 *
 * Source: RFC 4880, section 6.2 ("Forming ASCII Armor").
 */
#include "parts/debian/keyring.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/data.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "codec/deb.h"
#include "facts/store.h"
#include "parts/debian/tree.h"
#include "parts/fetch.h"

enum { MAX_KEYRING = 16 << 20 };

static const struct str armor_start = STR_INIT("-----BEGIN PGP PUBLIC KEY");
static const struct str armor_end = STR_INIT("-----END PGP PUBLIC KEY");

/* The packets of an armored block; lines may be indented and "." may stand for
 * an empty one, as in a Signed-By field. */
static int dearmor(struct str text, struct buf *out, struct error **err)
{
	auto_buf struct buf base64 = BUF_EMPTY;
	struct str line;
	bool inside = false, body = false;

	while (str_line(&text, &line)) {
		line = str_trim(line);
		if (str_eq(line, STR(".")))
			line = STR_EMPTY;
		if (str_starts(line, armor_start)) {
			inside = true;
			body = false;
		} else if (str_starts(line, armor_end)) {
			inside = false;
		} else if (inside && line.n == 0) {
			body = true;
		} else if (inside && body && line.p[0] != '=') {
			buf_append(&base64, line);
		}
	}
	size_t padding = 0;

	while (padding < base64.n && base64.p[base64.n - 1 - padding] == '=')
		padding++;
	buf_reserve(out, base64.n + 4);
	int n = base64.n ? EVP_DecodeBlock((unsigned char *)out->p + out->n,
					   (unsigned char *)base64.p,
					   (int)base64.n)
			 : -1;

	if (n < 0 || padding > 2)
		return err_make(err, ERR_ENV, "a damaged block of keys");
	out->n += (size_t)n - padding;
	return 0;
}

static bool is_armored(struct str bytes)
{
	return str_find_str(str_slice(bytes, 0, 4096), armor_start) >= 0;
}

/* Writes keys into the folder and names the file in the list. */
static int add_keys(struct keyring *keyring, struct str bytes,
		    struct error **err)
{
	auto_buf struct buf packets = BUF_EMPTY;
	auto_free char *path = path_printf("%s/keys-%zu.gpg", keyring->folder,
					   keyring->files.n);

	if (is_armored(bytes)) {
		if (dearmor(bytes, &packets, err))
			return -1;
		bytes = buf_str(&packets);
	}
	if (fs_write_file(path, bytes, 0600, err))
		return -1;
	array_push(&keyring->files, mem_steal(path));
	return 0;
}

static int add_file(struct keyring *keyring, const char *path,
		    struct error **err)
{
	auto_buf struct buf bytes = BUF_EMPTY;

	if (fs_read(path, MAX_KEYRING, &bytes, err) ||
	    add_keys(keyring, buf_str(&bytes), err))
		return err_wrap(err, "the keyring '%s'", path);
	buf_printf(&keyring->described, "%s'%s'",
		   keyring->described.n ? ", " : "", path);
	return 0;
}

/* Signed-By: a block of keys, or the paths of files. Fingerprints say nothing
 * about where the key is. */
static int add_signed_by(struct keyring *keyring, struct str signed_by,
			 const char *root, struct error **err)
{
	struct str part;

	if (is_armored(signed_by)) {
		buf_append_text(&keyring->described, "the keys of Signed-By");
		return add_keys(keyring, signed_by, err);
	}
	while (str_split(&signed_by, ',', &part)) {
		part = str_trim(part);
		if (!str_starts(part, STR("/")))
			continue;
		auto_free char *path =
			path_printf("%s" STR_FMT, strcmp(root, "/") ? root : "",
				    STR_ARG(part));

		if (add_file(keyring, path, err))
			return -1;
	}
	return 0;
}

static int add_host(struct keyring *keyring, const char *root,
		    struct error **err)
{
	static const char *const names[] = {
		"usr/share/keyrings/debian-archive-keyring.gpg",
		"usr/share/keyrings/debian-archive-keyring.pgp",
	};
	auto_free char *folder = path_join(root, "etc/apt/trusted.gpg.d");
	auto_names struct fs_names trusted = {NULL, 0, 0};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		auto_free char *path = path_join(root, names[i]);

		if (access(path, R_OK) == 0)
			return add_file(keyring, path, err);
	}
	if (access(folder, R_OK) == 0 && fs_list(folder, &trusted, err))
		return -1;
	for (size_t i = 0; i < trusted.n; i++) {
		auto_free char *path = path_join(folder, trusted.p[i]);

		if (str_starts(str_from(trusted.p[i]),
			       STR("debian-archive-")) &&
		    add_file(keyring, path, err))
			return -1;
	}
	return 0;
}

/* The keyring out of its package. */
static int unpack(struct keyring *keyring, const char *path, struct str wanted,
		  struct error **err)
{
	auto_close int fd = fs_open(path, O_RDONLY, 0, err);
	auto_deb struct deb *deb = NULL;
	auto_buf struct buf bytes = BUF_EMPTY;
	struct deb_entry entry;
	int found;

	if (fd < 0 || deb_open(fd, "debian-archive-keyring", &deb, err))
		return -1;
	while ((found = deb_next(deb, &entry, err)) > 0) {
		size_t n = 0;

		if (!str_eq(entry.path, wanted) || entry.type != DEB_FILE ||
		    entry.size_bytes > MAX_KEYRING)
			continue;
		buf_reserve(&bytes, (size_t)entry.size_bytes + 1);
		do {
			if (deb_read(deb, bytes.p + bytes.n,
				     (size_t)entry.size_bytes - bytes.n, &n,
				     err))
				return -1;
			bytes.n += n;
		} while (n && bytes.n < entry.size_bytes);
		return add_keys(keyring, buf_str(&bytes), err);
	}
	return found < 0 ? -1
			 : err_make(err, ERR_ENV,
				    "it does not hold '" STR_FMT "'",
				    STR_ARG(wanted));
}

/* The package that data/debian/keyring.txt names. */
static int add_pinned(struct keyring *keyring,
		      const struct debian_source *source, struct str mirror,
		      struct error **err)
{
	struct str rest = data_get("debian/keyring.txt"), line;
	struct str values[7];
	size_t count = 0;
	struct digest sha256 = {{0}};
	uint64_t size = 0;

	while (count < 7 && str_line(&rest, &line))
		if (line.n && line.p[0] != '#')
			values[count++] = line;
	if (count < 7 || !digest_parse(values[3], &sha256) ||
	    !str_to_u64(values[4], &size))
		return err_make(err, ERR_ENV,
				"data/debian/keyring.txt is damaged");
	auto_free char *url = path_printf(STR_FMT "/" STR_FMT, STR_ARG(mirror),
					  STR_ARG(values[5]));
	const char *urls[] = {url};
	struct fetch_file file = {
		.urls = urls,
		.url_count = 1,
		.size_bytes = size,
		.sha256 = sha256,
		.kind = STORE_DOWNLOAD,
		.label = "debian-archive-keyring",
	};
	auto_free char *path = store_download_path(source->store, &sha256);

	if (fetch_download(source->fetch, source->store, &file, err) ||
	    unpack(keyring, path, values[6], err)) {
		err_wrap(err, "this host has no keys of the Debian archive, "
			      "and their package cannot be had");
		return err_hint(err, "install debian-archive-keyring");
	}
	buf_append_text(&keyring->described,
			"the package debian-archive-keyring");
	return 0;
}

int keyring_open(const struct debian_source *source,
		 const struct debian_mirror *mirror, const char *folder,
		 struct keyring *keyring, struct error **err)
{
	const char *root = source->host_root ? source->host_root : "/";

	keyring->folder = folder;
	if (source->keyring)
		return add_file(keyring, source->keyring, err);
	if (mirror->signed_by.n &&
	    add_signed_by(keyring, mirror->signed_by, root, err))
		return -1;
	if (keyring->files.n == 0 && add_host(keyring, root, err))
		return -1;
	if (keyring->files.n == 0)
		return add_pinned(keyring, source, mirror->url, err);
	return 0;
}

void keyring_release(struct keyring *keyring)
{
	array_each (char *, file, &keyring->files)
		free(*file);
	array_release(&keyring->files);
	buf_release(&keyring->described);
}
