/* slipway version. */
#include <stdio.h>

#include "codec/json.h"
#include "faces/cli/verbs.h"
#include "faces/cli/workspace.h"

static int run(const struct cli_options *options, struct error **err)
{
	(void)err;
	if (options->json)
		workspace_print_json(
			json_pack("{ss}", "version", SLIPWAY_VERSION));
	else
		puts("slipway " SLIPWAY_VERSION);
	return 0;
}

const struct cli_verb verb_version = {
	.name = "version",
	.summary = "print the version",
	.synopsis = "",
	.about = "Prints the version of slipway; 'doctor' prints those of its "
		 "libraries.\n\n"
		 "  slipway version",
	.run = run,
};
