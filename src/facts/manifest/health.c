/* `health`: how a service is asked whether it is well.
 *
 *   health = "auto" | "none" | url | {how, timing...}
 *   how    = auto: true | http: (url | PORT) | grpc: PORT | zmq: PORT
 *          | tcp: PORT | none: true
 *   url    = "http://" ["localhost" | "127.0.0.1"] ":" PORT ["/" ...]
 *   timing = interval, timeout, start_period (durations), retries
 */
#include "facts/manifest/reader.h"

/* What Docker does where nothing is said, but for the start. */
static const struct manifest_health defaults = {
	.kind = MANIFEST_HEALTH_AUTO,
	.path = {STR_INIT("/health"), {0, 0}},
	.send = {STR_INIT(""), {0, 0}},
	.expect = {STR_INIT(""), {0, 0}},
	.service = {STR_INIT(""), {0, 0}},
	.interval_ms = 30000,
	.timeout_ms = 10000,
	.start_period_ms = 30000,
	.retries = 3,
};

static const char url_form[] =
	"auto, none, http://:PORT/PATH or a map like {tcp: PORT}";

/* Printable ASCII without space: what may stand in a request line. */
static bool is_path(struct str path)
{
	for (size_t i = 0; i < path.n; i++)
		if (path.p[i] <= ' ' || path.p[i] > '~')
			return false;
	return path.n < 1024;
}

static bool read_url(struct manifest *manifest, struct str url,
		     struct manifest_health *health)
{
	if (!str_eat(&url, STR("http://")))
		return false;
	if (!str_eat(&url, STR("localhost")))
		str_eat(&url, STR("127.0.0.1"));
	ptrdiff_t slash = str_find(url, '/');
	size_t end = slash < 0 ? url.n : (size_t)slash;
	struct str path = str_slice(url, end, url.n);

	url = str_slice(url, 0, end);
	if (!str_eat(&url, STR(":")) || !reader_to_port(url, &health->port) ||
	    !is_path(path))
		return false;
	health->kind = MANIFEST_HEALTH_HTTP;
	health->path.s =
		slash < 0 ? STR("/") : arena_str(&manifest->arena, path);
	return true;
}

static void field_how(struct manifest *manifest, const struct yaml_node *node,
		      const struct manifest_key *key, void *field)
{
	static const struct manifest_word kinds[] = {
		{"http", MANIFEST_HEALTH_HTTP},
		{"grpc", MANIFEST_HEALTH_GRPC},
		{"zmq", MANIFEST_HEALTH_ZMQ},
		{"tcp", MANIFEST_HEALTH_TCP},
		{NULL, 0},
	};
	struct manifest_health *health = field;
	const struct manifest_word *kind = kinds;
	const char *form = "a port number from 1 to 65535";

	while (strcmp(kind->word, key->name) != 0)
		kind++;
	if (kind->value == MANIFEST_HEALTH_HTTP)
		form = "a port number or http://:PORT/PATH";
	if (!reader_want(manifest, node, key->name, form))
		return;
	if (health->kind != MANIFEST_HEALTH_AUTO) {
		reader_problem(manifest, reader_place(node), STR_EMPTY,
			       "'health' asks in two ways; keep one");
		return;
	}
	if (reader_to_port(node->text, &health->port) ||
	    (kind->value == MANIFEST_HEALTH_HTTP &&
	     read_url(manifest, node->text, health)))
		health->kind = (enum manifest_health_kind)kind->value;
	else
		reader_refuse(manifest, node, key->name, form);
}

static const struct manifest_range retries_range = {1, 1000};

static const struct manifest_key keys[] = {
	{"http", field_how, 0, sizeof(struct manifest_health), NULL},
	{"grpc", field_how, 0, sizeof(struct manifest_health), NULL},
	{"zmq", field_how, 0, sizeof(struct manifest_health), NULL},
	{"tcp", field_how, 0, sizeof(struct manifest_health), NULL},
	KEY(struct manifest_health, send, field_text),
	KEY(struct manifest_health, expect, field_text),
	KEY(struct manifest_health, service, field_text),
	KEY_AS("interval", struct manifest_health, interval_ms, field_duration),
	KEY_AS("timeout", struct manifest_health, timeout_ms, field_duration),
	KEY_AS("start_period", struct manifest_health, start_period_ms,
	       field_duration),
	KEY(struct manifest_health, retries, field_number, &retries_range),
};
enum { KEY_SEND = 4, KEY_EXPECT, KEY_SERVICE };

