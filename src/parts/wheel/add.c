/* A wheel into a layer, and which distribution owns which path. */
#include <stdlib.h>

#include "base/mem.h"
#include "parts/layer.h"
#include "parts/wheel/parts.h"

/* Of the RECORD that is installed. */
struct row {
	struct str path; /* as RECORD writes it */
	const struct digest *digest;
	uint64_t size_bytes;
};

/* One addition. */
struct add {
	struct wheel *wheel;
	struct layer *layer;
	const struct wheel_add_options *options;
	struct {
		struct row *p;
		size_t n, capacity;
	} rows;
	struct arena arena;
	struct buf source;   /* of the .py being read */
	struct buf bytecode; /* of the last one compiled */
};

void wheel_paths_release(struct wheel_paths *paths)
{
	map_release(&paths->files);
	map_release(&paths->folders);
	arena_release(&paths->arena);
}

static int clash(const struct wheel *wheel, struct str path,
		 const struct wheel_owner *owner, const char *what,
		 struct error **err)
{
	err_make(err, ERR_FLEET, STR_FMT " and " STR_FMT " %s '/" STR_FMT "'",
		 STR_ARG(owner->distribution), STR_ARG(wheel->label), what,
		 STR_ARG(path));
	return err_hint(err, "only one of them can be in this image: drop one, "
			     "or let a track replace one by the other");
}

static uint32_t file_crc32(const struct wheel_file *file)
{
	return file->member ? file->member->crc32 : crc32_add(0, file->bytes);
}

static int check_claim(const struct wheel *wheel,
		       const struct wheel_paths *paths, struct error **err)
{
	array_each (struct wheel_file, file, &wheel->files) {
		struct str path = file->path;
		const struct wheel_owner *owner = map_get(&paths->files, path);

		if (owner && (owner->mode != file->mode ||
			      owner->crc32 != file_crc32(file) ||
			      !digest_eq(&owner->digest, &file->digest)))
			return clash(wheel, path, owner,
				     "install different files at", err);
		owner = map_get(&paths->folders, path);
		if (owner)
			return clash(wheel, path, owner,
				     "install a folder and a file at", err);
		for (size_t i = 0; i < path.n; i++) {
			struct str folder = str_slice(path, 0, i);

			if (path.p[i] != '/')
				continue;
			owner = map_get(&paths->files, folder);
			if (owner)
				return clash(wheel, folder, owner,
					     "install a file and a folder at",
					     err);
		}
	}
	return 0;
}

static struct wheel_owner *own(struct wheel_paths *paths, struct map *map,
			       struct str path, struct str label)
{
	struct wheel_owner *owner = map_get(map, path);

	if (owner)
		return owner;
	owner = arena_new(&paths->arena, struct wheel_owner);
	owner->distribution = label;
	map_set(map, path, owner);
	return owner;
}

static void claim(const struct wheel *wheel, struct wheel_paths *paths)
{
	struct str label = arena_str(&paths->arena, wheel->label);

	array_each (struct wheel_file, file, &wheel->files) {
		struct wheel_owner *owner =
			own(paths, &paths->files, file->path, label);

		owner->digest = file->digest;
		owner->mode = file->mode;
		owner->crc32 = file_crc32(file);
		for (size_t i = file->path.n; i-- > 0;) {
			struct str folder = str_slice(file->path, 0, i);

			if (file->path.p[i] != '/')
				continue;
			if (map_has(&paths->folders, folder))
				break;
			own(paths, &paths->folders, folder, label);
		}
	}
}

int wheel_claim(const struct wheel *wheel, struct wheel_paths *paths,
		struct error **err)
{
	if (check_claim(wheel, paths, err))
		return -1;
	claim(wheel, paths);
	return 0;
}

static void add_row(struct add *add, struct str path,
		    const struct digest *digest, uint64_t size_bytes)
{
	struct row row = {
		wheel_record_path(add->wheel, &add->arena, path),
		digest,
		size_bytes,
	};

	array_push(&add->rows, row);
}

