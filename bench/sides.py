"""The sides of the comparison, each with the same steps: use, clear, command.

A side builds all images of the fleet in a folder of its own, whose sources and
locks fleets.py edits. clear() leaves what a person has who never built this
fleet: slipway the Debian packages of the base, the makers of images from
Dockerfiles the base image, uv its Python.
"""

import json
import os
import pathlib
import shlex
import shutil
import subprocess
import time

from fleets import COLD, NOTHING, PACKAGE, PIN, ROWS
from index import free_port
from measure import disk_bytes

BASE_PACKAGES = "python3,python3-venv,python3-pip,ca-certificates,curl"

# As the proposal's section E has it.
USUAL = """\
FROM {registry}/base AS builder
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN python3 -m venv /opt/venv
ENV PATH="/opt/venv/bin:${{PATH}}"
WORKDIR /app
COPY requirements/{name}.txt /tmp/requirements.txt
RUN {install}
COPY services/ /app/services/
COPY common/ /app/common/
RUN python -m py_compile {entry}

FROM {registry}/base AS runtime
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \\
    PATH="/opt/venv/bin:${{PATH}}" PYTHONPATH="/app"
RUN groupadd -r app && useradd -r -g app -d /app app
WORKDIR /app
COPY --from=builder /opt/venv /opt/venv
COPY --from=builder /app /app
USER app
CMD ["python", "{entry}"]
"""

# The same, laid out so that a changed source leaves the environment cached.
BEST = """\
FROM {registry}/base AS builder
RUN python3 -m venv /opt/venv
ENV PATH="/opt/venv/bin:${{PATH}}" VIRTUAL_ENV=/opt/venv
COPY requirements/{name}.txt /tmp/requirements.txt
RUN {install}

FROM {registry}/base AS runtime
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \\
    PATH="/opt/venv/bin:${{PATH}}" PYTHONPATH="/app"
RUN groupadd -r app && useradd -r -g app -d /app app
WORKDIR /app
COPY --link --from=builder /opt/venv /opt/venv
COPY common/ /app/common/
COPY {entry} /app/{entry}
USER app
CMD ["python", "{entry}"]
"""

PIP = ("pip install --no-cache-dir --no-deps --require-hashes --index-url "
       "{index} -r /tmp/requirements.txt")
UV = ("--mount=type=cache,target=/opt/uv-cache "
      "uv pip install --cache-dir /opt/uv-cache --link-mode=copy --no-deps "
      "--require-hashes --default-index {index} -r /tmp/requirements.txt")

BUILDKITD = """
root = "{folder}/root"
[grpc]
  address = ["unix://{folder}/buildkitd.sock"]
[worker.oci]
  enabled = true
  gc = false
  networkMode = "host"
[worker.containerd]
  enabled = false
[registry."{registry}"]
  http = true
"""

REGISTRY = """
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}/registry}}}}
http: {{addr: "{registry}"}}
log: {{accesslog: {{disabled: true}}, level: error}}
"""


def pins(lock):
    """{service: lines of a hashed requirements file}"""
    hashes = {
        resolution["id"]: {package["name"]: package["wheel"]["sha256"]
                           for package in resolution["packages"]}
        for resolution in lock["resolutions"]}
    return {service["name"]: "".join(
        f"{pin} --hash=sha256:"
        f"{hashes[service['resolution']][pin.split('==')[0]]}\n"
        for pin in service["closure"]) for service in lock["services"]}


class Side:
    """What the sides have in common. gigabytes: the disk it needs."""

    rows = ROWS
    daemons = ()
    gigabytes = 10

    def __init__(self, name, setting):
        self.name, self.setting, self.model = name, setting, setting.model
        self.work = setting.folder / name.replace(" ", "-").replace(",", "")
        self.fleet = self.work / "fleet"
        self.environment = dict(os.environ)
        self.model.copy(self.fleet)
        self.prepare()
        self.use("start")

    def prepare(self):
        pass

    def use(self, variant):
        """Another manifest and lock; no part of what is timed."""
        for file in (self.setting.variants / variant).iterdir():
            shutil.copy(file, self.fleet)
        self.lock = json.loads((self.fleet / "fleet.lock.json").read_text())

    def disk_bytes(self):
        return disk_bytes(self.work)

    def stop(self):
        shutil.rmtree(self.work, ignore_errors=True)


