/* The command of a container as `run`: a script or a module of the source. */
#include "work/init/draft.h"

#include "base/fs.h"
#include "facts/interpolate.h"

/* -- words -- */

bool command_split(struct draft *draft, struct str text,
		   struct draft_texts *words)
{
	auto_buf struct buf word = BUF_EMPTY;
	char quote = '\0';
	bool is_word = false;

	for (size_t i = 0; i <= text.n; i++) {
		char c = i < text.n ? text.p[i] : ' ';

		if (i == text.n && quote)
			return false;
		if (!quote && strchr(" \t\r\n", c)) {
			if (is_word)
				array_push(words, arena_str(draft->arena,
							    buf_str(&word)));
			buf_clear(&word);
			is_word = false;
			continue;
		}
		is_word = true;
		if (!quote && strchr(";&|<>()`*?", c))
			return false;
		if (quote == '"' && c == '`')
			return false;
		if (c == '$' && quote != '\'' && i + 1 < text.n &&
		    text.p[i + 1] == '(')
			return false;
		if (quote ? c == quote : c == '\'' || c == '"')
			quote = quote ? '\0' : c;
		else if (c == '\\' && quote != '\'' && i + 1 < text.n)
			buf_append_byte(&word, text.p[++i]);
		else
			buf_append_byte(&word, c);
	}
	return true;
}

static bool is_one_of(struct str word, const char *const *words)
{
	for (; *words; words++)
		if (str_eq(word, str_from(*words)))
			return true;
	return false;
}

static struct str joined(struct draft *draft, const struct draft_texts *words)
{
	auto_buf struct buf text = BUF_EMPTY;

	for (size_t i = 0; i < words->n; i++) {
		buf_append_text(&text, i ? " " : "");
		buf_append(&text, words->p[i]);
	}
	return arena_str(draft->arena, buf_str(&text));
}

struct runner {
	struct draft *draft;
	struct draft_service *service;
	const struct command_image *image;
	struct draft_place at;
	struct draft_texts words;
	size_t next;		    /* word that is looked at */
	struct draft_texts out;	    /* of run */
	struct draft_texts include; /* files that are loaded by name */
};

static struct str word_at(const struct runner *runner, size_t at)
{
	return at < runner->words.n ? runner->words.p[at] : STR_EMPTY;
}

/* A shell's -c TEXT instead of its words. */
static bool open_shell(struct runner *runner, struct str text)
{
	runner->words.n = runner->next = 0;
	if (command_split(runner->draft, text, &runner->words))
		return true;
	draft_ask(runner->draft, runner->at, runner->service,
		  "'" STR_FMT "' needs a shell: which script or module does it "
		  "start, with which arguments?",
		  (int)(text.n < 300 ? text.n : 300), text.p);
	return false;
}

/* Entrypoint and command as one list of words, by Docker's rules. */
static bool gather(struct runner *runner)
{
	const struct command *entrypoint = &runner->image->entrypoint;
	const struct command *command = &runner->image->command;

	runner->at = entrypoint->at.line ? entrypoint->at : command->at;
	if (entrypoint->at.line && entrypoint->shell.n)
		return open_shell(runner, entrypoint->shell);
	for (size_t i = 0; i < entrypoint->words.n; i++)
		array_push(&runner->words, entrypoint->words.p[i]);
	if (command->shell.n && runner->words.n == 0)
		return open_shell(runner, command->shell);
	if (command->shell.n) {
		array_push(&runner->words, STR("sh"));
		array_push(&runner->words, STR("-c"));
		array_push(&runner->words, command->shell);
	}
	for (size_t i = 0; i < command->words.n; i++)
		array_push(&runner->words, command->words.p[i]);
	return true;
}

