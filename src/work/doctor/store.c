/* The store's folder, and the GPU helper, which is started from it. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#include "base/data.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "codec/json.h"
#include "facts/store.h"
#include "work/doctor/findings.h"

/* Below these a build of a fleet with torch, or of any, will not fit. */
#define WANTED_BYTES ((uint64_t)20 << 30)
#define NEEDED_BYTES ((uint64_t)1 << 30)

static void check_space(struct doctor *doctor)
{
	struct statvfs space;
	const char *path = store_path(doctor->store);

	if (statvfs(path, &space))
		return;
	uint64_t bytes = (uint64_t)space.f_bavail * space.f_frsize;
	enum doctor_level level = bytes < NEEDED_BYTES	 ? DOCTOR_MISSING
				  : bytes < WANTED_BYTES ? DOCTOR_WARNING
							 : DOCTOR_OK;

	doctor_say(doctor, level, "space",
		   level == DOCTOR_OK
			   ? ""
			   : "free some, or name another folder with --store; "
			     "torch with CUDA takes about 10 GB",
		   "%s free for the store", log_bytes(bytes));
}

void doctor_check_store(struct doctor *doctor)
{
	auto_err struct error *error = NULL;

	if (store_open(doctor->options->store, &doctor->store, &error)) {
		doctor_fail(doctor, DOCTOR_MISSING, "store", error,
			    "name a folder that you may write, with --store "
			    "or SLIPWAY_STORE");
		return;
	}
	auto_store_writer struct store_writer writer = STORE_WRITER_EMPTY;

	if (store_begin(doctor->store, &writer, &error) ||
	    fs_write_all(writer.fd, STR("slipway"), writer.temporary, &error)) {
		doctor_fail(doctor, DOCTOR_MISSING, "store", error, "");
		return;
	}
	doctor_say(doctor, DOCTOR_OK, "store", "", "%s, writable",
		   store_path(doctor->store));
	check_space(doctor);
}

static int put_helper(const char *path, struct error **err)
{
	struct utsname host;

	uname(&host);
	auto_free char *name = path_printf("init/%s/slipway-gpu", host.machine);

	if (!data_has(name))
		return err_make(err, ERR_ENV,
				"this slipway has no GPU helper for %s",
				host.machine);
	return fs_write_file(path, data_get(name), 0755, err);
}

/* NVML_ERROR_LIBRARY_NOT_FOUND of NVML's reference. */
enum { NVML_NOT_FOUND = 12 };

/* The helper's one line: init/gpu_state.h. */
static void say_devices(struct doctor *doctor, struct str line)
{
	auto_json json_t *root = json_parse(line, 64 << 10, NULL);
	const json_t *devices = json_get_array(root, "devices");
	struct str driver = STR_EMPTY, reason = STR_EMPTY, first = STR_EMPTY;

	json_get_str(root, "driver", &driver);
	json_get_str(root, "reason", &reason);
	json_get_str(json_array_get(devices, 0), "name", &first);
	uint64_t number = 0;

	json_get_u64(root, "error", &number);
	if (driver.n == 0 && number != NVML_NOT_FOUND)
		doctor_say(doctor, DOCTOR_WARNING, "gpu",
			   "see what nvidia-smi says", STR_FMT,
			   STR_ARG(reason));
	else if (driver.n == 0)
		doctor_say(doctor, DOCTOR_OK, "gpu", "",
			   "no NVIDIA driver is installed (services with gpu: "
			   "required cannot run here)");
	else
		doctor_say(doctor, DOCTOR_OK, "gpu", "",
			   "NVIDIA driver " STR_FMT
			   ", %zu devices" STR_FMT STR_FMT,
			   STR_ARG(driver), json_array_size(devices),
			   STR_ARG(first.n ? STR(": ") : STR_EMPTY),
			   STR_ARG(first));
}

/* Started from the store, which has to allow that: the interpreters of bases
 * are started there too. */
void doctor_check_gpu(struct doctor *doctor)
{
	auto_store_tree struct store_tree tree = STORE_TREE_EMPTY;
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	auto_err struct error *error = NULL;

	if (!doctor->store || store_tree_begin(doctor->store, &tree, &error))
		return;
	auto_free char *path = path_join(tree.folder, "slipway-gpu");
	const char *const argv[] = {path, NULL};
	struct proc_options options = {.argv = argv,
				       .max_output_bytes = 64 << 10,
				       .timeout_ms = 20000};

	if (put_helper(path, &error) || proc_run(&options, &result, &error))
		doctor_fail(doctor, DOCTOR_WARNING, "gpu", error,
			    "bases are compiled by programs in the store: its "
			    "file system must not be mounted noexec");
	else
		say_devices(doctor, str_trim(buf_str(&result.output)));
}
