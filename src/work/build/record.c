/* What this store made, into a lock's layers. */
#include "base/array.h"
#include "base/buf.h"
#include "base/map.h"
#include "work/build/build_private.h"

/* Sources change too often to be locked; a base's own layers are locked with
 * the base. */
static bool is_recorded(const struct assembly *assembly, size_t layer)
{
	const struct plan_layer *node = &assembly->plan.layers[layer];
	enum assemble_kind kind = assembly->parts[node->parts[0]].kind;

	return kind != ASSEMBLE_SOURCE && kind != ASSEMBLE_IMAGE;
}

static struct lock_layer entry_of(const struct assembly *assembly, size_t layer,
				  const struct layer_result *made,
				  struct arena *arena)
{
	auto_buf struct buf compressor = BUF_EMPTY;

	layer_compressor(made->compression, &compressor);
	return (struct lock_layer){
		.key = assembly_tar_key(assembly, layer),
		.diff_id = made->diff_id,
		.digest = made->digest,
		.compressed_bytes = made->compressed_bytes,
		.bytes = made->bytes,
		.compressor = arena_str(arena, buf_str(&compressor)),
	};
}

/* Signs what this store made; never what it only read. */
static bool sign(const struct assembly *assembly, struct lock_layer *entry,
		 const struct lock_layer *made, const struct sign_key *key)
{
	auto_buf struct buf statement = BUF_EMPTY, own = BUF_EMPTY;

	lock_layer_statement(entry, &statement);
	lock_layer_statement(made, &own);
	if (!key || !str_eq(buf_str(&statement), buf_str(&own)))
		return false;
	struct sign_public signer = sign_key_public(key);
	bool is_ours = memcmp(&entry->signer, &signer, sizeof signer) == 0;

	if ((is_ours || build_signer_counts(assembly, entry)) &&
	    build_claim_is_signed(entry))
		return false;
	entry->is_signed = true;
	entry->signer = signer;
	entry->signature = sign_make(key, buf_str(&statement));
	return true;
}

static struct lock_layer *find(struct lock_layer *entries, size_t n,
			       const struct digest *key)
{
	for (size_t i = 0; i < n; i++)
		if (digest_eq(&entries[i].key, key))
			return &entries[i];
	return NULL;
}

void build_record(const struct assembly *assembly, struct store *store,
		  const struct sign_key *key, struct lock *lock,
		  struct build_recorded *out)
{
	size_t layer_count = assembly->plan.layer_count;
	size_t n = lock->layer_count;
	struct lock_layer *entries = arena_new_array(
		&lock->arena, struct lock_layer, n + layer_count);

	*out = (struct build_recorded){0};
	for (size_t i = 0; i < n; i++)
		entries[i] = lock->layers[i];
	for (size_t l = 0; l < layer_count; l++) {
		struct build_judgement judgement;

		if (!is_recorded(assembly, l) ||
		    build_judge(assembly, store, l, &judgement, NULL) ||
		    !judgement.is_made_here)
			continue;
		struct lock_layer made =
			entry_of(assembly, l, &judgement.result, &lock->arena);
		struct lock_layer *entry = find(entries, n, &made.key);

		if (!entry) {
			entry = &entries[n++];
			*entry = made;
			out->added++;
		} else if (!str_eq(entry->compressor, made.compressor)) {
			*entry = made;
			out->replaced++;
		}
		out->is_signed += sign(assembly, entry, &made, key);
	}
	lock->layers = entries;
	lock->layer_count = n;
}

size_t build_forget(const struct assembly *assembly, struct lock *lock)
{
	auto_map struct map planned = MAP_EMPTY;
	size_t n = 0, before = lock->layer_count;
	struct lock_layer *kept =
		arena_new_array(&lock->arena, struct lock_layer, before);

	for (size_t l = 0; l < assembly->plan.layer_count; l++) {
		struct digest key = assembly_tar_key(assembly, l);

		map_add(&planned, str_from(digest_text(&key).p));
	}
	for (size_t i = 0; i < before; i++)
		if (map_has(&planned,
			    str_from(digest_text(&lock->layers[i].key).p)))
			kept[n++] = lock->layers[i];
	lock->layers = kept;
	lock->layer_count = n;
	return before - n;
}
