"""The scanner's rows of ./dev bench: bench/scan.py on a tree of the sources of
wheels, with the figures kept in bench/results.json."""

import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile

import scan

FILES = 2000
RUNS = 15
RUFF = "ruff==0.17.6"
COLD, WARM = "slipway check, cold", "slipway check, warm"
TARGETS_S = {COLD: 0.1, WARM: 0.06}
PEER, PEER_TIMES = "ruff analyze graph", 10


def prepare_ruff(tools):
    program = tools / RUFF
    if not program.exists():
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, "-m", "pip", "install", "-q",
                            "--target", folder, RUFF], check=True)
            shutil.copy(pathlib.Path(folder, "bin", "ruff"), program)
    return program


def make_fleet(wheels, fleet):
    """The first sources of the wheels, in the order of their names."""
    count = size = 0
    for wheel in sorted(wheels):
        with zipfile.ZipFile(wheel) as archive:
            for name in sorted(archive.namelist()):
                if count == FILES:
                    break
                if (name.endswith(".py") and ".." not in name
                        and not (fleet / "tree" / name).exists()):
                    archive.extract(name, fleet / "tree")
                    count += 1
                    size += archive.getinfo(name).file_size
    (fleet / "entry.py").touch()
    (fleet / "fleet.yaml").write_text(scan.MANIFEST)
    return count, size


def run(slipway, tools, wheels, work):
    """What is kept in results.json, or None where there are no wheels."""
    count, size = make_fleet(wheels, work / "fleet") if wheels else (0, 0)
    if count < FILES:
        return None
    ruff = prepare_ruff(tools)
    times = scan.run(slipway, [ruff], RUNS, work)
    return {"files": count, "bytes": size, "ruff": RUFF,
            "day": time.strftime("%Y-%m-%d"), "load": os.getloadavg()[0],
            "ways": {name: {"wall_s": [round(wall, 4) for wall, _ in taken],
                            "cpu_s": [round(cpu, 4) for _, cpu in taken]}
                     for name, taken in times.items()}}


def verdict(name, medians):
    if name in TARGETS_S:
        met = medians[name] <= TARGETS_S[name]
        return f"at most {TARGETS_S[name]:g} s: {'met' if met else 'missed'}"
    if name == PEER:
        times = medians[PEER] / medians[COLD]
        met = times >= PEER_TIMES
        return (f"at least {PEER_TIMES} times slipway's: {times:.1f}, "
                f"{'met' if met else 'missed'}")
    return ""


def table(data):
    """Lines of Markdown."""
    medians = {name: statistics.median(way["wall_s"])
               for name, way in data["ways"].items()}
    lines = ["## The scanner", "",
             f"{data['files']} files, {data['bytes'] / 1e6:.1f} MB, "
             f"{data['ruff']}, load {data['load']:.1f}.", "",
             "| way | wall (min to max), ms | processors, ms | runs "
             "| target |", "|---|--:|--:|--:|---|"]
    for name, way in data["ways"].items():
        wall = [value * 1000 for value in way["wall_s"]]
        cpu = statistics.median(way["cpu_s"]) * 1000
        lines.append(f"| {name} | {statistics.median(wall):.0f} "
                     f"({min(wall):.0f} to {max(wall):.0f}) | {cpu:.0f} "
                     f"| {len(wall)} | {verdict(name, medians)} |")
    return lines + [""]
