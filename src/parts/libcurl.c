#include "parts/libcurl.h"

LIBRARY(libcurl, "libcurl.so.4", "libcurl4", LIBCURL_FUNCTIONS);
