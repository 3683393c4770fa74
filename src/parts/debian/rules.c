/* data/debian/fixups.txt: its grammar is described at its head. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/data.h"
#include "base/error.h"
#include "base/fs.h"
#include "parts/debian/model.h"
#include "parts/debian/tree.h"

enum verb {
	VERB_FOLD,
	VERB_DROP,
	VERB_KEEP,
	VERB_KEEPLINKS,
	VERB_SETID,
	VERB_LAYER,
	VERB_DIR,
	VERB_FILE,
	VERB_COPY,
	VERB_LINK,
	VERB_CHOOSE,
	VERB_CERTIFICATES,
	VERB_LIBRARIES,
};

static const struct {
	const char *name;
	size_t argument_count;
} verbs[] = {
	[VERB_FOLD] = {"fold", 2},
	[VERB_DROP] = {"drop", 1},
	[VERB_KEEP] = {"keep", 1},
	[VERB_KEEPLINKS] = {"keeplinks", 1},
	[VERB_SETID] = {"setid", 1},
	[VERB_LAYER] = {"layer", 1},
	[VERB_DIR] = {"dir", 3},
	[VERB_FILE] = {"file", 3},
	[VERB_COPY] = {"copy", 2},
	[VERB_LINK] = {"link", 2},
	[VERB_CHOOSE] = {"choose", 2},
	[VERB_CERTIFICATES] = {"certificates", 0},
	[VERB_LIBRARIES] = {"libraries", 0},
};

enum { VERB_COUNT = sizeof verbs / sizeof *verbs, MAX_ARGUMENTS = 3 };

struct step {
	enum verb verb;
	struct str arguments[MAX_ARGUMENTS];
};

struct debian_rules {
	ARRAY(struct step) steps;
};

/* The file is part of the program: what is wrong in it is the programmer's. */
static _Noreturn void refuse(struct str line)
{
	fprintf(stderr, "data/debian/fixups.txt: cannot read '" STR_FMT "'\n",
		STR_ARG(line));
	abort();
}

static struct step parse_step(struct str line)
{
	struct str rest = line, word, words[MAX_ARGUMENTS + 1] = {{"", 0}};
	size_t count = 0;

	while (str_split(&rest, ' ', &word)) {
		if (word.n == 0)
			continue;
		if (count == MAX_ARGUMENTS + 1)
			refuse(line);
		words[count++] = word;
	}
	for (size_t i = 0; i < VERB_COUNT; i++) {
		if (!str_eq(words[0], str_from(verbs[i].name)) ||
		    verbs[i].argument_count != count - 1)
			continue;
		struct step step = {.verb = (enum verb)i};

		for (size_t j = 1; j < count; j++)
			step.arguments[j - 1] = words[j];
		return step;
	}
	refuse(line);
}

struct debian_rules *debian_rules_new(void)
{
	struct debian_rules *rules = mem_zalloc(1, sizeof *rules);
	struct str rest = data_get("debian/fixups.txt"), line;

	while (str_line(&rest, &line)) {
		line = str_trim(line);
		if (line.n && line.p[0] != '#')
			array_push(&rules->steps, parse_step(line));
	}
	return rules;
}

void debian_rules_free(struct debian_rules *rules)
{
	if (!rules)
		return;
	array_release(&rules->steps);
	free(rules);
}

void debian_rules_free_pointer(struct debian_rules **rules)
{
	debian_rules_free(*rules);
}

struct str debian_rules_fold(const struct debian_rules *rules,
			     struct arena *arena, struct str path)
{
	array_each (const struct step, step, &rules->steps) {
		struct str rest = path;

		if (step->verb != VERB_FOLD ||
		    !str_eat(&rest, step->arguments[0]))
			continue;
		if (rest.n == 0)
			return STR_EMPTY;
		if (rest.p[0] == '/')
			return arena_printf(arena, STR_FMT STR_FMT,
					    STR_ARG(step->arguments[1]),
					    STR_ARG(rest));
	}
	return arena_str(arena, path);
}

/* True where the pattern matches the path or a folder above it. */
static bool covers(struct str pattern, struct str path)
{
	for (size_t i = 0; i <= path.n; i++)
		if ((i == path.n || path.p[i] == '/') &&
		    str_glob(pattern, str_slice(path, 0, i)))
			return true;
	return false;
}

bool debian_rules_drop(const struct debian_rules *rules, struct str path,
		       bool is_link)
{
	bool drop = false;

	array_each (const struct step, step, &rules->steps) {
		if (step->verb == VERB_DROP && !drop)
			drop = covers(step->arguments[0], path);
		else if (step->verb == VERB_KEEP && drop)
			drop = !covers(step->arguments[0], path);
		else if (step->verb == VERB_KEEPLINKS && drop && is_link)
			drop = !str_glob(step->arguments[0], path);
	}
	return drop;
}

bool debian_rules_keep_setid(const struct debian_rules *rules, struct str path)
{
	array_each (const struct step, step, &rules->steps)
		if (step->verb == VERB_SETID &&
		    covers(step->arguments[0], path))
			return true;
	return false;
}

