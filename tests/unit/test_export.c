/* export: which blobs images are made of, and the bytes of an archive. */
#include <fcntl.h>
#include <unistd.h>

#include "test.h"

#include "base/fs.h"
#include "decisions/image.h"
#include "work/export.h"

/* Puts an image of these layers into the store; the DiffID of a layer is the
 * digest of its bytes and "+". names ends in NULL. */
static void put_image(struct store *store, const char *reference,
		      const char *const *layers, struct store_image *image)
{
	auto_buf struct buf config = BUF_EMPTY, manifest = BUF_EMPTY;
	struct digest digest;
	struct error *err = NULL;

	buf_append_text(&config, "{\"rootfs\":{\"diff_ids\":[");
	for (size_t i = 0; layers[i]; i++) {
		auto_free char *raw = path_printf("%s+", layers[i]);

		digest = digest_of(str_from(raw));
		buf_printf(&config, "%s\"%s\"", i ? "," : "",
			   digest_text(&digest).p);
	}
	buf_append_text(&config, "]}}");
	assert_done(store_put_bytes(store, buf_str(&config), &digest, &err),
		    err);
	buf_printf(&manifest,
		   "{\"config\":{\"digest\":\"%s\",\"size\":%zu},\"layers\":[",
		   digest_text(&digest).p, config.n);
	for (size_t i = 0; layers[i]; i++) {
		assert_done(store_put_bytes(store, str_from(layers[i]), &digest,
					    &err),
			    err);
		buf_printf(&manifest, "%s{\"digest\":\"%s\",\"size\":%zu}",
			   i ? "," : "", digest_text(&digest).p,
			   strlen(layers[i]));
	}
	buf_append_text(&manifest, "]}");
	*image = (struct store_image){
		.reference = str_from(reference),
		.size_bytes = manifest.n,
		.os = STR("linux"),
		.architecture = STR("amd64"),
	};
	assert_done(store_put_bytes(store, buf_str(&manifest), &image->digest,
				    &err),
		    err);
}

#define LAYERS(...) ((const char *const[]){__VA_ARGS__, NULL})

struct scene {
	char *store_path, *out;
	struct store *store;
	struct store_image images[2];
	struct export export;
};

static void scene_open(struct scene *scene, const char *folder)
{
	struct error *err = NULL;

	*scene = (struct scene){
		.store_path = path_join(folder, "store"),
		.out = path_join(folder, "out"),
	};
	assert_done(store_open(scene->store_path, &scene->store, &err), err);
	put_image(scene->store, "one:1", LAYERS("base", "wheels", "own"),
		  &scene->images[0]);
	put_image(scene->store, "host.test:5000/two:1",
		  LAYERS("base", "wheels", "two", "own"), &scene->images[1]);
	assert_done(export_open(&scene->export, scene->store, scene->images, 2,
				&err),
		    err);
}

static void scene_close(struct scene *scene)
{
	export_release(&scene->export);
	store_close(scene->store);
	free(scene->store_path);
	free(scene->out);
}
#define auto_scene __attribute__((cleanup(scene_close)))

static void each_blob_stands_once(void **state)
{
	auto_scene struct scene scene;

	scene_open(&scene, *state);
	const struct export_image *one = &scene.export.images[0];
	const struct export_image *two = &scene.export.images[1];

	/* four layers, two configs, two manifests */
	assert_int_equal(scene.export.blobs.n, 8);
	for (size_t i = 1; i < scene.export.blobs.n; i++)
		assert_true(memcmp(scene.export.blobs.p[i - 1].digest.bytes,
				   scene.export.blobs.p[i].digest.bytes,
				   DIGEST_BYTES) < 0);
	assert_int_equal(one->layers[1].blob, two->layers[1].blob);
	assert_int_equal(one->layers[2].blob, two->layers[3].blob);
	assert_int_equal(scene.export.blobs.p[one->layers[1].blob].bytes, 6);
}

