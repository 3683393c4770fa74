/* What a Dockerfile says about a service. */
#include "work/init/draft.h"

#include "base/error.h"
#include "facts/dockerfile.h"

struct docker {
	struct draft *draft;
	struct draft_service *service;
	const struct dockerfile *dockerfile;
	const struct dockerfile_stage *stage;
	struct dockerfile_image image;
	struct str path, context;
};

static struct draft_place place(const struct docker *docker, uint32_t line)
{
	return (struct draft_place){docker->path, line};
}

/* A callback of dockerfile_image: a file of the build context. */
static bool context_has(void *context, struct str path)
{
	const struct docker *docker = context;
	struct str clean;

	return draft_clean_path(docker->draft, docker->context, path, &clean) &&
	       draft_has_file(docker->draft, clean);
}

/* A callback of command_image. */
static bool find_source(void *context, struct str path, struct str *source)
{
	struct docker *docker = context;
	struct str found;

	return dockerfile_source(docker->dockerfile, docker->stage, path,
				 context_has, docker, docker->draft->arena,
				 &found) &&
	       draft_clean_path(docker->draft, docker->context, found, source);
}

/* -- base image -- */

/* "registry/python:3.10.4-slim" in its parts. */
static struct str image_name(struct str image, struct str *tag)
{
	struct str name =
		str_slice(image, (size_t)(str_rfind(image, '/') + 1), image.n);
	ptrdiff_t at = str_find(name, '@');

	name = str_slice(name, 0, at < 0 ? name.n : (size_t)at);
	ptrdiff_t colon = str_find(name, ':');

	*tag = colon < 0 ? STR_EMPTY
			 : str_slice(name, (size_t)colon + 1, name.n);
	return str_slice(name, 0, colon < 0 ? name.n : (size_t)colon);
}

/* "3.10" of "3.10.4-slim"; empty where the tag does not say it. */
static struct str python_version(struct str tag)
{
	size_t n = 2;

	if (!str_starts(tag, STR("3.")))
		return STR_EMPTY;
	while (n < tag.n && tag.p[n] >= '0' && tag.p[n] <= '9')
		n++;
	return n > 2 ? str_slice(tag, 0, n) : STR_EMPTY;
}

static void read_python_base(struct docker *docker, struct str tag,
			     struct draft_place at)
{
	struct str version = python_version(tag), minor = version;
	struct draft *draft = docker->draft;
	uint64_t number;

	if (version.n == 0) {
		draft_ask(draft, at, docker->service,
			  "the image '" STR_FMT "' does not say which Python; "
			  "3.11 is used: is that right?",
			  STR_ARG(docker->image.base.s));
		return;
	}
	str_eat(&minor, STR("3."));
	if (!str_to_u64(minor, &number) || number < 8 || number > 14) {
		draft_ask(draft, at, docker->service,
			  "Python " STR_FMT " is none that slipway knows (3.8 "
			  "to 3.14); 3.11 is used: is that right?",
			  STR_ARG(version));
		return;
	}
	if (number == 11)
		return;
	auto_buf struct buf image = BUF_EMPTY;
	struct str why;

	version = arena_printf(draft->arena, "3.%u", (unsigned)number);
	buf_append_text(&image, "{image: ");
	yaml_append_scalar(&image, docker->image.base.s);
	buf_append_byte(&image, '}');
	if (!draft_is_fine(draft, "infra", buf_str(&image), &why)) {
		draft_ask(draft, at, docker->service,
			  "the image '" STR_FMT "' cannot be written (" STR_FMT
			  "): which one is it?",
			  STR_ARG(docker->image.base.s), STR_ARG(why));
		return;
	}
	if (draft_python(draft, version).n == 0)
		draft_set_pair(&draft->pythons, version, docker->image.base.s);
	docker->service->settings[DRAFT_FAMILY] =
		arena_printf(draft->arena, "cpu-core-py3%u", (unsigned)number);
}

