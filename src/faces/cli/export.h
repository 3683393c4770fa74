/* `slipway lock --export pylock`: files for other installers. */
#pragma once

struct error;
struct workspace;

/* Writes one document per service that the words of the command line name (all
 * without any): to standard output where it is one and there is no -o, to the
 * file -o names where it is one, else as pylock.SERVICE.toml into the folder
 * -o names. */
int cli_export_pylock(const struct workspace *workspace, struct error **err);
