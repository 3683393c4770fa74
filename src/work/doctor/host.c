/* What the host is. */
#include <linux/magic.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pool.h"
#include "work/doctor/findings.h"

static const char *cgroup_version(void)
{
	struct statfs info;

	if (statfs("/sys/fs/cgroup", &info))
		return "none";
	return info.f_type == CGROUP2_SUPER_MAGIC ? "2" : "1";
}

void doctor_check_host(struct doctor *doctor)
{
	struct utsname host;
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	uname(&host);
	doctor_say(doctor, DOCTOR_OK, "host", "",
		   "%s %s on %s, %u cores, %s of memory, cgroup version %s",
		   host.sysname, host.release, host.machine, pool_core_count(),
		   log_bytes((uint64_t)pages * (uint64_t)size),
		   cgroup_version());
}
