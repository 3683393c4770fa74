/* sandbox: runs a program inside an image's root, away from the host.
 *
 * Knows: bubblewrap, namespaces, overlay mounts, bounds. Does not know: what is
 * run, or where the root comes from.
 *
 * Inside: own user, mount, process, network (loopback only), IPC and host name
 * spaces; the root is read-only; /tmp, /run, /dev/shm and what the caller names
 * are empty and writable; /proc and a minimal /dev; no environment but the
 * given one; no new privileges.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/proc.h"

struct error;

/* A host file or folder shown inside. */
struct sandbox_bind {
	const char *from; /* on the host */
	const char *to;	  /* absolute, inside */
	int writable;
};

struct sandbox_options {
	/* Unpacked layers, lowest first, which an overlay makes one root of;
	 * one folder is taken as it is. */
	const char *const *roots;
	size_t root_count;
	const struct sandbox_bind *binds;
	size_t bind_count;
	const char *const *writable; /* empty folders, absolute; ends in NULL;
				      * NULL: none */
	const char *const *argv; /* argv[0] is looked up inside; ends in NULL */
	const char *const *env;	 /* "NAME=value"; ends in NULL; NULL: none */
	const char *folder;	 /* working folder inside; NULL: "/" */
	uint32_t uid, gid;	 /* inside */
	uint64_t memory_bytes; /* address space of each process; 0: no bound */
	uint64_t timeout_ms;   /* 0: none */
	size_t max_output_bytes; /* of each stream; 0: 64 MiB */
};

/* 0 where sandboxes can be made on this host, else -1 with the reason and, as
 * its hint, how to allow them. with_overlay asks for more than one root. */
int sandbox_check(int with_overlay, struct error **err);

/* Runs argv to its end. 0 whatever its exit status; -1 where it could not be
 * run or ran into a bound (result->ended_early says which). */
int sandbox_run(const struct sandbox_options *options,
		struct proc_result *result, struct error **err);
