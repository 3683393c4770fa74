/* fake_nvml: a libnvidia-ml.so.1 with the real names and the real ABI, which
 * answers what the environment says:
 *   FAKE_INIT=N      code of nvmlInit_v2
 *   FAKE_INIT_FILE=F the same, read from a file at each call
 *   FAKE_COUNT=N     devices
 *   FAKE_HANDLE=N    code of nvmlDeviceGetHandleByIndex_v2
 *   FAKE_EXTRA=N     code of what WSL2 does not support (UUID, capability)
 *   FAKE_CAPABILITY=8.9 FAKE_DRIVER=550.54.14 FAKE_CUDA=12040
 *   FAKE_NAME=...    name of the devices
 *   FAKE_DO=hang|crash|talk   in nvmlInit_v2
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int nvmlReturn_t;
typedef struct nvmlDevice_st *nvmlDevice_t;
typedef struct {
	unsigned long long total, free, used;
} nvmlMemory_t;

static int number(const char *name, int otherwise)
{
	const char *value = getenv(name);

	return value ? atoi(value) : otherwise;
}

nvmlReturn_t nvmlInit_v2(void)
{
	const char *act = getenv("FAKE_DO"), *path = getenv("FAKE_INIT_FILE");
	int code = number("FAKE_INIT", 0);
	FILE *file = path ? fopen(path, "r") : NULL;

	if (act && strcmp(act, "hang") == 0)
		for (;;)
			pause();
	if (act && strcmp(act, "crash") == 0)
		abort();
	if (act && strcmp(act, "talk") == 0) {
		printf("{\"nvml\":true,\"devices\":[]}\nhello\n");
		fflush(stdout);
	}
	if (file) {
		if (fscanf(file, "%d", &code) != 1)
			code = 999;
		fclose(file);
	}
	return code;
}

nvmlReturn_t nvmlShutdown(void)
{
	return 0;
}

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *count)
{
	*count = (unsigned)number("FAKE_COUNT", 1);
	return number("FAKE_COUNT_CODE", 0);
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device)
{
	*device = (nvmlDevice_t)(size_t)(index + 1);
	return number("FAKE_HANDLE", 0);
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned n)
{
	const char *value = getenv("FAKE_NAME");

	(void)device;
	if (n < 96)
		return 7;
	memset(name, 'x', n);
	snprintf(name, n, "%s", value ? value : "NVIDIA GeForce RTX 4090");
	return 0;
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned n)
{
	if (n < 96)
		return 7;
	snprintf(uuid, n, "GPU-0000-%zu", (size_t)device - 1);
	return number("FAKE_EXTRA", 0);
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory)
{
	(void)device;
	memory->total = 25757220864ULL;
	memory->used = 1073741824ULL;
	memory->free = memory->total - memory->used;
	return 0;
}

nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major,
						int *minor)
{
	const char *value = getenv("FAKE_CAPABILITY");
	const char *second = getenv("FAKE_CAPABILITY_2");

	if (second && (size_t)device == 2)
		value = second;
	if (sscanf(value ? value : "8.9", "%d.%d", major, minor) != 2)
		return 999;
	return number("FAKE_EXTRA", 0);
}

nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned n)
{
	const char *value = getenv("FAKE_DRIVER");

	if (n < 80)
		return 7;
	snprintf(version, n, "%s", value ? value : "550.54.14");
	return 0;
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version)
{
	*version = number("FAKE_CUDA", 12040);
	return 0;
}
