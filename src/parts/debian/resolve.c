/* Which packages a base or a service needs: libsolv decides, and of what it
 * takes, only what the image asks for stays. */
#include <stdlib.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/data.h"
#include "base/error.h"
#include "parts/debian/archive.h"
#include "parts/debian/sizes.h"
#include "parts/libsolv.h"

/* A short list of names. (libsolv and base/map.h both have a map_set.) */
struct names {
	struct str *p;
	size_t n, capacity;
};

static bool has_name(const struct names *names, struct str name)
{
	for (size_t i = 0; i < names->n; i++)
		if (str_eq(names->p[i], name))
			return true;
	return false;
}

/* One question to the solver. */
struct request {
	struct debian_archive *archive;
	Repo *base;	       /* packages that are there, or NULL */
	struct names wanted;   /* asked for */
	struct names left_out; /* may not come along */
	Queue taken;	       /* solvables that the solver takes */
};

static void request_init(struct request *request,
			 struct debian_archive *archive)
{
	struct str rest = data_get("debian/left-out.txt"), line;

	*request = (struct request){.archive = archive};
	libsolv.queue_init(&request->taken);
	while (str_line(&rest, &line))
		if (line.n && line.p[0] != '#')
			array_push(&request->left_out, str_trim(line));
}

static void request_release(struct request *request)
{
	if (request->base) {
		libsolv.pool_set_installed(request->archive->pool, NULL);
		libsolv.repo_free(request->base, 1);
	}
	array_release(&request->wanted);
	array_release(&request->left_out);
	libsolv.queue_free(&request->taken);
}

static struct str name_of(const Pool *pool, Id solvable)
{
	return str_from(
		libsolv.pool_id2str(pool, pool->solvables[solvable].name));
}

/* True where a package, not only a virtual one, has the name. Names of the
 * packages that provide it are appended to *providers (may be NULL). */
static bool has_package(Pool *pool, struct str name, struct buf *providers)
{
	auto_free char *text = str_dup(name);
	Id id = libsolv.pool_str2id(pool, text, 0), p, pp;
	bool found = false;

	if (!id)
		return false;
	FOR_PROVIDES(p, pp, id)
	{
		if (pool->solvables[p].name == id)
			found = true;
		else if (providers && providers->n < 200)
			buf_printf(providers, "%s" STR_FMT,
				   providers->n ? ", " : "",
				   STR_ARG(name_of(pool, p)));
	}
	return found;
}

static int want(struct request *request, struct str name, struct error **err)
{
	auto_buf struct buf providers = BUF_EMPTY;
	const struct debian_archive *archive = request->archive;

	if (has_package(archive->pool, name, &providers)) {
		array_push(&request->wanted, name);
		return 0;
	}
	err_make(err, ERR_FLEET,
		 "Debian " STR_FMT " (" STR_FMT ") has no package '" STR_FMT
		 "'",
		 STR_ARG(archive->suite), STR_ARG(archive->architecture),
		 STR_ARG(name));
	if (providers.n)
		return err_hint(err, "it is another name for one of these: %s",
				buf_text(&providers));
	return -1;
}

static int want_all(struct request *request, struct lock_strs names,
		    struct error **err)
{
	for (size_t i = 0; i < names.n; i++)
		if (want(request, names.p[i], err))
			return -1;
	return 0;
}

static int want_roots(struct request *request, struct error **err)
{
	struct str rest = data_get("debian/roots.txt"), line, name;

	while (str_line(&rest, &line)) {
		if (line.n == 0 || line.p[0] == '#' ||
		    !str_split(&line, ' ', &name))
			continue;
		if (str_eq(line, STR("?")) &&
		    !has_package(request->archive->pool, name, NULL))
			continue;
		if (want(request, name, err))
			return -1;
	}
	return 0;
}

static int explain(struct request *request, Solver *solver, struct error **err)
{
	auto_buf struct buf why = BUF_EMPTY;
	Id problem = 0;

	while ((problem = libsolv.solver_next_problem(solver, problem)) != 0 &&
	       why.n < 2000) {
		Id rule = libsolv.solver_findproblemrule(solver, problem);
		Id from, to, dependency;
		SolverRuleinfo info = libsolv.solver_ruleinfo(
			solver, rule, &from, &to, &dependency);

		buf_printf(&why, "%s%s", why.n ? "; " : "",
			   libsolv.solver_problemruleinfo2str(
				   solver, info, from, to, dependency));
	}
	return err_make(err, ERR_FLEET,
			"these packages of Debian " STR_FMT
			" cannot be installed together: %s",
			STR_ARG(request->archive->suite), buf_text(&why));
}

