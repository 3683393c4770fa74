/* manifest: what the example fleet means, how layers of settings lie over each
 * other, which instances arguments select, and what each file of
 * tests/should-fail/manifest is refused with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "codec/json.h"
#include "facts/manifest.h"
#include "guard.h"

static struct str test_data(const char *name, struct buf *text)
{
	auto_free char *path = path_join(getenv("TEST_DATA"), name);

	assert_int_equal(fs_read(path, 1 << 20, text, NULL), 0);
	return buf_str(text);
}

static struct manifest *parse_good(struct str text)
{
	struct manifest *manifest = manifest_parse(text, "fleet.yaml");
	auto_buf struct buf problems = BUF_EMPTY;

	manifest_append_problems(manifest, &problems);
	assert_string_equal(buf_text(&problems), "");
	return manifest;
}

static const struct manifest_instance *
instance_of(const struct manifest *manifest, const char *service,
	    const char *machine)
{
	array_each (struct manifest_instance *const, instance,
		    &manifest->instances)
		if (str_eq((*instance)->service->name.s, str_from(service)) &&
		    str_eq((*instance)->machine->name.s, str_from(machine)))
			return *instance;
	fail_msg("no instance %s on %s", service, machine);
	return NULL;
}

static const char *env_of(const struct manifest_instance *instance,
			  const char *name)
{
	array_each (const struct manifest_pair, pair, &instance->settings.env)
		if (str_eq(pair->name.s, str_from(name)))
			return pair->value.s.p;
	return NULL;
}

static void the_example_is_understood(void **state)
{
	auto_buf struct buf text = BUF_EMPTY;
	auto_manifest struct manifest *manifest =
		parse_good(test_data("golden/manifest/fleet.yaml", &text));

	(void)state;
	assert_string_equal(manifest->fleet.s.p, "dual-machine");
	assert_string_equal(manifest->source.shared.p[0].s.p, "common");
	assert_string_equal(manifest->source.pythonpath.p[0].s.p, ".");
	assert_int_equal(manifest->machines.n, 2);
	const struct manifest_machine *machine = manifest->machines.p[0];

	assert_int_equal(machine->cores, 24);
	assert_true(machine->has_gpu);
	assert_string_equal(machine->gpu_name.s.p, "RTX 4090");
	assert_string_equal(machine->gpu_compute.s.p, "8.9");
	assert_int_equal(machine->gpu_memory_bytes, UINT64_C(24) << 30);
	assert_true(machine->threads.is_set && !machine->threads.is_auto);
	assert_int_equal(machine->threads.value, 8);
	const struct manifest_track *track =
		manifest_track(manifest, STR("cu121"));

	assert_ptr_equal(machine->track, track);
	assert_int_equal(track->pins.n, 3);
	assert_string_equal(track->replaces.p[1].value.s.p,
			    "opencv-python-headless");
	assert_int_equal(
		manifest_track(manifest, STR("cpu"))->indexes.p[0].packages.n,
		3);
	const struct manifest_base *base =
		manifest_base(manifest, STR("py310"));

	assert_int_equal(base->kind, MANIFEST_BASE_REGISTRY);
	assert_string_equal(base->python.s.p, "");
	const struct manifest_family *family =
		manifest_family(manifest, STR("gpu-ml-cu121"));

	assert_ptr_equal(family->track, track);
	assert_ptr_equal(family->base, manifest_base(manifest, STR("py311")));
	assert_int_equal(manifest->services.n, 6);
	assert_int_equal(manifest->instances.n, 7);
	assert_string_equal(manifest->infra.p[0].ports.p[0].name.p, "tcp-6379");
	assert_int_equal(manifest->policy.scan_fail_on.n, 2);
	assert_int_equal(manifest->policy.scan_unfixed,
			 MANIFEST_UNFIXED_IGNORE);
	assert_int_equal(manifest->policy.layers_max_bytes, 1 << 30);
	assert_int_equal(manifest->policy.keep_disk_bytes, UINT64_C(60) << 30);
}

static void its_instances_are_resolved(void **state)
{
	auto_buf struct buf text = BUF_EMPTY;
	auto_manifest struct manifest *manifest =
		parse_good(test_data("golden/manifest/fleet.yaml", &text));
	const struct manifest_instance *chat =
		instance_of(manifest, "ChitchatAgent", "mainpc");
	const struct manifest_instance *hub =
		instance_of(manifest, "MemoryFusionHub", "pc2");
	const struct manifest_instance *wake =
		instance_of(manifest, "WakeWordDetector", "mainpc");

	(void)state;
	assert_string_equal(chat->settings.run.entry.s.p,
			    "main_pc_code/agents/chitchat_agent.py");
	assert_int_equal(manifest_port(&chat->settings.ports, "zmq")->number,
			 5711);
	assert_int_equal(chat->settings.health.kind, MANIFEST_HEALTH_SERVED);
	assert_int_equal(chat->settings.health.port, 5711);
	assert_int_equal(chat->settings.health.served_port, 6711);
	assert_true(chat->settings.health.is_auto);
	assert_ptr_equal(chat->family,
			 manifest_family(manifest, STR("cpu-core")));
	assert_string_equal(chat->settings.workdir.s.p, "/app");
	assert_int_equal(chat->settings.user.uid, 10001);
	assert_string_equal(env_of(chat, "CUDA_DEVICE_ORDER"), "PCI_BUS_ID");
	assert_string_equal(env_of(hub, "CACHE_MB"), "256");
	assert_null(env_of(instance_of(manifest, "MemoryFusionHub", "mainpc"),
			   "CACHE_MB"));
	assert_int_equal(hub->settings.run.arguments.n, 2);
	assert_int_equal(hub->settings.health.kind, MANIFEST_HEALTH_HTTP);
	assert_int_equal(hub->settings.health.port, 8080);
	assert_string_equal(hub->settings.health.path.s.p, "/health");
	assert_true(wake->is_family_auto);
	assert_null(wake->family);
	assert_string_equal(wake->base->name.s.p, "py311");
	assert_true(wake->settings.mounts.p[0].is_read_only);
	assert_string_equal(wake->settings.mounts.p[0].target.s.p, "/models");
	assert_string_equal(wake->settings.allow.p[0].import_glob.s.p,
			    "plugins.*");
	const struct manifest_service *registry =
		manifest_service(manifest, STR("ServiceRegistry"));

	assert_int_equal(registry->instances[0]->settings.health.kind,
			 MANIFEST_HEALTH_ZMQ);
	assert_string_equal(registry->instances[0]->settings.health.send.s.p,
			    "{\"action\":\"ping\"}");
}

static void layers_lie_over_each_other(void **state)
{
	auto_manifest struct manifest *manifest = parse_good(
		STR("machines: {m: {env: {A: machine, B: machine}}, n: {}}\n"
		    "defaults: {env: {A: default, C: default, D: default},\n"
		    "  gpu: optional, extra: [one], mounts: {a: /a},\n"
		    "  resources: {memory: 1GiB, cpus: 1.5}}\n"
		    "templates:\n"
		    "  far: {env: {C: far, E: far}, extra: [two, three],\n"
		    "    secrets: [s], machines: m}\n"
		    "  near: {like: far, env: {E: near}, gpu: none}\n"
		    "services:\n"
		    "  S:\n"
		    "    like: near\n"
		    "    run: '-m pkg.mod \"two words\" three'\n"
		    "    env: {D: null, F: ''}\n"
		    "    mounts: {a: '/b:ro', c: /c}\n"
		    "    resources: {memory: 2GiB}\n"
		    "    secrets: {t: file}\n"
		    "    machines: {m: {env: {F: m}, ports: 80},\n"
		    "               n: {run: other.py}}\n"));
	const struct manifest_instance *on_m = instance_of(manifest, "S", "m");
	const struct manifest_instance *on_n = instance_of(manifest, "S", "n");

	(void)state;
	assert_string_equal(env_of(on_m, "A"), "default");
	assert_string_equal(env_of(on_m, "B"), "machine");
	assert_string_equal(env_of(on_m, "C"), "far");
	assert_null(env_of(on_m, "D"));
	assert_string_equal(env_of(on_m, "E"), "near");
	assert_string_equal(env_of(on_m, "F"), "m");
	assert_string_equal(env_of(on_n, "F"), "");
	assert_null(env_of(on_n, "B"));
	assert_int_equal(on_m->settings.gpu, MANIFEST_GPU_NONE);
	assert_int_equal(on_m->settings.extra.n, 2);
	assert_int_equal(on_m->settings.mounts.n, 2);
	assert_string_equal(on_m->settings.mounts.p[0].target.s.p, "/b");
	assert_int_equal(on_m->settings.secrets.n, 2);
	assert_int_equal(on_m->settings.resources.memory_bytes, 2u << 30);
	assert_int_equal(on_m->settings.resources.cpus_milli, 1500);
	assert_int_equal(on_m->settings.ports.p[0].number, 80);
	assert_int_equal(on_n->settings.ports.n, 0);
	assert_true(on_m->settings.run.is_module);
	assert_string_equal(on_m->settings.run.entry.s.p, "pkg.mod");
	assert_string_equal(on_m->settings.run.arguments.p[0].s.p, "two words");
	assert_false(on_n->settings.run.is_module);
	assert_string_equal(on_n->settings.run.entry.s.p, "other.py");
	/* The service itself is without what is special on a machine. */
	assert_true(on_m->service->settings.run.is_module);
	assert_int_equal(on_m->service->settings.ports.n, 0);
}

