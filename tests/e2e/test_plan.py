"""plan: what images share, what a change leaves as it was, and why."""

import json
import re

import pytest

MANIFEST = """\
fleet: shared
machines:
  desk: {platform: linux/amd64}
  shelf: {platform: linux/amd64}
bases: {py311: {debian: bookworm, python: "3.11"}}
families:
  core: {base: py311, packages: [pyzmq]}
  web: {extends: core, packages: [orjson]}
defaults: {machines: desk, family: core, health: none}
services:
  Agent: {run: agent.py}
  Page: {family: web, run: page.py}
  Six: {run: six_user.py, extra: [six==1.16.0]}
"""

FILES = {
    "agent.py": "import zmq\nimport yaml\n",
    "page.py": "import orjson\nimport yaml\n",
    "six_user.py": "import six\nimport yaml\n",
    "late.py": "import yaml\nimport dateutil.parser\n",
}


@pytest.fixture
def shared(fleet, shared_store):
    made = fleet({"fleet.yaml": MANIFEST, **FILES})
    made.store = shared_store
    made.ok("lock")
    return made


def chains(plan):
    """The ChainIDs of each service, lowest first, without its source."""
    chain_ids = {layer["id"]: layer["chain_id"] for layer in plan["layers"]}
    return {(image["service"], image["machine"]):
            [chain_ids[layer] for layer in image["layers"][:-1]]
            for image in plan["images"]}


def test_a_change_moves_only_what_uses_it(shared):
    shared.ok("build")
    before = chains(shared.json("plan"))
    assert all(all(ids) for ids in before.values())
    old_lock = shared.path / "old.json"
    old_lock.write_bytes((shared.path / "fleet.lock.json").read_bytes())
    shared.write({"fleet.yaml": MANIFEST.replace("1.16.0", "1.17.0") +
                  "  Late: {machines: shelf, run: late.py}\n"})
    shared.ok("lock")
    shared.ok("build")
    plan = shared.json("plan", "--since", old_lock)
    after = chains(plan)
    for service in ("Agent", "Page"):
        assert after[service, "desk"] == before[service, "desk"]
    assert after["Six", "desk"] != before["Six", "desk"]
    new = {part for layer in plan["layers"] if layer["new"]
           for part in layer["parts"]}
    assert "six 1.17.0" in new and not any("zmq" in part for part in new)
    desk, shelf = plan["machines"]
    assert 0 < desk["change_bytes"] < 100_000 < desk["pull_bytes"]
    assert 0 < shelf["change_bytes"] < 1_000_000 < shelf["pull_bytes"]
    # Against the lock itself nothing is new.
    assert not any(layer["new"] for layer in shared.json("plan")["layers"])


def test_lock_says_what_a_change_costs(shared):
    first = (shared.path / "fleet.lock.json").read_text()
    assert shared.json("lock")["plan"]["new_layers"] == 0
    assert (shared.path / "fleet.lock.json").read_text() == first
    shared.write({"fleet.yaml": MANIFEST.replace("1.16.0", "1.17.0")})
    plan = shared.json("lock")["plan"]
    assert plan["new_layers"] > 0 and not plan["replanned"]
    assert plan["machines"][0]["change_bytes"] > 0
    assert "not more than 5 %" in shared.ok("lock", "--replan").stdout


def test_a_lock_without_a_plan_is_out_of_date(shared):
    path = shared.path / "fleet.lock.json"
    shared.ok("lock", "--check")
    lock = json.loads(path.read_text())
    lock["plan"] = []
    path.write_text(json.dumps(lock))
    [reason] = shared.json("lock", "--check", status=1)["reasons"]
    assert "plan" in reason
    # build goes by what it would be, and leaves the lock alone.
    text = path.read_text()
    shared.ok("build")
    assert path.read_text() == text


def test_families_are_images(shared, skopeo, docker):
    built = shared.json("build")
    assert {image["service"] for image in built["images"]} == {
        "Agent", "Page", "Six"}
    families = {family["family"]: family for family in built["families"]}
    assert set(families) == {"core", "web"}
    plan = shared.json("plan")
    layers = {entry["family"]: entry["layers"] for entry in plan["families"]}
    page = next(image for image in plan["images"]
                if image["service"] == "Page")["layers"]
    # Each ends in slipway-init, which lies below a service's source.
    core, web = layers["core"][:-1], layers["web"][:-1]
    assert len(core) > 1 and len(web) > len(core)
    assert web[:len(core)] == core and page[:len(web)] == web
    for entry in plan["families"]:
        assert entry["digest"] == families[entry["family"]]["digest"]

    name = "slipway-test-family:web"
    docker.take(skopeo, f"oci:{shared.store}:{families['web']['reference']}",
                name)
    config = json.loads(docker("inspect", name).stdout)[0]["Config"]
    assert config["Entrypoint"] == ["/usr/sbin/slipway-init", "--"]
    assert config["Healthcheck"] == {"Test": ["NONE"]}
    said = docker("run", "--rm", name, "/opt/venv/bin/python", "-c",
                  "import orjson, zmq; print(zmq.__name__)")
    assert said.stdout.strip() == "zmq"


