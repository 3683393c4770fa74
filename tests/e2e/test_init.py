"""`slipway init` on a small repository of each shape, and `check` on what it
wrote. The trees are those of tests/golden/init."""

import json
import os
import pathlib
import pty
import subprocess

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


PAIR = {
    "a_code/config/startup_config.yaml":
        "agent_groups: {g: {Chat: {script_path: chat.py, port: 7000, "
        "health_check_port: 8000, config: {http_port: 9000}},\n"
        "  # Old:\n  #   script_path: old.py\n"
        "  }}\ngroups: {x: [Eyes]}\n",
    "pc2_code/config/startup_config.yaml":
        "pc2_services:\n"
        "- {name: ChatTwo, script_path: chat.py, port: 7000, "
        "health_check_port: 8000}\n"
        "- {name: Eyes, script_path: eyes.py, port: 7001, "
        "dependencies: [ChatTwo]}\n",
    "chat.py": "pass\n", "eyes.py": "pass\n"}


def answered(made, answers, *arguments):
    made.write({"fleet.answers.yaml": answers})
    made.ok("init", "--force", *arguments)
    return yaml.safe_load((made.path / "fleet.yaml").read_text())


def test_answers_change_what_is_written(fleet):
    made = fleet(PAIR)
    ids = [q["id"] for q in made.json("init")["questions"] if q["id"]]
    assert ids == ["port/Chat/http_port", "gone/Old", "runs/Eyes/a",
                   "pair/ChatTwo"]
    text = ("answers: {port/Chat/http_port: web, gone/Old: no, "
            "runs/Eyes/a: 'yes', pair/ChatTwo: one}\n")
    written = answered(made, text)
    services = written["services"]
    assert list(services) == ["Chat", "Eyes"]
    assert services["Chat"]["ports"] == {"zmq": 7000, "health": 8000,
                                         "web": 9000}
    assert list(services["Chat"]["machines"]) == ["a", "pc2"]
    assert services["Eyes"]["machines"] == ["a", "pc2"]
    assert services["Eyes"]["depends_on"] == "Chat"
    assert "Old" not in (made.path / "fleet.yaml").read_text()
    # One machine is not known; that no word answers.
    [left] = written["questions"]
    assert "which cores" in left["ask"]
    written = answered(made, text.replace(
        "answers: {", f"answers: {{'{left['from']}': settled, "))
    assert "questions" not in written
    written = answered(made, "answers: {pair/ChatTwo: two}\n")
    assert list(written["services"]) == ["Chat", "ChatTwo", "Eyes"]


def test_answers_are_laid_over_what_is_read(fleet):
    made = fleet(PAIR)
    written = answered(made, """\
fleet: mine
machines: {pc2: {threads: 2, gpu_fallback: null}}
templates: {web: {gpu: optional, extra: [a, b]}}
services:
  "Chat*": {like: web, ports: {http: 1}, data: null}
  # Looks around.
  Eyes: {machines: {a: {env: {X: "1"}}}, depends_on: null, write: [logs]}
""")
    assert written["fleet"] == "mine"
    assert written["machines"]["pc2"]["threads"] == 2
    assert "gpu_fallback" not in written["machines"]["pc2"]
    assert written["services"]["Chat"] == {
        "like": "web", "machines": "a", "run": "chat.py", "ports": {"http": 1}}
    assert written["services"]["Eyes"] == {
        "machines": {"pc2": {}, "a": {"env": {"X": "1"}}}, "run": "eyes.py",
        "ports": {"zmq": 7001}, "write": ["logs"]}
    assert "  # Looks around.\n  Eyes:" in (made.path /
                                           "fleet.yaml").read_text()


@pytest.mark.parametrize("answers, message", [
    ("answers: {gone/Older: no}", "1:11: nothing asks 'gone/Older'"),
    ("answers: {gone/Old: perhaps}", "'perhaps' does not answer 'gone/Old'"),
    ("answers: [a]", "1:10: 'answers' is a map"),
    ("fleets: x", "1:1: unknown key 'fleets'"),
    ("services: {Chatt: {gpu: none}}", "1:12: there is no service 'Chatt'"),
    ("services: {Chat: {gpus: none}}", "1:19: unknown key 'gpus'"),
    ("services: {Chat: {gpu: some}}", "1:24: 'gpu' cannot be 'some'"),
    ("services: {Chat: {like: none}}", "with these answers fleet.yaml has"),
    ("a: [", "fleet.answers.yaml:2:1:"),
    ("- a", "1:1: a file of answers is a map"),
])
def test_answers_that_are_none_are_refused(fleet, answers, message):
    made = fleet({**PAIR, "fleet.answers.yaml": answers + "\n"})
    result = made.run("init")
    assert result.returncode == 1
    assert message in result.stderr
    assert not (made.path / "fleet.yaml").exists()


def at_terminal(made, typed, *arguments):
    """Runs init with a terminal for input and messages; what it said."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [made.program, "-C", made.path, "init", *arguments],
        stdin=slave, stdout=subprocess.DEVNULL, stderr=slave)
    os.close(slave)
    os.write(master, typed.encode())
    said = b""
    while True:
        try:
            chunk = os.read(master, 65536)
        except OSError:
            break
        said += chunk
    os.close(master)
    assert process.wait(timeout=60) == 0, said
    return said.decode()


def test_at_a_terminal_it_asks_and_keeps_the_answers(fleet):
    made = fleet(PAIR)
    said = at_terminal(made, "web\n\nmaybe\nlater\none\n")
    assert "does the service listen there?" in said
    assert "http, no, another name, later [http]:" in said
    assert "'maybe' is none of these." in said
    text = (made.path / "fleet.answers.yaml").read_text()
    assert yaml.load(text, yaml.BaseLoader) == {"answers": {
        "port/Chat/http_port": "web", "gone/Old": "no",
        "pair/ChatTwo": "one"}}
    first = (made.path / "fleet.yaml").read_text()
    made.ok("init", "--force")
    assert (made.path / "fleet.yaml").read_text() == first
    # What is left is asked again, and its answer goes to the others.
    assert "no later" not in at_terminal(made, "no\n", "--force")
    assert yaml.load((made.path / "fleet.answers.yaml").read_text(),
                     yaml.BaseLoader)["answers"]["runs/Eyes/a"] == "no"
    assert "later [" not in at_terminal(made, "", "--force")


def test_without_answers_at_a_terminal_questions_stay_open(fleet):
    made = fleet(PAIR)
    at_terminal(made, "\x04")
    left = yaml.safe_load((made.path / "fleet.yaml").read_text())["questions"]
    assert "later [" not in at_terminal(made, "", "--force", "--no-ask")
    assert len(left) == 5
    assert not (made.path / "fleet.answers.yaml").exists()
