/* Debian bases without a fleet, for tests/e2e:
 *
 *   tool_debian lock STORE SUITE PLATFORM [OPTION...] [PACKAGE...]
 *   tool_debian system STORE SUITE PLATFORM LIST [OPTION...] PACKAGE...
 *   tool_debian build STORE PLATFORM LIST FOLDER [OPTION...] [SYSTEM-LIST]
 *
 * lock and system print a line per package: name, version, architecture,
 * suite, SHA-256, bytes, path. build reads such lists and writes system.tar
 * and python.tar (of a base), or service.tar, into FOLDER, and prints the
 * folder of the unpacked tree. Options: --mirror=URL --snapshot=URL
 * --keyring=FILE --host-root=DIR --now=SECONDS --python=X.Y --pyc
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "facts/store.h"
#include "parts/debian.h"
#include "parts/fetch.h"
#include "parts/layer.h"
#include "parts/pyc.h"

struct options {
	struct debian_source source;
	struct str python;
	bool pyc;
	struct lock_strs words; /* what is no option */
};

static const char *option_value(const char *argument, const char *name)
{
	size_t n = strlen(name);

	return strncmp(argument, name, n) == 0 ? argument + n : NULL;
}

static void parse(struct options *options, char **arguments, int count,
		  struct arena *arena)
{
	struct debian_source *source = &options->source;
	const char *value;

	options->words.p = arena_new_array(arena, struct str, (size_t)count);
	for (int i = 0; i < count; i++) {
		if ((value = option_value(arguments[i], "--mirror=")))
			source->mirror = value;
		else if ((value = option_value(arguments[i], "--snapshot=")))
			source->snapshot = value;
		else if ((value = option_value(arguments[i], "--keyring=")))
			source->keyring = value;
		else if ((value = option_value(arguments[i], "--host-root=")))
			source->host_root = value;
		else if ((value = option_value(arguments[i], "--now=")))
			source->now_s = strtoll(value, NULL, 10);
		else if ((value = option_value(arguments[i], "--python=")))
			options->python = str_from(value);
		else if (strcmp(arguments[i], "--pyc") == 0)
			options->pyc = true;
		else
			options->words.p[options->words.n++] =
				str_from(arguments[i]);
	}
}

static void print_debs(const struct lock_debs *debs)
{
	for (size_t i = 0; i < debs->n; i++) {
		const struct lock_deb *deb = &debs->p[i];
		struct digest_text text = digest_text(&deb->sha256);

		printf(STR_FMT " " STR_FMT " " STR_FMT " " STR_FMT
			       " %s %llu " STR_FMT "\n",
		       STR_ARG(deb->name), STR_ARG(deb->version),
		       STR_ARG(deb->architecture), STR_ARG(deb->suite),
		       digest_hex(&text), (unsigned long long)deb->size_bytes,
		       STR_ARG(deb->path));
	}
}

static int read_debs(const char *path, struct arena *arena,
		     struct lock_debs *debs, struct error **err)
{
	auto_buf struct buf text = BUF_EMPTY;
	ARRAY(struct lock_deb) list = ARRAY_EMPTY;
	struct str rest, line;

	if (fs_read(path, 1 << 20, &text, err))
		return -1;
	rest = arena_str(arena, buf_str(&text));
	while (str_line(&rest, &line)) {
		struct lock_deb deb;
		struct str sha, size;

		if (!str_split(&line, ' ', &deb.name) ||
		    !str_split(&line, ' ', &deb.version) ||
		    !str_split(&line, ' ', &deb.architecture) ||
		    !str_split(&line, ' ', &deb.suite) ||
		    !str_split(&line, ' ', &sha) ||
		    !digest_parse(sha, &deb.sha256) ||
		    !str_split(&line, ' ', &size) ||
		    !str_to_u64(size, &deb.size_bytes))
			return err_make(err, ERR_USAGE, "bad list '%s'", path);
		deb.path = line;
		array_push(&list, deb);
	}
	debs->p = arena_new_array(arena, struct lock_deb, list.n);
	debs->n = list.n;
	for (size_t i = 0; i < list.n; i++)
		debs->p[i] = list.p[i];
	array_release(&list);
	return 0;
}

