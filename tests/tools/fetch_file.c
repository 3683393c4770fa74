/* Finds a distribution's file on the configured index and downloads it into a
 * store: prints the url (without a login) and the path of the file. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/mem.h"
#include "parts/fetch.h"
#include "parts/pyindex.h"

/* The arguments, in their order. */
enum { ARG_STORE = 1, ARG_NAME, ARG_FILE, ARG_DIGEST, ARG_COUNT };

static int run(struct fetch *fetch, struct store *store, struct pyindex *index,
	       char **argv, struct error **err)
{
	struct fetch_file file = {.url_count = 1, .label = argv[ARG_FILE]};
	auto_free char *url = NULL;

	if (!digest_parse(str_from(argv[ARG_DIGEST]), &file.sha256))
		return err_make(err, ERR_USAGE, "'%s' is not a digest",
				argv[ARG_DIGEST]);
	if (pyindex_url(index, str_from(argv[ARG_NAME]),
			str_from(argv[ARG_FILE]), &file.sha256, &url, err))
		return -1;
	const char *urls[] = {url};

	file.urls = urls;
	if (fetch_download(fetch, store, &file, err))
		return -1;
	auto_free char *public = fetch_url_public(url);
	auto_free char *path = store_download_path(store, &file.sha256);

	printf("%s\n%s\n", public, path);
	return 0;
}

int main(int argc, char **argv)
{
	auto_err struct error *error = NULL;
	struct store *store = NULL;
	struct pyindex *index = NULL;

	if (argc != ARG_COUNT) {
		fprintf(stderr, "usage: %s STORE NAME FILE SHA256\n", argv[0]);
		return 2;
	}
	struct fetch *fetch = fetch_new(NULL);
	struct pyindex_options options = {.fetch = fetch};
	int result = store_open(argv[ARG_STORE], &store, &error);

	if (result == 0)
		result = pyindex_new(&options, &index, &error);
	if (result == 0)
		result = run(fetch, store, index, argv, &error);
	pyindex_free(index);
	store_close(store);
	fetch_free(fetch);
	if (result == 0)
		return 0;
	fprintf(stderr, "%s\n%s\n", err_message(error), err_hint_text(error));
	return err_exit_status(err_class(error));
}