static int solve(struct request *request, struct error **err)
{
	Pool *pool = request->archive->pool;
	Solver *solver;
	Queue jobs;
	int result = 0;

	libsolv.queue_init(&jobs);
	libsolv.pool_createwhatprovides(pool);
	solver = libsolv.solver_create(pool);
	libsolv.solver_set_flag(solver, SOLVER_FLAG_IGNORE_RECOMMENDED, 1);
	if (request->base)
		queue_push2(&jobs, SOLVER_LOCK | SOLVER_SOLVABLE_REPO,
			    request->base->repoid);
	array_each (const struct str, wanted, &request->wanted) {
		auto_free char *name = str_dup(*wanted);

		queue_push2(&jobs, SOLVER_INSTALL | SOLVER_SOLVABLE_NAME,
			    libsolv.pool_str2id(pool, name, 1));
	}
	if (libsolv.solver_solve(solver, &jobs))
		result = explain(request, solver, err);
	else
		libsolv.solver_get_decisionqueue(solver, &request->taken);
	libsolv.solver_free(solver);
	libsolv.queue_free(&jobs);
	return result;
}

/* -- what stays -- */

struct closure {
	struct request *request;
	Map taken, seen;
	Queue todo;
	ARRAY(struct lock_deb) debs;
};

static void reach(struct closure *closure, Id solvable)
{
	struct request *request = closure->request;
	const Pool *pool = request->archive->pool;
	struct str name = name_of(pool, solvable);

	if (!MAPTST(&closure->taken, solvable) ||
	    MAPTST(&closure->seen, solvable) ||
	    pool->solvables[solvable].repo == request->base ||
	    (has_name(&request->left_out, name) &&
	     !has_name(&request->wanted, name)))
		return;
	MAPSET(&closure->seen, solvable);
	queue_push(&closure->todo, solvable);
}

static int add_deb(struct closure *closure, Id id, struct arena *arena,
		   struct error **err)
{
	struct debian_archive *archive = closure->request->archive;
	Pool *pool = archive->pool;
	Solvable *solvable = pool_id2solvable(pool, id);
	size_t number = (size_t)(uintptr_t)solvable->repo->appdata;
	Id type = 0;
	const char *checksum = libsolv.solvable_lookup_checksum(
		solvable, SOLVABLE_CHECKSUM, &type);
	const char *path = libsolv.solvable_lookup_location(solvable, NULL);
	struct lock_deb deb = {
		.name = arena_str(arena, name_of(pool, id)),
		.version = arena_str(arena, str_from(libsolv.pool_id2str(
						    pool, solvable->evr))),
		.architecture = arena_str(
			arena,
			str_from(libsolv.pool_id2str(pool, solvable->arch))),
		.suite = arena_str(arena, archive->suites.p[number - 1]),
		.size_bytes = libsolv.solvable_lookup_num(
			solvable, SOLVABLE_DOWNLOADSIZE, 0),
		.path = arena_str(arena, str_from(path)),
	};

	deb.size_bytes = debian_sizes_get(archive->sizes, deb.path);
	if (!deb.size_bytes || !checksum || type != REPOKEY_TYPE_SHA256 ||
	    !path || !digest_parse(str_from(checksum), &deb.sha256))
		return err_make(
			err, ERR_ENV,
			"the package list of '" STR_FMT
			"' gives no path, size and SHA-256 for " STR_FMT,
			STR_ARG(deb.suite), STR_ARG(deb.name));
	array_push(&closure->debs, deb);
	return 0;
}

static void reach_needed(struct closure *closure, Id id)
{
	Pool *pool = closure->request->archive->pool;
	Queue needed;
	Id p, pp;

	libsolv.queue_init(&needed);
	libsolv.solvable_lookup_deparray(pool_id2solvable(pool, id),
					 SOLVABLE_REQUIRES, &needed, 0);
	for (int i = 0; i < needed.count; i++) {
		if (needed.elements[i] == SOLVABLE_PREREQMARKER)
			continue;
		FOR_PROVIDES(p, pp, needed.elements[i])
		reach(closure, p);
	}
	libsolv.queue_free(&needed);
}

static int compare_debs(const void *a, const void *b)
{
	const struct lock_deb *x = a, *y = b;
	int order = str_cmp(x->name, y->name);

	return order ? order : str_cmp(x->architecture, y->architecture);
}

static int close_over(struct closure *closure, struct arena *arena,
		      struct error **err)
{
	struct request *request = closure->request;
	const Pool *pool = request->archive->pool;

	for (int i = 0; i < request->taken.count; i++)
		if (request->taken.elements[i] > 0)
			MAPSET(&closure->taken, request->taken.elements[i]);
	for (int i = 0; i < request->taken.count; i++) {
		Id id = request->taken.elements[i];

		if (id > 0 && has_name(&request->wanted, name_of(pool, id)))
			reach(closure, id);
	}
	while (closure->todo.count) {
		Id id = queue_shift(&closure->todo);

		if (add_deb(closure, id, arena, err))
			return -1;
		reach_needed(closure, id);
	}
	array_sort(&closure->debs, compare_debs);
	return 0;
}

static int answer(struct request *request, struct arena *arena,
		  struct lock_debs *debs, struct error **err)
{
	struct closure closure = {.request = request};

	if (solve(request, err))
		return -1;
	libsolv.map_init(&closure.taken, request->archive->pool->nsolvables);
	libsolv.map_init(&closure.seen, request->archive->pool->nsolvables);
	libsolv.queue_init(&closure.todo);
	int result = close_over(&closure, arena, err);

