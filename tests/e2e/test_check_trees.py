"""slipway check --json, compared with CPython on trees of real sources: the
imports (module, name, level, line) of each file and whether it compiles, for
the example fleet, the standard library and the wheels of packages.

Each folder of a tree is one service, whose entrypoint imports all of its
modules; a file that no import leads to is a service of its own.

SLIPWAY_PYSCAN=all takes the whole library with its tests, and the wheels of the
example fleet's lock: those in SLIPWAY_SEED_STORE (a store), or where ./dev bench
has them.
"""

import json
import keyword
import os
import pathlib
import re
import shutil
import subprocess
import unicodedata
import zipfile

import pytest

from conftest import CACHE, DUAL
from test_check import MANIFEST
from test_pyscan import ALL, ORACLE, WHEELS, library, pythons
from test_wheel_layer import TABLE, download

LEVELS = ["hard", "guarded", "lazy", "typing"]
SEED = pathlib.Path(os.environ.get("SLIPWAY_SEED_STORE")
                    or CACHE / "bench/store")
SOME = ["json", "email", "asyncio", "ctypes", "lib2to3", "test/encoded_modules",
        "test/test_importlib", "unittest"]


@pytest.fixture(scope="module")
def python():
    for program in pythons():
        done = subprocess.run([program, "--version"], stdout=subprocess.PIPE,
                              text=True, check=True)
        if done.stdout.startswith("Python 3.11"):
            return program
    pytest.skip("the fleet's Python is 3.11, and there is none here")


def oracle(python, root, paths):
    """{path below root: what CPython says of it}"""
    done = subprocess.run(
        [python, ORACLE], input="".join(f"{root / path}\n" for path in paths),
        stdout=subprocess.PIPE, text=True, check=True)
    said = map(json.loads, done.stdout.splitlines())
    return {os.path.relpath(one.pop("path"), root): one for one in said}


def is_name(part):
    return part.isidentifier() and not keyword.iskeyword(part)


def module_of(root, path):
    """The dotted name that leads to a file, or None."""
    parts = path[:-3].split("/")
    if parts[-1] == "__init__":
        parts.pop()
    elif (root / path[:-3] / "__init__.py").exists():
        return None  # hidden by the package
    whole = all(map(is_name, parts)) and all(
        not (root / "/".join(parts[:n])).with_suffix(".py").exists()
        or (root / "/".join(parts[:n]) / "__init__.py").exists()
        for n in range(1, len(parts)))
    return ".".join(parts) if whole else None


def text_of(text, coding):
    text = unicodedata.normalize("NFKC", text)
    if coding and not re.match("(iso-8859-1|latin)", coding):
        text = re.sub("[^\0-\x7f]+", "?", text)
    return text


def absolute(path, module, dots, is_script):
    if dots == 0:
        return module
    package = [] if is_script else path.split("/")[:-1]
    package = package[:len(package) - dots + 1]
    if not package:
        return "." * min(dots, 16) + module
    return ".".join(package + [module] * bool(module))


def theirs_of(path, said, is_script):
    for line, _, module, level, name, dots, only_main, never, _ in (
            said["imports"]):
        if never or (only_main and not is_script):
            continue
        yield (text_of(absolute(path, module, dots, is_script),
                       said["coding"]),
               text_of(name, said["coding"]), level, line)


