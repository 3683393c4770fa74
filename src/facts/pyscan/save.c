/* save: a scan as bytes, for a cache.
 *
 * Numbers are little-endian base 128, texts their size and bytes, lists their
 * count and elements, in the order of struct pyscan. Several flags are one
 * number. What is read may be anything: whatever does not fit is refused.
 */
#include "facts/pyscan/scan.h"

static void put(struct buf *out, uint64_t value)
{
	buf_reserve(out, 10);
	for (; value >= 0x80; value >>= 7)
		out->p[out->n++] = (char)(value | 0x80);
	out->p[out->n++] = (char)value;
}

static void put_text(struct buf *out, struct str text)
{
	put(out, text.n);
	buf_append(out, text);
}

static void put_import(struct buf *out, const struct pyscan_import *import)
{
	put_text(out, import->module);
	put_text(out, import->name);
	put_text(out, import->bound);
	put(out, import->dots);
	put(out, (uint64_t)import->level << 3 |
			 (uint64_t)import->only_main << 2 |
			 (uint64_t)import->by_call << 1 | import->never);
	put(out, import->line);
	put(out, import->column);
}

static void put_dynamic(struct buf *out, const struct pyscan_dynamic *dynamic)
{
	put(out, dynamic->what);
	put(out, (uint64_t)dynamic->level << 2 |
			 (uint64_t)dynamic->only_main << 1 | dynamic->never);
	put_text(out, dynamic->text);
	put(out, dynamic->line);
	put(out, dynamic->column);
}

static void put_path(struct buf *out, const struct pyscan_path *path)
{
	put_text(out, path->folder);
	put(out, path->anchor);
	put(out, (uint64_t)path->level << 3 | (uint64_t)path->in_front << 2 |
			 (uint64_t)path->only_main << 1 | path->never);
	put(out, path->line);
	put(out, path->column);
}

static void put_texts(struct buf *out, const struct str *texts, size_t count)
{
	put(out, count);
	for (size_t i = 0; i < count; i++)
		put_text(out, texts[i]);
}

void pyscan_save(const struct pyscan *scan, struct buf *out)
{
	put(out, scan->import_count);
	for (size_t i = 0; i < scan->import_count; i++)
		put_import(out, &scan->imports[i]);
	put(out, scan->step_count);
	for (size_t i = 0; i < scan->step_count; i++) {
		put(out, scan->steps[i].flow);
		put(out, scan->steps[i].value);
	}
	put(out, scan->dynamic_count);
	for (size_t i = 0; i < scan->dynamic_count; i++)
		put_dynamic(out, &scan->dynamics[i]);
	put(out, scan->path_count);
	for (size_t i = 0; i < scan->path_count; i++)
		put_path(out, &scan->paths[i]);
	put(out, scan->name_count);
	for (size_t i = 0; i < scan->name_count; i++) {
		put_text(out, scan->names[i].name);
		put(out, scan->names[i].line);
		put(out, scan->names[i].plain_line);
	}
	put_texts(out, scan->deleted, scan->deleted_count);
	put(out, scan->literal_count);
	for (size_t i = 0; i < scan->literal_count; i++) {
		put_text(out, scan->literals[i].text);
		put(out, scan->literals[i].line);
	}
	put_texts(out, scan->all, scan->all_count);
	put(out, (uint64_t)scan->has_all << 5 |
			 (uint64_t)scan->is_all_open << 4 |
			 (uint64_t)scan->has_star_import << 3 |
			 (uint64_t)scan->has_getattr << 2 |
			 (uint64_t)scan->has_dynamic_names << 1 |
			 (scan->coding.n > 0));
	if (scan->coding.n)
		put_text(out, scan->coding);
}

struct reader {
	const char *p, *end;
	bool is_broken;
};

/* A number of at most this value; 0 where there is none. */
static uint64_t get(struct reader *reader, uint64_t most)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 35 && reader->p < reader->end;
	     shift += 7) {
		unsigned char byte = (unsigned char)*reader->p++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80 && value <= most)
			return value;
		if (byte < 0x80)
			break;
	}
	reader->is_broken = true;
	reader->p = reader->end;
	return 0;
}

static uint32_t get_u32(struct reader *reader)
{
	return (uint32_t)get(reader, UINT32_MAX);
}

/* A count of what takes at least one byte each: so memory is bounded. */
static size_t get_count(struct reader *reader)
{
	return get(reader, (uint64_t)(reader->end - reader->p));
}

static struct str get_text(struct reader *reader)
{
	size_t n = get_count(reader);

	/* The size itself was a part of what was left. */
	if (n > (size_t)(reader->end - reader->p)) {
		reader->is_broken = true;
		reader->p = reader->end;
		return STR_EMPTY;
	}
	struct str text = str_of(reader->p, n);

