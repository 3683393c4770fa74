/* Sections of fleet.yaml as trees: laid over each other, and as text. */
#include "work/init/draft.h"

enum { MOST_COLUMNS = 120 };

static const struct yaml_node *find(const struct yaml_node *map, struct str key)
{
	for (size_t i = 0; i < map->n; i++)
		if (str_eq(map->pairs[i].key->text, key))
			return map->pairs[i].value;
	return NULL;
}

const struct yaml_node *tree_merge(struct arena *arena,
				   const struct yaml_node *base,
				   const struct yaml_node *over)
{
	struct yaml_node *merged;

	if (!base || base->kind != YAML_MAP || over->kind != YAML_MAP)
		return over;
	merged = arena_new(arena, struct yaml_node);
	*merged = *over;
	merged->n = 0;
	merged->pairs =
		arena_new_array(arena, struct yaml_pair, base->n + over->n);
	for (size_t i = 0; i < base->n; i++) {
		struct yaml_pair pair = base->pairs[i];
		const struct yaml_node *other = find(over, pair.key->text);

		if (other && yaml_is_null(other))
			continue;
		if (other)
			pair.value = tree_merge(arena, pair.value, other);
		merged->pairs[merged->n++] = pair;
	}
	for (size_t i = 0; i < over->n; i++)
		if (!find(base, over->pairs[i].key->text) &&
		    !yaml_is_null(over->pairs[i].value))
			merged->pairs[merged->n++] = over->pairs[i];
	return merged;
}

void tree_append(struct buf *out, unsigned indent, struct str key,
		 const struct yaml_node *value)
{
	auto_buf struct buf line = BUF_EMPTY;

	buf_printf(&line, "%*s", (int)indent, "");
	yaml_append_scalar(&line, key);
	buf_append_byte(&line, ':');
	size_t n = line.n;

	buf_append_byte(&line, ' ');
	yaml_append_flow(&line, value);
	if (line.n <= MOST_COLUMNS || value->kind != YAML_MAP || value->n < 2)
		n = line.n;
	buf_append(out, str_slice(buf_str(&line), 0, n));
	buf_append_byte(out, '\n');
	for (size_t i = 0; n < line.n && i < value->n; i++)
		tree_append(out, indent + 2, value->pairs[i].key->text,
			    value->pairs[i].value);
}
