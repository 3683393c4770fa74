/* `services` of the answers, laid over the services that were read. */
#include "work/init/draft.h"

#include "base/error.h"

struct overlay {
	struct draft *draft;
	struct error **err;
};

static int lay(struct overlay *overlay, struct draft_service *service,
	       const struct yaml_node *settings);

static bool find_key(struct str name, enum draft_key *key)
{
	for (int i = 0; i < DRAFT_KEY_COUNT; i++)
		if (str_eq(name, str_from(draft_key_name((enum draft_key)i)))) {
			*key = (enum draft_key)i;
			return true;
		}
	return false;
}

static void clear(struct draft_service *service, enum draft_key key)
{
	service->settings[key] = STR_EMPTY;
	if (key == DRAFT_MACHINES)
		service->machines.n = 0;
	if (key == DRAFT_PORTS)
		service->ports.n = 0;
	if (key == DRAFT_ENV)
		service->env.n = 0;
	if (key == DRAFT_DEPENDS_ON)
		service->depends_on.n = 0;
}

/* -- values that the draft has as lists -- */

static void lay_texts(struct draft_texts *texts, const struct yaml_node *value)
{
	texts->n = 0;
	if (value->kind == YAML_SCALAR)
		draft_add_text(texts, value->text);
	for (size_t i = 0; value->kind == YAML_LIST && i < value->n; i++)
		draft_add_text(texts, value->items[i]->text);
}

static void lay_env(struct draft_pairs *env, const struct yaml_node *value)
{
	for (size_t i = 0; i < value->n; i++) {
		struct str name = value->pairs[i].key->text;
		size_t kept = 0;

		if (!yaml_is_null(value->pairs[i].value)) {
			draft_set_pair(env, name, value->pairs[i].value->text);
			continue;
		}
		for (size_t j = 0; j < env->n; j++)
			if (!str_eq(env->p[j].name, name))
				env->p[kept++] = env->p[j];
		env->n = kept;
	}
}

static void lay_port(struct draft_ports *ports, struct str name,
		     struct str value)
{
	struct str rest = value, number;
	uint64_t port = 0;

	str_split(&rest, '/', &number);
	str_to_u64(number, &port);
	array_push(ports, (struct draft_port){name, (uint16_t)port,
					      str_eq(rest, STR("udp"))});
}

/* 7200/8200, 7200, {zmq: 7200}, [7200, {health: 8200}]: fleet.yaml takes it. */
static void lay_ports(struct draft_ports *ports, const struct yaml_node *value)
{
	struct str rest = value->text, first;
	uint64_t number;

	if (value->kind == YAML_SCALAR) {
		str_split(&rest, '/', &first);
		if (str_to_u64(rest, &number)) {
			lay_port(ports, STR("zmq"), first);
			lay_port(ports, STR("health"), rest);
		} else {
			lay_port(ports, STR_EMPTY, value->text);
		}
	}
	for (size_t i = 0; value->kind == YAML_MAP && i < value->n; i++)
		lay_port(ports, value->pairs[i].key->text,
			 value->pairs[i].value->text);
	for (size_t i = 0; value->kind == YAML_LIST && i < value->n; i++)
		lay_ports(ports, value->items[i]);
}

/* -- machines -- */

static struct draft_service *on_machine(struct draft *draft,
					struct draft_service *service,
					struct str machine)
{
	array_each (struct draft_service *, other, &draft->services)
		if (str_eq((*other)->name, service->name) &&
		    draft_has_text(&(*other)->machines, machine))
			return *other;
	return draft_copy(draft, service->twin_of ? service->twin_of : service,
			  machine, service->at);
}

/* {mainpc: {}, pc2: {settings}}: a machine that is new gets a copy. */
static int lay_machines(struct overlay *overlay, struct draft_service *service,
			const struct yaml_node *map)
{
	for (size_t i = 0; i < map->n; i++) {
		struct draft_service *there = on_machine(
			overlay->draft, service, map->pairs[i].key->text);

		if (!there)
			return draft_too_many(service->at, overlay->err);
		if (lay(overlay, there, map->pairs[i].value))
			return -1;
	}
	return 0;
}

/* -- a service -- */

static int lay_value(struct overlay *overlay, struct draft_service *service,
		     enum draft_key key, const struct yaml_node *value)
{
	auto_buf struct buf text = BUF_EMPTY;
	struct str why;

