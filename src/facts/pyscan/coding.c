/* coding: a source as UTF-8 with "\n" line ends.
 *
 * What stands in another encoding is read as far as a scanner needs it: bytes
 * of single-byte encodings as those of Latin-1, characters of multi-byte ones
 * whose second byte may be a backslash or quote as one letter each. Source:
 * PEP 263.
 */
#include "facts/pyscan/scan.h"

#define BOM "\xef\xbb\xbf"

/* The name in a coding line, as the expression of PEP 263 finds it:
 * ^[ \t\f]*#.*?coding[:=][ \t]*([-_.a-zA-Z0-9]+) */
static struct str coding_in(struct str line)
{
	while (line.n && is_blank(line.p[0]))
		line = str_slice(line, 1, line.n);
	if (!line.n || line.p[0] != '#')
		return STR_EMPTY;
	for (;;) {
		ptrdiff_t at = str_find_str(line, STR("coding"));
		size_t n = 0;

		if (at < 0)
			return STR_EMPTY;
		line = str_slice(line, (size_t)at + 6, line.n);
		if (!line.n || (line.p[0] != ':' && line.p[0] != '='))
			continue;
		struct str name = str_slice(line, 1, line.n);

		while (name.n && (name.p[0] == ' ' || name.p[0] == '\t'))
			name = str_slice(name, 1, name.n);
		while (n < name.n && (class_of(name.p[n]) & IS_LITERAL) &&
		       name.p[n] != '/')
			n++;
		if (n)
			return str_slice(name, 0, n);
	}
}

/* Nothing but blanks and a comment: the second line counts behind it. */
static bool is_empty(struct str line)
{
	while (line.n && is_blank(line.p[0]))
		line = str_slice(line, 1, line.n);
	return !line.n || line.p[0] == '#';
}

/* The first line of s, which may end in a lone "\r". */
static struct str first_line(struct str *s)
{
	size_t n = 0;

	while (n < s->n && s->p[n] != '\n' && s->p[n] != '\r')
		n++;
	struct str line = str_slice(*s, 0, n);

	n += n + 1 < s->n && s->p[n] == '\r' && s->p[n + 1] == '\n';
	*s = str_slice(*s, n + 1, s->n);
	return line;
}

static struct str coding_said(struct str source)
{
	struct str line = first_line(&source);
	struct str found = coding_in(line);

	if (!found.n && is_empty(line))
		found = coding_in(first_line(&source));
	return found;
}

bool pyscan_has_coding(struct str source)
{
	return str_starts(source, STR(BOM)) || coding_said(source).n > 0;
}

/* The name in lower case with "-" for "_"; "" for UTF-8. */
static struct str coding_of(struct str source, struct arena *arena)
{
	struct str found = coding_said(source);

	if (found.n > 64)
		found.n = 64;
	char *name = arena_alloc(arena, found.n + 1, 1);

	for (size_t i = 0; i < found.n; i++)
		name[i] = found.p[i] == '_' ? '-'
			  : found.p[i] >= 'A' && found.p[i] <= 'Z'
				  ? (char)(found.p[i] | 0x20)
				  : found.p[i];
	struct str coding = str_of(name, found.n);

	if (str_eq(coding, STR("utf-8")) || str_eq(coding, STR("utf8")) ||
	    str_starts(coding, STR("utf-8-")) || str_eq(coding, STR("u8")))
		return STR_EMPTY;
	return coding;
}

/* Encodings in which a second byte may look like ASCII. */
static bool is_two_byte(struct str coding)
{
	static const struct str parts[] = {
		STR_INIT("jis"),  STR_INIT("932"),   STR_INIT("gb"),
		STR_INIT("936"),  STR_INIT("big5"),  STR_INIT("950"),
		STR_INIT("949"),  STR_INIT("johab"), STR_INIT("uhc"),
		STR_INIT("1361"),
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (str_find_str(coding, parts[i]) >= 0)
			return true;
	return false;
}

static bool has_high_bytes(struct str s)
{
	unsigned char all = 0;

	for (size_t i = 0; i < s.n; i++)
		all |= (unsigned char)s.p[i];
	return all & 0x80;
}

static struct str decode_single(struct str s, struct arena *arena)
{
	char *out = arena_alloc(arena, s.n, 2), *to = out;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x80) {
			*to++ = (char)c;
		} else {
			*to++ = (char)(0xc0 | c >> 6);
			*to++ = (char)(0x80 | (c & 0x3f));
		}
	}
	return str_of(out, (size_t)(to - out));
}

/* Both bytes of a character become U+00FF's. Single bytes of half-width
 * letters (0xa1 to 0xdf of Shift-JIS) are taken for such a pair only where a
 * second byte of one follows. */
static struct str decode_double(struct str s, struct str coding,
				struct arena *arena)
{
	bool half_width = str_find_str(coding, STR("jis")) >= 0 ||
			  str_find_str(coding, STR("932")) >= 0;
	char *out = arena_alloc(arena, s.n, 2), *to = out;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x80) {
			*to++ = (char)c;
			continue;
		}
		bool single = half_width && c >= 0xa1 && c <= 0xdf;

		if (!single && i + 1 < s.n && (unsigned char)s.p[i + 1] >= 0x30)
			i++;
		*to++ = (char)0xc3;
		*to++ = (char)0xbf;
	}
	return str_of(out, (size_t)(to - out));
}

static struct str decode_line_ends(struct str s, struct arena *arena)
{
	char *out = arena_alloc(arena, s.n + 1, 1), *to = out;

	while (s.n) {
		ptrdiff_t at = str_find(s, '\r');
		size_t n = at < 0 ? s.n : (size_t)at;

		memcpy(to, s.p, n);
		to += n;
		s = str_slice(s, n, s.n);
		if (!s.n)
			break;
		*to++ = '\n';
		s = str_slice(s, s.n > 1 && s.p[1] == '\n' ? 2 : 1, s.n);
	}
	return str_of(out, (size_t)(to - out));
}

struct str source_decode(struct str source, struct arena *arena,
			 struct str *coding)
{
	str_eat(&source, STR(BOM));
	*coding = coding_of(source, arena);
	if (coding->n && has_high_bytes(source))
		source = is_two_byte(*coding)
				 ? decode_double(source, *coding, arena)
				 : decode_single(source, arena);
	if (str_find(source, '\r') >= 0)
		source = decode_line_ends(source, arena);
	return source;
}