static struct tar_entry entry_of(const struct wheel_file *file)
{
	return (struct tar_entry){
		.path = file->path,
		.type = TAR_FILE,
		.mode = file->mode,
		.size_bytes = file->size_bytes,
	};
}

static bool wants_bytecode(const struct add *add, const struct wheel_file *file)
{
	return add->options->compile && file->is_python &&
	       file->size_bytes <= WHEEL_SOURCE_MAX;
}

static bool wants_hash(const struct add *add, const struct wheel_file *file)
{
	return add->options->strict || file->is_python ||
	       file->size_bytes <= WHEEL_ALWAYS_HASHED_BYTES;
}

static int write_piece(struct add *add, const struct zip_piece *piece,
		       bool deflated, struct error **err)
{
	if (!deflated)
		return layer_write(add->layer, piece->raw, err);
	return layer_write_deflated(add->layer, piece->compressed, err) ||
			       layer_write_inflated(add->layer, piece->raw, err)
		       ? -1
		       : 0;
}

static void note_span(struct add *add, const struct zip_member *member)
{
	struct recipe_span span = {
		.file_offset = member->data_offset,
		.bytes = member->compressed_bytes,
	};

	if (layer_deflated_at(add->layer, &span.blob_offset))
		array_push(&add->wheel->spans, span);
}

static int compare_spans(const void *a, const void *b)
{
	const struct recipe_span *one = a, *other = b;

	return (one->file_offset > other->file_offset) -
	       (one->file_offset < other->file_offset);
}

/* Streams a member into the layer; a source also into add->source. */
static int add_member(struct add *add, const struct wheel_file *file,
		      struct error **err)
{
	struct wheel *wheel = add->wheel;
	const struct zip_member *member = file->member;
	bool deflated = member->method == ZIP_DEFLATED;
	bool hashed = wants_hash(add, file);
	struct tar_entry entry = entry_of(file);
	auto_sha256 struct sha256 sha;
	struct zip_piece piece;
	struct digest found;
	int more;

	sha256_init(&sha);
	if (deflated ? layer_begin_deflated(add->layer, &entry, member->crc32,
					    member->compressed_bytes, err)
		     : layer_begin_file(add->layer, &entry, err))
		return -1;
	note_span(add, member);
	zip_stream_start(wheel->stream, &wheel->zip, member);
	while ((more = zip_stream_next(wheel->stream, &piece, err)) > 0) {
		if (hashed)
			sha256_update(&sha, piece.raw);
		if (wants_bytecode(add, file))
			buf_append(&add->source, piece.raw);
		if (write_piece(add, &piece, deflated, err))
			return -1;
		if (add->options->progress)
			add->options->progress(add->options->progress_context,
					       piece.raw.n);
	}
	if (more < 0)
		return -1;
	sha256_final(&sha, &found);
	if (hashed &&
	    wheel_check_digest(wheel, member, &file->digest, &found, err))
		return -1;
	return deflated ? layer_end_deflated(add->layer, err)
			: layer_end_file(add->layer, err);
}

/* The path of a source's bytecode, as importlib.util.cache_from_source() of
 * CPython gives it. */
static struct str bytecode_path(struct add *add, struct str path)
{
	ptrdiff_t slash = str_rfind(path, '/');
	struct str stem = str_slice(path, (size_t)slash + 1, path.n - 3);

	/* Of ".py" the part behind the dot counts as its name. */
	if (stem.n == 0)
		stem = STR("py");
	return arena_printf(&add->arena,
			    STR_FMT "/__pycache__/" STR_FMT ".cpython-%u%u.pyc",
			    (int)slash, path.p, STR_ARG(stem),
			    add->wheel->python_major, add->wheel->python_minor);
}

