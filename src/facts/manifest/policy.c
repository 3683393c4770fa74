/* `source`, `policy`, `questions`, `registry` and `tag`. */
#include "facts/manifest/reader.h"

/* The manifest may stand in a folder of the source, so ".." is fine here. */
static void field_root(struct manifest *manifest, const struct yaml_node *node,
		       const struct manifest_key *key, void *field)
{
	static const char form[] = "a path relative to this file's folder";

	if (!reader_want(manifest, node, key->name, form))
		return;
	struct str rest = node->text;

	while (str_eat(&rest, STR("./")) || str_eat(&rest, STR("../")))
		;
	if (rest.n == 0 || str_eq(rest, STR(".")) || str_eq(rest, STR("..")) ||
	    !reader_path_defect(rest))
		*(struct manifest_text *)field = reader_text(node);
	else
		reader_refuse(manifest, node, key->name, form);
}

static const struct manifest_key source_keys[] = {
	KEY(struct manifest_source, root, field_root),
	KEY(struct manifest_source, pythonpath, field_paths),
	KEY(struct manifest_source, shared, field_paths),
	KEY(struct manifest_source, exclude, field_globs),
};

void field_source(struct manifest *manifest, const struct yaml_node *node,
		  const struct manifest_key *key, void *field)
{
	(void)key;
	reader_map(manifest, node, "'source'", source_keys,
		   KEY_COUNT(source_keys), field);
}

static const struct manifest_word severity_words[] = {
	{"low", 0}, {"medium", 1}, {"high", 2}, {"critical", 3}, {NULL, 0},
};

static const struct manifest_word unfixed_words[] = {
	{"report", MANIFEST_UNFIXED_REPORT},
	{"ignore", MANIFEST_UNFIXED_IGNORE},
	{"fail", MANIFEST_UNFIXED_FAIL},
	{NULL, 0},
};

static const struct manifest_word compression_words[] = {
	{"gzip", MANIFEST_GZIP},
	{"zstd", MANIFEST_ZSTD},
	{"none", MANIFEST_UNCOMPRESSED},
	{"estargz", MANIFEST_ESTARGZ},
	{NULL, 0},
};

const char *manifest_compression_text(enum manifest_compression compression)
{
	return compression_words[compression].word;
}

static const struct manifest_key scan_keys[] = {
	KEY_AS("fail_on", struct manifest_policy, scan_fail_on,
	       field_word_texts, severity_words),
	KEY_AS("unfixed", struct manifest_policy, scan_unfixed, field_word,
	       unfixed_words),
};

/* Docker's storage drivers stop at 127 layers. */
static const struct manifest_range layer_range = {4, 120};
static const struct manifest_range release_range = {1, 1000};

static const struct manifest_key layer_keys[] = {
	KEY_AS("max", struct manifest_policy, layers_max, field_number,
	       &layer_range),
	KEY_AS("max_size", struct manifest_policy, layers_max_bytes,
	       field_size),
	KEY(struct manifest_policy, compression, field_word, compression_words),
};

static const struct manifest_word wheel_words[] = {
	{"all", MANIFEST_KEEP_ALL},
	{"packed", MANIFEST_KEEP_PACKED},
	{NULL, 0},
};

static const struct manifest_key keep_keys[] = {
	KEY_AS("releases", struct manifest_policy, keep_releases, field_number,
	       &release_range),
	KEY_AS("disk", struct manifest_policy, keep_disk_bytes, field_size),
	KEY_AS("wheels", struct manifest_policy, keep_wheels, field_word,
	       wheel_words),
};

/* YYYY-MM-DD that exists. */
static bool is_date(struct str text)
{
	static const unsigned char days[] = {31, 29, 31, 30, 31, 30,
					     31, 31, 30, 31, 30, 31};
	uint64_t year, month, day;

	if (text.n != 10 || text.p[4] != '-' || text.p[7] != '-' ||
	    !reader_to_number(str_slice(text, 0, 4), 2000, 9999, &year) ||
	    !reader_to_number(str_slice(text, 5, 7), 1, 12, &month) ||
	    !reader_to_number(str_slice(text, 8, 10), 1, 31, &day))
		return false;
	bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return day <= days[month - 1] && (month != 2 || day < 29 || is_leap);
}

static void field_date(struct manifest *manifest, const struct yaml_node *node,
		       const struct manifest_key *key, void *field)
{
	if (!reader_want(manifest, node, key->name, "a date, YYYY-MM-DD"))
		return;
	if (is_date(node->text))
		*(struct manifest_text *)field = reader_text(node);
	else
		reader_refuse(manifest, node, key->name, "a date, YYYY-MM-DD");
}

static const struct manifest_key exception_keys[] = {
	KEY(struct manifest_exception, id, field_name),
	KEY(struct manifest_exception, service, field_name),
	KEY(struct manifest_exception, package, field_name),
	KEY(struct manifest_exception, why, field_text),
	KEY(struct manifest_exception, expires, field_date),
};

static void read_exception(struct manifest *manifest,
			   const struct yaml_node *node,
			   const struct manifest_key *key, void *field)
{
	struct manifest_exception exception = {
		.service = reader_default(""),
		.package = reader_default(""),
	};
	size_t problems = manifest->problems.n;

	(void)key;
	reader_map(manifest, node, "an exception", exception_keys,
		   KEY_COUNT(exception_keys), &exception);
	if (manifest->problems.n == problems &&
	    (!exception.id.s.n || !exception.why.s.n || !exception.expires.s.n))
		reader_problem(manifest, reader_place(node), STR_EMPTY,
			       "an exception needs id, why and expires");
	list_push(manifest, (struct manifest_exceptions *)field, exception);
}

