/* Keys of a compose service that have several forms. */
#include "work/init/compose.h"

/* -- ports -- */

/* [[HOST:]PUBLISHED:]TARGET[/PROTOCOL] */
static void read_port(struct compose *compose, const struct yaml_node *node)
{
	struct str text = compose_text(compose, node), ports, target;
	ptrdiff_t colon = str_rfind(text, ':');

	target = str_slice(text, (size_t)(colon + 1), text.n);
	draft_add_port_range(compose->draft, compose->service, target,
			     compose_place(compose, node));
	if (colon < 0)
		return;
	ports = str_slice(text, 0, (size_t)colon);
	ports = str_slice(ports, (size_t)(str_rfind(ports, ':') + 1), ports.n);
	struct str number = target;

	str_split(&number, '/', &target);
	if (ports.n && !str_eq(ports, target))
		compose_ask(compose, node,
			    "the port " STR_FMT " is published as " STR_FMT
			    ", and here both are one: which should it be?",
			    STR_ARG(target), STR_ARG(ports));
}

static void read_long_port(struct compose *compose,
			   const struct yaml_node *node)
{
	struct str target = compose_text(compose, yaml_get(node, "target"));
	struct str published =
		compose_text(compose, yaml_get(node, "published"));
	struct str protocol = compose_text(compose, yaml_get(node, "protocol"));

	draft_add_port_range(
		compose->draft, compose->service,
		arena_printf(compose->draft->arena, STR_FMT "%s",
			     STR_ARG(target),
			     str_eq(protocol, STR("udp")) ? "/udp" : ""),
		compose_place(compose, node));
	if (published.n && !str_eq(published, target))
		compose_ask(compose, node,
			    "the port " STR_FMT " is published as " STR_FMT
			    ", and here both are one: which should it be?",
			    STR_ARG(target), STR_ARG(published));
}

void compose_ports(struct compose *compose, const struct yaml_node *node)
{
	for (size_t i = 0; node->kind == YAML_LIST && i < node->n; i++)
		if (node->items[i]->kind == YAML_MAP)
			read_long_port(compose, node->items[i]);
		else
			read_port(compose, node->items[i]);
	if (node->kind != YAML_LIST)
		compose_ask(compose, node,
			    "'ports' is no list: which ports "
			    "are they?");
}

/* -- volumes -- */

struct volumes {
	struct draft_pairs mounts;
	struct draft_texts write;
};

static void add_volume(struct compose *compose, const struct yaml_node *node,
		       struct volumes *volumes, struct str source,
		       struct str target, bool is_read_only)
{
	struct draft *draft = compose->draft;
	bool is_path = source.n && (source.p[0] == '.' || source.p[0] == '/' ||
				    source.p[0] == '~');

	if (source.n == 0) {
		draft_add_text(&volumes->write, target);
		return;
	}
	if (is_path && source.p[0] == '.' &&
	    !draft_clean_path(draft, compose->folder, source, &source)) {
		compose_ask(compose, node,
			    "'" STR_FMT "' lies outside of this repository: "
			    "which path of the host is it?",
			    STR_ARG(source));
		return;
	}
	if (compose->image.n == 0 && is_path && source.p[0] != '/' &&
	    (str_eq(source, STR(".")) || str_eq(target, STR("/app")) ||
	     str_eq(target, compose->workdir))) {
		compose_ask(compose, node,
			    "'" STR_FMT
			    "' is mounted over the source in '" STR_FMT
			    "' and left out: is it for development "
			    "only?",
			    STR_ARG(source), STR_ARG(target));
		return;
	}
	draft_set_pair(&volumes->mounts, source,
		       arena_printf(draft->arena, STR_FMT "%s", STR_ARG(target),
				    is_read_only ? ":ro" : ""));
}

/* [SOURCE:]TARGET[:MODE,MODE] */
static void read_volume(struct compose *compose, const struct yaml_node *node,
			struct volumes *volumes)
{
	struct str rest = compose_text(compose, node), first, target, mode, one;
	bool is_read_only = false;

	if (!str_split(&rest, ':', &first))
		return;
	if (!str_split(&rest, ':', &target)) {
		add_volume(compose, node, volumes, STR_EMPTY, first, false);
		return;
	}
	mode = rest;
	while (str_split(&mode, ',', &one))
		is_read_only |= str_eq(one, STR("ro"));
	add_volume(compose, node, volumes, first, target, is_read_only);
}

