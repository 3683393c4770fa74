/* RECORD: every file of the wheel with its hash, read and written.
 *
 *   record = (path ',' [algorithm '=' base64url] ',' [size] EOL)*
 *
 * Fields are those of RFC 4180: quoted where they hold a comma or a quote. */
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/fs.h"
#include "parts/wheel/parts.h"

enum { RECORD_MAX = 64 << 20, FIELDS = 3 };

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* URL-safe base64 without padding. False where text is none. */
static bool decode(struct str text, struct buf *out)
{
	uint32_t bits = 0;
	unsigned count = 0;

	for (size_t i = 0; i < text.n; i++) {
		const char *at = text.p[i] ? strchr(alphabet, text.p[i]) : NULL;

		if (!at)
			return false;
		bits = bits << 6 | (uint32_t)(at - alphabet);
		count += 6;
		if (count >= 8) {
			count -= 8;
			buf_append_byte(out, (char)(bits >> count));
			bits &= (1u << count) - 1;
		}
	}
	return count < 6 && bits == 0;
}

static void encode(struct buf *out, const uint8_t *p, size_t n)
{
	uint32_t bits = 0;
	unsigned count = 0;

	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | p[i];
		for (count += 8; count >= 6; count -= 6)
			buf_append_byte(out,
					alphabet[bits >> (count - 6) & 63]);
	}
	if (count)
		buf_append_byte(out, alphabet[bits << (6 - count) & 63]);
}

/* One field off the front of a line; quotes are undone in the arena. False
 * where a quote is not closed or has something behind it. */
static bool take_field(struct str *line, struct arena *arena, struct str *field)
{
	auto_buf struct buf text = BUF_EMPTY;
	size_t i = 1;

	if (line->n == 0 || line->p[0] != '"') {
		if (!str_split(line, ',', field))
			*field = STR_EMPTY;
		return true;
	}
	for (;; i++) {
		if (i == line->n)
			return false;
		if (line->p[i] == '"') {
			i++;
			if (i == line->n || line->p[i] != '"')
				break;
		}
		buf_append_byte(&text, line->p[i]);
	}
	if (i < line->n && line->p[i] != ',')
		return false;
	*line = str_slice(*line, i + 1, line->n);
	*field = arena_str(arena, buf_str(&text));
	return true;
}

static bool algorithm_is_good(struct str algorithm, size_t hash_bytes)
{
	return (str_eq(algorithm, STR("sha256")) && hash_bytes == 32) ||
	       (str_eq(algorithm, STR("sha384")) && hash_bytes == 48) ||
	       (str_eq(algorithm, STR("sha512")) && hash_bytes == 64);
}

static int parse_hash(struct wheel *wheel, struct str text,
		      struct record_row *row, struct error **err)
{
	auto_buf struct buf hash = BUF_EMPTY;
	struct str encoded = text;

	if (text.n == 0)
		return 0;
	str_split(&encoded, '=', &row->algorithm);
	/* Some writers keep the padding. */
	while (encoded.n && encoded.p[encoded.n - 1] == '=')
		encoded.n--;
	if (!decode(encoded, &hash) ||
	    !algorithm_is_good(row->algorithm, hash.n))
		return err_make(err, ERR_FLEET,
				"its RECORD has the hash '" STR_FMT "' for "
				"'" STR_FMT "', which is no SHA-256, SHA-384 "
				"or SHA-512",
				STR_ARG(text), STR_ARG(row->path));
	row->hash = arena_str(&wheel->arena, buf_str(&hash));
	return 0;
}

static bool same_row(const struct record_row *a, const struct record_row *b)
{
	return str_eq(a->algorithm, b->algorithm) && str_eq(a->hash, b->hash) &&
	       a->has_size == b->has_size && a->size_bytes == b->size_bytes;
}

