#include "faces/cli/init_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "codec/yaml.h"

void init_asked_release(struct init_asked *asked)
{
	array_release(&asked->answers);
	map_release(&asked->seen);
	arena_release(&asked->arena);
}

bool init_ask_can(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

static bool is_choice(struct str choices, struct str word)
{
	struct str one;

	while (str_split(&choices, ' ', &one))
		if (str_eq(one, word) || str_eq(one, STR("*")))
			return true;
	return false;
}

static void print_prompt(struct str choices)
{
	struct str rest = choices, usual = STR_EMPTY, one;

	fputs("  ", stderr);
	while (str_split(&rest, ' ', &one)) {
		if (usual.n == 0)
			usual = one;
		fprintf(stderr, STR_FMT ", ",
			STR_ARG(str_eq(one, STR("*")) ? STR("another name")
						      : one));
	}
	fprintf(stderr, "later [" STR_FMT "]: ", STR_ARG(usual));
	fflush(stderr);
}

/* The answer, "later" where it stays open; false at the end of the input. */
static bool read_answer(struct str choices, struct arena *arena,
			struct str *answer)
{
	for (;;) {
		auto_free char *line = NULL;
		struct str rest = choices;
		size_t capacity = 0;

		print_prompt(choices);
		if (getline(&line, &capacity, stdin) < 0) {
			fputc('\n', stderr);
			return false;
		}
		*answer = arena_str(arena, str_trim(str_from(line)));
		if (answer->n == 0)
			str_split(&rest, ' ', answer);
		if (str_eq(*answer, STR("later")) ||
		    is_choice(choices, *answer))
			return true;
		fprintf(stderr, "  '" STR_FMT "' is none of these.\n",
			STR_ARG(*answer));
	}
}

static void print_question(const struct init_question *question)
{
	fprintf(stderr, "\n" STR_FMT ":%u", STR_ARG(question->file),
		question->line);
	for (size_t i = 0; i < question->n; i++)
		fprintf(stderr, "%s" STR_FMT, i ? ", " : ": ",
			STR_ARG(question->services[i]));
	fprintf(stderr, "\n  " STR_FMT "\n", STR_ARG(question->ask));
}

bool init_ask(struct init_asked *asked, const struct init_result *result)
{
	size_t before = asked->answers.n;

	for (size_t i = 0; i < result->question_count && !asked->is_over; i++) {
		const struct init_question *question = &result->questions[i];
		struct init_answer answer = {
			.id = arena_str(&asked->arena, question->id)};

		if (question->id.n == 0 || !map_add(&asked->seen, answer.id))
			continue;
		print_question(question);
		if (!read_answer(question->choices, &asked->arena,
				 &answer.value))
			asked->is_over = true;
		else if (!str_eq(answer.value, STR("later")))
			array_push(&asked->answers, answer);
	}
	return asked->answers.n > before;
}

/* -- the file of answers -- */

/* Where lines of the block `answers:` begin, or -1. */
static ptrdiff_t find_block(struct str text)
{
	struct str rest = text, line;

	while (str_line(&rest, &line))
		if (str_starts(line, STR("answers:")))
			return str_trim(line).n == 8 && rest.n
				       ? (ptrdiff_t)(text.n - rest.n)
				       : -1;
	return -1;
}

int init_ask_save(const struct init_asked *asked, const char *path,
		  struct error **err)
{
	auto_buf struct buf old = BUF_EMPTY, lines = BUF_EMPTY,
			    text = BUF_EMPTY;

	if (fs_exists(path) && fs_read(path, 4 << 20, &old, err))
		return -1;
	array_each (const struct init_answer, answer, &asked->answers) {
		buf_append_text(&lines, "  ");
		yaml_append_scalar(&lines, answer->id);
		buf_append_text(&lines, ": ");
		yaml_append_scalar(&lines, answer->value);
		buf_append_byte(&lines, '\n');
	}
	ptrdiff_t at = find_block(buf_str(&old));
	bool is_there = str_starts(buf_str(&old), STR("answers:")) ||
			str_find_str(buf_str(&old), STR("\nanswers:")) >= 0;

	if (at < 0 && is_there) {
		log_warn("'answers' of %s is not a block; add:\n%s", path,
			 buf_text(&lines));
		return 0;
	}
	if (at < 0)
		at = (ptrdiff_t)old.n;
	buf_append(&text, str_slice(buf_str(&old), 0, (size_t)at));
	if (!is_there)
		buf_append_text(&text, old.n ? "\nanswers:\n" : "answers:\n");
	buf_append(&text, buf_str(&lines));
	buf_append(&text, str_slice(buf_str(&old), (size_t)at, old.n));
	return fs_write_file(path, buf_str(&text), 0644, err);
}
