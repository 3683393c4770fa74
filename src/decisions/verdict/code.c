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

/* What CPython says of a source that it cannot decode. A message may have names
 * of the source, such as `encoding`; an escape in a string has a codec too. */
static bool is_of_encoding(const char *type, const char *message)
{
	static const char *const texts[] = {
		"' codec can't decode",	  "unknown encoding: ",
		"encoding problem: ",	  "undefined encoding",
		"is not a text encoding",
	};

	if (strncmp(message, "(unicode error) 'unicodeescape'", 31) == 0)
		return false;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (strstr(message, texts[i]))
			return true;
	return strncmp(type, "Unicode", 7) == 0;
}

struct str diagnostic_syntax_code(const char *type, const char *message)
{
	if (strcmp(type, "IndentationError") == 0 ||
	    strcmp(type, "TabError") == 0)
		return STR("syntax-indentation");
	if (strstr(message, "null byte"))
		return STR("syntax-null");
	return is_of_encoding(type, message) ? STR("syntax-encoding")
					     : STR("syntax");
}
