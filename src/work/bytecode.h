/* bytecode: what a source compiles to, remembered in the store.
 *
 * Knows: the store's cached results and the compilers of a base, which is
 * opened when a source is compiled that is not known yet. Nothing is
 * compiled twice, be it by check or by build, and a source that does not
 * compile is remembered with its reason. Does not know: which sources matter.
 *
 *   value = 'P' bytes of the .pyc | 'E' JSON of the problem
 */
#pragma once

#include "parts/pyc.h"
#include "work/runtime.h"

/* The .pyc of a source, appended to out (NULL: not wanted). path is the file's
 * in the image, digest that of source (NULL: computed). 0 with a verdict, where
 * problem is set unless it is PYC_COMPILED; -1 as pyc_compile(). Verdicts that
 * depend on the machine's state (time, memory, a crash) are not remembered. Any
 * thread. */
int bytecode_get(struct runtime *runtime, struct str source,
		 const struct digest *digest, struct str path,
		 enum pyc_mode mode, struct buf *out, enum pyc_verdict *verdict,
		 struct pyc_problem *problem, struct error **err);
