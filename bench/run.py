"""slipway beside its peers: ./dev bench (docs/bench.md).

Every measurement is kept in bench/results.json as soon as it is there: a run
that was cut off goes on where it ended when it is started again in the same
way, and a run of some sides or rows leaves the figures of the others.
"""

import argparse
import hashlib
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time

import report
import scanner
from fleets import COLD, FLEETS, MAX_RUNS, PACKAGE, PIN, ROWS, apply
from index import Index, link_wheels, locked_wheels
from measure import measure
from sides import BASE_PACKAGES, SIDES

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("SLIPWAY_BUILD", HERE.parent / "build"))
CACHE = pathlib.Path(os.environ.get(
    "SLIPWAY_DEV_CACHE",
    pathlib.Path(os.environ.get("XDG_CACHE_HOME",
                                pathlib.Path.home() / ".cache"))
    / "slipway-dev")) / "bench"
RESULTS = HERE / "results.json"
QUICK_RUNS = 5  # of what takes no minutes
PEER_QUICK_RUNS = {"BuildKit": 3, "buildah": 1, "uv": 3}
OURS = ("slipway", "slipway without bytecode")
# These take minutes each and no target names them.
SLOW = {("BuildKit with pip and gzip", PIN), ("buildah with uv", PIN)}


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def keeping_wheels(manifest):
    if "\n  keep: {" in manifest:
        return manifest.replace("\n  keep: {", "\n  keep: {wheels: all, ")
    return manifest + "\npolicy: {keep: {wheels: all}}\n"


def slipway(*words):
    subprocess.run([BUILD / "slipway", *words], check=True,
                   stdout=subprocess.DEVNULL)


def prepare_tools(wanted):
    """BuildKit, buildx, uv and a root file system for Dockerfiles."""
    tools = CACHE / "tools"
    tools.mkdir(parents=True, exist_ok=True)
    if not (tools / "uv").exists():
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, "-m", "pip", "install", "-q",
                            "--target", folder, "uv"], check=True)
            shutil.copy(pathlib.Path(folder, "bin", "uv"), tools / "uv")
    if any(name.startswith("build") for name in map(str.lower, wanted)):
        if not (tools / "base.tar").exists():
            say("making the base image of the Dockerfiles")
            subprocess.run(["mmdebstrap", "--variant=minbase",
                            f"--include={BASE_PACKAGES}", "bookworm",
                            tools / "base.tar"], check=True)
    if any(name.startswith("BuildKit") for name in wanted):
        if not (tools / "buildx").exists():
            say("building BuildKit and buildx")
            subprocess.run(["sh", HERE / "build-peers.sh", tools], check=True)
    return tools


def missing_programs(side):
    needs = {"BuildKit": ("runc", "docker-registry", "mmdebstrap"),
             "buildah": ("buildah", "runc", "mmdebstrap")}
    needed = needs.get(side.split(" ")[0], ())
    if side.startswith("BuildKit") and not (CACHE / "tools/buildx").exists():
        needed += ("go",)
    return [name for name in needed if not shutil.which(name)]


class Setting:
    """What the sides of one fleet share: its locked variants, its wheels."""

    def __init__(self, model, work, tools):
        self.model, self.tools = model, tools
        self.program, self.floor = BUILD / "slipway", BUILD / "bench" / "floor"
        self.folder = work / model.name
        self.variants = self.folder / "variants"
        self.seed = CACHE / "store"
        self.wheels = {}
        self.prepare_variants()
        self.wheel_hashes = {sha256 for _, _, sha256 in self.wheels.values()}
        served = self.folder / "index"
        served.mkdir()
        link_wheels(self.wheels, self.seed, CACHE / "wheels")
        self.served = Index(served, self.wheels, CACHE / "wheels")
        self.index = self.served.url

    def prepare_variants(self):
        """Locks and downloads through the index that the host is set up with;
        the seed store keeps the wheels for the next time."""
        fleet = self.folder / "fleet"
        self.model.copy(fleet)
        say(f"locking {self.model.name} services in their variants; wheels are "
            f"kept in {self.seed}")
        for variant, text in self.model.variants().items():
            (fleet / "fleet.yaml").write_text(keeping_wheels(text))
            slipway("-C", fleet, "--store", self.seed, "lock")
            slipway("-C", fleet, "--store", self.seed, "build")
            kept = self.variants / variant
            kept.mkdir(parents=True)
            (kept / "fleet.yaml").write_text(text)
            shutil.copy(fleet / "fleet.lock.json", kept)
            self.wheels |= locked_wheels(
                json.loads((fleet / "fleet.lock.json").read_text()))


