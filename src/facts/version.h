/* version: versions, specifiers, names and requirements of Python packages.
 *
 * Knows: how they are written, normalised and compared. Does not know: markers
 * (facts/marker.h; a requirement keeps its own as text), indexes, what exists.
 *
 * Source: PyPA version specifiers (PEP 440), names and normalisation (PEP 503),
 * dependency specifiers (PEP 508).
 *
 *   version     = ["v"] [epoch "!"] release [pre] [post] [dev] ["+" local]
 *   specifier   = ("~=" / "==" / "!=" / "<=" / ">=" / "<" / ">" / "===")
 * version requirement = name ["[" extras "]"] (specifiers / "@" url) [";"
 * marker]
 *
 * All values borrow from the text that they were read from, or from an arena
 * where a function takes one. Numbers are kept as digits: they have no limit.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct buf;

enum {
	VERSION_MAX_PARTS = 32, /* of a release; PEP 440 sets no bound */
	VERSION_MAX_BYTES = 1024,
	SPECIFIERS_MAX = 256, /* in one requirement */
	REQUIREMENT_MAX_BYTES = 16384,
};

enum version_pre { VERSION_FINAL, VERSION_ALPHA, VERSION_BETA, VERSION_RC };

struct version {
	struct str epoch; /* digits without leading zeros, as all numbers */
	struct str release[VERSION_MAX_PARTS];
	size_t release_count; /* 1 or more */
	enum version_pre pre;
	struct str pre_number;
	bool has_post, has_dev;
	struct str post, dev;
	struct str local; /* as written, empty for none */
};

/* False where text is no version. White space around it is allowed. */
bool version_parse(struct str text, struct version *version);

/* Order of PEP 440: negative, 0 or positive. */
int version_cmp(const struct version *a, const struct version *b);

/* The normal form: "1.0rc1.post2.dev3+local.1". */
void version_append(struct buf *out, const struct version *version);

/* Alpha, beta, candidate or development release. */
bool version_is_prerelease(const struct version *version);

enum specifier_operator {
	SPECIFIER_COMPATIBLE,	 /* ~= */
	SPECIFIER_EQUAL,	 /* == */
	SPECIFIER_NOT_EQUAL,	 /* != */
	SPECIFIER_LESS_EQUAL,	 /* <= */
	SPECIFIER_GREATER_EQUAL, /* >= */
	SPECIFIER_LESS,		 /* < */
	SPECIFIER_GREATER,	 /* > */
	SPECIFIER_ARBITRARY,	 /* === */
};

struct specifier {
	enum specifier_operator comparison;
	bool is_prefix;		/* "==1.2.*" */
	struct str text;	/* behind the operator, trimmed */
	struct version version; /* zero for SPECIFIER_ARBITRARY */
};

struct specifiers {
	struct specifier *p; /* in the arena */
	size_t n;	     /* 0: every version */
};

/* False where text is no list of specifiers; "" is one. */
bool specifiers_parse(struct str text, struct arena *arena,
		      struct specifiers *specifiers);

/* True where the version meets all of them; text is it as written, for ===.
 * Pre-releases count like any other version. */
bool specifiers_contain(const struct specifiers *specifiers,
			const struct version *version, struct str text);

/* True where one of them names a pre-release, which is how PEP 440 lets
 * pre-releases in. */
bool specifiers_name_prerelease(const struct specifiers *specifiers);

/* Letters and digits, with ".", "_" and "-" inside. */
bool name_is_valid(struct str name);

/* Lower case, runs of ".", "_" and "-" as one "-"; in the arena. */
struct str name_normalise(struct arena *arena, struct str name);

struct requirement {
	struct str name;    /* normalised */
	struct str *extras; /* normalised, in written order */
	size_t extra_count;
	struct str specifier_text; /* "" for none */
	struct specifiers specifiers;
	struct str url;	   /* behind "@", else "" */
	struct str marker; /* behind ";", trimmed, else "" */
};

/* Reads one requirement. False, and *what a noun phrase that says what is
 * wrong (static), where it is none. */
bool requirement_parse(struct str text, struct arena *arena,
		       struct requirement *requirement, const char **what);