static void read_base(struct docker *docker)
{
	static const char *const families[] = {"cpu-core", "cpu-web",
					       "gpu-core-cu121", "gpu-ml-cu121",
					       "gpu-onnx-cu121"};
	struct str image = docker->image.base.s, tag;
	struct str name = image_name(image, &tag);
	struct draft_place at = place(docker, docker->image.base.line);

	str_eat(&name, STR("base."));
	for (size_t i = 0; i < sizeof families / sizeof *families; i++)
		if (str_eq(name, str_from(families[i]))) {
			docker->service->settings[DRAFT_FAMILY] = name;
			docker->draft->needs_gpu |=
				str_starts(name, STR("gpu-"));
			return;
		}
	if (str_eq(name, STR("python"))) {
		read_python_base(docker, tag, at);
	} else if (str_find_str(image, STR("cuda")) >= 0 ||
		   str_find_str(image, STR("nvidia")) >= 0 ||
		   str_eq(name, STR("pytorch")) || str_ends(tag, STR("-gpu"))) {
		docker->draft->needs_gpu = true;
		draft_set_text(docker->draft, docker->service, DRAFT_GPU,
			       STR("required"), at);
		draft_ask(docker->draft, at, docker->service,
			  "the image stands on '" STR_FMT "'; CUDA comes with "
			  "the wheels here, and gpu: required is written: is "
			  "the service of use without a GPU (optional)?",
			  STR_ARG(image));
	} else if (!str_eq(name, STR("debian")) ||
		   !str_starts(tag, STR("bookworm"))) {
		draft_ask(docker->draft, at, docker->service,
			  "the image stands on '" STR_FMT "', here it is "
			  "Debian bookworm with Python 3.11: is that fine?",
			  STR_ARG(image));
	}
}

/* -- lists -- */

static void read_env(struct docker *docker)
{
	for (size_t i = 0; i < docker->image.env.n; i++) {
		const struct dockerfile_pair *pair = &docker->image.env.p[i];

		draft_add_env(docker->draft, docker->service, pair->name,
			      pair->value, place(docker, pair->line));
	}
}

/* "80", "53/udp", "8000-8010". */
static void read_port(struct docker *docker, struct dockerfile_text text)
{
	draft_add_port_range(docker->draft, docker->service, text.s,
			     place(docker, text.line));
}

/* Those of every slipway image, those for building only, and those for asking
 * about health. */
static bool is_needless(struct str package, struct str health)
{
	static const char *const names[] = {"ca-certificates",
					    "python3",
					    "python-is-python3",
					    "pip",
					    "tini",
					    "dumb-init"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_eq(package, str_from(names[i])))
			return true;
	if (str_eq(package, STR("curl")) || str_eq(package, STR("wget")))
		return str_find_str(health, package) >= 0;
	return str_starts(package, STR("python3")) &&
	       !str_starts(package, STR("python3-tk"));
}

static bool is_for_building(struct str package)
{
	static const char *const names[] = {
		"build-essential", "gcc",   "g++", "make",	 "cmake",
		"pkg-config",	   "clang", "git", "ninja-build"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_eq(package, str_from(names[i])))
			return true;
	return str_ends(package, STR("-dev"));
}

static void read_system(struct docker *docker)
{
	struct draft_texts packages = ARRAY_EMPTY;
	struct draft_place at = place(docker, 0);

	for (size_t i = 0; i < docker->image.system.n; i++) {
		const struct dockerfile_text *package =
			&docker->image.system.p[i];

		if (is_needless(package->s, docker->image.health.text))
			continue;
		if (is_for_building(package->s)) {
			draft_ask(docker->draft, place(docker, package->line),
				  docker->service,
				  "'" STR_FMT "' is for building and left out: "
				  "is it, or a library of it, needed when the "
				  "service runs?",
				  STR_ARG(package->s));
			continue;
		}
		if (at.line == 0)
			at = place(docker, package->line);
		draft_add_text(&packages, package->s);
	}
	draft_set_texts(docker->draft, docker->service, DRAFT_SYSTEM, &packages,
			at);
	array_release(&packages);
}

