#include "decisions/image.h"

#include <stdio.h>
#include <time.h>

#include "base/array.h"
#include "codec/json.h"

#define CONFIG_TYPE   "application/vnd.oci.image.config.v1+json"
#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"

static json_t *text_of_number(uint64_t number)
{
	char text[24];

	snprintf(text, sizeof text, "%llu", (unsigned long long)number);
	return json_string(text);
}

static json_t *time_text(int64_t seconds)
{
	char text[40];
	time_t time = (time_t)seconds;
	struct tm utc;

	gmtime_r(&time, &utc);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
	return json_string(text);
}

/* A family's own image: of no machine. */
static bool is_family(const struct image_input *input)
{
	return input->instance->machine->name.s.n == 0;
}

/* -- environment -- */

static void set_text(json_t *env, const char *name, const char *value)
{
	json_object_set_new(env, name, json_string(value));
}

/* A number stands under every name that libraries read, so that `docker exec`
 * sees it too; "auto" is for slipway-init, which sees the container's limits.
 */
static void add_count(json_t *env, const struct manifest_count *count,
		      const char *setting, const char *const *names)
{
	if (count->is_auto)
		set_text(env, setting, "auto");
	else if (count->is_set)
		for (; *names; names++)
			json_object_set_new(env, *names,
					    text_of_number(count->value));
}

static void add_counts(json_t *env, const struct manifest_machine *machine)
{
	static const char *const threads[] = {
		"SLIPWAY_THREADS",     "OMP_NUM_THREADS",
		"MKL_NUM_THREADS",     "OPENBLAS_NUM_THREADS",
		"NUMEXPR_NUM_THREADS", NULL};
	static const char *const workers[] = {
		"SLIPWAY_WORKERS", "WEB_CONCURRENCY", "UVICORN_WORKERS", NULL};

	add_count(env, &machine->threads, threads[0], threads);
	add_count(env, &machine->workers, workers[0], workers);
}

/* A driver requirement as slipway-init takes it: ">=525.60.13" without the
 * comparison. */
static void add_track(json_t *env, const struct manifest_track *track)
{
	struct str driver = track->driver.s;

	str_eat(&driver, STR(">="));
	if (driver.n)
		json_object_set_new(env, "SLIPWAY_GPU_MIN_DRIVER",
				    json_new_str(str_trim(driver)));
}

static void add_gpu(json_t *env, const struct manifest_instance *instance)
{
	enum manifest_gpu gpu = instance->settings.gpu;

	if (gpu == MANIFEST_GPU_NONE) {
		set_text(env, "NVIDIA_VISIBLE_DEVICES", "void");
		return;
	}
	set_text(env, "NVIDIA_VISIBLE_DEVICES", "all");
	set_text(env, "NVIDIA_DRIVER_CAPABILITIES", "compute,utility");
	set_text(env, "SLIPWAY_GPU", manifest_gpu_text(gpu));
	set_text(env, "SLIPWAY_GPU_HELPER", IMAGE_GPU);
	add_track(env, instance->track);
	if (gpu == MANIFEST_GPU_REQUIRED)
		set_text(env, "REQUIRED_GPU", "true");
}

static void add_escaped(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c < 0x20 || c == 0x7f)
			buf_printf(out, "\\x%02x", c);
		else if (c == '\\')
			buf_append_text(out, "\\\\");
		else
			buf_append_byte(out, (char)c);
	}
}

static void set_payload(json_t *env, const char *name, struct str payload)
{
	auto_buf struct buf text = BUF_EMPTY;

	if (payload.n == 0)
		return;
	add_escaped(&text, payload);
	set_text(env, name, buf_text(&text));
}

static void set_duration(json_t *env, const char *name, uint64_t ms)
{
	if (ms)
		json_object_set_new(
			env, name,
			json_sprintf("%llums", (unsigned long long)ms));
}

/* How slipway-init asks the service, and where it serves /health itself. */
static void add_health(json_t *env, const struct manifest_health *health)
{
	json_t *probe = NULL;

	switch (health->kind) {
	case MANIFEST_HEALTH_HTTP:
		probe = json_sprintf("http://:%u%s", health->port,
				     health->path.s.p);
		break;
	case MANIFEST_HEALTH_GRPC:
		probe = json_sprintf(health->service.s.n ? "grpc:%u/%s"
							 : "grpc:%u",
				     health->port, health->service.s.p);
		break;
	case MANIFEST_HEALTH_ZMQ:
		probe = json_sprintf("zmq:%u", health->port);
		break;
	case MANIFEST_HEALTH_TCP:
	case MANIFEST_HEALTH_SERVED:
		probe = health->port ? json_sprintf("tcp:%u", health->port)
				     : json_string("alive");
		break;
	case MANIFEST_HEALTH_AUTO:
	case MANIFEST_HEALTH_NONE:
		return;
	}
	json_object_set_new(env, "SLIPWAY_PROBE", probe);
	set_payload(env, "SLIPWAY_PROBE_SEND", health->send.s);
	set_payload(env, "SLIPWAY_PROBE_EXPECT", health->expect.s);
	set_duration(env, "SLIPWAY_PROBE_TIMEOUT", health->timeout_ms);
	if (health->served_port)
		json_object_set_new(env, "SLIPWAY_HEALTH_PORT",
				    text_of_number(health->served_port));
}

