/* What RUN installs: apt, pip, and what others there are. */
#include "base/array.h"
#include "facts/dockerfile/internal.h"

struct run {
	const struct dockerfile_scope *scope;
	struct dockerfile_image *image;
	struct str workdir;
	uint32_t line;
	bool is_final; /* of a stage that the image consists of */
};

static struct str base_name(struct str word)
{
	return str_slice(word, (size_t)(str_rfind(word, '/') + 1), word.n);
}

static bool is_one_of(struct str word, const char *const *words)
{
	for (; *words; words++)
		if (str_eq(word, str_from(*words)))
			return true;
	return false;
}

/* A command as it stands there, for a question. */
static void add_unknown(struct run *run, const struct dockerfile_texts *words,
			size_t first)
{
	struct str text = words->p[first].s;

	for (size_t i = first + 1; i < words->n && text.n < 100; i++)
		text = arena_printf(run->scope->arena, STR_FMT " " STR_FMT,
				    STR_ARG(text), STR_ARG(words->p[i].s));
	if (text.n > 100)
		text = arena_printf(run->scope->arena, "%.97s...", text.p);
	dockerfile_add_text(run->scope->arena, &run->image->unknown, text,
			    run->line);
}

static void add_once(struct run *run, struct dockerfile_texts *texts,
		     struct str text)
{
	for (size_t i = 0; i < texts->n; i++)
		if (str_eq(texts->p[i].s, text))
			return;
	dockerfile_add_text(run->scope->arena, texts, text, run->line);
}

/* Where the arguments behind "install" begin; 0: there is none. */
static size_t behind_install(const struct dockerfile_texts *words, size_t at,
			     const char *const *verbs)
{
	for (; at < words->n; at++)
		if (is_one_of(words->p[at].s, verbs))
			return at + 1;
	return 0;
}

static const char *const apt_valued[] = {
	"-o", "--option",      "-t", "--target-release",    "--default-release",
	"-c", "--config-file", "-a", "--host-architecture", NULL};

/* NAME, NAME=VERSION, NAME/SUITE, NAME:ARCH. */
static void run_apt(struct run *run, const struct dockerfile_texts *words,
		    size_t at)
{
	static const char *const verbs[] = {"install", NULL};
	size_t first = behind_install(words, at, verbs);

	for (size_t i = first; first && i < words->n; i++) {
		struct str word = words->p[i].s;
		size_t n = 0;

		if (is_one_of(word, apt_valued))
			i++;
		if (word.n == 0 || str_starts(word, STR("-")) ||
		    is_one_of(word, apt_valued))
			continue;
		if (strchr("><", word.p[0]) || str_find(word, '>') >= 0)
			break;
		while (n < word.n && !strchr("=/:", word.p[n]))
			n++;
		if (str_find(word, '$') >= 0 || str_starts(word, STR(".")) ||
		    n == 0)
			add_unknown(run, words, at);
		else
			add_once(run, &run->image->system,
				 str_slice(word, 0, n));
	}
}

static const char *const pip_valued[] = {
	"-i",
	"--index-url",
	"-f",
	"--find-links",
	"--extra-index-url",
	"--index",
	"--trusted-host",
	"--prefix",
	"-t",
	"--target",
	"--root",
	"--platform",
	"--python-version",
	"--implementation",
	"--abi",
	"--timeout",
	"--retries",
	"--cache-dir",
	"--progress-bar",
	"--only-binary",
	"--no-binary",
	"--src",
	"--python",
	"-p",
	"--upgrade-strategy",
	"--index-strategy",
	"--log",
	"--proxy",
	"--cert",
	NULL,
};

static bool is_index(struct str option)
{
	return str_starts(option, STR("--index-url")) ||
	       str_starts(option, STR("--extra-index-url")) ||
	       str_starts(option, STR("--find-links")) ||
	       str_eq(option, STR("-i")) || str_eq(option, STR("-f"));
}

/* A requirement string: no path, no URL, nothing for a shell. */
static bool is_requirement(struct str word)
{
	char c = word.p[0];

	return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) &&
	       str_find(word, '$') < 0 && str_find(word, '/') < 0 &&
	       str_find(word, '`') < 0 && !str_ends(word, STR(".whl"));
}

/* pip, setuptools and wheel are tools of the build. */
static bool is_build_tool(struct str requirement)
{
	static const char *const tools[] = {"pip", "setuptools", "wheel",
					    "uv",  "pip-tools",	 NULL};
	size_t n = 0;

	while (n < requirement.n && !strchr("<>=!~[; ", requirement.p[n]))
		n++;
	return is_one_of(str_slice(requirement, 0, n), tools);
}

/* "-r FILE", "-rFILE", "--requirement=FILE": the file, in *file. */
static bool take_file(const struct dockerfile_texts *words, size_t *at,
		      const char *letter, const char *name, struct str *file)
{
	struct str word = words->p[*at].s, rest = word;

	if (str_eq(word, str_from(letter)) || str_eq(word, str_from(name))) {
		if (*at + 1 >= words->n)
			return false;
		*file = words->p[++*at].s;
		return true;
	}
	if (str_eat(&rest, str_from(name)) && str_eat(&rest, STR("="))) {
		*file = rest;
		return true;
	}
	rest = word;
	if (!str_starts(word, STR("--")) && str_eat(&rest, str_from(letter))) {
		*file = rest;
		return true;
	}
	return false;
}

