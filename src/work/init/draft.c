/* The draft: services, questions, values that fleet.yaml takes. */
#include "work/init/draft.h"

#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "facts/manifest.h"

enum { MAX_SERVICES = 2000 };

static const char *const key_names[DRAFT_KEY_COUNT] = {
	[DRAFT_LIKE] = "like",
	[DRAFT_MACHINES] = "machines",
	[DRAFT_FAMILY] = "family",
	[DRAFT_RUN] = "run",
	[DRAFT_WORKDIR] = "workdir",
	[DRAFT_PORTS] = "ports",
	[DRAFT_HEALTH] = "health",
	[DRAFT_GPU] = "gpu",
	[DRAFT_ENV] = "env",
	[DRAFT_REQUIREMENTS] = "requirements",
	[DRAFT_CONSTRAINTS] = "constraints",
	[DRAFT_EXTRA] = "extra",
	[DRAFT_SYSTEM] = "system",
	[DRAFT_ALLOW] = "allow",
	[DRAFT_DATA] = "data",
	[DRAFT_WRITE] = "write",
	[DRAFT_MOUNTS] = "mounts",
	[DRAFT_DEVICES] = "devices",
	[DRAFT_GROUPS] = "groups",
	[DRAFT_SECRETS] = "secrets",
	[DRAFT_USER] = "user",
	[DRAFT_RESOURCES] = "resources",
	[DRAFT_DEPENDS_ON] = "depends_on",
	[DRAFT_SUCCESS_EXIT_STATUS] = "success_exit_status",
	[DRAFT_TRACK] = "track",
	[DRAFT_BYTECODE] = "bytecode",
	[DRAFT_REQUIRED] = "required",
	[DRAFT_SKIP] = "skip",
};

const char *draft_key_name(enum draft_key key)
{
	return key_names[key];
}

static void service_release(struct draft_service *service)
{
	array_release(&service->machines);
	array_release(&service->ports);
	array_release(&service->env);
	array_release(&service->depends_on);
}

void draft_release(struct draft *draft)
{
	array_each (struct draft_service *, pointer, &draft->services)
		service_release(*pointer);
	array_each (struct init_question, question, &draft->questions)
		free(question->services);
	array_release(&draft->services);
	array_release(&draft->infra);
	array_release(&draft->gone);
	array_release(&draft->elsewhere);
	array_release(&draft->answers.given);
	array_release(&draft->questions);
	array_release(&draft->sources);
	array_release(&draft->env);
	array_release(&draft->pythons);
	map_release(&draft->checked);
	if (draft->root_fd >= 0)
		close(draft->root_fd);
}

/* -- lists -- */

bool draft_has_text(const struct draft_texts *texts, struct str text)
{
	for (size_t i = 0; i < texts->n; i++)
		if (str_eq(texts->p[i], text))
			return true;
	return false;
}

void draft_add_text(struct draft_texts *texts, struct str text)
{
	if (!draft_has_text(texts, text))
		array_push(texts, text);
}

void draft_set_pair(struct draft_pairs *pairs, struct str name,
		    struct str value)
{
	array_each (struct draft_pair, pair, pairs)
		if (str_eq(pair->name, name)) {
			pair->value = value;
			return;
		}
	array_push(pairs, (struct draft_pair){name, value});
}

bool draft_lookup(void *context, struct str name, struct str *value)
{
	const struct draft_pairs *pairs = context;

	array_each (const struct draft_pair, pair, pairs)
		if (str_eq(pair->name, name)) {
			*value = pair->value;
			return true;
		}
	return false;
}

struct str draft_base_name(struct str path)
{
	return str_slice(path, (size_t)(str_rfind(path, '/') + 1), path.n);
}

void draft_append_texts(struct buf *out, const struct draft_texts *texts)
{
	if (texts->n == 1) {
		yaml_append_scalar(out, texts->p[0]);
		return;
	}
	buf_append_byte(out, '[');
	for (size_t i = 0; i < texts->n; i++) {
		buf_append_text(out, i ? ", " : "");
		yaml_append_scalar(out, texts->p[i]);
	}
	buf_append_byte(out, ']');
}

