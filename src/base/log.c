#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"

enum {
	REDRAW_MS = 100,      /* between two drawings of the bars */
	PLAIN_LINE_MS = 5000, /* between two plain lines of one progress */
	MAX_BARS = 4,	      /* drawn at once; the rest is counted */
	LABEL_COLUMNS = 44,   /* at most, of a bar's line */
	BAR_COLUMNS = 49,     /* of the rest of that line */
};

struct progress {
	struct progress *next;
	char *label;
	const char *unit;
	atomic_uint_fast64_t done, total;
	uint64_t last_plain_ms; /* under the lock */
};

static struct {
	pthread_mutex_t lock;
	enum log_level level;
	bool terminal, colour;
	unsigned drawn_lines;
	atomic_uint_fast64_t last_draw_ms;
	struct progress *running; /* in order of start */
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = LOG_NORMAL};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void log_init(enum log_level level)
{
	const char *term = getenv("TERM");
	const char *no_color = getenv("NO_COLOR");

	state.level = level;
	state.terminal =
		isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
	state.colour = state.terminal && !(no_color && *no_color);
}

bool log_is_verbose(void)
{
	return state.level == LOG_VERBOSE;
}

static bool shows_bars(void)
{
	return state.terminal && state.level >= LOG_NORMAL;
}

static void erase_bars(void)
{
	for (; state.drawn_lines; state.drawn_lines--)
		fputs("\033[1A\033[2K", stderr);
}

/* "1.2 MB of 2.0 GB", "3 of 5 files"; without a total "3 files", and nothing
 * as long as there is nothing. */
static void format_amount(char *text, size_t size, uint64_t done,
			  uint64_t total, const char *unit)
{
	bool is_bytes = strcmp(unit, "B") == 0;
	char whole[32] = "";

	if (total && is_bytes)
		snprintf(whole, sizeof whole, " of %s", log_bytes(total));
	else if (total)
		snprintf(whole, sizeof whole, " of %llu",
			 (unsigned long long)total);
	if (!total && !done)
		*text = '\0';
	else if (is_bytes)
		snprintf(text, size, "%s%s", log_bytes(done), whole);
	else
		snprintf(text, size, "%llu%s %s", (unsigned long long)done,
			 whole, unit);
}

/* Columns for a label beside the bar and two amounts, so that a line never
 * wraps: what has wrapped could not be erased. */
static size_t label_columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return LABEL_COLUMNS;
	if (size.ws_col < BAR_COLUMNS + 8)
		return 8;
	return size.ws_col - BAR_COLUMNS < LABEL_COLUMNS
		       ? size.ws_col - BAR_COLUMNS
		       : LABEL_COLUMNS;
}

static void draw_bar(struct progress *progress)
{
	uint64_t done = atomic_load(&progress->done);
	uint64_t total = atomic_load(&progress->total);
	char amount[80];
	char bar[25];
	size_t width = sizeof bar - 1;
	size_t filled = total ? (size_t)((double)(done < total ? done : total) /
					 (double)total * (double)width)
			      : 0;

	memset(bar, total ? '#' : ' ', filled);
	memset(bar + filled, total ? '.' : ' ', width - filled);
	bar[width] = '\0';
	format_amount(amount, sizeof amount, done, total, progress->unit);
	int columns = (int)label_columns();

	fprintf(stderr, total ? "%-*.*s [%s] %s\n" : "%-*.*s  %s  %s\n",
		columns, columns, progress->label, bar, amount);
	state.drawn_lines++;
}

static void draw_bars(void)
{
	unsigned running = 0;

	for (struct progress *p = state.running; p; p = p->next)
		if (running++ < MAX_BARS)
			draw_bar(p);
	if (running > MAX_BARS) {
		fprintf(stderr, "  and %u more\n", running - MAX_BARS);
		state.drawn_lines++;
	}
	fflush(stderr);
}

/* Bytes of the control character at p: 0, 1, or 2 for U+0080 to U+009F. */
static int control_length(const char *p)
{
	unsigned char c = (unsigned char)p[0];

	if (c == 0xc2 && (unsigned char)p[1] - 0x80u < 0x20)
		return 2;
	return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
}

/* Messages quote names that come from archives and servers. What would steer
 * the terminal is shown, not obeyed. */
