/* startup_config.yaml, in both shapes. */
#include "work/init/draft.h"

#include "base/error.h"
#include "facts/interpolate.h"

struct startup {
	struct draft *draft;
	struct str path, top; /* top: the folder that holds config/, or "." */
	struct str machine;   /* that the file is for, or empty */
	struct draft_pairs environment; /* of global_settings, replaced */
	struct draft_place environment_at;
	struct draft_pairs offsets;   /* variables of ports, with the value that
				       * was used */
	struct draft_place offset_at; /* of the first without any value */
	struct str offset_name;
	struct str health;
};

static struct draft_place place(const struct startup *startup,
				const struct yaml_node *node)
{
	return (struct draft_place){startup->path, node->line};
}

bool startup_is_one(const struct yaml_node *root)
{
	const struct yaml_node *groups = yaml_get(root, "agent_groups");
	const struct yaml_node *services = yaml_get(root, "pc2_services");

	return (groups && groups->kind == YAML_MAP) ||
	       (services && services->kind == YAML_LIST);
}

void startup_names(const struct yaml_node *root, struct draft_texts *names)
{
	const struct yaml_node *groups = yaml_get(root, "agent_groups");
	const struct yaml_node *services = yaml_get(root, "pc2_services");

	for (size_t i = 0; groups && i < groups->n; i++) {
		const struct yaml_node *group = groups->pairs[i].value;

		for (size_t j = 0; group->kind == YAML_MAP && j < group->n; j++)
			draft_add_text(names, group->pairs[j].key->text);
	}
	for (size_t i = 0; services && i < services->n; i++) {
		struct str name =
			draft_scalar(yaml_get(services->items[i], "name"));

		if (name.n)
			draft_add_text(names, name);
	}
}

/* -- variables -- */

/* A text with its variables replaced. Asks where one has no value. */
static struct str replaced(struct startup *startup, struct draft_service *to,
			   const struct yaml_node *node)
{
	auto_interpolation struct interpolation interpolation = {
		.lookup = draft_lookup,
		.context = &startup->environment,
	};
	auto_buf struct buf out = BUF_EMPTY;

	if (!interpolate(&interpolation, node->text, &out))
		draft_ask(startup->draft, place(startup, node), to,
			  "'" STR_FMT "' is not understood (%s): what does it "
			  "stand for?",
			  STR_ARG(node->text), interpolation.problem);
	else if (interpolation.unset.n)
		draft_ask(startup->draft, place(startup, node), to,
			  "'" STR_FMT "' has no value here, and is left "
			  "empty: what is it?",
			  STR_ARG(interpolation.unset.p[0]));
	return arena_str(startup->draft->arena, buf_str(&out));
}

/* Remembers which value the variables of a port had: the services read the
 * same file, and need it too. */
static void note_offsets(struct startup *startup, const struct yaml_node *node,
			 const struct interpolation *sum)
{
	struct str rest = node->text, before, name;
	ptrdiff_t at;

	while ((at = str_find(rest, '$')) >= 0) {
		auto_interpolation struct interpolation one = {
			.lookup = draft_lookup,
			.context = &startup->environment,
		};
		auto_buf struct buf value = BUF_EMPTY;

		rest = before = str_slice(rest, (size_t)at, rest.n);
		if (!interpolate_one(&one, &rest, &value))
			return;
		name = str_slice(before, 1, before.n);
		str_eat(&name, STR("{"));
		size_t n = 0;

		while (n < name.n && !strchr(":-+?}$ ", name.p[n]))
			n++;
		draft_set_pair(&startup->offsets, str_slice(name, 0, n),
			       value.n ? arena_str(startup->draft->arena,
						   buf_str(&value))
				       : STR("0"));
	}
	if (sum->unset.n && startup->offset_at.line == 0) {
		startup->offset_at = place(startup, node);
		startup->offset_name = sum->unset.p[0];
	}
}

