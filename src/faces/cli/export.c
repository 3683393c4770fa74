#include "faces/cli/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "faces/cli/workspace.h"
#include "work/pylock.h"

/* The entries of the lock for the chosen instances, each once; heap. */
static const struct lock_service **
find_services(const struct workspace *workspace, const bool *chosen, size_t *n,
	      struct error **err)
{
	const struct manifest *manifest = workspace->manifest;
	const struct lock_service **services =
		mem_zalloc(manifest->instances.n, sizeof(*services));

	*n = 0;
	for (size_t i = 0; i < manifest->instances.n; i++) {
		const struct manifest_instance *instance =
			manifest->instances.p[i];
		size_t k = 0;

		if (!chosen[i] || instance->settings.skip.s.n > 0)
			continue;
		services[*n] = lock_find_service(workspace->lock,
						 instance->service->name.s,
						 instance->machine->name.s);
		if (!services[*n]) {
			err_make(err, ERR_FLEET,
				 STR_FMT " on " STR_FMT " is not in the lock",
				 STR_ARG(instance->service->name.s),
				 STR_ARG(instance->machine->name.s));
			err_hint(err, "run: slipway lock");
			free(services);
			return NULL;
		}
		while (services[k] != services[*n])
			k++;
		*n += k == *n;
	}
	return services;
}

/* Where one of several goes; a service that differs from machine to machine
 * has a file for each. */
static char *path_in(const char *folder, const struct lock *lock,
		     const struct lock_service *service)
{
	size_t entries = 0;

	for (size_t i = 0; i < lock->service_count; i++)
		entries += str_eq(lock->services[i].name, service->name);
	return path_printf(
		"%s/pylock." STR_FMT "%s" STR_FMT ".toml", folder,
		STR_ARG(service->name), entries > 1 ? "-" : "",
		STR_ARG(entries > 1 ? service->machines.p[0] : STR_EMPTY));
}

static int write_all(const struct workspace *workspace,
		     const struct lock_service *const *services, size_t n,
		     struct error **err)
{
	const char *output = workspace->options->output;
	struct stat status;
	bool is_folder =
		output && stat(output, &status) == 0 && S_ISDIR(status.st_mode);

	if (n != 1 && !is_folder) {
		err_make(err, ERR_USAGE,
			 "%zu services have each a file of their own", n);
		return err_hint(err, "name one service, or an existing folder "
				     "with -o");
	}
	for (size_t i = 0; i < n; i++) {
		auto_buf struct buf text = BUF_EMPTY;
		auto_free char *path =
			is_folder
				? path_in(output, workspace->lock, services[i])
			: output ? mem_strdup(output)
				 : NULL;

		if (pylock_append(workspace->lock, services[i],
				  workspace->index, &text, err))
			return -1;
		if (!path)
			fwrite(text.p, 1, text.n, stdout);
		else if (fs_write_file(path, buf_str(&text), 0644, err))
			return -1;
	}
	return 0;
}

int cli_export_pylock(const struct workspace *workspace, struct error **err)
{
	auto_free bool *chosen = workspace_select(workspace, err);
	size_t n;

	if (!chosen)
		return -1;
	const struct lock_service **services =
		find_services(workspace, chosen, &n, err);
	int result = services ? write_all(workspace, services, n, err) : -1;

	free(services);
	return result;
}
