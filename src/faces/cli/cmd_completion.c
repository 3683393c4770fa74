/* slipway completion: scripts for shells, made of the verbs' own tables. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "faces/cli/parse.h"
#include "faces/cli/verbs.h"
#include "faces/cli/workspace.h"

static void print_verbs(void)
{
	for (const struct cli_verb *const *verb = cli_verbs; *verb; verb++)
		printf(" %s", (*verb)->name);
}

static void print_options(const struct cli_option *options)
{
	for (; options && options->name; options++)
		printf(" --%s", options->name);
}

static void print_bash(void)
{
	printf("_slipway() {\n"
	       "	local verb='' word words\n"
	       "	for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
	       "		case $word in -*) ;; *) verb=$word; break ;; "
	       "esac\n"
	       "	done\n"
	       "	case $verb in\n"
	       "	'') words='");
	print_verbs();
	printf("' ;;\n");
	for (const struct cli_verb *const *verb = cli_verbs; *verb; verb++) {
		printf("	%s) words=\"", (*verb)->name);
		print_options((*verb)->options);
		printf("%s\" ;;\n",
		       (*verb)->selects
			       ? " $(slipway completion words 2>/dev/null)"
			       : "");
	}
	printf("	esac\n	words+='");
	print_options(cli_common_options);
	printf("'\n"
	       "	COMPREPLY=($(compgen -W \"$words\" -- "
	       "\"${COMP_WORDS[COMP_CWORD]}\"))\n"
	       "}\n"
	       "complete -o default -F _slipway slipway\n");
}

static void print_zsh(void)
{
	printf("autoload -Uz bashcompinit && bashcompinit\n");
	print_bash();
}

static void print_fish_options(const char *condition,
			       const struct cli_option *options)
{
	for (; options && options->name; options++)
		printf("complete -c slipway%s -l %s -d \"%s\"%s\n", condition,
		       options->name, options->help,
		       options->kind == CLI_FLAG ? "" : " -r");
}

static void print_fish(void)
{
	print_fish_options("", cli_common_options);
	for (const struct cli_verb *const *verb = cli_verbs; *verb; verb++) {
		const char *name = (*verb)->name;
		char condition[80];

		printf("complete -c slipway -n __fish_use_subcommand -f -a %s "
		       "-d \"%s\"\n",
		       name, (*verb)->summary);
		snprintf(condition, sizeof condition,
			 " -n '__fish_seen_subcommand_from %s'", name);
		print_fish_options(condition, (*verb)->options);
		if ((*verb)->selects)
			printf("complete -c slipway%s -f -a '(slipway "
			       "completion words 2>/dev/null)'\n",
			       condition);
	}
}

/* What a SERVICE may be: the names in fleet.yaml. */
static int print_words(const struct cli_options *options, struct error **err)
{
	auto_workspace struct workspace workspace = {0};

	if (workspace_open(&workspace, options, WORKSPACE_MANIFEST, err))
		return -1;
	array_each (struct manifest_service *const, service,
		    &workspace.manifest->services)
		printf(STR_FMT "\n", STR_ARG((*service)->name.s));
	return 0;
}

static int run(const struct cli_options *options, struct error **err)
{
	const char *shell = options->word_count == 1 ? options->words[0] : "";

	if (strcmp(shell, "words") == 0)
		return print_words(options, err);
	if (strcmp(shell, "bash") == 0)
		print_bash();
	else if (strcmp(shell, "zsh") == 0)
		print_zsh();
	else if (strcmp(shell, "fish") == 0)
		print_fish();
	else
		return err_make(err, ERR_USAGE,
				"completion takes one word: bash, zsh or fish");
	return 0;
}

const struct cli_verb verb_completion = {
	.name = "completion",
	.summary = "print completions for bash, zsh or fish",
	.synopsis = "bash|zsh|fish",
	.about = "Prints a script that completes verbs, options and the "
		 "services of fleet.yaml in\n"
		 "the working folder.\n"
		 "\n"
		 "  source <(slipway completion bash)    # in ~/.bashrc\n"
		 "  slipway completion fish > "
		 "~/.config/fish/completions/slipway.fish",
	.takes_words = true,
	.run = run,
};
