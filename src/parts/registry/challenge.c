/* What a registry says a login must look like: RFC 9110, section 11.6.1.
 *
 *   value     = challenge (',' challenge)*
 *   challenge = scheme [SP parameter (',' parameter)*]
 *   parameter = token '=' (token | quoted)
 */
#include "base/buf.h"
#include "parts/registry/internal.h"

static bool is_token(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static void skip(struct str *rest, const char *any)
{
	while (rest->n && strchr(any, rest->p[0]) && rest->p[0])
		*rest = str_slice(*rest, 1, rest->n);
}

static struct str take_token(struct str *rest)
{
	size_t n = 0;

	while (n < rest->n && is_token(rest->p[n]))
		n++;
	struct str token = str_slice(*rest, 0, n);

	*rest = str_slice(*rest, n, rest->n);
	return token;
}

/* A token or a quoted string. False for a quote that does not end. */
static bool take_value(struct str *rest, struct arena *arena, struct str *value)
{
	auto_buf struct buf text = BUF_EMPTY;

	if (!str_eat(rest, STR("\""))) {
		*value = arena_str(arena, take_token(rest));
		return true;
	}
	while (rest->n && rest->p[0] != '"') {
		if (rest->p[0] == '\\')
			*rest = str_slice(*rest, 1, rest->n);
		buf_append(&text, str_slice(*rest, 0, 1));
		*rest = str_slice(*rest, 1, rest->n);
	}
	*value = arena_str(arena, buf_str(&text));
	return str_eat(rest, STR("\""));
}

/* Parameters until the next scheme or the end. */
static bool take_parameters(struct str *rest, struct arena *arena,
			    struct registry_challenge *challenge)
{
	for (;;) {
		skip(rest, " \t,");
		struct str ahead = *rest, name = take_token(&ahead), value;

		skip(&ahead, " \t");
		if (name.n == 0 || !str_eat(&ahead, STR("=")))
			return true;
		skip(&ahead, " \t");
		if (!take_value(&ahead, arena, &value))
			return false;
		*rest = ahead;
		if (str_eq_case(name, STR("realm")))
			challenge->realm = value;
		else if (str_eq_case(name, STR("service")))
			challenge->service = value;
		else if (str_eq_case(name, STR("scope")))
			challenge->scope = value;
	}
}

bool registry_challenge_parse(struct str value, struct arena *arena,
			      struct registry_challenge *challenge)
{
	struct str rest = value;
	bool found = false;

	for (;;) {
		struct registry_challenge one = {.realm = STR_EMPTY};

		skip(&rest, " \t,");
		struct str scheme = take_token(&rest);

		if (scheme.n == 0)
			return found;
		one.is_bearer = str_eq_case(scheme, STR("Bearer"));
		if (!take_parameters(&rest, arena, &one))
			return found;
		if ((one.is_bearer && one.realm.n) ||
		    (!found && str_eq_case(scheme, STR("Basic")))) {
			*challenge = one;
			found = true;
		}
		if (found && challenge->is_bearer)
			return true;
	}
}
