/* error: why something failed, for the person who reads it.
 *
 * A fallible function returns 0 or -1 and takes `struct error **err` last. It
 * is NULL where the caller does not want to know, else it points to NULL and
 * is set on failure. The class decides the exit status. Diagnostics about the
 * fleet are values that are collected (decisions/verdict.h), not errors.
 */
#pragma once

enum error_class {
	ERR_FLEET = 1,	   /* the fleet's own files are wrong: exit status 1 */
	ERR_USAGE = 2,	   /* wrong use of the command: exit status 2 */
	ERR_ENV = 3,	   /* network, disk, a missing tool: exit status 3 */
	ERR_CANCELLED = 4, /* Ctrl-C or another task's failure: exit status 3 */
};

struct error;

/* Sets *err to a new error with a formatted message: what failed, on what,
 * why, and what to do next. Always returns -1. */
int err_make(struct error **err, enum error_class class, const char *format,
	     ...) __attribute__((format(printf, 3, 4)));

/* The same with ": " and the text of errno at the end, of class ERR_ENV. */
int err_sys(struct error **err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Puts context and ": " before the message of *err. Always returns -1. */
int err_wrap(struct error **err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Sets what to do next, printed on its own line after "hint: ". Returns -1. */
int err_hint(struct error **err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Borrowed; valid until the error is freed. The hint is "" where there is
 * none. All take a non-NULL error. */
const char *err_message(const struct error *error);
const char *err_hint_text(const struct error *error);
enum error_class err_class(const struct error *error);

/* The exit status of a class: 1, 2 or 3. */
int err_exit_status(enum error_class class);

/* They all return -1, and say so where a compiler and an analyzer see it. */
static inline int err_failed(void)
{
	return -1;
}
#define err_make(...) (err_make(__VA_ARGS__), err_failed())
#define err_sys(...)  (err_sys(__VA_ARGS__), err_failed())
#define err_wrap(...) (err_wrap(__VA_ARGS__), err_failed())
#define err_hint(...) (err_hint(__VA_ARGS__), err_failed())

/* Frees an error; NULL is fine. */
void err_free(struct error *error);
void err_free_pointer(struct error **error);
#define auto_err __attribute__((cleanup(err_free_pointer)))

/* Hands an error on: *to becomes from where wanted, else from is freed.
 * Returns -1. */
int err_pass(struct error **to, struct error *from);

/* The same for a copy, with its hint; from stays the caller's. */
int err_copy(struct error **to, const struct error *from);
