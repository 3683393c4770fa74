"""The GPU gate, with a library that has NVML's names and ABI."""

import json
import pathlib
import signal
import subprocess
import time

import pytest
from conftest import GPU, clean_env, free_port, http, run_init, wait_until

HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope="session")
def nvml(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nvml")
    subprocess.run(["cc", "-shared", "-fPIC", "-Wall", "-Werror",
                    "-Wl,-soname,libnvidia-ml.so.1", "-o",
                    folder / "libnvidia-ml.so.1", HERE / "fake_nvml.c"],
                   check=True)
    return folder


def gpu_env(nvml, policy, **more):
    more.setdefault("SLIPWAY_GPU_HELPER", GPU)
    return clean_env(LD_LIBRARY_PATH=nvml, SLIPWAY_GPU=policy, **more)


def gate(nvml, policy, **more):
    """(status, the program's variables, log)."""
    done = run_init("--", "env", env=gpu_env(nvml, policy, **more))
    got = dict(line.split("=", 1) for line in done.stdout.splitlines())
    return done.returncode, got, done.stderr


def helper(nvml, **more):
    done = subprocess.run([GPU], env=clean_env(LD_LIBRARY_PATH=nvml, **more),
                          capture_output=True, text=True)
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


def test_the_helper_s_report(nvml):
    report = helper(nvml, FAKE_COUNT=2, FAKE_NAME='RTX "A" \\ \x07')
    assert report["nvml"] is True
    assert (report["driver"], report["cuda"]) == ("550.54.14", "12.4")
    assert [d["index"] for d in report["devices"]] == [0, 1]
    device = report["devices"][1]
    assert device == {
        "index": 1, "name": 'RTX "A" \\ ?', "uuid": "GPU-0000-1",
        "memory_total": 25757220864, "memory_used": 1073741824,
        "capability": "8.9"}


def test_no_library():
    report = json.loads(subprocess.run([GPU], env=clean_env(), text=True,
                                       capture_output=True).stdout)
    assert report["nvml"] is False and report["error"] == 12
    assert "libnvidia-ml.so.1" in report["reason"]


def test_the_library_s_own_output_is_kept_apart(nvml):
    assert len(helper(nvml, FAKE_DO="talk", FAKE_COUNT=3)["devices"]) == 3


CODES = {4: "permission", 9: "not loaded", 12: "not found", 15: "lost",
         17: "device rules", 18: "different versions", 999: "NVML 999",
         3: "not supported", 77: "NVML 77"}


@pytest.mark.parametrize("code", CODES)
def test_each_error_of_init(nvml, code):
    assert helper(nvml, FAKE_INIT=code)["error"] == code
    status, _, log = gate(nvml, "required", FAKE_INIT=code)
    assert status == 69
    assert "a GPU is required" in log and CODES[code] in log
    assert len([line for line in log.splitlines() if "GPU" in line]) == 1
    status, got, log = gate(nvml, "optional", FAKE_INIT=code)
    assert status == 0
    assert got["SLIPWAY_DEVICE"] == "cpu"
    assert got["CUDA_VISIBLE_DEVICES"] == "-1"
    assert got["SLIPWAY_GPU_COUNT"] == "0"
    assert CODES[code] in got["SLIPWAY_GPU_REASON"]


@pytest.mark.parametrize("more, why", [
    ({"FAKE_COUNT": 0}, "no GPU"),
    ({"FAKE_COUNT_CODE": 15}, "lost"),
    ({"FAKE_HANDLE": 15}, "lost"),
    ({"FAKE_HANDLE": 4}, "permission"),
    ({"FAKE_DRIVER": "470.82", "SLIPWAY_GPU_MIN_DRIVER": "525.60.13"},
     "driver is 470.82, at least 525.60.13"),
    ({"FAKE_DRIVER": "525.60.12", "SLIPWAY_GPU_MIN_DRIVER": "525.60.13"},
     "at least"),
    ({"FAKE_CAPABILITY": "7.5", "SLIPWAY_GPU_MIN_CAPABILITY": "8.0"}, "7.5"),
    ({"FAKE_DO": "crash"}, "without an answer"),
])
def test_reasons(nvml, more, why):
    status, _, log = gate(nvml, "required", **more)
    assert status == 69 and why in log


@pytest.mark.parametrize("more", [
    {}, {"FAKE_DRIVER": "525.60.13", "SLIPWAY_GPU_MIN_DRIVER": "525.60.13"},
    {"FAKE_DRIVER": "535.5", "SLIPWAY_GPU_MIN_DRIVER": "525.60.13"},
    {"FAKE_CAPABILITY": "10.0", "SLIPWAY_GPU_MIN_CAPABILITY": "8.6"},
])
def test_good_enough(nvml, more):
    status, got, log = gate(nvml, "required", **more)
    assert status == 0
    assert got["SLIPWAY_DEVICE"] == "cuda"
    assert got["CUDA_VISIBLE_DEVICES"] == "GPU-0000-0"
    assert "gpu=1x NVIDIA GeForce RTX 4090 (driver" in log


def test_wsl2_does_not_know_everything(nvml):
    """Where UUID and capability are not supported, count and driver decide."""
    status, got, _ = gate(nvml, "required", FAKE_EXTRA=3, FAKE_COUNT=2,
                          SLIPWAY_GPU_MIN_CAPABILITY="8.0")
    assert status == 0
    assert got["CUDA_VISIBLE_DEVICES"] == "0,1"


def test_only_devices_that_fit_are_visible(nvml):
    status, got, _ = gate(nvml, "optional", FAKE_COUNT=2, FAKE_CAPABILITY="8.9",
                          FAKE_CAPABILITY_2="6.1",
                          SLIPWAY_GPU_MIN_CAPABILITY="8.0")
    assert status == 0
    assert got["CUDA_VISIBLE_DEVICES"] == "GPU-0000-0"
    assert got["SLIPWAY_GPU_COUNT"] == "2"


def test_a_choice_of_devices_stays_unless_there_is_none(nvml):
    _, got, _ = gate(nvml, "optional", CUDA_VISIBLE_DEVICES="1", FAKE_COUNT=2)
    assert got["CUDA_VISIBLE_DEVICES"] == "1"
    _, got, _ = gate(nvml, "optional", CUDA_VISIBLE_DEVICES="1", FAKE_INIT=9)
    assert got["CUDA_VISIBLE_DEVICES"] == "-1"


def test_more_devices_than_the_list_holds(nvml):
    _, got, _ = gate(nvml, "optional", FAKE_COUNT=40)
    assert got["SLIPWAY_GPU_COUNT"] == "40"
    assert len(got["CUDA_VISIBLE_DEVICES"].split(",")) == 16


def test_policy_nvml(nvml):
    status, got, _ = gate(nvml, "nvml", FAKE_COUNT=0)
    assert status == 0 and got["SLIPWAY_DEVICE"] == "cpu"
    assert "CUDA_VISIBLE_DEVICES" not in got
    status, got, _ = gate(nvml, "nvml", FAKE_INIT=9)
    assert status == 0 and "not loaded" in got["SLIPWAY_GPU_REASON"]
    assert gate(nvml, "nvml", FAKE_INIT=9, REQUIRED_GPU="true")[0] == 69
    assert gate(nvml, "nvml", FAKE_COUNT=0, REQUIRED_GPU="true")[0] == 0


def test_required_gpu_variable(nvml):
    assert gate(nvml, "optional", FAKE_INIT=9, REQUIRED_GPU="true")[0] == 69
    assert gate(nvml, "", FAKE_INIT=9, REQUIRED_GPU="1")[0] == 69
    assert gate(nvml, "optional", FAKE_INIT=9, REQUIRED_GPU="false")[0] == 0
    assert gate(nvml, "optional", REQUIRED_GPU="perhaps")[0] == 64


def test_policy_none_asks_nobody(nvml):
    status, got, log = gate(nvml, "none", SLIPWAY_GPU_HELPER="/no/such")
    assert status == 0 and got["SLIPWAY_DEVICE"] == "cpu"
    assert "CUDA_VISIBLE_DEVICES" not in got and "gpu=none" in log


def test_a_hang_is_cut_off(nvml):
    begin = time.monotonic()
    status, got, log = gate(nvml, "optional", FAKE_DO="hang",
                            SLIPWAY_GPU_TIMEOUT="300ms")
    assert status == 0 and got["SLIPWAY_DEVICE"] == "cpu"
    assert "within 300 ms" in log
    assert 0.3 <= time.monotonic() - begin < 2
    status, _, _ = gate(nvml, "required", FAKE_DO="hang",
                        SLIPWAY_GPU_TIMEOUT="300ms")
    assert status == 69


def test_a_stop_signal_while_the_driver_hangs(nvml, start):
    port = free_port()
    running = start("--health-port", port, "--", "true", env=gpu_env(
        nvml, "required", FAKE_DO="hang", SLIPWAY_GPU_TIMEOUT="60s"))
    status, body = wait_until(lambda: _try(port))
    assert status == 503 and json.loads(body)["status"] == "starting"
    running.signal(signal.SIGTERM)
    assert running.wait(timeout=2) == 143


def _try(port):
    try:
        return http(port)
    except OSError:
        return None


def test_no_helper(nvml, tmp_path):
    status, _, log = gate(nvml, "required", SLIPWAY_GPU_HELPER="/no/such")
    assert status == 69 and "NVML unavailable" in log
    # An image without glibc: the helper is there, its loader is not.
    other = tmp_path / "slipway-gpu"
    other.write_bytes(GPU.read_bytes().replace(b"/ld-linux-", b"/xd-linux-"))
    other.chmod(0o755)
    status, got, log = gate(nvml, "optional", SLIPWAY_GPU_HELPER=other)
    assert status == 0
    assert "no C library for the GPU helper" in got["SLIPWAY_GPU_REASON"]
    other.chmod(0o644)
    assert "Permission denied" in gate(
        nvml, "required", SLIPWAY_GPU_HELPER=other)[2]


@pytest.mark.parametrize("answer", ["nonsense", "", "[]", "{}", "x" * 40000,
                                    '{"nvml":true}', "E9999999", "E2"])
def test_a_helper_that_answers_nonsense(nvml, tmp_path, answer):
    program = tmp_path / "helper"
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' '{answer}'\n")
    program.chmod(0o755)
    assert gate(nvml, "required", SLIPWAY_GPU_HELPER=program)[0] == 69


def test_health_shows_the_gpu(nvml, start):
    port = free_port()
    start("--health-port", port, "--", "sleep", 20,
          env=gpu_env(nvml, "required"))
    status, body = wait_until(lambda: (http(port)[0] == 200) and http(port)
                              if _try(port) else None)
    gpu = json.loads(body)["gpu"]
    assert gpu["usable"] is True and gpu["count"] == 1
    assert gpu["devices"][0]["uuid"] == "GPU-0000-0"
    metrics = http(port, "/metrics")[1]
    assert 'slipway_gpu_memory_bytes{gpu="0",uuid="GPU-0000-0",state="used"} ' \
        "1073741824" in metrics
    assert "slipway_gpu_usable 1" in metrics


def test_a_gpu_that_is_lost_later(nvml, start, tmp_path):
    port, code = free_port(), tmp_path / "code"
    code.write_text("0")
    running = start("--health-port", port, "--", "sleep", 20, env=gpu_env(
        nvml, "required", FAKE_INIT_FILE=code, SLIPWAY_GPU_RECHECK="200ms"))
    wait_until(lambda: _try(port) and http(port)[0] == 200)
    code.write_text("15")
    wait_until(lambda: http(port)[0] == 503)
    answer = json.loads(http(port)[1])
    assert answer["status"] == "failing" and "lost" in answer["gpu"]["reason"]
    code.write_text("0")
    wait_until(lambda: http(port)[0] == 200)
    running.signal(signal.SIGTERM)
    assert running.wait() == 143
    assert running.log.count("the GPU is lost") >= 1


def test_the_helper_needs_only_old_symbols():
    out = subprocess.run(["readelf", "-VW", GPU], capture_output=True,
                         text=True, check=True).stdout
    versions = {tuple(map(int, word.strip("()").split("_")[1].split(".")))
                for word in out.split() if word.startswith("GLIBC_")}
    assert versions and max(versions) <= (2, 17)
