"""What end-to-end tests share: the program, fleets, and real peers on loopback.

Every peer is the real one, started for the tests and ended after them. Where
one is not installed or does not answer, the test that needs it is skipped and
says why.
"""

import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

import python_image as python_image_maker
from simple_index import SimpleIndex

ROOT = pathlib.Path(__file__).resolve().parents[2]
HELLO = ROOT / "examples" / "hello"
DUAL = ROOT / "examples" / "dual-machine"
BUILD = pathlib.Path(os.environ.get("SLIPWAY_BUILD", ROOT / "build"))
CACHE = pathlib.Path(
    os.environ.get("SLIPWAY_DEV_CACHE")
    or pathlib.Path(os.environ.get("XDG_CACHE_HOME")
                    or pathlib.Path.home() / ".cache", "slipway-dev"))
DOWNLOADS = CACHE / "dual-machine"


@pytest.fixture(scope="session")
def slipway():
    """Path of the program."""
    program = BUILD / "slipway"
    assert program.is_file(), f"{program} is missing; run ./dev build"
    return program


@pytest.fixture
def store(tmp_path):
    """Path for a store that is not there yet."""
    return tmp_path / "store"


class Fleet:
    """A folder with a fleet, and slipway's verbs on it."""

    def __init__(self, program, path, store):
        self.program = program
        self.path = path
        self.store = store
        self.environment = {}

    def write(self, files):
        """{"a/b.py": "text"}; bytes are written as they are."""
        for name, content in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                content = content.encode()
            path.write_bytes(content)

    def use_index(self, index, folder, **more):
        """Takes packages from this SimpleIndex alone, by the tests' own uv,
        whose cache is in folder."""
        programs = pathlib.Path(sys.executable).parent
        self.environment = {
            **index.environment(), "UV_CACHE_DIR": str(folder / "uv"),
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", **more}

    def run(self, *arguments, timeout=600, **environment):
        """The finished process, whatever its exit status."""
        command = [self.program, "-C", self.path, "--store", self.store,
                   *arguments]
        env = {**os.environ, **self.environment, **environment}
        return subprocess.run([str(word) for word in command], env=env,
                              text=True, capture_output=True, timeout=timeout,
                              stdin=subprocess.DEVNULL)

    def ok(self, *arguments, **environment):
        """The finished process, which has to have exit status 0."""
        result = self.run(*arguments, **environment)
        assert result.returncode == 0, result.stdout + result.stderr
        return result

    def json(self, *arguments, status=0, **environment):
        """What a verb prints with --json."""
        result = self.run(*arguments, "--json", **environment)
        assert result.returncode == status, result.stdout + result.stderr
        return json.loads(result.stdout)


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory):
    """One store for all tests of a file: what they need is fetched once."""
    return tmp_path_factory.mktemp("store") / "store"


@pytest.fixture
def fleet(slipway, store, tmp_path):
    """fleet(FILES) is a Fleet of these files; fleet(FOLDER) of a copy."""
    def make(source, name="fleet"):
        made = Fleet(slipway, tmp_path / name, store)
        if isinstance(source, dict):
            made.path.mkdir()
            made.write(source)
        else:
            shutil.copytree(source, made.path, symlinks=True)
        return made

    return make


class Hello(Fleet):
    """examples/hello, locked and built. Tests share it and leave it as it
    is; each build of their own is one of a copy or in another store."""

    def __init__(self, program, path, store):
        super().__init__(program, path, store)
        shutil.copytree(HELLO, path)
        (path / "fleet.lock.json").unlink(missing_ok=True)
        self.ok("lock")
        [self.image] = self.json("build")["images"]

    def seed(self, store):
        """Makes a store that has the downloads and nothing else."""
        Fleet(self.program, self.path, store).ok("du")
        shutil.copytree(self.store / "files", store / "files",
                        dirs_exist_ok=True)
        return store

    def copy(self, path, store):
        """The same fleet at another path, with its lock."""
        shutil.copytree(self.path, path)
        return Fleet(self.program, path, store)

    def fork(self, folder):
        """The same fleet and a store of its own, in which all is built: what
        a test builds there moves no tag of others."""
        shutil.copytree(self.store, folder / "store", symlinks=True)
        return self.copy(folder / "fleet", folder / "store")


