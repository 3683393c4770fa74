/* Small files are made here in both classes, sound and one per rule of what is
 * refused; tests/e2e/test_elf.py compares real ones with readelf. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <elf.h>

#include "base/buf.h"
#include "codec/elf.h"

/* The strings that the dynamic section and the versions point to. */
static const char strings[] = "\0libc.so.6\0libm.so.6\0libmine.so.1\0$ORIGIN\0"
			      "/opt\0GLIBC_2.34\0GLIBC_2.2.5\0MINE_1";
enum {
	AT_LIBC = 1,
	AT_LIBM = 11,
	AT_MINE = 21,
	AT_ORIGIN = 34,
	AT_OPT = 42,
	AT_GLIBC = 47,
	AT_OLD_GLIBC = 58,
	AT_OFFER = 70,
	BASE_ADDRESS = 0x1000,
};

/* What is built, and where its parts came to lie. */
struct image {
	unsigned bits;
	struct buf file;
	size_t strings_at, dynamic_at, needs_at, offers_at, note_at,
		interpreter_at, end;
};

static void put(struct image *image, size_t at, size_t width, uint64_t value)
{
	for (size_t i = 0; i < width; i++)
		image->file.p[at + i] = (char)(value >> (8 * i));
}

static size_t word(const struct image *image)
{
	return image->bits / 8;
}

static void append(struct image *image, size_t width, uint64_t value)
{
	size_t at = image->file.n;

	buf_append_zeros(&image->file, width);
	put(image, at, width, value);
}

static void append_dynamic(struct image *image, uint64_t tag, uint64_t value)
{
	append(image, word(image), tag);
	append(image, word(image), value);
}

/* One program header. */
static void put_segment(struct image *image, unsigned number, uint32_t type,
			size_t start, size_t end)
{
	bool wide = image->bits == 64;
	size_t at = (wide ? 64u : 52u) + number * (wide ? 56u : 32u);

	put(image, at, 4, type);
	put(image, at + (wide ? 8 : 4), word(image), start);
	put(image, at + (wide ? 16 : 8), word(image), BASE_ADDRESS + start);
	put(image, at + (wide ? 32 : 16), word(image), end - start);
	put(image, at + (wide ? 48 : 28), word(image), 4);
}

static void append_versions(struct image *image)
{
	const uint32_t aux[][3] = {{AT_GLIBC, 0, 16},
				   {AT_OLD_GLIBC, VER_FLG_WEAK, 0}};

	image->needs_at = image->file.n;
	append(image, 2, 1);
	append(image, 2, 2);
	append(image, 4, AT_LIBC);
	append(image, 4, 16);
	append(image, 4, 0);
	for (int i = 0; i < 2; i++) {
		append(image, 4, 0);
		append(image, 2, aux[i][1]);
		append(image, 2, 0);
		append(image, 4, aux[i][0]);
		append(image, 4, aux[i][2]);
	}
	image->offers_at = image->file.n;
	for (unsigned i = 0; i < 2; i++) {
		append(image, 2, 1);
		append(image, 2, i ? 0 : VER_FLG_BASE);
		append(image, 4, 0x10001);
		append(image, 4, 0);
		append(image, 4, 20);
		append(image, 4, i ? 0 : 28);
		append(image, 4, i ? AT_OFFER : AT_MINE);
		append(image, 4, 0);
	}
}

static void append_dynamics(struct image *image)
{
	image->dynamic_at = image->file.n;
	append_dynamic(image, DT_NEEDED, AT_LIBC);
	append_dynamic(image, DT_NEEDED, AT_LIBM);
	append_dynamic(image, DT_SONAME, AT_MINE);
	append_dynamic(image, DT_RUNPATH, AT_ORIGIN);
	append_dynamic(image, DT_RPATH, AT_OPT);
	append_dynamic(image, DT_STRTAB, BASE_ADDRESS + image->strings_at);
	append_dynamic(image, DT_STRSZ, sizeof strings);
	append_dynamic(image, DT_VERNEED, BASE_ADDRESS + image->needs_at);
	append_dynamic(image, DT_VERNEEDNUM, 1);
	append_dynamic(image, DT_VERDEF, BASE_ADDRESS + image->offers_at);
	append_dynamic(image, DT_VERDEFNUM, 2);
	append_dynamic(image, DT_NULL, 0);
	append_dynamic(image, DT_NEEDED, 9999);
}

