/* store_gc: what it takes, what it leaves, whom it waits for. */
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "store_fleet.h"

enum { DAY_S = 86400 };

/* A store with two images, one blob that neither needs, a wheel, a tree, and a
 * result that is the blob's digest. */
static struct store *built_store(const char *path)
{
	struct error *error = NULL;

	if (fleet_build(path, &error))
		fail_msg("%s", err_message(error));
	return open_store(path);
}

static struct store_gc_report gc(struct store *store,
				 struct store_gc_options options)
{
	struct store_gc_report report;
	struct error *error = NULL;

	if (store_gc(store, &options, &report, &error))
		fail_msg("%s", err_message(error));
	return report;
}

static bool result_is_digest(struct str value, struct digest *blob)
{
	return digest_parse(value, blob);
}

static bool has_result(struct store *store)
{
	struct digest key = digest_of(STR("key"));
	auto_buf struct buf value = BUF_EMPTY;

	return store_action_get(store, &key, &value);
}

static bool has_tree(struct store *store)
{
	struct digest key = digest_of(STR("tree"));
	auto_free char *path = store_tree_path(store, &key);

	return path;
}

static bool has_wheel(struct store *store)
{
	struct digest wheel = digest_of(STR("the bytes of a wheel"));

	return store_download_has(store, &wheel);
}

