#include "faces/cli/causes.h"

#include "base/buf.h"
#include "work/check.h"

static void append_causes(const struct verdict_causes *causes, struct buf *text)
{
	for (size_t i = 0; i < causes->n; i++) {
		const struct diagnostic *said = &causes->p[i].diagnostic;

		buf_printf(text, "%s: ", diagnostic_level_text(said->level));
		verdict_cause_append(&causes->p[i], text);
		buf_append_byte(text, '\n');
		if (said->hint.n)
			buf_printf(text, "  hint: " STR_FMT "\n",
				   STR_ARG(said->hint));
	}
}

static int print(const struct check *check, const bool *shown, bool with_sums,
		 FILE *out)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_buf struct buf text = BUF_EMPTY;
	struct verdict_causes causes = {0};
	struct verdict_service *services = arena_new_array(
		&arena, struct verdict_service, check->instance_count);
	size_t n = 0;
	int status = 0;

	for (size_t i = 0; i < check->instance_count; i++) {
		const struct check_instance *instance = &check->instances[i];

		if (shown && !shown[i])
			continue;
		services[n++] = (struct verdict_service){
			instance->instance->service->name.s,
			&instance->verdict};
		if (instance->verdict.status == VERDICT_ERROR)
			status = 1;
	}
	verdict_group(services, n, &arena, &causes);
	append_causes(&causes, &text);
	if (with_sums) {
		verdict_summary_append(services, n, &text);
		buf_append_byte(&text, '\n');
	}
	fwrite(buf_text(&text), 1, text.n, out);
	return status;
}

int cli_print_check(const struct check *check, const bool *shown, FILE *out)
{
	return print(check, shown, true, out);
}

int cli_print_causes(const struct check *check, FILE *out)
{
	return print(check, NULL, false, out);
}
