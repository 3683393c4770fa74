/* What a person answers, in a file or at the terminal; work/init.h has the
 * grammar. */
#include "work/init/draft.h"

#include <stdarg.h>

#include "base/error.h"
#include "facts/manifest.h"

int answers_refuse(const struct draft *draft, const struct yaml_node *node,
		   struct error **err, const char *format, ...)
{
	auto_buf struct buf text = BUF_EMPTY;
	va_list args;

	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	return err_make(err, ERR_FLEET, STR_FMT ":%u:%u: %s",
			STR_ARG(draft->answers.path), node->line, node->column,
			buf_text(&text));
}

/* -- the file -- */

static int check_keys(const struct draft *draft, struct error **err)
{
	static const char *const known[] = {
		"answers",  "fleet",	 "registry", "version", "tag",
		"source",   "machines",	 "tracks",   "bases",	"families",
		"defaults", "templates", "services", "infra",	"policy",
	};
	const struct yaml_node *root = draft->answers.root;

	for (size_t i = 0; i < root->n; i++) {
		bool is_known = false;

		for (size_t j = 0; j < sizeof known / sizeof *known; j++)
			is_known |= str_eq(root->pairs[i].key->text,
					   str_from(known[j]));
		if (is_known)
			continue;
		answers_refuse(draft, root->pairs[i].key, err,
			       "unknown key '" STR_FMT "'",
			       STR_ARG(root->pairs[i].key->text));
		return err_hint(err, "a file of answers has 'answers' and the "
				     "keys of fleet.yaml");
	}
	return 0;
}

static int read_answers(struct draft *draft, struct error **err)
{
	const struct yaml_node *map = answers_section(draft, "answers");

	if (!map)
		return 0;
	if (map->kind != YAML_MAP)
		return answers_refuse(draft, map, err,
				      "'answers' is a map, ID: WORD");
	for (size_t i = 0; i < map->n; i++) {
		const struct yaml_node *key = map->pairs[i].key;
		struct draft_answer answer = {
			.id = key->text,
			.value = draft_scalar(map->pairs[i].value),
			.line = key->line,
			.column = key->column,
		};

		if (answer.value.n == 0)
			return answers_refuse(draft, map->pairs[i].value, err,
					      "the answer to '" STR_FMT
					      "' is a word",
					      STR_ARG(key->text));
		array_push(&draft->answers.given, answer);
	}
	return 0;
}

int answers_read(struct draft *draft, const struct init_options *options,
		 struct error **err)
{
	struct draft_answers *answers = &draft->answers;
	struct str path =
		str_from(options->answers ? options->answers : INIT_ANSWERS);

	for (size_t i = 0; i < options->given_count; i++)
		array_push(&answers->given,
			   (struct draft_answer){
				   .id = options->given[i].id,
				   .value = options->given[i].value,
				   .is_used = true,
			   });
	if (path.n == 0 || (!options->answers && !draft_has_file(draft, path)))
		return 0;
	if (!draft_clean_path(draft, STR("."), path, &answers->path))
		return err_make(err, ERR_USAGE, "'%s' is not a path below '%s'",
				options->answers, options->root);
	if (!draft_has_file(draft, answers->path))
		return err_make(err, ERR_USAGE, "there is no file '%s'",
				options->answers);
	const struct yaml_node *root;

	if (draft_read_yaml(draft, answers->path, &answers->text, &root, err))
		return -1;
	if (yaml_is_null(root))
		return 0;
	if (root->kind != YAML_MAP)
		return answers_refuse(draft, root, err,
				      "a file of answers is a map");
	answers->root = root;
	return check_keys(draft, err) ? -1 : read_answers(draft, err);
}

const struct yaml_node *answers_section(const struct draft *draft,
					const char *key)
{
	const struct yaml_node *section =
		draft->answers.root ? yaml_get(draft->answers.root, key) : NULL;

	return section && !yaml_is_null(section) ? section : NULL;
}

struct str answers_comment(const struct draft *draft,
			   const struct yaml_node *map, struct str key)
{
	struct str text = draft->answers.text;
	size_t end = 0, start;
	uint32_t line = 0;

	for (size_t i = 0; map->kind == YAML_MAP && i < map->n; i++)
		if (str_eq(map->pairs[i].key->text, key))
			line = map->pairs[i].key->line;

	for (uint32_t i = 1; i < line && end < text.n; end++)
		i += text.p[end] == '\n';
	/* end: where the line begins; up, as long as there are comments. */
	for (start = end; start > 0;) {
		size_t before = start - 1;

		while (before > 0 && text.p[before - 1] != '\n')
			before--;
		if (!str_starts(str_trim(str_slice(text, before, start)),
				STR("#")))
			break;
		start = before;
	}
	return str_slice(text, start, end);
}

/* -- answers -- */

static bool is_choice(const char *choices, struct str word)
{
	struct str rest = str_from(choices), one;

	while (str_split(&rest, ' ', &one))
		if (str_eq(one, word) || str_eq(one, STR("*")))
			return true;
	return false;
}

struct str answers_take(struct draft *draft, struct str id, const char *choices)
{
	struct draft_answers *answers = &draft->answers;

	array_each (struct draft_answer, answer, &answers->given) {
		if (!str_eq(answer->id, id))
			continue;
		answer->is_used = true;
		if (is_choice(choices, answer->value))
			return answer->value;
		if (answers->problem.n == 0)
			answers->problem = arena_printf(
				draft->arena,
				STR_FMT ":%u:%u: '" STR_FMT "' does not answer "
					"'" STR_FMT "'; known: %s",
				STR_ARG(answers->path), answer->line,
				answer->column, STR_ARG(answer->value),
				STR_ARG(id), choices);
	}
	return STR_EMPTY;
}

int answers_check(const struct draft *draft, struct error **err)
{
	const struct draft_answers *answers = &draft->answers;

	if (answers->problem.n)
		return err_make(err, ERR_FLEET, STR_FMT,
				STR_ARG(answers->problem));
	array_each (const struct draft_answer, answer, &answers->given) {
		if (answer->is_used)
			continue;
		err_make(err, ERR_FLEET,
			 STR_FMT ":%u:%u: nothing asks '" STR_FMT "'",
			 STR_ARG(answers->path), answer->line, answer->column,
			 STR_ARG(answer->id));
		return err_hint(err, "take it out; without it, 'slipway init "
				     "--json' lists what is asked");
	}
	return 0;
}

int answers_check_text(const struct draft *draft, struct str text,
		       struct error **err)
{
	auto_buf struct buf problems = BUF_EMPTY;

	if (!draft->answers.root)
		return 0;
	auto_manifest struct manifest *manifest =
		manifest_parse(text, "fleet.yaml");

	if (manifest->problems.n == 0)
		return 0;
	manifest_append_problems(manifest, &problems);
	err_make(err, ERR_FLEET,
		 STR_FMT ": with these answers fleet.yaml has problems:\n%s",
		 STR_ARG(draft->answers.path), buf_text(&problems));
	return err_hint(err, "correct the answers; --answers '' goes "
			     "without them");
}
