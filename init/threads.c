#include "threads.h"

#include "number.h"
#include "text.h"

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FILE_BYTES = 32768, PATH_BYTES = 1024 };

struct search {
	const char *root;
	struct cpu_limit limit;
	char groups[FILE_BYTES]; /* /proc/self/cgroup */
	char mounts[FILE_BYTES]; /* /proc/self/mountinfo */
};

/* One line of mountinfo, of which only these matter. */
struct mount {
	char root[PATH_BYTES]; /* which folder of the cgroup tree is mounted */
	char point[PATH_BYTES];
	char type[32];
	char options[256];
};

static void search_limit(struct search *s, long cpus, const char *from)
{
	if (cpus < 1)
		cpus = 1;
	if (cpus < s->limit.cpus) {
		s->limit.cpus = (int)cpus;
		s->limit.from = from;
	}
}

/* Reads a file below root; the empty string where there is none. */
static void file_read(const char *root, const char *path, char *out, size_t cap)
{
	char full[PATH_BYTES * 3];
	struct text text = TEXT_OF(full);
	size_t n = 0;
	ssize_t got;
	int fd;

	out[0] = '\0';
	text_addf(&text, "%s%s", root, path);
	if (text.cut)
		return;
	fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return;
	while (n + 1 < cap && (got = read(fd, out + n, cap - 1 - n)) > 0)
		n += (size_t)got;
	out[n] = '\0';
	close(fd);
}

/* Takes a number off a CPU list. */
static bool cpu_take(const char **p, long *out)
{
	size_t n = strspn(*p, "0123456789");
	char digits[8];

	if (n == 0 || n >= sizeof(digits))
		return false;
	memcpy(digits, *p, n);
	digits[n] = '\0';
	*p += n;
	return number_read(digits, 0, 1000000, out);
}

/* Counts the CPUs of a list such as "0-3,8"; 0 when it is not one. */
static long cpu_list_count(const char *list)
{
	long count = 0;

	while (*list && *list != '\n') {
		long first, last;

		if (!cpu_take(&list, &first))
			return 0;
		last = first;
		if (*list == '-') {
			list++;
			if (!cpu_take(&list, &last))
				return 0;
		}
		if (last < first)
			return 0;
		count += last - first + 1;
		if (*list == ',')
			list++;
	}
	return count;
}

/* Limits by quota and period in microseconds, where both are numbers: "max"
 * and -1 are none. */
static void quota_limit(struct search *s, const char *quota, const char *period,
			const char *from)
{
	long quota_us, period_us, cpus;

	if (!number_read(quota, 1, LONG_MAX, &quota_us) ||
	    !number_read(period, 1, LONG_MAX, &period_us))
		return;
	cpus = quota_us / period_us;
	search_limit(s, cpus > INT_MAX ? INT_MAX : cpus, from);
}

/* Reads the words of a file of a group's folder; how many of the wanted. */
static unsigned words_read(const struct search *s, const char *folder,
			   const char *file, char words[][24], unsigned wanted)
{
	char path[PATH_BYTES * 2 + 64], value[128];
	struct text text = TEXT_OF(path);
	const char *p = value;
	unsigned count = 0;

	text_addf(&text, "%s/%s", folder, file);
	file_read(s->root, path, value, sizeof(value));
	while (count < wanted && word_take(&p, words[count], sizeof(*words)))
		count++;
	return count;
}

static void read_quota_v2(struct search *s, const char *folder)
{
	char words[2][24];

	if (words_read(s, folder, "cpu.max", words, 2) == 2)
		quota_limit(s, words[0], words[1], "cgroup v2 cpu.max");
}

static void read_quota_v1(struct search *s, const char *folder)
{
	char quota[1][24], period[1][24];

	if (words_read(s, folder, "cpu.cfs_quota_us", quota, 1) == 1 &&
	    words_read(s, folder, "cpu.cfs_period_us", period, 1) == 1)
		quota_limit(s, quota[0], period[0], "cgroup v1 quota");
}

