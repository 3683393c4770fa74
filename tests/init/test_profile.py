"""Machine profile, defaults of the image, threads."""

import json
import os
import subprocess

import pytest
from conftest import clean_env, run_init


def variables(env, *flags):
    """What the program gets."""
    done = run_init(*flags, "--", "env", "-0", env=env)
    assert done.returncode == 0
    pairs = [line.partition("=") for line in done.stdout.split("\0") if line]
    return {name: value for name, _, value in pairs}, done.stderr


def with_profile(tmp_path, profile, defaults=None, **real):
    path = tmp_path / "profile.json"
    path.write_text(profile if isinstance(profile, str) else json.dumps(profile))
    env = clean_env(SLIPWAY_PROFILE=path, **(defaults or {}))
    env.update({key: str(value) for key, value in real.items()})
    if defaults is not None:
        env["SLIPWAY_ENV_DEFAULTS"] = json.dumps(defaults)
    return variables(env)


def test_three_strengths(tmp_path):
    got, _ = with_profile(
        tmp_path, {"env": {"A": "profile", "B": "profile", "C": "profile",
                           "D": 5, "E": True, "F": None, "G": None}},
        defaults={"A": "image", "B": "image", "F": "image", "Q": "image"},
        B="run", C="run", G="run")
    assert got["A"] == "profile"   # equal to the image's: weaker
    assert got["B"] == "run"       # differs from the image's
    assert got["C"] == "run"       # the image has none
    assert got["D"] == "5"
    assert got["E"] == "true"
    assert "F" not in got          # taken out
    assert got["G"] == "run"
    assert got["Q"] == "image"
    assert "SLIPWAY_ENV_DEFAULTS" not in got


def test_values_with_escapes(tmp_path):
    odd = 'quote " back \\ slash / tab \t é 😀 =x='
    got, _ = with_profile(tmp_path, {"env": {"ODD": odd}},
                          defaults={"IMAGE": odd})
    assert got["ODD"] == odd
    assert got["IMAGE"] == odd


def test_a_service_s_own_entry_wins(tmp_path):
    profile = {"machine": "pc2", "threads": 3, "env": {"A": "all", "B": "all"},
               "services": {"X": {"threads": 1, "env": {"A": "x"}},
                            "Y": {"env": {"A": "y"}}}}
    got, log = with_profile(tmp_path, profile, SLIPWAY_SERVICE="X")
    assert (got["A"], got["B"], got["OMP_NUM_THREADS"]) == ("x", "all", "1")
    assert "machine=pc2" in log and "service=X" in log
    got, _ = with_profile(tmp_path, profile, SLIPWAY_SERVICE="Z")
    assert (got["A"], got["OMP_NUM_THREADS"]) == ("all", "3")


@pytest.mark.parametrize("text, why", [
    ("{", "key"), ("[]", "not an object"), ("{} x", "behind the end"),
    ('{"env": {"A": "b"},}', "key"), ("", "missing value"),
    ('{"a": "\x01"}', "does not end"), ("[" * 40 + "]" * 40, "nested"),
    ('{"env": "no"}', "env"), ('{"env": {"A-B": "x"}}', "variable name"),
    ('{"env": {"A": [1]}}', "usable"), ('{"env": {"A": "x\\u0000"}}', "usable"),
    ('{"gpu": 3}', "gpu"), ("{" + " " * 70000 + "}", "longer"),
    ('{"a": 01}', "number"), ('{"a": tru}', "word"), ('{"a": "\\q"}', "escape"),
])
def test_a_bad_profile_is_told_and_the_service_starts(tmp_path, text, why):
    got, log = with_profile(tmp_path, text, KEEP="yes")
    assert got["KEEP"] == "yes"
    assert why in log and "profile" in log


def test_unknown_keys_are_counted(tmp_path):
    got, log = with_profile(tmp_path, {"colour": "red", "env": {"A": "b"}})
    assert got["A"] == "b"
    assert "1 unknown key" in log


def test_no_profile_is_no_error():
    got, log = variables(clean_env(SLIPWAY_PROFILE="/no/such/file"))
    assert "profile=-" in log


