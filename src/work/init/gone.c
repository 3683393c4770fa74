/* Services of a startup configuration that are commented out.
 *
 * A comment is no YAML, so this looks at lines: one that has `script_path:`
 * behind its "#", and the nearest line above it, in the same run of comments,
 * that can be its name.
 *
 *   # Name:                            # - name: Name
 *   #   script_path: a.py              #   script_path: a.py
 *   # - {name: Name, script_path: a.py, ...}
 */
#include "work/init/draft.h"

/* The content behind "#", "##", "#-"; false for a line that is no comment. */
static bool comment_of(struct str line, struct str *content)
{
	line = str_trim(line);
	if (!str_eat(&line, STR("#")))
		return false;
	while (str_eat(&line, STR("#")))
		;
	*content = str_trim(line);
	return true;
}

/* The value of "KEY: value" in a line, up to "," or "}" or a comment. */
static struct str value_of(struct str line, struct str key)
{
	ptrdiff_t at = str_find_str(line, key);
	size_t n = 0;

	if (at < 0 || (at > 0 && !strchr(" {-,", line.p[at - 1])))
		return STR_EMPTY;
	struct str rest = str_trim(str_slice(line, (size_t)at + key.n, line.n));

	while (n < rest.n && !strchr(",}#", rest.p[n]))
		n++;
	rest = str_trim(str_slice(rest, 0, n));
	if (rest.n >= 2 && strchr("'\"", rest.p[0]) &&
	    rest.p[rest.n - 1] == rest.p[0])
		rest = str_slice(rest, 1, rest.n - 1);
	return rest;
}

/* "Name:" alone, also with a remark behind it. */
static struct str key_of(struct str content)
{
	ptrdiff_t colon = str_find(content, ':');
	struct str name = str_slice(content, 0, colon < 0 ? 0 : (size_t)colon);
	struct str rest =
		str_trim(str_slice(content, (size_t)(colon + 1), content.n));

	for (size_t i = 0; i < name.n; i++)
		if (strchr(" \t{}'\"", name.p[i]))
			return STR_EMPTY;
	return colon > 0 && (rest.n == 0 || rest.p[0] == '#') ? name
							      : STR_EMPTY;
}

static void add_gone(struct draft *draft, struct str path, uint32_t line,
		     struct str name, struct str script)
{
	struct draft_gone gone = {name, script, {path, line}, false};

	if (!str_is_utf8(name) || !str_is_utf8(script) || name.n > 100 ||
	    script.n > 300)
		return;
	gone.is_settled =
		draft_choose(draft, gone.at, NULL,
			     arena_printf(draft->arena, "gone/" STR_FMT,
					  STR_ARG(name)),
			     "no",
			     "'" STR_FMT "' (" STR_FMT ") is commented out: "
			     "does it belong to the fleet?",
			     STR_ARG(name), STR_ARG(script))
			.n > 0;
	array_push(&draft->gone, gone);
}

void startup_read_gone(struct draft *draft, struct str path, struct str text)
{
	struct str line, content, name = STR_EMPTY;
	uint32_t number = 0, name_line = 0;

	while (str_line(&text, &line)) {
		number++;
		if (!comment_of(line, &content)) {
			name = STR_EMPTY;
			continue;
		}
		struct str found = value_of(content, STR("name:"));

		if (found.n == 0)
			found = key_of(content);
		if (found.n) {
			name = found;
			name_line = number;
		}
		struct str script = value_of(content, STR("script_path:"));

		if (script.n && name.n) {
			add_gone(draft, path, name_line, name, script);
			name = STR_EMPTY;
		}
	}
}
