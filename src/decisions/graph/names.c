#include <stdlib.h>

#include "decisions/graph/walk.h"

struct str graph_name_below(struct arena *arena, struct str module,
			    struct str name)
{
	char *joined = arena_alloc(arena, module.n + name.n + 2, 1);

	memcpy(joined, module.p, module.n);
	joined[module.n] = '.';
	memcpy(joined + module.n + 1, name.p, name.n);
	return str_of(joined, module.n + 1 + name.n);
}

static int name_compare(const void *key, const void *element)
{
	const struct str *name = key;
	const struct pyscan_name *other = element;

	return str_cmp(*name, other->name);
}

const struct pyscan_name *scan_name(const struct pyscan *scan, struct str name)
{
	if (scan->name_count == 0)
		return NULL;
	return bsearch(&name, scan->names, scan->name_count,
		       sizeof *scan->names, name_compare);
}

/* What every module has, unasked. */
bool name_is_given(struct str name)
{
	static const struct str given[] = {
		STR_INIT("__annotations__"), STR_INIT("__builtins__"),
		STR_INIT("__cached__"),	     STR_INIT("__class__"),
		STR_INIT("__dict__"),	     STR_INIT("__doc__"),
		STR_INIT("__file__"),	     STR_INIT("__loader__"),
		STR_INIT("__name__"),	     STR_INIT("__package__"),
		STR_INIT("__path__"),	     STR_INIT("__spec__"),
	};

	for (size_t i = 0; i < sizeof given / sizeof *given; i++)
		if (str_eq(given[i], name))
			return true;
	return false;
}

bool star_has_all(const struct pyscan *scan, uint32_t before)
{
	const struct pyscan_name *all = scan_name(scan, STR("__all__"));

	return scan->has_all && (!all || all->line < before);
}

bool star_gives(const struct pyscan *scan, struct str name, uint32_t before)
{
	if (!star_has_all(scan, before))
		return !str_starts(name, STR("_"));
	for (size_t i = 0; i < scan->all_count; i++)
		if (str_eq(scan->all[i], name))
			return true;
	return scan->is_all_open;
}

/* True where a first-party module that the import needs is not there. */
static bool is_broken(struct walk *walk, const struct node *node,
		      const struct pyscan_import *import)
{
	struct str module;

	return !walk_absolute(walk, node, import, &module) ||
	       walk_resolve(walk, module)->kind == NODE_NOTHING;
}

/* What a name's own line says: an import there need not have happened. */
static enum binding binding_of(struct walk *walk, const struct node *node,
			       const struct pyscan *scan,
			       const struct pyscan_name *name)
{
	for (size_t i = 0; i < scan->import_count; i++) {
		const struct pyscan_import *import = &scan->imports[i];

		if (import->line != name->line || import->by_call)
			continue;
		if (import->level == PYSCAN_TYPING || import->never ||
		    (import->only_main && !node->is_main))
			return BINDING_UNKNOWN;
		if (import->level == PYSCAN_GUARDED)
			return is_broken(walk, node, import) ? BINDING_UNKNOWN
							     : BINDING_WEAK;
	}
	return BINDING_SURE;
}

static enum binding binds(struct walk *walk, struct node *node, struct str name,
			  uint32_t before);

/* What `from x import *` in a module gives it. */
static enum binding binds_by_star(struct walk *walk, struct node *node,
				  const struct pyscan_import *import,
				  struct str name)
{
	struct str module;

	if (!walk_absolute(walk, node, import, &module))
		return BINDING_NONE;
	struct node *target = walk_resolve(walk, module);

	if (target->kind == NODE_STDLIB || target->kind == NODE_THIRD_PARTY)
		return BINDING_UNKNOWN;
	if (target->kind != NODE_FILE)
		return BINDING_NONE;
	enum binding binding = binds(walk, target, name, UINT32_MAX);

	struct graph_scan scan = walk_scan(walk, target->file);

	if (binding == BINDING_NONE ||
	    (scan.scan && !star_gives(scan.scan, name, UINT32_MAX)))
		return BINDING_NONE;
	return import->level == PYSCAN_HARD ? binding : BINDING_UNKNOWN;
}

static enum binding binds(struct walk *walk, struct node *node, struct str name,
			  uint32_t before)
{
	struct graph_scan scan = walk_scan(walk, node->file);
	enum binding best = BINDING_NONE;

	/* Of several ways to a module by stars one is enough. */
	if (node->query == walk->query)
		return BINDING_NONE;
	node->query = walk->query;
	if (!scan.scan || !scan.compiles || scan.is_binary)
		return BINDING_WEAK;
	const struct pyscan_name *known = scan_name(scan.scan, name);

	if (known && known->line < before)
		return binding_of(walk, node, scan.scan, known);
	for (size_t i = 0; i < scan.scan->import_count; i++) {
		const struct pyscan_import *import = &scan.scan->imports[i];

		if (!str_eq(import->name, STR("*")) || import->only_main ||
		    import->never || import->line >= before ||
		    import->level > PYSCAN_GUARDED)
			continue;
		enum binding binding = binds_by_star(walk, node, import, name);

		if (binding > best)
			best = binding;
	}
	if (best == BINDING_NONE &&
	    (scan.scan->has_getattr || scan.scan->has_dynamic_names))
		return BINDING_UNKNOWN;
	return best;
}

enum binding walk_binds(struct walk *walk, struct node *node, struct str name,
			uint32_t before)
{
	if (name_is_given(name))
		return BINDING_SURE;
	if (node->kind != NODE_FILE)
		return BINDING_NONE;
	walk->query++;
	return binds(walk, node, name, before);
}
