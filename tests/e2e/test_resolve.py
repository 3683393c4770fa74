"""Locks of small fleets: the Python packages come from an index of this test,
the Debian packages from the archive that the host's apt uses."""

import hashlib
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLIPWAY_BUILD", ROOT / "build"))
TOOL = BUILD / "tests/unit/tool_resolve"

MANIFEST = """\
fleet: test
version: v1
machines:
  pc: {{platform: linux/amd64, track: {track}}}
tracks: {tracks}
bases:
  py311: {{debian: bookworm, python: "3.11"}}
families:
  core: {{base: py311}}
services:
{services}
"""


class Index:
    """Folders of a simple index, with wheels that hold METADATA only."""

    def __init__(self, folder):
        self.folder = folder

    def add(self, name, version, requires=(), tag="py3-none-any",
            sidecar=True, extras=()):
        distribution = name.replace("-", "_")
        info = f"{distribution}-{version}.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        metadata += "".join(f"Provides-Extra: {e}\n" for e in extras)
        metadata += "".join(f"Requires-Dist: {r}\n" for r in requires)
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        wheel = folder / f"{distribution}-{version}-{tag}.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(f"{info}/METADATA", metadata)
            archive.writestr(
                f"{info}/WHEEL",
                f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
            archive.writestr(f"{info}/RECORD", "")
        if sidecar:
            (folder / f"{wheel.name}.metadata").write_text(metadata)
        page = []
        for path in sorted(folder.glob("*.whl")):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            page.append(f'<a href="{path.name}#sha256={digest}">{path.name}'
                        "</a>")
        (folder / "index.html").write_text(
            "<!DOCTYPE html><html><body>" + "\n".join(page) + "</body></html>")
        return wheel


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store") / "store"


@pytest.fixture
def fleet(tmp_path, store):
    server_root = tmp_path / "served"
    server_root.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=server_root)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Fleet(tmp_path, store, server_root,
                f"http://127.0.0.1:{server.server_address[1]}")
    server.shutdown()


class Fleet:
    def __init__(self, folder, store, server_root, url):
        self.folder = folder / "fleet"
        self.folder.mkdir()
        (self.folder / "run.py").write_text("")
        self.store = store
        self.url = url
        self.index = Index(server_root / "simple")
        self.other = Index(server_root / "other")
        self.cache = folder / "uv"
        self.lock_path = self.folder / "fleet.lock.json"

    def write(self, services, tracks="{}", track="cpu"):
        lines = "".join(
            f"  {name}: {{machines: pc, family: core, run: run.py{keys}}}\n"
            for name, keys in services.items())
        (self.folder / "fleet.yaml").write_text(MANIFEST.format(
            services=lines, tracks=tracks, track=track))

    def run(self, *verb, path=None):
        environment = {k: v for k, v in os.environ.items()
                       if not k.startswith(("UV_", "PIP_"))}
        environment["UV_DEFAULT_INDEX"] = f"{self.url}/simple"
        environment["UV_CACHE_DIR"] = str(self.cache)
        # uv of the tests' own environment.
        environment["PATH"] = path or os.pathsep.join(
            [str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])
        return subprocess.run(
            [TOOL, *verb, self.folder / "fleet.yaml", self.store,
             self.lock_path],
            env=environment, capture_output=True, text=True)

    def lock(self, *verb, problems=False):
        result = self.run(*verb)
        assert result.returncode == int(problems), (
            result.stdout + result.stderr)
        self.said = result.stdout
        text = self.lock_path.read_text()
        assert "127.0.0.1" not in text
        self.text = text
        return json.loads(text)

    def closures(self, lock):
        return {s["name"]: s.get("closure", []) for s in lock["services"]}


