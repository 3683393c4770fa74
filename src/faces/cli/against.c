/* What `docker images` said, read for its sizes.
 *
 * Source: Docker's reference, "docker image ls": a table whose columns begin
 * below their titles, or a JSON object a line with ID and Size. Sizes are
 * decimal: "1.23GB", "118MB", "4.5kB", "12B".
 */
#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "codec/json.h"
#include "faces/cli/plan_view.h"

enum { MAX_BYTES = 16 << 20 };

/* "1.23GB" to bytes. */
static bool parse_size(struct str text, uint64_t *bytes)
{
	static const struct {
		struct str unit;
		uint64_t factor;
	} units[] = {
		{STR_INIT("kB"), 1000},		 {STR_INIT("KB"), 1000},
		{STR_INIT("MB"), 1000000},	 {STR_INIT("GB"), 1000000000},
		{STR_INIT("TB"), 1000000000000}, {STR_INIT("B"), 1},
	};
	uint64_t whole, part = 0, scale = 1;

	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		struct str number = text, fraction = STR_EMPTY, integer;

		if (!str_ends(text, units[i].unit))
			continue;
		number.n -= units[i].unit.n;
		ptrdiff_t dot = str_find(number, '.');

		integer = dot < 0 ? number : str_slice(number, 0, (size_t)dot);
		if (dot >= 0)
			fraction = str_slice(number, (size_t)dot + 1, number.n);
		if (fraction.n > 6 || !str_to_u64(integer, &whole) ||
		    whole > 1000000 ||
		    (dot >= 0 && !str_to_u64(fraction, &part)))
			return false;
		for (size_t k = 0; k < fraction.n; k++)
			scale *= 10;
		*bytes = whole * units[i].factor +
			 part * units[i].factor / scale;
		return true;
	}
	return false;
}

static bool read_object(struct str line, struct map *seen,
			struct against *against)
{
	auto_json json_t *image = json_parse(line, MAX_BYTES, NULL);
	struct str id, size;
	uint64_t bytes;

	if (!json_get_str(image, "ID", &id) ||
	    !json_get_str(image, "Size", &size) || !parse_size(size, &bytes))
		return false;
	if (map_add(seen, id)) {
		against->images++;
		against->bytes += bytes;
	}
	return true;
}

/* The word that begins at a column. */
static struct str word_at(struct str line, ptrdiff_t column)
{
	struct str rest = str_slice(line, (size_t)column, line.n);
	ptrdiff_t end = str_find(rest, ' ');

	return end < 0 ? rest : str_slice(rest, 0, (size_t)end);
}

struct columns {
	ptrdiff_t id, size;
};

static bool read_header(struct str line, struct columns *columns)
{
	columns->id = str_find_str(line, STR("IMAGE ID"));
	if (columns->id < 0)
		columns->id = str_find_str(line, STR("ID"));
	/* What newer versions call it. */
	columns->size = str_find_str(line, STR("DISK USAGE"));
	if (columns->size < 0)
		columns->size = str_find_str(line, STR("SIZE"));
	return columns->id >= 0 && columns->size >= 0;
}

static bool read_row(struct str line, const struct columns *columns,
		     struct map *seen, struct against *against)
{
	struct str size = word_at(line, columns->size);
	uint64_t bytes;

	if (!parse_size(size, &bytes))
		return false;
	if (map_add(seen, word_at(line, columns->id))) {
		against->images++;
		against->bytes += bytes;
	}
	return true;
}

int against_read(const char *path, struct against *against, struct error **err)
{
	auto_buf struct buf text = BUF_EMPTY;
	auto_map struct map seen = MAP_EMPTY;
	struct columns columns = {-1, -1};
	unsigned number = 0;

	*against = (struct against){0, 0};
	if (fs_read(path, MAX_BYTES, &text, err))
		return -1;
	struct str rest = buf_str(&text), line;

	while (str_line(&rest, &line)) {
		bool is_read;

		number++;
		if (str_trim(line).n == 0)
			continue;
		if (str_starts(line, STR("{")))
			is_read = read_object(line, &seen, against);
		else if (columns.size < 0)
			is_read = read_header(line, &columns);
		else
			is_read = read_row(line, &columns, &seen, against);
		if (is_read)
			continue;
		err_make(err, ERR_USAGE,
			 "%s:%u: no line of docker's list of "
			 "images",
			 path, number);
		return err_hint(err, "make the file with: docker images "
				     "--format json > FILE");
	}
	return 0;
}
