#include "log.h"

#include "text.h"

#include <poll.h>
#include <unistd.h>

/* The one piece of state that every file would otherwise have to hand on. */
static enum log_level log_level = LOG_INFO;

void log_set_level(enum log_level level)
{
	log_level = level;
}

void log_line(enum log_level level, const char *format, ...)
{
	struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
	char line[1024], out[sizeof(line) + 32];
	struct text plain = TEXT_OF(line), text = TEXT_OF(out);
	va_list args;

	if (level > log_level)
		return;
	va_start(args, format);
	text_addvf(&plain, format, args);
	va_end(args);
	text_add(&text, "slipway-init: ");
	text_add_plain(&text, line, plain.n);
	text_add(&text, "\n");
	/* A pipe that polls writable takes PIPE_BUF bytes without blocking;
	 * the descriptor itself must stay blocking, the child shares it. */
	if (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT))
		return;
	if (write(STDERR_FILENO, out, text.n) < 0)
		return;
}
