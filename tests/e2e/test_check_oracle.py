"""slipway check --json, compared with CPython on a fleet with sick files: the
verdict on each file, with its line, and the imports of each that is well."""

import json
import pathlib
import subprocess
import sys

import pytest

from test_check import MANIFEST

ORACLE = pathlib.Path(__file__).with_name("pyscan_oracle.py")

pytestmark = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="the fleet's Python is 3.11")

WELL = """\
import os, json as j
from collections import abc, OrderedDict
try:
    import tomllib
except ImportError:
    import common.old
def f():
    from common import lazy
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import common.typed
__import__('sys')
"""
SICK = {
    "unclosed": "x = 1\ny = (1,\n",
    "indent": "if x:\npass\n",
    "dedent": "if x:\n    a\n  b\n",
    "tabs": "if x:\n\ta\n        b\n",
    "string": "a\nx = 'y\n",
    "triple": "a\n'''\n",
    "await": "def f():\n    await g()\n",
    "return": "a\nreturn 1\n",
    "future": "a\nfrom __future__ import annotations\n",
    "no_feature": "from __future__ import nothing\n",
    "arguments": "def f(a,\n      a): pass\n",
    "star": "def f():\n    from os import *\n",
    "break": "a\nbreak\n",
    "nonlocal": "def f():\n    nonlocal x\n",
    "assign": "f() = 1\n",
    "number": "x = 0777\n",
    "print": "print 'x'\n",
    "keyword": "f(a=1, a=2)\n",
    "field": "f'{a b}'\n",
    "nul": b"x = 1\0\n",
    "bytes": b"x = '\xff'\n",
    "coding": "# coding: nonsense\n",
    "newer": "type X = int\n",
    "late": "def f():\n    x = 1\n    global x\n",
    "continued": "x = 1 \\ \n",
}


def test_check_agrees_with_cpython(fleet):
    files = {f"{name}.py": text for name, text in SICK.items()}
    files.update({"well.py": WELL, "common/__init__.py": "",
                  "common/old.py": "", "common/lazy.py": "",
                  "common/typed.py": "import sys\n"})
    made = fleet({**files, "fleet.yaml": MANIFEST.format(services="".join(
        f"  {name.title().replace('_', '')}: {{run: {name}.py}}\n"
        for name in [*SICK, "well"]))})
    made.run("lock")
    services = {service["entrypoint"]: service
                for service in made.json("check", status=1)["services"]}
    paths = [str(made.path / name) for name in files if "/" not in name]
    answer = subprocess.run([sys.executable, ORACLE], input="\n".join(paths),
                            text=True, capture_output=True, check=True)
    wrong = []
    for line in answer.stdout.splitlines():
        theirs = json.loads(line)
        name = pathlib.Path(theirs["path"]).name
        said = services[name]
        ours = [entry for entry in said["diagnostics"]
                if entry["code"].startswith("syntax")]
        if ("syntax" in theirs) != bool(ours) or (
                ours and theirs["line"] and ours[0]["line"] != theirs["line"]):
            wrong.append((name, theirs.get("syntax"), theirs.get("line"), ours))
        if "imports" in theirs:
            here = {(entry["module"], entry.get("name") or "", entry["level"],
                     entry["line"]) for entry in said["imports"]
                    if entry["file"] == name}
            there = {(entry[2], entry[4], entry[3], entry[0])
                     for entry in theirs["imports"]}
            if here != there:
                wrong.append((name, here - there, there - here))
    print(f"{len(paths)} files, {len(wrong)} disagreements", *wrong, sep="\n")
    assert wrong == []
