#include "work/doctor.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/proc.h"
#include "facts/store.h"
#include "parts/sandbox.h"
#include "work/doctor/findings.h"
#include "work/load.h"
#include "work/resolve.h"

void doctor_say(struct doctor *doctor, enum doctor_level level,
		const char *name, const char *hint, const char *format, ...)
{
	auto_buf struct buf text = BUF_EMPTY;
	va_list args;

	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	struct doctor_finding finding = {
		.level = level,
		.name = str_from(name),
		.what = arena_str(&doctor->report->arena, buf_str(&text)),
		.hint = arena_str(&doctor->report->arena, str_from(hint)),
	};

	array_push(&doctor->report->findings, finding);
}

void doctor_fail(struct doctor *doctor, enum doctor_level level,
		 const char *name, const struct error *error, const char *hint)
{
	const char *own = err_hint_text(error);

	doctor_say(doctor, level, name, *own ? own : hint, "%s",
		   err_message(error));
}

struct str doctor_program(struct doctor *doctor, const char *name,
			  const char *version_option)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	auto_free char *path = proc_find(name);
	const char *const argv[] = {path, version_option, NULL};
	struct proc_options options = {.argv = argv,
				       .max_output_bytes = 64 << 10,
				       .timeout_ms = 10000};
	struct str said, line = STR_EMPTY;

	if (!path)
		return STR_EMPTY;
	if (proc_run(&options, &result, NULL) || result.status != 0)
		return arena_printf(&doctor->report->arena,
				    "%s, which does not say its version", path);
	said = buf_str(&result.output);
	str_line(&said, &line);
	return arena_printf(&doctor->report->arena, "%s: " STR_FMT, path,
			    STR_ARG(line));
}

/* -- programs -- */

static void check_uv(struct doctor *doctor)
{
	struct str found = doctor_program(doctor, "uv", "--version");
	auto_free char *usable = resolve_host_uv();

	if (usable)
		doctor_say(doctor, DOCTOR_OK, "uv", "", STR_FMT,
			   STR_ARG(found));
	else if (found.n)
		doctor_say(doctor, DOCTOR_OK, "uv", "",
			   STR_FMT " is too old: 'lock' takes uv from its "
				   "wheel on the index",
			   STR_ARG(found));
	else
		doctor_say(doctor, DOCTOR_OK, "uv", "",
			   "not installed: 'lock' takes it from its wheel on "
			   "the index");
}

static void check_gpgv(struct doctor *doctor)
{
	struct str found = doctor_program(doctor, "gpgv", "--version");

	if (found.n)
		doctor_say(doctor, DOCTOR_OK, "gpgv", "", STR_FMT,
			   STR_ARG(found));
	else
		doctor_say(doctor, DOCTOR_MISSING, "gpgv",
			   "install the package gpgv",
			   "not installed: 'lock' checks signatures of Debian "
			   "archives with it");
}

static void check_sandbox(struct doctor *doctor)
{
	struct str found = doctor_program(doctor, "bwrap", "--version");
	auto_err struct error *error = NULL;

	if (sandbox_check(1, &error) == 0) {
		doctor_say(doctor, DOCTOR_OK, "sandbox", "",
			   STR_FMT ", with user namespaces and overlays",
			   STR_ARG(found));
		return;
	}
	doctor_fail(doctor, DOCTOR_WARNING, "sandbox", error,
		    "smoke tests and source builds need it; build does not");
}

static void check_engine(struct doctor *doctor, const char *program)
{
	auto_load_engine struct load_engine engine = {0};
	auto_err struct error *error = NULL;
	auto_free char *path = proc_find(program);

	if (load_engine_find(program, &engine, &error) == 0)
		doctor_say(doctor, DOCTOR_OK, program, "",
			   "version %s answers; %s", engine.version,
			   engine.takes_partial
				   ? "'load' sends it only layers that it lacks"
				   : "'load' sends it whole images");
	else if (path)
		doctor_say(doctor, DOCTOR_WARNING, program,
			   "start it, and be of its group; 'load' needs it, "
			   "build does not",
			   "%s", err_message(error));
	else
		doctor_say(doctor, DOCTOR_OK, program, "",
			   "not installed: 'load' is for those who have it");
}

void doctor_run(const struct doctor_options *options,
		struct doctor_report *report)
{
	struct doctor doctor = {.options = options, .report = report};

	doctor_check_store(&doctor);
	check_uv(&doctor);
	check_gpgv(&doctor);
	check_sandbox(&doctor);
	check_engine(&doctor, "docker");
	check_engine(&doctor, "podman");
	doctor_check_network(&doctor);
	doctor_check_gpu(&doctor);
	doctor_check_host(&doctor);
	doctor_check_libraries(&doctor);
	store_close(doctor.store);
}

void doctor_report_release(struct doctor_report *report)
{
	array_release(&report->findings);
	arena_release(&report->arena);
}

const char *doctor_level_text(enum doctor_level level)
{
	static const char *const texts[] = {
		[DOCTOR_OK] = "ok",
		[DOCTOR_WARNING] = "warning",
		[DOCTOR_MISSING] = "missing",
	};

	return texts[level];
}
