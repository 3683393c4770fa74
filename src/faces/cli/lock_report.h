/* lock_report: what `lock` says of a new lock. */
#pragma once

#include "faces/cli/record_plan.h"
#include "faces/cli/workspace.h"
#include "work/carried.h"
#include "work/check.h"
#include "work/resolve.h"

/* Services, each once for all its machines, without those that are skipped. */
struct lock_count {
	size_t locked, start, cannot, uncertain;
};

struct lock_report {
	const struct workspace *workspace;
	const struct resolve_result *result;
	const struct check *check;	  /* with the new lock; or NULL */
	const struct recorded_plan *plan; /* or NULL */
	const struct carried *carried;	  /* or NULL */
	struct lock_count count;
};

/* Puts the first problem of every service that was refused into the lock, for
 * `build` to say. */
void lock_report_refuse(struct resolve_result *result);

/* Counts, by what check found. */
void lock_report_count(struct lock_report *report);

void lock_report_print(const struct lock_report *report);
void lock_report_print_json(const struct lock_report *report);

/* The resolver's problems, on stderr. */
void lock_report_print_problems(const struct lock_report *report);
