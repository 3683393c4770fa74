/* What follows from all services together: machines, dependencies, ports. */
#include <assert.h>

#include "work/init/draft.h"

static bool has_question(const struct draft *draft,
			 const struct draft_service *service)
{
	array_each (const struct init_question, question, &draft->questions)
		for (size_t i = 0; i < question->n; i++)
			if (str_eq(question->services[i], service->name))
				return true;
	return false;
}

static void skip(struct draft *draft, struct draft_service *service,
		 struct str why)
{
	auto_buf struct buf value = BUF_EMPTY;

	yaml_append_scalar(&value, why);
	service->settings[DRAFT_SKIP] =
		arena_str(draft->arena, buf_str(&value));
}

static bool is_skipped(const struct draft_service *service)
{
	return service->settings[DRAFT_SKIP].n > 0;
}

/* Without `run` a service is nothing that can be built. */
static void settle_run(struct draft *draft)
{
	array_each (struct draft_service *, pointer, &draft->services) {
		struct draft_service *service = *pointer;

		if (service->settings[DRAFT_RUN].n || service->twin_of)
			continue;
		if (!has_question(draft, service))
			draft_ask(draft, service->at, service,
				  "nothing says how it is started: which "
				  "script or module is it?");
		skip(draft, service,
		     STR("how it is started is not known; see questions"));
	}
}

/* All have a machine, or none has. */
static void settle_machines(struct draft *draft)
{
	const struct draft_service *with = NULL;

	array_each (struct draft_service *, service, &draft->services)
		if (!with && (*service)->machines.n)
			with = *service;
	array_each (struct draft_service *, pointer, &draft->services) {
		struct draft_service *service = *pointer;

		if (!with || service->machines.n)
			continue;
		draft_add_text(&service->machines, with->machines.p[0]);
		draft_ask(draft, service->at, service,
			  "nothing says on which machine it runs; '" STR_FMT
			  "' is written: is that right?",
			  STR_ARG(with->machines.p[0]));
	}
}

/* -- dependencies -- */

static bool is_known(const struct draft *draft, struct str name)
{
	array_each (const struct draft_infra, infra, &draft->infra)
		if (str_eq(infra->name, name))
			return true;
	return draft_service(draft, name) != NULL;
}

static void drop_dependency(struct draft_service *service, size_t at)
{
	for (size_t i = at; i + 1 < service->depends_on.n; i++)
		service->depends_on.p[i] = service->depends_on.p[i + 1];
	service->depends_on.n--;
}

static void drop_unknown(struct draft *draft, struct draft_service *service)
{
	for (size_t i = 0; i < service->depends_on.n;) {
		struct str name = service->depends_on.p[i];
		const char *gone = "and there is no such service";

		if (is_known(draft, name) && !str_eq(name, service->name)) {
			i++;
			continue;
		}
		array_each (const struct draft_gone, other, &draft->gone)
			if (str_eq(other->name, name))
				gone = "which is commented out";
		draft_ask(draft, service->depends_at, service,
			  "it depends on '" STR_FMT "', %s: is the dependency "
			  "still true?",
			  (int)(name.n < 100 ? name.n : 100), name.p,
			  str_eq(name, service->name) ? "which is itself"
						      : gone);
		drop_dependency(service, i);
	}
}

enum colour { WHITE, GREY, BLACK };

/* Depth first; what leads back to a service on the way is dropped. */
static void visit(struct draft *draft, enum colour *colours,
		  const struct map *numbers, size_t at)
{
	struct draft_service *service = draft->services.p[at];

	colours[at] = GREY;
	for (size_t i = 0; i < service->depends_on.n;) {
		struct str name = service->depends_on.p[i];
		const size_t *number = map_get(numbers, name);

		if (number && colours[*number] == GREY) {
			draft_ask(draft, service->depends_at, service,
				  "'" STR_FMT "' and it depend on each other, "
				  "and its own dependency is left out: which "
				  "starts first?",
				  STR_ARG(name));
			drop_dependency(service, i);
			continue;
		}
		if (number && colours[*number] == WHITE)
			visit(draft, colours, numbers, *number);
		i++;
	}
	colours[at] = BLACK;
}

static void settle_dependencies(struct draft *draft)
{
	size_t n = draft->services.n;
	enum colour *colours = arena_new_array(draft->arena, enum colour, n);
	size_t *all = arena_new_array(draft->arena, size_t, n);
	auto_map struct map numbers = MAP_EMPTY;

	for (size_t i = 0; i < n; i++) {
		struct draft_service *service = draft->services.p[i];

		all[i] = i;
		drop_unknown(draft, service);
		if (!service->twin_of)
			map_set(&numbers, service->name, &all[i]);
	}
	for (size_t i = 0; i < n; i++)
		if (colours[i] == WHITE)
			visit(draft, colours, &numbers, i);
}

/* -- ports -- */

static struct str port_key(struct draft *draft, struct str machine,
			   const struct draft_port *port)
{
	return arena_printf(draft->arena, STR_FMT ":%u/%d", STR_ARG(machine),
			    port->number, port->is_udp);
}

