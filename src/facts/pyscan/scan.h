/* scan: what the parts of the scanner share.
 *
 * A source is read once. Lines are walked by the few bytes at which something
 * can happen, which are found 64 bytes at a time (stops.h, skim.c); only
 * imports, headers of blocks and statements with a call that may matter are cut
 * into tokens (token.c). Blocks by indentation are suites, each with what
 * applies to an import in it (suite.c).
 *
 * Text here is UTF-8 with "\n" line ends and without BOM (coding.c); nothing
 * behind end is read, there need not be a NUL.
 */
#pragma once

#include "base/array.h"
#include "base/buf.h"
#include "facts/pyscan.h"
#include "facts/pyscan/stops.h"

/* What applies to an import at some place. */
struct context {
	enum pyscan_level level;
	bool only_main;
	bool never;
	bool in_lambda; /* of the same statement */
};

enum scope { SCOPE_MODULE, SCOPE_CLASS, SCOPE_FUNCTION };

/* How many there were at some moment. */
struct marks {
	size_t imports, dynamics, paths;
};

/* What the later clauses of an if or try have to know. */
struct chain {
	enum { CHAIN_NONE, CHAIN_IF, CHAIN_TRY } kind;
	struct context rest; /* of an if: what applies to elif and else */
	struct marks body_start, body_end, handler_start; /* of a try */
	bool has_handler; /* the first handler of import errors was met */
	bool has_steps;	  /* it is among scan->steps, from first_step on */
	size_t first_step;
};

/* A handler is the first that catches import errors, or another. */
enum clause {
	CLAUSE_PLAIN,
	CLAUSE_TRY,
	CLAUSE_HANDLER,
	CLAUSE_OTHER_HANDLER,
	CLAUSE_SUPPRESS,
};

struct suite {
	unsigned indent;
	enum scope scope;
	enum clause clause;
	bool is_match;	    /* its statements are case clauses */
	bool ends_in_raise; /* its last statement so far is raise or an exit */
	unsigned raises;    /* then: which error, as in pyscan_step */
	unsigned catches;   /* of CLAUSE_SUPPRESS */
	size_t first_step;  /* the same */
	struct context context;
	struct chain chain;	/* of the last compound statement in it */
	const char *function;	/* the innermost `def`, or NULL */
	size_t function_values; /* values.n at that def */
};

enum token_kind { TOKEN_NAME, TOKEN_NUMBER, TOKEN_STRING, TOKEN_OTHER };

struct token {
	enum token_kind kind;
	struct str text;
	size_t close; /* of a bracket: the one that closes it; else itself */
};

/* `name = value` in a module or function, for paths (path.c). */
struct assigned {
	struct str name;
	struct str value; /* p is NULL where it is not a plain assignment */
	bool maybe;	  /* in a block that may not run */
};

struct binding {
	struct str name;
	const char *at;
	bool undone;	/* by del */
	bool by_import; /* whose statement is at */
	uint32_t line;
};

/* Names under which a file knows what matters to calls. */
enum alias_of { ALIAS_SYS, ALIAS_SYS_PATH, ALIAS_IMPORTLIB, ALIAS_IMPORT };

struct alias {
	enum alias_of of;
	struct str name;
};

enum {
	MAX_SUITES = 110, /* CPython takes 100 levels of indentation */
	MAX_NEST = 40,	  /* f-strings in f-strings */
	MAX_ALIASES = 16,
};

struct scan {
	const char *start, *end;
	const char *p; /* the next byte to read */
	unsigned minor;
	struct arena *arena;
	struct pyscan *out;

	ARRAY(struct pyscan_import) imports;
	ARRAY(struct pyscan_step) steps;
	ARRAY(struct str) all;
	ARRAY(struct pyscan_dynamic) dynamics;
	ARRAY(struct pyscan_path) paths;
	ARRAY(struct pyscan_literal) literals;
	ARRAY(struct binding) bindings;
	ARRAY(struct assigned) values;
	ARRAY(struct token) tokens;

	struct suite suites[MAX_SUITES];
	struct suite *top;
	struct suite pending; /* whose indented block has yet to come */
	bool has_pending;

	/* Of the statement that is read. */
	bool calls;		 /* it may hold a call or := that matters */
	const char *first_equal; /* at depth 0, module scope only */
	const char *last_equal;
	bool equals_end; /* behind a lambda only tokens tell them apart */

	struct alias aliases[MAX_ALIASES];
	size_t alias_count;
	bool any_call; /* an alias of import_module: look at each call */

	struct stops stops; /* the block that was last looked at */
	const char *comment, *comment_end; /* the last one in a statement */
	const char *code_end; /* before it and comments that it follows */
	const char *counted;  /* lines up to here are counted */
	uint32_t line;
	const char *measured; /* the column here is known */
	uint32_t column;
	size_t path_steps; /* left for looking up values */
};

