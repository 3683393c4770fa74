"""An image like python:3.10-slim, made for the tests as an OCI layout: a small
Debian below, a CPython 3.10 of this host in /usr/local above."""

import gzip
import hashlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import tarfile

LIBRARIES = ("ca-certificates,libbz2-1.0,libcrypt1,libffi8,liblzma5,"
             "libncursesw6,libnsl2,libreadline8,libsqlite3-0,libssl3,libtirpc3,"
             "libuuid1,zlib1g,libexpat1")
LEFT_OUT = {"test", "tests", "idlelib", "turtledemo", "ensurepip",
            "site-packages", "__pycache__", "tkinter", "lib2to3"}
ENV = ["PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
       "GPG_KEY=A035", "PYTHON_VERSION=3.10"]


def find_python():
    """The prefix of a CPython 3.10 of this host, or None."""
    places = [pathlib.Path.home() / ".pyenv" / "versions",
              pathlib.Path("/opt/pyenv/versions")]
    for place in places:
        for found in sorted(place.glob("3.10.*")):
            if (found / "bin" / "python3.10").is_file():
                return found
    program = shutil.which("python3.10")
    return pathlib.Path(program).resolve().parents[1] if program else None


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Layout:
    """An OCI layout that is being written."""

    def __init__(self, path):
        self.path = path
        (path / "blobs" / "sha256").mkdir(parents=True)
        (path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')

    def blob(self, data):
        (self.path / "blobs" / "sha256" / sha256(data)).write_bytes(data)
        return {"digest": "sha256:" + sha256(data), "size": len(data)}

    def layer(self, tar, compression="gzip"):
        """The descriptor and the DiffID of a layer."""
        data = {"gzip": lambda: gzip.compress(tar, 6, mtime=0),
                "zstd": lambda: subprocess.run(
                    ["zstd", "-q", "-c"], input=tar, check=True,
                    stdout=subprocess.PIPE).stdout,
                "": lambda: tar}[compression]()
        kind = "application/vnd.oci.image.layer.v1.tar"
        return ({"mediaType": kind + ("+" + compression if compression
                                      else ""), **self.blob(data)},
                "sha256:" + sha256(tar))

    def image(self, layers, env=(), architecture="amd64", **config):
        """The descriptor of a manifest of (descriptor, DiffID) pairs."""
        config = {"architecture": architecture, "os": "linux",
                  "config": {"Env": list(env), "Cmd": ["python3"]},
                  "rootfs": {"type": "layers",
                             "diff_ids": [diff_id for _, diff_id in layers]},
                  **config}
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                       **self.blob(json.dumps(config).encode())},
            "layers": [descriptor for descriptor, _ in layers]}
        return {"mediaType": manifest["mediaType"],
                **self.blob(json.dumps(manifest).encode())}

    def index(self, *manifests):
        (self.path / "index.json").write_text(json.dumps(
            {"schemaVersion": 2, "manifests": list(manifests)}))


def named(descriptor, name):
    return {**descriptor, "annotations": {
        "org.opencontainers.image.ref.name": name}}


def add_file(tar, name, data=b"", mode=0o644):
    info = tarfile.TarInfo(name)
    info.mode, info.size = mode, len(data)
    tar.addfile(info, io.BytesIO(data))


def python_layer(prefix, root):
    """The tar with the prefix in /usr/local of an unpacked Debian."""
    local = root / "usr" / "local"

    def wanted(info):
        parts = info.name.split("/")
        info.uid = info.gid = info.mtime = 0
        info.uname = info.gname = ""
        return None if LEFT_OUT.intersection(parts) or (
            parts[-1].endswith(".a")) else info

    shutil.copytree(prefix / "lib", local / "lib", symlinks=True,
                    dirs_exist_ok=True)
    subprocess.run(["/sbin/ldconfig", "-r", root], check=True)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.add(root / "etc" / "ld.so.cache", "etc/ld.so.cache",
                filter=wanted)
        tar.add(prefix / "bin" / "python3.10", "usr/local/bin/python3.10",
                filter=wanted)
        for name, target in [("python3", "python3.10"), ("python", "python3")]:
            info = tarfile.TarInfo("usr/local/bin/" + name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
        for found in sorted((prefix / "lib").iterdir()):
            tar.add(found, "usr/local/lib/" + found.name, filter=wanted)
        # What is below must be hidden, what is beside must stay.
        add_file(tar, "usr/share/.wh.doc")
    return out.getvalue()


def make(folder, prefix):
    """The layout, in folder, with the image 3.10-slim."""
    root, tar = folder / "root", folder / "debian.tar"
    subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=minbase", "--include", LIBRARIES,
         "bookworm", tar], check=True, capture_output=True, timeout=600,
        env={**os.environ, "SOURCE_DATE_EPOCH": "0"})
    root.mkdir()
    subprocess.run(["tar", "-C", root, "--exclude=./dev/*", "-xf", tar],
                   check=True)
    layout = Layout(folder / "layout")
    last = io.BytesIO()
    with tarfile.open(fileobj=last, mode="w") as third:
        add_file(third, "etc/base-of-the-tests", b"made by the tests\n")
    layers = [layout.layer(tar.read_bytes()),
              layout.layer(python_layer(prefix, root)),
              layout.layer(last.getvalue(), "")]
    layout.index(named(layout.image(layers, ENV), "3.10-slim"))
    shutil.rmtree(root)
    tar.unlink()
    return layout.path
