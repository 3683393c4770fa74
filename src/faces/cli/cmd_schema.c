/* slipway schema: the JSON Schema of fleet.yaml. */
#include <stdio.h>

#include "faces/cli/verbs.h"
#include "facts/manifest.h"

static int run(const struct cli_options *options, struct error **err)
{
	struct str schema = manifest_schema();

	(void)options;
	(void)err;
	fwrite(schema.p, 1, schema.n, stdout);
	return 0;
}

const struct cli_verb verb_schema = {
	.name = "schema",
	.summary = "print the JSON Schema of fleet.yaml",
	.synopsis = "",
	.about = "Prints the JSON Schema of fleet.yaml, for editors and "
		 "checkers.\n\n"
		 "  slipway schema > fleet.schema.json",
	.run = run,
};