void compose_volumes(struct compose *compose, const struct yaml_node *node)
{
	struct volumes volumes = {ARRAY_EMPTY, ARRAY_EMPTY};
	size_t n = node->kind == YAML_LIST ? node->n : 1;

	for (size_t i = 0; i < n; i++) {
		const struct yaml_node *item =
			node->kind == YAML_LIST ? node->items[i] : node;
		bool is_read_only = false;

		if (item->kind != YAML_MAP) {
			read_volume(compose, item, &volumes);
			continue;
		}
		const struct yaml_node *flag = yaml_get(item, "read_only");

		if (flag)
			yaml_to_bool(flag, &is_read_only);
		add_volume(compose, item, &volumes,
			   compose_text(compose, yaml_get(item, "source")),
			   compose_text(compose, yaml_get(item, "target")),
			   is_read_only);
	}
	draft_set_pairs(compose->draft, compose->service, DRAFT_MOUNTS,
			&volumes.mounts, compose_place(compose, node));
	if (compose->image.n == 0)
		draft_set_texts(compose->draft, compose->service, DRAFT_WRITE,
				&volumes.write, compose_place(compose, node));
	array_release(&volumes.mounts);
	array_release(&volumes.write);
}

/* -- devices, GPUs, limits -- */

void compose_needs_gpu(struct compose *compose, const struct yaml_node *node)
{
	compose->draft->needs_gpu = true;
	draft_set_text(compose->draft, compose->service, DRAFT_GPU,
		       STR("required"), compose_place(compose, node));
}

/* HOST[:TARGET[:rwm]], {source, target}, or VENDOR/gpu=all. */
static void read_device(struct compose *compose, const struct yaml_node *node,
			struct draft_texts *devices)
{
	struct str rest = compose_text(compose, node), host, target = STR_EMPTY;

	if (node->kind == YAML_MAP) {
		host = compose_text(compose, yaml_get(node, "source"));
		target = compose_text(compose, yaml_get(node, "target"));
	} else if (str_find_str(rest, STR("gpu=")) >= 0) {
		compose_needs_gpu(compose, node);
		return;
	} else {
		if (!str_split(&rest, ':', &host))
			return;
		str_split(&rest, ':', &target);
	}
	if (target.n == 0 || str_eq(host, target))
		draft_add_text(devices, host);
	else
		draft_add_text(devices,
			       arena_printf(compose->draft->arena,
					    STR_FMT ":" STR_FMT, STR_ARG(host),
					    STR_ARG(target)));
}

void compose_devices(struct compose *compose, const struct yaml_node *node)
{
	struct draft_texts devices = ARRAY_EMPTY;

	for (size_t i = 0; node->kind == YAML_LIST && i < node->n; i++)
		read_device(compose, node->items[i], &devices);
	draft_set_texts(compose->draft, compose->service, DRAFT_DEVICES,
			&devices, compose_place(compose, node));
	array_release(&devices);
}

/* "512m", "2gb", "1073741824": Docker's units are powers of 1024. */
static struct str size_of(struct compose *compose, struct str text)
{
	static const char *const units[][2] = {
		{"kb", "KiB"}, {"mb", "MiB"}, {"gb", "GiB"}, {"tb", "TiB"},
		{"k", "KiB"},  {"m", "MiB"},  {"g", "GiB"},  {"t", "TiB"},
		{"b", "B"},    {"", "B"}};
	size_t n = text.n;

	while (n && !strchr("0123456789.", text.p[n - 1]))
		n--;
	struct str unit = str_trim(str_slice(text, n, text.n));

	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (str_eq_case(unit, str_from(units[i][0])))
			return arena_printf(compose->draft->arena, STR_FMT "%s",
					    (int)n, text.p, units[i][1]);
	return text;
}

void compose_resource(struct compose *compose, const char *name,
		      const struct yaml_node *node)
{
	struct draft *draft = compose->draft;
	struct str *setting = &compose->service->settings[DRAFT_RESOURCES];
	struct str text = compose_text(compose, node), before = *setting;
	bool is_size = strcmp(name, "cpus") && strcmp(name, "pids");
	auto_buf struct buf out = BUF_EMPTY;

	if (text.n == 0 || str_eq(text, STR("0")) || str_eq(text, STR("-1")))
		return;
	buf_append_text(&out, before.n ? "" : "{");
	if (before.n) {
		buf_append(&out, str_slice(before, 0, before.n - 1));
		buf_append_text(&out, ", ");
	}
	buf_printf(&out, "%s: ", name);
	draft_append_measure(&out, is_size ? size_of(compose, text) : text);
	buf_append_byte(&out, '}');
	draft_set(draft, compose->service, DRAFT_RESOURCES, buf_str(&out),
		  compose_place(compose, node));
}

static bool has_gpu(const struct yaml_node *device)
{
	const struct yaml_node *capabilities = yaml_get(device, "capabilities");

	for (size_t i = 0; capabilities && capabilities->kind == YAML_LIST &&
			   i < capabilities->n;
	     i++)
		if (str_eq(draft_scalar(capabilities->items[i]), STR("gpu")))
			return true;
	return str_eq(draft_scalar(yaml_get(device, "driver")), STR("nvidia"));
}

