"""Shared by the tests of slipway-init: the binary, free ports, running it."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLIPWAY_BUILD", ROOT / "build"))
INIT = BUILD / "init" / "slipway-init"
GPU = BUILD / "init" / "slipway-gpu"

# Tests that take minutes; the default run stays short.
HEAVY = os.environ.get("SLIPWAY_TEST_HEAVY") == "1"


def pytest_xdist_auto_num_workers():
    """One by one: a probe finds any slipway-init below process 1 of the host,
    be it of another test."""
    return 0


def clean_env(**more):
    """The environment of a container: nothing of this shell's SLIPWAY_*."""
    env = {"PATH": os.environ["PATH"], "HOME": "/tmp", "LANG": "C.UTF-8"}
    env.update({key: str(value) for key, value in more.items()})
    return env


def run_init(*arguments, env=None, timeout=20, **more):
    return subprocess.run(
        [INIT, *map(str, arguments)], env=env or clean_env(), timeout=timeout,
        capture_output=True, text=True, **more)


def probe(target, *flags, env=None, timeout=20):
    """Runs a probe; (status, line). Its contract: 0 or 1, one line."""
    done = run_init("probe", *flags, target, env=env, timeout=timeout)
    assert done.returncode in (0, 1)
    assert done.stdout.count("\n") == 1
    return done.returncode, done.stdout.strip()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(what, seconds=10, pause=0.02):
    """Polls until what() is true; its value."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(pause)


def http(port, path="/health", timeout=5):
    """(status, body) of a GET."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read().decode()


def is_up(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Running:
    """slipway-init in the background; its log is read when it has ended."""

    def __init__(self, arguments, env, **more):
        self.process = subprocess.Popen(
            [INIT, *map(str, arguments)], env=env, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, **more)
        self.pid = self.process.pid

    def signal(self, number):
        os.kill(self.pid, number)

    def wait(self, timeout=15):
        self.out, self.log = self.process.communicate(timeout=timeout)
        return self.process.returncode

    def line(self):
        return self.process.stdout.readline().strip()

    def child(self):
        """The main process's number, from the kernel's list."""
        path = f"/proc/{self.pid}/task/{self.pid}/children"
        return int(wait_until(lambda: open(path).read().split())[0])


@pytest.fixture
def start():
    """start(*arguments, env=...): a Running that is ended with the test."""
    with contextlib.ExitStack() as stack:
        def begin(*arguments, env=None, **more):
            running = Running(arguments, env or clean_env(), **more)

            def end():
                if running.process.poll() is None:
                    running.process.send_signal(signal.SIGTERM)
                    try:
                        running.process.communicate(timeout=5)
                    except subprocess.TimeoutExpired:
                        running.process.kill()
                        running.process.communicate()
            stack.callback(end)
            return running
        yield begin


@pytest.fixture
def python_service():
    """python_service(code, *arguments): a program in Python, on its own."""
    with contextlib.ExitStack() as stack:
        def begin(code, *arguments, ready=None):
            process = subprocess.Popen(
                [sys.executable, "-u", "-c", code, *map(str, arguments)],
                stdout=subprocess.PIPE, text=True)
            stack.callback(process.stdout.close)
            stack.callback(process.wait)
            stack.callback(process.kill)
            if ready is not None:
                assert process.stdout.readline().strip() == ready
            return process
        yield begin
