/* Compose files: what is built is a service, what is only an image is infra. */
#include "work/init/compose.h"

#include <stdarg.h>

#include "base/error.h"
#include "facts/interpolate.h"

bool compose_is_one(const struct yaml_node *root)
{
	return yaml_get(root, "services") != NULL;
}

struct draft_place compose_place(const struct compose *compose,
				 const struct yaml_node *node)
{
	return (struct draft_place){compose->path, node->line};
}

void compose_ask(struct compose *compose, const struct yaml_node *node,
		 const char *format, ...)
{
	auto_buf struct buf ask = BUF_EMPTY;
	va_list args;

	va_start(args, format);
	buf_vprintf(&ask, format, args);
	va_end(args);
	draft_ask(compose->draft, compose_place(compose, node),
		  compose->service, "%s", buf_text(&ask));
}

struct str compose_text(struct compose *compose, const struct yaml_node *node)
{
	auto_interpolation struct interpolation interpolation = {
		.lookup = draft_lookup,
		.context = &compose->variables,
	};
	auto_buf struct buf out = BUF_EMPTY;
	struct str text = draft_scalar(node);

	if (str_find(text, '$') < 0)
		return text;
	if (!interpolate(&interpolation, text, &out)) {
		compose_ask(compose, node,
			    "'" STR_FMT "' is not understood (%s): what does "
			    "it stand for?",
			    STR_ARG(text), interpolation.problem);
		return text;
	}
	if (interpolation.unset.n)
		compose_ask(compose, node,
			    "'" STR_FMT "' has no value here, and is left "
			    "empty: what is it?",
			    STR_ARG(interpolation.unset.p[0]));
	return arena_str(compose->draft->arena, buf_str(&out));
}

void compose_texts(struct compose *compose, const struct yaml_node *node,
		   struct draft_texts *texts)
{
	size_t n = node->kind == YAML_LIST ? node->n : 1;

	for (size_t i = 0; node->kind != YAML_MAP && i < n; i++) {
		struct str text = compose_text(compose, node->kind == YAML_LIST
								? node->items[i]
								: node);

		if (text.n)
			array_push(texts, text);
	}
}

void compose_pairs(struct compose *compose, const struct yaml_node *node,
		   struct draft_pairs *pairs)
{
	for (size_t i = 0; node->kind == YAML_MAP && i < node->n; i++) {
		const struct yaml_node *value = node->pairs[i].value;

		if (yaml_is_null(value))
			compose_ask(compose, node->pairs[i].key,
				    "'" STR_FMT "' is taken from who starts "
				    "the service: which value does it have?",
				    STR_ARG(node->pairs[i].key->text));
		else
			draft_set_pair(pairs, node->pairs[i].key->text,
				       compose_text(compose, value));
	}
	for (size_t i = 0; node->kind == YAML_LIST && i < node->n; i++) {
		struct str value = compose_text(compose, node->items[i]), name;
		size_t whole = value.n;

		if (!str_split(&value, '=', &name))
			continue;
		if (name.n == whole)
			compose_ask(compose, node->items[i],
				    "'" STR_FMT "' is taken from who starts "
				    "the service: which value does it have?",
				    STR_ARG(name));
		else
			draft_set_pair(pairs, name, value);
	}
}

/* -- one service -- */

static struct command read_command(struct compose *compose,
				   const struct yaml_node *node)
{
	struct command command = {.at = compose_place(compose, node)};

	if (node->kind == YAML_LIST) {
		for (size_t i = 0; i < node->n; i++)
			array_push(&command.words,
				   compose_text(compose, node->items[i]));
	} else {
		struct str text = compose_text(compose, node);

		if (!command_split(compose->draft, text, &command.words)) {
			command.words.n = 0;
			command.shell = text;
		}
	}
	return command;
}

/* entrypoint: of compose takes away the command of the image. */
static void read_start(struct compose *compose, const struct yaml_node *body,
		       struct command_image *image)
{
	const struct yaml_node *entrypoint = yaml_get(body, "entrypoint");
	const struct yaml_node *command = yaml_get(body, "command");

	if (entrypoint && !yaml_is_null(entrypoint)) {
		command_image_release(image);
		image->entrypoint = read_command(compose, entrypoint);
		image->command = (struct command){.words = ARRAY_EMPTY};
	}
	if (command && !yaml_is_null(command)) {
		array_release(&image->command.words);
		image->command = read_command(compose, command);
	}
	if (compose->workdir.n)
		image->workdir = compose->workdir;
	command_to_run(compose->draft, compose->service, image);
}

