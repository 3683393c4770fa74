/* gpu_state: what the GPU helper found, and whether it is enough.
 *
 * Knows: the helper's one line of JSON, the policies, minimum driver and
 * compute capability. Does not know: how the helper is run (gpu_check.h), or
 * NVML (gpu/slipway-gpu.c).
 *
 *   line   = { "nvml": true, "driver": V, "cuda": V, "devices": [ device* ] }
 *          | { "nvml": false, "error": N, "reason": string }
 *   device = { "name", "uuid", "memory_total"?, "memory_used"?,
 *              "capability"? }        a key is absent where NVML does not know
 */
#pragma once

#include "environment.h"
#include "number.h"
#include "text.h"

enum gpu_policy {
	GPU_NONE,     /* not looked for */
	GPU_OPTIONAL, /* the CPU will do */
	GPU_REQUIRED, /* no start without */
	GPU_NVML,     /* looks at GPUs, does not compute on them */
};

struct gpu_wish {
	enum gpu_policy policy;
	bool must; /* REQUIRED_GPU=true; with GPU_NVML: NVML must answer */
	int timeout_ms, recheck_ms; /* recheck 0: at start only */
	struct version min_driver, min_capability; /* 0: any */
	const char *helper;			   /* path */
};

enum { GPU_DEVICES = 16 };

struct gpu_device {
	char name[96], uuid[96];
	struct version capability;	    /* 0 where it is not known */
	uint64_t memory_total, memory_used; /* bytes; 0 where not known */
};

struct gpu_state {
	bool checked;	  /* the rest means something */
	bool nvml;	  /* NVML answered */
	bool usable;	  /* the wish is met */
	char reason[160]; /* why not */
	char driver[32], cuda[16];
	unsigned count, listed, fit; /* devices; in list; new enough */
	struct gpu_device device[GPU_DEVICES];
};

/* Judges the helper's line of n bytes. */
void gpu_state_read(struct gpu_state *state, const struct gpu_wish *wish,
		    const char *line, size_t n);

/* The state when the helper gave no line. */
void gpu_state_fail(struct gpu_state *state, const char *reason);

/* True when the service must not start. */
bool gpu_state_stops(const struct gpu_state *state,
		     const struct gpu_wish *wish);

/* Tells the service: SLIPWAY_DEVICE, SLIPWAY_GPU_COUNT, SLIPWAY_GPU_REASON
 * and, unless a run set it, CUDA_VISIBLE_DEVICES. */
void gpu_state_export(const struct gpu_state *state,
		      const struct gpu_wish *wish, struct environment *env);

/* Appends "none", or a few words on what there is. */
void gpu_state_describe(const struct gpu_state *state,
			const struct gpu_wish *wish, struct text *text);
