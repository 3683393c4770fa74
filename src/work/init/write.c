/* The draft as the text of fleet.yaml. */
#include "work/init/draft.h"

#include "base/data.h"

enum {
	MOST_COLUMNS = 160, /* of a service on one line */
	LEAST_ALIKE = 3,    /* services that are worth a template */
};

struct template
{
	struct str name;
	const struct draft_service *model; /* whose settings it has */
	size_t count;
};

struct writer {
	struct draft *draft;
	struct buf *out;
	struct str defaults[DRAFT_KEY_COUNT];
	ARRAY(struct template) templates;
};

/* Own to each service, or a matter of the whole. */
static bool can_be_shared(enum draft_key key)
{
	return key != DRAFT_LIKE && key != DRAFT_RUN && key != DRAFT_PORTS &&
	       key != DRAFT_DEPENDS_ON && key != DRAFT_SKIP &&
	       key != DRAFT_ALLOW;
}

/* -- what several share -- */

static void find_defaults(struct writer *writer)
{
	struct draft *draft = writer->draft;

	writer->defaults[DRAFT_FAMILY] = STR("auto");
	writer->defaults[DRAFT_HEALTH] = STR("auto");
	writer->defaults[DRAFT_GPU] = STR("none");
	for (int key = 0; key < DRAFT_KEY_COUNT; key++) {
		const struct draft_service *first = draft->services.p[0];
		bool is_same = can_be_shared((enum draft_key)key) &&
			       draft->services.n >= LEAST_ALIKE &&
			       first->settings[key].n > 0 && key != DRAFT_ENV;

		array_each (struct draft_service *, service, &draft->services)
			is_same &= !(*service)->twin_of &&
				   str_eq((*service)->settings[key],
					  first->settings[key]);
		if (!is_same)
			continue;
		writer->defaults[key] = first->settings[key];
		array_each (struct draft_service *, service, &draft->services)
			(*service)->settings[key] = STR_EMPTY;
	}
}

/* All that can be shared is the same. */
static bool is_alike(const struct draft_service *a,
		     const struct draft_service *b)
{
	for (int key = 0; key < DRAFT_KEY_COUNT; key++)
		if (can_be_shared((enum draft_key)key) &&
		    !str_eq(a->settings[key], b->settings[key]))
			return false;
	return true;
}

static bool has_any_shared(const struct draft_service *service)
{
	for (int key = 0; key < DRAFT_KEY_COUNT; key++)
		if (can_be_shared((enum draft_key)key) &&
		    service->settings[key].n)
			return true;
	return false;
}

static bool is_template_name(const struct writer *writer, struct str name)
{
	array_each (const struct template, template, &writer->templates)
		if (str_eq(template->name, name))
			return true;
	return false;
}

/* True where another template of the same machine has another value. */
static bool distinguishes(const struct writer *writer,
			  const struct draft_service *model, int key)
{
	array_each (const struct template, other, &writer->templates)
		if (str_eq(other->model->settings[DRAFT_MACHINES],
			   model->settings[DRAFT_MACHINES]) &&
		    !str_eq(other->model->settings[key], model->settings[key]))
			return true;
	return false;
}

/* After the machine, and what sets it apart from others of that machine:
 * mainpc, mainpc-optional, mainpc-data. */
static struct str name_template(struct writer *writer,
				const struct draft_service *model)
{
	auto_buf struct buf name = BUF_EMPTY;
	struct str machine = model->settings[DRAFT_MACHINES];

	if (machine.n == 0 || strchr("[{\"", machine.p[0]))
		machine = STR("alike");
	buf_append(&name, machine);
	if (str_eq(model->settings[DRAFT_REQUIRED], STR("false")) &&
	    distinguishes(writer, model, DRAFT_REQUIRED))
		buf_append_text(&name, "-optional");
	for (int key = DRAFT_FAMILY; key < DRAFT_REQUIRED; key++)
		if (can_be_shared((enum draft_key)key) &&
		    model->settings[key].n && name.n < 60 &&
		    distinguishes(writer, model, key))
			buf_printf(&name, "-%s",
				   draft_key_name((enum draft_key)key));
	size_t n = name.n;

	for (unsigned i = 2; is_template_name(writer, buf_str(&name)); i++) {
		name.n = n;
		buf_printf(&name, "-%u", i);
	}
	return arena_str(writer->draft->arena, buf_str(&name));
}

