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
	struct str settings[DRAFT_KEY_COUNT];
	uint32_t line; /* of the first service that has them */
	size_t count;  /* of services; 0: a person gave it */
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

static struct str flow_text(struct draft *draft, const struct yaml_node *node)
{
	auto_buf struct buf text = BUF_EMPTY;

	yaml_append_flow(&text, node);
	return arena_str(draft->arena, buf_str(&text));
}

static struct str pairs_text(struct draft *draft,
			     const struct draft_pairs *pairs)
{
	auto_buf struct buf text = BUF_EMPTY;

	draft_append_pairs(&text, pairs);
	return arena_str(draft->arena, buf_str(&text));
}

/* A value that services need not repeat. */
static void set_default(struct writer *writer, int key, struct str value)
{
	writer->defaults[key] = value;
	array_each (struct draft_service *, service, &writer->draft->services)
		if (!(*service)->twin_of &&
		    str_eq((*service)->settings[key], value))
			(*service)->settings[key] = STR_EMPTY;
}

static bool is_same_for_all(const struct draft *draft, enum draft_key key)
{
	const struct draft_service *first = draft->services.p[0];

	if (!can_be_shared(key) || key == DRAFT_ENV ||
	    first->settings[key].n == 0 || draft->services.n < LEAST_ALIKE)
		return false;
	array_each (struct draft_service *, service, &draft->services)
		if ((*service)->twin_of ||
		    !str_eq((*service)->settings[key], first->settings[key]))
			return false;
	return true;
}

/* Where each says whether it is required, and most are. */
static bool are_most_required(const struct draft *draft)
{
	size_t required = 0, total = 0;

	array_each (struct draft_service *, service, &draft->services) {
		if ((*service)->twin_of)
			continue;
		if ((*service)->settings[DRAFT_REQUIRED].n == 0)
			return false;
		total++;
		required += str_eq((*service)->settings[DRAFT_REQUIRED],
				   STR("true"));
	}
	return total >= LEAST_ALIKE && required > total / 2;
}

static void find_defaults(struct writer *writer)
{
	struct draft *draft = writer->draft;
	const struct yaml_node *given = answers_section(draft, "defaults");

	writer->defaults[DRAFT_FAMILY] = STR("auto");
	writer->defaults[DRAFT_HEALTH] = STR("auto");
	writer->defaults[DRAFT_GPU] = STR("none");
	for (int key = 0; key < DRAFT_KEY_COUNT; key++)
		if (is_same_for_all(draft, (enum draft_key)key))
			set_default(writer, key,
				    draft->services.p[0]->settings[key]);
	if (are_most_required(draft))
		set_default(writer, DRAFT_REQUIRED, STR("true"));
	if (draft->env.n)
		writer->defaults[DRAFT_ENV] = pairs_text(draft, &draft->env);
	for (int key = 0; key < DRAFT_KEY_COUNT; key++) {
		const struct yaml_node *value =
			yaml_get(given, draft_key_name((enum draft_key)key));

		if (value && yaml_is_null(value))
			writer->defaults[key] = STR_EMPTY;
		else if (value)
			set_default(writer, key, flow_text(draft, value));
	}
}

