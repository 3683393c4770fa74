"""A cold build does nothing twice and leaves no more than it was asked to."""

import json
import os

from wheel_maker import make_wheel

FLEET = """
bases: {py311: {debian: bookworm, python: '3.11'}}
services:
  One: {run: main.py, extra: [one]}
  Two: {run: main.py, extra: [two, three]}
"""
ALL = FLEET + "policy: {keep: {wheels: all}}\n"
ZSTD = FLEET + "policy: {layers: {compression: zstd}}\n"


def start(hello, fleet, simple_index, tmp_path):
    """(a locked fleet with a store that has its base only, wheels by name)"""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name in ("one", "two", "three"):
        make_wheel(wheels, name, files={
            f"{name}.py": f"x = {name!r}\n" * 999,
            f"{name}.bin": os.urandom(3 << 20)})
    index = simple_index(wheels)
    made = fleet({"fleet.yaml": FLEET, "main.py": ""})
    made.use_index(index, tmp_path)
    hello.seed(made.store)
    made.ok("lock")
    lock = json.loads((made.path / "fleet.lock.json").read_text())
    return made, {package["name"]: package["wheel"]["sha256"]
                  for resolution in lock["resolutions"]
                  for package in resolution["packages"]}


def digests(made):
    return {image["service"]: image["digest"]
            for image in made.json("build")["images"]}


def kept(store, wheels):
    return {name for name, sha256 in wheels.items()
            if (store / "files/sha256" / sha256).exists()}


def test_big_wheels_need_not_stay(hello, fleet, simple_index, tmp_path):
    made, wheels = start(hello, fleet, simple_index, tmp_path)
    (made.path / "fleet.yaml").write_text(ALL)
    made.store = hello.seed(tmp_path / "all")
    expected = digests(made)
    assert kept(made.store, wheels) == {"one", "two", "three"}

    (made.path / "fleet.yaml").write_text(FLEET)
    made.store = hello.seed(tmp_path / "packed")
    assert digests(made) == expected
    assert kept(made.store, wheels) == {"two", "three"}
    assert not list((made.store / "files/partial").iterdir())
    made.ok("verify")
    assert all(image["state"] == "cached"
               for image in made.json("build")["images"])

    # What a killed build left of the wheel that does not stay, half or whole.
    full = (tmp_path / "all/files/sha256" / wheels["one"]).read_bytes()
    for size in (len(full) // 2, len(full)):
        made.store = hello.seed(tmp_path / f"begun{size}")
        begun = made.store / "files/partial" / wheels["one"]
        begun.write_bytes(full[:size])
        assert digests(made) == expected
        assert not begun.exists()


def test_a_wheel_is_made_again_of_its_layer(hello, fleet, simple_index,
                                            tmp_path):
    """Without the index; where that cannot be, with it."""
    made, wheels = start(hello, fleet, simple_index, tmp_path)
    first = digests(made)
    layers = {blob.name for blob in (made.store / "blobs/sha256").iterdir()}
    (made.path / "fleet.yaml").write_text(
        FLEET + "defaults: {bytecode: none}\n")
    made.ok("build", "--offline")
    assert kept(made.store, wheels) == {"two", "three"}
    # The recipe is of the newer layer now, and leads back.
    for blob in layers:
        (made.store / "blobs/sha256" / blob).unlink(missing_ok=True)
    (made.path / "fleet.yaml").write_text(FLEET)
    assert json.loads(made.ok("build", "--offline", "--json").stdout)
    assert digests(made) == first
    made.ok("verify")

    # A wheel whose bytes are not in its layer stays.
    (made.path / "fleet.yaml").write_text(ZSTD)
    made.ok("build", "--offline")
    assert kept(made.store, wheels) == {"one", "two", "three"}


def test_a_damaged_recipe_is_a_download(hello, fleet, simple_index, tmp_path):
    made, wheels = start(hello, fleet, simple_index, tmp_path)
    made.ok("build")
    [recipe] = [memo for memo in (made.store / "memos").iterdir()
                if memo.read_bytes().startswith(b"slipway recipe")]
    good = recipe.read_bytes()
    bytecode = "none"
    for bad in (b"", good[:40], good[:-1], good[:64] + b"\xff" * 8 + good[72:],
                good[:-9] + bytes(9), good[:100] + b"\1" + good[101:]):
        recipe.write_bytes(bad)
        (made.path / "fleet.yaml").write_text(
            FLEET + f"defaults: {{bytecode: {bytecode}}}\n")
        refused = made.run("build", "--offline")
        assert refused.returncode == 3, refused.stderr
        made.ok("build")
        assert kept(made.store, wheels) == {"two", "three"}
        assert recipe.read_bytes() != bad
        made.ok("gc")
        bytecode = "all" if bytecode == "none" else "none"


def test_nothing_is_compiled_twice(hello, fleet, simple_index, tmp_path):
    """Every layer is made another way with an interpreter that is dead."""
    made, _ = start(hello, fleet, simple_index, tmp_path)
    made.ok("build")
    for python in made.store.glob("trees/*/*/usr/bin/python3.*"):
        size = python.stat().st_size
        python.unlink()
        python.write_bytes(bytes(size))
        python.chmod(0o755)
    (made.path / "fleet.yaml").write_text(
        FLEET + "policy: {layers: {compression: none}}\n")
    images = made.json("build")["images"]
    assert [image["state"] for image in images] == ["built", "built"]
    # One more source has to be compiled, and cannot be.
    (made.path / "main.py").write_text("x = 1\n")
    assert made.run("build").returncode == 3
