/* recipe: a file comes back byte for byte of a blob that has parts of it; a
 * damaged recipe gives an error or another digest, and bounded work. */
#include "test.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "parts/recipe.h"

enum { FILE_BYTES = 8000, PIECE_BYTES = 3500 };

/* The blob has two pieces of the file, in the other order. */
static struct recipe_span pieces[] = {{100, 3600, PIECE_BYTES},
				      {4000, 10, PIECE_BYTES}};

struct scene {
	int file, blob;
	char bytes[FILE_BYTES];
	struct digest digest, blob_digest;
	struct buf recipe;
};

static int memory_file(const char *p, size_t n)
{
	int fd = memfd_create("recipe", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	return fd;
}

static int make(struct scene *scene, uint64_t size_bytes, size_t count)
{
	struct recipe_spans spans = {pieces, count, count};
	struct error *err = NULL;
	int result = recipe_make(scene->file, size_bytes, &scene->blob_digest,
				 &spans, &scene->recipe, &err);

	assert_null(err);
	return result;
}

static int begin(void **state)
{
	struct scene *scene = mem_zalloc(1, sizeof *scene);
	char blob[FILE_BYTES] = {0};

	*state = scene;
	for (unsigned i = 0; i < FILE_BYTES; i++)
		scene->bytes[i] = (char)(i * i * 2654435761u >> 24);
	for (size_t i = 0; i < 2; i++)
		memcpy(blob + pieces[i].blob_offset,
		       scene->bytes + pieces[i].file_offset, PIECE_BYTES);
	scene->file = memory_file(scene->bytes, FILE_BYTES);
	scene->blob = memory_file(blob, FILE_BYTES);
	scene->digest = digest_of(str_of(scene->bytes, FILE_BYTES));
	scene->blob_digest = digest_of(str_of(blob, FILE_BYTES));
	return 0;
}

static int end(void **state)
{
	struct scene *scene = *state;

	close(scene->file);
	close(scene->blob);
	buf_release(&scene->recipe);
	free(scene);
	return 0;
}

/* Does it give the file? */
static bool gives(const struct scene *scene, struct str recipe)
{
	auto_err struct error *error = NULL;
	auto_close int fd = memory_file("", 0);
	struct digest found;

	if (recipe_follow(recipe, scene->blob, fd, &found, &error)) {
		assert_non_null(error);
		return false;
	}
	char made[FILE_BYTES];
	ssize_t n = pread(fd, made, FILE_BYTES, 0);
	struct digest digest = digest_of(str_of(made, (size_t)n));

	assert_true(digest_eq(&digest, &found));
	return digest_eq(&found, &scene->digest);
}

static void a_file_comes_back(void **state)
{
	struct scene *scene = *state;
	struct digest blob;

	assert_int_equal(make(scene, FILE_BYTES, 2), 0);
	assert_true(recipe_blob(buf_str(&scene->recipe), &blob));
	assert_true(digest_eq(&blob, &scene->blob_digest));
	assert_true(gives(scene, buf_str(&scene->recipe)));
}

static void too_little_in_common_is_no_recipe(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(make(scene, FILE_BYTES, 1), 1);
	assert_int_equal(make(scene, FILE_BYTES, 0), 1);
	assert_int_equal(scene->recipe.n, 0);
}

static void a_damaged_recipe_gives_no_file(void **state)
{
	struct scene *scene = *state;
	struct digest blob;

	assert_int_equal(make(scene, FILE_BYTES, 2), 0);
	struct str good = buf_str(&scene->recipe);

	for (size_t n = 0; n < good.n; n++)
		assert_false(gives(scene, str_slice(good, 0, n)));
	assert_false(recipe_blob(str_slice(good, 0, 60), &blob));
	for (size_t i = 0; i < good.n; i++) {
		auto_buf struct buf bad = BUF_EMPTY;

		buf_append(&bad, good);
		bad.p[i] = (char)(bad.p[i] ^ 0x81);
		/* Which blob is meant is for the caller. */
		bool names_blob = i >= 16 && i < 16 + sizeof blob;

		assert_int_equal(gives(scene, buf_str(&bad)), names_blob);
	}
}

static void a_shorter_blob_is_an_error(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(make(scene, FILE_BYTES, 2), 0);
	assert_int_equal(ftruncate(scene->blob, FILE_BYTES - 1000), 0);
	assert_false(gives(scene, buf_str(&scene->recipe)));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_comes_back),
		TEST(too_little_in_common_is_no_recipe),
		TEST(a_damaged_recipe_gives_no_file),
		TEST(a_shorter_blob_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