@pytest.fixture(scope="session")
def hello(slipway, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hello")
    return Hello(slipway, folder / "fleet", folder / "store")


class Dual(Fleet):
    """examples/dual-machine, locked, and its CPU services built. Tests share
    it and leave it as it is; downloads stay in a folder outside the checkout
    from one run to the next."""

    SERVICES = "family:cpu-*"

    def __init__(self, program, path, store):
        super().__init__(program, path, store)
        shutil.copytree(DUAL, path,
                        ignore=shutil.ignore_patterns("fleet.lock.json"))
        keep_wheels(path / "fleet.yaml")
        self.seed(store, DOWNLOADS)
        self.ok("lock")
        self.built = self.json("build", self.SERVICES)["images"]
        add_missing(store / "files/sha256", DOWNLOADS / "files/sha256")

    def seed(self, store, source=None):
        """Makes a store that has the downloads and nothing else."""
        Fleet(self.program, self.path, store).ok("du")
        add_missing((source or self.store) / "files/sha256",
                    store / "files/sha256")
        return store

    def copy(self, path, store):
        """The same fleet at another path, with its lock."""
        shutil.copytree(self.path, path)
        return Fleet(self.program, path, store)


def add_missing(source, target):
    """Copies what target lacks; each file is there as a whole or not."""
    target.mkdir(parents=True, exist_ok=True)
    for path in source.glob("[!.]*"):
        copy = target / path.name
        if not copy.exists():
            made = copy.with_name(f".{copy.name}.{os.getpid()}")
            shutil.copy2(path, made)
            made.rename(copy)


def keep_wheels(manifest):
    """Big ones too, so that another store can be seeded with them."""
    text = manifest.read_text()
    assert text.count(" keep: {") == 1
    manifest.write_text(text.replace(" keep: {", " keep: {wheels: all, "))


@pytest.fixture(scope="session")
def dual(slipway, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dual")
    return Dual(slipway, folder / "fleet", folder / "store")


def tool(name):
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed; ./dev setup installs it")
    return path


@pytest.fixture(scope="session")
def skopeo():
    return tool("skopeo")


@pytest.fixture(scope="session")
def umoci():
    return tool("umoci")


class Docker:
    """docker's command line; what was run or loaded through it is removed.
    One at a time: the daemon has each layer for all or for none."""

    def __init__(self, program):
        self.program = program
        self.lock = open(CACHE / "docker.lock", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.containers = []
        self.images = []

    def __call__(self, *arguments, check=True, timeout=300, **options):
        return subprocess.run([self.program, *map(str, arguments)],
                              check=check, timeout=timeout, text=True,
                              capture_output=True, **options)

    def start(self, *arguments):
        """docker run -d ARGUMENTS: the container's id."""
        container = self("run", "-d", *arguments).stdout.strip()
        self.containers.append(container)
        return container

    def take(self, skopeo, source, image):
        """Copies an image in; skopeo itself does not read DOCKER_HOST."""
        host = os.environ.get("DOCKER_HOST")
        option = ["--dest-daemon-host", host] if host else []
        self.remove_after(image)
        subprocess.run([skopeo, "copy", "-q", *option, source,
                        f"docker-daemon:{image}"], check=True,
                       capture_output=True, timeout=120)

    def wait_healthy(self, container):
        """What docker knows of the container, once it is healthy."""
        deadline = time.monotonic() + 20
        state = None
        while state != "healthy" and time.monotonic() < deadline:
            time.sleep(0.3)
            [known] = json.loads(self("inspect", container).stdout)
            state = known["State"]["Health"]["Status"]
        assert state == "healthy"
        return known

    def remove_after(self, *images):
        self.images.extend(images)

    def clean(self):
        for container in self.containers:
            self("rm", "-f", "-v", container, check=False)
        for image in self.images:
            self("rmi", "-f", image, check=False)
        self.lock.close()


def find_docker():
    """docker, where its daemon answers; clean() is for the caller."""
    program = shutil.which("docker")
    if program is None:
        pytest.skip("docker is not installed")
    try:
        answer = subprocess.run([program, "version"], capture_output=True,
                                text=True, timeout=30)
    except subprocess.TimeoutExpired:
        pytest.skip("no docker daemon answers within 30 s")
    if answer.returncode != 0:
        pytest.skip("no docker daemon answers: "
                    + answer.stderr.strip().splitlines()[-1])
    return Docker(program)


@pytest.fixture
def docker():
    made = find_docker()
    yield made
    made.clean()


def interrupt(process, pause):
    """Ctrl-C that many seconds after the program began to listen for it."""
    status = pathlib.Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        caught = re.search(r"SigCgt:\s*([0-9a-f]+)", status.read_text())
        if caught and int(caught[1], 16) & (1 << (signal.SIGINT - 1)):
            break
        time.sleep(0.005)
    time.sleep(pause)
    process.send_signal(signal.SIGINT)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(url):
    """Whether someone speaks HTTP there, be it to refuse."""
    try:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            url, timeout=2).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


class Registry:
    """A docker-registry on loopback. host is "127.0.0.1:PORT"."""

    def __init__(self, program, folder, htpasswd=None, auth=None):
        self.folder = folder
        self.host = f"127.0.0.1:{free_port()}"
        config = {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(folder / "data")},
                        "delete": {"enabled": True}},
            "http": {"addr": self.host},
        }
        if htpasswd is not None:
            (folder / "htpasswd").write_text(htpasswd)
            config["auth"] = {"htpasswd": {
                "realm": "tests", "path": str(folder / "htpasswd")}}
        if auth is not None:
            config["auth"] = auth
        path = folder / "config.json"  # JSON is YAML
        path.write_text(json.dumps(config))
        self.log = folder / "log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [program, "serve", str(path)], stdout=log, stderr=log,
                stdin=subprocess.DEVNULL)

    def wait(self):
        end = time.monotonic() + 30
        while not answers(f"http://{self.host}/v2/"):
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("docker-registry did not start:\n"
                                   + self.log.read_text())
            time.sleep(0.05)

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=30)


