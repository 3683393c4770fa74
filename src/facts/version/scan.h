/* scan: how the version module reads characters. Private to facts/version. */
#pragma once

#include "facts/version.h"

static inline bool scan_is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static inline bool scan_is_alphanumeric(int c)
{
	return scan_is_digit(c) || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

/* The first byte, or -1. */
static inline int scan_first(struct str s)
{
	return s.n ? (unsigned char)s.p[0] : -1;
}

/* What version_parse reads, from the start of *rest, which moves behind it;
 * local is read only where it is allowed. */
bool scan_version(struct str *rest, bool may_be_local, struct version *version);

/* Order of two numbers given as digits without leading zeros. */
int scan_number_cmp(struct str a, struct str b);
