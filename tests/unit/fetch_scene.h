/* fetch_scene: what the tests of fetch share: the file that is fetched, and
 * the handlers that more than one of them needs. */
#pragma once

#include <time.h>

#include "base/pool.h"
#include "http_server.h"
#include "parts/fetch.h"
#include "store_fleet.h"

static const struct fetch_options quick = {.pause_ms = 1, .stall_ms = 1000};

/* The file that downloads are about. */
enum { BODY_BYTES = 3000000 };
static char body_bytes[BODY_BYTES];

static inline struct str whole(void)
{
	return str_of(body_bytes, BODY_BYTES);
}

/* What a handler counts and is told. */
struct scene {
	struct server *other; /* for redirects */
	atomic_uint calls;
	atomic_bool leaked; /* credentials came where they must not */
	unsigned status;    /* to answer */
	unsigned failures;  /* requests to fail before */
	const char *headers;
	const char *etag;
};

static inline void answer_status(struct exchange *exchange)
{
	struct scene *scene = exchange->server->context;

	if (atomic_fetch_add(&scene->calls, 1) < scene->failures)
		server_answer(exchange, scene->status, scene->headers,
			      STR("not now"));
	else
		server_answer(exchange, 200, "X-Kind: test\r\n", STR("yes"));
}

static inline void answer_large(struct exchange *exchange)
{
	server_answer(exchange, 200, "", whole());
}

/* Answers ranges of the body. */
static inline void answer_part(struct exchange *exchange)
{
	struct scene *scene = exchange->server->context;
	struct str range = server_header(exchange, "Range"), part;
	uint64_t first = 0, last = BODY_BYTES - 1;
	struct buf headers = BUF_EMPTY;

	if (scene)
		atomic_fetch_add(&scene->calls, 1);
	if (!str_eat(&range, STR("bytes="))) {
		server_answer(exchange, 200, "", whole());
		return;
	}
	str_split(&range, '-', &part);
	if (part.n == 0) {
		str_to_u64(range, &first);
		first = BODY_BYTES - first;
	} else {
		str_to_u64(part, &first);
		str_to_u64(range, &last);
	}
	if (last >= BODY_BYTES)
		last = BODY_BYTES - 1;
	buf_printf(&headers, "Content-Range: bytes %llu-%llu/%d\r\n",
		   (unsigned long long)first, (unsigned long long)last,
		   BODY_BYTES);
	server_answer(exchange, 206, buf_text(&headers),
		      str_slice(whole(), first, last + 1));
	buf_release(&headers);
}

/* To be called first. */
static inline void scene_fill_body(void)
{
	for (size_t i = 0; i < BODY_BYTES; i++)
		body_bytes[i] = (char)(i * 2654435761u >> 13);
}
