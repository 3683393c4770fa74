/* Readers of fields that several sections have. */
#include <stdio.h>

#include "base/sign.h"
#include "facts/manifest/reader.h"

void field_text(struct manifest *manifest, const struct yaml_node *node,
		const struct manifest_key *key, void *field)
{
	if (reader_want(manifest, node, key->name, "text"))
		*(struct manifest_text *)field = reader_text(node);
}

static const char name_form[] = "a name of letters, digits, '.', '_' and '-'";

void field_name(struct manifest *manifest, const struct yaml_node *node,
		const struct manifest_key *key, void *field)
{
	if (!reader_want(manifest, node, key->name, name_form))
		return;
	if (reader_is_name(node->text, "._-"))
		*(struct manifest_text *)field = reader_text(node);
	else
		reader_refuse(manifest, node, key->name, name_form);
}

void field_version(struct manifest *manifest, const struct yaml_node *node,
		   const struct manifest_key *key, void *field)
{
	if (!reader_want(manifest, node, key->name, "a version like \"12.1\""))
		return;
	if (reader_is_dotted_number(node->text, 2, 2))
		*(struct manifest_text *)field = reader_text(node);
	else
		reader_refuse(manifest, node, key->name,
			      "a version like \"12.1\"");
}

/* "./a/" is "a": what people write, and what path_is_clean wants. */
static struct manifest_text tidy_path(struct manifest *manifest,
				      const struct yaml_node *node)
{
	struct manifest_text text = reader_text(node);

	while (str_eat(&text.s, STR("./")))
		;
	if (text.s.n > 1 && text.s.p[text.s.n - 1] == '/')
		text.s = arena_str(&manifest->arena,
				   str_slice(text.s, 0, text.s.n - 1));
	return text;
}

static void add_problem_of_path(struct manifest *manifest,
				const struct yaml_node *node, const char *name,
				const char *defect)
{
	reader_problem(manifest, reader_place(node),
		       STR("paths are relative to source.root"),
		       "'%s': '%.200s' %s", name, node->text.p, defect);
}

void field_path(struct manifest *manifest, const struct yaml_node *node,
		const struct manifest_key *key, void *field)
{
	if (!reader_want(manifest, node, key->name, "a path"))
		return;
	struct manifest_text path = tidy_path(manifest, node);
	const char *defect =
		str_eq(path.s, STR(".")) ? NULL : reader_path_defect(path.s);

	if (defect)
		add_problem_of_path(manifest, node, key->name, defect);
	else
		*(struct manifest_text *)field = path;
}

void field_glob(struct manifest *manifest, const struct yaml_node *node,
		const struct manifest_key *key, void *field)
{
	if (!reader_want(manifest, node, key->name, "a path or glob"))
		return;
	struct manifest_text glob = tidy_path(manifest, node);
	const char *defect = reader_glob_defect(glob.s);

	if (defect)
		add_problem_of_path(manifest, node, key->name, defect);
	else
		*(struct manifest_text *)field = glob;
}

void field_absolute(struct manifest *manifest, const struct yaml_node *node,
		    const struct manifest_key *key, void *field)
{
	static const char form[] = "an absolute path in the image";

	if (!reader_want(manifest, node, key->name, form))
		return;
	struct manifest_text path = tidy_path(manifest, node);

	if (path.s.n > 1 && path.s.p[0] == '/' &&
	    !reader_path_defect(str_slice(path.s, 1, path.s.n)))
		*(struct manifest_text *)field = path;
	else
		reader_refuse(manifest, node, key->name, form);
}

static void field_distribution(struct manifest *manifest,
			       const struct yaml_node *node,
			       const struct manifest_key *key, void *field)
{
	static const char form[] = "the name of a Python package";

	if (!reader_want(manifest, node, key->name, form))
		return;
	if (reader_is_name(node->text, "._-") &&
	    !strchr("._-", node->text.p[node->text.n - 1]))
		*(struct manifest_text *)field = reader_text(node);
	else
		reader_refuse(manifest, node, key->name, form);
}

