"""examples/dual-machine is the fleet of the architecture proposal, row by row
(tests/golden/dual-machine/rows.tsv), and every service of it can start.

./dev demo compiles and runs it.
"""

import json
import re
from collections import Counter

import pytest
import yaml

from conftest import DUAL, ROOT

STARTUP = {machine: DUAL / folder / "config" / "startup_config.yaml"
           for machine, folder in (("mainpc", "main_pc_code"),
                                   ("pc2", "pc2_code"))}


def read_rows():
    lines = (ROOT / "tests/golden/dual-machine/rows.tsv").read_text()
    for line in lines.splitlines():
        if line.startswith("#"):
            continue
        name, machines, family, entrypoint, ports = line.split("\t")
        yield name, (machines.split(","), family, entrypoint,
                     [int(port) for port in ports.split(",")])


ROWS = dict(read_rows())


@pytest.fixture(scope="module")
def manifest():
    return yaml.safe_load((DUAL / "fleet.yaml").read_text())


def settings(manifest, name):
    """Those of a service, with its templates below it."""
    below = manifest["services"][name]
    layers = [below]
    while "like" in below:
        below = manifest["templates"][below["like"]]
        layers.append(below)
    merged = dict(manifest["defaults"])
    for layer in reversed(layers):
        merged.update(layer)
    return merged


def as_list(value):
    return [value] if isinstance(value, (str, int)) else list(value)


def ports_of(service):
    ports = service["ports"]
    if isinstance(ports, str):
        return [int(port) for port in ports.split("/")]
    return list(ports.values())


def as_row(service):
    run = service["run"]
    return (as_list(service["machines"]), service["family"],
            run if isinstance(run, str) else run[0], ports_of(service))


def test_rows_are_those_of_the_proposal(manifest):
    assert len(ROWS) == 68
    assert {name: as_row(settings(manifest, name))
            for name in manifest["services"]} == ROWS


def startup_entries(machine):
    document = yaml.safe_load(STARTUP[machine].read_text())
    for group in document.get("agent_groups", {}).values():
        yield from group.items()
    for entry in document.get("pc2_services", []):
        yield entry["name"], entry


def number(port):
    return int(re.fullmatch(r"\$\{PORT_OFFSET\}\+(\d+)", port)[1])


@pytest.mark.parametrize("machine", STARTUP)
def test_startup_config_lists_the_rows(machine):
    """All of a machine, but the one that only a group of mainpc names."""
    expected = {name: row for name, row in ROWS.items() if machine in row[0]}
    entries = dict(startup_entries(machine))
    if machine == "mainpc":
        del expected["UnifiedObservabilityCenter"]
        groups = yaml.safe_load(STARTUP[machine].read_text())["docker_groups"]
        assert any("UnifiedObservabilityCenter" in group["agents"]
                   for group in groups.values())
    assert entries.keys() == expected.keys()
    for name, entry in entries.items():
        _, _, entrypoint, ports = expected[name]
        assert entry["script_path"] == entrypoint
        assert number(entry["port"]) == ports[0]
        assert number(entry["health_check_port"]) in ports
        if "metrics_port" in entry:
            assert number(entry["metrics_port"]) in ports


@pytest.fixture
def locked(dual):
    return dual


def test_every_service_can_start(locked):
    services = locked.json("check")["services"]
    assert {s["name"] for s in services} == ROWS.keys()
    assert Counter(s["status"] for s in services) == {"ok": 68}
    said = Counter((d["level"], d["code"]) for s in services
                   for d in s["diagnostics"])
    assert not [level for level, _ in said if level in ("error", "uncertain")]


def checked(locked, name):
    [service] = locked.json("check", name)["services"]
    return service


def test_services_carry_what_real_fleets_carry(locked):
    """Each of these is found as what it is."""
    def level(name, module):
        [found] = {i["level"] for i in checked(locked, name)["imports"]
                   if i["module"] == module}
        return found

    def files(name):
        return {file["path"] for file in checked(locked, name)["files"]}

    assert level("EmotionEngine", "nats") == "guarded"
    assert level("WakeWordDetector", "pvporcupine") == "lazy"
    assert "plugins/wake/loudness.py" in files("WakeWordDetector")
    assert "pc2_code/utils/rate_limit.py" in files("UnifiedUtilsAgent")
    assert not list(DUAL.glob("main_pc_code/**/__init__.py"))
    assert "main_pc_code/services/stt_client.py" in files(
        "StreamingSpeechRecognition")
    bus = files("CentralErrorBus")
    assert "services/central_error_bus/severity/levels.py" in bus
    assert "services/central_error_bus/severity.py" not in bus


def test_only_gpu_services_need_cuda(locked):
    lock = yaml.safe_load((locked.path / "fleet.lock.json").read_text())
    resolutions = {r["id"]: {p["name"] for p in r["packages"]}
                   for r in lock["resolutions"]}
    for identity, names in resolutions.items():
        has_cuda = any(name.startswith("nvidia-") and name != "nvidia-ml-py"
                       for name in names)
        assert has_cuda == ("cu121" in identity)


def test_one_port_has_one_service_on_a_machine(locked):
    """What check would say if the second row of the audio pipeline ran where
    the first does not."""
    manifest = locked.path / "fleet.yaml"
    before = manifest.read_text()
    line = next(line for line in before.splitlines()
                if line.lstrip().startswith("RealTimeAudioPipeline:"))
    manifest.write_text(before.replace(line, line.replace(
        "ports: 5557/6557", "ports: 5557/6557, machines: [mainpc, pc2]")))
    result = locked.run("check")
    manifest.write_text(before)
    assert result.returncode == 1
    assert "5557" in result.stderr and "RealTimeAudioPipelinePC2" in (
        result.stderr)


def test_fleet_is_what_init_makes_of_the_startup_configs(fleet):
    """... and of fleet.answers.yaml. Without it all is asked, and check lists
    what is open."""
    made = fleet(DUAL)
    made.ok("init", "--force")
    assert (made.path / "fleet.yaml").read_text() == (
        DUAL / "fleet.yaml").read_text()
    asked = made.json("init", "--force", "--answers", "")["questions"]
    names = yaml.safe_load((DUAL / "fleet.answers.yaml").read_text())["answers"]
    assert {question["id"] for question in asked} == names.keys()
    report = json.loads(made.run("check", "--json").stdout)
    assert [q["ask"] for q in report["questions"]] == [q["ask"] for q in asked]
