/* The keys of a service, and how one layer of them lies over another. */
#include <stdlib.h>

#include "facts/manifest/reader.h"

static const struct manifest_word gpu_words[] = {
	{"none", MANIFEST_GPU_NONE},
	{"optional", MANIFEST_GPU_OPTIONAL},
	{"required", MANIFEST_GPU_REQUIRED},
	{"nvml", MANIFEST_GPU_NVML},
	{NULL, 0},
};

static const struct manifest_word bytecode_words[] = {
	{"all", MANIFEST_BYTECODE_ALL},
	{"no-tests", MANIFEST_BYTECODE_NO_TESTS},
	{"none", MANIFEST_BYTECODE_NONE},
	{NULL, 0},
};

static const char *word_text(const struct manifest_word *words, int value)
{
	while (words->value != value)
		words++;
	return words->word;
}

const char *manifest_gpu_text(enum manifest_gpu gpu)
{
	return word_text(gpu_words, (int)gpu);
}

const char *manifest_bytecode_text(enum manifest_bytecode bytecode)
{
	return word_text(bytecode_words, (int)bytecode);
}

/* Dotted names with stars: "plugins.*". */
static void field_import(struct manifest *manifest,
			 const struct yaml_node *node,
			 const struct manifest_key *key, void *field)
{
	static const char form[] = "a module name or a glob like \"plugins.*\"";
	bool is_fine = node->text.n <= 256;

	if (!reader_want(manifest, node, key->name, form))
		return;
	for (size_t i = 0; i < node->text.n; i++) {
		unsigned char c = (unsigned char)node->text.p[i];

		is_fine &= c >= 0x80 || strchr("_.*?", c) ||
			   reader_is_name(str_of(&node->text.p[i], 1), "");
	}
	if (is_fine && !reader_glob_defect(node->text))
		*(struct manifest_text *)field = reader_text(node);
	else
		reader_refuse(manifest, node, key->name, form);
}

static const struct manifest_key allow_keys[] = {
	KEY_AS("import", struct manifest_allow, import_glob, field_import),
	KEY(struct manifest_allow, include, field_globs),
	KEY(struct manifest_allow, package, field_name),
	KEY(struct manifest_allow, sdist, field_name),
	KEY(struct manifest_allow, file, field_glob),
	KEY(struct manifest_allow, why, field_text),
};

static void read_allow(struct manifest *manifest, const struct yaml_node *node,
		       const struct manifest_key *key, void *field)
{
	struct manifest_allow allow = {.at = reader_place(node)};
	size_t problems = manifest->problems.n;
	uint64_t seen = reader_map(manifest, node, "'allow'", allow_keys,
				   KEY_COUNT(allow_keys), &allow);

	(void)key;
	if (problems != manifest->problems.n)
		return;
	if (!(seen & 0x1f))
		reader_problem(manifest, allow.at, STR_EMPTY,
			       "an entry of 'allow' must say what: import, "
			       "include, package, sdist or file");
	else if (!allow.why.s.n)
		reader_problem(manifest, allow.at,
			       STR("add why: \"...\" for who reads it next "
				   "year"),
			       "an entry of 'allow' has no reason");
	else
		list_push(manifest, (struct manifest_allows *)field, allow);
}

static void field_allow(struct manifest *manifest, const struct yaml_node *node,
			const struct manifest_key *key, void *field)
{
	struct manifest_allows list = ARRAY_EMPTY;

	reader_items(manifest, node, key, read_allow, &list);
	*(struct manifest_allows *)field = list;
}

/* Either part of "SOURCE:TARGET[:ro]", which ends in a mode. */
static bool read_target(struct manifest *manifest, struct str text,
			struct manifest_mount *mount)
{
	ptrdiff_t colon = str_rfind(text, ':');

	if (colon >= 0) {
		struct str mode = str_slice(text, (size_t)colon + 1, text.n);

		mount->is_read_only = str_eq(mode, STR("ro"));
		if (!mount->is_read_only && !str_eq(mode, STR("rw")))
			return false;
		text = str_slice(text, 0, (size_t)colon);
	}
	if (text.n < 2 || text.p[0] != '/' ||
	    reader_path_defect(str_slice(text, 1, text.n)))
		return false;
	mount->target.s = arena_str(&manifest->arena, text);
	return true;
}

static void add_mount(struct manifest *manifest, const struct yaml_node *node,
		      struct manifest_text source, struct str target,
		      struct manifest_mounts *mounts)
{
	struct manifest_mount mount = {.source = source};