def test_plan_proposes_and_counts(shared):
    plan = shared.json("plan")
    totals = plan["totals"]
    assert (totals["unique_bytes"] <= totals["tree_bytes"]
            < totals["unshared_bytes"])
    # All three use yaml, and their families have no common child.
    [proposal] = [entry for entry in plan["proposals"]
                  if any(package.startswith("pyyaml==")
                         for package in entry["packages"])]
    assert proposal["kind"] == "extra"
    assert proposal["services"] == ["Agent", "Page", "Six"]
    uses = {(use["family"], use["package"]): (use["users"], use["members"])
            for use in plan["family_packages"]}
    assert uses["core", "pyzmq"] == (1, 3)
    assert uses["web", "orjson"] == (1, 1)
    text = shared.ok("plan").stdout
    assert "family core carries pyzmq, which 1 of its 3 services use" in text
    assert "pyyaml" in text


def test_plan_against_todays_images(shared, tmp_path):
    lines = tmp_path / "images.json"
    lines.write_text(
        '{"ID": "a", "Repository": "x", "Tag": "1", "Size": "1.25GB"}\n'
        '{"ID": "a", "Repository": "x", "Tag": "2", "Size": "1.25GB"}\n'
        '{"ID": "b", "Repository": "y", "Tag": "1", "Size": "500MB"}\n')
    table = tmp_path / "images.txt"
    table.write_text(
        "REPOSITORY   TAG   IMAGE ID   CREATED       SIZE\n"
        "x            1     a          2 weeks ago   1.25GB\n"
        "x            2     a          2 weeks ago   1.25GB\n"
        "y            1     b          2 days ago    500MB\n")
    for file in (lines, table):
        assert shared.json("plan", "--against", file)["against"] == {
            "images": 2, "bytes": 1_750_000_000}
    text = shared.ok("plan", "--against", lines).stdout
    assert "1.8 GB in today's 2 images" in text
    table.write_text("hello\n")
    refused = shared.run("plan", "--against", table)
    assert refused.returncode == 2
    assert f"{table}:1" in refused.stderr


def test_why_names_every_way(shared):
    shared.write({"fleet.yaml": MANIFEST +
                  "  Late: {run: late.py, extra: [python-dateutil]}\n"})
    shared.ok("lock")
    lock = json.loads((shared.path / "fleet.lock.json").read_text())
    [needed] = [package["requires"][0]
                for package in lock["resolutions"][0]["packages"]
                if package["name"] == "python-dateutil"]
    name = re.match("[a-z0-9-]+", needed)[0]
    answer = shared.json("why", "Late", name)
    ways = [(reason["kind"], reason["file"], reason["line"],
             [step["package"] for step in reason["steps"]])
            for reason in answer["reasons"]]
    line = (shared.path / "fleet.yaml").read_text().count("\n")
    assert ways == [
        ("import", "late.py", 2, ["python-dateutil", name]),
        ("requirement", "fleet.yaml", line, ["python-dateutil", name])]
    text = shared.ok("why", "Page", "PyZMQ").stdout
    assert "fleet.yaml:7: family core: pyzmq -> pyzmq" in text
    absent = shared.run("why", "Agent", "orjson")
    assert absent.returncode == 1
    assert "Agent does not have orjson" in absent.stderr
    near = shared.run("why", "Page", "orjsn")
    assert "did you mean orjson?" in near.stderr
    assert shared.run("why").returncode == 2


def test_replan_moves_layers_where_that_pays(fleet, shared_store):
    one = ("fleet: two\nbases: {py311: {debian: bookworm, python: '3.11'}}\n"
           "machines: {desk: {platform: linux/amd64}}\n"
           "defaults: {machines: desk, health: none}\nservices:\n"
           "  One: {run: main.py, extra: [lxml, PyYAML]}\n")
    made = fleet({"fleet.yaml": one, "main.py": ""})
    made.store = shared_store
    made.ok("lock")
    # One has both in one layer, which is of no use to Two.
    made.write({"fleet.yaml": one + "  Two: {run: main.py, extra: [lxml]}\n"})
    kept = made.json("lock")["plan"]
    assert not kept["replanned"]
    assert kept["replan_bytes"] < kept["tree_bytes"] * 0.95
    assert made.json("plan")["replan"]["worth"]
    assert "slipway lock --replan" in made.ok("plan").stdout
    moved = made.json("lock", "--replan")["plan"]
    assert moved["replanned"]
    assert moved["tree_bytes"] == kept["replan_bytes"]
    plan = made.json("plan")
    [layer] = [layer for layer in plan["layers"]
               if any(part.startswith("lxml") for part in layer["parts"])]
    assert layer["services"] == ["One", "Two"]
    assert not plan["replan"]["worth"]
