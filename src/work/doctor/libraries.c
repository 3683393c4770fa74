/* Which libraries this program runs with. */
#include <jansson.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <zstd.h>

#include "base/error.h"
#include "codec/libarchive.h"
#include "parts/libcurl.h"
#include "parts/libsolv.h"
#include "work/doctor/findings.h"

void doctor_check_libraries(struct doctor *doctor)
{
	auto_err struct error *error = NULL;

	if (libcurl_load(&error) || libarchive_load(&error) ||
	    libsolv_load(&error) || libsolvext_load(&error)) {
		doctor_fail(doctor, DOCTOR_MISSING, "libraries", error, "");
		return;
	}
	doctor_say(doctor, DOCTOR_OK, "libraries", "",
		   "slipway %s; curl %s, %s, sqlite %s, zstd %s, %s, jansson "
		   "%s, libsolv %s",
		   SLIPWAY_VERSION,
		   libcurl.version_info(CURLVERSION_NOW)->version,
		   OpenSSL_version(OPENSSL_VERSION), sqlite3_libversion(),
		   ZSTD_versionString(), libarchive.version_string(),
		   jansson_version_str(), *libsolv.solv_version);
}