/* "3,143": what slipway-init turns into 0. */
static void add_exit_ok(json_t *env, const struct manifest_statuses *statuses)
{
	auto_buf struct buf text = BUF_EMPTY;

	for (unsigned i = 1; i < 256; i++)
		if (statuses->has[i])
			buf_printf(&text, "%s%u", text.n ? "," : "", i);
	if (text.n)
		set_text(env, "SLIPWAY_EXIT_OK", buf_text(&text));
}

static void add_python_path(json_t *env, const struct manifest_source *source)
{
	auto_buf struct buf path = BUF_EMPTY;

	for (size_t i = 0; i < source->pythonpath.n; i++) {
		struct str folder = source->pythonpath.p[i].s;

		buf_append_text(&path, i ? ":" IMAGE_APP : IMAGE_APP);
		if (!str_eq(folder, STR(".")))
			buf_printf(&path, "/" STR_FMT, STR_ARG(folder));
	}
	set_text(env, "PYTHONPATH", buf_text(&path));
}

/* What the base's image sets, and PATH. */
static void add_base(json_t *env, const struct image_input *input)
{
	struct str path = STR("/usr/local/sbin:/usr/local/bin:/usr/sbin:"
			      "/usr/bin:/sbin:/bin");

	for (size_t i = 0; i < input->base_env_count; i++) {
		struct str value = input->base_env[i], name;

		str_split(&value, '=', &name);
		if (str_eq(name, STR("PATH")))
			path = value;
		json_object_setn_new(env, name.p, name.n, json_new_str(value));
	}
	json_object_set_new(
		env, "PATH",
		json_sprintf(IMAGE_VENV "/bin:%.*s", STR_ARG(path)));
}

/* Name to value. The service's own settings come last, over all others. */
static json_t *environment(const struct image_input *input)
{
	const struct manifest_settings *settings = &input->instance->settings;
	json_t *env = json_object();

	add_base(env, input);
	set_text(env, "HOME", "/home/app");
	set_text(env, "XDG_CACHE_HOME", "/home/app/.cache");
	set_text(env, "LANG", "C.UTF-8");
	set_text(env, "PYTHONUNBUFFERED", "1");
	set_text(env, "PYTHONDONTWRITEBYTECODE", "1");
	add_python_path(env, &input->manifest->source);
	add_counts(env, input->instance->machine);
	add_gpu(env, input->instance);
	add_health(env, &settings->health);
	add_exit_ok(env, &settings->success_exit_status);
	if (!is_family(input)) {
		json_object_set_new(
			env, "SLIPWAY_SERVICE",
			json_new_str(input->instance->service->name.s));
		json_object_set_new(
			env, "SLIPWAY_MACHINE",
			json_new_str(input->instance->machine->name.s));
	}
	if (input->manifest->version.s.n)
		json_object_set_new(env, "SLIPWAY_REVISION",
				    json_new_str(input->manifest->version.s));
	for (size_t i = 0; i < settings->env.n; i++)
		json_object_set_new(env, settings->env.p[i].name.s.p,
				    json_new_str(settings->env.p[i].value.s));
	auto_buf struct buf defaults = BUF_EMPTY;

	json_append_canonical(&defaults, env);
	set_text(env, "SLIPWAY_ENV_DEFAULTS", buf_text(&defaults));
	return env;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* ["A=1", "B=2"], sorted by name. */
static json_t *environment_list(const json_t *env)
{
	ARRAY(const char *) names = ARRAY_EMPTY;
	json_t *list = json_array();
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)(uintptr_t)env, name, value)
		array_push(&names, name);
	array_sort(&names, compare_names);
	for (size_t i = 0; i < names.n; i++)
		json_array_append_new(
			list, json_sprintf("%s=%s", names.p[i],
					   json_string_value(json_object_get(
						   env, names.p[i]))));
	array_release(&names);
	return list;
}

/* -- what runs -- */

