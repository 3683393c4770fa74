/* keyring: the keys that an archive is judged by; for parts/debian only. */
#pragma once

#include "base/array.h"
#include "base/buf.h"
#include "parts/debian/archive.h"

struct keyring {
	const char *folder;   /* for the files below; borrowed */
	ARRAY(char *) files;  /* binary keyrings, for gpgv */
	struct buf described; /* where the keys come from, for messages */
};
#define KEYRING_EMPTY                                                          \
	{                                                                      \
		NULL, ARRAY_EMPTY, BUF_EMPTY                                   \
	}
void keyring_release(struct keyring *keyring);
#define auto_keyring __attribute__((cleanup(keyring_release)))

/* The keys for a mirror: the file that the source names; else what Signed-By
 * names; else this host's keyring of the Debian archive; else the package that
 * data/debian/keyring.txt pins. */
int keyring_open(const struct debian_source *source,
		 const struct debian_mirror *mirror, const char *folder,
		 struct keyring *keyring, struct error **err);
