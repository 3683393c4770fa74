/* hash/thread: a running SHA-256 that a thread of its own computes. Not for
 * other modules.
 *
 * Bytes are copied into a ring of blocks; who gives them waits only while all
 * blocks are full. One thread may give bytes. */
#pragma once

#include "base/hash.h"

struct sha256_thread;

/* NULL where the host gives no thread. context is OpenSSL's, borrowed; it
 * belongs to the thread until sha256_thread_end(). */
struct sha256_thread *sha256_thread_new(void *context);

void sha256_thread_update(struct sha256_thread *thread, struct str bytes);

/* Waits until all bytes are hashed, and frees the thread. */
void sha256_thread_end(struct sha256_thread *thread);
