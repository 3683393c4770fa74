/* PEP 751 to packages: what uv chose, and of its wheels the best. */
#include <stdlib.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/error.h"
#include "codec/toml.h"
#include "facts/marker.h"
#include "facts/version.h"
#include "facts/wheeltag.h"
#include "parts/fetch.h"
#include "work/resolve/run.h"

enum { MAX_PACKAGES = 20000 };

/* What all packages of one document are read for. */
struct reader {
	const struct manifest_track *track;
	struct arena *arena;
	struct marker_environment environment;
	struct wheeltag_target target;
	struct str *platforms;
};

/* A package and the url of its wheel, which are sorted together. */
struct chosen {
	struct lock_package package;
	struct str url;
};

/* The wheel's own name: "name", or the end of its url. */
static struct str wheel_name(const struct reader *reader,
			     const struct toml_value *wheel)
{
	struct str name = toml_get_string(wheel, "name");
	struct str url = toml_get_string(wheel, "url");

	if (name.n > 0)
		return name;
	if (url.n == 0)
		return STR_EMPTY;
	auto_free char *end = fetch_url_name(url.p);

	return end ? arena_str(reader->arena, str_from(end)) : STR_EMPTY;
}

static bool read_wheel(const struct reader *reader,
		       const struct toml_value *wheel, struct chosen *chosen)
{
	const struct toml_value *size =
		toml_get_typed(wheel, "size", TOML_INTEGER);
	struct str sha256 = toml_get_string(
		toml_get_typed(wheel, "hashes", TOML_TABLE), "sha256");
	struct lock_file *file = &chosen->package.wheel;
	struct wheeltag tag;

	*chosen = (struct chosen){0};
	file->file = wheel_name(reader, wheel);
	chosen->url = toml_get_string(wheel, "url");
	if (size && size->integer > 0)
		file->size_bytes = (uint64_t)size->integer;
	return wheeltag_parse(file->file, &tag) &&
	       wheeltag_rank(&tag, &reader->target) != WHEELTAG_NONE &&
	       digest_parse(sha256, &file->sha256) &&
	       str_find(file->file, '/') < 0;
}

static bool choose_wheel(const struct reader *reader,
			 const struct toml_value *wheels, struct chosen *best)
{
	bool found = false;

	for (size_t i = 0; wheels && i < wheels->array.n; i++) {
		struct chosen wheel;

		if (!read_wheel(reader, wheels->array.p[i], &wheel))
			continue;
		if (!found ||
		    wheeltag_cmp(wheel.package.wheel.file,
				 best->package.wheel.file, &reader->target) < 0)
			*best = wheel;
		found = true;
	}
	return found;
}

/* The track's name where it binds the package to an index. */
static struct str bound_index(const struct reader *reader, struct str name)
{
	const struct manifest_track *track = reader->track;

	for (size_t i = 0; i < track->indexes.n; i++)
		array_each (const struct manifest_text, package,
			    &track->indexes.p[i].packages) {
			if (str_eq(name_normalise(reader->arena, package->s),
				   name))
				return reader->track->name.s;
		}
	return STR_EMPTY;
}

/* 1 where the package is not for the target. */
static int read_package(const struct reader *reader,
			const struct toml_value *table, struct chosen *chosen,
			struct str *bad, struct error **err)
{
	struct str name = toml_get_string(table, "name");
	struct str version = toml_get_string(table, "version");
	struct version parsed;
	auto_buf struct buf normal = BUF_EMPTY;
	bool applies;

	if (!name_is_valid(name) || !version_parse(version, &parsed))
		return err_make(err, ERR_ENV,
				"what uv wrote, line %u: a package without a "
				"name or version",
				table->line);
	name = name_normalise(reader->arena, name);
	if (!marker_evaluate(toml_get_string(table, "marker"),
			     &reader->environment, &applies))
		return err_make(err, ERR_ENV,
				"what uv wrote, line %u: the marker of " STR_FMT
				" cannot be read",
				table->line, STR_ARG(name));
	if (!applies)
		return 1;
	if (!choose_wheel(reader, toml_get_typed(table, "wheels", TOML_ARRAY),
			  chosen)) {
		*bad = arena_printf(reader->arena, STR_FMT "==" STR_FMT,
				    STR_ARG(name), STR_ARG(version));
		return 1;
	}
	version_append(&normal, &parsed);
	chosen->package.name = name;
	chosen->package.version = arena_str(reader->arena, buf_str(&normal));
	chosen->package.wheel.index = bound_index(reader, name);
	return 0;
}

