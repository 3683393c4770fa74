/* What a stage, with those it is FROM, says about its image. */
#include "base/array.h"
#include "facts/dockerfile/internal.h"

enum { MAX_FOLLOWED = 64 };

struct builder {
	const struct dockerfile *dockerfile;
	const struct dockerfile_pairs *given;
	struct arena *arena;
	struct dockerfile_image *image;
	struct dockerfile_pairs arguments; /* of the stage */
	bool is_final;
};

static struct dockerfile_scope scope_of(struct builder *builder)
{
	return (struct dockerfile_scope){
		.arena = builder->arena,
		.escape = builder->dockerfile->escape,
		.env = &builder->image->env,
		.arguments = &builder->arguments,
		.given = builder->given,
	};
}

static struct dockerfile_texts
words_of(struct builder *builder,
	 const struct dockerfile_instruction *instruction)
{
	struct dockerfile_scope scope = scope_of(builder);
	struct dockerfile_texts words = {NULL, 0, 0};

	if (instruction->is_exec)
		return instruction->words;
	dockerfile_words(&scope, instruction->text, instruction->line, &words);
	return words;
}

/* NAME=VALUE..., or the old form NAME VALUE... */
static void add_env(struct builder *builder,
		    const struct dockerfile_instruction *instruction)
{
	struct dockerfile_texts words = words_of(builder, instruction);
	struct str text = instruction->text, first;
	size_t n = 0;

	while (n < text.n && !strchr(" \t", text.p[n]))
		n++;
	first = str_slice(text, 0, n);
	if (str_find(first, '=') < 0 && words.n > 1) {
		struct str value = words.p[1].s;

		for (size_t i = 2; i < words.n; i++)
			value = arena_printf(
				builder->arena, STR_FMT " " STR_FMT,
				STR_ARG(value), STR_ARG(words.p[i].s));
		dockerfile_set_pair(builder->arena, &builder->image->env,
				    (struct dockerfile_pair){
					    first, value, instruction->line});
		return;
	}
	for (size_t i = 0; i < words.n; i++) {
		struct str value = words.p[i].s, name = STR_EMPTY;

		str_split(&value, '=', &name);
		dockerfile_set_pair(builder->arena, &builder->image->env,
				    (struct dockerfile_pair){
					    name, value, instruction->line});
	}
}

/* ARG without a default takes that of the file's head. */
static void add_arg(struct builder *builder,
		    const struct dockerfile_instruction *instruction)
{
	struct dockerfile_scope scope = scope_of(builder);
	const struct dockerfile_pair *head = dockerfile_find(
		&builder->dockerfile->arguments, instruction->text);

	if (head)
		dockerfile_set_pair(builder->arena, &builder->arguments, *head);
	dockerfile_arg(&scope, instruction, &builder->arguments);
}

static void add_copy(struct builder *builder,
		     const struct dockerfile_instruction *instruction)
{
	struct dockerfile_texts words = words_of(builder, instruction);
	const struct dockerfile_pair *from =
		dockerfile_find(&instruction->flags, STR("from"));
	struct dockerfile_copies *copies = &builder->image->copies;

	if (words.n < 2 || instruction->heredoc.n)
		return;
	struct str target = words.p[words.n - 1].s;

	for (size_t i = 0; i + 1 < words.n; i++)
		dockerfile_push(
			builder->arena, copies,
			((struct dockerfile_copy){
				.line = instruction->line,
				.from = from ? from->value : STR_EMPTY,
				.source = words.p[i].s,
				.target = dockerfile_path(
					builder->arena,
					builder->image->workdir.s, target),
				.is_folder_target =
					words.n > 2 ||
					str_ends(target, STR("/")) ||
					str_eq(target, STR(".")),
			}));
}

static struct dockerfile_command
command_of(const struct dockerfile_instruction *instruction)
{
	return (struct dockerfile_command){
		.line = instruction->line,
		.is_exec = instruction->is_exec,
		.words = instruction->words,
		.text = instruction->text,
	};
}

/* [OPTIONS] CMD command, or NONE. */
static void add_health(struct builder *builder,
		       const struct dockerfile_instruction *instruction)
{
	struct dockerfile_image *image = builder->image;
	struct str text = instruction->text, word;
	size_t n = 0;

	while (n < text.n && !strchr(" \t", text.p[n]))
		n++;
	word = str_slice(text, 0, n);
	text = str_trim(str_slice(text, n, text.n));
	image->is_health_none = str_eq_case(word, STR("NONE"));
	if (!str_eq_case(word, STR("CMD")))
		return;
	image->health_flags = instruction->flags;
	image->health = (struct dockerfile_command){
		.line = instruction->line,
		.text = text,
	};
}