class Results:
    """bench/results.json, written at every change. Without arguments a run that
    was cut off can still go on afterwards."""

    def __init__(self, arguments=None):
        self.data = {"fleets": {}}
        if RESULTS.exists():
            self.data = json.loads(RESULTS.read_text())
        if self.data.get("machine") != machine():
            self.data = {"fleets": {}}
        self.data["machine"] = machine()
        self.failed = []  # sides; the others go on
        if arguments:
            self.begin(arguments)

    def begin(self, arguments):
        started = {
            "arguments": vars(arguments),
            "program": hashlib.sha256(
                (BUILD / "slipway").read_bytes()).hexdigest()}
        self.resumed = self.data.get("unfinished") == started
        self.data["unfinished"] = started

    def cell(self, fleet, side, row):
        return (self.data["fleets"].setdefault(fleet, {})
                .setdefault(side, {}).setdefault(row, {"runs": []}))

    def runs(self, fleet, side, row):
        return self.cell(fleet, side, row)["runs"]

    def drop(self, fleet, side, rows):
        for row in rows:
            self.data["fleets"].get(fleet, {}).get(side, {}).pop(row, None)

    def add(self, fleet, side, row, cost, disk_bytes, version):
        cell = self.cell(fleet, side, row)
        cell["runs"].append(cost)
        cell.update(disk_bytes=disk_bytes, version=version,
                    day=time.strftime("%Y-%m-%d"))
        self.write()

    def finish(self):
        del self.data["unfinished"]
        self.write()

    def write(self):
        beside = RESULTS.with_suffix(".tmp")
        beside.write_text(json.dumps(self.data, indent=1) + "\n")
        beside.rename(RESULTS)


def machine():
    cpu = next(line.split(":")[1].strip()
               for line in pathlib.Path("/proc/cpuinfo").read_text().split("\n")
               if line.startswith("model name"))
    return {"cpu": cpu, "cores": os.cpu_count(),
            "memory_bytes": os.sysconf("SC_PAGE_SIZE")
            * os.sysconf("SC_PHYS_PAGES"),
            "kernel": platform.release()}


def version(side, tools):
    command = {"slipway": [BUILD / "slipway", "version"],
               "floor": [BUILD / "slipway", "version"],
               "uv": [tools / "uv", "--version"],
               "buildah": ["buildah", "--version"],
               "BuildKit": [tools / "buildkitd", "--version"]}
    return subprocess.run(command[side.split(" ")[0]], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.split("\n")[0]


def wanted_runs(side, row, arguments):
    if row == COLD:
        ours = side.startswith("slipway") or side == "floor"
        return arguments.runs if ours else arguments.peer_runs
    if row in (PIN, PACKAGE):
        return min(MAX_RUNS, arguments.runs if side in OURS
                   else arguments.peer_runs)
    return PEER_QUICK_RUNS.get(side.split(" ")[0], QUICK_RUNS)


def wanted_rows(name, arguments):
    return [row for row in ROWS
            if row in SIDES[name].rows and row in arguments.rows
            and (arguments.slow or (name, row) not in SLOW)]


def run_side(name, setting, rows, results, arguments):
    fleet = setting.model.name
    if all(len(results.runs(fleet, name, row))
           >= wanted_runs(name, row, arguments) for row in rows):
        return
    side = SIDES[name](name, setting)
    warm = False
    try:
        for row in rows:
            count = wanted_runs(name, row, arguments)
            done = len(results.runs(fleet, name, row))
            if not warm and row != COLD and done < count:
                say(f"{name}: first build, not measured")
                apply(side, COLD, 0)
                measure(side.command(), side.daemons, env=side.environment)
                warm = True
            for run in range(done, count):
                apply(side, row, run)
                cost = measure(side.command(), side.daemons,
                               env=side.environment)
                warm = True
                results.add(fleet, name, row, cost, side.disk_bytes(),
                            version(name, setting.tools))
                say(f"{fleet} services, {name}: {row}: {cost['wall_s']:.3f} s,"
                    f" {cost['cpu_s']:.2f} s of processors")
    finally:
        side.stop()


def run_fleet(fleet, work, tools, results, arguments):
    setting = Setting(FLEETS[fleet], work, tools)
    try:
        for name in arguments.sides:
            rows = wanted_rows(name, arguments)
            missing = missing_programs(name)
            free = shutil.disk_usage(work).free / 1e9
            if not rows or (fleet != "8" and name not in OURS):
                continue
            if missing:
                say(f"no {name}: {', '.join(missing)} not installed "
                    "(./dev setup bench; go from go.dev)")
                continue
            if free < SIDES[name].gigabytes:
                say(f"no {name}: it needs {SIDES[name].gigabytes} GB of disk, "
                    f"{free:.0f} are free")
                continue
            if not results.resumed:
                results.drop(fleet, name, rows)
            try:
                run_side(name, setting, rows, results, arguments)
            except (RuntimeError, subprocess.CalledProcessError) as error:
                say(f"{name}: {error}")
                results.failed.append(name)
    finally:
        setting.served.stop()
        shutil.rmtree(setting.folder, ignore_errors=True)


def run_planner():
    """What the planner says of itself; printed, no part of the table."""
    tool = BUILD / "tests" / "unit" / "tool_plan_scale"
    for words in (("scale", "5000", "2000"), ("optimum", "2000")):
        subprocess.run([tool, *words], check=True)


def run_scanner(results):
    """On sources of the wheels that a run has left in the cache."""
    tools = CACHE / "tools"
    tools.mkdir(parents=True, exist_ok=True)
    wheels = list((CACHE / "wheels").glob("*.whl"))
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="scan-") as work:
        data = scanner.run(BUILD / "slipway", tools, wheels,
                           pathlib.Path(work))
    if data is None:
        say(f"no scanner: fewer than {scanner.FILES} sources in the wheels of "
            f"{CACHE / 'wheels'}; a run of slipway's side leaves them there")
        return
    results.data["scanner"] = data
    results.write()


