/* What services ask for: family packages, `extra`, requirement files. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "facts/version.h"
#include "work/resolve/run.h"

enum { MAX_FILE_BYTES = 1 << 20, MAX_NESTING = 8, MAX_REQUIREMENTS = 10000 };

static int text_cmp(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

void resolve_strs_sort(struct lock_strs *strs)
{
	size_t n = 0;

	if (strs->n > 1)
		qsort(strs->p, strs->n, sizeof *strs->p, text_cmp);
	for (size_t i = 0; i < strs->n; i++)
		if (n == 0 || !str_eq(strs->p[n - 1], strs->p[i]))
			strs->p[n++] = strs->p[i];
	strs->n = n;
}

bool resolve_strs_has(struct lock_strs strs, struct str text)
{
	for (size_t i = 0; i < strs.n; i++)
		if (str_eq(strs.p[i], text))
			return true;
	return false;
}

bool resolve_strs_same(struct lock_strs a, struct lock_strs b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (!str_eq(a.p[i], b.p[i]))
			return false;
	return true;
}

void resolve_strs_add_to_key(struct buf *key, struct lock_strs strs)
{
	buf_printf(key, "%zu", strs.n);
	for (size_t i = 0; i < strs.n; i++)
		key_add(key, strs.p[i]);
}

__attribute__((format(printf, 2, 0))) static struct str
format_text(struct arena *arena, const char *format, va_list args)
{
	auto_buf struct buf text = BUF_EMPTY;

	buf_vprintf(&text, format, args);
	return arena_str(arena, buf_str(&text));
}

void resolve_note(struct resolve_run *run,
		  const struct manifest_instance *instance, const char *code,
		  struct manifest_place at, const char *format, ...)
{
	struct resolve_problem problem = {
		.service = instance ? instance->service->name.s : STR_EMPTY,
		.code = str_from(code),
		.at = at,
		.file = STR_EMPTY,
		.hint = STR_EMPTY,
	};
	va_list args;

	va_start(args, format);
	problem.message = format_text(&run->result->arena, format, args);
	va_end(args);
	problem.service = arena_str(&run->result->arena, problem.service);
	array_push(&run->result->problems, problem);
}

void resolve_note_hint(struct resolve_run *run, const char *format, ...)
{
	struct resolve_problems *problems = &run->result->problems;
	va_list args;

	va_start(args, format);
	problems->p[problems->n - 1].hint =
		format_text(&run->result->arena, format, args);
	va_end(args);
}

void resolve_note_file(struct resolve_run *run, struct str file)
{
	struct resolve_problems *problems = &run->result->problems;

	problems->p[problems->n - 1].file =
		arena_str(&run->result->arena, file);
}

struct closure_replacements
resolve_replacements(struct resolve_run *run,
		     const struct manifest_track *track)
{
	return closure_replacements_of(&track->replaces, run->arena);
}

/* One reading of an instance's requirements. */
struct reading {
	struct resolve_run *run;
	const struct manifest_instance *instance;
	const struct manifest_track *track;
	struct closure_replacements replacements;
	int root_fd; /* of the source tree */
	struct resolve_strs requirements, constraints;
};

/* Where a requirement stands. */
struct origin {
	struct manifest_place at;
	struct str file; /* "a/requirements.txt", or "" for the manifest */
	unsigned line;
};

static void note_origin(struct reading *reading, const struct origin *origin)
{
	if (origin->file.n > 0)
		resolve_note_file(
			reading->run,
			arena_printf(reading->run->arena, STR_FMT ":%u",
				     STR_ARG(origin->file), origin->line));
}

