/* Locks a fleet: tool_resolve [--check | --upgrade] FLEET.YAML STORE LOCK.
 * Prints one line per problem; exit status 1 where there are some. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/pool.h"
#include "facts/store.h"
#include "parts/fetch.h"
#include "work/resolve.h"

static int check(const struct resolve_options *options, struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct lock_strs reasons;

	if (resolve_check(options, options->previous, &arena, &reasons, err))
		return -1;
	for (size_t i = 0; i < reasons.n; i++)
		puts(reasons.p[i].p);
	return reasons.n > 0;
}

static int lock_fleet(const struct resolve_options *options, const char *path,
		      struct error **err)
{
	auto_resolve_result struct resolve_result result = RESOLVE_RESULT_EMPTY;

	if (resolve_run(options, &result, err) ||
	    lock_write(result.lock, path, err))
		return -1;
	array_each (struct resolve_problem, problem, &result.problems) {
		if (problem->file.n > 0)
			printf(STR_FMT, STR_ARG(problem->file));
		else
			printf("fleet.yaml:%u", problem->at.line);
		printf(": " STR_FMT ": " STR_FMT ": " STR_FMT "; " STR_FMT "\n",
		       STR_ARG(problem->service), STR_ARG(problem->code),
		       STR_ARG(problem->message), STR_ARG(problem->hint));
	}
	return result.problems.n > 0;
}

static int run(const char *verb, const char *manifest_path,
	       const char *store_path, const char *lock_path,
	       struct error **err)
{
	auto_manifest struct manifest *manifest = NULL;
	auto_lock struct lock *previous = NULL;
	struct resolve_options options = {
		.upgrade = strcmp(verb, "--upgrade") == 0,
	};
	auto_free char *folder = mem_strdup(manifest_path);
	char *slash = strrchr(folder, '/');
	int status = -1;

	if (slash)
		*slash = '\0';
	if (manifest_load(manifest_path, &manifest, err) ||
	    (fs_exists(lock_path) && lock_read(lock_path, &previous, err)) ||
	    store_open(store_path, &options.store, err))
		return -1;
	options.manifest = manifest;
	options.folder = slash ? folder : ".";
	options.previous = previous;
	options.fetch = fetch_new(&(struct fetch_options){
		.offline = strcmp(verb, "--offline") == 0,
	});
	options.pool = pool_new(0, 0);
	if (strcmp(verb, "--check") == 0)
		status = check(&options, err);
	else
		status = lock_fleet(&options, lock_path, err);
	pool_free(options.pool);
	fetch_free(options.fetch);
	store_close(options.store);
	return status;
}

int main(int argc, char **argv)
{
	auto_err struct error *err = NULL;
	const char *verb = argc == 5 ? argv[1] : "";

	if (argc != 4 && argc != 5)
		return 2;
	log_init(LOG_NORMAL);
	int status =
		run(verb, argv[argc - 3], argv[argc - 2], argv[argc - 1], &err);

	if (status < 0) {
		log_error(err);
		return err_exit_status(err_class(err));
	}
	return status;
}
