#include "codec/elf.h"

#include <elf.h>

#include "base/array.h"
#include "base/buf.h"

enum {
	MAX_ITEMS = 65536,
	NEED_BYTES = 16,  /* Elf64_Verneed and Elf64_Vernaux, also in 32 bits */
	OFFER_BYTES = 20, /* Elf64_Verdef */
	OFFER_NAME_BYTES = 8,
	NOTE_HEAD_BYTES = 12,
};

/* Where fields lie in each class. */
struct layout {
	unsigned bits, word;
	size_t header_bytes, program_at, program_size_at, program_count_at;
	size_t program_bytes, offset_at, address_at, file_size_at, align_at;
};

static const struct layout layout_32 = {
	32, 4, 52, 28, 42, 44, 32, 4, 8, 16, 28,
};
static const struct layout layout_64 = {
	64, 8, 64, 32, 54, 56, 56, 8, 16, 32, 48,
};

struct segment {
	uint32_t type;
	uint64_t offset, address, size_bytes, align;
};

struct reader {
	struct str bytes;
	const struct layout *layout;
	struct arena *arena;
	struct elf elf;
	ARRAY(struct segment) segments;
	ARRAY(struct str) needed;
	ARRAY(struct str) defined;
	ARRAY(struct elf_need) versions;
	struct str strings;
	/* Addresses and sizes that the dynamic section gives. */
	uint64_t strings_at, strings_bytes;
	uint64_t needs_at, need_count, offers_at, offer_count;
};

/* n bytes at an offset; false where they are not all there. */
static bool slice(struct str bytes, uint64_t offset, uint64_t n,
		  struct str *part)
{
	if (offset > bytes.n || n > bytes.n - offset)
		return false;
	*part = str_of(bytes.p + offset, (size_t)n);
	return true;
}

static uint64_t word_at(const struct reader *reader, const char *p)
{
	return reader->layout->word == 8 ? le64_at(p) : le32_at(p);
}

/* From an address in memory to the end of its segment or of the file. */
static bool at_address(const struct reader *reader, uint64_t address,
		       struct str *part)
{
	array_each (const struct segment, segment, &reader->segments) {
		uint64_t inside = address - segment->address;

		if (segment->type != PT_LOAD || address < segment->address ||
		    inside >= segment->size_bytes ||
		    segment->offset + inside > reader->bytes.n)
			continue;
		*part = str_slice(
			reader->bytes, (size_t)(segment->offset + inside),
			(size_t)(segment->offset + segment->size_bytes));
		return true;
	}
	return false;
}

static bool string_at(const struct reader *reader, uint64_t offset,
		      struct str *text)
{
	if (offset >= reader->strings.n)
		return false;
	const char *p = reader->strings.p + offset;
	const char *end = memchr(p, 0, reader->strings.n - offset);

	if (!end)
		return false;
	*text = str_of(p, (size_t)(end - p));
	return true;
}

static enum elf_status read_segments(struct reader *reader)
{
	const struct layout *layout = reader->layout;
	const char *header = reader->bytes.p;
	size_t count = le16_at(header + layout->program_count_at);
	struct str table;

	if (count == 0)
		return ELF_OK;
	if (count == PN_XNUM)
		return ELF_TOO_MANY;
	if (le16_at(header + layout->program_size_at) != layout->program_bytes)
		return ELF_BAD_HEADER;
	if (!slice(reader->bytes, word_at(reader, header + layout->program_at),
		   count * layout->program_bytes, &table))
		return ELF_TRUNCATED;
	for (size_t i = 0; i < count; i++) {
		const char *p = table.p + i * layout->program_bytes;
		struct segment segment = {
			.type = le32_at(p),
			.offset = word_at(reader, p + layout->offset_at),
			.address = word_at(reader, p + layout->address_at),
			.size_bytes = word_at(reader, p + layout->file_size_at),
			.align = word_at(reader, p + layout->align_at),
		};

		/* A sum of offset and size must not pass the end unseen. */
		if (segment.offset > INT64_MAX ||
		    segment.size_bytes > INT64_MAX)
			return ELF_TRUNCATED;
		array_push(&reader->segments, segment);
	}
	return ELF_OK;
}

static enum elf_status read_interpreter(struct reader *reader,
					const struct segment *segment)
{
	struct str text;

	if (!slice(reader->bytes, segment->offset, segment->size_bytes, &text))
		return ELF_TRUNCATED;
	ptrdiff_t end = str_find(text, '\0');

	if (end < 0)
		return ELF_BAD_STRING;
	reader->elf.interpreter = str_slice(text, 0, (size_t)end);
	return ELF_OK;
}

static uint64_t round_up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

