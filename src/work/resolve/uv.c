/* One run of `uv pip compile`, for a target that need not be this host. */
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "codec/toml.h"
#include "facts/store.h"
#include "facts/version.h"
#include "parts/fetch.h"
#include "work/resolve/run.h"

enum {
	TIMEOUT_MS = 15 * 60 * 1000,
	MAX_PYLOCK_BYTES = 64 << 20,
	MAX_REASON_BYTES = 1200,
	MAX_NAMES_BYTES = 300,
};

extern char **environ;

/* Arguments or environment of a child, all in an arena. */
struct words {
	const char **p;
	size_t n, capacity;
};

/* What one run needs on disk, below folder. */
struct workplace {
	struct store_tree tree;
	char *input, *constraints, *overrides, *output;
};

static void workplace_release(struct workplace *place)
{
	free(place->input);
	free(place->constraints);
	free(place->overrides);
	free(place->output);
	store_tree_abort(&place->tree);
}

static int write_lines(const char *path, struct lock_strs lines,
		       struct error **err)
{
	auto_buf struct buf text = BUF_EMPTY;

	for (size_t i = 0; i < lines.n; i++)
		buf_printf(&text, STR_FMT "\n", STR_ARG(lines.p[i]));
	return fs_write_file(path, buf_str(&text), 0600, err);
}

/* A project whose dependencies are the requirements: the one form of input in
 * which uv binds a package to an index. */
static int write_project(const char *path, struct lock_strs requirements,
			 const struct manifest_track *track, struct error **err)
{
	auto_buf struct buf out = BUF_EMPTY;

	buf_append_text(&out, "[project]\nname = \"fleet\"\nversion = \"0\"\n"
			      "dependencies = [\n");
	for (size_t i = 0; i < requirements.n; i++) {
		toml_append_string(&out, requirements.p[i]);
		buf_append_text(&out, ",\n");
	}
	buf_append_text(&out, "]\n");
	for (size_t i = 0; i < track->indexes.n; i++) {
		buf_printf(&out,
			   "[[tool.uv.index]]\nname = \"track-%zu\"\n"
			   "explicit = true\nurl = ",
			   i);
		toml_append_string(&out, track->indexes.p[i].url.s);
		buf_append_text(&out, "\n");
	}
	buf_append_text(&out, "[tool.uv.sources]\n");
	for (size_t i = 0; i < track->indexes.n; i++)
		array_each (const struct manifest_text, package,
			    &track->indexes.p[i].packages) {
			toml_append_string(&out, package->s);
			buf_printf(&out, " = {index = \"track-%zu\"}\n", i);
		}
	return fs_write_file(path, buf_str(&out), 0600, err);
}

static int write_constraints(const char *path,
			     const struct resolve_uv_request *request,
			     struct error **err)
{
	auto_buf struct buf text = BUF_EMPTY;

	array_each (const struct manifest_text, pin, &request->track->pins)
		buf_printf(&text, STR_FMT "\n", STR_ARG(pin->s));
	for (size_t i = 0; i < request->constraints.n; i++)
		buf_printf(&text, STR_FMT "\n",
			   STR_ARG(request->constraints.p[i]));
	return fs_write_file(path, buf_str(&text), 0600, err);
}

/* A package that is replaced never applies. */
static int write_overrides(const char *path,
			   struct closure_replacements replacements,
			   struct error **err)
{
	auto_buf struct buf text = BUF_EMPTY;

	for (size_t i = 0; i < replacements.n; i++)
		buf_printf(&text, STR_FMT "; sys_platform == 'never'\n",
			   STR_ARG(replacements.p[i].name));
	return fs_write_file(path, buf_str(&text), 0600, err);
}

/* uv keeps the versions of the file that it is to replace. */
static int write_preferences(const char *path,
			     const struct lock_resolution *preferred,
			     struct error **err)
{
	auto_buf struct buf text = BUF_EMPTY;

	buf_append_text(&text,
			"lock-version = \"1.0\"\ncreated-by = \"slipway\"\n");
	for (size_t i = 0; i < preferred->package_count; i++) {
		buf_append_text(&text, "[[packages]]\nname = ");
		toml_append_string(&text, preferred->packages[i].name);
		buf_append_text(&text, "\nversion = ");
		toml_append_string(&text, preferred->packages[i].version);
		buf_append_text(&text, "\n");
	}
	return fs_write_file(path, buf_str(&text), 0600, err);
}

