/* libcurl: its functions, loaded at the first request. base/library.h says
 * how. */
#pragma once

#include <curl/curl.h>

#include "base/library.h"

#define LIBCURL_FUNCTIONS(FUNCTION)                                            \
	FUNCTION(curl_, easy_cleanup)                                          \
	FUNCTION(curl_, easy_getinfo)                                          \
	FUNCTION(curl_, easy_init)                                             \
	FUNCTION(curl_, easy_pause)                                            \
	FUNCTION(curl_, easy_setopt)                                           \
	FUNCTION(curl_, easy_strerror)                                         \
	FUNCTION(curl_, easy_unescape)                                         \
	FUNCTION(curl_, free)                                                  \
	FUNCTION(curl_, global_init)                                           \
	FUNCTION(curl_, multi_add_handle)                                      \
	FUNCTION(curl_, multi_cleanup)                                         \
	FUNCTION(curl_, multi_info_read)                                       \
	FUNCTION(curl_, multi_init)                                            \
	FUNCTION(curl_, multi_perform)                                         \
	FUNCTION(curl_, multi_poll)                                            \
	FUNCTION(curl_, multi_remove_handle)                                   \
	FUNCTION(curl_, multi_wakeup)                                          \
	FUNCTION(curl_, slist_append)                                          \
	FUNCTION(curl_, slist_free_all)                                        \
	FUNCTION(curl_, url)                                                   \
	FUNCTION(curl_, url_cleanup)                                           \
	FUNCTION(curl_, url_dup)                                               \
	FUNCTION(curl_, url_get)                                               \
	FUNCTION(curl_, url_set)                                               \
	FUNCTION(curl_, version_info)

extern struct libcurl {
	LIBCURL_FUNCTIONS(LIBRARY_POINTER)
} libcurl;

/* ERR_ENV where it cannot be loaded. */
int libcurl_load(struct error **err);
