/* Package indexes and Debian mirrors, as they are configured, and the clock. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "parts/debian.h"
#include "parts/fetch.h"
#include "parts/libcurl.h"
#include "parts/pyindex.h"
#include "work/doctor/findings.h"

enum { CLOCK_BOUND_S = 300 };

/* Source: RFC 9110, section 5.6.7, IMF-fixdate. */
static void check_clock(struct doctor *doctor, struct str date)
{
	auto_free char *text = str_dup(date);
	struct tm tm = {0};

	if (!strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm))
		return;
	long long apart = (long long)time(NULL) - (long long)timegm(&tm);

	if (llabs(apart) > CLOCK_BOUND_S)
		doctor_say(doctor, DOCTOR_WARNING, "clock",
			   "set it; certificates and signed archives are "
			   "judged by it",
			   "%lld s %s the index's", llabs(apart),
			   apart > 0 ? "ahead of" : "behind");
	else
		doctor_say(doctor, DOCTOR_OK, "clock", "",
			   "agrees with the index's");
}

static void check_folder(struct doctor *doctor,
			 const struct pyindex_place *place, const char *path)
{
	if (access(path, R_OK) == 0)
		doctor_say(doctor, DOCTOR_OK, "index", "", "%s (%s) is there",
			   path, place->source);
	else
		doctor_say(doctor, DOCTOR_MISSING, "index",
			   "make it, or take it out of the settings",
			   "'%s' (%s) cannot be read", path, place->source);
}

static void ask_place(struct doctor *doctor, const struct pyindex_place *place,
		      const char *shown, struct str *date)
{
	auto_fetch_response struct fetch_response response =
		FETCH_RESPONSE_EMPTY;
	auto_err struct error *error = NULL;
	struct fetch_request request = {.url = place->url, .method = "HEAD"};

	if (fetch_send(doctor->options->fetch, &request, &response, &error)) {
		doctor_fail(doctor, DOCTOR_MISSING, "index", error,
			    "check the network, the proxy (https_proxy) and "
			    "the index settings of uv or pip");
		return;
	}
	if (response.status == 401 || response.status == 403)
		doctor_say(doctor, DOCTOR_WARNING, "index",
			   "give its password in ~/.netrc",
			   "%s (%s) wants to know who asks", shown,
			   place->source);
	else
		doctor_say(doctor, DOCTOR_OK, "index", "", "%s (%s) answers",
			   shown, place->source);
	*date = arena_str(&doctor->report->arena,
			  fetch_header(&response, "date"));
}

static void check_index(struct doctor *doctor)
{
	const struct doctor_options *options = doctor->options;
	const struct pyindex_place *places;
	auto_err struct error *error = NULL;
	struct str date = STR_EMPTY;
	size_t count;

	if (!options->index) {
		doctor_say(doctor, DOCTOR_MISSING, "index", "", "%s",
			   options->index_problem);
		return;
	}
	if (pyindex_places(options->index, &places, &count, &error)) {
		doctor_fail(doctor, DOCTOR_MISSING, "index", error, "");
		return;
	}
	for (size_t i = 0; i < count; i++) {
		auto_free char *shown = fetch_url_public(places[i].url);
		auto_free char *path = fetch_url_path(places[i].url);

		if (path)
			check_folder(doctor, &places[i], path);
		else if (fetch_is_offline(options->fetch))
			doctor_say(doctor, DOCTOR_OK, "index", "",
				   "%s (%s), not asked: --offline", shown,
				   places[i].source);
		else
			ask_place(doctor, &places[i], shown, &date);
	}
	if (date.n)
		check_clock(doctor, date);
}

/* Fetches and judges the archive's signed list, which takes a mirror, gpgv, the
 * keys and a clock that is right. */
static void check_suite(struct doctor *doctor, const struct doctor_suite *suite)
{
	auto_err struct error *error = NULL;
	struct debian_source source = {
		.fetch = doctor->options->fetch,
		.store = doctor->store,
		.mirror = suite->mirror,
	};
	struct str mirror;

	if (debian_probe(&source, suite->suite, &doctor->report->arena, &mirror,
			 &error))
		doctor_fail(doctor, DOCTOR_MISSING, "debian", error,
			    "check the network and apt's sources, or name a "
			    "mirror in bases of fleet.yaml");
	else if (fetch_is_offline(source.fetch))
		doctor_say(doctor, DOCTOR_OK, "debian", "",
			   STR_FMT " from " STR_FMT ", not asked: --offline",
			   STR_ARG(suite->suite), STR_ARG(mirror));
	else
		doctor_say(doctor, DOCTOR_OK, "debian", "",
			   STR_FMT " from " STR_FMT ": signed and current",
			   STR_ARG(suite->suite), STR_ARG(mirror));
}

void doctor_check_network(struct doctor *doctor)
{
	/* Its absence is a finding of libraries.c. */
	if (libcurl_load(NULL))
		return;
	check_index(doctor);
	for (size_t i = 0; doctor->store && i < doctor->options->suite_count;
	     i++)
		check_suite(doctor, &doctor->options->suites[i]);
}
