"""The scanner, compared with CPython's own ast, tokenize and compile: on the
standard library with its tests, on the sources in wheels of real packages, and
on sources made at random or damaged.

SLIPWAY_PYSCAN=all takes all of the files and wheels, not a part of them.
SLIPWAY_PYSCAN_PYTHONS (programs joined by ':') takes other Pythons.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unicodedata
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from pyscan_sources import Maker
from test_wheel_layer import TABLE, download

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLIPWAY_BUILD", ROOT / "build"))
TOOL = BUILD / "tests/unit/tool_pyscan_dump"
ORACLE = ROOT / "tests/e2e/pyscan_oracle.py"
ALL = os.environ.get("SLIPWAY_PYSCAN") == "all"
# Beside those of wheels.txt, which other tests download anyway: packages of the
# fleet with sources that are large or written in a manner of their own.
WHEELS = [
    ("fastapi==0.165.0",
     "896f48462042bb4f162147eb8fac7e858753dc1f486765709baf105d70e4fc5b", True),
    ("pydantic==2.14.4",
     "653a2ad9f6d8858529c77c72717d0ea991d6c6837fe683246b2f4b2bbfc3fadc", True),
    ("starlette==1.10.0",
     "478c0ab3b4ced6e82719849c118fa406f0278a3499c1a898cd15cd31bdc38ce4", False),
    ("sounddevice==0.5.6",
     "de099612311ad81e55d31ccbd83f43ea6bf4d87b48f9b6ea55a1fbcde0eee4e0", True),
    ("typing-extensions==4.16.0",
     "481caa481374e813c1b176ada14e97f1f67a4539ce9cfeb3f350d78d6370c2e8", True),
    ("networkx==3.6.1",
     "d47fbf302e7d9cbbb9e2555a0d267983d2aa476bac30e90dfbe5669bd57f3762", False),
    ("scipy==1.17.1",
     "43af8d1f3bea642559019edfe64e9b11192a8978efbd1539d7bc2aaa23d92de4", False),
    ("torch==2.4.1",
     "0b5f88afdfa05a335d80351e3cea57d38e578c8689f751d35e0ff36bce872113", False),
    ("prometheus-client==0.26.0",
     "fa93d06737aa02bacd05794768508bb97d2fbee28cb3bca04eaae92f0ca953d6", False),
    ("redis==8.1.0",
     "a4fe1aac3d3b3cc791d4b3d5931c5a956045dc951ee74d1c913ee3ac4d2ee9fb", False),
    ("nats-py==2.16.0",
     "aeb1ff123966c05833d26c7df7e1d54c1c6d32b612428b21677a2e921f1fecae", False),
    ("protobuf==7.36.2",
     "bdb3a345d48db958e6ce1f18e508beb0cc981d64f24088427549c866cd039f1e", False),
]
FLAGS = ["star", "getattr", "dynamic_names", "coding"]


def lines_of(command, paths):
    """What a program prints for each path, as values."""
    parts = [paths[i::8] for i in range(8)]

    def one(part):
        result = subprocess.run(
            command, input="".join(f"{path}\n" for path in part).encode(),
            stdout=subprocess.PIPE, check=True)
        return [json.loads(line) for line in result.stdout.splitlines()]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return {said["path"]: said for said in sum(pool.map(one, parts), [])}


class Comparison:
    """Files, disagreements, and what could be compared in part only."""

    def __init__(self):
        self.counts = Counter()
        self.wrong = []

    def add(self, path, ours, theirs):
        self.counts["files"] += 1
        if "syntax" in theirs:
            self.counts["do not compile"] += 1
            return
        self.counts["imports"] += len(theirs["imports"])
        self.counts["names"] += len(theirs["names"])
        self.counts["literals"] += len(theirs["literals"])
        self.counts["dynamics"] += len(theirs["dynamics"])
        for what, here, there in self.differences(ours, theirs):
            self.wrong.append(f"{path}: {what}: the scanner has {here}, "
                              f"CPython {there}")

    def differences(self, ours, theirs):
        for flag in FLAGS:
            if ours[flag] != theirs[flag]:
                yield flag, ours[flag], theirs[flag]
        for what in ("imports", "dynamics"):
            # The scanner's dynamics hold edits of sys.path as well.
            here = [x for x in ours[what] if x[2] != "sys-path"]
            yield from self.lists(what, here, theirs[what], theirs["coding"])
        yield from self.names(ours["names"], theirs["names"])
        yield from self.flow(ours["flow"], theirs["flow"], theirs["coding"])
        named = None if not ours["has_all"] else (
            "open" if ours["is_all_open"] else ours["all"])
        if named != theirs["all"]:
            yield "__all__", named, theirs["all"]
        if ours["literals"] != theirs["literals"]:
            here, there = (Counter(map(tuple, said["literals"]))
                           for said in (ours, theirs))
            yield "literals", list(here - there)[:4], list(there - here)[:4]
        yield from self.edits(ours, theirs["edits"])

    @staticmethod
    def lists(what, ours, theirs, coding):
        blind = any(entry[0] is None for entry in theirs)
        here, there = (
            Counter(plain(entry, what, blind, coding) for entry in entries)
            for entries in (ours, theirs))
        if here != there:
            yield what, sorted(here - there)[:4], sorted(there - here)[:4]
        lines = [entry[0] for entry in ours]
        if lines != sorted(lines):
            yield f"order of {what}", lines, sorted(lines)

    @staticmethod
    def flow(ours, theirs, coding):
        """The steps of a start. CPython's order of the calls in one statement
        is another, and where calls stand in f-strings is known since 3.12."""
        if any(step[0] == "run" and step[1] is None for step in theirs):
            return
        both = []
        for steps in (ours, theirs):
            groups = [[]]
            for step in steps:
                if step[0] == "run":
                    groups[-1].append(plain(step, "flow", False, coding))
                    continue
                if step[0] in ("except", "raise"):
                    what = [step[1]] if isinstance(step[1], str) else step[1]
                    step = [step[0], *sorted(filter(None, what))]
                groups += [step, []]
            both.append([sorted(x) if x and isinstance(x[0], tuple) else x
                         for x in groups])
        if both[0] != both[1]:
            yield ("flow", [x for x in both[0] if x not in both[1]][:3],
                   [x for x in both[1] if x not in both[0]][:3])

    @staticmethod
    def names(ours, theirs):
        encoded = [name.encode() for name, *_ in ours]
        if encoded != sorted(set(encoded)):
            yield "order of names", ours, "sorted names"
        here, there = {}, {}
        for found, entries in ((here, ours), (there, theirs)):
            for name, *lines in entries:
                name = unicodedata.normalize("NFKC", name)
                found[name] = tuple(
                    None if None in pair else min(pair)
                    for pair in zip(lines, found.get(name, lines)))
        for name, lines in there.items():  # None: CPython does not know it
            if name in here and None in lines:
                there[name] = here[name]
        if here != there:
            yield ("names", sorted(here.items() - there.items())[:4],
                   sorted(there.items() - here.items())[:4])

    def edits(self, ours, theirs):
        """Each edit is either evaluated as CPython does, or dynamic."""
        here = {}
        for line, column, anchor, *rest, folder, front in ours["paths"]:
            here.setdefault((line, column, *rest), []).append(
                [anchor, folder, front])
        for line, column, what, *rest, text in ours["dynamics"]:
            if what == "sys-path":
                here.setdefault((line, column, *rest), []).append(text)
        for *key, added, text in theirs:
            self.counts["sys.path edits"] += 1
            found = here.pop(tuple(key), [])
            asked = [x for x in found if isinstance(x, str)]
            known = [x for x in found if not isinstance(x, str)]
            if added is None or None in added:
                self.counts["edits that the oracle does not know"] += 1
                self.counts["that the scanner alone knows"] += bool(known)
                if not found:
                    yield "sys.path", None, (key, added, text)
            elif asked:
                self.counts["edits that the scanner does not know"] += 1
            elif known != added:
                yield "sys.path", (key, known), added
            if asked and asked != [text]:
                yield "sys.path", asked, text
        if here:
            yield "sys.path", list(here.items())[:3], None


def plain(entry, what, blind, coding):
    """An import or dynamic so that both sides can be compared."""
    entry = list(entry)
    if blind and (what == "dynamics" or entry[-1]):
        entry[:2] = 0, 0
        if what == "dynamics":
            entry[-1] = ""
    for i, value in enumerate(entry):
        if isinstance(value, str) and not value.isascii():
            # Identifiers are normalised by CPython and written as they are by
            # the scanner, which does not know all encodings.
            value = unicodedata.normalize("NFKC", value)
            if coding and not re.match("(iso-8859-1|latin)", coding):
                value = re.sub("[^\0-\x7f]+", "?", value)
            entry[i] = value
    return tuple(entry)


def compare(python, paths, what):
    minor = subprocess.run(
        [python, "-c", "import sys; print(sys.version_info[1])"],
        stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
    theirs = lines_of([python, ORACLE], paths)
    ours = lines_of([TOOL, minor], paths)
    assert len(ours) == len(theirs) == len(paths)
    comparison = Comparison()
    for path in paths:
        comparison.add(path, ours[path], theirs[path])
    counts = ", ".join(f"{n} {what}" for what, n in comparison.counts.items())
    print(f"{what}, Python 3.{minor}: {counts}; "
          f"{len(comparison.wrong)} disagreements", *comparison.wrong[:20],
          sep="\n")
    return comparison


def library(python):
    """The folder of a Python's standard library."""
    return pathlib.Path(subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))"],
        stdout=subprocess.PIPE, check=True, text=True).stdout.strip())