/* All that can be shared is the same. */
static bool is_alike(const struct str *a, const struct str *b)
{
	for (int key = 0; key < DRAFT_KEY_COUNT; key++)
		if (can_be_shared((enum draft_key)key) &&
		    !str_eq(a[key], b[key]))
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
static bool distinguishes(const struct writer *writer, const struct str *model,
			  int key)
{
	array_each (const struct template, other, &writer->templates)
		if (other->count &&
		    str_eq(other->settings[DRAFT_MACHINES],
			   model[DRAFT_MACHINES]) &&
		    !str_eq(other->settings[key], model[key]))
			return true;
	return false;
}

/* After the machine, and what sets it apart from others of that machine:
 * mainpc, mainpc-optional, mainpc-data. */
static struct str name_template(struct writer *writer, const struct str *model)
{
	auto_buf struct buf name = BUF_EMPTY;
	struct str machine = model[DRAFT_MACHINES];

	if (machine.n == 0 || strchr("[{\"", machine.p[0]))
		machine = STR("alike");
	buf_append(&name, machine);
	if (str_eq(model[DRAFT_REQUIRED], STR("false")) &&
	    distinguishes(writer, model, DRAFT_REQUIRED))
		buf_append_text(&name, "-optional");
	for (int key = DRAFT_FAMILY; key < DRAFT_REQUIRED; key++)
		if (can_be_shared((enum draft_key)key) && model[key].n &&
		    name.n < 60 && distinguishes(writer, model, key))
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
	return left->line < right->line ? -1 : 1;
}

static const struct template *template_of(const struct writer *writer,
					  struct str name)
{
	array_each (const struct template, template, &writer->templates)
		if (str_eq(template->name, name))
			return template;
	return NULL;
}

/* Those that a person gave; what one is like has to stand before it. */
static void take_templates(struct writer *writer)
{
	struct draft *draft = writer->draft;
	const struct yaml_node *given = answers_section(draft, "templates");

	for (size_t i = 0; given && i < given->n; i++) {
		struct template template = {.name = given->pairs[i].key->text};
		const struct yaml_node *value = given->pairs[i].value;
		const struct template *below = template_of(
			writer, draft_scalar(yaml_get(value, "like")));

		if (below)
			template = *below;
		template.name = given->pairs[i].key->text;
		for (int key = 0; key < DRAFT_KEY_COUNT; key++) {
			const struct yaml_node *setting = yaml_get(
				value, draft_key_name((enum draft_key)key));

			if (setting)
				template.settings[key] =
					flow_text(draft, setting);
		}
		array_push(&writer->templates, template);
	}
}

/* How many settings a service would not have to repeat; 0: it does not fit. */
static size_t saved_by(const struct template *template,
		       const struct draft_service *service)
{
	size_t saved = 0;

	for (int key = 0; key < DRAFT_KEY_COUNT; key++) {
		struct str value = template->settings[key];

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
	const struct template *best =
		template_of(writer, service->settings[DRAFT_LIKE]);
	size_t most = 0;

	if (service->settings[DRAFT_LIKE].n)
		return best;
	array_each (const struct template, template, &writer->templates) {
		size_t saved = saved_by(template, service);

		if (saved > most) {
			most = saved;
			best = template;
		}
	}
	return best;
}

static void find_templates(struct writer *writer)
{
	struct draft *draft = writer->draft;
	ARRAY(struct template) found = ARRAY_EMPTY;
	size_t given = writer->templates.n;

	array_each (struct draft_service *, pointer, &draft->services) {
		struct draft_service *service = *pointer;
		struct template *same = NULL;

		if (service->twin_of || !has_any_shared(service) ||
		    service->settings[DRAFT_LIKE].n ||
		    best_template(writer, service))
			continue;
		array_each (struct template, other, &found)
			if (is_alike(other->settings, service->settings))
				same = other;
		if (same) {
			same->count++;
			continue;
		}
		array_push(&found, (struct template){.line = service->at.line,
						     .count = 1});
		for (int key = 0; key < DRAFT_KEY_COUNT; key++)
			if (can_be_shared((enum draft_key)key))
				found.p[found.n - 1].settings[key] =
					service->settings[key];
	}
	array_sort(&found, by_count);
	array_each (struct template, template, &found)
		if (template->count >= LEAST_ALIKE)
			array_push(&writer->templates, *template);
	for (size_t i = given; i < writer->templates.n; i++)
		writer->templates.p[i].name =
			name_template(writer, writer->templates.p[i].settings);
	array_release(&found);
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
		settings[key] = template && str_eq(template->settings[key],
						   service->settings[key])
					? STR_EMPTY
					: service->settings[key];
	if (template)
		settings[DRAFT_LIKE] = template->name;
	draft_comments(writer->out, "  ", service->comment);
	write_settings(writer->out, service->name, settings);
}

static void write_gone(struct writer *writer)
{
	bool is_first = true;

	array_each (const struct draft_gone, gone, &writer->draft->gone) {
		if (gone->is_settled)
			continue;
		if (is_first)
			buf_append_text(
				writer->out,
				"\n  # Commented out where they come from:\n");
		is_first = false;
		draft_comment(
			writer->out, "  ",
			arena_printf(writer->draft->arena,
				     STR_FMT ": {run: " STR_FMT "}  (" STR_FMT
					     ":%u)",
				     STR_ARG(gone->name), STR_ARG(gone->run),
				     STR_ARG(gone->at.file), gone->at.line));
	}
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
	write_gone(writer);
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

void draft_comments(struct buf *out, const char *indent, struct str lines)
{
	struct str line;

	while (str_line(&lines, &line)) {
		line = str_trim(line);
		str_eat(&line, STR("#"));
		draft_comment(out, indent, str_trim(line));
	}
}

/* A section as text, with the answers laid over it. */
static void write_section(struct writer *writer, const char *name,
			  struct str text)
{
	struct draft *draft = writer->draft;
	const struct yaml_node *own = answers_section(draft, name), *base,
			       *given;
	struct yaml_problem problem;

	if (!own) {
		buf_append(writer->out, text);
		return;
	}
	base = yaml_get(yaml_parse(text, NULL, draft->arena, &problem), name);
	given = tree_merge(draft->arena, base, own);
	buf_append_byte(writer->out, '\n');
	draft_comments(
		writer->out, "",
		answers_comment(draft, draft->answers.root, str_from(name)));
	buf_printf(writer->out, "%s:\n", name);
	for (size_t i = 0; given->kind == YAML_MAP && i < given->n; i++) {
		const struct yaml_pair *pair = &given->pairs[i];

		draft_comments(writer->out, "  ",
			       answers_comment(draft, own, pair->key->text));
		tree_append(writer->out, 2, pair->key->text, pair->value);
	}
}

static void write_head(struct writer *writer)
{
	static const char *const keys[] = {"registry", "version", "tag"};
	struct draft *draft = writer->draft;

	buf_append_text(writer->out, "# Written by 'slipway init' from:\n");
	array_each (const struct str, source, &draft->sources)
		draft_comment(writer->out, "",
			      arena_printf(draft->arena, "  " STR_FMT,
					   STR_ARG(*source)));
	if (draft->answers.path.n)
		draft_comment(writer->out, "",
			      arena_printf(draft->arena,
					   "and the answers of " STR_FMT,
					   STR_ARG(draft->answers.path)));
	if (draft->questions.n)
		buf_append_text(writer->out,
				"# What these files do not decide is asked at "
				"the end, under 'questions'.\n");
	buf_append_text(writer->out, "\nfleet: ");
	yaml_append_scalar(writer->out,
			   answers_section(draft, "fleet")
				   ? answers_section(draft, "fleet")->text
				   : draft->name);
	buf_append_byte(writer->out, '\n');
	if (!answers_section(draft, "registry"))
		buf_append_text(writer->out, "# registry: HOST/PATH    # where "
					     "images are pushed to\n");
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (answers_section(draft, keys[i]))
			tree_append(writer->out, 0, str_from(keys[i]),
				    answers_section(draft, keys[i]));
}

/* A folder that services share by its usual name. */
static void write_source(struct writer *writer)
{
	static const char *const names[] = {"common", "shared", "libs"};
	auto_buf struct buf text = BUF_EMPTY;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (draft_has_folder(writer->draft, str_from(names[i])))
			buf_printf(&text, "%s%s",
				   text.n ? ", " : "\nsource:\n  shared: [",
				   names[i]);
	if (text.n)
		buf_append_text(&text, "]    # every service may import it\n");
	write_section(writer, "source", buf_str(&text));
}

bool draft_is_known_machine(struct draft *draft, struct str name)
{
	return data_has(arena_printf(draft->arena,
				     "init/machines/" STR_FMT ".yaml",
				     STR_ARG(name))
				.p);
}

static void append_machine(struct draft *draft, struct buf *out,
			   struct str name)
{
	struct str file = arena_printf(
		draft->arena, "init/machines/" STR_FMT ".yaml", STR_ARG(name));

	if (data_has(file.p)) {
		buf_append(out, data_get(file.p));
		return;
	}
	buf_append_text(out, "  ");
	yaml_append_scalar(out, name);
	buf_append_text(out, draft->needs_gpu ? ": {threads: auto, gpu: {}}\n"
					      : ": {threads: auto}\n");
}

static bool write_machines(struct writer *writer)
{
	struct draft *draft = writer->draft;
	struct draft_texts machines = ARRAY_EMPTY;
	auto_buf struct buf text = BUF_EMPTY;
	bool has_gpu = draft->needs_gpu;

	array_each (struct draft_service *, service, &draft->services)
		array_each (const struct str, name, &(*service)->machines)
			draft_add_text(&machines, *name);
	if (machines.n == 0 && draft->needs_gpu)
		draft_add_text(&machines, STR("default"));
	if (machines.n)
		buf_append_text(&text, "\nmachines:\n");
	array_each (const struct str, name, &machines) {
		append_machine(draft, &text, *name);
		has_gpu |= draft_is_known_machine(draft, *name);
	}
	write_section(writer, "machines", buf_str(&text));
	array_release(&machines);
	return has_gpu;
}

static void write_families(struct writer *writer, bool has_gpu)
{
	struct draft *draft = writer->draft;
	auto_buf struct buf bases = BUF_EMPTY, families = BUF_EMPTY;

	buf_append(&bases, data_get("init/bases.yaml"));
	buf_append(&families, data_get("init/families-cpu.yaml"));
	array_each (const struct draft_pair, pair, &draft->pythons) {
		buf_printf(&bases, "  py3" STR_FMT ": {registry: ",
			   (int)pair->name.n - 2, pair->name.p + 2);
		yaml_append_scalar(&bases, pair->value);
		buf_append_text(&bases, "}\n");
		buf_printf(&families,
			   "  cpu-core-py3" STR_FMT ": {base: py3" STR_FMT
			   "}\n",
			   (int)pair->name.n - 2, pair->name.p + 2,
			   (int)pair->name.n - 2, pair->name.p + 2);
	}
	if (has_gpu)
		buf_append(&families, data_get("init/families-gpu.yaml"));
	write_section(writer, "tracks",
		      has_gpu ? data_get("init/tracks.yaml") : STR_EMPTY);
	write_section(writer, "bases", buf_str(&bases));
	write_section(writer, "families", buf_str(&families));
}

static void write_shared(struct writer *writer)
{
	buf_append_text(writer->out, "\ndefaults:\n");
	for (int key = 0; key < DRAFT_KEY_COUNT; key++)
		if (writer->defaults[key].n)
			buf_printf(writer->out, "  %s: " STR_FMT "\n",
				   draft_key_name((enum draft_key)key),
				   STR_ARG(writer->defaults[key]));
	if (answers_section(writer->draft, "templates"))
		write_section(writer, "templates", STR_EMPTY);
	else if (writer->templates.n)
		buf_append_text(writer->out, "\ntemplates:\n");
	array_each (const struct template, template, &writer->templates)
		if (template->count)
			write_settings(writer->out, template->name,
				       template->settings);
}

static void write_infra(struct writer *writer)
{
	auto_buf struct buf text = BUF_EMPTY;

	if (writer->draft->infra.n)
		buf_append_text(&text, "\ninfra:\n");
	array_each (const struct draft_infra, infra, &writer->draft->infra) {
		buf_append_text(&text, "  ");
		yaml_append_scalar(&text, infra->name);
		buf_printf(&text, ": " STR_FMT "\n", STR_ARG(infra->text));
	}
	write_section(writer, "infra", buf_str(&text));
	write_section(writer, "policy", STR_EMPTY);
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
	take_templates(&writer);
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
