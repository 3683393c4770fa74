/* slipway key: keys that sign what a lock says of layers. */
#include <stdio.h>

#include "base/error.h"
#include "base/sign.h"
#include "codec/json.h"
#include "faces/cli/verbs.h"
#include "faces/cli/workspace.h"

static const struct cli_option key_options[] = {
	{"new", 0, CLI_FLAG, NULL, "make the key: FILE must not be there",
	 offsetof(struct cli_options, make_new)},
	CLI_OPTIONS_END,
};

static int run(const struct cli_options *options, struct error **err)
{
	auto_sign_key struct sign_key *key = NULL;

	if (options->word_count != 1)
		return err_make(err, ERR_USAGE,
				"'slipway key' needs the name of one file");
	const char *path = options->words[0];

	if ((options->make_new && sign_key_make(path, err)) ||
	    sign_key_read(path, &key, err))
		return -1;
	struct sign_public public = sign_key_public(key);
	struct sign_public_text text = sign_public_text(&public);

	if (options->json) {
		json_t *root = json_object();

		json_object_set_new(root, "public", json_string(text.p));
		workspace_print_json(root);
	} else {
		puts(text.p);
	}
	return 0;
}

const struct cli_verb verb_key = {
	.name = "key",
	.summary = "a key that signs what the lock says of layers",
	.synopsis = "[--new] FILE",
	.about = "Prints the public half of a private key, as policy.trust "
		 "takes it; --new makes\nthe key first. Keep FILE where only "
		 "your CI reads it. Keys of 'openssl genpkey\n-algorithm "
		 "ed25519' do as well.\n\n"
		 "  slipway key --new ci.pem\n"
		 "  slipway build --record --sign ci.pem",
	.takes_words = true,
	.options = key_options,
	.run = run,
};
