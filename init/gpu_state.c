#include "gpu_state.h"

#include "json.h"

#include <string.h>

/* The helper's line in nodes; static, as it is too big for a small stack. */
static struct json gpu_json;

void gpu_state_fail(struct gpu_state *state, const char *reason)
{
	memset(state, 0, sizeof(*state));
	state->checked = true;
	text_copy(state->reason, sizeof(state->reason), reason);
}

static void key_copy(const struct json *json, uint32_t object, const char *key,
		     char *out, size_t cap)
{
	char plain[128];
	struct text text = {out, 0, cap, false};
	uint32_t node = json_get(json, object, key);

	out[0] = '\0';
	if (node && json_copy(json, node, plain, sizeof(plain)))
		text_add_plain(&text, plain, strlen(plain));
}

static uint64_t key_number(const struct json *json, uint32_t object,
			   const char *key)
{
	uint32_t node = json_get(json, object, key);
	uint64_t number = 0;

	if (node)
		json_copy_number(json, node, &number);
	return number;
}

static void devices_read(struct gpu_state *state, const struct gpu_wish *wish,
			 const struct json *json, uint32_t list)
{
	static const struct version none;

	for (uint32_t i = json_first(json, list); i;
	     i = json_next(json, list, i)) {
		struct gpu_device device;
		char capability[16];

		state->count++;
		if (state->listed == GPU_DEVICES)
			continue;
		memset(&device, 0, sizeof(device));
		key_copy(json, i, "name", device.name, sizeof(device.name));
		key_copy(json, i, "uuid", device.uuid, sizeof(device.uuid));
		key_copy(json, i, "capability", capability, sizeof(capability));
		number_read_version(capability, &device.capability);
		device.memory_total = key_number(json, i, "memory_total");
		device.memory_used = key_number(json, i, "memory_used");
		/* Where a capability cannot be asked for (WSL2) it is not a
		 * reason to refuse the device. */
		if (version_compare(&device.capability, &none) == 0 ||
		    version_compare(&device.capability,
				    &wish->min_capability) >= 0)
			state->fit++;
		state->device[state->listed++] = device;
	}
}

static void state_judge(struct gpu_state *state, const struct gpu_wish *wish)
{
	struct text reason = TEXT_OF(state->reason);
	struct version driver;
	const uint32_t *low = wish->min_driver.part;

	if (wish->policy == GPU_NVML) {
		state->usable = true;
		return;
	}
	if (state->count == 0) {
		text_add(&reason, "NVML works but shows no GPU (is one given "
				  "to the container?)");
		return;
	}
	if (number_read_version(state->driver, &driver) &&
	    version_compare(&driver, &wish->min_driver) < 0) {
		text_addf(&reason,
			  "the host's driver is %s, at least %u.%u.%u is "
			  "needed",
			  state->driver, low[0], low[1], low[2]);
		return;
	}
	if (state->fit == 0) {
		text_addf(&reason,
			  "no GPU has compute capability %u.%u (found %s with "
			  "%u.%u)",
			  wish->min_capability.part[0],
			  wish->min_capability.part[1], state->device[0].name,
			  state->device[0].capability.part[0],
			  state->device[0].capability.part[1]);
		return;
	}
	state->usable = true;
}

void gpu_state_read(struct gpu_state *state, const struct gpu_wish *wish,
		    const char *line, size_t n)
{
	struct json *json = &gpu_json;
	uint32_t nvml, devices;
	size_t at;

	if (json_read(json, line, n, &at) ||
	    json->node[0].type != JSON_OBJECT) {
		gpu_state_fail(state, "the GPU helper's answer is not usable");
		return;
	}
	gpu_state_fail(state, "");
	nvml = json_get(json, 0, "nvml");
	state->nvml = nvml && json->node[nvml].type == JSON_TRUE;
	if (!state->nvml) {
		key_copy(json, 0, "reason", state->reason,
			 sizeof(state->reason));
		return;
	}
	key_copy(json, 0, "driver", state->driver, sizeof(state->driver));
	key_copy(json, 0, "cuda", state->cuda, sizeof(state->cuda));
	devices = json_get(json, 0, "devices");
	if (devices)
		devices_read(state, wish, json, devices);
	state_judge(state, wish);
}

bool gpu_state_stops(const struct gpu_state *state, const struct gpu_wish *wish)
{
	if (state->usable)
		return false;
	return wish->policy == GPU_REQUIRED ||
	       (wish->policy == GPU_NVML && wish->must);
}

/* The devices that fit, by their lasting names: CUDA's own order of numbers is
 * not NVML's. Devices without a name keep their number. */
static void visible_list(const struct gpu_state *state,
			 const struct gpu_wish *wish, struct text *text)
{
	static const struct version none;

	for (unsigned i = 0; i < state->listed; i++) {
		const struct gpu_device *device = &state->device[i];

		if (version_compare(&device->capability, &none) != 0 &&
		    version_compare(&device->capability,
				    &wish->min_capability) < 0)
			continue;
		text_add(text, text->n ? "," : "");
		if (device->uuid[0])
			text_add(text, device->uuid);
		else
			text_addf(text, "%u", i);
	}
}

void gpu_state_export(const struct gpu_state *state,
		      const struct gpu_wish *wish, struct environment *env)
{
	bool cuda = state->usable && wish->policy != GPU_NVML;
	char number[16], list[GPU_DEVICES * 100];
	struct text count = TEXT_OF(number), visible = TEXT_OF(list);

	list[0] = '\0';
	text_addf(&count, "%u", state->count);
	environment_set(env, "SLIPWAY_DEVICE", cuda ? "cuda" : "cpu",
			SOURCE_INIT);
	environment_set(env, "SLIPWAY_GPU_COUNT", number, SOURCE_INIT);
	environment_set(env, "SLIPWAY_GPU_REASON",
			state->reason[0] ? state->reason : NULL, SOURCE_INIT);
	if (wish->policy == GPU_NVML)
		return;
	if (cuda)
		visible_list(state, wish, &visible);
	else
		text_add(&visible, "-1");
	/* What a run or the profile chose stays, unless there is no GPU: a
	 * library that still looks for one would fail late. */
	if (!cuda || !environment_get(env, "CUDA_VISIBLE_DEVICES"))
		environment_set(env, "CUDA_VISIBLE_DEVICES", list, SOURCE_INIT);
}

void gpu_state_describe(const struct gpu_state *state,
			const struct gpu_wish *wish, struct text *text)
{
	if (wish->policy == GPU_NONE || !state->checked) {
		text_add(text, "none");
	} else if (!state->usable) {
		text_addf(text, "no (%s)", state->reason);
	} else {
		text_addf(text, "%u", state->count);
		if (state->listed)
			text_addf(text, "x %s", state->device[0].name);
		text_addf(text, " (driver %s, CUDA %s)", state->driver,
			  state->cuda);
	}
}
