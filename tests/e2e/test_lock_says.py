"""lock says what is true of the fleet, and build what lock said."""

import json

MANIFEST = """\
fleet: said
machines: {desk: {}, shelf: {}}
bases: {py311: {debian: bookworm, python: "3.11"}}
families: {core: {base: py311}}
defaults: {machines: [desk, shelf], family: core, health: none}
services:
  Good: {run: good.py}
  Lost: {run: lost.py}
  Pinned: {run: good.py, extra: [six==0.0.1]}
  Idle: {run: good.py, skip: not now}
"""


def test_what_lock_and_build_say(fleet):
    made = fleet({"fleet.yaml": MANIFEST, "good.py": "",
                  "lost.py": "import no_such_module_anywhere\n"})
    result = made.run("lock")
    assert result.returncode == 1
    assert ("fleet.lock.json: 2 locked, 1 can start, 2 cannot\n"
            in result.stdout)
    assert result.stderr.count("fleet.yaml:9:") == 1
    said = made.json("lock", status=1)
    assert said["totals"] == {"locked": 2, "start": 1, "cannot": 2,
                              "uncertain": 0}
    assert [(problem["service"], problem["code"], problem["file"],
             problem["line"]) for problem in said["problems"]] == [
        ("Pinned", "lock-conflict", "fleet.yaml", 9),
        ("Lost", "import-unmapped", "lost.py", 1)]
    reason = said["problems"][0]["message"]
    lock = json.loads((made.path / "fleet.lock.json").read_text())
    [refused] = lock["refused"]
    assert (refused["service"], refused["message"]) == ("Pinned", reason)
    made.ok("lock", "--check")
    result = made.run("build")
    assert result.returncode == 1
    assert (f"Pinned on desk, Pinned on shelf: it is not locked: {reason}"
            in result.stderr)
    assert "run: slipway lock" not in result.stderr
    made.write({"fleet.yaml": MANIFEST.replace("six==0.0.1", "six==1.17.0"),
                "lost.py": ""})
    result = made.ok("lock")
    assert "fleet.lock.json: 3 locked, 3 can start\n" in result.stdout
    assert "refused" not in (made.path / "fleet.lock.json").read_text()
    made.ok("build")
