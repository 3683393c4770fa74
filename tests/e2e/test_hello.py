"""The smallest fleet, from its manifest to a container that answers."""

import json
import pathlib
import subprocess
import time

import zmq

from conftest import free_port

HELLO = pathlib.Path(__file__).resolve().parents[2] / "examples" / "hello"


def built(fleet):
    made = fleet(HELLO)
    made.ok("lock")
    [image] = made.json("build")["images"]
    return made, image


def ask(port, request):
    with zmq.Context() as context, context.socket(zmq.REQ) as peer:
        peer.setsockopt(zmq.LINGER, 0)
        peer.setsockopt(zmq.RCVTIMEO, 20000)
        peer.connect(f"tcp://127.0.0.1:{port}")
        peer.send_json(request)
        return peer.recv_json()


def test_container_answers_and_is_healthy(fleet, skopeo, docker):
    made, image = built(fleet)
    port = free_port()
    name = f"slipway-test-hello:{port}"
    docker.remove_after(name)
    subprocess.run([skopeo, "copy", "-q",
                    f"oci:{made.store}:{image['reference']}",
                    f"docker-daemon:{name}"], check=True)
    container = docker.start("-p", f"127.0.0.1:{port}:5555",
                             "--health-interval", "1s", name)
    assert ask(port, {"action": "ping"}) == {"status": "ok", "answer": "pong"}
    deadline = time.monotonic() + 20
    status = None
    while status != "healthy" and time.monotonic() < deadline:
        time.sleep(0.3)
        [state] = json.loads(docker("inspect", container).stdout)
        status = state["State"]["Health"]["Status"]
    assert status == "healthy"
    assert state["Config"]["User"] == "10001:10001"
    docker("stop", container)
    [state] = json.loads(docker("inspect", container).stdout)
    assert state["State"]["ExitCode"] == 0


def test_second_build_finds_everything(fleet):
    made, first = built(fleet)
    assert first["state"] == "built"
    [second] = made.json("build", "--offline")["images"]
    assert second["state"] == "cached"
    assert second["digest"] == first["digest"]
    made.ok("verify")


def test_plan_agrees_with_the_image(fleet, skopeo):
    made, image = built(fleet)
    plan = made.json("plan")
    manifest = json.loads(subprocess.run(
        [skopeo, "inspect", "--raw",
         f"oci:{made.store}:{image['reference']}"],
        check=True, capture_output=True).stdout)
    digests = [layer["digest"] for layer in manifest["layers"]]
    [planned] = plan["images"]
    assert planned["digest"] == image["digest"]
    layers = {layer["id"]: layer for layer in plan["layers"]}
    assert [layers[i]["digest"] for i in planned["layers"]] == digests
    assert plan["totals"]["tree_bytes"] == sum(
        layer["bytes"] for layer in plan["layers"])


def test_entrypoint_that_is_missing_stops_that_service_only(fleet):
    made = fleet(HELLO)
    manifest = made.path / "fleet.yaml"
    manifest.write_text(manifest.read_text() + """
  Lost:
    machines: desk
    family: core
    run: echo/lost.py
""")
    made.ok("lock")
    result = made.run("build", "--json")
    assert result.returncode == 1
    states = {image["service"]: image["state"]
              for image in json.loads(result.stdout)["images"]}
    assert states == {"Echo": "built", "Lost": "failed"}
    assert "fleet.yaml:32:10: the entrypoint 'echo/lost.py' does not exist" \
        in result.stderr


def test_build_without_lock_says_what_to_run(fleet):
    result = fleet(HELLO).run("build")
    assert result.returncode == 1
    assert "fleet.lock.json" in result.stderr
    assert "slipway lock" in result.stderr