def pythons():
    """This Python and one of 3.11, with the library's own tests if it can."""
    wanted = os.environ.get("SLIPWAY_PYSCAN_PYTHONS")
    if wanted:
        return wanted.split(":")
    if (library(sys.executable) / "test/test_grammar.py").exists() and (
            sys.version_info[:2] == (3, 11)):
        return [sys.executable]
    root = os.environ.get("PYENV_ROOT") or pathlib.Path.home() / ".pyenv"
    places = [*os.environ.get("PATH", "").split(":"), "/usr/bin",
              "/usr/local/bin",
              *sorted(pathlib.Path(root, "versions").glob("3.11.*/bin"))]
    for place in places:
        program = shutil.which("python3.11", path=place)
        # A shim of pyenv may be there for a version that is not.
        if program and "shims" not in str(place) and (
                library(program) / "test/test_grammar.py").exists():
            own = [] if sys.version_info[:2] == (3, 11) else [sys.executable]
            return [*own, program]
    return [sys.executable]


def sources(folder, step=1):
    """Every step-th file of a tree, packages of a site aside."""
    return sorted(path for path in folder.rglob("*.py") if not {
        "site-packages", "dist-packages"} & set(path.parts))[::step]


@pytest.mark.parametrize("python", pythons())
def test_standard_library(python):
    folder = library(python)
    if not (folder / "test/test_grammar.py").exists():
        print(f"{folder} is without its tests: Debian has them in "
              f"libpython3.{sys.version_info[1]}-testsuite")
    found = compare(python, list(map(str, sources(folder))), folder)
    assert found.wrong == []
    assert found.counts["imports"] > 3000


def test_wheels_of_the_fleet(tmp_path):
    for requirement, sha256, always in [
            *((name, sha256, True) for name, sha256, _ in TABLE), *WHEELS]:
        if always or ALL:
            with zipfile.ZipFile(download(requirement, sha256)) as wheel:
                names = [n for n in wheel.namelist() if n.endswith(".py")]
                wheel.extractall(tmp_path / requirement, names)
    paths = sources(tmp_path, 1 if ALL else 5)
    found = compare(sys.executable, list(map(str, paths)), "wheels")
    assert found.wrong == []
    assert found.counts["imports"] > 3000


def test_sources_made_at_random_and_damaged(tmp_path):
    real = [path for path in sources(library(sys.executable))
            if path.stat().st_size < 15000]
    paths = []
    for seed in range(20000 if ALL else 1000):
        maker = Maker(seed)
        source = maker.program() if seed % 2 else maker.damaged(
            maker.choose(real).read_bytes())
        paths.append(str(tmp_path / f"{seed}.py"))
        pathlib.Path(paths[-1]).write_bytes(source)
    found = compare(sys.executable, paths, "made and damaged")
    assert found.wrong == []
    assert found.counts["files"] > 2 * found.counts["do not compile"] - 200