static void read_port(struct startup *startup, struct draft_service *service,
		      const char *name, const struct yaml_node *node)
{
	auto_interpolation struct interpolation interpolation = {
		.lookup = draft_lookup,
		.context = &startup->environment,
	};
	uint64_t number;

	if (yaml_is_null(node))
		return;
	if (node->kind != YAML_SCALAR ||
	    !interpolate_sum(&interpolation, node->text, &number)) {
		draft_ask(startup->draft, place(startup, node), service,
			  "the '%s' port '" STR_FMT "' is not understood (%s): "
			  "which number is it?",
			  name, STR_ARG(draft_scalar(node)),
			  interpolation.problem ? interpolation.problem
						: "it is no text");
		return;
	}
	note_offsets(startup, node, &interpolation);
	draft_add_port(startup->draft, service, name, number, false,
		       place(startup, node));
}

/* -- one service -- */

/* The script as a path below root: as it stands there, or below the folder of
 * this configuration. */
static void read_script(struct startup *startup, struct draft_service *service,
			const struct yaml_node *node)
{
	struct draft *draft = startup->draft;
	struct draft_place at = place(startup, node);
	struct str text = replaced(startup, service, node), path, inner;

	if (!draft_clean_path(draft, STR("."), text, &path)) {
		draft_ask(draft, at, service,
			  "the script '" STR_FMT "' is not a path of the "
			  "source: which one is it?",
			  STR_ARG(text));
		return;
	}
	if (!draft_has_file(draft, path)) {
		if (draft_clean_path(draft, startup->top, text, &inner) &&
		    draft_has_file(draft, inner))
			path = inner;
		else
			draft_ask(draft, at, service,
				  "there is no file '" STR_FMT "': where is "
				  "the script?",
				  STR_ARG(path));
	}
	draft_set_text(draft, service, DRAFT_RUN, path, at);
}

/* A boolean, or a comparison of one: ${X:-false} == 'true'. */
static bool read_condition(struct startup *startup,
			   const struct yaml_node *node, bool *value)
{
	auto_interpolation struct interpolation interpolation = {
		.lookup = draft_lookup,
		.context = &startup->environment,
	};
	auto_buf struct buf out = BUF_EMPTY;

	if (node->kind != YAML_SCALAR ||
	    !interpolate(&interpolation, node->text, &out))
		return false;
	struct str text = str_trim(buf_str(&out));
	ptrdiff_t equals = str_find_str(text, STR("=="));

	if (equals < 0) {
		*value = str_eq_case(text, STR("true"));
		return *value || str_eq_case(text, STR("false"));
	}
	struct str left = str_trim(str_slice(text, 0, (size_t)equals));
	struct str right =
		str_trim(str_slice(text, (size_t)equals + 2, text.n));

	if (right.n >= 2 && strchr("'\"", right.p[0]) &&
	    right.p[right.n - 1] == right.p[0])
		right = str_slice(right, 1, right.n - 1);
	*value = str_eq(left, right);
	return true;
}

static void read_required(struct startup *startup,
			  struct draft_service *service,
			  const struct yaml_node *node)
{
	bool value = false;
	bool is_plain = yaml_to_bool(node, &value);

	if (!is_plain && !read_condition(startup, node, &value)) {
		draft_ask(startup->draft, place(startup, node), service,
			  "'required: " STR_FMT "' is not understood: is the "
			  "fleet up without it?",
			  STR_ARG(draft_scalar(node)));
		return;
	}
	if (!is_plain)
		draft_ask(startup->draft, place(startup, node), service,
			  "'required: " STR_FMT "' depends on the "
			  "environment; with what these files say it is %s: "
			  "is the fleet up without it?",
			  STR_ARG(node->text), value ? "true" : "false");
	draft_set(startup->draft, service, DRAFT_REQUIRED,
		  value ? STR("true") : STR("false"), place(startup, node));
}

