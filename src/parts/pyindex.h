/* pyindex: where a distribution's file is: its url on a package index.
 *
 * Knows: how uv and pip are told which index to use, simple index pages. Does
 * not know: versions, tags, what to choose (that is the resolver's), or any
 * index of its own: there is no host in this code.
 *
 * Sources: PyPA simple repository API (PEP 503, PEP 691, PEP 700); uv's
 * settings reference; pip's configuration reference.
 *
 * A bound package is looked for on its index only. Any other is looked for on
 * what uv is told (UV_INDEX, UV_EXTRA_INDEX_URL, UV_DEFAULT_INDEX or
 * UV_INDEX_URL, UV_FIND_LINKS; uv.toml or pyproject.toml of the project, then
 * of the user, then of the system), then on what pip is told (PIP_INDEX_URL,
 * PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS; PIP_CONFIG_FILE, pip.conf of the virtual
 * environment, the user and the system). uv's default index hides pip's. Where
 * neither names one, the installed uv or pip is asked what it would use.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/hash.h"
#include "base/str.h"

struct error;
struct fetch;
struct pyindex;

/* A package that comes from one index only. */
struct pyindex_binding {
	struct str package; /* any spelling of its name */
	struct str url;	    /* of the simple index */
};

struct pyindex_options {
	struct fetch *fetch;
	const char *folder; /* of the project; NULL: the working folder */
	const struct pyindex_binding *bindings; /* copied */
	size_t binding_count;
};

/* Reads the configuration. A file of it that cannot be parsed is an error with
 * its name and line (ERR_ENV). */
int pyindex_new(const struct pyindex_options *options, struct pyindex **index,
		struct error **err);
void pyindex_free(struct pyindex *index);

enum pyindex_kind {
	PYINDEX_SIMPLE, /* one page per package below the url */
	PYINDEX_FLAT,	/* one page, or one folder, with all files */
};

/* One configured place, credentials in its url. Borrowed from the pyindex. */
struct pyindex_place {
	enum pyindex_kind kind;
	const char *name;   /* as uv's "name", or "" */
	const char *url;    /* http, https or file */
	const char *source; /* who says so: "UV_INDEX", "/etc/pip.conf" */
	bool is_default;
	bool is_explicit; /* only for packages bound to it */
};

/* The places in the order in which they are asked. Asks uv or pip for the
 * default where nothing else names one; -1 (ERR_ENV) where nobody knows one. */
int pyindex_places(struct pyindex *index, const struct pyindex_place **places,
		   size_t *count, struct error **err);

/* The url of a file of a distribution: heap, the caller frees. It carries the
 * index's credentials where it is on the index's own host. sha256 may be NULL;
 * where it is given, a file for which the page gives another hash is no
 * answer. Pages are kept for the life of the pyindex. Any thread may call it.
 * ERR_ENV where no place has the file: the message lists the places asked. */
int pyindex_url(struct pyindex *index, struct str distribution,
		struct str file_name, const struct digest *sha256, char **url,
		struct error **err);