static void read_cpuset(struct search *s, const char *folder, const char *file,
			const char *from)
{
	char path[PATH_BYTES * 2 + 64], value[4096];
	struct text text = TEXT_OF(path);
	long count;

	text_addf(&text, "%s/%s", folder, file);
	file_read(s->root, path, value, sizeof(value));
	count = cpu_list_count(value);
	if (count > 0)
		search_limit(s, count, from);
}

static void read_v2(struct search *s, const char *folder)
{
	read_quota_v2(s, folder);
	read_cpuset(s, folder, "cpuset.cpus.effective", "cgroup v2 cpuset");
}

static void read_v1_cpuset(struct search *s, const char *folder)
{
	read_cpuset(s, folder, "cpuset.effective_cpus", "cgroup v1 cpuset");
	read_cpuset(s, folder, "cpuset.cpus", "cgroup v1 cpuset");
}

/* Calls read for the group's folder and each of its ancestors up to the mount
 * point. Where the mount shows only a part of the tree (a container without a
 * cgroup namespace), the path is taken relative to that part. */
static void walk_up(struct search *s, const struct mount *mount,
		    const char *group,
		    void (*read)(struct search *, const char *))
{
	char folder[PATH_BYTES * 2 + 1];
	struct text text = TEXT_OF(folder);
	size_t root_n = strlen(mount->root), keep;

	if (root_n > 1 && strncmp(group, mount->root, root_n) == 0 &&
	    (group[root_n] == '/' || group[root_n] == '\0'))
		group += root_n;
	text_add(&text, mount->point);
	keep = text.n;
	if (strcmp(group, "/") != 0 && !strstr(group, "/.."))
		text_add(&text, group);
	for (;;) {
		char *slash;

		read(s, folder);
		if (strlen(folder) <= keep)
			return;
		slash = strrchr(folder, '/');
		if (!slash || (size_t)(slash - folder) < keep)
			return;
		*slash = '\0';
	}
}

/* True when a comma list holds a word. */
static bool list_has(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; (p = strstr(p, word)); p += n)
		if ((p == list || p[-1] == ',') &&
		    (p[n] == ',' || p[n] == '\0' || p[n] == ':'))
			return true;
	return false;
}

/* Finds the path of this process for a v1 controller, or for v2 where
 * controller is "". Lines are "ID:CONTROLLERS:PATH". */
static bool group_find(const char *groups, const char *controller, char *path)
{
	for (const char *line = groups; *line;) {
		size_t n = strcspn(line, "\n");
		const char *list = memchr(line, ':', n);
		const char *colon = list ? memchr(list + 1, ':',
						  n - (size_t)(list + 1 - line))
					 : NULL;

		if (colon) {
			char names[256];
			struct text text = TEXT_OF(names);
			size_t path_n = n - (size_t)(colon + 1 - line);

			names[0] = '\0';
			text_add_bytes(&text, list + 1,
				       (size_t)(colon - list - 1));
			if ((controller[0] ? list_has(names, controller)
					   : names[0] == '\0') &&
			    path_n < PATH_BYTES) {
				memcpy(path, colon + 1, path_n);
				path[path_n] = '\0';
				return true;
			}
		}
		line += n + (line[n] == '\n');
	}
	return false;
}

/* Lines are "ID PARENT DEV ROOT POINT OPTIONS [TAG...] - TYPE SOURCE SUPER". */
static bool mount_read(const char *line, size_t n, struct mount *mount)
{
	char copy[PATH_BYTES * 3], skip[256];
	const char *p = copy, *tail;

	if (n >= sizeof(copy))
		return false;
	memcpy(copy, line, n);
	copy[n] = '\0';
	tail = strstr(copy, " - ");
	if (!tail)
		return false;
	tail += 3;
	return word_take(&p, skip, sizeof(skip)) &&
	       word_take(&p, skip, sizeof(skip)) &&
	       word_take(&p, skip, sizeof(skip)) &&
	       word_take(&p, mount->root, sizeof(mount->root)) &&
	       word_take(&p, mount->point, sizeof(mount->point)) &&
	       word_take(&tail, mount->type, sizeof(mount->type)) &&
	       word_take(&tail, skip, sizeof(skip)) &&
	       word_take(&tail, mount->options, sizeof(mount->options));
}