static int by_count(const void *a, const void *b)
{
	const struct template *left = a, *right = b;

	if (left->count != right->count)
		return left->count > right->count ? -1 : 1;
	return left->model->at.line < right->model->at.line ? -1 : 1;
}

static void find_templates(struct writer *writer)
{
	struct draft *draft = writer->draft;
	ARRAY(struct template) found = ARRAY_EMPTY;

	array_each (struct draft_service *, service, &draft->services) {
		struct template *same = NULL;

		if ((*service)->twin_of || !has_any_shared(*service))
			continue;
		array_each (struct template, other, &found)
			if (is_alike(other->model, *service))
				same = other;
		if (same)
			same->count++;
		else
			array_push(&found, (struct template){.model = *service,
							     .count = 1});
	}
	array_sort(&found, by_count);
	array_each (struct template, template, &found)
		if (template->count >= LEAST_ALIKE)
			array_push(&writer->templates, *template);
	array_each (struct template, template, &writer->templates)
		template->name = name_template(writer, template->model);
	array_release(&found);
}

/* How many settings a service would not have to repeat; 0: it does not fit. */
static size_t saved_by(const struct template *template,
		       const struct draft_service *service)
{
	size_t saved = 0;

	for (int key = 0; key < DRAFT_KEY_COUNT; key++) {
		struct str value = template->model->settings[key];

		if (!can_be_shared((enum draft_key)key) || value.n == 0)
			continue;
		if (!str_eq(value, service->settings[key]))
			return 0;
		saved++;
	}
	return saved;
}

static const struct template *best_template(const struct writer *writer,
					    const struct draft_service *service)
{
	const struct template *best = NULL;
	size_t most = 0;

	array_each (const struct template, template, &writer->templates) {
		size_t saved = saved_by(template, service);

		if (saved > most) {
			most = saved;
			best = template;
		}
	}
	return best;
}

/* -- text -- */

/* "NAME: {key: value, ...}" on a line, or a key a line where that is long. */
static void write_settings(struct buf *out, struct str name,
			   const struct str *settings)
{
	auto_buf struct buf line = BUF_EMPTY;
	size_t n = 0;

	buf_append_text(&line, "  ");
	yaml_append_scalar(&line, name);
	buf_append_text(&line, ": {");
	for (int key = 0; key < DRAFT_KEY_COUNT; key++)
		if (settings[key].n)
			buf_printf(&line, "%s%s: " STR_FMT, n++ ? ", " : "",
				   draft_key_name((enum draft_key)key),
				   STR_ARG(settings[key]));
	buf_append_text(&line, "}");
	if (line.n <= MOST_COLUMNS || n < 2) {
		buf_append(out, buf_str(&line));
		buf_append_byte(out, '\n');
		return;
	}
	buf_append_text(out, "  ");
	yaml_append_scalar(out, name);
	buf_append_byte(out, ':');
	buf_append_byte(out, '\n');
	for (int key = 0; key < DRAFT_KEY_COUNT; key++)
		if (settings[key].n)
			buf_printf(out, "    %s: " STR_FMT "\n",
				   draft_key_name((enum draft_key)key),
				   STR_ARG(settings[key]));
}

static void write_service(struct writer *writer,
			  const struct draft_service *service)
{
	const struct template *template = best_template(writer, service);
	struct str settings[DRAFT_KEY_COUNT];

	for (int key = 0; key < DRAFT_KEY_COUNT; key++)
		settings[key] =
			template && can_be_shared((enum draft_key)key) &&
					template->model->settings[key].n
				? STR_EMPTY
				: service->settings[key];
	if (template)
		settings[DRAFT_LIKE] = template->name;
	write_settings(writer->out, service->name, settings);
}

