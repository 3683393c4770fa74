#include "decisions/family.h"

#include "base/buf.h"
#include "base/log.h"

enum { MAX_TOLD = 6 }; /* families that do not fit, in a why */

/* -- what the manifest says -- */

static bool has_cuda(const struct manifest_track *track)
{
	return track && track->cuda.s.n > 0;
}

/* Sees the driver at most. */
static bool computes(const struct manifest_instance *instance)
{
	return instance->settings.gpu == MANIFEST_GPU_OPTIONAL ||
	       instance->settings.gpu == MANIFEST_GPU_REQUIRED;
}

/* The track that a family names, against those of service and machine. */
static struct str track_refusal(const struct manifest_instance *instance,
				const struct manifest_track *named,
				struct arena *arena)
{
	const struct manifest_machine *machine = instance->machine;
	bool has_own = instance->settings.track.s.n > 0;

	if (has_cuda(named) && !computes(instance))
		return arena_printf(arena,
				    "its track '" STR_FMT "' has CUDA, and the "
				    "service has gpu: %s",
				    STR_ARG(named->name.s),
				    manifest_gpu_text(instance->settings.gpu));
	if (has_own && named != instance->track)
		return arena_printf(arena,
				    "its track is '" STR_FMT
				    "', the service's '" STR_FMT "'",
				    STR_ARG(named->name.s),
				    STR_ARG(instance->track->name.s));
	/* What computes nothing may leave the CUDA of its machine. */
	if (!has_own && machine->track && named != machine->track &&
	    computes(instance))
		return arena_printf(
			arena,
			"its track is '" STR_FMT "', that of machine '" STR_FMT
			"' '" STR_FMT "'",
			STR_ARG(named->name.s), STR_ARG(machine->name.s),
			STR_ARG(machine->track->name.s));
	/* A machine that is not written may have anything. */
	if (has_cuda(named) && named != machine->track && !machine->has_gpu &&
	    machine->name.at.line)
		return arena_printf(
			arena,
			"its track '" STR_FMT
			"' has CUDA, and machine '" STR_FMT "' no GPU",
			STR_ARG(named->name.s), STR_ARG(machine->name.s));
	return STR_EMPTY;
}

static struct str base_refusal(const struct manifest *manifest,
			       const struct manifest_instance *instance,
			       const struct manifest_family *family,
			       struct arena *arena)
{
	const struct manifest_base *own = manifest->bases.p[0];
	const struct manifest_base *base = family->base;

	if (base != own && (!base->python.s.n || !own->python.s.n))
		return arena_printf(arena,
				    "bases '" STR_FMT "' and '" STR_FMT
				    "' do not both say their python",
				    STR_ARG(own->name.s),
				    STR_ARG(base->name.s));
	if (base != own && !str_eq(base->python.s, own->python.s))
		return arena_printf(arena,
				    "its Python is " STR_FMT
				    ", that of the first base " STR_FMT,
				    STR_ARG(base->python.s),
				    STR_ARG(own->python.s));
	if (base->kind != MANIFEST_BASE_DEBIAN &&
	    (instance->settings.system.n || family->all_system.n))
		return arena_printf(arena,
				    "its base '" STR_FMT
				    "' takes no Debian packages",
				    STR_ARG(base->name.s));
	return STR_EMPTY;
}

struct str family_refusal(const struct manifest *manifest,
			  const struct manifest_instance *instance,
			  const struct manifest_family *family,
			  struct arena *arena)
{
	const struct manifest_track *track = family->track;
	struct str refused = STR_EMPTY;

	if (track)
		refused = track_refusal(instance, track, arena);
	if (refused.n)
		return refused;
	if (instance->settings.track.s.n)
		track = instance->track;
	if (!track)
		track = instance->machine->track;
	if (instance->settings.gpu == MANIFEST_GPU_REQUIRED && !has_cuda(track))
		return arena_printf(
			arena,
			"it leaves a service that requires a GPU on "
			"track '" STR_FMT "', which has no CUDA",
			STR_ARG(track ? track->name.s : STR("cpu")));
	return base_refusal(manifest, instance, family, arena);
}

/* -- what the packages say -- */

struct score {
	size_t known;
	uint64_t needed_bytes, unused_bytes;
	size_t needed, unused;
};

static struct score score_of(const struct family_option *option)
{
	struct score score = {.known = option->known};