	*debs = (struct lock_debs){
		arena_new_array(arena, struct lock_deb, closure.debs.n),
		closure.debs.n};
	for (size_t i = 0; i < debs->n; i++)
		debs->p[i] = closure.debs.p[i];
	array_release(&closure.debs);
	libsolv.queue_free(&closure.todo);
	libsolv.map_free(&closure.taken);
	libsolv.map_free(&closure.seen);
	return result;
}

/* -- the two questions -- */

static int check_python(struct debian_archive *archive, struct str python,
			const struct lock_debs *debs, struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct str version, glibc, minor;

	debian_versions(debs, &arena, &version, &glibc);
	ptrdiff_t dot = str_rfind(version, '.');

	minor = str_slice(version, 0, dot < 0 ? 0 : (size_t)dot);
	if (python.n == 0 || str_eq(python, minor))
		return 0;
	err_make(err, ERR_FLEET,
		 "Debian " STR_FMT " has Python " STR_FMT ", not " STR_FMT,
		 STR_ARG(archive->suite), STR_ARG(minor), STR_ARG(python));
	return err_hint(err,
			"take python: \"" STR_FMT
			"\", another suite, or a registry base such as "
			"python:" STR_FMT "-slim",
			STR_ARG(minor), STR_ARG(python));
}

int debian_resolve_base(struct debian_archive *archive, struct str python,
			struct lock_strs packages, struct arena *arena,
			struct lock_debs *debs, struct error **err)
{
	struct request request;

	request_init(&request, archive);
	int result = want_roots(&request, err) ||
				     want_all(&request, packages, err) ||
				     answer(&request, arena, debs, err) ||
				     check_python(archive, python, debs, err)
			     ? -1
			     : 0;

	request_release(&request);
	return result;
}

/* True for "NAME (= VERSION)" and its like. */
static bool is_relation_of(const Pool *pool, Id dependency, Id name)
{
	unsigned id = (unsigned)dependency;

	return ISRELDEP(id) && pool->rels[GETRELID(id)].name == name;
}

/* The archive's package of that name, best of that version; 0 for none. */
static Id find_like(Pool *pool, const struct lock_deb *deb)
{
	auto_free char *name_text = str_dup(deb->name);
	auto_free char *version = str_dup(deb->version);
	Id name = libsolv.pool_str2id(pool, name_text, 0);
	Id evr = libsolv.pool_str2id(pool, version, 0);
	Id like = 0, p, pp;

	if (!name)
		return 0;
	FOR_PROVIDES(p, pp, name)
	{
		const Solvable *other = &pool->solvables[p];

		if (other->name == name && (!like || other->evr == evr))
			like = p;
	}
	return like;
}

/* A package of the base as one that is there: it provides what the archive's
 * package does, and asks for nothing. */
static void add_there(struct request *request, const struct lock_deb *deb,
		      Id like)
{
	Pool *pool = request->archive->pool;
	auto_free char *name_text = str_dup(deb->name);
	auto_free char *version = str_dup(deb->version);
	Id name = libsolv.pool_str2id(pool, name_text, 1);
	Id evr = libsolv.pool_str2id(pool, version, 1);
	Queue provides;

	libsolv.queue_init(&provides);
	if (like)
		libsolv.solvable_lookup_deparray(pool_id2solvable(pool, like),
						 SOLVABLE_PROVIDES, &provides,
						 0);
	Solvable *there = pool_id2solvable(
		pool, libsolv.repo_add_solvable(request->base));

	there->name = name;
	there->evr = evr;
	there->arch = like ? pool->solvables[like].arch : ARCH_ALL;
	for (int i = 0; i < provides.count; i++) {
		/* The archive's own version of itself is not there. */
		if (is_relation_of(pool, provides.elements[i], name))
			continue;
		libsolv.solvable_add_deparray(there, SOLVABLE_PROVIDES,
					      provides.elements[i], 0);
	}
	libsolv.solvable_add_deparray(
		there, SOLVABLE_PROVIDES,
		libsolv.pool_rel2id(pool, name, evr, REL_EQ, 1), 0);
	libsolv.queue_free(&provides);
}

/* The base as installed packages. All are looked up before the first is added,
 * which takes the pool's index away. */
static void add_base(struct request *request, const struct lock_debs *base)
{
	Pool *pool = request->archive->pool;
	Id *like = mem_zalloc(base->n, sizeof *like);

	for (size_t i = 0; i < base->n; i++)
		like[i] = find_like(pool, &base->p[i]);
	request->base = libsolv.repo_create(pool, "base");
	for (size_t i = 0; i < base->n; i++)
		add_there(request, &base->p[i], like[i]);
	libsolv.pool_set_installed(pool, request->base);
	free(like);
}

int debian_resolve_system(struct debian_archive *archive,
			  const struct lock_debs *base,
			  struct lock_strs packages, struct arena *arena,
			  struct lock_debs *debs, struct error **err)
{
	struct request request;

	request_init(&request, archive);
	libsolv.pool_createwhatprovides(archive->pool);
	int result = want_all(&request, packages, err);

	if (result == 0) {
		add_base(&request, base);
		result = answer(&request, arena, debs, err);
	}
	request_release(&request);
	return result;
}
