/* marshal: a compiled module's marshal stream, rewritten to depend on its
 * values alone.
 *
 * Knows: the stream's grammar in CPython 3.8 to 3.14. Does not know: what the
 * values mean, .pyc headers, interpreters.
 *
 * marshal marks with FLAG_REF each object that happens to have more than one
 * owner in the process, writes what is shared by accident as a reference,
 * orders frozensets by hash or by marked bytes, and records whether a string
 * is interned, which for strings of one Latin-1 character depends on all that
 * the process did before. The rewritten stream has each constant once (equal
 * ones of equal type are made one; code objects are not), marks what is
 * referred to and nothing else, orders frozensets by value, has strings below
 * two Latin-1 characters interned, and NaNs without a sign. It loads to an
 * equal code object.
 *
 * Source: CPython, Python/marshal.c of each version.
 *
 *   object = type(1, FLAG_REF 0x80) payload
 *     N F T . S      nothing: None, False, True, Ellipsis, StopIteration
 *     i              i32                    l  i32 n, |n| digits of 2 bytes
 *     g y            one or two doubles     r  u32 number of a marked object
 *     s t u a A      u32 n, n bytes         z Z  u8 n, n bytes
 *     (              u32 n, n objects       )    u8 n, n objects
 *     >              u32 n, n objects       :    3 objects (3.14)
 *     c              numbers(6, from 3.11 5) object*8 number object(from
 *                    3.11 two); the second to last number is the line
 *   Marked objects are numbered as their type bytes come. Integers are little
 *   endian. What compiled modules cannot hold (lists, dicts, sets, text
 *   floats) is refused.
 */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

enum marshal_status {
	MARSHAL_OK,
	MARSHAL_TRUNCATED,
	MARSHAL_UNKNOWN_TYPE,
	MARSHAL_BAD_REFERENCE, /* to what is not there or not complete */
	MARSHAL_BAD_ELEMENT,   /* of a frozenset: only constants may be */
	MARSHAL_TOO_DEEP,      /* more than 2000 levels, as in CPython */
	MARSHAL_TOO_BIG,       /* more than 1 GiB */
	MARSHAL_TRAILING,      /* bytes behind the object */
};

/* Appends the rewritten stream to out. minor: the 3.x that wrote it, 8 to 14.
 * On failure out is as it was and *offset says where in the stream. */
enum marshal_status marshal_normalise(struct str stream, unsigned minor,
				      struct buf *out, size_t *offset);

/* What went wrong, as a noun phrase. */
const char *marshal_status_text(enum marshal_status status);
