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


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory):
    return tmp_path_factory.mktemp("store") / "store"


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


def test_lock_is_the_same_again(scanned):
    made = scanned({"main.py": "import yaml\n"}, {"One": "run: main.py"})
    made.ok("lock")
    first = (made.path / "fleet.lock.json").read_bytes()
    made.ok("lock")
    assert (made.path / "fleet.lock.json").read_bytes() == first
    made.ok("lock", "--check")
