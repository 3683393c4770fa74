"""What the build gives: small, static, hardened, the same bytes anywhere."""

import pathlib
import shutil
import subprocess

import pytest
from conftest import BUILD, GPU, INIT, ROOT, clean_env

BINARIES = {"x86_64": INIT, "aarch64": BUILD / "init" / "slipway-init-aarch64"}


def binary(arch):
    path = BINARIES[arch]
    if not path.exists():
        pytest.skip(f"no {arch} build: its compiler or musl is not installed")
    return path


def readelf(*arguments):
    return subprocess.run(["readelf", "-W", *arguments], text=True, check=True,
                          capture_output=True).stdout


@pytest.mark.parametrize("arch", BINARIES)
def test_small_static_and_hardened(arch):
    path = binary(arch)
    assert path.stat().st_size < 150_000
    text = readelf("-hlSd", path)
    assert "INTERP" not in text and "(NEEDED)" not in text
    assert "DYN (" in text  # position-independent
    stack = next(line for line in text.splitlines() if "GNU_STACK" in line)
    assert " RW " in stack and "RWE" not in stack
    loads = [line for line in text.splitlines() if " LOAD " in line]
    assert loads and not any("RWE" in line for line in loads)
    assert "GNU_RELRO" in text
    assert "BIND_NOW" in text or "NOW" in text
    assert "TEXTREL" not in text


def test_the_helper_is_hardened():
    text = readelf("-hlSd", GPU)
    assert "GNU_RELRO" in text and "NOW" in text and "DYN (" in text
    assert "RWE" not in text
    assert {line.split("[")[1].split("]")[0] for line in text.splitlines()
            if "(NEEDED)" in line} == {"libdl.so.2", "libc.so.6"}


@pytest.mark.parametrize("arch", BINARIES)
def test_same_bytes_from_another_folder(arch, tmp_path):
    path = binary(arch)
    version = subprocess.run([INIT, "--version"], text=True, check=True,
                             capture_output=True).stdout.split()[1]
    other = tmp_path / "some where" / "else"
    shutil.copytree(ROOT / "init", other)
    subprocess.run(["sh", other / "build.sh", arch, version, "a", "b"],
                   cwd=tmp_path, check=True, env=clean_env(LANG="C"))
    assert (tmp_path / "a").read_bytes() == path.read_bytes()
    helper = path.with_name(path.name.replace("init", "gpu"))
    assert (tmp_path / "b").read_bytes() == helper.read_bytes()
    assert bytes(tmp_path) not in path.read_bytes()
    assert bytes(ROOT) not in path.read_bytes()


def test_arm64_runs():
    path = binary("aarch64")
    qemu = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    if not qemu:
        pytest.skip("qemu-aarch64 is not installed")

    def run(*arguments, **more):
        return subprocess.run([qemu, path, *arguments], env=clean_env(**more),
                              capture_output=True, text=True, timeout=30)
    assert run("--version").stdout.startswith("slipway-init ")
    assert run("cpus").stdout.split()[0].isdigit()
    assert run("--", "/bin/sh", "-c", "exit 7").returncode == 7
    assert run("--", "/bin/sh", "-c", "kill -9 $$").returncode == 137
    assert run("probe", "tcp:1").returncode == 1
    helper = pathlib.Path(str(path).replace("init-a", "gpu-a"))
    root = pathlib.Path("/usr/aarch64-linux-gnu")
    if root.exists():
        out = subprocess.run([qemu, "-L", root, helper], env=clean_env(),
                             capture_output=True, text=True).stdout
        assert '"error":12' in out
