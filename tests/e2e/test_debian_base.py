"""The Debian base of real packages, from the mirrors of this host's apt: every
file against dpkg-deb, the caches against the programs that would have written
them, the image against its own Python, and the same bytes whoever builds."""

import os
import pathlib
import re
import shutil
import subprocess
import tarfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLIPWAY_BUILD", ROOT / "build"))
TOOL = BUILD / "tests/unit/tool_debian"
FOLD = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib",
        "lib64": "usr/lib64", "lib32": "usr/lib32", "libx32": "usr/libx32"}

# Folders of packages that are links in an image.
LINKED = {*FOLD, "var/run", "var/lock"}


def tool(*arguments, **more):
    return subprocess.run([TOOL, *arguments], capture_output=True, text=True,
                          check=False, **more)


class Base:
    def __init__(self, folder, platform="linux/amd64", suite="bookworm"):
        self.folder, self.platform, self.suite = folder, platform, suite
        self.store = folder / "store"
        self.list = folder / "base.list"
        done = tool("lock", self.store, suite, platform)
        if "no mirror is known" in done.stderr:
            pytest.skip("this host's apt has no Debian mirror")
        assert done.returncode == 0, done.stderr
        self.list.write_text(done.stdout)
        self.debs = [line.split() for line in done.stdout.splitlines()]

    def build(self, folder=None, *more, store=None, **how):
        done = tool("build", store or self.store, self.platform, self.list,
                    folder or self.folder, *more, **how)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def system(self, *packages):
        done = tool("system", self.store, self.suite, self.platform,
                    self.list, *packages)
        assert done.returncode == 0, done.stderr
        path = self.folder / "system.list"
        path.write_text(done.stdout)
        return path


def unpack(folder, *layers):
    folder.mkdir()
    for layer in layers:
        subprocess.run(["tar", "-C", folder, "-xpf", layer], check=True)
    return folder


def inside(root, *argv, writable=False, uid=10001):
    return subprocess.run(
        ["bwrap", "--unshare-all", "--bind" if writable else "--ro-bind", root,
         "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp",
         "--clearenv", "--setenv", "LANG", "C.UTF-8", "--uid", str(uid),
         "--gid", str(uid), *argv],
        capture_output=True, text=True, check=False)


def can_sandbox():
    return subprocess.run(["bwrap", "--unshare-all", "--ro-bind", "/", "/",
                           "true"], check=False,
                          capture_output=True).returncode == 0


sandbox = pytest.mark.skipif(not can_sandbox(),
                             reason="bubblewrap cannot run here")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    made = Base(tmp_path_factory.mktemp("debian"))
    made.output = made.build(None, "--pyc")
    made.image = unpack(made.folder / "image", made.folder / "system.tar",
                        made.folder / "python.tar")
    return made


def members(path):
    with tarfile.open(path) as tar:
        return {m.name: (m, tar.extractfile(m).read() if m.isreg() else None)
                for m in tar}


def folded(name):
    first, slash, rest = name.partition("/")
    return FOLD[first] + slash + rest if first in FOLD and rest else name


def test_every_file_is_what_dpkg_deb_unpacks(base):
    made = {**members(base.folder / "system.tar"),
            **members(base.folder / "python.tar")}
    seen, left_out, compared = set(), 0, 0
    for deb in base.debs:
        path = base.store / "files/sha256" / deb[4]
        stream = subprocess.run(["dpkg-deb", "--fsys-tarfile", path],
                                capture_output=True, check=True).stdout
        fsys = base.folder / "fsys.tar"
        fsys.write_bytes(stream)
        for name, (member, data) in members(fsys).items():
            name = folded(name.removeprefix("./"))
            if name not in made:
                left_out += 1
                continue
            ours, our_data = made[name]
            seen.add(name)
            if member.isdir():
                assert ours.isdir() or name in LINKED, name
                continue
            assert (ours.type, ours.linkname, ours.mode & 0o777) == \
                (member.type, member.linkname, member.mode & 0o777), name
            assert our_data == data, name
            compared += 1
    extra = {n for n, (m, _) in made.items() if n not in seen and
             not m.isdir() and not n.endswith(".pyc") and
             not n.startswith(("etc/ssl/certs/", "var/lib/dpkg/status.d/"))}
    assert extra == {
        "bin", "lib", "lib64", "sbin",
        "etc/group", "etc/inputrc", "etc/ld.so.cache", "etc/localtime",
        "etc/mtab", "etc/nsswitch.conf", "etc/passwd",
        "etc/python3.11/sitecustomize.py", "etc/timezone",
        "etc/dpkg/origins/default", "usr/bin/sh",
        "opt/venv/bin/python", "opt/venv/bin/python3",
        "opt/venv/bin/python3.11", "opt/venv/lib64",
        "opt/venv/pyvenv.cfg"} - seen
    print(f"\n{len(base.debs)} packages, {sum(int(d[5]) for d in base.debs)} "
          f"bytes of .debs, {compared} files compared, {left_out} left out\n"
          f"{base.output}")
    assert compared > 1500