/* Leaves out a service whose port another one has. */
static void check_port(struct draft *draft, const struct map *claims,
		       struct draft_service *service, struct str machine,
		       const struct draft_port *port)
{
	const struct draft_service *other =
		map_get(claims, port_key(draft, machine, port));

	if (!other || is_skipped(service) || str_eq(other->name, service->name))
		return;
	draft_ask(draft, service->ports_at, service,
		  "port %u is that of '" STR_FMT "' (" STR_FMT ":%u) on the "
		  "same machine, and the service is left out: which port has "
		  "it, or which of the two runs?",
		  port->number, STR_ARG(other->name),
		  STR_ARG(other->ports_at.file), other->ports_at.line);
	skip(draft, service,
	     arena_printf(draft->arena,
			  "port %u is taken by " STR_FMT "; see questions",
			  port->number, STR_ARG(other->name)));
}

/* Who comes first has a port; who is left out has none. */
static void settle_ports(struct draft *draft)
{
	auto_map struct map claims = MAP_EMPTY;

	array_each (struct draft_service *, pointer, &draft->services) {
		struct draft_service *service = *pointer;
		struct str machine = service->machines.n
					     ? service->machines.p[0]
					     : STR_EMPTY;

		if (is_skipped(service) ||
		    (service->twin_of && is_skipped(service->twin_of)))
			continue;
		array_each (struct draft_port, port, &service->ports)
			check_port(draft, &claims, service, machine, port);
		if (is_skipped(service))
			continue;
		array_each (struct draft_port, port, &service->ports)
			map_set(&claims, port_key(draft, machine, port),
				service);
	}
}

static bool has_port(const struct draft_service *service,
		     const struct draft_port *wanted)
{
	array_each (struct draft_port, port, &service->ports)
		if (port->number == wanted->number &&
		    port->is_udp == wanted->is_udp)
			return true;
	return false;
}

/* All of the one are ports of the other, which may have more. */
static bool same_ports(const struct draft_service *a,
		       const struct draft_service *b)
{
	if (a->ports.n > b->ports.n)
		return same_ports(b, a);
	array_each (struct draft_port, port, &a->ports)
		if (!has_port(b, port))
			return false;
	return a->ports.n > 0;
}

/* The second service is the first, on another machine. */
static void join_pair(struct draft *draft, struct draft_service *first,
		      struct draft_service *second)
{
	struct str name = second->name;

	array_each (struct draft_service *, service, &draft->services) {
		array_each (struct str, other, &(*service)->depends_on)
			if (str_eq(*other, name))
				*other = first->name;
		if (*service != first && (*service)->twin_of == second)
			(*service)->twin_of = first;
	}
	array_each (struct init_question, question, &draft->questions)
		for (size_t i = 0; i < question->n; i++)
			if (str_eq(question->services[i], name))
				question->services[i] = first->name;
	second->name = first->name;
	second->twin_of = first;
}

/* True where both run on one machine. */
static bool share_machine(const struct draft *draft,
			  const struct draft_service *a,
			  const struct draft_service *b)
{
	array_each (struct draft_service *, service, &draft->services) {
		if (!str_eq((*service)->name, a->name))
			continue;
		array_each (const struct str, machine, &(*service)->machines)
			if (draft_runs_on(draft, b->name, *machine))
				return true;
	}
	return false;
}

static void ask_pair(struct draft *draft, struct draft_service *first,
		     struct draft_service *second)
{
	struct str answer = draft_choose(
		draft, second->at, second,
		arena_printf(draft->arena, "pair/" STR_FMT,
			     STR_ARG(second->name)),
		"two one",
		"it runs the script of '" STR_FMT "' (" STR_FMT ":%u) with the "
		"same ports, on '" STR_FMT "' and not on '" STR_FMT
		"': are they two services, or one on both machines?",
		STR_ARG(first->name), STR_ARG(first->at.file), first->at.line,
		STR_ARG(second->machines.p[0]), STR_ARG(first->machines.p[0]));

	if (str_eq(answer, STR("one")))
		join_pair(draft, first, second);
}

/* One script with the same ports under two names: maybe one service. */
void settle_pairs(struct draft *draft)
{
	auto_map struct map runs = MAP_EMPTY;

	array_each (struct draft_service *, pointer, &draft->services) {
		struct draft_service *service = *pointer, *other;
		struct str run = service->settings[DRAFT_RUN];

		if (service->twin_of || run.n == 0 || service->machines.n == 0)
			continue;
		other = map_get(&runs, run);
		if (!other)
			map_set(&runs, run, service);
		else if (same_ports(service, other) &&
			 !share_machine(draft, service, other))
			ask_pair(draft, other, service);
	}
}

/* -- values -- */

