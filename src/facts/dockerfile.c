/* Lines to instructions, instructions to stages. */
#include "facts/dockerfile.h"

#include <stdio.h>

#include "base/array.h"
#include "base/buf.h"
#include "codec/json.h"
#include "facts/dockerfile/internal.h"

struct reader {
	struct arena *arena;
	struct str rest;
	uint32_t line; /* of what rest begins with */
	char escape;
	struct dockerfile_problem *problem;
	ARRAY(struct dockerfile_instruction) instructions;
};

static bool fail(struct dockerfile_problem *problem, uint32_t line,
		 const char *what, struct str detail)
{
	problem->line = line;
	snprintf(problem->what, sizeof problem->what, "%s" STR_FMT, what,
		 (int)(detail.n < 80 ? detail.n : 80), detail.p);
	return false;
}

static bool next_line(struct reader *reader, struct str *line)
{
	if (!str_line(&reader->rest, line))
		return false;
	reader->line++;
	return true;
}

static bool is_comment(struct str line)
{
	return str_starts(str_trim(line), STR("#"));
}

/* `# escape=X` among the first comment lines. */
static void read_directives(struct reader *reader)
{
	struct str rest = reader->rest, line;

	while (str_line(&rest, &line)) {
		line = str_trim(line);
		if (!str_eat(&line, STR("#")))
			return;
		ptrdiff_t equals = str_find(line, '=');

		if (equals < 0)
			return;
		struct str name = str_trim(str_slice(line, 0, (size_t)equals));
		struct str value =
			str_trim(str_slice(line, (size_t)equals + 1, line.n));

		if (str_eq_case(name, STR("escape")) && str_eq(value, STR("`")))
			reader->escape = '`';
	}
}

