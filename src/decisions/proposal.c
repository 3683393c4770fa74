#include "decisions/proposal.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/map.h"

/* Packages that the same services share. */
struct bundle {
	ARRAY(size_t) asked, others; /* by name; by other packages only */
	struct str services;	     /* their numbers' bytes */
};

static ptrdiff_t position(const struct proposal_service *service,
			  size_t package)
{
	size_t low = 0, high = service->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (service->packages[middle] < package)
			low = middle + 1;
		else
			high = middle;
	}
	return low < service->n && service->packages[low] == package
		       ? (ptrdiff_t)low
		       : -1;
}

/* The services that have a package, and not by a family. */
static void list_sharers(const struct proposal_input *input, size_t package,
			 struct buf *out, bool *is_asked)
{
	buf_clear(out);
	*is_asked = false;
	for (size_t s = 0; s < input->service_count; s++) {
		const struct proposal_service *service = &input->services[s];
		ptrdiff_t at = position(service, package);

		if (at < 0 || service->carriers[at] >= 0)
			continue;
		buf_append(out, str_of((const char *)&s, sizeof s));
		*is_asked |= service->is_asked[at];
	}
}

static enum proposal_kind find_kind(const struct proposal_input *input,
				    struct proposal *proposal)
{
	size_t members = 0;

	proposal->family = input->services[proposal->services[0]].family;
	for (size_t i = 1; i < proposal->service_count; i++)
		if (input->services[proposal->services[i]].family !=
		    proposal->family) {
			proposal->family = -1;
			return PROPOSAL_EXTRA;
		}
	for (size_t s = 0; s < input->service_count; s++)
		members += input->services[s].family == proposal->family;
	return proposal->family >= 0 && members == proposal->service_count
		       ? PROPOSAL_FAMILY_PACKAGE
		       : PROPOSAL_NEW_FAMILY;
}

static struct proposal make_proposal(const struct proposal_input *input,
				     const struct bundle *bundle,
				     struct arena *arena)
{
	struct proposal made = {
		.package_count = bundle->asked.n + bundle->others.n,
		.asked_count = bundle->asked.n,
		.service_count = bundle->services.n / sizeof(size_t),
	};

	made.services = arena_new_array(arena, size_t, made.service_count);
	memcpy(made.services, bundle->services.p, bundle->services.n);
	made.packages = arena_new_array(arena, size_t, made.package_count);
	for (size_t i = 0; i < made.package_count; i++) {
		made.packages[i] =
			i < bundle->asked.n
				? bundle->asked.p[i]
				: bundle->others.p[i - bundle->asked.n];
		made.bytes += input->bytes[made.packages[i]];
	}
	made.kind = find_kind(input, &made);
	return made;
}

static int compare_proposals(const void *a, const void *b)
{
	const struct proposal *left = a, *right = b;
	uint64_t x = left->bytes * left->service_count,
		 y = right->bytes * right->service_count;

	if (x != y)
		return x > y ? -1 : 1;
	return left->packages[0] < right->packages[0] ? -1 : 1;
}

static void propose(const struct proposal_input *input, struct arena *arena,
		    struct proposals *out)
{
	auto_map struct map numbers = MAP_EMPTY; /* of bundles, + 1 */
	auto_buf struct buf sharers = BUF_EMPTY;
	ARRAY(struct bundle) bundles = ARRAY_EMPTY;

	for (size_t p = 0; p < input->package_count; p++) {
		bool is_asked;

		list_sharers(input, p, &sharers, &is_asked);
		if (sharers.n < PROPOSAL_SERVICES * sizeof(size_t))
			continue;
		size_t number =
			(size_t)(uintptr_t)map_get(&numbers, buf_str(&sharers));

		if (!number) {
			number = bundles.n + 1;
			struct bundle made = {
				.services = map_set(&numbers, buf_str(&sharers),
						    (void *)(uintptr_t)number)};

			array_push(&bundles, made);
		}
		if (is_asked)
			array_push(&bundles.p[number - 1].asked, p);
		else
			array_push(&bundles.p[number - 1].others, p);
	}
	out->p = arena_new_array(arena, struct proposal, bundles.n);
	array_each (struct bundle, bundle, &bundles) {
		if (bundle->asked.n)
			out->p[out->n++] = make_proposal(input, bundle, arena);
		array_release(&bundle->asked);
		array_release(&bundle->others);
	}
	array_release(&bundles);
	if (out->n > 1)
		qsort(out->p, out->n, sizeof *out->p, compare_proposals);
}

static void count_uses(const struct proposal_input *input, struct arena *arena,
		       struct proposals *out)
{
	size_t n = input->family_count * input->package_count;
	size_t *users = mem_zalloc(n, sizeof *users);
	size_t *members = mem_zalloc(n, sizeof *members);

	for (size_t s = 0; s < input->service_count; s++) {
		const struct proposal_service *service = &input->services[s];

		for (size_t i = 0; i < service->n; i++) {
			if (service->carriers[i] < 0)
				continue;
			size_t at = (size_t)service->carriers[i] *
					    input->package_count +
				    service->packages[i];

			members[at]++;
			users[at] += service->is_used[i];
		}
	}
	for (size_t i = 0; i < n; i++)
		out->use_count += members[i] > 0;
	out->uses = arena_new_array(arena, struct proposal_use, out->use_count);
	for (size_t i = 0, next = 0; i < n; i++)
		if (members[i])
			out->uses[next++] = (struct proposal_use){
				i / input->package_count,
				i % input->package_count, users[i], members[i]};
	free(members);
	free(users);
}

void proposals_make(const struct proposal_input *input, struct arena *arena,
		    struct proposals *proposals)
{
	*proposals = (struct proposals){NULL, 0, NULL, 0};
	propose(input, arena, proposals);
	count_uses(input, arena, proposals);
}
