#include "family.h"

#include "alive.h"

#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

void family_signal(pid_t main_pid, int number)
{
	struct dirent *entry;
	int self = getpid();
	DIR *proc;

	if (self == 1) {
		kill(-1, number);
		return;
	}
	if (main_pid > 1)
		kill(-main_pid, number);
	proc = opendir("/proc");
	if (!proc)
		return;
	while ((entry = readdir(proc))) {
		long pid = strtol(entry->d_name, NULL, 10);
		unsigned long long start_ticks;
		int parent;
		char state;

		if (pid > 1 && pid <= INT_MAX &&
		    process_read((int)pid, &state, &parent, &start_ticks) &&
		    parent == self)
			kill((pid_t)pid, number);
	}
	closedir(proc);
}
