/* libarchive: its functions, loaded when an archive is first read.
 * base/library.h says how. */
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include "base/library.h"

#define LIBARCHIVE_FUNCTIONS(FUNCTION)                                         \
	FUNCTION(archive_, entry_filetype)                                     \
	FUNCTION(archive_, entry_hardlink)                                     \
	FUNCTION(archive_, entry_pathname)                                     \
	FUNCTION(archive_, entry_pathname_utf8)                                \
	FUNCTION(archive_, entry_perm)                                         \
	FUNCTION(archive_, entry_size)                                         \
	FUNCTION(archive_, entry_sparse_count)                                 \
	FUNCTION(archive_, entry_symlink)                                      \
	FUNCTION(archive_, error_string)                                       \
	FUNCTION(archive_, read_data)                                          \
	FUNCTION(archive_, read_free)                                          \
	FUNCTION(archive_, read_new)                                           \
	FUNCTION(archive_, read_next_header)                                   \
	FUNCTION(archive_, read_open)                                          \
	FUNCTION(archive_, read_open_fd)                                       \
	FUNCTION(archive_, read_open_filename)                                 \
	FUNCTION(archive_, read_open_memory)                                   \
	FUNCTION(archive_, read_support_filter_gzip)                           \
	FUNCTION(archive_, read_support_filter_xz)                             \
	FUNCTION(archive_, read_support_filter_zstd)                           \
	FUNCTION(archive_, read_support_format_empty)                          \
	FUNCTION(archive_, read_support_format_raw)                            \
	FUNCTION(archive_, read_support_format_tar)                            \
	FUNCTION(archive_, set_error)                                          \
	FUNCTION(archive_, version_string)

extern struct libarchive {
	LIBARCHIVE_FUNCTIONS(LIBRARY_POINTER)
} libarchive;

/* ERR_ENV where it cannot be loaded. */
int libarchive_load(struct error **err);
