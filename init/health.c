#include "health.h"

#include "clock.h"

#include <string.h>

void health_note(struct health *health, const struct probe_result *result,
		 int64_t now_us)
{
	health->last = *result;
	health->last_us = now_us;
	if (result->ok) {
		health->ok_count++;
		health->failures = 0;
		health->was_ok = true;
	} else {
		health->fail_count++;
		health->failures++;
	}
}

/* A GPU that must be there and has gone since the start. */
static bool gpu_is_lost(const struct health *health)
{
	return health->gpu->checked &&
	       gpu_state_stops(health->gpu, health->gpu_wish);
}

static bool is_failing(const struct health *health)
{
	if (health->child == CHILD_STOPPED || health->child == CHILD_ENDED)
		return true;
	return gpu_is_lost(health) ||
	       (health->was_ok &&
		health->failures >= (unsigned)health->retries);
}

const char *health_status(const struct health *health)
{
	if (is_failing(health))
		return "failing";
	if (health->stopping)
		return "stopping";
	return health->was_ok ? "ok" : "starting";
}

static const char *child_name(enum child_state state)
{
	static const char *const names[] = {"waiting", "running", "stopped",
					    "ended"};

	return names[state];
}

static void key_add(struct text *body, const char *key, const char *value)
{
	if (!value)
		return;
	text_addf(body, ",\"%s\":", key);
	text_add_json(body, value);
}

static void gpu_add(const struct health *health, struct text *body)
{
	const struct gpu_state *gpu = health->gpu;

	text_addf(body, ",\"gpu\":{\"usable\":%s,\"count\":%u",
		  gpu->usable ? "true" : "false", gpu->count);
	if (gpu->reason[0])
		key_add(body, "reason", gpu->reason);
	if (gpu->nvml) {
		key_add(body, "driver", gpu->driver);
		key_add(body, "cuda", gpu->cuda);
	}
	text_add(body, ",\"devices\":[");
	for (unsigned i = 0; i < gpu->listed; i++) {
		const struct gpu_device *device = &gpu->device[i];

		text_add(body, i ? ",{\"name\":" : "{\"name\":");
		text_add_json(body, device->name);
		key_add(body, "uuid", device->uuid);
		text_addf(body, ",\"memory_total\":%llu,\"memory_used\":%llu}",
			  (unsigned long long)device->memory_total,
			  (unsigned long long)device->memory_used);
	}
	text_add(body, "]}");
}

static void json_write(const struct health *health, const char *status,
		       struct text *body)
{
	int64_t now = clock_now_us();

	text_add(body, "{\"status\":");
	text_add_json(body, status);
	key_add(body, "service", health->service);
	key_add(body, "machine", health->machine);
	key_add(body, "revision", health->revision);
	text_add(body, ",\"uptime_s\":");
	text_addf(body, "%lld",
		  (long long)((now - health->since_us) / US_PER_S));
	text_addf(body, ",\"child\":{\"pid\":%d,\"state\":\"%s\"}",
		  (int)health->pid, child_name(health->child));
	text_add(body, ",\"probe\":{\"target\":");
	text_add_json(body, health->target);
	if (health->last_us) {
		text_addf(body, ",\"ok\":%s,\"latency_ms\":",
			  health->last.ok ? "true" : "false");
		text_add_ms(body, health->last.latency_us);
		text_addf(body, ",\"age_ms\":%lld,\"failures\":%u",
			  (long long)((now - health->last_us) / US_PER_MS),
			  health->failures);
		key_add(body, "message", health->last.message);
	}
	text_add(body, "}");
	if (health->gpu->checked)
		gpu_add(health, body);
	text_add(body, "}\n");
}

/* "# TYPE" and "# HELP" of a family; the unit is part of the name. */
static void family_add(struct text *body, const char *name, const char *type,
		       const char *help)
{
	text_addf(body, "# TYPE slipway_%s %s\n# HELP slipway_%s %s\n", name,
		  type, name, help);
}

