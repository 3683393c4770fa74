"""slipway check: levels 1 and 2, on small fleets that are wrong in one way."""

import gzip
import io
import subprocess
import sys
import tarfile

import pytest

MANIFEST = """\
fleet: checked
source: {{shared: [common]}}
machines: {{desk: {{platform: linux/amd64}}}}
bases: {{py311: {{debian: bookworm, python: "3.11"}}}}
families: {{core: {{base: py311}}}}
defaults: {{machines: desk, family: core}}
services:
{services}
"""


@pytest.fixture
def checked(fleet, shared_store):
    """checked(FILES, SERVICES) locks; gives the services of check --json."""
    def check(files, services, status=0):
        text = "".join(f"  {name}: {{{settings}}}\n"
                       for name, settings in services.items())
        made = fleet({"fleet.yaml": MANIFEST.format(services=text), **files})
        made.store = shared_store
        made.run("lock")
        answer = made.json("check", status=status)
        return {service["name"]: service for service in answer["services"]}

    return check


def codes(service):
    return [said["code"] for said in service["diagnostics"]]


def test_levels_of_reached_files(checked):
    services = checked({
        "main.py": """\
import common.hard
try:
    import common.guarded
except ImportError:
    pass
def later():
    import common.lazy
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import common.typed
""",
        "common/hard.py": "", "common/guarded.py": "", "common/lazy.py": "",
        "common/typed.py": "", "common/unused.py": "",
    }, {"One": "run: main.py"})
    files = {entry["path"]: entry["level"]
             for entry in services["One"]["files"]}
    assert files == {
        "main.py": "hard", "common/hard.py": "hard",
        "common/guarded.py": "guarded", "common/lazy.py": "lazy",
        "common/typed.py": "typing",
    }
    assert services["One"]["status"] == "ok"


def test_syntax_error_names_file_and_line(checked):
    services = checked({
        "good.py": "", "bad.py": "import common.broken\n",
        "common/broken.py": "x = 1\ny = (1,\n",
    }, {"Good": "run: good.py", "Bad": "run: bad.py"}, status=1)
    assert services["Good"]["status"] == "ok"
    assert services["Bad"]["status"] == "error"
    [said] = services["Bad"]["diagnostics"]
    assert said["code"] == "syntax"
    assert (said["file"], said["line"]) == ("common/broken.py", 2)
    assert "never closed" in said["message"]


ENCODINGS = [
    (b"x = 1\ny = '\xe9'\n", "syntax-encoding", 2),
    (b"\xff = 1\n", "syntax-encoding", 1),
    (b"# coding: nonsense\n", "syntax-encoding", 0),
    (b"# coding: ascii\nx = '\xc3\xa9'\n", "syntax-encoding", 0),
    (b"# coding: hex\n", "syntax-encoding", 0),
    (b"\xef\xbb\xbf# coding: latin-1\n", "syntax-encoding", 0),
    # A script is not read as a module is.
    (b"x = 1\n\n# \xe9\n", "syntax-encoding", 3),
    (b"# coding: latin-1\nx = '\xe9'  # \xe9\n", None, None),
    (b"# coding: utf-8\n# \xe9\n", None, None),
    (b"\xef\xbb\xbfx = 'a'  # \xe9\n", None, None),
    (b"open('x', encoding='a', encoding='b')\n", "syntax", 1),
    (b"x = '\\N{no encoding}'\n", "syntax", 1),
    (b"x = 1\0\n", "syntax-null", 0),
]


def test_encodings(checked, tmp_path):
    files, services = {}, {}
    for number, (text, *_) in enumerate(ENCODINGS):
        files[f"m{number}.py"] = text
        files[f"importer{number}.py"] = f"import m{number}\n"
        services[f"Script{number}"] = f"run: m{number}.py"
        services[f"Module{number}"] = f"run: importer{number}.py"
    services = checked(files, services, status=1)
    for number, (text, code, line) in enumerate(ENCODINGS):
        script, module = (services[f"{kind}{number}"]["diagnostics"]
                          for kind in ("Script", "Module"))
        path = f"m{number}.py"
        assert [(one["code"], one["file"], one["line"]) for one in script] == (
            [(code, path, line)] if code else []), text
        has_comment = b"# \xe9" in text
        assert [one["code"] for one in module] == (
            [code] * bool(code and not has_comment)), text
        (tmp_path / path).write_bytes(text)
        for arguments, said in [([path], script),
                                (["-c", f"import m{number}"], module)]:
            started = subprocess.run([sys.executable, *arguments],
                                     cwd=tmp_path, capture_output=True)
            # Some versions read a line of a script up to a zero byte.
            assert (started.returncode == 0) == (not said) or (
                said is script and code == "syntax-null"), text


def test_what_only_compile_finds(checked):
    services = checked({"main.py": "def f():\n    await g()\n"},
                       {"One": "run: main.py"}, status=1)
    [said] = services["One"]["diagnostics"]
    assert said["code"].startswith("syntax")
    assert said["line"] == 2