static void search_mount(struct search *s, const struct mount *mount)
{
	char group[PATH_BYTES];

	if (strcmp(mount->type, "cgroup2") == 0) {
		if (group_find(s->groups, "", group))
			walk_up(s, mount, group, read_v2);
		return;
	}
	if (strcmp(mount->type, "cgroup") != 0)
		return;
	if (list_has(mount->options, "cpu") &&
	    group_find(s->groups, "cpu", group))
		walk_up(s, mount, group, read_quota_v1);
	if (list_has(mount->options, "cpuset") &&
	    group_find(s->groups, "cpuset", group))
		walk_up(s, mount, group, read_v1_cpuset);
}

/* CPUs in the affinity mask; the C library's set is too small for some
 * machines, the kernel says how many bytes it filled. */
static long affinity_count(void)
{
	unsigned long mask[1024];
	long bytes = syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);
	long count = 0;

	for (long i = 0; i < bytes / (long)sizeof(*mask); i++)
		count += __builtin_popcountl(mask[i]);
	return count;
}

struct cpu_limit cpu_limit_find(const char *root)
{
	static struct search s;
	long affinity = affinity_count();

	s.root = root;
	s.limit = (struct cpu_limit){INT_MAX, "nothing"};
	search_limit(&s, affinity > 0 ? affinity : 1, "affinity");
	file_read(root, "/proc/self/cgroup", s.groups, sizeof(s.groups));
	file_read(root, "/proc/self/mountinfo", s.mounts, sizeof(s.mounts));
	for (const char *line = s.mounts; *line;) {
		size_t n = strcspn(line, "\n");
		struct mount mount;

		if (mount_read(line, n, &mount))
			search_mount(&s, &mount);
		line += n + (line[n] == '\n');
	}
	return s.limit;
}

/* Replaces the word "auto" in a variable by the number of CPUs. */
static void auto_resolve(struct environment *env, const char *name,
			 const struct cpu_limit *limit)
{
	const char *value = environment_get(env, name);
	char number[16];
	struct text text = TEXT_OF(number);

	if (!value || strcmp(value, "auto") != 0)
		return;
	text_addf(&text, "%d", limit->cpus);
	environment_set(env, name, number, SOURCE_INIT);
}

/* The general variable decides where a library's own one is absent, "auto",
 * or of a weaker source. */
static void wish_apply(struct environment *env, const char *name,
		       const char *wish, enum source wish_source)
{
	const char *value = environment_get(env, name);

	if (!value || strcmp(value, "auto") == 0 ||
	    wish_source > environment_source(env, name))
		environment_set(env, name, wish, SOURCE_INIT);
}

const char *threads_apply(struct environment *env,
			  const struct cpu_limit *limit)
{
	static const struct {
		const char *general, *names[5];
	} sets[] = {
		{"SLIPWAY_THREADS",
		 {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS",
		  "NUMEXPR_NUM_THREADS"}},
		{"SLIPWAY_WORKERS", {"WEB_CONCURRENCY", "UVICORN_WORKERS"}},
	};

	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
		const char *general = sets[i].general;
		enum source source = environment_source(env, general);
		const char *wish;
		char copy[16];
		long number;

		auto_resolve(env, general, limit);
		wish = environment_get(env, general);
		if (wish && !number_read(wish, 1, 100000, &number))
			return general;
		text_copy(copy, sizeof(copy), wish ? wish : "");
		for (size_t j = 0; sets[i].names[j]; j++) {
			if (wish)
				wish_apply(env, sets[i].names[j], copy, source);
			auto_resolve(env, sets[i].names[j], limit);
		}
	}
	return NULL;
}
