"""kill -9 at any moment of a cold build leaves a store that works.

SLIPWAY_KILLS sets how many moments are tried (CI: 8), spread evenly over the
wall time of a cold build. Which phase each one hit is printed.
"""

import collections
import os
import pathlib
import shutil
import signal
import subprocess
import time

HELLO = pathlib.Path(__file__).resolve().parents[2] / "examples" / "hello"
KILLS = int(os.environ.get("SLIPWAY_KILLS", "8"))


def start(made, store):
    return subprocess.Popen(
        [made.program, "-C", made.path, "--store", store, "build",
         "--verbose"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def phase_of(text):
    """The last phase that the build announced."""
    phases = [line.removeprefix("phase: ") for line in text.splitlines()
              if line.startswith("phase: ")]
    return phases[-1] if phases else "start"


def digest(made, store):
    made.store = store
    [image] = made.json("build")["images"]
    assert image["state"] in ("built", "cached")
    return image["digest"]


def test_kill_at_any_moment(fleet, tmp_path, capsys):
    made = fleet(HELLO)
    made.store = tmp_path / "first"
    made.ok("lock")
    # What the lock downloaded is warm for nobody below: every build is cold.
    began = time.monotonic()
    expected = digest(made, tmp_path / "reference")
    wall = time.monotonic() - began
    hits = collections.Counter()
    for i in range(KILLS):
        store = tmp_path / f"killed{i}"
        build = start(made, store)
        try:
            build.wait(timeout=wall * (i + 0.5) / KILLS)
        except subprocess.TimeoutExpired:
            build.send_signal(signal.SIGKILL)
        _, text = build.communicate()
        ended = build.returncode != -signal.SIGKILL
        hits["ended before" if ended else phase_of(text)] += 1
        made.store = store
        result = made.run("verify")
        assert result.returncode == 0, result.stdout
        assert digest(made, store) == expected
        shutil.rmtree(store)
    with capsys.disabled():
        print(f"\n{KILLS} kills over {wall:.1f} s: " + ", ".join(
            f"{count} in '{phase}'" for phase, count in hits.items()))
    assert hits["ended before"] <= KILLS // 2
