#!/usr/bin/env python3
"""How long a tree of Python sources takes to be scanned: slipway check (without
a lock: reading, scanning, the walk), ruff's import graph, and CPython's ast.

    bench/scan.py [--runs N] [--json] [--slipway PROGRAM] FOLDER

FOLDER holds sources, such as a site-packages. The three take turns; printed are
the medians of wall time and of CPU time (user and system). `cold` is slipway's
first run with a new store, `warm` one with the store of the run before. The
sources are read before, so that none comes from the disk. ruff is taken from
PATH, or by `uvx ruff`; where neither is there, it is left out. ./dev bench
--scanner does it with the wheels that it has, and a ruff of its own.
"""

import argparse
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

AST_WAY, AST_RUNS = "CPython ast", 1  # it takes ten seconds and more
SETTLED_S = 0.5  # check remembers no file that was changed just before
ROOT = pathlib.Path(__file__).resolve().parents[1]
MANIFEST = """\
fleet: scanned
machines: {desk: {platform: linux/amd64}}
bases: {py311: {debian: bookworm, python: "3.11"}}
families: {core: {base: py311}}
services: {One: {machines: desk, family: core, run: entry.py}}
"""
AST = """\
import ast, concurrent.futures, pathlib, sys, warnings
warnings.simplefilter("ignore")
def read(path):
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return 0
    return sum(isinstance(node, (ast.Import, ast.ImportFrom))
               for node in ast.walk(tree))
if __name__ == "__main__":
    paths = list(pathlib.Path(sys.argv[1]).rglob("*.py"))
    with concurrent.futures.ProcessPoolExecutor() as pool:
        print(sum(pool.map(read, paths, chunksize=64)))
"""


def measure(command, statuses=(0,)):
    """(wall, CPU) in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, check=False)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in statuses:
        sys.exit(f"{command}: {done.stderr.decode()[-2000:]}")
    return wall, (after.ru_utime + after.ru_stime
                  - before.ru_utime - before.ru_stime)


def find_ruff():
    if shutil.which("ruff"):
        return ["ruff"]
    return ["uvx", "ruff"] if shutil.which("uvx") else None


def make_fleet(sources, folder):
    """A copy of the sources, so that nothing but the fleet lies beside it."""
    for path in sources.rglob("*.py"):
        if path.is_file():
            target = folder / "tree" / path.relative_to(sources)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    (folder / "entry.py").touch()
    (folder / "fleet.yaml").write_text(MANIFEST)
    files = list(folder.glob("tree/**/*.py"))
    return len(files), sum(path.stat().st_size for path in files)


def run(slipway, ruff, runs, folder):
    """The times of a fleet that lies in folder/fleet: {way: [(wall, CPU)]}."""
    fleet, store = folder / "fleet", folder / "store"
    script = folder / "read.py"
    script.write_text(AST)
    time.sleep(SETTLED_S)
    check = [slipway, "-C", fleet, "--store", store, "--quiet", "check"]
    ways = {
        "slipway check, cold": lambda: (shutil.rmtree(store, True),
                                        measure(check))[1],
        "slipway check, warm": lambda: measure(check),
        AST_WAY: lambda: measure([sys.executable, script,
                                        fleet / "tree"]),
    }
    if ruff:
        ways["ruff analyze graph"] = lambda: measure(
            [*ruff, "analyze", "graph", "--quiet", fleet / "tree"], (0, 1))
    times = {name: [] for name in ways}
    for turn in range(runs + 1):
        for name, way in ways.items():
            if name == AST_WAY and turn > AST_RUNS:
                continue
            taken = way()
            if turn > 0:  # the first fills the page cache
                times[name].append(taken)
    return times


def scan(options, folder):
    fleet = folder / "fleet"
    fleet.mkdir()
    count, size = make_fleet(options.folder, fleet)
    times = run(options.slipway, find_ruff(), options.runs, folder)
    rows = {name: [statistics.median(part) for part in zip(*taken)]
            for name, taken in times.items()}
    return {"files": count, "bytes": size, "runs": options.runs,
            "cores": len(os.sched_getaffinity(0)),
            "load": os.getloadavg()[0],
            "seconds": {name: {"wall": wall, "cpu": cpu}
                        for name, (wall, cpu) in rows.items()}}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--slipway", default=ROOT / "build/slipway")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = scan(options, pathlib.Path(folder))
    if options.json:
        print(json.dumps(result, indent=1))
        return
    print(f"{result['files']} files, {result['bytes'] / 1e6:.1f} MB, "
          f"{result['cores']} cores, load {result['load']:.1f}, medians of "
          f"{result['runs']}")
    base = result["seconds"]["slipway check, cold"]["wall"]
    for name, row in result["seconds"].items():
        print(f"{name:22} {row['wall'] * 1000:8.0f} ms {row['cpu'] * 1000:8.0f}"
              f" ms CPU {row['wall'] / base:8.1f} x")


if __name__ == "__main__":
    main()
