#include <string.h>

#include "decisions/verdict.h"

const char *const *diagnostic_codes(void)
{
	static const char *const codes[] = {
		"cuda-in-cpu",	      "entry-missing",
		"exec-dynamic",	      "file-missing",
		"file-unreadable",    "import-circular",
		"import-dynamic",     "import-missing",
		"import-relative",    "import-unmapped",
		"library-missing",    "link-outside",
		"lock-base",	      "lock-conflict",
		"lock-no-wheel",      "lock-not-found",
		"lock-requirement",   "lock-source",
		"lock-system",	      "module-shadows",
		"name-missing",	      "not-checked",
		"path-clash",	      "path-dynamic",
		"question-open",      "syntax",
		"syntax-crash",	      "syntax-encoding",
		"syntax-indentation", "syntax-null",
		"syntax-timeout",     "syntax-too-big",
		"track-mismatch",     NULL,
	};

	return codes;
}

struct str diagnostic_syntax_code(const char *type, const char *message)
{
	if (strcmp(type, "IndentationError") == 0 ||
	    strcmp(type, "TabError") == 0)
		return STR("syntax-indentation");
	if (strstr(message, "null byte"))
		return STR("syntax-null");
	if (strncmp(type, "Unicode", 7) == 0 || strstr(message, "encoding") ||
	    strstr(message, "'utf-8' codec") || strstr(message, "Non-UTF-8"))
		return STR("syntax-encoding");
	return STR("syntax");
}
