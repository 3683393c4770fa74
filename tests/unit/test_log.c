#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#include "base/log.h"

static void amounts_of_bytes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{0, "0 B"},
		{999, "999 B"},
		{1000, "1.0 kB"},
		{999949, "999.9 kB"},
		{999950, "1.0 MB"},
		{1234567, "1.2 MB"},
		{999950000, "1.0 GB"},
		{5000000000000, "5.0 TB"},
		{UINT64_MAX, "18446744.1 TB"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(log_bytes(cases[i].bytes), cases[i].text);
}

static void hostile_lines(void)
{
	struct error *err = NULL;

	log_init(LOG_NORMAL);
	log_info("plain %d", 1);
	log_verbose("not shown");
	log_warn("name \033[31m\r\007\x7f\xc2\x9b\xc3\xa9\n\tnext");
	err_make(&err, ERR_FLEET, "broken");
	err_hint(&err, "mend it");
	log_error(err);
	err_free(err);
}

static void quiet_lines(void)
{
	struct error *err = NULL;
	struct progress *progress;

	log_init(LOG_QUIET);
	log_info("not shown");
	progress = progress_new("not shown", 10, "files");
	progress_add(progress, 5);
	log_warn("shown");
	progress_set_total(progress, 20);
	progress_free(progress);
	err_make(&err, ERR_FLEET, "broken");
	log_error(err);
	err_free(err);
}

static void bars(void)
{
	log_init(LOG_NORMAL);
	struct progress *wide = progress_new(
		"a label that is much longer than a narrow terminal is wide",
		2000, "B");

	progress_add(wide, 1000);
	log_info("a line");
	progress_free(wide);
	log_info("the end");
}

/* What function prints to a stderr that is a pipe, or a terminal of that many
 * columns. */
static void printed(void (*function)(void), unsigned short columns,
		    struct buf *text)
{
	int ends[2], status;
	struct winsize size = {.ws_row = 24, .ws_col = columns};

	if (columns)
		assert_int_equal(openpty(&ends[0], &ends[1], NULL, NULL, &size),
				 0);
	else
		assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();

	if (pid == 0) {
		setenv("TERM", "xterm", 1);
		unsetenv("NO_COLOR");
		dup2(ends[1], STDERR_FILENO);
		function();
		_exit(0);
	}
	close(ends[1]);
	/* A terminal whose other end is closed gives EIO. */
	for (ssize_t n = 1; n > 0; text->n += n > 0 ? (size_t)n : 0) {
		buf_reserve(text, 4096);
		n = read(ends[0], text->p + text->n, 4096);
	}
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void what_would_steer_a_terminal_is_shown(void **state)
{
	auto_buf struct buf text = BUF_EMPTY;

	(void)state;
	printed(hostile_lines, 0, &text);
	assert_str(buf_str(&text),
		   "plain 1\n"
		   "warning: name \\x1b[31m\\x0d\\x07\\x7f\\xc2\\x9b\xc3\xa9\n"
		   "\tnext\n"
		   "error: broken\n"
		   "hint: mend it\n");
}

static void quiet_shows_no_progress(void **state)
{
	auto_buf struct buf text = BUF_EMPTY, terminal = BUF_EMPTY;

	(void)state;
	printed(quiet_lines, 0, &text);
	assert_str(buf_str(&text), "warning: shown\nerror: broken\n");
	printed(quiet_lines, 80, &terminal);
	assert_null(strstr(buf_text(&terminal), "not shown"));
	assert_non_null(strstr(buf_text(&terminal), "broken"));
}

static void a_bar_fits_its_terminal(void **state)
{
	auto_buf struct buf text = BUF_EMPTY;
	struct str rest, line;
	unsigned drawn = 0;

	(void)state;
	printed(bars, 60, &text);
	rest = buf_str(&text);
	while (str_line(&rest, &line)) {
		while (str_eat(&line, STR("\033[1A\033[2K")))
			;
		if (str_find(line, '[') < 0)
			continue;
		drawn++;
		if (line.n >= 60)
			fail_msg("%zu columns: '" STR_FMT "'", line.n,
				 STR_ARG(line));
	}
	assert_true(drawn >= 1);
	/* After the last bar is erased, its line is written over. */
	assert_non_null(strstr(buf_text(&text), "\033[2Kthe end"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(amounts_of_bytes),
		cmocka_unit_test(what_would_steer_a_terminal_is_shown),
		cmocka_unit_test(quiet_shows_no_progress),
		cmocka_unit_test(a_bar_fits_its_terminal),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
