/* elf: what a shared library or program needs of others, and offers them.
 *
 * Knows: headers, the dynamic section, symbol version tables, the build id; in
 * 32 and 64 bits, little endian. Does not know: files, search paths, symbols,
 * sections. Only what the loader itself reads is read, so that a stripped or
 * patched file gives what counts at run time.
 *
 * Source: System V gABI, chapters 4 and 5; Linux Standard Base Core, "Symbol
 * Versioning"; elf(5).
 *
 *   file    = header .. program header*       dynamic = (tag value)* null
 *   strings, version tables = at addresses of the dynamic section, found in
 *   the file through the loadable segments
 *   needed versions  = (file, (version, weak)*)*
 *   note    = name size, bytes' size, type, name, bytes
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum elf_status {
	ELF_OK,
	ELF_NOT_ELF,
	ELF_TRUNCATED,	 /* something lies behind the end */
	ELF_BIG_ENDIAN,	 /* no image of ours has them */
	ELF_BAD_HEADER,	 /* class, version or sizes of entries */
	ELF_BAD_ADDRESS, /* in no segment of the file */
	ELF_BAD_STRING,	 /* outside the string table, or without end */
	ELF_BAD_VERSIONS,
	ELF_TOO_MANY, /* above 65536 headers, needs or versions */
};

/* The numbers of e_machine that images have. */
enum {
	ELF_X86 = 3,
	ELF_ARM = 40,
	ELF_X86_64 = 62,
	ELF_AARCH64 = 183,
};

/* One version of one needed file: GLIBC_2.34 of libc.so.6. */
struct elf_need {
	struct str file;
	struct str version;
	bool weak; /* may be missing */
};

/* Strings lie in the bytes that were read, arrays in the arena. */
struct elf {
	unsigned bits; /* 32 or 64 */
	uint16_t machine;
	struct str interpreter; /* empty: no program, or a static one */
	struct str soname;
	struct str rpath, runpath;
	const struct str *needed; /* DT_NEEDED, in order */
	size_t needed_count;
	const struct elf_need *versions; /* in the file's order */
	size_t version_count;
	const struct str *defined; /* versions that it offers: GLIBC_2.34 */
	size_t defined_count;
	struct str build_id; /* raw bytes; empty: none */
};

/* Reads a whole file's bytes, which may be mapped: only the pages that matter
 * are touched. *elf is filled on success only. */
enum elf_status elf_read(struct str bytes, struct arena *arena,
			 struct elf *elf);

/* True where the bytes begin as every ELF file does. */
bool elf_is_elf(struct str bytes);

/* What is wrong, as a noun phrase. */
const char *elf_status_text(enum elf_status status);
