"""TOML, compared with Python's own reader on a document and many small damages
to it, and on the public suite (toml-test): the checkout that TOML_SUITE names,
else the module that Go's cache has or its proxy gives."""

import datetime
import json
import math
import os
import pathlib
import random
import shutil
import subprocess
import tomllib
from concurrent.futures import ThreadPoolExecutor

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLIPWAY_BUILD", ROOT / "build"))
TOOL = BUILD / "tests/unit/tool_toml_json"
SUITE_MODULE = "github.com/toml-lang/toml-test@v1.6.0"

DOCUMENT = '''\
lock-version = "1.0" # comment
'quoted key' = 'a\\b'
a.b."c d" = [1, +2, -3, 0x1F, 0o17, 0b11, 1_000]
floats = [1.5, -0.25e2, 6E-2, inf, -inf, 3e1]
text = """
one \\
   two "" \\u00e9 \\U0001F600
"""
raw = \'\'\'
x 'y'
\'\'\'
yes = true
no = false
empty = {}
inline = {x = {y.z = 1, q = []}, w = "s"}
times = [1979-05-27T07:32:00Z, 1979-05-27 07:32:00.25-07:30, 1979-05-27,
  07:32:00, 1979-05-27T00:32:01]

[table]
k = 1
[table.sub.deep]
k = 2
[table.sub]
k = 3
[[packages]]
name = "x"
[[packages.wheels]]
url = "u"
[[packages]]
'''


def run(data):
    return subprocess.run([TOOL], input=data, capture_output=True)


def plain(value):
    """The tool's tagged value, or Python's, in one form."""
    if isinstance(value, dict) and set(value) == {"type", "value"} and (
            isinstance(value["value"], str)):
        return plain_tagged(value["type"], value["value"])
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, float):
        return ("float", "nan" if math.isnan(value) else value)
    if isinstance(value, int):
        return ("integer", value)
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return ("time", value)
    return ("string", value)


def plain_tagged(kind, text):
    if kind == "bool":
        return ("bool", text == "true")
    if kind == "float":
        number = float(text)
        return ("float", "nan" if math.isnan(number) else number)
    if kind == "integer":
        return ("integer", int(text))
    if kind == "string":
        return ("string", text)
    text = text.upper().replace("Z", "+00:00")
    parser = {"date-local": datetime.date, "time-local": datetime.time}.get(
        kind, datetime.datetime)
    return ("time", parser.fromisoformat(text))


def oracle(data):
    try:
        return plain(tomllib.loads(data.decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return None


def damaged(count):
    """The document with a byte changed, left out or put in somewhere."""
    chance = random.Random(1)
    pieces = list("abx_-.=,#'\"\\[]{}\n\t 01:TZ+e\x00\x7f") + [
        "[[", "]]", '"""', "'''", "a.b", "= 1\n", "é", "true", "inf"]
    for _ in range(count):
        at = chance.randrange(len(DOCUMENT))
        keep = chance.choice([0, 0, 1, 1, 3])
        put = chance.choice(["", *pieces])
        yield (DOCUMENT[:at] + put + DOCUMENT[at + keep:]).encode()


def test_values_are_those_of_python():
    result = run(DOCUMENT.encode())
    assert result.returncode == 0, result.stderr
    assert plain(json.loads(result.stdout)) == oracle(DOCUMENT.encode())


def test_damages_are_judged_as_python_does():
    def compare(data):
        result = run(data)
        ours = None
        if result.returncode == 0:
            ours = plain(json.loads(result.stdout))
        return None if ours == oracle(data) else data

    with ThreadPoolExecutor(4) as pool:
        wrong = [d for d in pool.map(compare, damaged(3000)) if d is not None]
    assert not wrong, f"{len(wrong)}: {wrong[0].decode()}"


def find_suite():
    if os.environ.get("TOML_SUITE"):
        return pathlib.Path(os.environ["TOML_SUITE"])
    go = shutil.which("go")
    if go is None:
        pytest.skip("no TOML suite: TOML_SUITE names no checkout, and there is "
                    "no go to fetch it with")
    result = subprocess.run([go, "mod", "download", "-json", SUITE_MODULE],
                            capture_output=True, text=True, cwd="/",
                            timeout=120)
    answer = json.loads(result.stdout or "{}")
    if result.returncode or "Dir" not in answer:
        pytest.skip(f"no TOML suite: {answer.get('Error', result.stderr)}")
    return pathlib.Path(answer["Dir"])


def test_the_public_suite_is_passed():
    tests = find_suite() / "tests"
    names = [n for n in (tests / "files-toml-1.0.0").read_text().split()
             if n.endswith(".toml")]
    wrong = []
    for name in names:
        result = run((tests / name).read_bytes())
        if name.startswith("invalid/"):
            if result.returncode != 1:
                wrong.append(name)
        elif result.returncode or suite_form(
                json.loads(result.stdout)) != suite_form(json.loads(
                    (tests / name).with_suffix(".json").read_text())):
            wrong.append(name)
    assert names and not wrong, wrong


def suite_form(value):
    """Times as text: Python has no second 60 and no year 0."""
    if isinstance(value, list):
        return [suite_form(v) for v in value]
    if not isinstance(value, dict):
        return value
    if set(value) != {"type", "value"} or not isinstance(value["value"], str):
        return {k: suite_form(v) for k, v in value.items()}
    kind, text = value["type"], value["value"]
    if not kind.startswith(("date", "time")):
        return plain_tagged(kind, text)
    text = text.upper().replace(" ", "T")
    if "." in text:
        head, tail = text.split(".", 1)
        digits = tail[:len(tail) - len(tail.lstrip("0123456789"))]
        short = digits.rstrip("0")
        text = head + ("." + short if short else "") + tail[len(digits):]
    return (kind, text)