static void read_dependencies(struct startup *startup,
			      struct draft_service *service,
			      const struct yaml_node *node)
{
	if (yaml_is_null(node))
		return;
	service->depends_at = place(startup, node);
	if (node->kind == YAML_SCALAR && node->text.n)
		draft_add_text(&service->depends_on, node->text);
	for (size_t i = 0; node->kind == YAML_LIST && i < node->n; i++) {
		struct str name = draft_scalar(node->items[i]);

		if (name.n)
			draft_add_text(&service->depends_on, name);
	}
	if (node->kind == YAML_MAP)
		draft_ask(startup->draft, place(startup, node), service,
			  "the dependencies are no list: which services have "
			  "to start first?");
}

static void ask_about_port(struct startup *startup,
			   struct draft_service *service,
			   const struct yaml_node *node, struct str key,
			   uint64_t number)
{
	struct draft *draft = startup->draft;
	struct str name = str_ends(key, STR("_port")) && key.n > 5
				  ? str_slice(key, 0, key.n - 5)
				  : STR("http");
	struct str answer = draft_choose(
		draft, place(startup, node), service,
		arena_printf(draft->arena, "port/" STR_FMT "/" STR_FMT,
			     STR_ARG(service->name), STR_ARG(key)),
		arena_printf(draft->arena, STR_FMT " no *", STR_ARG(name)).p,
		"config says " STR_FMT ": %llu; does the service listen there? "
		"Then it belongs to its ports.",
		STR_ARG(key), (unsigned long long)number);

	if (answer.n && !str_eq(answer, STR("no")))
		draft_add_port(draft, service,
			       arena_str(draft->arena, answer).p, number, false,
			       place(startup, node));
}

/* The file stays: the service reads its `config` from it when it runs. Ports
 * in it may be ports of this service, or of others. */
static void read_config(struct startup *startup, struct draft_service *service,
			const struct yaml_node *node)
{
	if (yaml_is_null(node))
		return;
	draft_set_text(startup->draft, service, DRAFT_DATA, startup->path,
		       place(startup, node));
	for (size_t i = 0; node->kind == YAML_MAP && i < node->n; i++) {
		const struct yaml_node *value = node->pairs[i].value;
		struct str key = node->pairs[i].key->text;
		auto_interpolation struct interpolation interpolation = {
			.lookup = draft_lookup,
			.context = &startup->environment,
		};
		bool is_known = false;
		uint64_t number;

		if (!str_ends(key, STR("port")) || value->kind != YAML_SCALAR ||
		    !interpolate_sum(&interpolation, value->text, &number))
			continue;
		array_each (struct draft_port, port, &service->ports)
			is_known |= port->number == number;
		if (!is_known)
			ask_about_port(startup, service, value, key, number);
	}
}

static void read_env(struct startup *startup, struct draft_service *service,
		     const struct yaml_node *node)
{
	for (size_t i = 0; node->kind == YAML_MAP && i < node->n; i++) {
		const struct yaml_pair *pair = &node->pairs[i];

		if (draft_scalar(pair->value).n)
			draft_add_env(startup->draft, service, pair->key->text,
				      replaced(startup, service, pair->value),
				      place(startup, pair->key));
	}
}

/* A variable may name those above it, and itself as it is outside. */
static void read_environment(struct startup *startup,
			     const struct yaml_node *node)
{
	startup->environment_at = place(startup, node);
	for (size_t i = 0; node->kind == YAML_MAP && i < node->n; i++)
		if (draft_scalar(node->pairs[i].value).n)
			draft_set_pair(
				&startup->environment, node->pairs[i].key->text,
				replaced(startup, NULL, node->pairs[i].value));
}

static bool says_nothing(struct str host)
{
	return host.n == 0 || str_eq(host, STR("0.0.0.0")) ||
	       str_eq(host, STR("localhost")) ||
	       str_eq(host, STR("127.0.0.1")) || str_eq(host, STR("*")) ||
	       str_eq(host, STR("::"));
}

