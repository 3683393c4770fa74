#include "facts/manifest/reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

struct manifest_place reader_place(const struct yaml_node *node)
{
	return (struct manifest_place){node->line, node->column};
}

struct manifest_text reader_text(const struct yaml_node *node)
{
	return (struct manifest_text){node->text, reader_place(node)};
}

struct manifest_text reader_default(const char *text)
{
	return (struct manifest_text){str_from(text), {0, 0}};
}

void reader_problem(struct manifest *manifest, struct manifest_place at,
		    struct str hint, const char *format, ...)
{
	auto_buf struct buf message = BUF_EMPTY;
	va_list args;

	va_start(args, format);
	buf_vprintf(&message, format, args);
	va_end(args);
	/* One line per problem, whatever the file holds. */
	for (size_t i = 0; i < message.n; i++)
		if ((unsigned char)message.p[i] < ' ')
			message.p[i] = ' ';
	if (manifest->problems.n == MANIFEST_MAX_PROBLEMS)
		return;
	array_each (struct manifest_problem, problem, &manifest->problems)
		if (problem->at.line == at.line &&
		    problem->at.column == at.column &&
		    str_eq(problem->message, buf_str(&message)))
			return;
	list_push(manifest, &manifest->problems,
		  (struct manifest_problem){
			  at,
			  arena_str(&manifest->arena, buf_str(&message)),
			  arena_str(&manifest->arena, hint),
		  });
}

void manifest_nearest_offer(struct manifest_nearest *nearest,
			    struct str candidate)
{
	size_t distance = str_eq_case(nearest->word, candidate)
				  ? 0
				  : str_distance(nearest->word, candidate);

	if (!nearest->offered || distance < nearest->distance) {
		nearest->best = candidate;
		nearest->distance = distance;
	}
	/* A list longer than this helps nobody. */
	if (nearest->offered < 30) {
		if (nearest->offered)
			buf_append_text(&nearest->known, ", ");
		buf_append(&nearest->known, candidate);
	} else if (nearest->offered == 30) {
		buf_append_text(&nearest->known, ", ...");
	}
	nearest->offered++;
}

struct str manifest_nearest_hint(struct arena *arena,
				 struct manifest_nearest *nearest)
{
	struct str hint = STR_EMPTY;
	size_t near_enough = nearest->word.n < 4 ? 1 : nearest->word.n / 3 + 1;

	if (nearest->offered && nearest->distance <= near_enough)
		hint = arena_printf(arena, "did you mean '" STR_FMT "'?",
				    STR_ARG(nearest->best));
	else if (nearest->offered)
		hint = arena_printf(arena, "known: %s",
				    buf_text(&nearest->known));
	buf_release(&nearest->known);
	return hint;
}

static const struct manifest_key *key_find(const struct manifest_key *keys,
					   size_t count, struct str name)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(name, str_from(keys[i].name)))
			return &keys[i];
	return NULL;
}

static void unknown_key(struct manifest *manifest, const struct yaml_node *node,
			const char *what, const struct manifest_key *keys,
			size_t count)
{
	struct manifest_nearest nearest = {.word = node->text};

	for (size_t i = 0; i < count; i++)
		manifest_nearest_offer(&nearest, str_from(keys[i].name));
	reader_problem(manifest, reader_place(node),
		       manifest_nearest_hint(&manifest->arena, &nearest),
		       "unknown key '%.80s' in %s", node->text.p, what);
}

uint64_t reader_map(struct manifest *manifest, const struct yaml_node *node,
		    const char *what, const struct manifest_key *keys,
		    size_t count, void *target)
{
	uint64_t seen = 0;

	if (yaml_is_null(node))
		return 0;
	if (node->kind != YAML_MAP) {
		reader_problem(manifest, reader_place(node),
			       STR("write it as KEY: VALUE"),
			       "%s must be a map", what);
		return 0;
	}
	for (size_t i = 0; i < node->n; i++) {
		const struct yaml_pair *pair = &node->pairs[i];
		const struct manifest_key *key =
			key_find(keys, count, pair->key->text);

		if (!key) {
			unknown_key(manifest, pair->key, what, keys, count);
			continue;
		}
		seen |= UINT64_C(1) << (key - keys);
		key->read(manifest, pair->value, key,
			  (char *)target + key->offset);
	}
	return seen;
}

bool reader_want(struct manifest *manifest, const struct yaml_node *node,
		 const char *name, const char *wanted)
{
	const char *got = node->kind == YAML_LIST  ? "a list"
			  : node->kind == YAML_MAP ? "a map"
			  : yaml_is_null(node)	   ? "nothing"
			  : node->text.n == 0	   ? "an empty text"
						   : NULL;

	if (got)
		reader_problem(manifest, reader_place(node), STR_EMPTY,
			       "'%s' must be %s, not %s", name, wanted, got);
	return got == NULL;
}

void reader_refuse(struct manifest *manifest, const struct yaml_node *node,
		   const char *name, const char *wanted)
{
	reader_problem(manifest, reader_place(node), STR_EMPTY,
		       "'%s' must be %s, not '%.80s'", name, wanted,
		       node->text.p);
}

void reader_items(struct manifest *manifest, const struct yaml_node *node,
		  const struct manifest_key *key, manifest_reader *read,
		  void *field)
{
	if (node->kind != YAML_LIST) {
		read(manifest, node, key, field);
		return;
	}
	for (size_t i = 0; i < node->n; i++)
		read(manifest, node->items[i], key, field);
}