/* The same text for the same requirement, however it was spaced. */
static struct str normal_text(struct reading *reading,
			      const struct requirement *requirement)
{
	auto_buf struct buf out = BUF_EMPTY;
	struct str name = requirement->name;
	struct lock_strs extras = {requirement->extras,
				   requirement->extra_count};

	for (size_t i = 0; i < reading->replacements.n; i++)
		if (str_eq(reading->replacements.p[i].name, name))
			name = reading->replacements.p[i].with;
	buf_append(&out, name);
	resolve_strs_sort(&extras);
	for (size_t i = 0; i < extras.n; i++)
		buf_printf(&out, "%s" STR_FMT, i ? "," : "[",
			   STR_ARG(extras.p[i]));
	buf_append_text(&out, extras.n ? "]" : "");
	for (size_t i = 0; i < requirement->specifier_text.n; i++)
		if (!strchr(" \t", requirement->specifier_text.p[i]))
			buf_append_byte(&out, requirement->specifier_text.p[i]);
	if (requirement->marker.n > 0)
		buf_printf(&out, "; " STR_FMT, STR_ARG(requirement->marker));
	return arena_str(reading->run->arena, buf_str(&out));
}

static int add_requirement(struct reading *reading, struct str text,
			   const struct origin *origin,
			   struct resolve_strs *list)
{
	auto_arena struct arena scratch = ARENA_EMPTY;
	struct requirement requirement;
	const char *what;

	if (!requirement_parse(text, &scratch, &requirement, &what)) {
		resolve_note(reading->run, reading->instance,
			     "lock-requirement", origin->at,
			     "'" STR_FMT "' is no requirement: %s",
			     STR_ARG(text), what);
		note_origin(reading, origin);
		return -1;
	}
	if (requirement.url.n > 0) {
		resolve_note(reading->run, reading->instance,
			     "lock-requirement", origin->at,
			     "'" STR_FMT "' names a url; a lock names no host",
			     STR_ARG(requirement.name));
		resolve_note_hint(reading->run,
				  "put the wheel on an index and bind the "
				  "package to it: tracks.NAME.indexes");
		note_origin(reading, origin);
		return -1;
	}
	if (list->n == MAX_REQUIREMENTS) {
		resolve_note(reading->run, reading->instance,
			     "lock-requirement", origin->at,
			     "more than %d requirements", MAX_REQUIREMENTS);
		return -1;
	}
	array_push(list, normal_text(reading, &requirement));
	return 0;
}

static int read_file(struct reading *reading, struct str path,
		     struct manifest_place at, struct resolve_strs *list,
		     unsigned depth);

/* A path in a file of requirements is relative to that file. */
static struct str beside(struct reading *reading, struct str file,
			 struct str path)
{
	ptrdiff_t slash = str_rfind(file, '/');

	if (slash < 0)
		return arena_str(reading->run->arena, path);
	return arena_printf(reading->run->arena, STR_FMT "/" STR_FMT,
			    STR_ARG(str_slice(file, 0, (size_t)slash)),
			    STR_ARG(path));
}

/* -r FILE and -c FILE; any other option is not ours to guess. */
static int read_option(struct reading *reading, struct str line,
		       const struct origin *origin, struct resolve_strs *list,
		       unsigned depth)
{
	static const struct {
		struct str name;
		bool is_constraint;
	} options[] = {
		{STR_INIT("--requirement"), false},
		{STR_INIT("-r"), false},
		{STR_INIT("--constraint"), true},
		{STR_INIT("-c"), true},
	};
	struct str path = line;

	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		if (!str_eat(&path, options[i].name))
			continue;
		path = str_trim(path);
		str_eat(&path, STR("="));
		return read_file(
			reading, beside(reading, origin->file, str_trim(path)),
			origin->at,
			options[i].is_constraint ? &reading->constraints : list,
			depth + 1);
	}
	resolve_note(reading->run, reading->instance, "lock-requirement",
		     origin->at, "'" STR_FMT "' has no place in a lock",
		     STR_ARG(line));
	resolve_note_hint(
		reading->run,
		"indexes belong to uv's or pip's configuration, or "
		"to tracks.NAME.indexes; local projects to the source "
		"tree");
	note_origin(reading, origin);
	return -1;
}