	mount.target.at = reader_place(node);
	if (source.s.n == 0 || !read_target(manifest, target, &mount))
		reader_refuse(manifest, node, "mounts",
			      "like models/wake: /models:ro");
	else
		list_push(manifest, mounts, mount);
}

void field_mounts(struct manifest *manifest, const struct yaml_node *node,
		  const struct manifest_key *key, void *field)
{
	struct manifest_mounts mounts = ARRAY_EMPTY;
	size_t n = node->kind == YAML_LIST ? node->n : 1;

	for (size_t i = 0; i < n && node->kind != YAML_MAP; i++) {
		const struct yaml_node *item =
			node->kind == YAML_LIST ? node->items[i] : node;

		if (!reader_want(manifest, item, key->name,
				 "like SOURCE:/TARGET:ro"))
			continue;
		struct str rest = item->text;
		struct manifest_text source = {.at = reader_place(item)};

		str_split(&rest, ':', &source.s);
		source.s = arena_str(&manifest->arena, source.s);
		add_mount(manifest, item, source, rest, &mounts);
	}
	for (size_t i = 0; node->kind == YAML_MAP && i < node->n; i++)
		if (reader_want(manifest, node->pairs[i].value, key->name,
				"like models/wake: /models:ro"))
			add_mount(manifest, node->pairs[i].value,
				  reader_text(node->pairs[i].key),
				  node->pairs[i].value->text, &mounts);
	*(struct manifest_mounts *)field = mounts;
}

static bool is_device(struct str path)
{
	return str_eat(&path, STR("/dev/")) && !reader_path_defect(path);
}

static void read_device(struct manifest *manifest, const struct yaml_node *node,
			const struct manifest_key *key, void *field)
{
	static const char form[] = "a device like /dev/snd";
	struct manifest_devices *devices = field;

	if (!reader_want(manifest, node, key->name, form))
		return;
	struct manifest_device device = {reader_text(node), reader_text(node)};
	ptrdiff_t colon = str_find(node->text, ':');

	if (colon >= 0) {
		device.host.s =
			arena_str(&manifest->arena,
				  str_slice(node->text, 0, (size_t)colon));
		device.target.s =
			str_slice(node->text, (size_t)colon + 1, node->text.n);
	}
	if (is_device(device.host.s) && is_device(device.target.s))
		list_push(manifest, devices, device);
	else
		reader_refuse(manifest, node, key->name, form);
}

static void field_devices(struct manifest *manifest,
			  const struct yaml_node *node,
			  const struct manifest_key *key, void *field)
{
	struct manifest_devices list = ARRAY_EMPTY;

	reader_items(manifest, node, key, read_device, &list);
	*(struct manifest_devices *)field = list;
}

static void read_secret(struct manifest *manifest, const struct yaml_node *node,
			const struct manifest_key *key, void *field)
{
	struct manifest_secrets *secrets = field;
	size_t n = node->kind == YAML_MAP ? node->n : 1;

	for (size_t i = 0; i < n; i++) {
		struct manifest_secret secret = {.file = reader_default("")};

		field_name(manifest,
			   node->kind == YAML_MAP ? node->pairs[i].key : node,
			   key, &secret.name);
		if (node->kind == YAML_MAP)
			field_text(manifest, node->pairs[i].value, key,
				   &secret.file);
		if (secret.name.s.p)
			list_push(manifest, secrets, secret);
	}
}

static void field_secrets(struct manifest *manifest,
			  const struct yaml_node *node,
			  const struct manifest_key *key, void *field)
{
	struct manifest_secrets list = ARRAY_EMPTY;

	reader_items(manifest, node, key, read_secret, &list);
	*(struct manifest_secrets *)field = list;
}

static void field_user(struct manifest *manifest, const struct yaml_node *node,
		       const struct manifest_key *key, void *field)
{
	static const char form[] =
		"UID or UID:GID in numbers, like 10001:10001";
	struct str rest = node->text, first;
	uint64_t uid, gid;

	if (!reader_want(manifest, node, key->name, form))
		return;
	str_split(&rest, ':', &first);
	if (str_ends(node->text, STR(":")) ||
	    !reader_to_number(first, 0, 0x7fffffff, &uid) ||
	    !reader_to_number(rest.n ? rest : first, 0, 0x7fffffff, &gid))
		reader_refuse(manifest, node, key->name, form);
	else
		*(struct manifest_user *)field = (struct manifest_user){
			(uint32_t)uid, (uint32_t)gid, reader_place(node)};
}

static const struct manifest_key resource_keys[] = {
	KEY_AS("memory", struct manifest_resources, memory_bytes, field_size),
	KEY_AS("shm", struct manifest_resources, shm_bytes, field_size),
	KEY_AS("cpus", struct manifest_resources, cpus_milli, field_milli),
	KEY(struct manifest_resources, pids, field_number),
};

