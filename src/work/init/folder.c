/* Scripts that look like services: candidates, which a person decides about. */
#include "work/init/draft.h"

#include "base/error.h"

/* What starts something that stays. */
static const char *const starts[] = {
	"uvicorn.run(",	 "app.run(",	    ".serve_forever(",
	"run_forever(",	 ".bind(",	    "grpc.server(",
	"aio.server(",	 "run_app(",	    "HTTPServer(",
	"start_server(", "while True:",	    "run_until_disconnected(",
	"hypercorn",	 "BackgroundTasks", "start_polling("};

struct script {
	struct str path;
	uint32_t line;	    /* of what starts it, or 0 */
	const char *start;  /* what that is */
	struct str package; /* requirements.txt beside or above it, or empty */
};

static bool is_test(struct str path)
{
	struct str name = draft_base_name(path);

	return str_starts(name, STR("test_")) ||
	       str_ends(name, STR("_test.py")) ||
	       str_eq(name, STR("conftest.py")) ||
	       str_eq(name, STR("setup.py"));
}

/* `if __name__ == "__main__":` at the start of a line. */
static bool is_main_line(struct str line)
{
	return str_starts(line, STR("if __name__")) &&
	       str_find_str(line, STR("__main__")) > 0;
}

static void scan(struct str text, struct script *script, bool *has_main)
{
	struct str line;
	uint32_t number = 0;

	*has_main = false;
	while (str_line(&text, &line)) {
		number++;
		*has_main |= is_main_line(line);
		struct str code = str_trim(line);

		for (size_t i = 0;
		     !script->line && code.n && code.p[0] != '#' &&
		     i < sizeof starts / sizeof *starts;
		     i++)
			if (str_find_str(code, str_from(starts[i])) >= 0) {
				script->line = number;
				script->start = starts[i];
			}
	}
}

/* The nearest requirements.txt of the file's folder and those above it. */
static struct str find_requirements(struct draft *draft, struct str path)
{
	struct str folder = draft_folder_of(path), file;

	for (;;) {
		if (draft_clean_path(draft, folder, STR("requirements.txt"),
				     &file) &&
		    draft_has_file(draft, file))
			return file;
		if (str_eq(folder, STR(".")))
			return STR_EMPTY;
		folder = draft_folder_of(folder);
	}
}

/* A script of a usual name beside its own requirements.txt. */
static bool is_usual(struct draft *draft, struct str path)
{
	static const char *const names[] = {"main.py", "app.py", "server.py",
					    "service.py", "__main__.py"};
	struct str file;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_eq(draft_base_name(path), str_from(names[i])))
			return draft_clean_path(draft, draft_folder_of(path),
						STR("requirements.txt"),
						&file) &&
			       draft_has_file(draft, file);
	return false;
}

/* "chat" of chat.py and of chat/main.py. */
static struct str name_of(struct draft *draft, struct str path)
{
	static const char *const usual[] = {"main", "app",     "server",
					    "run",  "service", "__main__"};
	struct str stem = draft_base_name(path), folder = draft_folder_of(path);

	stem.n -= 3;
	for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
		if (str_eq(stem, str_from(usual[i])))
			return str_eq(folder, STR("."))
				       ? draft->name
				       : draft_base_name(folder);
	return stem;
}

static int add_candidate(struct draft *draft, const struct script *script,
			 struct error **err)
{
	struct draft_place at = {script->path, script->line};
	struct draft_service *service =
		draft_add(draft, name_of(draft, script->path), at);
	struct str requirements = find_requirements(draft, script->path);

	if (!service)
		return draft_too_many(at, err);
	draft_set_text(draft, service, DRAFT_RUN, script->path, at);
	if (requirements.n)
		draft_set_text(draft, service, DRAFT_REQUIREMENTS, requirements,
			       at);
	draft_set_text(draft, service, DRAFT_SKIP,
		       STR("a candidate; remove this where it is a service"),
		       at);
	if (script->line)
		draft_ask(draft, at, service,
			  "the script has a main block and '%s': is it a "
			  "service, and which ports has it?",
			  script->start);
	else
		draft_ask(draft, at, service,
			  "the script lies beside a requirements.txt: is it a "
			  "service, and which ports has it?");
	return 0;
}

static int read_file(struct draft *draft, struct str path, struct error **err)
{
	struct script script = {.path = path};
	struct str text;
	bool has_main;

	if (draft_read(draft, path, &text, NULL))
		return 0; /* too large, or not readable: no small script */
	scan(text, &script, &has_main);
	if (!has_main && !is_usual(draft, path))
		return 0;
	if (!has_main)
		script.line = 0;
	if (script.line || is_usual(draft, path))
		return add_candidate(draft, &script, err);
	return 0;
}

int folder_read(struct draft *draft, struct str path, struct error **err)
{
	struct draft_texts files = ARRAY_EMPTY;
	size_t before = draft->services.n;
	int result = find_files(draft, path, &files, err);

	for (size_t i = 0; result == 0 && i < files.n; i++)
		if (str_ends(files.p[i], STR(".py")) && files.p[i].n > 3 &&
		    !is_test(files.p[i]))
			result = read_file(draft, files.p[i], err);
	array_release(&files);
	if (result == 0 && draft->services.n == before) {
		err_make(err, ERR_FLEET,
			 "nothing in '" STR_FMT "' tells of services",
			 STR_ARG(path));
		return err_hint(err,
				"name what does: slipway init FILE... "
				"(startup_config.yaml, compose.yaml, a "
				"Dockerfile, a folder with scripts); or write "
				"fleet.yaml by hand, it is one line a service");
	}
	return result;
}
