/* Families: what they bring to their services, and as images. */
#include "base/array.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/map.h"
#include "decisions/closure.h"
#include "facts/version.h"
#include "work/assemble/assemble_private.h"

struct finder {
	struct assembly *assembly;
	struct map numbers; /* key to number + 1 */
	ARRAY(struct assemble_family) families;
};

/* What makes two services have a family in the same form. */
static void add_key(struct buf *key, const struct assemble_image *image,
		    const struct manifest_family *family)
{
	key_add(key, family->name.s);
	key_add(key, image->base->name);
	key_add(key, image->base->platform);
	key_add(key, image->service->resolution);
	key_add(key, str_from(manifest_bytecode_text(
			     image->instance->settings.bytecode)));
}

static int family_closure(struct assembly *assembly,
			  const struct assemble_image *image,
			  const struct manifest_family *family,
			  struct lock_strs *closure, struct error **err)
{
	struct arena *arena = &assembly->arena;
	const struct manifest_texts *packages = &family->all_packages;
	const struct lock_resolution *resolution = lock_find_resolution(
		assembly->lock, image->service->resolution);
	struct lock_strs wanted = {
		arena_new_array(arena, struct str, packages->n), packages->n};

	*closure = (struct lock_strs){NULL, 0};
	if (packages->n == 0)
		return 0;
	for (size_t i = 0; i < packages->n; i++)
		wanted.p[i] = packages->p[i].s;
	if (resolution &&
	    closure_of(resolution, wanted,
		       closure_replacements_of(
			       &image->instance->track->replaces, arena),
		       arena, closure, err) == 0)
		return 0;
	if (!resolution)
		err_make(err, ERR_FLEET, "the lock has no packages for it");
	err_wrap(err, "family '" STR_FMT "'", STR_ARG(family->name.s));
	return err_hint(err, "run: slipway lock");
}

static bool is_in(const struct lock_strs *closure,
		  const struct assemble_part *p)
{
	auto_buf struct buf pin = BUF_EMPTY;

	buf_printf(&pin, STR_FMT "==" STR_FMT, STR_ARG(p->package->name),
		   STR_ARG(p->package->version));
	for (size_t i = 0; i < closure->n; i++)
		if (str_eq(closure->p[i], buf_str(&pin)))
			return true;
	return false;
}

/* The number of a family as the image has it, or PLAN_NONE with an error;
 * those that it extends are found first. */
static ptrdiff_t find(struct finder *finder, const struct assemble_image *image,
		      const struct manifest_family *family, struct error **err)
{
	struct assembly *assembly = finder->assembly;
	struct assemble_family made = {family, image, PLAN_NONE, NULL,
				       0,      0,     PLAN_NONE, NULL};
	auto_buf struct buf key = BUF_EMPTY;
	struct lock_strs closure;

	add_key(&key, image, family);
	size_t known =
		(size_t)(uintptr_t)map_get(&finder->numbers, buf_str(&key));

	if (known)
		return (ptrdiff_t)known - 1;
	if (family->extends) {
		made.parent = find(finder, image, family->extends, err);
		if (made.parent < 0)
			return PLAN_NONE;
	}
	if (family_closure(assembly, image, family, &closure, err))
		return PLAN_NONE;
	made.parts =
		arena_new_array(&assembly->arena, size_t, image->part_count);
	for (size_t i = 0; i < image->part_count; i++) {
		const struct assemble_part *part =
			&assembly->parts[image->parts[i]];

		if (part->kind == ASSEMBLE_WHEEL && is_in(&closure, part))
			made.parts[made.part_count++] = image->parts[i];
	}
	array_push(&finder->families, made);
	map_set(&finder->numbers, buf_str(&key),
		(void *)(uintptr_t)finder->families.n);
	return (ptrdiff_t)finder->families.n - 1;
}

/* -- as images -- */

static bool same_image(const struct assemble_family *a,
		       const struct assemble_family *b)
{
	const struct manifest_instance *x = a->first->instance,
				       *y = b->first->instance;

	return a->family == b->family && x->track == y->track &&
	       str_eq(x->machine->platform.s, y->machine->platform.s);
}

/* True for the form of a family that becomes its image: the one that most
 * services have, else the first. */
static bool is_chosen(const struct assembly *assembly, size_t number)
{
	const struct assemble_family *families = assembly->families;

	for (size_t i = 0; i < assembly->family_count; i++) {
		if (!same_image(&families[i], &families[number]))
			continue;
		if (families[i].image_count > families[number].image_count ||
		    (families[i].image_count == families[number].image_count &&
		     i < number))
			return false;
	}
	return true;
}

/* The family as if it were a service of no machine, that runs nothing. */
static struct manifest_instance *
make_instance(struct arena *arena, const struct assemble_family *family)
{
	const struct manifest_instance *first = family->first->instance;
	struct manifest_instance *made =
		arena_new(arena, struct manifest_instance);
	struct manifest_service *service =
		arena_new(arena, struct manifest_service);
	struct manifest_machine *machine =
		arena_new(arena, struct manifest_machine);

	service->name = family->family->name;
	service->instance_count = 1;
	machine->platform = first->machine->platform;
	machine->name.s = STR_EMPTY;
	made->service = service;
	made->machine = machine;
	made->family = family->family;
	made->base = first->base;
	made->track = first->track;
	made->settings.user = (struct manifest_user){10001, 10001, {0, 0}};
	made->settings.workdir.s = STR("/app");
	made->settings.health.kind = MANIFEST_HEALTH_NONE;
	made->settings.bytecode = first->settings.bytecode;
	made->settings.gpu = first->track->cuda.s.n ? MANIFEST_GPU_OPTIONAL
						    : MANIFEST_GPU_NONE;
	return made;
}

void assemble_families(struct assembly *assembly)
{
	struct finder finder = {.assembly = assembly};

	for (size_t i = 0; i < assembly->image_count; i++) {
		struct assemble_image *image = &assembly->images[i];

		if (image->error || !image->instance->family)
			continue;
		image->family = find(&finder, image, image->instance->family,
				     &image->error);
	}
	assembly->family_count = finder.families.n;
	assembly->families = arena_new_array(
		&assembly->arena, struct assemble_family, finder.families.n);
	for (size_t i = 0; i < finder.families.n; i++)
		assembly->families[i] = finder.families.p[i];
	for (size_t i = 0; i < assembly->image_count; i++)
		for (ptrdiff_t f = assembly->images[i].family; f >= 0;
		     f = assembly->families[f].parent)
			assembly->families[f].image_count++;
	for (size_t i = 0; i < assembly->family_count; i++)
		if (is_chosen(assembly, i))
			assembly->families[i].instance = make_instance(
				&assembly->arena, &assembly->families[i]);
	map_release(&finder.numbers);
	array_release(&finder.families);
}
