"""Tracks with the real packages of an index: what clashes, what is CUDA and
must not be, what has no wheel. Only metadata and file lists are read."""

import hashlib
import json
import zlib

import pytest

from wheel_maker import make_wheel

MANIFEST = """\
fleet: tracks
machines:
  desk: {{platform: linux/amd64}}
tracks:
  cu121:
    cuda: "12.1"
    pins: [torch==2.4.1, "onnxruntime-gpu==1.22.0"]
  replacing:
    pins: ["onnxruntime-gpu==1.22.0"]
    replaces: {{onnxruntime: onnxruntime-gpu}}
bases: {{py311: {{debian: bookworm, python: "3.11"}}}}
families: {{core: {{base: py311}}}}
defaults: {{machines: desk, family: core, run: main.py}}
services:
{services}
"""


@pytest.fixture
def locked(fleet, shared_store):
    def lock(services, status):
        text = "".join(f"  {name}: {{{settings}}}\n"
                       for name, settings in services.items())
        made = fleet({"fleet.yaml": MANIFEST.format(services=text),
                      "main.py": ""})
        made.store = shared_store
        said = made.json("lock", status=status)
        lock = json.loads((made.path / "fleet.lock.json").read_text())
        wheels = list((made.store / "files").glob("sha256/*"))
        assert sum(w.stat().st_size for w in wheels) < 60e6, "wheels came"
        return ({s["name"]: s for s in lock["services"]},
                {p["service"]: p for p in said["problems"]})

    return lock


def test_two_distributions_with_one_path(locked):
    services, problems = locked({
        "Both": "extra: [onnxruntime-gpu==1.22.0, onnxruntime==1.22.0]",
        "One": "extra: [onnxruntime==1.22.0]",
        "Other": "extra: [onnxruntime-gpu==1.22.0]",
        "Replaced": "track: replacing, extra: [onnxruntime, "
                    "onnxruntime-gpu]"}, 1)
    assert set(services) == {"One", "Other", "Replaced"}
    assert [pin for pin in services["Replaced"]["closure"]
            if "onnx" in pin] == ["onnxruntime-gpu==1.22.0"]
    [problem] = problems.values()
    assert problem["code"] == "path-clash"
    assert problem["message"].startswith(
        "onnxruntime 1.22.0 and onnxruntime-gpu 1.22.0 install different "
        "files at 'onnxruntime/")
    assert "replaces: {onnxruntime: onnxruntime-gpu}" in problem["hint"]
    assert problem["line"] > 0


def test_cuda_has_to_fit_the_track(locked):
    services, problems = locked({
        "Cpu": "extra: [torch==2.4.1]",
        "Gpu": "track: cu121, extra: [torch]",
        "Old": "track: cu121, extra: [nvidia-cublas-cu11]"}, 1)
    assert set(services) == {"Gpu"}
    assert "torch==2.4.1" in services["Gpu"]["closure"]
    assert "nvidia-cudnn-cu12==9.1.0.70" in services["Gpu"]["closure"]
    assert problems["Cpu"]["code"] == "cuda-in-cpu"
    assert "tracks.cpu.indexes" in problems["Cpu"]["hint"]
    assert problems["Old"]["code"] == "track-mismatch"
    assert "is CUDA 11, and track 'cu121' is CUDA 12.1" in (
        problems["Old"]["message"])


@pytest.mark.parametrize("name, other", [
    ("webrtcvad", "webrtcvad-wheels"), ("openai-whisper", None)])
def test_source_only(locked, name, other):
    services, problems = locked({"Bad": f"extra: [{name}]",
                                 "Asked": f"extra: [{name}], allow: "
                                 f"[{{sdist: {name}, why: test}}]",
                                 "Good": "extra: [six]"}, 1)
    assert set(services) == {"Good"}
    for service in ["Bad", "Asked"]:
        assert problems[service]["code"] == "lock-no-wheel"
        assert name in problems[service]["message"]
    if other:
        assert f"extra: [{other}]" in problems["Bad"]["hint"]
    assert "builds none" in problems["Asked"]["hint"]


def same_crc():
    """Two texts of one length and CRC."""
    seen = {}
    for number in range(1 << 20):
        text = hashlib.sha256(b"%d" % number).digest()[:8]
        other = seen.setdefault(zlib.crc32(text), text)
        if other != text:
            return other, text
    raise AssertionError("no collision in a million")


def test_build_compares_by_hash(fleet, simple_index, tmp_path):
    """A CRC can be forged: the file list of such a wheel is its word only."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name, data in zip(["one", "two"], same_crc()):
        make_wheel(wheels, name, files={"shared/data.bin": data})
    index = simple_index(wheels)
    made = fleet({"fleet.yaml": MANIFEST.format(
        services="  Both: {extra: [one, two]}\n  One: {extra: [one]}\n"),
        "main.py": ""})
    made.use_index(index, tmp_path)
    made.ok("lock")
    result = made.run("build", "--json")
    assert result.returncode == 1
    states = {image["service"]: image["state"]
              for image in json.loads(result.stdout)["images"]}
    assert states == {"Both": "failed", "One": "built"}
    assert "one 1.0 and two 1.0 install different files at" in result.stderr
    assert "shared/data.bin" in result.stderr


def test_one_package_is_upgraded(fleet, simple_index, tmp_path):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    index = simple_index(wheels)
    made = fleet({"fleet.yaml": MANIFEST.format(
        services="  One: {extra: [one, two]}\n"), "main.py": ""})
    made.use_index(index, tmp_path)

    def closure():
        lock = json.loads((made.path / "fleet.lock.json").read_text())
        return lock["services"][0]["closure"]

    for version in ["1.0", "2.0"]:
        make_wheel(wheels, "one", version)
        make_wheel(wheels, "two", version)
        made.ok("lock")
        made.ok("lock", "--check")
        assert closure() == ["one==1.0", "two==1.0"]
    made.ok("lock", "--upgrade=two")
    assert closure() == ["one==1.0", "two==2.0"]
