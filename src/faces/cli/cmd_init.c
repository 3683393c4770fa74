/* slipway init: fleet.yaml from what is there. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "codec/json.h"
#include "faces/cli/init_ask.h"
#include "faces/cli/verbs.h"
#include "faces/cli/workspace.h"
#include "work/init.h"

static const struct cli_option init_options[] = {
	{"output", 'o', CLI_TEXT, "FILE",
	 "another file than fleet.yaml; '-' prints it",
	 offsetof(struct cli_options, output)},
	{"answers", 0, CLI_TEXT, "FILE",
	 "answers to start from, '' for none;\n"
	 "                             without it fleet.answers.yaml",
	 offsetof(struct cli_options, answers)},
	{"no-ask", 0, CLI_FLAG, NULL, "leave questions open, at a terminal too",
	 offsetof(struct cli_options, no_ask)},
	{"force", 'f', CLI_FLAG, NULL, "replace a fleet.yaml that is there",
	 offsetof(struct cli_options, force)},
	CLI_OPTIONS_END,
};

static json_t *question_json(const struct init_question *question)
{
	json_t *entry = json_object(), *services = json_array();
	json_t *choices = json_array();
	struct str rest = question->choices, choice;

	for (size_t i = 0; i < question->n; i++)
		json_array_append_new(services,
				      json_new_str(question->services[i]));
	while (str_split(&rest, ' ', &choice))
		json_array_append_new(choices, json_new_str(choice));
	json_object_set_new(entry, "ask", json_new_str(question->ask));
	json_object_set_new(entry, "id",
			    question->id.n ? json_new_str(question->id)
					   : json_null());
	json_object_set_new(entry, "choices", choices);
	json_object_set_new(entry, "file", json_new_str(question->file));
	json_object_set_new(entry, "line", json_integer(question->line));
	json_object_set_new(entry, "services", services);
	return entry;
}

static void print_json(const struct init_result *result, const char *path)
{
	json_t *root = json_object(), *sources = json_array();
	json_t *questions = json_array();

	for (size_t i = 0; i < result->source_count; i++)
		json_array_append_new(sources,
				      json_new_str(result->sources[i]));
	for (size_t i = 0; i < result->question_count; i++)
		json_array_append_new(questions,
				      question_json(&result->questions[i]));
	json_object_set_new(root, "file", json_string(path));
	json_object_set_new(root, "sources", sources);
	json_set_u64(root, "services", result->service_count);
	json_set_u64(root, "infra", result->infra_count);
	json_object_set_new(root, "questions", questions);
	workspace_print_json(root);
}

static void say(const struct init_result *result, const char *path)
{
	for (size_t i = 0; i < result->source_count; i++)
		log_info("read " STR_FMT, STR_ARG(result->sources[i]));
	if (result->answers.n)
		log_info("read " STR_FMT, STR_ARG(result->answers));
	log_info("%s: %zu services, %zu infra, %zu questions%s", path,
		 result->service_count, result->infra_count,
		 result->question_count,
		 result->question_count
			 ? "; answer them at the end of the file, then: "
			   "slipway check"
			 : "; next: slipway check");
}

static int refuse(const char *path, struct error **err)
{
	err_make(err, ERR_USAGE, "'%s' is there already", path);
	return err_hint(err, "--force replaces it, -o FILE writes another "
			     "one, -o - prints it");
}

/* Below the folder of -C. */
static char *path_of(const struct cli_options *options, const char *name)
{
	return name[0] == '/' || strcmp(options->folder, ".") == 0
		       ? mem_strdup(name)
		       : path_join(options->folder, name);
}

/* Again with each answer, since it may raise another question. */
static int run_asking(const struct cli_options *options,
		      struct init_options *wanted, struct init_result *result,
		      struct error **err)
{
	const char *name = options->answers ? options->answers : INIT_ANSWERS;
	auto_init_asked struct init_asked asked = INIT_ASKED_EMPTY;
	auto_free char *path = path_of(options, name);

	if (init_run(wanted, result, err))
		return -1;
	while (init_ask(&asked, result)) {
		init_release(result);
		*result = (struct init_result){.arena = ARENA_EMPTY};
		wanted->given = asked.answers.p;
		wanted->given_count = asked.answers.n;
		if (init_run(wanted, result, err))
			return -1;
	}
	wanted->given_count = 0;
	if (asked.answers.n == 0 || name[0] == '\0')
		return 0;
	if (init_ask_save(&asked, path, err))
		return -1;
	log_info("kept %zu answers in %s", asked.answers.n, path);
	/* What the next init will make of them. */
	init_release(result);
	*result = (struct init_result){.arena = ARENA_EMPTY};
	return init_run(wanted, result, err);
}

static int run(const struct cli_options *options, struct error **err)
{
	const char *output = options->output ? options->output : "fleet.yaml";
	bool is_printed = str_eq(str_from(output), STR("-"));
	bool can_ask = !is_printed && !options->json && !options->quiet &&
		       !options->no_ask && init_ask_can();
	auto_free char *path = is_printed ? NULL : path_of(options, output);
	auto_init struct init_result result = {.arena = ARENA_EMPTY};
	struct init_options wanted = {
		.root = options->folder,
		.files = (const char *const *)options->words,
		.file_count = options->word_count,
		.answers = options->answers,
	};

	if (is_printed && options->json)
		return err_make(err, ERR_USAGE,
				"-o - and --json both print on standard "
				"output; take one");
	if (!is_printed && !options->force && fs_exists(path))
		return refuse(path, err);
	if (can_ask ? run_asking(options, &wanted, &result, err)
		    : init_run(&wanted, &result, err))
		return -1;
	if (is_printed)
		fwrite(result.text.p, 1, result.text.n, stdout);
	else if (fs_write_file(path, result.text, 0644, err))
		return -1;
	say(&result, is_printed ? "standard output" : path);
	if (options->json)
		print_json(&result, path);
	return 0;
}

const struct cli_verb verb_init = {
	.name = "init",
	.summary = "write fleet.yaml from what is there",
	.synopsis = "[-o FILE] [--answers FILE] [--no-ask] [--force] [FILE...]",
	.about = "Writes fleet.yaml from startup_config.yaml, compose files, "
		 "Dockerfiles or\nfolders with scripts: those that are named, "
		 "or those that it finds. At a\nterminal it asks what they do "
		 "not decide and a word answers, and keeps the\nanswers in "
		 "fleet.answers.yaml. What stays open becomes a question at "
		 "the end\nof fleet.yaml, with the file and line where it "
		 "arose.\n\n"
		 "fleet.answers.yaml is read where it is there. It may hold "
		 "keys of fleet.yaml\ntoo, which are laid over what was read: "
		 "so the same fleet.yaml comes out\neach time.\n\n"
		 "  slipway init\n"
		 "  slipway init compose.yaml --json | jq '.questions[].ask'\n"
		 "  slipway init --force --answers office.yaml\n"
		 "  slipway init -o - main_pc_code/config/startup_config.yaml",
	.options = init_options,
	.takes_words = true,
	.run = run,
};