static void chain_ids_name_stacks(void **state)
{
	auto_scene struct scene scene;
	struct digest base = digest_of(STR("base+"));
	struct digest wheels = digest_of(STR("wheels+"));

	scene_open(&scene, *state);
	const struct export_layer *one = scene.export.images[0].layers;
	const struct export_layer *two = scene.export.images[1].layers;
	struct digest both = image_chain_id(&base, &wheels);

	assert_true(digest_eq(&one[0].chain_id, &base));
	assert_true(digest_eq(&one[1].chain_id, &both));
	assert_true(digest_eq(&two[1].chain_id, &both));
	assert_false(digest_eq(&one[2].chain_id, &two[3].chain_id));
}

/* The archive's bytes. */
static void archive(const struct scene *scene, struct buf *bytes)
{
	struct error *err = NULL;

	assert_done(export_file(&scene->export, scene->out, &err), err);
	assert_done(fs_read(scene->out, 1 << 20, bytes, &err), err);
}

/* Changes only with the format: blobs, both indexes, headers. */
static const char golden[] =
	"sha256:"
	"5054ae90ddcc35e262617575b957690e184cf6dcc1a5b0f397e2d9837426ffbf";

static void the_same_images_give_the_same_bytes(void **state)
{
	auto_scene struct scene scene;
	auto_buf struct buf first = BUF_EMPTY, second = BUF_EMPTY;

	scene_open(&scene, *state);
	archive(&scene, &first);
	archive(&scene, &second);
	assert_true(str_eq(buf_str(&first), buf_str(&second)));
	struct digest digest = digest_of(buf_str(&first));

	assert_string_equal(digest_text(&digest).p, golden);
	assert_true(str_find_str(buf_str(&first),
				 STR("docker.io/library/one:1")) > 0);
	assert_true(str_find_str(buf_str(&first),
				 STR("\"host.test:5000/two:1\"")) > 0);
}

static void what_is_left_out_is_named_still(void **state)
{
	auto_scene struct scene scene;
	auto_buf struct buf whole = BUF_EMPTY, part = BUF_EMPTY;

	scene_open(&scene, *state);
	struct export_blob *blob =
		&scene.export.blobs.p[scene.export.images[0].layers[1].blob];
	uint64_t bytes = export_bytes(&scene.export);
	auto_free char *entry = path_printf("blobs/sha256/%s",
					    digest_text(&blob->digest).p + 7);
	auto_free char *named = path_printf("\"%s\"", entry);

	archive(&scene, &whole);
	blob->left_out = true;
	archive(&scene, &part);
	assert_int_equal(export_bytes(&scene.export), bytes - blob->bytes);
	assert_int_equal(whole.n - part.n, 1024); /* header and block */
	assert_true(str_find_str(buf_str(&part), str_from(named)) > 0);
}

static void what_is_damaged_is_refused(void **state)
{
	auto_scene struct scene scene;
	auto_export struct export export = {0};
	struct error *err = NULL;

	scene_open(&scene, *state);
	auto_free char *path = store_blob_path(
		scene.store,
		&scene.export.blobs.p[scene.export.images[0].layers[1].blob]
			 .digest);

	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(truncate(path, 2), 0);
	assert_int_equal(export_file(&scene.export, scene.out, &err), -1);
	assert_error(&err, ERR_ENV, "is shorter than it was");
	assert_false(fs_exists(scene.out));
	assert_int_equal(unlink(path), 0);
	auto_free char *config = store_blob_path(
		scene.store,
		&scene.export.blobs.p[scene.export.images[0].config].digest);

	assert_int_equal(unlink(config), 0);
	assert_int_equal(
		export_open(&export, scene.store, scene.images, 1, &err), -1);
	assert_error(&err, ERR_ENV, "is not in the store");
}

struct maker {
	struct store *store;
	const char *bytes; /* of the blob that it makes; NULL: none */
	size_t asked;
};