def test_every_copyright_file_is_there(base):
    for deb in base.debs:
        path = base.image / "usr/share/doc" / deb[0] / "copyright"
        assert path.is_file(), path


def test_every_package_is_known_to_scanners(base):
    folder = base.image / "var/lib/dpkg/status.d"
    assert sorted(os.listdir(folder)) == sorted(d[0] for d in base.debs)
    for deb in base.debs:
        text = (folder / deb[0]).read_text().splitlines()
        assert text[0] == f"Package: {deb[0]}"
        assert text[1] == "Status: install ok installed"
        assert f"Version: {deb[1]}" in text


def cache_is_ldconfigs(image):
    ours = (image / "etc/ld.so.cache").read_bytes()
    os.unlink(image / "etc/ld.so.cache")
    before = sorted(image.joinpath("usr/lib/x86_64-linux-gnu").iterdir())
    done = inside(image, "/sbin/ldconfig", writable=True, uid=0)
    assert done.returncode == 0, done.stderr
    assert (image / "etc/ld.so.cache").read_bytes() == ours
    assert before == sorted(
        image.joinpath("usr/lib/x86_64-linux-gnu").iterdir())
    return ours


@sandbox
def test_library_cache_is_what_ldconfig_writes(base):
    assert len(cache_is_ldconfigs(base.image)) > 3000


@sandbox
def test_certificate_links_are_what_openssl_makes(base):
    folder = base.image / "etc/ssl/certs"

    def links():
        return {p.name: os.readlink(p) for p in folder.iterdir()
                if re.fullmatch(r"[0-9a-f]{8}\.\d+", p.name)}
    ours = links()
    for name in ours:
        os.unlink(folder / name)
    bundle = folder / "ca-certificates.crt"
    kept = bundle.rename(base.folder / "bundle")
    done = inside(base.image, "/usr/bin/openssl", "rehash", "/etc/ssl/certs",
                  writable=True, uid=0)
    shutil.move(kept, bundle)
    assert done.returncode == 0, done.stderr
    assert links() == ours and len(ours) > 100


@sandbox
def test_its_python_works(base):
    done = inside(base.image, "/opt/venv/bin/python", "-c", r"""
import bz2, ctypes, ctypes.util, curses, distutils, grp, json, locale, lzma
import mimetypes, os, pwd, readline, socket, sqlite3, ssl, subprocess, sys
import time, uuid, zlib, zoneinfo
assert (sys.prefix, sys.base_prefix) == ("/opt/venv", "/usr")
assert sys.path[-1] == "/opt/venv/lib/python3.11/site-packages", sys.path
assert locale.setlocale(locale.LC_ALL, "") == "C.UTF-8"
assert zoneinfo.ZoneInfo("Europe/Berlin") and time.tzname == ("UTC", "UTC")
assert pwd.getpwuid(os.getuid()).pw_name == "app"
assert grp.getgrgid(os.getgid()).gr_name == "app"
assert grp.getgrnam("audio").gr_gid == 29
assert len(ssl.create_default_context().get_ca_certs()) > 100
assert os.path.isfile(ssl.get_default_verify_paths().cafile)
assert ctypes.util.find_library("ssl") == "libssl.so.3"
assert ctypes.CDLL("libstdc++.so.6")
assert mimetypes.guess_type("a.json")[0] == "application/json"
assert socket.getservbyname("https") == 443
assert subprocess.run("exit 7", shell=True).returncode == 7
assert sqlite3.connect(":memory:").execute("select 1").fetchone() == (1,)
loaded = [m for m in list(sys.modules.values())
          if (getattr(m, "__cached__", None) or "").endswith(".pyc")
          and m.__file__ != "/usr/lib/python3.11/sitecustomize.py"]
assert all(os.path.exists(m.__cached__) for m in loaded) and len(loaded) > 50
print(len(loaded))
""")
    assert done.returncode == 0, done.stderr


