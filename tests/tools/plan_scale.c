/* Plans made-up fleets and says what came out.
 *
 *   tool_plan_scale scale SERVICES WHEELS   time and memory of a big fleet
 *   tool_plan_scale optimum FLEETS          small fleets against the best tree
 *
 * The made-up sizes follow what an index has: most wheels are below 1 MB, one
 * in a hundred is above 100 MB. The optimum is searched over all trees: a tree
 * is a partition of the services, and of each part of it again; what a set of
 * services shares lies once below it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/array.h"
#include "decisions/plan.h"

enum { SMALL_SERVICES = 8, SMALL_PARTS = 12 };

static uint64_t state = 88172645463325252u;

static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static size_t below(size_t n)
{
	return (size_t)(next_random() % n);
}

static double uniform(void)
{
	return (double)(next_random() >> 11) / (double)((uint64_t)1 << 53);
}

/* About log-normal: median 190 KB, one in a hundred above 100 MB. */
static uint64_t wheel_bytes(void)
{
	int doublings = __builtin_popcountll(next_random()) - 25;

	if (doublings < 0)
		doublings = 0;
	return (1000 + below(1000)) << (doublings < 20 ? doublings : 20);
}

struct fleet {
	struct arena arena;
	struct plan_part *parts;
	struct plan_service *services;
	struct plan_input input;
};

static void make_parts(struct fleet *fleet, size_t wheels, size_t services)
{
	fleet->parts = arena_new_array(&fleet->arena, struct plan_part,
				       wheels + services + 2);
	for (size_t i = 0; i < 2; i++)
		fleet->parts[i] = (struct plan_part){
			arena_printf(&fleet->arena, "base/%zu 1", i), PLAN_BASE,
			60 << 20, 20 << 20};
	for (size_t i = 0; i < wheels; i++) {
		uint64_t bytes = wheel_bytes();

		fleet->parts[i + 2] = (struct plan_part){
			arena_printf(&fleet->arena, "wheel%zu 1", i),
			PLAN_WHEEL, bytes * 3, bytes};
	}
	for (size_t i = 0; i < services; i++)
		fleet->parts[wheels + 2 + i] = (struct plan_part){
			arena_printf(&fleet->arena, "source%zu 1", i),
			PLAN_SOURCE, 20000, 8000};
}

/* A service has one or two of 60 stacks (what a framework brings: 5 to 40
 * wheels) and some wheels of its own, the low numbers oftener. */
