/* library: shared libraries that are loaded when they are first needed.
 *
 * Linked libraries are loaded, relocated and initialised before main: with
 * curl, libarchive and libsolv that takes longer than most verbs need for all
 * of their work. So what only some verbs use is loaded by them.
 *
 * Knows: how a library is found by its SONAME and a table filled with its
 * functions. Does not know: any library. Those have a header each, which lists
 * the functions in use once:
 *
 *   #define LIBX_FUNCTIONS(FUNCTION) FUNCTION(x_, open) FUNCTION(x_, close)
 *   extern struct libx { LIBX_FUNCTIONS(LIBRARY_POINTER) } libx;
 *   int libx_load(struct error **err);
 *
 * and one source file: LIBRARY(libx, "libx.so.1", "libx1", LIBX_FUNCTIONS).
 * The pointers have the types of the library's own header, so that calls such
 * as libx.open(...) are checked like direct ones. They may be called after
 * libx_load() returned 0, from any thread.
 *
 * A library is never unloaded: its threads, its at-exit functions and what
 * sanitizers remember of it stay valid.
 *
 * Source of the note that lets packagers find these libraries in the program:
 * uapi-group.org, ELF dlopen metadata, version 1.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

struct library {
	const char *soname;
	const char *package;	  /* Debian's, which brings it */
	const char *const *names; /* count of them */
	void *table;		  /* count pointers, in the same order */
	size_t count;
	atomic_bool loaded;
};

/* Loads it and fills its table, where that has not been done. ERR_ENV with the
 * package to install where it is absent, or too old to have all functions; a
 * later call tries again. */
int library_load(struct library *library, struct error **err);

/* In the list that a library's header has: a pointer to a function, or to an
 * object. */
#define LIBRARY_POINTER(prefix, name) typeof(prefix##name) *name;

#define LIBRARY_NAME(prefix, name) #prefix #name,

#define LIBRARY_NOTE(variable, soname)                                         \
	__attribute__((used, section(".note.dlopen"),                          \
		       aligned(4))) static const struct {                      \
		uint32_t owner_bytes, text_bytes, type;                        \
		char owner[4];                                                 \
		_Alignas(4) char text[sizeof LIBRARY_NOTE_TEXT(soname)];       \
	} variable = {4, sizeof LIBRARY_NOTE_TEXT(soname), 0x407c0c0a, "FDO",  \
		      LIBRARY_NOTE_TEXT(soname)}
#define LIBRARY_NOTE_TEXT(soname)                                              \
	"[{\"soname\":[\"" soname "\"],\"priority\":\"required\"}]"

/* Defines the table TABLE and TABLE_load(). TABLE_library is for tests. */
#define LIBRARY(TABLE, SONAME, PACKAGE, FUNCTIONS)                             \
	static const char *const TABLE##_names[] = {FUNCTIONS(LIBRARY_NAME)};  \
	struct TABLE TABLE;                                                    \
	_Static_assert(sizeof TABLE ==                                         \
			       sizeof(void *) * (sizeof TABLE##_names /        \
						 sizeof *TABLE##_names),       \
		       "one pointer for each name");                           \
	LIBRARY_NOTE(TABLE##_note, SONAME);                                    \
	extern struct library TABLE##_library;                                 \
	struct library TABLE##_library = {                                     \
		.soname = SONAME,                                              \
		.package = PACKAGE,                                            \
		.names = TABLE##_names,                                        \
		.table = &TABLE,                                               \
		.count = sizeof TABLE##_names / sizeof *TABLE##_names,         \
	};                                                                     \
	int TABLE##_load(struct error **err)                                   \
	{                                                                      \
		return library_load(&TABLE##_library, err);                    \
	}                                                                      \
	_Static_assert(true, "takes the semicolon")