static void the_track_is_the_nearest(void **state)
{
	auto_manifest struct manifest *manifest = parse_good(
		STR("machines: {m: {track: a}, n: {}}\n"
		    "tracks: {a: {}, b: {}, c: {}}\n"
		    "families: {f: {track: b}, g: {extends: f}, h: {}}\n"
		    "defaults: {run: x.py, machines: m}\n"
		    "services:\n"
		    "  Own: {track: c, family: f}\n"
		    "  Family: {family: g}\n"
		    "  Machine: {family: h}\n"
		    "  None: {family: h, machines: n}\n"));
	static const struct {
		const char *service, *machine, *track;
	} cases[] = {
		{"Own", "m", "c"},
		{"Family", "m", "b"},
		{"Machine", "m", "a"},
		{"None", "n", "cpu"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(instance_of(manifest, cases[i].service,
						cases[i].machine)
					    ->track->name.s.p,
				    cases[i].track);
}

static void the_smallest_fleet_has_defaults(void **state)
{
	auto_manifest struct manifest *manifest =
		parse_good(STR("services: {A: {run: a.py}}\n"));
	const struct manifest_instance *instance = manifest->instances.p[0];

	(void)state;
	assert_string_equal(instance->machine->name.s.p, "default");
	assert_string_equal(instance->machine->platform.s.p, "linux/amd64");
	assert_int_equal(instance->base->kind, MANIFEST_BASE_DEBIAN);
	assert_string_equal(instance->base->source.s.p, "bookworm");
	assert_string_equal(instance->base->python.s.p, "3.11");
	assert_string_equal(instance->track->name.s.p, "cpu");
	assert_int_equal(instance->settings.health.kind,
			 MANIFEST_HEALTH_SERVED);
	assert_int_equal(instance->settings.health.port, 0);
	assert_int_equal(instance->settings.health.interval_ms, 30000);
	assert_string_equal(manifest->tag.s.p,
			    "{version}-py{python}-{track}-{os}-{date}");
	assert_int_equal(manifest->policy.layers_max, 40);
}

/* A reference with a digest is longer than a name may be. */
static void references_may_be_long(void **state)
{
	static const char digest[] =
		"registry.example.org/platform/base-images/python:3.10-slim@"
		"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456"
		"789abcdef";
	auto_buf struct buf text = BUF_EMPTY;

	(void)state;
	buf_printf(&text,
		   "bases: {b: {registry: \"%s\"}}\n"
		   "services: {A: {run: a.py}}\n",
		   digest);
	auto_manifest struct manifest *manifest = parse_good(buf_str(&text));

	assert_string_equal(manifest->bases.p[0]->source.s.p, digest);
}

static void health_follows_from_ports(void **state)
{
	static const struct {
		const char *ports, *health;
		enum manifest_health_kind kind;
		unsigned port, served_port;
	} cases[] = {
		{"{zmq: 1, grpc: 2, http: 3}", "auto", MANIFEST_HEALTH_HTTP, 3,
		 0},
		{"{http: 1, health: 2}", "auto", MANIFEST_HEALTH_HTTP, 1, 2},
		{"{zmq: 1, grpc: 2, health: 4}", "auto", MANIFEST_HEALTH_GRPC,
		 2, 4},
		{"1/2", "auto", MANIFEST_HEALTH_SERVED, 1, 2},
		{"[5, 6]", "auto", MANIFEST_HEALTH_SERVED, 5, 0},
		{"[5/udp, 6/tcp]", "auto", MANIFEST_HEALTH_SERVED, 6, 0},
		{"{health: 7}", "auto", MANIFEST_HEALTH_SERVED, 0, 7},
		{"1/2", "{zmq: 1, send: hi}", MANIFEST_HEALTH_ZMQ, 1, 2},
		{"1/2", "'http://:2/health'", MANIFEST_HEALTH_HTTP, 2, 0},
		{"1/2", "none", MANIFEST_HEALTH_NONE, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_buf struct buf text = BUF_EMPTY;

		buf_printf(&text,
			   "services: {A: {run: a.py, ports: %s, "
			   "health: %s}}\n",
			   cases[i].ports, cases[i].health);
		auto_manifest struct manifest *manifest =
			parse_good(buf_str(&text));
		const struct manifest_health *health =
			&manifest->instances.p[0]->settings.health;

		if (health->kind != cases[i].kind ||
		    health->port != cases[i].port ||
		    health->served_port != cases[i].served_port)
			fail_msg("%s %s: %s %u %u", cases[i].ports,
				 cases[i].health,
				 manifest_health_text(health->kind),
				 health->port, health->served_port);
	}
}

static void sizes_and_times_have_units(void **state)
{
	auto_manifest struct manifest *manifest = parse_good(STR(
		"services: {A: {run: a.py,\n"
		"  health: {http: 'http://localhost:80', interval: 1h2m3s,\n"
		"    timeout: 500ms, start_period: 0s},\n"
		"  resources: {memory: 1.5GiB, shm: 2 MB}}}\n"
		"policy: {keep: {disk: 1B}, layers: {max_size: 3kB}}\n"));
	const struct manifest_settings *settings =
		&manifest->instances.p[0]->settings;

	(void)state;
	assert_int_equal(settings->health.interval_ms, 3723000);
	assert_int_equal(settings->health.timeout_ms, 500);
	assert_int_equal(settings->health.start_period_ms, 0);
	assert_string_equal(settings->health.path.s.p, "/");
	assert_int_equal(settings->resources.memory_bytes, 3u << 29);
	assert_int_equal(settings->resources.shm_bytes, 2000000);
	assert_int_equal(manifest->policy.keep_disk_bytes, 1);
	assert_int_equal(manifest->policy.layers_max_bytes, 3000);
}

static void arguments_select_instances(void **state)
{
	static const struct {
		const char *arguments[3];
		const char *selected; /* or the error and its hint */
	} cases[] = {
		{{NULL}, "Chat@m Hub@m Hub@n Wake@n "},
		{{"Hub"}, "Hub@m Hub@n "},
		{{"*a*"}, "Chat@m Wake@n "},
		{{"Chat", "Wake"}, "Chat@m Wake@n "},
		{{"machine:n"}, "Hub@n Wake@n "},
		{{"Hub", "machine:n"}, "Hub@n "},
		{{"family:g*"}, "Wake@n "},
		{{"family:g*", "Chat"}, "Chat@m Wake@n "},
		{{"family:g*", "machine:m"}, ""},
		{{"Chta"}, "no service matches 'Chta'; did you mean 'Chat'?"},
		{{"x*"}, "no service matches 'x*'; known: Chat, Hub, Wake"},
		{{"family:h"},
		 "no family with services matches 'h'; "
		 "did you mean 'f'?"},
		{{"machine:"}, "'machine:' is empty"},
		{{"[a"}, "'[a' has a '[' without its ']'"},
	};
	auto_manifest struct manifest *manifest =
		parse_good(STR("machines: {m: {}, n: {}}\n"
			       "families: {f: {}, gpu: {}}\n"
			       "defaults: {run: x.py}\n"
			       "services:\n"
			       "  Chat: {machines: m, family: f}\n"
			       "  Hub: {machines: [m, n]}\n"
			       "  Wake: {machines: n, family: gpu}\n"));

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_selection struct manifest_selection selection = {NULL, 0,
								      0};
		auto_err struct error *error = NULL;
		auto_buf struct buf text = BUF_EMPTY;
		size_t count = 0;

		while (cases[i].arguments[count])
			count++;
		if (manifest_select(manifest, cases[i].arguments, count,
				    &selection, &error)) {
			assert_int_equal(err_class(error), ERR_USAGE);
			buf_printf(&text, "%s%s%s", err_message(error),
				   *err_hint_text(error) ? "; " : "",
				   err_hint_text(error));
		}
		array_each (const struct manifest_instance *, instance,
			    &selection)
			buf_printf(&text, "%s@%s ",
				   (*instance)->service->name.s.p,
				   (*instance)->machine->name.s.p);
		assert_string_equal(buf_text(&text), cases[i].selected);
	}
}

/* The lines of a should-fail file that begin with "#= ". */
static void append_expected(struct str text, struct buf *out)
{
	struct str line;

	while (str_line(&text, &line))
		if (str_eat(&line, STR("#= "))) {
			buf_append_text(out, "fleet.yaml:");
			buf_append(out, line);
			buf_append_byte(out, '\n');
		}
}

static void bad_files_have_their_message(void **state)
{
	auto_free char *folder =
		path_join(getenv("TEST_DATA"), "should-fail/manifest");
	auto_names struct fs_names names = ARRAY_EMPTY;

	(void)state;
	assert_int_equal(fs_list(folder, &names, NULL), 0);
	assert_true(names.n > 70);
	for (size_t i = 0; i < names.n; i++) {
		auto_free char *path = path_join(folder, names.p[i]);
		auto_buf struct buf text = BUF_EMPTY;
		auto_buf struct buf expected = BUF_EMPTY;
		auto_buf struct buf problems = BUF_EMPTY;

		assert_int_equal(fs_read(path, 1 << 20, &text, NULL), 0);
		append_expected(buf_str(&text), &expected);
		auto_manifest struct manifest *manifest =
			manifest_parse(buf_str(&text), "fleet.yaml");

		manifest_append_problems(manifest, &problems);
		assert_true(expected.n > 0);
		if (strcmp(buf_text(&problems), buf_text(&expected)) != 0)
			fail_msg("%s:\n%s", names.p[i], buf_text(&problems));
	}
}

static void problems_are_bounded(void **state)
{
	auto_buf struct buf text = BUF_EMPTY;

	(void)state;
	buf_append_text(&text, "services:\n");
	for (int i = 0; i < 500; i++)
		buf_printf(&text, "  S%d: {rnu: x}\n", i);
	auto_manifest struct manifest *manifest =
		manifest_parse(buf_str(&text), "x");

	assert_int_equal(manifest->problems.n, MANIFEST_MAX_PROBLEMS);
	buf_clear(&text);
	buf_append_text(&text, "services:\n");
	for (int i = 0; i < 4097; i++)
		buf_printf(&text, "  S%d: {run: x}\n", i);
	auto_manifest struct manifest *large =
		manifest_parse(buf_str(&text), "x");

	assert_string_equal(large->problems.p[0].message.p,
			    "'services' has more than 4096 entries");
}

static void loading_tells_all_problems(void **state)
{
	auto_free char *path = path_join(
		getenv("TEST_DATA"), "should-fail/manifest/run-outside.yaml");
	auto_err struct error *error = NULL;
	auto_err struct error *absent = NULL;
	struct manifest *manifest = NULL;

	(void)state;
	assert_int_equal(manifest_load(path, &manifest, &error), -1);
	assert_int_equal(err_class(error), ERR_FLEET);
	assert_non_null(strstr(err_message(error), "run-outside.yaml:2:12: "));
	assert_non_null(strstr(err_message(error), "run-outside.yaml:4:13: "));
	assert_null(manifest);
	assert_int_equal(
		manifest_load("/absent/fleet.yaml", &manifest, &absent), -1);
	assert_string_equal(err_hint_text(absent), "'slipway init' writes one");
}

static void the_schema_is_in_the_program(void **state)
{
	auto_json json_t *schema = json_parse(manifest_schema(), 1 << 20, NULL);

	(void)state;
	assert_non_null(json_get_object(schema, "properties"));
}

/* Every prefix of a document, against a page that may not be read. */
static void nothing_behind_the_end_is_read(void **state)
{
	auto_buf struct buf text = BUF_EMPTY;
	struct str all = test_data("golden/manifest/fleet.yaml", &text);
	struct guard guard = guard_new(all.n);

	(void)state;
	for (size_t n = 0; n <= all.n; n += n < all.n - 200 ? 37 : 1) {
		char *start = guard_copy(&guard, all.p, n);
		auto_manifest struct manifest *manifest =
			manifest_parse(str_of(start, n), "fleet.yaml");

		assert_true(n < all.n || manifest->problems.n == 0);
	}
	guard_free(&guard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_is_understood),
		cmocka_unit_test(its_instances_are_resolved),
		cmocka_unit_test(layers_lie_over_each_other),
		cmocka_unit_test(the_track_is_the_nearest),
		cmocka_unit_test(the_smallest_fleet_has_defaults),
		cmocka_unit_test(references_may_be_long),
		cmocka_unit_test(health_follows_from_ports),
		cmocka_unit_test(sizes_and_times_have_units),
		cmocka_unit_test(arguments_select_instances),
		cmocka_unit_test(bad_files_have_their_message),
		cmocka_unit_test(problems_are_bounded),
		cmocka_unit_test(loading_tells_all_problems),
		cmocka_unit_test(the_schema_is_in_the_program),
		cmocka_unit_test(nothing_behind_the_end_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