@pytest.fixture(scope="session")
def registries(tmp_path_factory):
    """registries(htpasswd=..., auth=...) starts one; all end with the
    session. auth is that section of its configuration."""
    program = tool("docker-registry")
    started = []

    def start(htpasswd=None, auth=None):
        registry = Registry(program, tmp_path_factory.mktemp("registry"),
                            htpasswd, auth)
        started.append(registry)
        registry.wait()
        return registry

    yield start
    for registry in started:
        registry.close()


@pytest.fixture(scope="session")
def registry(registries):
    """One registry that all tests share, without a password."""
    return registries()


@pytest.fixture(scope="session")
def python_image(tmp_path_factory):
    """An OCI layout with an image of Python 3.10, named 3.10-slim."""
    tool("mmdebstrap")
    prefix = python_image_maker.find_python()
    if prefix is None:
        pytest.skip("this host has no CPython 3.10 to make a base of (pyenv "
                    "install 3.10 gives one)")
    return python_image_maker.make(tmp_path_factory.mktemp("python-image"),
                                   prefix)


@pytest.fixture
def simple_index():
    """simple_index(FOLDER, ...) starts a SimpleIndex for this test."""
    started = []

    def start(folder, **options):
        started.append(SimpleIndex(folder, **options))
        return started[-1]

    yield start
    for index in started:
        index.close()