class Slipway(Side):
    bytecode = "all"

    def prepare(self):
        self.store = self.work / "store"
        self.environment["UV_DEFAULT_INDEX"] = self.setting.index

    def use(self, variant):
        super().use(variant)
        manifest = self.fleet / "fleet.yaml"
        text = manifest.read_text()
        for found, more in (("\ndefaults: {", f"bytecode: {self.bytecode}, "),
                            ("\ndefaults:\n",
                             f"  bytecode: {self.bytecode}\n")):
            if found in text:
                text = text.replace(found, found + more, 1)
                break
        else:
            text += f"\ndefaults: {{bytecode: {self.bytecode}}}\n"
        manifest.write_text(text)

    def clear(self):
        """Leaves all downloads that are no wheels."""
        shutil.rmtree(self.store, ignore_errors=True)
        subprocess.run([self.setting.program, "--store", self.store, "du"],
                       check=True, stdout=subprocess.DEVNULL)
        files = self.store / "files" / "sha256"
        for file in (self.setting.seed / "files" / "sha256").iterdir():
            if file.name not in self.setting.wheel_hashes:
                os.link(file, files / file.name)

    def command(self):
        return [self.setting.program, "-C", self.fleet, "--store", self.store,
                "build"]

    def disk_bytes(self):
        return disk_bytes(self.store)


class SlipwayWithoutBytecode(Slipway):
    bytecode = "none"


class Floor(Side):
    """Makes nothing: what the wheels cost whoever turns them into layers."""

    rows = (COLD,)
    gigabytes = 0

    def clear(self):
        pass

    def command(self):
        files = self.setting.seed / "files" / "sha256"
        wheels = {line.rsplit(":", 1)[1] for lines in pins(self.lock).values()
                  for line in lines.split("\n") if line}
        return [self.setting.floor, *(files / sha256
                                      for sha256 in sorted(wheels))]

    def disk_bytes(self):
        return 0


class UvAlone(Side):
    """One environment per service, hard-linked from uv's cache. No image."""

    rows = (COLD, NOTHING, PIN, PACKAGE)
    gigabytes = 20

    def prepare(self):
        self.environment.update(UV_CACHE_DIR=str(self.work / "cache"),
                                UV_DEFAULT_INDEX=self.setting.index,
                                UV_PYTHON="/usr/bin/python3")

    def use(self, variant):
        super().use(variant)
        uv = shlex.quote(str(self.setting.tools / "uv"))
        steps = ["set -e"]
        for name, text in pins(self.lock).items():
            (self.fleet / f"{name}.txt").write_text(text)
            steps.append(f"[ -d envs/{name} ] || {uv} venv -q envs/{name}\n"
                         f"{uv} pip sync -q --require-hashes "
                         f"--python envs/{name}/bin/python {name}.txt")
        (self.fleet / "install.sh").write_text("\n".join(steps) + "\n")

    def clear(self):
        for folder in (self.work / "cache", self.fleet / "envs"):
            shutil.rmtree(folder, ignore_errors=True)

    def command(self):
        return ["env", "-C", self.fleet, "sh", "install.sh"]


def base_context(tools, context, uv):
    """A folder of which a base image is built: Debian with Python, and uv where
    it is what installs."""
    os.link(tools / "base.tar", context / "base.tar")
    dockerfile = "FROM scratch\nADD base.tar /\n"
    if uv:
        shutil.copy(tools / "uv", context)
        dockerfile += "COPY uv /usr/local/bin/uv\n"
    (context / "Dockerfile").write_text(dockerfile)


def write_dockerfiles(side, registry):
    """One per service, and its hashed list, from the same lock as slipway's."""
    lists = side.fleet / "requirements"
    lists.mkdir(exist_ok=True)
    for name, text in pins(side.lock).items():
        (lists / f"{name.lower()}.txt").write_text(text)
    for name, entry in side.model.entries.items():
        (side.fleet / f"Dockerfile.{name.lower()}").write_text(
            side.dockerfile.format(
                registry=registry, name=name.lower(), entry=entry,
                install=side.install.format(index=side.setting.index)))
    (side.fleet / ".dockerignore").write_text(
        "bake.json\nDockerfile.*\nfleet.*\n")


