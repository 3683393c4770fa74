/* log: one line at a time on standard error.
 *
 * Knows: the "slipway-init: " prefix, levels, and that a full pipe must not
 * stop PID 1: a line that cannot be written at once is dropped.
 */
#pragma once

#include <stdarg.h>

enum log_level { LOG_QUIET, LOG_INFO, LOG_DEBUG };

/* Lines above this level are not written. The start value is LOG_INFO. */
void log_set_level(enum log_level level);

/* Writes a line, newline added. LOG_QUIET lines are errors: always written. */
void log_line(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
