#include <ctype.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "codec/json.h"
#include "parts/fetch.h"
#include "parts/pyindex/internal.h"

static void add_file(struct page *page, struct str name, const char *base,
		     struct str reference, struct str hash)
{
	auto_free char *text = str_dup(reference);
	auto_free char *url = fetch_url_join(base, text);
	auto_free char *own_name = url && !name.n ? fetch_url_name(url) : NULL;
	struct page_file file = {.name = name.n ? name : str_from(own_name)};

	/* A NUL would cut the text short. */
	if (!url || !file.name.n || strlen(text) != reference.n)
		return;
	if (hash.n >= DIGEST_HEX)
		digest_parse(str_slice(hash, 0, DIGEST_HEX), &file.sha256);
	file.name = arena_str(&page->arena, file.name);
	file.url = arena_str(&page->arena, str_from(url));
	array_push(&page->files, file);
}

/* -- PEP 691 -- */

static int parse_json(struct page *page, struct str text, const char *base,
		      struct error **err)
{
	struct json_problem problem;
	auto_json json_t *root = json_parse(text, PYINDEX_PAGE_MAX, &problem);
	const json_t *files = json_get_array(root, "files");
	struct str version = STR_EMPTY;

	if (!root)
		return err_make(err, ERR_ENV, "it is not JSON: line %u: %s",
				problem.line, problem.what);
	json_get_str(json_get_object(root, "meta"), "api-version", &version);
	if (version.n && !str_starts(version, STR("1.")))
		return err_make(err, ERR_ENV,
				"it has version '" STR_FMT "' of the simple "
				"repository API, version 1 is known",
				STR_ARG(version));
	if (!files)
		return err_make(err, ERR_ENV, "it has no list 'files'");
	for (size_t i = 0; i < json_array_size(files); i++) {
		const json_t *file = json_array_get(files, i);
		struct str name, url, hash = STR_EMPTY;

		json_get_str(json_get_object(file, "hashes"), "sha256", &hash);
		if (json_get_str(file, "filename", &name) &&
		    json_get_str(file, "url", &url))
			add_file(page, name, base, url, hash);
	}
	return 0;
}

/* -- PEP 503: anchors, and one base element -- */

static bool is_space(char c)
{
	return isspace((unsigned char)c) != 0;
}

static void skip_space(struct str *s)
{
	while (s->n && is_space(*s->p))
		*s = str_slice(*s, 1, s->n);
}

/* The bytes before one of the stops or white space. */
static struct str take_until(struct str *s, const char *stops)
{
	size_t n = 0;

	while (n < s->n && !is_space(s->p[n]) && !strchr(stops, s->p[n]))
		n++;
	struct str taken = str_slice(*s, 0, n);

	*s = str_slice(*s, n, s->n);
	return taken;
}

static struct str take_value(struct str *s)
{
	skip_space(s);
	if (!s->n || (*s->p != '"' && *s->p != '\''))
		return take_until(s, ">");
	char quote[2] = {*s->p, '\0'};
	struct str value = str_slice(*s, 1, s->n);
	ptrdiff_t end = str_find(value, *quote);

	if (end < 0)
		end = (ptrdiff_t)value.n;
	*s = str_slice(value, (size_t)end + 1, value.n);
	return str_slice(value, 0, (size_t)end);
}

/* The next attribute of a tag; false at its end. */
static bool take_attribute(struct str *s, struct str *name, struct str *value)
{
	skip_space(s);
	while (s->n && *s->p == '/') {
		*s = str_slice(*s, 1, s->n);
		skip_space(s);
	}
	if (!s->n || *s->p == '>')
		return false;
	*name = take_until(s, "=>/");
	*value = STR_EMPTY;
	skip_space(s);
	if (s->n && *s->p == '=') {
		*s = str_slice(*s, 1, s->n);
		*value = take_value(s);
	} else if (!name->n) {
		*s = str_slice(*s, 1, s->n);
	}
	return true;
}

/* One character reference, without & and ;. */
static bool append_entity(struct buf *out, struct str name)
{
	static const struct {
		const char *name;
		char byte;
	} known[] = {
		{"amp", '&'},	{"lt", '<'},   {"gt", '>'},    {"quot", '"'},
		{"apos", '\''}, {"#39", '\''}, {"#x27", '\''}, {"#43", '+'},
		{"#x2B", '+'},	{"#x2b", '+'}, {"#38", '&'},   {"#x26", '&'},
		{"#61", '='},	{"#x3D", '='}, {"#x3d", '='},
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (str_eq(name, str_from(known[i].name))) {
			buf_append_byte(out, known[i].byte);
			return true;
		}
	return false;
}

static void unescape(struct buf *out, struct str text)
{
	buf_clear(out);
	for (size_t i = 0; i < text.n; i++) {
		struct str rest = str_slice(text, i + 1, i + 12);
		ptrdiff_t end = str_find(rest, ';');

		if (text.p[i] == '&' && end > 0 &&
		    append_entity(out, str_slice(rest, 0, (size_t)end)))
			i += (size_t)end + 1;
		else
			buf_append_byte(out, text.p[i]);
	}
}

static void add_anchor(struct page *page, const char *base, struct str href)
{
	ptrdiff_t hash = str_find(href, '#');
	struct str fragment = STR_EMPTY;

	if (hash >= 0)
		fragment = str_slice(href, (size_t)hash + 1, href.n);
	ptrdiff_t at = str_find_str(fragment, STR("sha256="));

	add_file(page, STR_EMPTY, base, href,
		 at < 0 ? STR_EMPTY
			: str_slice(fragment, (size_t)at + 7, fragment.n));
}

/* The tag that starts at rest: its name and its href, unescaped. */
static struct str read_tag(struct str *rest, struct buf *href)
{
	struct str tag = take_until(rest, ">/"), name, value;

	buf_clear(href);
	if (!str_eq_case(tag, STR("a")) && !str_eq_case(tag, STR("base")))
		return STR_EMPTY;
	while (take_attribute(rest, &name, &value))
		if (str_eq_case(name, STR("href")))
			unescape(href, value);
	return tag;
}

static void parse_html(struct page *page, struct str text, const char *base)
{
	auto_free char *own_base = mem_strdup(base);
	auto_buf struct buf href = BUF_EMPTY;
	ptrdiff_t at;

	while ((at = str_find(text, '<')) >= 0) {
		text = str_slice(text, (size_t)at + 1, text.n);
		if (str_eat(&text, STR("!--"))) {
			ptrdiff_t end = str_find_str(text, STR("-->"));

			text = str_slice(text, end < 0 ? text.n : (size_t)end,
					 text.n);
			continue;
		}
		struct str tag = read_tag(&text, &href);

		if (!href.n)
			continue;
		if (tag.n == 1) {
			add_anchor(page, own_base, buf_str(&href));
			continue;
		}
		char *joined = fetch_url_join(own_base, buf_text(&href));

		if (joined) {
			free(own_base);
			own_base = joined;
		}
	}
}

int page_parse(struct page *page, struct str text, struct str content_type,
	       const char *base, struct error **err)
{
	struct str start = str_trim(str_slice(text, 0, 64));
	bool json = content_type.n
			    ? str_find_str(content_type, STR("json")) >= 0
			    : str_starts(start, STR("{"));

	if (json)
		return parse_json(page, text, base, err);
	parse_html(page, text, base);
	return 0;
}
