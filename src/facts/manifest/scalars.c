/* Numbers, sizes, durations, names, paths and globs as people write them. */
#include <stdio.h>

#include "base/fs.h"
#include "facts/manifest/reader.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool reader_to_number(struct str text, uint64_t low, uint64_t high,
		      uint64_t *number)
{
	uint64_t value;

	if (!str_to_u64(text, &value) || value < low || value > high)
		return false;
	*number = value;
	return true;
}

bool reader_to_port(struct str text, uint16_t *port)
{
	uint64_t number;

	if (!reader_to_number(text, 1, 65535, &number))
		return false;
	*port = (uint16_t)number;
	return true;
}

/* The digits at the start of *rest; false without any or above 2^63. */
static bool eat_number(struct str *rest, uint64_t *number)
{
	size_t n = 0;

	while (n < rest->n && is_digit(rest->p[n]))
		n++;
	if (!reader_to_number(str_slice(*rest, 0, n), 0, INT64_MAX, number))
		return false;
	*rest = str_slice(*rest, n, rest->n);
	return true;
}

struct unit {
	struct str name;
	uint64_t value;
};

static const struct unit *eat_unit(struct str *rest, const struct unit *units,
				   size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eat(rest, units[i].name))
			return &units[i];
	return NULL;
}

bool reader_to_duration(struct str text, uint64_t *duration_ms)
{
	/* "ms" before "m", and falling as they may follow each other. */
	static const struct unit units[] = {
		{STR_INIT("h"), 3600000},
		{STR_INIT("ms"), 1},
		{STR_INIT("m"), 60000},
		{STR_INIT("s"), 1000},
	};
	uint64_t total = 0, number, previous = UINT64_MAX;

	if (text.n == 0)
		return false;
	while (text.n) {
		if (!eat_number(&text, &number))
			return false;
		const struct unit *unit =
			eat_unit(&text, units, KEY_COUNT(units));

		if (!unit || unit->value >= previous ||
		    __builtin_mul_overflow(number, unit->value, &number) ||
		    __builtin_add_overflow(total, number, &total))
			return false;
		previous = unit->value;
	}
	if (total > INT32_MAX) /* 24 days: a slip */
		return false;
	*duration_ms = total;
	return true;
}

/* Thousandths of "1.5"; at most three digits behind the point. */
static bool eat_milli(struct str *rest, uint64_t *milli)
{
	uint64_t part = 0;

	if (!eat_number(rest, milli) ||
	    __builtin_mul_overflow(*milli, (uint64_t)1000, milli))
		return false;
	if (!str_eat(rest, STR(".")))
		return true;
	size_t before = rest->n;

	if (!eat_number(rest, &part) || before - rest->n > 3)
		return false;
	for (size_t digits = before - rest->n; digits < 3; digits++)
		part *= 10;
	return !__builtin_add_overflow(*milli, part, milli);
}

bool reader_to_size(struct str text, uint64_t *size_bytes)
{
	static const struct unit units[] = {
		{STR_INIT("KiB"), UINT64_C(1) << 10},
		{STR_INIT("MiB"), UINT64_C(1) << 20},
		{STR_INIT("GiB"), UINT64_C(1) << 30},
		{STR_INIT("TiB"), UINT64_C(1) << 40},
		{STR_INIT("kB"), 1000},
		{STR_INIT("KB"), 1000},
		{STR_INIT("MB"), 1000000},
		{STR_INIT("GB"), 1000000000},
		{STR_INIT("TB"), UINT64_C(1000000000000)},
		{STR_INIT("B"), 1},
	};
	uint64_t milli;

	if (!eat_milli(&text, &milli))
		return false;
	str_eat(&text, STR(" "));
	const struct unit *unit = eat_unit(&text, units, KEY_COUNT(units));

	if (!unit || text.n ||
	    __builtin_mul_overflow(milli, unit->value, &milli) ||
	    milli / 1000 > INT64_MAX / 2)
		return false;
	*size_bytes = milli / 1000;
	return true;
}

bool reader_to_milli(struct str text, uint32_t *milli)
{
	uint64_t value;

	if (!eat_milli(&text, &value) || text.n || value == 0 ||
	    value > 10000000)
		return false;
	*milli = (uint32_t)value;
	return true;
}

bool reader_is_word(struct str text, const char *others, size_t most_bytes)
{
	if (text.n == 0 || text.n > most_bytes || !is_alnum(text.p[0]))
		return false;
	for (size_t i = 1; i < text.n; i++)
		if (!is_alnum(text.p[i]) &&
		    str_find(str_from(others), text.p[i]) < 0)
			return false;
	return true;
}

bool reader_is_name(struct str text, const char *others)
{
	return reader_is_word(text, others, 128);
}

bool reader_is_dotted_number(struct str text, unsigned least_parts,
			     unsigned most_parts)
{
	unsigned parts = 0;
	uint64_t number;

	do {
		if (!eat_number(&text, &number))
			return false;
		parts++;
	} while (str_eat(&text, STR(".")));
	return text.n == 0 && parts >= least_parts && parts <= most_parts;
}

static bool has_parent_part(struct str path)
{
	struct str rest = path, part;

	while (str_split(&rest, '/', &part))
		if (str_eq(part, STR("..")))
			return true;
	return false;
}

const char *reader_path_defect(struct str path)
{
	if (path.n == 0)
		return "is empty";
	if (path.p[0] == '/')
		return "is absolute";
	if (has_parent_part(path))
		return "leaves the source root";
	return path_is_clean(path) ? NULL : "is not a clean path";
}

const char *reader_glob_defect(struct str glob)
{
	unsigned stars = 0;
	bool is_open = false;

	if (glob.n == 0)
		return "is empty";
	if (glob.n > 1024)
		return "is longer than 1024 bytes";
	if (glob.p[0] == '/')
		return "is absolute";
	if (has_parent_part(glob))
		return "leaves the source root";
	for (size_t i = 0; i < glob.n; i++) {
		char c = glob.p[i];

		if (c == '\\' || (unsigned char)c < 0x20)
			return "has a backslash or control character";
		/* "**" counts once. */
		stars += c == '*' && (i == 0 || glob.p[i - 1] != '*');
		if (c == '[' && !is_open) {
			is_open = true;
			i += i + 1 < glob.n && glob.p[i + 1] == '!';
			i += i + 1 < glob.n && glob.p[i + 1] == ']';
		} else if (c == ']') {
			is_open = false;
		}
	}
	if (is_open)
		return "has a '[' without its ']'";
	/* Each may try every position, within every other. */
	return stars > 8 ? "has more than 8 stars" : NULL;
}
