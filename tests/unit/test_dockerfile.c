/* dockerfile: lines and stages, what an image says, where its files come from,
 * and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "facts/dockerfile.h"
#include "guard.h"

static const struct dockerfile *parse(const char *text, struct arena *arena)
{
	struct dockerfile_problem problem = {0};
	const struct dockerfile *dockerfile =
		dockerfile_parse(str_from(text), NULL, arena, &problem);

	if (!dockerfile)
		fail_msg("%u: %s", problem.line, problem.what);
	return dockerfile;
}

/* The context has app.py, svc/app.py and requirements.txt. */
static bool exists(void *context, struct str path)
{
	(void)context;
	return str_eq(path, STR("app.py")) || str_eq(path, STR("svc/app.py")) ||
	       str_eq(path, STR("requirements.txt"));
}

static struct dockerfile_image image_of(const char *text, struct arena *arena)
{
	const struct dockerfile *dockerfile = parse(text, arena);
	struct dockerfile_image image;

	dockerfile_image(dockerfile, dockerfile_stage(dockerfile, STR_EMPTY),
			 NULL, exists, NULL, arena, &image);
	return image;
}

static const char *joined(const struct dockerfile_texts *texts,
			  struct arena *arena)
{
	struct str text = STR_EMPTY;

	for (size_t i = 0; i < texts->n; i++)
		text = arena_printf(arena, STR_FMT "%s" STR_FMT, STR_ARG(text),
				    i ? " | " : "", STR_ARG(texts->p[i].s));
	return arena_str(arena, text).p;
}

static void lines_become_instructions(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	const struct dockerfile *dockerfile =
		parse("\xef\xbb\xbf# syntax=docker/dockerfile:1\n\n"
		      "from a AS x\r\n"
		      "  run one \\\n"
		      "# a comment\n"
		      "\n"
		      "    two \\  \n"
		      "  three\n"
		      "RUN [\"a\", \"b c\"]\n"
		      "RUN [ -f x ]\n"
		      "RUN --mount=type=cache,target=/x --network=none go\n"
		      "RUN <<A cat <<-'B'\n"
		      "in a\n"
		      "A\n"
		      "\tin b\n"
		      "\tB\n"
		      "FROM x\n",
		      &arena);
	const struct dockerfile_instruction *instructions =
		dockerfile->instructions;

	(void)state;
	assert_int_equal(dockerfile->n, 7);
	assert_int_equal(dockerfile->stage_count, 2);
	assert_string_equal(instructions[0].name.p, "FROM");
	assert_int_equal(instructions[1].line, 4);
	assert_true(str_eq(instructions[1].text, STR("one     two   three")));
	assert_true(instructions[2].is_exec);
	assert_string_equal(joined(&instructions[2].words, &arena), "a | b c");
	assert_false(instructions[3].is_exec);
	assert_int_equal(instructions[4].flags.n, 2);
	assert_true(str_eq(instructions[4].flags.p[0].value,
			   STR("type=cache,target=/x")));
	assert_true(str_eq(instructions[4].text, STR("go")));
	assert_string_equal(instructions[5].heredoc.p, "in a\nin b\n");
	assert_int_equal(instructions[6].line, 17);
	assert_ptr_equal(dockerfile->stages[1].parent, &dockerfile->stages[0]);
	assert_ptr_equal(dockerfile_stage(dockerfile, STR("X")),
			 &dockerfile->stages[0]);
	assert_ptr_equal(dockerfile_stage(dockerfile, STR("1")),
			 &dockerfile->stages[1]);
	assert_null(dockerfile_stage(dockerfile, STR("2")));
}

