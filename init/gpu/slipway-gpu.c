/* slipway-gpu: asks the NVIDIA driver what GPUs there are; prints one line.
 *
 * Knows: NVML by name and by number; loads libnvidia-ml.so.1 from where the
 * container runtime or WSL2 puts it. Does not know: deadlines and policies
 * (slipway-init has those, and kills this program when it hangs).
 *
 * Source: NVML API reference; the ABI is stable for the names with _v2.
 *
 * The line is described in gpu_state.h. Exit status 0, also without a GPU.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "symbols.h"

enum { NVML_OK = 0, NAME_BYTES = 96, VERSION_BYTES = 80, DEVICES_MAX = 64 };

struct nvml_memory {
	uint64_t total, free, used;
};

struct nvml {
	int (*init)(void);
	int (*shutdown)(void);
	int (*count)(unsigned *count);
	int (*handle)(unsigned index, void **device);
	int (*name)(void *device, char *name, unsigned n);
	int (*uuid)(void *device, char *uuid, unsigned n);
	int (*memory)(void *device, struct nvml_memory *memory);
	int (*capability)(void *device, int *major, int *minor);
	int (*driver)(char *version, unsigned n);
	int (*cuda)(int *version);
};

struct line {
	char p[16384];
	size_t n;
};

static void line_add(struct line *line, const char *string)
{
	for (; *string && line->n < sizeof(line->p) - 2; string++)
		line->p[line->n++] = *string;
}

static void line_add_number(struct line *line, unsigned long long number)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%llu", number);
	line_add(line, digits);
}

static void line_add_string(struct line *line, const char *string)
{
	char one[2] = {0};

	line_add(line, "\"");
	for (; *string; string++) {
		one[0] = *string;
		if (*string == '"' || *string == '\\')
			line_add(line, "\\");
		if (*string < 0x20 || *string > 0x7e)
			one[0] = '?';
		line_add(line, one);
	}
	line_add(line, "\"");
}

/* Standard output is kept for the line: libraries print to it. */
static void line_end(struct line *line, int out)
{
	line->p[line->n++] = '\n';
	_exit(write(out, line->p, line->n) != (ssize_t)line->n);
}

static const char *error_text(int code)
{
	switch (code) {
	case 3:
		return "not supported";
	case 4:
		return "no permission to use the driver";
	case 9:
		return "the NVIDIA driver is not loaded on the host";
	case 12:
		return "a library of the driver was not found";
	case 13:
		return "the driver's library lacks a function";
	case 15:
		return "the GPU is lost (it has fallen off the bus; the host "
		       "must be looked at)";
	case 17:
		return "the container's device rules block the GPU";
	case 18:
		return "the driver and its library are of different versions "
		       "(reboot the host, or restart the container)";
	default:
		return "NVML error";
	}
}

static void fail(struct line *line, int out, int code, const char *reason)
{
	line->n = 0;
	line_add(line, "{\"nvml\":false,\"error\":");
	line_add_number(line, (unsigned long long)code);
	line_add(line, ",\"reason\":");
	line_add_string(line, reason);
	line_add(line, "}");
	line_end(line, out);
}

static void fail_code(struct line *line, int out, int code)
{
	char reason[160];

	snprintf(reason, sizeof(reason), "%s (NVML %d)", error_text(code),
		 code);
	fail(line, out, code, reason);
}

static void *library_open(void)
{
	static const char *const names[] = {
		"libnvidia-ml.so.1",
		"/usr/lib/wsl/lib/libnvidia-ml.so.1",
		"/usr/local/nvidia/lib64/libnvidia-ml.so.1",
	};
	void *library = NULL;

	for (size_t i = 0; !library && i < sizeof(names) / sizeof(*names); i++)
		library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	return library;
}

/* ISO C does not let an object pointer become a function pointer. */
static void symbol_get(void *library, const char *name, void *function)
{
	void *symbol = dlsym(library, name);

	__builtin_memcpy(function, &symbol, sizeof(symbol));
}

static void library_bind(struct nvml *nvml, void *library)
{
	symbol_get(library, "nvmlInit_v2", &nvml->init);
	symbol_get(library, "nvmlShutdown", &nvml->shutdown);
	symbol_get(library, "nvmlDeviceGetCount_v2", &nvml->count);
	symbol_get(library, "nvmlDeviceGetHandleByIndex_v2", &nvml->handle);
	symbol_get(library, "nvmlDeviceGetName", &nvml->name);
	symbol_get(library, "nvmlDeviceGetUUID", &nvml->uuid);
	symbol_get(library, "nvmlDeviceGetMemoryInfo", &nvml->memory);
	symbol_get(library, "nvmlDeviceGetCudaComputeCapability",
		   &nvml->capability);
	symbol_get(library, "nvmlSystemGetDriverVersion", &nvml->driver);
	symbol_get(library, "nvmlSystemGetCudaDriverVersion_v2", &nvml->cuda);
}