static struct image image_make(unsigned bits)
{
	struct image image = {.bits = bits, .file = BUF_EMPTY};
	bool wide = bits == 64;

	buf_append_zeros(&image.file, wide ? 64 + 4 * 56 : 52 + 4 * 32);
	memcpy(image.file.p, ELFMAG, SELFMAG);
	put(&image, EI_CLASS, 1, wide ? ELFCLASS64 : ELFCLASS32);
	put(&image, EI_DATA, 1, ELFDATA2LSB);
	put(&image, EI_VERSION, 1, EV_CURRENT);
	put(&image, 18, 2, wide ? ELF_AARCH64 : ELF_ARM);
	put(&image, wide ? 32 : 28, word(&image), wide ? 64 : 52);
	put(&image, wide ? 54 : 42, 2, wide ? 56 : 32);
	put(&image, wide ? 56 : 44, 2, 4);
	image.strings_at = image.file.n;
	buf_append(&image.file, str_of(strings, sizeof strings));
	append_versions(&image);
	append_dynamics(&image);
	size_t dynamic_end = image.file.n;

	image.interpreter_at = image.file.n;
	buf_append(&image.file, STR("/lib/ld.so\0"));
	image.note_at = image.file.n;
	append(&image, 4, 4);
	append(&image, 4, 2);
	append(&image, 4, 99);
	buf_append(&image.file, STR("GNU\0xx\0\0"));
	append(&image, 4, 4);
	append(&image, 4, 3);
	append(&image, 4, NT_GNU_BUILD_ID);
	buf_append(&image.file, STR("GNU\0\1\2\3"));
	image.end = image.file.n;
	put_segment(&image, 0, PT_LOAD, 0, image.end);
	put_segment(&image, 1, PT_DYNAMIC, image.dynamic_at, dynamic_end);
	put_segment(&image, 2, PT_INTERP, image.interpreter_at, image.note_at);
	put_segment(&image, 3, PT_NOTE, image.note_at, image.end);
	return image;
}

static void assert_str(struct str found, struct str expected)
{
	assert_int_equal(found.n, expected.n);
	assert_memory_equal(found.p, expected.p, expected.n);
}

static void test_sound_files(void **state)
{
	(void)state;
	for (unsigned bits = 32; bits <= 64; bits += 32) {
		struct image image = image_make(bits);
		auto_arena struct arena arena = ARENA_EMPTY;
		struct elf elf;

		assert_int_equal(elf_read(buf_str(&image.file), &arena, &elf),
				 ELF_OK);
		assert_int_equal(elf.bits, bits);
		assert_int_equal(elf.machine,
				 bits == 64 ? ELF_AARCH64 : ELF_ARM);
		assert_str(elf.interpreter, STR("/lib/ld.so"));
		assert_str(elf.soname, STR("libmine.so.1"));
		assert_str(elf.rpath, STR("/opt"));
		assert_str(elf.runpath, STR("$ORIGIN"));
		assert_int_equal(elf.needed_count, 2);
		assert_str(elf.needed[0], STR("libc.so.6"));
		assert_str(elf.needed[1], STR("libm.so.6"));
		assert_int_equal(elf.version_count, 2);
		assert_str(elf.versions[0].file, STR("libc.so.6"));
		assert_str(elf.versions[0].version, STR("GLIBC_2.34"));
		assert_false(elf.versions[0].weak);
		assert_str(elf.versions[1].version, STR("GLIBC_2.2.5"));
		assert_true(elf.versions[1].weak);
		assert_int_equal(elf.defined_count, 1);
		assert_str(elf.defined[0], STR("MINE_1"));
		assert_str(elf.build_id, STR("\1\2\3"));
		buf_release(&image.file);
	}
}

static void assert_status(struct image *image, enum elf_status status)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct elf elf;

	assert_int_equal(elf_read(buf_str(&image->file), &arena, &elf), status);
	assert_true(*elf_status_text(status));
	buf_release(&image->file);
	*image = image_make(64);
}

