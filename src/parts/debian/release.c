/* InRelease: fetched, its signature judged by gpgv, its dates by us.
 *
 * Source: "DebianRepository/Format" of the Debian wiki, "Release files";
 * GnuPG's doc/DETAILS for the status lines.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/proc.h"
#include "codec/deb.h"
#include "facts/store.h"
#include "parts/debian/archive.h"
#include "parts/debian/keyring.h"
#include "parts/fetch.h"

enum {
	MAX_RELEASE = 4 << 20,
	CLOCK_SKEW_S = 24 * 3600, /* of a Date that lies ahead */
	TIMEOUT_MS = 60000,
};

static const struct str message_start =
	STR_INIT("-----BEGIN PGP SIGNED MESSAGE-----");

/* What gpgv found out. */
struct verdict {
	unsigned good, bad, expired;
	struct str missing; /* id of a key that is not in the keyring */
};

static struct verdict read_status(struct str status)
{
	struct verdict verdict = {0, 0, 0, STR_EMPTY};
	struct str line, word;

	while (str_line(&status, &line)) {
		if (!str_eat(&line, STR("[GNUPG:] ")) ||
		    !str_split(&line, ' ', &word))
			continue;
		if (str_eq(word, STR("GOODSIG")))
			verdict.good++;
		else if (str_eq(word, STR("BADSIG")))
			verdict.bad++;
		else if (str_eq(word, STR("EXPKEYSIG")) ||
			 str_eq(word, STR("REVKEYSIG")) ||
			 str_eq(word, STR("EXPSIG")))
			verdict.expired++;
		else if (str_eq(word, STR("NO_PUBKEY")))
			verdict.missing = line;
	}
	return verdict;
}

static int refuse(const struct verdict *verdict, const struct keyring *keyring,
		  struct error **err)
{
	if (verdict->bad)
		return err_make(err, ERR_ENV,
				"its signature does not fit its text: it was "
				"changed after it was signed");
	if (verdict->expired)
		return err_make(err, ERR_ENV,
				"it is signed by a key or a signature that "
				"has expired or was revoked");
	if (verdict->missing.n) {
		err_make(err, ERR_ENV,
			 "it is signed by the key " STR_FMT
			 ", which is not among %.*s",
			 STR_ARG(verdict->missing), (int)keyring->described.n,
			 keyring->described.n ? keyring->described.p : "");
		return err_hint(err, "a newer debian-archive-keyring may have "
				     "that key; if not, the mirror is not "
				     "Debian's");
	}
	return err_make(err, ERR_ENV, "it is not signed");
}

/* Two messages in one file could be read as one signed by both. */
static bool is_one_message(struct str text)
{
	struct str line;
	unsigned count = 0;

	if (!str_starts(text, message_start))
		return false;
	while (str_line(&text, &line))
		count += str_starts(line, message_start);
	return count == 1;
}

/* Runs gpgv; the signed text in *text. */
static int verify(struct str signed_text, const struct keyring *keyring,
		  struct buf *text, struct error **err)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	static const char *const env[] = {
		"LC_ALL=C", "PATH=/usr/bin:/bin:/usr/local/bin", NULL};
	ARRAY(const char *) argv = ARRAY_EMPTY;
	auto_free char *program = proc_find("gpgv");

	if (!program) {
		err_make(err, ERR_ENV,
			 "the program 'gpgv' is not installed: without it the "
			 "signature of a package list cannot be judged");
		return err_hint(err, "install the package gpgv");
	}
	if (!is_one_message(signed_text))
		return err_make(err, ERR_ENV, "it is not signed");
	array_push(&argv, program);
	array_push(&argv, "--homedir");
	array_push(&argv, keyring->folder);
	array_push(&argv, "--status-fd");
	array_push(&argv, "2");
	array_push(&argv, "--weak-digest");
	array_push(&argv, "SHA1");
	array_each (char *, file, &keyring->files) {
		array_push(&argv, "--keyring");
		array_push(&argv, *file);
	}
	array_push(&argv, "--output");
	array_push(&argv, "-");
	array_push(&argv, NULL);
	struct proc_options options = {
		.argv = argv.p,
		.env = env,
		.input = signed_text,
		.max_output_bytes = MAX_RELEASE,
		.timeout_ms = TIMEOUT_MS,
	};
	int status = proc_run(&options, &result, err);

	array_release(&argv);
	if (status)
		return -1;
	struct verdict verdict = read_status(buf_str(&result.errors));

	if (verdict.good == 0 || verdict.bad)
		return refuse(&verdict, keyring, err);
	buf_append(text, buf_str(&result.output));
	return 0;
}

