"""What the lock records of layers: what counts of it, what stays absent, what
is made when somebody needs it, and what is refused.

The fleet has two services with real wheels, which a loopback index serves from
the store that `hello` filled; the index shows who downloaded what.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

from conftest import Fleet
from simple_index import SimpleIndex
from wheel_maker import make_wheel

DEB = b"!<arch>\n"
NOWHERE = {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple",
           "UV_NO_CONFIG": "1", "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
           "PIP_CONFIG_FILE": "/dev/null"}


class Claims:
    """A fleet whose lock has signed records, and an index for it."""

    def __init__(self, hello, folder):
        self.hello = hello
        self.fleet = hello.copy(folder / "fleet", folder / "store")
        self.fleet.write({"echo/idle.py": "import yaml\nprint(yaml)\n"})
        manifest = self.fleet.path / "fleet.yaml"
        manifest.write_text(manifest.read_text() + f"""
  Idle: {{machines: desk, family: core, run: echo/idle.py, extra: [PyYAML]}}
registry: claims.test/{os.getpid()}
""")
        hello.seed(self.fleet.store)
        self.lock_path = self.fleet.path / "fleet.lock.json"
        self.lock_path.unlink()  # its plan knows no second service
        self.fleet.ok("lock")
        self.key = folder / "ci.pem"
        self.public = self.fleet.ok("key", "--new", self.key).stdout.strip()
        unrecorded = self.lock_path.read_text()
        self.fleet.ok("build")
        assert self.lock_path.read_text() == unrecorded
        said = self.fleet.json("build", "--record", "--sign", self.key)
        self.recorded = said["recorded"]
        self.digests = digests(said)
        self.reference = {image["service"]: image["reference"]
                          for image in said["images"]}
        self.lock = json.loads(self.lock_path.read_text())
        self.index = SimpleIndex(self.serve(folder / "wheels"))

    def serve(self, folder):
        folder.mkdir()
        for resolution in self.lock["resolutions"]:
            for package in resolution["packages"]:
                wheel = package["wheel"]
                shutil.copy(
                    self.fleet.store / "files/sha256" / wheel["sha256"],
                    folder / wheel["file"])
        return folder

    def machine(self, path, trust=True, lock=None, debs=True, key=None):
        """A second machine: the fleet from git, and a store with the base's
        packages but no wheel."""
        made = self.fleet.__class__(self.fleet.program, path / "fleet",
                                    path / "store")
        shutil.copytree(self.fleet.path, made.path)
        if trust:
            manifest = made.path / "fleet.yaml"
            manifest.write_text(manifest.read_text() + (
                f"policy: {{trust: {key or self.public}}}\n"))
        if lock:
            (made.path / "fleet.lock.json").write_text(json.dumps(lock))
        made.ok("du")
        for file in (self.fleet.store / "files/sha256").iterdir():
            with open(file, "rb") as opened:
                if debs and opened.read(len(DEB)) == DEB:
                    shutil.copy(file, made.store / "files/sha256")
        made.environment = self.index.environment()
        self.index.requests.clear()
        return made

    def downloads(self):
        """Names of the projects whose wheels were asked for."""
        return {path.split("/")[-1].split("-")[0].lower()
                for _, path, _ in self.index.requests if "/files/" in path}

    def changed(self, number, **values):
        """The lock with one record changed."""
        lock = json.loads(json.dumps(self.lock))
        lock["layers"][number].update(values)
        return lock

    def wheel_record(self):
        """The number of the record of the layer with pyzmq."""
        plan = self.fleet.json("plan")
        [digest] = [layer["digest"] for layer in plan["layers"]
                    if any("pyzmq" in part for part in layer["parts"])]
        [number] = [i for i, record in enumerate(self.lock["layers"])
                    if record["digest"] == digest]
        return number


def digests(said):
    return {image["service"]: image["digest"] for image in said["images"]}


def states(said):
    return {image["state"] for image in said["images"] + said["families"]}


def listed(made):
    index = json.loads((made.store / "index.json").read_text())
    return {entry["annotations"]["org.opencontainers.image.ref.name"]
            for entry in index["manifests"]}


@pytest.fixture(scope="module")
def claims(hello, tmp_path_factory):
    made = Claims(hello, tmp_path_factory.mktemp("claims"))
    yield made
    made.index.close()


def test_record_writes_what_was_made_and_no_source(claims):
    plan = claims.fleet.json("plan")
    made = {layer["digest"] for layer in plan["layers"]
            if not layer["parts"][0].startswith("source of")}
    records = claims.lock["layers"]
    assert {record["digest"] for record in records} == made
    assert claims.recorded == {"added": len(made), "replaced": 0,
                               "signed": len(made)}
    assert {record["signer"] for record in records} == {claims.public}
    # Nothing is new the second time, and the file keeps its bytes.
    text = claims.lock_path.read_text()
    again = claims.fleet.json("build", "--record")
    assert again["recorded"] == {"added": 0, "replaced": 0, "signed": 0}
    assert claims.lock_path.read_text() == text
    assert claims.fleet.json("lock", "--check")["current"]


def test_a_new_lock_keeps_the_records_of_what_stays(claims, tmp_path):
    made = claims.machine(tmp_path)
    made.environment = {}
    claims.hello.seed(made.store)
    manifest = made.path / "fleet.yaml"
    manifest.write_text(manifest.read_text().replace(
        "extra: [pyzmq, orjson, PyYAML]", "extra: [orjson, PyYAML]"))
    made.write({"echo/service.py": "import orjson, yaml\n"})
    made.ok("lock")
    kept = json.loads((made.path / "fleet.lock.json").read_text())["layers"]
    gone = claims.lock["layers"][claims.wheel_record()]
    assert gone not in kept and 0 < len(kept) < len(claims.lock["layers"])
    assert all(record in claims.lock["layers"] for record in kept)


def test_an_empty_store_gives_the_same_digests(claims, tmp_path):
    made = claims.machine(tmp_path)
    plan = made.json("plan")
    assert digests(plan) == claims.digests
    said = made.json("build")
    assert digests(said) == claims.digests
    assert states(said) == {"known"}
    assert claims.downloads() == set()
    absent = [layer for layer in plan["layers"] if layer["absent"]]
    # One record for a layer that stands in the stacks of several services.
    assert ({layer["digest"] for layer in absent} ==
            {layer["digest"] for layer in claims.lock["layers"]})
    text = made.ok("build")
    assert "are known by the lock and not made yet" in text.stdout
    # The index lists whole images only, and the rest of the store is sound.
    assert listed(made) == set()
    verified = made.json("verify")
    assert (verified["images"], verified["problems"]) == (0, [])
    used = made.json("du")
    assert used["image_blobs"]["count"] == 0
    assert used["blobs"]["bytes"] < 100_000


@pytest.mark.parametrize("offline", [["--offline"], []])
def test_no_index_is_needed(claims, tmp_path, offline):
    made = claims.machine(tmp_path)
    made.environment = {**NOWHERE, "PIP_FIND_LINKS": str(tmp_path)}
    assert digests(made.json("build", *offline)) == claims.digests
    assert digests(made.json("plan", *offline)) == claims.digests
    result = made.run("export", *offline, "-o", tmp_path / "x.tar")
    assert result.returncode == 3, result.stderr
    assert not (tmp_path / "x.tar").exists()
    assert made.json("verify")["problems"] == []


def test_export_makes_what_it_needs(claims, tmp_path):
    made = claims.machine(tmp_path)
    made.ok("build")
    made.ok("export", "-o", tmp_path / "idle.tar", "Idle")
    assert claims.downloads() == {"pyyaml"}
    assert listed(made) >= {claims.reference["Idle"]}
    assert claims.reference["Echo"] not in listed(made)
    claims.fleet.ok("export", "-o", tmp_path / "first.tar", "Idle")
    assert ((tmp_path / "idle.tar").read_bytes()
            == (tmp_path / "first.tar").read_bytes())
    made.ok("export", "-o", tmp_path / "all.tar")
    assert claims.downloads() == {"pyyaml", "pyzmq", "orjson"}
    assert states(made.json("build")) == {"cached"}
    assert made.json("verify")["problems"] == []


def test_load_makes_only_what_docker_lacks(claims, tmp_path, docker):
    made = claims.machine(tmp_path)
    made.ok("build")
    docker.remove_after(*claims.reference.values())
    made.ok("load", "Idle")
    assert claims.downloads() == {"pyyaml"}
    # A machine that is new but for docker's layers.
    other = claims.machine(tmp_path / "other")
    other.ok("build")
    [image] = other.json("load", "Echo")["images"]
    assert image["state"] == "loaded"
    if image["present_layers"] == 0:
        pytest.skip("this docker takes no archive without the layers it has")
    assert "pyzmq" in claims.downloads()
    assert "pyyaml" not in claims.downloads()
    assert claims.reference["Echo"] not in listed(other)


def test_unsigned_records_do_not_count(claims, tmp_path):
    lock = json.loads(json.dumps(claims.lock))
    for record in lock["layers"]:
        del record["signer"], record["signature"]
    made = claims.machine(tmp_path, lock=lock)
    said = made.run("build", "--json")
    assert "nobody signed the records" in said.stderr
    said = json.loads(said.stdout)
    assert (digests(said), states(said)) == (claims.digests, {"built"})
    assert claims.downloads() == {"pyyaml", "pyzmq", "orjson"}


@pytest.mark.parametrize("trust", [True, False])
def test_a_stranger_does_not_count(claims, tmp_path, trust):
    other = claims.fleet.ok("key", "--new", tmp_path / "other.pem")
    made = claims.machine(tmp_path, trust, key=other.stdout.strip())
    said = made.run("build", "--json")
    assert "policy.trust does not name" in said.stderr
    said = json.loads(said.stdout)
    assert (digests(said), states(said)) == (claims.digests, {"built"})
    assert "pyzmq" in claims.downloads()


@pytest.mark.parametrize("field", ["digest", "diff_id", "bytes",
                                   "compressed_bytes", "signature"])
def test_a_changed_record_is_refused(claims, tmp_path, field):
    """Correct hashes of wheels do not help a forged record of a layer."""
    number = claims.wheel_record()
    old = claims.lock["layers"][number][field]
    forged = (old + 1 if isinstance(old, int)
              else old[:-1] + ("1" if old[-1] != "1" else "2"))
    made = claims.machine(tmp_path, lock=claims.changed(
        number, **{field: forged}))
    result = made.run("build", "--json")
    assert result.returncode == 1
    assert f"is not what {claims.public} signed" in result.stderr
    assert "pyzmq-" in result.stderr and ".whl" in result.stderr
    said = digests(json.loads(result.stdout))
    assert said == {"Echo": None, "Idle": claims.digests["Idle"]}
    assert claims.downloads() == set()


@pytest.mark.parametrize("field", ["digest", "diff_id"])
def test_a_wrong_record_is_found_when_it_is_made(claims, tmp_path, field):
    number = claims.wheel_record()
    wrong = "sha256:" + "0" * 64
    lock = claims.changed(number, **{field: wrong})
    key = lock["layers"][number]["key"]
    del lock["layers"][number]["signer"], lock["layers"][number]["signature"]
    made = claims.machine(tmp_path, lock=lock)
    result = made.run("build", "--json")
    assert result.returncode == 1
    assert wrong in result.stderr and "Echo on desk" in result.stderr
    assert claims.lock["layers"][number][field] in result.stderr
    assert "pyzmq-" in result.stderr and key in result.stderr
    assert digests(json.loads(result.stdout))["Echo"] is None
    # What is wrong is neither published nor recorded.
    assert not (made.store / "blobs" / claims.lock["layers"][number]
                ["digest"].replace(":", "/")).exists()
    before = (made.path / "fleet.lock.json").read_text()
    assert made.run("build", "--record").returncode == 1
    after = json.loads((made.path / "fleet.lock.json").read_text())
    assert after["layers"] == json.loads(before)["layers"]
    # The store that made the layer refuses the record at once.
    first = claims.machine(tmp_path / "first", lock=lock)
    first.store = claims.fleet.store
    result = first.run("build", "--json")
    assert result.returncode == 1 and wrong in result.stderr
    assert claims.downloads() == set()


def test_another_compressor_binds_the_diff_id_only(claims, tmp_path):
    number = claims.wheel_record()
    other = {"compressor": "gzip libdeflate-0.1-level4 runs-1",
             "digest": "sha256:" + "5" * 64}
    made = claims.machine(tmp_path, lock=claims.changed(number, **other))
    result = made.run("build", "--record", "--json")
    assert result.returncode == 0, result.stderr
    assert "another compressor made those of the lock" in result.stderr
    said = json.loads(result.stdout)
    assert digests(said) == claims.digests
    assert said["recorded"] == {"added": 0, "replaced": 1, "signed": 0}
    record = json.loads((made.path / "fleet.lock.json").read_text())[
        "layers"][number]
    old = claims.lock["layers"][number]
    assert "signer" not in record
    assert all(record[name] == old[name] for name in record)
    wrong = claims.machine(tmp_path / "wrong", lock=claims.changed(
        number, **other, diff_id="sha256:" + "6" * 64))
    result = wrong.run("build")
    assert result.returncode == 1 and "DiffID" in result.stderr


def test_proof(claims, tmp_path):
    count = len(claims.lock["layers"])
    number = claims.wheel_record()
    old = tmp_path / "old.json"
    old.write_text(json.dumps(claims.lock))
    made = claims.machine(tmp_path / "a")
    said = made.json("lock", "--check", "--prove", "--since", old)
    assert said["proof"] == {"records": 0, "wrong": []}
    assert claims.downloads() == set()
    lock = json.loads(json.dumps(claims.lock))
    del lock["layers"][number]
    old.write_text(json.dumps(lock))
    said = made.json("lock", "--check", "--prove", "--since", old)
    assert said["proof"] == {"records": 1, "wrong": []}
    assert claims.downloads() == {"pyzmq", "orjson"}
    said = made.json("lock", "--check", "--prove")
    assert said["proof"] == {"records": count, "wrong": []}
    assert claims.downloads() == {"pyzmq", "orjson", "pyyaml"}


def sign_again(claims, made):
    """A forged record with the signature of a trusted key that was stolen:
    the statement of facts/lockfile.h, signed by openssl."""
    path = made.path / "fleet.lock.json"
    lock = json.loads(path.read_text())
    number = claims.wheel_record()
    record = lock["layers"][number]
    record["diff_id"] = "sha256:" + "7" * 64
    fields = ["slipway layer 1", record["key"], record["diff_id"],
              str(record["bytes"]), record["compressor"], record["digest"],
              str(record["compressed_bytes"])]
    statement = made.path.parent / "statement"
    statement.write_bytes(b"".join(
        b"%d:%s" % (len(field), field.encode()) for field in fields))
    record["signature"] = subprocess.run(
        ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", claims.key, "-in",
         statement], check=True, capture_output=True).stdout.hex()
    path.write_text(json.dumps(lock))


def test_a_lie_of_a_trusted_key(claims, tmp_path):
    """It counts (that is what trust means), until somebody makes the bytes."""
    made = claims.machine(tmp_path)
    sign_again(claims, made)
    said = made.json("build")
    assert said["images"][0]["digest"] != claims.digests["Echo"]
    assert states(said) == {"known"}
    result = made.run("export", "-o", tmp_path / "x.tar", "Echo")
    assert result.returncode == 1
    assert "Echo on desk" in result.stderr and "DiffID" in result.stderr
    assert not (tmp_path / "x.tar").exists()
    result = made.run("lock", "--check", "--prove", "--json")
    assert result.returncode == 1
    [wrong] = json.loads(result.stdout)["proof"]["wrong"]
    assert "pyzmq" in wrong and "DiffID" in wrong
    assert claims.reference["Echo"] not in listed(made)


def test_a_record_of_nothing_is_no_proof(claims, tmp_path):
    lock = json.loads(json.dumps(claims.lock))
    lock["layers"].append({**lock["layers"][0], "key": "sha256:" + "f" * 64})
    made = claims.machine(tmp_path, lock=lock)
    result = made.run("lock", "--check", "--prove", "--json")
    assert result.returncode == 1
    [wrong] = json.loads(result.stdout)["proof"]["wrong"]
    assert "sha256:" + "f" * 64 in wrong


def test_kill_while_layers_are_made(claims, tmp_path):
    made = claims.machine(tmp_path)
    made.ok("build")
    for pause in (0.05, 0.2, 0.5):
        process = subprocess.Popen(
            [made.program, "-C", made.path, "--store", made.store, "export",
             "-o", tmp_path / "killed.tar"],
            env={**os.environ, **made.environment},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert made.json("verify")["problems"] == []
        assert digests(made.json("build")) == claims.digests
    made.ok("export", "-o", tmp_path / "whole.tar")
    claims.fleet.ok("export", "-o", tmp_path / "first.tar")
    assert ((tmp_path / "whole.tar").read_bytes()
            == (tmp_path / "first.tar").read_bytes())


def test_what_was_removed_is_made_again_when_needed(claims, tmp_path):
    made = claims.machine(tmp_path)
    made.ok("build")
    made.ok("export", "-o", tmp_path / "a.tar")
    record = claims.lock["layers"][claims.wheel_record()]
    blob = made.store / "blobs" / record["digest"].replace(":", "/")
    blob.chmod(0o644)
    blob.write_bytes(b"broken")
    assert made.run("verify", "--remove").returncode == 1
    assert claims.reference["Echo"] not in listed(made)
    said = made.json("build")
    assert digests(said) == claims.digests
    assert not blob.exists()
    made.ok("export", "-o", tmp_path / "b.tar")
    assert blob.exists() and claims.reference["Echo"] in listed(made)
    assert ((tmp_path / "a.tar").read_bytes()
            == (tmp_path / "b.tar").read_bytes())


def test_an_empty_store_offline(slipway, python_image, tmp_path, simple_index):
    """With a base that lies on the host nothing at all is fetched."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    make_wheel(wheels, "greeter", files={"greeter.py": "word = 'hello'\n"})
    index = simple_index(wheels)
    made = Fleet(slipway, tmp_path / "fleet", tmp_path / "store")
    made.write({"fleet.yaml": f"""
fleet: small
machines: {{desk: {{platform: linux/amd64}}}}
bases: {{py: {{oci: "{python_image}:3.10-slim"}}}}
families: {{core: {{base: py}}}}
services:
  Hi: {{machines: desk, family: core, run: hi.py, extra: [greeter]}}
""", "hi.py": "import greeter\nprint(greeter.word)\n"})
    made.use_index(index, tmp_path)
    key = tmp_path / "key.pem"
    public = made.ok("key", "--new", key).stdout.strip()
    made.ok("lock")
    first = made.json("build", "--record", "--sign", key)
    manifest = made.path / "fleet.yaml"
    manifest.write_text(manifest.read_text()
                        + f"policy: {{trust: {public}}}\n")
    made.store = tmp_path / "empty"
    said = made.json("build", "--offline")
    assert digests(said) == digests(first) and states(said) == {"known"}
    assert digests(made.json("plan", "--offline")) == digests(first)


@pytest.mark.parametrize("arguments, message", [
    (["build", "--sign", "x.pem"], "--sign signs what --record records"),
    (["build", "--record", "--sign", "/nowhere.pem"], "there is no key"),
    (["lock", "--prove"], "--prove with --check"),
    (["lock", "--check", "--since", "x"], "--since goes with --prove"),
    (["key"], "needs the name of one file"),
])
def test_wrong_use(claims, arguments, message):
    result = claims.fleet.run(*arguments)
    assert result.returncode == 2
    assert message in result.stderr


def test_key_files(claims, tmp_path):
    path = tmp_path / "k.pem"
    public = claims.fleet.json("key", "--new", path)["public"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert claims.fleet.json("key", path)["public"] == public
    assert claims.fleet.run("key", "--new", path).returncode == 2
    shown = subprocess.run(
        ["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"],
        check=True, capture_output=True).stdout
    assert public == "ed25519:" + shown[-32:].hex()
    assert pathlib.Path(path).read_text().startswith("-----BEGIN PRIVATE KEY")
