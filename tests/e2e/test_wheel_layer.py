"""A wheel's layer holds what pip installs from it into a venv: names, bytes,
modes, commands. wheels.txt names real wheels, with the DiffID of each one's
layer: a DiffID that changes means that every image changes. By hand, for all
wheels of a folder too: SLIPWAY_WHEELS=FOLDER."""

import csv
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest

from conftest import BUILD, CACHE, ROOT

TOOL = BUILD / "tests/unit/tool_wheel2layer"
WHEELS = ROOT / "tests/e2e/wheels.txt"
SITE = "opt/venv/lib/python3.11/site-packages/"
# What pip writes about itself, or what slipway writes in its own way.
INFO = re.compile(re.escape(SITE) + r"[^/]+\.dist-info/")
OWN = re.compile(
    INFO.pattern + r"(RECORD|INSTALLER|REQUESTED|direct_url\.json)$")
PLATFORMS = ["manylinux_2_28_x86_64", "manylinux_2_17_x86_64",
             "manylinux1_x86_64", "any"]

pytestmark = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="the oracle is pip on Python 3.11"
)


def read_table():
    lines = WHEELS.read_text().splitlines()
    return [line.split() for line in lines if not line.startswith("#")]


TABLE = read_table()
NAMES = [requirement.split("==")[0] for requirement, _, _ in TABLE]
MORE = {path.name: path for path in sorted(
    pathlib.Path(os.environ["SLIPWAY_WHEELS"]).glob("*.whl")
    if "SLIPWAY_WHEELS" in os.environ else [])}


def download(requirement, sha256):
    """The wheel, from the cache or from the index; its hash is checked."""
    folder = CACHE / "wheels" / sha256
    found = list(folder.glob("*.whl"))
    if not found:
        folder.mkdir(parents=True, exist_ok=True)
        pin = folder / "pin.txt"
        pin.write_text(f"{requirement} --hash=sha256:{sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps",
                   "--disable-pip-version-check", "--require-hashes",
                   "--only-binary", ":all:", "--python-version", "3.11",
                   "-d", folder, "-r", pin]
        for platform in PLATFORMS:
            command += ["--platform", platform]
        subprocess.run(command, check=True)
        found = list(folder.glob("*.whl"))
    (wheel,) = found
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() == sha256
    return wheel


@pytest.fixture(scope="session")
def wheels():
    return MORE | {
        requirement.split("==")[0]: download(requirement, sha256)
        for requirement, sha256, _ in TABLE
    }


@pytest.fixture(scope="session")
def pip(wheels, tmp_path_factory):
    """A venv whose pip is the one of wheels.txt."""
    folder = tmp_path_factory.mktemp("pip") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run(
        [folder / "bin/python", "-m", "pip", "install", "-q", "--no-index",
         "--disable-pip-version-check", wheels["pip"]],
        check=True,
    )
    return folder / "bin/python"


def make_layer(blob, *arguments):
    """[digest, DiffID, compressed bytes, bytes]"""
    result = subprocess.run([TOOL, *arguments[:-1], blob, arguments[-1]],
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


def read_layer(blob):
    """{path: (mode, bytes)} of the files; attributes of all are checked."""
    files, seen = {}, set()
    with tarfile.open(blob) as tar:
        for entry in tar:
            assert entry.name not in seen
            assert (entry.uid, entry.gid, entry.mtime) == (0, 0, 0)
            parent = os.path.dirname(entry.name)
            assert not parent or parent in seen, f"no {parent}"
            seen.add(entry.name)
            if entry.isdir():
                assert entry.mode == 0o755
            else:
                assert entry.isfile()
                files[entry.name] = (entry.mode,
                                     tar.extractfile(entry).read())
    return files


def install(pip, wheel, folder):
    """{path: (mode, bytes)} of what pip adds to a new venv."""
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv],
                   check=True)
    before = set(venv.rglob("*"))
    subprocess.run(
        [pip, "-m", "pip", f"--python={venv}/bin/python", "install", "-q",
         "--no-deps", "--no-index", "--disable-pip-version-check",
         "--no-warn-script-location", wheel],
        check=True, umask=0o022,
    )
    shebang = re.compile(rb"^#!%s/bin/python[0-9.]*\n" % bytes(venv))
    files = {}
    for path in set(venv.rglob("*")) - before:
        if path.is_file():
            text = shebang.sub(b"#!/opt/venv/bin/python\n",
                               path.read_bytes())
            name = "opt/venv/" + str(path.relative_to(venv))
            files[name] = (path.stat().st_mode & 0o7777, text)
    return files