static void check_map(struct manifest *manifest, const struct yaml_node *node,
		      const struct manifest_health *health, uint64_t seen)
{
	struct manifest_place at = reader_place(node);

	if ((seen >> KEY_SEND & 1) && health->kind != MANIFEST_HEALTH_ZMQ)
		reader_problem(manifest, at, STR_EMPTY,
			       "'send' needs 'zmq: PORT' beside it");
	if ((seen >> KEY_EXPECT & 1) && health->kind != MANIFEST_HEALTH_ZMQ &&
	    health->kind != MANIFEST_HEALTH_HTTP)
		reader_problem(manifest, at, STR_EMPTY,
			       "'expect' needs 'zmq: PORT' or 'http: URL' "
			       "beside it");
	if ((seen >> KEY_SERVICE & 1) && health->kind != MANIFEST_HEALTH_GRPC)
		reader_problem(manifest, at, STR_EMPTY,
			       "'service' needs 'grpc: PORT' beside it");
	if (health->timeout_ms == 0 || health->interval_ms == 0)
		reader_problem(manifest, at, STR_EMPTY,
			       "'interval' and 'timeout' must be above 0");
}

void field_health(struct manifest *manifest, const struct yaml_node *node,
		  const struct manifest_key *key, void *field)
{
	struct manifest_health health = defaults;

	health.at = reader_place(node);
	if (node->kind == YAML_MAP) {
		uint64_t seen = reader_map(manifest, node, "'health'", keys,
					   KEY_COUNT(keys), &health);

		check_map(manifest, node, &health, seen);
	} else if (!reader_want(manifest, node, key->name, url_form)) {
		return;
	} else if (str_eq(node->text, STR("none"))) {
		health.kind = MANIFEST_HEALTH_NONE;
	} else if (!str_eq(node->text, STR("auto")) &&
		   !read_url(manifest, node->text, &health)) {
		reader_refuse(manifest, node, key->name, url_form);
		return;
	}
	*(struct manifest_health *)field = health;
}

static void choose(struct manifest_health *health,
		   const struct manifest_ports *ports,
		   const struct manifest_port *own)
{
	const struct manifest_port *http = manifest_port(ports, "http");
	const struct manifest_port *grpc = manifest_port(ports, "grpc");

	health->is_auto = true;
	if (http) {
		health->kind = MANIFEST_HEALTH_HTTP;
		health->port = http->number;
	} else if (grpc) {
		health->kind = MANIFEST_HEALTH_GRPC;
		health->port = grpc->number;
	} else {
		health->kind = MANIFEST_HEALTH_SERVED;
		array_each (struct manifest_port, port, ports)
			if (!port->is_udp && port != own) {
				health->port = port->number;
				break;
			}
	}
}

struct manifest_health
manifest_health_resolve(const struct manifest_health *written,
			const struct manifest_ports *ports)
{
	struct manifest_health health = written->at.line ? *written : defaults;
	const struct manifest_port *own = manifest_port(ports, "health");

	if (health.kind == MANIFEST_HEALTH_NONE)
		return health;
	if (health.kind == MANIFEST_HEALTH_AUTO)
		choose(&health, ports, own);
	/* Who asks the health port itself has one that serves it. */
	if (own && own->number != health.port)
		health.served_port = own->number;
	return health;
}

const char *manifest_health_text(enum manifest_health_kind kind)
{
	static const char *const words[] = {
		[MANIFEST_HEALTH_AUTO] = "auto",
		[MANIFEST_HEALTH_HTTP] = "http",
		[MANIFEST_HEALTH_GRPC] = "grpc",
		[MANIFEST_HEALTH_ZMQ] = "zmq",
		[MANIFEST_HEALTH_TCP] = "tcp",
		[MANIFEST_HEALTH_SERVED] = "served",
		[MANIFEST_HEALTH_NONE] = "none",
	};

	return words[kind];
}
