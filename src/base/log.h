/* log: what the person at the terminal sees on stderr.
 *
 * Lines and progress share one lock, so that a bar is never torn by a line.
 * On a terminal progress is a bar that is drawn over itself, otherwise a plain
 * line now and then; with --quiet there is none of either.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct error;

enum log_level { LOG_QUIET, LOG_NORMAL, LOG_VERBOSE };

/* Once, at start. Colour and bars follow from stderr being a terminal,
 * NO_COLOR and TERM=dumb. */
void log_init(enum log_level level);

bool log_is_verbose(void);

/* A line. warn and error lines are shown with --quiet too. */
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_verbose(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "error: message" and, where there is one, "hint: ...". */
void log_error(const struct error *error);

/* One running piece of work: "splicing torch [#####   ] 412 MB of 797 MB".
 * Any thread may advance it. */
struct progress;

/* total of 0 means unknown. unit is "B" for bytes (printed as kB, MB, GB) or
 * the name of what is counted ("files"). label is copied. */
struct progress *progress_new(const char *label, uint64_t total,
			      const char *unit);
void progress_set_total(struct progress *progress, uint64_t total);
void progress_add(struct progress *progress, uint64_t amount);

/* Ends it; on a terminal the bar disappears. NULL is fine. */
void progress_free(struct progress *progress);

/* 1234567 as "1.2 MB" in one of a few rotating thread-local buffers. */
const char *log_bytes(uint64_t bytes);