static void read_host(struct startup *startup, struct draft_service *service,
		      const struct yaml_node *node)
{
	struct str host = node->kind == YAML_SCALAR
				  ? replaced(startup, service, node)
				  : STR_EMPTY;
	struct str machine = find_machine_name(startup->draft, host);

	if (says_nothing(host))
		return;
	if (str_eq(machine, STR("mainpc")) || str_eq(machine, STR("pc2"))) {
		service->machines.n = 0;
		draft_add_text(&service->machines, machine);
	} else {
		draft_ask(startup->draft, place(startup, node), service,
			  "the host is '" STR_FMT "': which machine is that?",
			  STR_ARG(host));
	}
}

static void read_key(struct startup *startup, struct draft_service *service,
		     const struct yaml_pair *pair)
{
	struct str key = pair->key->text;
	const struct yaml_node *value = pair->value;

	if (str_eq(key, STR("script_path")) || str_eq(key, STR("name")) ||
	    str_eq(key, STR("port")) || str_eq(key, STR("description")))
		return; /* read first, or of no matter */
	if (str_eq(key, STR("health_check_port")))
		read_port(startup, service, "health", value);
	else if (str_eq(key, STR("required")))
		read_required(startup, service, value);
	else if (str_eq(key, STR("dependencies")) ||
		 str_eq(key, STR("depends_on")))
		read_dependencies(startup, service, value);
	else if (str_eq(key, STR("config")))
		read_config(startup, service, value);
	else if (str_eq(key, STR("host")))
		read_host(startup, service, value);
	else if (str_eq(key, STR("env")) || str_eq(key, STR("environment")) ||
		 str_eq(key, STR("env_vars")))
		read_env(startup, service, value);
	else if (str_ends(key, STR("_port")) && key.n > 5)
		read_port(startup, service,
			  arena_str(startup->draft->arena,
				    str_slice(key, 0, key.n - 5))
				  .p,
			  value);
	else
		draft_ask(startup->draft, place(startup, pair->key), service,
			  "'" STR_FMT "' is not understood: what does it mean "
			  "for the image or how it runs?",
			  STR_ARG(key));
}

static int read_service(struct startup *startup, struct str name,
			struct str group, const struct yaml_node *node,
			const struct yaml_node *body, struct error **err)
{
	const struct yaml_node *script = yaml_get(body, "script_path");
	const struct yaml_node *port = yaml_get(body, "port");
	struct draft *draft = startup->draft;
	struct draft_place at = place(startup, node);
	struct draft_service *first = draft_service(draft, name);
	struct draft_service *service;

	if (!draft_scalar(script).n) {
		draft_ask(draft, at, NULL,
			  "'" STR_FMT "' has no script_path and is left out: "
			  "is it a service?",
			  STR_ARG(name));
		return 0;
	}
	service =
		first && startup->machine.n && first->machines.n == 1 &&
				!str_eq(first->machines.p[0], startup->machine)
			? draft_add_twin(draft, first, at)
			: draft_add(draft, name, at);
	if (!service)
		return draft_too_many(at, err);
	service->group = group;
	if (startup->machine.n)
		draft_add_text(&service->machines, startup->machine);
	array_each (const struct draft_pair, pair, &startup->environment)
		draft_add_env(draft, service, pair->name, pair->value,
			      startup->environment_at);
	if (startup->health.n)
		draft_set(draft, service, DRAFT_HEALTH, startup->health, at);
	read_script(startup, service, script);
	if (port)
		read_port(startup, service, "zmq", port);
	for (size_t i = 0; i < body->n; i++)
		read_key(startup, service, &body->pairs[i]);
	return 0;
}

/* -- the file -- */

static int read_groups(struct startup *startup, const struct yaml_node *groups,
		       struct error **err)
{
	for (size_t i = 0; groups && i < groups->n; i++) {
		const struct yaml_pair *group = &groups->pairs[i];

		if (yaml_is_null(group->value))
			continue;
		if (group->value->kind != YAML_MAP) {
			draft_ask(startup->draft, place(startup, group->key),
				  NULL,
				  "the group '" STR_FMT "' is no map of "
				  "services and is left out: what is in it?",
				  STR_ARG(group->key->text));
			continue;
		}
		for (size_t j = 0; j < group->value->n; j++) {
			const struct yaml_pair *pair = &group->value->pairs[j];

			if (read_service(startup, pair->key->text,
					 group->key->text, pair->key,
					 pair->value, err))
				return -1;
		}
	}
	return 0;
}

