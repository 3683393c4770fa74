/* Reads TOML on stdin and prints the tagged JSON that the public TOML suite
 * defines for decoders; exit status 1 where the document is refused. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "codec/toml.h"

static void print_string(struct str s)
{
	putchar('"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void print_number(double number)
{
	printf("{\"type\":\"float\",\"value\":\"");
	if (isnan(number))
		printf("nan");
	else if (isinf(number))
		printf(number < 0 ? "-inf" : "inf");
	else
		printf("%.17g", number);
	printf("\"}");
}

static void print_scalar(const struct toml_value *value)
{
	static const char *const names[] = {
		[TOML_STRING] = "string",
		[TOML_OFFSET_DATETIME] = "datetime",
		[TOML_LOCAL_DATETIME] = "datetime-local",
		[TOML_LOCAL_DATE] = "date-local",
		[TOML_LOCAL_TIME] = "time-local",
	};

	if (value->type == TOML_INTEGER) {
		printf("{\"type\":\"integer\",\"value\":\"%" PRId64 "\"}",
		       value->integer);
	} else if (value->type == TOML_FLOAT) {
		print_number(value->number);
	} else if (value->type == TOML_BOOLEAN) {
		printf("{\"type\":\"bool\",\"value\":\"%s\"}",
		       value->boolean ? "true" : "false");
	} else {
		printf("{\"type\":\"%s\",\"value\":", names[value->type]);
		print_string(value->string);
		putchar('}');
	}
}

static void print_value(const struct toml_value *value)
{
	if (value->type == TOML_TABLE) {
		putchar('{');
		for (size_t i = 0; i < value->table.n; i++) {
			if (i > 0)
				putchar(',');
			print_string(value->table.p[i].key);
			putchar(':');
			print_value(value->table.p[i].value);
		}
		putchar('}');
	} else if (value->type == TOML_ARRAY) {
		putchar('[');
		for (size_t i = 0; i < value->array.n; i++) {
			if (i > 0)
				putchar(',');
			print_value(value->array.p[i]);
		}
		putchar(']');
	} else {
		print_scalar(value);
	}
}

int main(void)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_buf struct buf text = BUF_EMPTY;
	struct toml_value *root = NULL;
	struct toml_place place;

	if (fs_read_fd(STDIN_FILENO, "stdin", TOML_MAX_BYTES, &text, NULL))
		return 2;
	enum toml_status status =
		toml_parse(buf_str(&text), &arena, &root, &place);

	if (status != TOML_OK) {
		fprintf(stderr, "%u:%u: %s\n", place.line, place.column,
			toml_status_text(status));
		return 1;
	}
	print_value(root);
	putchar('\n');
	return 0;
}
