/* Specifiers (PEP 440, "Version specifiers"). */
#include "facts/version/scan.h"

static const struct {
	struct str text;
	enum specifier_operator comparison;
} operators[] = {
	{STR_INIT("==="), SPECIFIER_ARBITRARY}, /* before == */
	{STR_INIT("~="), SPECIFIER_COMPATIBLE},
	{STR_INIT("=="), SPECIFIER_EQUAL},
	{STR_INIT("!="), SPECIFIER_NOT_EQUAL},
	{STR_INIT("<="), SPECIFIER_LESS_EQUAL},
	{STR_INIT(">="), SPECIFIER_GREATER_EQUAL},
	{STR_INIT("<"), SPECIFIER_LESS},
	{STR_INIT(">"), SPECIFIER_GREATER},
};

static bool has_space(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (strchr(" \t\r\n\f\v", s.p[i]))
			return true;
	return false;
}

static bool specifier_parse(struct str text, struct specifier *specifier)
{
	size_t i = 0, count = sizeof operators / sizeof *operators;

	text = str_trim(text);
	while (i < count && !str_eat(&text, operators[i].text))
		i++;
	if (i == count || text.n > VERSION_MAX_BYTES)
		return false;
	text = str_trim(text);
	specifier->comparison = operators[i].comparison;
	specifier->text = text;
	if (specifier->comparison == SPECIFIER_ARBITRARY)
		return !has_space(text);
	bool is_equality = specifier->comparison == SPECIFIER_EQUAL ||
			   specifier->comparison == SPECIFIER_NOT_EQUAL;

	if (!scan_version(&text, is_equality, &specifier->version))
		return false;
	if (is_equality && str_eq(text, STR(".*"))) {
		const struct version *version = &specifier->version;

		specifier->is_prefix = true;
		return version->pre == VERSION_FINAL && !version->has_post &&
		       !version->has_dev && version->local.n == 0;
	}
	if (specifier->comparison == SPECIFIER_COMPATIBLE &&
	    specifier->version.release_count < 2)
		return false;
	return text.n == 0;
}

bool specifiers_parse(struct str text, struct arena *arena,
		      struct specifiers *specifiers)
{
	struct str rest = str_trim(text), part;
	size_t count = 0;

	*specifiers = (struct specifiers){NULL, 0};
	for (size_t i = 0; i < rest.n; i++)
		count += rest.p[i] == ',';
	if (count >= SPECIFIERS_MAX)
		return false;
	specifiers->p = arena_new_array(arena, struct specifier, count + 1);
	while (str_split(&rest, ',', &part)) {
		/* "a,,b" and a comma at the end are harmless and in use */
		if (str_trim(part).n == 0)
			continue;
		if (!specifier_parse(part, &specifiers->p[specifiers->n++]))
			return false;
	}
	return true;
}

/* The first count parts of the releases are equal. */
static bool has_prefix(const struct version *version,
		       const struct version *prefix, size_t count)
{
	if (scan_number_cmp(version->epoch, prefix->epoch))
		return false;
	for (size_t i = 0; i < count; i++) {
		struct str part = i < version->release_count
					  ? version->release[i]
					  : STR("0");

		if (scan_number_cmp(part, prefix->release[i]))
			return false;
	}
	return true;
}

static struct version without_local(const struct version *version)
{
	struct version copy = *version;

	copy.local = STR_EMPTY;
	return copy;
}

static bool is_equal(const struct specifier *specifier,
		     const struct version *version)
{
	const struct version *wanted = &specifier->version;
	struct version candidate = without_local(version);

	if (specifier->is_prefix)
		return has_prefix(version, wanted, wanted->release_count);
	return version_cmp(wanted->local.n ? version : &candidate, wanted) == 0;
}

/* "<1.0" leaves out 1.0rc1, unless it names a pre-release itself: all that
 * comes before 1.0.dev0. */
static bool is_less(const struct version *wanted, const struct version *version)
{
	struct version bound = *wanted;

	if (!version_is_prerelease(wanted)) {
		bound.has_dev = true;
		bound.dev = STR("0");
	}
	return version_cmp(version, &bound) < 0;
}

/* ">1.0" leaves out 1.0.post1, unless it names a post-release itself, and
 * 1.0+local always. */
static bool is_greater(const struct version *wanted,
		       const struct version *version)
{
	struct version candidate = without_local(version);

	if (version_cmp(&candidate, wanted) <= 0)
		return false;
	if (wanted->has_post || wanted->has_dev)
		return true;
	candidate.has_post = candidate.has_dev = false;
	return version_cmp(&candidate, wanted) != 0;
}

static bool specifier_contains(const struct specifier *specifier,
			       const struct version *version, struct str text)
{
	const struct version *wanted = &specifier->version;
	struct version candidate = without_local(version);

	switch (specifier->comparison) {
	case SPECIFIER_COMPATIBLE:
		return version_cmp(&candidate, wanted) >= 0 &&
		       has_prefix(version, wanted, wanted->release_count - 1);
	case SPECIFIER_EQUAL:
		return is_equal(specifier, version);
	case SPECIFIER_NOT_EQUAL:
		return !is_equal(specifier, version);
	case SPECIFIER_LESS_EQUAL:
		return version_cmp(&candidate, wanted) <= 0;
	case SPECIFIER_GREATER_EQUAL:
		return version_cmp(&candidate, wanted) >= 0;
	case SPECIFIER_LESS:
		return is_less(wanted, version);
	case SPECIFIER_GREATER:
		return is_greater(wanted, version);
	case SPECIFIER_ARBITRARY:
		return str_eq_case(specifier->text, str_trim(text));
	}
	return false;
}

bool specifiers_contain(const struct specifiers *specifiers,
			const struct version *version, struct str text)
{
	for (size_t i = 0; i < specifiers->n; i++)
		if (!specifier_contains(&specifiers->p[i], version, text))
			return false;
	return true;
}

bool specifiers_name_prerelease(const struct specifiers *specifiers)
{
	for (size_t i = 0; i < specifiers->n; i++) {
		const struct specifier *specifier = &specifiers->p[i];
		struct version version;

		if (specifier->comparison == SPECIFIER_NOT_EQUAL ||
		    specifier->is_prefix)
			continue;
		if (version_parse(specifier->text, &version) &&
		    version_is_prerelease(&version))
			return true;
	}
	return false;
}