/* Puts the model's values for names in braces. False where one has none. */
static bool fill(const struct model *model, struct str text, struct buf *out)
{
	const struct {
		struct str name, value;
	} values[] = {
		{STR("{python}"), model->python},
		{STR("{version}"), model->version},
		{STR("{multiarch}"), model->multiarch},
	};
	bool ok = true;

	while (text.n) {
		bool found = false;

		for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
			if (!str_eat(&text, values[i].name))
				continue;
			buf_append(out, values[i].value);
			ok = ok && values[i].value.n;
			found = true;
			break;
		}
		if (found)
			continue;
		buf_append_byte(out, text.p[0]);
		text = str_slice(text, 1, text.n);
	}
	return ok;
}

static uint32_t number(struct str digits, uint32_t base)
{
	uint32_t value = 0;

	for (size_t i = 0; i < digits.n; i++)
		value = value * base + (uint32_t)(digits.p[i] - '0');
	return value;
}

static int apply_dir(struct model *model, const struct str *arguments,
		     struct error **err)
{
	struct str owner = arguments[1], uid;

	str_split(&owner, ':', &uid);
	return model_set_dir(model, arguments[2], number(arguments[0], 8),
			     number(uid, 10), number(owner, 10), err);
}

static int apply_file(struct model *model, const struct str *arguments,
		      struct error **err)
{
	auto_buf struct buf filled = BUF_EMPTY;
	auto_arena struct arena arena = ARENA_EMPTY;
	struct str name =
		arena_printf(&arena, "debian/" STR_FMT, STR_ARG(arguments[2]));

	const struct debian_file *there = model_find(model, arguments[1]);

	/* In the place of a folder it is refused below. */
	if (there && there->type != DEBIAN_DIR)
		return 0;
	if (!str_ends(name, STR(".in")))
		buf_append(&filled, data_get(name.p));
	else if (!fill(model, data_get(name.p), &filled))
		return 0;
	return model_add_bytes(model, arguments[1], number(arguments[0], 8),
			       buf_str(&filled), err);
}

static int apply_copy(struct model *model, const struct str *arguments,
		      struct error **err)
{
	auto_buf struct buf bytes = BUF_EMPTY;
	const struct debian_file *from = model_find(model, arguments[1]);

	if (!from || from->type != DEBIAN_FILE ||
	    model_find(model, arguments[0]))
		return 0;
	auto_close int fd = model_open(model, arguments[1], err);

	if (fd < 0 || fs_read_fd(fd, "a file to copy", 16 << 20, &bytes, err))
		return -1;
	return model_add_bytes(model, arguments[0], from->mode, buf_str(&bytes),
			       err);
}

/* A link from path to another path of the image where that is there: relative,
 * so that it also leads there in an unpacked tree. */
static int link_if_there(struct model *model, struct str path, struct str to,
			 struct error **err)
{
	auto_buf struct buf target = BUF_EMPTY;

	if (!model_find(model, to))
		return 0;
	for (size_t i = 0; i < path.n; i++)
		if (path.p[i] == '/')
			buf_append_text(&target, "../");
	buf_append(&target, to);
	return model_add_link(model, path, buf_str(&target), err);
}

static int apply_step(struct model *model, enum verb verb,
		      const struct str *arguments, struct error **err)
{
	switch (verb) {
	case VERB_FOLD:
	case VERB_CHOOSE:
		return link_if_there(model, arguments[0], arguments[1], err);
	case VERB_LAYER:
		model->part =
			str_eq(arguments[0], STR("python")) && !model->below
				? DEBIAN_PYTHON
				: DEBIAN_SYSTEM;
		return 0;
	case VERB_DIR:
		return apply_dir(model, arguments, err);
	case VERB_FILE:
		return apply_file(model, arguments, err);
	case VERB_COPY:
		return apply_copy(model, arguments, err);
	case VERB_LINK:
		return model_add_link(model, arguments[0], arguments[1], err);
	case VERB_CERTIFICATES:
		return debian_add_certificates(model, err);
	case VERB_LIBRARIES:
		return debian_add_library_cache(model, err);
	case VERB_DROP:
	case VERB_KEEP:
	case VERB_KEEPLINKS:
	case VERB_SETID:
		break;
	}
	return 0;
}

int debian_rules_apply(const struct debian_rules *rules, struct model *model,
		       struct error **err)
{
	model->owner = STR_EMPTY;
	array_each (const struct step, step, &rules->steps) {
		struct buf filled[MAX_ARGUMENTS] = {BUF_EMPTY, BUF_EMPTY,
						    BUF_EMPTY};
		struct str arguments[MAX_ARGUMENTS];
		bool wanted = true;
		int result = 0;

		for (size_t i = 0; i < MAX_ARGUMENTS; i++) {
			if (i < verbs[step->verb].argument_count)
				wanted = fill(model, step->arguments[i],
					      &filled[i]) &&
					 wanted;
			arguments[i] = buf_str(&filled[i]);
		}
		if (wanted)
			result = apply_step(model, step->verb, arguments, err);
		for (size_t i = 0; i < MAX_ARGUMENTS; i++)
			buf_release(&filled[i]);
		if (result)
			return err_wrap(err, "in the step '%s'",
					verbs[step->verb].name);
	}
	return 0;
}

void debian_rules_key(const struct debian_rules *rules, struct buf *key)
{
	key_add(key, data_get("debian/fixups.txt"));
	array_each (const struct step, step, &rules->steps) {
		auto_free char *name = path_printf("debian/" STR_FMT,
						   STR_ARG(step->arguments[2]));

		if (step->verb == VERB_FILE)
			key_add(key, data_get(name));
	}
}
