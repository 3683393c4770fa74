#include "parts/debian/sizes.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"

enum { MAX_LINE = 64 << 10 };

/* libsolv and base/map.h both have a map_set: this is why it is hidden here. */
struct debian_sizes {
	struct map paths; /* path to size, as a number */
};

struct tee {
	struct debian_sizes *sizes;
	FILE *packages;
	struct buf line; /* begun */
	struct buf path;
	uint64_t size;
};

struct debian_sizes *debian_sizes_new(void)
{
	return mem_zalloc(1, sizeof(struct debian_sizes));
}

void debian_sizes_free(struct debian_sizes *sizes)
{
	if (!sizes)
		return;
	map_release(&sizes->paths);
	free(sizes);
}

uint64_t debian_sizes_get(const struct debian_sizes *sizes, struct str path)
{
	return (uintptr_t)map_get(&sizes->paths, path);
}

/* A line of the list: an empty one ends a package. */
static void note_line(struct tee *tee)
{
	struct str line = str_trim(buf_str(&tee->line));

	if (str_eat(&line, STR("Filename:"))) {
		buf_append(&tee->path, str_trim(line));
	} else if (str_eat(&line, STR("Size:"))) {
		if (!str_to_u64(str_trim(line), &tee->size))
			tee->size = 0;
	} else if (line.n == 0) {
		if (tee->path.n && tee->size)
			map_set(&tee->sizes->paths, buf_str(&tee->path),
				(void *)(uintptr_t)tee->size);
		buf_clear(&tee->path);
		tee->size = 0;
	}
	buf_clear(&tee->line);
}

static void note(struct tee *tee, struct str bytes)
{
	while (bytes.n) {
		ptrdiff_t end = str_find(bytes, '\n');
		struct str part =
			str_slice(bytes, 0, end < 0 ? bytes.n : (size_t)end);

		if (tee->line.n + part.n <= MAX_LINE)
			buf_append(&tee->line, part);
		if (end < 0)
			return;
		note_line(tee);
		bytes = str_slice(bytes, (size_t)end + 1, bytes.n);
	}
}

static ssize_t tee_read(void *cookie, char *bytes, size_t n)
{
	struct tee *tee = cookie;
	size_t got = fread(bytes, 1, n, tee->packages);

	if (got == 0 && ferror(tee->packages))
		return -1;
	note(tee, str_of(bytes, got));
	return (ssize_t)got;
}

static int tee_close(void *cookie)
{
	struct tee *tee = cookie;

	/* The last package need not have an empty line behind it. */
	note(tee, STR("\n\n"));
	int status = fclose(tee->packages);

	buf_release(&tee->line);
	buf_release(&tee->path);
	free(tee);
	return status;
}

FILE *debian_sizes_tee(struct debian_sizes *sizes, FILE *packages)
{
	struct tee *tee = mem_zalloc(1, sizeof *tee);
	FILE *stream;

	tee->sizes = sizes;
	tee->packages = packages;
	stream = fopencookie(
		tee, "r",
		(cookie_io_functions_t){.read = tee_read, .close = tee_close});
	if (!stream)
		tee_close(tee);
	return stream;
}