def parse():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)

    def some(names):
        def read(text):
            chosen = text.split(",")
            unknown = [name for name in chosen if name not in names]
            if unknown:
                raise argparse.ArgumentTypeError(
                    f"'{unknown[0]}' is none of: {', '.join(names)}")
            return chosen
        return read

    parser.add_argument("--runs", type=int, default=3,
                        help="of slipway and the floor (3)")
    parser.add_argument("--peer-runs", type=int, default=1,
                        help="of what takes a peer minutes (1)")
    parser.add_argument("--fleet", type=some(FLEETS), default=list(FLEETS),
                        metavar="8,68", help="all without it")
    parser.add_argument("--sides", type=some(SIDES), default=list(SIDES),
                        metavar="NAME,...", help=", ".join(SIDES))
    parser.add_argument("--rows", type=some(ROWS), default=list(ROWS),
                        metavar="NAME,...", help=", ".join(ROWS))
    parser.add_argument("--slow", action="store_true",
                        help="a pin of pip and of buildah, too: ten minutes")
    parser.add_argument("--planner", action="store_true",
                        help="only the planner: scale, and against the optimum")
    parser.add_argument("--scanner", action="store_true",
                        help="only the scanner: a tree of wheels' sources")
    parser.add_argument("--report", action="store_true",
                        help="only write table and plot of what is measured")
    return parser.parse_args()


def main():
    arguments = parse()
    if arguments.planner:
        run_planner()
        return
    if arguments.scanner:
        CACHE.mkdir(parents=True, exist_ok=True)
        run_scanner(Results())
        report.write(json.loads(RESULTS.read_text()), HERE)
        return
    if not arguments.report:
        CACHE.mkdir(parents=True, exist_ok=True)
        results = Results(arguments)
        tools = prepare_tools(arguments.sides)
        # On the disk of the cache: files are linked, not copied.
        work = pathlib.Path(tempfile.mkdtemp(dir=CACHE, prefix="run-"))
        try:
            for fleet in arguments.fleet:
                run_fleet(fleet, work, tools, results, arguments)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        if not results.failed:
            results.finish()
        run_scanner(results)
        run_planner()
    report.write(json.loads(RESULTS.read_text()), HERE)
    if not arguments.report and results.failed:
        sys.exit(f"bench: failed: {', '.join(results.failed)}; the same "
                 "command again measures what is missing")


if __name__ == "__main__":
    main()
