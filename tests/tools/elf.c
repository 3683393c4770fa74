/* elf: reads paths from stdin, one a line, and prints what each ELF file needs:
 * "file PATH", then lines of a word and a value; "status TEXT" where it cannot
 * be read. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "codec/elf.h"

static void show(const char *word, struct str value)
{
	if (value.n)
		printf("%s " STR_FMT "\n", word, STR_ARG(value));
}

static void show_elf(const struct elf *elf)
{
	printf("bits %u\nmachine %u\n", elf->bits, elf->machine);
	show("interpreter", elf->interpreter);
	show("soname", elf->soname);
	show("rpath", elf->rpath);
	show("runpath", elf->runpath);
	for (size_t i = 0; i < elf->needed_count; i++)
		show("needed", elf->needed[i]);
	for (size_t i = 0; i < elf->version_count; i++)
		printf("version " STR_FMT " " STR_FMT "%s\n",
		       STR_ARG(elf->versions[i].file),
		       STR_ARG(elf->versions[i].version),
		       elf->versions[i].weak ? " weak" : "");
	for (size_t i = 0; i < elf->defined_count; i++)
		show("defined", elf->defined[i]);
	if (elf->build_id.n) {
		fputs("build-id ", stdout);
		for (size_t i = 0; i < elf->build_id.n; i++)
			printf("%02x", (unsigned char)elf->build_id.p[i]);
		putchar('\n');
	}
}

static int show_file(const char *path)
{
	auto_close int fd = fs_open(path, O_RDONLY, 0, NULL);
	auto_arena struct arena arena = ARENA_EMPTY;
	struct elf elf;
	struct stat meta;

	if (fd < 0 || fstat(fd, &meta) < 0 || meta.st_size == 0)
		return -1;
	size_t n = (size_t)meta.st_size;
	void *map = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);

	if (map == MAP_FAILED)
		return -1;
	enum elf_status status = elf_read(str_of(map, n), &arena, &elf);

	printf("file %s\n", path);
	if (status == ELF_OK)
		show_elf(&elf);
	else
		printf("status %s\n", elf_status_text(status));
	munmap(map, n);
	return 0;
}

int main(void)
{
	auto_buf struct buf list = BUF_EMPTY;
	struct str rest, line;

	if (fs_read_fd(0, "stdin", 64 << 20, &list, NULL))
		return 3;
	rest = buf_str(&list);
	while (str_line(&rest, &line)) {
		auto_free char *path = str_dup(line);

		if (show_file(path))
			printf("file %s\nstatus unreadable\n", path);
	}
	return 0;
}
