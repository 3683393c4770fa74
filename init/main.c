/* main: which of slipway-init's commands is asked for.
 *
 *   slipway-init [FLAG...] [--] PROGRAM [ARGUMENT...]
 *   slipway-init probe [FLAG...] [TARGET]
 *   slipway-init env | cpus [ROOT] | --version | --help
 *
 * A word that is a command is one only in first place and without a "--" before
 * it, so that a service may be called "probe".
 */
#include "alive.h"
#include "log.h"
#include "profile.h"
#include "settings.h"
#include "supervise.h"

#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* The version comes as bare words on the compiler's command line. */
#define TO_STRING(words) #words
#define AS_STRING(words) TO_STRING(words)
#ifdef SLIPWAY_VERSION
#define VERSION AS_STRING(SLIPWAY_VERSION)
#else
#define VERSION "(development)"
#endif

extern char **environ;

struct arguments {
	struct flag flags[FLAGS_MAX];
	unsigned flag_count;
	const char *profile; /* --profile, or NULL */
	int rest;	     /* the first argument that is no flag */
};

struct start {
	struct environment env;
	struct settings settings;
	const char *profile; /* path that was read, or NULL */
	char problem[200];
	struct profile_report report;
};

static const char default_profile[] = "/etc/machine-profile.json";

static void out_line(const char *line)
{
	size_t n = strlen(line);

	if (write(STDOUT_FILENO, line, n) != (ssize_t)n)
		return;
}

static void print_help(void)
{
	out_line(
		"slipway-init " VERSION
		": starts a service and looks after it.\n"
		"\n"
		"  slipway-init [FLAG...] [--] PROGRAM [ARGUMENT...]\n"
		"  slipway-init probe [FLAG...] [TARGET]   is it well? 0 or 1\n"
		"  slipway-init env      the environment that it would get\n"
		"  slipway-init cpus     how many CPUs there are to use\n"
		"\n"
		"Each flag is also a variable: --grace 8s is "
		"SLIPWAY_GRACE=8s.\n"
		"  --grace 8s            from a stop signal to SIGKILL\n"
		"  --linger 1s           for what outlives the program\n"
		"  -g, --group           signals go to its process group\n"
		"  --setsid              it gets a session of its own\n"
		"  -r, --rewrite TERM:INT,HUP:0\n"
		"  --stop-signals TERM   which signals start the grace period\n"
		"  -e, --exit-ok 143     exit statuses that become 0\n"
		"  -p, --parent-death KILL\n"
		"  --health-port 8200    serve /health, /ready, /metrics\n"
		"  --probe tcp:7200      how the service is asked\n"
		"  --gpu required        none, optional, required, nvml\n"
		"  --profile FILE        /etc/machine-profile.json\n"
		"  --log info            quiet, info, debug; -v is debug\n"
		"\n"
		"Example: slipway-init -- python app.py\n"
		"         slipway-init probe http://:8008/health\n"
		"         slipway-init probe --send ping zmq:7200\n");
}

/* Reads flags from argv[from]; false with a line in problem. */
static bool arguments_read(struct arguments *arguments, char **argv, int from,
			   char problem[200])
{
	struct text text = {problem, 0, 200, false};
	int i = from;

	memset(arguments, 0, sizeof(*arguments));
	for (; argv[i] && argv[i][0] == '-' && argv[i][1]; i++) {
		bool profile = strcmp(argv[i], "--profile") == 0;
		enum flag_kind kind = FLAG_VALUE;
		struct flag flag = {0};

		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		/* Being a subreaper is decided by the process number. */
		if (strcmp(argv[i], "-s") == 0)
			continue;
		if (!profile)
			kind = flag_find(argv[i], &flag.name);
		if (kind == FLAG_UNKNOWN ||
		    arguments->flag_count == FLAGS_MAX) {
			text_addf(&text, "unknown flag '%s'; see --help",
				  argv[i]);
			return false;
		}
		if (kind == FLAG_VALUE) {
			flag.value = argv[i + 1];
			if (!flag.value) {
				text_addf(&text, "'%s' needs a value", argv[i]);
				return false;
			}
			i++;
		}
		if (profile)
			arguments->profile = flag.value;
		else
			arguments->flags[arguments->flag_count++] = flag;
	}
	arguments->rest = i;
	return true;
}