static int read_build(struct compose *compose, const struct yaml_node *build,
		      struct command_image *image, struct error **err)
{
	struct draft *draft = compose->draft;
	const struct yaml_node *inlined = yaml_get(build, "dockerfile_inline");
	const struct yaml_node *args = yaml_get(build, "args");
	struct str context = STR("."), name = STR_EMPTY, target, path;
	struct draft_pairs arguments = ARRAY_EMPTY;
	int result = 0;

	if (build->kind == YAML_SCALAR)
		context = compose_text(compose, build);
	else if (yaml_get(build, "context"))
		context = compose_text(compose, yaml_get(build, "context"));
	if (yaml_get(build, "dockerfile"))
		name = compose_text(compose, yaml_get(build, "dockerfile"));
	target = compose_text(compose, yaml_get(build, "target"));
	if (inlined)
		compose_ask(compose, inlined,
			    "a Dockerfile within compose is not read: what "
			    "does it say?");
	if (!draft_clean_path(draft, compose->folder, context, &context) ||
	    !draft_clean_path(draft, context, name.n ? name : STR("Dockerfile"),
			      &path)) {
		compose_ask(compose, build,
			    "the image is built from outside of this "
			    "repository: where is its source?");
		return 0;
	}
	if (inlined)
		return 0;
	if (!draft_has_file(draft, path)) {
		compose_ask(compose, build,
			    "there is no file '" STR_FMT "': where is the "
			    "Dockerfile?",
			    STR_ARG(path));
		return 0;
	}
	if (args)
		compose_pairs(compose, args, &arguments);
	result = docker_into(draft, path, context, target, &arguments,
			     compose->service, image, err);
	array_release(&arguments);
	return result;
}

static void read_environment(struct compose *compose,
			     const struct yaml_node *node)
{
	struct draft_pairs pairs = ARRAY_EMPTY;

	compose_pairs(compose, node, &pairs);
	array_each (struct draft_pair, pair, &pairs)
		draft_add_env(compose->draft, compose->service, pair->name,
			      pair->value, compose_place(compose, node));
	array_release(&pairs);
}

static void read_depends(struct compose *compose, const struct yaml_node *node)
{
	struct draft_texts names = ARRAY_EMPTY;

	compose_texts(compose, node, &names);
	for (size_t i = 0; node->kind == YAML_MAP && i < node->n; i++)
		array_push(&names, node->pairs[i].key->text);
	array_each (struct str, name, &names) {
		struct str rest = *name, first;

		/* links: SERVICE:ALIAS */
		if (str_split(&rest, ':', &first))
			draft_add_text(&compose->service->depends_on, first);
	}
	compose->service->depends_at = compose_place(compose, node);
	array_release(&names);
}

static void read_expose(struct compose *compose, const struct yaml_node *node)
{
	struct draft_texts ports = ARRAY_EMPTY;

	compose_texts(compose, node, &ports);
	array_each (struct str, port, &ports)
		draft_add_port_range(compose->draft, compose->service, *port,
				     compose_place(compose, node));
	array_release(&ports);
}

static void read_user(struct compose *compose, const struct yaml_node *node)
{
	draft_set_user(compose->draft, compose->service,
		       compose_text(compose, node),
		       compose_place(compose, node));
}

static void read_groups(struct compose *compose, const struct yaml_node *node)
{
	struct draft_texts groups = ARRAY_EMPTY;

	compose_texts(compose, node, &groups);
	draft_set_texts(compose->draft, compose->service, DRAFT_GROUPS, &groups,
			compose_place(compose, node));
	array_release(&groups);
}

static void read_memory(struct compose *compose, const struct yaml_node *node)
{
	compose_resource(compose, "memory", node);
}

static void read_cpus(struct compose *compose, const struct yaml_node *node)
{
	compose_resource(compose, "cpus", node);
}

static void read_shm(struct compose *compose, const struct yaml_node *node)
{
	compose_resource(compose, "shm", node);
}

static void read_pids(struct compose *compose, const struct yaml_node *node)
{
	compose_resource(compose, "pids", node);
}

static void read_runtime(struct compose *compose, const struct yaml_node *node)
{
	if (str_eq(draft_scalar(node), STR("nvidia")))
		compose_needs_gpu(compose, node);
}

static void read_env_file(struct compose *compose, const struct yaml_node *node)
{
	compose_ask(compose, node,
		    "variables come from a file: which of them belong into "
		    "env, and which into secrets?");
}

/* Keys that say how something runs, not what it is; and those that are read
 * elsewhere. */