def test_a_profile_that_is_no_file(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    _, log = variables(clean_env(SLIPWAY_PROFILE=fifo))
    assert "not a file" in log


def test_bad_defaults_are_told():
    got, log = variables(clean_env(SLIPWAY_ENV_DEFAULTS="{nonsense", A="1"))
    assert got["A"] == "1"
    assert "SLIPWAY_ENV_DEFAULTS is not used" in log


def test_env_command_names_the_source(tmp_path):
    path = tmp_path / "p"
    path.write_text('{"env": {"P": "1"}}')
    done = run_init("env", env=clean_env(
        SLIPWAY_PROFILE=path, I="1", R="1", SLIPWAY_ENV_DEFAULTS='{"I": "1"}',
        SLIPWAY_THREADS="2"))
    lines = done.stdout.splitlines()
    assert {"image\tI=1", "profile\tP=1", "run\tR=1",
            "init\tOMP_NUM_THREADS=2"} <= set(lines)


LIBRARIES = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS",
             "NUMEXPR_NUM_THREADS"]


def test_threads_fixed_and_auto():
    got, _ = variables(clean_env(SLIPWAY_THREADS="3", SLIPWAY_WORKERS="2"))
    assert [got[name] for name in LIBRARIES] == ["3"] * 4
    assert (got["WEB_CONCURRENCY"], got["UVICORN_WORKERS"]) == ("2", "2")
    cpus = str(len(os.sched_getaffinity(0)))
    got, log = variables(clean_env(SLIPWAY_THREADS="auto"))
    found = run_init("cpus").stdout.split()[0]
    assert int(found) <= int(cpus)
    assert [got[name] for name in LIBRARIES] == [found] * 4
    assert f"threads={found} (limit: " in log
    assert "WEB_CONCURRENCY" not in got


def test_auto_in_a_library_s_own_variable():
    found = run_init("cpus").stdout.split()[0]
    got, _ = variables(clean_env(OMP_NUM_THREADS="auto", MKL_NUM_THREADS="7",
                                 WEB_CONCURRENCY="auto"))
    assert got["OMP_NUM_THREADS"] == found
    assert got["MKL_NUM_THREADS"] == "7"
    assert got["WEB_CONCURRENCY"] == found
    assert "OPENBLAS_NUM_THREADS" not in got


def test_a_stronger_wish_beats_a_weaker_variable(tmp_path):
    defaults = {"OMP_NUM_THREADS": "8", "MKL_NUM_THREADS": "8"}
    got, _ = with_profile(tmp_path, {"threads": 2}, defaults=defaults)
    assert got["OMP_NUM_THREADS"] == "2"
    got, _ = with_profile(tmp_path, {"threads": 2}, defaults=defaults,
                          OMP_NUM_THREADS="5")
    assert (got["OMP_NUM_THREADS"], got["MKL_NUM_THREADS"]) == ("5", "2")


def test_a_number_above_the_limit_stays_and_is_told():
    got, log = variables(clean_env(SLIPWAY_THREADS="4096"))
    assert got["OMP_NUM_THREADS"] == "4096"
    assert "4096 threads are set" in log


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5"])
def test_bad_threads(value):
    assert run_init("--", "true", env=clean_env(
        SLIPWAY_THREADS=value)).returncode == 64


def test_affinity_limits():
    first = min(os.sched_getaffinity(0))
    done = subprocess.run(["taskset", "-c", str(first), run_init.__globals__[
        "INIT"], "cpus"], capture_output=True, text=True)
    assert done.stdout == "1 (affinity)\n"


MANY = "999999"  # the affinity of the machine that tests must not decide