static int read_list(struct startup *startup, const struct yaml_node *list,
		     struct error **err)
{
	for (size_t i = 0; list && i < list->n; i++) {
		const struct yaml_node *item = list->items[i];
		struct str name = draft_scalar(yaml_get(item, "name"));

		if (name.n == 0)
			draft_ask(startup->draft, place(startup, item), NULL,
				  "an entry has no name and is left out: which "
				  "service is it?");
		else if (read_service(startup, name, STR_EMPTY, item, item,
				      err))
			return -1;
	}
	return 0;
}

static void read_health(struct startup *startup, const struct yaml_node *checks)
{
	static const struct {
		const char *from, *to, *unit, *usual;
	} keys[] = {
		{"interval_seconds", "interval", "s", "30"},
		{"timeout_seconds", "timeout", "s", "10"},
		{"start_period_seconds", "start_period", "s", "30"},
		{"retries", "retries", "", "3"},
	};
	auto_buf struct buf out = BUF_EMPTY;

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		struct str value = draft_scalar(yaml_get(checks, keys[i].from));

		if (value.n == 0 || str_eq(value, str_from(keys[i].usual)))
			continue;
		buf_printf(&out, "%s%s: ", out.n ? ", " : "{", keys[i].to);
		draft_append_measure(
			&out, arena_printf(startup->draft->arena, STR_FMT "%s",
					   STR_ARG(value), keys[i].unit));
	}
	if (out.n)
		buf_append_byte(&out, '}');
	startup->health = arena_str(startup->draft->arena, buf_str(&out));
}

static void read_settings(struct startup *startup,
			  const struct yaml_node *settings)
{
	for (size_t i = 0; settings->kind == YAML_MAP && i < settings->n; i++) {
		const struct yaml_pair *pair = &settings->pairs[i];
		struct str key = pair->key->text;

		if (str_eq(key, STR("environment")))
			read_environment(startup, pair->value);
		else if (str_eq(key, STR("health_checks")))
			read_health(startup, pair->value);
		else if (!str_eq(key, STR("host")) ||
			 pair->value->kind != YAML_SCALAR ||
			 !says_nothing(replaced(startup, NULL, pair->value)))
			draft_choose(startup->draft, place(startup, pair->key),
				     NULL,
				     arena_printf(startup->draft->arena,
						  "global_settings/" STR_FMT,
						  STR_ARG(key)),
				     "themselves",
				     "'" STR_FMT "' of global_settings is not "
				     "carried over: does it belong into "
				     "defaults (as resources: {memory, cpus}), "
				     "or do the services read it themselves?",
				     STR_ARG(key));
	}
}

/* The variables of ports go to every service of the file. */
static void settle_offsets(struct startup *startup, size_t first)
{
	struct draft *draft = startup->draft;

	if (startup->offset_name.n)
		draft_ask(draft, startup->offset_at, NULL,
			  "'" STR_FMT "' has no value in this file; ports are "
			  "written for 0: is that right?",
			  STR_ARG(startup->offset_name));
	for (size_t i = first; i < draft->services.n; i++)
		array_each (struct draft_pair, pair, &startup->offsets)
			draft_add_env(draft, draft->services.p[i], pair->name,
				      pair->value, startup->offset_at);
}

/* Names of services in the lists below a key, such as the agents of container
 * groups. False where there is anything else. */
static bool collect_names(const struct yaml_node *node, unsigned depth,
			  struct draft_texts *names)
{
	bool is_list = node->kind == YAML_LIST;

