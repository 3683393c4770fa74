"""docs/json.md says what every verb prints: each key that it names is there,
and each key that is printed is named there."""

import json
import re

import pytest

from conftest import ROOT

# Keys of a verb's objects that stand only where there is something to say; of
# plan, test_plan.py has fleets with all of them; of lock's carried[], which
# takes an image base with CUDA, test_registry_base.py.
OPTIONAL = {"error", "against", "kind", "packages", "package", "members",
            "users"}
OPTIONAL_OF = {"lock": {"base", "soname", "bytes"}}


def documented(verb):
    """The keys in the examples of a verb's section, one set per example."""
    text = (ROOT / "docs/json.md").read_text()
    section = re.search(rf"^## {verb}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert section, f"docs/json.md has no section '{verb}'"
    examples = re.split(r"\n\n(?=\S)|\A(?=\S)", section[1])
    found = [set(re.findall(r'"(\w+)":', block)) for block in examples]
    return [keys for keys in found if keys]


def keys_of(value):
    if isinstance(value, dict):
        return set(value).union(*map(keys_of, value.values()))
    if isinstance(value, list):
        return set().union(*map(keys_of, value))
    return set()


@pytest.fixture(scope="module")
def sick(hello, tmp_path_factory):
    """A fleet with everything that its verbs can say: a service that is
    sound, one with a missing import, one that cannot be locked."""
    path = tmp_path_factory.mktemp("sick")
    made = hello.copy(path / "fleet", path / "store")
    hello.seed(made.store)
    manifest = made.path / "fleet.yaml"
    manifest.write_text(manifest.read_text() + """
  Lost: {machines: desk, family: core, run: echo/lost.py}
  Pinned: {machines: desk, family: core, run: echo/pinned.py, extra: [pyzmq==0.0.1]}
  Dynamic: {machines: desk, family: core, run: echo/dynamic.py}
questions:
  - {ask: "which engine?", from: "startup_config.yaml:1", services: Dynamic}
""")
    made.write({"echo/lost.py": "import no_such_module_anywhere\n",
                "echo/pinned.py": "import zmq\n",
                "echo/dynamic.py":
                    "import importlib, sys\n"
                    "importlib.import_module(sys.argv[1])\n"})
    assert made.run("lock").returncode == 1
    assert made.run("build").returncode == 1
    blob = next((made.store / "files/sha256").iterdir())
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes() + b"x")
    return made


@pytest.mark.parametrize("verb, words, status", [
    ("check", (), 1), ("lock", (), 1), ("plan", (), 0), ("build", (), 1),
    ("export", ("-o", "OUTPUT"), 1), ("verify", (), 1), ("du", (), 0),
    ("version", (), 0), ("doctor", ("--offline",), None)])
def test_keys_are_those_of_the_documentation(sick, tmp_path, verb, words,
                                             status):
    words = [str(tmp_path / "x.tar") if word == "OUTPUT" else word
             for word in words]
    result = sick.run(verb, "--json", *words)
    assert result.returncode in ((0, 3) if status is None else (status,))
    printed = keys_of(json.loads(result.stdout))
    keys = documented(verb)[0]
    assert printed - keys == set()
    assert keys - printed <= OPTIONAL | OPTIONAL_OF.get(verb, set())
    if verb in ("build", "export"):
        assert "error" in printed


def test_keys_of_lock_check(sick):
    said = sick.json("lock", "--check")
    assert set(said) == documented("lock")[1]
    assert said["current"] and said["reasons"] == []
    manifest = sick.path / "fleet.yaml"
    before = manifest.read_text()
    manifest.write_text(before.replace("[pyzmq,", "[pyzmq>=20,", 1))
    try:
        said = sick.json("lock", "--check", status=1)
    finally:
        manifest.write_text(before)
    assert not said["current"] and said["reasons"]
    said = sick.json("lock", "--check", "--prove")
    assert keys_of(said) == documented("lock")[1] | documented("lock")[-1]


def test_keys_of_records(sick, tmp_path):
    said = sick.json("build", "--record", status=1)
    assert set(documented("build")[1]) == {"recorded",
                                           *keys_of(said["recorded"])}
    said = sick.json("key", "--new", tmp_path / "key.pem")
    assert keys_of(said) == documented("key")[0]


def test_keys_of_load(sick, docker):
    said = sick.json("load", status=1)
    docker.remove_after(*[image["reference"] for image in said["images"]
                          if image["reference"]])
    assert keys_of(said) == documented("load")[0]
