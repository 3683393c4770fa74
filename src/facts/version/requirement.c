/* Names (PEP 503) and requirements (PEP 508). */
#include "facts/version/scan.h"

static bool is_name_inside(int c)
{
	return scan_is_alphanumeric(c) || c == '.' || c == '_' || c == '-';
}

/* Length of the name at the start of s: it ends in a letter or digit. */
static size_t name_size(struct str s)
{
	size_t n = 0;

	if (!scan_is_alphanumeric(scan_first(s)))
		return 0;
	while (n < s.n && is_name_inside((unsigned char)s.p[n]))
		n++;
	return scan_is_alphanumeric((unsigned char)s.p[n - 1]) ? n : 0;
}

bool name_is_valid(struct str name)
{
	return name.n > 0 && name_size(name) == name.n;
}

struct str name_normalise(struct arena *arena, struct str name)
{
	char *p = arena_alloc(arena, name.n + 1, 1);
	size_t n = 0;

	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (c == '.' || c == '_' || c == '-') {
			if (n > 0 && p[n - 1] == '-')
				continue;
			c = '-';
		}
		p[n++] = c;
	}
	return str_of(p, n);
}

static struct str skip_blanks(struct str s)
{
	size_t n = 0;

	while (n < s.n && (s.p[n] == ' ' || s.p[n] == '\t'))
		n++;
	return str_slice(s, n, s.n);
}

/* "[a, b]" at the start of *rest. */
static bool eat_extras(struct str *rest, struct arena *arena,
		       struct requirement *requirement)
{
	struct str inside, part;
	ptrdiff_t end = str_find(*rest, ']');

	if (scan_first(*rest) != '[')
		return true;
	if (end < 0)
		return false;
	inside = str_trim(str_slice(*rest, 1, (size_t)end));
	*rest = skip_blanks(str_slice(*rest, (size_t)end + 1, rest->n));
	if (inside.n == 0)
		return true;
	if (inside.p[inside.n - 1] == ',')
		return false;
	requirement->extras = arena_new_array(arena, struct str, inside.n);
	while (str_split(&inside, ',', &part)) {
		part = str_trim(part);
		if (!name_is_valid(part))
			return false;
		requirement->extras[requirement->extra_count++] =
			name_normalise(arena, part);
	}
	return true;
}

/* "@ url", then a marker only behind white space: a url may hold ";". */
static bool read_url(struct str rest, struct requirement *requirement)
{
	size_t n = 0;

	rest = skip_blanks(str_slice(rest, 1, rest.n));
	while (n < rest.n && rest.p[n] != ' ' && rest.p[n] != '\t')
		n++;
	requirement->url = str_slice(rest, 0, n);
	rest = skip_blanks(str_slice(rest, n, rest.n));
	if (n == 0 || (rest.n > 0 && rest.p[0] != ';'))
		return false;
	requirement->marker = str_trim(str_slice(rest, 1, rest.n));
	return rest.n == 0 || requirement->marker.n > 0;
}

/* "(>=1, <2)" or the same without the parentheses. */
static bool read_specifiers(struct str text, struct arena *arena,
			    struct requirement *requirement)
{
	text = str_trim(text);
	if (scan_first(text) == '(') {
		if (text.p[text.n - 1] != ')')
			return false;
		text = str_trim(str_slice(text, 1, text.n - 1));
	}
	if (str_find(text, '(') >= 0 || str_find(text, ')') >= 0 ||
	    str_find_str(text, STR(",,")) >= 0)
		return false;
	requirement->specifier_text = text;
	return specifiers_parse(text, arena, &requirement->specifiers);
}

bool requirement_parse(struct str text, struct arena *arena,
		       struct requirement *requirement, const char **what)
{
	*requirement = (struct requirement){0};
	*what = "a name is missing or malformed";
	if (text.n > REQUIREMENT_MAX_BYTES) {
		*what = "longer than 16 KiB";
		return false;
	}
	struct str rest = str_trim(text);
	size_t n = name_size(rest);

	if (n == 0)
		return false;
	requirement->name = name_normalise(arena, str_slice(rest, 0, n));
	rest = skip_blanks(str_slice(rest, n, rest.n));
	*what = "the extras in [ ] are malformed";
	if (!eat_extras(&rest, arena, requirement))
		return false;
	*what = "the url behind @ is malformed";
	if (scan_first(rest) == '@')
		return read_url(rest, requirement);
	ptrdiff_t semicolon = str_find(rest, ';');
	size_t end = semicolon < 0 ? rest.n : (size_t)semicolon;

	*what = "the version specifier is malformed";
	if (!read_specifiers(str_slice(rest, 0, end), arena, requirement))
		return false;
	*what = "the marker behind ; is missing";
	requirement->marker = str_trim(str_slice(rest, end + 1, rest.n));
	return semicolon < 0 || requirement->marker.n > 0;
}
