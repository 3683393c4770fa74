"""What goes wrong around a build: a full disk, two builders at once, a store of
a newer slipway, files that lead round in a circle or out of the source."""

import json
import sqlite3
import subprocess

import pytest

from conftest import Fleet

CIRCLES = """\
fleet: circles
bases: {py311: {debian: bookworm, python: "3.11"}}
services:
  Fine: {run: fine.py}
  Sick: {run: sick.py}
  Link: {run: link.py}
"""


def test_a_circle_stops_who_needs_it_too_early(hello, fleet):
    """Modules may import each other; a name of one has to be there by then."""
    made = fleet({
        "fleet.yaml": CIRCLES, "fine.py": "import loop.a\n",
        "loop/a.py": "import loop.b\nx = 1\n",
        "loop/b.py": "import loop.a\n\ndef get():\n    return loop.a.x\n",
        "sick.py": "import loop.c\n",
        "loop/c.py": "from loop.d import y\nx = 1\n",
        "loop/d.py": "from loop.c import x\ny = 1\n"})
    (made.path / "link.py").symlink_to(hello.path / "echo/service.py")
    hello.seed(made.store)
    assert made.run("lock").returncode == 1
    result = made.run("build", "--json")
    assert result.returncode == 1
    assert {image["service"]: image["state"]
            for image in json.loads(result.stdout)["images"]} == {
        "Fine": "built", "Sick": "failed", "Link": "failed"}
    assert ("Sick on default: loop/d.py:1:1: 'loop.c' is still being "
            "imported here and has no 'x' yet") in result.stderr
    assert ("Link on default: link.py: 'link.py' is a symbolic link out of "
            "the source root") in result.stderr


def test_a_full_disk_ends_the_build_and_nothing_else(hello, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o"]
    if subprocess.run([*mount, "size=60m", "tmpfs", disk]).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        made = Fleet(hello.program, hello.path, hello.seed(disk / "store"))
        result = made.run("build")
        assert result.returncode == 3
        assert "No space left on device" in result.stderr
        made.ok("verify")
        subprocess.run([*mount, "remount,size=1g", disk], check=True)
        [image] = made.json("build", "--offline")["images"]
        assert image["digest"] == hello.image["digest"]
        made.ok("verify")
    finally:
        subprocess.run(["umount", disk], check=True)


def test_two_builders_of_one_store(dual, store):
    """Each gives the digests of the first build, whoever made the bytes."""
    dual.seed(store)
    builders = [subprocess.Popen(
        [dual.program, "-C", dual.path, "--store", store, "build", "--json",
         services], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for services in ("family:cpu-core", "family:cpu-*")]
    before = {(image["service"], image["machine"]): image["digest"]
              for image in dual.built}
    for builder in builders:
        out, err = builder.communicate(timeout=600)
        assert builder.returncode == 0, err
        made = [image for image in json.loads(out)["images"]
                if image["state"] in ("built", "cached")]
        assert len(made) > 10
        for image in made:
            assert image["digest"] == before[image["service"],
                                             image["machine"]]
    Fleet(dual.program, dual.path, store).ok("verify")


def test_a_store_of_a_newer_slipway_is_left_alone(hello, store):
    hello.seed(store)
    with sqlite3.connect(store / "slipway.db") as database:
        database.execute("PRAGMA user_version = 99")
    made = Fleet(hello.program, hello.path, store)
    for verb in ("build", "lock", "verify", "du"):
        result = made.run(verb)
        assert result.returncode == 3
        assert "was made by a newer slipway: it has version 99" in (
            result.stderr)
        assert "or another store (--store DIR)" in result.stderr
    assert {path.name for path in (store / "blobs/sha256").glob("*")} == set()
