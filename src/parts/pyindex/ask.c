#include <stdlib.h>

#include "base/error.h"
#include "base/proc.h"
#include "parts/fetch.h"
#include "parts/pyindex/internal.h"

/* What a program would use by itself stands in its own help text, at the option
 * that changes it. That needs neither network nor a project. */
struct program {
	const char *name; /* for people */
	const char *argv[6];
	const char *option; /* the url stands behind it */
};

enum { TIMEOUT_MS = 20000, OUTPUT_MAX = 1 << 20 };

static const struct program programs[] = {
	{"uv", {"uv", "pip", "compile", "--help", NULL}, "--default-index <"},
	{"pip", {"pip", "install", "--help", NULL}, "--index-url <"},
	{"pip3", {"pip3", "install", "--help", NULL}, "--index-url <"},
	{"python3 -m pip",
	 {"python3", "-m", "pip", "install", "--help", NULL},
	 "--index-url <"},
};

/* The first http url behind the option. */
static char *find_url(struct str help, const char *option)
{
	ptrdiff_t at = str_find_str(help, str_from(option));

	if (at < 0)
		return NULL;
	help = str_slice(help, (size_t)at, help.n);
	at = str_find_str(help, STR("http"));
	if (at < 0)
		return NULL;
	help = str_slice(help, (size_t)at, help.n);
	size_t n = 0;

	while (n < help.n && !strchr(" \n\r\t<>)]\"'", help.p[n]))
		n++;
	return str_dup(str_slice(help, 0, n));
}

static char *ask(const struct program *program)
{
	struct proc_options options = {.argv = program->argv,
				       .max_output_bytes = OUTPUT_MAX,
				       .timeout_ms = TIMEOUT_MS};
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;

	if (proc_run(&options, &result, NULL) || result.status != 0)
		return NULL;
	return find_url(buf_str(&result.output), program->option);
}

char *pyindex_ask(const char **who)
{
	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
		auto_free char *path = proc_find(programs[i].argv[0]);
		char *url = path ? ask(&programs[i]) : NULL;

		if (url) {
			*who = programs[i].name;
			return url;
		}
	}
	return NULL;
}
