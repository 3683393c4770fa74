/* lambda: what of an expression lies in the body of a lambda. */
#include "facts/pyscan/scan.h"

enum {
	MOST_LAMBDAS = sizeof((struct lambdas){0}.open) /
		       sizeof((struct lambdas){0}.open[0])
};

/* Ends the bodies at this depth or deeper. */
static void bodies_end(struct lambdas *lambdas)
{
	while (lambdas->count && lambdas->open[lambdas->count - 1].in_body &&
	       lambdas->open[lambdas->count - 1].depth >= lambdas->depth)
		lambdas->count--;
}

/* Ends all that began in brackets that are closed. */
static void brackets_end(struct lambdas *lambdas)
{
	while (lambdas->count &&
	       lambdas->open[lambdas->count - 1].depth > lambdas->depth)
		lambdas->count--;
}

static bool take_colon(struct lambdas *lambdas)
{
	bodies_end(lambdas);
	if (!lambdas->count ||
	    lambdas->open[lambdas->count - 1].depth != lambdas->depth)
		return false;
	lambdas->open[lambdas->count - 1].in_body = true;
	return true;
}

bool lambdas_take(struct lambdas *lambdas, struct token token)
{
	if (token.kind == TOKEN_NAME) {
		if (str_eq(token.text, STR("for")))
			bodies_end(lambdas); /* of a comprehension around it */
		if (str_eq(token.text, STR("lambda")) &&
		    lambdas->count < MOST_LAMBDAS) {
			lambdas->open[lambdas->count].depth = lambdas->depth;
			lambdas->open[lambdas->count++].in_body = false;
		}
		return false;
	}
	if (token.kind != TOKEN_OTHER || token.text.n != 1)
		return false;
	switch (token.text.p[0]) {
	case '(':
	case '[':
	case '{':
		lambdas->depth++;
		return false;
	case ')':
	case ']':
	case '}':
		lambdas->depth -= lambdas->depth > 0;
		brackets_end(lambdas);
		return false;
	case ',':
	case '=': /* behind an annotation */
		bodies_end(lambdas);
		return false;
	case ':':
		return take_colon(lambdas);
	default:
		return false;
	}
}

bool lambdas_in_body(const struct lambdas *lambdas)
{
	for (size_t i = 0; i < lambdas->count; i++)
		if (lambdas->open[i].in_body)
			return true;
	return false;
}
