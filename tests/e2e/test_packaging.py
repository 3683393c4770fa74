"""Versions, specifiers, names, requirements, markers and wheel tags, compared
with Python's own `packaging` library on many combinations."""

import itertools
import os
import pathlib
import random
import subprocess

import packaging.markers
import packaging.requirements
import packaging.specifiers
import packaging.tags
import packaging.utils
import packaging.version
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLIPWAY_BUILD", ROOT / "build"))
TOOL = BUILD / "tests/unit/tool_packaging"


def ask(questions):
    text = "".join("\t".join(q) + "\n" for q in questions)
    result = subprocess.run(
        [TOOL], input=text, capture_output=True, text=True, check=True
    )
    answers = result.stdout.split("\n")[:-1]
    assert len(answers) == len(questions)
    return answers


def compare(questions, oracle):
    """Every answer is the oracle's; the first few that differ are shown."""
    wrong = []
    for question, answer in zip(questions, ask(questions)):
        expected = oracle(*question[1:])
        if answer != expected:
            wrong.append((question, answer, expected))
    assert not wrong, f"{len(wrong)} of {len(questions)}: {wrong[:5]}"


def make_versions():
    versions = [
        a + b + c + d + e
        for a, b, c, d, e in itertools.product(
            ["1", "1.0", "v2.1.0", "1!0.9", "10.0.0.1"],
            ["", "a1", "-alpha.2", "b0", "RC", "_pre_3", "c4"],
            ["", ".post1", "-2", "-rev3", "r"],
            ["", ".dev0", "dev5", "-DEV_7"],
            ["", "+local", "+Ubuntu.1", "+1.02-a"],
        )
    ]
    return versions + [
        "", " 1.0 ", "1.", ".1", "1.0-", "1.0a-", "1.0.a.1.dev", "1..0",
        "1.0+", "1.0+a..b", "1.0+a_", "1!", "!1", "x", "1.0post", "1.0x",
        "00012.0003", "2024.01.05", "123456789012345678901234567890.1",
        "1.0.dev", "1.0-1-1", "1.0a1.post2.dev3+q.1", "1 .0", "v", "vv1",
        "1.0rev", "1.0preview2", "1.0pre", "1.0alpha", "1.0beta-3",
    ]


VERSIONS = make_versions()
VALID = [
    v for v in VERSIONS if packaging.version.VERSION_PATTERN and v.strip()
]


def parse(text):
    try:
        return packaging.version.Version(text)
    except packaging.version.InvalidVersion:
        return None


def word(value):
    return "true" if value else "false"


def test_versions_are_read_and_normalised():
    def oracle(text):
        version = parse(text)
        if version is None:
            return "-"
        return f"{version} {word(version.is_prerelease)}"

    compare([("version", v) for v in VERSIONS], oracle)


def test_versions_are_ordered():
    chance = random.Random(1)

    def oracle(left, right):
        a, b = parse(left), parse(right)
        if a is None or b is None:
            return "-"
        return str((a > b) - (a < b))

    pairs = [
        ("compare", chance.choice(VERSIONS), chance.choice(VERSIONS))
        for _ in range(40000)
    ]
    compare(pairs, oracle)


def test_specifiers_choose_the_same_versions():
    chance = random.Random(2)
    operators = ["==", "!=", "<=", ">=", "<", ">", "~=", "===", "=", ""]
    endings = ["", "", "", ".*", " "]
    questions = []
    for _ in range(60000):
        parts = [
            chance.choice(operators)
            + chance.choice(["", " "])
            + chance.choice(VERSIONS)
            + chance.choice(endings)
            for _ in range(chance.choice([1, 1, 1, 2, 3]))
        ]
        questions.append(
            ("specifier", ",".join(parts), chance.choice(VERSIONS))
        )

    def oracle(text, version):
        try:
            specifiers = packaging.specifiers.SpecifierSet(text)
        except packaging.specifiers.InvalidSpecifier:
            return "-"
        if parse(version) is None:
            return "-"
        held = all(
            s.contains(parse(version), prereleases=True)
            if s.operator != "==="
            else s.contains(version, prereleases=True)
            for s in specifiers
        )
        return f"{word(held)} {word(specifiers.prereleases)}"

    compare(questions, oracle)