@sandbox
def test_system_packages_work_on_top(base):
    listed = base.system("libportaudio2", "libasound2-data", "libopenblas0")
    print(base.build(None, listed))
    image = unpack(base.folder / "service", base.folder / "system.tar",
                   base.folder / "python.tar", base.folder / "service.tar")
    cache_is_ldconfigs(image)
    done = inside(image, "/opt/venv/bin/python", "-c", """
import ctypes, ctypes.util
for name in "portaudio", "asound", "openblas", "blas":
    assert ctypes.CDLL(ctypes.util.find_library(name)), name
""")
    assert done.returncode == 0, done.stderr


def test_same_bytes_whoever_builds(base, tmp_path):
    digests = base.output.splitlines()[1:]
    for number, how in enumerate((
            {"umask": 0o077, "env": {"TZ": "Asia/Tokyo", "LANG": "tr_TR.UTF-8",
                                     "PATH": os.environ["PATH"]}},
            {"user": 65534, "group": 65534, "umask": 0o002},
    )):
        if "user" in how and os.getuid() != 0:
            continue
        # Not below pytest's own folders, which only their owner may enter.
        folder = pathlib.Path(subprocess.run(
            ["mktemp", "-d"], capture_output=True, text=True,
            check=True).stdout.strip())
        try:
            shutil.copytree(base.store / "files", folder / "store/files")
            shutil.copy(base.store / "oci-layout", folder / "store")
            listed = shutil.copy(base.list, folder / "list")
            if "user" in how:
                subprocess.run(["chown", "-R", "65534:65534", folder],
                               check=True)
            done = tool("build", folder / "store", base.platform, listed,
                        folder, "--pyc", **how)
            assert done.returncode == 0, (number, done.stderr)
            assert done.stdout.splitlines()[1:] == digests
        finally:
            shutil.rmtree(folder)


def test_a_foreign_architecture(base, tmp_path):
    foreign = Base(tmp_path, "linux/arm64")
    foreign.build()
    made = {**members(tmp_path / "system.tar"),
            **members(tmp_path / "python.tar")}
    assert {d[0] for d in foreign.debs} == {d[0] for d in base.debs}
    cache = tmp_path / "ld.so.cache"
    cache.write_bytes(made["etc/ld.so.cache"][1])
    listed = subprocess.run(["/sbin/ldconfig", "-p", "-C", cache],
                            capture_output=True, text=True,
                            check=True).stdout.splitlines()[1:]
    libraries = [line for line in listed if "(libc6,AArch64)" in line]
    assert len(libraries) > 40
    for line in libraries:
        path = line.split(" => ")[1].lstrip("/")
        assert folded(path) in made, path


def test_keys_from_their_package_where_the_host_has_none(base, tmp_path):
    apt = tmp_path / "host/etc/apt"
    apt.mkdir(parents=True)
    for source in (pathlib.Path("/etc/apt/sources.list"),
                   *pathlib.Path("/etc/apt/sources.list.d").glob("*")):
        if source.is_file():
            text = re.sub(r"(?im)^Signed-By:.*\n|signed-by=\S+", "",
                          source.read_text())
            target = apt / source.relative_to("/etc/apt")
            target.parent.mkdir(exist_ok=True)
            target.write_text(text)
    done = tool("lock", base.store, "bookworm", base.platform,
                f"--host-root={tmp_path / 'host'}")
    assert done.returncode == 0, done.stderr
    assert done.stdout == base.list.read_text()
