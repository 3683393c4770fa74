/* ELF files: what is read lies inside of the bytes that were given. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "codec/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str given;

static void look(struct str text)
{
	if (text.n && (text.p < given.p || text.p + text.n > given.p + given.n))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct elf elf;

	given = str_of((const char *)data, size);
	if (elf_read(given, &arena, &elf) != ELF_OK)
		return 0;
	look(elf.interpreter);
	look(elf.soname);
	look(elf.rpath);
	look(elf.runpath);
	look(elf.build_id);
	for (size_t i = 0; i < elf.needed_count; i++)
		look(elf.needed[i]);
	for (size_t i = 0; i < elf.defined_count; i++)
		look(elf.defined[i]);
	for (size_t i = 0; i < elf.version_count; i++) {
		look(elf.versions[i].file);
		look(elf.versions[i].version);
	}
	return 0;
}
