/* What clashes: names, ports of one machine, circles of depends_on. */
#include "base/map.h"
#include "facts/manifest/reader.h"

static struct str lower_case(struct arena *arena, struct str text)
{
	char *p = arena_alloc(arena, text.n + 1, 1);

	for (size_t i = 0; i < text.n; i++)
		p[i] = text.p[i] >= 'A' && text.p[i] <= 'Z'
			       ? (char)(text.p[i] - 'A' + 'a')
			       : text.p[i];
	return str_of(p, text.n);
}

/* Names of images are lower case. */
static void check_names(struct manifest *manifest)
{
	auto_map struct map seen = MAP_EMPTY;

	array_each (struct manifest_service *, service, &manifest->services) {
		struct str key =
			lower_case(&manifest->arena, (*service)->name.s);
		const struct manifest_service *other = map_get(&seen, key);

		if (other)
			reader_problem(manifest, (*service)->name.at,
				       STR("their images would have one name"),
				       "the services '" STR_FMT
				       "' and '" STR_FMT
				       "' differ in upper and lower case only",
				       STR_ARG(other->name.s),
				       STR_ARG((*service)->name.s));
		else
			map_set(&seen, key, *service);
	}
	array_each (struct manifest_infra, infra, &manifest->infra)
		if (manifest_service(manifest, infra->name.s))
			reader_problem(manifest, infra->name.at, STR_EMPTY,
				       "'" STR_FMT
				       "' is a service and infra as well",
				       STR_ARG(infra->name.s));
}

struct claim {
	struct str owner;
	struct manifest_place at;
};

/* Takes the port on the machine, or tells who has it. Two names of one
 * service may share a port: one server with two roles. */
static void claim_port(struct manifest *manifest, struct map *claims,
		       const struct manifest_machine *machine, struct str owner,
		       const struct manifest_port *port)
{
	struct str key =
		arena_printf(&manifest->arena, "%s:%u/%s", machine->name.s.p,
			     port->number, port->is_udp ? "udp" : "tcp");
	struct claim *claim = map_get(claims, key);

	if (claim && !str_eq(claim->owner, owner)) {
		reader_problem(
			manifest, port->at, STR_EMPTY,
			"port %u is taken twice on machine '" STR_FMT
			"': by '" STR_FMT "' and by '" STR_FMT "' in line %u",
			port->number, STR_ARG(machine->name.s), STR_ARG(owner),
			STR_ARG(claim->owner), claim->at.line);
	} else if (!claim) {
		claim = arena_new(&manifest->arena, struct claim);
		*claim = (struct claim){owner, port->at};
		map_set(claims, key, claim);
	}
}

static bool runs_on(const struct manifest_infra *infra,
		    const struct manifest_machine *machine)
{
	array_each (const struct manifest_text, name, &infra->machines)
		if (str_eq(name->s, machine->name.s))
			return true;
	return false;
}

/* Infra that names no machine is somewhere on the network: it claims none. */
static void check_ports(struct manifest *manifest)
{
	auto_map struct map claims = MAP_EMPTY;

	array_each (struct manifest_infra, infra, &manifest->infra)
		array_each (struct manifest_machine *, machine,
			    &manifest->machines)
			array_each (struct manifest_port, port, &infra->ports)
				if (runs_on(infra, *machine))
					claim_port(manifest, &claims, *machine,
						   infra->name.s, port);
	array_each (struct manifest_instance *, pointer, &manifest->instances) {
		const struct manifest_instance *instance = *pointer;

		if (instance->settings.skip.s.n)
			continue;
		array_each (const struct manifest_port, port,
			    &instance->settings.ports)
			claim_port(manifest, &claims, instance->machine,
				   instance->service->name.s, port);
	}
}

static void check_infra_machines(struct manifest *manifest)
{
	array_each (struct manifest_infra, infra, &manifest->infra)
		array_each (struct manifest_text, name, &infra->machines)
			manifest_find_or_problem(manifest, name, "machine",
						 manifest->machines.p,
						 manifest->machines.n);
}

enum colour { WHITE, GREY, BLACK };

/* Depth-first over depends_on; a grey service on the way is a circle. */
static void visit(struct manifest *manifest, enum colour *colours, size_t at)
{
	const struct manifest_service *service = manifest->services.p[at];

	colours[at] = GREY;
	array_each (const struct manifest_text, name,
		    &service->settings.depends_on)
		for (size_t i = 0; i < manifest->services.n; i++) {
			if (!str_eq(manifest->services.p[i]->name.s, name->s))
				continue;
			if (colours[i] == GREY)
				reader_problem(
					manifest, name->at,
					STR("one of them must start first: "
					    "remove this entry"),
					"'" STR_FMT "' depends on '" STR_FMT
					"', which depends on it in turn",
					STR_ARG(service->name.s),
					STR_ARG(name->s));
			else if (colours[i] == WHITE)
				visit(manifest, colours, i);
		}
	colours[at] = BLACK;
}

static void check_dependency(struct manifest *manifest,
			     const struct manifest_text *name)
{
	struct manifest_nearest nearest = {.word = name->s};

	if (manifest_service(manifest, name->s) ||
	    manifest_infra(manifest, name->s))
		return;
	array_each (struct manifest_service *, service, &manifest->services)
		manifest_nearest_offer(&nearest, (*service)->name.s);
	array_each (struct manifest_infra, infra, &manifest->infra)
		manifest_nearest_offer(&nearest, infra->name.s);
	reader_problem(manifest, name->at,
		       manifest_nearest_hint(&manifest->arena, &nearest),
		       "there is no service or infra '" STR_FMT "'",
		       STR_ARG(name->s));
}

static void check_dependencies(struct manifest *manifest)
{
	enum colour *colours = arena_new_array(&manifest->arena, enum colour,
					       manifest->services.n);

	array_each (struct manifest_instance *, instance, &manifest->instances)
		array_each (const struct manifest_text, name,
			    &(*instance)->settings.depends_on)
			check_dependency(manifest, name);
	for (size_t i = 0; i < manifest->services.n; i++)
		if (colours[i] == WHITE)
			visit(manifest, colours, i);
}

void manifest_find_conflicts(struct manifest *manifest)
{
	check_names(manifest);
	check_infra_machines(manifest);
	check_ports(manifest);
	check_dependencies(manifest);
}