static void variables_follow_their_scope(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct dockerfile_image image =
		image_of("# escape=`\n"
			 "ARG V=3.10\n"
			 "ARG W\n"
			 "FROM python:${V}-slim\n"
			 "ARG V\n"
			 "ARG T=${V}t\n"
			 "ENV A=1 B=\"$A $T\" C='$A' D=x`$A\n"
			 "ENV E  old form  $A\n"
			 "ENV A=2 F=${A}${NONE:-n}\n"
			 "WORKDIR /srv\n"
			 "WORKDIR sub/../app\n"
			 "EXPOSE $A 53/udp\n"
			 "ARG \"\"\n"
			 "RUN -- true\n"
			 "USER ${T}:1\n",
			 &arena);
	static const char *const expected[][2] = {
		{"A", "2"},   {"B", " 3.10t"},	   {"C", "$A"},
		{"D", "x$A"}, {"E", "old form 1"}, {"F", "1n"},
	};

	(void)state;
	assert_string_equal(image.base.s.p, "python:3.10-slim");
	assert_int_equal(image.base.line, 4);
	assert_int_equal(image.env.n, 6);
	for (size_t i = 0; i < 6; i++) {
		assert_true(
			str_eq(image.env.p[i].name, str_from(expected[i][0])));
		if (!str_eq(image.env.p[i].value, str_from(expected[i][1])))
			fail_msg("%s is " STR_FMT, expected[i][0],
				 STR_ARG(image.env.p[i].value));
	}
	assert_string_equal(image.workdir.s.p, "/srv/app");
	assert_string_equal(joined(&image.ports, &arena), "2 | 53/udp");
	assert_true(str_eq(image.user.s, STR("3.10t:1")));
}

static void a_build_argument_wins(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct dockerfile_pair given = {STR("V"), STR("3.12"), 0};
	struct dockerfile_pairs arguments = {&given, 1, 1};
	struct dockerfile_problem problem;
	struct dockerfile_image image;
	const struct dockerfile *dockerfile = dockerfile_parse(
		STR("ARG V=3.10\nFROM python:$V\nARG V=no\nENV X=$V\n"),
		&arguments, &arena, &problem);

	(void)state;
	assert_non_null(dockerfile);
	dockerfile_image(dockerfile, &dockerfile->stages[0], &arguments, exists,
			 NULL, &arena, &image);
	assert_string_equal(image.base.s.p, "python:3.12");
	assert_true(str_eq(image.env.p[0].value, STR("3.12")));
}