/* A line without its comment and without options behind the requirement. */
static struct str bare_line(struct str line)
{
	for (size_t i = 0; i < line.n; i++) {
		bool is_start =
			i == 0 || line.p[i - 1] == ' ' || line.p[i - 1] == '\t';

		if (is_start && line.p[i] == '#')
			return str_trim(str_slice(line, 0, i));
		if (is_start && i > 0 && line.p[i] == '-' && i + 1 < line.n &&
		    line.p[i + 1] == '-' && line.p[0] != '-')
			return str_trim(str_slice(line, 0, i));
	}
	return str_trim(line);
}

/* The next line, with those joined that end in a backslash. */
static bool next_line(struct str *rest, struct buf *joined, unsigned *line,
		      unsigned *following)
{
	struct str part;
	bool found = false;

	buf_clear(joined);
	*line = *following;
	while (str_line(rest, &part)) {
		found = true;
		++*following;
		if (!str_ends(part, STR("\\"))) {
			buf_append(joined, part);
			break;
		}
		buf_append(joined, str_slice(part, 0, part.n - 1));
	}
	return found;
}

static int read_lines(struct reading *reading, struct str text, struct str path,
		      struct manifest_place at, struct resolve_strs *list,
		      unsigned depth)
{
	auto_buf struct buf joined = BUF_EMPTY;
	unsigned line = 1, following = 1;

	str_eat(&text, STR("\xef\xbb\xbf"));
	while (next_line(&text, &joined, &line, &following)) {
		struct str bare = bare_line(str_trim(buf_str(&joined)));
		struct origin origin = {at, path, line};
		int result = 0;

		if (bare.n > 0 && bare.p[0] == '-')
			result = read_option(reading, bare, &origin, list,
					     depth);
		else if (bare.n > 0)
			result = add_requirement(reading, bare, &origin, list);
		if (result)
			return -1;
	}
	return 0;
}

static int read_file(struct reading *reading, struct str path,
		     struct manifest_place at, struct resolve_strs *list,
		     unsigned depth)
{
	auto_buf struct buf text = BUF_EMPTY;
	auto_err struct error *err = NULL;
	auto_free char *name = str_dup(path);

	if (depth > MAX_NESTING) {
		resolve_note(reading->run, reading->instance,
			     "lock-requirement", at,
			     "%s: files of requirements name each other more "
			     "than %d deep",
			     name, MAX_NESTING);
		return -1;
	}
	auto_close int fd =
		fs_open_beneath(reading->root_fd, name, O_RDONLY, 0);

	if (fd < 0)
		err_sys(&err, "cannot read '%s' below the source root", name);
	else
		fs_read_fd(fd, name, MAX_FILE_BYTES, &text, &err);
	if (!err && !str_is_utf8(buf_str(&text)))
		err_make(&err, ERR_FLEET, "%s is not UTF-8", name);
	if (err) {
		resolve_note(reading->run, reading->instance,
			     "lock-requirement", at, "%s", err_message(err));
		return -1;
	}
	return read_lines(reading, buf_str(&text), path, at, list, depth);
}

static int read_texts(struct reading *reading,
		      const struct manifest_texts *texts)
{
	array_each (const struct manifest_text, text, texts) {
		struct origin origin = {text->at, STR_EMPTY, 0};

		if (add_requirement(reading, text->s, &origin,
				    &reading->requirements))
			return -1;
	}
	return 0;
}

static int read_files(struct reading *reading,
		      const struct manifest_texts *paths,
		      struct resolve_strs *list)
{
	array_each (const struct manifest_text, path, paths) {
		if (read_file(reading, path->s, path->at, list, 0))
			return -1;
	}
	return 0;
}