	yaml_append_flow(&text, value);
	/* Templates and machines are judged with the whole. */
	if (key != DRAFT_LIKE && key != DRAFT_MACHINES && key != DRAFT_FAMILY &&
	    key != DRAFT_TRACK && key != DRAFT_DEPENDS_ON &&
	    !draft_is_fine(overlay->draft, draft_key_name(key), buf_str(&text),
			   &why))
		return answers_refuse(overlay->draft, value, overlay->err,
				      STR_FMT, STR_ARG(why));
	if (value->kind == YAML_MAP &&
	    (key == DRAFT_DEPENDS_ON || key == DRAFT_LIKE))
		return answers_refuse(overlay->draft, value, overlay->err,
				      "'%s' is no map", draft_key_name(key));
	if (key != DRAFT_ENV)
		clear(service, key);
	if (key == DRAFT_MACHINES)
		lay_texts(&service->machines, value);
	else if (key == DRAFT_DEPENDS_ON)
		lay_texts(&service->depends_on, value);
	else if (key == DRAFT_ENV)
		lay_env(&service->env, value);
	else if (key == DRAFT_PORTS)
		lay_ports(&service->ports, value);
	else
		service->settings[key] =
			arena_str(overlay->draft->arena, buf_str(&text));
	return 0;
}

static int lay(struct overlay *overlay, struct draft_service *service,
	       const struct yaml_node *settings)
{
	const struct yaml_node *machines = yaml_get(settings, "machines");

	for (size_t i = 0; settings->kind == YAML_MAP && i < settings->n; i++) {
		const struct yaml_pair *pair = &settings->pairs[i];
		enum draft_key key;

		if (!find_key(pair->key->text, &key))
			return answers_refuse(
				overlay->draft, pair->key, overlay->err,
				"unknown key '" STR_FMT "' of a service",
				STR_ARG(pair->key->text));
		if (yaml_is_null(pair->value))
			clear(service, key);
		else if ((pair->value != machines ||
			  machines->kind != YAML_MAP) &&
			 lay_value(overlay, service, key, pair->value))
			return -1;
	}
	/* Last, since a machine that is new gets a copy. */
	return machines && machines->kind == YAML_MAP
		       ? lay_machines(overlay, service, machines)
		       : 0;
}

/* All services that one name or glob means. */
static int lay_on(struct overlay *overlay, struct str glob,
		  const struct yaml_pair *entry)
{
	struct draft *draft = overlay->draft;
	ARRAY(struct draft_service *) found = ARRAY_EMPTY;
	int result = 0;

	array_each (struct draft_service *, service, &draft->services)
		if (str_glob(glob, (*service)->name))
			array_push(&found, *service);
	for (size_t i = 0; result == 0 && i < found.n; i++) {
		result = lay(overlay, found.p[i], entry->value);
		if (str_eq(entry->key->text, found.p[i]->name))
			found.p[i]->comment = answers_comment(
				draft, answers_section(draft, "services"),
				entry->key->text);
	}
	if (found.n == 0) {
		result = answers_refuse(draft, entry->key, overlay->err,
					"there is no service '" STR_FMT "'",
					STR_ARG(glob));
		err_hint(overlay->err, "the names are those of the files that "
				       "init reads");
	}
	array_release(&found);
	return result;
}

static void set_infra(struct draft *draft, struct str name, struct str text)
{
	array_each (struct draft_infra, infra, &draft->infra)
		if (str_eq(infra->name, name)) {
			infra->text = text;
			return;
		}
	array_push(&draft->infra, (struct draft_infra){name, text});
}

static int lay_infra(struct draft *draft, const struct yaml_node *map,
		     struct error **err)
{
	if (map->kind != YAML_MAP)
		return answers_refuse(draft, map, err, "'infra' is a map");
	for (size_t i = 0; i < map->n; i++) {
		auto_buf struct buf text = BUF_EMPTY;

		yaml_append_flow(&text, map->pairs[i].value);
		set_infra(draft, map->pairs[i].key->text,
			  arena_str(draft->arena, buf_str(&text)));
	}
	return 0;
}

int overlay(struct draft *draft, struct error **err)
{
	const struct yaml_node *services = answers_section(draft, "services");
	const struct yaml_node *infra = answers_section(draft, "infra");
	struct overlay overlay = {draft, err};

	if (services && services->kind != YAML_MAP)
		return answers_refuse(draft, services, err,
				      "'services' is a map");
	for (size_t i = 0; services && i < services->n; i++) {
		struct str rest = services->pairs[i].key->text, name;

		while (str_split(&rest, ',', &name))
			if (lay_on(&overlay, str_trim(name),
				   &services->pairs[i]))
				return -1;
	}
	return infra ? lay_infra(draft, infra, err) : 0;
}