void draft_append_pairs(struct buf *out, const struct draft_pairs *pairs)
{
	buf_append_byte(out, '{');
	for (size_t i = 0; i < pairs->n; i++) {
		buf_append_text(out, i ? ", " : "");
		yaml_append_scalar(out, pairs->p[i].name);
		buf_append_text(out, ": ");
		yaml_append_scalar(out, pairs->p[i].value);
	}
	buf_append_byte(out, '}');
}

static void append_port(struct buf *out, const struct draft_port *port,
			bool is_named)
{
	if (is_named)
		buf_printf(out, STR_FMT ": ", STR_ARG(port->name));
	buf_printf(out, port->is_udp ? "%u/udp" : "%u", port->number);
}

/* "30s", "512MiB", "1.5": what no reader takes for anything else. */
void draft_append_measure(struct buf *out, struct str text)
{
	static const char *const units[] = {"",	   "ms",  "s",	 "m",	"h",
					    "KiB", "MiB", "GiB", "TiB", "B"};
	size_t n = 0;

	while (n < text.n && text.p[n] >= '0' && text.p[n] <= '9')
		n++;
	if (n && n + 1 < text.n && text.p[n] == '.')
		for (n++; n < text.n && text.p[n] >= '0' && text.p[n] <= '9';)
			n++;
	for (size_t i = 0; n && i < sizeof units / sizeof *units; i++)
		if (str_eq(str_slice(text, n, text.n), str_from(units[i]))) {
			buf_append(out, text);
			return;
		}
	yaml_append_scalar(out, text);
}

/* 5711/6711, {zmq: 1, http: 2}, 8000, [8000, {health: 1}]. */
void draft_append_ports(struct buf *out, const struct draft_ports *ports)
{
	const struct draft_port *p = ports->p;
	size_t named = 0;

	array_each (const struct draft_port, port, ports)
		named += port->name.n > 0;
	if (ports->n == 2 && str_eq(p[0].name, STR("zmq")) &&
	    str_eq(p[1].name, STR("health")) && !p[0].is_udp && !p[1].is_udp) {
		buf_printf(out, "%u/%u", p[0].number, p[1].number);
		return;
	}
	if (ports->n == 1 && named == 0) {
		append_port(out, p, false);
		return;
	}
	bool is_map = named == ports->n;

	buf_append_byte(out, is_map ? '{' : '[');
	for (size_t i = 0; i < ports->n; i++) {
		bool is_pair = !is_map && p[i].name.n;

		buf_append_text(out, i ? ", " : "");
		buf_append_text(out, is_pair ? "{" : "");
		append_port(out, &p[i], p[i].name.n > 0);
		buf_append_text(out, is_pair ? "}" : "");
	}
	buf_append_byte(out, is_map ? '}' : ']');
}

/* -- what fleet.yaml takes -- */

bool draft_is_fine(struct draft *draft, const char *key, struct str value,
		   struct str *why)
{
	auto_buf struct buf text = BUF_EMPTY;

	/* A machine that has what a value may ask for. */
	buf_append_text(&text, "machines: {m: {gpu: {}}}\n");
	if (strcmp(key, "infra") == 0)
		buf_printf(&text, "services: {X: {run: x.py}}\n%s: {i: ", key);
	else if (strcmp(key, "run") == 0)
		buf_printf(&text, "services: {X: {%s: ", key);
	else
		buf_printf(&text, "services: {X: {run: x.py, %s: ", key);
	buf_append(&text, value);
	buf_append_text(&text, strcmp(key, "infra") ? "}}\n" : "}\n");
	struct str *known = map_get(&draft->checked, buf_str(&text));

	if (!known) {
		auto_manifest struct manifest *manifest =
			manifest_parse(buf_str(&text), "fleet.yaml");

		known = arena_new(draft->arena, struct str);
		*known = manifest->problems.n
				 ? arena_str(draft->arena,
					     manifest->problems.p[0].message)
				 : STR_EMPTY;
		map_set(&draft->checked, buf_str(&text), known);
	}
	*why = *known;
	return known->n == 0;
}

