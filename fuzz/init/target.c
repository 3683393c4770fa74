/* Hostile startup configurations, compose files and Dockerfiles: refused, or
 * made into a fleet.yaml without problems. The first byte says which. Leaks are
 * not looked for (options): libfyaml 0.7 has one of its own on long keys. */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "facts/manifest.h"
#include "work/init.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char root[] = "/tmp/fuzz-init.XXXXXX";

static void end(void)
{
	fs_remove_tree(root, NULL);
}

/* One folder for the whole run. */
static void begin(void)
{
	static bool is_begun;

	if (is_begun)
		return;
	is_begun = true;
	if (!mkdtemp(root))
		abort();
	atexit(end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_init struct init_result result = {.arena = ARENA_EMPTY};
	const char *file = size && data[0] == 'D' ? "Dockerfile" : "in.yaml";
	struct init_options options = {root, &file, 1};

	begin();
	auto_free char *path = path_join(root, file);
	auto_close int fd =
		fs_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600, NULL);

	if (size == 0 || fd < 0 ||
	    fs_write_all(fd, str_of((const char *)data + 1, size - 1), path,
			 NULL) ||
	    init_run(&options, &result, NULL))
		return 0;
	auto_manifest struct manifest *manifest =
		manifest_parse(result.text, "fleet.yaml");

	if (manifest->problems.n)
		abort();
	return 0;
}
