/* What the host is, and which libraries this program runs with. */
#include <archive.h>
#include <curl/curl.h>
#include <jansson.h>
#include <linux/magic.h>
#include <openssl/crypto.h>
#include <solv/solvversion.h>
#include <sqlite3.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <zstd.h>

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
	doctor_say(doctor, DOCTOR_OK, "libraries", "",
		   "slipway %s; curl %s, %s, sqlite %s, zstd %s, %s, jansson "
		   "%s, libsolv %s",
		   SLIPWAY_VERSION, curl_version_info(CURLVERSION_NOW)->version,
		   OpenSSL_version(OPENSSL_VERSION), sqlite3_libversion(),
		   ZSTD_versionString(), archive_version_string(),
		   jansson_version_str(), solv_version);
}
