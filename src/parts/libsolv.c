#include "parts/libsolv.h"

LIBRARY(libsolv, "libsolv.so.1", "libsolv1", LIBSOLV_FUNCTIONS);
LIBRARY(libsolvext, "libsolvext.so.1", "libsolvext1", LIBSOLVEXT_FUNCTIONS);

/* What inline functions of libsolv's headers call. */

void queue_alloc_one(Queue *queue)
{
	libsolv.queue_alloc_one(queue);
}

Id pool_addrelproviders(Pool *pool, Id dependency)
{
	return libsolv.pool_addrelproviders(pool, dependency);
}
