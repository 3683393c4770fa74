#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "facts/store/internal.h"

/* The file's header, sqlite.org/fileformat.html section 1.3: magic text at 0,
 * user version, big-endian, at 60. */
enum { HEADER_BYTES = 100, HEADER_USER_VERSION = 60 };

static const char magic[16] = "SQLite format 3";
static const char database_name[] = "slipway.db";

enum {
	APPLICATION_ID = 0x736c7077, /* "slpw" */
	BUSY_TIMEOUT_MS = 60000,
	WAL_KEPT_BYTES = 1 << 20, /* reading it costs less than two syncs */
};

static int refuse_newer(const char *path, long version, struct error **err)
{
	err_make(err, ERR_ENV,
		 "the store '%s' was made by a newer slipway: it has version "
		 "%ld, this program knows versions up to %d",
		 path, version, STORE_VERSION);
	return err_hint(err, "use that slipway, or another store (--store "
			     "DIR); nothing was changed");
}

int store_database_check_version(const char *store_path, struct error **err)
{
	auto_free char *path = path_join(store_path, database_name);
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t header[HEADER_BYTES];

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_sys(err, "cannot open '%s'", path);
	/* A short file is one whose making was interrupted. */
	if (pread(fd, header, sizeof header, 0) < (ssize_t)sizeof header ||
	    memcmp(header, magic, sizeof magic) != 0)
		return 0;
	const uint8_t *at = header + HEADER_USER_VERSION;
	uint32_t version = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
			   (uint32_t)at[2] << 8 | at[3];

	return version > STORE_VERSION
		       ? refuse_newer(store_path, (long)version, err)
		       : 0;
}

static int database_error(struct store *store, const char *what,
			  struct error **err)
{
	int code = sqlite3_errcode(store->database) & 0xff;

	err_make(err, ERR_ENV, "cannot %s '%s/%s': %s", what, store->path,
		 database_name, sqlite3_errmsg(store->database));
	if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
		err_hint(err, "move that file and its -wal and -shm away: it "
			      "is made anew, only cached results are lost");
	return -1;
}

static int run(struct store *store, const char *sql, struct error **err)
{
	if (sqlite3_exec(store->database, sql, NULL, NULL, NULL) != SQLITE_OK)
		return database_error(store, "use", err);
	return 0;
}

static int prepare(struct store *store, const char *sql,
		   sqlite3_stmt **statement, struct error **err)
{
	if (sqlite3_prepare_v3(store->database, sql, -1,
			       SQLITE_PREPARE_PERSISTENT, statement,
			       NULL) != SQLITE_OK)
		return database_error(store, "read", err);
	return 0;
}

static int read_version(struct store *store, long *version, struct error **err)
{
	sqlite3_stmt *statement = NULL;

	if (prepare(store, "PRAGMA user_version", &statement, err))
		return -1;
	bool found = sqlite3_step(statement) == SQLITE_ROW;

	*version = found ? (long)sqlite3_column_int64(statement, 0) : 0;
	sqlite3_finalize(statement);
	return found ? 0 : database_error(store, "read", err);
}

/* One transaction, so that a crash leaves no table or all of them. */
static int make_tables(struct store *store, struct error **err)
{
	auto_buf struct buf sql = BUF_EMPTY;

	buf_printf(&sql,
		   "BEGIN IMMEDIATE;"
		   "CREATE TABLE actions (key BLOB PRIMARY KEY NOT NULL,"
		   " value BLOB NOT NULL);"
		   "CREATE TABLE trees (key BLOB PRIMARY KEY NOT NULL,"
		   " digest BLOB NOT NULL);"
		   "PRAGMA application_id = %d;"
		   "PRAGMA user_version = %d;"
		   "COMMIT;",
		   APPLICATION_ID, STORE_VERSION);
	return run(store, buf_text(&sql), err);
}

static int connect(struct store *store, const char *path, struct error **err)
{
	/* Our own mutex guards the connection, so SQLite needs none. */
	if (sqlite3_open_v2(path, &store->database,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
				    SQLITE_OPEN_NOMUTEX,
			    NULL) != SQLITE_OK)
		return database_error(store, "open", err);
	sqlite3_extended_result_codes(store->database, 1);
	sqlite3_busy_timeout(store->database, BUSY_TIMEOUT_MS);
	return 0;
}

static int disconnect(struct store *store, struct error **err)
{
	if (sqlite3_close(store->database) != SQLITE_OK)
		return database_error(store, "close", err);
	store->database = NULL;
	return 0;
}

/* A log that lost its database must not be taken for the new one's. */
static int remove_old_logs(const char *path, struct error **err)
{
	static const char *const ends[] = {"-wal", "-shm", "-journal"};

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		auto_free char *log = path_printf("%s%s", path, ends[i]);

		if (unlink(log) < 0 && errno != ENOENT)
			return err_sys(err, "cannot remove '%s'", log);
	}
	return 0;
}