/* Cuts the escape character that ends a line, and the space behind it. */
static bool cut_continuation(struct str *line, char escape)
{
	struct str text = *line;

	while (text.n &&
	       (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t'))
		text.n--;
	if (text.n == 0 || text.p[text.n - 1] != escape)
		return false;
	text.n--;
	*line = text;
	return true;
}

/* The lines of one instruction, joined; comments and empty lines between them
 * left out. */
static void read_logical(struct reader *reader, struct str line,
			 struct buf *out)
{
	bool goes_on = cut_continuation(&line, reader->escape);

	buf_append(out, line);
	while (goes_on && next_line(reader, &line)) {
		if (is_comment(line) || str_trim(line).n == 0)
			continue;
		goes_on = cut_continuation(&line, reader->escape);
		buf_append(out, line);
	}
}

/* Cuts "--name=value" flags off *text. */
static void read_flags(struct reader *reader, struct str *text,
		       struct dockerfile_pairs *flags)
{
	while (str_starts(*text, STR("--"))) {
		size_t n = 0;

		while (n < text->n && text->p[n] != ' ' && text->p[n] != '\t')
			n++;
		struct str word = str_slice(*text, 2, n), name = STR_EMPTY;

		*text = str_trim(str_slice(*text, n, text->n));
		str_split(&word, '=', &name);
		dockerfile_add_pair(
			reader->arena, flags,
			(struct dockerfile_pair){name, word, reader->line});
	}
}

static void read_exec(struct reader *reader,
		      struct dockerfile_instruction *instruction)
{
	auto_json json_t *list = NULL;

	if (!str_starts(instruction->text, STR("[")))
		return;
	list = json_parse(instruction->text, DOCKERFILE_MAX_BYTES, NULL);
	if (!json_is_array(list))
		return;
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!json_is_string(json_array_get(list, i)))
			return;
	for (size_t i = 0; i < json_array_size(list); i++)
		dockerfile_add_text(
			reader->arena, &instruction->words,
			arena_str(reader->arena,
				  json_str(json_array_get(list, i))),
			instruction->line);
	instruction->is_exec = true;
}

/* The next "<<NAME" of *text; false where there is none. */
static bool next_heredoc(struct str *text, struct str *name, bool *tabs)
{
	for (;;) {
		ptrdiff_t at = str_find_str(*text, STR("<<"));

		if (at < 0)
			return false;
		*text = str_slice(*text, (size_t)at + 2, text->n);
		if (str_eat(text, STR("<")))
			continue; /* <<< is a word for the shell */
		*tabs = str_eat(text, STR("-"));
		char quote = text->n && strchr("'\"", text->p[0]) ? text->p[0]
								  : '\0';
		size_t n = 0;

		*text = str_slice(*text, quote ? 1 : 0, text->n);
		while (n < text->n && dockerfile_is_name(text->p[n], n))
			n++;
		*name = str_slice(*text, 0, n);
		if (n && (!quote || (n < text->n && text->p[n] == quote)))
			return true;
	}
}

static bool read_heredoc(struct reader *reader, struct str name, bool tabs,
			 uint32_t from, struct buf *body)
{
	struct str line;

	while (next_line(reader, &line)) {
		while (tabs && str_eat(&line, STR("\t")))
			;
		if (str_eq(line, name))
			return true;
		buf_append(body, line);
		buf_append_byte(body, '\n');
	}
	return fail(reader->problem, from, "a heredoc is not ended by a line ",
		    name);
}

static bool read_heredocs(struct reader *reader,
			  struct dockerfile_instruction *instruction)
{
	auto_buf struct buf body = BUF_EMPTY;
	struct str text = instruction->text, name;
	bool tabs;

	if (!str_eq(instruction->name, STR("RUN")) &&
	    !str_eq(instruction->name, STR("COPY")) &&
	    !str_eq(instruction->name, STR("ADD")))
		return true;
	while (next_heredoc(&text, &name, &tabs))
		if (!read_heredoc(reader, name, tabs, instruction->line, &body))
			return false;
	instruction->heredoc = arena_str(reader->arena, buf_str(&body));
	return true;
}

static bool read_instruction(struct reader *reader, struct str first)
{
	auto_buf struct buf logical = BUF_EMPTY;
	struct dockerfile_instruction instruction = {.line = reader->line};
	size_t n = 0;

	read_logical(reader, first, &logical);
	struct str text = str_trim(arena_str(reader->arena, buf_str(&logical)));

	while (n < text.n && dockerfile_is_name(text.p[n], n))
		n++;
	char *name = arena_alloc(reader->arena, n + 1, 1);

	for (size_t i = 0; i < n; i++)
		name[i] = text.p[i] >= 'a' && text.p[i] <= 'z'
				  ? (char)(text.p[i] - 'a' + 'A')
				  : text.p[i];
	instruction.name = str_of(name, n);
	if (n == 0 || (n < text.n && text.p[n] != ' ' && text.p[n] != '\t'))
		return fail(reader->problem, instruction.line,
			    "an instruction is expected, not ", text);
	text = str_trim(str_slice(text, n, text.n));
	if (text.n == 0)
		return fail(reader->problem, instruction.line,
			    "arguments are missing behind ", instruction.name);
	read_flags(reader, &text, &instruction.flags);
	instruction.text = text;
	read_exec(reader, &instruction);
	if (!read_heredocs(reader, &instruction))
		return false;
	if (reader->instructions.n == DOCKERFILE_MAX_INSTRUCTIONS)
		return fail(reader->problem, instruction.line,
			    "more than 4096 instructions", STR_EMPTY);
	array_push(&reader->instructions, instruction);
	return true;
}

static bool read_instructions(struct reader *reader)
{
	struct str line;

	read_directives(reader);
	while (next_line(reader, &line))
		if (str_trim(line).n && !is_comment(line) &&
		    !read_instruction(reader, line))
			return false;
	return true;
}

/* FROM base [AS name]. */
static bool add_stage(struct dockerfile *dockerfile, size_t at,
		      const struct dockerfile_pairs *given, struct arena *arena,
		      struct dockerfile_problem *problem)
{
	const struct dockerfile_instruction *from =
		&dockerfile->instructions[at];
	struct dockerfile_stage *stage =
		&dockerfile->stages[dockerfile->stage_count];
	struct dockerfile_texts words = {NULL, 0, 0};
	struct dockerfile_scope scope = {.arena = arena,
					 .escape = dockerfile->escape,
					 .arguments = &dockerfile->arguments,
					 .given = given};

	dockerfile_words(&scope, from->text, from->line, &words);
	if (words.n != 1 &&
	    (words.n != 3 || !str_eq_case(words.p[1].s, STR("as"))))
		return fail(problem, from->line,
			    "'FROM image [AS name]' is expected, not FROM ",
			    from->text);
	stage->base = words.p[0].s;
	stage->name = words.n == 3 ? words.p[2].s : STR_EMPTY;
	stage->line = from->line;
	stage->first = at + 1;
	if (stage->base.n == 0)
		return fail(problem, from->line,
			    "the image has no name once its variables are "
			    "replaced: FROM ",
			    from->text);
	for (size_t i = dockerfile->stage_count; i-- > 0;)
		if (str_eq_case(dockerfile->stages[i].name, stage->base)) {
			stage->parent = &dockerfile->stages[i];
			break;
		}
	dockerfile->stage_count++;
	return true;
}

/* ARG before the first FROM. */
static bool add_global(struct dockerfile *dockerfile,
		       const struct dockerfile_instruction *instruction,
		       const struct dockerfile_pairs *given,
		       struct arena *arena, struct dockerfile_problem *problem)
{
	struct dockerfile_scope scope = {.arena = arena,
					 .escape = dockerfile->escape,
					 .arguments = &dockerfile->arguments,
					 .given = given};

	if (!str_eq(instruction->name, STR("ARG")))
		return fail(problem, instruction->line,
			    "only ARG may stand before FROM, not ",
			    instruction->name);
	dockerfile_arg(&scope, instruction, &dockerfile->arguments);
	return true;
}

static bool make_stages(struct dockerfile *dockerfile,
			const struct dockerfile_pairs *given,
			struct arena *arena, struct dockerfile_problem *problem)
{
	dockerfile->stages = arena_new_array(arena, struct dockerfile_stage,
					     DOCKERFILE_MAX_STAGES);
	for (size_t i = 0; i < dockerfile->n; i++) {
		const struct dockerfile_instruction *instruction =
			&dockerfile->instructions[i];

		if (str_eq(instruction->name, STR("FROM"))) {
			if (dockerfile->stage_count == DOCKERFILE_MAX_STAGES)
				return fail(problem, instruction->line,
					    "more than 128 stages", STR_EMPTY);
			if (!add_stage(dockerfile, i, given, arena, problem))
				return false;
		} else if (dockerfile->stage_count == 0) {
			if (!add_global(dockerfile, instruction, given, arena,
					problem))
				return false;
		} else {
			dockerfile->stages[dockerfile->stage_count - 1].count++;
		}
	}
	return dockerfile->stage_count > 0 ||
	       fail(problem, 1, "there is no FROM", STR_EMPTY);
}

const struct dockerfile *
dockerfile_parse(struct str text, const struct dockerfile_pairs *arguments,
		 struct arena *arena, struct dockerfile_problem *problem)
{
	struct reader reader = {
		.arena = arena,
		.rest = text,
		.escape = '\\',
		.problem = problem,
	};
	struct dockerfile *dockerfile = arena_new(arena, struct dockerfile);

	if (text.n > DOCKERFILE_MAX_BYTES) {
		fail(problem, 1, "it is larger than 1 MiB", STR_EMPTY);
		return NULL;
	}
	if (!str_is_utf8(text) || str_find(text, '\0') >= 0) {
		fail(problem, 1, "it is not UTF-8 text", STR_EMPTY);
		return NULL;
	}
	str_eat(&reader.rest, STR("\xef\xbb\xbf"));
	bool ok = read_instructions(&reader);

	if (ok) {
		dockerfile->n = reader.instructions.n;
		dockerfile->escape = reader.escape;
		dockerfile->instructions =
			arena_new_array(arena, struct dockerfile_instruction,
					reader.instructions.n);
		for (size_t i = 0; i < dockerfile->n; i++)
			dockerfile->instructions[i] = reader.instructions.p[i];
		ok = make_stages(dockerfile, arguments, arena, problem);
	}
	array_release(&reader.instructions);
	return ok ? dockerfile : NULL;
}

const struct dockerfile_stage *
dockerfile_stage(const struct dockerfile *dockerfile, struct str name)
{
	uint64_t number;

	if (name.n == 0)
		return &dockerfile->stages[dockerfile->stage_count - 1];
	for (size_t i = dockerfile->stage_count; i-- > 0;)
		if (str_eq_case(dockerfile->stages[i].name, name))
			return &dockerfile->stages[i];
	return str_to_u64(name, &number) && number < dockerfile->stage_count
		       ? &dockerfile->stages[number]
		       : NULL;
}