static int parse_row(struct wheel *wheel, struct str line, size_t number,
		     struct error **err)
{
	struct record_row *row = arena_new(&wheel->arena, struct record_row);
	struct str fields[FIELDS];

	for (size_t i = 0; i < FIELDS; i++)
		if (!take_field(&line, &wheel->arena, fields + i))
			return err_make(err, ERR_FLEET,
					"line %zu of its RECORD has a broken "
					"quote",
					number);
	row->path = fields[0];
	row->algorithm = row->hash = STR_EMPTY;
	row->has_size = fields[2].n;
	if (!path_is_clean(row->path))
		return err_make(err, ERR_FLEET,
				"line %zu of its RECORD has no clean path",
				number);
	if (row->has_size && !str_to_u64(fields[2], &row->size_bytes))
		return err_make(err, ERR_FLEET,
				"line %zu of its RECORD has a size that is no "
				"number",
				number);
	if (parse_hash(wheel, fields[1], row, err))
		return -1;
	const struct record_row *other = map_get(&wheel->record, row->path);

	if (other && !same_row(other, row))
		return err_make(err, ERR_FLEET,
				"its RECORD lists '" STR_FMT "' twice, with "
				"different hashes or sizes",
				STR_ARG(row->path));
	if (!other)
		map_set(&wheel->record, row->path, row);
	return 0;
}

/* RECORD itself and its signatures cannot be in it. */
static bool is_exempt(const struct wheel *wheel, struct str path)
{
	static const char *const names[] = {"RECORD", "RECORD.jws",
					    "RECORD.p7s"};

	if (!str_eat(&path, wheel->info) || !str_eat(&path, STR("/")))
		return false;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_eq(path, str_from(names[i])))
			return true;
	return false;
}

static int disagree(const struct wheel *wheel, struct error **err,
		    struct str path, const char *what)
{
	err_make(err, ERR_FLEET,
		 "its RECORD and its files disagree: "
		 "'" STR_FMT "' %s",
		 STR_ARG(path), what);
	return err_hint(err,
			"take another version; or, if this one is known to be "
			"good, allow it in policy.exceptions: {id: "
			"wheel-record, package: " STR_FMT ", why: ...}",
			STR_ARG(wheel->name));
}

/* The list of RECORD against the list of members, both ways. */
static int compare_lists(struct wheel *wheel, struct error **err)
{
	for (size_t i = 0; i < wheel->zip.n; i++) {
		const struct zip_member *member = wheel->zip.members + i;
		struct record_row *row = map_get(&wheel->record, member->name);

		if (row)
			row->member = member;
		if (member->is_folder || is_exempt(wheel, member->name))
			continue;
		if (!row)
			return disagree(wheel, err, member->name,
					"is not listed");
		if (row->hash.n == 0)
			return disagree(wheel, err, member->name,
					"is listed without a hash");
		if (row->has_size && row->size_bytes != member->size_bytes)
			return disagree(wheel, err, member->name,
					"is listed with another size");
	}
	map_each (entry, &wheel->record) {
		const struct record_row *row = entry->value;

		if (!row->member || row->member->is_folder)
			return disagree(wheel, err, row->path,
					"is listed and is not there");
	}
	return 0;
}

int wheel_read_record(struct wheel *wheel, struct error **err)
{
	auto_buf struct buf bytes = BUF_EMPTY;
	const struct zip_member *member = wheel_info_member(wheel, "RECORD");
	struct str line;

	if (!member || member->is_folder)
		return err_make(err, ERR_FLEET,
				"it has no '" STR_FMT "/RECORD'",
				STR_ARG(wheel->info));
	if (zip_read(wheel->stream, &wheel->zip, member, RECORD_MAX, &bytes,
		     err))
		return -1;
	/* An exception says not to believe it. */
	if (wheel->record_exception)
		return 0;
	struct str text = arena_str(&wheel->arena, buf_str(&bytes));

	if (!str_is_utf8(text))
		return err_make(err, ERR_FLEET, "its RECORD is not UTF-8");
	for (size_t number = 1; str_line(&text, &line); number++)
		if (line.n && parse_row(wheel, line, number, err))
			return -1;
	return compare_lists(wheel, err);
}

