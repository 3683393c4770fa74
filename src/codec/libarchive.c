#include "codec/libarchive.h"

LIBRARY(libarchive, "libarchive.so.13", "libarchive13", LIBARCHIVE_FUNCTIONS);
