#include "settings.h"

#include "number.h"
#include "text.h"

#include <string.h>

enum { DEFAULT_GRACE_MS = 8000, DEFAULT_LINGER_MS = 1000 };
enum { DEFAULT_INTERVAL_MS = 5000, DEFAULT_RETRIES = 3 };
enum { DEFAULT_GPU_TIMEOUT_MS = 10000 };

typedef bool setter(struct settings *settings, const char *value,
		    const struct environment *env);

static bool bool_read(const char *value, bool *out)
{
	static const char *const words[] = {"0",  "1",	 "false", "true",
					    "no", "yes", "off",	  "on"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcasecmp(value, words[i]) == 0) {
			*out = i % 2;
			return true;
		}
	}
	return false;
}

/* Calls take for each part of a comma list. */
static bool list_read(struct settings *settings, const char *value,
		      bool (*take)(struct settings *, const char *))
{
	while (*value) {
		size_t n = strcspn(value, ",");
		char part[64];

		if (n >= sizeof(part))
			return false;
		memcpy(part, value, n);
		part[n] = '\0';
		if (!take(settings, part))
			return false;
		value += n + (value[n] == ',');
	}
	return true;
}

static bool set_service(struct settings *s, const char *value,
			const struct environment *env)
{
	(void)env;
	s->service = value;
	return true;
}

static bool set_machine(struct settings *s, const char *value,
			const struct environment *env)
{
	(void)env;
	s->machine = value;
	return true;
}

static bool set_revision(struct settings *s, const char *value,
			 const struct environment *env)
{
	(void)env;
	s->revision = value;
	return true;
}

static bool set_grace(struct settings *s, const char *value,
		      const struct environment *env)
{
	(void)env;
	if (strcmp(value, "none") == 0) {
		s->grace_ms = -1;
		return true;
	}
	return number_read_duration(value, &s->grace_ms);
}

static bool set_linger(struct settings *s, const char *value,
		       const struct environment *env)
{
	(void)env;
	return number_read_duration(value, &s->linger_ms);
}

static bool set_signal_to(struct settings *s, const char *value,
			  const struct environment *env)
{
	(void)env;
	s->to_group = strcmp(value, "group") == 0;
	return s->to_group || strcmp(value, "child") == 0;
}

static bool set_group(struct settings *s, const char *value,
		      const struct environment *env)
{
	(void)value;
	(void)env;
	s->to_group = true;
	return true;
}

static bool set_setsid(struct settings *s, const char *value,
		       const struct environment *env)
{
	(void)env;
	if (!value) {
		s->own_session = true;
		return true;
	}
	return bool_read(value, &s->own_session);
}

static bool rewrite_take(struct settings *s, const char *part)
{
	const char *colon = strchr(part, ':');
	char from[16];
	int number, to;

	if (!colon || (size_t)(colon - part) >= sizeof(from))
		return false;
	memcpy(from, part, (size_t)(colon - part));
	from[colon - part] = '\0';
	number = signal_from_name(from);
	to = strcmp(colon + 1, "0") == 0 ? 0 : signal_from_name(colon + 1);
	if (number < 1 || to < 0)
		return false;
	s->rewrite[number] = (uint8_t)to;
	return true;
}

static bool set_rewrite(struct settings *s, const char *value,
			const struct environment *env)
{
	(void)env;
	return list_read(s, value, rewrite_take);
}

static bool stops_take(struct settings *s, const char *part)
{
	int number = signal_from_name(part);

	if (number < 1)
		return false;
	s->stops[number] = true;
	return true;
}

static bool set_stop_signals(struct settings *s, const char *value,
			     const struct environment *env)
{
	(void)env;
	memset(s->stops, 0, sizeof(s->stops));
	return list_read(s, value, stops_take);
}

static bool exit_ok_take(struct settings *s, const char *part)
{
	long code;

	if (!number_read(part, 0, 255, &code))
		return false;
	s->exit_ok[code] = true;
	return true;
}

static bool set_exit_ok(struct settings *s, const char *value,
			const struct environment *env)
{
	(void)env;
	return list_read(s, value, exit_ok_take);
}

static bool set_parent_death(struct settings *s, const char *value,
			     const struct environment *env)
{
	(void)env;
	s->parent_death = signal_from_name(value);
	return s->parent_death > 0;
}

static bool set_log(struct settings *s, const char *value,
		    const struct environment *env)
{
	static const char *const levels[] = {"quiet", "info", "debug"};

	(void)env;
	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
		if (strcmp(value, levels[i]) == 0) {
			s->log = (enum log_level)i;
			return true;
		}
	}
	return false;
}

static bool set_verbose(struct settings *s, const char *value,
			const struct environment *env)
{
	(void)value;
	(void)env;
	s->log = LOG_DEBUG;
	return true;
}

