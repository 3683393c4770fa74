#include "faces/cli/parse.h"

#include <string.h>

#include "base/error.h"
#include "base/str.h"

#define AT(field) offsetof(struct cli_options, field)

const struct cli_option cli_common_options[] = {
	{"directory", 'C', CLI_TEXT, "DIR",
	 "folder of fleet.yaml (default: here)", AT(folder)},
	{"store", 0, CLI_TEXT, "DIR", "where images and downloads are kept",
	 AT(store)},
	{"jobs", 'j', CLI_COUNT, "N", "threads (default: one per core)",
	 AT(jobs)},
	{"memory", 0, CLI_SIZE, "SIZE", "bound on buffers (default: 384MiB)",
	 AT(memory_bytes)},
	{"offline", 0, CLI_FLAG, NULL, "use only what the store has",
	 AT(offline)},
	{"json", 0, CLI_FLAG, NULL, "print a JSON object on standard output",
	 AT(json)},
	{"quiet", 'q', CLI_FLAG, NULL, "no progress, only warnings and errors",
	 AT(quiet)},
	{"verbose", 'v', CLI_FLAG, NULL, "say more of what is done",
	 AT(verbose)},
	{"version", 0, CLI_FLAG, NULL, "the version", AT(version)},
	{"help", 'h', CLI_FLAG, NULL, "this text", AT(help)},
	CLI_OPTIONS_END,
};

/* Takes the digits off the front of text. */
static bool eat_number(struct str *text, uint64_t *value)
{
	size_t digits = 0;

	while (digits < text->n && text->p[digits] >= '0' &&
	       text->p[digits] <= '9')
		digits++;
	if (!str_to_u64(str_slice(*text, 0, digits), value))
		return false;
	*text = str_slice(*text, digits, text->n);
	return true;
}