/* A broken note is no reason to refuse a file that the loader takes. */
static void read_notes(struct reader *reader, const struct segment *segment)
{
	struct str rest, head, name, bytes;
	uint64_t unit = segment->align == 8 ? 8 : 4;

	if (!slice(reader->bytes, segment->offset, segment->size_bytes, &rest))
		return;
	while (slice(rest, 0, NOTE_HEAD_BYTES, &head)) {
		uint64_t name_bytes = le32_at(head.p);
		uint64_t n = le32_at(head.p + 4);
		uint64_t at = round_up(NOTE_HEAD_BYTES + name_bytes, unit);

		if (!slice(rest, NOTE_HEAD_BYTES, name_bytes, &name) ||
		    !slice(rest, at, n, &bytes))
			return;
		if (le32_at(head.p + 8) == NT_GNU_BUILD_ID &&
		    str_eq(name, STR("GNU\0")))
			reader->elf.build_id = bytes;
		rest = str_slice(rest, (size_t)round_up(at + n, unit), rest.n);
	}
}

/* Calls take() with each tag and value up to the null tag. */
static enum elf_status each_dynamic(
	struct reader *reader, const struct segment *segment,
	enum elf_status (*take)(struct reader *, uint64_t tag, uint64_t value))
{
	size_t word = reader->layout->word;
	struct str table;

	if (!slice(reader->bytes, segment->offset, segment->size_bytes, &table))
		return ELF_TRUNCATED;
	for (size_t at = 0; table.n - at >= 2 * word; at += 2 * word) {
		uint64_t tag = word_at(reader, table.p + at);

		if (tag == DT_NULL)
			return ELF_OK;
		enum elf_status status =
			take(reader, tag, word_at(reader, table.p + at + word));

		if (status != ELF_OK)
			return status;
	}
	return ELF_OK;
}

static enum elf_status take_tables(struct reader *reader, uint64_t tag,
				   uint64_t value)
{
	switch (tag) {
	case DT_STRTAB:
		reader->strings_at = value;
		break;
	case DT_STRSZ:
		reader->strings_bytes = value;
		break;
	case DT_VERNEED:
		reader->needs_at = value;
		break;
	case DT_VERNEEDNUM:
		reader->need_count = value;
		break;
	case DT_VERDEF:
		reader->offers_at = value;
		break;
	case DT_VERDEFNUM:
		reader->offer_count = value;
		break;
	default:
		break;
	}
	return ELF_OK;
}

static enum elf_status take_strings(struct reader *reader, uint64_t tag,
				    uint64_t value)
{
	struct elf *elf = &reader->elf;
	struct str needed;

	switch (tag) {
	case DT_SONAME:
		return string_at(reader, value, &elf->soname) ? ELF_OK
							      : ELF_BAD_STRING;
	case DT_RPATH:
		return string_at(reader, value, &elf->rpath) ? ELF_OK
							     : ELF_BAD_STRING;
	case DT_RUNPATH:
		return string_at(reader, value, &elf->runpath) ? ELF_OK
							       : ELF_BAD_STRING;
	case DT_NEEDED:
		if (!string_at(reader, value, &needed))
			return ELF_BAD_STRING;
		if (reader->needed.n == MAX_ITEMS)
			return ELF_TOO_MANY;
		array_push(&reader->needed, needed);
		return ELF_OK;
	default:
		return ELF_OK;
	}
}

/* The versions of one needed file, whose entry rest begins with. */
static enum elf_status read_need(struct reader *reader, struct str rest)
{
	struct elf_need need = {.file = STR_EMPTY};
	unsigned count = le16_at(rest.p + 2);
	uint64_t at = le32_at(rest.p + 8);
	struct str entry;

	if (!string_at(reader, le32_at(rest.p + 4), &need.file))
		return ELF_BAD_STRING;
	for (unsigned i = 0; i < count; i++) {
		if (!slice(rest, at, NEED_BYTES, &entry))
			return ELF_BAD_VERSIONS;
		if (!string_at(reader, le32_at(entry.p + 8), &need.version))
			return ELF_BAD_STRING;
		if (reader->versions.n == MAX_ITEMS)
			return ELF_TOO_MANY;
		need.weak = le16_at(entry.p + 4) & VER_FLG_WEAK;
		array_push(&reader->versions, need);
		at += le32_at(entry.p + 12);
	}
	return ELF_OK;
}

/* A version that the file offers; the base version is its own name. */
static enum elf_status read_offer(struct reader *reader, struct str rest)
{
	struct str entry, version;

	if (le16_at(rest.p + 2) & VER_FLG_BASE)
		return ELF_OK;
	if (!slice(rest, le32_at(rest.p + 12), OFFER_NAME_BYTES, &entry))
		return ELF_BAD_VERSIONS;
	if (!string_at(reader, le32_at(entry.p), &version))
		return ELF_BAD_STRING;
	array_push(&reader->defined, version);
	return ELF_OK;
}

/* Walks a chain of count entries, each with the way to the next at its end. */
static enum elf_status each_version(struct reader *reader, uint64_t address,
				    uint64_t count, size_t entry_bytes,
				    enum elf_status (*read)(struct reader *,
							    struct str rest))
{
	struct str table, entry;
	uint64_t at = 0;

