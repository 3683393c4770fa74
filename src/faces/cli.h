/* cli: the command line: verbs, options, help, exit status.
 *
 * Every verb is one file cmd_<verb>.c and one row of the table in cli.c. The
 * options of a verb and their help are one table, so that what is accepted and
 * what is explained cannot differ.
 *
 * Exit status: 0 done, 1 the fleet has errors, 2 wrong use, 3 the environment
 * failed (network, disk, missing tool), 128 + N where signal N interrupted it
 * (Ctrl-C: 130).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/* What the command line said; every verb reads what it has options for. */
struct cli_options {
	const char *folder;  /* -C: where fleet.yaml is; default "." */
	const char *store;   /* --store; NULL: see store_default_path() */
	const char *output;  /* -o */
	const char *answers; /* --answers; NULL: the usual file */
	const char *engine;  /* --to */
	const char *export;  /* a format; NULL: not */
	const char *against, *since; /* of plan: files */
	unsigned jobs;		     /* 0: one per core */
	uint64_t memory_bytes;
	bool offline, json, quiet, verbose, strict, help, version;
	bool check, record, remove, replan, force, no_ask, prove, make_new;
	bool all, dry_run, keep_files;	  /* of gc */
	uint64_t max_bytes, older_than_s; /* of gc */
	const char *sign;		  /* the file of a private key */
	const char *upgrade; /* "": everything, else one package; NULL: not */
	char **words;	     /* services, globs, family:GLOB, machine:NAME */
	size_t word_count;
};

enum cli_kind {
	CLI_FLAG,     /* bool */
	CLI_TEXT,     /* const char * */
	CLI_OPTIONAL, /* const char *, "" where --name stands without =VALUE */
	CLI_COUNT,    /* unsigned */
	CLI_SIZE,     /* uint64_t, with K, M, G, KiB, MiB, GiB */
	CLI_AGE,      /* uint64_t seconds, with m, h, d or w */
};

struct cli_option {
	const char *name;
	char letter; /* 0: none */
	enum cli_kind kind;
	const char *value; /* what help calls its value; NULL for a flag */
	const char *help;
	size_t offset; /* in struct cli_options */
};

/* The end of a verb's option table. */
#define CLI_OPTIONS_END                                                        \
	{                                                                      \
		NULL, 0, CLI_FLAG, NULL, NULL, 0                               \
	}

/* --strict, for the tables of verbs that go on after errors. */
#define CLI_STRICT                                                             \
	{                                                                      \
		"strict", 0, CLI_FLAG, NULL,                                   \
			"stop at the first error; uncertain is one too",       \
			offsetof(struct cli_options, strict)                   \
	}

struct cli_verb {
	const char *name;
	const char *summary;		  /* one line of `slipway --help` */
	const char *synopsis;		  /* behind the name: "[SERVICE...]" */
	const char *about;		  /* a paragraph and examples */
	const struct cli_option *options; /* besides the common ones */
	bool takes_words;
	bool selects; /* the words are services, globs and the like */
	/* Exit status; -1 with *err set where it failed as a whole. */
	int (*run)(const struct cli_options *options, struct error **err);
};

/* Runs slipway with main()'s arguments; gives the exit status. */
int cli_main(int argc, char **argv);
