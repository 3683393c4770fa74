/* Little-endian fields and the refusals that the two halves of zip share. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "codec/zip.h"

static inline uint16_t le16(const unsigned char *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t le32(const unsigned char *p)
{
	return le16(p) | (uint32_t)le16(p + 2) << 16;
}

static inline uint64_t le64(const unsigned char *p)
{
	return le32(p) | (uint64_t)le32(p + 4) << 32;
}

/* -1 with "member 'NAME' WHAT". */
#define zip_refuse(err, member, format, ...)                                   \
	err_make(err, ERR_FLEET, "member '" STR_FMT "' " format,               \
		 STR_ARG((member)->name) __VA_OPT__(, ) __VA_ARGS__)

/* The fixed parts of a local header and of a directory entry. */
enum { ZIP_LOCAL_BYTES = 30, ZIP_CENTRAL_BYTES = 46 };

/* Bits of the flags that both headers must agree on. */
enum {
	ZIP_FLAG_ENCRYPTED = 1 << 0,
	ZIP_FLAG_DESCRIPTOR = 1 << 3,
	ZIP_FLAG_PATCH = 1 << 5,
	ZIP_FLAG_STRONG = 1 << 6,
	ZIP_FLAG_UTF8 = 1 << 11,
	ZIP_FLAG_MASKED = 1 << 13,
};

/* The zip64 extra field: the values of those fields of a header that are all
 * ones, in this order. */
struct zip_sizes {
	uint64_t size_bytes, compressed_bytes, header_offset;
	uint32_t disk;
	bool is_zip64;
};

/* Replaces fields that are all ones by those of the extra field. A local
 * header has no offset and disk: give 0. False where the extra field is
 * malformed, or lacks what is needed. */
bool zip_widen(struct str extra, struct zip_sizes *sizes);

/* Finds the extra field of an id: 1, 0 where there is none, -1 where the
 * extra fields are malformed or it is there twice. */
int zip_extra(struct str extra, uint16_t id, struct str *field);

/* Checks the local header of a member and what follows its data, and sets its
 * data_offset. *end is where the member ends. */
int zip_check_local(const struct zip *zip, struct zip_member *member,
		    uint64_t *end, struct error **err);
