/* Services that share a resolution, and those that cannot. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "base/map.h"
#include "facts/version.h"
#include "work/resolve/run.h"

enum { MAX_ROUNDS = 8 };

/* -- which services -- */

static struct resolve_group *
find_group(struct resolve_run *run, struct resolve_groups *groups,
	   const struct manifest_instance *instance)
{
	struct str platform = instance->machine->platform.s;
	const struct lock_base *base = lock_find_base(
		run->result->lock, instance->base->name.s, platform);
	struct str minor = base->python;
	size_t slash = (size_t)str_find(platform, '/');

	array_each (struct resolve_group, group, groups) {
		if (group->track == instance->track &&
		    str_eq(group->python, base->python) &&
		    str_eq(group->glibc, base->glibc) &&
		    str_eq(group->platform, platform))
			return group;
	}
	struct resolve_group made = {
		.python = base->python,
		.glibc = base->glibc,
		.platform = base->platform,
		.track = instance->track,
		.replacements = resolve_replacements(run, instance->track),
	};

	if (str_rfind(minor, '.') != str_find(minor, '.'))
		minor.n = (size_t)str_rfind(minor, '.');
	made.id = arena_printf(
		run->arena, "py" STR_FMT "-" STR_FMT "-" STR_FMT "-" STR_FMT,
		STR_ARG(minor), STR_ARG(made.track->name.s),
		STR_ARG(str_slice(platform, 0, slash)),
		STR_ARG(str_slice(platform, slash + 1, platform.n)));
	array_each (struct resolve_group, group, groups) {
		if (!str_eq(group->id, made.id))
			continue;
		made.id = arena_printf(run->arena, STR_FMT "-" STR_FMT,
				       STR_ARG(made.id), STR_ARG(base->name));
		break;
	}
	array_push(groups, made);
	return &groups->p[groups->n - 1];
}

static struct resolve_unit *find_unit(struct resolve_group *group,
				      const struct resolve_inputs *inputs)
{
	array_each (struct resolve_unit, unit, &group->units) {
		if (resolve_strs_same(unit->inputs.requirements,
				      inputs->requirements) &&
		    resolve_strs_same(unit->inputs.constraints,
				      inputs->constraints))
			return unit;
	}
	array_push(&group->units, (struct resolve_unit){.inputs = *inputs});
	return &group->units.p[group->units.n - 1];
}

void resolve_groups_make(struct resolve_run *run, const bool *is_sick,
			 const struct resolve_inputs *inputs,
			 struct resolve_groups *groups)
{
	const struct manifest *manifest = run->options->manifest;

	for (size_t i = 0; i < manifest->instances.n; i++) {
		if (is_sick[i] || inputs[i].requirements.n == 0)
			continue;
		struct resolve_group *group =
			find_group(run, groups, manifest->instances.p[i]);
		struct resolve_unit *unit = find_unit(group, &inputs[i]);

		array_push(&unit->instances, i);
	}
}

void resolve_groups_release(struct resolve_groups *groups)
{
	array_each (struct resolve_group, group, groups) {
		array_each (struct resolve_unit, unit, &group->units)
			array_release(&unit->instances);
		array_release(&group->units);
	}
	array_release(groups);
}

/* -- keys -- */

static void add_manifest_texts(struct buf *key,
			       const struct manifest_texts *texts)
{
	buf_printf(key, "%zu", texts->n);
	array_each (const struct manifest_text, text, texts)
		key_add(key, text->s);
}

struct digest resolve_group_inputs(const struct resolve_group *group,
				   const struct resolve_inputs *inputs)
{
	const struct manifest_track *track = group->track;
	auto_buf struct buf key = BUF_EMPTY;

	key_add(&key, STR("resolution-1"));
	key_add(&key, group->python);
	key_add(&key, group->glibc);
	key_add(&key, group->platform);
	key_add(&key, track->name.s);
	add_manifest_texts(&key, &track->pins);
	add_manifest_texts(&key, &track->platform_tags);
	for (size_t i = 0; i < group->replacements.n; i++) {
		key_add(&key, group->replacements.p[i].name);
		key_add(&key, group->replacements.p[i].with);
	}
	/* Which packages are bound, but not where to: a mirror is no change. */
	buf_printf(&key, "%zu", track->indexes.n);
	for (size_t i = 0; i < track->indexes.n; i++)
		add_manifest_texts(&key, &track->indexes.p[i].packages);
	resolve_strs_add_to_key(&key, inputs->requirements);
	resolve_strs_add_to_key(&key, inputs->constraints);
	return digest_of(buf_str(&key));
}

