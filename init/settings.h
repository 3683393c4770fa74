/* settings: what slipway-init was told, by variables and by flags.
 *
 * Knows: one table in which each setting has a variable (SLIPWAY_GRACE) and a
 * flag (--grace); a flag is stronger. docs/init.md lists them for people. Does
 * not know: what the settings do.
 */
#pragma once

#include "environment.h"
#include "gpu_state.h"
#include "log.h"
#include "probe.h"
#include "signals.h"

#include <stdbool.h>
#include <stdint.h>

struct settings {
	const char *service, *machine, *revision; /* NULL when not given */

	int grace_ms;  /* from a stop signal to SIGKILL; -1 for ever */
	int linger_ms; /* for what outlives the main process */
	bool to_group, own_session;
	uint8_t rewrite[SIGNAL_MAX + 1]; /* signal to send; 0: drop */
	bool stops[SIGNAL_MAX + 1];	 /* starts the grace period */
	bool exit_ok[256];		 /* turned into 0 */
	int parent_death;		 /* signal, or 0 */
	enum log_level log;

	bool has_health;
	char health_host[64]; /* empty: every address */
	uint16_t health_port;
	struct probe probe;
	int interval_ms, retries;

	struct gpu_wish gpu;
};

/* One flag as given: "--grace" with its value (NULL where it takes none). */
struct flag {
	const char *name, *value;
};

enum { FLAGS_MAX = 64 };

/* What flag_find() says of an argument. */
enum flag_kind { FLAG_UNKNOWN, FLAG_SWITCH, FLAG_VALUE };

/* The long name of an argument such as "-g" or "--grace", and its kind. */
enum flag_kind flag_find(const char *argument, const char **name);

/* Reads every setting; names and values are borrowed from env and flags. On
 * failure false, with a line that names the setting in problem. */
bool settings_read(struct settings *settings, const struct environment *env,
		   const struct flag *flags, unsigned flag_count,
		   char problem[200]);