static json_t *command(const struct manifest_run *run)
{
	json_t *words = json_array();

	json_array_append_new(words, json_string(IMAGE_PYTHON));
	if (run->entry.s.n == 0)
		return words;
	if (run->is_module) {
		json_array_append_new(words, json_string("-m"));
		json_array_append_new(words, json_new_str(run->entry.s));
	} else {
		json_array_append_new(
			words, json_sprintf(IMAGE_APP "/%s", run->entry.s.p));
	}
	for (size_t i = 0; i < run->arguments.n; i++)
		json_array_append_new(words,
				      json_new_str(run->arguments.p[i].s));
	return words;
}

static json_t *nanoseconds(uint64_t ms)
{
	return json_integer((json_int_t)ms * 1000000);
}

/* Source: the Docker Image Specification v1.2, "Healthcheck". The target of
 * the probe is in the environment, see add_health(). */
static json_t *health_check(const struct manifest_health *health)
{
	json_t *check = json_object(), *test = json_array();

	json_object_set_new(check, "Test", test);
	if (health->kind == MANIFEST_HEALTH_NONE) {
		json_array_append_new(test, json_string("NONE"));
		return check;
	}
	json_array_append_new(test, json_string("CMD"));
	json_array_append_new(test, json_string(IMAGE_INIT));
	json_array_append_new(test, json_string("probe"));
	if (health->interval_ms)
		json_object_set_new(check, "Interval",
				    nanoseconds(health->interval_ms));
	if (health->timeout_ms)
		json_object_set_new(check, "Timeout",
				    nanoseconds(health->timeout_ms));
	if (health->start_period_ms)
		json_object_set_new(check, "StartPeriod",
				    nanoseconds(health->start_period_ms));
	if (health->retries)
		json_object_set_new(check, "Retries",
				    json_integer(health->retries));
	return check;
}

static json_t *exposed_ports(const struct manifest_ports *ports)
{
	json_t *set = json_object();

	for (size_t i = 0; i < ports->n; i++) {
		char name[24];

		snprintf(name, sizeof name, "%u/%s", ports->p[i].number,
			 ports->p[i].is_udp ? "udp" : "tcp");
		json_object_set_new(set, name, json_object());
	}
	return set;
}

/* The same as annotations of the manifest and labels of the config: docker
 * shows the ones, registries the others. */
static json_t *annotations(const struct image_input *input)
{
	const struct manifest *manifest = input->manifest;
	json_t *set = json_object();

	json_object_set_new(set, "org.opencontainers.image.created",
			    time_text(input->created_s));
	json_object_set_new(set, "org.opencontainers.image.title",
			    json_new_str(input->instance->service->name.s));
	if (manifest->version.s.n)
		json_object_set_new(set, "org.opencontainers.image.version",
				    json_new_str(manifest->version.s));
	if (input->base_name.n)
		json_object_set_new(set, "org.opencontainers.image.base.name",
				    json_new_str(input->base_name));
	if (!digest_is_zero(&input->base_digest))
		json_object_set_new(
			set, "org.opencontainers.image.base.digest",
			json_string(digest_text(&input->base_digest).p));
	json_object_set_new(set, "io.slipway.fleet",
			    json_new_str(manifest->fleet.s));
	json_object_set_new(
		set,
		is_family(input) ? "io.slipway.family" : "io.slipway.machine",
		json_new_str(is_family(input)
				     ? input->instance->service->name.s
				     : input->instance->machine->name.s));
	return set;
}

static json_t *container_config(const struct image_input *input)
{
	const struct manifest_settings *settings = &input->instance->settings;
	json_t *config = json_object();
	auto_json json_t *env = environment(input);

	json_object_set_new(
		config, "User",
		json_sprintf("%u:%u", settings->user.uid, settings->user.gid));
	json_object_set_new(config, "ExposedPorts",
			    exposed_ports(&settings->ports));
	json_object_set_new(config, "Env", environment_list(env));
	json_object_set_new(config, "Entrypoint",
			    json_pack("[ss]", IMAGE_INIT, "--"));
	json_object_set_new(config, "Cmd", command(&settings->run));
	json_object_set_new(config, "Healthcheck",
			    health_check(&settings->health));
	json_object_set_new(config, "WorkingDir",
			    json_new_str(settings->workdir.s));
	json_object_set_new(config, "Labels", annotations(input));
	json_object_set_new(config, "StopSignal", json_string("SIGTERM"));
	return config;
}

static json_t *history(const struct image_input *input)
{
	json_t *list = json_array();

	for (size_t i = 0; i < input->layer_count; i++) {
		json_t *entry = json_object();

		json_object_set_new(entry, "created",
				    time_text(input->created_s));
		json_object_set_new(entry, "created_by",
				    json_new_str(input->layers[i].made_of));
		json_array_append_new(list, entry);
	}
	return list;
}

