/* hint: what to do about an import; private to verdict. */
#pragma once

#include "decisions/verdict.h"

/* The name that a module binds that is nearest to name, or "". */
struct str hint_name(const struct pyscan *scan, struct str name);

/* How to map an import that nothing maps. In arena. */
struct str hint_unmapped(const struct verdict_input *input,
			 const struct graph_import *import,
			 const struct mapping_result *owner,
			 struct arena *arena);