static void read_pip(struct docker *docker)
{
	struct draft *draft = docker->draft;
	struct draft_texts files = ARRAY_EMPTY, packages = ARRAY_EMPTY;
	struct draft_place at = place(docker, docker->stage->line);

	for (size_t i = 0; i < docker->image.requirements.n; i++) {
		const struct dockerfile_text *file =
			&docker->image.requirements.p[i];
		struct str clean;

		if (draft_clean_path(draft, docker->context, file->s, &clean) &&
		    draft_has_file(draft, clean))
			draft_add_text(&files, clean);
		else
			draft_ask(draft, place(docker, file->line),
				  docker->service,
				  "which file of the source is '" STR_FMT
				  "', from which pip installs?",
				  STR_ARG(file->s));
	}
	for (size_t i = 0; i < docker->image.packages.n; i++)
		draft_add_text(&packages, docker->image.packages.p[i].s);
	draft_set_texts(draft, docker->service, DRAFT_REQUIREMENTS, &files, at);
	draft_set_texts(draft, docker->service, DRAFT_EXTRA, &packages, at);
	array_release(&files);
	array_release(&packages);
	for (size_t i = 0; i < docker->image.unknown.n; i++)
		draft_ask(draft, place(docker, docker->image.unknown.p[i].line),
			  docker->service,
			  "'" STR_FMT "' is not understood as a whole: what "
			  "does the service need of it (requirements, extra, "
			  "system, indexes of a track)?",
			  STR_ARG(docker->image.unknown.p[i].s));
}

/* A folder of the image, as `write` has it: below workdir, or absolute. */
static struct str as_written(const struct docker *docker, struct str folder)
{
	struct str rest = folder;

	if (docker->image.workdir.s.n > 1 &&
	    str_eat(&rest, docker->image.workdir.s) &&
	    str_eat(&rest, STR("/")) && rest.n)
		return rest;
	return folder;
}

static void read_folders(struct docker *docker)
{
	struct draft_texts folders = ARRAY_EMPTY;
	const struct dockerfile_texts *lists[2] = {&docker->image.written,
						   &docker->image.volumes};
	struct draft_place at = place(docker, docker->stage->line);

	for (size_t i = 0; i < 2; i++)
		for (size_t j = 0; j < lists[i]->n; j++) {
			struct str folder =
				as_written(docker, lists[i]->p[j].s);

			at = place(docker, lists[i]->p[j].line);
			if (folder.n > 1)
				draft_add_text(&folders, folder);
		}
	draft_set_texts(docker->draft, docker->service, DRAFT_WRITE, &folders,
			at);
	array_release(&folders);
}

static void read_user(struct docker *docker)
{
	draft_set_user(docker->draft, docker->service, docker->image.user.s,
		       place(docker, docker->image.user.line));
}

static void read_health(struct docker *docker)
{
	struct draft_pairs timings = ARRAY_EMPTY;
	struct draft_place at = place(docker, docker->image.health.line);

	if (docker->image.is_health_none)
		draft_set_text(docker->draft, docker->service, DRAFT_HEALTH,
			       STR("none"), at);
	for (size_t i = 0; i < docker->image.health_flags.n; i++) {
		const struct dockerfile_pair *flag =
			&docker->image.health_flags.p[i];

		draft_set_pair(&timings,
			       str_eq(flag->name, STR("start-period"))
				       ? STR("start_period")
				       : flag->name,
			       flag->value);
	}
	if (docker->image.health.line && !docker->image.is_health_none)
		command_to_health(docker->draft, docker->service,
				  docker->image.health.text, &timings, at);
	array_release(&timings);
}

static struct command command_of(const struct docker *docker,
				 const struct dockerfile_command *from)
{
	struct command command = {.at = place(docker, from->line)};

	for (size_t i = 0; i < from->words.n; i++)
		array_push(&command.words, from->words.p[i].s);
	if (from->line && !from->is_exec)
		command.shell = from->text;
	return command;
}

/* Where COPY begins: the folder of the Dockerfile, or the root, whichever has
 * more of what is copied. */
static struct str find_context(struct docker *docker)
{
	size_t here = 0, root = 0;
	struct str folder = draft_folder_of(docker->path), clean;