static void write_services(struct writer *writer)
{
	struct str group = STR_EMPTY, file = STR_EMPTY;
	bool has_files = writer->draft->sources.n > 1;

	buf_append_text(writer->out, "\nservices:\n");
	array_each (struct draft_service *, pointer, &writer->draft->services) {
		const struct draft_service *service = *pointer;

		if (service->twin_of)
			continue;
		if (!str_eq(service->group, group) ||
		    (has_files && !str_eq(service->at.file, file))) {
			bool is_first = file.n == 0;

			group = service->group;
			file = service->at.file;
			buf_append_text(writer->out, is_first ? "" : "\n");
			draft_comment(writer->out, "  ",
				      group.n ? group : file);
		}
		write_service(writer, service);
	}
	if (writer->draft->gone.n)
		buf_append_text(writer->out,
				"\n  # Commented out where they come from:\n");
	array_each (const struct draft_gone, gone, &writer->draft->gone)
		draft_comment(
			writer->out, "  ",
			arena_printf(writer->draft->arena,
				     STR_FMT ": {run: " STR_FMT "}  (" STR_FMT
					     ":%u)",
				     STR_ARG(gone->name), STR_ARG(gone->run),
				     STR_ARG(gone->at.file), gone->at.line));
}

/* A text as one comment line, whatever it holds. */
void draft_comment(struct buf *out, const char *indent, struct str text)
{
	buf_printf(out, "%s# ", indent);
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		buf_append_byte(out, c < ' ' || c > '~' ? '?' : text.p[i]);
	}
	buf_append_byte(out, '\n');
}

static void write_head(struct writer *writer)
{
	struct draft *draft = writer->draft;

	buf_append_text(writer->out, "# Written by 'slipway init' from:\n");
	array_each (const struct str, source, &draft->sources)
		draft_comment(writer->out, "",
			      arena_printf(draft->arena, "  " STR_FMT,
					   STR_ARG(*source)));
	if (draft->questions.n)
		buf_append_text(writer->out,
				"# What these files do not decide is asked at "
				"the end, under 'questions'.\n");
	buf_append_text(writer->out, "\nfleet: ");
	yaml_append_scalar(writer->out, draft->name);
	buf_append_text(writer->out,
			"\n# registry: HOST/PATH    # where images are "
			"pushed to\n");
}

/* A folder that services share by its usual name. */
static void write_source(struct writer *writer)
{
	static const char *const names[] = {"common", "shared", "libs"};
	size_t n = 0;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (draft_has_folder(writer->draft, str_from(names[i])))
			buf_printf(writer->out, "%s%s",
				   n++ ? ", " : "\nsource:\n  shared: [",
				   names[i]);
	if (n)
		buf_append_text(writer->out,
				"]    # every service may import it\n");
}

bool draft_is_known_machine(struct draft *draft, struct str name)
{
	return data_has(arena_printf(draft->arena,
				     "init/machines/" STR_FMT ".yaml",
				     STR_ARG(name))
				.p);
}

static void write_machine(struct writer *writer, struct str name)
{
	struct draft *draft = writer->draft;
	struct str file = arena_printf(
		draft->arena, "init/machines/" STR_FMT ".yaml", STR_ARG(name));

	if (data_has(file.p)) {
		buf_append(writer->out, data_get(file.p));
		return;
	}
	buf_append_text(writer->out, "  ");
	yaml_append_scalar(writer->out, name);
	buf_append_text(writer->out, draft->needs_gpu
					     ? ": {threads: auto, gpu: {}}\n"
					     : ": {threads: auto}\n");
}

static bool write_machines(struct writer *writer)
{
	struct draft *draft = writer->draft;
	struct draft_texts machines = ARRAY_EMPTY;
	bool has_gpu = draft->needs_gpu;

	array_each (struct draft_service *, service, &draft->services)
		array_each (const struct str, name, &(*service)->machines)
			draft_add_text(&machines, *name);
	if (machines.n == 0 && draft->needs_gpu)
		draft_add_text(&machines, STR("default"));
	if (machines.n)
		buf_append_text(writer->out, "\nmachines:\n");
	array_each (const struct str, name, &machines) {
		write_machine(writer, *name);
		has_gpu |= draft_is_known_machine(draft, *name);
	}
	array_release(&machines);
	return has_gpu;
}