static void packages_of_run_are_found(void **state)
{
	static const struct {
		const char *run, *system, *packages, *unknown;
	} cases[] = {
		{"apt-get update && apt-get install -y a b=1.2 c/sid d:amd64 "
		 "&& rm -rf /x",
		 "a | b | c | d", "", ""},
		{"sudo apt install -t sid -o X=y a >/dev/null", "a", "", ""},
		{"if true; then apt-get -qq install a; fi", "a", "", ""},
		{"DEBIAN_FRONTEND=x apt-get install a $B", "a", "",
		 "apt-get install a $B"},
		{"apt-get remove a", "", "", ""},
		{"apk add --no-cache a", "", "", "apk add --no-cache a"},
		{"dnf -y install a && yum clean all", "", "",
		 "dnf -y install a"},
		{"pip install -U pip setuptools wheel==1 \"a[x]>=1,<2\" b", "",
		 "a[x]>=1,<2 | b", ""},
		{"/opt/venv/bin/pip3 install --no-cache-dir --timeout 5 a", "",
		 "a", ""},
		{"python3.11 -m pip install a; uv pip install b", "", "a | b",
		 ""},
		{"pip install git+https://example.org/x", "", "",
		 "pip install git+https://example.org/x"},
		{"pip install . ./x.whl a.whl", "", "",
		 "pip install . ./x.whl a.whl | pip install . ./x.whl a.whl | "
		 "pip install . ./x.whl a.whl"},
		{"pip install a --extra-index-url https://example.org", "", "a",
		 "pip install a --extra-index-url https://example.org"},
		{"pip freeze && poetry install", "", "", "poetry install"},
		{"[\"apt-get\", \"install\", \"a\"]", "a", "", ""},
		{"echo apt-get install a", "", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_arena struct arena arena = ARENA_EMPTY;
		struct dockerfile_image image = image_of(
			arena_printf(&arena, "FROM a\nRUN %s\n", cases[i].run)
				.p,
			&arena);

		assert_string_equal(joined(&image.system, &arena),
				    cases[i].system);
		assert_string_equal(joined(&image.packages, &arena),
				    cases[i].packages);
		assert_string_equal(joined(&image.unknown, &arena),
				    cases[i].unknown);
	}
}

static void what_is_not_copied_over_is_not_in_the_image(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct dockerfile_image image =
		image_of("FROM a AS unused\nRUN pip install unused\n"
			 "FROM a AS build\n"
			 "COPY requirements.txt /tmp/r.txt\n"
			 "RUN apt-get install gcc && pip install -r /tmp/r.txt "
			 "-r no.txt "
			 "x\n"
			 "FROM b AS common\nRUN apt-get install lib\nENV A=1\n"
			 "ENTRYPOINT [\"old\"]\nCMD old\n"
			 "FROM common\nCOPY --from=build /opt/venv /opt/venv\n"
			 "RUN mkdir -p logs /d && chown -R 1 /d\n"
			 "HEALTHCHECK NONE\n"
			 "HEALTHCHECK --interval=5s CMD curl x || exit 1\n"
			 "ENTRYPOINT [\"python\", \"app.py\"]\n",
			 &arena);

	(void)state;
	assert_string_equal(joined(&image.system, &arena), "lib");
	assert_string_equal(joined(&image.packages, &arena), "x");
	assert_string_equal(joined(&image.requirements, &arena),
			    "requirements.txt | /no.txt");
	assert_string_equal(joined(&image.written, &arena), "/logs | /d");
	assert_string_equal(image.base.s.p, "b");
	assert_false(image.is_health_none);
	assert_true(str_eq(image.health.text, STR("curl x || exit 1")));
	assert_true(str_eq(image.health_flags.p[0].value, STR("5s")));
	assert_string_equal(joined(&image.entrypoint.words, &arena),
			    "python | app.py");
	/* ENTRYPOINT takes away a CMD that was there before. */
	assert_int_equal(image.command.line, 0);
}

static void files_are_traced_to_the_context(void **state)
{
	static const struct {
		const char *copies, *path, *source;
	} cases[] = {
		{"COPY app.py /srv/app.py", "/srv/app.py", "app.py"},
		{"COPY app.py /srv/", "/srv/app.py", "app.py"},
		{"COPY app.py /srv", "/srv", "app.py"},
		{"COPY . /app", "/app/svc/app.py", "svc/app.py"},
		{"COPY ./svc/ /app/", "/app/app.py", "svc/app.py"},
		{"COPY svc /app", "/app/app.py", "svc/app.py"},
		{"COPY svc/*.py /app/", "/app/app.py", "svc/app.py"},
		{"WORKDIR /w\nCOPY app.py svc ./", "/w/app.py", "svc/app.py"},
		{"COPY . /app", "/app/none.py", NULL},
		{"COPY . /app", "/srv/app.py", NULL},
		{"COPY --from=s /x /app", "/app/app.py", "svc/app.py"},
		{"COPY --from=0 /x/app.py /y.py", "/y.py", "svc/app.py"},
		{"COPY --from=other:1 /x /app", "/app/app.py", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_arena struct arena arena = ARENA_EMPTY;
		const struct dockerfile *dockerfile = parse(
			arena_printf(&arena,
				     "FROM a AS s\nCOPY svc /x\nFROM a\n%s\n",
				     cases[i].copies)
				.p,
			&arena);
		struct str source = STR_EMPTY;
		bool is_found = dockerfile_source(
			dockerfile, &dockerfile->stages[1],
			str_from(cases[i].path), exists, NULL, &arena, &source);

		if (is_found != (cases[i].source != NULL) ||
		    (is_found && !str_eq(source, str_from(cases[i].source))))
			fail_msg("%s: %s is " STR_FMT, cases[i].copies,
				 cases[i].path, STR_ARG(source));
	}
}

static void others_are_refused(void **state)
{
	static const struct {
		const char *text;
		uint32_t line;
		const char *what;
	} cases[] = {
		{"", 1, "there is no FROM"},
		{"# only\nARG A=1\n", 1, "there is no FROM"},
		{"ARG A\nRUN x\n", 2,
		 "only ARG may stand before FROM, not RUN"},
		{"FROM\n", 1, "arguments are missing behind FROM"},
		{"FROM a b\n", 1,
		 "'FROM image [AS name]' is expected, not FROM a b"},
		{"FROM ${NONE}\n", 1,
		 "the image has no name once its variables are replaced: FROM "
		 "${NONE}"},
		{"FROM \"\"\n", 1,
		 "the image has no name once its variables are replaced: FROM "
		 "\"\""},
		{"FROM a\n\n- x\n", 3, "an instruction is expected, not - x"},
		{"FROM a\nRUN\\\n\n", 2, "arguments are missing behind RUN"},
		{"FROM a\nRUN <<END\nx\n", 2,
		 "a heredoc is not ended by a line END"},
		{"FROM a\nRUN \xff\n", 1, "it is not UTF-8 text"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_arena struct arena arena = ARENA_EMPTY;
		struct dockerfile_problem problem = {0};

		assert_null(dockerfile_parse(str_from(cases[i].text), NULL,
					     &arena, &problem));
		assert_string_equal(problem.what, cases[i].what);
		assert_int_equal(problem.line, cases[i].line);
	}
}

static void bounds_are_kept(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_buf struct buf stages = BUF_EMPTY, runs = BUF_EMPTY;
	auto_buf struct buf large = BUF_EMPTY;
	struct dockerfile_problem problem;

	(void)state;
	for (size_t i = 0; i < DOCKERFILE_MAX_STAGES; i++)
		buf_printf(&stages, "FROM a AS s%zu\n", i);
	assert_non_null(
		dockerfile_parse(buf_str(&stages), NULL, &arena, &problem));
	buf_append_text(&stages, "FROM a\n");
	assert_null(dockerfile_parse(buf_str(&stages), NULL, &arena, &problem));
	assert_string_equal(problem.what, "more than 128 stages");
	for (size_t i = 0; i < DOCKERFILE_MAX_INSTRUCTIONS; i++)
		buf_append_text(&runs, "FROM a\n");
	buf_append_text(&runs, "RUN a\n");
	assert_null(dockerfile_parse(buf_str(&runs), NULL, &arena, &problem));
	assert_string_equal(problem.what, "more than 4096 instructions");
	buf_append_zeros(&large, DOCKERFILE_MAX_BYTES + 1);
	assert_null(dockerfile_parse(buf_str(&large), NULL, &arena, &problem));
	assert_string_equal(problem.what, "it is larger than 1 MiB");
}

static void every_cut_of_a_text_is_read(void **state)
{
	static const char text[] =
		"# escape=`\nARG A=b\nFROM $A AS x\nENV A=\"1 $A\" `\n  B=2\n"
		"COPY --from=x a b\nRUN <<E\napt-get install a\nE\n"
		"HEALTHCHECK --interval=1s CMD x\nCMD [\"a\"]\n";
	struct guard guard = guard_new(sizeof text);

	(void)state;
	for (size_t n = 0; n < sizeof text; n++) {
		auto_arena struct arena arena = ARENA_EMPTY;
		struct dockerfile_problem problem;
		struct dockerfile_image image;
		const struct dockerfile *dockerfile =
			dockerfile_parse(str_of(guard_copy(&guard, text, n), n),
					 NULL, &arena, &problem);

		if (dockerfile)
			dockerfile_image(dockerfile, &dockerfile->stages[0],
					 NULL, exists, NULL, &arena, &image);
	}
	guard_free(&guard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_become_instructions),
		cmocka_unit_test(variables_follow_their_scope),
		cmocka_unit_test(a_build_argument_wins),
		cmocka_unit_test(packages_of_run_are_found),
		cmocka_unit_test(what_is_not_copied_over_is_not_in_the_image),
		cmocka_unit_test(files_are_traced_to_the_context),
		cmocka_unit_test(others_are_refused),
		cmocka_unit_test(bounds_are_kept),
		cmocka_unit_test(every_cut_of_a_text_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
