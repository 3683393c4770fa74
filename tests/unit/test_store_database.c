/* store_database: a database of another version, damaged, half made, or with a
 * log that stayed. */
#include <sys/stat.h>

#include "store_fleet.h"

/* Names, sizes and change times of everything in a folder. */
static void fingerprint(const char *folder, struct buf *out)
{
	auto_names struct fs_names names = ARRAY_EMPTY;

	MUST(fs_list(folder, &names, &problem));
	array_each (char *, name, &names) {
		auto_free char *path = path_join(folder, *name);
		struct stat info;

		assert_int_equal(lstat(path, &info), 0);
		buf_printf(out, "%s %lld %lld.%ld\n", path,
			   (long long)info.st_size,
			   (long long)info.st_ctim.tv_sec,
			   info.st_ctim.tv_nsec);
		if (S_ISDIR(info.st_mode))
			fingerprint(path, out);
	}
}

static void a_newer_store_is_refused_untouched(void **state)
{
	auto_free char *database = path_join(*state, "slipway.db");
	struct store *store = NULL;
	struct error *error = NULL;
	auto_buf struct buf before = BUF_EMPTY, after = BUF_EMPTY;
	uint8_t version[4] = {0, 0, 1, 0};

	store_close(open_store(*state));
	auto_close int fd = open(database, O_RDWR | O_CLOEXEC);

	/* sqlite.org/fileformat.html, 1.3: the user version is at offset 60. */
	assert_int_equal(pwrite(fd, version, 4, 60), 4);
	fingerprint(*state, &before);
	assert_int_equal(store_open(*state, &store, &error), -1);
	assert_string_equal(err_hint_text(error),
			    "use that slipway, or another store (--store DIR); "
			    "nothing was changed");
	assert_error(error, "was made by a newer slipway: it has version 256");
	fingerprint(*state, &after);
	assert_string_equal(buf_text(&before), buf_text(&after));
}

/* Opens it, looks whether all is well, and closes it. */
static void check_opens(const char *path)
{
	struct store *store = open_store(path);
	auto_store_report struct store_report report = STORE_REPORT_EMPTY;

	MUST(store_verify(store, false, 1, &report, &problem));
	assert_int_equal(report.problems.n, 0);
	store_close(store);
}

/* Each file of a new store, as a power cut may leave it. */
static void a_store_half_made_is_made(void **state)
{
	static const char *const files[] = {"oci-layout", "index.json",
					    "slipway.db"};
	enum { ABSENT, EMPTY, ZEROS, WAYS };
	static const char zeros[64];

	/* The database is synced before it has its name. */
	for (unsigned i = 0; i < 3; i++)
		for (unsigned way = 0; way < WAYS; way++) {
			auto_free char *store =
				path_printf("%s/%u.%u", (char *)*state, i, way);
			auto_free char *path = path_join(store, files[i]);

			store_close(open_store(store));
			/* Its name is the first to be on disk. */
			if (way == ABSENT && i == 0)
				continue;
			if (way == ABSENT)
				assert_int_equal(unlink(path), 0);
			else if (way == EMPTY)
				assert_int_equal(truncate(path, 0), 0);
			else if (i < 2)
				MUST(fs_write_file(path, str_of(zeros, 31),
						   0644, &problem));
			check_opens(store);
			check_opens(store);
		}
}

static void a_log_without_its_database_is_not_read(void **state)
{
	auto_free char *database = path_join(*state, "slipway.db");
	struct digest key = digest_of(STR("key"));
	auto_buf struct buf value = BUF_EMPTY;
	struct store *store = open_store(*state);

	MUST(store_action_put(store, &key, STR("old"), &problem));
	store_close(store);
	assert_int_equal(unlink(database), 0);
	check_opens(*state);
	store = open_store(*state);
	assert_false(store_action_get(store, &key, &value));
	store_close(store);
}

static void a_small_log_stays_and_a_large_one_goes(void **state)
{
	auto_free char *log = path_join(*state, "slipway.db-wal");
	auto_buf struct buf large = BUF_EMPTY, value = BUF_EMPTY;
	struct digest key = digest_of(STR("key"));
	struct store *store = open_store(*state);
	struct stat info;

	MUST(store_action_put(store, &key, STR("small"), &problem));
	store_close(store);
	assert_int_equal(stat(log, &info), 0);
	assert_true(info.st_size > 0);
	check_opens(*state);
	store = open_store(*state);
	assert_true(store_action_get(store, &key, &value));
	assert_true(str_eq(buf_str(&value), STR("small")));
	for (unsigned i = 0; i < 2 << 20; i++)
		buf_append_byte(&large, 'x');
	MUST(store_action_put(store, &key, buf_str(&large), &problem));
	store_close(store);
	assert_int_equal(stat(log, &info), -1);
}

static void a_damaged_database_is_an_error(void **state)
{
	struct store *store = NULL;
	struct error *error = NULL;

	store_close(open_store(*state));
	write_file(*state, "slipway.db",
		   "this is no database, but long enough "
		   "to be looked at as if it were one. "
		   "More text follows here, and more.");
	assert_int_equal(store_open(*state, &store, &error), -1);
	assert_int_equal(err_class(error), ERR_ENV);
	assert_non_null(strstr(err_hint_text(error), "move that file"));
	assert_error(error, "not a database");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_newer_store_is_refused_untouched),
		TEST(a_store_half_made_is_made),
		TEST(a_log_without_its_database_is_not_read),
		TEST(a_small_log_stays_and_a_large_one_goes),
		TEST(a_damaged_database_is_an_error),
	};

	return cmocka_run_group_tests_name("store database", tests, NULL, NULL);
}
