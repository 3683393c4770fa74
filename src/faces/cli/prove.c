#include "faces/cli/prove.h"

#include <stdio.h>

#include "base/error.h"
#include "base/log.h"
#include "codec/json.h"
#include "faces/cli/workspace.h"
#include "work/assemble.h"
#include "work/build.h"

static void set_proof(const struct build_proof *proof, json_t *root)
{
	json_t *value = json_object(), *wrong = json_array();

	for (size_t i = 0; i < proof->wrong_count; i++)
		json_array_append_new(
			wrong,
			json_new_str(str_from(err_message(proof->wrong[i]))));
	json_set_u64(value, "records", proof->asked);
	json_object_set_new(value, "wrong", wrong);
	json_object_set_new(root, "proof", value);
}

int cli_prove(const struct workspace *workspace, json_t *root,
	      struct error **err)
{
	const struct cli_options *options = workspace->options;
	auto_assembly struct assembly assembly = {0};
	auto_build_proof struct build_proof proof = {0};
	auto_lock struct lock *since = NULL;
	struct build_options build = {
		.jobs = options->jobs,
		.memory_bytes = options->memory_bytes,
	};
	int status = 0;

	if (options->since && lock_read(options->since, &since, err))
		return -1;
	assembly_make_unsourced(&assembly, workspace->manifest, workspace->lock,
				workspace->runtimes);
	if (build_prove(&assembly, workspace->store, workspace->fetch,
			workspace->index, &build, since, &proof, err))
		return -1;
	for (size_t i = 0; i < proof.wrong_count; i++) {
		int own = err_exit_status(err_class(proof.wrong[i]));

		log_error(proof.wrong[i]);
		status = own > status ? own : status;
	}
	set_proof(&proof, root);
	if (!options->json)
		printf("%zu records of layers, %zu proven here\n", proof.asked,
		       proof.asked - proof.wrong_count);
	return status;
}