/* -- sets of units -- */

/* Numbers of units. */
struct set {
	size_t *p;
	size_t n, capacity;
};

/* One group being solved. */
struct solving {
	struct resolve_run *run;
	struct resolve_group *group;
	struct set accepted, rejected;
	struct str pylock; /* of accepted */
};

static struct lock_strs join_texts(struct arena *arena, struct lock_strs a,
				   struct lock_strs b)
{
	struct lock_strs joined = {
		arena_new_array(arena, struct str, a.n + b.n), a.n + b.n};

	if (a.n > 0)
		memcpy(joined.p, a.p, a.n * sizeof *a.p);
	if (b.n > 0)
		memcpy(joined.p + a.n, b.p, b.n * sizeof *b.p);
	resolve_strs_sort(&joined);
	return joined;
}

static struct resolve_inputs join_units(const struct solving *solving,
					const size_t *units, size_t n)
{
	struct resolve_inputs all = {{NULL, 0}, {NULL, 0}};
	struct arena *arena = solving->run->arena;

	for (size_t i = 0; i < n; i++) {
		const struct resolve_inputs *inputs =
			&solving->group->units.p[units[i]].inputs;

		all.requirements = join_texts(arena, all.requirements,
					      inputs->requirements);
		all.constraints =
			join_texts(arena, all.constraints, inputs->constraints);
	}
	return all;
}

static struct str unit_id(const struct solving *solving, size_t unit)
{
	const struct manifest *manifest = solving->run->options->manifest;
	size_t first = solving->group->units.p[unit].instances.p[0];
	const struct manifest_instance *instance = manifest->instances.p[first];

	return arena_printf(
		solving->run->arena, STR_FMT "-" STR_FMT "-" STR_FMT,
		STR_ARG(solving->group->id), STR_ARG(instance->service->name.s),
		STR_ARG(instance->machine->name.s));
}

/* -- what the previous lock has already -- */

static bool has_all(struct lock_strs all, struct lock_strs some)
{
	for (size_t i = 0; i < some.n; i++)
		if (!resolve_strs_has(all, some.p[i]))
			return false;
	return true;
}

static const struct lock_resolution *old_resolution(const struct solving *s,
						    struct str id)
{
	const struct lock *previous = s->run->options->previous;

	return previous ? lock_find_resolution(previous, id) : NULL;
}

static bool is_same(const struct solving *solving,
		    const struct lock_resolution *old, const size_t *units,
		    size_t n)
{
	struct resolve_inputs all = join_units(solving, units, n);
	struct digest inputs = resolve_group_inputs(solving->group, &all);

	return old && digest_eq(&old->inputs, &inputs);
}

/* Gives every unit that has not changed the resolution that it had, without
 * uv; the others go into rest. The shared one is kept only as a whole. */
static void take_previous(struct solving *solving, struct set *rest)
{
	const struct resolve_options *options = solving->run->options;
	struct resolve_group *group = solving->group;
	const struct lock_resolution *shared =
		old_resolution(solving, group->id);
	bool may_keep = !options->upgrade && options->upgrades.n == 0;
	struct set *together = &solving->accepted;

	for (size_t i = 0; i < group->units.n; i++) {
		const struct lock_resolution *own =
			old_resolution(solving, unit_id(solving, i));
		struct lock_strs wanted = group->units.p[i].inputs.requirements;

		if (may_keep && is_same(solving, own, &i, 1))
			group->units.p[i].resolution = own;
		else if (may_keep && shared &&
			 has_all(shared->requirements, wanted))
			array_push(together, i);
		else
			array_push(rest, i);
	}
	if (is_same(solving, shared, together->p, together->n)) {
		for (size_t i = 0; i < together->n; i++)
			group->units.p[together->p[i]].resolution = shared;
		return;
	}
	for (size_t i = 0; i < together->n; i++)
		array_push(rest, together->p[i]);
	together->n = 0;
}