bool draft_set(struct draft *draft, struct draft_service *service,
	       enum draft_key key, struct str value, struct draft_place at)
{
	struct str why;

	if (draft_is_fine(draft, key_names[key], value, &why)) {
		service->settings[key] = arena_str(draft->arena, value);
		return true;
	}
	draft_ask(draft, at, service,
		  "'%s' cannot be " STR_FMT " in fleet.yaml (" STR_FMT
		  "): what should it be?",
		  key_names[key], (int)(value.n < 200 ? value.n : 200), value.p,
		  STR_ARG(why));
	return false;
}

bool draft_set_text(struct draft *draft, struct draft_service *service,
		    enum draft_key key, struct str text, struct draft_place at)
{
	auto_buf struct buf value = BUF_EMPTY;

	yaml_append_scalar(&value, text);
	return draft_set(draft, service, key, buf_str(&value), at);
}

bool draft_set_texts(struct draft *draft, struct draft_service *service,
		     enum draft_key key, const struct draft_texts *texts,
		     struct draft_place at)
{
	auto_buf struct buf value = BUF_EMPTY;

	if (texts->n == 0)
		return true;
	draft_append_texts(&value, texts);
	return draft_set(draft, service, key, buf_str(&value), at);
}

bool draft_set_pairs(struct draft *draft, struct draft_service *service,
		     enum draft_key key, const struct draft_pairs *pairs,
		     struct draft_place at)
{
	auto_buf struct buf value = BUF_EMPTY;

	if (pairs->n == 0)
		return true;
	draft_append_pairs(&value, pairs);
	return draft_set(draft, service, key, buf_str(&value), at);
}

static bool is_secret(struct str name)
{
	static const char *const ends[] = {"PASSWORD", "SECRET",     "TOKEN",
					   "API_KEY",  "SECRET_KEY", "PASSWD"};

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (str_ends(name, str_from(ends[i])))
			return true;
	return false;
}

/* Variables that slipway sets itself, or that count for building only. */
static bool is_own_variable(struct str name, struct str value)
{
	static const char *const names[] = {"PYTHONUNBUFFERED",
					    "PYTHONDONTWRITEBYTECODE",
					    "PATH",
					    "VIRTUAL_ENV",
					    "DEBIAN_FRONTEND",
					    "LANG",
					    "LC_ALL",
					    "HOME",
					    "PYTHONHASHSEED",
					    "PYTHONFAULTHANDLER"};
	static const char *const prefixes[] = {"PIP_", "POETRY_", "UV_",
					       "NVIDIA_"};

	if (str_eq(name, STR("PYTHONPATH")))
		return str_eq(value, STR("/app")) || str_eq(value, STR("."));
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
		if (str_starts(name, str_from(prefixes[i])))
			return true;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_eq(name, str_from(names[i])))
			return true;
	return false;
}

bool draft_add_env(struct draft *draft, struct draft_service *service,
		   struct str name, struct str value, struct draft_place at)
{
	struct draft_pair pair = {name, value};
	struct draft_pairs one = {&pair, 1, 1};
	auto_buf struct buf text = BUF_EMPTY;
	struct str why;

	if (is_own_variable(name, value))
		return true;
	if (str_eq(name, STR("PYTHONPATH")))
		draft_ask(draft, at, service,
			  "PYTHONPATH is '" STR_FMT "': which folders of the "
			  "source belong into source.pythonpath?",
			  STR_ARG(value));
	draft_append_pairs(&text, &one);
	if (!draft_is_fine(draft, "env", buf_str(&text), &why)) {
		draft_ask(draft, at, service,
			  "the variable '" STR_FMT "' is left out (" STR_FMT
			  "): how should it be written?",
			  (int)(name.n < 80 ? name.n : 80), name.p,
			  STR_ARG(why));
		return false;
	}
	if (value.n && is_secret(name))
		draft_ask(draft, at, service,
			  "the variable '" STR_FMT "' looks like a secret, and "
			  "is written as it is: does it belong into 'secrets'?",
			  STR_ARG(name));
	draft_set_pair(&service->env, name, value);
	return true;
}

