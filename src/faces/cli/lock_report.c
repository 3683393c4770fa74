#include "faces/cli/lock_report.h"

#include <stdio.h>

#include "base/array.h"
#include "base/error.h"
#include "base/log.h"
#include "codec/json.h"

static bool is_locked(const struct lock *lock, struct str service)
{
	for (size_t i = 0; i < lock->service_count; i++)
		if (str_eq(lock->services[i].name, service))
			return true;
	return false;
}

void lock_report_refuse(struct resolve_result *result)
{
	const struct resolve_problems *problems = &result->problems;
	struct lock *lock = result->lock;

	lock->refused =
		arena_new_array(&lock->arena, struct lock_refusal, problems->n);
	array_each (const struct resolve_problem, problem, problems) {
		struct lock_refusal refusal = {problem->service, problem->code,
					       problem->message, problem->hint};

		if (problem->service.n == 0 ||
		    lock_find_refusal(lock, problem->service))
			continue;
		/* A lock names no host. */
		if (str_find_str(problem->message, STR("://")) >= 0)
			refusal.message = STR("'slipway lock' says why");
		lock->refused[lock->refused_count++] = refusal;
	}
}

/* The worst that check found for a service's machines. */
static enum verdict_status status_of(const struct check *check,
				     const struct manifest_service *service)
{
	enum verdict_status worst = VERDICT_SKIPPED;

	for (size_t i = 0; i < check->instance_count; i++) {
		enum verdict_status status = check->instances[i].verdict.status;

		if (check->instances[i].instance->service != service ||
		    status == VERDICT_SKIPPED || worst == VERDICT_ERROR)
			continue;
		if (worst == VERDICT_SKIPPED || status != VERDICT_OK)
			worst = status;
	}
	return worst;
}

static bool is_refused(const struct lock_report *report, struct str service)
{
	return lock_find_refusal(report->result->lock, service) != NULL;
}

void lock_report_count(struct lock_report *report)
{
	const struct manifest *manifest = report->workspace->manifest;
	struct lock_count *count = &report->count;

	for (size_t i = 0; i < manifest->services.n; i++) {
		const struct manifest_service *service =
			manifest->services.p[i];
		enum verdict_status status = status_of(report->check, service);

		if (status == VERDICT_SKIPPED)
			continue;
		count->locked +=
			is_locked(report->result->lock, service->name.s);
		if (status == VERDICT_ERROR ||
		    is_refused(report, service->name.s))
			count->cannot++;
		else if (status == VERDICT_UNCERTAIN)
			count->uncertain++;
		else
			count->start++;
	}
}

void lock_report_print(const struct lock_report *report)
{
	const struct lock_count *count = &report->count;

	printf("%s: %zu locked, %zu can start", report->workspace->lock_path,
	       count->locked, count->start);
	if (count->cannot)
		printf(", %zu cannot", count->cannot);
	if (count->uncertain)
		printf(", %zu uncertain", count->uncertain);
	putchar('\n');
	recorded_plan_print(report->plan, report->workspace->options->replan);
}

/* -- JSON -- */

static json_t *problem_json(struct str service, struct str code,
			    struct str file, unsigned line, unsigned column)
{
	json_t *entry = json_object();

	json_object_set_new(entry, "service", json_new_str(service));
	json_object_set_new(entry, "code", json_new_str(code));
	json_object_set_new(entry, "file", json_new_str(file));
	json_object_set_new(entry, "line", json_integer(line));
	json_object_set_new(entry, "column", json_integer(column));
	return entry;
}

static void append_problem(json_t *list, json_t *entry, struct str message,
			   struct str hint)
{
	json_object_set_new(entry, "message", json_new_str(message));
	json_object_set_new(entry, "hint", json_new_str(hint));
	/* A service on two machines has its problems twice. */
	for (size_t i = 0; i < json_array_size(list); i++)
		if (json_equal(json_array_get(list, i), entry)) {
			json_decref(entry);
			return;
		}
	json_array_append_new(list, entry);
}

