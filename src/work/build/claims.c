/* What the lock claims of layers, and whether it counts. */
#include "base/array.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "work/build/build_private.h"

enum { MAX_WHEELS = 3 }; /* that a message names */

/* -- whose word counts -- */

bool build_signer_counts(const struct assembly *assembly,
			 const struct lock_layer *claim)
{
	const struct manifest_texts *trust = &assembly->manifest->policy.trust;
	struct sign_public_text text = sign_public_text(&claim->signer);

	for (size_t i = 0; i < trust->n; i++)
		if (str_eq(trust->p[i].s, str_from(text.p)))
			return true;
	return false;
}

bool build_claim_is_signed(const struct lock_layer *claim)
{
	auto_buf struct buf statement = BUF_EMPTY;

	lock_layer_statement(claim, &statement);
	return claim->is_signed &&
	       sign_is_of(&claim->signature, buf_str(&statement),
			  &claim->signer);
}

const struct lock_layer *build_claim(const struct assembly *assembly,
				     size_t layer)
{
	struct digest key = assembly_tar_key(assembly, layer);

	return lock_find_layer(assembly->lock, &key);
}

/* True where a layer made here can have the blob that the claim names. */
static bool is_our_compressor(const struct assembly *assembly,
			      const struct lock_layer *claim)
{
	auto_buf struct buf ours = BUF_EMPTY;

	layer_compressor(assembly->compression, &ours);
	return str_eq(buf_str(&ours), claim->compressor);
}

/* -- a claim beside what was made -- */

/* "the layer 'torch 2.4.1' (torch-2.4.1-....whl)" */
static void append_name(const struct assembly *assembly, size_t layer,
			struct buf *out)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	const struct plan_layer *node = &assembly->plan.layers[layer];
	size_t wheels = 0;

	buf_printf(out, "the layer '" STR_FMT "'",
		   STR_ARG(assembly_layer_title(assembly, layer, &arena)));
	for (size_t i = 0; i < node->part_count; i++) {
		const struct assemble_part *part =
			&assembly->parts[node->parts[i]];

		if (part->kind != ASSEMBLE_WHEEL)
			continue;
		if (wheels < MAX_WHEELS)
			buf_printf(out, "%s" STR_FMT, wheels ? ", " : " (",
				   STR_ARG(part->package->wheel.file));
		wheels++;
	}
	if (wheels > MAX_WHEELS)
		buf_printf(out, " and %zu more", wheels - MAX_WHEELS);
	buf_append_text(out, wheels ? ")" : "");
}

static int hint_at(const struct lock_layer *claim, struct error **err)
{
	return err_hint(err,
			"do not ship it before you know why; then take the "
			"record with the key %s out of the lock's 'layers' and "
			"run: slipway build --record",
			digest_text(&claim->key).p);
}

/* A digest and its size, as made and as claimed. */
static bool is_same(const struct digest *made, uint64_t made_bytes,
		    const struct digest *claimed, uint64_t claimed_bytes)
{
	return digest_eq(made, claimed) && made_bytes == claimed_bytes;
}

static int refuse(const char *name, const char *what, const struct digest *made,
		  uint64_t made_bytes, const struct digest *claimed,
		  uint64_t claimed_bytes, struct error **err)
{
	return err_make(err, ERR_FLEET,
			"%s came out with the %s %s, %llu bytes, but the lock "
			"says %s, %llu bytes",
			name, what, digest_text(made).p,
			(unsigned long long)made_bytes, digest_text(claimed).p,
			(unsigned long long)claimed_bytes);
}

static int compare(const struct assembly *assembly, size_t layer,
		   const struct lock_layer *claim,
		   const struct layer_result *made, struct error **err)
{
	auto_buf struct buf name = BUF_EMPTY;
	bool is_same_tar = is_same(&made->diff_id, made->bytes, &claim->diff_id,
				   claim->bytes);

	if (is_same_tar && (!is_our_compressor(assembly, claim) ||
			    is_same(&made->digest, made->compressed_bytes,
				    &claim->digest, claim->compressed_bytes)))
		return 0;
	append_name(assembly, layer, &name);
	if (!is_same_tar)
		refuse(buf_text(&name), "DiffID", &made->diff_id, made->bytes,
		       &claim->diff_id, claim->bytes, err);
	else
		refuse(buf_text(&name), "blob", &made->digest,
		       made->compressed_bytes, &claim->digest,
		       claim->compressed_bytes, err);
	return hint_at(claim, err);
}

int build_check_claim(const struct build *build, size_t layer,
		      struct error **err)
{
	const struct lock_layer *claim = build_claim(build->assembly, layer);

	return claim ? compare(build->assembly, layer, claim,
			       &build->result->layers[layer], err)
		     : 0;
}

/* -- what is known of a layer -- */

