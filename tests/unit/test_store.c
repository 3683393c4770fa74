/* store: what comes back out, what is refused, what verify sees, and several
 * threads and processes at once. */
#include <sys/wait.h>

#include "base/pool.h"
#include "store_fleet.h"

static void read_file(const char *folder, const char *name, struct buf *out)
{
	auto_free char *path = path_join(folder, name);

	MUST(fs_read(path, 1 << 20, out, &problem));
}

static void blobs_come_back(void **state)
{
	struct store *store = open_store(*state);
	struct digest digest, absent = digest_of(STR("absent"));
	struct error *error = NULL;
	auto_buf struct buf out = BUF_EMPTY;
	uint64_t size_bytes;

	MUST(store_put_bytes(store, STR("hello"), &digest, &problem));
	assert_string_equal(
		digest_text(&digest).p,
		"sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7"
		"425e73043362938b9824");
	assert_true(store_has(store, &digest));
	assert_int_equal(store_blob_size(store, &digest, &size_bytes), 0);
	assert_int_equal(size_bytes, 5);
	MUST(store_read(store, &digest, 5, &out, &problem));
	assert_true(str_eq(buf_str(&out), STR("hello")));
	assert_int_equal(store_read(store, &digest, 4, &out, &error), -1);
	assert_error(error, "larger than 4 B");
	error = NULL;
	assert_false(store_has(store, &absent));
	assert_int_equal(store_read(store, &absent, 4, &out, &error), -1);
	assert_error(error, "No such file");
	MUST(store_put_bytes(store, STR(""), &digest, &problem));
	MUST(store_read(store, &digest, 0, &out, &problem));
	assert_int_equal(out.n, 5);
	store_close(store);
}

static void abandoned_writers_leave_nothing(void **state)
{
	struct store *store = open_store(*state);
	auto_free char *folder = path_join(*state, "tmp");
	auto_names struct fs_names names = ARRAY_EMPTY;
	struct store_writer writer = STORE_WRITER_EMPTY;
	struct store_tree tree = STORE_TREE_EMPTY;

	MUST(store_begin(store, &writer, &problem));
	MUST(store_tree_begin(store, &tree, &problem));
	/* A second process that opens the store takes neither for litter. */
	store_close(open_store(*state));
	MUST(fs_list(folder, &names, &problem));
	assert_int_equal(names.n, 2);
	store_abort(&writer);
	store_abort(&writer);
	store_tree_abort(&tree);
	fs_names_release(&names);
	MUST(fs_list(folder, &names, &problem));
	assert_int_equal(names.n, 0);
	store_close(store);
}

static void what_the_dead_left_is_removed(void **state)
{
	struct store *store = open_store(*state);
	auto_free char *folder = path_join(*state, "tmp");
	auto_names struct fs_names names = ARRAY_EMPTY;
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct store_writer writer = STORE_WRITER_EMPTY;
		struct store_tree tree = STORE_TREE_EMPTY;

		if (store_begin(store, &writer, NULL) ||
		    store_tree_begin(store, &tree, NULL))
			_exit(1);
		write_file(tree.folder, "file", "text");
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	MUST(fs_list(folder, &names, &problem));
	assert_int_equal(names.n, 2);
	fs_names_release(&names);
	store_close(open_store(*state));
	MUST(fs_list(folder, &names, &problem));
	assert_int_equal(names.n, 0);
	store_close(store);
}

