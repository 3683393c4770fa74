/* Why services have no versions, from what uv says. */
#include "decisions/map.h"
#include "facts/version.h"
#include "work/resolve/run.h"

static bool is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

struct str resolve_name_of(struct str requirement)
{
	size_t n = 0;

	while (n < requirement.n && is_name_byte(requirement.p[n]))
		n++;
	return str_slice(requirement, 0, n);
}

bool resolve_says_name(struct str text, struct str name)
{
	size_t at = 0;

	for (;;) {
		struct str rest = str_slice(text, at, text.n);
		ptrdiff_t found = str_find_str(rest, name);

		if (found < 0)
			return false;
		size_t start = at + (size_t)found, end = start + name.n;

		if ((start == 0 || !is_name_byte(text.p[start - 1])) &&
		    (end == text.n || !is_name_byte(text.p[end])))
			return true;
		at = end;
	}
}

/* Where the manifest asks for a package that the reason speaks of. */
static struct manifest_place
find_place(const struct manifest_instance *instance, struct str reason)
{
	auto_arena struct arena scratch = ARENA_EMPTY;

	array_each (const struct manifest_text, text,
		    &instance->settings.extra) {
		struct requirement requirement;
		const char *what;

		if (requirement_parse(text->s, &scratch, &requirement, &what) &&
		    resolve_says_name(reason, requirement.name))
			return text->at;
	}
	return instance->service->name.at;
}

/* "webrtcvad" of "all versions of webrtcvad have no usable wheels" or of
 * "webrtcvad==2.0.10 has no usable wheels"; empty where nothing is said to have
 * none. */
static struct str without_wheel(struct str reason)
{
	static const struct str words[] = {
		STR_INIT(" have no usable wheels"),
		STR_INIT(" has no usable wheels"),
		STR_INIT(" has no wheel"),
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		ptrdiff_t at = str_find_str(reason, words[i]);

		if (at < 0)
			continue;
		struct str before = str_slice(reason, 0, (size_t)at);
		ptrdiff_t space = str_rfind(before, ' ');

		return resolve_name_of(
			str_slice(before, (size_t)(space + 1), before.n));
	}
	return STR_EMPTY;
}

static bool allows_source(const struct manifest_instance *instance,
			  struct str name)
{
	auto_arena struct arena scratch = ARENA_EMPTY;

	array_each (const struct manifest_allow, allow,
		    &instance->settings.allow)
		if (str_eq(name_normalise(&scratch, allow->sdist.s), name))
			return true;
	return false;
}

/* What to do about a package that has source distributions only. */
static void hint_at_wheels(struct resolve_run *run,
			   const struct manifest_instance *instance,
			   struct str name)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	const char *built =
		allows_source(instance, name)
			? "; allow: {sdist: ...} has to wait, since "
			  "this version of slipway builds none"
			: "";
	struct str other;

	if (mapping_other(mapping_table_own(&arena), name, &other))
		resolve_note_hint(run,
				  STR_FMT " gives the same import: ask for it "
					  "instead, extra: [" STR_FMT "]%s",
				  STR_ARG(other), STR_ARG(other), built);
	else
		resolve_note_hint(run,
				  "ask for a distribution or version that has "
				  "wheels for the target%s",
				  built);
}

static void explain_to(struct resolve_run *run,
		       const struct manifest_instance *instance,
		       struct str reason)
{
	struct manifest_place at = find_place(instance, reason);
	struct str name = without_wheel(reason);

	if (name.n > 0) {
		resolve_note(run, instance, "lock-no-wheel", at, STR_FMT,
			     STR_ARG(reason));
		hint_at_wheels(run, instance, name);
	} else if (str_find_str(reason, STR("was not found")) >= 0) {
		resolve_note(run, instance, "lock-not-found", at, STR_FMT,
			     STR_ARG(reason));
		resolve_note_hint(
			run,
			str_find_str(reason, STR("An index answered")) >= 0
				? "give the login of the index, in netrc or in "
				  "its URL; or check the spelling"
				: "check the spelling; a package of another "
				  "index is bound to it by "
				  "tracks.NAME.indexes");
	} else {
		resolve_note(run, instance, "lock-conflict", at, STR_FMT,
			     STR_ARG(reason));
		resolve_note_hint(run, "change what the service asks for, or "
				       "the pins of its track");
	}
}

void resolve_explain(struct resolve_run *run, const struct resolve_unit *unit,
		     struct str reason)
{
	const struct manifest *manifest = run->options->manifest;

	array_each (const size_t, number, &unit->instances)
		explain_to(run, manifest->instances.p[*number], reason);
}