/* -- runs of uv -- */

static int run_uv(struct solving *solving, struct resolve_inputs inputs,
		  const struct lock_resolution *preferred,
		  enum resolve_uv_outcome *outcome, struct str *text,
		  struct error **err)
{
	const struct resolve_options *options = solving->run->options;
	struct resolve_group *group = solving->group;
	struct resolve_uv_request request = {
		.requirements = inputs.requirements,
		.constraints = inputs.constraints,
		.track = group->track,
		.replacements = group->replacements,
		.python = group->python,
		.platform = group->platform,
		.glibc = group->glibc,
		.preferred = preferred,
		.upgrade = options->upgrade,
		.upgrades = options->upgrades,
	};

	return resolve_uv(solving->run, &request, solving->run->arena, outcome,
			  text, err);
}

static bool is_suspect(const struct resolve_unit *unit, struct str reason)
{
	struct lock_strs requirements = unit->inputs.requirements;

	for (size_t i = 0; i < requirements.n; i++)
		if (resolve_says_name(reason,
				      resolve_name_of(requirements.p[i])))
			return true;
	return false;
}

static int accept(struct solving *solving, const size_t *units, size_t n,
		  struct error **err);

/* A set that does not go together: first those that uv's reason does not
 * speak of, then the others, in halves where it speaks of all. Where it speaks
 * of one only, that one contradicts itself or the track. */
static int divide(struct solving *solving, const size_t *units, size_t n,
		  struct str reason, struct error **err)
{
	struct set suspects = ARRAY_EMPTY, others = ARRAY_EMPTY;
	int result = 0;

	for (size_t i = 0; i < n; i++) {
		if (is_suspect(&solving->group->units.p[units[i]], reason))
			array_push(&suspects, units[i]);
		else
			array_push(&others, units[i]);
	}
	if (suspects.n == 0 || others.n == 0)
		result = accept(solving, units, n / 2, err) ||
			 accept(solving, units + n / 2, n - n / 2, err);
	else if (suspects.n > 1)
		result = accept(solving, others.p, others.n, err) ||
			 accept(solving, suspects.p, suspects.n, err);
	else
		result = accept(solving, others.p, others.n, err);
	if (others.n > 0 && suspects.n == 1)
		array_push(&solving->rejected, suspects.p[0]);
	array_release(&suspects);
	array_release(&others);
	return result ? -1 : 0;
}

/* Adds as many of units as go together with those accepted. */
static int accept(struct solving *solving, const size_t *units, size_t n,
		  struct error **err)
{
	struct set all = ARRAY_EMPTY;
	enum resolve_uv_outcome outcome;
	struct str text;

	array_each (size_t, unit, &solving->accepted)
		array_push(&all, *unit);
	for (size_t i = 0; i < n; i++)
		array_push(&all, units[i]);
	int result = run_uv(solving, join_units(solving, all.p, all.n),
			    old_resolution(solving, solving->group->id),
			    &outcome, &text, err);

	array_release(&all);
	if (result)
		return -1;
	if (outcome == RESOLVE_UV_DONE) {
		for (size_t i = 0; i < n; i++)
			array_push(&solving->accepted, units[i]);
		solving->pylock = text;
		return 0;
	}
	if (n > 1)
		return divide(solving, units, n, text, err);
	array_push(&solving->rejected, units[0]);
	return 0;
}

/* -- from uv's answer to a resolution -- */

static bool is_asked_for(struct lock_strs requirements, struct str name)
{
	auto_arena struct arena scratch = ARENA_EMPTY;

	for (size_t i = 0; i < requirements.n; i++) {
		struct requirement requirement;
		const char *what;

		if (requirement_parse(requirements.p[i], &scratch, &requirement,
				      &what) &&
		    str_eq(requirement.name, name))
			return true;
	}
	return false;
}

static void append_text(struct arena *arena, struct lock_strs *texts,
			struct str text)
{
	*texts = join_texts(arena, *texts, (struct lock_strs){&text, 1});
}

/* uv binds a package to an index only where it is asked for by name: ask for
 * those that came in through others. False where there are none. */