static int workplace_init(struct workplace *place, struct store *store,
			  const struct resolve_uv_request *request,
			  struct error **err)
{
	bool is_bound = request->track->indexes.n > 0;

	*place = (struct workplace){.tree = STORE_TREE_EMPTY};
	if (store_tree_begin(store, &place->tree, err))
		return -1;
	place->input = path_join(place->tree.folder,
				 is_bound ? "pyproject.toml" : "fleet.in");
	place->constraints = path_join(place->tree.folder, "constraints.txt");
	place->overrides = path_join(place->tree.folder, "overrides.txt");
	place->output = path_join(place->tree.folder, "pylock.fleet.toml");
	if (is_bound ? write_project(place->input, request->requirements,
				     request->track, err)
		     : write_lines(place->input, request->requirements, err))
		return -1;
	if (write_constraints(place->constraints, request, err) ||
	    write_overrides(place->overrides, request->replacements, err))
		return -1;
	return request->preferred ? write_preferences(place->output,
						      request->preferred, err)
				  : 0;
}

/* The platform in uv's words: the newest glibc that it knows and that is not
 * newer than the target's. */
static int platform_word(const struct resolve_uv_request *request,
			 struct arena *arena, struct str *word,
			 struct error **err)
{
	static const unsigned known[] = {40, 39, 38, 37, 36, 35,
					 34, 33, 32, 31, 28, 17};
	const char *machine = str_eq(request->platform, STR("linux/amd64"))
				      ? "x86_64"
				      : "aarch64";
	struct str glibc = request->glibc;
	uint64_t minor;

	if (!str_eat(&glibc, STR("2.")) || !str_to_u64(glibc, &minor))
		minor = 0;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (known[i] > minor)
			continue;
		*word = arena_printf(arena, "%s-manylinux_2_%u", machine,
				     known[i]);
		return 0;
	}
	return err_make(err, ERR_FLEET,
			"glibc '" STR_FMT "' is too old for Python wheels",
			STR_ARG(request->glibc));
}

static int make_arguments(const struct resolve_run *run,
			  const struct resolve_uv_request *request,
			  const struct workplace *place, struct arena *arena,
			  struct words *words, struct error **err)
{
	struct str platform;

	if (platform_word(request, arena, &platform, err))
		return -1;
	const char *const fixed[] = {
		run->uv,
		"pip",
		"compile",
		place->input,
		"--output-file",
		place->output,
		"--format",
		"pylock.toml",
		"--only-binary",
		":all:",
		"--python-version",
		arena_str(arena, request->python).p,
		"--python-platform",
		platform.p,
		"--no-python-downloads",
		"--no-header",
		"--no-annotate",
		"--no-progress",
		"--color",
		"never",
	};

	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		array_push(words, fixed[i]);
	/* uv warns of files that say nothing. */
	if (request->constraints.n + request->track->pins.n > 0) {
		array_push(words, "--constraints");
		array_push(words, place->constraints);
	}
	if (request->replacements.n > 0) {
		array_push(words, "--overrides");
		array_push(words, place->overrides);
	}
	if (run->python) {
		array_push(words, "--python");
		array_push(words, run->python);
	}
	if (fetch_is_offline(run->options->fetch))
		array_push(words, "--offline");
	if (request->upgrade)
		array_push(words, "--upgrade");
	for (size_t i = 0; i < request->upgrades.n; i++) {
		array_push(words, "--upgrade-package");
		array_push(words, arena_str(arena, request->upgrades.p[i]).p);
	}
	array_push(words, NULL);
	return 0;
}

/* Settings of uv that say where and how to fetch are the user's; those that
 * change what comes out are slipway's. */