	reader->p += n;
	return text;
}

static enum pyscan_level get_level(struct reader *reader, unsigned flags,
				   uint64_t *bits)
{
	*bits = get(reader, ((uint64_t)PYSCAN_TYPING + 1) << flags);
	if (*bits >> flags > PYSCAN_TYPING)
		reader->is_broken = true;
	return (enum pyscan_level)(*bits >> flags & PYSCAN_TYPING);
}

static void get_import(struct reader *reader, struct pyscan_import *import)
{
	uint64_t bits;

	import->module = get_text(reader);
	import->name = get_text(reader);
	import->bound = get_text(reader);
	import->dots = get_u32(reader);
	import->level = get_level(reader, 3, &bits);
	import->only_main = bits & 4;
	import->by_call = bits & 2;
	import->never = bits & 1;
	import->line = get_u32(reader);
	import->column = get_u32(reader);
}

static void get_dynamic(struct reader *reader, struct pyscan_dynamic *dynamic)
{
	uint64_t bits;

	dynamic->what = (enum pyscan_what)get(reader, PYSCAN_PACKAGE_PATH);
	dynamic->level = get_level(reader, 2, &bits);
	dynamic->only_main = bits & 2;
	dynamic->never = bits & 1;
	dynamic->text = get_text(reader);
	dynamic->line = get_u32(reader);
	dynamic->column = get_u32(reader);
}

static void get_path(struct reader *reader, struct pyscan_path *path)
{
	uint64_t bits;

	path->folder = get_text(reader);
	path->anchor = (enum pyscan_anchor)get(reader, PYSCAN_BY_ROOT);
	path->level = get_level(reader, 3, &bits);
	path->in_front = bits & 4;
	path->only_main = bits & 2;
	path->never = bits & 1;
	path->line = get_u32(reader);
	path->column = get_u32(reader);
}

/* A step that runs an import names one that is there. */
static void get_step(struct reader *reader, struct pyscan_step *step,
		     size_t import_count)
{
	step->flow = (enum pyscan_flow)get(reader, PYSCAN_END);
	step->value = get_u32(reader);
	if (step->flow == PYSCAN_RUN && step->value >= import_count)
		reader->is_broken = true;
}

static struct str *get_texts(struct reader *reader, struct arena *arena,
			     size_t *count)
{
	*count = get_count(reader);
	struct str *texts = arena_new_array(arena, struct str, *count);

	for (size_t i = 0; i < *count; i++)
		texts[i] = get_text(reader);
	return texts;
}

static void get_flags(struct reader *reader, struct pyscan *out)
{
	uint64_t bits = get(reader, 63);

	out->has_all = bits & 32;
	out->is_all_open = bits & 16;
	out->has_star_import = bits & 8;
	out->has_getattr = bits & 4;
	out->has_dynamic_names = bits & 2;
	out->coding = bits & 1 ? get_text(reader) : STR_EMPTY;
}

/* A list of the result: its count, and each of its elements. */
#define GET_LIST(list, count, type, ...)                                       \
	do {                                                                   \
		out->count = get_count(&reader);                               \
		out->list = arena_new_array(arena, type, out->count);          \
		for (size_t i = 0; i < out->count && !reader.is_broken; i++)   \
			__VA_ARGS__;                                           \
	} while (0)

bool pyscan_load(struct str saved, struct arena *arena, struct pyscan *out)
{
	struct reader reader = {saved.p, saved.p + saved.n, false};

	GET_LIST(imports, import_count, struct pyscan_import,
		 get_import(&reader, &out->imports[i]));
	GET_LIST(steps, step_count, struct pyscan_step,
		 get_step(&reader, &out->steps[i], out->import_count));
	GET_LIST(dynamics, dynamic_count, struct pyscan_dynamic,
		 get_dynamic(&reader, &out->dynamics[i]));
	GET_LIST(paths, path_count, struct pyscan_path,
		 get_path(&reader, &out->paths[i]));
	GET_LIST(names, name_count, struct pyscan_name, {
		out->names[i].name = get_text(&reader);
		out->names[i].line = get_u32(&reader);
		out->names[i].plain_line = get_u32(&reader);
	});
	out->deleted = get_texts(&reader, arena, &out->deleted_count);
	GET_LIST(literals, literal_count, struct pyscan_literal, {
		out->literals[i].text = get_text(&reader);
		out->literals[i].line = get_u32(&reader);
	});
	out->all = get_texts(&reader, arena, &out->all_count);
	get_flags(&reader, out);
	return !reader.is_broken && reader.p == reader.end;
}
