/* Which instances the arguments of a verb name. */
#include "base/error.h"
#include "facts/manifest/reader.h"

/* What an argument is matched with. */
enum scope { SCOPE_SERVICE, SCOPE_FAMILY, SCOPE_MACHINE };

static enum scope scope_of(struct str *pattern)
{
	if (str_eat(pattern, STR("family:")))
		return SCOPE_FAMILY;
	if (str_eat(pattern, STR("machine:")))
		return SCOPE_MACHINE;
	return SCOPE_SERVICE;
}

static bool matches(enum scope scope, struct str pattern,
		    const struct manifest_instance *instance)
{
	struct str text = instance->service->name.s;

	if (scope == SCOPE_MACHINE)
		text = instance->machine->name.s;
	else if (scope == SCOPE_FAMILY)
		text = instance->family ? instance->family->name.s
					: instance->settings.family.s;
	return str_eq(pattern, text) || str_glob(pattern, text);
}

static int matches_nothing(const struct manifest *manifest, enum scope scope,
			   struct str pattern, struct error **err)
{
	static const char *const kinds[] = {"service", "family with services",
					    "machine with services"};
	auto_arena struct arena arena = ARENA_EMPTY;
	struct manifest_nearest nearest = {.word = pattern};

	if (scope == SCOPE_SERVICE)
		array_each (struct manifest_service *const, service,
			    &manifest->services)
			manifest_nearest_offer(&nearest, (*service)->name.s);
	else if (scope == SCOPE_FAMILY)
		array_each (struct manifest_family *const, family,
			    &manifest->families)
			manifest_nearest_offer(&nearest, (*family)->name.s);
	else
		array_each (struct manifest_machine *const, machine,
			    &manifest->machines)
			manifest_nearest_offer(&nearest, (*machine)->name.s);
	err_make(err, ERR_USAGE, "no %s matches '" STR_FMT "'", kinds[scope],
		 STR_ARG(pattern));
	struct str hint = manifest_nearest_hint(&arena, &nearest);

	if (hint.n)
		err_hint(err, STR_FMT, STR_ARG(hint));
	return -1;
}

static int check_argument(const struct manifest *manifest, const char *argument,
			  struct error **err)
{
	struct str pattern = str_from(argument);
	enum scope scope = scope_of(&pattern);
	const char *defect = reader_glob_defect(pattern);

	if (defect)
		return err_make(err, ERR_USAGE, "'%s' %s", argument, defect);
	array_each (struct manifest_instance *const, instance,
		    &manifest->instances)
		if (matches(scope, pattern, *instance))
			return 0;
	return matches_nothing(manifest, scope, pattern, err);
}

/* Named by one of the arguments of either kind, or by none as there are
 * none. */
static bool is_selected(const struct manifest_instance *instance,
			const char *const *arguments, size_t count)
{
	bool has_services = false, has_machines = false;
	bool service = false, machine = false;

	for (size_t i = 0; i < count; i++) {
		struct str pattern = str_from(arguments[i]);
		enum scope scope = scope_of(&pattern);
		bool found = matches(scope, pattern, instance);

		if (scope == SCOPE_MACHINE) {
			has_machines = true;
			machine |= found;
		} else {
			has_services = true;
			service |= found;
		}
	}
	return (service || !has_services) && (machine || !has_machines);
}

int manifest_select(const struct manifest *manifest,
		    const char *const *arguments, size_t count,
		    struct manifest_selection *selection, struct error **err)
{
	for (size_t i = 0; i < count; i++)
		if (check_argument(manifest, arguments[i], err))
			return -1;
	array_each (struct manifest_instance *const, instance,
		    &manifest->instances)
		if (is_selected(*instance, arguments, count))
			array_push(selection, *instance);
	return 0;
}

void manifest_selection_release(struct manifest_selection *selection)
{
	array_release(selection);
}
