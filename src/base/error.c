#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct error {
	enum error_class class;
	char *message;
	char *hint; /* NULL where there is none */
};

__attribute__((format(printf, 1, 0))) static char *
format_text(const char *format, va_list args)
{
	char *text = NULL;

	if (vasprintf(&text, format, args) < 0)
		return mem_strdup("(a message that could not be formatted)");
	return text;
}

static int error_set(struct error **err, enum error_class class, char *message)
{
	if (!err) {
		free(message);
		return -1;
	}
	err_free(*err);
	*err = mem_zalloc(1, sizeof **err);
	(*err)->class = class;
	(*err)->message = message;
	return -1;
}

int(err_make)(struct error **err, enum error_class class, const char *format,
	      ...)
{
	va_list args;

	va_start(args, format);
	char *message = format_text(format, args);
	va_end(args);
	return error_set(err, class, message);
}

/* message = first ": " second; takes both. */
static char *join(char *first, const char *second)
{
	char *joined;

	if (asprintf(&joined, "%s: %s", first, second) < 0)
		return first;
	free(first);
	return joined;
}

int(err_sys)(struct error **err, const char *format, ...)
{
	int number = errno;
	va_list args;

	va_start(args, format);
	char *message = format_text(format, args);
	va_end(args);
	return error_set(err, ERR_ENV, join(message, strerror(number)));
}

int(err_wrap)(struct error **err, const char *format, ...)
{
	va_list args;

	if (!err || !*err)
		return -1;
	va_start(args, format);
	char *context = format_text(format, args);
	va_end(args);
	char *message = join(context, (*err)->message);

	free((*err)->message);
	(*err)->message = message;
	return -1;
}

int(err_hint)(struct error **err, const char *format, ...)
{
	va_list args;

	if (!err || !*err)
		return -1;
	va_start(args, format);
	free((*err)->hint);
	(*err)->hint = format_text(format, args);
	va_end(args);
	return -1;
}

const char *err_message(const struct error *error)
{
	return error->message;
}

const char *err_hint_text(const struct error *error)
{
	return error->hint ? error->hint : "";
}

enum error_class err_class(const struct error *error)
{
	return error->class;
}

int err_exit_status(enum error_class class)
{
	return class == ERR_CANCELLED ? 3 : (int)class;
}

void err_free(struct error *error)
{
	if (!error)
		return;
	free(error->message);
	free(error->hint);
	free(error);
}

void err_free_pointer(struct error **error)
{
	err_free(*error);
}

int err_pass(struct error **to, struct error *from)
{
	if (!to) {
		err_free(from);
		return -1;
	}
	if (*to != from)
		err_free(*to);
	*to = from;
	return -1;
}

int err_copy(struct error **to, const struct error *from)
{
	err_make(to, from->class, "%s", from->message);
	return from->hint ? err_hint(to, "%s", from->hint) : -1;
}