def tree(root, group, mounts, files):
    """A fixture: /proc/self/{cgroup,mountinfo} and the cgroup files."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(group)
    (root / "proc/self/mountinfo").write_text(mounts)
    for path, text in files.items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text + "\n")
    done = run_init("cpus", root)
    return done.stdout.strip()


V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = ("33 32 0:30 {root} /sys/fs/cgroup/cpu,cpuacct rw shared:1 - cgroup cgroup "
      "rw,cpu,cpuacct\n"
      "34 32 0:31 {root} /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
      "35 32 0:32 {root} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n")
ONE = "100000 100000"


@pytest.mark.parametrize("name, group, mounts, files, expected", [
    ("v2, own namespace", "0::/\n", V2,
     {"/sys/fs/cgroup/cpu.max": "150000 100000"}, "1 (cgroup v2 cpu.max)"),
    ("v2, below one CPU", "0::/\n", V2,
     {"/sys/fs/cgroup/cpu.max": "20000 100000"}, "1 (cgroup v2 cpu.max)"),
    ("v2, no limit", "0::/\n", V2,
     {"/sys/fs/cgroup/cpu.max": "max 100000"}, "affinity"),
    ("v2, an ancestor is tightest", "0::/a/b/c\n", V2,
     {"/sys/fs/cgroup/a/b/c/cpu.max": "max 100000",
      "/sys/fs/cgroup/a/cpu.max": ONE}, "1 (cgroup v2 cpu.max)"),
    ("v2, a sibling does not count", "0::/a/b\n", V2,
     {"/sys/fs/cgroup/a/x/cpu.max": ONE}, "affinity"),
    ("v2, host path, container mount", "0::/docker/0123\n",
     V2.replace("0:26 / ", "0:26 /docker/0123 "),
     {"/sys/fs/cgroup/cpu.max": ONE}, "1 (cgroup v2 cpu.max)"),
    ("v2, path outside of the mount", "0::/../../x\n", V2,
     {"/sys/fs/cgroup/cpu.max": ONE}, "1 (cgroup v2 cpu.max)"),
    ("v2, cpuset", "0::/\n", V2,
     {"/sys/fs/cgroup/cpuset.cpus.effective": "3"}, "1 (cgroup v2 cpuset)"),
    ("v2, huge", "0::/\n", V2,
     {"/sys/fs/cgroup/cpu.max": "9223372036854775807 1"}, "affinity"),
    ("v2, nonsense", "0::/\n", V2,
     {"/sys/fs/cgroup/cpu.max": "-5 x", "/sys/fs/cgroup/cpuset.cpus.effective":
      "0-x,,"}, "affinity"),
    ("v2, period 0", "0::/\n", V2, {"/sys/fs/cgroup/cpu.max": "100 0"},
     "affinity"),
    ("v1, host view", "4:cpu,cpuacct:/docker/9\n3:cpuset:/docker/9\n",
     V1.format(root="/"),
     {"/sys/fs/cgroup/cpu,cpuacct/docker/9/cpu.cfs_quota_us": "100000",
      "/sys/fs/cgroup/cpu,cpuacct/docker/9/cpu.cfs_period_us": "100000"},
     "1 (cgroup v1 quota)"),
    ("v1, container view", "4:cpu,cpuacct:/docker/9\n3:cpuset:/docker/9\n",
     V1.format(root="/docker/9"),
     {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "150000",
      "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000"},
     "1 (cgroup v1 quota)"),
    ("v1, no quota", "4:cpu,cpuacct:/\n", V1.format(root="/"),
     {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1",
      "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000"}, "affinity"),
    ("v1, cpuset", "3:cpuset:/x\n", V1.format(root="/"),
     {"/sys/fs/cgroup/cpuset/x/cpuset.cpus": "1"}, "1 (cgroup v1 cpuset)"),
    ("v1, memory is no cpu", "4:memory:/\n", V1.format(root="/"),
     {"/sys/fs/cgroup/memory/cpu.cfs_quota_us": "100000",
      "/sys/fs/cgroup/memory/cpu.cfs_period_us": "100000"}, "affinity"),
    ("hybrid, both", "4:cpu,cpuacct:/a\n0::/b\n",
     V1.format(root="/") + V2.replace("/sys/fs/cgroup ", "/sys/fs/cgroup/unified "),
     {"/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "9900000",
      "/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "100000",
      "/sys/fs/cgroup/unified/b/cpu.max": ONE}, "1 (cgroup v2 cpu.max)"),
    ("nothing at all", "", "", {}, "affinity"),
    ("garbage", ":::::\n0:\n\n\n", " - \n- - -\nx\n", {}, "affinity"),
])
def test_cgroup_trees(tmp_path, name, group, mounts, files, expected):
    found = tree(tmp_path, group, mounts, files)
    if expected == "affinity":
        assert found == f"{len(os.sched_getaffinity(0))} (affinity)"
    else:
        if len(os.sched_getaffinity(0)) == 1:
            pytest.skip("one CPU: the affinity is as tight as the fixture")
        assert found == expected