/* The next part up to the separator as a number of at most max. */
static bool parse_part(struct str *rest, char separator, uint64_t max, int *out)
{
	struct str part;
	uint64_t value;

	if (!str_split(rest, separator, &part) || !str_to_u64(part, &value) ||
	    value > max)
		return false;
	*out = (int)value;
	return true;
}

/* "Jul" as 6. */
static bool parse_month(struct str *rest, int *month)
{
	struct str names = STR("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov "
			       "Dec");
	struct str name, part;

	if (!str_split(rest, ' ', &part))
		return false;
	for (*month = 0; str_split(&names, ' ', &name); (*month)++)
		if (str_eq(name, part))
			return true;
	return false;
}

/* "Sat, 11 Jul 2026 10:16:37 UTC" */
static bool parse_date(struct str text, int64_t *time_s)
{
	struct str weekday;
	struct tm tm = {0};

	if (!str_split(&text, ' ', &weekday) ||
	    !parse_part(&text, ' ', 31, &tm.tm_mday) ||
	    !parse_month(&text, &tm.tm_mon) ||
	    !parse_part(&text, ' ', 9999, &tm.tm_year) ||
	    !parse_part(&text, ':', 23, &tm.tm_hour) ||
	    !parse_part(&text, ':', 59, &tm.tm_min) ||
	    !parse_part(&text, ' ', 60, &tm.tm_sec) ||
	    !(str_eq(text, STR("UTC")) || str_eq(text, STR("GMT")) ||
	      str_eq(text, STR("+0000"))))
		return false;
	tm.tm_year -= 1900;
	*time_s = timegm(&tm);
	return true;
}

static int check_dates(const struct deb_paragraph *paragraph, int64_t now_s,
		       struct error **err)
{
	struct str date = deb_paragraph_get(paragraph, "Date");
	struct str until = deb_paragraph_get(paragraph, "Valid-Until");
	int64_t date_s, until_s;

	if (!parse_date(date, &date_s))
		return err_make(err, ERR_ENV,
				"its date cannot be read: '" STR_FMT "'",
				STR_ARG(date));
	if (date_s > now_s + CLOCK_SKEW_S) {
		err_make(err, ERR_ENV, "it is from the future: " STR_FMT,
			 STR_ARG(date));
		return err_hint(err, "check this host's clock");
	}
	if (until.n == 0)
		return 0;
	if (!parse_date(until, &until_s))
		return err_make(err, ERR_ENV,
				"its Valid-Until cannot be read: '" STR_FMT "'",
				STR_ARG(until));
	if (until_s < now_s) {
		err_make(err, ERR_ENV,
			 "it has expired: it was valid until " STR_FMT,
			 STR_ARG(until));
		return err_hint(err, "the mirror is behind, or this host's "
				     "clock is wrong");
	}
	return 0;
}

static int check_text(struct str text, struct str suite, int64_t now_s,
		      bool *by_hash, struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct deb_paragraph paragraph;
	int found = deb_paragraph_next(&text, &arena, &paragraph, err);

	if (found < 0)
		return -1;
	struct str codename = deb_paragraph_get(&paragraph, "Codename");
	struct str name = deb_paragraph_get(&paragraph, "Suite");

	if (found == 0 || (!str_eq(codename, suite) && !str_eq(name, suite)))
		return err_make(err, ERR_ENV,
				"it is of the suite '" STR_FMT "'",
				STR_ARG(codename.n ? codename : name));
	*by_hash = str_eq_case(deb_paragraph_get(&paragraph, "Acquire-By-Hash"),
			       STR("yes"));
	return check_dates(&paragraph, now_s, err);
}

