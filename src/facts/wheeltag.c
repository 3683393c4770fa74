#include "facts/wheeltag.h"

#include "facts/version.h"

bool wheeltag_parse(struct str name, struct wheeltag *tag)
{
	struct str parts[6], rest = name, part;
	size_t n = 0;

	if (name.n > WHEELTAG_MAX_BYTES || !str_ends(name, STR(".whl")))
		return false;
	rest.n -= 4;
	while (str_split(&rest, '-', &part)) {
		if (n == 6 || part.n == 0)
			return false;
		parts[n++] = part;
	}
	if (n < 5)
		return false;
	*tag = (struct wheeltag){
		.distribution = parts[0],
		.version = parts[1],
		.build = n == 6 ? parts[2] : STR_EMPTY,
		.python = parts[n - 3],
		.abi = parts[n - 2],
		.platform = parts[n - 1],
	};
	return n == 5 || (parts[2].p[0] >= '0' && parts[2].p[0] <= '9');
}

bool wheeltag_target_init(struct wheeltag_target *target, struct str python,
			  struct str platform, struct str glibc)
{
	struct str rest = python, part;
	uint64_t minor, glibc_minor;

	*target = (struct wheeltag_target){0};
	if (str_eq(platform, STR("linux/amd64")))
		target->machine = STR("x86_64");
	else if (str_eq(platform, STR("linux/arm64")))
		target->machine = STR("aarch64");
	else
		return false;
	if (!str_eat(&rest, STR("3.")) || !str_split(&rest, '.', &part) ||
	    !str_to_u64(part, &minor) || minor > 999)
		return false;
	if (!str_eat(&glibc, STR("2.")) || !str_to_u64(glibc, &glibc_minor) ||
	    glibc_minor > 999)
		return false;
	target->python_minor = (unsigned)minor;
	target->glibc_minor = (unsigned)glibc_minor;
	return true;
}

/* The number behind prefix, where that is all of s. */
static bool number_behind(struct str s, struct str prefix, uint64_t *number)
{
	return str_eat(&s, prefix) && str_to_u64(s, number) && *number < 1000 &&
	       (s.n == 1 || s.p[0] != '0');
}

/* The oldest glibc that a machine's wheels may ask for (PEP 600). */
static uint64_t oldest_glibc(const struct wheeltag_target *target)
{
	return str_eq(target->machine, STR("x86_64")) ? 5 : 17;
}

/* "manylinux_2_17" or one of the older names of the same: its glibc. */
static bool manylinux_glibc(struct str name, uint64_t *glibc, bool *is_alias)
{
	static const struct {
		struct str name;
		uint64_t glibc;
	} aliases[] = {
		{STR_INIT("manylinux1"), 5},
		{STR_INIT("manylinux2010"), 12},
		{STR_INIT("manylinux2014"), 17},
	};

	for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++) {
		if (str_eq(name, aliases[i].name)) {
			*glibc = aliases[i].glibc;
			*is_alias = true;
			return true;
		}
	}
	*is_alias = false;
	return number_behind(name, STR("manylinux_2_"), glibc);
}

/* Place of one platform tag, from the newest glibc down, or WHEELTAG_NONE. */
static uint32_t platform_rank(struct str platform,
			      const struct wheeltag_target *target)
{
	uint64_t glibc;
	bool is_alias;

	for (size_t i = 0; i < target->platform_count; i++)
		if (str_eq(platform, target->platforms[i]))
			return (uint32_t)i;
	if (target->platform_count > 0 || !str_ends(platform, target->machine))
		return WHEELTAG_NONE;
	struct str system =
		str_slice(platform, 0, platform.n - target->machine.n);

	if (str_eq(system, STR("linux_")))
		return 2 * 1000;
	if (!str_ends(system, STR("_")))
		return WHEELTAG_NONE;
	system.n--;
	if (!manylinux_glibc(system, &glibc, &is_alias) ||
	    glibc > target->glibc_minor || glibc < oldest_glibc(target))
		return WHEELTAG_NONE;
	return (uint32_t)(2 * (target->glibc_minor - glibc) + is_alias);
}

