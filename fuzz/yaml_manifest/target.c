/* A hostile fleet.yaml: it is understood, or has problems that say where; and
 * every scalar of it can be written and read back. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "codec/yaml.h"
#include "facts/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_and_read(struct str text)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_buf struct buf written = BUF_EMPTY;
	struct yaml_problem problem;

	buf_append_text(&written, "- {k: ");
	yaml_append_scalar(&written, text);
	buf_append_text(&written, "}\n");
	const struct yaml_node *root =
		yaml_parse(buf_str(&written), NULL, &arena, &problem);

	if (!root || !str_eq(yaml_get(root->items[0], "k")->text, text))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_of((const char *)data, size);
	auto_buf struct buf problems = BUF_EMPTY;
	auto_manifest struct manifest *manifest =
		manifest_parse(text, "fleet.yaml");

	manifest_append_problems(manifest, &problems);
	if (manifest->problems.n == 0 && manifest->instances.n == 0)
		abort();
	array_each (struct manifest_problem, problem, &manifest->problems)
		if (problem->at.line == 0 || problem->at.column == 0 ||
		    problem->message.n == 0)
			abort();
	if (str_is_utf8(text))
		write_and_read(text);
	return 0;
}
