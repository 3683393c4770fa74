/* base: an image of a layout, found, pulled, unpacked, and given a venv. */
#include "test.h"

#include <fcntl.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "codec/tar.h"
#include "facts/store.h"
#include "parts/base.h"
#include "parts/layer.h"

/* A layout below the test's folder, and what its manifest says. */
struct image {
	char *folder;
	struct store *store;
	struct buf layers, diff_ids; /* JSON, without brackets */
};

static struct digest write_blob(const struct image *image, struct str bytes)
{
	struct digest digest = digest_of(bytes);
	struct digest_text text = digest_text(&digest);
	auto_free char *path = path_printf("%s/blobs/sha256/%s", image->folder,
					   digest_hex(&text));

	assert_int_equal(fs_write_file(path, bytes, 0644, NULL), 0);
	return digest;
}

static void image_start(struct image *image, const char *folder)
{
	auto_free char *store = path_join(folder, "store");
	auto_free char *blobs = path_join(folder, "image/blobs/sha256");

	*image = (struct image){.folder = path_join(folder, "image")};
	assert_int_equal(fs_make_dirs(blobs, 0755, NULL), 0);
	assert_int_equal(store_open(store, &image->store, NULL), 0);
}

static void image_end(struct image *image)
{
	store_close(image->store);
	buf_release(&image->layers);
	buf_release(&image->diff_ids);
	free(image->folder);
}

static void append_entry(struct buf *tar, const char *path, enum tar_type type,
			 const char *content)
{
	struct tar_entry entry = {
		.path = str_from(path),
		.type = type,
		.mode = type == TAR_DIR ? 0755 : 0644,
		.target = str_from(type == TAR_SYMLINK ? content : ""),
		.size_bytes = type == TAR_FILE ? strlen(content) : 0,
	};

	assert_int_equal(tar_append_header(tar, &entry), TAR_OK);
	if (type == TAR_FILE) {
		buf_append_text(tar, content);
		buf_append_zeros(tar, tar_padding(entry.size_bytes));
	}
}

static void add_layer(struct image *image, struct buf *tar)
{
	tar_append_end(tar);
	struct digest digest = write_blob(image, buf_str(tar));
	const char *comma = image->layers.n ? "," : "";

	buf_printf(
		&image->layers,
		"%s{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\","
		"\"digest\":\"%s\",\"size\":%zu}",
		comma, digest_text(&digest).p, tar->n);
	buf_printf(&image->diff_ids, "%s\"%s\"", comma, digest_text(&digest).p);
	buf_release(tar);
}

static void write_documents(struct image *image)
{
	auto_buf struct buf config = BUF_EMPTY, manifest = BUF_EMPTY,
			    index = BUF_EMPTY;
	auto_free char *path = path_join(image->folder, "index.json");

	buf_printf(&config,
		   "{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":"
		   "{\"Env\":[\"PATH=/bin\",\"LINES=a\\nb\"]},"
		   "\"rootfs\":{\"diff_ids\":[%s]}}",
		   buf_text(&image->diff_ids));
	struct digest digest = write_blob(image, buf_str(&config));

	buf_printf(&manifest,
		   "{\"schemaVersion\":2,\"config\":{\"digest\":\"%s\","
		   "\"size\":%zu},\"layers\":[%s]}",
		   digest_text(&digest).p, config.n, buf_text(&image->layers));
	digest = write_blob(image, buf_str(&manifest));
	buf_printf(&index,
		   "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"%s\","
		   "\"size\":%zu}]}",
		   digest_text(&digest).p, manifest.n);
	assert_int_equal(fs_write_file(path, buf_str(&index), 0644, NULL), 0);
}

static void make_image(struct image *image)
{
	struct buf tar = BUF_EMPTY;

	append_entry(&tar, "etc", TAR_DIR, "");
	append_entry(&tar, "etc/passwd", TAR_FILE, "root:x:0:0::/:/bin/sh");
	append_entry(&tar, "etc/group", TAR_FILE, "app:x:7:\n");
	append_entry(&tar, "gone", TAR_FILE, "1");
	add_layer(image, &tar);
	append_entry(&tar, ".wh.gone", TAR_FILE, "");
	append_entry(&tar, "bin", TAR_SYMLINK, "usr/bin");
	append_entry(&tar, "usr/bin/python3.10", TAR_FILE, "#!/bin/false");
	add_layer(image, &tar);
	write_documents(image);
}

static struct base_source source_of(const struct image *image)
{
	return (struct base_source){
		.store = image->store,
		.kind = LOCK_BASE_OCI,
		.text = str_from(image->folder),
	};
}

static void find_base(const struct image *image, struct arena *arena,
		      struct lock_base *base)
{
	struct base_source source = source_of(image);
	struct error *err = NULL;

	*base = (struct lock_base){.name = STR("py310"),
				   .platform = STR("linux/amd64")};
	assert_done(base_find(&source, base->platform, arena, base, &err), err);
}