static void field_debian_package(struct manifest *manifest,
				 const struct yaml_node *node,
				 const struct manifest_key *key, void *field)
{
	static const char form[] = "the name of a Debian package";
	bool is_fine;

	if (!reader_want(manifest, node, key->name, form))
		return;
	is_fine = reader_is_name(node->text, "+.-") && node->text.n > 1;
	for (size_t i = 0; i < node->text.n; i++)
		is_fine &= node->text.p[i] < 'A' || node->text.p[i] > 'Z';
	if (is_fine)
		*(struct manifest_text *)field = reader_text(node);
	else
		reader_refuse(manifest, node, key->name, form);
}

static void field_public_key(struct manifest *manifest,
			     const struct yaml_node *node,
			     const struct manifest_key *key, void *field)
{
	static const char form[] = "a public key, ed25519:HEX as "
				   "'slipway key' prints it";
	struct sign_public parsed;

	if (!reader_want(manifest, node, key->name, form))
		return;
	if (sign_public_parse(node->text, &parsed))
		*(struct manifest_text *)field = reader_text(node);
	else
		reader_refuse(manifest, node, key->name, form);
}

/* A list of what read takes, or one of it. */
static void read_list(struct manifest *manifest, const struct yaml_node *node,
		      const struct manifest_key *key, manifest_reader *read,
		      struct manifest_texts *texts)
{
	size_t n = node->kind == YAML_LIST ? node->n : 1;

	for (size_t i = 0; i < n; i++) {
		struct manifest_text text = {.s = {NULL, 0}};

		read(manifest, node->kind == YAML_LIST ? node->items[i] : node,
		     key, &text);
		if (text.s.p)
			list_push(manifest, texts, text);
	}
}

#define FIELD_LIST(plural, singular)                                           \
	void plural(struct manifest *manifest, const struct yaml_node *node,   \
		    const struct manifest_key *key, void *field)               \
	{                                                                      \
		read_list(manifest, node, key, singular, field);               \
	}

FIELD_LIST(field_texts, field_text)
FIELD_LIST(field_names, field_name)
FIELD_LIST(field_paths, field_path)
FIELD_LIST(field_globs, field_glob)
FIELD_LIST(field_distributions, field_distribution)
FIELD_LIST(field_debian_packages, field_debian_package)
FIELD_LIST(field_public_keys, field_public_key)

/* [A-Za-z_][A-Za-z0-9_]* */
static bool is_variable(struct str name)
{
	bool has_first = false;

	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		bool is_digit = c >= '0' && c <= '9';

		if (c != '_' && !reader_is_name(str_of(&c, 1), ""))
			return false;
		if (is_digit && !has_first)
			return false;
		has_first = true;
	}
	return has_first;
}

void field_env(struct manifest *manifest, const struct yaml_node *node,
	       const struct manifest_key *key, void *field)
{
	struct manifest_pairs *pairs = field;

	if (node->kind != YAML_MAP) {
		if (!yaml_is_null(node))
			reader_problem(manifest, reader_place(node),
				       STR("write env: {NAME: VALUE}"),
				       "'%s' must be a map", key->name);
		return;
	}
	for (size_t i = 0; i < node->n; i++) {
		const struct yaml_node *name = node->pairs[i].key;
		const struct yaml_node *value = node->pairs[i].value;

		if (!is_variable(name->text))
			reader_refuse(manifest, name, key->name,
				      "made of names of letters, digits and "
				      "'_'");
		else if (value->kind != YAML_SCALAR)
			reader_problem(manifest, reader_place(value), STR_EMPTY,
				       "the variable '%s' must be text",
				       name->text.p);
		else
			list_push(manifest, pairs,
				  (struct manifest_pair){
					  reader_text(name),
					  reader_text(value),
					  yaml_is_null(value),
				  });
	}
}

void field_replaces(struct manifest *manifest, const struct yaml_node *node,
		    const struct manifest_key *key, void *field)
{
	struct manifest_pairs *pairs = field;

	if (node->kind != YAML_MAP) {
		reader_problem(manifest, reader_place(node),
			       STR("write replaces: {PACKAGE: ITS STAND-IN}"),
			       "'%s' must be a map", key->name);
		return;
	}
	for (size_t i = 0; i < node->n; i++) {
		struct manifest_pair pair = {.is_removed = false};

		field_distribution(manifest, node->pairs[i].key, key,
				   &pair.name);
		field_distribution(manifest, node->pairs[i].value, key,
				   &pair.value);
		if (pair.name.s.p && pair.value.s.p)
			list_push(manifest, pairs, pair);
	}
}