def test_names_are_normalised():
    names = ["Foo", "foo.bar", "A__b", "a-_.b", "-a", "a-", "a", "", "a b",
             "Zope.Interface", "é", "x.y_z-1", "1", "a\x00"]

    def oracle(name):
        try:
            return packaging.utils.canonicalize_name(name, validate=True)
        except packaging.utils.InvalidName:
            return "-"

    compare([("name", n) for n in names], oracle)


REQUIREMENTS = [
    "requests", " requests ", "requests>=2", "requests >= 2, < 3",
    "requests (>=2,<3)", "requests(>=2)", "a[b]", "A.B[c_D, e]>1",
    "a[]", "a[,]", "a[b,]", "a[b", "a]b", "a[b c]", "[a]", "", ">=1",
    "a@https://x.example/a.whl", "a @ https://x.example/a.whl",
    "a @ https://x.example/a.whl ; python_version > '3'",
    "a @ https://x.example/a;b.whl", "a @", "a @ ",
    "a ; os_name == 'posix'", "a;os_name=='posix'", "a>=1;os_name=='posix'",
    "a;", "a>=1;", "a>=1 b", "a>=1,,<2", "a>=1,", "a>", "a>=x", "a==1.*",
    "a>=1.*", "a~=1", "a~=1.0", "a===weird!", "a<2,>=1,!=1.5.*",
    "a (>=1", "a >=1)", "a()", "a ()", "-a", "a-", "a->=1", "a.b>=1",
    "torch==2.4.1+cpu", "onnxruntime-gpu[cuda,cudnn]==1.22.0",
    "uvicorn[standard]>=0.12.0; extra == 'all'",
    "nvidia-cublas-cu12==12.1.3.1; platform_system == \"Linux\" and "
    "platform_machine == \"x86_64\"",
]


def test_requirements_are_read():
    def oracle(text):
        try:
            r = packaging.requirements.Requirement(text)
        except packaging.requirements.InvalidRequirement:
            return "-"
        name = packaging.utils.canonicalize_name(r.name)
        extras = sorted(packaging.utils.canonicalize_name(e) for e in r.extras)
        return (f"{name}\t{','.join(extras)}\t{len(r.specifier)}\t"
                f"{r.url or ''}\t{word(r.marker)}")

    compare([("requirement", r) for r in REQUIREMENTS], oracle)


def environment(python, platform):
    machine = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}[platform]
    return {
        "python_full_version": python,
        "python_version": ".".join(python.split(".")[:2]),
        "implementation_version": python,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "sys_platform": "linux",
        "os_name": "posix",
        "platform_system": "Linux",
        "platform_machine": machine,
        "platform_release": "",
        "platform_version": "",
    }


def make_markers():
    chance = random.Random(3)
    variables = [
        "python_version", "python_full_version", "sys_platform", "os_name",
        "platform_machine", "platform_system", "implementation_name",
        "platform_python_implementation", "extra", "os.name", "sys.platform",
        "implementation_version", "python_implementation", "unknown",
        "platform_release",
    ]
    values = ["'3.11'", "'3.8'", "\"3.11.2\"", "'3.12.0'", "'linux'",
              "'win32'", "'x86_64'", "'Linux'", "'cpython'", "'CPython'",
              "'test'", "'Te.St'", "'posix'", "''", "'3.*'", "'3.11.*'",
              "'2.7 3.11'", "'linux linux2'", "'3.11"]
    operators = ["==", "!=", "<", "<=", ">", ">=", "~=", "===", "in",
                 "not in", "not  in", "notin", "="]

    def atom(depth):
        if depth < 3 and chance.random() < 0.2:
            return "(" + expression(depth + 1) + ")"
        left, right = chance.choice(variables), chance.choice(values)
        if chance.random() < 0.15:
            left, right = right, left
        return f"{left} {chance.choice(operators)} {right}"

    def expression(depth):
        text = atom(depth)
        while chance.random() < 0.4:
            text += chance.choice([" and ", " or ", " and", " xor "])
            text += atom(depth)
        return text

    return [expression(0) for _ in range(30000)] + [
        "python_version>='3.8'", "python_version >= '3.8' and", "()", "and",
        "'a' == 'a'", "python_version", "'linux' in sys_platform",
        "(python_version>'3')", "os_name=='posix'and os_name!='nt'",
        "python_version in '3.10, 3.11'", "python_version not in '3.1'",
    ]