static int make(void *context, const struct digest *digests, size_t n,
		struct error **err)
{
	struct maker *maker = context;

	(void)digests;
	maker->asked += n;
	return maker->bytes ? store_put_bytes(maker->store,
					      str_from(maker->bytes), NULL, err)
			    : 0;
}

static void an_absent_layer_is_made_when_it_is_needed(void **state)
{
	auto_scene struct scene scene;
	auto_export struct export export = {0};
	struct error *err = NULL;
	struct maker maker = {.store = NULL};
	struct digest digest = digest_of(STR("wheels"));

	scene_open(&scene, *state);
	auto_free char *path = store_blob_path(scene.store, &digest);

	assert_int_equal(unlink(path), 0);
	assert_done(export_open(&export, scene.store, scene.images, 2, &err),
		    err);
	size_t blob = export.images[0].layers[1].blob;

	assert_true(export.blobs.p[blob].absent);
	assert_int_equal(export.blobs.p[blob].bytes, 6);
	assert_int_equal(export_bytes(&export), export_bytes(&scene.export));
	assert_int_equal(export_complete(&export, &err), -1);
	assert_error(&err, ERR_ENV, "is not in the store");
	maker.store = scene.store;
	export.maker = (struct export_maker){make, &maker};
	assert_int_equal(export_complete(&export, &err), -1);
	assert_error(&err, ERR_ENV, "is not in the store");
	export.blobs.p[blob].left_out = true;
	assert_done(export_complete(&export, &err), err);
	assert_int_equal(maker.asked, 1);
	export.blobs.p[blob].left_out = false;
	maker.bytes = "wheels";
	assert_done(export_complete(&export, &err), err);
	assert_int_equal(maker.asked, 2);
	assert_done(export_file(&export, scene.out, &err), err);
}

static void documents_have_to_agree(void **state)
{
	auto_scene struct scene scene;
	auto_export struct export export = {0};
	struct error *err = NULL;
	auto_buf struct buf manifest = BUF_EMPTY;
	struct store_image image = {.reference = STR("lies:1")};

	scene_open(&scene, *state);
	assert_done(store_read(scene.store, &scene.images[0].digest, 1 << 20,
			       &manifest, &err),
		    err);
	/* the same config with one layer less */
	ptrdiff_t last = str_rfind(buf_str(&manifest), ',');

	while (manifest.p[--last] != ',')
		;
	manifest.n = (size_t)last;
	buf_append_text(&manifest, "]}");
	assert_done(store_put_bytes(scene.store, buf_str(&manifest),
				    &image.digest, &err),
		    err);
	assert_int_equal(export_open(&export, scene.store, &image, 1, &err),
			 -1);
	assert_error(&err, ERR_ENV, "disagree about its layers");
}

static void a_folder_is_new_or_empty(void **state)
{
	auto_scene struct scene scene;
	struct error *err = NULL;

	scene_open(&scene, *state);
	assert_done(fs_make_dirs(scene.out, 0755, &err), err);
	assert_done(export_folder(&scene.export, scene.out, &err), err);
	auto_free char *index = path_join(scene.out, "index.json");

	assert_true(fs_exists(index));
	assert_int_equal(export_folder(&scene.export, scene.out, &err), -1);
	assert_error(&err, ERR_USAGE, "not as an empty folder");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_in_folder(each_blob_stands_once),
		test_in_folder(chain_ids_name_stacks),
		test_in_folder(the_same_images_give_the_same_bytes),
		test_in_folder(what_is_left_out_is_named_still),
		test_in_folder(what_is_damaged_is_refused),
		test_in_folder(an_absent_layer_is_made_when_it_is_needed),
		test_in_folder(documents_have_to_agree),
		test_in_folder(a_folder_is_new_or_empty),
	};

	return cmocka_run_group_tests_name("export", tests, NULL, NULL);
}
