/* registry: a client of container registries.
 *
 * Knows: references as Docker reads them, logins of Docker's config.json and
 * its helpers, basic and token authentication, documents and blobs by digest.
 * Does not know: what is in a document (codec/oci.h), which image is wanted
 * for what (parts/base.h).
 *
 * Source: OCI distribution-spec v1.1, "Pull"; RFC 9110 section 11 (challenges);
 * the CNCF Distribution project's "Token Authentication Specification" and
 * "OAuth2 Token Authentication"; distribution/reference for the grammar:
 *
 *   reference  = [host '/'] repository [':' tag] ['@' digest]
 *   host       = the first part, where it has a '.', a ':' or a capital letter
 *                or is "localhost"; else docker.io
 *   repository = part ('/' part)*      part = [a-z0-9]+ (sep [a-z0-9]+)*
 *   sep        = '.' | '_' | '__' | '-'+
 *
 * Registries on loopback, and those that SLIPWAY_INSECURE_REGISTRIES names
 * ("host:port,host"), are asked by http, all others by https. A login goes to
 * the registry that it is for and to the token server that this one names, by
 * no less safe a scheme, and to no host of a redirect.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/str.h"

struct error;
struct fetch;
struct registry;
struct store;

struct registry_reference {
	struct str host;       /* "docker.io", "127.0.0.1:5000" */
	struct str repository; /* "library/python" */
	struct str tag;	       /* "3.10-slim"; empty where only a digest is */
	struct digest digest;  /* zero: that of the tag */
};

/* Reads a reference. Without tag and digest it means "latest". Texts are in
 * arena. ERR_FLEET for what Docker would not take either. */
int registry_reference_parse(struct str text, struct arena *arena,
			     struct registry_reference *reference,
			     struct error **err);

/* "library/python:3.10-slim@sha256:..." without the host, in arena. */
struct str registry_reference_path(const struct registry_reference *reference,
				   struct arena *arena);

struct registry_options {
	struct fetch *fetch;
	const char *insecure; /* hosts; NULL: SLIPWAY_INSECURE_REGISTRIES */
	const char *config;   /* path of a config.json; NULL: that in
			       * DOCKER_CONFIG, else in ~/.docker */
};

/* Asks nobody yet. Functions on it may be called from any thread. */
struct registry *registry_new(const struct registry_options *options);
void registry_free(struct registry *registry);

/* The document of a reference's digest, or else of its tag: its bytes appended
 * to body, the type that it came under in type, its digest, which is that of
 * the bytes. ERR_FLEET where there is no such image; ERR_ENV for a registry
 * that wants another login, fewer requests, fails, or sends something else. */
int registry_document(struct registry *registry,
		      const struct registry_reference *reference,
		      struct arena *arena, struct buf *body, struct str *type,
		      struct digest *digest, struct error **err);

/* Brings a blob of the reference's repository into the store, unless it is
 * there, as fetch_download() does. */
int registry_blob(struct registry *registry, struct store *store,
		  const struct registry_reference *reference,
		  const struct digest *digest, uint64_t size_bytes,
		  const char *label, struct error **err);