/* Skips what only wraps the program. */
static bool skip_wrappers(struct runner *runner)
{
	static const char *const inits[] = {"tini",	   "tini-static",
					    "dumb-init",   "catatonit",
					    "docker-init", NULL};
	static const char *const shells[] = {"sh", "bash", "dash", "ash", NULL};
	static const char *const projects[] = {"poetry", "uv",	"pipenv", "pdm",
					       "hatch",	 "rye", NULL};
	static const char *const users[] = {"gosu", "su-exec", NULL};

	for (unsigned left = 8; left > 0; left--) {
		struct str name =
			draft_base_name(word_at(runner, runner->next));

		if (is_one_of(name, shells) &&
		    str_starts(word_at(runner, runner->next + 1), STR("-")) &&
		    str_ends(word_at(runner, runner->next + 1), STR("c"))) {
			if (!open_shell(runner,
					word_at(runner, runner->next + 2)))
				return false;
		} else if (is_one_of(name, inits)) {
			do
				runner->next++;
			while (str_starts(word_at(runner, runner->next),
					  STR("-")));
		} else if (is_one_of(name, users) ||
			   (is_one_of(name, projects) &&
			    str_eq(word_at(runner, runner->next + 1),
				   STR("run")))) {
			runner->next += 2;
		} else if (str_eq(name, STR("exec"))) {
			runner->next++;
		} else {
			return true;
		}
	}
	return true;
}

/* `run` is no shell: variables get the value that they have now. */
static void replace_variables(struct runner *runner)
{
	for (size_t i = runner->next; i < runner->words.n; i++) {
		struct str *word = &runner->words.p[i];
		auto_interpolation struct interpolation interpolation = {
			.lookup = draft_lookup,
			.context = &runner->service->env,
		};
		auto_buf struct buf out = BUF_EMPTY;

		if (str_find(*word, '$') < 0)
			continue;
		bool is_known = interpolate(&interpolation, *word, &out) &&
				interpolation.unset.n == 0;

		draft_ask(runner->draft, runner->at, runner->service,
			  is_known ? "'" STR_FMT "' is replaced by a shell, "
				     "which 'run' is not; its value now is "
				     "written there: is that right?"
				   : "'" STR_FMT "' is replaced by a shell, "
				     "which 'run' is not, and has no value "
				     "here: what is it?",
			  STR_ARG(*word));
		if (is_known)
			*word = arena_str(runner->draft->arena, buf_str(&out));
	}
}

/* -- paths -- */

/* The file of the source that the image has at path, seen from workdir. */
static bool find_file(struct runner *runner, struct str path,
		      struct str *source)
{
	struct draft *draft = runner->draft;
	struct str folder =
		str_starts(path, STR("/")) ? STR_EMPTY : runner->image->workdir;
	struct str inside, rest, first;

	if (!draft_clean_path(
		    draft, str_slice(folder, folder.n ? 1 : 0, folder.n),
		    str_starts(path, STR("/")) ? str_slice(path, 1, path.n)
					       : path,
		    &inside))
		return false;
	rest = arena_printf(draft->arena, "/" STR_FMT, STR_ARG(inside));
	if (runner->image->source &&
	    runner->image->source(runner->image->context, rest, source) &&
	    draft_has_file(draft, *source))
		return true;
	*source = inside;
	if (draft_has_file(draft, inside))
		return true;
	/* Most images have the source below one folder. */
	rest = inside;
	if (!str_split(&rest, '/', &first) || !draft_has_file(draft, rest))
		return false;
	*source = rest;
	return true;
}

/* In the image that slipway makes the source lies below /app. What the file
 * sees as its working folder follows from where it lay and lies. */
static void set_workdir(struct runner *runner, struct str path,
			struct str source)
{
	struct str folder = STR_EMPTY, rest = path;

	while (str_eat(&rest, STR("./")))
		;
	if (str_starts(rest, STR("/"))) {
		struct str workdir = runner->image->workdir;

		if (!str_eat(&rest, workdir))
			return;
		str_eat(&rest, STR("/"));
	}
	if (str_ends(source, rest) && source.n > rest.n)
		folder = str_slice(source, 0, source.n - rest.n - 1);
	if (folder.n)
		draft_set_text(runner->draft, runner->service, DRAFT_WORKDIR,
			       arena_printf(runner->draft->arena,
					    "/app/" STR_FMT, STR_ARG(folder)),
			       runner->at);
}