static void gauge_add(struct text *body, const char *name, const char *help,
		      uint64_t value)
{
	family_add(body, name, "gauge", help);
	text_addf(body, "slipway_%s %llu\n", name, (unsigned long long)value);
}

static void label_add(struct text *body, const char *name, const char *value)
{
	text_addf(body, "%s=", name);
	text_add_json(body, value ? value : "");
}

static void gpu_metrics(const struct gpu_state *gpu, struct text *body)
{
	gauge_add(body, "gpu_usable", "Whether the GPU meets the wish.",
		  gpu->usable);
	gauge_add(body, "gpu_count", "GPUs that NVML shows.", gpu->count);
	family_add(body, "gpu_memory_bytes", "gauge", "Memory of a GPU.");
	for (unsigned i = 0; i < gpu->listed; i++) {
		const struct gpu_device *device = &gpu->device[i];

		for (unsigned used = 0; used < 2; used++) {
			text_addf(body, "slipway_gpu_memory_bytes{gpu=\"%u\",",
				  i);
			label_add(body, "uuid", device->uuid);
			text_addf(
				body, ",state=\"%s\"} %llu\n",
				used ? "used" : "total",
				(unsigned long long)(used ? device->memory_used
							  : device->memory_total));
		}
	}
}

static void metrics_write(const struct health *health, struct text *body)
{
	family_add(body, "init", "info", "What runs here.");
	text_add(body, "slipway_init_info{");
	label_add(body, "service", health->service);
	label_add(body, ",machine", health->machine);
	label_add(body, ",revision", health->revision);
	text_add(body, "} 1\n");
	gauge_add(body, "child_up", "Whether the main process runs.",
		  health->child == CHILD_RUNNING);
	family_add(body, "child_start_time_seconds", "gauge",
		   "When the main process started, in Unix time.");
	text_add(body, "slipway_child_start_time_seconds ");
	text_add_seconds(body, health->start_unix_ms * 1000);
	text_add(body, "\n");
	if (health->last_us) {
		gauge_add(body, "probe_success",
			  "Whether the last probe was answered well.",
			  health->last.ok);
		family_add(body, "probe_duration_seconds", "gauge",
			   "How long the last probe took.");
		text_add(body, "slipway_probe_duration_seconds ");
		text_add_seconds(body, health->last.latency_us);
		text_add(body, "\n");
	}
	family_add(body, "probes", "counter", "Probes by result.");
	text_addf(body,
		  "slipway_probes_total{result=\"ok\"} %llu\n"
		  "slipway_probes_total{result=\"fail\"} %llu\n",
		  (unsigned long long)health->ok_count,
		  (unsigned long long)health->fail_count);
	family_add(body, "exits", "counter",
		   "Orphaned processes whose end was collected.");
	text_addf(body, "slipway_exits_total %llu\n",
		  (unsigned long long)health->orphans);
	family_add(body, "http_requests", "counter",
		   "Requests to this server.");
	text_addf(body, "slipway_http_requests_total %llu\n",
		  (unsigned long long)health->requests);
	if (health->gpu->checked)
		gpu_metrics(health->gpu, body);
	text_add(body, "# EOF\n");
}

unsigned health_answer(const struct health *health, const char *path,
		       struct text *body, const char **type)
{
	const char *status = health_status(health);
	bool ok = strcmp(status, "ok") == 0;

	*type = "application/json";
	if (strcmp(path, "/health") == 0) {
		json_write(health, status, body);
		/* A service that is asked to stop is not ill. */
		return ok || strcmp(status, "stopping") == 0 ? 200 : 503;
	}
	if (strcmp(path, "/ready") == 0) {
		ok = ok && health->last.ok;
		json_write(health, ok ? "ready" : status, body);
		return ok ? 200 : 503;
	}
	if (strcmp(path, "/metrics") == 0) {
		*type = "application/openmetrics-text; version=1.0.0; "
			"charset=utf-8";
		metrics_write(health, body);
		return 200;
	}
	*type = "text/plain";
	text_add(body, "this server has /health, /ready and /metrics\n");
	return 404;
}
