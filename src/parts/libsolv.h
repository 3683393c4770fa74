/* libsolv and libsolvext: their functions, loaded when a package list is first
 * read. base/library.h says how. */
#pragma once

#include <solv/pool.h>
#include <solv/poolarch.h>
#include <solv/queue.h>
#include <solv/repo.h>
#include <solv/repo_deb.h>
#include <solv/solv_xfopen.h>
#include <solv/solver.h>
#include <solv/solvversion.h>

#include "base/library.h"

#define LIBSOLV_FUNCTIONS(FUNCTION)                                            \
	FUNCTION(, map_free)                                                   \
	FUNCTION(, map_init)                                                   \
	FUNCTION(, pool_addrelproviders)                                       \
	FUNCTION(, pool_create)                                                \
	FUNCTION(, pool_createwhatprovides)                                    \
	FUNCTION(, pool_errstr)                                                \
	FUNCTION(, pool_free)                                                  \
	FUNCTION(, pool_id2str)                                                \
	FUNCTION(, pool_rel2id)                                                \
	FUNCTION(, pool_set_installed)                                         \
	FUNCTION(, pool_setarch)                                               \
	FUNCTION(, pool_setdisttype)                                           \
	FUNCTION(, pool_str2id)                                                \
	FUNCTION(, queue_alloc_one)                                            \
	FUNCTION(, queue_free)                                                 \
	FUNCTION(, queue_init)                                                 \
	FUNCTION(, repo_add_solvable)                                          \
	FUNCTION(, repo_create)                                                \
	FUNCTION(, repo_free)                                                  \
	FUNCTION(, solv_version)                                               \
	FUNCTION(, solvable_add_deparray)                                      \
	FUNCTION(, solvable_lookup_checksum)                                   \
	FUNCTION(, solvable_lookup_deparray)                                   \
	FUNCTION(, solvable_lookup_location)                                   \
	FUNCTION(, solvable_lookup_num)                                        \
	FUNCTION(, solver_create)                                              \
	FUNCTION(, solver_findproblemrule)                                     \
	FUNCTION(, solver_free)                                                \
	FUNCTION(, solver_get_decisionqueue)                                   \
	FUNCTION(, solver_next_problem)                                        \
	FUNCTION(, solver_problemruleinfo2str)                                 \
	FUNCTION(, solver_ruleinfo)                                            \
	FUNCTION(, solver_set_flag)                                            \
	FUNCTION(, solver_solve)

#define LIBSOLVEXT_FUNCTIONS(FUNCTION)                                         \
	FUNCTION(, repo_add_debpackages)                                       \
	FUNCTION(, solv_xfopen_fd)

extern struct libsolv {
	LIBSOLV_FUNCTIONS(LIBRARY_POINTER)
} libsolv;

extern struct libsolvext {
	LIBSOLVEXT_FUNCTIONS(LIBRARY_POINTER)
} libsolvext;

/* ERR_ENV where it cannot be loaded. */
int libsolv_load(struct error **err);
int libsolvext_load(struct error **err);