/* The value of a flag, or of its variable. */
static const char *early_value(const struct arguments *arguments,
			       const struct environment *env, const char *flag,
			       const char *variable)
{
	const char *value = environment_get(env, variable);

	for (unsigned i = 0; i < arguments->flag_count; i++)
		if (strcmp(arguments->flags[i].name, flag) == 0)
			value = arguments->flags[i].value;
	return value && *value ? value : NULL;
}

/* Image defaults, profile, real environment, flags: in this order of strength.
 * False with a line in start->problem. */
static bool start_read(struct start *start, const struct arguments *arguments)
{
	struct environment *env = &start->env;
	const char *defaults, *path, *wrong = NULL;

	environment_init(env, environ);
	defaults = environment_get(env, "SLIPWAY_ENV_DEFAULTS");
	if (defaults)
		wrong = environment_mark_defaults(env, defaults,
						  strlen(defaults));
	if (wrong)
		log_line(LOG_QUIET, "SLIPWAY_ENV_DEFAULTS is not used: %s",
			 wrong);
	environment_set(env, "SLIPWAY_ENV_DEFAULTS", NULL, SOURCE_INIT);
	path = arguments->profile;
	if (!path)
		path = environment_get(env, "SLIPWAY_PROFILE");
	if (!path || !*path)
		path = default_profile;
	if (profile_load(
		    env, path,
		    early_value(arguments, env, "service", "SLIPWAY_SERVICE"),
		    &start->report))
		start->profile = path;
	return settings_read(&start->settings, env, arguments->flags,
			     arguments->flag_count, start->problem);
}

static void start_report(const struct start *start)
{
	if (start->report.problem[0])
		log_line(LOG_QUIET, "profile %s: %s", start->profile,
			 start->report.problem);
	if (start->report.ignored)
		log_line(LOG_INFO, "profile %s: %u unknown keys are ignored",
			 start->profile, start->report.ignored);
}

static int run_usage(const char *problem)
{
	log_line(LOG_QUIET, "%s", problem);
	return STATUS_USAGE;
}

/* Which limit a thread count is from, for the line at the start. */
static const char *threads_from(const struct environment *env,
				const struct cpu_limit *limit, bool was_auto)
{
	const char *threads = environment_get(env, "OMP_NUM_THREADS");
	long number;

	if (was_auto)
		return limit->from;
	if (threads && number_read(threads, 1, 100000, &number) &&
	    number > limit->cpus)
		log_line(LOG_INFO, "%ld threads are set, but %s allows %d CPUs",
			 number, limit->from, limit->cpus);
	return "as set";
}

static int command_run(char **argv, int from, uint64_t mask)
{
	static struct start start;
	struct arguments arguments;
	struct supervision plan = {
		.settings = &start.settings, .env = &start.env, .mask = mask};
	struct cpu_limit limit;
	const char *threads, *bad;
	bool was_auto;
	int status;

	if (!arguments_read(&arguments, argv, from, start.problem))
		return run_usage(start.problem);
	plan.argv = argv + arguments.rest;
	if (!plan.argv[0])
		return run_usage("no program to run; see --help");
	if (!start_read(&start, &arguments))
		return run_usage(start.problem);
	log_set_level(start.settings.log);
	start_report(&start);
	plan.profile = start.profile;
	limit = cpu_limit_find("");
	threads = environment_get(&start.env, "SLIPWAY_THREADS");
	if (!threads)
		threads = environment_get(&start.env, "OMP_NUM_THREADS");
	was_auto = threads && strcmp(threads, "auto") == 0;
	bad = threads_apply(&start.env, &limit);
	if (bad) {
		log_line(LOG_QUIET, "%s is neither a number nor 'auto'", bad);
		return STATUS_USAGE;
	}
	plan.threads_from = threads_from(&start.env, &limit, was_auto);
	/* With nothing to ask the service, being alive is the answer. */
	if (start.settings.probe.kind == PROBE_NONE)
		probe_set_target(&start.settings.probe, "alive", &start.env);
	status = supervise(&plan);
	environment_release(&start.env);
	return status;
}

