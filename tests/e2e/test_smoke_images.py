"""Images start in bubblewrap and load what check says (smoke_images.py)."""

import os
import subprocess
import sys

import pytest

from conftest import ROOT, tool

MANIFEST = """\
fleet: smoke
machines: {desk: {platform: linux/amd64}}
bases: {py311: {debian: bookworm, python: "3.11"}}
families: {core: {base: py311}}
defaults: {machines: desk, family: core, health: none}
services:
  Plain: {run: plain/service.py, extra: [orjson], write: [logs]}
  Module: {run: [-m, pack.tool]}
  Plugins:
    run: plugins.py
    allow: [{import: "engines.*", include: [engines], why: by name}]
  Sloppy: {run: sloppy.py}
  Broken: {run: broken.py}
"""

FILES = {
    "plain/service.py": """\
import pathlib
import orjson
import beside
try:
    import spare
except ImportError:
    import instead
def later():
    import seldom
pathlib.Path("logs/wrote").touch()
if "__main__" == __name__:
    import started
    later()
else:
    import elsewhere
""",
    "plain/beside.py": "",
    "spare.py": "import spare_part\n",
    "spare_part.py": "",
    "instead.py": "",
    "seldom.py": "",
    "started.py": "",
    "elsewhere.py": "",
    "pack/__init__.py": "",
    "pack/tool.py": "from . import near\n",
    "pack/near.py": "",
    "plugins.py": """\
import importlib
def load(name):
    return importlib.import_module("engines." + name)
""",
    "engines/one.py": "",
    # check calls lazy what is imported by a function, called or not.
    "sloppy.py": "def now():\n    import seldom\nnow()\n",
    "broken.py": "raise SystemExit('no way')\n",
}

# exit status, loaded, hard, hard and guarded, verdict
EXPECTED = {
    "Plain": "0 5 3 6 ok",
    "Module": "0 3 3 3 ok",
    "Plugins": "0 1 1 1 ok",
    "Sloppy": "0 2 1 1 loaded but not hard or guarded: seldom.py",
    "Broken": "1 1 1 1 status 1: no way",
}


@pytest.fixture
def smoke(hello, fleet):
    """smoke(WORDS) is what the script prints for a fleet of our own."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount an overlay of layers")
    alone = ["unshare", "--mount", "setpriv", "--reuid", "10001", "--regid",
             "10001", "--clear-groups", tool("bwrap"), "--unshare-all",
             "--ro-bind", "/", "/", "--proc", "/proc", "true"]
    tried = subprocess.run(alone, cwd="/", capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip("this host forbids a sandbox: " + tried.stderr.strip())
    made = fleet({"fleet.yaml": MANIFEST, **FILES})
    hello.seed(made.store)
    made.ok("lock")

    def run(*words):
        return subprocess.run(
            [sys.executable, ROOT / "tests/e2e/smoke_images.py", made.program,
             made.path, made.store, *words], capture_output=True, text=True,
            timeout=300)

    return run


def test_images_load_what_check_says(smoke):
    result = smoke()
    _, *rows, last = result.stdout.splitlines()
    assert {row.split()[0]: " ".join(row.split()[2:])
            for row in rows} == EXPECTED, result.stdout + result.stderr
    assert last == "3 passed, 2 failed"
    assert result.returncode == 1
    some = smoke("Plain", "Module")
    assert some.stdout.endswith("\n2 passed, 0 failed\n"), some.stderr
    assert some.returncode == 0