/* Place of "py311", "py3", "py310" ... "py30", or WHEELTAG_NONE. */
static uint32_t generic_rank(struct str python,
			     const struct wheeltag_target *target)
{
	uint64_t minor;

	if (str_eq(python, STR("py3")))
		return 1;
	if (!number_behind(python, STR("py3"), &minor) ||
	    minor > target->python_minor)
		return WHEELTAG_NONE;
	return minor == target->python_minor
		       ? 0
		       : (uint32_t)(1 + target->python_minor - minor);
}

enum {
	PER_PYTHON = 4096,	/* above every platform_rank */
	PER_GROUP = 1024 * 4096 /* above every Python */
};

enum group {
	SAME_ABI,	  /* cp311-cp311-platform */
	STABLE_ABI,	  /* cp311-abi3-platform */
	NO_ABI,		  /* cp311-none-platform */
	OLDER_STABLE_ABI, /* cp310-abi3-platform ... cp32 */
	GENERIC,	  /* py3-none-platform */
	PURE_CPYTHON,	  /* cp311-none-any */
	PURE,		  /* py3-none-any */
};

static uint32_t tag_rank(struct str python, struct str abi, struct str platform,
			 const struct wheeltag_target *target)
{
	bool is_any = str_eq(platform, STR("any"));
	uint32_t place = is_any ? 0 : platform_rank(platform, target);
	bool is_none = str_eq(abi, STR("none"));
	uint64_t minor, abi_minor;

	if (place == WHEELTAG_NONE)
		return WHEELTAG_NONE;
	if (is_none && generic_rank(python, target) != WHEELTAG_NONE)
		return (uint32_t)((is_any ? PURE : GENERIC) * PER_GROUP) +
		       generic_rank(python, target) * PER_PYTHON + place;
	if (!number_behind(python, STR("cp3"), &minor) ||
	    minor > target->python_minor)
		return WHEELTAG_NONE;
	bool is_same = minor == target->python_minor;

	if (is_none && is_same)
		return (uint32_t)((is_any ? PURE_CPYTHON : NO_ABI) *
				  PER_GROUP) +
		       place;
	if (is_any)
		return WHEELTAG_NONE;
	if (str_eq(abi, STR("abi3")) && is_same)
		return STABLE_ABI * PER_GROUP + place;
	if (str_eq(abi, STR("abi3")) && minor >= 2)
		return OLDER_STABLE_ABI * PER_GROUP +
		       (uint32_t)(target->python_minor - minor) * PER_PYTHON +
		       place;
	if (is_same && number_behind(abi, STR("cp3"), &abi_minor) &&
	    abi_minor == minor)
		return SAME_ABI * PER_GROUP + place;
	return WHEELTAG_NONE;
}

uint32_t wheeltag_rank(const struct wheeltag *tag,
		       const struct wheeltag_target *target)
{
	uint32_t best = WHEELTAG_NONE;
	struct str pythons = tag->python, python;

	while (str_split(&pythons, '.', &python)) {
		struct str abis = tag->abi, abi;

		while (str_split(&abis, '.', &abi)) {
			struct str platforms = tag->platform, platform;

			while (str_split(&platforms, '.', &platform)) {
				uint32_t rank =
					tag_rank(python, abi, platform, target);

				if (rank < best)
					best = rank;
			}
		}
	}
	return best;
}

/* Its leading number, then the rest as text. */
static int build_cmp(struct str a, struct str b)
{
	struct str texts[2] = {a, b};
	uint64_t numbers[2] = {0, 0};

	for (size_t i = 0; i < 2; i++) {
		size_t n = 0;

		while (n < texts[i].n && texts[i].p[n] >= '0' &&
		       texts[i].p[n] <= '9')
			n++;
		str_to_u64(str_slice(texts[i], 0, n), &numbers[i]);
		texts[i] = str_slice(texts[i], n, texts[i].n);
	}
	if (numbers[0] != numbers[1])
		return numbers[0] < numbers[1] ? -1 : 1;
	return str_cmp(texts[0], texts[1]);
}

int wheeltag_cmp(struct str a, struct str b,
		 const struct wheeltag_target *target)
{
	struct wheeltag left, right;

	if (!wheeltag_parse(a, &left) || !wheeltag_parse(b, &right))
		return str_cmp(a, b);
	uint32_t left_rank = wheeltag_rank(&left, target);
	uint32_t right_rank = wheeltag_rank(&right, target);

	if (left_rank != right_rank)
		return left_rank < right_rank ? -1 : 1;
	int order = build_cmp(right.build, left.build);

	return order ? order : str_cmp(a, b);
}