/* An address of this machine is a probe target's, so the same reader serves. */
static bool set_health(struct settings *s, const char *value,
		       const struct environment *env)
{
	struct probe probe;
	char target[300];
	struct text text = TEXT_OF(target);

	probe_init(&probe);
	text_addf(&text, "tcp:%s", value);
	if (text.cut || strchr(value, '/') ||
	    probe_set_target(&probe, target, env))
		return false;
	s->has_health = true;
	s->health_port = probe.port;
	text_copy(s->health_host, sizeof(s->health_host), probe.host);
	return true;
}

static bool set_probe(struct settings *s, const char *value,
		      const struct environment *env)
{
	return probe_set_target(&s->probe, value, env) == NULL;
}

static bool set_probe_send(struct settings *s, const char *value,
			   const struct environment *env)
{
	(void)env;
	return probe_set_send(&s->probe, value);
}

static bool set_probe_expect(struct settings *s, const char *value,
			     const struct environment *env)
{
	(void)env;
	return probe_set_expect(&s->probe, value);
}

static bool set_probe_status(struct settings *s, const char *value,
			     const struct environment *env)
{
	(void)env;
	return probe_set_status(&s->probe, value);
}

static bool set_probe_timeout(struct settings *s, const char *value,
			      const struct environment *env)
{
	(void)env;
	return number_read_duration(value, &s->probe.timeout_ms) &&
	       s->probe.timeout_ms > 0;
}

static bool set_probe_interval(struct settings *s, const char *value,
			       const struct environment *env)
{
	(void)env;
	return number_read_duration(value, &s->interval_ms) &&
	       s->interval_ms >= 100;
}

static bool set_probe_retries(struct settings *s, const char *value,
			      const struct environment *env)
{
	long number;

	(void)env;
	if (!number_read(value, 1, 1000, &number))
		return false;
	s->retries = (int)number;
	return true;
}

static bool set_gpu(struct settings *s, const char *value,
		    const struct environment *env)
{
	static const char *const policies[] = {"none", "optional", "required",
					       "nvml"};

	(void)env;
	for (size_t i = 0; i < sizeof(policies) / sizeof(*policies); i++) {
		if (strcmp(value, policies[i]) == 0) {
			s->gpu.policy = (enum gpu_policy)i;
			return true;
		}
	}
	return false;
}

static bool set_required_gpu(struct settings *s, const char *value,
			     const struct environment *env)
{
	bool required;

	(void)env;
	if (!bool_read(value, &required))
		return false;
	/* It strengthens a policy: false leaves "required" from elsewhere. */
	if (required && s->gpu.policy != GPU_NVML)
		s->gpu.policy = GPU_REQUIRED;
	s->gpu.must = s->gpu.must || required;
	return true;
}

static bool set_gpu_timeout(struct settings *s, const char *value,
			    const struct environment *env)
{
	(void)env;
	return number_read_duration(value, &s->gpu.timeout_ms) &&
	       s->gpu.timeout_ms > 0;
}

static bool set_gpu_recheck(struct settings *s, const char *value,
			    const struct environment *env)
{
	(void)env;
	return number_read_duration(value, &s->gpu.recheck_ms);
}

static bool set_gpu_driver(struct settings *s, const char *value,
			   const struct environment *env)
{
	(void)env;
	return number_read_version(value, &s->gpu.min_driver);
}

static bool set_gpu_capability(struct settings *s, const char *value,
			       const struct environment *env)
{
	(void)env;
	return number_read_version(value, &s->gpu.min_capability);
}

static bool set_gpu_helper(struct settings *s, const char *value,
			   const struct environment *env)
{
	(void)env;
	s->gpu.helper = value;
	return true;
}

/* A setting's variable, flag and short flag; NULL or 0 where it has none. The
 * order is that in which variables are read: SLIPWAY_GPU before REQUIRED_GPU,
 * which strengthens it. */