static bool take_script(struct runner *runner, struct str path)
{
	struct str source;

	if (!find_file(runner, path, &source)) {
		if (str_find(path, '$') >= 0)
			return false; /* asked about already */
		draft_ask(runner->draft, runner->at, runner->service,
			  "which file of the source is '" STR_FMT "', which "
			  "the command starts?",
			  STR_ARG(path));
		return false;
	}
	set_workdir(runner, path, source);
	array_push(&runner->out, source);
	return true;
}

/* The file of a dotted module below the working folder; package: also its
 * __main__. */
static bool find_module(struct runner *runner, struct str module, bool is_run,
			struct str *source)
{
	static const char *const ends[] = {".py", "/__init__.py",
					   "/__main__.py"};
	auto_buf struct buf path = BUF_EMPTY;

	for (size_t i = 0; i < 3; i++) {
		struct str rest = module, part;

		if (i == 2 && !is_run)
			break;
		buf_clear(&path);
		while (str_split(&rest, '.', &part)) {
			buf_append_text(&path, path.n ? "/" : "");
			buf_append(&path, part);
		}
		buf_append_text(&path, ends[i]);
		if (find_file(runner, buf_str(&path), source)) {
			struct str front =
				str_slice(*source, 0, source->n - path.n);

			if (front.n && str_ends(*source, buf_str(&path)))
				draft_ask(runner->draft, runner->at,
					  runner->service,
					  "'" STR_FMT "' is a module below "
					  "'" STR_FMT "': does that folder "
					  "belong into source.pythonpath?",
					  STR_ARG(module), STR_ARG(front));
			return true;
		}
	}
	return false;
}

/* -- programs -- */

/* "package.module:name" or "package.module:make()". */
static bool is_target(struct str word, struct str *module)
{
	ptrdiff_t colon = str_find(word, ':');

	if (colon <= 0 || (size_t)colon + 1 == word.n)
		return false;
	for (size_t i = 0; i < word.n; i++) {
		char c = word.p[i];
		bool is_letter = (c >= 'a' && c <= 'z') ||
				 (c >= 'A' && c <= 'Z') || c == '_';

		if (i == 0 ? !is_letter
			   : !is_letter && !(c >= '0' && c <= '9') &&
				     !strchr(".:()", c))
			return false;
	}
	*module = str_slice(word, 0, (size_t)colon);
	return true;
}

/* A server that loads the service by name: -m uvicorn package.module:app. */
static bool take_tool(struct runner *runner, struct str tool)
{
	bool is_found = false;

	array_push(&runner->out, STR("-m"));
	array_push(&runner->out, tool);
	while (runner->next < runner->words.n) {
		struct str word = runner->words.p[runner->next++];
		struct str module = STR_EMPTY, source;

		if (!is_found && str_ends(word, STR(".py")) &&
		    find_file(runner, word, &source)) {
			is_found = true;
			draft_add_text(&runner->include, source);
			word = source;
		} else if (!is_found && is_target(word, &module) &&
			   find_module(runner, module, false, &source)) {
			is_found = true;
			draft_add_text(&runner->include, source);
		}
		array_push(&runner->out, word);
	}
	if (!is_found)
		draft_ask(runner->draft, runner->at, runner->service,
			  "which module of the source does '" STR_FMT "' load? "
			  "It belongs into 'allow' with 'include'",
			  STR_ARG(joined(runner->draft, &runner->words)));
	return true;
}

/* python [-u] (SCRIPT | -m MODULE) ... */
static bool take_python(struct runner *runner)
{
	static const char *const ignored[] = {"-u",  "-B", "-E",  "-s", "-I",
					      "-OO", "-O", "-uB", NULL};
	struct str word, source;

	while (is_one_of(word_at(runner, runner->next), ignored))
		runner->next++;
	word = word_at(runner, runner->next++);
	if (str_eq(word, STR("-m"))) {
		word = word_at(runner, runner->next++);
		if (word.n == 0)
			return false;
		if (!find_module(runner, word, true, &source))
			return take_tool(runner, word);
		array_push(&runner->out, STR("-m"));
		array_push(&runner->out, word);
		return true;
	}
	return word.n && word.p[0] != '-' && take_script(runner, word);
}

