/* Which files of a repository to start from. */
#include "work/init/draft.h"

#include <dirent.h>
#include <errno.h>

#include "base/error.h"
#include "base/fs.h"

enum { MOST_FILES = 100000, MOST_DEPTH = 6, MOST_NAMES = 12 };

/* Folders whose files are not the fleet's own. */
static bool is_foreign(const char *name)
{
	static const char *const names[] = {
		"node_modules", "venv",	 "env",	 "site-packages",
		"__pycache__",	"build", "dist", "third_party",
		"vendor",	"tests", "test", "testdata"};

	if (name[0] == '.')
		return true;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static int walk(struct draft *draft, struct str folder, unsigned depth,
		struct draft_texts *files, struct error **err)
{
	auto_names struct fs_names names = ARRAY_EMPTY;
	auto_free char *path =
		path_printf("%s/" STR_FMT, draft->root, STR_ARG(folder));

	if (fs_list(path, &names, err))
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		struct str inner =
			str_eq(folder, STR("."))
				? arena_str(draft->arena, str_from(names.p[i]))
				: arena_printf(draft->arena, STR_FMT "/%s",
					       STR_ARG(folder), names.p[i]);
		auto_free char *full = path_join(path, names.p[i]);
		struct stat status;

		if (!path_is_clean(inner) || lstat(full, &status) != 0)
			continue;
		if (S_ISREG(status.st_mode))
			array_push(files, inner);
		else if (S_ISDIR(status.st_mode) && !is_foreign(names.p[i]) &&
			 depth < MOST_DEPTH &&
			 walk(draft, inner, depth + 1, files, err))
			return -1;
		if (files->n > MOST_FILES)
			return err_make(err, ERR_USAGE,
					"more than %d files: name those to "
					"start from, slipway init FILE...",
					MOST_FILES);
	}
	return 0;
}

int find_files(struct draft *draft, struct str folder,
	       struct draft_texts *files, struct error **err)
{
	return walk(draft, folder, 0, files, err);
}

/* -- machines -- */

struct str find_machine_name(struct draft *draft, struct str text)
{
	char *p = arena_alloc(draft->arena, text.n + 1, 1);
	size_t n = 0;

	if (text.n > 5 &&
	    str_eq_case(str_slice(text, text.n - 5, text.n), STR("_code")))
		text = str_slice(text, 0, text.n - 5);
	for (size_t i = 0; i < text.n && n < 100; i++) {
		char c = text.p[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			p[n++] = c;
	}
	return str_of(p, n);
}

struct str find_machine(struct draft *draft, struct str path)
{
	struct str config = draft_folder_of(path);
	struct str top = draft_folder_of(config);

	return str_eq(draft_base_name(config), STR("config")) &&
			       !str_eq(top, STR("."))
		       ? find_machine_name(draft, draft_base_name(top))
		       : STR_EMPTY;
}

/* -- kinds -- */

static bool is_yaml(struct str path)
{
	return str_ends(path, STR(".yaml")) || str_ends(path, STR(".yml"));
}

/* config/startup_config.yaml, there or one folder down. */
static bool is_startup(struct str path)
{
	struct str rest = path, first;

	if (str_eq(path, STR("config/startup_config.yaml")))
		return true;
	return str_split(&rest, '/', &first) &&
	       str_eq(rest, STR("config/startup_config.yaml"));
}

static bool is_compose(struct str path)
{
	struct str name = draft_base_name(path);

	return is_yaml(path) && (str_starts(name, STR("compose")) ||
				 str_starts(name, STR("docker-compose")));
}

bool find_is_dockerfile(struct str path)
{
	struct str name = draft_base_name(path);

	return (str_eq(name, STR("Dockerfile")) ||
		str_starts(name, STR("Dockerfile.")) ||
		str_ends(name, STR(".Dockerfile"))) &&
	       !str_ends(name, STR(".dockerignore"));
}

/* -- candidates -- */

/* Names of the services of a file, where it is a startup configuration or a
 * compose file. */
static void names_of(struct draft *draft, struct str path, bool is_of_compose,
		     struct draft_texts *names)
{
	struct yaml_problem problem;
	struct str text;

