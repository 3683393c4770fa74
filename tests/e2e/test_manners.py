"""What every verb has in common: help, words, colours, Ctrl-C, completions."""

import os
import pty
import re
import shutil
import subprocess

import pytest

from conftest import interrupt, tool

FLEET = """\
fleet: manners
machines:
  desk: {platform: linux/amd64}
  rack: {platform: linux/amd64}
bases:
  py311: {debian: bookworm, python: "3.11"}
families:
  core: {base: py311}
  other: {base: py311}
services:
  Alpha: {machines: [desk, rack], family: core, run: alpha.py}
  Beta: {machines: rack, family: other, run: beta.py}
  Gamma: {machines: desk, family: other, run: gamma.py}
"""


@pytest.fixture
def made(fleet):
    return fleet({"fleet.yaml": FLEET, "alpha.py": "print(1)\n",
                  "beta.py": "from alpha import nothing\n",
                  "gamma.py": "import sys\n__import__(sys.argv[1])\n"})


def verbs(slipway):
    text = subprocess.run([slipway, "--help"], check=True, text=True,
                          capture_output=True).stdout
    return re.findall(r"^  (\w+) ", text, re.M)


def test_help_of_every_verb_has_an_example(slipway):
    names = verbs(slipway)
    assert {"check", "export", "load", "doctor", "version"} <= set(names)
    for name in names:
        text = subprocess.run([slipway, name, "--help"], check=True, text=True,
                              capture_output=True).stdout
        assert re.search(rf"^  .*slipway {name}\b", text, re.M), name
        for option in re.findall(r"--[a-z]+", text.splitlines()[0]):
            assert text.count(option) > 1, (name, option)
        assert max(map(len, text.splitlines())) <= 80


def test_unknown_words_give_the_nearest(made):
    for words, nearest in [(("exprot",), "export"), (("doctro",), "doctor"),
                           (("check", "Alpa"), "Alpha"),
                           (("plan", "machine:dsk"), "desk"),
                           (("export", "--ouput", "x"), "--output"),
                           (("load", "--stric"), "--strict")]:
        result = made.run(*words)
        if words[0] == "plan":
            made.run("lock")
            result = made.run(*words)
        assert result.returncode == 2, words
        assert f"did you mean '{nearest}'?" in result.stderr, words


@pytest.mark.parametrize("word, names", [
    ("Al*", {"Alpha"}), ("family:oth*", {"Beta", "Gamma"}),
    ("machine:rack", {"Alpha", "Beta"})])
def test_words_narrow(made, word, names):
    said = made.json("check", word, status=1 if "Beta" in names else 0)
    assert {service["name"] for service in said["services"]} == names


def test_strict_stops_at_the_first(made, tmp_path):
    said = made.json("check", "--strict", status=1)
    assert [service["name"] for service in said["services"]] == ["Beta"]
    said = made.json("check", "--strict", "Gamma", status=1)
    assert said["services"][0]["status"] == "uncertain"
    made.json("check", "Gamma")
    strict = made.run("lock", "--strict")
    assert strict.returncode == 1
    assert not (made.path / "fleet.lock.json").exists()
    made.run("lock")
    said = made.json("build", "--strict", status=1)
    assert {image["state"] for image in said["images"]} == {"skipped"}
    made.json("build", "--strict", "Alpha")
    refused = made.run("export", "--strict", "-o", tmp_path / "x.tar")
    assert refused.returncode == 1 and not (tmp_path / "x.tar").exists()
    made.ok("export", "--strict", "-o", tmp_path / "x.tar", "Alpha")


def test_plan_narrows_to_what_is_named(hello, tmp_path):
    fleet = hello.fork(tmp_path)
    manifest = fleet.path / "fleet.yaml"
    manifest.write_text(manifest.read_text()
                        + "  Bare: {machines: desk, family: core, "
                          "run: common/log.py}\n")
    fleet.ok("lock")
    whole, part = fleet.json("plan"), fleet.json("plan", "Bare")
    assert {image["service"] for image in part["images"]} == {"Bare"}
    assert 0 < len(part["layers"]) < len(whole["layers"])
    assert {layer["id"] for layer in part["layers"]} == set(
        part["images"][0]["layers"])
    assert part["totals"] == whole["totals"]


def on_terminal(made, *words, **environment):
    """What a verb writes to a terminal that is its stderr."""
    ours, theirs = pty.openpty()
    env = {**os.environ, **made.environment, "TERM": "xterm", **environment}
    process = subprocess.Popen(
        [made.program, "-C", made.path, "--store", made.store, *words],
        stdout=subprocess.DEVNULL, stderr=theirs, env=env)
    os.close(theirs)
    text = b""
    while True:
        try:
            text += os.read(ours, 4096)
        except OSError:
            break
    process.wait()
    os.close(ours)
    return text.decode()


def test_colour_and_bars_are_for_terminals(made):
    assert "\033[31merror: " in on_terminal(made, "nothing")
    assert "\033[3" not in on_terminal(made, "nothing", NO_COLOR="1")
    assert "\033[3" not in on_terminal(made, "nothing", TERM="dumb")
    assert "\033" not in made.run("nothing").stderr
    made.run("lock")
    assert "resolving" not in on_terminal(made, "lock", "--quiet")
    manifest = made.path / "fleet.yaml"
    manifest.write_text(manifest.read_text().replace(
        "run: alpha.py", "run: alpha.py, extra: [pyzmq]"))
    assert "resolving" in on_terminal(made, "lock")


def test_ctrl_c_leaves_a_store_that_goes_on(hello, tmp_path):
    fleet = hello.copy(tmp_path / "fleet", tmp_path / "store")
    command = [fleet.program, "-C", fleet.path, "--store", fleet.store,
               "build"]
    hits = 0
    for pause in (0.1, 0.3, 0.6, 0.9):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        interrupt(process, pause)
        _, said = process.communicate(timeout=60)
        assert process.returncode in (0, 130)
        if process.returncode == 130:
            hits += 1
            assert said.count("interrupted; the store is sound") == 1
            assert "error:" not in said
    assert hits
    fleet.ok("verify")
    [image] = fleet.json("build")["images"]
    assert image["digest"] == hello.image["digest"]


def test_completions(made, tmp_path):
    bash = tool("bash")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/slipway").symlink_to(made.program)
    script = """
        source <(slipway completion bash)
        COMP_WORDS=($1); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _slipway; echo "${COMPREPLY[@]}"
    """

    def complete(line):
        return subprocess.run(
            [bash, "-c", script, "bash", line], check=True, text=True,
            capture_output=True, cwd=made.path,
            env={**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
        ).stdout.split()

    assert complete("slipway exp") == ["export"]
    assert complete("slipway build Al") == ["Alpha"]
    assert complete("slipway load --t") == ["--to"]
    assert complete("slipway du Al") == []
    for shell in ("zsh", "fish"):
        text = made.ok("completion", shell).stdout
        program = shutil.which(shell)
        assert "export" in text
        if program:
            subprocess.run([program, "-n"], input=text, check=True, text=True)
    assert made.run("completion", "tcsh").returncode == 2


def test_version(made):
    text = made.ok("version").stdout
    assert re.fullmatch(r"slipway \d+\.\d+\.\d+\n", text)
    assert made.ok("--version").stdout == text
    assert made.ok("check", "--version").stdout == text
