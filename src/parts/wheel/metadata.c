/* WHEEL and METADATA: which distribution this is, and how to install it. */
#include "base/log.h"
#include "facts/version.h"
#include "facts/wheeltag.h"
#include "parts/wheel/parts.h"

enum { WHEEL_TEXT_MAX = 64 << 10, METADATA_MAX = 16 << 20 };

const struct zip_member *wheel_info_member(const struct wheel *wheel,
					   const char *name)
{
	auto_buf struct buf path = BUF_EMPTY;

	buf_append(&path, wheel->info);
	buf_printf(&path, "/%s", name);
	return zip_find(&wheel->zip, buf_str(&path));
}

/* The first value of a key of the header lines, or false. */
static bool header_get(struct str text, struct str key, struct str *value)
{
	struct str line;

	while (str_line(&text, &line) && line.n) {
		ptrdiff_t colon = str_find(line, ':');

		if (colon < 0 ||
		    !str_eq_case(str_slice(line, 0, (size_t)colon), key))
			continue;
		*value = str_trim(str_slice(line, (size_t)colon + 1, line.n));
		return true;
	}
	return false;
}

/* Reads a small file of the dist-info folder into the wheel's arena. */
static int read_text(struct wheel *wheel, const char *name, size_t max_bytes,
		     struct str *text, struct error **err)
{
	auto_buf struct buf bytes = BUF_EMPTY;
	const struct zip_member *member = wheel_info_member(wheel, name);

	if (!member || member->is_folder)
		return err_make(err, ERR_FLEET, "it has no '" STR_FMT "/%s'",
				STR_ARG(wheel->info), name);
	if (zip_read(wheel->stream, &wheel->zip, member, max_bytes, &bytes,
		     err))
		return -1;
	if (!str_is_utf8(buf_str(&bytes)))
		return err_make(err, ERR_FLEET, "'" STR_FMT "' is not UTF-8",
				STR_ARG(member->name));
	*text = arena_str(&wheel->arena, buf_str(&bytes));
	return 0;
}

static bool same_name(struct wheel *wheel, struct str a, struct str b)
{
	return str_eq(name_normalise(&wheel->arena, a),
		      name_normalise(&wheel->arena, b));
}

static bool same_version(struct str a, struct str b)
{
	struct version one, other;

	return version_parse(a, &one) && version_parse(b, &other)
		       ? version_cmp(&one, &other) == 0
		       : str_eq_case(a, b);
}

/* Finds the one folder NAME-VERSION.dist-info. */
static int find_info(struct wheel *wheel, const struct wheeltag *tag,
		     struct error **err)
{
	static const struct str suffix = STR_INIT(".dist-info");
	ptrdiff_t dash;

	for (size_t i = 0; i < wheel->zip.n; i++) {
		struct str rest = wheel->zip.members[i].name, top;

		str_split(&rest, '/', &top);
		if (!str_ends(top, suffix) || str_eq(top, wheel->info))
			continue;
		if (wheel->info.n)
			return err_make(err, ERR_FLEET,
					"it has two dist-info folders, "
					"'" STR_FMT "' and '" STR_FMT "'",
					STR_ARG(wheel->info), STR_ARG(top));
		wheel->info = top;
	}
	if (wheel->info.n == 0)
		return err_make(err, ERR_FLEET, "it has no dist-info folder");
	struct str stem = str_slice(wheel->info, 0, wheel->info.n - suffix.n);

	dash = str_find(stem, '-');
	if (dash < 0 ||
	    !same_name(wheel, str_slice(stem, 0, (size_t)dash),
		       tag->distribution) ||
	    !same_version(str_slice(stem, (size_t)dash + 1, stem.n),
			  tag->version))
		return err_make(err, ERR_FLEET,
				"its folder '" STR_FMT "' is of another name "
				"or version than the file name",
				STR_ARG(wheel->info));
	return 0;
}

static int check_wheel_version(struct wheel *wheel, struct str text,
			       struct error **err)
{
	struct str version, major;
	uint64_t major_number, minor_number;

	if (!header_get(text, STR("Wheel-Version"), &version))
		return err_make(err, ERR_FLEET,
				"its WHEEL file has no Wheel-Version");
	struct str minor = version;

	if (!str_split(&minor, '.', &major) ||
	    !str_to_u64(major, &major_number) ||
	    !str_to_u64(minor, &minor_number))
		return err_make(err, ERR_FLEET,
				"its Wheel-Version '" STR_FMT "' is not "
				"MAJOR.MINOR",
				STR_ARG(version));
	if (major_number != 1)
		return err_make(err, ERR_FLEET,
				"it has Wheel-Version " STR_FMT "; slipway "
				"knows 1",
				STR_ARG(version));
	if (minor_number > 0)
		log_warn("wheel '" STR_FMT
			 "' has the newer Wheel-Version " STR_FMT
			 "; it is installed as 1.0",
			 STR_ARG(wheel->file_name), STR_ARG(version));
	return 0;
}

static int check_metadata(struct wheel *wheel, const struct wheeltag *tag,
			  struct error **err)
{
	if (!header_get(wheel->metadata, STR("Name"), &wheel->name) ||
	    !header_get(wheel->metadata, STR("Version"), &wheel->version))
		return err_make(err, ERR_FLEET,
				"its METADATA has no Name or no Version");
	if (!name_is_valid(wheel->name))
		return err_make(err, ERR_FLEET,
				"its METADATA has the Name '" STR_FMT "', "
				"which is none",
				STR_ARG(wheel->name));
	if (!same_name(wheel, wheel->name, tag->distribution) ||
	    !same_version(wheel->version, tag->version))
		return err_make(err, ERR_FLEET,
				"its METADATA is of " STR_FMT " " STR_FMT
				", its file name is not",
				STR_ARG(wheel->name), STR_ARG(wheel->version));
	wheel->label =
		arena_printf(&wheel->arena, STR_FMT " " STR_FMT,
			     STR_ARG(wheel->name), STR_ARG(wheel->version));
	return 0;
}

int wheel_read_metadata(struct wheel *wheel, struct error **err)
{
	struct wheeltag tag;
	struct str text;

	if (!wheeltag_parse(wheel->file_name, &tag))
		return err_make(err, ERR_FLEET,
				"its file name is not that of a wheel");
	if (find_info(wheel, &tag, err) ||
	    read_text(wheel, "WHEEL", WHEEL_TEXT_MAX, &text, err) ||
	    check_wheel_version(wheel, text, err) ||
	    read_text(wheel, "METADATA", METADATA_MAX, &wheel->metadata, err))
		return -1;
	return check_metadata(wheel, &tag, err);
}