bool cli_parse_age(const char *text, uint64_t *seconds)
{
	static const struct {
		char letter;
		unsigned seconds;
	} units[] = {{'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
	struct str rest = str_from(text);
	uint64_t value;

	if (!eat_number(&rest, &value) || rest.n != 1)
		return false;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (*rest.p == units[i].letter)
			return !__builtin_mul_overflow(value, units[i].seconds,
						       seconds);
	return false;
}

bool cli_parse_size(const char *text, uint64_t *bytes)
{
	static const char *const units[] = {"K", "M", "G", "T"};
	struct str rest = str_from(text);
	uint64_t value, unit = 1;

	if (!eat_number(&rest, &value))
		return false;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (str_eat(&rest, str_from(units[i]))) {
			unit = (uint64_t)1 << (10 * (i + 1));
			if (!str_eat(&rest, STR("iB")))
				str_eat(&rest, STR("B"));
			break;
		}
	return rest.n == 0 && !__builtin_mul_overflow(value, unit, bytes);
}

/* The option of a table whose name or letter fits, or NULL. */
static const struct cli_option *find(const struct cli_option *options,
				     struct str name, char letter)
{
	for (; options && options->name; options++)
		if (letter ? options->letter == letter
			   : str_eq(str_from(options->name), name))
			return options;
	return NULL;
}

const char *cli_nearest(const char *best, const char *candidate,
			struct str word)
{
	size_t near_enough = word.n < 4 ? 1 : word.n / 3 + 1;
	size_t distance = str_distance(str_from(candidate), word);

	if (distance > near_enough ||
	    (best && str_distance(str_from(best), word) <= distance))
		return best;
	return candidate;
}

static const char *nearest_option(const struct cli_option *options,
				  const char *best, struct str name)
{
	for (; options && options->name; options++)
		best = cli_nearest(best, options->name, name);
	return best;
}

static int unknown_option(const struct cli_verb *verb, const char *argument,
			  struct str name, struct error **err)
{
	const char *nearest = nearest_option(verb->options, NULL, name);

	nearest = nearest_option(cli_common_options, nearest, name);
	err_make(err, ERR_USAGE, "'slipway %s' has no option '%s'", verb->name,
		 argument);
	if (nearest)
		return err_hint(err, "did you mean '--%s'?", nearest);
	return err_hint(err, "'slipway %s --help' lists them", verb->name);
}

static int set_value(const struct cli_option *option, const char *value,
		     struct cli_options *options, struct error **err)
{
	void *target = (char *)options + option->offset;
	uint64_t number;

	switch (option->kind) {
	case CLI_FLAG:
		*(bool *)target = true;
		return 0;
	case CLI_TEXT:
	case CLI_OPTIONAL:
		*(const char **)target = value;
		return 0;
	case CLI_COUNT:
		if (!str_to_u64(str_from(value), &number) || number > 1024)
			return err_make(err, ERR_USAGE,
					"--%s takes a number up to 1024, not "
					"'%s'",
					option->name, value);
		*(unsigned *)target = (unsigned)number;
		return 0;
	case CLI_SIZE:
		if (!cli_parse_size(value, target))
			return err_make(err, ERR_USAGE,
					"--%s takes a size such as 512MiB, "
					"not '%s'",
					option->name, value);
		return 0;
	case CLI_AGE:
		if (!cli_parse_age(value, target))
			return err_make(err, ERR_USAGE,
					"--%s takes an age such as 12h, 30d "
					"or 2w, not '%s'",
					option->name, value);
		return 0;
	}
	return 0;
}

/* One option; *index moves over a value that stands behind it. */
static int parse_option(const struct cli_verb *verb, int argc, char **argv,
			int *index, struct cli_options *options,
			struct error **err)
{
	const char *argument = argv[*index];
	struct str name = str_from(argument);
	const char *value = NULL;
	char letter = 0;

	if (str_eat(&name, STR("--"))) {
		ptrdiff_t equals = str_find(name, '=');

		if (equals >= 0) {
			value = name.p + equals + 1;
			name = str_slice(name, 0, (size_t)equals);
		}
	} else {
		letter = name.p[1];
		value = name.n > 2 ? name.p + 2 : NULL;
		name = str_slice(name, 1, 2);
	}
	const struct cli_option *option = find(verb->options, name, letter);

	if (!option)
		option = find(cli_common_options, name, letter);
	if (!option)
		return unknown_option(verb, argument, name, err);
	if (option->kind == CLI_FLAG && value)
		return err_make(err, ERR_USAGE, "--%s takes no value",
				option->name);
	if (option->kind == CLI_OPTIONAL && !value)
		value = "";
	if (option->kind != CLI_FLAG && !value) {
		if (*index + 1 == argc)
			return err_make(err, ERR_USAGE, "--%s needs a value",
					option->name);
		value = argv[++*index];
	}
	return set_value(option, value, options, err);
}

int cli_parse_leading(int argc, char **argv, struct cli_options *options,
		      struct error **err)
{
	static const struct cli_verb none = {.name = "VERB"};
	int i;

	for (i = 0; i < argc && argv[i][0] == '-' && argv[i][1]; i++)
		if (parse_option(&none, argc, argv, &i, options, err))
			return -1;
	return i;
}

int cli_parse(const struct cli_verb *verb, int argc, char **argv,
	      struct cli_options *options, struct error **err)
{
	bool only_words = false;

	options->words = argv;
	for (int i = 0; i < argc; i++) {
		if (!only_words && strcmp(argv[i], "--") == 0) {
			only_words = true;
		} else if (!only_words && argv[i][0] == '-' && argv[i][1]) {
			if (parse_option(verb, argc, argv, &i, options, err))
				return -1;
		} else if (verb->takes_words) {
			/* Words gather at the front of argv. */
			options->words[options->word_count++] = argv[i];
		} else {
			return err_make(err, ERR_USAGE,
					"'%s' takes no word such as '%s'",
					verb->name, argv[i]);
		}
	}
	return 0;
}
