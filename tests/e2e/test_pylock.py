"""lock --export pylock, as another installer reads it."""

import json
import pathlib
import re
import subprocess
import sys
import tomllib

import pytest

from wheel_maker import make_wheel

FLEET = """\
machines: {desk: {platform: linux/amd64}}
bases: {py311: {debian: bookworm, python: "3.11"}}
services:
  Hub: {run: hub.py}
  Bare: {run: bare.py}
"""
UV = pathlib.Path(sys.executable).with_name("uv")


@pytest.fixture
def made(fleet):
    made = fleet({"fleet.yaml": FLEET, "hub.py": "import yaml, dateutil\n",
                  "bare.py": ""})
    made.ok("lock")
    return made


def test_uv_installs_what_the_lock_names(made, tmp_path):
    path = tmp_path / "pylock.toml"
    made.ok("lock", "--export", "pylock", "-o", path, "Hub")
    [hub] = [s for s in json.loads((made.path / "fleet.lock.json").read_text())
             ["services"] if s["name"] == "Hub"]
    assert [f"{p['name']}=={p['version']}"
            for p in tomllib.loads(path.read_text())["packages"]] == (
        hub["closure"])
    target = tmp_path / "target"
    install = [UV, "pip", "install", "-r", path, "--target", target,
               "--python-version", "3.11", "--python-platform",
               "x86_64-manylinux_2_36", "--only-binary", ":all:"]
    said = subprocess.run([*install, "--dry-run"], capture_output=True,
                          text=True)
    assert said.returncode == 0, said.stderr
    assert f"Would install {len(hub['closure'])} packages" in said.stderr
    # And its hashes and urls are those of the wheels.
    done = subprocess.run(install, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (target / "yaml/__init__.py").is_file()
    path.write_text(re.sub('sha256 = "[0-9a-f]{64}"',
                           f'sha256 = "{"0" * 64}"', path.read_text()))
    refused = subprocess.run([*install, "--no-cache", "--reinstall"],
                             capture_output=True, text=True)
    assert refused.returncode != 0 and "ash" in refused.stderr


def test_where_it_is_written(made, tmp_path):
    text = made.ok("lock", "--export", "pylock", "Bare").stdout
    assert "packages" not in tomllib.loads(text)
    folder = tmp_path / "out"
    folder.mkdir()
    made.ok("lock", "--export", "pylock", "-o", folder)
    assert sorted(p.name for p in folder.iterdir()) == [
        "pylock.Bare.toml", "pylock.Hub.toml"]
    for arguments, said in [
            (["--export", "pylock"], "2 services have each a file"),
            (["--export", "conda"], "no format of --export"),
            (["Hub"], "locks the whole fleet")]:
        result = made.run("lock", *arguments)
        assert result.returncode == 2 and said in result.stderr


def test_no_password_in_it(fleet, simple_index, tmp_path):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    make_wheel(wheels, "alpha")
    index = simple_index(wheels, credentials=("user", "secret"))
    made = fleet({"fleet.yaml": FLEET.replace(
        "hub.py}", "hub.py, extra: [alpha]}"), "hub.py": "", "bare.py": ""})
    made.environment = {
        **index.environment(), "UV_CACHE_DIR": str(tmp_path / "uv"),
        "PATH": f"{UV.parent}:/usr/bin:/bin"}
    made.ok("lock")
    text = made.ok("lock", "--export", "pylock", "Hub").stdout
    assert f"http://{index.host}/files/alpha-1.0" in text
    assert "secret" not in text
    assert "secret" not in (made.path / "fleet.lock.json").read_text()
