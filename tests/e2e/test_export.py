"""export: archives and folders that others read, with the same bytes always."""

import hashlib
import json
import os
import pty
import shutil
import subprocess
import tarfile

import pytest

from conftest import Fleet, tool


def twins(hello, path, name):
    """Echo and a service that differs from it in its own files only. They
    have names of their own, since docker's are for all who use it."""
    made = hello.copy(path, path.parent / "twins-store")
    manifest = made.path / "fleet.yaml"
    manifest.write_text(manifest.read_text() + f"""
  Twin: {{machines: desk, family: core, run: echo/twin.py,
         extra: [pyzmq, orjson, PyYAML]}}
registry: {name}
""")
    echo = (made.path / "echo/service.py").read_text()
    made.write({
        "echo/twin.py": f"import zmq, orjson, yaml\nprint('{name}')\n",
        "echo/service.py": f"{echo}\n# {name}\n"})
    hello.seed(made.store)
    made.ok("lock")
    made.ok("build")
    return made


@pytest.fixture(scope="module")
def pair(hello, tmp_path_factory):
    path = tmp_path_factory.mktemp("pair")
    return twins(hello, path / "fleet", f"{path.name}.test/{os.getpid()}")


def references(made):
    return {image["service"]: image["reference"]
            for image in made.json("build")["images"]}


def test_archive_has_each_layer_once(pair, tmp_path, skopeo):
    said = pair.json("export", "-o", tmp_path / "fleet.tar")
    assert {image["service"] for image in said["images"]} == {"Echo", "Twin"}
    with tarfile.open(tmp_path / "fleet.tar") as archive:
        names = archive.getnames()
        docker = json.load(archive.extractfile("manifest.json"))
        index = json.load(archive.extractfile("index.json"))
        for name in names:
            if name.startswith("blobs/sha256/"):
                body = archive.extractfile(name).read()
                assert hashlib.sha256(body).hexdigest() == name[13:]
        assert all(member.mtime == member.uid == 0 for member in archive)
    assert len(names) == len(set(names)) and names == sorted(names)
    layers = [set(image["Layers"]) for image in docker]
    assert len(layers) == 2 and layers[0] & layers[1]
    needed = set.union(*layers, {image["Config"] for image in docker}, {
        "blobs/" + entry["digest"].replace(":", "/")
        for entry in index["manifests"]})
    assert set(names) == needed | {"blobs", "blobs/sha256", "index.json",
                                   "manifest.json", "oci-layout"}
    for image in said["images"]:
        seen = json.loads(subprocess.run(
            [skopeo, "inspect", "--no-tags",
             f"oci-archive:{tmp_path}/fleet.tar:{image['reference']}"],
            check=True, capture_output=True).stdout)
        assert seen["Digest"] == image["digest"]


def test_same_bytes_by_every_way(pair, tmp_path):
    pair.ok("export", "-o", tmp_path / "a.tar")
    pair.ok("export", "-o", tmp_path / "b.tar", "--jobs", "1", TZ="Asia/Tokyo")
    command = [pair.program, "-C", pair.path, "--store", pair.store, "export",
               "-o", "-"]
    piped = subprocess.run(command, check=True, capture_output=True).stdout
    (tmp_path / "c.tar").write_bytes(b"")
    with open(tmp_path / "c.tar", "ab") as appended:
        subprocess.run(command, check=True, stdout=appended)
    whole = (tmp_path / "a.tar").read_bytes()
    assert whole == (tmp_path / "b.tar").read_bytes() == piped
    assert whole == (tmp_path / "c.tar").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.tar", "b.tar", "c.tar"]


