/* What the files of parts/wheel share. Not for other modules. */
#pragma once

#include "base/array.h"
#include "base/buf.h"
#include "base/error.h"
#include "parts/wheel.h"

/* A row of RECORD. */
struct record_row {
	struct str path;
	struct str algorithm; /* "sha256", "sha384", "sha512", or empty */
	struct str hash;      /* its bytes */
	bool has_size;
	uint64_t size_bytes;
	const struct zip_member *member;
};

/* A command of entry_points.txt. */
struct entry_point {
	struct str name;
	struct str module;   /* what the wrapper imports from */
	struct str callable; /* "main" or "Tool.main" */
};

struct entry_points {
	struct entry_point *p;
	size_t n, capacity;
};

struct wheel {
	struct arena arena;
	int fd;
	bool drops_read;
	struct zip zip;
	struct zip_stream *stream;
	struct str file_name;
	struct str name, version, label;
	struct str info;     /* "torch-2.4.1.dist-info" */
	struct str metadata; /* text of METADATA */
	struct str root;     /* "opt/venv" */
	struct str site;     /* "opt/venv/lib/python3.11/site-packages" */
	unsigned python_major, python_minor;
	const char *record_exception;
	struct map record; /* member's name to struct record_row */
	struct entry_points entry_points;
	struct {
		struct wheel_file *p;
		size_t n, capacity;
	} files;
	struct recipe_spans spans;
};

/* The member NAME of the dist-info folder, or NULL. */
const struct zip_member *wheel_info_member(const struct wheel *wheel,
					   const char *name);

/* Reads WHEEL and METADATA and checks that they belong to the file name. */
int wheel_read_metadata(struct wheel *wheel, struct error **err);

/* Reads RECORD and compares its list with the members. */
int wheel_read_record(struct wheel *wheel, struct error **err);

/* The SHA-256 of a member: RECORD's, or computed where RECORD has none that
 * can be used. */
int wheel_member_digest(struct wheel *wheel, const struct zip_member *member,
			struct digest *digest, struct error **err);

/* An error where the two differ. */
int wheel_check_digest(const struct wheel *wheel,
		       const struct zip_member *member,
		       const struct digest *said, const struct digest *found,
		       struct error **err);

/* An installed path as RECORD writes it: relative to site-packages. */
struct str wheel_record_path(const struct wheel *wheel, struct arena *arena,
			     struct str installed);

/* One row of the RECORD to be installed: "PATH,sha256=...,SIZE". digest is
 * NULL for bytecode and for RECORD itself. */
void wheel_append_row(struct buf *out, struct str record_path,
		      const struct digest *digest, uint64_t size_bytes);

/* Reads entry_points.txt. */
int wheel_read_entry_points(struct wheel *wheel, struct error **err);

/* The entry point of a command, or NULL. */
const struct entry_point *wheel_entry_point(const struct wheel *wheel,
					    struct str name);

/* The text of its wrapper in bin/. */
struct str wheel_wrapper(struct wheel *wheel, const struct entry_point *point);

/* Makes the sorted list of files. */
int wheel_place_files(struct wheel *wheel, struct error **err);

/* "python", "python3.11", "pythonw3": the names of the venv's interpreter in
 * bin/, which no wheel may bring. */
bool wheel_is_interpreter(struct str name);