static void write_families(struct writer *writer, bool has_gpu)
{
	struct draft *draft = writer->draft;

	if (has_gpu)
		buf_append(writer->out, data_get("init/tracks.yaml"));
	buf_append(writer->out, data_get("init/bases.yaml"));
	array_each (const struct draft_pair, pair, &draft->pythons) {
		buf_printf(writer->out, "  py3" STR_FMT ": {registry: ",
			   (int)pair->name.n - 2, pair->name.p + 2);
		yaml_append_scalar(writer->out, pair->value);
		buf_append_text(writer->out, "}\n");
	}
	buf_append(writer->out, data_get("init/families-cpu.yaml"));
	array_each (const struct draft_pair, pair, &draft->pythons)
		buf_printf(writer->out,
			   "  cpu-core-py3" STR_FMT ": {base: py3" STR_FMT
			   "}\n",
			   (int)pair->name.n - 2, pair->name.p + 2,
			   (int)pair->name.n - 2, pair->name.p + 2);
	if (has_gpu)
		buf_append(writer->out, data_get("init/families-gpu.yaml"));
}

static void write_shared(struct writer *writer)
{
	auto_buf struct buf env = BUF_EMPTY;
	struct draft *draft = writer->draft;

	if (draft->env.n) {
		draft_append_pairs(&env, &draft->env);
		writer->defaults[DRAFT_ENV] =
			arena_str(draft->arena, buf_str(&env));
	}
	buf_append_text(writer->out, "\ndefaults:\n");
	for (int key = 0; key < DRAFT_KEY_COUNT; key++)
		if (writer->defaults[key].n)
			buf_printf(writer->out, "  %s: " STR_FMT "\n",
				   draft_key_name((enum draft_key)key),
				   STR_ARG(writer->defaults[key]));
	if (writer->templates.n)
		buf_append_text(writer->out, "\ntemplates:\n");
	array_each (const struct template, template, &writer->templates) {
		struct str settings[DRAFT_KEY_COUNT];

		for (int key = 0; key < DRAFT_KEY_COUNT; key++)
			settings[key] = can_be_shared((enum draft_key)key)
						? template->model->settings[key]
						: STR_EMPTY;
		write_settings(writer->out, template->name, settings);
	}
}

static void write_infra(struct writer *writer)
{
	if (writer->draft->infra.n)
		buf_append_text(writer->out, "\ninfra:\n");
	array_each (const struct draft_infra, infra, &writer->draft->infra) {
		buf_append_text(writer->out, "  ");
		yaml_append_scalar(writer->out, infra->name);
		buf_printf(writer->out, ": " STR_FMT "\n",
			   STR_ARG(infra->text));
	}
}

static void write_questions(struct writer *writer)
{
	if (writer->draft->questions.n)
		buf_append_text(writer->out,
				"\n# Answer each above, then remove it here; "
				"'slipway check' lists those left.\n"
				"questions:\n");
	array_each (const struct init_question, question,
		    &writer->draft->questions) {
		struct draft_texts services = {question->services, question->n,
					       0};

		buf_append_text(writer->out, "  - ask: ");
		yaml_append_scalar(writer->out, question->ask);
		buf_append_text(writer->out, "\n    from: ");
		yaml_append_scalar(
			writer->out,
			question->line ? arena_printf(writer->draft->arena,
						      STR_FMT ":%u",
						      STR_ARG(question->file),
						      question->line)
				       : question->file);
		if (question->n) {
			buf_append_text(writer->out, "\n    services: ");
			draft_append_texts(writer->out, &services);
		}
		buf_append_byte(writer->out, '\n');
	}
}

void write_fleet(struct draft *draft, struct buf *out)
{
	struct writer writer = {.draft = draft, .out = out};

	find_defaults(&writer);
	find_templates(&writer);
	write_head(&writer);
	write_source(&writer);
	write_families(&writer, write_machines(&writer));
	write_shared(&writer);
	write_services(&writer);
	write_infra(&writer);
	write_questions(&writer);
	array_release(&writer.templates);
}