static void files_do_not_depend_on_the_umask(void **state)
{
	mode_t old = umask(077);
	struct store *store = open_store(*state);
	struct digest digest;
	struct stat info;

	MUST(store_put_bytes(store, STR("bytes"), &digest, &problem));
	umask(old);
	auto_free char *blob = store_blob_path(store, &digest);
	auto_free char *index = path_join(*state, "index.json");

	assert_int_equal(stat(blob, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0644);
	assert_int_equal(stat(index, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0644);
	store_close(store);
}

static void actions_are_remembered(void **state)
{
	struct store *store = open_store(*state);
	struct digest key = digest_of(STR("key"));
	auto_buf struct buf value = BUF_EMPTY;
	struct str binary = str_of("a\0b", 3);
	struct error *error = NULL;

	assert_false(store_action_get(store, &key, &value));
	MUST(store_action_put(store, &key, STR("old"), &problem));
	MUST(store_action_put(store, &key, binary, &problem));
	store_close(store);
	store = open_store(*state);
	assert_true(store_action_get(store, &key, &value));
	assert_true(str_eq(buf_str(&value), binary));
	MUST(store_action_put(store, &key, STR(""), &problem));
	buf_clear(&value);
	assert_true(store_action_get(store, &key, &value));
	assert_int_equal(value.n, 0);
	auto_free char *large = mem_zalloc(1, STORE_ACTION_MAX_BYTES + 1);

	assert_int_equal(
		store_action_put(store, &key,
				 str_of(large, STORE_ACTION_MAX_BYTES + 1),
				 &error),
		-1);
	assert_error(error, "too large");
	store_close(store);
}

static void downloads_are_resumed(void **state)
{
	struct store *store = open_store(*state);
	struct str whole = STR("0123456789");
	struct digest digest = digest_of(whole);
	struct store_partial partial = STORE_PARTIAL_EMPTY;
	auto_buf struct buf out = BUF_EMPTY;

	assert_int_equal(store_partial_begin(store, &digest, STORE_DOWNLOAD,
					     &partial, NULL),
			 0);
	assert_int_equal(partial.size_bytes, 0);
	MUST(fs_write_all(partial.fd, str_slice(whole, 0, 4), "p", &problem));
	store_partial_release(&partial);
	assert_false(store_download_has(store, &digest));
	assert_int_equal(store_partial_begin(store, &digest, STORE_DOWNLOAD,
					     &partial, NULL),
			 0);
	assert_int_equal(partial.size_bytes, 4);
	MUST(fs_write_all(partial.fd, str_slice(whole, 4, 10), "p", &problem));
	MUST(store_partial_commit(store, &partial, STORE_DOWNLOAD, &problem));
	assert_true(store_download_has(store, &digest));
	assert_false(store_has(store, &digest));
	auto_free char *path = store_download_path(store, &digest);

	MUST(fs_read(path, 100, &out, &problem));
	assert_true(str_eq(buf_str(&out), whole));
	assert_int_equal(store_partial_begin(store, &digest, STORE_DOWNLOAD,
					     &partial, NULL),
			 1);
	assert_int_equal(
		store_partial_begin(store, &digest, STORE_BLOB, &partial, NULL),
		0);
	MUST(fs_write_all(partial.fd, whole, "p", &problem));
	MUST(store_partial_commit(store, &partial, STORE_BLOB, &problem));
	assert_true(store_has(store, &digest));
	store_close(store);
}

static void the_second_of_two_downloaders_waits(void **state)
{
	struct store *store = open_store(*state);
	struct digest digest = digest_of(STR("the bytes of a wheel"));
	struct store_partial partial = STORE_PARTIAL_EMPTY;
	int status, ready[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(store_partial_begin(store, &digest, STORE_DOWNLOAD,
					     &partial, NULL),
			 0);
	pid_t child = fork();

	if (child == 0) {
		struct store *own = NULL;
		struct store_partial second = STORE_PARTIAL_EMPTY;

		/* The fork's copy of the lock must not outlive the parent's. */
		close(partial.fd);
		if (store_open(*state, &own, NULL) ||
		    write(ready[1], "r", 1) != 1)
			_exit(2);
		_exit(store_partial_begin(own, &digest, STORE_DOWNLOAD, &second,
					  NULL) == 1
			      ? 0
			      : 1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(waitpid(child, &status, WNOHANG), 0);
	MUST(fs_write_all(partial.fd, STR("the bytes of a wheel"), "p",
			  &problem));
	MUST(store_partial_commit(store, &partial, STORE_DOWNLOAD, &problem));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(ready[0]);
	close(ready[1]);
	store_close(store);
}

static void images_are_listed_in_order(void **state)
{
	struct store *store = open_store(*state);
	struct store_annotation annotation = {STR("org.example.key"),
					      STR("value")};
	struct store_image images[2];
	auto_store_image_list struct store_image_list list =
		STORE_IMAGE_LIST_EMPTY;
	auto_buf struct buf first = BUF_EMPTY, again = BUF_EMPTY;

	MUST(fleet_image(store, "b", STR("layer b"), &images[0], &problem));
	MUST(fleet_image(store, "a", STR("layer a"), &images[1], &problem));
	images[1].annotations = &annotation;
	images[1].annotation_count = 1;
	MUST(store_images_put(store, images, 2, &problem));
	read_file(*state, "index.json", &first);
	MUST(store_images(store, &list, &problem));
	assert_int_equal(list.n, 2);
	assert_true(str_eq(list.p[0].reference, STR("a")));
	assert_true(str_eq(list.p[0].architecture, STR("amd64")));
	assert_int_equal(list.p[0].annotation_count, 1);
	assert_true(str_eq(list.p[0].annotations[0].value, STR("value")));
	assert_true(digest_eq(&list.p[1].digest, &images[0].digest));
	/* The other order, one by one: the same bytes. */
	MUST(store_images_put(store, &images[1], 1, &problem));
	MUST(store_images_put(store, &images[0], 1, &problem));
	read_file(*state, "index.json", &again);
	assert_true(str_eq(buf_str(&first), buf_str(&again)));
	MUST(store_images_remove(store, &images[1].reference, 1, &problem));
	store_image_list_release(&list);
	MUST(store_images(store, &list, &problem));
	assert_int_equal(list.n, 1);
	store_close(store);
}

static void an_image_without_its_layer_is_refused(void **state)
{
	struct store *store = open_store(*state);
	struct digest layer = digest_of(STR("layer"));
	struct store_image image;
	struct error *error = NULL;
	auto_buf struct buf before = BUF_EMPTY, after = BUF_EMPTY;

	MUST(fleet_image(store, "whole", STR("other"), &image, &problem));
	MUST(store_images_put(store, &image, 1, &problem));
	read_file(*state, "index.json", &before);
	MUST(fleet_image(store, "broken", STR("layer"), &image, &problem));
	auto_free char *path = store_blob_path(store, &layer);

	assert_int_equal(truncate(path, 3), 0);
	assert_int_equal(store_images_put(store, &image, 1, &error), -1);
	assert_error(error, "image 'broken' is not whole: sha256:");
	error = NULL;
	assert_int_equal(unlink(path), 0);
	assert_int_equal(store_images_put(store, &image, 1, &error), -1);
	assert_error(error, "is not in the store");
	read_file(*state, "index.json", &after);
	assert_true(str_eq(buf_str(&before), buf_str(&after)));
	store_close(store);
}

static void a_truncated_blob_is_replaced(void **state)
{
	struct store *store = open_store(*state);
	struct digest digest;
	auto_buf struct buf out = BUF_EMPTY;

	MUST(store_put_bytes(store, STR("bytes"), &digest, &problem));
	auto_free char *path = store_blob_path(store, &digest);

	assert_int_equal(truncate(path, 2), 0);
	MUST(store_put_bytes(store, STR("bytes"), &digest, &problem));
	MUST(store_read(store, &digest, 5, &out, &problem));
	store_close(store);
}

/* -- what is refused -- */

static void other_folders_are_refused(void **state)
{
	struct store *store = NULL;
	struct error *error = NULL;
	auto_names struct fs_names names = ARRAY_EMPTY;

	write_file(*state, "thesis.txt", "years of work");
	assert_int_equal(store_open(*state, &store, &error), -1);
	assert_int_equal(err_class(error), ERR_USAGE);
	assert_error(error, "it holds 'thesis.txt'");
	MUST(fs_list(*state, &names, &problem));
	assert_int_equal(names.n, 1);
}

static void other_layouts_are_refused(void **state)
{
	struct store *store = NULL;
	struct error *error = NULL;

	write_file(*state, "oci-layout", "{\"imageLayoutVersion\":\"2.0\"}");
	assert_int_equal(store_open(*state, &store, &error), -1);
	assert_error(error, "not an OCI image layout of version 1.0.0");
}

static void a_damaged_index_is_an_error(void **state)
{
	struct store *store = open_store(*state);
	struct error *error = NULL;
	auto_store_image_list struct store_image_list list =
		STORE_IMAGE_LIST_EMPTY;

	write_file(*state, "index.json", "{\"manifests\":");
	assert_int_equal(store_images(store, &list, &error), -1);
	assert_error(error, "index.json' line 1");
	error = NULL;
	write_file(*state, "index.json", "{}");
	assert_int_equal(store_images(store, &list, &error), -1);
	assert_error(error, "no list 'manifests'");
	store_close(store);
}

static void the_default_place_follows_the_environment(void **state)
{
	struct error *error = NULL;

	(void)state;
	setenv("SLIPWAY_STORE", "/s", 1);
	setenv("XDG_DATA_HOME", "/x", 1);
	setenv("HOME", "/h", 1);
	auto_free char *first = store_default_path(NULL);

	assert_string_equal(first, "/s");
	unsetenv("SLIPWAY_STORE");
	auto_free char *second = store_default_path(NULL);

	assert_string_equal(second, "/x/slipway");
	setenv("XDG_DATA_HOME", "relative", 1);
	auto_free char *third = store_default_path(NULL);

	assert_string_equal(third, "/h/.local/share/slipway");
	unsetenv("HOME");
	assert_null(store_default_path(&error));
	assert_error(error, "no place for the store");
}

/* -- upkeep -- */

static void verify_finds_and_removes(void **state)
{
	struct store *store;
	struct digest layer = digest_of(STR("layer 1"));
	struct digest wheel = digest_of(STR("the bytes of a wheel"));
	struct digest tree = digest_of(STR("tree"));
	auto_store_report struct store_report clean = STORE_REPORT_EMPTY;
	auto_store_report struct store_report found = STORE_REPORT_EMPTY;
	auto_store_report struct store_report after = STORE_REPORT_EMPTY;

	MUST(fleet_build(*state, &problem));
	store = open_store(*state);
	MUST(store_verify(store, false, 2, &clean, &problem));
	assert_int_equal(clean.problems.n, 0);
	assert_int_equal(clean.images, 2);
	assert_int_equal(clean.blobs, 6);
	assert_int_equal(clean.downloads, 1);
	assert_int_equal(clean.trees, 1);
	auto_free char *blob = store_blob_path(store, &layer);
	auto_free char *download = store_download_path(store, &wheel);
	auto_free char *folder = store_tree_path(store, &tree);

	MUST(fs_write_file(blob, STR("layer ?"), 0644, &problem));
	MUST(fs_write_file(download, STR("no wheel"), 0644, &problem));
	write_file(folder, "usr/file", "Content");
	write_file(*state, "blobs/sha256/README", "not a blob");
	MUST(store_verify(store, true, 2, &found, &problem));
	/* The layer is gone when the images are looked at, so one of them is
	 * not whole any more: five problems. */
	assert_int_equal(found.problems.n, 5);
	assert_non_null(
		strstr(found.problems.p[0].what, "its content has sha256:"));
	assert_string_equal(found.problems.p[1].path, "blobs/sha256/README");
	assert_string_equal(found.problems.p[1].what,
			    "its name is not a SHA-256 digest");
	assert_true(found.problems.p[1].removed);
	assert_string_equal(found.problems.p[3].path, "index.json");
	MUST(store_verify(store, false, 0, &after, &problem));
	assert_int_equal(after.problems.n, 0);
	assert_int_equal(after.images, 1);
	assert_null(store_tree_path(store, &tree));
	store_close(store);
	/* And the next build heals it. */
	MUST(fleet_build(*state, &problem));
	store = open_store(*state);
	store_report_release(&after);
	after = (struct store_report)STORE_REPORT_EMPTY;
	MUST(store_verify(store, false, 0, &after, &problem));
	assert_int_equal(after.problems.n, 0);
	assert_int_equal(after.images, 2);
	assert_int_equal(after.trees, 1);
	store_close(store);
}

static void verify_only_looks_unless_told(void **state)
{
	struct store *store;
	struct digest layer = digest_of(STR("layer 1"));
	auto_store_report struct store_report report = STORE_REPORT_EMPTY;

	MUST(fleet_build(*state, &problem));
	store = open_store(*state);
	auto_free char *blob = store_blob_path(store, &layer);

	MUST(fs_write_file(blob, STR("layer ?"), 0644, &problem));
	MUST(store_verify(store, false, 1, &report, &problem));
	assert_int_equal(report.problems.n, 1);
	assert_false(report.problems.p[0].removed);
	assert_true(store_has(store, &layer));
	store_close(store);
}

static void du_counts_by_kind(void **state)
{
	struct store *store;
	struct store_usage usage;
	struct digest digest;
	struct store_partial partial = STORE_PARTIAL_EMPTY;

	MUST(fleet_build(*state, &problem));
	store = open_store(*state);
	MUST(store_put_bytes(store, STR("of no image"), NULL, &problem));
	digest = digest_of(STR("begun"));
	assert_int_equal(store_partial_begin(store, &digest, STORE_DOWNLOAD,
					     &partial, NULL),
			 0);
	MUST(fs_write_all(partial.fd, STR("beg"), "p", &problem));
	MUST(store_du(store, &usage, &problem));
	assert_int_equal(usage.blobs.count, 7);
	assert_int_equal(usage.image_blobs.count, 5);
	assert_int_equal(usage.blobs.bytes,
			 usage.image_blobs.bytes + 15000 + 11);
	assert_int_equal(usage.downloads.bytes, 20);
	assert_int_equal(usage.partial.bytes, 3);
	assert_int_equal(usage.trees.count, 1);
	assert_int_equal(usage.trees.bytes, 7);
	assert_int_equal(usage.temporary.count, 0);
	assert_true(usage.database.bytes > 4096);
	store_partial_release(&partial);
	store_close(store);
}

/* -- several at once -- */

enum { TASKS = 16, ROUNDS = 40 };

struct share {
	struct store *store;
	unsigned number;
};

static int use_store(void *argument, struct error **err)
{
	struct share *share = argument;

	for (unsigned i = 0; i < ROUNDS; i++) {
		/* Half of the blobs are made by every task. */
		auto_free char *text = path_printf("blob %u of %u", i,
						   i % 2 ? share->number : 0);
		struct digest digest;
		auto_buf struct buf value = BUF_EMPTY;

		if (store_put_bytes(share->store, str_from(text), &digest,
				    err) ||
		    store_action_put(share->store, &digest, str_from(text),
				     err))
			return -1;
		if (!store_action_get(share->store, &digest, &value) ||
		    !str_eq(buf_str(&value), str_from(text)))
			return err_make(err, ERR_ENV, "lost %s", text);
	}
	auto_free char *reference = path_printf("image %u", share->number);
	struct store_image image;

	return fleet_image(share->store, reference, str_from(reference), &image,
			   err) ||
	       store_images_put(share->store, &image, 1, err) ||
	       fleet_tree(share->store, err);
}

static int use_store_from_threads(const char *path, unsigned first,
				  struct error **err)
{
	struct share shares[TASKS];
	struct store *store = NULL;
	struct pool *pool = pool_new(4, 0);

	if (store_open(path, &store, err))
		return -1;
	for (unsigned i = 0; i < TASKS; i++) {
		shares[i] = (struct share){store, first + i};
		pool_add(pool, &(struct pool_task){.run = use_store,
						   .argument = &shares[i]});
	}
	int result = pool_run(pool);

	for (unsigned i = 0; result && i < TASKS; i++)
		if (pool_error(pool, i))
			err_make(err, ERR_ENV, "%s",
				 err_message(pool_error(pool, i)));
	pool_free(pool);
	store_close(store);
	return result;
}

static void processes_and_threads_share_a_store(void **state)
{
	auto_store_report struct store_report report = STORE_REPORT_EMPTY;
	pid_t children[3];

	for (unsigned i = 0; i < 3; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			struct error *error = NULL;

			if (use_store_from_threads(*state, i * TASKS, &error)) {
				fprintf(stderr, "%s\n", err_message(error));
				_exit(1);
			}
			_exit(0);
		}
	}
	for (unsigned i = 0; i < 3; i++) {
		int status;

		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	/* In this process too, so that the thread sanitizer sees it. */
	MUST(use_store_from_threads(*state, 3 * TASKS, &problem));
	struct store *store = open_store(*state);

	MUST(store_verify(store, false, 2, &report, &problem));
	assert_int_equal(report.problems.n, 0);
	assert_int_equal(report.images, 4 * TASKS);
	assert_int_equal(report.trees, 1);
	store_close(store);
}

/* Opens the store in a child, tells so, and ends. */
static pid_t open_in_child(const char *path, int told)
{
	pid_t child = fork();

	if (child == 0) {
		struct store *own = NULL;

		_exit(store_open(path, &own, NULL) || write(told, "o", 1) != 1);
	}
	return child;
}

static void one_that_is_alone_keeps_others_out(void **state)
{
	struct store *store = open_store(*state);
	int status, told[2];
	char byte;

	assert_int_equal(pipe2(told, O_NONBLOCK | O_CLOEXEC), 0);
	MUST(store_lock_alone(store, &problem));
	pid_t child = open_in_child(*state, told[1]);

	/* The child inherits the lock's descriptor, but opens its own. */
	usleep(100000);
	assert_int_equal(read(told[0], &byte, 1), -1);
	store_unlock_alone(store);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(read(told[0], &byte, 1), 1);
	MUST(store_lock_alone(store, &problem));
	close(told[0]);
	close(told[1]);
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(blobs_come_back),
		TEST(abandoned_writers_leave_nothing),
		TEST(what_the_dead_left_is_removed),
		TEST(files_do_not_depend_on_the_umask),
		TEST(actions_are_remembered),
		TEST(downloads_are_resumed),
		TEST(the_second_of_two_downloaders_waits),
		TEST(images_are_listed_in_order),
		TEST(an_image_without_its_layer_is_refused),
		TEST(a_truncated_blob_is_replaced),
		TEST(other_folders_are_refused),
		TEST(other_layouts_are_refused),
		TEST(a_damaged_index_is_an_error),
		TEST(the_default_place_follows_the_environment),
		TEST(verify_finds_and_removes),
		TEST(verify_only_looks_unless_told),
		TEST(du_counts_by_kind),
		TEST(processes_and_threads_share_a_store),
		TEST(one_that_is_alone_keeps_others_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
