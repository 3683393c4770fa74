/* slipway doctor: what this host can do. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/fs.h"
#include "codec/json.h"
#include "faces/cli/verbs.h"
#include "faces/cli/workspace.h"
#include "work/doctor.h"

static json_t *finding_json(const struct doctor_finding *finding)
{
	json_t *entry = json_object();

	json_object_set_new(entry, "name", json_new_str(finding->name));
	json_object_set_new(entry, "level",
			    json_string(doctor_level_text(finding->level)));
	json_object_set_new(entry, "what", json_new_str(finding->what));
	json_object_set_new(entry, "hint", json_new_str(finding->hint));
	return entry;
}

static void print_json(const struct doctor_report *report, bool usable)
{
	json_t *root = json_object(), *findings = json_array();

	array_each (const struct doctor_finding, finding, &report->findings)
		json_array_append_new(findings, finding_json(finding));
	json_object_set_new(root, "usable", json_boolean(usable));
	json_object_set_new(root, "findings", findings);
	workspace_print_json(root);
}

static void print_text(const struct doctor_report *report, bool usable)
{
	array_each (const struct doctor_finding, finding, &report->findings) {
		printf("%-7s  %-9.*s  " STR_FMT "\n",
		       doctor_level_text(finding->level),
		       STR_ARG(finding->name), STR_ARG(finding->what));
		if (finding->hint.n)
			printf("%18s-> " STR_FMT "\n", "",
			       STR_ARG(finding->hint));
	}
	puts(usable ? "this host can lock and build"
		    : "this host cannot lock and build yet");
}

/* The suites of the fleet's bases, each once; without a fleet that of the
 * default base. */
static struct doctor_suite *find_suites(struct workspace *workspace, size_t *n)
{
	const struct manifest *manifest = workspace->manifest;
	size_t count = manifest ? manifest->bases.n : 0;
	struct doctor_suite *suites = arena_new_array(
		&workspace->arena, struct doctor_suite, count + 1);

	*n = 0;
	if (!manifest)
		suites[(*n)++].suite = STR("bookworm");
	for (size_t i = 0; i < count; i++) {
		const struct manifest_base *base = manifest->bases.p[i];
		bool known = base->kind != MANIFEST_BASE_DEBIAN;

		for (size_t k = 0; k < *n && !known; k++)
			known = str_eq(suites[k].suite, base->source.s);
		if (!known)
			suites[(*n)++] = (struct doctor_suite){
				base->source.s,
				base->mirror.s.n ? base->mirror.s.p : NULL};
	}
	return suites;
}

static int run(const struct cli_options *options, struct error **err)
{
	auto_workspace struct workspace workspace = {0};
	auto_doctor_report struct doctor_report report = {0};
	auto_free char *manifest = path_join(options->folder, "fleet.yaml");
	auto_err struct error *index_error = NULL;
	struct fetch_options patience = {
		.offline = options->offline, .attempts = 1, .stall_ms = 10000};
	unsigned needs = fs_exists(manifest) ? WORKSPACE_MANIFEST : 0;
	struct doctor_options doctor = {.store = options->store};

	if (workspace_open(&workspace, options, needs, err))
		return -1;
	workspace.fetch = fetch_new(&patience);
	if (workspace_open_index(&workspace, &index_error))
		doctor.index_problem = err_message(index_error);
	doctor.fetch = workspace.fetch;
	doctor.index = workspace.index;
	doctor.suites = find_suites(&workspace, &doctor.suite_count);
	doctor_run(&doctor, &report);
	bool usable = true;

	array_each (const struct doctor_finding, finding, &report.findings)
		usable &= finding->level != DOCTOR_MISSING;
	if (options->json)
		print_json(&report, usable);
	else
		print_text(&report, usable);
	return usable ? 0 : 3;
}

const struct cli_verb verb_doctor = {
	.name = "doctor",
	.summary = "what this host can do, and what to install",
	.synopsis = "",
	.about = "Tries what slipway needs of this host: the store, programs, "
		 "namespaces for the\n"
		 "sandbox, docker and podman, the configured index and Debian "
		 "mirror, the clock,\n"
		 "the NVIDIA driver. Each line is ok, a warning, or missing, "
		 "and says what to do.\n"
		 "Exit status 3 where lock or build would fail.\n"
		 "\n"
		 "  slipway doctor\n"
		 "  slipway doctor --offline --json | jq .usable",
	.run = run,
};