static bool ask_for_bound(struct solving *solving,
			  const struct lock_resolution *resolution,
			  struct lock_strs *requirements)
{
	bool changed = false;

	for (size_t i = 0; i < resolution->package_count; i++) {
		const struct lock_package *package = &resolution->packages[i];

		if (package->wheel.index.n == 0 ||
		    is_asked_for(*requirements, package->name))
			continue;
		append_text(solving->run->arena, requirements, package->name);
		changed = true;
	}
	return changed;
}

/* Packages that stand in for others are asked for when those are needed. */
static bool ask_for_missing(struct solving *solving,
			    const struct closure_missings *missing,
			    struct lock_strs *requirements)
{
	const struct closure_replacements *with = &solving->group->replacements;
	bool changed = false;

	for (size_t i = 0; i < missing->n; i++)
		for (size_t j = 0; j < with->n; j++) {
			if (!str_eq(with->p[j].with, missing->p[i].name))
				continue;
			append_text(
				solving->run->arena, requirements,
				arena_printf(solving->run->arena,
					     STR_FMT STR_FMT,
					     STR_ARG(missing->p[i].name),
					     STR_ARG(missing->p[i].extras)));
			changed = true;
			break;
		}
	return changed;
}

/* What one answer gives: a resolution, or more to ask uv for (AGAIN). */
enum reading { READ, AGAIN, NO_WHEEL };

static int read_answer(struct solving *solving, struct str pylock,
		       struct lock_resolution *resolution,
		       enum reading *reading, struct str *bad,
		       struct error **err)
{
	struct resolve_run *run = solving->run;
	auto_arena struct arena scratch = ARENA_EMPTY;
	struct closure_missings missing;
	struct lock_strs *metadata;
	struct resolve_urls urls;

	*reading = AGAIN;
	if (resolve_pylock(pylock, solving->group->track, run->arena,
			   resolution, &urls, bad, err))
		return -1;
	if (bad->n > 0) {
		*reading = NO_WHEEL;
		return 0;
	}
	if (ask_for_bound(solving, resolution, &resolution->requirements))
		return 0;
	if (resolve_metadata(run, resolution, &urls, &scratch, &metadata,
			     err) ||
	    closure_record(resolution, metadata, solving->group->replacements,
			   run->arena, &missing, err))
		return -1;
	if (missing.n == 0) {
		*reading = READ;
		return 0;
	}
	if (ask_for_missing(solving, &missing, &resolution->requirements))
		return 0;
	return err_make(
		err, ERR_ENV,
		"uv's answer has no " STR_FMT ", which %s" STR_FMT " needs",
		STR_ARG(missing.p[0].name),
		missing.p[0].by.n ? "" : "a service", STR_ARG(missing.p[0].by));
}

/* The services of some units have no versions, for uv's reason. */
static void note_units(struct solving *solving, const size_t *units, size_t n,
		       struct str reason)
{
	for (size_t i = 0; i < n; i++)
		resolve_explain(solving->run,
				&solving->group->units.p[units[i]], reason);
}

/* Makes the resolution of some units, beginning with uv's answer for them. */
static int finish(struct solving *solving, const size_t *units, size_t n,
		  struct str id, struct str pylock, struct error **err)
{
	struct resolve_run *run = solving->run;
	struct resolve_group *group = solving->group;
	struct resolve_inputs inputs = join_units(solving, units, n);
	struct lock_resolution *resolution =
		arena_new(run->arena, struct lock_resolution);
	enum reading reading = AGAIN;
	struct str bad = STR_EMPTY;