static void ignore(struct compose *compose, const struct yaml_node *node)
{
	(void)compose;
	(void)node;
}

static const struct {
	const char *name;
	void (*read)(struct compose *compose, const struct yaml_node *node);
} keys[] = {
	{"build", ignore},
	{"image", ignore},
	{"command", ignore},
	{"entrypoint", ignore},
	{"working_dir", ignore},
	{"environment", read_environment},
	{"env_file", read_env_file},
	{"ports", compose_ports},
	{"expose", read_expose},
	{"healthcheck", compose_health},
	{"depends_on", read_depends},
	{"links", read_depends},
	{"volumes", compose_volumes},
	{"tmpfs", compose_volumes},
	{"devices", compose_devices},
	{"group_add", read_groups},
	{"user", read_user},
	{"deploy", compose_deploy},
	{"gpus", compose_needs_gpu},
	{"runtime", read_runtime},
	{"secrets", compose_secrets},
	{"mem_limit", read_memory},
	{"cpus", read_cpus},
	{"shm_size", read_shm},
	{"pids_limit", read_pids},
	{"restart", ignore},
	{"networks", ignore},
	{"network_mode", ignore},
	{"container_name", ignore},
	{"hostname", ignore},
	{"labels", ignore},
	{"annotations", ignore},
	{"logging", ignore},
	{"init", ignore},
	{"tty", ignore},
	{"stdin_open", ignore},
	{"stop_signal", ignore},
	{"stop_grace_period", ignore},
	{"pull_policy", ignore},
	{"read_only", ignore},
	{"security_opt", ignore},
	{"extra_hosts", ignore},
	{"dns", ignore},
	{"develop", ignore},
	{"mem_reservation", ignore},
	{"cap_drop", ignore},
	{"attach", ignore},
};

static void read_keys(struct compose *compose, const struct yaml_node *body)
{
	enum { KEY_COUNT = sizeof keys / sizeof *keys };

	for (size_t i = 0; i < body->n; i++) {
		struct str name = body->pairs[i].key->text;
		size_t at = 0;

		while (at < KEY_COUNT && !str_eq(name, str_from(keys[at].name)))
			at++;
		if (yaml_is_null(body->pairs[i].value) ||
		    str_starts(name, STR("x-")))
			continue;
		if (at < KEY_COUNT)
			keys[at].read(compose, body->pairs[i].value);
		else
			compose_ask(compose, body->pairs[i].key,
				    "'" STR_FMT "' has no counterpart here: "
				    "does the service need it?",
				    STR_ARG(name));
	}
}

static int read_built(struct compose *compose, const struct yaml_pair *pair,
		      struct error **err)
{
	const struct yaml_node *body = pair->value;
	const struct yaml_node *build = yaml_get(body, "build");
	struct draft_place at = compose_place(compose, pair->key);
	struct command_image image = {.workdir = STR("/app")};
	int result = 0;

	compose->service = draft_add(compose->draft, pair->key->text, at);
	if (!compose->service)
		return draft_too_many(at, err);
	compose->workdir = compose_text(compose, yaml_get(body, "working_dir"));
	if (build && !yaml_is_null(build))
		result = read_build(compose, build, &image, err);
	if (result == 0) {
		read_keys(compose, body);
		read_start(compose, body, &image);
	}
	command_image_release(&image);
	compose->service = NULL;
	return result;
}

/* -- infra -- */

/* An image that is only run: what it says about ports, env, command and mounts
 * is read as for a service, and written as infra. */
static int read_infra(struct compose *compose, const struct yaml_pair *pair,
		      struct error **err)
{
	static const char *const wanted[] = {"ports", "expose", "environment",
					     "volumes"};
	struct draft *draft = compose->draft;
	const struct yaml_node *body = pair->value;
	struct draft_place at = compose_place(compose, pair->key);
	struct draft_texts command = ARRAY_EMPTY;
	auto_buf struct buf out = BUF_EMPTY;
	struct str why;

	compose->service = draft_add(draft, pair->key->text, at);
	if (!compose->service)
		return draft_too_many(at, err);
	compose->image = compose_text(compose, yaml_get(body, "image"));
	for (size_t i = 0; i < body->n; i++)
		for (size_t j = 0; j < sizeof wanted / sizeof *wanted; j++)
			if (str_eq(body->pairs[i].key->text,
				   str_from(wanted[j])))
				read_keys(compose,
					  &(struct yaml_node){
						  .kind = YAML_MAP,
						  .n = 1,
						  .pairs = &body->pairs[i]});
	struct draft_service *service = compose->service;

