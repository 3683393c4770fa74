/* pyscan: any bytes are scanned; what is found lies within the source, and
 * does not depend on what lies behind it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "facts/pyscan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(struct buf *out, struct str text)
{
	buf_append(out, text);
	buf_append_byte(out, '\n');
}

static void put_number(struct buf *out, uint64_t number)
{
	buf_append(out, str_of((const char *)&number, sizeof(number)));
}

/* All that the scanner says, as bytes. Aborts where a place is none. */
static void say(const struct pyscan *scan, size_t size, struct buf *out)
{
	uint32_t line = 1;

	for (size_t i = 0; i < scan->import_count; i++) {
		const struct pyscan_import *import = &scan->imports[i];

		if (import->line < 1 || import->line > size + 1 ||
		    import->column < 1 || import->column > size + 1 ||
		    import->level > PYSCAN_TYPING)
			abort();
		put(out, import->module);
		put(out, import->name);
		put_number(out, import->line);
		put_number(out, import->column + import->dots);
	}
	for (size_t i = 0; i < scan->dynamic_count; i++) {
		if (scan->dynamics[i].text.n > 120)
			abort();
		put(out, scan->dynamics[i].text);
		put_number(out, scan->dynamics[i].line);
	}
	for (size_t i = 0; i < scan->path_count; i++)
		put(out, scan->paths[i].folder);
	for (size_t i = 0; i < scan->name_count; i++) {
		if (i &&
		    str_cmp(scan->names[i - 1].name, scan->names[i].name) >= 0)
			abort();
		put(out, scan->names[i].name);
	}
	for (size_t i = 0; i < scan->literal_count; i++) {
		if (scan->literals[i].line < line ||
		    scan->literals[i].text.n > 200)
			abort();
		line = scan->literals[i].line;
		put(out, scan->literals[i].text);
	}
	put(out, scan->coding);
	put_number(out, scan->has_star_import);
	put_number(out, scan->has_getattr);
	put_number(out, scan->has_dynamic_names);
}

static void scan_to(struct str source, unsigned minor, struct buf *out)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct pyscan scan;

	pyscan(source, minor, &arena, &scan);
	say(&scan, source.n, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_buf struct buf first = BUF_EMPTY, second = BUF_EMPTY,
			    longer = BUF_EMPTY;

	if (!size)
		return 0;
	unsigned minor = 8 + data[0] % 7;
	struct str source = str_of((const char *)data + 1, size - 1);

	/* data ends where the sanitizer sees a byte too many. */
	scan_to(source, minor, &first);
	buf_append(&longer, source);
	buf_append(&longer, STR("\"'''\"\"\"\n import x = y\n"));
	scan_to(str_of(longer.p, source.n), minor, &second);
	if (!str_eq(buf_str(&first), buf_str(&second)))
		abort();
	return 0;
}