void field_number(struct manifest *manifest, const struct yaml_node *node,
		  const struct manifest_key *key, void *field)
{
	static const struct manifest_range all = {1, 1000000};
	const struct manifest_range *range = key->extra ? key->extra : &all;
	uint64_t number;
	char form[80];

	snprintf(form, sizeof form, "a whole number from %llu to %llu",
		 (unsigned long long)range->low,
		 (unsigned long long)range->high);
	if (!reader_want(manifest, node, key->name, form))
		return;
	if (reader_to_number(node->text, range->low, range->high, &number))
		*(uint32_t *)field = (uint32_t)number;
	else
		reader_refuse(manifest, node, key->name, form);
}

void field_count(struct manifest *manifest, const struct yaml_node *node,
		 const struct manifest_key *key, void *field)
{
	static const char form[] = "a whole number from 1 to 1024, or auto";
	struct manifest_count *count = field;
	uint64_t number = 0;

	if (!reader_want(manifest, node, key->name, form))
		return;
	bool is_auto = str_eq(node->text, STR("auto"));

	if (is_auto || reader_to_number(node->text, 1, 1024, &number))
		*count = (struct manifest_count){true, is_auto,
						 (uint32_t)number};
	else
		reader_refuse(manifest, node, key->name, form);
}

void field_size(struct manifest *manifest, const struct yaml_node *node,
		const struct manifest_key *key, void *field)
{
	static const char form[] = "a size with its unit, like 24GiB or 500MB";

	if (reader_want(manifest, node, key->name, form) &&
	    !reader_to_size(node->text, field))
		reader_refuse(manifest, node, key->name, form);
}

void field_duration(struct manifest *manifest, const struct yaml_node *node,
		    const struct manifest_key *key, void *field)
{
	static const char form[] =
		"a time with its unit, like 30s, 500ms or 1m30s";

	if (reader_want(manifest, node, key->name, form) &&
	    !reader_to_duration(node->text, field))
		reader_refuse(manifest, node, key->name, form);
}

void field_milli(struct manifest *manifest, const struct yaml_node *node,
		 const struct manifest_key *key, void *field)
{
	static const char form[] = "a number of cores like 2 or 1.5";

	if (reader_want(manifest, node, key->name, form) &&
	    !reader_to_milli(node->text, field))
		reader_refuse(manifest, node, key->name, form);
}

void field_bool(struct manifest *manifest, const struct yaml_node *node,
		const struct manifest_key *key, void *field)
{
	if (reader_want(manifest, node, key->name, "true or false") &&
	    !yaml_to_bool(node, field))
		reader_refuse(manifest, node, key->name, "true or false");
}

static void unknown_word(struct manifest *manifest,
			 const struct yaml_node *node,
			 const struct manifest_key *key)
{
	struct manifest_nearest nearest = {.word = node->text};

	for (const struct manifest_word *word = key->extra; word->word; word++)
		manifest_nearest_offer(&nearest, str_from(word->word));
	reader_problem(manifest, reader_place(node),
		       manifest_nearest_hint(&manifest->arena, &nearest),
		       "'%s' cannot be '%.80s'", key->name, node->text.p);
}

void field_word(struct manifest *manifest, const struct yaml_node *node,
		const struct manifest_key *key, void *field)
{
	if (!reader_want(manifest, node, key->name, "one word"))
		return;
	for (const struct manifest_word *word = key->extra; word->word; word++)
		if (str_eq(node->text, str_from(word->word))) {
			memcpy(field, &word->value, sizeof(int));
			return;
		}
	unknown_word(manifest, node, key);
}

void field_word_text(struct manifest *manifest, const struct yaml_node *node,
		     const struct manifest_key *key, void *field)
{
	int value = -1;

	field_word(manifest, node, key, &value);
	if (value >= 0)
		*(struct manifest_text *)field = reader_text(node);
}

FIELD_LIST(field_word_texts, field_word_text)