/* What all services have in their env goes to the defaults. */
static void settle_env(struct draft *draft)
{
	const struct draft_service *first =
		draft->services.n > 1 ? draft->services.p[0] : NULL;

	for (size_t i = 0; first && i < first->env.n; i++) {
		struct draft_pair pair = first->env.p[i];
		size_t count = 0;

		array_each (struct draft_service *, service, &draft->services)
			array_each (struct draft_pair, other, &(*service)->env)
				count += str_eq(other->name, pair.name) &&
					 str_eq(other->value, pair.value);
		if (count == draft->services.n)
			array_push(&draft->env, pair);
	}
	array_each (struct draft_service *, service, &draft->services) {
		assert(*service);
		struct draft_pairs *env = &(*service)->env;
		size_t kept = 0;

		for (size_t i = 0; i < env->n; i++) {
			bool is_common = false;

			array_each (struct draft_pair, pair, &draft->env)
				is_common |= str_eq(pair->name, env->p[i].name);
			if (!is_common)
				env->p[kept++] = env->p[i];
		}
		env->n = kept;
	}
}

static void render(struct draft *draft, struct draft_service *service)
{
	auto_buf struct buf ports = BUF_EMPTY, names = BUF_EMPTY;

	assert(service);
	draft_set_pairs(draft, service, DRAFT_ENV, &service->env, service->at);
	if (service->machines.n)
		draft_append_texts(&names, &service->machines);
	service->settings[DRAFT_MACHINES] =
		arena_str(draft->arena, buf_str(&names));
	buf_clear(&names);
	if (service->depends_on.n)
		draft_append_texts(&names, &service->depends_on);
	service->settings[DRAFT_DEPENDS_ON] =
		arena_str(draft->arena, buf_str(&names));
	if (service->ports.n == 0)
		return;
	draft_append_ports(&ports, &service->ports);
	draft_set(draft, service, DRAFT_PORTS, buf_str(&ports),
		  service->ports_at);
}

/* What takes away again what the service has on its first machine. */
static void append_nothing(struct buf *out, enum draft_key key,
			   const struct draft_service *first)
{
	if (key == DRAFT_HEALTH || key == DRAFT_FAMILY) {
		buf_append_text(out, "auto");
	} else if (key == DRAFT_REQUIRED) {
		buf_append_text(out, "false");
	} else if (key == DRAFT_ENV) {
		for (size_t i = 0; i < first->env.n; i++) {
			buf_append_text(out, i ? ", " : "{");
			yaml_append_scalar(out, first->env.p[i].name);
			buf_append_text(out, ": null");
		}
		buf_append_byte(out, '}');
	} else {
		buf_append_text(out, "[]");
	}
}

/* What a twin says otherwise, as settings of its machine. */
static void add_override(struct buf *out, const struct draft_service *twin)
{
	const struct draft_service *first = twin->twin_of;
	size_t n = 0;

	yaml_append_scalar(out, twin->machines.p[0]);
	buf_append_text(out, ": {");
	for (int key = DRAFT_FAMILY; key <= DRAFT_SKIP; key++) {
		struct str value = twin->settings[key];

		/* How it is started, and why it is left out, is asked about
		 * once. */
		if (str_eq(value, first->settings[key]) ||
		    (value.n == 0 && (key == DRAFT_RUN || key == DRAFT_SKIP)))
			continue;
		buf_printf(out, "%s%s: ", n++ ? ", " : "",
			   draft_key_name((enum draft_key)key));
		if (value.n)
			buf_append(out, value);
		else
			append_nothing(out, (enum draft_key)key, first);
	}
	buf_append_byte(out, '}');
}

/* A service on several machines: a list where all is the same, else a map. */
static void settle_twins(struct draft *draft)
{
	array_each (struct draft_service *, pointer, &draft->services) {
		struct draft_service *first = *pointer;
		auto_buf struct buf map = BUF_EMPTY, list = BUF_EMPTY;
		bool is_special = false;

		if (first->twin_of || first->machines.n != 1)
			continue;
		buf_append_byte(&map, '{');
		yaml_append_scalar(&map, first->machines.p[0]);
		buf_append_text(&map, ": {}");
		buf_append_byte(&list, '[');
		yaml_append_scalar(&list, first->machines.p[0]);
		array_each (struct draft_service *, twin, &draft->services) {
			if ((*twin)->twin_of != first)
				continue;
			buf_append_text(&map, ", ");
			add_override(&map, *twin);
			is_special |= !str_ends(buf_str(&map), STR("{}"));
			buf_append_text(&list, ", ");
			yaml_append_scalar(&list, (*twin)->machines.p[0]);
		}
		buf_append_byte(&map, '}');
		buf_append_byte(&list, ']');
		if (str_find(buf_str(&list), ',') >= 0)
			first->settings[DRAFT_MACHINES] = arena_str(
				draft->arena,
				is_special ? buf_str(&map) : buf_str(&list));
	}
}

void settle(struct draft *draft)
{
	settle_run(draft);
	settle_machines(draft);
	settle_dependencies(draft);
	settle_ports(draft);
	settle_env(draft);
	array_each (struct draft_service *, service, &draft->services)
		render(draft, *service);
	settle_twins(draft);
}
