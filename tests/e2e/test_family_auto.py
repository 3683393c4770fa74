"""family: auto is decided at lock, stays decided, and says why."""

import json

import pytest

MANIFEST = """\
fleet: chosen
machines: {desk: {platform: linux/amd64}}
bases: {py311: {debian: bookworm, python: "3.11"}}
tracks: {cu121: {cuda: "12.1"}}
families:
  web: {base: py311, packages: [uvicorn]}
  sheets: {base: py311, packages: [pyyaml, python-dateutil]}
  gpu: {base: py311, track: cu121, packages: [orjson]}
defaults: {machines: desk, family: auto, health: none, constraints: pins.txt}
services:
  Page: {run: page.py}
  Sheet: {run: sheet.py}
  Plain: {run: plain.py}
"""

FILES = {
    "pins.txt": "orjson\nuvicorn\n",
    "page.py": "import orjson\nimport uvicorn\n",
    "sheet.py": "import dateutil.parser\nimport yaml\n",
    "plain.py": "import zmq\n",
}


@pytest.fixture
def chosen(fleet, shared_store):
    made = fleet({"fleet.yaml": MANIFEST, **FILES})
    made.store = shared_store
    made.ok("lock")
    return made


def families(made):
    """What the lock has: {service: (family, rule)}."""
    lock = json.loads((made.path / "fleet.lock.json").read_text())
    return {service["name"]: (service["family"].get("name"),
                              service["family"]["by"])
            for service in lock["services"]}


def why(made, service):
    lock = json.loads((made.path / "fleet.lock.json").read_text())
    [found] = [entry for entry in lock["services"]
               if entry["name"] == service]
    return found["family"]["why"]


def test_each_gets_what_fits_and_the_reason(chosen):
    assert families(chosen) == {"Page": ("web", "only"),
                                "Sheet": ("sheets", "only"),
                                "Plain": (None, "none")}
    assert "3 of its 3 packages are needed" in why(chosen, "Page")
    said = why(chosen, "Plain")
    assert "web: none of its 3 packages is needed" in said
    assert "gpu: its track 'cu121' has CUDA" in said and "gpu: none" in said
    text = (chosen.path / "fleet.lock.json").read_text()
    chosen.ok("lock", "--check")
    chosen.ok("lock", "--offline")
    assert (chosen.path / "fleet.lock.json").read_text() == text


def test_others_go_by_the_lock(chosen, tmp_path):
    assert {image["state"] for image in chosen.json("build")["images"]} == {
        "built"}
    # A machine that has the lock and no wheel.
    chosen.store = tmp_path / "empty"
    plan = chosen.json("plan", "--offline")
    images = {image["service"]: image for image in plan["images"]}
    assert images["Page"]["family"] == "web"
    assert images["Page"]["family_by"] == "only"
    assert images["Plain"]["family"] is None
    assert "none fits" in images["Plain"]["family_why"]
    assert {family["family"] for family in plan["families"]} == {
        "web", "sheets"}
    assert {service["name"] for service in
            chosen.json("check", "family:sh*")["services"]} == {"Sheet"}
    said = chosen.ok("plan", "--offline").stdout
    assert "family web, chosen for Page: 3 of its 3 packages" in said
    assert "no family, chosen for Plain: none fits" in said
    said = chosen.json("why", "Page")
    assert (said["family"], said["family_by"]) == ("web", "only")
    said = chosen.ok("why", "Page", "uvicorn").stdout
    assert "family web, chosen: uvicorn" in said


def test_a_change_of_what_is_needed_flips_it(chosen):
    chosen.write({"sheet.py": "import uvicorn\n"})
    result = chosen.run("lock", "--check")
    assert result.returncode == 1
    assert ("the family has to be chosen again for service 'Sheet'"
            in result.stdout)
    result = chosen.ok("lock")
    assert "Sheet on desk: family web: " in result.stderr
    assert families(chosen)["Sheet"] == ("web", "only")
    chosen.ok("lock", "--check")


def test_a_service_more_moves_no_other(chosen):
    before = families(chosen)
    chosen.write({"fleet.yaml": MANIFEST + "  Late: {run: sheet.py}\n"})
    chosen.ok("lock")
    assert families(chosen) == {**before, "Late": ("sheets", "only")}


def test_a_better_family_waits_for_replan(chosen):
    better = MANIFEST.replace(
        "  gpu:", "  paper: {base: py311, packages: [pyyaml]}\n"
        "  late: {base: py311, packages: [orjson, uvicorn]}\n  gpu:")
    chosen.write({"fleet.yaml": better})
    assert chosen.run("lock", "--check").returncode == 1
    chosen.ok("lock")
    assert families(chosen)["Page"] == ("web", "kept")
    assert "'slipway lock --replan' would choose late" in why(chosen, "Page")
    assert families(chosen)["Sheet"] == ("sheets", "bytes")
    chosen.ok("lock", "--check")
    chosen.ok("lock", "--replan")
    assert families(chosen)["Page"] == ("late", "bytes")
    # A family that is gone cannot stay.
    chosen.write({"fleet.yaml": MANIFEST})
    chosen.ok("lock")
    assert families(chosen)["Page"] == ("web", "only")


def test_what_contradicts_the_service_does_not_fit(chosen):
    chosen.write({"fleet.yaml": MANIFEST.replace(
        "packages: [uvicorn]", "packages: [uvicorn, pyyaml==6.0.1]").replace(
        "run: page.py", "run: page.py, extra: [pyyaml==6.0.2]")})
    chosen.ok("lock")
    assert families(chosen)["Page"] == ("sheets", "only")
    assert "pyyaml==6.0.2" in (chosen.path / "fleet.lock.json").read_text()


def test_a_name_that_only_a_family_maps(chosen):
    # Nothing but the family says that `import six` is six; by bytes it would
    # be sheets, which brings six and does not name it.
    chosen.write({
        "plain.py": "import six\nimport dateutil.parser\nimport yaml\n",
        "fleet.yaml": MANIFEST.replace(
            "  gpu:", "  old: {base: py311, packages: [six]}\n  gpu:")})
    chosen.ok("lock")
    assert families(chosen)["Plain"] == ("old", "imports")
    assert "sheets lacks what is imported" in why(chosen, "Plain")


def test_its_own_debian_packages_are_not_the_familys(chosen):
    chosen.write({"fleet.yaml": MANIFEST.replace(
        "packages: [uvicorn]",
        "packages: [uvicorn], system: [libasound2-data]").replace(
        "run: page.py", "run: page.py, system: [libportaudio2]")})
    chosen.ok("lock")
    lock = json.loads((chosen.path / "fleet.lock.json").read_text())
    [page] = [entry for entry in lock["services"] if entry["name"] == "Page"]
    assert page["family"]["name"] == "web"
    assert page["system_requirements"] == ["libasound2-data", "libportaudio2"]
    # Without the family the service keeps its own and loses the family's.
    chosen.write({"fleet.yaml": MANIFEST.replace(
        "run: page.py", "run: page.py, system: [libportaudio2]").replace(
        "  web: {", "  other: {").replace("packages: [uvicorn]",
                                          "packages: [pyzmq]")})
    chosen.ok("lock")
    lock = json.loads((chosen.path / "fleet.lock.json").read_text())
    [page] = [entry for entry in lock["services"] if entry["name"] == "Page"]
    assert "name" not in page["family"]
    assert page["system_requirements"] == ["libportaudio2"]