int build_check_signature(const struct assembly *assembly, size_t layer,
			  const struct lock_layer *claim, struct error **err)
{
	auto_buf struct buf name = BUF_EMPTY;

	if (build_claim_is_signed(claim))
		return 0;
	append_name(assembly, layer, &name);
	err_make(err, ERR_FLEET,
		 "the lock's record of %s is not what %s signed",
		 buf_text(&name), sign_public_text(&claim->signer).p);
	return hint_at(claim, err);
}

/* What a claim is worth to a store that has not made the layer. */
static int weigh(const struct assembly *assembly, size_t layer,
		 const struct lock_layer *claim, enum build_claim *worth,
		 struct error **err)
{
	if (!is_our_compressor(assembly, claim))
		*worth = CLAIM_OTHER_COMPRESSOR;
	else if (!claim->is_signed)
		*worth = CLAIM_UNSIGNED;
	else if (!build_signer_counts(assembly, claim))
		*worth = CLAIM_OF_STRANGER;
	else
		*worth = CLAIM_TRUSTED;
	return *worth == CLAIM_TRUSTED
		       ? build_check_signature(assembly, layer, claim, err)
		       : 0;
}

int build_judge(const struct assembly *assembly, struct store *store,
		size_t layer, struct build_judgement *out, struct error **err)
{
	struct digest key = assembly_layer_key(assembly, layer);
	const struct lock_layer *claim = build_claim(assembly, layer);

	*out = (struct build_judgement){.worth = CLAIM_NONE};
	out->is_made_here = build_layer_record(store, &key, &out->result);
	if (!claim)
		return 0;
	if (out->is_made_here) {
		out->worth = is_our_compressor(assembly, claim)
				     ? CLAIM_TRUSTED
				     : CLAIM_OTHER_COMPRESSOR;
		return compare(assembly, layer, claim, &out->result, err);
	}
	if (weigh(assembly, layer, claim, &out->worth, err))
		return -1;
	if (out->worth == CLAIM_TRUSTED)
		out->result = (struct layer_result){
			.digest = claim->digest,
			.diff_id = claim->diff_id,
			.compressed_bytes = claim->compressed_bytes,
			.bytes = claim->bytes,
			.compression = assembly->compression,
		};
	return 0;
}

bool build_layer_known(const struct assembly *assembly, struct store *store,
		       size_t layer, struct layer_result *result)
{
	struct build_judgement judgement;

	if (build_judge(assembly, store, layer, &judgement, NULL) ||
	    (!judgement.is_made_here && judgement.worth != CLAIM_TRUSTED))
		return false;
	*result = judgement.result;
	return true;
}

/* What a layer is kept for includes the wheel that it was made of. */
static void touch_recipe(struct build *build, size_t layer)
{
	const struct plan_layer *node = &build->assembly->plan.layers[layer];
	const struct assemble_part *part =
		&build->assembly->parts[node->parts[0]];

	if (node->part_count == 1 && part->kind == ASSEMBLE_WHEEL)
		build_touch_recipe(build, &part->package->wheel);
}

void build_find_layer(struct build *build, size_t layer)
{
	struct build_result *result = build->result;
	const struct build_options *options = build->options;
	struct build_judgement judgement;

	if (build_judge(build->assembly, build->store, layer, &judgement,
			&build->errors[layer]))
		return;
	bool counts = judgement.is_made_here ||
		      (judgement.worth == CLAIM_TRUSTED && !options->prove);
	bool has_blob =
		counts && store_has(build->store, &judgement.result.digest);

	result->layers[layer] = judgement.result;
	result->known[layer] = has_blob;
	/* The lock decides what may stay absent: what it does not carry is
	 * made by every build. */
	result->absent[layer] =
		counts && !has_blob && judgement.worth != CLAIM_NONE &&
		(options->prove || !options->bytes || !options->bytes[layer]);
	build->needed[layer] = !has_blob && !result->absent[layer];
	if (has_blob)
		touch_recipe(build, layer);
	if (build->needed[layer] && !judgement.is_made_here)
		build->claims[judgement.worth]++;
}

void build_tell_claims(const struct build *build)
{
	const size_t *claims = build->claims;

	if (claims[CLAIM_UNSIGNED])
		log_info("%zu layers that the lock records are made here and "
			 "compared: nobody signed the records",
			 claims[CLAIM_UNSIGNED]);
	if (claims[CLAIM_OF_STRANGER])
		log_info("%zu layers that the lock records are made here and "
			 "compared: a key that policy.trust does not name "
			 "signed the records",
			 claims[CLAIM_OF_STRANGER]);
	if (claims[CLAIM_OTHER_COMPRESSOR])
		log_info("%zu layers that the lock records get other blobs "
			 "here, of the same files: another compressor made "
			 "those of the lock ('slipway build --record' replaces "
			 "the records)",
			 claims[CLAIM_OTHER_COMPRESSOR]);
}
