"""What goes wrong around a build: a full disk, two builders at once, a store of
a newer slipway, files that lead round in a circle or out of the source."""

import hashlib
import json
import re
import sqlite3
import subprocess

import pytest

from conftest import Fleet
from wheel_maker import make_wheel

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
        full = re.search(
            r"cannot write '(.+)': No space left on device: the file system "
            r"at '(.+)' has [\d.]+ k?B of 6\d\.\d MB free, [\d.]+ (k|M)?B "
            r"more have to be written", result.stderr)
        assert full, result.stderr
        assert full[1].startswith(f"{disk}/store/tmp/")
        assert full[2] == str(disk)
        assert "'slipway gc' takes out of the store" in result.stderr
        made.ok("verify")
        subprocess.run([*mount, "remount,size=1g", disk], check=True)
        [image] = made.json("build", "--offline")["images"]
        assert image["digest"] == hello.image["digest"]
        made.ok("verify")
    finally:
        subprocess.run(["umount", disk], check=True)


def test_two_builders_of_one_store(dual, store):
    """Each gives the digests of the first build, whoever made the bytes, and
    who removes what is broken in between removes nothing."""
    dual.seed(store)
    builders = [subprocess.Popen(
        [dual.program, "-C", dual.path, "--store", store, "build", "--json",
         services], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for services in ("family:cpu-core", "family:cpu-*")]
    before = {(image["service"], image["machine"]): image["digest"]
              for image in dual.built}
    while any(builder.poll() is None for builder in builders):
        Fleet(dual.program, dual.path, store).ok("verify", "--remove")
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


def lies(request, wheel, sha256):
    """A page that names the hash which the file no longer has."""
    if not request.path.startswith("/simple/one"):
        return False
    link = f'<a href="/files/{wheel.name}#sha256={sha256}">{wheel.name}</a>'
    request.answer(200, link.encode(), "text/html")
    return True


def test_a_wheel_that_changed_since_the_lock(hello, fleet, simple_index,
                                             tmp_path):
    """The index offers other bytes under the locked name."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    make_wheel(wheels, "one")
    make_wheel(wheels, "two")
    index = simple_index(wheels)
    made = fleet({
        "fleet.yaml": "bases: {py311: {debian: bookworm, python: '3.11'}}\n"
                      "services:\n  One: {run: main.py, extra: [one]}\n"
                      "  Two: {run: main.py, extra: [two]}\n",
        "main.py": ""})
    made.use_index(index, tmp_path)
    hello.seed(made.store)
    made.ok("lock")
    [wheel] = wheels.glob("one-*.whl")
    data = bytearray(wheel.read_bytes())
    before = hashlib.sha256(data).hexdigest()
    data[len(data) // 2] ^= 1
    wheel.write_bytes(data)
    made.store = hello.seed(tmp_path / "other")
    result = made.run("build", "--json")
    assert result.returncode == 3
    assert {image["service"]: image["state"]
            for image in json.loads(result.stdout)["images"]} == {
        "One": "failed", "Two": "built"}
    assert f"'{wheel.name}' with the expected hash" in result.stderr
    # The page may still name the old hash: then it is the bytes that count.
    index.faults.append(lambda request: lies(request, wheel, before))
    result = made.run("build")
    assert result.returncode == 3
    assert before in result.stderr and wheel.name in result.stderr
    assert not (made.store / "files/sha256" / before).exists()
    made.ok("verify")