static void add_instruction(struct builder *builder,
			    const struct dockerfile_instruction *instruction)
{
	struct dockerfile_image *image = builder->image;
	struct str name = instruction->name;
	uint32_t line = instruction->line;

	if (str_eq(name, STR("COPY")) || str_eq(name, STR("ADD"))) {
		add_copy(builder, instruction);
	} else if (str_eq(name, STR("ARG"))) {
		add_arg(builder, instruction);
	} else if (str_eq(name, STR("ENV"))) {
		add_env(builder, instruction);
	} else if (str_eq(name, STR("WORKDIR"))) {
		struct dockerfile_texts words = words_of(builder, instruction);

		if (words.n)
			image->workdir = (struct dockerfile_text){
				dockerfile_path(builder->arena,
						image->workdir.s, words.p[0].s),
				line};
	} else if (str_eq(name, STR("RUN"))) {
		struct dockerfile_scope scope = scope_of(builder);

		scope.keeps_unset = true;
		dockerfile_run(&scope, instruction, image->workdir.s,
			       builder->is_final, image);
	} else if (str_eq(name, STR("CMD"))) {
		image->command = command_of(instruction);
	} else if (str_eq(name, STR("ENTRYPOINT"))) {
		image->entrypoint = command_of(instruction);
		image->command = (struct dockerfile_command){.line = 0};
	} else if (str_eq(name, STR("HEALTHCHECK"))) {
		add_health(builder, instruction);
	} else if (str_eq(name, STR("USER"))) {
		struct dockerfile_texts words = words_of(builder, instruction);

		if (words.n)
			image->user = words.p[0];
	} else if (str_eq(name, STR("EXPOSE")) || str_eq(name, STR("VOLUME"))) {
		struct dockerfile_texts words = words_of(builder, instruction);

		for (size_t i = 0; i < words.n; i++)
			dockerfile_add_text(builder->arena,
					    str_eq(name, STR("EXPOSE"))
						    ? &image->ports
						    : &image->volumes,
					    words.p[i].s, line);
	}
}

static void add_stage(struct builder *builder,
		      const struct dockerfile_stage *stage)
{
	const struct dockerfile *dockerfile = builder->dockerfile;

	if (stage->parent)
		add_stage(builder, stage->parent);
	else
		builder->image->base =
			(struct dockerfile_text){stage->base, stage->line};
	builder->arguments = (struct dockerfile_pairs){NULL, 0, 0};
	for (size_t i = 0; i < stage->count; i++)
		add_instruction(builder,
				&dockerfile->instructions[stage->first + i]);
}

static struct dockerfile_image build(const struct dockerfile *dockerfile,
				     const struct dockerfile_stage *stage,
				     const struct dockerfile_pairs *given,
				     struct arena *arena, bool is_final)
{
	struct dockerfile_image image = {.workdir = {STR("/"), 0}};
	struct builder builder = {
		.dockerfile = dockerfile,
		.given = given,
		.arena = arena,
		.image = &image,
		.is_final = is_final,
	};

	add_stage(&builder, stage);
	return image;
}

/* A stage that others copy from; only earlier ones can be. */
static const struct dockerfile_stage *
copied_stage(const struct dockerfile *dockerfile,
	     const struct dockerfile_stage *stage, struct str from)
{
	const struct dockerfile_stage *found =
		from.n ? dockerfile_stage(dockerfile, from) : NULL;

	return found && found < stage ? found : NULL;
}

struct search {
	const struct dockerfile *dockerfile;
	dockerfile_exists *exists;
	void *context;
	struct arena *arena;
	unsigned left; /* stages that may still be looked at */
};

/* The path that a copy puts at path, without its leading '/': of the context,
 * or of a stage. number counts the ways in which it may have done so. */
static bool copied_from(const struct dockerfile_copy *copy, struct str path,
			unsigned number, struct arena *arena,
			struct str *source)
{
	struct str rest = path;
	ptrdiff_t slash = str_rfind(copy->source, '/');
	struct str name =
		str_slice(copy->source, (size_t)(slash + 1), copy->source.n);
	bool is_glob = str_find(name, '*') >= 0 || str_find(name, '?') >= 0;
	struct str folder =
		is_glob ? str_slice(copy->source, 0, (size_t)(slash + 1))
			: copy->source;