	*resolution = (struct lock_resolution){
		.id = id,
		.python = group->python,
		.platform = group->platform,
		.glibc = group->glibc,
		.track = group->track->name.s,
		.inputs = resolve_group_inputs(group, &inputs),
		.requirements = inputs.requirements,
	};
	for (unsigned round = 0; reading == AGAIN; round++) {
		enum resolve_uv_outcome outcome = RESOLVE_UV_DONE;

		if (round == MAX_ROUNDS)
			return err_make(err, ERR_ENV,
					"uv's answers for '" STR_FMT
					"' do not settle",
					STR_ARG(id));
		inputs.requirements = resolution->requirements;
		if (round > 0 &&
		    run_uv(solving, inputs, old_resolution(solving, id),
			   &outcome, &pylock, err))
			return -1;
		if (outcome == RESOLVE_UV_CONFLICT) {
			note_units(solving, units, n, pylock);
			return 0;
		}
		if (read_answer(solving, pylock, resolution, &reading, &bad,
				err))
			return -1;
	}
	if (reading == NO_WHEEL) {
		note_units(solving, units, n,
			   arena_printf(run->arena,
					STR_FMT " has no wheel for " STR_FMT,
					STR_ARG(bad),
					STR_ARG(group->platform)));
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		group->units.p[units[i]].resolution = resolution;
	return 0;
}

/* A unit that contradicts the others: by itself, close to their versions. */
static int solve_apart(struct solving *solving, size_t unit,
		       const struct lock_resolution *shared, struct error **err)
{
	struct str id = unit_id(solving, unit), text;
	const struct lock_resolution *old = old_resolution(solving, id);
	struct resolve_inputs inputs = join_units(solving, &unit, 1);
	enum resolve_uv_outcome outcome;

	if (run_uv(solving, inputs, old ? old : shared, &outcome, &text, err))
		return -1;
	if (outcome == RESOLVE_UV_CONFLICT) {
		note_units(solving, &unit, 1, text);
		return 0;
	}
	if (!solving->run->options->is_trial)
		log_info("'" STR_FMT
			 "' asks for what contradicts the other services: "
			 "it gets versions of its own",
			 STR_ARG(id));
	return finish(solving, &unit, 1, id, text, err);
}

/* Those that most services share come first, so that what contradicts them is
 * apart; then the manifest's order. */
static int unit_cmp(const void *a, const void *b, void *context)
{
	const struct resolve_unit *units = context;
	const struct resolve_unit *left = &units[*(const size_t *)a];
	const struct resolve_unit *right = &units[*(const size_t *)b];

	if (left->instances.n != right->instances.n)
		return left->instances.n > right->instances.n ? -1 : 1;
	return left->instances.p[0] < right->instances.p[0] ? -1 : 1;
}

static int solve(struct solving *solving, struct set *rest, struct error **err)
{
	struct resolve_group *group = solving->group;
	const struct set *accepted = &solving->accepted;

	qsort_r(rest->p, rest->n, sizeof *rest->p, unit_cmp, group->units.p);
	if (accept(solving, rest->p, rest->n, err))
		return -1;
	if (solving->pylock.n > 0 && finish(solving, accepted->p, accepted->n,
					    group->id, solving->pylock, err))
		return -1;
	const struct lock_resolution *shared =
		accepted->n ? group->units.p[accepted->p[0]].resolution : NULL;

	array_each (size_t, unit, &solving->rejected) {
		if (solve_apart(solving, *unit, shared, err))
			return -1;
	}
	return 0;
}

/* -- the index of a group -- */

static int open_index(struct resolve_run *run,
		      const struct manifest_track *track, struct error **err)
{
	struct {
		struct pyindex_binding *p;
		size_t n, capacity;
	} bindings = ARRAY_EMPTY;

	for (size_t i = 0; i < track->indexes.n; i++)
		array_each (const struct manifest_text, package,
			    &track->indexes.p[i].packages) {
			array_push(
				&bindings,
				(struct pyindex_binding){
					package->s, track->indexes.p[i].url.s});
		}
	struct pyindex_options options = {
		.fetch = run->options->fetch,
		.folder = run->options->folder,
		.bindings = bindings.p,
		.binding_count = bindings.n,
	};
	int result = pyindex_new(&options, &run->index, err);

	array_release(&bindings);
	return result;
}

int resolve_group_solve(struct resolve_run *run, struct resolve_group *group,
			struct error **err)
{
	struct solving solving = {.run = run, .group = group};
	struct set rest = ARRAY_EMPTY;
	int result = 0;

	take_previous(&solving, &rest);
	if (rest.n > 0) {
		result = open_index(run, group->track, err);
		if (result == 0)
			result = solve(&solving, &rest, err);
		pyindex_free(run->index);
		run->index = NULL;
	}
	array_release(&rest);
	array_release(&solving.accepted);
	array_release(&solving.rejected);
	return result;
}