static void field_exceptions(struct manifest *manifest,
			     const struct yaml_node *node,
			     const struct manifest_key *key, void *field)
{
	reader_items(manifest, node, key, read_exception, field);
}

#define FIELD_PART(function, what, keys)                                       \
	static void function(struct manifest *manifest,                        \
			     const struct yaml_node *node,                     \
			     const struct manifest_key *key, void *field)      \
	{                                                                      \
		(void)key;                                                     \
		reader_map(manifest, node, what, keys, KEY_COUNT(keys),        \
			   field);                                             \
	}

FIELD_PART(field_scan, "'scan'", scan_keys)
FIELD_PART(field_layers, "'layers'", layer_keys)
FIELD_PART(field_keep, "'keep'", keep_keys)

static const struct manifest_key policy_keys[] = {
	{"scan", field_scan, 0, sizeof(struct manifest_policy), NULL},
	{"layers", field_layers, 0, sizeof(struct manifest_policy), NULL},
	{"keep", field_keep, 0, sizeof(struct manifest_policy), NULL},
	KEY(struct manifest_policy, exceptions, field_exceptions),
	KEY(struct manifest_policy, trust, field_public_keys),
};

void manifest_policy_init(struct manifest_policy *policy)
{
	*policy = (struct manifest_policy){
		.layers_max = 40,
		.layers_max_bytes = UINT64_C(1) << 30,
		.keep_releases = 5,
	};
}

void field_policy(struct manifest *manifest, const struct yaml_node *node,
		  const struct manifest_key *key, void *field)
{
	(void)key;
	reader_map(manifest, node, "'policy'", policy_keys,
		   KEY_COUNT(policy_keys), field);
}

static const struct manifest_key question_keys[] = {
	KEY(struct manifest_question, ask, field_text),
	KEY(struct manifest_question, from, field_text),
	KEY(struct manifest_question, services, field_names),
};

static void read_question(struct manifest *manifest,
			  const struct yaml_node *node,
			  const struct manifest_key *key, void *field)
{
	struct manifest_question question = {
		.from = reader_default(""),
		.at = reader_place(node),
	};
	size_t problems = manifest->problems.n;

	(void)key;
	reader_map(manifest, node, "a question", question_keys,
		   KEY_COUNT(question_keys), &question);
	if (manifest->problems.n == problems && !question.ask.s.n)
		reader_problem(manifest, question.at, STR_EMPTY,
			       "a question needs 'ask'");
	list_push(manifest, (struct manifest_questions *)field, question);
}

void field_questions(struct manifest *manifest, const struct yaml_node *node,
		     const struct manifest_key *key, void *field)
{
	if (yaml_is_null(node))
		return;
	reader_items(manifest, node, key, read_question, field);
}

void field_registry(struct manifest *manifest, const struct yaml_node *node,
		    const struct manifest_key *key, void *field)
{
	static const char form[] =
		"a host and path like registry.example.org/acme";
	bool is_fine;

	if (!reader_want(manifest, node, key->name, form))
		return;
	is_fine = reader_is_name(node->text, "._-/:") &&
		  !str_ends(node->text, STR("/")) &&
		  str_find_str(node->text, STR("//")) < 0;
	/* OCI distribution-spec: repository names are lower case. */
	for (size_t i = 0; i < node->text.n; i++)
		is_fine &= node->text.p[i] < 'A' || node->text.p[i] > 'Z';
	if (is_fine)
		*(struct manifest_text *)field = reader_text(node);
	else
		reader_refuse(manifest, node, key->name, form);
}

static const char *const placeholders[] = {
	"version", "python", "track", "os", "date", "git", "machine",
};

static void check_placeholder(struct manifest *manifest,
			      const struct yaml_node *node, struct str name)
{
	struct manifest_nearest nearest = {.word = name};

	for (size_t i = 0; i < KEY_COUNT(placeholders); i++) {
		if (str_eq(name, str_from(placeholders[i]))) {
			buf_release(&nearest.known);
			return;
		}
		manifest_nearest_offer(&nearest, str_from(placeholders[i]));
	}
	reader_problem(manifest, reader_place(node),
		       manifest_nearest_hint(&manifest->arena, &nearest),
		       "'tag' has no placeholder {" STR_FMT "}", STR_ARG(name));
}

void field_tag(struct manifest *manifest, const struct yaml_node *node,
	       const struct manifest_key *key, void *field)
{
	static const char form[] = "made of letters, digits, '.', '_', '-' "
				   "and placeholders like {version}";

	if (!reader_want(manifest, node, key->name, form))
		return;
	for (struct str rest = node->text; rest.n;) {
		ptrdiff_t close = str_find(rest, '}');

		if (str_eat(&rest, STR("{")) && close > 0) {
			check_placeholder(
				manifest, node,
				str_slice(rest, 0, (size_t)close - 1));
			rest = str_slice(rest, (size_t)close, rest.n);
		} else if (reader_is_name(str_slice(rest, 0, 1), "") ||
			   memchr("._-", rest.p[0], 3)) {
			rest = str_slice(rest, 1, rest.n);
		} else {
			reader_refuse(manifest, node, key->name, form);
			return;
		}
	}
	*(struct manifest_text *)field = reader_text(node);
}