	for (size_t i = 0; i < docker->dockerfile->n; i++) {
		const struct dockerfile_instruction *instruction =
			&docker->dockerfile->instructions[i];
		struct str rest = instruction->text, word;

		if (!str_eq(instruction->name, STR("COPY")) ||
		    instruction->flags.n)
			continue;
		while (str_split(&rest, ' ', &word) && rest.n) {
			if (word.n == 0)
				continue;
			if (draft_clean_path(docker->draft, folder, word,
					     &clean) &&
			    (draft_has_file(docker->draft, clean) ||
			     draft_has_folder(docker->draft, clean)))
				here++;
			if (draft_clean_path(docker->draft, STR("."), word,
					     &clean) &&
			    (draft_has_file(docker->draft, clean) ||
			     draft_has_folder(docker->draft, clean)))
				root++;
		}
	}
	return root > here ? STR(".") : folder;
}

int docker_into(struct draft *draft, struct str path, struct str context,
		struct str target, const struct draft_pairs *arguments,
		struct draft_service *service, struct command_image *image,
		struct error **err)
{
	struct docker *docker = arena_new(draft->arena, struct docker);
	struct dockerfile_pairs given = {arena_new_array(draft->arena,
							 struct dockerfile_pair,
							 arguments->n),
					 0, arguments->n};
	struct dockerfile_problem problem;
	struct str text;

	for (size_t i = 0; i < arguments->n; i++)
		given.p[given.n++] = (struct dockerfile_pair){
			arguments->p[i].name, arguments->p[i].value, 0};
	*docker = (struct docker){.draft = draft,
				  .service = service,
				  .path = path,
				  .context = context};
	if (draft_read(draft, path, &text, err))
		return -1;
	docker->dockerfile =
		dockerfile_parse(text, &given, draft->arena, &problem);
	if (!docker->dockerfile) {
		err_make(err, ERR_FLEET, STR_FMT ":%u: %s", STR_ARG(path),
			 problem.line, problem.what);
		return err_hint(err, "correct the Dockerfile, or name the "
				     "files to start from: slipway init "
				     "FILE...");
	}
	docker->stage = dockerfile_stage(docker->dockerfile, target);
	if (!docker->stage)
		return err_make(err, ERR_FLEET,
				STR_FMT ": there is no stage '" STR_FMT "'",
				STR_ARG(path), STR_ARG(target));
	if (docker->context.n == 0)
		docker->context = find_context(docker);
	dockerfile_image(docker->dockerfile, docker->stage, &given, context_has,
			 docker, draft->arena, &docker->image);
	draft_add_text(&draft->sources, path);
	read_base(docker);
	read_env(docker);
	for (size_t i = 0; i < docker->image.ports.n; i++)
		read_port(docker, docker->image.ports.p[i]);
	read_health(docker);
	read_system(docker);
	read_pip(docker);
	read_folders(docker);
	read_user(docker);
	*image = (struct command_image){
		.entrypoint = command_of(docker, &docker->image.entrypoint),
		.command = command_of(docker, &docker->image.command),
		.workdir = docker->image.workdir.s,
		.source = find_source,
		.context = docker,
	};
	return 0;
}

/* "chat" of chat/Dockerfile, chat.Dockerfile and Dockerfile.chat. */
static struct str service_name(const struct draft *draft, struct str path)
{
	struct str name =
		str_slice(path, (size_t)(str_rfind(path, '/') + 1), path.n);
	struct str folder = draft_folder_of(path);

	if (str_eat(&name, STR("Dockerfile.")))
		return name;
	if (str_ends(name, STR(".Dockerfile")))
		return str_slice(name, 0, name.n - 11);
	return str_eq(folder, STR("."))
		       ? draft->name
		       : str_slice(folder, (size_t)(str_rfind(folder, '/') + 1),
				   folder.n);
}

int docker_read(struct draft *draft, struct str path, struct error **err)
{
	static const struct draft_pairs none = ARRAY_EMPTY;
	struct draft_place at = {path, 1};
	struct draft_service *service =
		draft_add(draft, service_name(draft, path), at);
	struct command_image image;

	if (!service)
		return draft_too_many(at, err);
	if (docker_into(draft, path, STR_EMPTY, STR_EMPTY, &none, service,
			&image, err))
		return -1;
	command_to_run(draft, service, &image);
	command_image_release(&image);
	return 0;
}
