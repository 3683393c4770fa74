/* marker: does a requirement apply to a target?
 *
 * Knows: the marker language, the environment of CPython on Linux. Does not
 * know: the machine it runs on; every value is of the target.
 *
 * Source: PyPA dependency specifiers, "Environment markers" (PEP 508).
 *
 *   marker = and *( "or" and )          and  = atom *( "and" atom )
 *   atom   = "(" marker ")" / value op value
 *   value  = variable / "'" text "'" / '"' text '"'
 *   op     = "<=" / "<" / "!=" / "==" / ">=" / ">" / "~=" / "==="
 *          / "in" / "not in"
 */
#pragma once

#include <stdbool.h>

#include "base/str.h"

enum { MARKER_MAX_DEPTH = 64 };

/* The target. All borrowed. */
struct marker_environment {
	struct str python_full_version; /* "3.11.2" */
	struct str python_version;	/* "3.11" */
	struct str sys_platform;	/* "linux" */
	struct str os_name;		/* "posix" */
	struct str platform_system;	/* "Linux" */
	struct str platform_machine;	/* "x86_64" */
	struct str platform_release;	/* "": the kernel is not known */
	struct str platform_version;	/* "" */
	struct str implementation_name; /* "cpython" */
	struct str platform_python_implementation; /* "CPython" */
	struct str extra;			   /* normalised; "" for none */
};

/* CPython of an exact version on a platform of OCI ("linux/amd64"), borrowing
 * python. False where either is not known. */
bool marker_environment_init(struct marker_environment *environment,
			     struct str python, struct str platform);

/* Evaluates; *holds is the answer. False where it is no marker, compares what
 * cannot be compared, or nests beyond MARKER_MAX_DEPTH. "" holds. */
bool marker_evaluate(struct str marker,
		     const struct marker_environment *environment, bool *holds);