	if (node->kind == YAML_SCALAR || depth > 3)
		return false;
	for (size_t i = 0; i < node->n; i++) {
		const struct yaml_node *inner =
			is_list ? node->items[i] : node->pairs[i].value;

		if (is_list && draft_scalar(inner).n)
			draft_add_text(names, inner->text);
		else if (!collect_names(inner, depth + 1, names))
			return false;
	}
	return true;
}

static void ask_about_name(struct startup *startup, const struct yaml_node *key,
			   struct str name)
{
	struct draft *draft = startup->draft;
	struct draft_elsewhere where = {name, startup->machine, key->text,
					place(startup, key)};

	if (startup->machine.n == 0)
		draft_ask(draft, where.at, NULL,
			  "'" STR_FMT "' names '" STR_FMT "', which is no "
			  "service of this file: where does it run, and on "
			  "which ports?",
			  STR_ARG(key->text), STR_ARG(name));
	else if (str_eq(draft_choose(
				draft, where.at, NULL,
				arena_printf(draft->arena,
					     "runs/" STR_FMT "/" STR_FMT,
					     STR_ARG(name),
					     STR_ARG(startup->machine)),
				"yes no",
				"'" STR_FMT "' names '" STR_FMT
				"', which is no "
				"service of this file: does it run on '" STR_FMT
				"' too, as another file says it does "
				"elsewhere?",
				STR_ARG(key->text), STR_ARG(name),
				STR_ARG(startup->machine)),
			STR("yes")))
		array_push(&draft->elsewhere, where);
}

/* A key at the top that init does not know: it may name services. */
static void ask_about_key(struct startup *startup, const struct yaml_pair *pair)
{
	struct draft *draft = startup->draft;
	struct draft_texts names = ARRAY_EMPTY;
	bool is_list = collect_names(pair->value, 0, &names) && names.n;

	array_each (const struct str, name, &names) {
		const struct draft_service *known = draft_service(draft, *name);

		if (!is_list ||
		    (known && str_eq(known->at.file, startup->path)))
			continue;
		ask_about_name(startup, pair->key, *name);
	}
	array_release(&names);
	if (!is_list)
		draft_ask(draft, place(startup, pair->key), NULL,
			  "'" STR_FMT "' is not understood: does it say "
			  "anything about services?",
			  STR_ARG(pair->key->text));
}

static void ask_about_keys(struct startup *startup,
			   const struct yaml_node *root)
{
	static const char *const known[] = {"agent_groups", "pc2_services",
					    "global_settings", "version"};

	for (size_t i = 0; i < root->n; i++) {
		bool is_known = false;

		for (size_t j = 0; j < sizeof known / sizeof *known; j++)
			is_known |= str_eq(root->pairs[i].key->text,
					   str_from(known[j]));
		if (!is_known)
			ask_about_key(startup, &root->pairs[i]);
	}
}

int startup_read(struct draft *draft, struct str path, struct str text,
		 const struct yaml_node *root, struct error **err)
{
	struct str folder = draft_folder_of(path);
	const struct yaml_node *settings = yaml_get(root, "global_settings");
	struct startup startup = {
		.draft = draft,
		.path = path,
		.top = draft_folder_of(folder),
		.machine = find_machine(draft, path),
	};
	size_t first = draft->services.n;
	int result;

	if (startup.machine.n == 0 && yaml_get(root, "pc2_services"))
		startup.machine = STR("pc2");
	if (settings)
		read_settings(&startup, settings);
	const struct yaml_node *groups = yaml_get(root, "agent_groups");
	const struct yaml_node *list = yaml_get(root, "pc2_services");

	result = read_groups(&startup,
			     groups && groups->kind == YAML_MAP ? groups : NULL,
			     err);
	if (result == 0)
		result = read_list(
			&startup, list && list->kind == YAML_LIST ? list : NULL,
			err);
	ask_about_keys(&startup, root);
	settle_offsets(&startup, first);
	array_release(&startup.offsets);
	array_release(&startup.environment);
	if (result == 0)
		startup_read_gone(draft, path, text);
	return result;
}
