/* A service on one more machine. */
#include "work/init/draft.h"

bool draft_runs_on(const struct draft *draft, struct str name,
		   struct str machine)
{
	array_each (struct draft_service *, service, &draft->services)
		if (str_eq((*service)->name, name) &&
		    draft_has_text(&(*service)->machines, machine))
			return true;
	return false;
}

struct draft_service *draft_copy(struct draft *draft,
				 struct draft_service *first,
				 struct str machine, struct draft_place at)
{
	struct draft_service *copy = draft_add_twin(draft, first, at);

	if (!copy)
		return NULL;
	memcpy(copy->settings, first->settings, sizeof copy->settings);
	copy->ports_at = first->ports_at;
	draft_add_text(&copy->machines, machine);
	for (size_t i = 0; i < first->ports.n; i++)
		array_push(&copy->ports, first->ports.p[i]);
	for (size_t i = 0; i < first->env.n; i++)
		array_push(&copy->env, first->env.p[i]);
	array_each (const struct str, name, &first->depends_on)
		if (draft_runs_on(draft, *name, machine))
			draft_add_text(&copy->depends_on, *name);
	return copy;
}

/* To the others of its file, in front of what becomes its twin. */
static void move_ahead(struct draft *draft, struct draft_service *copy)
{
	struct draft_service *first = copy->twin_of;
	size_t at = 0, last = draft->services.n - 1;

	for (size_t i = 0; i < last; i++) {
		struct draft_service *service = draft->services.p[i];

		if (str_eq(service->at.file, copy->at.file))
			at = i + 1;
		if (service == first || service->twin_of == first)
			service->twin_of = copy;
	}
	copy->twin_of = NULL;
	for (size_t i = last; i > at; i--)
		draft->services.p[i] = draft->services.p[i - 1];
	draft->services.p[at] = copy;
}

int draft_add_elsewhere(struct draft *draft,
			const struct draft_elsewhere *where, struct error **err)
{
	struct draft_service *first = draft_service(draft, where->name), *copy;

	if (!first) {
		draft_ask(draft, where->at, NULL,
			  "nothing says how '" STR_FMT "' is started: which "
			  "script or module is it?",
			  STR_ARG(where->name));
		return 0;
	}
	if (draft_runs_on(draft, where->name, where->machine))
		return 0;
	copy = draft_copy(draft, first, where->machine, where->at);
	if (!copy)
		return draft_too_many(where->at, err);
	copy->group = where->group;
	move_ahead(draft, copy);
	return 0;
}