static void field_resources(struct manifest *manifest,
			    const struct yaml_node *node,
			    const struct manifest_key *key, void *field)
{
	(void)key;
	reader_map(manifest, node, "'resources'", resource_keys,
		   KEY_COUNT(resource_keys), field);
}

static void read_status(struct manifest *manifest, const struct yaml_node *node,
			const struct manifest_key *key, void *field)
{
	static const char form[] = "an exit status from 1 to 255";
	struct manifest_statuses *statuses = field;
	uint64_t status;

	if (!reader_want(manifest, node, key->name, form))
		return;
	if (reader_to_number(node->text, 1, 255, &status))
		statuses->has[status] = true;
	else
		reader_refuse(manifest, node, key->name, form);
}

static void field_statuses(struct manifest *manifest,
			   const struct yaml_node *node,
			   const struct manifest_key *key, void *field)
{
	struct manifest_statuses statuses = {{false}};

	reader_items(manifest, node, key, read_status, &statuses);
	*(struct manifest_statuses *)field = statuses;
}

/* Folders below the working folder, or absolute. */
static void field_write(struct manifest *manifest, const struct yaml_node *node,
			const struct manifest_key *key, void *field)
{
	size_t n = node->kind == YAML_LIST ? node->n : 1;

	for (size_t i = 0; i < n; i++) {
		const struct yaml_node *item =
			node->kind == YAML_LIST ? node->items[i] : node;
		struct manifest_text text = {.s = {NULL, 0}};

		if (item->kind == YAML_SCALAR &&
		    str_starts(item->text, STR("/")))
			field_absolute(manifest, item, key, &text);
		else
			field_path(manifest, item, key, &text);
		if (text.s.p)
			list_push(manifest, (struct manifest_texts *)field,
				  text);
	}
}

/* A machine of a service; settings of it alone may be given. */
static void add_machine(struct manifest *manifest, const struct yaml_node *name,
			const struct yaml_node *node,
			const struct manifest_key *key,
			struct manifest_overrides *overrides)
{
	static const uint64_t forbidden =
		1u << SETTING_LIKE | 1u << SETTING_MACHINES;
	struct manifest_override override = {.settings = NULL};

	field_name(manifest, name, key, &override.machine);
	if (!override.machine.s.p)
		return;
	array_each (struct manifest_override, other, overrides)
		if (str_eq(other->machine.s, override.machine.s)) {
			reader_problem(manifest, override.machine.at, STR_EMPTY,
				       "the machine '%s' is given twice",
				       name->text.p);
			return;
		}
	override.settings =
		arena_new(&manifest->arena, struct manifest_settings);
	if (node) {
		struct str what = arena_printf(
			&manifest->arena, "what is special on machine '%s'",
			name->text.p);

		manifest_settings_read(manifest, node, what.p, forbidden,
				       override.settings);
	}
	list_push(manifest, overrides, override);
}

static void field_machines(struct manifest *manifest,
			   const struct yaml_node *node,
			   const struct manifest_key *key, void *field)
{
	struct manifest_overrides machines = ARRAY_EMPTY;

	if (node->kind == YAML_MAP)
		for (size_t i = 0; i < node->n; i++)
			add_machine(manifest, node->pairs[i].key,
				    node->pairs[i].value, key, &machines);
	else if (node->kind == YAML_LIST)
		for (size_t i = 0; i < node->n; i++)
			add_machine(manifest, node->items[i], NULL, key,
				    &machines);
	else
		add_machine(manifest, node, NULL, key, &machines);
	*(struct manifest_overrides *)field = machines;
}

#define SETTING(member, ...) KEY(struct manifest_settings, member, __VA_ARGS__)