static void set_age(const char *path, time_t age_s)
{
	struct timespec times[2] = {{.tv_sec = time(NULL) - age_s},
				    {.tv_sec = time(NULL) - age_s}};

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void age_wheel(struct store *store, time_t age_s)
{
	struct digest wheel = digest_of(STR("the bytes of a wheel"));
	auto_free char *path = store_download_path(store, &wheel);

	set_age(path, age_s);
}

static void assert_images_are_whole(struct store *store, uint64_t count)
{
	auto_store_report struct store_report report = STORE_REPORT_EMPTY;
	struct error *error = NULL;

	if (store_verify(store, false, 1, &report, &error))
		fail_msg("%s", err_message(error));
	assert_int_equal(report.problems.n, 0);
	assert_int_equal(report.images, count);
}

static void only_what_no_image_needs_goes(void **state)
{
	struct store *store = built_store(*state);
	struct store_gc_report report = gc(
		store, (struct store_gc_options){.output = result_is_digest});

	assert_int_equal(report.images, 2);
	assert_int_equal(report.blobs.count, 1);
	assert_int_equal(report.blobs.bytes, 15000);
	assert_int_equal(report.results, 1);
	assert_true(report.bytes_before - report.bytes_after > 14000);
	assert_false(has_result(store));
	assert_true(has_wheel(store) && has_tree(store));
	assert_images_are_whole(store, 2);
	/* An image that is taken off the list is no longer kept, but for what
	 * the other needs too: the config. */
	struct str two = STR("two");

	assert_int_equal(store_images_remove(store, &two, 1, NULL), 0);
	report = gc(store, (struct store_gc_options){0});
	assert_int_equal(report.blobs.count, 2);
	assert_images_are_whole(store, 1);
	store_close(store);
}

static void a_result_stays_with_its_blob(void **state)
{
	struct store *store = built_store(*state);
	struct store_gc_options young = {.older_than_s = DAY_S,
					 .output = result_is_digest};
	struct store_gc_report report = gc(store, young);

	assert_int_equal(report.blobs.count, 0);
	assert_int_equal(report.results, 0);
	assert_true(has_result(store));
	store_close(store);
}

static void a_dry_run_removes_nothing(void **state)
{
	struct store *store = built_store(*state);
	struct store_gc_options options = {.all = true, .dry_run = true};
	struct store_gc_report planned = gc(store, options);

	assert_true(has_result(store) && has_wheel(store) && has_tree(store));
	options.dry_run = false;
	struct store_gc_report done = gc(store, options);

	assert_int_equal(planned.blobs.bytes, done.blobs.bytes);
	assert_int_equal(planned.downloads.count, 1);
	assert_int_equal(done.downloads.count, 1);
	assert_int_equal(planned.trees.bytes, done.trees.bytes);
	assert_int_equal(planned.results, done.results);
	assert_false(has_result(store) || has_wheel(store) || has_tree(store));
	assert_images_are_whole(store, 2);
	store_close(store);
}

static void age_is_that_of_the_last_use(void **state)
{
	struct store *store = built_store(*state);
	struct store_gc_options old = {.older_than_s = 2 * DAY_S};

	age_wheel(store, 3 * DAY_S);
	assert_true(has_wheel(store)); /* which is a use */
	assert_int_equal(gc(store, old).downloads.count, 0);
	age_wheel(store, 3 * DAY_S);
	struct store_gc_options kept = {.older_than_s = 2 * DAY_S,
					.keep_files = true};

	assert_int_equal(gc(store, kept).downloads.count, 0);
	struct store_gc_report report = gc(store, old);

	assert_int_equal(report.downloads.count, 1);
	assert_int_equal(report.trees.count, 0);
	assert_true(has_tree(store));
	store_close(store);
}

static void a_bound_takes_the_least_recently_used(void **state)
{
	struct store *store = built_store(*state);
	struct store_gc_report now = gc(store, (struct store_gc_options){0});
	struct store_gc_options bound = {.max_bytes = now.bytes_after - 1};

	age_wheel(store, DAY_S);
	struct store_gc_report report = gc(store, bound);

	assert_int_equal(report.downloads.count, 1);
	assert_int_equal(report.trees.count, 0);
	bound.max_bytes = 1;
	report = gc(store, bound);
	assert_int_equal(report.trees.count, 1);
	assert_true(report.bytes_after > 1); /* what is kept is kept */
	assert_images_are_whole(store, 2);
	store_close(store);
}

static void a_broken_image_stops_it(void **state)
{
	struct store *store = built_store(*state);
	struct digest layer = digest_of(STR("layer 1"));
	auto_free char *path = store_blob_path(store, &layer);
	struct store_gc_options options = {.all = true};
	struct store_gc_report report;
	struct error *error = NULL;

	assert_int_equal(unlink(path), 0);
	assert_int_equal(store_gc(store, &options, &report, &error), -1);
	assert_has(err_hint_text(error), "verify --remove");
	assert_error(error, "image 'one' is not whole");
	assert_true(has_result(store) && has_wheel(store));
	store_close(store);
}

/* A child that has the store open for a while, and leaves a blob that it has
 * not listed before it is done. */
static pid_t slow_builder(const char *path)
{
	int told[2];
	char byte;

	assert_int_equal(pipe2(told, O_CLOEXEC), 0);
	pid_t child = fork();

	if (child == 0) {
		struct store *own = NULL;
		struct store_image image;

		if (store_open(path, &own, NULL) ||
		    fleet_image(own, "slow", STR("slow layer"), &image, NULL) ||
		    write(told[1], "o", 1) != 1)
			_exit(1);
		usleep(300000);
		_exit(store_images_put(own, &image, 1, NULL) ? 2 : 0);
	}
	assert_int_equal(read(told[0], &byte, 1), 1);
	close(told[0]);
	close(told[1]);
	return child;
}

static void it_waits_for_builders(void **state)
{
	struct store *store = built_store(*state);
	pid_t child = slow_builder(*state);
	struct store_gc_report report =
		gc(store, (struct store_gc_options){.all = true});
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(report.images, 3);
	assert_images_are_whole(store, 3);
	store_close(store);
}

/* Builders without a pause between them do not hold it off. */
static void it_gets_its_turn(void **state)
{
	struct store *store = built_store(*state);
	pid_t children[3];

	for (size_t i = 0; i < 3; i++) {
		children[i] = fork();
		if (children[i])
			continue;
		for (time_t end = time(NULL) + 4; time(NULL) < end;) {
			struct store *own = NULL;

			if (store_open(*state, &own, NULL))
				_exit(1);
			usleep(30000);
			store_close(own);
		}
		_exit(0);
	}
	time_t began = time(NULL);

	for (size_t i = 0; i < 5; i++)
		gc(store, (struct store_gc_options){0});
	assert_true(time(NULL) - began <= 2);
	for (size_t i = 0; i < 3; i++) {
		int status;

		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_what_no_image_needs_goes),
		TEST(a_result_stays_with_its_blob),
		TEST(a_dry_run_removes_nothing),
		TEST(age_is_that_of_the_last_use),
		TEST(a_bound_takes_the_least_recently_used),
		TEST(a_broken_image_stops_it),
		TEST(it_waits_for_builders),
		TEST(it_gets_its_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