/* Classes of bytes. */
enum {
	IS_LITERAL = 1,	  /* letters, digits, ._-/ */
	IS_SEPARATOR = 2, /* . / */
	IS_NAME = 4,	  /* letters, digits, _, bytes of other scripts */
	IS_OPERATOR = 8,  /* a part of operators with an equals sign */
};

extern const uint8_t scan_classes[256];

static inline unsigned class_of(char c)
{
	return scan_classes[(unsigned char)c];
}

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\f';
}

/* The weaker of two levels. */
static inline enum pyscan_level level_max(enum pyscan_level a,
					  enum pyscan_level b)
{
	return a > b ? a : b;
}

/* coding.c */

/* The source as UTF-8 with "\n" line ends; in arena where it had to change. */
struct str source_decode(struct str source, struct arena *arena,
			 struct str *coding);

/* skim.c */

enum skim {
	SKIM_PLAIN,
	SKIM_HEADER,	 /* of a block: its colon ends it */
	SKIM_ASSIGNMENT, /* it may be one: its equals signs are remembered */
	SKIM_FIELD,	 /* of an f-string, by skim.c itself */
};

/* From p to the byte that ends a statement at depth 0: "\n", ";", or the colon
 * of a header. end where there is none. */
const char *skim(struct scan *scan, const char *p, enum skim how);

/* The bits of the block that holds p, from p on. */
static inline const struct stops *stops_at(struct scan *scan, const char *p)
{
	size_t at = (size_t)(p - scan->start) / STOPS_BYTES * STOPS_BYTES;

	if (scan->stops.block != scan->start + at)
		stops_read(&scan->stops, scan->start + at,
			   (size_t)(scan->end - scan->start) - at);
	return &scan->stops;
}

/* The first byte at p or behind it that is of one of the sets: 1 << STOP_LINE
 * and so on. end where there is none. */
static inline const char *stop_find(struct scan *scan, const char *p,
				    unsigned sets)
{
	while (p < scan->end) {
		const struct stops *stops = stops_at(scan, p);
		uint64_t bits = 0;

#pragma GCC unroll 16
		for (unsigned i = 0; i < STOP_COUNT; i++)
			if (sets >> i & 1)
				bits |= stops->masks[i];
		bits >>= p - stops->block;
		if (bits)
			return p + __builtin_ctzll(bits);
		p = stops->block + STOPS_BYTES;
	}
	return scan->end;
}

/* Behind the string whose first quote is at quote; *is_f says whether it has
 * fields, whose expressions are added to fields where that is not NULL. */
struct fields {
	ARRAY(struct str) list;
};
const char *string_skip(struct scan *scan, const char *quote, unsigned nest,
			bool *is_f, struct fields *fields);

/* Does the word lambda stand in it? */
bool names_lambda(struct str text);

/* Behind blanks and backslashes at line ends. */
const char *blanks_skip(const char *p, const char *end);

/* Line of a place, and column in characters, both from 1. */
uint32_t line_at(struct scan *scan, const char *at);
uint32_t column_at(struct scan *scan, const char *at);

/* token.c */

/* Appends the tokens of a text to scan->tokens and gives the number of the
 * first; whoever calls sets tokens.n back. */
size_t tokens_of(struct scan *scan, struct str text);

/* The token i, or an empty one at and behind end. */
struct token token_at(const struct scan *scan, size_t i, size_t end);
static inline bool token_is(const struct scan *scan, size_t i, size_t end,
			    const char *text)
{
	return i < end && scan->tokens.p[i].kind != TOKEN_STRING &&
	       str_eq(scan->tokens.p[i].text, str_from(text));
}

/* Number of the token behind the bracket that closes the one at i. */
size_t bracket_end(const struct scan *scan, size_t i, size_t end);

/* Is a token the operator of an assignment, be it `+=`? */
bool is_assigning(struct str op);

/* Takes brackets around all of the tokens away. */
void brackets_strip(const struct scan *scan, size_t *i, size_t *end);

/* The value of adjacent string literals from i; *next is behind them. False
 * for bytes, f-strings and escapes by name. */
bool literal_value(struct scan *scan, size_t i, size_t end, struct str *value,
		   size_t *next);

/* Number of the next comma outside of brackets, or end. */
size_t part_end(const struct scan *scan, size_t i, size_t end);

/* The arguments of a call whose bracket is the token open, or the elements of
 * a display: at most most of them. */
struct argument {
	struct str keyword; /* or "" */
	size_t start, end;  /* tokens of the value */
};
size_t arguments_of(const struct scan *scan, size_t open, size_t end,
		    struct argument *arguments, size_t most);

/* The argument at a position (from 0) or of a keyword, or NULL. */
const struct argument *argument_find(const struct argument *arguments,
				     size_t count, size_t position,
				     const char *keyword);

/* literal.c */

/* What a string token is made of. */
struct literal {
	struct str text; /* between the quotes */
	bool is_raw, is_bytes, is_f;
};
struct literal literal_parts(struct str token);

/* Appends what a literal's text stands for. False at what is not known. */
bool literal_append(struct buf *buf, struct str text, bool is_raw);

