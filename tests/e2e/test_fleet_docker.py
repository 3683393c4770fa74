"""The example fleet in Docker: it holds what `plan` says, and each kind of
service is well, or not, in Docker's own eyes.

A few CPU services; SLIPWAY_FLEET=all takes all of them, torch and CUDA too
(5 GB of downloads, 25 GB of disk, some minutes).
"""

import gzip
import hashlib
import json
import os
import re
import shutil
import signal
import tarfile
import time

import pytest
import yaml

from conftest import CACHE, DOWNLOADS, DUAL, Fleet, find_docker

ALL = os.environ.get("SLIPWAY_FLEET") == "all"

KINDS = {
    "zmq, REP": "ServiceRegistry",
    "tcp, served by slipway-init": "ChitchatAgent",
    "http, FastAPI": "StreamingTranslationProxy",
    "grpc": "SpeechRelayService",
    "nvml": "CrossMachineGPUScheduler",
}
if ALL:
    KINDS |= {
        "http, own server": "CentralErrorBus",
        "http, websockets": "UnifiedWebAgent",
        "tcp, audio": "TTSService",
        "tcp, torch on the CPU": "LearningManager",
        "http, torch and FastAPI": "ModelOpsCoordinator",
        "tcp, torch and audio": "RealTimeAudioPipelinePC2",
        "tcp, ONNX": "VisionProcessingAgent",
    }
ALONE = ["ChitchatAgent", "StreamingTranslationProxy"]
if ALL:
    ALONE.append("LearningManager")
# A file that many services need and that has to be there once.
HEAVY = "libtorch_cuda.so" if ALL else "_pydantic_core."
CUDA = re.compile(r"/lib(cu(?!rl)|nvidia)[^/]*\.so")


def seed(made):
    """Gives a store all downloads that are on this machine already."""
    made.ok("du")
    target = made.store / "files/sha256"
    target.mkdir(parents=True, exist_ok=True)
    for store in (DOWNLOADS, CACHE / "bench/store"):
        for path in (store / "files/sha256").glob("[!.]*"):
            if (target / path.name).exists():
                continue
            try:
                os.link(path, target / path.name)
            except OSError:  # another file system
                shutil.copy2(path, target / path.name)


def make_part(program, folder, wanted):
    """The example fleet with these services only, locked and built. Docker
    asks them every second."""
    made = Fleet(program, folder / "fleet", folder / "store")
    shutil.copytree(DUAL, made.path,
                    ignore=shutil.ignore_patterns("fleet.lock.json"))
    fleet = yaml.safe_load((DUAL / "fleet.yaml").read_text())
    timing = {"interval": "1s", "retries": 2}
    fleet["defaults"]["health"] = timing
    known = wanted | fleet["infra"].keys()
    fleet["services"] = {name: service for name, service
                         in fleet["services"].items() if name in wanted}

    def walk(settings):
        if isinstance(settings.get("health"), dict):
            settings["health"].update(timing)
        elif "health" in settings:
            settings["health"] = {"http": settings["health"], **timing}
        if "depends_on" in settings:
            names = settings["depends_on"]
            settings["depends_on"] = [
                name for name in ([names] if isinstance(names, str) else names)
                if name in known]
        if isinstance(settings.get("machines"), dict):
            for special in settings["machines"].values():
                walk(special)
    for service in fleet["services"].values():
        walk(service)
    (made.path / "fleet.yaml").write_text(yaml.safe_dump(fleet))
    seed(made)
    made.ok("lock")
    made.ok("build", timeout=1800)
    return made


@pytest.fixture(scope="module")
def part(slipway, tmp_path_factory):
    wanted = set(yaml.safe_load((DUAL / "fleet.yaml").read_text())["services"]
                 if ALL else KINDS.values())
    folder = tmp_path_factory.mktemp("part")
    yield make_part(slipway, folder, wanted)
    shutil.rmtree(folder)


class Loaded:
    def __init__(self, docker, images, seconds):
        self.docker = docker
        self.seconds = seconds
        self.images = images  # what load says, per image

    def reference(self, service):
        return next(image["reference"] for image in self.images
                    if image["service"] == service)


@pytest.fixture(scope="module")
def loaded(part):
    docker = find_docker()
    began = time.monotonic()
    try:
        images = part.json("load", "--to", "docker", timeout=1800)["images"]
        docker.remove_after(*(image["reference"] for image in images))
        yield Loaded(docker, images, time.monotonic() - began)
    finally:
        docker.clean()


