#include "decisions/ownership.h"

#include "base/buf.h"

/* Values of the map: their addresses are the kinds. */
static char folder_mark, module_mark;

void ownership_release(struct ownership *ownership)
{
	map_release(&ownership->modules);
}

/* "name-1.data/purelib/a.py" is "a.py"; what another .data folder holds is no
 * module. False for such. */
static bool strip_data(struct str *member)
{
	ptrdiff_t slash = str_find(*member, '/');

	if (slash < 0 ||
	    !str_ends(str_slice(*member, 0, (size_t)slash), STR(".data")))
		return true;
	*member = str_slice(*member, (size_t)slash + 1, member->n);
	return str_eat(member, STR("purelib/")) ||
	       str_eat(member, STR("platlib/"));
}

/* The stem of a file that Python imports: "a" of "a.py", "a.abi3.so",
 * "a.cpython-311-x86_64-linux-gnu.so"; false for any other. */
static bool module_stem(struct str file, struct str *stem)
{
	ptrdiff_t dot = str_find(file, '.');

	if (dot <= 0)
		return false;
	*stem = str_slice(file, 0, (size_t)dot);
	struct str suffix = str_slice(file, (size_t)dot, file.n);

	return str_eq(suffix, STR(".py")) || str_eq(suffix, STR(".so")) ||
	       str_eq(suffix, STR(".abi3.so")) ||
	       (str_starts(suffix, STR(".cpython-")) &&
		str_ends(suffix, STR(".so")));
}

static void add(struct ownership *ownership, struct str module, char *mark)
{
	if (mark == &module_mark || !map_has(&ownership->modules, module))
		map_set(&ownership->modules, module, mark);
}

void ownership_add(struct ownership *ownership, struct str member)
{
	auto_buf struct buf module = BUF_EMPTY;
	struct str rest = member, part, stem;

	if (!strip_data(&rest))
		return;
	while (str_split(&rest, '/', &part)) {
		bool is_file = rest.n == 0;

		if (is_file && !module_stem(part, &stem))
			return;
		if (is_file && str_eq(stem, STR("__init__"))) {
			add(ownership, buf_str(&module), &module_mark);
			return;
		}
		/* "numpy-1.0.dist-info" is no package. */
		if (!is_file && str_find(part, '.') >= 0)
			return;
		if (module.n)
			buf_append_byte(&module, '.');
		buf_append(&module, is_file ? stem : part);
		add(ownership, buf_str(&module),
		    is_file ? &module_mark : &folder_mark);
	}
}

enum ownership_kind ownership_has(const struct ownership *ownership,
				  struct str module)
{
	const void *mark = map_get(&ownership->modules, module);

	return mark == &module_mark   ? OWNERSHIP_MODULE
	       : mark == &folder_mark ? OWNERSHIP_FOLDER
				      : OWNERSHIP_NONE;
}

/* The first distribution that has the module in at least this way. */
static ptrdiff_t first_with(const struct ownership *const *distributions,
			    size_t count, struct str module,
			    enum ownership_kind least)
{
	for (size_t i = 0; i < count; i++)
		if (distributions[i] &&
		    ownership_has(distributions[i], module) >= least)
			return (ptrdiff_t)i;
	return -1;
}

ptrdiff_t ownership_find(const struct ownership *const *distributions,
			 size_t count, struct str module, struct str name,
			 bool *partial)
{
	auto_buf struct buf longer = BUF_EMPTY;
	ptrdiff_t dot = str_find(module, '.');
	struct str top = dot < 0 ? module : str_slice(module, 0, (size_t)dot);

	*partial = first_with(distributions, count, top, OWNERSHIP_FOLDER) >= 0;
	ptrdiff_t found =
		first_with(distributions, count, module, OWNERSHIP_MODULE);

	if (found >= 0 || !*partial)
		return found;
	if (name.n) {
		buf_printf(&longer, STR_FMT "." STR_FMT, STR_ARG(module),
			   STR_ARG(name));
		found = first_with(distributions, count, buf_str(&longer),
				   OWNERSHIP_FOLDER);
	}
	return found >= 0 ? found
			  : first_with(distributions, count, module,
				       OWNERSHIP_FOLDER);
}
