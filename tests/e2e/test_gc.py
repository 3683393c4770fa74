"""slipway gc: what is kept stays whole, also beside builders and kill -9."""

import json
import os
import signal
import subprocess
import threading
import time

import pytest

from conftest import Fleet

KILLS = int(os.environ.get("SLIPWAY_KILLS", "8"))


def change(made, text):
    path = made.path / "echo/service.py"
    path.write_text(path.read_text() + f"# {text}\n")


def digest_of(made):
    [image] = made.json("build")["images"]
    return image["digest"]


def clean(made):
    result = made.run("verify", "--json")
    assert result.returncode == 0, result.stdout
    return json.loads(result.stdout)


@pytest.fixture
def made(hello, store, tmp_path):
    """A copy of the hello fleet, built in a store of its own."""
    made = hello.copy(tmp_path / "fleet", hello.seed(store))
    assert digest_of(made) == hello.image["digest"]
    return made


def test_frees_what_was_built_before(made):
    before = made.json("gc")
    assert before["removed"]["blobs"]["count"] == 0
    change(made, "one")
    second = digest_of(made)
    planned = made.json("gc", "--dry-run")
    done = made.json("gc")
    # A source layer, a config and a manifest; and the layer's record.
    assert done["removed"]["blobs"]["count"] == 3
    assert done["removed"]["results"]["count"] == 1
    assert done["removed"]["downloads"]["count"] == 0
    assert planned["removed"] == done["removed"]
    assert planned["dry_run"] and not done["dry_run"]
    assert clean(made)["images"] == done["kept"]["images"] == 2
    assert made.json("build")["images"][0]["state"] == "cached"
    assert digest_of(made) == second


def test_all_leaves_images_that_need_nothing_more(made):
    done = made.json("gc", "--all")
    assert done["removed"]["downloads"]["count"] > 40
    assert done["removed"]["trees"]["count"] >= 1
    usage = made.json("du")
    assert usage["blobs"] == usage["image_blobs"]
    assert usage["downloads"]["count"] == usage["trees"]["count"] == 0
    assert clean(made)["images"] == 2
    output = made.path.parent / "echo.tar"
    made.ok("export", "-o", output)
    assert output.stat().st_size > 20_000_000


def test_bounds_come_from_the_policy(made):
    text = (made.path / "fleet.yaml").read_text()
    (made.path / "fleet.yaml").write_text(
        text + "policy: {keep: {disk: 40MiB}}\n")
    kept = made.json("gc", "--keep-files")
    assert kept["removed"]["downloads"]["count"] == 0
    result = made.run("gc", "--dry-run", "--max-size", "1K")
    assert result.returncode == 0
    assert "more than the 1.0 kB that it may take" in result.stderr
    done = made.json("gc")
    assert 0 < done["bytes_after"] <= 40 << 20
    assert done["removed"]["downloads"]["bytes"] > 0
    assert clean(made)["images"] == 2


def test_refuses_with_a_broken_image(made):
    [image] = [entry for entry in
               json.loads((made.store / "index.json").read_text())["manifests"]
               if "echo" in json.dumps(entry)]
    path = made.store / "blobs/sha256" / image["digest"][7:]
    manifest = json.loads(path.read_text())
    os.unlink(made.store / "blobs/sha256"
              / manifest["layers"][0]["digest"][7:])
    result = made.run("gc", "--all")
    assert result.returncode == 3
    assert "is not whole" in result.stderr
    assert "slipway verify --remove" in result.stderr
    assert path.exists()


@pytest.mark.parametrize("option, said", [
    (["--older-than", "5x"], "--older-than takes an age such as 12h"),
    (["--max-size", "much"], "--max-size takes a size such as 512MiB"),
    (["--older-then"], "did you mean '--older-than'?"),
])
def test_wrong_use(made, option, said):
    result = made.run("gc", *option)
    assert result.returncode == 2
    assert said in result.stderr


def test_two_builders_and_a_gc_at_once(hello, made, tmp_path):
    """Each builder flips between two states of its own fleet, so that what
    one build made is garbage for the next gc; wheels go too."""
    seconds = float(os.environ.get("SLIPWAY_GC_SECONDS", "15"))
    end = time.monotonic() + seconds
    failures, runs = [], {"gc": 0, "build": 0}

    def build(number):
        own = hello.copy(tmp_path / f"own{number}", made.store)
        text = (own.path / "fleet.yaml").read_text()
        (own.path / "fleet.yaml").write_text(
            text.replace("Echo:", f"Echo{number}:"))
        own.ok("lock")
        source = own.path / "echo/service.py"
        texts = [source.read_text(), source.read_text() + f"# {number}\n"]
        digests = {}
        try:
            while time.monotonic() < end or len(digests) < 2:
                state = len(digests) % 2 if len(digests) < 2 else \
                    runs["build"] % 2
                source.write_text(texts[state])
                digest = digest_of(own)
                assert digests.setdefault(state, digest) == digest
                runs["build"] += 1
        except AssertionError as error:
            failures.append(str(error))

    builders = [threading.Thread(target=build, args=[n]) for n in range(2)]
    for thread in builders:
        thread.start()
    while any(thread.is_alive() for thread in builders):
        made.ok("gc", *([] if runs["gc"] % 4 else ["--all"]))
        runs["gc"] += 1
    for thread in builders:
        thread.join()
    print(f"{runs['build']} builds and {runs['gc']} gcs")
    assert failures == []
    assert runs["gc"] >= 3 and runs["build"] >= 4
    assert clean(made)["images"] >= 3
    assert digest_of(made) == hello.image["digest"]


def test_kill_at_any_moment(hello, made, tmp_path, capsys):
    change(made, "garbage")
    second = digest_of(made)
    command = [made.program, "-C", made.path, "--store", made.store, "gc",
               "--all"]
    began = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    wall = time.monotonic() - began
    killed = 0
    for i in range(KILLS):
        # Anew something to remove; the build also finds what it lacks.
        hello.seed(made.store)
        assert digest_of(made) == second
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=wall * (i + 0.5) / KILLS)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        assert clean(made)["images"] == 2
        assert made.json("du")["temporary"]["count"] == 0
    with capsys.disabled():
        print(f"\n{killed} of {KILLS} gcs killed over {wall:.2f} s")
    assert killed > 0
    assert digest_of(made) == second
    assert clean(made)["problems"] == []
    assert Fleet(made.program, made.path, made.store).json(
        "gc", "--all")["removed"]["downloads"]["count"] > 0
