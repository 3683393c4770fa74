"""The same bytes whoever builds, where and how: each way is a cold build in a
store of its own, and its images are those of the first build."""

import json
import os
import pathlib
import subprocess
import tempfile

import pytest

from conftest import tool

# One for each way of being made: data and a writable folder, an allowed
# plugin, a namespace package, the web family, a system package, two machines.
SERVICES = ["MemoryFusionHub", "WakeWordDetector", "CentralErrorBus",
            "ObservabilityDashboardAPI", "FusedAudioPreprocessor",
            "TutoringServiceAgent"]
NOBODY = 65534

WAYS = {
    "another store": {},
    "uid": {"run": {"user": NOBODY, "group": NOBODY, "extra_groups": []}},
    "umask 077": {"run": {"umask": 0o077}},
    "TZ": {"env": {"TZ": "Pacific/Kiritimati"}},
    "LANG": {"env": {"LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8"}},
    "reversed directory order": {"reversed": True},
    "one job": {"words": ["--jobs", "1"]},
    "eight jobs": {"words": ["--jobs", "8"]},
    "another path": {"path": "quite another/källa"},
    "offline": {"words": ["--offline"]},
}


def digests(images):
    return {(image["service"], image["machine"]): image["digest"]
            for image in images if image["digest"]}


@pytest.fixture
def folder():
    """Not below pytest's own, which only their owner may enter."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield pathlib.Path(name)


@pytest.fixture(scope="session")
def reversed_readdir(tmp_path_factory):
    """The environment in which programs list folders the other way round."""
    library = tmp_path_factory.mktemp("reversed") / "reversed.so"
    subprocess.run([tool("cc"), "-shared", "-fPIC", "-o", library,
                    pathlib.Path(__file__).with_name("reversed_readdir.c")],
                   check=True)
    env = {"LD_PRELOAD": str(library)}
    listed = subprocess.run(
        ["python3", "-c", "import os; print(*os.listdir('/'))"], check=True,
        capture_output=True, text=True, env={**os.environ, **env})
    assert listed.stdout.split() == os.listdir("/")[::-1]
    return env


@pytest.mark.parametrize("name", WAYS)
def test_same_digests(name, hello, dual, folder, reversed_readdir):
    way = WAYS[name]
    if "user" in way.get("run", {}) and os.getuid() != 0:
        pytest.skip("only root can build as somebody else")
    store = hello.seed(dual.seed(folder / "store"))
    env = {**os.environ, "HOME": str(folder), **way.get("env", {})}
    if way.get("reversed"):
        env.update(reversed_readdir)
    for made, services in ((hello, []), (dual, SERVICES)):
        path = folder / way.get("path", "source") / made.path.parent.name
        made.copy(path, store)
        if "user" in way.get("run", {}):
            for entry in (folder, *folder.rglob("*")):
                os.lchown(entry, NOBODY, NOBODY)
        done = subprocess.run(
            [made.program, "-C", path, "--store", store, "build", "--json",
             *way.get("words", []), *services],
            env=env, capture_output=True, text=True, timeout=600,
            stdin=subprocess.DEVNULL, **way.get("run", {}))
        assert done.returncode == 0, done.stderr
        images = json.loads(done.stdout)["images"]
        assert {image["state"] for image in images} <= {"built", "skipped"}
        first = digests([hello.image] if made is hello else dual.built)
        assert digests(images) == {
            key: digest for key, digest in first.items()
            if not services or key[0] in services}
