/* Prints what is wrong with a fleet.yaml, else one line per instance. */
#include <stdio.h>

#include "base/buf.h"
#include "base/error.h"
#include "facts/manifest.h"

static void print_instance(const struct manifest_instance *instance)
{
	const struct manifest_settings *settings = &instance->settings;

	printf("%s %s %s %s base=%s track=%s gpu=%s health=%s:%u",
	       instance->service->name.s.p, instance->machine->name.s.p,
	       settings->run.is_module ? "-m" : "script",
	       settings->run.entry.s.p, instance->base->name.s.p,
	       instance->track->name.s.p, manifest_gpu_text(settings->gpu),
	       manifest_health_text(settings->health.kind),
	       settings->health.port);
	array_each (const struct manifest_port, port, &settings->ports)
		printf(" " STR_FMT "=%u", STR_ARG(port->name), port->number);
	array_each (const struct manifest_pair, pair, &settings->env)
		printf(" %s=%s", pair->name.s.p, pair->value.s.p);
	putchar('\n');
}

int main(int argc, char **argv)
{
	auto_err struct error *error = NULL;
	auto_manifest struct manifest *manifest = NULL;
	auto_selection struct manifest_selection selection = {NULL, 0, 0};

	if (argc < 2) {
		fprintf(stderr, "usage: %s FILE [SELECTION...]\n", argv[0]);
		return 2;
	}
	if (manifest_load(argv[1], &manifest, &error) ||
	    manifest_select(manifest, (const char *const *)&argv[2],
			    (size_t)argc - 2, &selection, &error)) {
		fprintf(stderr, "%s\n", err_message(error));
		if (*err_hint_text(error))
			fprintf(stderr, "hint: %s\n", err_hint_text(error));
		return err_exit_status(err_class(error));
	}
	array_each (const struct manifest_instance *, instance, &selection)
		print_instance(*instance);
	return 0;
}
