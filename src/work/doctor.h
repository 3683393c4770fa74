/* doctor: what this host can do for slipway, tried for real.
 *
 * Knows: programs, user namespaces, engines, the store's folder, the clock,
 * configured indexes and mirrors, the NVIDIA driver, cgroups, versions. Does
 * not know: fleets; names no host of its own.
 *
 * What it finds is a list of values; each says what to do where it is not ok.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/str.h"

struct error;
struct fetch;
struct pyindex;
struct store;

enum doctor_level {
	DOCTOR_OK,
	DOCTOR_WARNING, /* something that some verbs want is not there */
	DOCTOR_MISSING, /* lock and build will fail */
};

struct doctor_finding {
	enum doctor_level level;
	struct str name; /* "uv" */
	struct str what; /* "/usr/bin/uv, 0.8.0" */
	struct str hint; /* what to do; empty where it is ok */
};

/* A Debian suite that a base of the fleet is made of. */
struct doctor_suite {
	struct str suite;
	const char *mirror; /* the manifest's; NULL: the host's */
};

struct doctor_options {
	const char *store; /* --store; NULL: the default */
	struct fetch *fetch;
	struct pyindex *index; /* NULL: its configuration is broken */
	const char *index_problem;
	const struct doctor_suite *suites;
	size_t suite_count;
};

struct doctor_report {
	struct arena arena; /* of the findings' texts */
	ARRAY(struct doctor_finding) findings;
};

/* Looks at everything; Ctrl-C cuts it short. Where fetch is offline, indexes
 * and mirrors are named and not asked. */
void doctor_run(const struct doctor_options *options,
		struct doctor_report *report);
void doctor_report_release(struct doctor_report *report);
#define auto_doctor_report __attribute__((cleanup(doctor_report_release)))

const char *doctor_level_text(enum doctor_level level);
