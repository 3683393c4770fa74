#include "decisions/map.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/data.h"
#include "base/error.h"
#include "base/map.h"
#include "facts/version.h"

struct mapping_row {
	struct str import;
	struct str *names; /* normalised */
	size_t n;
	bool is_own_first; /* the first has the import's own name */
};

struct mapping_table {
	struct mapping_row *rows; /* sorted by import */
	size_t n;
};

static bool part_is_name(struct str part)
{
	for (size_t i = 0; i < part.n; i++) {
		char c = part.p[i];
		bool letter = (c >= 'a' && c <= 'z') ||
			      (c >= 'A' && c <= 'Z') || c == '_';

		if (!letter && (i == 0 || c < '0' || c > '9'))
			return false;
	}
	return part.n > 0;
}

static bool import_is_valid(struct str import)
{
	struct str rest = import, part;

	while (str_split(&rest, '.', &part))
		if (!part_is_name(part))
			return false;
	return import.n > 0 && import.p[import.n - 1] != '.';
}

/* Words are separated by blanks; false at the end of the line. */
static bool next_word(struct str *line, struct str *word)
{
	do
		if (!str_split(line, ' ', word))
			return false;
	while (word->n == 0);
	return true;
}

static int row_read(struct str line, struct arena *arena,
		    struct mapping_row *row, const char **what)
{
	struct str word;

	*row = (struct mapping_row){0};
	if (!next_word(&line, &row->import))
		return 0;
	*what = "is no dotted name of an import";
	if (!import_is_valid(row->import))
		return -1;
	row->names = arena_new_array(arena, struct str, line.n / 2 + 1);
	*what = "has a name that is none of a distribution";
	while (next_word(&line, &word)) {
		if (!name_is_valid(word))
			return -1;
		row->names[row->n++] = name_normalise(arena, word);
	}
	*what = "names no distribution";
	if (row->n == 0)
		return -1;
	row->is_own_first =
		str_find(row->import, '.') < 0 &&
		str_eq(row->names[0], name_normalise(arena, row->import));
	*what = "says only its own name, which needs no line";
	return row->is_own_first && row->n == 1 ? -1 : 0;
}

static int row_compare(const void *a, const void *b)
{
	const struct mapping_row *x = a, *y = b;

	return str_cmp(x->import, y->import);
}

static int table_check(const struct mapping_table *table, struct error **err)
{
	for (size_t i = 1; i < table->n; i++)
		if (str_eq(table->rows[i].import, table->rows[i - 1].import))
			return err_make(err, ERR_FLEET,
					"import names: '" STR_FMT
					"' is there twice; put its "
					"distributions on one line",
					STR_ARG(table->rows[i].import));
	return 0;
}

int mapping_table_read(struct str text, struct arena *arena,
		       struct mapping_table **table, struct error **err)
{
	ARRAY(struct mapping_row) rows = ARRAY_EMPTY;
	struct str line;
	const char *what = "";
	int result = 0;

	for (unsigned number = 1; result == 0 && str_line(&text, &line);
	     number++) {
		ptrdiff_t comment = str_find(line, '#');
		struct mapping_row row;

		if (comment >= 0)
			line.n = (size_t)comment;
		if (row_read(line, arena, &row, &what) != 0)
			result = err_make(
				err, ERR_FLEET,
				"import names, line %u: '" STR_FMT "' %s",
				number, STR_ARG(str_trim(line)), what);
		else if (row.n > 0)
			array_push(&rows, row);
	}
	*table = arena_new(arena, struct mapping_table);
	(*table)->n = rows.n;
	(*table)->rows = arena_new_array(arena, struct mapping_row, rows.n);
	array_sort(&rows, row_compare);
	if (rows.n > 0)
		memcpy((*table)->rows, rows.p, rows.n * sizeof *rows.p);
	array_release(&rows);
	return result ? result : table_check(*table, err);
}

const struct mapping_table *mapping_table_own(struct arena *arena)
{
	struct mapping_table *table;
	struct error *error = NULL;

	/* It is a part of the program: a wrong line is a programmer's. */
	if (mapping_table_read(data_get("imports.txt"), arena, &table,
			       &error) != 0)
		abort();
	return table;
}

bool mapping_other(const struct mapping_table *table, struct str distribution,
		   struct str *other)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct mapping_row *row = &table->rows[i];
		bool has_it = false;

		for (size_t k = 0; k < row->n; k++)
			has_it |= str_eq(row->names[k], distribution);
		for (size_t k = 0; has_it && k < row->n; k++) {
			*other = row->names[k];
			if (!str_eq(*other, distribution))
				return true;
		}
	}
	return false;
}

static const struct mapping_row *table_find(const struct mapping_table *table,
					    struct str import)
{
	struct mapping_row key = {.import = import};

	return table->n == 0 ? NULL
			     : bsearch(&key, table->rows, table->n, sizeof key,
				       row_compare);
}

static bool asks_for(const struct mapping_service *service, struct str name)
{
	for (size_t i = 0; i < service->name_count; i++)
		if (str_eq(service->names[i], name))
			return true;
	return false;
}

/* "plugins.*" also is what "plugins.a.b" is below. */
static bool glob_matches(struct str glob, struct str module)
{
	for (;;) {
		if (str_glob(glob, module))
			return true;
		ptrdiff_t dot = str_rfind(module, '.');

		if (dot < 0)
			return false;
		module.n = (size_t)dot;
	}
}

static bool find_allowed(const struct mapping_service *service,
			 struct str module, struct arena *arena,
			 struct mapping_result *result)
{
	for (size_t i = 0; i < service->allow_count; i++) {
		const struct mapping_allow *allow = &service->allows[i];

		if (allow->package.n == 0 ||
		    !glob_matches(allow->import_glob, module))
			continue;
		*result = (struct mapping_result){
			.how = MAPPING_ALLOW,
			.distribution = name_normalise(arena, allow->package),
			.import = module,
		};
		return true;
	}
	return false;
}

/* One dotted name, with nothing cut off. */
static bool find_exact(const struct mapping_table *table,
		       const struct mapping_service *service, struct str import,
		       struct arena *arena, struct mapping_result *result)
{
	const struct mapping_row *row = table_find(table, import);
	struct str own = name_normalise(arena, import);

	*result = (struct mapping_result){.import = import};
	if (row) {
		result->candidates = row->names;
		result->candidate_count = row->n;
	}
	for (size_t i = 0; i < result->candidate_count; i++)
		if (asks_for(service, row->names[i])) {
			result->how = MAPPING_ASKED;
			result->distribution = row->names[i];
			return true;
		}
	if (asks_for(service, own)) {
		result->how = MAPPING_SAME;
		result->distribution = own;
		return true;
	}
	if (!row || row->is_own_first)
		return false;
	result->how = MAPPING_TABLE;
	result->distribution = row->names[0];
	return true;
}

struct mapping_result mapping_find(const struct mapping_table *table,
				   const struct mapping_service *service,
				   struct str module, struct str name,
				   struct arena *arena)
{
	struct mapping_result result;
	struct str full = module;

	if (name.n > 0 && !str_eq(name, STR("*")))
		full = arena_printf(arena, STR_FMT "." STR_FMT, STR_ARG(module),
				    STR_ARG(name));
	if (find_allowed(service, full, arena, &result))
		return result;
	for (;;) {
		if (find_exact(table, service, full, arena, &result))
			return result;
		ptrdiff_t dot = str_rfind(full, '.');

		/* What the table has for the top-level name stays, as what
		 * could be meant. */
		if (dot < 0)
			return result;
		full.n = (size_t)dot;
	}
}