def chain_ids(diff_ids):
    """Source: OCI image-spec, config.md, "Layer ChainID"."""
    chain = None
    for diff_id in diff_ids:
        chain = diff_id if chain is None else "sha256:" + hashlib.sha256(
            f"{chain} {diff_id}".encode()).hexdigest()
        yield chain


def held_bytes(loaded):
    """{ChainID: bytes} of all that docker holds of these images."""
    held = {}
    for image in loaded.images:
        [known] = json.loads(loaded.docker(
            "image", "inspect", image["reference"]).stdout)
        sizes = loaded.docker("history", "--human=false", "--format",
                              "{{.Size}}", image["reference"]).stdout.split()
        held.update(zip(chain_ids(known["RootFS"]["Layers"]),
                        map(int, reversed(sizes)), strict=True))
    return held


def read_layer(path):
    """Its files' names, their bytes as Docker counts them (a symbolic link has
    the length of its target), and the bytes of the whole tar."""
    names, content = [], 0
    with gzip.open(path) as raw:
        with tarfile.open(fileobj=raw, mode="r|") as archive:
            for member in archive:
                names.append(member.name)
                content += (len(os.fsencode(member.linkname)) if member.issym()
                            else member.size)
        while raw.read(1 << 20):
            pass
        return names, content, raw.tell()


def test_docker_holds_what_plan_says(part, loaded, capsys):
    plan = part.json("plan")
    held = held_bytes(loaded)
    # A family's own slipway-init is in no image of a service.
    layers = {layer["chain_id"]: layer for layer in plan["layers"]
              if layer["services"]}
    assert held.keys() == layers.keys()
    with_heavy, names_of = set(), {}
    for chain, layer in layers.items():
        names, content, whole = read_layer(
            part.store / "blobs" / layer["digest"].replace(":", "/"))
        assert (held[chain], layer["bytes"]) == (content, whole)
        names_of[layer["id"]] = names
        if any(HEAVY in name for name in names):
            with_heavy.add(chain)
    assert len(with_heavy) == 1

    tree, docker = plan["totals"]["tree_bytes"], sum(held.values())
    assert tree == sum(layer["bytes"] for layer in plan["layers"])
    # Docker counts files, without a tar's headers: in a fleet of small files
    # they are a larger share.
    assert 0 <= tree - docker < (0.01 if ALL else 0.05) * docker
    fleet = yaml.safe_load((part.path / "fleet.yaml").read_text())
    for image in plan["images"]:
        has_cuda = any(CUDA.search("/" + name) for layer in image["layers"]
                       for name in names_of[layer])
        gpu = setting(fleet, image["service"], "gpu", "none")
        assert has_cuda == (gpu in ("optional", "required")), image
    with capsys.disabled():
        print(f"\n{len(loaded.images)} images loaded in {loaded.seconds:.0f} "
              f"s, {len(held)} ChainIDs: plan {tree}, docker {docker} bytes, "
              f"{tree / docker - 1:.2%} more; {HEAVY} under {len(with_heavy)}")


def setting(fleet, service, key, default=None):
    settings = fleet["services"][service]
    while key not in settings and "like" in settings:
        settings = fleet["templates"][settings["like"]]
    return settings.get(key, default)


def test_unshared_is_what_each_takes_alone(part, slipway, tmp_path, capsys):
    plan = part.json("plan")
    bytes_of = {layer["id"]: layer["bytes"] for layer in plan["layers"]}
    images = [(image["service"], sum(bytes_of[id] for id in image["layers"]))
              for image in plan["images"]]
    assert sum(size for _, size in images) == (
        plan["totals"]["unshared_bytes"])
    alone = {}
    for service in ALONE:
        made = make_part(slipway, tmp_path / service, {service})
        alone[service] = made.json("plan")["totals"]["tree_bytes"]
        shutil.rmtree(made.store)
        assert alone[service] == pytest.approx(dict(images)[service], rel=0.01)
    together = sum(dict(images)[service] for service in ALONE)
    assert sum(alone.values()) == pytest.approx(together, rel=0.01)
    with capsys.disabled():
        print(f"\nunshared {plan['totals']['unshared_bytes']}; alone {alone}: "
              f"{sum(alone.values())}, of these in the plan {together}")


SEND = """
import os, sys
with open("/proc/1/task/1/children") as children:
    os.kill(int(children.read().split()[0]), int(sys.argv[1]))
"""

