#include "number.h"

#include <stddef.h>
#include <string.h>

/* Reads digits at *cursor and moves it behind them. */
static bool digits_read(const char **cursor, long high, long *out)
{
	const char *p = *cursor;
	long value = 0;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (value > (high - (*p - '0')) / 10)
			return false;
		value = value * 10 + (*p - '0');
	}
	*cursor = p;
	*out = value;
	return true;
}

bool number_read(const char *string, long low, long high, long *out)
{
	long value;

	if (!digits_read(&string, high, &value) || *string || value < low)
		return false;
	*out = value;
	return true;
}

bool number_read_duration(const char *string, int *out_ms)
{
	static const struct {
		const char *unit;
		long ms;
	} units[] = {{"ms", 1},
		     {"s", 1000},
		     {"m", 60000},
		     {"h", 3600000},
		     {"", 1000}};
	enum { DAY_MS = 24 * 3600000 };
	long value;

	if (!digits_read(&string, DAY_MS, &value))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(string, units[i].unit) != 0)
			continue;
		if (value > DAY_MS / units[i].ms)
			return false;
		*out_ms = (int)(value * units[i].ms);
		return true;
	}
	return false;
}

bool number_read_version(const char *string, struct version *out)
{
	struct version version = {{0}};

	for (size_t i = 0; i < 4; i++) {
		long part;

		if (!digits_read(&string, INT32_MAX, &part))
			return false;
		version.part[i] = (uint32_t)part;
		if (*string == '\0') {
			*out = version;
			return true;
		}
		if (*string++ != '.')
			return false;
	}
	return false;
}

int version_compare(const struct version *a, const struct version *b)
{
	for (size_t i = 0; i < 4; i++)
		if (a->part[i] != b->part[i])
			return a->part[i] < b->part[i] ? -1 : 1;
	return 0;
}
