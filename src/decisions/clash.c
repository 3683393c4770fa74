#include "decisions/clash.h"

#include <stdlib.h>

bool clash_path(struct str member, struct str *path)
{
	ptrdiff_t slash = str_find(member, '/');

	*path = member;
	if (str_find_str(member, STR("__pycache__/")) >= 0)
		return false;
	if (slash < 0 ||
	    !str_ends(str_slice(member, 0, (size_t)slash), STR(".data")))
		return true;
	/* "name-1.data/": its folders are the same for all distributions. */
	*path = str_slice(member, (size_t)slash + 1, member.n);
	if (!str_eat(path, STR("purelib/")))
		str_eat(path, STR("platlib/"));
	return path->n > 0;
}

static int compare_files(const void *a, const void *b)
{
	const struct clash_file *x = a, *y = b;
	int order = str_cmp(x->path, y->path);

	if (order)
		return order;
	return (x->distribution > y->distribution) -
	       (x->distribution < y->distribution);
}

static int compare_clashes(const void *a, const void *b)
{
	const struct clash *x = a, *y = b;

	if (x->a != y->a)
		return x->a < y->a ? -1 : 1;
	return (x->b > y->b) - (x->b < y->b);
}

static void add(struct clashes *clashes, const struct clash_file *a,
		const struct clash_file *b)
{
	array_each (struct clash, clash, clashes) {
		if (clash->a != a->distribution || clash->b != b->distribution)
			continue;
		clash->path_count++;
		return;
	}
	struct clash clash = {a->distribution, b->distribution, a->path, 1};

	array_push(clashes, clash);
}

void clash_find(struct clash_file *files, size_t count, struct clashes *clashes)
{
	if (count > 1)
		qsort(files, count, sizeof *files, compare_files);
	for (size_t i = 0; i < count; i++)
		for (size_t j = i + 1;
		     j < count && str_eq(files[j].path, files[i].path); j++)
			if (files[j].distribution != files[i].distribution &&
			    (files[j].crc32 != files[i].crc32 ||
			     files[j].size_bytes != files[i].size_bytes))
				add(clashes, &files[i], &files[j]);
	array_sort(clashes, compare_clashes);
}