/* Only what NVML answers is told; on WSL2 some questions are not supported. */
static int device_add(const struct nvml *nvml, unsigned index,
		      struct line *line)
{
	struct nvml_memory memory = {0};
	char text[NAME_BYTES] = "";
	int code, major, minor;
	void *device = NULL;

	code = nvml->handle(index, &device);
	if (code != NVML_OK)
		return code;
	line_add(line, index ? ",{\"index\":" : "{\"index\":");
	line_add_number(line, index);
	line_add(line, ",\"name\":");
	if (!nvml->name || nvml->name(device, text, sizeof(text)) != NVML_OK)
		text[0] = '\0';
	text[sizeof(text) - 1] = '\0';
	line_add_string(line, text);
	line_add(line, ",\"uuid\":");
	if (!nvml->uuid || nvml->uuid(device, text, sizeof(text)) != NVML_OK)
		text[0] = '\0';
	text[sizeof(text) - 1] = '\0';
	line_add_string(line, text);
	code = nvml->memory ? nvml->memory(device, &memory) : 3;
	if (code == NVML_OK) {
		line_add(line, ",\"memory_total\":");
		line_add_number(line, memory.total);
		line_add(line, ",\"memory_used\":");
		line_add_number(line, memory.used);
	}
	if (nvml->capability &&
	    nvml->capability(device, &major, &minor) == NVML_OK) {
		snprintf(text, sizeof(text), "%d.%d", major, minor);
		line_add(line, ",\"capability\":");
		line_add_string(line, text);
	}
	line_add(line, "}");
	return code == 15 ? code : NVML_OK;
}

static void versions_add(const struct nvml *nvml, struct line *line)
{
	char text[VERSION_BYTES] = "";
	int cuda = 0;

	if (nvml->driver && nvml->driver(text, sizeof(text)) == NVML_OK) {
		text[sizeof(text) - 1] = '\0';
		line_add(line, ",\"driver\":");
		line_add_string(line, text);
	}
	if (nvml->cuda && nvml->cuda(&cuda) == NVML_OK) {
		snprintf(text, sizeof(text), "%d.%d", cuda / 1000,
			 cuda % 1000 / 10);
		line_add(line, ",\"cuda\":");
		line_add_string(line, text);
	}
}

static void ask(struct line *line, int out)
{
	void *library = library_open();
	struct nvml nvml;
	unsigned count = 0;
	int code;

	if (!library)
		fail(line, out, 12,
		     "libnvidia-ml.so.1 is not in the container (was it "
		     "started with a GPU and the capability 'utility'?)");
	library_bind(&nvml, library);
	if (!nvml.init || !nvml.count || !nvml.handle)
		fail_code(line, out, 13);
	code = nvml.init();
	if (code == NVML_OK)
		code = nvml.count(&count);
	if (code != NVML_OK)
		fail_code(line, out, code);
	line_add(line, "{\"nvml\":true");
	versions_add(&nvml, line);
	line_add(line, ",\"devices\":[");
	for (unsigned i = 0; i < count && i < DEVICES_MAX; i++) {
		code = device_add(&nvml, i, line);
		if (code != NVML_OK)
			fail_code(line, out, code);
	}
	line_add(line, "]}");
	if (nvml.shutdown)
		nvml.shutdown();
	line_end(line, out);
}

/* The program's entry, called by start below. */
__attribute__((used)) static void helper_main(void)
{
	static struct line line;
	int out = dup(STDOUT_FILENO);

	dup2(STDERR_FILENO, STDOUT_FILENO);
	ask(&line, out);
}

/* Aligns the stack as the ABI wants it and goes on in C; the dynamic loader has
 * made the C library ready. */
#if defined(__x86_64__)
__asm__(".text\n.global _start\n_start:\n"
	"xor %ebp, %ebp\nand $-16, %rsp\ncall helper_main\nhlt\n");
#elif defined(__aarch64__)
__asm__(".text\n.global _start\n_start:\n"
	"mov x29, #0\nmov x30, #0\nbl helper_main\nbrk #1\n");
#endif
