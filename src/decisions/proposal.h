/* proposal: which families a fleet should have, and which carry too much.
 *
 * Rule: once three services share the exact pin of a package and no family
 * brings it to them, it belongs into one; and what fewer than half of a
 * family's services use does not. Values in, values out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum { PROPOSAL_SERVICES = 3 }; /* that share a pin */

struct proposal_service {
	ptrdiff_t family;	/* or -1 */
	const size_t *packages; /* numbers of exact pins, ascending */
	size_t n;
	/* Per package of packages: the family that brings it, its own or one
	 * that is extended, or -1; the service itself needs it; it asks for it
	 * by name, not only another package does. */
	const ptrdiff_t *carriers;
	const bool *is_used, *is_asked;
};

struct proposal_input {
	const struct proposal_service *services;
	size_t service_count;
	const uint64_t *bytes; /* per package */
	size_t package_count;
	size_t family_count;
};

enum proposal_kind {
	PROPOSAL_FAMILY_PACKAGE, /* all services of a family have it */
	PROPOSAL_NEW_FAMILY,	 /* some services of one family do */
	PROPOSAL_EXTRA,		 /* services of several families do */
};

struct proposal {
	enum proposal_kind kind;
	ptrdiff_t family; /* of its services; -1: none, or several */
	size_t *packages; /* first those that are asked for by name */
	size_t package_count, asked_count;
	size_t *services;
	size_t service_count;
	uint64_t bytes; /* of the packages, once */
};

/* A package that a family carries, and how many of its services use it. */
struct proposal_use {
	size_t family, package, users, members;
};

struct proposals {
	struct proposal *p; /* what most services share most bytes of first */
	size_t n;
	struct proposal_use *uses; /* by family, package */
	size_t use_count;
};

/* In arena. */
void proposals_make(const struct proposal_input *input, struct arena *arena,
		    struct proposals *proposals);