def test_folder_is_a_layout(pair, tmp_path, skopeo, umoci):
    folder = tmp_path / "layout"
    pair.ok("export", "-o", f"{folder}/", "Twin")
    reference = references(pair)["Twin"]
    assert [entry["annotations"]["org.opencontainers.image.ref.name"]
            for entry in json.loads((folder / "index.json").read_text())
            ["manifests"]] == [reference]
    subprocess.run([skopeo, "copy", "-q", f"oci:{folder}:{reference}",
                    f"oci:{tmp_path}/copy:twin"], check=True)
    subprocess.run([umoci, "unpack", "--rootless", "--image",
                    f"{tmp_path}/copy:twin", tmp_path / "bundle"],
                   check=True, capture_output=True)
    assert (tmp_path / "bundle/rootfs/app/echo/twin.py").is_file()
    full = pair.run("export", "-o", folder)
    assert full.returncode == 2
    assert "is there, and not as an empty folder" in full.stderr


def test_what_is_not_built_is_said(pair, tmp_path):
    made = copy_of(pair, tmp_path / "fleet")
    made.write({"echo/twin.py": "import zmq, orjson, yaml\nprint(2)\n"})
    said = made.json("export", "-o", tmp_path / "x.tar", status=1)
    by_service = {image["service"]: image for image in said["images"]}
    assert by_service["Echo"]["digest"] and not by_service["Twin"]["digest"]
    result = made.run("export", "-o", tmp_path / "y.tar", "Twin")
    assert result.returncode == 1
    assert "Twin on desk: the store has no image of it as the fleet is now" \
        in result.stderr
    assert "slipway build" in result.stderr
    assert not (tmp_path / "y.tar").exists()


def copy_of(made, path):
    shutil.copytree(made.path, path)
    return Fleet(made.program, path, made.store)


@pytest.mark.parametrize("words, reason", [
    ((), "-o FILE.tar"),
    (("-o", "-", "--json"), "both want standard output"),
    (("-o", "x.tar", "Ecko"), "did you mean 'Echo'?"),
    (("-o", "x.tar", "family:cor"), "did you mean 'core'?"),
    (("-o", "/nowhere/x.tar"), "/nowhere/x.tar"),
])
def test_wrong_use(pair, words, reason):
    result = pair.run("export", *words)
    assert result.returncode in (2, 3)
    assert reason in result.stderr


def test_no_archive_for_a_terminal(pair):
    ours, theirs = pty.openpty()
    result = subprocess.run([pair.program, "-C", pair.path, "--store",
                             pair.store, "export", "-o", "-"], stdout=theirs,
                            stderr=subprocess.PIPE, text=True)
    os.close(theirs)
    os.close(ours)
    assert result.returncode == 2 and "for a terminal" in result.stderr


def test_a_full_disk_leaves_nothing(pair, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs",
                       full]).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        for output in ("x.tar", "layout"):
            result = pair.run("export", "-o", full / output)
            assert result.returncode == 3
            assert "No space left on device" in result.stderr
            assert list(full.iterdir()) == []
    finally:
        subprocess.run(["umount", full], check=True)


def test_containerd_takes_the_archive(pair, tmp_path):
    """Its importer gives the names that docker's containerd store looks for."""
    containerd, ctr = tool("containerd"), tool("ctr")
    if os.geteuid() != 0:
        pytest.skip("containerd needs root")
    socket = tmp_path / "c.sock"
    with open(tmp_path / "log", "w") as log:
        process = subprocess.Popen(
            [containerd, "--address", socket, "--root", tmp_path / "root",
             "--state", tmp_path / "state", "--config", os.devnull],
            stdout=log, stderr=log)
    try:
        pair.ok("export", "-o", tmp_path / "fleet.tar")
        subprocess.run([ctr, "-a", socket, "--connect-timeout", "30s", "image",
                        "import", "--no-unpack", tmp_path / "fleet.tar"],
                       check=True, capture_output=True)
        names = subprocess.run([ctr, "-a", socket, "image", "ls", "-q"],
                               check=True, capture_output=True,
                               text=True).stdout.split()
    finally:
        process.terminate()
        process.wait(timeout=30)
    assert set(names) == set(references(pair).values())