def test_missing_module_and_name(checked):
    services = checked({
        "main.py": "import common.gone\nfrom common.there import nothing\n",
        "common/__init__.py": "", "common/there.py": "something = 1\n",
    }, {"One": "run: main.py"}, status=1)
    said = {entry["code"]: entry["line"]
            for entry in services["One"]["diagnostics"]}
    assert said == {"import-missing": 1, "name-missing": 2}


def test_an_extension_module_may_have_any_name(checked):
    services = checked({
        "main.py": "from common.fast import thing\nimport common.fast.gone\n",
        "common/__init__.py": "", "common/fast.py": "",
        "common/fast.cpython-311-x86_64-linux-gnu.so": "",
        "common/other.cpython-310-x86_64-linux-gnu.so": "",
        "other.py": "from common import other\n",
    }, {"One": "run: main.py", "Other": "run: other.py"}, status=1)
    [said] = services["One"]["diagnostics"]
    assert (said["code"], said["line"]) == ("import-missing", 2)
    # One for another Python is none.
    assert codes(services["Other"]) == ["name-missing"]


def test_guarded_missing_module_is_a_warning(checked):
    services = checked({
        "main.py": "try:\n    import common.gone\n"
                   "except ImportError:\n    gone = None\n",
        "common/__init__.py": "",
    }, {"One": "run: main.py"})
    assert services["One"]["status"] == "ok"
    [said] = services["One"]["diagnostics"]
    assert (said["level"], said["code"]) == ("warning", "import-missing")


def test_dynamic_import_is_uncertain_until_allowed(checked):
    files = {
        "main.py": "import importlib\n"
                   "importlib.import_module('plugins.' + open('x').read())\n",
        "plugins/wake.py": "import common.sound\n", "common/sound.py": "",
    }
    services = checked(files, {
        "Asks": "run: main.py",
        "Allowed": "run: main.py, allow: [{import: 'plugins.*', "
                   "include: [plugins], why: by name}]",
    })
    assert services["Asks"]["status"] == "uncertain"
    assert services["Asks"]["dynamic"][0]["line"] == 2
    assert services["Allowed"]["status"] == "ok"
    assert "common/sound.py" in [entry["path"] for entry
                                 in services["Allowed"]["files"]]


def test_missing_entrypoint_and_data(checked):
    services = checked({"main.py": ""}, {
        "Lost": "run: nowhere.py",
        "Data": "run: main.py, data: [config/none.yaml]",
        "Fine": "run: main.py",
    }, status=1)
    assert services["Lost"]["status"] == "error"
    assert codes(services["Data"]) == ["file-missing"]
    assert services["Fine"]["status"] == "ok"


def test_link_out_of_the_root(fleet, shared_store, tmp_path):
    outside = tmp_path / "secret.py"
    outside.write_text("")
    made = fleet({
        "fleet.yaml": MANIFEST.format(services="  One: {run: main.py}\n"),
        "main.py": "import linked\n",
    })
    (made.path / "linked.py").symlink_to(outside)
    made.store = shared_store
    made.run("lock")
    [service] = made.json("check", status=1)["services"]
    assert codes(service) == ["link-outside"]


def test_causes_are_grouped(fleet, shared_store):
    files = {f"s{i}.py": "import common.broken\n" for i in range(3)}
    files["common/broken.py"] = "def f(:\n"
    services = "".join(f"  S{i}: {{run: s{i}.py}}\n" for i in range(3))
    files["fleet.yaml"] = MANIFEST.format(services=services)
    made = fleet(files)
    made.store = shared_store
    made.run("lock")
    result = made.run("check")
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    assert lines[-1] == "0 start, 3 cannot, 0 uncertain"
    assert sum("common/broken.py:1" in line for line in lines) == 1


def test_source_layer_holds_what_is_reached(fleet, shared_store):
    made = fleet({
        "fleet.yaml": MANIFEST.format(services="  One: {run: main.py}\n"),
        "main.py": "import common.used\nopen('config/a.yaml')\n",
        "common/used.py": "", "common/unused.py": "",
        "config/a.yaml": "x: 1\n", "config/b.yaml": "x: 2\n",
    })
    made.store = shared_store
    made.ok("lock")
    made.ok("build")
    plan = made.json("plan")
    [image] = plan["images"]
    [top] = [layer for layer in plan["layers"]
             if layer["id"] == image["layers"][-1]]
    blob = made.store / "blobs" / "sha256" / top["digest"].split(":")[1]
    with tarfile.open(fileobj=io.BytesIO(
            gzip.decompress(blob.read_bytes()))) as tar:
        names = {entry.name for entry in tar if entry.isfile()}
    assert names == {
        "app/main.py", "app/common/used.py", "app/config/a.yaml",
        "app/__pycache__/main.cpython-311.pyc",
        "app/common/__pycache__/used.cpython-311.pyc",
    }
    assert top["parts"] == ["source of One"]
