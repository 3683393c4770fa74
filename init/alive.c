#include "alive.h"

#include "number.h"
#include "text.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t proc_read(const char *path, char *out, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	out[0] = '\0';
	if (fd < 0)
		return 0;
	n = read(fd, out, cap - 1);
	close(fd);
	if (n < 0)
		n = 0;
	out[n] = '\0';
	return (size_t)n;
}

bool process_read(int pid, char *state, int *parent,
		  unsigned long long *start_ticks)
{
	enum { STATE = 0, PARENT = 1, START = 19 }; /* counted from state */
	char path[48], line[1024], word[24] = "";
	struct text text = TEXT_OF(path);
	const char *rest;
	long number;

	text_addf(&text, "/proc/%d/stat", pid);
	proc_read(path, line, sizeof(line));
	/* The name is in brackets and may hold anything, brackets too. */
	rest = strrchr(line, ')');
	if (!rest)
		return false;
	rest++;
	for (int i = STATE; i <= START; i++) {
		if (!word_take(&rest, word, sizeof(word)))
			return false;
		if (i == STATE)
			*state = word[0];
		if (i == PARENT) {
			if (!number_read(word, 0, INT_MAX, &number))
				return false;
			*parent = (int)number;
		}
	}
	if (!number_read(word, 0, LONG_MAX, &number))
		return false;
	*start_ticks = (unsigned long long)number;
	return true;
}

static bool is_init(int pid)
{
	char path[48], name[32];
	struct text text = TEXT_OF(path);

	text_addf(&text, "/proc/%d/comm", pid);
	proc_read(path, name, sizeof(name));
	return strcmp(name, "slipway-init\n") == 0;
}

struct oldest {
	int parent;
	bool want_init; /* only children that are an init themselves */
	int pid;	/* 0: none */
	unsigned long long start_ticks;
};

static void oldest_consider(struct oldest *oldest, int pid)
{
	unsigned long long start_ticks;
	int parent;
	char state;

	if (!process_read(pid, &state, &parent, &start_ticks) ||
	    parent != oldest->parent || (oldest->want_init && !is_init(pid)))
		return;
	if (!oldest->pid || start_ticks < oldest->start_ticks ||
	    (start_ticks == oldest->start_ticks && pid < oldest->pid)) {
		oldest->pid = pid;
		oldest->start_ticks = start_ticks;
	}
}

/* The kernel lists children in the order in which they came to their parent,
 * so that the first few are enough. Only without that list, or where none of
 * its first few is meant, all of /proc is read. */
static int oldest_child(int parent, bool want_init)
{
	struct oldest oldest = {.parent = parent, .want_init = want_init};
	char path[64], list[512];
	struct text text = TEXT_OF(path);
	struct dirent *entry;
	char *end;
	size_t n;
	DIR *proc;

	text_addf(&text, "/proc/%d/task/%d/children", parent, parent);
	n = proc_read(path, list, sizeof(list));
	for (const char *p = list; *p; p = end) {
		long pid = strtol(p, &end, 10);

		/* A number that touches the end may be cut. */
		if (end == p || *end == '\0' || pid > INT_MAX)
			break;
		oldest_consider(&oldest, (int)pid);
	}
	if (oldest.pid || (n > 0 && n < sizeof(list) - 1))
		return oldest.pid;
	proc = opendir("/proc");
	if (!proc)
		return 0;
	while ((entry = readdir(proc))) {
		long pid = strtol(entry->d_name, NULL, 10);

		if (pid > 0 && pid <= INT_MAX)
			oldest_consider(&oldest, (int)pid);
	}
	closedir(proc);
	return oldest.pid;
}

enum alive alive_check(struct probe_result *result)
{
	struct text text = TEXT_OF(result->message);
	int init = is_init(1) ? 1 : oldest_child(1, true);
	int pid = init ? oldest_child(init, false) : 0;
	unsigned long long start_ticks;
	int parent;
	char state;

	result->message[0] = '\0';
	if (!init) {
		text_add(&text, "no slipway-init runs in this container");
		return ALIVE_NO_INIT;
	}
	if (!pid || !process_read(pid, &state, &parent, &start_ticks)) {
		text_add(&text, "the main process is not there");
		return ALIVE_NO;
	}
	if (strchr("TtZXx", state)) {
		text_addf(&text, "the main process %d is %s", pid,
			  state == 'T' || state == 't' ? "stopped" : "dead");
		return ALIVE_NO;
	}
	text_addf(&text, "the main process %d is running", pid);
	return ALIVE_YES;
}