static int try_mirror(const struct debian_source *source,
		      const struct debian_mirror *mirror, struct arena *arena,
		      struct debian_release *release, struct error **err)
{
	auto_free char *url =
		path_printf(STR_FMT "/dists/" STR_FMT "/InRelease",
			    STR_ARG(mirror->url), STR_ARG(release->suite));
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;
	auto_store_tree struct store_tree folder = STORE_TREE_EMPTY;
	auto_keyring struct keyring keyring = KEYRING_EMPTY;
	auto_buf struct buf text = BUF_EMPTY;
	struct fetch_request request = {.url = url, .max_bytes = MAX_RELEASE};
	int64_t now_s = source->now_s ? source->now_s : (int64_t)time(NULL);

	if (fetch_bytes(source->fetch, &request, &response, err))
		return -1;
	release->mirror = mirror->url;
	if (store_tree_begin(source->store, &folder, err) ||
	    keyring_open(source, mirror, folder.folder, &keyring, err))
		return -1;
	if (verify(buf_str(&response.body), &keyring, &text, err) ||
	    check_text(buf_str(&text), release->suite, now_s, &release->by_hash,
		       err)) {
		auto_free char *shown = fetch_url_public(url);

		return err_wrap(err, "'%s' is refused", shown);
	}
	release->text = arena_str(arena, buf_str(&text));
	return 0;
}

int debian_release_fetch(const struct debian_source *source, struct str suite,
			 struct arena *arena, struct debian_release *release,
			 struct error **err)
{
	struct debian_mirrors mirrors;
	auto_err struct error *first = NULL;
	bool judged = false;

	*release = (struct debian_release){.suite = suite};
	if (debian_mirrors_find(source, suite, arena, &mirrors, err))
		return -1;
	for (size_t i = 0; i < mirrors.n; i++) {
		struct error *error = NULL;

		release->mirror = STR_EMPTY;
		if (try_mirror(source, &mirrors.p[i], arena, release, &error) ==
		    0)
			return 0;
		/* What a mirror has and may not tells more than that another
		 * has nothing. */
		if (!first || (release->mirror.n && !judged)) {
			err_free(first);
			first = error;
			judged = release->mirror.n > 0;
		} else {
			err_free(error);
		}
		if (err_class(first) == ERR_CANCELLED)
			break;
	}
	return err_pass(err, mem_steal(first));
}

bool debian_release_file(const struct debian_release *release, struct str path,
			 struct digest *digest, uint64_t *size_bytes)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct deb_paragraph paragraph;
	struct str rest = release->text, line;

	if (deb_paragraph_next(&rest, &arena, &paragraph, NULL) <= 0)
		return false;
	rest = deb_paragraph_get(&paragraph, "SHA256");
	while (str_line(&rest, &line)) {
		struct str words[3], word;
		size_t count = 0;

		while (str_split(&line, ' ', &word))
			if (word.n && count < 3)
				words[count++] = word;
		if (count == 3 && str_eq(words[2], path))
			return digest_parse(words[0], digest) &&
			       str_to_u64(words[1], size_bytes);
	}
	return false;
}

int debian_probe(const struct debian_source *source, struct str suite,
		 struct arena *arena, struct str *mirror, struct error **err)
{
	struct debian_mirrors mirrors;
	struct debian_release release;

	if (!fetch_is_offline(source->fetch)) {
		if (debian_release_fetch(source, suite, arena, &release, err))
			return -1;
		*mirror = release.mirror;
		return 0;
	}
	if (debian_mirrors_find(source, suite, arena, &mirrors, err))
		return -1;
	*mirror = mirrors.p[0].url;
	return 0;
}