static int chosen_cmp(const void *a, const void *b)
{
	const struct chosen *left = a, *right = b;

	return str_cmp(left->package.name, right->package.name);
}

static int read_packages(const struct reader *reader,
			 const struct toml_value *tables,
			 struct lock_resolution *resolution,
			 struct resolve_urls *urls, struct str *bad,
			 struct error **err)
{
	struct chosen *chosen =
		arena_new_array(reader->arena, struct chosen, tables->array.n);
	size_t n = 0;

	for (size_t i = 0; i < tables->array.n; i++) {
		int result = read_package(reader, tables->array.p[i],
					  &chosen[n], bad, err);

		if (result < 0)
			return -1;
		n += result == 0;
	}
	if (n > 1)
		qsort(chosen, n, sizeof *chosen, chosen_cmp);
	resolution->packages =
		arena_new_array(reader->arena, struct lock_package, n);
	urls->p = arena_new_array(reader->arena, struct str, n);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && chosen_cmp(&chosen[i - 1], &chosen[i]) == 0)
			return err_make(err, ERR_ENV,
					"what uv wrote: " STR_FMT
					" twice for one target",
					STR_ARG(chosen[i].package.name));
		resolution->packages[i] = chosen[i].package;
		urls->p[i] = chosen[i].url;
	}
	resolution->package_count = urls->n = n;
	return 0;
}

static int reader_init(struct reader *reader,
		       const struct manifest_track *track, struct arena *arena,
		       const struct lock_resolution *resolution,
		       struct error **err)
{
	const struct manifest_texts *tags = &track->platform_tags;

	*reader = (struct reader){.track = track, .arena = arena};
	if (!marker_environment_init(&reader->environment, resolution->python,
				     resolution->platform) ||
	    !wheeltag_target_init(&reader->target, resolution->python,
				  resolution->platform, resolution->glibc))
		return err_make(err, ERR_FLEET,
				"Python '" STR_FMT "' with glibc '" STR_FMT
				"' on '" STR_FMT "' is no target that slipway "
				"knows",
				STR_ARG(resolution->python),
				STR_ARG(resolution->glibc),
				STR_ARG(resolution->platform));
	reader->platforms = arena_new_array(arena, struct str, tags->n);
	for (size_t i = 0; i < tags->n; i++)
		reader->platforms[i] = tags->p[i].s;
	reader->target.platforms = reader->platforms;
	reader->target.platform_count = tags->n;
	return 0;
}

int resolve_pylock(struct str text, const struct manifest_track *track,
		   struct arena *arena, struct lock_resolution *resolution,
		   struct resolve_urls *urls, struct str *bad,
		   struct error **err)
{
	struct toml_value *root = NULL;
	struct toml_place place;
	struct reader reader;
	enum toml_status status = toml_parse(text, arena, &root, &place);

	*bad = STR_EMPTY;
	if (status != TOML_OK)
		return err_make(err, ERR_ENV, "what uv wrote, %u:%u: %s",
				place.line, place.column,
				toml_status_text(status));
	const struct toml_value *packages =
		toml_get_typed(root, "packages", TOML_ARRAY);
	struct toml_value none = {.type = TOML_ARRAY};

	if (!str_starts(toml_get_string(root, "lock-version"), STR("1.")))
		return err_make(err, ERR_ENV,
				"what uv wrote is not version 1 of PEP 751; "
				"use another uv");
	if (packages && packages->array.n > MAX_PACKAGES)
		return err_make(err, ERR_ENV,
				"what uv wrote has more than %d packages",
				MAX_PACKAGES);
	if (reader_init(&reader, track, arena, resolution, err))
		return -1;
	return read_packages(&reader, packages ? packages : &none, resolution,
			     urls, bad, err);
}
