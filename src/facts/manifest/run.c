/* `run`: which file or module a service is, and with what arguments.
 *
 *   run  = words | list of words
 *   words = SCRIPT argument* | "-m" MODULE argument*
 */
#include "base/buf.h"
#include "facts/manifest/reader.h"

enum { RUN_MAX_WORDS = 256 };

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next word of *rest into word. False at the end; *is_open where a quote
 * is never closed. */
static bool next_word(struct str *rest, struct buf *word, bool *is_open)
{
	char quote = '\0';
	size_t i = 0;

	*rest = str_trim(*rest);
	buf_clear(word);
	if (rest->n == 0)
		return false;
	for (; i < rest->n && (quote || !is_space(rest->p[i])); i++) {
		char c = rest->p[i];

		if (quote ? c == quote : c == '\'' || c == '"')
			quote = quote ? '\0' : c;
		else
			buf_append_byte(word, c);
	}
	*rest = str_slice(*rest, i, rest->n);
	*is_open = quote != '\0';
	return true;
}

static void split(struct manifest *manifest, const struct yaml_node *node,
		  struct manifest_texts *words)
{
	auto_buf struct buf word = BUF_EMPTY;
	struct str rest = node->text;
	bool is_open = false;

	while (next_word(&rest, &word, &is_open) && words->n <= RUN_MAX_WORDS)
		list_push(manifest, words,
			  (struct manifest_text){
				  arena_str(&manifest->arena, buf_str(&word)),
				  reader_place(node),
			  });
	if (is_open)
		reader_problem(manifest, reader_place(node),
			       STR("or write a list of words"),
			       "a quote is not closed in '%.200s'",
			       node->text.p);
}

bool reader_words(struct manifest *manifest, const struct yaml_node *node,
		  const char *name, struct manifest_texts *words)
{
	static const char form[] = "a command line or a list of words";
	size_t problems = manifest->problems.n;

	if (node->kind == YAML_LIST && node->n) {
		for (size_t i = 0; i < node->n; i++)
			if (node->items[i]->kind != YAML_SCALAR)
				reader_want(manifest, node->items[i], name,
					    "a list of words");
			else
				list_push(manifest, words,
					  reader_text(node->items[i]));
	} else if (reader_want(manifest, node, name, form)) {
		split(manifest, node, words);
	}
	if (words->n > RUN_MAX_WORDS)
		reader_problem(manifest, reader_place(node), STR_EMPTY,
			       "'%s' has more than %d words", name,
			       RUN_MAX_WORDS);
	return words->n && problems == manifest->problems.n;
}

static bool is_python(struct str word)
{
	ptrdiff_t slash = str_rfind(word, '/');
	struct str name = str_slice(word, (size_t)(slash + 1), word.n);
	uint64_t version;

	if (!str_eat(&name, STR("python")))
		return false;
	return name.n == 0 || str_to_u64(name, &version) ||
	       reader_is_dotted_number(name, 2, 3);
}

/* Dotted Python names. Bytes above ASCII may be letters: CPython decides. */
static bool is_module(struct str name)
{
	struct str part;

	if (name.n == 0 || name.p[name.n - 1] == '.')
		return false;
	while (str_split(&name, '.', &part)) {
		if (part.n == 0 || (part.p[0] >= '0' && part.p[0] <= '9'))
			return false;
		for (size_t i = 0; i < part.n; i++)
			if ((unsigned char)part.p[i] < 0x80 &&
			    part.p[i] != '_' &&
			    !reader_is_name(str_of(&part.p[i], 1), ""))
				return false;
	}
	return true;
}

static void read_script(struct manifest *manifest, struct manifest_run *run)
{
	struct str path = run->entry.s, hint;

	while (str_eat(&path, STR("./")))
		;
	const char *defect = reader_path_defect(path);

	if (is_python(run->entry.s))
		reader_problem(manifest, run->entry.at,
			       STR("begin with the script, or with -m MODULE"),
			       "'run' needs no '" STR_FMT "' in front",
			       STR_ARG(run->entry.s));
	else if (run->entry.s.n && run->entry.s.p[0] == '-')
		reader_problem(manifest, run->entry.at,
			       STR("only -m MODULE is; put PYTHON... variables "
				   "into env"),
			       "the option '" STR_FMT "' of Python is not "
			       "supported in 'run'",
			       STR_ARG(run->entry.s));
	else if (defect) {
		if (str_eat(&path, STR("/app/")))
			hint = arena_printf(&manifest->arena,
					    "write '" STR_FMT "': the path "
					    "below source.root",
					    STR_ARG(path));
		else
			hint = STR("write the script's path below source.root");
		reader_problem(manifest, run->entry.at, hint,
			       "the entrypoint '%.200s' %s", run->entry.s.p,
			       defect);
	}
	run->entry.s = path;
}

void field_run(struct manifest *manifest, const struct yaml_node *node,
	       const struct manifest_key *key, void *field)
{
	struct manifest_texts words = ARRAY_EMPTY;
	struct manifest_run run = {.is_module = false};
	size_t first = 1;

	if (!reader_words(manifest, node, key->name, &words))
		return;
	run.entry = words.p[0];
	if (str_eq(words.p[0].s, STR("-m"))) {
		run.is_module = true;
		run.entry = words.n > 1 ? words.p[1] : reader_default("");
		first = 2;
		if (!is_module(run.entry.s))
			reader_problem(manifest, words.p[0].at,
				       STR("write -m package.module"),
				       "'run' has no module name behind -m");
	} else {
		read_script(manifest, &run);
	}
	for (size_t i = first; i < words.n; i++)
		list_push(manifest, &run.arguments, words.p[i]);
	*(struct manifest_run *)field = run;
}

void field_command(struct manifest *manifest, const struct yaml_node *node,
		   const struct manifest_key *key, void *field)
{
	struct manifest_texts words = ARRAY_EMPTY;

	if (reader_words(manifest, node, key->name, &words))
		*(struct manifest_texts *)field = words;
}