class BuildKit(Side):
    compression, install, dockerfile, with_uv = "gzip", PIP, USUAL, False
    gigabytes = 40

    def prepare(self):
        self.environment.update(BUILDX_CONFIG=str(self.work / "buildx"),
                                BUILDX_BAKE_ENTITLEMENTS_FS="0")
        self.registry = f"127.0.0.1:{free_port()}"
        self.processes = []
        self.start_registry()
        self.start_buildkitd()
        self.push_base()

    def start_registry(self):
        config = self.work / "registry.yml"
        config.write_text(REGISTRY.format(folder=self.work,
                                          registry=self.registry))
        self.processes.append(subprocess.Popen(
            ["docker-registry", "serve", config],
            stdout=(self.work / "registry.log").open("w"),
            stderr=subprocess.STDOUT))

    def start_buildkitd(self):
        config = self.work / "buildkitd.toml"
        config.write_text(BUILDKITD.format(folder=self.work,
                                           registry=self.registry))
        self.processes.append(subprocess.Popen(
            [self.setting.tools / "buildkitd", "--config", config],
            stdout=(self.work / "buildkitd.log").open("w"),
            stderr=subprocess.STDOUT))
        self.daemons = (self.processes[-1].pid,)
        for _ in range(100):
            if self.buildctl("debug", "workers", check=False) == 0:
                break
            time.sleep(0.1)
        subprocess.run([self.setting.tools / "buildx", "create", "--name", "bench",
                        "--driver", "remote",
                        f"unix://{self.work}/buildkitd.sock"],
                       check=True, env=self.environment,
                       stdout=subprocess.DEVNULL)

    def buildctl(self, *words, check=True):
        return subprocess.run(
            [self.setting.tools / "buildctl", "--addr",
             f"unix://{self.work}/buildkitd.sock", *words], check=check,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode

    def push_base(self):
        context = self.work / "base"
        context.mkdir()
        base_context(self.setting.tools, context, self.with_uv)
        self.buildctl("build", "--frontend", "dockerfile.v0",
                      "--local", f"context={context}",
                      "--local", f"dockerfile={context}", "--output",
                      f"type=image,name={self.registry}/base,push=true")

    def use(self, variant):
        super().use(variant)
        write_dockerfiles(self, self.registry)
        targets = {}
        for name in self.model.entries:
            output = (f"type=image,name={self.registry}/{name.lower()},"
                      f"push=false,compression={self.compression},"
                      "force-compression=true,oci-mediatypes=true")
            targets[name.lower()] = {"context": str(self.fleet),
                                     "dockerfile": f"Dockerfile.{name.lower()}",
                                     "output": [output]}
        (self.fleet / "bake.json").write_text(json.dumps(
            {"group": {"default": {"targets": list(targets)}},
             "target": targets}))

    def clear(self):
        self.buildctl("prune", "--all")
        # The base image is there, as for somebody who built another fleet.
        self.buildctl("build", "--frontend", "dockerfile.v0",
                      "--opt", "filename=Dockerfile.pull",
                      "--local", f"context={self.fleet}",
                      "--local", f"dockerfile={self.pull_folder()}")

    def pull_folder(self):
        folder = self.work / "pull"
        folder.mkdir(exist_ok=True)
        (folder / "Dockerfile.pull").write_text(
            f"FROM {self.registry}/base\nRUN true\n")
        return folder

    def command(self):
        return [self.setting.tools / "buildx", "bake", "--builder", "bench",
                "--progress", "plain", "-f", self.fleet / "bake.json"]

    def disk_bytes(self):
        return disk_bytes(self.work / "root")

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
            process.wait()
        super().stop()


class BuildKitUv(BuildKit):
    compression, install, dockerfile, with_uv = "zstd", UV, BEST, True
    gigabytes = 25


class Buildah(Side):
    """The Dockerfiles of BuildKit with uv, one after the other. Its images
    hold unpacked layers, which are compressed at `push` only; that is not
    measured here."""

    dockerfile, install = BEST.replace("--link ", ""), UV
    gigabytes = 40

    def prepare(self):
        for folder in ("tmp", "base"):
            (self.work / folder).mkdir()
        (self.work / "policy.json").write_text(
            '{"default": [{"type": "insecureAcceptAnything"}]}')
        self.environment["TMPDIR"] = str(self.work / "tmp")
        base_context(self.setting.tools, self.work / "base", uv=True)
        self.run(*self.build("base", self.work / "base"))

    def buildah(self, *words):
        return ["buildah", "--root", self.work / "root", "--runroot",
                self.work / "run", "--storage-driver", "overlay", *words]

    def build(self, name, context, file="Dockerfile"):
        return self.buildah(
            "build", "--layers", "--network", "host", "--pull-never",
            "--signature-policy", self.work / "policy.json", "-q",
            "-t", f"localhost/{name}", "-f", context / file, context)

    def run(self, *command):
        subprocess.run(command, check=True, env=self.environment,
                       stdout=subprocess.DEVNULL)

    def use(self, variant):
        super().use(variant)
        write_dockerfiles(self, "localhost")
        steps = ["set -e"]
        for name in self.model.entries:
            words = self.build(name.lower(), self.fleet,
                               f"Dockerfile.{name.lower()}")
            steps.append(shlex.join(map(str, words)))
        (self.work / "build.sh").write_text("\n".join(steps) + "\n")

    def clear(self):
        self.run(*self.buildah("rmi", "--all", "--force"))
        shutil.rmtree(self.work / "tmp")
        (self.work / "tmp").mkdir()
        self.run(*self.build("base", self.work / "base"))

    def command(self):
        return ["sh", self.work / "build.sh"]

    def disk_bytes(self):
        return disk_bytes(self.work / "root", self.work / "tmp")

    def stop(self):
        subprocess.run(self.buildah("rmi", "--all", "--force"), check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       env=self.environment)
        # It leaves its storage mounted over itself.
        subprocess.run(["umount", self.work / "root" / "overlay"], check=False,
                       stderr=subprocess.DEVNULL)
        super().stop()


SIDES = {"slipway": Slipway,
         "slipway without bytecode": SlipwayWithoutBytecode,
         "floor": Floor,
         "uv alone (no image)": UvAlone,
         "BuildKit with uv and zstd": BuildKitUv,
         "buildah with uv": Buildah,
         "BuildKit with pip and gzip": BuildKit}
