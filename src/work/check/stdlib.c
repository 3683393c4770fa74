/* Names of the standard library, from data/python/stdlib.txt. */
#include "base/data.h"
#include "work/check/check_private.h"

static char in_library, loaded_first;

void check_read_stdlib(struct map *stdlib, unsigned minor)
{
	struct str rest = data_get("python/stdlib.txt"), line;

	while (str_line(&rest, &line)) {
		struct str name, word;
		uint64_t since, until;

		if (str_starts(line, STR("#")) ||
		    !str_split(&line, ' ', &name) ||
		    !str_split(&line, ' ', &word) ||
		    !str_to_u64(word, &since) ||
		    !str_split(&line, ' ', &word) ||
		    !str_to_u64(word, &until) || minor < since || minor > until)
			continue;
		map_set(stdlib, name,
			str_eq(line, STR("first")) ? &loaded_first
						   : &in_library);
	}
}

bool check_is_stdlib(void *context, struct str module, bool *wins)
{
	const void *how = map_get(context, module);

	*wins = how == &loaded_first;
	return how != NULL;
}
