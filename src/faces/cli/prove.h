/* The part of `lock` that proves what a lock records of layers. */
#pragma once

struct error;
struct json_t;
struct workspace;

/* Makes the recorded layers, or with --since those whose record is not in that
 * lock, prints what is wrong and sets "proof" in root. Exit status, or -1. */
int cli_prove(const struct workspace *workspace, struct json_t *root,
	      struct error **err);