static int lock(struct options *options, struct arena *arena,
		const char *base_list, struct error **err)
{
	auto_debian_archive struct debian_archive *archive = NULL;
	struct lock_debs debs, base;
	struct lock_strs words = options->words;
	struct str suite = words.p[0], platform = words.p[1];

	words.p += 2;
	words.n -= 2;
	if (debian_archive_open(&options->source, suite, platform, &archive,
				err))
		return -1;
	if (base_list) {
		words.p++;
		words.n--;
		if (read_debs(base_list, arena, &base, err) ||
		    debian_resolve_system(archive, &base, words, arena, &debs,
					  err))
			return -1;
	} else if (debian_resolve_base(archive, options->python, words, arena,
				       &debs, err)) {
		return -1;
	}
	print_debs(&debs);
	return 0;
}

static int compile(void *context, struct str source,
		   const struct digest *digest, struct str path,
		   struct buf *out, struct error **err)
{
	enum pyc_verdict verdict;
	auto_pyc_problem struct pyc_problem problem = PYC_PROBLEM_EMPTY;

	(void)digest;
	if (pyc_compile(context, source, path, PYC_UNCHECKED, out, &verdict,
			&problem, err))
		return -1;
	return verdict == PYC_COMPILED;
}

static int write_layer(const struct debian_tree *tree, enum debian_part part,
		       const char *folder, const char *name,
		       struct pyc_pool *pool, struct error **err)
{
	auto_free char *path = path_join(folder, name);
	auto_close int fd =
		fs_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644, err);
	struct layer_options options = {.fd = fd, .compression = LAYER_NONE};
	auto_layer struct layer *layer = layer_new(&options);
	struct layer_result result;

	if (fd < 0 ||
	    debian_tree_add_to_layer(tree, part, layer, pool ? compile : NULL,
				     pool, err) ||
	    layer_finish(layer, &result, err))
		return -1;
	struct digest_text text = digest_text(&result.diff_id);

	printf("%s %s %llu\n", name, text.p, (unsigned long long)result.bytes);
	return 0;
}

static int build(struct options *options, struct arena *arena,
		 struct error **err)
{
	const struct str *words = options->words.p;
	struct lock_debs debs, system;
	auto_debian_tree struct debian_tree *tree = NULL;
	auto_debian_tree struct debian_tree *service = NULL;
	struct pyc_pool *pool = NULL;
	struct str python;
	uint64_t minor = 0;
	int result;

	if (read_debs(words[1].p, arena, &debs, err) ||
	    debian_tree_open(&options->source, &debs, words[0], NULL, &tree,
			     err))
		return -1;
	printf("root %s\n", debian_tree_root(tree));
	if (options->words.n > 3) {
		if (read_debs(words[3].p, arena, &system, err) ||
		    debian_tree_open(&options->source, &system, words[0], tree,
				     &service, err))
			return -1;
		return write_layer(service, DEBIAN_SYSTEM, words[2].p,
				   "service.tar", NULL, err);
	}
	python = debian_tree_python(tree);
	if (options->pyc && str_eat(&python, STR("3.")) &&
	    str_to_u64(python, &minor)) {
		struct pyc_options pyc = {.root = debian_tree_root(tree),
					  .minor = (unsigned)minor};

		if (pyc_pool_new(&pyc, &pool, err))
			return -1;
	}
	result = write_layer(tree, DEBIAN_SYSTEM, words[2].p, "system.tar",
			     pool, err) ||
				 write_layer(tree, DEBIAN_PYTHON, words[2].p,
					     "python.tar", pool, err)
			 ? -1
			 : 0;
	pyc_pool_free(pool);
	return result;
}

static int run(int argc, char **argv, struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct options options = {.python = STR_EMPTY};
	struct store *store = NULL;
	int result = -1;

	parse(&options, argv + 3, argc - 3, &arena);
	if (options.words.n < 2)
		return err_make(err, ERR_USAGE, "too few arguments");
	if (store_open(argv[2], &store, err))
		return -1;
	options.source.store = store;
	options.source.fetch = fetch_new(NULL);
	if (strcmp(argv[1], "lock") == 0)
		result = lock(&options, &arena, NULL, err);
	else if (strcmp(argv[1], "system") == 0 && options.words.n > 3)
		result = lock(&options, &arena, options.words.p[2].p, err);
	else if (strcmp(argv[1], "build") == 0 && options.words.n > 2)
		result = build(&options, &arena, err);
	else
		err_make(err, ERR_USAGE, "not a command of this tool");
	fetch_free(options.source.fetch);
	store_close(store);
	return result;
}

int main(int argc, char **argv)
{
	auto_err struct error *err = NULL;

	log_init(LOG_QUIET);
	if (argc < 3)
		return 2;
	if (run(argc, argv, &err) == 0)
		return 0;
	log_error(err);
	return err_exit_status(err_class(err));
}
