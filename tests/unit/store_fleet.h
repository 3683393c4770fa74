/* store_fleet: what the tests of the store and of what fills it share: scratch
 * folders, messages, and one run of everything that a build does to a store. */
#pragma once

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "facts/store.h"

/* A new folder below TMPDIR; heap, the caller frees. */
static inline char *scratch_new(void)
{
	const char *base = getenv("TMPDIR");
	char *path = path_join(base ? base : "/tmp", "slipway-store-XXXXXX");

	if (!mkdtemp(path))
		abort();
	return path;
}

/* Setup and teardown of a test: *state is its scratch folder. */
static inline int scratch_setup(void **state)
{
	*state = scratch_new();
	return 0;
}

static inline int scratch_teardown(void **state)
{
	fs_remove_tree(*state, NULL);
	free(*state);
	return 0;
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

static inline struct store *open_store(const char *path)
{
	struct store *store = NULL;
	struct error *error = NULL;

	if (store_open(path, &store, &error))
		fail_msg("%s", err_message(error));
	return store;
}

static inline void must(int result, struct error *error)
{
	if (result)
		fail_msg("%s", error ? err_message(error) : "no message");
}

#define MUST(call)                                                             \
	do {                                                                   \
		struct error *problem = NULL;                                  \
		int result_ = call;                                            \
		must(result_, problem);                                        \
	} while (0)

static inline void write_file(const char *folder, const char *name,
			      const char *text)
{
	auto_free char *path = path_join(folder, name);

	MUST(fs_write_file(path, str_from(text), 0644, &problem));
}

static inline void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is not in: %s", part, text);
}

/* The error's message has this part. Frees it. */
static inline void assert_error(struct error *error, const char *part)
{
	assert_non_null(error);
	assert_has(err_message(error), part);
	err_free(error);
}

/* Puts a one-layer image into the store and fills image; reference is
 * borrowed. */
static inline int fleet_image(struct store *store, const char *reference,
			      struct str layer, struct store_image *image,
			      struct error **err)
{
	struct digest layer_digest, config_digest;
	struct buf manifest = BUF_EMPTY;
	struct str config = STR("{\"os\":\"linux\"}");

	if (store_put_bytes(store, layer, &layer_digest, err) ||
	    store_put_bytes(store, config, &config_digest, err))
		return -1;
	buf_printf(&manifest,
		   "{\"schemaVersion\":2,\"config\":{\"digest\":\"%s\","
		   "\"size\":%zu},\"layers\":[{\"digest\":\"%s\","
		   "\"size\":%zu}]}",
		   digest_text(&config_digest).p, config.n,
		   digest_text(&layer_digest).p, layer.n);
	*image = (struct store_image){
		.reference = str_from(reference),
		.size_bytes = manifest.n,
		.os = STR("linux"),
		.architecture = STR("amd64"),
	};
	int result =
		store_put_bytes(store, buf_str(&manifest), &image->digest, err);

	buf_release(&manifest);
	return result;
}

/* A blob written in several pieces through a writer. */
static inline int fleet_blob(struct store *store, struct digest *digest,
			     struct error **err)
{
	auto_store_writer struct store_writer writer = STORE_WRITER_EMPTY;
	auto_sha256 struct sha256 sha;
	char piece[5000];

	sha256_init(&sha);
	memset(piece, 'x', sizeof piece);
	if (store_begin(store, &writer, err))
		return -1;
	for (int i = 0; i < 3; i++) {
		struct str bytes = str_of(piece, sizeof piece);

		sha256_update(&sha, bytes);
		if (fs_write_all(writer.fd, bytes, "blob", err))
			return -1;
	}
	sha256_final(&sha, digest);
	return store_commit(store, &writer, digest, err);
}

static inline int fleet_download(struct store *store, struct error **err)
{
	auto_store_partial struct store_partial partial = STORE_PARTIAL_EMPTY;
	struct str whole = STR("the bytes of a wheel");
	struct digest digest = digest_of(whole);
	int there = store_partial_begin(store, &digest, STORE_DOWNLOAD,
					&partial, err);

	if (there)
		return there < 0 ? -1 : 0;
	struct str rest = str_slice(whole, partial.size_bytes, whole.n);

	if (fs_write_all(partial.fd, str_slice(rest, 0, rest.n / 2), "wheel",
			 err) ||
	    fs_write_all(partial.fd, str_slice(rest, rest.n / 2, rest.n),
			 "wheel", err))
		return -1;
	return store_partial_commit(store, &partial, STORE_DOWNLOAD, err);
}

static inline int fleet_tree(struct store *store, struct error **err)
{
	auto_store_tree struct store_tree tree = STORE_TREE_EMPTY;
	struct digest key = digest_of(STR("tree"));

	if (store_tree_begin(store, &tree, err))
		return -1;
	auto_free char *folder = path_join(tree.folder, "usr");
	auto_free char *file = path_join(folder, "file");

	if (fs_make_dirs(folder, 0755, err) ||
	    fs_write_file(file, STR("content"), 0644, err))
		return -1;
	return store_tree_commit(store, &tree, &key, err);
}

/* What a build does, once through. */
static inline int fleet_build(const char *path, struct error **err)
{
	struct store *store = NULL;
	struct store_image images[2];
	struct digest blob, key = digest_of(STR("key"));
	int result = -1;

	if (store_open(path, &store, err))
		return -1;
	if (fleet_blob(store, &blob, err) == 0 &&
	    store_action_put(store, &key, str_from(digest_text(&blob).p),
			     err) == 0 &&
	    fleet_download(store, err) == 0 && fleet_tree(store, err) == 0 &&
	    fleet_image(store, "one", STR("layer 1"), &images[0], err) == 0 &&
	    fleet_image(store, "two", STR("layer 2"), &images[1], err) == 0 &&
	    store_images_put(store, images, 2, err) == 0)
		result = 0;
	store_close(store);
	return result;
}
