"""system: Debian packages that services add to their base, up to a container
that loads a library of theirs."""

import json
import os
import subprocess
import tarfile

import pytest

MANIFEST = """\
fleet: system
machines: {desk: {platform: linux/amd64}}
bases:
  py311: {debian: bookworm, python: "3.11"}
families:
  core: {base: py311}
  audio: {extends: core, system: [libportaudio2]}
defaults: {machines: desk, family: core}
services:
"""
AUDIO = ("run: main.py, extra: [sounddevice], "
         "system: [libportaudio2, libasound2-data]")
FOLD = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib",
        "lib64": "usr/lib64"}


class Audio:
    """A fleet whose services import sounddevice, or nothing."""

    def __init__(self, made, store):
        self.fleet = made
        made.store = store

    def write(self, services):
        made = self.fleet
        made.write({
            "fleet.yaml": MANIFEST + "".join(
                f"  {name}: {{{settings}}}\n"
                for name, settings in services.items()),
            "main.py": "import sounddevice\n", "plain.py": "import json\n"})

    def lock(self):
        return json.loads((self.fleet.path / "fleet.lock.json").read_text())

    def services(self):
        return {s["name"]: s for s in self.lock()["services"]}

    def system_layers(self):
        """Per service, the layers above the base's two that hold Debian
        packages."""
        plan = self.fleet.json("plan")
        layers = {layer["id"]: layer for layer in plan["layers"]}
        found = {}
        for image in plan["images"]:
            blobs = [layers[number] for number in image["layers"]]
            found[image["service"]] = [
                layer for layer in blobs[2:]
                if any(n.startswith("var/lib/dpkg/status.d/")
                       for n in members(self.fleet, layer))]
        return found


def members(made, layer):
    blob = made.store / "blobs" / layer["digest"].replace(":", "/")
    with tarfile.open(blob) as tar:
        return {m.name: (m, tar.extractfile(m).read() if m.isreg() else None)
                for m in tar}


@pytest.fixture
def audio(fleet, shared_store):
    return Audio(fleet({}), shared_store)


def folded(name):
    first, slash, rest = name.partition("/")
    return FOLD[first] + slash + rest if first in FOLD and rest else name


def test_a_container_loads_what_system_brings(audio, docker, skopeo):
    made = audio.fleet
    audio.write({"Ear": AUDIO, "Mouth": AUDIO, "Plain": "run: plain.py"})
    made.ok("lock")
    locked = audio.services()
    assert locked["Ear"]["system_requirements"] == [
        "libasound2-data", "libportaudio2"]
    assert locked["Ear"]["system"] == locked["Mouth"]["system"]
    debs = {f"{d['name']}={d['version']}": d
            for d in audio.lock()["bases"][0]["system"]}
    assert sorted(debs) == locked["Ear"]["system"]
    made.ok("build")
    layers = audio.system_layers()
    assert layers["Plain"] == []
    [layer] = layers["Ear"]
    assert [layer] == layers["Mouth"]  # one layer for both
    files = members(made, layer)

    compared = 0
    for deb in debs.values():
        stream = subprocess.run(
            ["dpkg-deb", "--fsys-tarfile",
             made.store / "files/sha256" / deb["sha256"]],
            capture_output=True, check=True).stdout
        path = made.path / "fsys.tar"
        path.write_bytes(stream)
        with tarfile.open(path) as tar:
            for member in tar:
                name = folded(member.name.removeprefix("./"))
                if member.isdir():
                    continue
                if name not in files:
                    assert name.startswith("usr/share/"), name
                    continue
                ours, data = files[name]
                assert (ours.type, ours.mode & 0o777, ours.linkname) == (
                    member.type, member.mode & 0o777, member.linkname), name
                if member.isreg():
                    assert tar.extractfile(member).read() == data, name
                compared += 1
        assert (f"Package: {deb['name']}\n".encode()
                in files[f"var/lib/dpkg/status.d/{deb['name']}"][1])
    print(f"{len(debs)} packages, {compared} files equal dpkg-deb's")
    assert compared > 50
    assert b"libportaudio.so.2" in files["etc/ld.so.cache"][1]

    [image] = [i for i in made.json("build")["images"]
               if i["service"] == "Ear"]
    name = "slipway-test-system:1"
    docker.take(skopeo, f"oci:{made.store}:{image['reference']}", name)
    said = docker("run", "--rm", name, "python", "-c",
                  "import sounddevice as s; print(s.get_portaudio_version())")
    assert "PortAudio" in said.stdout


def test_what_a_service_has_stays(audio):
    made = audio.fleet
    audio.write({"Ear": "run: plain.py, system: [libportaudio2]"})
    made.ok("lock")
    first = audio.services()["Ear"]
    made.ok("lock", "--check")
    # Another wish is another's, and the network is not asked for the old one.
    audio.write({"Ear": "run: plain.py, system: [libportaudio2]",
                 "Other": "run: plain.py, system: [libsndfile1]"})
    reasons = made.json("lock", "--check", status=1)["reasons"]
    assert reasons == ["it does not hold service 'Other'"]
    made.ok("lock")
    assert audio.services()["Ear"] == first
    audio.write({"Ear": "run: plain.py, system: [libsndfile1]"})
    reasons = made.json("lock", "--check", status=1)["reasons"]
    assert "other Debian packages are asked for by service 'Ear'" in reasons
    made.ok("lock")
    names = [d["name"] for d in audio.lock()["bases"][0]["system"]]
    assert "libsndfile1" in names and "libportaudio2" not in names


def test_a_family_brings_its_packages(audio):
    audio.write({"Ear": "run: plain.py, family: audio, system: [libsndfile1]",
                 "Mouth": "run: plain.py, family: audio",
                 "Plain": "run: plain.py"})
    audio.fleet.ok("lock")
    locked = audio.services()
    assert locked["Ear"]["system_requirements"] == [
        "libportaudio2", "libsndfile1"]
    assert locked["Mouth"]["system_requirements"] == ["libportaudio2"]
    assert "system" not in locked["Plain"]


def test_what_cannot_be_added_stops_its_service_only(audio):
    made = audio.fleet
    audio.write({"Bad": "run: plain.py, system: [no-such-package]",
                 "Far": "run: plain.py, family: far, system: [libportaudio2]",
                 "Good": "run: plain.py"})
    text = (made.path / "fleet.yaml").read_text()
    made.write({"fleet.yaml": text.replace(
        "families:\n", "families:\n  far: {base: image}\n").replace(
        "bases:\n", "bases:\n  image: {registry: \"localhost/x:1\"}\n")})
    result = made.run("lock")
    assert result.returncode == 1
    assert "has no package 'no-such-package'" in result.stderr
    assert ("system: adds Debian packages, and base 'image' is not made of "
            "such") in result.stderr
    assert list(audio.services()) == ["Good"]


def test_packages_come_from_the_mirror_of_the_base(audio, tmp_path):
    made = audio.fleet
    audio.write({"Ear": "run: plain.py, system: [libportaudio2]"})
    made.ok("lock")
    made.ok("build")
    [base] = audio.lock()["bases"]
    for deb in base["packages"] + base["system"]:
        path = tmp_path / "mirror" / deb["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(made.store / "files/sha256" / deb["sha256"], path)
    made.store = tmp_path / "store"  # an empty one
    assert "--offline forbids" in made.run("build", "--offline").stderr
    text = (made.path / "fleet.yaml").read_text()
    made.write({"fleet.yaml": text.replace(
        "{debian: bookworm,",
        f"{{debian: bookworm, mirror: \"file://{tmp_path}/mirror\",")})
    made.ok("build", "--offline")