def test_a_service_gets_what_its_requirements_need(fleet):
    fleet.index.add("alpha", "1.0", [
        "beta>=1; python_version < '3.12'",
        "gamma; sys_platform == 'win32'",
        "delta; extra == 'more'"], extras=["more"])
    fleet.index.add("beta", "1.0", ["Epsilon_X (>=2)"])
    fleet.index.add("gamma", "1.0")
    # No metadata file: the wheel itself is read.
    fleet.index.add("delta", "1.0", sidecar=False)
    fleet.index.add("epsilon-x", "1.0")
    wheel = fleet.index.add("epsilon-x", "2.0")
    fleet.write({"A": ", extra: [alpha]", "B": ', extra: ["alpha[more]"]',
                 "C": ""})
    lock = fleet.lock()
    plain = ["alpha==1.0", "beta==1.0", "epsilon-x==2.0"]
    assert fleet.closures(lock) == {
        "A": plain, "B": sorted([*plain, "delta==1.0"]), "C": []}
    assert len(lock["resolutions"]) == 1
    resolution = lock["resolutions"][0]
    assert resolution["id"] == "py3.11-cpu-linux-amd64"
    assert resolution["python"].startswith("3.11.")
    packages = {p["name"]: p for p in resolution["packages"]}
    assert "gamma" not in packages
    assert packages["alpha"]["requires"] == ["beta>=1"]
    assert packages["alpha"]["extras"] == {"more": ["delta"]}
    content = wheel.read_bytes()
    assert packages["epsilon-x"]["wheel"] == {
        "file": wheel.name, "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest()}
    base = lock["bases"][0]
    assert base["kind"] == "debian" and base["glibc"] == "2.36"
    assert {"python3.11-minimal", "libc6"} <= {
        p["name"] for p in base["packages"]}


def test_versions_stay_until_they_are_upgraded(fleet):
    fleet.index.add("alpha", "1.0")
    fleet.index.add("beta", "1.0")
    fleet.write({"A": ", extra: [alpha]"})
    fleet.lock()
    first = fleet.text
    fleet.index.add("alpha", "2.0")
    fleet.lock()
    assert fleet.text == first
    # Another service changes nothing for the first.
    fleet.write({"A": ", extra: [alpha]", "B": ", extra: [beta]"})
    assert fleet.run("--check").stdout == "it does not hold service 'B'\n"
    lock = fleet.lock()
    assert fleet.closures(lock) == {"A": ["alpha==1.0"], "B": ["beta==1.0"]}
    assert fleet.run("--check").stdout == ""
    lock = fleet.lock("--upgrade")
    assert fleet.closures(lock)["A"] == ["alpha==2.0"]


def test_a_contradiction_is_resolved_apart(fleet):
    for version in ["1.0", "2.0"]:
        fleet.index.add("alpha", version, ["beta"])
    for version in ["1.0", "2.0"]:
        fleet.index.add("beta", version)
    fleet.write({
        "A": ', extra: ["alpha>=2"]',
        "B": ', extra: ["alpha<2"]',
        "C": ', extra: ["alpha"]',
        "D": ', extra: ["alpha>=2", "alpha<1.5"]',
        "E": ", extra: [absent-package]",
        "F": ', extra: ["alpha >"]',
    })
    lock = fleet.lock(problems=True)
    assert fleet.closures(lock) == {
        "A": ["alpha==2.0", "beta==2.0"],
        "B": ["alpha==1.0", "beta==2.0"],
        "C": ["alpha==2.0", "beta==2.0"],
    }
    said = fleet.said.split("\n")
    assert "D: lock-conflict: " in said[0] and "alpha<1.5" in said[0]
    assert "E: lock-not-found: " in said[1]
    assert said[2].startswith("fleet.yaml:16: F: lock-requirement: 'alpha >'")
    # The sick ones change nothing for the others.
    first = lock["resolutions"], lock["services"]
    fleet.write({"A": ', extra: ["alpha>=2"]', "B": ', extra: ["alpha<2"]',
                 "C": ', extra: ["alpha"]'})
    lock = fleet.lock()
    assert (lock["resolutions"], lock["services"]) == first


def test_a_package_is_replaced_by_its_stand_in(fleet):
    fleet.index.add("engine", "1.0")
    fleet.index.add("engine-gpu", "1.0")
    fleet.index.add("engine-gpu", "1.5")
    fleet.index.add("user", "1.0", ["engine>=0.5"])
    fleet.write({"A": ", extra: [user]", "B": ", extra: [engine]"},
                tracks='{cuda: {cuda: "12.1", pins: ["engine-gpu<1.2"], '
                       "replaces: {engine: engine-gpu}}}",
                track="cuda")
    lock = fleet.lock()
    assert fleet.closures(lock) == {
        "A": ["engine-gpu==1.0", "user==1.0"], "B": ["engine-gpu==1.0"]}


def test_a_bound_package_comes_from_its_index_only(fleet):
    fleet.index.add("heavy", "9.0")
    bound = fleet.other.add("heavy", "1.0")
    fleet.other.add("light", "9.0")
    fleet.index.add("light", "1.0", ["heavy"])
    fleet.write({"A": ", extra: [light]"},
                tracks=f'{{cpu: {{indexes: {{"{fleet.url}/other": [heavy]}}}}}}')
    lock = fleet.lock()
    assert fleet.closures(lock) == {"A": ["heavy==1.0", "light==1.0"]}
    heavy = lock["resolutions"][0]["packages"][0]
    assert heavy["wheel"]["file"] == bound.name
    assert heavy["wheel"]["index"] == "cpu"


def test_cuda_must_fit_the_track(fleet):
    fleet.index.add("nvidia-cublas-cu12", "12.1")
    fleet.index.add("nvidia-cublas-cu11", "11.8")
    fleet.write({"A": ", extra: [nvidia-cublas-cu12]"})
    assert fleet.lock(problems=True)["services"] == []
    assert "A: cuda-in-cpu: nvidia-cublas-cu12==12.1" in fleet.said
    fleet.write({"A": ", extra: [nvidia-cublas-cu12]",
                 "B": ", extra: [nvidia-cublas-cu11]"},
                tracks='{new: {cuda: "12.1"}}', track="new")
    lock = fleet.lock(problems=True)
    assert list(fleet.closures(lock)) == ["A"]
    assert "B: track-mismatch: nvidia-cublas-cu11==11.8" in fleet.said


def test_requirement_files_are_read_as_pip_does(fleet):
    for name in ["alpha", "beta", "gamma"]:
        fleet.index.add(name, "1.0")
        fleet.index.add(name, "2.0")
    (fleet.folder / "reqs").mkdir()
    (fleet.folder / "reqs/a.txt").write_text(
        "# all\n\nalpha == 1.0 \\\n  --hash=sha256:00 # why\n-r b.txt\n"
        "-c c.txt\ngamma ; python_version < '3'\n")
    (fleet.folder / "reqs/b.txt").write_text("beta\n")
    (fleet.folder / "reqs/c.txt").write_text("beta<2\n")
    (fleet.folder / "bad.txt").write_text("alpha\n\n--pre\n")
    (fleet.folder / "loop.txt").write_text("-r loop.txt\n")
    (fleet.folder / "out.txt").symlink_to("/etc/passwd")
    fleet.write({"A": ", requirements: [reqs/a.txt]",
                 "B": ", requirements: [bad.txt]",
                 "C": ", requirements: [loop.txt]",
                 "D": ", requirements: [out.txt]",
                 "E": ", requirements: [none.txt]"})
    lock = fleet.lock(problems=True)
    assert fleet.closures(lock) == {"A": ["alpha==1.0", "beta==1.0"]}
    said = fleet.said.split("\n")
    assert said[0].startswith("bad.txt:3: B: lock-requirement: '--pre'")
    assert "C: lock-requirement: loop.txt: files of req" in said[1]
    assert "D: lock-requirement: cannot read 'out.txt'" in said[2]
    assert "E: lock-requirement: cannot read 'none.txt'" in said[3]


def test_metadata_of_another_package_is_refused(fleet):
    wheel = fleet.index.add("solo", "1.0")
    wheel.with_name(wheel.name + ".metadata").write_text(
        "Metadata-Version: 2.1\nName: beta\nVersion: 1.0\n")
    fleet.write({"A": ", extra: [solo]"})
    result = fleet.run()
    assert result.returncode == 3
    assert "its METADATA is that of 'beta' '1.0'" in result.stderr


def test_a_host_needs_no_python(fleet):
    programs = fleet.folder / "bin"
    programs.mkdir()
    (programs / "uv").symlink_to(pathlib.Path(sys.executable).with_name("uv"))
    for name in ["sh", "gpgv"]:
        (programs / name).symlink_to(shutil.which(name))
    fleet.index.add("alpha", "1.0")
    fleet.write({"A": ", extra: [alpha]"})
    result = fleet.run(path=str(programs))
    assert result.returncode == 0, result.stderr
    lock = json.loads(fleet.lock_path.read_text())
    assert fleet.closures(lock) == {"A": ["alpha==1.0"]}
