"""`slipway init` on a small repository of each shape, and `check` on what it
wrote. The trees are those of tests/golden/init."""

import json
import pathlib

import jsonschema
import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
TREES = sorted((ROOT / "tests/golden/init").iterdir())
SCHEMA = json.loads((ROOT / "data/fleet.schema.json").read_text())


@pytest.fixture(params=TREES, ids=lambda path: path.name)
def tree(request, fleet):
    made = fleet(request.param, name=request.param.name)
    (made.path / "expected.yaml").unlink()
    return made, (request.param / "expected.yaml").read_text()


def test_what_is_there_becomes_a_fleet(tree):
    made, expected = tree
    answer = made.json("init")
    text = (made.path / "fleet.yaml").read_text()
    assert text == expected
    written = yaml.safe_load(text)
    jsonschema.validate(written, SCHEMA)
    assert len(written["services"]) == answer["services"]
    assert len(written.get("infra", {})) == answer["infra"]
    assert ([q["ask"] for q in answer["questions"]]
            == [q["ask"] for q in written["questions"]])
    for question in answer["questions"]:
        source = (made.path / question["file"]).read_text().splitlines()
        assert 0 <= question["line"] <= len(source)


def test_check_takes_it_and_lists_the_questions(tree):
    made, _ = tree
    asked = made.json("init")["questions"]
    result = made.run("check", "--json")
    # Scripts that are not there are the fleet's mistake, not the manifest's.
    assert result.returncode in (0, 1), result.stderr
    report = json.loads(result.stdout)
    assert [q["ask"] for q in report["questions"]] == [q["ask"] for q in asked]
    said = {(service["name"], diagnostic["message"])
            for service in report["services"]
            for diagnostic in service["diagnostics"]
            if diagnostic["code"] == "question-open"}
    skipped = {service["name"] for service in report["services"]
               if service["status"] == "skipped"}
    assert said == {(name, q["ask"]) for q in asked for name in q["services"]
                    if name not in skipped}
    text = made.run("check").stdout
    for question in asked:
        assert question["ask"] in text


def test_answered_questions_are_gone(fleet):
    made = fleet({"fleet.yaml": "services: {A: {run: a.py}}\n"
                                "questions:\n"
                                "  - {ask: which one?, from: 'x:1', "
                                "services: A}\n",
                  "a.py": "pass\n"})
    [service] = made.json("check")["services"]
    assert service["status"] == "uncertain"
    made.json("check", "--strict", status=1)
    made.write({"fleet.yaml": "services: {A: {run: a.py}}\n"})
    report = made.json("check", "--strict")
    assert report["services"][0]["status"] == "ok"
    assert report["questions"] == []


def test_a_fleet_that_is_there_stays(fleet):
    made = fleet({"fleet.yaml": "mine\n", "Dockerfile": "FROM python:3.11\n"
                  "CMD [\"python\", \"a.py\"]\n", "a.py": "pass\n"})
    result = made.run("init")
    assert result.returncode == 2
    assert "fleet.yaml' is there already" in result.stderr
    assert (made.path / "fleet.yaml").read_text() == "mine\n"
    printed = made.ok("init", "-o", "-").stdout
    assert (made.path / "fleet.yaml").read_text() == "mine\n"
    made.ok("init", "-o", "other.yaml")
    assert (made.path / "other.yaml").read_text() == printed
    made.ok("init", "--force")
    assert (made.path / "fleet.yaml").read_text() == printed
    assert yaml.safe_load(printed)["services"] == {"fleet": {"run": "a.py"}}


@pytest.mark.parametrize("arguments, status, message", [
    (["none.yaml"], 2, "there is no file or folder 'none.yaml'"),
    (["../out.yaml"], 2, "is not a path below"),
    (["bad.yaml"], 1, "bad.yaml:2:1: flow sequence"),
    (["-o", "-", "--json"], 2, "take one"),
    ([], 1, "nothing in '.' tells of services"),
])
def test_wrong_use_and_bad_files_say_so(fleet, arguments, status, message):
    made = fleet({"bad.yaml": "a: [\n", "note.txt": "x\n"})
    result = made.run("init", *arguments)
    assert result.returncode == status
    assert message in result.stderr
    assert not (made.path / "fleet.yaml").exists()


def test_a_link_out_of_the_repository_is_not_followed(fleet, tmp_path):
    made = fleet({"a.py": "pass\n"})
    outside = tmp_path / "compose.yaml"
    outside.write_text("services: {a: {build: .}}\n")
    (made.path / "compose.yaml").symlink_to(outside)
    assert made.run("init", "compose.yaml").returncode == 2
    assert made.run("init").returncode == 1
