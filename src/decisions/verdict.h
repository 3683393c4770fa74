/* verdict: can a service start, and what is to be said about it?
 *
 * Knows: what follows from a graph, from files that do not compile, and from
 * imports without a distribution; the codes of docs/diagnostics.md; causes that
 * several services share. Does not know: how these were found. Values in,
 * values out.
 *
 * What an import needs and is not there is an error where that ends the start,
 * a warning where it is guarded or lazy, and nothing where it is for type
 * checkers only. What cannot be known is uncertain, unless `allow` answers it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "decisions/graph.h"
#include "decisions/map.h"

struct buf;

enum diagnostic_level {
	DIAGNOSTIC_ERROR,     /* the service cannot start */
	DIAGNOSTIC_UNCERTAIN, /* it may not: a person has to say */
	DIAGNOSTIC_WARNING,   /* something in it will not work */
	DIAGNOSTIC_NOTE,
};

struct diagnostic {
	enum diagnostic_level level;
	struct str code;       /* of docs/diagnostics.md */
	struct str file;       /* relative to the source root, or "" */
	uint32_t line, column; /* from 1; 0: none */
	struct str message;    /* without file and line */
	struct str hint;       /* what to do, or "" */
};

struct diagnostics {
	struct diagnostic *p;
	size_t n;
};

enum verdict_status {
	VERDICT_OK,
	VERDICT_UNCERTAIN,
	VERDICT_ERROR,
	VERDICT_SKIPPED,
};

struct verdict {
	enum verdict_status status;
	struct diagnostics diagnostics; /* by level, file, line, column */
};

/* What is wrong with a file that was reached, whoever reaches it. */
struct verdict_file_problem {
	struct str code; /* "syntax", "syntax-indentation", "encoding",
			  * "link-outside", "file-unreadable" */
	struct str message;
	struct str hint;
	uint32_t line, column;
};

/* `allow` where it answers what is dynamic. */
struct verdict_allow {
	struct str import_glob; /* answers imports of that name */
	struct str file;	/* answers what is uncertain in this file, or
				 * in those of this glob */
	bool has_include;	/* import_glob comes with folders: without a
				 * file, answers every dynamic import */
};

struct verdict_input {
	const struct graph *graph;
	const struct str *paths; /* of the tree's files */
	struct str entry;	 /* as the manifest has it */
	bool is_module;
	struct str python; /* "3.11" */
	struct str skip;   /* why the service is left out, or "" */

	/* The problem of a reached file, or NULL. */
	const struct verdict_file_problem *(*problem)(void *context,
						      size_t file);
	void *problem_context;

	/* One per import of the graph; looked at for GRAPH_THIRD_PARTY. NULL:
	 * owners are not known yet, and nothing is said about them. */
	const struct mapping_result *owners;

	const struct verdict_allow *allows;
	size_t allow_count;

	/* What others found (missing data files, libraries); merged in. */
	struct diagnostics others;
};

/* How bad it is that an import fails, or that a file does not compile. False
 * where nobody has to know: it is for type checkers only. */
bool verdict_level(enum pyscan_level level, enum graph_effect effect,
		   enum diagnostic_level *out);

/* Judges a service. The result is in arena, and borrows from the input. */
void verdict_make(const struct verdict_input *input, struct arena *arena,
		  struct verdict *verdict);

/* What stops services, or is uncertain about them, once for all of them. */
struct verdict_service {
	struct str name;
	const struct verdict *verdict;
};

struct verdict_cause {
	struct diagnostic diagnostic; /* with the strongest level */
	const struct str *services;   /* with that level; sorted, each once */
	size_t service_count;
	size_t other_count; /* services with a weaker one */
	size_t place_count; /* of import-unmapped: how many lines say it */
};

struct verdict_causes {
	struct verdict_cause *p;
	size_t n;
};

/* Groups by code, file, line and message (an unmapped import by its message
 * alone): errors first, then what touches most services. In arena. Skipped
 * services and notes have no part in it. */
void verdict_group(const struct verdict_service *services, size_t count,
		   struct arena *arena, struct verdict_causes *causes);

/* "common/x.py:31 '(' was never closed: stops 11 services", without a line
 * end; few services are named: "stops Chat, Vision". */
void verdict_cause_append(const struct verdict_cause *cause, struct buf *out);

/* "42 start, 26 cannot, 0 uncertain"; ", 2 skipped" where there are any. */
void verdict_summary_append(const struct verdict_service *services,
			    size_t count, struct buf *out);

/* "error", "uncertain", "warning", "note"; static. */
const char *diagnostic_level_text(enum diagnostic_level level);
/* "ok", "uncertain", "error", "skipped"; static. */
const char *verdict_status_text(enum verdict_status status);

/* The code of what a compiler says: type is "SyntaxError", "TabError", ... */
struct str diagnostic_syntax_code(const char *type, const char *message);

/* The codes, sorted; docs/diagnostics.md has a row for each. NULL-ended. */
const char *const *diagnostic_codes(void);