static const struct setting {
	const char *variable, *flag;
	char letter;
	bool is_switch;
	setter *set;
} table[] = {
	{"SLIPWAY_SERVICE", "service", 0, false, set_service},
	{"SLIPWAY_MACHINE", "machine", 0, false, set_machine},
	{"SLIPWAY_REVISION", "revision", 0, false, set_revision},
	{"SLIPWAY_GRACE", "grace", 0, false, set_grace},
	{"SLIPWAY_LINGER", "linger", 0, false, set_linger},
	{"SLIPWAY_SIGNAL_TO", "signal-to", 0, false, set_signal_to},
	{NULL, "group", 'g', true, set_group},
	{"SLIPWAY_SETSID", NULL, 0, false, set_setsid},
	{NULL, "setsid", 0, true, set_setsid},
	{"SLIPWAY_REWRITE", "rewrite", 'r', false, set_rewrite},
	{"SLIPWAY_STOP_SIGNALS", "stop-signals", 0, false, set_stop_signals},
	{"SLIPWAY_EXIT_OK", "exit-ok", 'e', false, set_exit_ok},
	{"SLIPWAY_PARENT_DEATH", "parent-death", 'p', false, set_parent_death},
	{"SLIPWAY_LOG", "log", 0, false, set_log},
	{NULL, "verbose", 'v', true, set_verbose},
	{"SLIPWAY_HEALTH_PORT", "health-port", 0, false, set_health},
	{"SLIPWAY_PROBE", "probe", 0, false, set_probe},
	{"SLIPWAY_PROBE_SEND", "send", 0, false, set_probe_send},
	{"SLIPWAY_PROBE_EXPECT", "expect", 0, false, set_probe_expect},
	{"SLIPWAY_PROBE_STATUS", "status", 0, false, set_probe_status},
	{"SLIPWAY_PROBE_TIMEOUT", "timeout", 0, false, set_probe_timeout},
	{"SLIPWAY_PROBE_INTERVAL", "interval", 0, false, set_probe_interval},
	{"SLIPWAY_PROBE_RETRIES", "retries", 0, false, set_probe_retries},
	{"SLIPWAY_GPU", "gpu", 0, false, set_gpu},
	{"REQUIRED_GPU", NULL, 0, false, set_required_gpu},
	{"SLIPWAY_GPU_TIMEOUT", "gpu-timeout", 0, false, set_gpu_timeout},
	{"SLIPWAY_GPU_RECHECK", "gpu-recheck", 0, false, set_gpu_recheck},
	{"SLIPWAY_GPU_MIN_DRIVER", "gpu-min-driver", 0, false, set_gpu_driver},
	{"SLIPWAY_GPU_MIN_CAPABILITY", "gpu-min-capability", 0, false,
	 set_gpu_capability},
	{"SLIPWAY_GPU_HELPER", "gpu-helper", 0, false, set_gpu_helper},
};

enum { TABLE_COUNT = sizeof(table) / sizeof(*table) };

enum flag_kind flag_find(const char *argument, const char **name)
{
	for (size_t i = 0; i < TABLE_COUNT; i++) {
		const struct setting *setting = &table[i];
		char letter[3] = {'-', setting->letter, '\0'};

		if (!setting->flag)
			continue;
		if (!(setting->letter && strcmp(argument, letter) == 0) &&
		    !(strncmp(argument, "--", 2) == 0 &&
		      strcmp(argument + 2, setting->flag) == 0))
			continue;
		*name = setting->flag;
		return setting->is_switch ? FLAG_SWITCH : FLAG_VALUE;
	}
	return FLAG_UNKNOWN;
}

static void settings_default(struct settings *s)
{
	memset(s, 0, sizeof(*s));
	s->grace_ms = DEFAULT_GRACE_MS;
	s->linger_ms = DEFAULT_LINGER_MS;
	s->log = LOG_INFO;
	s->interval_ms = DEFAULT_INTERVAL_MS;
	s->retries = DEFAULT_RETRIES;
	s->stops[signal_from_name("TERM")] = true;
	for (unsigned i = 0; i <= SIGNAL_MAX; i++)
		s->rewrite[i] = (uint8_t)i;
	probe_init(&s->probe);
	s->gpu.timeout_ms = DEFAULT_GPU_TIMEOUT_MS;
	s->gpu.helper = "/sbin/slipway-gpu";
}

static bool setting_bad(char problem[200], const char *name, const char *value)
{
	struct text text = {problem, 0, 200, false};

	text_addf(&text, "%s has a value that cannot be used: '", name);
	text_add_plain(&text, value, strlen(value));
	text_add(&text, "'; see docs/init.md");
	return false;
}

bool settings_read(struct settings *settings, const struct environment *env,
		   const struct flag *flags, unsigned flag_count,
		   char problem[200])
{
	settings_default(settings);
	for (size_t i = 0; i < TABLE_COUNT; i++) {
		const char *value =
			table[i].variable
				? environment_get(env, table[i].variable)
				: NULL;

		/* Empty is as good as unset: compose files write it so. */
		if (value && *value && !table[i].set(settings, value, env))
			return setting_bad(problem, table[i].variable, value);
	}
	for (unsigned f = 0; f < flag_count; f++) {
		for (size_t i = 0; i < TABLE_COUNT; i++) {
			if (!table[i].flag ||
			    strcmp(table[i].flag, flags[f].name) != 0)
				continue;
			if (!table[i].set(settings, flags[f].value, env))
				return setting_bad(problem, flags[f].name,
						   flags[f].value);
		}
	}
	return true;
}
