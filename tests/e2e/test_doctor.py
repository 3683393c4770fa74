"""doctor: what it finds is what there is."""

import os
import shutil
import stat
import subprocess

from conftest import ROOT, Fleet

MANIFEST = """\
fleet: small
machines:
  desk: {platform: linux/amd64}
bases:
  py311: {debian: bookworm, python: "3.11"}
families:
  core: {base: py311}
services:
  One: {machines: desk, family: core, run: one.py}
"""


def findings(said):
    return {finding["name"]: finding for finding in said["findings"]}


def bare(fleet, tmp_path, *programs):
    """A fleet and a PATH that has these programs only."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for program in programs:
        (folder / program).symlink_to(shutil.which(program))
    made = fleet({"fleet.yaml": MANIFEST, "one.py": "print(1)\n"})
    made.environment = {"PATH": str(folder)}
    return made


def test_a_sound_host(fleet, tmp_path, simple_index):
    (tmp_path / "wheels").mkdir()
    index = simple_index(tmp_path / "wheels")
    made = bare(fleet, tmp_path, "gpgv")
    said = made.json("doctor", UV_DEFAULT_INDEX=index.url)
    assert said["usable"]
    found = findings(said)
    assert found["index"]["what"] == f"{index.url} (UV_DEFAULT_INDEX) answers"
    assert found["debian"]["level"] == "ok"
    assert "bookworm from " in found["debian"]["what"]
    assert found["store"]["what"].startswith(str(made.store))
    assert f"{len(os.sched_getaffinity(0))} cores" \
        in found["host"]["what"]
    assert found["sandbox"]["level"] == "warning"  # no bwrap in this PATH
    assert "bubblewrap" in found["sandbox"]["hint"] + found["sandbox"]["what"]


def test_what_build_needs_is_missing(fleet, tmp_path):
    made = bare(fleet, tmp_path)
    said = made.json("doctor", status=3,
                     UV_DEFAULT_INDEX="http://127.0.0.1:9/simple")
    assert not said["usable"]
    missing = {name for name, finding in findings(said).items()
               if finding["level"] == "missing"}
    assert {"gpgv", "index"} <= missing
    assert all(finding["hint"] for finding in said["findings"]
               if finding["level"] == "missing")
    text = made.run("doctor", UV_DEFAULT_INDEX="http://127.0.0.1:9/simple")
    assert text.returncode == 3 and "-> install the package gpgv" in text.stdout


def test_offline_asks_nobody(fleet, tmp_path, simple_index):
    (tmp_path / "wheels").mkdir()
    index = simple_index(tmp_path / "wheels")
    index.faults.append(lambda request: 1 / 0)
    made = bare(fleet, tmp_path, "gpgv")
    found = findings(made.json("doctor", "--offline",
                               UV_DEFAULT_INDEX=index.url))
    assert "not asked" in found["index"]["what"]
    assert "not asked" in found["debian"]["what"]


def test_an_engine_that_does_not_answer_is_a_warning(fleet, tmp_path):
    made = bare(fleet, tmp_path, "gpgv")
    docker = tmp_path / "bin/docker"
    docker.write_text("#!/bin/sh\necho 'permission denied' >&2; exit 1\n")
    docker.chmod(docker.stat().st_mode | stat.S_IXUSR)
    made.environment["PATH"] += ":/usr/bin:/bin"
    found = findings(made.json("doctor", "--offline"))
    assert found["docker"]["level"] == "warning"
    assert "permission denied" in found["docker"]["what"]


def test_no_fleet_no_matter(slipway, tmp_path):
    nowhere = Fleet(slipway, tmp_path, tmp_path / "store")
    assert "debian" in findings(nowhere.json("doctor", "--offline"))
    (tmp_path / "fleet.yaml").write_text("fleet: [")
    assert nowhere.run("doctor").returncode == 1


def test_the_driver_is_asked(fleet, tmp_path):
    """NVML stands in: its names and ABI, answers from the environment."""
    made = bare(fleet, tmp_path, "gpgv")
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-o", tmp_path / "libnvidia-ml.so.1",
         ROOT / "tests/init/fake_nvml.c"], check=True)
    made.environment.update(LD_LIBRARY_PATH=str(tmp_path),
                            UV_DEFAULT_INDEX="http://127.0.0.1:9/simple")
    found = findings(made.json("doctor", "--offline", FAKE_COUNT="2",
                               FAKE_DRIVER="550.54.14"))
    assert "NVIDIA driver 550.54.14, 2 devices" in found["gpu"]["what"]
    found = findings(made.json("doctor", "--offline", FAKE_INIT="9"))
    assert found["gpu"]["level"] == "warning"
    assert "driver" in found["gpu"]["what"]
