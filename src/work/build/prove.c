/* The claims of a lock, made and compared. */
#include <stdlib.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/pool.h"
#include "work/build/build_private.h"

/* True where the other lock has the record with all of its values, whoever
 * signed it. */
static bool has_record(const struct lock *lock, const struct lock_layer *record)
{
	const struct lock_layer *other = lock_find_layer(lock, &record->key);
	auto_buf struct buf here = BUF_EMPTY, there = BUF_EMPTY;

	if (!other)
		return false;
	lock_layer_statement(record, &here);
	lock_layer_statement(other, &there);
	return str_eq(buf_str(&here), buf_str(&there));
}

/* The first layer of the plan that a record is of, or its count. */
static size_t find_layer(const struct assembly *assembly,
			 const struct lock_layer *record)
{
	size_t l = 0;

	while (l < assembly->plan.layer_count &&
	       build_claim(assembly, l) != record)
		l++;
	return l;
}

static int check_stale(const struct lock_layer *record, struct error **err)
{
	err_make(err, ERR_FLEET,
		 "the lock records a layer with the key %s that no image has",
		 digest_text(&record->key).p);
	return err_hint(err, "run: slipway lock");
}

/* Another compressor's blob cannot be made here: only its DiffID is proven. */
static int check_compressor(const struct lock_layer *record, struct error **err)
{
	err_make(err, ERR_FLEET,
		 "the blob of the record with the key %s is by '" STR_FMT
		 "', which is not this slipway's compressor",
		 digest_text(&record->key).p, STR_ARG(record->compressor));
	return err_hint(err, "run: slipway build --record");
}

static int check_record(struct build *build, size_t layer,
			const struct lock_layer *record, struct error **err)
{
	const struct assembly *assembly = build->assembly;
	struct build_judgement judgement;

	if (layer == assembly->plan.layer_count)
		return check_stale(record, err);
	if (build->errors[layer])
		return err_pass(err, mem_steal(build->errors[layer]));
	if (build_signer_counts(assembly, record) &&
	    build_check_signature(assembly, layer, record, err))
		return -1;
	if (build_judge(assembly, build->store, layer, &judgement, err))
		return -1;
	if (judgement.worth == CLAIM_OTHER_COMPRESSOR)
		return check_compressor(record, err);
	return judgement.is_made_here
		       ? 0
		       : err_make(err, ERR_CANCELLED, "interrupted");
}

int build_prove(const struct assembly *assembly, struct store *store,
		struct fetch *fetch, struct pyindex *index,
		const struct build_options *options, const struct lock *since,
		struct build_proof *proof, struct error **err)
{
	const struct lock *lock = assembly->lock;
	size_t n = assembly->plan.layer_count;
	struct build build = {
		.assembly = assembly,
		.store = store,
		.fetch = fetch,
		.index = index,
	};
	auto_build_result struct build_result result = {0};
	auto_free bool *bytes = mem_zalloc(n, sizeof *bytes);
	auto_free bool *none = mem_zalloc(assembly->image_count, sizeof *none);
	struct build_options own = *options;

	proof->wrong = mem_zalloc(lock->layer_count, sizeof(*proof->wrong));
	for (size_t l = 0; l < n; l++) {
		const struct lock_layer *record = build_claim(assembly, l);

		bytes[l] = record && !(since && has_record(since, record));
	}
	own.wanted = none;
	own.bytes = bytes;
	own.prove = true;
	size_t needed = build_begin(&build, &own, &result);

	if (needed)
		build_make_needed(&build, needed);
	for (size_t i = 0; i < lock->layer_count; i++) {
		const struct lock_layer *record = &lock->layers[i];

		if (since && has_record(since, record))
			continue;
		proof->asked++;
		struct error **wrong = &proof->wrong[proof->wrong_count];

		if (check_record(&build, find_layer(assembly, record), record,
				 wrong))
			proof->wrong_count++;
	}
	build_end(&build);
	return pool_check_cancelled(err);
}

void build_proof_release(struct build_proof *proof)
{
	for (size_t i = 0; i < proof->wrong_count; i++)
		err_free(proof->wrong[i]);
	free(proof->wrong);
}