	if (yaml_get(body, "command"))
		compose_texts(compose, yaml_get(body, "command"), &command);
	buf_append_text(&out, "{image: ");
	yaml_append_scalar(&out, compose->image);
	if (service->ports.n) {
		buf_append_text(&out, ", ports: ");
		draft_append_ports(&out, &service->ports);
	}
	if (service->env.n) {
		buf_append_text(&out, ", env: ");
		draft_append_pairs(&out, &service->env);
	}
	if (command.n) {
		buf_append_text(&out, ", command: ");
		draft_append_texts(&out, &command);
	}
	if (service->settings[DRAFT_MOUNTS].n) {
		buf_append_text(&out, ", mounts: ");
		buf_append(&out, service->settings[DRAFT_MOUNTS]);
	}
	buf_append_byte(&out, '}');
	array_release(&command);
	if (draft_is_fine(draft, "infra", buf_str(&out), &why))
		array_push(&draft->infra,
			   (struct draft_infra){
				   service->name,
				   arena_str(draft->arena, buf_str(&out))});
	else
		draft_ask(draft, at, NULL,
			  "'" STR_FMT "' cannot be written as infra (" STR_FMT
			  "): how should it be?",
			  STR_ARG(service->name), STR_ARG(why));
	draft_remove(draft, service);
	compose->service = NULL;
	compose->image = STR_EMPTY;
	return 0;
}

/* -- the file -- */

/* NAME=VALUE lines of the .env file that compose reads by itself. */
static int read_dotenv(struct compose *compose, struct error **err)
{
	struct str path, text, line;

	if (!draft_clean_path(compose->draft, compose->folder, STR(".env"),
			      &path) ||
	    !draft_has_file(compose->draft, path))
		return 0;
	if (draft_read(compose->draft, path, &text, err))
		return -1;
	if (!str_is_utf8(text) || str_find(text, '\0') >= 0)
		return err_make(err, ERR_FLEET,
				STR_FMT ": it is not UTF-8 text",
				STR_ARG(path));
	while (str_line(&text, &line)) {
		struct str name;

		line = str_trim(line);
		str_eat(&line, STR("export "));
		if (line.n == 0 || line.p[0] == '#' ||
		    !str_split(&line, '=', &name))
			continue;
		line = str_trim(line);
		if (line.n >= 2 && strchr("'\"", line.p[0]) &&
		    line.p[line.n - 1] == line.p[0])
			line = str_slice(line, 1, line.n - 1);
		draft_set_pair(&compose->variables, str_trim(name), line);
	}
	return 0;
}

static void read_top(struct compose *compose, const struct yaml_node *root)
{
	static const char *const known[] = {"services", "version",  "name",
					    "volumes",	"networks", "secrets"};

	for (size_t i = 0; i < root->n; i++) {
		const struct yaml_node *key = root->pairs[i].key;
		bool is_known = str_starts(key->text, STR("x-"));

		for (size_t j = 0; j < sizeof known / sizeof *known; j++)
			is_known |= str_eq(key->text, str_from(known[j]));
		if (!is_known)
			compose_ask(compose, key,
				    "'" STR_FMT "' is not read: does it say "
				    "anything about services?",
				    STR_ARG(key->text));
	}
}

static int read_service(struct compose *compose, const struct yaml_pair *pair,
			struct error **err)
{
	const struct yaml_node *body = pair->value;
	const struct yaml_node *build = yaml_get(body, "build");

	if (body->kind != YAML_MAP)
		return err_make(err, ERR_FLEET,
				STR_FMT ":%u: the service '%.100s' must be a "
					"map",
				STR_ARG(compose->path), pair->key->line,
				pair->key->text.p);
	if ((!build || yaml_is_null(build)) && yaml_get(body, "image"))
		return read_infra(compose, pair, err);
	return read_built(compose, pair, err);
}

int compose_read(struct draft *draft, struct str path,
		 const struct yaml_node *root, struct error **err)
{
	const struct yaml_node *services = yaml_get(root, "services");
	struct compose compose = {.draft = draft,
				  .path = path,
				  .folder = draft_folder_of(path),
				  .root = root};
	int result;

	if (services->kind != YAML_MAP)
		return err_make(err, ERR_FLEET,
				STR_FMT ":%u: 'services' must be a map",
				STR_ARG(path), services->line);
	result = read_dotenv(&compose, err);
	if (result == 0)
		read_top(&compose, root);
	for (size_t i = 0; result == 0 && i < services->n; i++)
		result = read_service(&compose, &services->pairs[i], err);
	array_release(&compose.variables);
	return result;
}