static int probe_end(const struct probe *probe,
		     const struct probe_result *result)
{
	char line[640];
	struct text text = TEXT_OF(line);

	text_addf(&text, "%s: ", probe->target);
	text_add(&text, result->message);
	if (result->ok && result->latency_us) {
		text_add(&text, " in ");
		text_add_ms(&text, result->latency_us);
		text_add(&text, " ms");
	}
	text_add(&text, "\n");
	out_line(line);
	return !result->ok;
}

/* Exit status 0 or 1 and nothing else: Docker reserves 2. */
static int command_probe(char **argv)
{
	static struct start start;
	struct arguments arguments;
	struct probe *probe = &start.settings.probe;
	struct probe_result result = {0};
	const char *wrong = NULL;

	if (!arguments_read(&arguments, argv, 2, start.problem) ||
	    !start_read(&start, &arguments)) {
		out_line(start.problem);
		out_line("\n");
		return 1;
	}
	argv += arguments.rest;
	if (argv[0])
		wrong = probe_set_target(probe, argv[0], &start.env);
	else if (probe->kind == PROBE_NONE)
		probe_set_target(probe, "alive", &start.env);
	if (wrong || (argv[0] && argv[1])) {
		text_copy(result.message, sizeof(result.message),
			  wrong ? wrong : "one target at a time");
		return probe_end(probe, &result);
	}
	if (probe_is_local(probe)) {
		enum alive alive = alive_check(&result);

		if (alive == ALIVE_NO || probe->kind == PROBE_ALIVE) {
			result.ok = alive == ALIVE_YES;
			return probe_end(probe, &result);
		}
	}
	probe_run(probe, &result);
	return probe_end(probe, &result);
}

/* Each variable with where it is from. */
static int command_env(char **argv)
{
	static const char *const sources[] = {"image", "profile", "run",
					      "init"};
	static struct start start;
	struct arguments arguments;
	struct cpu_limit limit;

	if (!arguments_read(&arguments, argv, 2, start.problem) ||
	    !start_read(&start, &arguments))
		return run_usage(start.problem);
	start_report(&start);
	limit = cpu_limit_find("");
	threads_apply(&start.env, &limit);
	for (size_t i = 0; i < start.env.count; i++) {
		if (!start.env.list[i].text)
			continue;
		out_line(sources[start.env.list[i].source]);
		out_line("\t");
		out_line(start.env.list[i].text);
		out_line("\n");
	}
	return 0;
}

static int command_cpus(const char *root)
{
	struct cpu_limit limit = cpu_limit_find(root ? root : "");
	char line[128];
	struct text text = TEXT_OF(line);

	text_addf(&text, "%d (%s)\n", limit.cpus, limit.from);
	out_line(line);
	return 0;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "--help";
	uint64_t mask;

	if (strcmp(word, "--version") == 0) {
		out_line("slipway-init " VERSION "\n");
		return 0;
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		print_help();
		return 0;
	}
	if (strcmp(word, "probe") == 0) {
		prctl(PR_SET_NAME, "slipway-probe");
		return command_probe(argv);
	}
	if (strcmp(word, "env") == 0)
		return command_env(argv);
	if (strcmp(word, "cpus") == 0)
		return command_cpus(argv[2]);
	/* Before anything else: no signal may be lost. */
	signals_block_all(&mask);
	prctl(PR_SET_NAME, "slipway-init");
	return command_run(argv, 1, mask);
}