	if (draft_read(draft, path, &text, NULL))
		return;
	const struct yaml_node *root =
		yaml_parse(text, NULL, draft->arena, &problem);

	if (!root)
		draft_ask(draft, (struct draft_place){path, problem.line}, NULL,
			  "this file cannot be read (%s): does it describe "
			  "services of the fleet?",
			  problem.what);
	else if (!is_of_compose && startup_is_one(root))
		startup_names(root, names);
	else if (is_of_compose && compose_is_one(root))
		for (size_t i = 0; i < yaml_get(root, "services")->n &&
				   yaml_get(root, "services")->kind == YAML_MAP;
		     i++)
			draft_add_text(
				names,
				yaml_get(root, "services")->pairs[i].key->text);
}

/* Asks about a file that was not taken, by the services that only it has. */
static void ask_about(struct draft *draft, struct str path, bool is_of_compose,
		      const struct draft_texts *taken)
{
	struct draft_texts names = ARRAY_EMPTY;
	auto_buf struct buf only = BUF_EMPTY;
	size_t n = 0;

	names_of(draft, path, is_of_compose, &names);
	for (size_t i = 0; i < names.n; i++) {
		if (draft_has_text(taken, names.p[i]) || n++ >= MOST_NAMES)
			continue;
		buf_append_text(&only, only.n ? ", " : "");
		buf_append(&only, names.p[i]);
	}
	if (n > MOST_NAMES)
		buf_printf(&only, " and %zu more", n - MOST_NAMES);
	if (n)
		draft_ask(draft, (struct draft_place){path, 0}, NULL,
			  "this file was not taken, and only it has " STR_FMT
			  ": do they belong to the fleet? (slipway init "
			  "FILE... takes files by name)",
			  STR_ARG(buf_str(&only)));
	array_release(&names);
}

static void find_startup(struct draft *draft, const struct draft_texts *files,
			 struct draft_texts *sources)
{
	struct draft_texts taken = ARRAY_EMPTY;

	array_each (const struct str, file, files)
		if (is_startup(*file)) {
			array_push(sources, *file);
			names_of(draft, *file, false, &taken);
		}
	array_each (const struct str, file, files)
		if (sources->n && !is_startup(*file) && is_yaml(*file) &&
		    str_find_str(draft_base_name(*file), STR("startup")) >= 0)
			ask_about(draft, *file, false, &taken);
	array_release(&taken);
}

/* In the order in which compose itself looks; else the first below. */
static void find_compose(struct draft *draft, const struct draft_texts *files,
			 struct draft_texts *sources)
{
	static const char *const names[] = {"compose.yaml", "compose.yml",
					    "docker-compose.yaml",
					    "docker-compose.yml"};
	struct draft_texts taken = ARRAY_EMPTY;

	for (size_t i = 0; i < 4 && sources->n == 0; i++)
		if (draft_has_text(files, str_from(names[i])))
			array_push(sources, str_from(names[i]));
	for (size_t i = 0; i < 4 && sources->n == 0; i++)
		array_each (const struct str, file, files)
			if (sources->n == 0 &&
			    str_eq(draft_base_name(*file), str_from(names[i])))
				array_push(sources, *file);
	if (sources->n)
		names_of(draft, sources->p[0], true, &taken);
	array_each (const struct str, file, files)
		if (sources->n && is_compose(*file) &&
		    !str_eq(*file, sources->p[0]))
			ask_about(draft, *file, true, &taken);
	array_release(&taken);
}

int find_sources(struct draft *draft, struct draft_texts *sources,
		 struct error **err)
{
	struct draft_texts files = ARRAY_EMPTY;
	int result = find_files(draft, STR("."), &files, err);

	if (result == 0)
		find_startup(draft, &files, sources);
	if (result == 0 && sources->n == 0)
		find_compose(draft, &files, sources);
	array_each (const struct str, file, &files)
		if (find_is_dockerfile(*file) && sources->n == 0)
			array_push(sources, *file);
	if (sources->n == 1 && find_is_dockerfile(sources->p[0])) {
		sources->n = 0;
		array_each (const struct str, file, &files)
			if (find_is_dockerfile(*file))
				array_push(sources, *file);
	}
	if (result == 0 && sources->n == 0)
		array_push(sources, STR("."));
	array_release(&files);
	return result;
}
