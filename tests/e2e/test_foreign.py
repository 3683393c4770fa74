"""A machine of another processor: images for arm64, made on this host."""

import io
import json
import struct
import subprocess
import tarfile

import pytest

from conftest import CACHE, add_missing

ELF_MACHINE = {"amd64": 62, "arm64": 183}
FLEET = """\
fleet: foreign
machines:
  desk: {platform: linux/amd64}
  edge: {platform: linux/arm64}
bases: {py311: {debian: bookworm, python: "3.11"}}
families: {core: {base: py311}}
defaults: {family: core, run: main.py, extra: [pyzmq, packaging]}
services:
  Here: {machines: desk}
  There: {machines: edge}
"""


@pytest.fixture
def made(fleet):
    """The fleet with a store that has what earlier runs downloaded."""
    made = fleet({"fleet.yaml": FLEET, "main.py": "import zmq, packaging\n"})
    made.ok("du")
    add_missing(CACHE / "foreign", made.store / "files/sha256")
    return made


def layers_of(store, digest):
    manifest = json.loads(blob(store, digest).read_text())
    for layer in manifest["layers"]:
        data = subprocess.run(["gzip", "-dc", blob(store, layer["digest"])],
                              check=True, stdout=subprocess.PIPE).stdout
        yield tarfile.open(fileobj=io.BytesIO(data))


def blob(store, digest):
    return store / "blobs" / digest.replace(":", "/")


def contents(store, digest):
    """({e_machine} of the ELF files, {path: bytes} of the .pyc)"""
    machines, compiled = set(), {}
    for layer in layers_of(store, digest):
        for member in layer:
            data = layer.extractfile(member).read() if member.isfile() else b""
            if data.startswith(b"\x7fELF"):
                machines.add(struct.unpack_from("<H", data, 18)[0])
            if member.name.endswith(".pyc"):
                compiled[member.name] = data
    return machines, compiled


def test_images_of_both(made, skopeo):
    made.ok("lock")
    images = {image["service"]: image for image in
              made.json("build")["images"]}
    add_missing(made.store / "files/sha256", CACHE / "foreign")
    found = {}
    for service, architecture in (("Here", "amd64"), ("There", "arm64")):
        config = json.loads(subprocess.run(
            [skopeo, "inspect", "--config",
             f"oci:{made.store}:{images[service]['reference']}"],
            check=True, stdout=subprocess.PIPE).stdout)
        assert config["architecture"] == architecture
        found[service] = contents(made.store, images[service]["digest"])
        assert found[service][0] == {ELF_MACHINE[architecture]}
    # Bytecode does not depend on the processor.
    here, there = found["Here"][1], found["There"][1]
    both = here.keys() & there.keys()
    assert len(both) > 500
    assert [path for path in both if here[path] != there[path]] == []


def test_without_a_base_of_this_host(made):
    made.write({"fleet.yaml": FLEET.replace("  Here: {machines: desk}\n", "")})
    made.run("lock")
    failed = made.run("build")
    assert failed.returncode == 1
    assert ("nothing compiles bytecode for linux/arm64 here" in failed.stderr
            and "let a service of a machine of linux/amd64 use the base "
            "'py311' too" in failed.stderr)