# Takes a copy of each socket that listens on the port, takes it out of what
# its process waits for, so that it does not wake up, and shuts it down.
CLOSE = """
import ctypes, fcntl, os, select, socket, sys
PIDFD_GETFD = 438
call = ctypes.CDLL(None, use_errno=True).syscall

def copy(process, number):
    fd = call(PIDFD_GETFD, process, number, 0)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    return fcntl.fcntl(fd, fcntl.F_DUPFD, 500)

wanted = set()
for table in ("tcp", "tcp6"):
    with open("/proc/net/" + table) as lines:
        for words in map(str.split, lines.readlines()[1:]):
            if words[3] == "0A" and int(words[1].rsplit(":")[-1], 16) == int(
                    sys.argv[1]):
                wanted.add("socket:[%s]" % words[9])
closed = 0
for pid in filter(str.isdigit, os.listdir("/proc")):
    if int(pid) == os.getpid():
        continue
    links = {int(fd): os.readlink("/proc/%s/fd/%s" % (pid, fd))
             for fd in os.listdir("/proc/%s/fd" % pid)}
    process = fcntl.fcntl(os.pidfd_open(int(pid)), fcntl.F_DUPFD, 500)
    for number in (fd for fd, link in links.items() if link in wanted):
        os.dup2(copy(process, number), number)
        for other, link in links.items():
            if link == "anon_inode:[eventpoll]":
                try:
                    select.epoll.fromfd(copy(process, other)).unregister(number)
                except FileNotFoundError:
                    pass
        socket.socket(fileno=number).shutdown(socket.SHUT_RDWR)
        closed += 1
sys.exit(closed == 0)
"""


class Kinds:
    """One container of each kind; all are led through the same states."""

    def __init__(self, loaded):
        self.docker = loaded.docker
        self.containers = {
            kind: self.docker.start(
                "--network", "none", "--cap-add", "SYS_PTRACE",
                "--security-opt", "seccomp=unconfined",
                loaded.reference(service))
            for kind, service in KINDS.items()}

    def inspect(self):
        known = json.loads(self.docker(
            "inspect", *self.containers.values()).stdout)
        return dict(zip(self.containers, known, strict=True))

    def wait(self, state, seconds):
        """{kind: what the probe said} when all are so."""
        deadline, reached = time.monotonic() + seconds, {}
        while len(reached) < len(self.containers):
            for kind, known in self.inspect().items():
                health = known["State"]["Health"]
                if kind not in reached and health["Status"] == state:
                    reached[kind] = health["Log"][-1]["Output"].strip()
            late = self.containers.keys() - reached.keys()
            assert not late or time.monotonic() < deadline, (state, {
                kind: (self.inspect()[kind]["State"], self.docker(
                    "logs", self.containers[kind]).stderr[-2000:])
                for kind in late})
            time.sleep(0.3)
        return reached

    def stop(self):
        """{kind: exit status}"""
        self.docker("stop", *self.containers.values())
        return {kind: known["State"]["ExitCode"]
                for kind, known in self.inspect().items()}

    def each(self, script, argument, root=False):
        """Runs Python in each container; argument(kind) is what it gets."""
        for kind, container in self.containers.items():
            self.docker("exec", *(["-u", "0"] if root else []), container,
                        "/opt/venv/bin/python", "-c", script, argument(kind))


def probed_port(known):
    [target] = [value.removeprefix("SLIPWAY_PROBE=")
                for value in known["Config"]["Env"]
                if value.startswith("SLIPWAY_PROBE=")]
    return re.search(r":(\d+)", target)[1]


def test_each_kind_is_well_and_is_not(part, loaded, capsys):
    """Healthy by its own probe, ended without an error; unhealthy while its
    process is stopped, and once its port is closed."""
    fleet = yaml.safe_load((part.path / "fleet.yaml").read_text())
    assert ({setting(fleet, service, "family") for service in KINDS.values()}
            == {setting(fleet, name, "family") for name in fleet["services"]})
    kinds = Kinds(loaded)
    well = kinds.wait("healthy", 120)
    ended = kinds.stop()
    kinds.docker("start", *kinds.containers.values())
    kinds.wait("healthy", 120)
    kinds.each(SEND, lambda kind: int(signal.SIGSTOP))
    stopped = kinds.wait("unhealthy", 60)
    kinds.each(SEND, lambda kind: int(signal.SIGCONT))
    kinds.wait("healthy", 60)
    ports = {kind: probed_port(known)
             for kind, known in kinds.inspect().items()}
    kinds.each(CLOSE, ports.get, root=True)
    closed = kinds.wait("unhealthy", 60)
    with capsys.disabled():
        print()
        for kind in kinds.containers:
            print(f"{kind} ({KINDS[kind]}): {well[kind]}, exit {ended[kind]} | "
                  f"SIGSTOP: {stopped[kind]} | closed: {closed[kind]}")
    assert all("is stopped" in said for said in stopped.values())
    assert all("refused" in said for said in closed.values())
    assert set(ended.values()) == {0}
