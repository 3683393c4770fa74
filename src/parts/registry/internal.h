/* What the files of registry share. */
#pragma once

#include "parts/registry.h"

/* One of a WWW-Authenticate header. Parameters are unquoted. */
struct registry_challenge {
	bool is_bearer; /* else basic */
	struct str realm, service, scope;
};

/* The best challenge of the header's value, Bearer before Basic. False where
 * it has neither, or a Bearer without a realm. */
bool registry_challenge_parse(struct str value, struct arena *arena,
			      struct registry_challenge *challenge);

/* A user with a password, or only a token that is traded for others. */
struct registry_login {
	struct str user, password;
	struct str identity_token;
};

/* What config.json, or the helper that it names, has for a host. All empty
 * where it has nothing. config as in registry_options. */
int registry_login_find(const char *config, struct str host,
			struct arena *arena, struct registry_login *login,
			struct error **err);

/* True where the host is of this machine: "localhost", 127.*, "[::1]", with or
 * without a port. */
bool registry_is_loopback(struct str host);
