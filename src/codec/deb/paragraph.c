/* Debian's control paragraphs (deb822). */
#include "base/array.h"
#include "base/error.h"
#include "codec/deb.h"

enum { MAX_PARAGRAPH = 4 << 20, MAX_FIELDS = 512 };

struct reader {
	struct arena *arena;
	struct deb_paragraph *paragraph;
	size_t line_number;
	size_t capacity;
};

static bool is_name_byte(char c)
{
	return c > ' ' && c != ':' && c < 0x7f;
}

/* The value of an earlier field grows to the end of a folded line. */
static void extend(struct deb_field *field, struct str line)
{
	field->value.n = (size_t)(line.p + line.n - field->value.p);
}

static int add_field(struct reader *reader, struct str line, struct error **err)
{
	struct deb_paragraph *paragraph = reader->paragraph;
	ptrdiff_t colon = str_find(line, ':');
	struct deb_field field = {
		.name = str_slice(line, 0, colon < 0 ? 0 : (size_t)colon),
	};
	bool ok = colon > 0 && line.p[0] != '-';

	for (size_t i = 0; i < field.name.n; i++)
		ok = ok && is_name_byte(field.name.p[i]);
	if (!ok)
		return err_make(err, ERR_FLEET,
				"line %zu is not a field: '" STR_FMT "'",
				reader->line_number,
				STR_ARG(str_slice(line, 0, 60)));
	field.value = str_slice(line, (size_t)colon + 1, line.n);
	for (size_t i = 0; i < paragraph->field_count; i++)
		if (str_eq_case(paragraph->fields[i].name, field.name))
			return err_make(err, ERR_FLEET,
					"line %zu: the field '" STR_FMT
					"' is there twice",
					reader->line_number,
					STR_ARG(field.name));
	if (paragraph->field_count == MAX_FIELDS)
		return err_make(err, ERR_FLEET, "line %zu: more than %d fields",
				reader->line_number, MAX_FIELDS);
	if (paragraph->field_count == reader->capacity) {
		size_t capacity = mem_grow_capacity(reader->capacity,
						    paragraph->field_count + 1);
		struct deb_field *fields = arena_new_array(
			reader->arena, struct deb_field, capacity);

		for (size_t i = 0; i < paragraph->field_count; i++)
			fields[i] = paragraph->fields[i];
		paragraph->fields = fields;
		reader->capacity = capacity;
	}
	paragraph->fields[paragraph->field_count++] = field;
	return 0;
}

static bool is_blank(struct str line)
{
	return str_trim(line).n == 0;
}

int deb_paragraph_next(struct str *rest, struct arena *arena,
		       struct deb_paragraph *paragraph, struct error **err)
{
	struct reader reader = {.arena = arena, .paragraph = paragraph};
	struct str line;
	const char *start = NULL;

	*paragraph = (struct deb_paragraph){STR_EMPTY, NULL, 0};
	while (str_line(rest, &line)) {
		reader.line_number++;
		if (is_blank(line)) {
			if (start)
				break;
			continue;
		}
		if (line.p[0] == '#')
			continue;
		if (!start)
			start = line.p;
		paragraph->text =
			str_of(start, (size_t)(line.p + line.n - start));
		if (paragraph->text.n > MAX_PARAGRAPH)
			return err_make(err, ERR_FLEET,
					"line %zu: a paragraph of more than "
					"%d bytes",
					reader.line_number, MAX_PARAGRAPH);
		if ((line.p[0] == ' ' || line.p[0] == '\t') &&
		    paragraph->field_count) {
			extend(&paragraph->fields[paragraph->field_count - 1],
			       line);
			continue;
		}
		if (add_field(&reader, line, err))
			return -1;
	}
	return start != NULL;
}

struct str deb_paragraph_get(const struct deb_paragraph *paragraph,
			     const char *name)
{
	for (size_t i = 0; i < paragraph->field_count; i++)
		if (str_eq_case(paragraph->fields[i].name, str_from(name)))
			return str_trim(paragraph->fields[i].value);
	return STR_EMPTY;
}
