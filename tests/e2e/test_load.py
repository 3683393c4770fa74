"""load: images into docker, of which only what it lacks is sent."""

import json
import re
import subprocess

import pytest

from conftest import interrupt, tool
from test_export import copy_of, pair, references  # noqa: F401


@pytest.fixture
def clean(pair, docker):  # noqa: F811
    """docker without the images of the pair, before and after."""
    for reference in references(pair).values():
        docker("rmi", "-f", reference, check=False)
        docker.remove_after(reference)
    return docker


def by_service(said):
    return {image["service"]: image for image in said["images"]}


def test_second_image_sends_its_own_layer_only(pair, clean):  # noqa: F811
    echo = by_service(pair.json("load", "Echo"))["Echo"]
    assert echo["state"] == "loaded" and echo["sent_layers"] > 0
    both = by_service(pair.json("load"))
    assert both["Echo"]["state"] == "present"
    assert both["Echo"]["sent_bytes"] == 0
    assert both["Twin"]["state"] == "loaded"
    assert both["Twin"]["sent_layers"] == 1
    assert both["Twin"]["sent_bytes"] < 10000
    again = pair.json("load")
    assert {image["state"] for image in again["images"]} == {"present"}
    twin = references(pair)["Twin"]
    assert clean("run", "--rm", twin).stdout.strip().startswith("pair")
    layers = {service: json.loads(clean("image", "inspect", name).stdout)[0]
              ["RootFS"]["Layers"]
              for service, name in references(pair).items()}
    assert layers["Echo"][:-1] == layers["Twin"][:-1]


def test_moved_tag_is_loaded_again(pair, clean):  # noqa: F811
    names = references(pair)
    pair.ok("load")
    clean("tag", names["Echo"], names["Twin"])
    twin = by_service(pair.json("load"))["Twin"]
    assert twin["state"] == "loaded"
    assert clean("run", "--rm", names["Twin"]).stdout.startswith("pair")


def test_interrupted_load_can_be_repeated(pair, clean):  # noqa: F811
    command = [pair.program, "-C", pair.path, "--store", pair.store, "load"]
    for pause in (0.05, 0.15, 0.3):
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True,
                                   stdout=subprocess.DEVNULL)
        interrupt(process, pause)
        _, said = process.communicate(timeout=60)
        assert process.returncode in (0, 130)
        assert (process.returncode == 0) == ("interrupted" not in said)
    assert pair.json("load")["engine"] == "docker"
    assert pair.ok("load").stdout.count("present") == 2
    assert clean("run", "--rm", references(pair)["Twin"]).stdout


def test_what_is_not_built_fails_alone(pair, clean, tmp_path):  # noqa: F811
    made = copy_of(pair, tmp_path / "fleet")
    made.write({"echo/twin.py": "import zmq, orjson, yaml\nprint(3)\n"})
    both = by_service(made.json("load", status=1))
    assert both["Echo"]["state"] == "loaded"
    assert both["Twin"]["state"] == "failed"
    assert "no image of it" in both["Twin"]["error"]


def test_podman_takes_one_and_all(pair):  # noqa: F811
    """With one image podman reads the OCI layout, with more manifest.json."""
    podman = tool("podman")
    names = references(pair)
    try:
        twin = pair.json("load", "--to", "podman", "Twin")
        assert by_service(twin)["Twin"]["state"] == "loaded"
        both = by_service(pair.json("load", "--to", "podman"))
        assert both["Echo"]["state"] == "loaded"
        assert both["Twin"]["state"] == "present"
        again = pair.json("load", "--to", "podman")
        assert {image["state"] for image in again["images"]} == {"present"}
    finally:
        subprocess.run([podman, "rmi", "-f", *names.values()],
                       capture_output=True)


def test_no_engine_is_said(pair):  # noqa: F811
    result = pair.run("load", "--to", "docker",
                      DOCKER_HOST="unix:///nowhere/docker.sock")
    assert result.returncode == 3
    assert re.search("docker does not answer: .*/nowhere/docker.sock",
                     result.stderr)
    assert pair.run("load", "--to", "dokcer").returncode == 2