/* Reads a member once more than needed: for the rare RECORD whose hashes are
 * not SHA-256. */
static int hash_member(struct wheel *wheel, const struct zip_member *member,
		       const struct record_row *row, struct digest *digest,
		       struct error **err)
{
	const EVP_MD *method = EVP_sha256();
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned int hash_bytes = 0;
	auto_sha256 struct sha256 sha;
	struct zip_piece piece;
	int more;

	if (row && str_eq(row->algorithm, STR("sha384")))
		method = EVP_sha384();
	if (row && str_eq(row->algorithm, STR("sha512")))
		method = EVP_sha512();
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	if (!context || !EVP_DigestInit_ex(context, method, NULL))
		abort();
	sha256_init(&sha);
	zip_stream_start(wheel->stream, &wheel->zip, member);
	while ((more = zip_stream_next(wheel->stream, &piece, err)) > 0) {
		EVP_DigestUpdate(context, piece.raw.p, piece.raw.n);
		sha256_update(&sha, piece.raw);
	}
	EVP_DigestFinal_ex(context, hash, &hash_bytes);
	EVP_MD_CTX_free(context);
	sha256_final(&sha, digest);
	if (more < 0)
		return -1;
	if (row && !str_eq(row->hash, str_of((const char *)hash, hash_bytes)))
		return disagree(wheel, err, member->name,
				"has another hash than listed");
	return 0;
}

int wheel_member_digest(struct wheel *wheel, const struct zip_member *member,
			struct digest *digest, struct error **err)
{
	const struct record_row *row = map_get(&wheel->record, member->name);

	if (row && !row->hash.n)
		row = NULL;
	if (!row || row->hash.n != DIGEST_BYTES)
		return hash_member(wheel, member, row, digest, err);
	memcpy(digest->bytes, row->hash.p, DIGEST_BYTES);
	return 0;
}

int wheel_check_digest(const struct wheel *wheel,
		       const struct zip_member *member,
		       const struct digest *said, const struct digest *found,
		       struct error **err)
{
	return digest_eq(said, found)
		       ? 0
		       : disagree(wheel, err, member->name,
				  "has another hash than listed");
}

/* A field as csv.writer() of Python writes it. */
static void append_field(struct buf *out, struct str field)
{
	if (str_find(field, ',') < 0 && str_find(field, '"') < 0) {
		buf_append(out, field);
		return;
	}
	buf_append_byte(out, '"');
	for (size_t i = 0; i < field.n; i++) {
		if (field.p[i] == '"')
			buf_append_byte(out, '"');
		buf_append_byte(out, field.p[i]);
	}
	buf_append_byte(out, '"');
}

struct str wheel_record_path(const struct wheel *wheel, struct arena *arena,
			     struct str installed)
{
	if (str_starts(installed, wheel->site) &&
	    installed.p[wheel->site.n] == '/')
		return str_slice(installed, wheel->site.n + 1, installed.n);
	/* site-packages is three folders below the root. */
	str_eat(&installed, wheel->root);
	return arena_printf(arena, "../../.." STR_FMT, STR_ARG(installed));
}

void wheel_append_row(struct buf *out, struct str record_path,
		      const struct digest *digest, uint64_t size_bytes)
{
	append_field(out, record_path);
	buf_append_byte(out, ',');
	if (digest) {
		buf_append_text(out, "sha256=");
		encode(out, digest->bytes, DIGEST_BYTES);
		buf_printf(out, ",%llu", (unsigned long long)size_bytes);
	} else {
		buf_append_byte(out, ',');
	}
	/* The end of line that csv.writer() of Python, thus pip, writes. */
	buf_append_text(out, "\r\n");
}
