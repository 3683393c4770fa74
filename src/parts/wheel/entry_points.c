/* entry_points.txt: commands, and the wrappers that pip makes of them.
 *
 *   file    = ('[' group ']' | name '=' object | '#' comment)*
 *   object  = module ':' callable ['[' extras ']']
 *
 * What goes into a wrapper is code: only identifiers and dots get there. */
#include "base/fs.h"
#include "parts/wheel/parts.h"

enum { ENTRY_POINTS_MAX = 1 << 20 };

/* Letters, digits, '_' and what is not ASCII, in parts between dots that do
 * not begin with a digit. */
static bool is_dotted_name(struct str text)
{
	struct str part;

	if (text.n == 0 || text.p[text.n - 1] == '.')
		return false;
	while (str_split(&text, '.', &part)) {
		if (part.n == 0 || (part.p[0] >= '0' && part.p[0] <= '9'))
			return false;
		for (size_t i = 0; i < part.n; i++) {
			unsigned char c = (unsigned char)part.p[i];

			if (!(c >= 0x80 || c == '_' || (c >= '0' && c <= '9') ||
			      ((c | 32) >= 'a' && (c | 32) <= 'z')))
				return false;
		}
	}
	return true;
}

bool wheel_is_interpreter(struct str name)
{
	if (!str_eat(&name, STR("python")))
		return false;
	str_eat(&name, STR("w"));
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] != '.' && (name.p[i] < '0' || name.p[i] > '9'))
			return false;
	return true;
}

static int check_command(struct str name, struct error **err)
{
	if (!path_is_clean(name) || str_find(name, '/') >= 0)
		return err_make(err, ERR_FLEET,
				"its entry_points.txt has a command '" STR_FMT
				"', which would leave bin/",
				STR_ARG(name));
	if (wheel_is_interpreter(name))
		return err_make(err, ERR_FLEET,
				"its entry_points.txt has a command '" STR_FMT
				"', the name of the interpreter",
				STR_ARG(name));
	return 0;
}

static void set_command(struct wheel *wheel, const struct entry_point *point)
{
	array_each (struct entry_point, other, &wheel->entry_points) {
		if (!str_eq(other->name, point->name))
			continue;
		*other = *point;
		return;
	}
	array_push(&wheel->entry_points, *point);
}

static int parse_command(struct wheel *wheel, struct str line,
			 struct error **err)
{
	struct str object = line, name, module;
	struct entry_point point;

	if (str_find(line, '=') < 0)
		return err_make(err, ERR_FLEET,
				"its entry_points.txt has the line '" STR_FMT
				"' without a '='",
				STR_ARG(line));
	str_split(&object, '=', &name);
	object = str_trim(object);
	point.name = str_trim(name);
	if (object.n && object.p[object.n - 1] == ']' &&
	    str_find(object, '[') >= 0)
		object = str_trim(
			str_slice(object, 0, (size_t)str_find(object, '[')));
	struct str callable = object;

	str_split(&callable, ':', &module);
	point.module = str_trim(module);
	point.callable = str_trim(callable);
	if (!is_dotted_name(point.module) || !is_dotted_name(point.callable))
		return err_make(err, ERR_FLEET,
				"its entry_points.txt has the command '" STR_FMT
				"', which is not MODULE:CALLABLE",
				STR_ARG(line));
	if (check_command(point.name, err))
		return -1;
	set_command(wheel, &point);
	return 0;
}

/* "pip3", "pip3.11": names that pip and its like put into their wheels for the
 * Python that built them. */
static bool is_versioned(struct str name, struct str stem)
{
	if (!str_eat(&name, stem) || name.n == 0)
		return false;
	str_eat(&name, STR("-"));
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] != '.' && (name.p[i] < '0' || name.p[i] > '9'))
			return false;
	return true;
}

/* pip replaces those commands by ones for the Python that it installs into. */
static void replace_versioned(struct wheel *wheel, struct str stem,
			      const char *format, bool with_major)
{
	const struct entry_point *found = wheel_entry_point(wheel, stem);
	size_t kept = 0;

	if (!found)
		return;
	struct entry_point point = *found;

	for (size_t i = 0; i < wheel->entry_points.n; i++)
		if (!is_versioned(wheel->entry_points.p[i].name, stem))
			wheel->entry_points.p[kept++] =
				wheel->entry_points.p[i];
	wheel->entry_points.n = kept;
	if (with_major) {
		point.name = arena_printf(&wheel->arena, STR_FMT "%u",
					  STR_ARG(stem), wheel->python_major);
		set_command(wheel, &point);
	}
	point.name =
		arena_printf(&wheel->arena, STR_FMT "%s%u.%u", STR_ARG(stem),
			     format, wheel->python_major, wheel->python_minor);
	set_command(wheel, &point);
}

int wheel_read_entry_points(struct wheel *wheel, struct error **err)
{
	auto_buf struct buf bytes = BUF_EMPTY;
	const struct zip_member *member =
		wheel_info_member(wheel, "entry_points.txt");
	bool wanted = false;
	struct str line;

	if (!member || member->is_folder)
		return 0;
	if (zip_read(wheel->stream, &wheel->zip, member, ENTRY_POINTS_MAX,
		     &bytes, err))
		return -1;
	struct str text = arena_str(&wheel->arena, buf_str(&bytes));

	if (!str_is_utf8(text))
		return err_make(err, ERR_FLEET,
				"its entry_points.txt is not UTF-8");
	while (str_line(&text, &line)) {
		line = str_trim(line);
		if (line.n == 0 || line.p[0] == '#')
			continue;
		if (line.p[0] == '[' && line.p[line.n - 1] == ']')
			wanted = str_eq(line, STR("[console_scripts]")) ||
				 str_eq(line, STR("[gui_scripts]"));
		else if (wanted && parse_command(wheel, line, err))
			return -1;
	}
	replace_versioned(wheel, STR("pip"), "", true);
	replace_versioned(wheel, STR("easy_install"), "-", false);
	return 0;
}

const struct entry_point *wheel_entry_point(const struct wheel *wheel,
					    struct str name)
{
	array_each (struct entry_point, point, &wheel->entry_points)
		if (str_eq(point->name, name))
			return point;
	return NULL;
}

struct str wheel_wrapper(struct wheel *wheel, const struct entry_point *point)
{
	struct str first = str_slice(point->callable, 0, SIZE_MAX),
		   rest = first;

	str_split(&rest, '.', &first);
	return arena_printf(&wheel->arena,
			    "#!/" STR_FMT "/bin/python\n"
			    "import sys\n"
			    "from " STR_FMT " import " STR_FMT "\n"
			    "if __name__ == '__main__':\n"
			    "    sys.argv[0] = "
			    "sys.argv[0].removesuffix('.exe')\n"
			    "    sys.exit(" STR_FMT "())\n",
			    STR_ARG(wheel->root), STR_ARG(point->module),
			    STR_ARG(first), STR_ARG(point->callable));
}