	if (count == 0)
		return ELF_OK;
	if (count > MAX_ITEMS)
		return ELF_TOO_MANY;
	if (!at_address(reader, address, &table))
		return ELF_BAD_ADDRESS;
	for (uint64_t i = 0; i < count; i++) {
		if (!slice(table, at, entry_bytes, &entry))
			return ELF_BAD_VERSIONS;
		enum elf_status status =
			read(reader, str_slice(table, (size_t)at, table.n));

		if (status != ELF_OK)
			return status;
		at += le32_at(entry.p + entry_bytes - 4);
	}
	return ELF_OK;
}

static enum elf_status read_dynamic(struct reader *reader,
				    const struct segment *segment)
{
	enum elf_status status = each_dynamic(reader, segment, take_tables);

	if (status != ELF_OK || reader->strings_at == 0)
		return status;
	if (!at_address(reader, reader->strings_at, &reader->strings))
		return ELF_BAD_ADDRESS;
	if (reader->strings_bytes > reader->strings.n)
		return ELF_TRUNCATED;
	reader->strings.n = (size_t)reader->strings_bytes;
	status = each_dynamic(reader, segment, take_strings);
	if (status == ELF_OK)
		status =
			each_version(reader, reader->needs_at,
				     reader->need_count, NEED_BYTES, read_need);
	if (status == ELF_OK)
		status = each_version(reader, reader->offers_at,
				      reader->offer_count, OFFER_BYTES,
				      read_offer);
	return status;
}

static enum elf_status read_header(struct reader *reader)
{
	struct str bytes = reader->bytes;

	if (!elf_is_elf(bytes))
		return ELF_NOT_ELF;
	if (bytes.n < EI_NIDENT)
		return ELF_TRUNCATED;
	if (bytes.p[EI_DATA] == ELFDATA2MSB)
		return ELF_BIG_ENDIAN;
	if (bytes.p[EI_DATA] != ELFDATA2LSB ||
	    bytes.p[EI_VERSION] != EV_CURRENT)
		return ELF_BAD_HEADER;
	if (bytes.p[EI_CLASS] == ELFCLASS64)
		reader->layout = &layout_64;
	else if (bytes.p[EI_CLASS] == ELFCLASS32)
		reader->layout = &layout_32;
	else
		return ELF_BAD_HEADER;
	if (bytes.n < reader->layout->header_bytes)
		return ELF_TRUNCATED;
	reader->elf.bits = reader->layout->bits;
	reader->elf.machine = le16_at(bytes.p + 18);
	return read_segments(reader);
}

static enum elf_status read_all(struct reader *reader)
{
	enum elf_status status = read_header(reader);

	if (status != ELF_OK)
		return status;
	array_each (const struct segment, segment, &reader->segments) {
		if (segment->type == PT_INTERP)
			status = read_interpreter(reader, segment);
		else if (segment->type == PT_DYNAMIC)
			status = read_dynamic(reader, segment);
		else if (segment->type == PT_NOTE)
			read_notes(reader, segment);
		if (status != ELF_OK)
			return status;
	}
	return ELF_OK;
}

/* Copies an array to the arena. */
#define KEEP(reader, field, count_field, type)                                 \
	do {                                                                   \
		type *kept = arena_new_array((reader)->arena, type,            \
					     (reader)->field.n + 1);           \
		if ((reader)->field.n)                                         \
			memcpy(kept, (reader)->field.p,                        \
			       (reader)->field.n * sizeof(type));              \
		(reader)->elf.field = kept;                                    \
		(reader)->elf.count_field = (reader)->field.n;                 \
	} while (0)

enum elf_status elf_read(struct str bytes, struct arena *arena, struct elf *elf)
{
	struct reader reader = {
		.bytes = bytes,
		.arena = arena,
		.elf = {.interpreter = STR_EMPTY,
			.soname = STR_EMPTY,
			.rpath = STR_EMPTY,
			.runpath = STR_EMPTY,
			.build_id = STR_EMPTY},
	};
	enum elf_status status = read_all(&reader);

	if (status == ELF_OK) {
		KEEP(&reader, needed, needed_count, struct str);
		KEEP(&reader, defined, defined_count, struct str);
		KEEP(&reader, versions, version_count, struct elf_need);
		*elf = reader.elf;
	}
	array_release(&reader.segments);
	array_release(&reader.needed);
	array_release(&reader.defined);
	array_release(&reader.versions);
	return status;
}

bool elf_is_elf(struct str bytes)
{
	return str_starts(bytes, str_of(ELFMAG, SELFMAG));
}

const char *elf_status_text(enum elf_status status)
{
	static const char *const texts[] = {
		[ELF_OK] = "no error",
		[ELF_NOT_ELF] = "no ELF file",
		[ELF_TRUNCATED] = "an ELF file that is cut short",
		[ELF_BIG_ENDIAN] = "an ELF file for big-endian machines",
		[ELF_BAD_HEADER] = "an ELF header of an unknown kind",
		[ELF_BAD_ADDRESS] = "an address that is in no segment",
		[ELF_BAD_STRING] = "a string outside of the string table",
		[ELF_BAD_VERSIONS] = "version tables that lead nowhere",
		[ELF_TOO_MANY] = "more than 65536 headers or needs",
	};

	return texts[status];
}