def test_markers_hold_for_the_same_targets():
    chance = random.Random(4)
    questions = [
        ("marker", m, chance.choice(["3.11.2", "3.8.20", "3.12.0"]),
         chance.choice(["linux/amd64", "linux/arm64"]),
         chance.choice(["", "test", "te-st"]))
        for m in make_markers()
    ]

    def oracle(text, python, platform, extra):
        try:
            marker = packaging.markers.Marker(text)
            values = environment(python, platform) | {"extra": extra}
            return word(marker.evaluate(values))
        except (packaging.markers.InvalidMarker,
                packaging.markers.UndefinedComparison,
                packaging.markers.UndefinedEnvironmentName):
            return "-"

    compare(questions, oracle)


def target_tags(minor, machine, glibc):
    """The tags of a target, best first, as packaging orders them."""
    oldest = 5 if machine == "x86_64" else 17
    aliases = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
    platforms = []
    for number in range(glibc, oldest - 1, -1):
        platforms.append(f"manylinux_2_{number}_{machine}")
        if number in aliases:
            platforms.append(f"{aliases[number]}_{machine}")
    platforms.append(f"linux_{machine}")
    tags = list(packaging.tags.cpython_tags((3, minor), [f"cp3{minor}"],
                                            platforms))
    tags += packaging.tags.compatible_tags((3, minor), f"cp3{minor}",
                                           platforms)
    return [str(t) for t in tags]


@pytest.mark.parametrize("minor,platform,machine,glibc", [
    (11, "linux/amd64", "x86_64", 36),
    (8, "linux/amd64", "x86_64", 17),
    (13, "linux/arm64", "aarch64", 41),
])
def test_tags_are_ranked_in_the_same_order(minor, platform, machine, glibc):
    def rank(tags):
        return ask([("rank", f"a-1-{t}.whl", f"3.{minor}.1", platform,
                     f"2.{glibc}") for t in tags])

    tags = target_tags(minor, machine, glibc)
    ranks = rank(tags)
    assert "none" not in ranks
    assert [int(r) for r in ranks] == sorted(set(map(int, ranks)))
    known = set(tags)
    others = [
        "-".join(t)
        for t in itertools.product(
            ["cp311", "cp312", "cp38", "cp31", "py3", "py2", "py311", "py314",
             "pp311", "cp3", "cp313t", "py03", "cp"],
            ["cp311", "abi3", "none", "cp38", "cp311d", "cp313t", "cp313"],
            ["any", f"linux_{machine}", "manylinux1_x86_64", "linux_i686",
             "manylinux_2_17_aarch64", "musllinux_1_2_x86_64",
             "manylinux_2_42_x86_64", "win_amd64", "manylinux_2_017_x86_64",
             "manylinux_1_5_x86_64", "x86_64", "_x86_64"],
        )
        if "-".join(t) not in known
    ]
    assert set(rank(others)) == {"none"}


def test_compressed_tags_take_the_best():
    def rank(name):
        return ask([("rank", name, "3.11.2", "linux/amd64", "2.36")])[0]

    assert rank("a-1-py2.py3-none-any.whl") == rank("a-1-py3-none-any.whl")
    assert rank("a-1-2b-cp311-cp311-manylinux1_x86_64"
                ".manylinux_2_5_x86_64.whl") == rank(
                    "a-1-cp311-cp311-manylinux_2_5_x86_64.whl")
    for name in ["a-1-py3-none.whl", "a-1-b2-py3-none-any.whl", "a.whl",
                 "a-1-py3-none-any.zip", "a--py3-none-any.whl",
                 "a-1-2-3-py3-none-any.whl"]:
        assert rank(name) == "-"