static void put_text(const char *text)
{
	while (*text) {
		int n = control_length(text);

		if (n == 0)
			fputc(*text++, stderr);
		for (; n > 0; n--)
			fprintf(stderr, "\\x%02x", (unsigned char)*text++);
	}
}

static void print_line(const char *colour, const char *prefix, const char *text)
{
	pthread_mutex_lock(&state.lock);
	erase_bars();
	if (state.colour && *prefix)
		fprintf(stderr, "%s%s\033[0m", colour, prefix);
	else
		fputs(prefix, stderr);
	put_text(text);
	fputc('\n', stderr);
	if (shows_bars())
		draw_bars();
	pthread_mutex_unlock(&state.lock);
}

#define PRINT_FORMATTED(colour, prefix)                                        \
	do {                                                                   \
		char *text = NULL;                                             \
		va_list args;                                                  \
		va_start(args, format);                                        \
		if (vasprintf(&text, format, args) >= 0)                       \
			print_line(colour, prefix, text);                      \
		va_end(args);                                                  \
		free(text);                                                    \
	} while (0)

void log_info(const char *format, ...)
{
	if (state.level >= LOG_NORMAL)
		PRINT_FORMATTED("", "");
}

void log_verbose(const char *format, ...)
{
	if (state.level >= LOG_VERBOSE)
		PRINT_FORMATTED("", "");
}

void log_warn(const char *format, ...)
{
	PRINT_FORMATTED("\033[33m", "warning: ");
}

void log_error(const struct error *error)
{
	print_line("\033[31m", "error: ", err_message(error));
	if (*err_hint_text(error))
		print_line("\033[36m", "hint: ", err_hint_text(error));
}

struct progress *progress_new(const char *label, uint64_t total,
			      const char *unit)
{
	struct progress *progress = mem_zalloc(1, sizeof *progress);

	progress->label = mem_strdup(label);
	progress->unit = unit;
	atomic_store(&progress->total, total);
	progress->last_plain_ms = now_ms();
	pthread_mutex_lock(&state.lock);
	struct progress **end = &state.running;

	while (*end)
		end = &(*end)->next;
	*end = progress;
	if (shows_bars()) {
		erase_bars();
		draw_bars();
	}
	pthread_mutex_unlock(&state.lock);
	return progress;
}

void progress_set_total(struct progress *progress, uint64_t total)
{
	atomic_store(&progress->total, total);
}

static void plain_line(struct progress *progress, uint64_t now)
{
	char amount[80];

	if (now - progress->last_plain_ms < PLAIN_LINE_MS)
		return;
	progress->last_plain_ms = now;
	format_amount(amount, sizeof amount, atomic_load(&progress->done),
		      atomic_load(&progress->total), progress->unit);
	fprintf(stderr, "%s: %s\n", progress->label, amount);
}

void progress_add(struct progress *progress, uint64_t amount)
{
	atomic_fetch_add(&progress->done, amount);
	if (state.level < LOG_NORMAL)
		return;
	uint64_t now = now_ms();
	uint64_t last = atomic_load(&state.last_draw_ms);

	if (now - last < REDRAW_MS ||
	    !atomic_compare_exchange_strong(&state.last_draw_ms, &last, now))
		return;
	pthread_mutex_lock(&state.lock);
	if (state.terminal) {
		erase_bars();
		draw_bars();
	} else {
		plain_line(progress, now);
	}
	pthread_mutex_unlock(&state.lock);
}

void progress_free(struct progress *progress)
{
	if (!progress)
		return;
	pthread_mutex_lock(&state.lock);
	struct progress **at = &state.running;

	while (*at != progress)
		at = &(*at)->next;
	*at = progress->next;
	if (shows_bars()) {
		erase_bars();
		draw_bars();
	}
	pthread_mutex_unlock(&state.lock);
	free(progress->label);
	free(progress);
}

const char *log_bytes(uint64_t bytes)
{
	static _Thread_local char texts[8][24];
	static _Thread_local unsigned next;
	static const char *const units[] = {"kB", "MB", "GB", "TB"};
	char *text = texts[next++ % 8];

	if (bytes < 1000) {
		snprintf(text, sizeof texts[0], "%u B", (unsigned)bytes);
		return text;
	}
	double value = (double)bytes / 1000;
	size_t unit = 0;

	while (value >= 999.95 && unit < 3) {
		value /= 1000;
		unit++;
	}
	snprintf(text, sizeof texts[0], "%.1f %s", value, units[unit]);
	return text;
}