static void a_layout_is_found_and_unpacked(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_base_tree struct base_tree *tree = NULL;
	struct image image;
	struct lock_base base;
	struct error *err = NULL;

	image_start(&image, *state);
	make_image(&image);
	find_base(&image, &arena, &base);
	assert_int_equal(base.layer_count, 2);
	/* A lock holds no line breaks: that variable is left out. */
	assert_int_equal(base.env.n, 1);
	assert_str(base.env.p[0], "PATH=/bin");
	struct base_source source = source_of(&image);

	assert_done(base_tree_open(&source, &base, &tree, &err), err);
	assert_int_equal(base_tree_layer_bytes(tree, 0),
			 base.layers[0].size_bytes);
	auto_free char *gone = path_join(base_tree_root(tree), "gone");
	auto_free char *there =
		path_join(base_tree_root(tree), "usr/bin/python3.10");

	assert_false(fs_exists(gone));
	assert_true(fs_exists(there));
	/* The tree serves without the layout. */
	assert_int_equal(fs_remove_tree(image.folder, NULL), 0);
	base_tree_free(tree);
	tree = NULL;
	assert_done(base_tree_open(&source, &base, &tree, &err), err);
	assert_done(base_pull(&source, &base, &err), err);
	image_end(&image);
}

/* The user is added as a line; the base's own app has another number. */
static void the_layer_on_top_has_venv_and_user(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_base_tree struct base_tree *tree = NULL;
	auto_buf struct buf bytes = BUF_EMPTY;
	auto_layer struct layer *layer = NULL;
	auto_free char *path = path_join(*state, "layer.tar");
	auto_close int fd = fs_open(path, O_CREAT | O_RDWR, 0644, NULL);
	struct layer_options options = {.fd = fd, .compression = LAYER_NONE};
	struct layer_result result;
	struct image image;
	struct lock_base base;
	struct error *err = NULL;

	image_start(&image, *state);
	make_image(&image);
	find_base(&image, &arena, &base);
	base.python = STR("3.10.13");
	base.interpreter = STR("/usr/bin/python3.10");
	struct base_source source = source_of(&image);

	assert_done(base_tree_open(&source, &base, &tree, &err), err);
	layer = layer_new(&options);
	assert_done(
		base_tree_add_to_layer(tree, &base, layer, NULL, NULL, &err),
		err);
	assert_done(layer_finish(layer, &result, &err), err);
	assert_int_equal(fs_read(path, 1 << 20, &bytes, NULL), 0);
	static const char *const parts[] = {
		"/bin/sh\napp:x:10001:10001:app:/home/app:/bin/sh\n",
		"app:x:7:\napp10001:x:10001:\n",
		"home = /usr/bin\n",
		"version = 3.10.13\n",
		"opt/venv/bin/python3.10",
		"opt/venv/lib/python3.10/site-packages/",
		"home/app/",
	};

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (str_find_str(buf_str(&bytes), str_from(parts[i])) < 0)
			fail_msg("the layer lacks '%s'", parts[i]);
	image_end(&image);
}

static void a_damaged_blob_is_refused(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct image image;
	struct lock_base base;
	struct error *err = NULL;

	image_start(&image, *state);
	make_image(&image);
	find_base(&image, &arena, &base);
	struct digest_text text = digest_text(&base.layers[1].digest);
	auto_free char *path = path_printf("%s/blobs/sha256/%s", image.folder,
					   digest_hex(&text));
	struct base_source source = source_of(&image);

	assert_int_equal(fs_write_file(path, STR("other"), 0644, NULL), 0);
	assert_int_equal(base_pull(&source, &base, &err), -1);
	assert_error(&err, ERR_FLEET, "is damaged: its bytes have");
	assert_true(store_has(image.store, &base.layers[0].digest));
	assert_false(store_has(image.store, &base.layers[1].digest));
	image_end(&image);
}

static void keys_follow_what_the_layer_is_made_of(void **state)
{
	struct lock_image_layer layers[] = {{.diff_id = digest_of(STR("1"))}};
	struct lock_base base = {.layers = layers,
				 .layer_count = 1,
				 .interpreter = STR("/usr/bin/python3.10"),
				 .python = STR("3.10.1")};
	struct digest first = base_layer_key(&base), other;

	(void)state;
	base.python = STR("3.10.2");
	other = base_layer_key(&base);
	assert_false(digest_eq(&first, &other));
	base.python = STR("3.10.1");
	layers[0].diff_id = digest_of(STR("2"));
	other = base_layer_key(&base);
	assert_false(digest_eq(&first, &other));
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_layout_is_found_and_unpacked),
		TEST(the_layer_on_top_has_venv_and_user),
		TEST(a_damaged_blob_is_refused),
		cmocka_unit_test(keys_follow_what_the_layer_is_made_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