void draft_add_port(struct draft *draft, struct draft_service *service,
		    const char *name, uint64_t number, bool is_udp,
		    struct draft_place at)
{
	struct str wanted = str_from(name);
	struct str why;

	if (number < 1 || number > 65535) {
		draft_ask(draft, at, service,
			  "%llu is no port (1 to 65535): which is it?",
			  (unsigned long long)number);
		return;
	}
	array_each (struct draft_port, port, &service->ports) {
		if (port->number == number && port->is_udp == is_udp &&
		    (wanted.n == 0 || str_eq(port->name, wanted)))
			return;
		if (wanted.n && str_eq(port->name, wanted)) {
			draft_ask(draft, at, service,
				  "there are two '%s' ports, %u and %llu: what "
				  "is the second one?",
				  name, port->number,
				  (unsigned long long)number);
			wanted = STR_EMPTY;
		}
	}
	if (wanted.n &&
	    !draft_is_fine(draft, "ports",
			   arena_printf(draft->arena, "{%s: 1}", name), &why))
		wanted = STR_EMPTY;
	if (service->ports.n == 0)
		service->ports_at = at;
	array_push(&service->ports,
		   (struct draft_port){arena_str(draft->arena, wanted),
				       (uint16_t)number, is_udp});
}

/* The digits of text as a number; false where there is anything else. */
static bool take_range(struct str text, uint64_t *first, uint64_t *last)
{
	struct str rest = text, one;

	if (!str_split(&rest, '-', &one) || !str_to_u64(one, first))
		return false;
	*last = *first;
	return rest.n == 0 || (str_to_u64(rest, last) && *last >= *first &&
			       *last - *first < 100);
}

void draft_add_port_range(struct draft *draft, struct draft_service *service,
			  struct str text, struct draft_place at)
{
	struct str rest = text, numbers = STR_EMPTY;
	uint64_t first, last;

	str_split(&rest, '/', &numbers);
	if (!take_range(numbers, &first, &last) ||
	    (rest.n && !str_eq_case(rest, STR("tcp")) &&
	     !str_eq_case(rest, STR("udp")))) {
		draft_ask(draft, at, service,
			  "the port '" STR_FMT "' is not understood: which "
			  "number is it?",
			  STR_ARG(text));
		return;
	}
	for (; first <= last; first++)
		draft_add_port(draft, service, "", first,
			       str_eq_case(rest, STR("udp")), at);
}

void draft_set_user(struct draft *draft, struct draft_service *service,
		    struct str user, struct draft_place at)
{
	struct str rest = user, name;

	if (!str_split(&rest, ':', &name) || name.n == 0)
		return;
	if (str_eq(name, STR("root")) || str_eq(name, STR("0")))
		draft_ask(draft, at, service,
			  "it runs as root, and here as a user of its own: is "
			  "that fine? (user: \"0:0\" is root)");
	else if (name.p[0] >= '0' && name.p[0] <= '9')
		draft_set_text(draft, service, DRAFT_USER, user, at);
}

struct str draft_python(const struct draft *draft, struct str version)
{
	array_each (const struct draft_pair, pair, &draft->pythons)
		if (str_eq(pair->name, version))
			return pair->value;
	return STR_EMPTY;
}

/* -- services and questions -- */

struct draft_service *draft_service(const struct draft *draft, struct str name)
{
	array_each (struct draft_service *, service, &draft->services)
		if (str_eq((*service)->name, name))
			return *service;
	return NULL;
}

/* A name that fleet.yaml takes: other characters become '-'. */
static struct str valid_name(struct draft *draft, struct str name)
{
	size_t n = name.n < 100 ? name.n : 100;
	char *p = arena_alloc(draft->arena, n + 2, 1);