static struct lock_strs sorted_copy(struct arena *arena,
				    const struct resolve_strs *strs)
{
	struct lock_strs list = {arena_new_array(arena, struct str, strs->n),
				 strs->n};

	if (strs->n > 0)
		memcpy(list.p, strs->p, strs->n * sizeof *list.p);
	resolve_strs_sort(&list);
	return list;
}

/* The constraints, the pins of the track, and packages of the family that are
 * only known. */
static int read_known(struct reading *reading,
		      const struct manifest_texts *packages,
		      struct lock_strs *known)
{
	const struct manifest_texts *pins = &reading->track->pins;
	struct resolve_strs list = ARRAY_EMPTY;
	int result = 0;

	array_each (struct str, text, &reading->constraints)
		array_push(&list, *text);
	for (size_t i = 0; result == 0 && i < pins->n; i++) {
		struct origin origin = {pins->p[i].at, STR_EMPTY, 0};

		result = add_requirement(reading, pins->p[i].s, &origin, &list);
	}
	for (size_t i = 0; result == 0 && packages && i < packages->n; i++) {
		struct origin origin = {packages->p[i].at, STR_EMPTY, 0};

		result = add_requirement(reading, packages->p[i].s, &origin,
					 &list);
	}
	*known = sorted_copy(reading->run->arena, &list);
	array_release(&list);
	return result;
}

static int read_all(struct reading *reading, size_t number,
		    enum resolve_family counts)
{
	const struct manifest_settings *settings = &reading->instance->settings;
	const struct manifest_texts *packages =
		reading->instance->family
			? &reading->instance->family->all_packages
			: NULL;
	const struct resolve_options *options = reading->run->options;
	struct origin nowhere = {{0, 0}, STR_EMPTY, 0};

	if ((packages && counts == RESOLVE_FAMILY_ASKED &&
	     read_texts(reading, packages)) ||
	    read_texts(reading, &settings->extra) ||
	    read_files(reading, &settings->requirements,
		       &reading->requirements) ||
	    read_files(reading, &settings->constraints, &reading->constraints))
		return -1;
	if (!options->scanned)
		return 0;
	struct lock_strs asked =
		sorted_copy(reading->run->arena, &reading->requirements);
	struct lock_strs known;

	if (read_known(reading,
		       counts == RESOLVE_FAMILY_KNOWN ? packages : NULL,
		       &known))
		return -1;
	struct lock_strs scanned =
		options->scanned(options->scanned_context, number, asked, known,
				 reading->run->arena);

	for (size_t i = 0; i < scanned.n; i++)
		if (add_requirement(reading, scanned.p[i], &nowhere,
				    &reading->requirements))
			return -1;
	return 0;
}

int resolve_inputs_read(struct resolve_run *run, size_t instance,
			enum resolve_family family,
			struct resolve_inputs *inputs)
{
	const struct manifest *manifest = run->options->manifest;
	auto_free char *root = path_printf(
		"%s/%s", run->options->folder,
		manifest->source.root.s.n ? manifest->source.root.s.p : ".");
	auto_err struct error *err = NULL;
	auto_close int root_fd = fs_open(root, O_RDONLY | O_DIRECTORY, 0, &err);
	const struct manifest_instance *read = manifest->instances.p[instance];
	struct reading reading = {
		.run = run,
		.instance = read,
		.track = family == RESOLVE_FAMILY_LEFT_OUT
				 ? manifest_track_in(manifest, read, NULL)
				 : read->track,
		.root_fd = root_fd,
	};

	reading.replacements = resolve_replacements(run, reading.track);

	if (root_fd < 0) {
		resolve_note(run, reading.instance, "lock-source",
			     manifest->source.root.at, "%s", err_message(err));
		return -1;
	}
	int result = read_all(&reading, instance, family);

	inputs->requirements = sorted_copy(run->arena, &reading.requirements);
	inputs->constraints = sorted_copy(run->arena, &reading.constraints);
	array_release(&reading.requirements);
	array_release(&reading.constraints);
	return result;
}
