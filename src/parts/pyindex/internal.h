/* pyindex/internal: the configuration, and the pages. */
#pragma once

#include <pthread.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/map.h"
#include "parts/pyindex.h"

enum {
	PYINDEX_CONFIG_MAX = 1 << 20,
	PYINDEX_PAGE_MAX = 128 << 20, /* the largest projects have 30 MB */
};

/* A file that a page lists. */
struct page_file {
	struct str name, url;
	struct digest sha256; /* zero where the page has none */
};

enum page_state { PAGE_LOADING, PAGE_READY, PAGE_FAILED };

struct page {
	enum page_state state;
	struct arena arena;
	ARRAY(struct page_file) files;
};

struct places {
	struct pyindex_place *p;
	size_t n, capacity;
};

struct pyindex {
	struct fetch *fetch;
	struct arena arena;
	char *folder;		  /* of the project, absolute */
	struct map bindings;	  /* normalised name to url (C string) */
	struct places configured; /* but for a default that must be asked */
	bool has_default;	  /* or is told to use none */
	pthread_mutex_t lock;	  /* guards all below */
	pthread_cond_t changed;
	bool default_asked;
	struct places places;
	struct map pages; /* "PLACE URL\nNAME" to struct page */
};

/* Adds a place; value is a url, or a path relative to folder. name may be "".
 * A value that is neither is an error that names source. The same url twice is
 * one place. */
int pyindex_add(struct pyindex *index, enum pyindex_kind kind, struct str name,
		struct str value, const char *folder, const char *source,
		bool is_default, bool is_explicit, struct error **err);

/* "NAME=URL" or a url, as uv takes it. */
int pyindex_add_named(struct pyindex *index, struct str value,
		      const char *folder, const char *source, bool is_default,
		      struct error **err);

/* What uv is told. */
int pyindex_read_uv(struct pyindex *index, struct error **err);

/* What pip is told. */
int pyindex_read_pip(struct pyindex *index, struct error **err);

/* The index that the installed uv or pip uses when nothing is configured:
 * heap, or NULL where neither is installed or says. *who names the program. */
char *pyindex_ask(const char **who);

/* A variable's value, empty where it is unset. */
struct str pyindex_env(const char *name);

/* True for "1", "true", "yes", "on" and "t" in any case. */
bool pyindex_is_true(struct str text);

/* Cuts the next word that white space or the separator ends off *rest. False
 * when there is none. */
bool pyindex_word(struct str *rest, char separator, struct str *word);

/* Reads a page's text, which came from base. JSON or HTML, as its content type
 * or, where that is empty, its first byte says. Entries without a name or with
 * a url that cannot be used are left out. */
int page_parse(struct page *page, struct str text, struct str content_type,
	       const char *base, struct error **err);
