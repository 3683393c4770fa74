"""Libraries and programs of this machine and of the installed wheels, compared
with what readelf says of them.

SLIPWAY_ELF_TREES (folders joined by ':') takes others.
"""

import os
import pathlib
import re
import subprocess
import sysconfig

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLIPWAY_BUILD", ROOT / "build"))
TOOL = BUILD / "tests/unit/tool_elf"
TREES = os.environ.get("SLIPWAY_ELF_TREES", "").split(":")
if TREES == [""]:
    TREES = ["/usr/lib", "/usr/bin", "/usr/sbin",
             sysconfig.get_path("platlib")]

WORDS = {"NEEDED": "needed", "SONAME": "soname", "RPATH": "rpath",
         "RUNPATH": "runpath"}
MACHINES = {"Intel 80386": 3, "ARM": 40, "Advanced Micro Devices X86-64": 62,
            "AArch64": 183, "Linux BPF": 247}


def ask(paths):
    """Per path the lines that the tool prints."""
    result = subprocess.run(
        [TOOL], input="".join(f"{p}\n" for p in paths), capture_output=True,
        text=True, check=True, errors="surrogateescape")
    answers = {}
    for line in result.stdout.splitlines():
        if line.startswith("file "):
            lines = answers[line[5:]] = []
        else:
            lines.append(line)
    return answers


def oracle(text):
    """The same lines, of what `readelf -hldnVW` prints of one file."""
    head, dynamic, needs, defined, build_id = [], {}, [], [], []
    file, part = "", ""
    for line in text.splitlines():
        if match := re.match(r"  Class: +ELF(\d+)", line):
            head.append(f"bits {match[1]}")
        elif match := re.match(r"  Machine: +(.*)", line):
            head.append(f"machine {MACHINES[match[1]]}")
        elif match := re.search(r"\[Requesting program interpreter: (.*)\]",
                                line):
            head.append(f"interpreter {match[1]}")
        elif match := re.match(
                r" 0x[0-9a-f]+ \((NEEDED|SONAME|RPATH|RUNPATH)\) .*?: "
                r"\[(.*)\]$", line):
            if match[2]:
                dynamic.setdefault(WORDS[match[1]], []).append(match[2])
        elif line.startswith("Version "):
            part = line
        elif match := re.match(r"  \S+: Version: \d+  File: (\S+)",
                               line):
            file = match[1]
        elif match := re.match(
                r"  \S+:   Name: (\S+)  Flags: (.*?)  Version:", line):
            weak = " weak" if "WEAK" in match[2] else ""
            needs.append(f"version {file} {match[1]}{weak}")
        elif match := re.match(
                r"  \S+: Rev: \d+  Flags: (.*?) +Index: .* Name: (\S+)", line):
            if "BASE" not in match[1] and "definition" in part:
                defined.append(f"defined {match[2]}")
        elif match := re.search(r"Build ID: ([0-9a-f]+)$", line):
            build_id = [f"build-id {match[1]}"]
    lines = head
    for word in ["soname", "rpath", "runpath", "needed"]:
        values = dynamic.get(word, [])
        lines += [f"{word} {v}" for v in values]
    return lines + needs + defined + build_id


def elf_files():
    found = {}
    for tree in TREES:
        for folder, _, names in os.walk(tree):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.islink(path) or not os.path.isfile(path):
                    continue
                # Headers without what they point to: nothing loads these.
                if name.endswith(".debug"):
                    continue
                with open(path, "rb") as file:
                    head = file.read(20)
                # Emulators bring firmware for processors that no image has.
                if head[:4] == b"\x7fELF" and int.from_bytes(
                        head[18:20], "little") in MACHINES.values():
                    found[os.path.realpath(path)] = None
    return sorted(found)


def test_real_files_say_what_readelf_says():
    paths = elf_files()
    assert len(paths) > 100
    answers = ask(paths)
    wrong, versions = [], 0
    for path in paths:
        result = subprocess.run(
            ["readelf", "-hldnVW", path], capture_output=True, text=True,
            check=False, errors="surrogateescape", env={"LC_ALL": "C"})
        expected = oracle(result.stdout)
        versions += sum(line.startswith("version ") for line in expected)
        found = answers[path]
        # Go's linker may put the build id where no segment of notes is.
        if "GO BUILDID" in result.stdout:
            found, expected = (
                [line for line in lines if not line.startswith("build-id ")]
                for lines in (found, expected))
        if sorted(found) != sorted(expected):
            wrong.append((path, set(found) ^ set(expected)))
    print(f"{len(paths)} files, {versions} needed versions, "
          f"{len(wrong)} differ")
    assert wrong == []
    assert versions > 1000


@pytest.mark.parametrize("content,status", [
    (b"\x7fELF\x02\x02\x01" + bytes(57), "big-endian"),
    (b"#!/bin/sh\n", "no ELF file"),
    (b"\x7fELF\x02\x01\x01", "cut short"),
])
def test_other_files_are_told_apart(tmp_path, content, status):
    path = tmp_path / "file"
    path.write_bytes(content)
    (answer,) = ask([path])[str(path)]
    assert answer.startswith("status ") and status in answer
