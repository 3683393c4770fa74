"""The scanner, compared with CPython's own ast, tokenize and compile.

What is compared: the standard library of this Python, and of Python 3.11 where
another runs the tests, with their tests; the sources in wheels of real packages;
damaged and generated sources. A part of the files, unless SLIPWAY_PYSCAN=all.
SLIPWAY_PYSCAN_PYTHONS (programs joined by ':') takes other Pythons, and
SLIPWAY_PYSCAN_TREES (folders joined by ':') other trees beside the library.
"""

import json
import os
import pathlib
import re
import subprocess
import unicodedata
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLIPWAY_BUILD", ROOT / "build"))
TOOL = BUILD / "tests/unit/tool_pyscan_dump"
ORACLE = ROOT / "tests/e2e/pyscan_oracle.py"
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
    def names(ours, theirs):
        encoded = [name.encode() for name, _ in ours]
        if encoded != sorted(set(encoded)):
            yield "order of names", ours, "sorted names"
        here, there = {}, {}
        for found, entries in ((here, ours), (there, theirs)):
            for name, line in entries:
                name = unicodedata.normalize("NFKC", name)
                found[name] = min(line or 0, found.get(name, line or 0))
        for name, line in there.items():
            if not line and name in here:
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
          f"{len(comparison.wrong)} disagreements")
    return comparison
