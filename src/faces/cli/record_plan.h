/* record_plan: the part of `lock` that plans. */
#pragma once

#include "faces/cli/workspace.h"
#include "work/assemble.h"

struct json_t;

/* What planning gave. */
struct recorded_plan {
	struct assembly assembly;
	const struct lock *previous; /* whose plan was the last, or NULL */
	bool *is_new;		     /* per layer: the last plan lacks it */
	bool is_replanned;
	uint64_t fresh_bytes, kept_bytes; /* without memory, and with it */
};

/* Plans the fleet of a new lock, whose plan still is that of the previous one,
 * and records the plan in it. replan: without memory, where that saves more
 * than 5 %. lock and runtimes must outlive the result. */
void record_plan(struct recorded_plan *recorded,
		 const struct manifest *manifest, struct lock *lock,
		 const struct lock *previous, struct runtimes *runtimes,
		 bool replan);
void recorded_plan_release(struct recorded_plan *recorded);
#define auto_recorded_plan __attribute__((cleanup(recorded_plan_release)))

void recorded_plan_print(const struct recorded_plan *recorded, bool replan);
struct json_t *recorded_plan_json(const struct recorded_plan *recorded);

/* True where the plan of a lock lacks nothing that its services need. */
bool plan_is_current(const struct manifest *manifest, const struct lock *lock,
		     struct runtimes *runtimes);