/* Makes the database under tmp/ and gives it its name once it is whole and
 * synced: SQLite itself would sync many times to make it in place. It is the
 * last file of a new store. The caller holds the index's lock. */
static int make_database(struct store *store, const char *path,
			 struct error **err)
{
	auto_store_writer struct store_writer writer = STORE_WRITER_EMPTY;

	/* No journal: what a crash interrupts is removed with tmp/. */
	if (store_begin(store, &writer, err) ||
	    connect(store, writer.temporary, err) ||
	    run(store, "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY",
		err) ||
	    make_tables(store, err) ||
	    run(store, "PRAGMA journal_mode = WAL", err) ||
	    disconnect(store, err))
		return -1;
	if (fchmod(writer.fd, STORE_FILE_MODE) < 0)
		return err_sys(err, "cannot set the mode of '%s'",
			       writer.temporary);
	if (remove_old_logs(path, err))
		return -1;
	/* Syncs the folder too, and with it the names made before. */
	return fs_publish(writer.fd, writer.temporary, path, err);
}

int store_database_open(struct store *store, struct error **err)
{
	auto_free char *path = path_join(store->path, database_name);
	long version;

	if ((!fs_exists(path) && make_database(store, path, err)) ||
	    connect(store, path, err))
		return -1;
	if (read_version(store, &version, err))
		return -1;
	if (version > STORE_VERSION)
		return refuse_newer(store->path, version, err);
	/* NORMAL: a power cut may lose the last records, never the database;
	 * they are remade. The store's blobs are synced by the store. */
	if (run(store, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL",
		err) ||
	    (version == 0 && make_tables(store, err)))
		return -1;
	if (prepare(store, "SELECT value FROM actions WHERE key = ?1",
		    &store->action_get, err))
		return -1;
	return prepare(store,
		       "INSERT INTO actions (key, value) VALUES (?1, ?2) "
		       "ON CONFLICT (key) DO UPDATE SET value = ?2",
		       &store->action_put, err);
}

/* A small log stays, for the next process to read: to merge it into the file
 * at each close would take two syncs, and remove it and make it anew. */
static bool has_small_log(const struct store *store)
{
	auto_free char *log =
		path_printf("%s/%s-wal", store->path, database_name);
	struct stat info;

	return stat(log, &info) == 0 && info.st_size <= WAL_KEPT_BYTES;
}