/* NAME or NAME.NAME... from i without blanks; *next behind it. */
struct str dotted_name(struct scan *scan, size_t i, size_t end, size_t *next);

/* The part of a dotted name behind its last dot. */
struct str last_part(struct str dotted);

/* lambda.c: where a walk over tokens stands in lambdas. */
struct lambdas {
	struct {
		unsigned depth;
		bool in_body;
	} open[32];
	size_t count;
	unsigned depth; /* of brackets */
};

/* Takes the next token. True where it is the colon of a lambda. */
bool lambdas_take(struct lambdas *lambdas, struct token token);
bool lambdas_in_body(const struct lambdas *lambdas);

/* suite.c */

struct context context_now(const struct scan *scan);
struct marks marks_now(const struct scan *scan);
void suites_indent(struct scan *scan, unsigned indent);
bool suite_push(struct scan *scan, const struct suite *suite);

/* Ends the compound statement whose clauses the chain joins. */
void chain_end(struct scan *scan, struct chain *chain);

/* Do imports here happen at the start of the module? */
bool is_run_by_start(const struct context *context);
void step_add(struct scan *scan, enum pyscan_flow flow, size_t value);

/* Remembers an import, and the step that runs it. */
void import_push(struct scan *scan, const struct context *context,
		 struct pyscan_import import);
void suite_pop(struct scan *scan);

/* test.c: what the condition of an if says of its branches. */
struct test {
	struct context then, other;
};
struct test test_read(struct scan *scan, struct str condition);

/* statement.c */
void statements_read(struct scan *scan);

enum keyword {
	NO_KEYWORD,
	KEYWORD_ASYNC,
	KEYWORD_CASE,
	KEYWORD_CLASS,
	KEYWORD_DEF,
	KEYWORD_DEL,
	KEYWORD_ELIF,
	KEYWORD_ELSE,
	KEYWORD_EXCEPT,
	KEYWORD_FINALLY,
	KEYWORD_FOR,
	KEYWORD_FROM,
	KEYWORD_GLOBAL,
	KEYWORD_IF,
	KEYWORD_IMPORT,
	KEYWORD_MATCH,
	KEYWORD_RAISE,
	KEYWORD_TRY,
	KEYWORD_TYPE,
	KEYWORD_WHILE,
	KEYWORD_WITH,
};

/* errors.c */

/* The errors that a class stands for, by its name; 0 for others. */
unsigned errors_of(struct str dotted);

/* The errors of the classes in tokens from i to before end. */
unsigned errors_in(struct scan *scan, size_t i, size_t end);

/* Does the statement leave a handler by raising? *raises as in pyscan_step. */
bool leaves(struct scan *scan, enum keyword keyword, struct str text,
	    unsigned *raises);

/* all.c: a statement about __all__ of the module. */
void all_read(struct scan *scan, struct str text);

/* header.c */

/* Reads the header of the compound statement that word begins, up to its
 * colon. False, and nothing is read, where it is none after all. */
bool header_read(struct scan *scan, enum keyword keyword, const char *start,
		 struct suite *suite);

/* import.c */
void import_read(struct scan *scan, struct str text);
void from_read(struct scan *scan, struct str text);
bool alias_is(const struct scan *scan, enum alias_of of, struct str name);

/* call.c: calls that import, run code or edit sys.path. */
void calls_read(struct scan *scan, struct str text, struct context context);

/* Remembers something dynamic; the text is from at to before end. */
void dynamic_add(struct scan *scan, enum pyscan_what what, const char *at,
		 const char *end, struct context context);

/* names.c */
void name_bind(struct scan *scan, struct str name, const char *at);
void name_bind_import(struct scan *scan, struct str name, const char *at);

/* Binds the names of an assignment's target: tokens from i to before end. */
void targets_bind(struct scan *scan, size_t i, size_t end);
void names_finish(struct scan *scan);

/* path.c: edits of sys.path. */

/* Does a dotted name stand for sys.path? */
bool path_is(const struct scan *scan, struct str name);

/* A call of a method of sys.path, the arguments' bracket at open. */
void path_call(struct scan *scan, struct str method, size_t open, size_t end,
	       const char *at, struct context context);

/* `sys.path = ...` and its like; true where the statement is one. */
bool path_statement(struct scan *scan, struct str text, struct context context);

/* value.c: texts that follow from __file__ and constants. */
struct value {
	bool known;
	bool is_object; /* of pathlib */
	enum { VALUE_TEXT, VALUE_BY_FILE, VALUE_BY_WORKDIR } kind;
	unsigned up;	 /* parents above the anchor */
	struct str tail; /* from there on; the text of VALUE_TEXT */
};

/* The value of the expression in tokens from i to before end. */
struct value value_read(struct scan *scan, size_t i, size_t end);

/* Where sys.path leads with it. False where that is not known. */
bool value_folder(struct scan *scan, const struct value *value,
		  enum pyscan_anchor *anchor, struct str *folder);