def without_own(files):
    """Bytecode counts by name and mode: pip's is of another kind."""
    return {
        path: (mode, b"" if path.endswith(".pyc") else text)
        for path, (mode, text) in files.items()
        if not OWN.match(path)
    }


def differences(ours, theirs):
    return [
        (path, [f and (oct(f[0]), len(f[1]), f[1][:80])
                for f in (ours.get(path), theirs.get(path))])
        for path in sorted(ours.keys() | theirs.keys())
        if ours.get(path) != theirs.get(path)
    ]


@pytest.fixture(scope="session", params=[*NAMES, *MORE])
def trees(request, wheels, pip, tmp_path_factory):
    """(the layer's files with bytecode, pip's)"""
    folder = tmp_path_factory.mktemp("trees")
    wheel = wheels[request.param]
    make_layer(folder / "layer", "--compile", sys.executable, wheel)
    yield read_layer(folder / "layer"), install(pip, wheel, folder)
    shutil.rmtree(folder)


def test_equals_what_pip_installs(trees):
    ours, theirs = trees
    wrong = differences(without_own(ours), without_own(theirs))
    assert not wrong, f"{len(wrong)} of {len(theirs)} files: {wrong[:5]}"
    assert len(ours) > 3


def rows_of(text):
    rows = list(csv.reader(text.decode().splitlines()))
    assert all(len(row) == 3 for row in rows)
    assert len({row[0] for row in rows}) == len(rows)
    return rows


def test_record_lists_what_is_there(trees):
    files, theirs = trees
    (path,) = [p for p in files if INFO.match(p) and p.endswith("/RECORD")
               and p.count("/") == SITE.count("/") + 1]
    rows = rows_of(files[path][1])
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    listed = {os.path.normpath(SITE + row[0]): row for row in rows}
    assert listed.keys() == files.keys()
    installer = path.replace("/RECORD", "/INSTALLER")
    assert files[installer] == (0o644, b"slipway\n")
    # As pip's, but for what INSTALLER says and for REQUESTED.
    record = {row[0]: row for row in rows_of(theirs[path][1])}
    for row in rows:
        other = record.get(row[0])
        if SITE + row[0] == installer:
            continue
        assert other, row
        if row[0].startswith("../../../bin/"):
            continue  # the shebang differs
        if other[1]:
            assert row == other
        else:
            assert row[1:] == ["", ""]


@pytest.mark.parametrize("requirement,sha256,diff_id", TABLE, ids=NAMES)
def test_golden_diff_id(requirement, sha256, diff_id, wheels, tmp_path):
    """The same tar whatever the compression, and each blob gives it back."""
    wheel = wheels[requirement.split("==")[0]]
    for compression, unpack in [("gzip", ["gzip", "-dc"]),
                                ("zstd", ["zstd", "-qdc"]),
                                ("none", ["cat"])]:
        blob = tmp_path / compression
        digest, found, compressed, size = make_layer(
            blob, "--compression", compression, "--sha256", sha256, wheel)
        tar = subprocess.run([*unpack, blob], capture_output=True,
                             check=True).stdout
        assert found == "sha256:" + hashlib.sha256(tar).hexdigest()
        assert found == diff_id
        assert int(size) == len(tar)
        assert int(compressed) == blob.stat().st_size
        assert digest == ("sha256:" +
                          hashlib.sha256(blob.read_bytes()).hexdigest())


def test_deflate_streams_are_unchanged(wheels, tmp_path):
    """Every large member's compressed bytes are in the blob."""
    blob = tmp_path / "layer"
    make_layer(blob, wheels["numpy"])
    layer = blob.read_bytes()
    checked = 0
    with zipfile.ZipFile(wheels["numpy"]) as wheel:
        raw = wheels["numpy"].read_bytes()
        for member in wheel.infolist():
            if member.file_size < 8192 or OWN.match(SITE + member.filename):
                continue
            head = raw[member.header_offset:member.header_offset + 30]
            start = (member.header_offset + 30 +
                     int.from_bytes(head[26:28], "little") +
                     int.from_bytes(head[28:30], "little"))
            assert raw[start:start + member.compress_size] in layer
            checked += 1
    assert checked > 250


def test_memory_does_not_grow_with_the_wheel(wheels, tmp_path):
    """OpenCV's largest member has more than 60 MB."""
    command = [TOOL, tmp_path / "layer", wheels["opencv-python-headless"]]
    probe = ("import resource, subprocess, sys\n"
             "subprocess.run(sys.argv[1:], check=True)\n"
             "usage = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
             "print(usage.ru_maxrss)\n")
    result = subprocess.run([sys.executable, "-c", probe, *command],
                            capture_output=True, text=True, check=True)
    assert int(result.stdout.split()[-1]) < 24 * 1024