static int add_bytecode(struct add *add, const struct wheel_file *file,
			struct error **err)
{
	struct wheel_paths *paths = add->options->paths;
	struct str path = bytecode_path(add, file->path);
	auto_buf struct buf in_image = BUF_EMPTY;
	int compiled;

	buf_append_byte(&in_image, '/');
	buf_append(&in_image, file->path);
	buf_clear(&add->bytecode);
	compiled = add->options->compile(
		add->options->compile_context,
		file->member ? buf_str(&add->source) : file->bytes,
		&file->digest, buf_str(&in_image), &add->bytecode, err);
	if (compiled <= 0)
		return compiled;
	struct tar_entry entry = {
		.path = path,
		.type = TAR_FILE,
		.mode = 0644,
		.size_bytes = add->bytecode.n,
	};

	if (layer_add(add->layer, &entry, buf_str(&add->bytecode), err))
		return -1;
	add_row(add, path, NULL, 0);
	if (paths) {
		struct wheel_owner *owner =
			own(paths, &paths->files, path,
			    arena_str(&paths->arena, add->wheel->label));

		owner->digest = digest_of(buf_str(&add->bytecode));
		owner->mode = 0644;
		owner->crc32 = crc32_add(0, buf_str(&add->bytecode));
	}
	return 0;
}

static int add_file(struct add *add, const struct wheel_file *file,
		    struct error **err)
{
	const struct wheel_paths *paths = add->options->paths;
	struct tar_entry entry = entry_of(file);

	add_row(add, file->path, &file->digest, file->size_bytes);
	/* check_claim() has found that what is there is the same. */
	if (paths && map_has(&paths->files, file->path)) {
		struct str path = file->is_python
					  ? bytecode_path(add, file->path)
					  : file->path;

		if (file->is_python && map_has(&paths->files, path))
			add_row(add, path, NULL, 0);
		return 0;
	}
	buf_clear(&add->source);
	if (file->member ? add_member(add, file, err)
			 : layer_add(add->layer, &entry, file->bytes, err))
		return -1;
	return wants_bytecode(add, file) ? add_bytecode(add, file, err) : 0;
}

static int compare_rows(const void *a, const void *b)
{
	const struct row *one = a, *other = b;

	return str_cmp(one->path, other->path);
}

static int add_record(struct add *add, struct error **err)
{
	const struct wheel *wheel = add->wheel;
	auto_buf struct buf record = BUF_EMPTY;
	struct tar_entry entry = {.type = TAR_FILE, .mode = 0644};

	entry.path = arena_printf(&add->arena, STR_FMT "/" STR_FMT "/RECORD",
				  STR_ARG(wheel->site), STR_ARG(wheel->info));
	add_row(add, entry.path, NULL, 0);
	array_sort(&add->rows, compare_rows);
	array_each (struct row, row, &add->rows)
		wheel_append_row(&record, row->path, row->digest,
				 row->size_bytes);
	entry.size_bytes = record.n;
	return layer_add(add->layer, &entry, buf_str(&record), err);
}

static int add_all(struct add *add, struct error **err)
{
	struct wheel_paths *paths = add->options->paths;

	if (paths && check_claim(add->wheel, paths, err))
		return -1;
	add->wheel->spans.n = 0;
	array_each (struct wheel_file, file, &add->wheel->files)
		if (add_file(add, file, err))
			return -1;
	if (add_record(add, err))
		return -1;
	array_sort(&add->wheel->spans, compare_spans);
	if (paths)
		claim(add->wheel, paths);
	return 0;
}

int wheel_add_to_layer(struct wheel *wheel, struct layer *layer,
		       const struct wheel_add_options *options,
		       struct error **err)
{
	struct add add = {.wheel = wheel, .layer = layer, .options = options};
	int result = add_all(&add, err);

	array_release(&add.rows);
	arena_release(&add.arena);
	buf_release(&add.source);
	buf_release(&add.bytecode);
	return result ? err_wrap(err, "wheel '" STR_FMT "'",
				 STR_ARG(wheel->file_name))
		      : 0;
}
