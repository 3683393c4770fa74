/* Values as TOML text. */
#include "base/buf.h"
#include "codec/toml.h"

void toml_append_string(struct buf *out, struct str text)
{
	buf_append_byte(out, '"');
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c < 0x20 || c == 0x7f || c == '"' || c == '\\')
			buf_printf(out, "\\u%04x", c);
		else
			buf_append_byte(out, (char)c);
	}
	buf_append_byte(out, '"');
}
