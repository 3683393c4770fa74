/* A few services taken apart in the best way there is.
 *
 * A tree is a partition of the services, and of each part of it again; what a
 * set of services has in common lies once below it. So the best tree of a set
 * follows from those of its subsets.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "decisions/plan/plan_private.h"

enum { SETS = 1 << PLAN_FEW };

struct search {
	uint64_t common[SETS]; /* bytes that all of a set have */
	uint64_t above[SETS];  /* the least above these */
	unsigned first[SETS];  /* of the best partition below: the part with
				* the lowest service */
};

/* Bytes of the parts that all services of each set have. */
static void find_common(struct planner *planner, const struct group *group,
			uint64_t *common)
{
	unsigned sets = 1u << group->n;

	/* counts holds, for now, who has a part. */
	for (size_t i = 0; i < group->n; i++) {
		const struct rest *rest = &planner->rests[group->p[i]];

		for (size_t k = 0; k < rest->n; k++)
			if (plan_is_open(rest, k))
				planner->counts[rest->p[k].part] |= 1u << i;
	}
	for (size_t i = 0; i < group->n; i++) {
		const struct rest *rest = &planner->rests[group->p[i]];

		for (size_t k = 0; k < rest->n; k++) {
			uint32_t part = rest->p[k].part;

			common[planner->counts[part]] +=
				planner->parts[part].bytes;
			planner->counts[part] = 0;
		}
	}
	common[0] = 0;
	for (size_t i = 0; i < group->n; i++)
		for (unsigned set = 0; set < sets; set++)
			if (!(set & 1u << i))
				common[set] += common[set | 1u << i];
}

/* The best partition of all into more than one part: search->first for it and
 * for what remains after each. Its cost above what all have in common. */
static uint64_t part_best(struct search *search, unsigned all)
{
	uint64_t best[SETS];

	best[0] = 0;
	for (unsigned set = 1; set <= all; set++) {
		unsigned lowest = set & (0 - set);

		if ((set & all) != set)
			continue;
		best[set] = UINT64_MAX;
		for (unsigned one = set; one; one = (one - 1) & set) {
			if (!(one & lowest) || one == all)
				continue;
			uint64_t cost = search->common[one] -
					search->common[all] +
					search->above[one] + best[set & ~one];

			if (cost >= best[set])
				continue;
			best[set] = cost;
			search->first[set] = one;
		}
	}
	return best[all];
}

void plan_split_few(struct planner *planner, struct group *group,
		    struct buckets *buckets)
{
	struct search *search = mem_zalloc(1, sizeof *search);
	unsigned all = (1u << group->n) - 1;
	size_t order[PLAN_FEW], n = 0;

	find_common(planner, group, search->common);
	for (unsigned set = 1; set <= all; set++)
		if (set & (set - 1))
			search->above[set] = part_best(search, set);
	buckets->starts = mem_zalloc(group->n + 1, sizeof(size_t));
	/* The last call was for all: first is of its partition. */
	for (unsigned left = all; left; left &= ~search->first[left]) {
		buckets->starts[buckets->count++] = n;
		for (unsigned i = 0; i < group->n; i++)
			if (search->first[left] & 1u << i)
				order[n++] = group->p[i];
	}
	buckets->starts[buckets->count] = n;
	memcpy(group->p, order, n * sizeof *order);
	free(search);
}