static bool is_kept(struct str name)
{
	static const struct str prefixes[] = {
		STR_INIT("UV_CACHE_DIR"),      STR_INIT("UV_NATIVE_TLS"),
		STR_INIT("UV_SYSTEM_CERTS"),   STR_INIT("UV_INSECURE_HOST"),
		STR_INIT("UV_HTTP_"),	       STR_INIT("UV_CONCURRENT_"),
		STR_INIT("UV_CONFIG_FILE"),    STR_INIT("UV_KEYRING_PROVIDER"),
		STR_INIT("UV_INDEX_"),	       STR_INIT("UV_NO_CACHE"),
		STR_INIT("UV_REQUEST_"),       STR_INIT("UV_PYTHON"),
		STR_INIT("UV_INDEX_STRATEGY"),
	};

	if (!str_starts(name, STR("UV_")))
		return true;
	if (str_eq(name, STR("UV_INDEX_URL")))
		return false;
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
		if (str_starts(name, prefixes[i]))
			return true;
	return false;
}

/* The places of uv's, pip's and the host's configuration in uv's variables:
 * uv itself reads nothing of pip's. Not as arguments: urls hold passwords. */
static int add_indexes(struct resolve_run *run, struct arena *arena,
		       struct words *words, struct error **err)
{
	const struct pyindex_place *places;
	struct str more = STR_EMPTY, flat = STR_EMPTY;
	size_t count;

	if (pyindex_places(run->index, &places, &count, err))
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct pyindex_place *place = &places[i];

		if (place->is_explicit)
			continue;
		if (place->kind == PYINDEX_FLAT)
			flat = arena_printf(arena, STR_FMT "%s%s",
					    STR_ARG(flat), flat.n ? "," : "",
					    place->url);
		else if (place->is_default)
			array_push(words,
				   arena_printf(arena, "UV_DEFAULT_INDEX=%s",
						place->url)
					   .p);
		else
			more = arena_printf(arena, STR_FMT "%s%s",
					    STR_ARG(more), more.n ? " " : "",
					    place->url);
	}
	if (more.n > 0)
		array_push(words, arena_printf(arena, "UV_INDEX=" STR_FMT,
					       STR_ARG(more))
					  .p);
	if (flat.n > 0)
		array_push(words, arena_printf(arena, "UV_FIND_LINKS=" STR_FMT,
					       STR_ARG(flat))
					  .p);
	return 0;
}

static int make_environment(struct resolve_run *run, struct arena *arena,
			    struct words *words, struct error **err)
{
	for (char **entry = environ; *entry; entry++) {
		const char *equals = strchr(*entry, '=');

		/* An empty SSL_CERT_FILE is none. */
		if (equals && strcmp(*entry, "SSL_CERT_FILE=") != 0 &&
		    is_kept(str_of(*entry, (size_t)(equals - *entry))))
			array_push(words, *entry);
	}
	const char *bundle = getenv("CURL_CA_BUNDLE");
	const char *file = getenv("SSL_CERT_FILE");

	/* The one that slipway's own downloads go by; uv knows only this. */
	if (bundle && *bundle && (!file || !*file))
		array_push(words,
			   arena_printf(arena, "SSL_CERT_FILE=%s", bundle).p);
	if (add_indexes(run, arena, words, err))
		return -1;
	array_push(words, NULL);
	return 0;
}

/* Words one space apart, without uv's lead-in and drawing. */
static void append_words(struct buf *out, struct str line)
{
	struct str word;

	while (str_split(&line, ' ', &word)) {
		if (word.n == 0 || (unsigned char)word.p[0] == 0xe2 ||
		    str_eq(word, STR("cause:")))
			continue;
		if (out->n > 0)
			buf_append_byte(out, ' ');
		buf_append(out, word);
	}
}

/* uv's explanation: what follows its first line, up to its hints; of those,
 * that an index refused to answer. */
static struct str shorten(struct str errors, struct arena *arena)
{
	auto_buf struct buf out = BUF_EMPTY;
	struct str all = errors, line;
	bool has_begun = false;

