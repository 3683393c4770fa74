"""The smallest fleet, from its manifest to a container that answers."""

import json
import subprocess
import tarfile

import zmq

from conftest import HELLO, free_port

def ask(port, request):
    with zmq.Context() as context, context.socket(zmq.REQ) as peer:
        peer.setsockopt(zmq.LINGER, 0)
        peer.setsockopt(zmq.RCVTIMEO, 20000)
        peer.connect(f"tcp://127.0.0.1:{port}")
        peer.send_json(request)
        return peer.recv_json()


def test_container_answers_and_is_healthy(hello, skopeo, docker):
    port = free_port()
    name = f"slipway-test-hello:{port}"
    docker.take(skopeo, f"oci:{hello.store}:{hello.image['reference']}", name)
    container = docker.start("-p", f"127.0.0.1:{port}:5555",
                             "--health-interval", "1s", name)
    assert ask(port, {"action": "ping"}) == {"status": "ok", "answer": "pong"}
    state = docker.wait_healthy(container)
    assert state["Config"]["User"] == "10001:10001"
    docker("stop", container)
    [state] = json.loads(docker("inspect", container).stdout)
    assert state["State"]["ExitCode"] == 0


def test_second_build_finds_everything(hello):
    assert hello.image["state"] == "built"
    [second] = hello.json("build", "--offline")["images"]
    assert second["state"] == "cached"
    assert second["digest"] == hello.image["digest"]
    hello.ok("verify")


def test_plan_agrees_with_the_image(hello, skopeo):
    plan = hello.json("plan")
    manifest = json.loads(subprocess.run(
        [skopeo, "inspect", "--raw",
         f"oci:{hello.store}:{hello.image['reference']}"],
        check=True, capture_output=True).stdout)
    digests = [layer["digest"] for layer in manifest["layers"]]
    [planned] = plan["images"]
    assert planned["digest"] == hello.image["digest"]
    layers = {layer["id"]: layer for layer in plan["layers"]}
    assert [layers[i]["digest"] for i in planned["layers"]] == digests
    assert plan["totals"]["tree_bytes"] == sum(
        layer["bytes"] for layer in plan["layers"])


# Services that differ from Echo in `run` and `data` alone need no other lock
# than one that names them.
LOST = """
  Lost:
    machines: desk
    family: core
    run: echo/lost.py
  Lost2: {machines: desk, family: core, run: echo/service.py, extra: [orjson, pyzmq, pyyaml], data: [no.txt]}
"""


def add_services(fleet, text):
    manifest = fleet.path / "fleet.yaml"
    lines = len(manifest.read_text().splitlines())
    manifest.write_text(manifest.read_text() + text)
    return lines


def states(result):
    return {image["service"]: image["state"]
            for image in json.loads(result.stdout)["images"]}


def test_missing_files_stop_their_service_only(hello, tmp_path):
    made = hello.fork(tmp_path)
    lines = add_services(made, LOST)
    assert made.run("lock").returncode == 1
    result = made.run("build", "--json")
    assert result.returncode == 1
    assert states(result) == {"Echo": "cached", "Lost": "failed",
                              "Lost2": "failed"}
    assert (f"fleet.yaml:{lines + 5}:10: the entrypoint 'echo/lost.py' is "
            "not there") in result.stderr
    column = LOST.splitlines()[-1].index("no.txt") + 1
    assert (f"fleet.yaml:{lines + 6}:{column}: data names 'no.txt', and the "
            "source tree has no such file") in result.stderr


def test_source_layer_has_what_the_service_names(hello, tmp_path):
    """A folder whose name begins with another's is not that folder, and the
    folder of a module is that of the script of the same name."""
    made = hello.fork(tmp_path)
    made.write({"echo2/other.py": "", "common_old/x.py": "",
                "pack/mod.py": "", "pack/__init__.py": "",
                "echo/greeting.yaml.orig": ""})
    add_services(made, """
  Module: {machines: desk, family: core, run: -m pack.mod}
""")
    made.ok("lock")
    made.ok("build")
    names = {service: source_files(made, service)
             for service in ("Echo", "Module")}
    assert names == {
        "Echo": {"common/log.py", "echo/service.py", "echo/greeting.yaml"},
        "Module": {"pack/__init__.py", "pack/mod.py"}}


def source_files(made, service):
    """Files below app/ of a service's topmost layer, without bytecode."""
    plan = made.json("plan")
    [image] = [i for i in plan["images"] if i["service"] == service]
    [layer] = [x for x in plan["layers"] if x["id"] == image["layers"][-1]]
    blob = made.store / "blobs" / layer["digest"].replace(":", "/")
    with tarfile.open(blob) as archive:
        return {member.name.removeprefix("app/")
                for member in archive if member.isfile()
                and not member.name.endswith(".pyc")}


def test_one_cause_is_printed_once(hello, tmp_path):
    """A base that cannot be had stops both images, with one message."""
    made = hello.copy(tmp_path / "fleet", tmp_path / "store")
    add_services(made, """
  Second: {machines: desk, family: core, run: echo/service.py,
           extra: [pyzmq, orjson, PyYAML]}
""")
    made.ok("lock")
    made.store = tmp_path / "empty"
    result = made.run("build", "--offline", "--json")
    assert result.returncode == 3
    assert set(states(result).values()) == {"failed"}
    assert result.stderr.count("error: ") == 1
    assert "Echo on desk, Second on desk: the base 'py311': " in result.stderr


def test_settings_that_change_the_source_layer(hello, tmp_path):
    """Each of these changes what lies in the layer, so its key too."""
    made = hello.fork(tmp_path)
    manifest = made.path / "fleet.yaml"
    before = manifest.read_text()
    digests = set()
    for extra in ("", "    workdir: /srv\n", "    user: '123:456'\n",
                  "    bytecode: none\n"):
        manifest.write_text(before + extra)
        made.ok("lock")
        made.ok("build")
        plan = made.json("plan")
        [image] = plan["images"]
        digests |= {layer["digest"] for layer in plan["layers"]
                    if layer["id"] == image["layers"][-1]}
    assert len(digests) == 4


def test_build_without_lock_says_what_to_run(fleet):
    result = fleet({"fleet.yaml": (HELLO / "fleet.yaml").read_text()}).run(
        "build")
    assert result.returncode == 1
    assert "fleet.lock.json" in result.stderr
    assert "slipway lock" in result.stderr