void image_config(const struct image_input *input, struct buf *out)
{
	auto_json json_t *config = json_object();
	json_t *root = json_object(), *diff_ids = json_array();
	struct str platform = input->instance->machine->platform.s, part;
	static const char *const names[] = {"os", "architecture", "variant"};

	for (size_t i = 0; i < 3 && str_split(&platform, '/', &part); i++)
		json_object_set_new(config, names[i], json_new_str(part));
	for (size_t i = 0; i < input->layer_count; i++)
		json_array_append_new(
			diff_ids,
			json_string(digest_text(&input->layers[i].diff_id).p));
	json_object_set_new(root, "type", json_string("layers"));
	json_object_set_new(root, "diff_ids", diff_ids);
	json_object_set_new(config, "rootfs", root);
	json_object_set_new(config, "created", time_text(input->created_s));
	json_object_set_new(config, "config", container_config(input));
	json_object_set_new(config, "history", history(input));
	json_append_canonical(out, config);
}

static json_t *descriptor(struct str type, const struct digest *digest,
			  uint64_t size_bytes)
{
	json_t *object = json_object();

	json_object_set_new(object, "mediaType", json_new_str(type));
	json_object_set_new(object, "digest",
			    json_string(digest_text(digest).p));
	json_set_u64(object, "size", size_bytes);
	return object;
}

void image_manifest(const struct image_input *input, struct str config,
		    struct buf *out)
{
	auto_json json_t *manifest = json_object();
	struct digest config_digest = digest_of(config);
	json_t *layers = json_array();

	for (size_t i = 0; i < input->layer_count; i++)
		json_array_append_new(
			layers, descriptor(input->layers[i].media_type,
					   &input->layers[i].digest,
					   input->layers[i].compressed_bytes));
	json_object_set_new(manifest, "schemaVersion", json_integer(2));
	json_object_set_new(manifest, "mediaType", json_string(MANIFEST_TYPE));
	json_object_set_new(
		manifest, "config",
		descriptor(STR(CONFIG_TYPE), &config_digest, config.n));
	json_object_set_new(manifest, "layers", layers);
	json_object_set_new(manifest, "annotations", annotations(input));
	json_append_canonical(out, manifest);
}

/* -- reference -- */

/* Lower case, and '-' for what a repository name or tag may not have. */
static void append_clean(struct buf *out, struct str text, bool lower)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (lower && c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (c >= '0' && c <= '9') || c == '.' || c == '_' ||
			    c == '-';

		buf_append_byte(out, fine ? c : '-');
	}
}

static void append_tag(struct buf *out, struct str template,
		       const struct manifest *manifest,
		       const struct manifest_instance *instance,
		       const struct image_words *words)
{
	const struct {
		struct str name, value;
	} fields[] = {
		{STR("{version}"), manifest->version.s},
		{STR("{python}"), words->python},
		{STR("{track}"), instance->track->name.s},
		{STR("{os}"), words->os},
		{STR("{machine}"), instance->machine->name.s},
		{STR("{git}"), words->git},
		{STR("{date}"), words->date},
	};

	while (template.n) {
		bool replaced = false;

		for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
			if (str_eat(&template, fields[i].name)) {
				append_clean(out, fields[i].value, false);
				replaced = true;
			}
		if (replaced)
			continue;
		append_clean(out, str_slice(template, 0, 1), false);
		template = str_slice(template, 1, template.n);
	}
}

void image_reference(const struct manifest *manifest,
		     const struct manifest_instance *instance,
		     const struct image_words *words, struct buf *out)
{
	auto_buf struct buf tag = BUF_EMPTY;

	if (manifest->registry.s.n)
		buf_printf(out, STR_FMT "/", STR_ARG(manifest->registry.s));
	append_clean(out, instance->service->name.s, true);
	append_tag(&tag, manifest->tag.s, manifest, instance, words);
	/* Two machines' images of a service differ and need two tags. */
	if (instance->service->instance_count > 1 &&
	    str_find_str(manifest->tag.s, STR("{machine}")) < 0)
		append_tag(&tag, STR("-{machine}"), manifest, instance, words);
	buf_append_byte(out, ':');
	buf_append(out, str_slice(buf_str(&tag), 0, 128));
}

struct digest image_chain_id(const struct digest *below,
			     const struct digest *diff_id)
{
	auto_buf struct buf text = BUF_EMPTY;

	if (!below)
		return *diff_id;
	buf_printf(&text, "%s %s", digest_text(below).p,
		   digest_text(diff_id).p);
	return digest_of(buf_str(&text));
}
