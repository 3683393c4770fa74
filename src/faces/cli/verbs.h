/* The verbs, each in cmd_<verb>.c. */
#pragma once

#include "faces/cli.h"

extern const struct cli_verb verb_build;
extern const struct cli_verb verb_check;
extern const struct cli_verb verb_completion;
extern const struct cli_verb verb_doctor;
extern const struct cli_verb verb_du;
extern const struct cli_verb verb_export;
extern const struct cli_verb verb_gc;
extern const struct cli_verb verb_init;
extern const struct cli_verb verb_key;
extern const struct cli_verb verb_load;
extern const struct cli_verb verb_lock;
extern const struct cli_verb verb_plan;
extern const struct cli_verb verb_schema;
extern const struct cli_verb verb_verify;
extern const struct cli_verb verb_version;
extern const struct cli_verb verb_why;

/* All of them, in the order of help; ends in NULL. */
extern const struct cli_verb *const cli_verbs[];