static void run_pip(struct run *run, const struct dockerfile_texts *words,
		    size_t at)
{
	static const char *const verbs[] = {"install", "wheel", NULL};
	struct arena *arena = run->scope->arena;
	size_t first = behind_install(words, at, verbs);

	for (size_t i = first; first && i < words->n; i++) {
		struct str word = words->p[i].s, file;

		if (word.n == 0)
			continue;
		if (take_file(words, &i, "-r", "--requirement", &file)) {
			add_once(run, &run->image->requirements,
				 dockerfile_path(arena, run->workdir, file));
			continue;
		}
		if (is_index(word) || str_eq(word, STR("-e")) ||
		    take_file(words, &i, "-c", "--constraint", &file))
			add_unknown(run, words, at);
		if (is_one_of(word, pip_valued) || str_eq(word, STR("-e")))
			i++;
		if (word.p[0] == '-' || is_build_tool(word))
			continue;
		if (strchr("><", word.p[0]))
			break;
		if (is_requirement(word))
			add_once(run, &run->image->packages, word);
		else
			add_unknown(run, words, at);
	}
}

/* Folders of "mkdir -p A B" in a RUN that gives files away. */
static void run_mkdir(struct run *run, const struct dockerfile_texts *words,
		      size_t at)
{
	for (size_t i = at + 1; i < words->n; i++) {
		struct str word = words->p[i].s;

		if (word.n == 0 || word.p[0] == '-' ||
		    str_find(word, '$') >= 0 || str_find(word, '{') >= 0)
			continue;
		add_once(
			run, &run->image->written,
			dockerfile_path(run->scope->arena, run->workdir, word));
	}
}

/* Skips what may stand before a command: keywords, sudo, VAR=value. */
static size_t skip_prefix(const struct dockerfile_texts *words)
{
	static const char *const prefixes[] = {
		"if",	"then", "else", "do",  "{",    "(", "!",
		"sudo", "time", "set",	"env", "exec", NULL};
	size_t at = 0;

	for (; at < words->n; at++) {
		struct str word = words->p[at].s;
		ptrdiff_t equals = str_find(word, '=');
		size_t n = 0;

		while (n < word.n && dockerfile_is_name(word.p[n], n))
			n++;
		if (!is_one_of(word, prefixes) &&
		    !(n && equals == (ptrdiff_t)n))
			break;
	}
	return at;
}

static void run_command(struct run *run, const struct dockerfile_texts *words,
			bool gives_away)
{
	static const char *const others[] = {
		"apk",	  "yum",   "dnf",   "microdnf",	  "zypper",
		"pacman", "conda", "mamba", "micromamba", NULL};
	static const char *const installs[] = {"install", "add", "-S", NULL};
	static const char *const projects[] = {"poetry", "pipenv", "pdm", NULL};
	size_t at = skip_prefix(words);

	if (at == words->n)
		return;
	struct str name = base_name(words->p[at].s);

	if (str_eq(name, STR("uv")) && at + 1 < words->n) {
		if (str_eq(words->p[at + 1].s, STR("pip")))
			run_pip(run, words, at + 1);
		else if (str_eq(words->p[at + 1].s, STR("sync")))
			add_unknown(run, words, at);
	} else if (str_starts(name, STR("python")) && at + 2 < words->n &&
		   str_eq(words->p[at + 1].s, STR("-m")) &&
		   str_eq(words->p[at + 2].s, STR("pip"))) {
		run_pip(run, words, at + 2);
	} else if (str_starts(name, STR("pip")) &&
		   !str_starts(name, STR("pipenv"))) {
		run_pip(run, words, at);
	} else if (is_one_of(name, projects) ||
		   (run->is_final && is_one_of(name, others))) {
		if (behind_install(words, at + 1, installs))
			add_unknown(run, words, at);
	} else if (!run->is_final) {
		return; /* what is not copied over is not in the image */
	} else if (str_eq(name, STR("apt-get")) || str_eq(name, STR("apt"))) {
		run_apt(run, words, at);
	} else if (str_eq(name, STR("mkdir")) && gives_away) {
		run_mkdir(run, words, at);
	}
}

void dockerfile_run(const struct dockerfile_scope *scope,
		    const struct dockerfile_instruction *instruction,
		    struct str workdir, bool is_final,
		    struct dockerfile_image *image)
{
	struct run run = {scope, image, workdir, instruction->line, is_final};
	struct str texts[2] = {instruction->text, instruction->heredoc};
	bool gives_away = str_find_str(texts[0], STR("chown")) >= 0 ||
			  str_find_str(texts[1], STR("chown")) >= 0;
	struct dockerfile_texts words;

	if (instruction->is_exec) {
		run_command(&run, &instruction->words, gives_away);
		return;
	}
	for (size_t i = 0; i < 2; i++)
		while (dockerfile_command(scope, &texts[i], run.line, &words))
			if (!str_starts(words.p[0].s, STR("#")))
				run_command(&run, &words, gives_away);
}
