/* Which file a member becomes, and which files are made besides. */
#include <sys/stat.h>

#include "parts/wheel/parts.h"

enum { SCRIPT_MAX = 16 << 20 };

static const struct str python_shebang = STR_INIT("#!python");

/* A member of NAME.data/SCHEME/ or of the wheel's top folder. */
struct place {
	struct str folder; /* where the rest is installed */
	struct str rest;
	bool is_script;
};

static int find_place(struct wheel *wheel, const struct zip_member *member,
		      struct place *place, struct error **err)
{
	struct str rest = member->name, top, scheme;

	str_split(&rest, '/', &top);
	if (!rest.n || !str_ends(top, STR(".data"))) {
		*place = (struct place){wheel->site, member->name, false};
		return 0;
	}
	str_split(&rest, '/', &scheme);
	*place = (struct place){wheel->root, rest, false};
	if (!rest.n)
		return err_make(err, ERR_FLEET,
				"its member '" STR_FMT "' is in no scheme's "
				"folder",
				STR_ARG(member->name));
	if (str_eq(scheme, STR("data")))
		return 0;
	if (str_eq(scheme, STR("purelib")) || str_eq(scheme, STR("platlib"))) {
		place->folder = wheel->site;
		return 0;
	}
	if (str_eq(scheme, STR("scripts"))) {
		place->is_script = true;
		place->folder = arena_printf(&wheel->arena, STR_FMT "/bin",
					     STR_ARG(wheel->root));
		return 0;
	}
	if (str_eq(scheme, STR("headers"))) {
		place->folder = arena_printf(
			&wheel->arena,
			STR_FMT "/include/site/python%u.%u/" STR_FMT,
			STR_ARG(wheel->root), wheel->python_major,
			wheel->python_minor, STR_ARG(wheel->name));
		return 0;
	}
	return err_make(err, ERR_FLEET,
			"its member '" STR_FMT "' is of the unknown scheme "
			"'" STR_FMT "'",
			STR_ARG(member->name), STR_ARG(scheme));
}

static bool has_part(struct str path, struct str part)
{
	struct str one;

	while (str_split(&path, '/', &one))
		if (str_eq(one, part))
			return true;
	return false;
}

/* What pip writes itself, or does not install. */
static bool is_left_out(const struct wheel *wheel,
			const struct zip_member *member)
{
	static const char *const names[] = {"RECORD", "INSTALLER", "REQUESTED",
					    "direct_url.json"};

	if (member->is_folder || has_part(member->name, STR("__pycache__")))
		return true;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (member == wheel_info_member(wheel, names[i]))
			return true;
	return false;
}

/* A script that a build tool made for an entry point; the wrapper takes its
 * place. */
static bool is_old_wrapper(const struct wheel *wheel, struct str path)
{
	static const struct str ends[] = {STR_INIT(""), STR_INIT(".exe"),
					  STR_INIT("-script.py"),
					  STR_INIT(".pya")};
	ptrdiff_t slash = str_rfind(path, '/');
	struct str name = str_slice(path, (size_t)(slash + 1), path.n);

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		struct str end = str_slice(name, name.n - ends[i].n, name.n);

		if (name.n >= ends[i].n && str_eq_case(end, ends[i]) &&
		    wheel_entry_point(wheel,
				      str_slice(name, 0, name.n - ends[i].n)))
			return true;
	}
	return false;
}

static int check_reserved(const struct wheel *wheel,
			  const struct wheel_file *file, struct error **err)
{
	struct str rest = file->path;

	str_eat(&rest, wheel->root);
	str_eat(&rest, STR("/"));
	if (str_eq(rest, STR("pyvenv.cfg")) ||
	    (str_eat(&rest, STR("bin/")) && wheel_is_interpreter(rest)))
		return err_make(err, ERR_FLEET,
				"it would replace '/" STR_FMT "', which is "
				"the image's own",
				STR_ARG(file->path));
	return 0;
}

/* 1 and the script with the venv's interpreter in its first line, or 0 where
 * that line is another. */
static int rewrite_script(struct wheel *wheel, const struct zip_member *member,
			  const struct digest *said, struct str *script,
			  struct error **err)
{
	auto_buf struct buf head = BUF_EMPTY;
	struct zip_piece piece;
	int more = 1;

