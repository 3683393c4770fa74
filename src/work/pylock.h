/* pylock: what one service is made of, as a file that pip and uv install.
 *
 * A pylock.toml with the url of every wheel, found on the index that the user
 * names; the lock itself names no host. Urls are without credentials: whoever
 * installs has their own.
 *
 * Source: PEP 751, now "pylock.toml Specification" of packaging.python.org.
 */
#pragma once

#include "base/buf.h"
#include "facts/lockfile.h"

struct error;
struct pyindex;

/* Appends the document for a service of the lock. ERR_ENV where an index does
 * not have a file. */
int pylock_append(const struct lock *lock, const struct lock_service *service,
		  struct pyindex *index, struct buf *out, struct error **err);
