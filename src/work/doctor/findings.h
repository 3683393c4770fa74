/* What the checks of the doctor share; for work/doctor only. */
#pragma once

#include "work/doctor.h"

struct doctor {
	const struct doctor_options *options;
	struct doctor_report *report;
	struct store *store; /* NULL: it cannot be opened */
};

/* Adds a finding with a formatted text. */
void doctor_say(struct doctor *doctor, enum doctor_level level,
		const char *name, const char *hint, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* Adds a finding from an error, whose hint wins over the given one. */
void doctor_fail(struct doctor *doctor, enum doctor_level level,
		 const char *name, const struct error *error, const char *hint);

/* The first line that a program prints, with its path before it; in the
 * arena. Empty where there is no such program. */
struct str doctor_program(struct doctor *doctor, const char *name,
			  const char *version_option);

/* -- store.c -- */
void doctor_check_store(struct doctor *doctor);
void doctor_check_gpu(struct doctor *doctor);

/* -- network.c -- */
void doctor_check_network(struct doctor *doctor);

/* -- host.c -- */
void doctor_check_host(struct doctor *doctor);

/* -- libraries.c -- */
void doctor_check_libraries(struct doctor *doctor);
