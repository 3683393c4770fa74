#include "base/hash/thread.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/thread.h"

enum { BLOCK_BYTES = 256 << 10, BLOCKS = 8 };

struct block {
	size_t n;
	char bytes[BLOCK_BYTES];
};

struct sha256_thread {
	EVP_MD_CTX *context;
	pthread_t id;
	pthread_mutex_t lock; /* guards all below but a block's bytes, which
			       * are the giver's, then the thread's */
	pthread_cond_t changed;
	size_t given, hashed; /* blocks so far */
	bool ended;
	struct block blocks[BLOCKS];
};

static void *hash_blocks(void *argument)
{
	struct sha256_thread *thread = argument;

	pthread_mutex_lock(&thread->lock);
	for (;;) {
		while (thread->hashed == thread->given && !thread->ended)
			pthread_cond_wait(&thread->changed, &thread->lock);
		if (thread->hashed == thread->given)
			break;
		struct block *block = &thread->blocks[thread->hashed % BLOCKS];

		pthread_mutex_unlock(&thread->lock);
		if (!EVP_DigestUpdate(thread->context, block->bytes, block->n))
			abort();
		block->n = 0;
		pthread_mutex_lock(&thread->lock);
		thread->hashed++;
		pthread_cond_signal(&thread->changed);
	}
	pthread_mutex_unlock(&thread->lock);
	return NULL;
}

struct sha256_thread *sha256_thread_new(void *context)
{
	struct sha256_thread *thread = mem_zalloc(1, sizeof *thread);

	thread->context = context;
	pthread_mutex_init(&thread->lock, NULL);
	pthread_cond_init(&thread->changed, NULL);
	if (thread_start(&thread->id, hash_blocks, thread) == 0)
		return thread;
	pthread_cond_destroy(&thread->changed);
	pthread_mutex_destroy(&thread->lock);
	free(thread);
	return NULL;
}

/* Hands the block being filled to the thread and waits for the next. */
static void give_block(struct sha256_thread *thread)
{
	pthread_mutex_lock(&thread->lock);
	thread->given++;
	pthread_cond_signal(&thread->changed);
	while (thread->given - thread->hashed == BLOCKS)
		pthread_cond_wait(&thread->changed, &thread->lock);
	pthread_mutex_unlock(&thread->lock);
}

void sha256_thread_update(struct sha256_thread *thread, struct str bytes)
{
	while (bytes.n) {
		struct block *block = &thread->blocks[thread->given % BLOCKS];
		size_t room = BLOCK_BYTES - block->n;
		size_t take = bytes.n < room ? bytes.n : room;

		memcpy(block->bytes + block->n, bytes.p, take);
		block->n += take;
		bytes = str_slice(bytes, take, bytes.n);
		if (block->n == BLOCK_BYTES)
			give_block(thread);
	}
}

void sha256_thread_end(struct sha256_thread *thread)
{
	pthread_mutex_lock(&thread->lock);
	thread->given += thread->blocks[thread->given % BLOCKS].n > 0;
	thread->ended = true;
	pthread_cond_signal(&thread->changed);
	pthread_mutex_unlock(&thread->lock);
	pthread_join(thread->id, NULL);
	pthread_cond_destroy(&thread->changed);
	pthread_mutex_destroy(&thread->lock);
	free(thread);
}
