/* `ports`: which ports a service listens on, and `health`: how it is asked.
 *
 *   ports = NUMBER "/" NUMBER            the zmq and the health port
 *         | port
 *         | list of (port | {NAME: port})
 *         | {NAME: port, ...}
 *   port  = NUMBER [ "/udp" | "/tcp" ]   unnamed: "tcp-NUMBER"
 */
#include "facts/manifest/reader.h"

static const char port_form[] = "a port number from 1 to 65535";

static void add_port(struct manifest *manifest, struct manifest_ports *ports,
		     const struct manifest_port *port,
		     const struct yaml_node *node)
{
	array_each (struct manifest_port, other, ports)
		if (str_eq(other->name, port->name)) {
			reader_problem(manifest, reader_place(node), STR_EMPTY,
				       "the port '" STR_FMT "' is given twice",
				       STR_ARG(port->name));
			return;
		}
	list_push(manifest, ports, *port);
}

/* One port; name is empty where none is written. */
static void read_port(struct manifest *manifest, const struct yaml_node *node,
		      struct str name, struct manifest_ports *ports)
{
	struct manifest_port port = {.name = name, .at = reader_place(node)};

	if (!reader_want(manifest, node, "ports", port_form))
		return;
	struct str rest = node->text, number;

	str_split(&rest, '/', &number);
	port.is_udp = str_eq(rest, STR("udp"));
	if (!reader_to_port(number, &port.number) ||
	    (rest.n && !port.is_udp && !str_eq(rest, STR("tcp")))) {
		reader_refuse(manifest, node, "ports", port_form);
		return;
	}
	if (name.n == 0)
		port.name =
			arena_printf(&manifest->arena, "%s-%u",
				     port.is_udp ? "udp" : "tcp", port.number);
	add_port(manifest, ports, &port, node);
}

static void read_named_ports(struct manifest *manifest,
			     const struct yaml_node *node,
			     struct manifest_ports *ports)
{
	for (size_t i = 0; i < node->n; i++) {
		const struct yaml_node *name = node->pairs[i].key;

		if (reader_is_name(name->text, "_-"))
			read_port(manifest, node->pairs[i].value, name->text,
				  ports);
		else
			reader_refuse(manifest, name, "ports",
				      "a map of names to ports");
	}
}

/* 5711/6711 */
static bool read_short_form(struct manifest *manifest,
			    const struct yaml_node *node,
			    struct manifest_ports *ports)
{
	struct manifest_port zmq = {.name = STR("zmq")};
	struct manifest_port health = {.name = STR("health")};
	struct str rest = node->text, number;

	if (!str_split(&rest, '/', &number) ||
	    !reader_to_port(number, &zmq.number) ||
	    !reader_to_port(rest, &health.number))
		return false;
	zmq.at = health.at = reader_place(node);
	list_push(manifest, ports, zmq);
	list_push(manifest, ports, health);
	return true;
}

void field_ports(struct manifest *manifest, const struct yaml_node *node,
		 const struct manifest_key *key, void *field)
{
	struct manifest_ports ports = ARRAY_EMPTY;

	(void)key;
	if (node->kind == YAML_MAP) {
		read_named_ports(manifest, node, &ports);
	} else if (node->kind == YAML_LIST) {
		for (size_t i = 0; i < node->n; i++)
			if (node->items[i]->kind == YAML_MAP)
				read_named_ports(manifest, node->items[i],
						 &ports);
			else
				read_port(manifest, node->items[i], STR_EMPTY,
					  &ports);
	} else if (!read_short_form(manifest, node, &ports)) {
		read_port(manifest, node, STR_EMPTY, &ports);
	}
	*(struct manifest_ports *)field = ports;
}
