/* Logins: Docker's config.json, and the programs that it names. */
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "codec/json.h"
#include "parts/registry/internal.h"

enum { MAX_CONFIG = 1 << 20, HELPER_MS = 60 * 1000 };

static char *config_path(const char *given)
{
	const char *folder = getenv("DOCKER_CONFIG"), *home = getenv("HOME");

	if (given)
		return path_printf("%s", given);
	if (folder && *folder)
		return path_printf("%s/config.json", folder);
	return home && *home ? path_printf("%s/.docker/config.json", home)
			     : NULL;
}

/* "reg.example.org" of "https://reg.example.org/v1/": keys are written in many
 * ways. */
static struct str host_of_key(struct str key)
{
	ptrdiff_t scheme = str_find_str(key, STR("://"));

	if (scheme >= 0)
		key = str_slice(key, (size_t)scheme + 3, key.n);
	ptrdiff_t slash = str_find(key, '/');

	return slash < 0 ? key : str_slice(key, 0, (size_t)slash);
}

static bool same_host(struct str key, struct str host)
{
	struct str found = host_of_key(key);

	if (str_eq(host, STR("docker.io")))
		return str_eq(found, STR("index.docker.io")) ||
		       str_eq(found, STR("docker.io")) ||
		       str_eq(found, STR("registry-1.docker.io"));
	return str_eq_case(found, host);
}

/* The name under which Docker keeps a host's login. */
static struct str key_of_host(struct str host)
{
	return str_eq(host, STR("docker.io"))
		       ? STR("https://index.docker.io/v1/")
		       : host;
}

static void take_auth(struct str text, struct arena *arena,
		      struct registry_login *login)
{
	auto_buf struct buf plain = BUF_EMPTY;
	size_t padding = 0;

	text = str_trim(text);
	if (text.n == 0 || text.n % 4)
		return;
	while (padding < 2 && text.p[text.n - 1 - padding] == '=')
		padding++;
	buf_reserve(&plain, text.n);
	int n = EVP_DecodeBlock((unsigned char *)plain.p,
				(const unsigned char *)text.p, (int)text.n);

	if (n < 0)
		return;
	plain.n = (size_t)n - padding;
	struct str both = buf_str(&plain);
	ptrdiff_t colon = str_find(both, ':');

	if (colon < 0)
		return;
	login->user = arena_str(arena, str_slice(both, 0, (size_t)colon));
	login->password =
		arena_str(arena, str_slice(both, (size_t)colon + 1, both.n));
}

static void take_entry(json_t *entry, struct arena *arena,
		       struct registry_login *login)
{
	struct str text;

	if (json_get_str(entry, "username", &text))
		login->user = arena_str(arena, text);
	if (json_get_str(entry, "password", &text))
		login->password = arena_str(arena, text);
	if (json_get_str(entry, "auth", &text))
		take_auth(text, arena, login);
	if (json_get_str(entry, "identitytoken", &text))
		login->identity_token = arena_str(arena, text);
}

static bool is_helper_name(struct str name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || c == '-' || c == '_' ||
		      (c == '.' && i > 0)))
			return false;
	}
	return name.n > 0 && name.n < 128;
}

/* `docker-credential-NAME get`: the server on its stdin, JSON on its stdout.
 * It ends with 1 where it has none. */
static int ask_helper(struct str name, struct str host, struct arena *arena,
		      struct registry_login *login, struct error **err)
{
	auto_proc_result struct proc_result result = PROC_RESULT_EMPTY;
	struct str program = arena_printf(arena, "docker-credential-" STR_FMT,
					  STR_ARG(name));
	const char *argv[] = {program.p, "get", NULL};
	struct proc_options options = {
		.argv = argv,
		.input = key_of_host(host),
		.max_output_bytes = MAX_CONFIG,
		.timeout_ms = HELPER_MS,
	};
	struct str user = STR_EMPTY, secret = STR_EMPTY;

	if (!is_helper_name(name))
		return err_make(err, ERR_ENV,
				"'" STR_FMT "' is no name of a login helper",
				STR_ARG(name));
	if (proc_run(&options, &result, err))
		return err_hint(err,
				"install %s, or take it out of Docker's "
				"config.json",
				program.p);
	if (result.status) {
		log_verbose("%s has no login for " STR_FMT, program.p,
			    STR_ARG(host));
		return 0;
	}
	auto_json json_t *answer =
		json_parse(buf_str(&result.output), MAX_CONFIG, NULL);

	if (!json_get_str(answer, "Username", &user) ||
	    !json_get_str(answer, "Secret", &secret))
		return err_make(err, ERR_ENV,
				"%s gives no login that can be "
				"read",
				program.p);
	secret = arena_str(arena, secret);
	if (str_eq(user, STR("<token>"))) {
		login->identity_token = secret;
		return 0;
	}
	login->user = arena_str(arena, user);
	login->password = secret;
	return 0;
}

/* The member of an object whose name is the host's in any spelling. */
static json_t *member_of_host(json_t *object, struct str host)
{
	const char *key;
	json_t *value, *found = NULL;

	json_object_foreach (object, key, value)
		if (same_host(str_from(key), host) && !found)
			found = value;
	return found;
}

int registry_login_find(const char *config, struct str host,
			struct arena *arena, struct registry_login *login,
			struct error **err)
{
	auto_free char *path = config_path(config);
	auto_buf struct buf text = BUF_EMPTY;
	struct json_problem why;
	struct str store;

	*login = (struct registry_login){.user = STR_EMPTY};
	if (!path || !fs_exists(path))
		return 0;
	if (fs_read(path, MAX_CONFIG, &text, err))
		return -1;
	auto_json json_t *root = json_parse(buf_str(&text), MAX_CONFIG, &why);

	if (!root)
		return err_make(err, ERR_ENV, "%s:%u:%u: not JSON: %s", path,
				why.line, why.column, why.what);
	json_t *helper =
		member_of_host(json_get_object(root, "credHelpers"), host);

	if (helper)
		return ask_helper(json_str(helper), host, arena, login, err);
	take_entry(member_of_host(json_get_object(root, "auths"), host), arena,
		   login);
	if (login->user.n || login->identity_token.n ||
	    !json_get_str(root, "credsStore", &store))
		return 0;
	return ask_helper(store, host, arena, login, err);
}
