"""The fleets that are measured, and what is done to them.

Every fleet is locked beforehand in each of its variants: as it is, with another
version of one pin of a torch service, and with one more package in a service
without torch. A row's run k takes variant k, so that no run finds what an
earlier one made.
"""

import pathlib
import shutil

HERE = pathlib.Path(__file__).resolve().parent
PINNED = "tqdm"  # the first version is where the fleet begins
PIN_VERSIONS = ("4.66.4", "4.66.5", "4.66.6", "4.67.0")
ADDED = ("tabulate", "tenacity", "toolz")
MAX_RUNS = min(len(PIN_VERSIONS) - 1, len(ADDED))

COLD = "cold"
NOTHING = "nothing changed"
LINE = "one line in a torch service"
COMMON = "one line in common/"
PIN = "one pin in a torch service"
PACKAGE = "one added package"
ROWS = (COLD, NOTHING, LINE, COMMON, PIN, PACKAGE)


class Fleet:
    """name, folder of the sources, the torch service that is edited (its
    declaration begins with the text `torch`), the service that gets a package,
    the edited files, and for Dockerfiles the entry of each service."""

    def __init__(self, name, source, torch, plain, line, common, entries=None):
        self.name, self.source = name, source
        self.torch, self.plain = torch, plain
        self.line, self.common = line, common
        self.entries = entries or {}

    def manifest(self, pin, added):
        text = (self.source / "fleet.yaml").read_text()
        for found, extra in ((self.torch, f"{PINNED}=={pin}"),
                             (self.plain, added)):
            if text.count(found) != 1:
                raise RuntimeError(f"{self.source}: not once: {found}")
            if extra:
                text = text.replace(found, f'{found}extra: ["{extra}"], ')
        return text

    def variants(self):
        """{variant: text of fleet.yaml}"""
        texts = {"start": self.manifest(PIN_VERSIONS[0], None)}
        for run in range(MAX_RUNS):
            texts[f"pin-{run}"] = self.manifest(PIN_VERSIONS[run + 1], None)
            texts[f"package-{run}"] = self.manifest(PIN_VERSIONS[0],
                                                    ADDED[run])
        return texts

    def copy(self, folder):
        shutil.copytree(self.source, folder,
                        ignore=shutil.ignore_patterns("fleet.lock.json"))


FLEETS = {
    "8": Fleet(
        "8", HERE / "fleet", "  ModelOps:    {", "  Registry:    {",
        "services/model_ops.py", "common/agent.py",
        {"Registry": "services/registry.py", "Memory": "services/memory.py",
         "Scheduler": "services/scheduler.py",
         "Dashboard": "services/dashboard.py",
         "Translation": "services/translation.py",
         "ModelOps": "services/model_ops.py",
         "Affect": "services/affect.py", "Faces": "services/faces.py"}),
    "68": Fleet(
        "68", HERE.parent / "examples" / "dual-machine",
        "  DreamWorldAgent: {", "  NLUAgent: {",
        "pc2_code/agents/DreamWorldAgent.py", "common/agent.py"),
}


def apply(side, row, run):
    """Brings a side's fleet to where a run of a row begins."""
    if row == COLD:
        side.use("start")
        side.clear()
    elif row in (LINE, COMMON):
        path = side.fleet / (side.model.line if row == LINE
                             else side.model.common)
        with path.open("a") as file:
            file.write(f"EDITED = {run}\n")
    elif row == PIN:
        side.use(f"pin-{run % MAX_RUNS}")
    elif row == PACKAGE:
        side.use(f"package-{run % MAX_RUNS}")
