"""data/fleet.schema.json agrees with the program: what one accepts the other
does, and what is wrong in form is refused by both."""

import json
import os
import pathlib
import re
import subprocess

import jsonschema
import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLIPWAY_BUILD", ROOT / "build"))
TOOL = BUILD / "tests/unit/tool_manifest_check"
SHOULD_FAIL = sorted((ROOT / "tests/should-fail/manifest").glob("*.yaml"))
SCHEMA = json.loads((ROOT / "data/fleet.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


class CoreLoader(yaml.SafeLoader):
    """YAML 1.2 core schema: no dates, no yes and no."""

    yaml_implicit_resolvers = {}


for tag, pattern, first in [
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?",
     list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
]:
    CoreLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), first)


def load(text):
    """The value, or None where it is not even YAML."""
    try:
        return yaml.load(text, CoreLoader)
    except (yaml.YAMLError, UnicodeDecodeError):
        return None


def program_accepts(path):
    return subprocess.run([TOOL, path], capture_output=True).returncode == 0


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", [
    path.relative_to(ROOT) for folder in ("tests/golden/manifest", "examples")
    for path in sorted((ROOT / folder).rglob("*.yaml"))
    if folder != "examples" or path.name == "fleet.yaml"], ids=str)
def test_good_ones_are_accepted(path):
    assert program_accepts(ROOT / path)
    errors = [(list(e.absolute_path), e.message)
              for e in VALIDATOR.iter_errors(load((ROOT / path).read_bytes()))]
    assert errors == []


@pytest.mark.parametrize("path", SHOULD_FAIL, ids=lambda path: path.stem)
def test_bad_ones_are_refused(path):
    """Each line that the program complains about is refused alone, too."""
    assert not program_accepts(path)
    lines = path.read_bytes().splitlines(keepends=True)
    value = load(b"".join(lines))
    if b"#schema: accepts\n" in lines:
        assert VALIDATOR.is_valid(value)
        return
    if value is None and b"there are no services" not in lines[-1]:
        return
    bad = {int(m[1]) for m in map(re.compile(rb"#= (\d+):").match, lines) if m}
    for line in sorted(bad):
        rest = [text for number, text in enumerate(lines, 1)
                if number == line or number not in bad]
        alone = load(b"".join(rest))
        assert not VALIDATOR.is_valid(alone), f"line {line}: {alone}"


# Values on both sides of what a key takes; the program and the schema have to
# agree on each.
PROBES = {
    "run": ["a.py", "./a.py", "a/b.py --x 1", "-m a.b", "-m", "-u a.py", "",
            "../a.py", "a/../b.py", "/a.py", ["a.py", 1, True], ["-m", "a"],
            [], ["../a.py"], ["-x"], None, 5],
    "ports": [1, 65535, 65536, 0, -1, "1/2", "1/udp", "1/x", "", [], [1, 2],
              {"a": 1}, {"a b": 1}, [{"x": 2}, 3], {}, None, True, "abc"],
    "health": ["auto", "none", "http://:80", "http://:80/x", "http://h:80/",
               "https://:80/", "", None, {}, {"tcp": 5}, {"tcp": "5"},
               {"tcp": 5, "zmq": 6}, {"zmq": 5, "send": "x"}, {"send": "x"},
               {"grpc": 5, "service": "a"}, {"http": "http://:1/"},
               {"http": 8, "expect": "ok"}, {"grpc": 8, "expect": "ok"},
               {"interval": "1s"}, {"interval": "1h2m3s4ms"},
               {"interval": "3s2m"}, {"interval": 5}, {"retries": 0},
               {"retries": 3}, {"tcp": 5, "bogus": 1}],
    "gpu": ["none", "optional", "required", "nvml", "all", None, True],
    "env": [{}, None, {"A": 1}, {"_a": None}, {"1": 2}, {"A": [1]}, ["A=b"],
            {"A-B": 1}, {"A": True}],
    "extra": [[], ["a==1"], "a", [["a"]], None, [None]],
    "system": [["curl"], "curl", ["Curl"], ["a"], [], None, ["a+b"]],
    "data": ["x", "a/*", "/x", "../x", "a/../b", "a..b", "..", ["x", "/y"]],
    "write": ["x", "/x/y", "../x", "/../x", "/x/..", ["a", "/b"], None, 1.5],
    "mounts": [{"a": "/b"}, {"a": "/b:ro"}, {"a": "b"}, {"a": "/b:x"},
               "a:/b", "a:/b:rw", "a", ["a:/b:ro"], ["a:b"], {}, [], None],
    "devices": ["/dev/snd", "/dev", "/etc/x", ["/dev/a:/dev/b"],
                ["/dev/a:/b"], None, []],
    "groups": ["audio", ["audio", 29], ["a b"], None],
    "secrets": ["a", ["a", {"b": "f"}], {"b": "f"}, [["a"]], None],
    "user": [0, 10001, "1:2", "a", "1:", -1, None, "1:2:3"],
    "resources": [{"memory": "1GiB"}, {"memory": 1}, {"cpus": 1.5},
                  {"cpus": 0}, {"cpus": "2"}, {"pids": 0}, {"pids": 1}, {},
                  {"x": 1}, None, {"shm": "1.5 MB"}],
    "required": [True, False, "yes", None, 1],
    "workdir": ["/app", "/", "app", "/a/../b", None],
    "bytecode": ["all", "no-tests", "none", "some", None],
    "skip": ["x", "", None, 5],
    "allow": [{"import": "a.*", "why": "x"}, [{"sdist": "a", "why": "x"}],
              {"why": "x"}, {"import": "a"}, {"import": "a b", "why": "x"},
              {"include": "../a", "why": "x"}, [], None],
    "requirements": ["r.txt", ["a", "b"], "/r.txt", "../r", None],
    "bananas": [1],
}


@pytest.mark.parametrize("key", sorted(PROBES))
def test_they_agree_on_each_value(key, tmp_path):
    path = tmp_path / "fleet.yaml"
    differ = []
    for value in PROBES[key]:
        fleet = {"services": {"A": {"run": "a.py"} | {key: value}}}
        path.write_text(json.dumps(fleet), encoding="utf-8")
        if program_accepts(path) != VALIDATOR.is_valid(fleet):
            differ.append((value, "program accepts"
                           if program_accepts(path) else "schema accepts"))
    assert differ == []
