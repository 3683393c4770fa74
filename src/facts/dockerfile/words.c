/* Words, variables, lists and paths. */
#include "base/array.h"
#include "base/buf.h"
#include "facts/dockerfile/internal.h"

void dockerfile_add_text(struct arena *arena, struct dockerfile_texts *texts,
			 struct str text, uint32_t line)
{
	dockerfile_push(arena, texts, ((struct dockerfile_text){text, line}));
}

void dockerfile_add_pair(struct arena *arena, struct dockerfile_pairs *pairs,
			 struct dockerfile_pair pair)
{
	dockerfile_push(arena, pairs, pair);
}

const struct dockerfile_pair *
dockerfile_find(const struct dockerfile_pairs *pairs, struct str name)
{
	for (size_t i = 0; pairs && i < pairs->n; i++)
		if (str_eq(pairs->p[i].name, name))
			return &pairs->p[i];
	return NULL;
}

void dockerfile_set_pair(struct arena *arena, struct dockerfile_pairs *pairs,
			 struct dockerfile_pair pair)
{
	for (size_t i = 0; i < pairs->n; i++)
		if (str_eq(pairs->p[i].name, pair.name)) {
			pairs->p[i] = pair;
			return;
		}
	dockerfile_add_pair(arena, pairs, pair);
}

bool dockerfile_is_name(char c, size_t at)
{
	return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (at && c >= '0' && c <= '9');
}

static bool look_up(void *context, struct str name, struct str *value)
{
	const struct dockerfile_scope *scope = context;
	const struct dockerfile_pair *pair = dockerfile_find(scope->env, name);

	if (!pair)
		pair = dockerfile_find(scope->arguments, name);
	if (pair)
		*value = pair->value;
	return pair != NULL;
}

static void replace_one(const struct dockerfile_scope *scope, struct str *rest,
			struct buf *out)
{
	struct dockerfile_scope values = *scope;
	auto_interpolation struct interpolation interpolation = {
		.lookup = look_up,
		.context = &values,
	};
	struct str before = *rest;
	size_t n = out->n;

	bool is_read = interpolate_one(&interpolation, rest, out);

	if (is_read && !(scope->keeps_unset && interpolation.unset.n))
		return;
	if (!is_read)
		*rest = str_slice(before, 1, before.n);
	out->n = n;
	buf_append(out, str_slice(before, 0, before.n - rest->n));
}

/* The next word of *rest, which ends before one of ends; false where there is
 * none. */
static bool next_word(const struct dockerfile_scope *scope, const char *ends,
		      struct str *rest, struct buf *word)
{
	char quote = '\0';

	while (rest->n && strchr(" \t\r", rest->p[0]))
		*rest = str_slice(*rest, 1, rest->n);
	buf_clear(word);
	if (rest->n == 0 || strchr(ends, rest->p[0]))
		return false;
	while (rest->n && (quote || (!strchr(" \t\r", rest->p[0]) &&
				     !strchr(ends, rest->p[0])))) {
		char c = rest->p[0];

		if (c == '$' && quote != '\'') {
			replace_one(scope, rest, word);
			continue;
		}
		if (c == scope->escape && quote != '\'' && rest->n > 1) {
			*rest = str_slice(*rest, 1, rest->n);
			buf_append_byte(word, rest->p[0]);
		} else if (quote ? c == quote : c == '\'' || c == '"') {
			quote = quote ? '\0' : c;
		} else {
			buf_append_byte(word, c);
		}
		*rest = str_slice(*rest, 1, rest->n);
	}
	return true;
}

void dockerfile_words(const struct dockerfile_scope *scope, struct str text,
		      uint32_t line, struct dockerfile_texts *words)
{
	auto_buf struct buf word = BUF_EMPTY;

	while (next_word(scope, "", &text, &word))
		dockerfile_add_text(scope->arena, words,
				    arena_str(scope->arena, buf_str(&word)),
				    line);
}

static const char command_ends[] = ";&|\n";

bool dockerfile_command(const struct dockerfile_scope *scope, struct str *rest,
			uint32_t line, struct dockerfile_texts *words)
{
	auto_buf struct buf word = BUF_EMPTY;

	*words = (struct dockerfile_texts){NULL, 0, 0};
	while (rest->n && strchr(" \t\r;&|\n", rest->p[0]))
		*rest = str_slice(*rest, 1, rest->n);
	while (next_word(scope, command_ends, rest, &word))
		dockerfile_add_text(scope->arena, words,
				    arena_str(scope->arena, buf_str(&word)),
				    line);
	return words->n > 0;
}

void dockerfile_arg(const struct dockerfile_scope *scope,
		    const struct dockerfile_instruction *instruction,
		    struct dockerfile_pairs *arguments)
{
	struct dockerfile_texts words = {NULL, 0, 0};

	dockerfile_words(scope, instruction->text, instruction->line, &words);
	for (size_t i = 0; i < words.n; i++) {
		struct str value = words.p[i].s, name = STR_EMPTY;

		str_split(&value, '=', &name);
		const struct dockerfile_pair *given =
			dockerfile_find(scope->given, name);
		bool has_default = name.n < words.p[i].s.n;

		if (given || has_default)
			dockerfile_set_pair(
				scope->arena, arguments,
				(struct dockerfile_pair){
					name, given ? given->value : value,
					instruction->line});
	}
}

struct str dockerfile_path(struct arena *arena, struct str folder,
			   struct str path)
{
	auto_buf struct buf out = BUF_EMPTY;
	struct str parts[2] = {folder, path}, part;

	for (size_t i = str_starts(path, STR("/")) ? 1 : 0; i < 2; i++)
		while (str_split(&parts[i], '/', &part)) {
			if (part.n == 0 || str_eq(part, STR(".")))
				continue;
			if (!str_eq(part, STR(".."))) {
				buf_append_byte(&out, '/');
				buf_append(&out, part);
				continue;
			}
			ptrdiff_t slash = str_rfind(buf_str(&out), '/');

			out.n = slash < 0 ? 0 : (size_t)slash;
		}
	return out.n ? arena_str(arena, buf_str(&out)) : STR("/");
}
