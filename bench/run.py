"""slipway beside its peers, in one run: ./dev bench [--runs N] [--peers LIST].

Each scenario is run for every side in turn; what counts is the median. Writes
bench/results.json and bench/results.md.
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile

from index import Index, link_wheels, locked_wheels
from measure import measure
from sides import BASE_PACKAGES, BuildKit, Slipway

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("SLIPWAY_BUILD", HERE.parent / "build"))
CACHE = pathlib.Path(os.environ.get(
    "SLIPWAY_DEV_CACHE",
    pathlib.Path(os.environ.get("XDG_CACHE_HOME",
                                pathlib.Path.home() / ".cache"))
    / "slipway-dev")) / "bench"

# Each with its torch service as the one that is edited.
ENTRIES = {"Registry": "services/registry.py", "Memory": "services/memory.py",
           "Scheduler": "services/scheduler.py",
           "Dashboard": "services/dashboard.py",
           "Translation": "services/translation.py",
           "ModelOps": "services/model_ops.py",
           "Affect": "services/affect.py", "Faces": "services/faces.py"}

# What design section 12 asks of the ratio to the slowest and the best peer.
TARGETS = {"cold": "20 times faster than BuildKit, pip and gzip; without "
                   "bytecode 8 times faster than BuildKit, uv and zstd",
           "nothing changed": "below 100 ms",
           "one line in a torch service": "below 150 ms",
           "one line in common/": "below 1 s"}


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def edit(path, run):
    """One more line, another in each run."""
    with open(path, "a") as file:
        file.write(f"EDITED = {run}\n")


SCENARIOS = {
    "cold": lambda side, run: side.clear(),
    "nothing changed": lambda side, run: None,
    "one line in a torch service":
        lambda side, run: edit(side.fleet / "services" / "model_ops.py", run),
    "one line in common/":
        lambda side, run: edit(side.fleet / "common" / "agent.py", run),
}


def slipway(*words):
    subprocess.run([BUILD / "slipway", *words], check=True,
                   stdout=subprocess.DEVNULL)


def prepare_seed(work):
    """A store with all downloads, and the lock of the fleet."""
    seed, fleet = CACHE / "store", work / "seed-fleet"
    shutil.copytree(HERE / "fleet", fleet)
    say(f"lock and downloads, kept in {seed}")
    slipway("-C", fleet, "--store", seed, "lock")
    slipway("-C", fleet, "--store", seed, "build")
    return seed, fleet


def prepare_tools():
    """BuildKit, buildx and a root file system for Dockerfiles; the folder, or
    None with a line that says what is missing."""
    tools = CACHE / "tools"
    missing = [name for name in ("go", "runc", "mmdebstrap", "docker-registry")
               if not shutil.which(name)]
    if missing:
        say(f"no peers: {', '.join(missing)} not installed "
            "(./dev setup bench; go from go.dev)")
        return None
    tools.mkdir(parents=True, exist_ok=True)
    if not (tools / "buildx").exists():
        say("building BuildKit and buildx")
        subprocess.run(["sh", HERE / "build-peers.sh", tools], check=True)
    if not (tools / "base.tar").exists():
        say("making the base image of the Dockerfiles")
        subprocess.run(["mmdebstrap", "--variant=minbase",
                        f"--include={BASE_PACKAGES}", "bookworm",
                        tools / "base.tar"], check=True)
    if not (tools / "uv").exists():
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, "-m", "pip", "install", "-q",
                            "--target", folder, "uv"], check=True)
            shutil.copy(pathlib.Path(folder, "bin", "uv"), tools / "uv")
    return tools


def make_side(name, work, seed, fleet, index, tools):
    own = work / name.replace(" ", "-").replace(",", "")
    shutil.copytree(fleet, own / "fleet")
    if name.startswith("slipway"):
        if "without bytecode" in name:
            manifest = own / "fleet" / "fleet.yaml"
            manifest.write_text(manifest.read_text().replace(
                "defaults: {", "defaults: {bytecode: none, "))
        return Slipway(name, BUILD / "slipway", own / "fleet", own, seed,
                       index.url)
    lock = json.loads((fleet / "fleet.lock.json").read_text())
    return BuildKit(name, own / "fleet", own, tools, index.url, lock,
                    uv="uv" in name, services=ENTRIES)


def run_side(side, runs, work):
    results = {}
    for scenario, before in SCENARIOS.items():
        # A cold build of a peer takes minutes; what is quick is run often.
        count = runs if scenario == "cold" else max(runs, 5)
        costs = []
        for run in range(count):
            before(side, run)
            costs.append(measure(side.command(), work, side.daemons,
                                 env=side.environment))
            say(f"{side.name}: {scenario}: {costs[-1]['wall_s']:.3f} s")
        results[scenario] = {"runs": costs,
                             "disk_bytes": side.disk_bytes()}
    return results


def median(result, key):
    return statistics.median(run[key] for run in result["runs"])


def table(results):
    lines = ["| scenario | side | wall (min to max), s | ratio | processor, s "
             "| memory, MB | written, MB | on disk, MB |",
             "|---|---|--:|--:|--:|--:|--:|--:|"]
    for scenario in SCENARIOS:
        ours = median(next(iter(results.values()))[scenario], "wall_s")
        for side, scenarios in results.items():
            result = scenarios[scenario]
            walls = [run["wall_s"] for run in result["runs"]]
            lines.append(
                f"| {scenario} | {side} | {statistics.median(walls):.3f} "
                f"({min(walls):.3f} to {max(walls):.3f}) "
                f"| {statistics.median(walls) / ours:.1f} "
                f"| {median(result, 'cpu_s'):.1f} "
                f"| {median(result, 'peak_bytes') / 1e6:.0f} "
                f"| {median(result, 'written_bytes') / 1e6:.0f} "
                f"| {result['disk_bytes'] / 1e6:.0f} |")
    return "\n".join(lines) + "\n"


def machine():
    cpu = next(line.split(":")[1].strip()
               for line in pathlib.Path("/proc/cpuinfo").read_text().split("\n")
               if line.startswith("model name"))
    return {"cpu": cpu, "cores": os.cpu_count(),
            "memory_bytes": os.sysconf("SC_PAGE_SIZE")
            * os.sysconf("SC_PHYS_PAGES"),
            "kernel": platform.release()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--sides", default="slipway,slipway without bytecode,"
                        "BuildKit with pip and gzip,BuildKit with uv and zstd")
    arguments = parser.parse_args()
    sides = arguments.sides.split(",")
    CACHE.mkdir(parents=True, exist_ok=True)
    # On the disk of the cache: files are linked, not copied.
    work = pathlib.Path(tempfile.mkdtemp(dir=CACHE, prefix="run-"))
    seed, fleet = prepare_seed(work)
    tools = (prepare_tools() if any(name.startswith("BuildKit")
                                    for name in sides) else None)
    wheels = locked_wheels(json.loads((fleet / "fleet.lock.json").read_text()))
    link_wheels(wheels, seed, CACHE / "wheels")
    served = work / "index"
    served.mkdir()
    index = Index(served, wheels, CACHE / "wheels")
    results = {}
    try:
        for name in sides:
            if name.startswith("BuildKit") and not tools:
                continue
            side = make_side(name, work, seed, fleet, index, tools)
            try:
                results[name] = run_side(side, arguments.runs, work)
            finally:
                side.stop()
                shutil.rmtree(work / name.replace(" ", "-"),
                              ignore_errors=True)
    finally:
        index.stop()
        shutil.rmtree(work, ignore_errors=True)
    (HERE / "results.json").write_text(json.dumps(
        {"machine": machine(), "targets": TARGETS, "results": results},
        indent=1) + "\n")
    text = table(results)
    (HERE / "results.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
