"""The sides of the comparison, each with the same steps: prepare, clear, build.

A side builds all images of the fleet in a folder of its own, whose sources the
scenarios of run.py edit. clear() leaves what a person has who never built this
fleet: slipway the Debian packages of the base, BuildKit the base image.
"""

import json
import os
import pathlib
import shutil
import subprocess
import time

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


class Slipway:
    def __init__(self, name, program, fleet, work, seed, index):
        self.name, self.program, self.fleet = name, program, fleet
        self.store, self.seed = work / "store", seed
        self.environment = {**os.environ, "UV_DEFAULT_INDEX": index}
        self.daemons = ()

    def clear(self):
        """Leaves the base's packages, which are no part of the wheels."""
        shutil.rmtree(self.store, ignore_errors=True)
        lock = json.loads((self.fleet / "fleet.lock.json").read_text())
        files = self.store / "files" / "sha256"
        subprocess.run([self.program, "--store", self.store, "du"], check=True,
                       stdout=subprocess.DEVNULL)
        for base in lock["bases"]:
            for package in base["packages"]:
                os.link(self.seed / "files" / "sha256" / package["sha256"],
                        files / package["sha256"])

    def command(self):
        return [self.program, "-C", self.fleet, "--store", self.store, "build"]

    def lock(self):
        """After a change of requirements; no part of what is timed."""
        subprocess.run([self.program, "-C", self.fleet, "--store", self.store,
                        "lock"], check=True, env=self.environment)

    def disk_bytes(self):
        return disk_bytes(self.store)

    def stop(self):
        pass


class BuildKit:
    def __init__(self, name, fleet, work, tools, index, lock, uv, services,
                 registry="127.0.0.1:5998"):
        self.name, self.fleet, self.work = name, fleet, work
        self.tools, self.registry, self.services = tools, registry, services
        self.environment = {**os.environ, "BUILDX_CONFIG": work / "buildx",
                            "BUILDX_BAKE_ENTITLEMENTS_FS": "0"}
        self.compression = "zstd" if uv else "gzip"
        self.install = (UV if uv else PIP).format(index=index)
        self.dockerfile = BEST if uv else USUAL
        self.lock_data = lock
        self.processes = []
        self.start_registry()
        self.start_buildkitd()
        self.push_base(uv)
        self.lock()

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
            [self.tools / "buildkitd", "--config", config],
            stdout=(self.work / "buildkitd.log").open("w"),
            stderr=subprocess.STDOUT))
        self.daemons = (self.processes[-1].pid,)
        for _ in range(100):
            if self.buildctl("debug", "workers", check=False) == 0:
                break
            time.sleep(0.1)
        subprocess.run([self.tools / "buildx", "create", "--name", "bench",
                        "--driver", "remote",
                        f"unix://{self.work}/buildkitd.sock"],
                       check=True, env=self.environment,
                       stdout=subprocess.DEVNULL)

    def buildctl(self, *words, check=True):
        return subprocess.run(
            [self.tools / "buildctl", "--addr",
             f"unix://{self.work}/buildkitd.sock", *words], check=check,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode

    def push_base(self, uv):
        """Debian with Python, and uv where it is what installs."""
        context = self.work / "base"
        context.mkdir()
        os.link(self.tools / "base.tar", context / "base.tar")
        dockerfile = "FROM scratch\nADD base.tar /\n"
        if uv:
            shutil.copy(self.tools / "uv", context)
            dockerfile += "COPY uv /usr/local/bin/uv\n"
        (context / "Dockerfile").write_text(dockerfile)
        self.buildctl("build", "--frontend", "dockerfile.v0",
                      "--local", f"context={context}",
                      "--local", f"dockerfile={context}", "--output",
                      f"type=image,name={self.registry}/base,push=true")

    def lock(self):
        """One hashed list per service, from the same lock as slipway's."""
        lists = self.fleet / "requirements"
        lists.mkdir(exist_ok=True)
        packages = {
            resolution["id"]: {package["name"]: package["wheel"]["sha256"]
                               for package in resolution["packages"]}
            for resolution in self.lock_data["resolutions"]}
        for service in self.lock_data["services"]:
            hashes = packages[service["resolution"]]
            (lists / f"{service['name'].lower()}.txt").write_text("".join(
                f"{pin} --hash=sha256:{hashes[pin.split('==')[0]]}\n"
                for pin in service["closure"]))
        self.write_bake()

    def write_bake(self):
        targets = {}
        for name, entry in self.services.items():
            path = self.fleet / f"Dockerfile.{name.lower()}"
            path.write_text(self.dockerfile.format(
                registry=self.registry, name=name.lower(), entry=entry,
                install=self.install))
            output = (f"type=image,name={self.registry}/{name.lower()},"
                      f"push=false,compression={self.compression},"
                      "force-compression=true,oci-mediatypes=true")
            targets[name.lower()] = {"context": str(self.fleet),
                                     "dockerfile": path.name,
                                     "output": [output]}
        (self.fleet / "bake.json").write_text(json.dumps(
            {"group": {"default": {"targets": list(targets)}},
             "target": targets}))
        (self.fleet / ".dockerignore").write_text("bake.json\nDockerfile.*\n")

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
        return [self.tools / "buildx", "bake", "--builder", "bench",
                "--progress", "plain", "-f", self.fleet / "bake.json"]

    def disk_bytes(self):
        return disk_bytes(self.work / "root")

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
            process.wait()
