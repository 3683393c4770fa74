"""lock: what services import becomes what they are made of."""

import json

import pytest

MANIFEST = """\
fleet: scanned
machines: {{desk: {{platform: linux/amd64}}}}
bases: {{py311: {{debian: bookworm, python: "3.11"}}}}
families: {{core: {{base: py311}}}}
defaults: {{machines: desk, family: core}}
services:
{services}
"""


@pytest.fixture
def scanned(fleet, shared_store):
    def make(files, services):
        text = "".join(f"  {name}: {{{settings}}}\n"
                       for name, settings in services.items())
        made = fleet({"fleet.yaml": MANIFEST.format(services=text), **files})
        made.store = shared_store
        return made

    return make


def locked(made):
    lock = json.loads((made.path / "fleet.lock.json").read_text())
    return {service["name"]: service for service in lock["services"]}


def names(service):
    return [pin.split("==")[0] for pin in service.get("closure", [])]


def test_imports_become_requirements_and_owners(scanned):
    made = scanned({
        "main.py": "import yaml\nfrom zmq import Context\n"
                   "def later():\n    import dateutil.parser\n",
    }, {"One": "run: main.py"})
    made.ok("lock")
    service = locked(made)["One"]
    assert {"python-dateutil", "pyyaml", "pyzmq"} <= set(names(service))
    assert service["requirements"] == ["python-dateutil", "pyyaml", "pyzmq"]
    [checked] = made.json("check")["services"]
    owners = {entry["module"]: entry["owner"] for entry in checked["imports"]}
    assert owners == {"yaml": "pyyaml", "zmq": "pyzmq",
                      "dateutil.parser": "python-dateutil"}
    assert checked["status"] == "ok"


def test_unmapped_name_is_never_tried_on_the_index(scanned):
    # A distribution of that name is on every public index.
    made = scanned({"bad.py": "import six\n", "good.py": "import yaml\n"},
                   {"Bad": "run: bad.py", "Good": "run: good.py"})
    result = made.run("lock")
    assert result.returncode == 1
    assert "import-unmapped" in json.dumps(made.json("check", status=1))
    assert names(locked(made)["Good"]) == ["pyyaml"]
    assert names(locked(made)["Bad"]) == []
    states = {image["service"]: image["state"]
              for image in made.json("build", status=1)["images"]}
    assert states == {"Bad": "failed", "Good": "built"}


def test_one_file_of_pins_gives_each_service_what_it_imports(scanned):
    made = scanned({
        "pins.txt": "six==1.16.0\nuvicorn[standard]>=0.20\norjson\n",
        "six_user.py": "import six\n",
        "web.py": "import uvicorn\ntry:\n    import orjson\n"
                  "except ImportError:\n    orjson = None\n",
    }, {"Six": "run: six_user.py, constraints: pins.txt",
        "Web": "run: web.py, constraints: pins.txt"})
    made.ok("lock")
    services = locked(made)
    assert services["Six"]["closure"] == ["six==1.16.0"]
    assert services["Web"]["requirements"] == ["uvicorn[standard]"]
    assert "httptools" in names(services["Web"])
    assert not {"six", "orjson"} & set(names(services["Web"]))


def test_extra_answers_an_unmapped_name(scanned):
    made = scanned({"main.py": "import six\n"},
                   {"One": "run: main.py, extra: [six]"})
    made.ok("lock")
    assert names(locked(made)["One"]) == ["six"]
    assert made.json("check")["services"][0]["status"] == "ok"


def test_module_that_the_wheel_lacks(scanned):
    made = scanned({"main.py": "import yaml.nothing\n"},
                   {"One": "run: main.py"})
    made.run("lock")
    [service] = made.json("check", status=1)["services"]
    [said] = service["diagnostics"]
    assert said["code"] == "import-missing"
    assert "yaml.nothing" in said["message"]


def test_guarded_import_asks_for_nothing(scanned):
    made = scanned({
        "main.py": "try:\n    import cv2\nexcept ImportError:\n    cv2 = 0\n",
    }, {"One": "run: main.py"})
    made.ok("lock")
    assert names(locked(made)["One"]) == []


def test_lock_of_an_older_slipway(scanned):
    made = scanned({"main.py": "import yaml\n"}, {"One": "run: main.py"})
    made.ok("lock")
    path = made.path / "fleet.lock.json"
    new = path.read_bytes()
    lock = json.loads(new)
    lock["version"] = 1
    for service in lock["services"]:
        del service["owners"], service["imports"]
    path.write_text(json.dumps(lock))
    result = made.ok("check")
    assert "the lock is an older slipway's: run 'slipway lock'" in result.stderr
    for verb in (["build"], ["plan"], ["lock", "--check"]):
        result = made.run(*verb)
        assert result.returncode == 1
        assert "an older slipway wrote it" in result.stderr
        assert "run: slipway lock" in result.stderr
    made.ok("lock")
    assert path.read_bytes() == new


def test_nothing_changed_needs_no_network(scanned, tmp_path):
    made = scanned({"main.py": "import yaml\n", "plain.py": ""},
                   {"One": "run: main.py, system: [libportaudio2]",
                    "Two": "run: plain.py"})
    made.ok("lock")
    path = made.path / "fleet.lock.json"
    before = path.read_bytes()
    made.store = tmp_path / "empty"
    made.ok("lock", "--offline")
    assert path.read_bytes() == before


@pytest.mark.parametrize("change, said", [
    (("family: core}", "family: core, extra: [tomli]}"),
     "the versions of tomli have to be asked of the index"),
    (("family: core}", "family: core, system: [libportaudio2]}"),
     "base 'py311': services ask for Debian packages that are not locked: "),
    (("debian: bookworm,", "debian: bookworm, packages: [libpng16-16],"),
     "base 'py311': the base is not locked as the manifest asks for it: "),
])
def test_offline_says_what_has_to_be_fetched(scanned, change, said):
    made = scanned({"main.py": "import yaml\n"}, {"One": "run: main.py"})
    made.ok("lock")
    manifest = made.path / "fleet.yaml"
    manifest.write_text(manifest.read_text().replace(*change))
    path = made.path / "fleet.lock.json"
    before = path.read_bytes()
    # uv's own cache may know what the test asks for.
    result = made.run("lock", "--offline", UV_CACHE_DIR=made.path / "cache")
    assert result.returncode == 3
    assert said in result.stderr and "--offline" in result.stderr
    assert path.read_bytes() == before


def test_lock_is_the_same_again(scanned):
    made = scanned({"main.py": "import yaml\n"}, {"One": "run: main.py"})
    made.ok("lock")
    first = (made.path / "fleet.lock.json").read_bytes()
    made.ok("lock")
    assert (made.path / "fleet.lock.json").read_bytes() == first
    made.ok("lock", "--check")