	zip_stream_start(wheel->stream, &wheel->zip, member);
	while (head.n < python_shebang.n && more) {
		more = zip_stream_next(wheel->stream, &piece, err);
		if (more < 0)
			return -1;
		buf_append(&head, piece.raw);
	}
	if (!str_starts(buf_str(&head), python_shebang))
		return 0;
	buf_clear(&head);
	if (zip_read(wheel->stream, &wheel->zip, member, SCRIPT_MAX, &head,
		     err))
		return -1;
	struct digest found = digest_of(buf_str(&head));

	if (wheel_check_digest(wheel, member, said, &found, err))
		return -1;
	auto_buf struct buf text = BUF_EMPTY;
	struct str old = buf_str(&head);
	ptrdiff_t end = str_find(old, '\n');

	buf_printf(&text, "#!/" STR_FMT "/bin/python\n", STR_ARG(wheel->root));
	if (end >= 0)
		buf_append(&text, str_slice(old, (size_t)end + 1, old.n));
	*script = arena_str(&wheel->arena, buf_str(&text));
	return 1;
}

static void set_bytes(struct wheel_file *file, struct str bytes)
{
	file->member = NULL;
	file->bytes = bytes;
	file->size_bytes = bytes.n;
	file->digest = digest_of(bytes);
}

static int place_member(struct wheel *wheel, const struct zip_member *member,
			struct error **err)
{
	struct wheel_file file = {.member = member, .bytes = STR_EMPTY};
	struct place place;
	struct str script;
	int rewritten;

	if (find_place(wheel, member, &place, err))
		return -1;
	if (place.is_script && is_old_wrapper(wheel, place.rest))
		return 0;
	file.path = arena_printf(&wheel->arena, STR_FMT "/" STR_FMT,
				 STR_ARG(place.folder), STR_ARG(place.rest));
	/* As with pip, the bits count only where the type says "file". */
	file.mode = place.is_script || (S_ISREG(member->mode) &&
					(member->mode & 0111))
			    ? 0755
			    : 0644;
	file.size_bytes = member->size_bytes;
	file.is_python = str_ends(file.path, STR(".py"));
	if (check_reserved(wheel, &file, err) ||
	    wheel_member_digest(wheel, member, &file.digest, err))
		return -1;
	if (place.is_script) {
		rewritten = rewrite_script(wheel, member, &file.digest, &script,
					   err);
		if (rewritten < 0)
			return -1;
		if (rewritten)
			set_bytes(&file, script);
	}
	array_push(&wheel->files, file);
	return 0;
}

static void place_generated(struct wheel *wheel)
{
	struct wheel_file file = {.mode = 0644};

	file.path =
		arena_printf(&wheel->arena, STR_FMT "/" STR_FMT "/INSTALLER",
			     STR_ARG(wheel->site), STR_ARG(wheel->info));
	set_bytes(&file, STR("slipway\n"));
	array_push(&wheel->files, file);
	file.mode = 0755;
	array_each (struct entry_point, point, &wheel->entry_points) {
		file.path = arena_printf(&wheel->arena, STR_FMT "/bin/" STR_FMT,
					 STR_ARG(wheel->root),
					 STR_ARG(point->name));
		set_bytes(&file, wheel_wrapper(wheel, point));
		array_push(&wheel->files, file);
	}
}

static int compare_paths(const void *a, const void *b)
{
	const struct wheel_file *one = a, *other = b;

	return str_cmp(one->path, other->path);
}

/* Two members for one path are fine where they are the same. */
static int drop_doubles(struct wheel *wheel, struct error **err)
{
	struct wheel_file *files = wheel->files.p;
	size_t kept = 0;

	for (size_t i = 0; i < wheel->files.n; i++) {
		const struct wheel_file *last = kept ? files + kept - 1 : NULL;

		if (!last || !str_eq(last->path, files[i].path))
			files[kept++] = files[i];
		else if (last->mode != files[i].mode ||
			 !digest_eq(&last->digest, &files[i].digest))
			return err_make(err, ERR_FLEET,
					"it has two different files for "
					"'/" STR_FMT "'",
					STR_ARG(files[i].path));
	}
	wheel->files.n = kept;
	return 0;
}

int wheel_place_files(struct wheel *wheel, struct error **err)
{
	for (size_t i = 0; i < wheel->zip.n; i++) {
		const struct zip_member *member = wheel->zip.members + i;

		if (!is_left_out(wheel, member) &&
		    place_member(wheel, member, err))
			return -1;
	}
	place_generated(wheel);
	array_sort(&wheel->files, compare_paths);
	return drop_doubles(wheel, err);
}