	for (size_t i = 0; i < option->n; i++) {
		const struct family_package *package = &option->packages[i];

		if (package->is_needed) {
			score.needed++;
			score.needed_bytes += package->bytes;
		} else {
			score.unused++;
			score.unused_bytes += package->bytes;
		}
	}
	return score;
}

static void refuse_ballast(struct family_option *option, struct arena *arena)
{
	struct score score = score_of(option);

	if (option->refused.n || option->n == 0)
		return;
	if (score.needed == 0)
		option->refused = option->n == 1
					  ? STR("its package is not needed")
					  : arena_printf(arena,
							 "none of its %zu "
							 "packages is needed",
							 option->n);
	else if (score.unused_bytes > score.needed_bytes)
		option->refused = arena_printf(
			arena, "%s of it would go unused, and %s is needed",
			log_bytes(score.unused_bytes),
			log_bytes(score.needed_bytes));
}

/* Negative where a is the better one; both fit, a is declared first. */
static int compare(const struct score *a, const struct score *b,
		   const char **by)
{
	*by = "imports";
	if (a->known != b->known)
		return a->known > b->known ? -1 : 1;
	*by = "bytes";
	if (a->needed_bytes != b->needed_bytes)
		return a->needed_bytes > b->needed_bytes ? -1 : 1;
	*by = "unused";
	if (a->unused != b->unused)
		return a->unused < b->unused ? -1 : 1;
	*by = "order";
	return -1;
}

/* The best that fits and is not left out, or NULL. */
static const struct family_option *best_of(const struct family_option *options,
					   size_t count,
					   const struct family_option *left_out)
{
	const struct family_option *best = NULL;
	const char *by;

	for (size_t i = 0; i < count; i++) {
		struct score score = score_of(&options[i]);
		struct score best_score = {0};

		if (options[i].refused.n || &options[i] == left_out)
			continue;
		if (best)
			best_score = score_of(best);
		if (!best || compare(&best_score, &score, &by) > 0)
			best = &options[i];
	}
	return best;
}

static void tell_none(const struct family_option *options, size_t count,
		      struct buf *why)
{
	buf_append_text(why, "none fits");
	for (size_t i = 0; i < count && i < MAX_TOLD; i++)
		buf_printf(why, "; " STR_FMT ": " STR_FMT,
			   STR_ARG(options[i].family->name.s),
			   STR_ARG(options[i].refused));
	if (count > MAX_TOLD)
		buf_printf(why, "; and %zu more", count - MAX_TOLD);
}

static void tell_score(const struct family_option *option, struct buf *why)
{
	struct score score = score_of(option);

	if (option->n == 0)
		buf_append_text(why, "it brings no packages");
	else
		buf_printf(why, "%zu of its %zu packages %s needed, %s",
			   score.needed, option->n,
			   score.needed == 1 ? "is" : "are",
			   log_bytes(score.needed_bytes));
}

/* The next best family, and what put it behind. */
static void tell_next(const struct family_option *next, const char *by,
		      struct buf *why)
{
	struct score score = score_of(next);
	struct str name = next->family->name.s;

	if (str_eq(str_from(by), STR("imports")))
		buf_printf(why, "; " STR_FMT " lacks what is imported",
			   STR_ARG(name));
	else if (str_eq(str_from(by), STR("bytes")))
		buf_printf(why, "; of " STR_FMT " %s are", STR_ARG(name),
			   log_bytes(score.needed_bytes));
	else if (str_eq(str_from(by), STR("unused")))
		buf_printf(why, "; " STR_FMT " has %zu more that are not",
			   STR_ARG(name), score.unused);
	else
		buf_printf(why, "; declared before " STR_FMT, STR_ARG(name));
}

void family_choose(struct family_option *options, size_t count,
		   struct arena *arena, struct family_choice *choice)
{
	auto_buf struct buf why = BUF_EMPTY;
	const char *by = "none";

	for (size_t i = 0; i < count; i++)
		refuse_ballast(&options[i], arena);
	const struct family_option *best = best_of(options, count, NULL);
	const struct family_option *next = best_of(options, count, best);

	if (!best) {
		tell_none(options, count, &why);
	} else if (!next) {
		by = "only";
		tell_score(best, &why);
		buf_append_text(&why, "; no other fits");
	} else {
		struct score first = score_of(best), second = score_of(next);

		compare(&first, &second, &by);
		tell_score(best, &why);
		tell_next(next, by, &why);
	}
	*choice =
		(struct family_choice){best ? best->family : NULL, str_from(by),
				       arena_str(arena, buf_str(&why))};
}