	p[0] = 'x';
	for (size_t i = 0; i < n; i++) {
		char c = name.p[i];
		bool is_alnum = (c >= '0' && c <= '9') ||
				(c >= 'a' && c <= 'z') ||
				(c >= 'A' && c <= 'Z');

		p[i + 1] = is_alnum || strchr("._-", c) ? c : '-';
	}
	return n && !strchr("._-", p[1]) ? str_of(p + 1, n) : str_of(p, n + 1);
}

/* Names of images are lower case, so case makes no difference. */
static bool is_taken(const struct draft *draft, struct str name)
{
	array_each (struct draft_service *, service, &draft->services)
		if (str_eq_case((*service)->name, name))
			return true;
	array_each (const struct draft_infra, infra, &draft->infra)
		if (str_eq_case(infra->name, name))
			return true;
	return false;
}

struct draft_service *draft_add(struct draft *draft, struct str name,
				struct draft_place at)
{
	struct str valid = valid_name(draft, name), unique = valid;
	struct draft_service *service;

	if (draft->services.n >= MAX_SERVICES)
		return NULL;
	service = arena_new(draft->arena, struct draft_service);
	for (unsigned i = 2; is_taken(draft, unique); i++)
		unique = arena_printf(draft->arena, STR_FMT "-%u",
				      STR_ARG(valid), i);
	service->name = unique;
	service->at = service->depends_at = at;
	array_push(&draft->services, service);
	if (!str_eq(unique, name))
		draft_ask(draft, at, service,
			  "the name '" STR_FMT "' %s: is '" STR_FMT
			  "' a good one?",
			  (int)(name.n < 100 ? name.n : 100), name.p,
			  str_eq(valid, name)
				  ? "is there already"
				  : "has characters that names cannot have",
			  STR_ARG(unique));
	return service;
}

struct draft_service *draft_add_twin(struct draft *draft,
				     struct draft_service *first,
				     struct draft_place at)
{
	if (draft->services.n >= MAX_SERVICES)
		return NULL;
	struct draft_service *service =
		arena_new(draft->arena, struct draft_service);

	service->name = first->name;
	service->twin_of = first;
	service->at = service->depends_at = at;
	array_push(&draft->services, service);
	return service;
}

void draft_remove(struct draft *draft, struct draft_service *service)
{
	draft->services.n--;
	array_each (struct init_question, question, &draft->questions)
		if (question->n &&
		    str_eq(question->services[question->n - 1], service->name))
			question->n--;
	service_release(service);
}

int draft_too_many(struct draft_place at, struct error **err)
{
	return err_make(err, ERR_FLEET, STR_FMT ":%u: more than %d services",
			STR_ARG(at.file), at.line, MAX_SERVICES);
}

static void add_to(struct init_question *question,
		   const struct draft_service *service)
{
	for (size_t i = 0; i < question->n; i++)
		if (str_eq(question->services[i], service->name))
			return;
	if (question->n == question->capacity) {
		question->capacity =
			mem_grow_capacity(question->capacity, question->n + 1);
		question->services =
			mem_realloc(question->services, question->capacity,
				    sizeof *question->services);
	}
	question->services[question->n++] = service->name;
}

static struct init_question *ask(struct draft *draft, struct draft_place at,
				 const struct draft_service *service,
				 struct buf *text)
{
	struct init_question *same = NULL;

	/* Cut in the middle of a character. */
	for (size_t i = 0; i < text->n && !str_is_utf8(buf_str(text)); i++)
		if ((unsigned char)text->p[i] >= 0x80)
			text->p[i] = '?';
	array_each (struct init_question, question, &draft->questions)
		if (question->line == at.line &&
		    str_eq(question->file, at.file) &&
		    str_eq(question->ask, buf_str(text)))
			same = question;
	if (!same) {
		array_push(
			&draft->questions,
			(struct init_question){
				.file = at.file,
				.line = at.line,
				.ask = arena_str(draft->arena, buf_str(text)),
			});
		same = &draft->questions.p[draft->questions.n - 1];
	}
	if (service)
		add_to(same, service);
	return same;
}