	*source = str_slice(dockerfile_path(arena, STR("/"), copy->source), 1,
			    SIZE_MAX);
	if (number == 0 && str_eq(path, copy->target))
		return true;
	if ((!str_eq(copy->target, STR("/")) &&
	     !str_eat(&rest, copy->target)) ||
	    !str_eat(&rest, STR("/")))
		return false;
	if (number == 0)
		return str_eq(rest, name);
	/* A folder's content goes into the target. */
	*source = str_slice(
		dockerfile_path(arena, dockerfile_path(arena, STR("/"), folder),
				rest),
		1, SIZE_MAX);
	return true;
}

static bool find_source(struct search *search,
			const struct dockerfile_stage *stage, struct str path,
			struct str *source);

static bool try_copy(struct search *search,
		     const struct dockerfile_stage *stage,
		     const struct dockerfile_copy *copy, struct str path,
		     unsigned number, struct str *source)
{
	const struct dockerfile_stage *from =
		copied_stage(search->dockerfile, stage, copy->from);
	struct str found;

	if (!copied_from(copy, path, number, search->arena, &found))
		return false;
	if (copy->from.n == 0) {
		*source = found;
		return found.n && search->exists(search->context, found);
	}
	return from &&
	       find_source(search, from,
			   dockerfile_path(search->arena, STR("/"), found),
			   source);
}

static bool find_source(struct search *search,
			const struct dockerfile_stage *stage, struct str path,
			struct str *source)
{
	if (search->left == 0)
		return false;
	search->left--;
	struct dockerfile_image image =
		build(search->dockerfile, stage, NULL, search->arena, true);

	for (size_t i = image.copies.n; i-- > 0;)
		for (unsigned number = 0; number < 2; number++)
			if (try_copy(search, stage, &image.copies.p[i], path,
				     number, source))
				return true;
	return false;
}

bool dockerfile_source(const struct dockerfile *dockerfile,
		       const struct dockerfile_stage *stage, struct str path,
		       dockerfile_exists *exists, void *context,
		       struct arena *arena, struct str *source)
{
	struct search search = {dockerfile, exists, context, arena,
				MAX_FOLLOWED};

	return find_source(&search, stage, path, source);
}

struct image_files {
	dockerfile_exists *exists;
	void *context;
};

/* Files that pip read in a stage, as the context has them. */
static void take_requirements(const struct dockerfile *dockerfile,
			      const struct dockerfile_stage *stage,
			      const struct dockerfile_texts *from,
			      const struct image_files *files,
			      struct arena *arena, struct dockerfile_texts *to)
{
	for (size_t i = 0; i < from->n; i++) {
		struct str source = from->p[i].s, found;

		if (dockerfile_source(dockerfile, stage, source, files->exists,
				      files->context, arena, &found))
			source = found;
		dockerfile_add_text(arena, to, source, from->p[i].line);
	}
}

static void append(struct arena *arena, struct dockerfile_texts *to,
		   const struct dockerfile_texts *from)
{
	for (size_t i = 0; i < from->n; i++)
		dockerfile_add_text(arena, to, from->p[i].s, from->p[i].line);
}

/* pip of the stages that are copied from, each once. */
static void follow_copies(const struct dockerfile *dockerfile,
			  const struct dockerfile_stage *stage,
			  const struct dockerfile_copies *copies,
			  const struct dockerfile_pairs *given,
			  const struct image_files *files, bool *seen,
			  struct arena *arena, struct dockerfile_image *image)
{
	for (size_t i = 0; i < copies->n; i++) {
		const struct dockerfile_stage *from =
			copied_stage(dockerfile, stage, copies->p[i].from);

		if (!from || seen[from - dockerfile->stages])
			continue;
		seen[from - dockerfile->stages] = true;
		struct dockerfile_image other =
			build(dockerfile, from, given, arena, false);

		append(arena, &image->packages, &other.packages);
		append(arena, &image->unknown, &other.unknown);
		take_requirements(dockerfile, from, &other.requirements, files,
				  arena, &image->requirements);
		follow_copies(dockerfile, from, &other.copies, given, files,
			      seen, arena, image);
	}
}

void dockerfile_image(const struct dockerfile *dockerfile,
		      const struct dockerfile_stage *stage,
		      const struct dockerfile_pairs *arguments,
		      dockerfile_exists *exists, void *context,
		      struct arena *arena, struct dockerfile_image *image)
{
	const struct image_files files = {exists, context};
	bool *seen = arena_new_array(arena, bool, dockerfile->stage_count);

	*image = build(dockerfile, stage, arguments, arena, true);
	struct dockerfile_texts own = image->requirements;

	image->requirements = (struct dockerfile_texts){NULL, 0, 0};
	take_requirements(dockerfile, stage, &own, &files, arena,
			  &image->requirements);
	follow_copies(dockerfile, stage, &image->copies, arguments, &files,
		      seen, arena, image);
}
