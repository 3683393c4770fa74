/* slipway init: fleet.yaml from what is there. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "codec/json.h"
#include "faces/cli/verbs.h"
#include "faces/cli/workspace.h"
#include "work/init.h"

static const struct cli_option init_options[] = {
	{"output", 'o', CLI_TEXT, "FILE",
	 "another file than fleet.yaml; '-' prints it",
	 offsetof(struct cli_options, output)},
	{"force", 'f', CLI_FLAG, NULL, "replace a fleet.yaml that is there",
	 offsetof(struct cli_options, force)},
	CLI_OPTIONS_END,
};

static json_t *question_json(const struct init_question *question)
{
	json_t *entry = json_object(), *services = json_array();

	for (size_t i = 0; i < question->n; i++)
		json_array_append_new(services,
				      json_new_str(question->services[i]));
	json_object_set_new(entry, "ask", json_new_str(question->ask));
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
	json_object_set_new(root, "services",
			    json_integer((json_int_t)result->service_count));
	json_object_set_new(root, "infra",
			    json_integer((json_int_t)result->infra_count));
	json_object_set_new(root, "questions", questions);
	workspace_print_json(root);
}

static void say(const struct init_result *result, const char *path)
{
	for (size_t i = 0; i < result->source_count; i++)
		log_info("read " STR_FMT, STR_ARG(result->sources[i]));
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

static int run(const struct cli_options *options, struct error **err)
{
	const char *output = options->output ? options->output : "fleet.yaml";
	bool is_printed = str_eq(str_from(output), STR("-"));
	auto_free char *path = output[0] == '/' || is_printed ||
					       strcmp(options->folder, ".") == 0
				       ? mem_strdup(output)
				       : path_join(options->folder, output);
	auto_init struct init_result result = {.arena = ARENA_EMPTY};
	struct init_options wanted = {
		.root = options->folder,
		.files = (const char *const *)options->words,
		.file_count = options->word_count,
	};

	if (is_printed && options->json)
		return err_make(err, ERR_USAGE,
				"-o - and --json both print on standard "
				"output; take one");
	if (!is_printed && !options->force && fs_exists(path))
		return refuse(path, err);
	if (init_run(&wanted, &result, err))
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
	.synopsis = "[-o FILE] [--force] [FILE...]",
	.about = "Writes fleet.yaml from startup_config.yaml, compose files, "
		 "Dockerfiles or\nfolders with scripts: those that are named, "
		 "or "
		 "those that it finds. What they\ndo not decide becomes a "
		 "question at the end of the file, with the file and line\n"
		 "where it arose.\n\n"
		 "  slipway init\n"
		 "  slipway init compose.yaml --json | jq '.questions[].ask'\n"
		 "  slipway init -o - main_pc_code/config/startup_config.yaml",
	.options = init_options,
	.takes_words = true,
	.run = run,
};