static bool is_python(struct str name)
{
	if (!str_eat(&name, STR("python")) && !str_eat(&name, STR("pypy")))
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!strchr("0123456789.", name.p[i]))
			return false;
	return true;
}

static bool take_program(struct runner *runner)
{
	static const char *const tools[] = {
		"uvicorn", "gunicorn",	"hypercorn",	"celery",
		"flask",   "streamlit", "daphne",	"fastapi",
		"dagster", "jupyter",	"django-admin", "waitress-serve",
		NULL};
	struct str word = word_at(runner, runner->next);
	struct str name = draft_base_name(word);

	if (is_python(name)) {
		runner->next++;
		return take_python(runner);
	}
	if (is_one_of(name, tools)) {
		runner->next++;
		return take_tool(runner, str_eq(name, STR("waitress-serve"))
						 ? STR("waitress")
						 : name);
	}
	if (str_ends(name, STR(".py"))) {
		runner->next++;
		return take_script(runner, word);
	}
	return false;
}

static void set_run(struct runner *runner)
{
	auto_buf struct buf value = BUF_EMPTY;

	for (; runner->next < runner->words.n; runner->next++)
		array_push(&runner->out, runner->words.p[runner->next]);
	draft_append_texts(&value, &runner->out);
	/* One line where that is the same: -m tool a --b c */
	struct str line = joined(runner->draft, &runner->out);
	bool is_plain = true;

	array_each (struct str, word, &runner->out)
		is_plain &= word->n > 0;
	for (size_t i = 0; i < line.n; i++)
		is_plain &= !strchr("'\"\\\t\n", line.p[i]);
	for (size_t i = 0; i < runner->out.n; i++)
		is_plain &= str_find(runner->out.p[i], ' ') < 0;
	if (is_plain)
		draft_set_text(runner->draft, runner->service, DRAFT_RUN, line,
			       runner->at);
	else
		draft_set(runner->draft, runner->service, DRAFT_RUN,
			  buf_str(&value), runner->at);
}

static void set_allow(struct runner *runner)
{
	auto_buf struct buf value = BUF_EMPTY;

	if (runner->include.n == 0)
		return;
	buf_append_text(&value, "{include: ");
	draft_append_texts(&value, &runner->include);
	buf_append_text(&value, ", why: ");
	yaml_append_scalar(&value,
			   arena_printf(runner->draft->arena,
					"loaded by name: " STR_FMT ":%u",
					STR_ARG(runner->at.file),
					runner->at.line));
	buf_append_byte(&value, '}');
	draft_set(runner->draft, runner->service, DRAFT_ALLOW, buf_str(&value),
		  runner->at);
}

void command_to_run(struct draft *draft, struct draft_service *service,
		    const struct command_image *image)
{
	struct runner runner = {
		.draft = draft, .service = service, .image = image};
	size_t asked = draft->questions.n;

	if (!image->entrypoint.at.line && !image->command.at.line)
		draft_ask(draft, service->at, service,
			  "nothing says how it is started: which script or "
			  "module is it?");
	if (gather(&runner) && skip_wrappers(&runner)) {
		replace_variables(&runner);
		if (take_program(&runner)) {
			set_run(&runner);
			set_allow(&runner);
		} else if (runner.words.n && draft->questions.n == asked) {
			draft_ask(draft, runner.at, service,
				  "'" STR_FMT "' is not started by Python: "
				  "which script or module is the service?",
				  STR_ARG(joined(draft, &runner.words)));
		}
	}
	array_release(&runner.words);
	array_release(&runner.out);
	array_release(&runner.include);
}

void command_image_release(struct command_image *image)
{
	array_release(&image->entrypoint.words);
	array_release(&image->command.words);
}