static json_t *problems_json(const struct lock_report *report)
{
	const struct check *check = report->check;
	json_t *list = json_array();

	array_each (const struct resolve_problem, problem,
		    &report->result->problems)
		append_problem(list,
			       problem_json(problem->service, problem->code,
					    problem->file.n ? problem->file
							    : STR("fleet.yaml"),
					    problem->at.line,
					    problem->at.column),
			       problem->message, problem->hint);
	for (size_t i = 0; check && i < check->instance_count; i++) {
		const struct check_instance *instance = &check->instances[i];
		const struct diagnostics *said = &instance->verdict.diagnostics;

		for (size_t d = 0; d < said->n; d++)
			if (said->p[d].level == DIAGNOSTIC_ERROR)
				append_problem(
					list,
					problem_json(instance->instance->service
							     ->name.s,
						     said->p[d].code,
						     said->p[d].file,
						     said->p[d].line,
						     said->p[d].column),
					said->p[d].message, said->p[d].hint);
	}
	return list;
}

static json_t *services_json(const struct lock *lock)
{
	json_t *services = json_array();

	for (size_t i = 0; i < lock->service_count; i++) {
		const struct lock_service *service = &lock->services[i];
		json_t *entry = json_object(), *machines = json_array();

		for (size_t m = 0; m < service->machines.n; m++)
			json_array_append_new(
				machines, json_new_str(service->machines.p[m]));
		json_object_set_new(entry, "name", json_new_str(service->name));
		json_object_set_new(entry, "machines", machines);
		workspace_set_family(entry, service->family.name,
				     &service->family);
		json_object_set_new(entry, "resolution",
				    json_new_str(service->resolution));
		json_set_u64(entry, "packages", service->closure.n);
		json_array_append_new(services, entry);
	}
	return services;
}

static json_t *count_json(const struct lock_count *count)
{
	json_t *entry = json_object();

	json_set_u64(entry, "locked", count->locked);
	json_set_u64(entry, "start", count->start);
	json_set_u64(entry, "cannot", count->cannot);
	json_set_u64(entry, "uncertain", count->uncertain);
	return entry;
}

static json_t *carried_json(const struct carried *carried)
{
	json_t *list = json_array();

	for (size_t i = 0; carried && i < carried->n; i++) {
		const struct carried_library *library = &carried->p[i];
		json_t *entry = json_object();

		json_object_set_new(entry, "base", json_new_str(library->base));
		json_object_set_new(entry, "soname",
				    json_new_str(library->soname));
		json_object_set_new(entry, "package",
				    json_new_str(library->package));
		json_set_u64(entry, "bytes", library->bytes);
		json_array_append_new(list, entry);
	}
	return list;
}

void lock_report_print_json(const struct lock_report *report)
{
	json_t *root = json_object();

	json_object_set_new(root, "services",
			    services_json(report->result->lock));
	json_object_set_new(root, "problems", problems_json(report));
	json_object_set_new(root, "carried", carried_json(report->carried));
	json_object_set_new(root, "totals",
			    report->check ? count_json(&report->count)
					  : json_null());
	json_object_set_new(root, "plan",
			    report->plan ? recorded_plan_json(report->plan)
					 : json_null());
	workspace_print_json(root);
}

/* -- for people -- */

void lock_report_print_problems(const struct lock_report *report)
{
	array_each (const struct resolve_problem, problem,
		    &report->result->problems) {
		auto_err struct error *error = NULL;

		if (problem->at.line)
			err_make(&error, ERR_FLEET,
				 "%s:%u:%u: " STR_FMT ": " STR_FMT,
				 report->workspace->manifest_path,
				 problem->at.line, problem->at.column,
				 STR_ARG(problem->service),
				 STR_ARG(problem->message));
		else
			err_make(&error, ERR_FLEET, STR_FMT "%s" STR_FMT,
				 STR_ARG(problem->service),
				 problem->service.n ? ": " : "",
				 STR_ARG(problem->message));
		err_hint(&error, STR_FMT, STR_ARG(problem->hint));
		log_error(error);
	}
}