void store_database_close(struct store *store)
{
	sqlite3_finalize(store->action_get);
	sqlite3_finalize(store->action_put);
	if (store->database && has_small_log(store))
		sqlite3_db_config(store->database,
				  SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_close(store->database);
	store->database = NULL;
}

static void bind(sqlite3_stmt *statement, int number, struct str bytes)
{
	sqlite3_bind_blob64(statement, number, bytes.n ? bytes.p : "", bytes.n,
			    SQLITE_STATIC);
}

static void append_column(sqlite3_stmt *statement, struct buf *value)
{
	const char *bytes = sqlite3_column_blob(statement, 0);

	buf_append(value, str_of(bytes ? bytes : "",
				 (size_t)sqlite3_column_bytes(statement, 0)));
}

bool store_action_get(struct store *store, const struct digest *key,
		      struct buf *value)
{
	pthread_mutex_lock(&store->database_lock);
	bind(store->action_get, 1, digest_bytes(key));
	int result = sqlite3_step(store->action_get);

	if (result == SQLITE_ROW)
		append_column(store->action_get, value);
	else if (result != SQLITE_DONE)
		log_verbose("the store's database gives no answer: %s",
			    sqlite3_errmsg(store->database));
	sqlite3_reset(store->action_get);
	sqlite3_clear_bindings(store->action_get);
	pthread_mutex_unlock(&store->database_lock);
	return result == SQLITE_ROW;
}

int store_action_put(struct store *store, const struct digest *key,
		     struct str value, struct error **err)
{
	int result = 0;

	if (value.n > STORE_ACTION_MAX_BYTES)
		return err_make(err, ERR_ENV,
				"a result of %s is too large to be remembered",
				log_bytes(value.n));
	if (store_sync_blobs(store, err))
		return -1;
	pthread_mutex_lock(&store->database_lock);
	bind(store->action_put, 1, digest_bytes(key));
	bind(store->action_put, 2, value);
	if (sqlite3_step(store->action_put) != SQLITE_DONE)
		result = database_error(store, "write to", err);
	sqlite3_reset(store->action_put);
	sqlite3_clear_bindings(store->action_put);
	pthread_mutex_unlock(&store->database_lock);
	return result;
}

/* Runs one statement with a key and, where it is not NULL, a second value; a
 * row's first column goes to out. 1 for a row, 0 for none, -1 on error. */
static int run_keyed(struct store *store, const char *sql,
		     const struct digest *key, const struct digest *second,
		     struct buf *out, struct error **err)
{
	sqlite3_stmt *statement = NULL;
	int result = -1;

	pthread_mutex_lock(&store->database_lock);
	if (prepare(store, sql, &statement, err) == 0) {
		bind(statement, 1, digest_bytes(key));
		if (second)
			bind(statement, 2, digest_bytes(second));
		int step = sqlite3_step(statement);

		if (step == SQLITE_ROW && out)
			append_column(statement, out);
		if (step == SQLITE_ROW || step == SQLITE_DONE)
			result = step == SQLITE_ROW;
		else
			database_error(store, "use", err);
	}
	sqlite3_finalize(statement);
	pthread_mutex_unlock(&store->database_lock);
	return result;
}

struct stale {
	store_stale *function;
	const void *context;
};

static void call_stale(sqlite3_context *context, int count,
		       sqlite3_value **values)
{
	const struct stale *stale = sqlite3_user_data(context);
	const char *bytes = sqlite3_value_blob(values[0]);
	size_t n = (size_t)sqlite3_value_bytes(values[0]);

	(void)count;
	sqlite3_result_int(
		context,
		stale->function(stale->context, str_of(bytes ? bytes : "", n)));
}

int store_actions_remove(struct store *store, store_stale *function,
			 const void *context, uint64_t max_bytes, bool dry_run,
			 uint64_t *count, struct error **err)
{
	struct stale stale = {function, context};
	auto_buf struct buf sql = BUF_EMPTY;
	sqlite3_stmt *statement = NULL;
	int result = -1;

	buf_printf(&sql,
		   "%s FROM actions WHERE length(value) <= %llu AND "
		   "stale(value)",
		   dry_run ? "SELECT count(*)" : "DELETE",
		   (unsigned long long)max_bytes);
	pthread_mutex_lock(&store->database_lock);
	sqlite3_create_function(store->database, "stale", 1, SQLITE_UTF8,
				&stale, call_stale, NULL, NULL);
	if (prepare(store, buf_text(&sql), &statement, err) == 0) {
		int step = sqlite3_step(statement);

		if (step == SQLITE_ROW)
			*count = (uint64_t)sqlite3_column_int64(statement, 0);
		else if (step == SQLITE_DONE)
			*count = (uint64_t)sqlite3_changes64(store->database);
		result = step == SQLITE_ROW || step == SQLITE_DONE
				 ? 0
				 : database_error(store, "use", err);
	}
	sqlite3_finalize(statement);
	sqlite3_create_function(store->database, "stale", 1, SQLITE_UTF8, NULL,
				NULL, NULL, NULL);
	/* It needs room of its own: where there is none, later. */
	if (result == 0 && !dry_run && *count)
		run(store, "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)", NULL);
	pthread_mutex_unlock(&store->database_lock);
	return result;
}

int store_tree_record(struct store *store, const struct digest *key,
		      const struct digest *digest, struct error **err)
{
	return run_keyed(store,
			 "INSERT INTO trees (key, digest) VALUES (?1, ?2) "
			 "ON CONFLICT (key) DO UPDATE SET digest = ?2",
			 key, digest, NULL, err) < 0
		       ? -1
		       : 0;
}

bool store_tree_recorded(struct store *store, const struct digest *key,
			 struct digest *digest)
{
	auto_buf struct buf bytes = BUF_EMPTY;

	if (run_keyed(store, "SELECT digest FROM trees WHERE key = ?1", key,
		      NULL, &bytes, NULL) != 1 ||
	    bytes.n != sizeof digest->bytes)
		return false;
	memcpy(digest->bytes, bytes.p, bytes.n);
	return true;
}

void store_tree_forget(struct store *store, const struct digest *key)
{
	/* A record without a tree does no harm. */
	run_keyed(store, "DELETE FROM trees WHERE key = ?1", key, NULL, NULL,
		  NULL);
}

int store_database_check(struct store *store, struct buf *answer,
			 struct error **err)
{
	sqlite3_stmt *statement = NULL;
	int result = -1;

	pthread_mutex_lock(&store->database_lock);
	if (prepare(store, "PRAGMA integrity_check(1)", &statement, err) == 0) {
		result = 0;
		if (sqlite3_step(statement) == SQLITE_ROW)
			append_column(statement, answer);
		else
			buf_append_text(answer,
					sqlite3_errmsg(store->database));
	}
	sqlite3_finalize(statement);
	pthread_mutex_unlock(&store->database_lock);
	return result;
}