/* Where in the image a field lies, how wide it is, what it becomes. */
static void test_files_that_are_refused(void **state)
{
	struct image image = image_make(64);
	size_t load = 64, dynamic = image.dynamic_at;

	(void)state;
	put(&image, 0, 1, 0);
	assert_status(&image, ELF_NOT_ELF);
	image.file.n = 3;
	assert_status(&image, ELF_NOT_ELF);
	put(&image, EI_DATA, 1, ELFDATA2MSB);
	assert_status(&image, ELF_BIG_ENDIAN);
	put(&image, EI_DATA, 1, 7);
	assert_status(&image, ELF_BAD_HEADER);
	put(&image, EI_CLASS, 1, 3);
	assert_status(&image, ELF_BAD_HEADER);
	put(&image, 54, 2, 55);
	assert_status(&image, ELF_BAD_HEADER);
	put(&image, 56, 2, PN_XNUM);
	assert_status(&image, ELF_TOO_MANY);
	put(&image, 32, 8, image.end);
	assert_status(&image, ELF_TRUNCATED);
	put(&image, 32, 8, UINT64_MAX - 10);
	assert_status(&image, ELF_TRUNCATED);
	put(&image, load + 8, 8, UINT64_MAX);
	assert_status(&image, ELF_TRUNCATED);
	put(&image, load + 32, 8, UINT64_MAX);
	assert_status(&image, ELF_TRUNCATED);
	/* The dynamic section's own segment. */
	put(&image, load + 56 + 8, 8, image.end);
	assert_status(&image, ELF_TRUNCATED);
	put(&image, load + 16, 8, 0x100000);
	assert_status(&image, ELF_BAD_ADDRESS);
	put(&image, image.note_at - 1, 1, 'x');
	assert_status(&image, ELF_BAD_STRING);
	for (size_t entry = 0; entry < 5; entry++) {
		put(&image, dynamic + entry * 16 + 8, 8, sizeof strings);
		assert_status(&image, ELF_BAD_STRING);
	}
	/* The last string, MINE_1, loses its end. */
	put(&image, dynamic + 6 * 16 + 8, 8, sizeof strings - 1);
	assert_status(&image, ELF_BAD_STRING);
	put(&image, dynamic + 6 * 16 + 8, 8, UINT64_MAX);
	assert_status(&image, ELF_TRUNCATED);
	put(&image, dynamic + 7 * 16 + 8, 8, 1);
	assert_status(&image, ELF_BAD_ADDRESS);
	put(&image, dynamic + 8 * 16 + 8, 8, UINT64_MAX);
	assert_status(&image, ELF_TOO_MANY);
	put(&image, image.needs_at + 8, 4, UINT32_MAX);
	assert_status(&image, ELF_BAD_VERSIONS);
	put(&image, image.needs_at + 4, 4, UINT32_MAX);
	assert_status(&image, ELF_BAD_STRING);
	put(&image, image.offers_at + 28 + 12, 4, UINT32_MAX);
	assert_status(&image, ELF_BAD_VERSIONS);
	put(&image, image.offers_at + 16, 4, UINT32_MAX);
	assert_status(&image, ELF_BAD_VERSIONS);
	/* Chains that stand still are counted, not followed for ever. */
	put(&image, dynamic + 8 * 16 + 8, 8, 65536);
	assert_status(&image, ELF_TOO_MANY);
	/* A broken note is passed over. */
	put(&image, image.note_at, 4, UINT32_MAX);
	assert_status(&image, ELF_OK);
	buf_release(&image.file);
}

/* Nothing behind the end is read, wherever that is. */
static void test_no_read_behind_the_end(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_int_equal(mprotect(map + page, page, PROT_NONE), 0);
	for (unsigned bits = 32; bits <= 64; bits += 32) {
		struct image image = image_make(bits);
		auto_arena struct arena arena = ARENA_EMPTY;

		for (size_t n = 0; n <= image.end; n++) {
			char *p = map + page - n;
			struct elf elf;

			memcpy(p, image.file.p, n);
			enum elf_status status =
				elf_read(str_of(p, n), &arena, &elf);

			/* Only the notes, which come last, may be missing. */
			assert_true((status == ELF_OK) == (n >= image.note_at));
			assert_true(status != ELF_NOT_ELF || n < SELFMAG);
		}
		buf_release(&image.file);
	}
	munmap(map, 2 * page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound_files),
		cmocka_unit_test(test_files_that_are_refused),
		cmocka_unit_test(test_no_read_behind_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