static void make_services(struct fleet *fleet, size_t wheels, size_t services)
{
	enum { STACKS = 60, MOST = 160 };
	size_t sizes[STACKS], stacks[STACKS][40];

	for (size_t s = 0; s < STACKS; s++) {
		sizes[s] = 5 + below(36);
		for (size_t k = 0; k < sizes[s]; k++)
			stacks[s][k] = below(wheels);
	}
	fleet->services =
		arena_new_array(&fleet->arena, struct plan_service, services);
	for (size_t i = 0; i < services; i++) {
		size_t *parts = arena_new_array(&fleet->arena, size_t, MOST),
		       n = 2;
		bool *has = mem_zalloc(wheels, sizeof *has);

		parts[1] = 1;
		for (size_t turn = 0, turns = 1 + below(2); turn < turns;
		     turn++) {
			size_t s = below(STACKS);

			for (size_t k = 0; k < sizes[s]; k++)
				has[stacks[s][k]] = true;
		}
		for (size_t k = below(20); k-- > 0;)
			has[(size_t)(uniform() * uniform() * uniform() *
				     (double)wheels)] = true;
		for (size_t w = 0; w < wheels; w++)
			if (has[w])
				parts[n++] = w + 2;
		parts[n++] = wheels + 2 + i;
		fleet->services[i] = (struct plan_service){
			arena_printf(&fleet->arena, "service%zu", i), parts, n,
			PLAN_NONE, false};
		free(has);
	}
	fleet->input = (struct plan_input){
		fleet->parts, wheels + services + 2, NULL, 0, fleet->services,
		services};
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void report(const char *what, double started, const struct plan *plan)
{
	struct rusage usage;
	size_t deepest = 0;

	for (size_t i = 0; i < plan->layer_count; i++)
		if (plan->layers[i].depth + 1 > deepest)
			deepest = plan->layers[i].depth + 1;
	getrusage(RUSAGE_SELF, &usage);
	printf("%s: %.2f s, %ld MiB, %zu layers, at most %zu in an image, "
	       "%.1f GB on disk, %.1f GB unique, %.1f GB unshared\n",
	       what, seconds() - started, usage.ru_maxrss / 1024,
	       plan->layer_count, deepest, (double)plan->tree_bytes * 1e-9,
	       (double)plan->unique_bytes * 1e-9,
	       (double)plan->unshared_bytes * 1e-9);
}

static int scale(size_t services, size_t wheels)
{
	struct fleet fleet = {.arena = ARENA_EMPTY};
	struct plan_options options = {0};
	struct plan plan, again;

	make_parts(&fleet, wheels, services);
	make_services(&fleet, wheels, services);
	double started = seconds();

	plan_make(&plan, &fleet.arena, &fleet.input, &options);
	report("from nothing", started, &plan);
	options.memory = plan_record(&plan, &fleet.input, &fleet.arena,
				     &options.memory_count);
	started = seconds();
	plan_make(&again, &fleet.arena, &fleet.input, &options);
	report("remembered", started, &again);
	int result = again.tree_bytes == plan.tree_bytes ? 0 : 1;

	arena_release(&fleet.arena);
	return result;
}

/* -- the optimum -- */

struct search {
	uint64_t bytes[SMALL_PARTS];
	unsigned has[SMALL_SERVICES];	     /* parts, as bits */
	uint64_t above[1 << SMALL_SERVICES]; /* best above what all share */
};

static uint64_t shared_bytes(const struct search *search, unsigned services)
{
	unsigned parts = (1u << SMALL_PARTS) - 1;
	uint64_t bytes = 0;

	for (unsigned i = 0; i < SMALL_SERVICES; i++)
		if (services & 1u << i)
			parts &= search->has[i];
	for (unsigned i = 0; i < SMALL_PARTS; i++)
		if (parts & 1u << i)
			bytes += search->bytes[i];
	return bytes;
}

/* The best partition of each subset of all into more than one branch. */
static uint64_t best_above(const struct search *search, unsigned all)
{
	uint64_t below = shared_bytes(search, all);
	uint64_t best[1 << SMALL_SERVICES] = {0};

	for (unsigned set = 1; set <= all; set++) {
		unsigned lowest = set & (0 - set);

		if ((set & all) != set)
			continue;
		best[set] = UINT64_MAX;
		for (unsigned one = set; one; one = (one - 1) & set) {
			if (!(one & lowest) || (one == all && one != lowest))
				continue;
			uint64_t cost = shared_bytes(search, one) - below +
					search->above[one] + best[set & ~one];

			if (cost < best[set])
				best[set] = cost;
		}
	}
	return best[all];
}

static uint64_t optimum(struct search *search)
{
	for (unsigned set = 1; set < 1u << SMALL_SERVICES; set++)
		search->above[set] =
			(set & (set - 1)) ? best_above(search, set) : 0;
	unsigned all = (1u << SMALL_SERVICES) - 1;

	return shared_bytes(search, all) + search->above[all];
}

static double ratio(bool equal_sizes)
{
	struct fleet fleet = {.arena = ARENA_EMPTY};
	struct plan_part parts[SMALL_PARTS];
	struct plan_service services[SMALL_SERVICES];
	struct plan_options options = {0};
	size_t numbers[SMALL_SERVICES][SMALL_PARTS];
	static struct search search;
	struct plan plan;

	for (size_t i = 0; i < SMALL_PARTS; i++) {
		uint64_t bytes = equal_sizes ? 1 << 20 : wheel_bytes();

		parts[i] = (struct plan_part){
			arena_printf(&fleet.arena, "wheel%zu 1", i), PLAN_WHEEL,
			bytes, bytes};
		search.bytes[i] = bytes;
	}
	for (size_t i = 0; i < SMALL_SERVICES; i++) {
		size_t n = 0;

		search.has[i] = 0;
		for (size_t k = 0; k < SMALL_PARTS; k++) {
			if (below(2))
				continue;
			numbers[i][n++] = k;
			search.has[i] |= 1u << k;
		}
		services[i] = (struct plan_service){
			arena_printf(&fleet.arena, "service%zu", i), numbers[i],
			n, PLAN_NONE, false};
	}
	plan_make(&plan, &fleet.arena,
		  &(struct plan_input){parts, SMALL_PARTS, NULL, 0, services,
				       SMALL_SERVICES},
		  &options);
	double result = (double)plan.tree_bytes / (double)optimum(&search);

	arena_release(&fleet.arena);
	return result;
}

static int compare(size_t fleets)
{
	int below_best = 0;

	for (int equal = 0; equal < 2; equal++) {
		double worst = 0, sum = 0;

		for (size_t i = 0; i < fleets; i++) {
			double one = ratio(equal);

			worst = one > worst ? one : worst;
			sum += one;
			below_best |= one < 1 - 1e-9;
		}
		printf("%zu fleets of %d services and %d parts, %s: worst "
		       "%.4f, mean %.4f of the optimum\n",
		       fleets, SMALL_SERVICES, SMALL_PARTS,
		       equal ? "all of one size" : "sizes of an index", worst,
		       sum / (double)fleets);
	}
	return below_best;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "scale") == 0)
		return scale(strtoul(argv[2], NULL, 10),
			     strtoul(argv[3], NULL, 10));
	if (argc == 3 && strcmp(argv[1], "optimum") == 0)
		return compare(strtoul(argv[2], NULL, 10));
	fputs("usage: plan_scale scale SERVICES WHEELS | optimum FLEETS\n",
	      stderr);
	return 2;
}
