#include "faces/cli.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/pool.h"
#include "base/str.h"
#include "faces/cli/parse.h"
#include "faces/cli/verbs.h"

const struct cli_verb *const cli_verbs[] = {
	&verb_init,   &verb_check,  &verb_lock,	      &verb_plan,
	&verb_build,  &verb_export, &verb_load,	      &verb_why,
	&verb_verify, &verb_du,	    &verb_gc,	      &verb_doctor,
	&verb_schema, &verb_key,    &verb_completion, &verb_version,
	NULL,
};

static volatile sig_atomic_t caught; /* the signal that asked for the end */

static void on_interrupt(int signal_number)
{
	/* The second Ctrl-C does not wait: the store survives it. */
	if (pool_is_cancelled())
		_exit(128 + signal_number);
	caught = signal_number;
	pool_cancel();
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_interrupt};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void print_options(const struct cli_option *options)
{
	for (; options && options->name; options++) {
		char left[64];
		int n = options->letter ? snprintf(left, sizeof left, "-%c, ",
						   options->letter)
					: snprintf(left, sizeof left, "    ");

		snprintf(left + n, sizeof left - (size_t)n,
			 options->kind == CLI_OPTIONAL ? "--%s[=%s]"
			 : options->value	       ? "--%s %s"
						       : "--%s",
			 options->name, options->value);
		printf("  %-26s %s\n", left, options->help);
	}
}

static void print_verb_help(const struct cli_verb *verb)
{
	printf("slipway %s %s\n\n%s\n", verb->name, verb->synopsis,
	       verb->about);
	if (verb->options) {
		printf("\nOptions of %s:\n", verb->name);
		print_options(verb->options);
	}
	printf("\nOptions of every verb:\n");
	print_options(cli_common_options);
}

static void print_help(void)
{
	printf("slipway VERB [OPTION...] [SERVICE...]\n\n"
	       "Compiles a fleet of Python services into OCI images, from "
	       "fleet.yaml.\n\n");
	for (const struct cli_verb *const *verb = cli_verbs; *verb; verb++)
		printf("  %-10s %s\n", (*verb)->name, (*verb)->summary);
	printf("\n'slipway VERB --help' explains one, with examples.\n");
}

static int unknown_verb(const char *word, struct error **err)
{
	const char *nearest = NULL;

	for (const struct cli_verb *const *verb = cli_verbs; *verb; verb++)
		nearest = cli_nearest(nearest, (*verb)->name, str_from(word));
	err_make(err, ERR_USAGE, "there is no verb '%s'", word);
	if (nearest)
		return err_hint(err, "did you mean '%s'?", nearest);
	return err_hint(err, "'slipway --help' lists them");
}

/* Exit status, or -1 with *err set. */
static int run_verb(const struct cli_verb *verb,
		    const struct cli_options *options, struct error **err)
{
	if (options->help) {
		print_verb_help(verb);
		return 0;
	}
	log_init(options->quiet	    ? LOG_QUIET
		 : options->verbose ? LOG_VERBOSE
				    : LOG_NORMAL);
	return verb->run(options, err);
}

/* Finds the verb behind the leading options and runs it. */
static int run(int argc, char **argv, struct error **err)
{
	struct cli_options options = {.folder = "."};
	const struct cli_verb *verb = NULL;
	int first = cli_parse_leading(argc, argv, &options, err);

	if (first < 0)
		return -1;
	if (options.version)
		return verb_version.run(&options, err);
	if (first == argc || strcmp(argv[first], "help") == 0) {
		print_help();
		return options.help || first < argc ? 0 : 2;
	}
	for (size_t i = 0; cli_verbs[i]; i++)
		if (strcmp(cli_verbs[i]->name, argv[first]) == 0)
			verb = cli_verbs[i];
	if (!verb)
		return unknown_verb(argv[first], err);
	if (cli_parse(verb, argc - first - 1, argv + first + 1, &options, err))
		return -1;
	if (options.version)
		return verb_version.run(&options, err);
	return run_verb(verb, &options, err);
}

int cli_main(int argc, char **argv)
{
	auto_err struct error *error = NULL;

	catch_signals();
	log_init(LOG_NORMAL);
	int status = run(argc - 1, argv + 1, &error);

	if (status < 0) {
		if (err_class(error) != ERR_CANCELLED || !caught)
			log_error(error);
		status = err_exit_status(err_class(error));
	}
	if (status && caught) {
		log_warn("interrupted; the store is sound and keeps what was "
			 "finished: the same command goes on from there");
		status = 128 + caught;
	}
	/* A full disk behind standard output must not look like success. */
	if (fflush(stdout) == EOF && status == 0) {
		log_warn("cannot write standard output");
		status = 3;
	}
	return status;
}
