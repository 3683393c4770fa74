"""The standard library and everything else that this Python can import from,
compiled in several orders by several processes: the same bytes, which load to
what CPython itself makes of the sources.

SLIPWAY_PYC_ROOT, SLIPWAY_PYC_PYTHON (in that root) and SLIPWAY_PYC_TREES
(folders joined by ':') take another interpreter and other sources.
"""

import json
import os
import pathlib
import random
import subprocess
import sys
import sysconfig

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLIPWAY_BUILD", ROOT / "build"))
TOOL = BUILD / "tests/unit/tool_pyc_compile"

PYTHON_ROOT = os.environ.get("SLIPWAY_PYC_ROOT", "/")
PYTHON = os.environ.get("SLIPWAY_PYC_PYTHON",
                        os.path.realpath(sys.executable))
TREES = os.environ.get("SLIPWAY_PYC_TREES", "").split(":")
if TREES == [""]:
    TREES = sorted({sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")})

# Run by the interpreter that is tested: compares each .pyc with what it makes
# of the source itself.
COMPARE = r"""
import _imp, json, marshal, sys, types, warnings
import _frozen_importlib_external as external
warnings.simplefilter("ignore")
SKIP = {"co_consts", "co_lnotab", "co_branches", "_co_code_adaptive"}
FIELDS = [f for f in dir(types.CodeType) if f.startswith("co_")
          and f not in SKIP]
counts = {"files": 0, "objects": 0, "other_bytes": 0, "wrong": []}


def same(a, b):
    counts["objects"] += 1
    if type(a) is not type(b):
        return False
    if isinstance(a, types.CodeType):
        for field in FIELDS:
            x, y = getattr(a, field), getattr(b, field)
            if callable(x):
                x, y = list(x()), list(y())
            if x != y:
                return False
        return same(a.co_consts, b.co_consts)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, frozenset):
        key = lambda v: (repr(type(v)), repr(v))
        return same(tuple(sorted(a, key=key)), tuple(sorted(b, key=key)))
    if isinstance(a, slice):
        return same((a.start, a.stop, a.step), (b.start, b.stop, b.step))
    if isinstance(a, (float, complex)):
        return repr(a) == repr(b)
    return a == b


magic = external.MAGIC_NUMBER
for line in open(sys.argv[1]):
    pyc, path = line.rstrip("\n").split("\t")
    with open(pyc, "rb") as file:
        data = file.read()
    with open(path, "rb") as file:
        source = file.read()
    code = compile(source, path, "exec", dont_inherit=True)
    head = magic + b"\1\0\0\0" + _imp.source_hash(
        int.from_bytes(magic, "little"), source)
    counts["files"] += 1
    counts["other_bytes"] += marshal.dumps(code) != data[16:]
    if data[:16] != head or not same(marshal.loads(data[16:]), code):
        counts["wrong"].append(path)
json.dump(counts, sys.stdout)
"""


def minor_of(python):
    text = subprocess.run(
        [python, "-c", "import sys; print(sys.version_info[1])"],
        capture_output=True, text=True, check=True,
        env={"PYTHONHASHSEED": "0"}).stdout
    return text.strip()


MINOR = os.environ.get("SLIPWAY_PYC_MINOR") or minor_of(PYTHON)


def compile_all(paths, jobs, out="-"):
    """The tool's answer for each path, in the order of paths."""
    text = "".join(f"{p}\n" for p in paths)
    result = subprocess.run(
        [TOOL, PYTHON_ROOT, PYTHON, MINOR, str(jobs), out], input=text,
        capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    answers = {}
    for line in result.stdout.splitlines():
        answer, path = line.split(" ", 1)
        answers[path] = answer
    assert len(answers) == len(paths)
    return [answers[p] for p in paths]


@pytest.fixture(scope="module")
def sources():
    paths = sorted(
        str(p) for tree in TREES for p in pathlib.Path(tree).rglob("*.py")
        if p.is_file() and "\n" not in str(p))
    assert len(paths) > 100
    return paths


@pytest.fixture(scope="module")
def compiled(sources, tmp_path_factory):
    out = tmp_path_factory.mktemp("pyc")
    return out, compile_all(sources, 2, str(out))


def test_bytes_do_not_depend_on_order_or_workers(sources, compiled):
    _, answers = compiled
    shuffled = list(zip(sources, answers))
    random.Random(1).shuffle(shuffled)
    for order, jobs in [(list(zip(sources, answers))[::-1], 1),
                        (shuffled, 3)]:
        again = compile_all([p for p, _ in order], jobs)
        differ = [p for (p, a), b in zip(order, again) if a != b]
        assert differ == []
    print(f"{len(sources)} files, 3 orders, 0 differ")


def test_bytes_do_not_depend_on_company(sources, compiled):
    """Each of a few files in a process that has compiled nothing before."""
    _, answers = compiled
    pairs = list(zip(sources, answers))
    for path, answer in random.Random(2).sample(pairs, 40):
        assert compile_all([path], 1) == [answer], path


def test_pycs_load_to_what_cpython_makes(sources, compiled, tmp_path):
    out, answers = compiled
    listed = tmp_path / "list"
    good = [(i, p) for i, (p, a) in enumerate(zip(sources, answers))
            if a.startswith("sha256:")]
    listed.write_text("".join(f"{out}/{i}.pyc\t{p}\n" for i, p in good))
    program = tmp_path / "compare.py"
    program.write_text(COMPARE)
    result = subprocess.run(
        [PYTHON, "-S", "-s", "-B", program, listed], capture_output=True,
        text=True, check=False, env={"PYTHONHASHSEED": "0"})
    assert result.returncode == 0, result.stderr
    counts = json.loads(result.stdout)
    print(counts)
    assert counts["wrong"] == []
    assert counts["files"] == len(good)
    # Else there was nothing to rewrite, and the orders above prove nothing.
    assert counts["other_bytes"] > 0


def test_the_same_sources_are_refused(sources, compiled, tmp_path):
    _, answers = compiled
    refused = [(p, a) for p, a in zip(sources, answers)
               if not a.startswith("sha256:")]
    assert len(refused) < len(sources) / 10
    for path, answer in refused:
        kind, error, line, _ = answer.split(":")
        assert kind == "syntax", (path, answer)
        result = subprocess.run(
            [PYTHON, "-S", "-W", "ignore", "-c",
             "import sys\np = sys.argv[1]\n"
             "try:\n    compile(open(p, 'rb').read(), p, 'exec')\n"
             "except Exception as e:\n    print(type(e).__name__, "
             "getattr(e, 'lineno', 0) or 0)\n", path],
            capture_output=True, text=True, check=True)
        assert result.stdout.split() == [error, line]


def test_pycs_are_imported_instead_of_their_source(tmp_path):
    (tmp_path / "module.py").write_text("value = 'as compiled'\n")
    out = tmp_path / "out"
    out.mkdir()
    compile_all([str(tmp_path / "module.py")], 1, str(out))
    cache = tmp_path / "__pycache__"
    cache.mkdir()
    (out / "0.pyc").rename(cache / f"module.cpython-3{MINOR}.pyc")
    # Unchecked: the source may change and is not looked at.
    (tmp_path / "module.py").write_text("value = 'changed'\n")
    result = subprocess.run(
        [PYTHON, "-c", "import module; print(module.value)"],
        capture_output=True, text=True, check=True, cwd=tmp_path)
    assert result.stdout == "as compiled\n"