	while (str_line(&errors, &line)) {
		if (str_starts(str_trim(line), STR("hint:")))
			break;
		if (has_begun)
			append_words(&out, line);
		has_begun |= str_find_str(line, STR("No solution found")) >= 0;
	}
	if (out.n > MAX_REASON_BYTES) {
		out.n = MAX_REASON_BYTES;
		while (out.n > 0 && !str_is_utf8(str_of(out.p, out.n)))
			out.n--;
		buf_append_text(&out, " ...");
	}
	if (str_find_str(all, STR("401 Unauthorized")) >= 0)
		buf_append_text(&out, " (An index answered 401: it wants a "
				      "login.)");
	else if (str_find_str(all, STR("403 Forbidden")) >= 0)
		buf_append_text(&out, " (An index answered 403: it forbids "
				      "this.)");
	return arena_str(arena, buf_str(&out));
}

/* What uv could not know without the network. */
static int offline_error(const struct resolve_uv_request *request,
			 struct error **err)
{
	auto_buf struct buf names = BUF_EMPTY;

	for (size_t i = 0; i < request->requirements.n; i++) {
		struct str wanted = request->requirements.p[i];

		if (request->preferred && !request->upgrade &&
		    resolve_strs_has(request->preferred->requirements, wanted))
			continue;
		if (names.n > MAX_NAMES_BYTES) {
			buf_append_text(&names, ", ...");
			break;
		}
		buf_printf(&names, "%s" STR_FMT, names.n ? ", " : "",
			   STR_ARG(wanted));
	}
	err_make(err, ERR_ENV,
		 "the versions of %s have to be asked of the index, and "
		 "--offline forbids that",
		 names.n ? buf_text(&names) : "what the services need");
	return err_hint(err, "run slipway lock once without --offline");
}

static int judge(const struct proc_result *result,
		 const struct resolve_uv_request *request, const char *output,
		 struct arena *arena, enum resolve_uv_outcome *outcome,
		 struct str *text, struct error **err)
{
	auto_buf struct buf pylock = BUF_EMPTY;
	struct str errors = buf_str(&result->errors);

	if (result->status == 0) {
		if (fs_read(output, MAX_PYLOCK_BYTES, &pylock, err))
			return -1;
		*text = arena_str(arena, buf_str(&pylock));
		*outcome = RESOLVE_UV_DONE;
		return 0;
	}
	if (result->status == 1 &&
	    str_find_str(errors, STR("No solution found")) >= 0 &&
	    str_find_str(errors, STR("network was disabled")) < 0) {
		*text = shorten(errors, arena);
		*outcome = RESOLVE_UV_CONFLICT;
		return 0;
	}
	if (str_find_str(errors, STR("network was disabled")) >= 0)
		return offline_error(request, err);
	errors = str_trim(errors);
	return err_make(err, ERR_ENV,
			"uv could not resolve (status %d):\n" STR_FMT,
			result->status,
			STR_ARG(str_slice(errors, 0, MAX_REASON_BYTES)));
}

static int run_uv(struct resolve_run *run,
		  const struct resolve_uv_request *request,
		  const struct workplace *place, struct arena *arena,
		  struct proc_result *result, struct error **err)
{
	struct words arguments = ARRAY_EMPTY, environment = ARRAY_EMPTY;
	int status = -1;

	if (make_arguments(run, request, place, arena, &arguments, err) == 0 &&
	    make_environment(run, arena, &environment, err) == 0) {
		struct proc_options options = {
			.argv = arguments.p,
			.env = environment.p,
			.folder = run->options->folder,
			.max_output_bytes = MAX_PYLOCK_BYTES,
			.timeout_ms = TIMEOUT_MS,
		};

		struct progress *progress = progress_new("resolving", 0, "");

		status = proc_run(&options, result, err);
		progress_free(progress);
	}
	array_release(&arguments);
	array_release(&environment);
	return status;
}

int resolve_uv(struct resolve_run *run,
	       const struct resolve_uv_request *request, struct arena *arena,
	       enum resolve_uv_outcome *outcome, struct str *text,
	       struct error **err)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	auto_arena struct arena scratch = ARENA_EMPTY;
	struct workplace place;
	int status = -1;

	if (!run->uv && (resolve_find_uv(run, &run->uv, err) ||
			 resolve_find_python(run, err)))
		return -1;
	if (workplace_init(&place, run->options->store, request, err) == 0 &&
	    run_uv(run, request, &place, &scratch, &result, err) == 0)
		status = judge(&result, request, place.output, arena, outcome,
			       text, err);
	workplace_release(&place);
	return status;
}