const struct manifest_key manifest_setting_keys[SETTING_COUNT] = {
	[SETTING_LIKE] = SETTING(like, field_name),
	[SETTING_MACHINES] = SETTING(machines, field_machines),
	[SETTING_FAMILY] = SETTING(family, field_name),
	[SETTING_RUN] = SETTING(run, field_run),
	[SETTING_WORKDIR] = SETTING(workdir, field_absolute),
	[SETTING_PORTS] = SETTING(ports, field_ports),
	[SETTING_HEALTH] = SETTING(health, field_health),
	[SETTING_GPU] = SETTING(gpu, field_word, gpu_words),
	[SETTING_ENV] = SETTING(env, field_env),
	[SETTING_REQUIREMENTS] = SETTING(requirements, field_paths),
	[SETTING_CONSTRAINTS] = SETTING(constraints, field_paths),
	[SETTING_EXTRA] = SETTING(extra, field_texts),
	[SETTING_SYSTEM] = SETTING(system, field_debian_packages),
	[SETTING_ALLOW] = SETTING(allow, field_allow),
	[SETTING_DATA] = SETTING(data, field_globs),
	[SETTING_WRITE] = SETTING(write, field_write),
	[SETTING_MOUNTS] = SETTING(mounts, field_mounts),
	[SETTING_DEVICES] = SETTING(devices, field_devices),
	[SETTING_GROUPS] = SETTING(groups, field_names),
	[SETTING_SECRETS] = SETTING(secrets, field_secrets),
	[SETTING_USER] = SETTING(user, field_user),
	[SETTING_RESOURCES] = SETTING(resources, field_resources),
	[SETTING_DEPENDS_ON] = SETTING(depends_on, field_names),
	[SETTING_REQUIRED] = KEY_AS("required", struct manifest_settings,
				    is_required, field_bool),
	[SETTING_TRACK] = SETTING(track, field_name),
	[SETTING_SKIP] = SETTING(skip, field_text),
	[SETTING_BYTECODE] = SETTING(bytecode, field_word, bytecode_words),
	[SETTING_SUCCESS_EXIT_STATUS] =
		SETTING(success_exit_status, field_statuses),
};

void manifest_settings_read(struct manifest *manifest,
			    const struct yaml_node *node, const char *what,
			    uint64_t forbidden,
			    struct manifest_settings *settings)
{
	settings->is_set =
		reader_map(manifest, node, what, manifest_setting_keys,
			   SETTING_COUNT, settings);
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		const char *name = manifest_setting_keys[i].name;

		if (!(settings->is_set & forbidden & UINT64_C(1) << i))
			continue;
		for (size_t j = 0; j < node->n; j++)
			if (str_eq(node->pairs[j].key->text, str_from(name)))
				reader_problem(manifest,
					       reader_place(node->pairs[j].key),
					       STR_EMPTY,
					       "'%s' cannot stand in %s", name,
					       what);
	}
}

/* Lists whose elements have a name: those of upper replace those of lower
 * with the same name, and else come behind them. */
#define OVERLAY(function, type, member)                                        \
	void function(struct manifest *manifest, struct type *lower,           \
		      const struct type *upper)                                \
	{                                                                      \
		struct type result = ARRAY_EMPTY;                              \
                                                                               \
		for (size_t i = 0; i < lower->n; i++)                          \
			list_push(manifest, &result, lower->p[i]);             \
		for (size_t i = 0; i < upper->n; i++) {                        \
			size_t at = 0;                                         \
                                                                               \
			while (at < result.n && !str_eq(result.p[at].member.s, \
							upper->p[i].member.s)) \
				at++;                                          \
			if (at < result.n)                                     \
				result.p[at] = upper->p[i];                    \
			else                                                   \
				list_push(manifest, &result, upper->p[i]);     \
		}                                                              \
		*lower = result;                                               \
	}

OVERLAY(manifest_env_overlay, manifest_pairs, name)
static OVERLAY(overlay_mounts, manifest_mounts,
	       source) static OVERLAY(overlay_secrets, manifest_secrets, name)

	static void overlay_resources(struct manifest_resources *lower,
				      const struct manifest_resources *upper)
{
	if (upper->memory_bytes)
		lower->memory_bytes = upper->memory_bytes;
	if (upper->shm_bytes)
		lower->shm_bytes = upper->shm_bytes;
	if (upper->cpus_milli)
		lower->cpus_milli = upper->cpus_milli;
	if (upper->pids)
		lower->pids = upper->pids;
}

void manifest_settings_overlay(struct manifest *manifest,
			       struct manifest_settings *lower,
			       const struct manifest_settings *upper)
{
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		const struct manifest_key *key = &manifest_setting_keys[i];

		if (!setting_is_set(upper, (enum setting)i))
			continue;
		if (i == SETTING_ENV)
			manifest_env_overlay(manifest, &lower->env,
					     &upper->env);
		else if (i == SETTING_MOUNTS)
			overlay_mounts(manifest, &lower->mounts,
				       &upper->mounts);
		else if (i == SETTING_SECRETS)
			overlay_secrets(manifest, &lower->secrets,
					&upper->secrets);
		else if (i == SETTING_RESOURCES)
			overlay_resources(&lower->resources, &upper->resources);
		else
			memcpy((char *)lower + key->offset,
			       (const char *)upper + key->offset, key->size);
	}
	lower->is_set |= upper->is_set;
}
