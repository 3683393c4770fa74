/* What of the source tree goes into an image, as tar entries. */
#include "base/array.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "parts/layer.h"
#include "parts/source.h"

/* An entry to be: a file of the tree, its bytecode, or a writable folder. */
struct entry {
	char *path; /* in the layer; heap */
	enum { ENTRY_FILE, ENTRY_BYTECODE, ENTRY_FOLDER } kind;
	size_t file; /* number in the tree */
};

struct entries {
	struct entry *p;
	size_t n, capacity;
};

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->path,
		      ((const struct entry *)b)->path);
}

static bool is_python(struct str path)
{
	return str_ends(path, STR(".py"));
}

/* "app/a/__pycache__/b.cpython-311.pyc" of "a/b.py". */
static char *bytecode_path(struct str path, const char *cache_tag)
{
	ptrdiff_t slash = str_rfind(path, '/');
	size_t folder = (size_t)(slash + 1);

	return path_printf("app/" STR_FMT "__pycache__/" STR_FMT ".%s.pyc",
			   STR_ARG(str_slice(path, 0, folder)),
			   STR_ARG(str_slice(path, folder, path.n - 3)),
			   cache_tag);
}

static void gather(const struct source_layer_input *input,
		   struct entries *entries)
{
	for (size_t i = 0; i < input->file_count; i++) {
		size_t number = input->files[i];
		struct str path = input->tree->files[number].path;
		struct entry file = {path_printf("app/" STR_FMT, STR_ARG(path)),
				     ENTRY_FILE, number};

		array_push(entries, file);
		if (!input->compile || !is_python(path))
			continue;
		struct entry bytecode = {bytecode_path(path, input->cache_tag),
					 ENTRY_BYTECODE, number};

		array_push(entries, bytecode);
	}
	for (size_t i = 0; i < input->write_count; i++) {
		struct entry folder = {str_dup(str_slice(input->write[i], 1,
							 input->write[i].n)),
				       ENTRY_FOLDER, 0};

		array_push(entries, folder);
	}
	array_sort(entries, compare_entries);
}

static int add_file(const struct source_layer_input *input,
		    const struct entry *entry, struct layer *layer,
		    struct error **err)
{
	const struct source_file *file = &input->tree->files[entry->file];
	const struct digest *digest = &input->digests[entry->file];
	auto_buf struct buf source = BUF_EMPTY, bytecode = BUF_EMPTY;
	struct buf *payload = &source;

	if (source_read(input->tree, file, &source, err))
		return -1;
	struct digest now = digest_of(buf_str(&source));

	if (!digest_eq(&now, digest)) {
		err_make(err, ERR_FLEET,
			 "'" STR_FMT "' changed while it was built",
			 STR_ARG(file->path));
		return err_hint(err, "run the build again");
	}
	if (entry->kind == ENTRY_BYTECODE) {
		auto_free char *path =
			path_printf("/app/" STR_FMT, STR_ARG(file->path));
		int made =
			input->compile(input->compile_context, buf_str(&source),
				       digest, str_from(path), &bytecode, err);

		if (made <= 0)
			return made;
		payload = &bytecode;
	}
	struct tar_entry header = {
		.path = str_from(entry->path),
		.type = TAR_FILE,
		.mode = file->executable && entry->kind == ENTRY_FILE ? 0755
								      : 0644,
		.size_bytes = payload->n,
	};

	return layer_add(layer, &header, buf_str(payload), err);
}

static int add_folder(const struct source_layer_input *input,
		      const struct entry *entry, struct layer *layer,
		      struct error **err)
{
	struct tar_entry header = {
		.path = str_from(entry->path),
		.type = TAR_DIR,
		.mode = 0755,
		.uid = input->uid,
		.gid = input->gid,
	};

	return layer_add(layer, &header, STR_EMPTY, err);
}

int source_add_to_layer(const struct source_layer_input *input,
			struct layer *layer, struct error **err)
{
	struct entries entries = ARRAY_EMPTY;
	int result = 0;

	gather(input, &entries);
	array_each (struct entry, entry, &entries) {
		if (result == 0)
			result = entry->kind == ENTRY_FOLDER
					 ? add_folder(input, entry, layer, err)
					 : add_file(input, entry, layer, err);
		free(entry->path);
	}
	array_release(&entries);
	return result;
}