class Comparison:
    def __init__(self):
        self.files = self.imports = self.sick = 0
        self.wrong = []

    def add(self, path, service, said, is_script):
        self.files += 1
        sick = [one for one in service["diagnostics"] if one["file"] == path
                and one["code"].startswith("syntax")]
        if said.get("is_limit"):
            return
        if ("syntax" in said) != bool(sick):
            self.wrong.append((path, said.get("syntax"), sick))
        if "syntax" in said:
            self.sick += 1
            return
        here = {(text_of(one["module"], said["coding"]),
                 text_of(one["name"] or "", said["coding"]), one["level"],
                 one["line"])
                for one in service["imports"] if one["file"] == path}
        there = set(theirs_of(path, said, is_script))
        # Where sources put a folder of tree/ on sys.path, as wheel/__main__.py
        # does with setuptools/_vendor, what lies in it is reached by two names.
        here = {row for row in here
                if row in there or not any(
                    one[0].endswith("." + row[0].lstrip("."))
                    and one[1] == row[1] and one[3] == row[3]
                    for one in there)}
        self.imports += len(there)
        # CPython knows no place in an f-string before 3.12.
        if any(line is None for *_, line in there):
            here, there = ({row[:3] for row in rows} for rows in (here, there))
        if here != there:
            self.wrong.append((path, sorted(here - there)[:4],
                               sorted(there - here)[:4]))

    def show(self, what):
        print(f"{what}: {self.files} files, {self.imports} imports, "
              f"{self.sick} that do not compile, {len(self.wrong)} "
              "disagreements", *self.wrong[:20], sep="\n")
        assert self.wrong == []


def copy_sources(folder, target, wanted=("",)):
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or {"site-packages", "dist-packages"} & set(
                name.split("/")) or not name.startswith(tuple(wanted)):
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / name)


def compare_tree(made, python, what):
    """made has a folder tree/ with sources."""
    paths = [path.relative_to(made.path).as_posix()
             for path in sorted(made.path.glob("tree/**/*.py"))]
    groups, services = {}, {"Good": "run: good.py"}
    for path in paths:
        module = module_of(made.path, path)
        key = "/".join(path.split("/")[:2]) if module else path
        groups.setdefault(key, []).append((path, module))
    owner = {}
    for number, (key, files) in enumerate(groups.items()):
        entry = key
        if files[0][1]:
            entry = f"entry{number}.py"
            made.write({entry: "".join(f"import {module}\n"
                                       for _, module in files)})
        services[f"S{number}"] = f"run: {json.dumps(entry)}"
        owner.update({path: (f"S{number}", entry == path)
                      for path, _ in files})
    made.write({"good.py": "", "fleet.yaml": MANIFEST.format(
        services="".join(f"  {name}: {{{text}}}\n"
                         for name, text in services.items()))})
    made.run("lock")
    answer = made.run("check", "--json")
    assert answer.returncode in (0, 1), answer.stderr
    found = {service["name"]: service
             for service in json.loads(answer.stdout)["services"]}
    said, comparison = oracle(python, made.path, paths), Comparison()
    for path in paths:
        name, is_script = owner[path]
        comparison.add(path, found[name], said[path], is_script)
    comparison.show(what)
    return comparison


def test_example_fleet(fleet, python):
    made, comparison = fleet(DUAL), Comparison()
    answer = made.run("check", "--json")
    said, seen = {}, set()
    for service in json.loads(answer.stdout)["services"]:
        for file in service["files"]:
            path = file["path"]
            is_script = path == service["entrypoint"]
            if (path, is_script) in seen or not path.endswith(".py") or (
                    file["level"] != "hard"):
                continue
            seen.add((path, is_script))
            said.update(oracle(python, made.path, [path]))
            comparison.add(path, service, said[path], is_script)
    comparison.show("examples/dual-machine")
    assert comparison.files > 60


def test_standard_library(fleet, python):
    folder = library(python)
    made = fleet({"fleet.yaml": ""})
    copy_sources(folder, made.path / "tree", ("",) if ALL else SOME)
    found = compare_tree(made, python, folder)
    assert found.imports > 1000


def wheels():
    if ALL and SEED.exists():
        for path in sorted((SEED / "files/sha256").iterdir()):
            if zipfile.is_zipfile(path):
                yield path
    else:
        for requirement, sha256, always in [
                *((name, sha256, True) for name, sha256, _ in TABLE), *WHEELS]:
            if always or ALL:
                yield download(requirement, sha256)


def test_wheels(fleet, python):
    made = fleet({"fleet.yaml": ""})
    for path in wheels():
        with zipfile.ZipFile(path) as wheel:
            wheel.extractall(made.path / "tree", [
                name for name in wheel.namelist() if name.endswith(".py")
                and (ALL or len(name) % 3 == 0 or "__init__" in name)])
    found = compare_tree(made, python, "wheels")
    assert found.imports > 1000
