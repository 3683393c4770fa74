#include "faces/cli/failures.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "faces/cli.h"
#include "faces/cli/causes.h"
#include "work/build.h"
#include "work/check.h"

enum { MAX_NAMES = 5 }; /* of images that one error stops */

static bool same_error(const struct error *a, const struct error *b)
{
	return a && b && err_class(a) == err_class(b) &&
	       strcmp(err_message(a), err_message(b)) == 0 &&
	       strcmp(err_hint_text(a), err_hint_text(b)) == 0;
}

static void append_name(struct buf *out, const struct build_image *image)
{
	buf_printf(out, STR_FMT " on " STR_FMT,
		   STR_ARG(image->image->instance->service->name.s),
		   STR_ARG(image->image->instance->machine->name.s));
}

/* The names of the images from the first on that have its error. */
static void name_images(const struct build_result *result, size_t first,
			struct buf *out)
{
	const struct error *error = result->images[first].error;
	size_t n = 0;

	for (size_t i = first; i < result->n; i++) {
		if (!same_error(error, result->images[i].error))
			continue;
		if (n < MAX_NAMES) {
			buf_append_text(out, n ? ", " : "");
			append_name(out, &result->images[i]);
		}
		n++;
	}
	if (n > MAX_NAMES)
		buf_printf(out, " and %zu more", n - MAX_NAMES);
}

static void print_error(const struct build_result *result, size_t first)
{
	const struct error *cause = result->images[first].error;
	auto_err struct error *error = NULL;
	auto_buf struct buf names = BUF_EMPTY;

	name_images(result, first, &names);
	err_make(&error, err_class(cause), "%s: %s", buf_text(&names),
		 err_message(cause));
	if (*err_hint_text(cause))
		err_hint(&error, "%s", err_hint_text(cause));
	log_error(error);
}

/* What Ctrl-C stopped is said once, by cli_main(). */
void cli_print_failures(const struct build_result *result)
{
	for (size_t i = 0; i < result->n; i++) {
		const struct error *error = result->images[i].error;
		bool is_known = !error || err_class(error) == ERR_CANCELLED;

		for (size_t k = 0; k < i && !is_known; k++)
			is_known = same_error(result->images[k].error, error);
		if (!is_known)
			print_error(result, i);
	}
	for (size_t i = 0; i < result->family_count; i++)
		if (result->families[i].error)
			log_error(result->families[i].error);
}

int cli_failure_status(const struct build_result *result)
{
	int status = 0;

	for (size_t i = 0; i < result->n; i++) {
		const struct error *error = result->images[i].error;

		if (error && err_exit_status(err_class(error)) > status)
			status = err_exit_status(err_class(error));
	}
	for (size_t i = 0; i < result->family_count; i++)
		if (result->families[i].error && status == 0)
			status = err_exit_status(
				err_class(result->families[i].error));
	return status;
}

bool *cli_wanted_images(const struct assembly *assembly, const bool *chosen)
{
	const struct manifest *manifest = assembly->manifest;
	bool *wanted = mem_zalloc(assembly->image_count, sizeof *wanted);

	for (size_t i = 0; i < assembly->image_count; i++)
		for (size_t k = 0; k < manifest->instances.n; k++)
			if (assembly->images[i].instance ==
			    manifest->instances.p[k])
				wanted[i] = chosen[k];
	return wanted;
}

bool cli_keep_first(const struct check *check, bool *chosen)
{
	size_t first = check->instance_count;

	for (size_t i = check->instance_count; i-- > 0;) {
		enum verdict_status status = check->instances[i].verdict.status;

		if (chosen[i] &&
		    (status == VERDICT_ERROR || status == VERDICT_UNCERTAIN))
			first = i;
	}
	if (first == check->instance_count)
		return false;
	for (size_t i = 0; i < check->instance_count; i++)
		chosen[i] = i == first;
	return true;
}

bool cli_strict_stops(const struct cli_options *options,
		      const struct check *check, const bool *chosen)
{
	if (!options->strict)
		return false;
	auto_free bool *first = mem_zalloc(check->instance_count, 1);

	memcpy(first, chosen, check->instance_count * sizeof *first);
	if (!cli_keep_first(check, first))
		return false;
	cli_print_check(check, first, stderr);
	return true;
}
