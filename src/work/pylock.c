#include "work/pylock.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/pool.h"
#include "codec/toml.h"
#include "parts/fetch.h"
#include "parts/pyindex.h"

/* Pages are asked for side by side: each waits for the network. */
enum { PARALLEL_PAGES = 8 };

struct entry {
	const struct lock_package *package;
	struct pyindex *index;
	char *url;
	size_t task;
};

static int find_url(void *argument, struct error **err)
{
	struct entry *entry = argument;
	const struct lock_file *wheel = &entry->package->wheel;
	auto_free char *url = NULL;

	if (pyindex_url(entry->index, entry->package->name, wheel->file,
			&wheel->sha256, &url, err))
		return -1;
	entry->url = fetch_url_public(url);
	return 0;
}

/* "3.11" of "3.11.2". */
static struct str minor_of(struct str python)
{
	ptrdiff_t dot = str_rfind(python, '.');

	return dot > 0 && dot != str_find(python, '.')
		       ? str_slice(python, 0, (size_t)dot)
		       : python;
}

static void append_head(const struct lock_resolution *resolution,
			struct buf *out)
{
	bool is_arm = str_eq(resolution->platform, STR("linux/arm64"));

	buf_append_text(out,
			"lock-version = \"1.0\"\ncreated-by = \"slipway\"\n");
	if (!resolution->id.n)
		return;
	buf_printf(out,
		   "requires-python = \"==" STR_FMT ".*\"\n"
		   "environments = [\"sys_platform == 'linux' and "
		   "platform_machine == '%s'\"]\n",
		   STR_ARG(minor_of(resolution->python)),
		   is_arm ? "aarch64" : "x86_64");
}

static void append_package(const struct entry *entry, struct buf *out)
{
	const struct lock_package *package = entry->package;
	struct digest_text digest = digest_text(&package->wheel.sha256);

	buf_append_text(out, "\n[[packages]]\nname = ");
	toml_append_string(out, package->name);
	buf_append_text(out, "\nversion = ");
	toml_append_string(out, package->version);
	buf_append_text(out, "\nwheels = [{name = ");
	toml_append_string(out, package->wheel.file);
	buf_append_text(out, ", url = ");
	toml_append_string(out, str_from(entry->url));
	buf_printf(out, ", size = %llu, hashes = {sha256 = \"%s\"}}]\n",
		   (unsigned long long)package->wheel.size_bytes,
		   digest_hex(&digest));
}

static int find_urls(struct entry *entries, size_t n, struct error **err)
{
	struct pool *pool = pool_new(PARALLEL_PAGES, 0);

	for (size_t i = 0; i < n; i++)
		entries[i].task = pool_add(
			pool, &(struct pool_task){.run = find_url,
						  .argument = &entries[i]});
	int result = pool_run_first(pool, err);

	pool_free(pool);
	return result;
}

int pylock_append(const struct lock *lock, const struct lock_service *service,
		  struct pyindex *index, struct buf *out, struct error **err)
{
	static const struct lock_resolution none = {.id = STR_EMPTY};
	const struct lock_resolution *resolution =
		lock_find_resolution(lock, service->resolution);
	struct entry *entries = mem_zalloc(service->closure.n, sizeof *entries);
	size_t n = 0;

	for (size_t i = 0; i < service->closure.n; i++) {
		struct str pin = service->closure.p[i];
		const struct lock_package *package = lock_find_package(
			resolution,
			str_slice(pin, 0,
				  (size_t)str_find_str(pin, STR("=="))));

		if (package && package->wheel.file.n)
			entries[n++] = (struct entry){package, index, NULL, 0};
	}
	int result = n ? find_urls(entries, n, err) : 0;

	if (result == 0)
		append_head(resolution ? resolution : &none, out);
	for (size_t i = 0; i < n; i++) {
		if (result == 0)
			append_package(&entries[i], out);
		free(entries[i].url);
	}
	free(entries);
	return result;
}