void compose_deploy(struct compose *compose, const struct yaml_node *node)
{
	const struct yaml_node *resources = yaml_get(node, "resources");
	const struct yaml_node *limits = yaml_get(resources, "limits");
	const struct yaml_node *reserved = yaml_get(resources, "reservations");
	const struct yaml_node *devices = yaml_get(reserved, "devices");
	const struct yaml_node *placement = yaml_get(node, "placement");
	const struct yaml_node *replicas = yaml_get(node, "replicas");
	static const char *const names[] = {"memory", "cpus", "pids"};

	for (size_t i = 0; i < 3; i++)
		if (yaml_get(limits, names[i]))
			compose_resource(compose, names[i],
					 yaml_get(limits, names[i]));
	for (size_t i = 0;
	     devices && devices->kind == YAML_LIST && i < devices->n; i++)
		if (has_gpu(devices->items[i]))
			compose_needs_gpu(compose, devices->items[i]);
		else
			compose_ask(compose, devices->items[i],
				    "a device is reserved that is no GPU: "
				    "which one does the service need?");
	if (placement)
		compose_ask(compose, placement,
			    "where it runs is bound by 'placement': on which "
			    "of the machines does it?");
	if (replicas && !str_eq(draft_scalar(replicas), STR("1")))
		compose_ask(compose, replicas,
			    "it runs " STR_FMT " times, and here once: is "
			    "that enough?",
			    STR_ARG(draft_scalar(replicas)));
}

/* -- health and secrets -- */

/* A text, or [CMD, word...], [CMD-SHELL, text], [NONE]. */
void compose_health(struct compose *compose, const struct yaml_node *node)
{
	static const char *const names[] = {"interval", "timeout",
					    "start_period", "retries"};
	const struct yaml_node *test = yaml_get(node, "test");
	const struct yaml_node *off = yaml_get(node, "disable");
	struct draft_pairs timings = ARRAY_EMPTY;
	struct draft_texts words = ARRAY_EMPTY;
	auto_buf struct buf line = BUF_EMPTY;
	bool is_off = false;

	if (off)
		yaml_to_bool(off, &is_off);
	if (test)
		compose_texts(compose, test, &words);
	is_off |= words.n && str_eq(words.p[0], STR("NONE"));
	for (size_t i = 0; i < words.n; i++) {
		if (i == 0 && test && test->kind == YAML_LIST &&
		    str_starts(words.p[i], STR("CMD")))
			continue;
		buf_append_text(&line, line.n ? " " : "");
		buf_append(&line, words.p[i]);
	}
	for (size_t i = 0; i < 4; i++)
		if (yaml_get(node, names[i]))
			draft_set_pair(&timings, str_from(names[i]),
				       compose_text(compose,
						    yaml_get(node, names[i])));
	if (is_off)
		draft_set_text(compose->draft, compose->service, DRAFT_HEALTH,
			       STR("none"), compose_place(compose, node));
	else if (line.n)
		command_to_health(
			compose->draft, compose->service,
			arena_str(compose->draft->arena, buf_str(&line)),
			&timings, compose_place(compose, test));
	array_release(&timings);
	array_release(&words);
}

/* Names, with the files that the top of the document gives them. */
void compose_secrets(struct compose *compose, const struct yaml_node *node)
{
	const struct yaml_node *all = yaml_get(compose->root, "secrets");
	struct draft_pairs files = ARRAY_EMPTY;
	struct draft_texts names = ARRAY_EMPTY;

	for (size_t i = 0; node->kind == YAML_LIST && i < node->n; i++) {
		const struct yaml_node *item = node->items[i];
		struct str name =
			compose_text(compose, item->kind == YAML_MAP
						      ? yaml_get(item, "source")
						      : item);
		const struct yaml_node *known = NULL;

		for (size_t j = 0; all && all->kind == YAML_MAP && j < all->n;
		     j++)
			if (str_eq(all->pairs[j].key->text, name))
				known = all->pairs[j].value;
		struct str file =
			compose_text(compose, yaml_get(known, "file"));

		if (file.n)
			draft_set_pair(&files, name, file);
		else if (name.n)
			draft_add_text(&names, name);
	}
	if (files.n == 0)
		draft_set_texts(compose->draft, compose->service, DRAFT_SECRETS,
				&names, compose_place(compose, node));
	else
		draft_set_pairs(compose->draft, compose->service, DRAFT_SECRETS,
				&files, compose_place(compose, node));
	if (files.n && names.n)
		compose_ask(compose, node,
			    "the secret '" STR_FMT "' has no file: where does "
			    "it come from?",
			    STR_ARG(names.p[0]));
	array_release(&files);
	array_release(&names);
}