void draft_ask(struct draft *draft, struct draft_place at,
	       const struct draft_service *service, const char *format, ...)
{
	auto_buf struct buf text = BUF_EMPTY;
	va_list args;

	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	if (answers_take(draft,
			 arena_printf(draft->arena, STR_FMT ":%u",
				      STR_ARG(at.file), at.line),
			 "settled")
		    .n == 0)
		ask(draft, at, service, &text);
}

struct str draft_choose(struct draft *draft, struct draft_place at,
			const struct draft_service *service, struct str id,
			const char *choices, const char *format, ...)
{
	struct str answer = answers_take(draft, id, choices);
	auto_buf struct buf text = BUF_EMPTY;
	struct init_question *question;
	va_list args;

	if (answer.n)
		return answer;
	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	question = ask(draft, at, service, &text);
	question->id = id;
	question->choices = str_from(choices);
	return STR_EMPTY;
}

/* -- files -- */

struct str draft_folder_of(struct str path)
{
	ptrdiff_t slash = str_rfind(path, '/');

	return slash < 0 ? STR(".") : str_slice(path, 0, (size_t)slash);
}

bool draft_clean_path(struct draft *draft, struct str folder, struct str path,
		      struct str *clean)
{
	auto_buf struct buf out = BUF_EMPTY;
	struct str parts[2] = {folder, path}, part;

	if (str_starts(path, STR("/")))
		return false;
	for (size_t i = 0; i < 2; i++)
		while (str_split(&parts[i], '/', &part)) {
			if (part.n == 0 || str_eq(part, STR(".")))
				continue;
			if (str_eq(part, STR(".."))) {
				ptrdiff_t slash = str_rfind(buf_str(&out), '/');

				if (out.n == 0)
					return false;
				out.n = slash < 0 ? 0 : (size_t)slash;
				continue;
			}
			buf_append_text(&out, out.n ? "/" : "");
			buf_append(&out, part);
		}
	*clean = out.n ? arena_str(draft->arena, buf_str(&out)) : STR(".");
	return out.n == 0 || path_is_clean(*clean);
}

static bool has_kind(const struct draft *draft, struct str path, mode_t kind)
{
	auto_free char *name = str_dup(path);
	struct stat status;
	auto_close int fd =
		fs_open_beneath(draft->root_fd, name, O_PATH | O_CLOEXEC, 0);

	return fd >= 0 && fstat(fd, &status) == 0 &&
	       (status.st_mode & S_IFMT) == kind;
}

bool draft_has_file(const struct draft *draft, struct str path)
{
	return has_kind(draft, path, S_IFREG);
}

bool draft_has_folder(const struct draft *draft, struct str path)
{
	return has_kind(draft, path, S_IFDIR);
}

int draft_read(struct draft *draft, struct str path, struct str *text,
	       struct error **err)
{
	auto_free char *name = str_dup(path);
	auto_buf struct buf content = BUF_EMPTY;
	auto_close int fd = fs_open_beneath(
		draft->root_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);

	if (fd < 0)
		return err_sys(err, "cannot open '%s'", name);
	if (fs_read_fd(fd, name, MANIFEST_MAX_BYTES, &content, err))
		return -1;
	*text = arena_str(draft->arena, buf_str(&content));
	return 0;
}

int draft_read_yaml(struct draft *draft, struct str path, struct str *text,
		    const struct yaml_node **root, struct error **err)
{
	struct yaml_problem problem;

	if (draft_read(draft, path, text, err))
		return -1;
	*root = yaml_parse(*text, NULL, draft->arena, &problem);
	if (*root)
		return 0;
	err_make(err, ERR_FLEET, STR_FMT ":%u:%u: %s", STR_ARG(path),
		 problem.line, problem.column, problem.what);
	return err_hint(err, "correct the file, or name the files to start "
			     "from: slipway init FILE...");
}

struct str draft_scalar(const struct yaml_node *node)
{
	return node && node->kind == YAML_SCALAR && !yaml_is_null(node)
		       ? node->text
		       : STR_EMPTY;
}
