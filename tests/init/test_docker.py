"""slipway-init under a real Docker daemon: health status, stop, limits.

The image holds nothing but slipway-init and empty folders; this machine's
/usr and the tests' Python are mounted into it, so nothing is downloaded.
"""

import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tarfile
import textwrap
import time

import pytest
from conftest import INIT, wait_until

TAG = f"slipway-init-test:{os.getpid()}"


def docker(*arguments, check=True, **more):
    done = subprocess.run(["docker", *map(str, arguments)], text=True,
                          capture_output=True, **more)
    assert not check or done.returncode == 0, done.stderr
    return done.stdout.strip() if check else done


def why_not():
    if not shutil.which("docker"):
        return "docker is not installed"
    if docker("version", check=False).returncode:
        return "no Docker daemon answers"
    if not os.path.islink("/lib"):
        return "this machine's /lib is not in /usr"
    return None


REASON = why_not()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

PYTHON = sys.executable
MOUNTS = ["-v", "/usr:/usr:ro", "-v", f"{sys.prefix}:{sys.prefix}:ro",
          "-v", f"{sys.base_prefix}:{sys.base_prefix}:ro"]


@pytest.fixture(scope="module")
def image():
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name in ("usr", "tmp", "proc", "sys", "dev", "etc", "sbin", "app"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)
        for name in ("bin", "lib", "lib64"):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, "usr/" + name
            tar.addfile(link)
        tar.add(INIT, "sbin/slipway-init")
    subprocess.run(
        ["docker", "import", "--change",
         'ENTRYPOINT ["/sbin/slipway-init", "--"]', "--change",
         'HEALTHCHECK --interval=300ms --timeout=2s --retries=2 '
         'CMD ["/sbin/slipway-init", "probe"]', "-", TAG],
        input=archive.getvalue(), check=True, capture_output=True)
    yield TAG
    docker("rmi", "-f", TAG)


@pytest.fixture
def container(image):
    names = []

    def begin(*command, flags=(), **env):
        variables = [word for key, value in env.items()
                     for word in ("-e", f"{key}={value}")]
        names.append(docker("run", "-d", "--network", "none", *MOUNTS,
                            *variables, *flags, image, *command))
        return names[-1]
    yield begin
    for name in names:
        docker("rm", "-f", name)


def inspect(name):
    return json.loads(docker("inspect", name))[0]


def health(name):
    return inspect(name)["State"]["Health"]["Status"]


def becomes(name, status, seconds=20):
    try:
        wait_until(lambda: health(name) == status, seconds=seconds, pause=0.2)
    except AssertionError:
        raise AssertionError(json.dumps(inspect(name)["State"], indent=1) +
                             docker("logs", name)) from None


def main_process(name):
    """The service's process, as this machine numbers it."""
    init = inspect(name)["State"]["Pid"]
    return int(open(f"/proc/{init}/task/{init}/children").read().split()[0])


# Each serves port 7200 until SIGUSR1, which closes the port and nothing else.
SERVICES = {
    "http": """
        import http.server, signal, threading
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200 if self.path == "/health" else 404)
                self.end_headers()
            def log_message(self, *a): pass
        s = http.server.HTTPServer(("", 7200), Handler)
        threading.Thread(target=s.serve_forever).start()
        close = lambda: (s.shutdown(), s.server_close())
    """,
    "uvicorn": """
        import threading, uvicorn
        async def app(scope, receive, send):
            if scope["type"] == "http":
                await send({"type": "http.response.start", "status": 200})
                await send({"type": "http.response.body", "body": b"fine"})
        server = uvicorn.Server(uvicorn.Config(app, port=7200, lifespan="off"))
        server.install_signal_handlers = lambda: None
        threading.Thread(target=server.run).start()
        def close(): server.should_exit = True
    """,
    "grpc": """
        import grpc
        from concurrent import futures
        from grpc_health.v1 import health, health_pb2, health_pb2_grpc
        s = grpc.server(futures.ThreadPoolExecutor(2))
        h = health.HealthServicer()
        h.set("", health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(h, s)
        s.add_insecure_port("127.0.0.1:7200")
        s.start()
        close = lambda: s.stop(0).wait()
    """,
    "zmq": """
        import threading, zmq
        c = zmq.Context()
        stop = threading.Event()
        def run():
            s = c.socket(zmq.REP)
            s.bind("tcp://127.0.0.1:7200")
            while not stop.is_set():
                if s.poll(50):
                    s.recv(); s.send(b'{"status": "ok"}')
            s.close(0)
        threading.Thread(target=run).start()
        close = stop.set
    """,
    "tcp": """
        import socket
        s = socket.create_server(("127.0.0.1", 7200))
        close = s.close
    """,
}
RUN = """
import signal, sys
numbers = [signal.SIGUSR1, signal.SIGTERM]
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
if signal.sigwait(numbers) == signal.SIGUSR1:
    close()
    signal.sigwait(numbers)
import os
os._exit(0)
"""
KINDS = {
    "http": ("http", {"SLIPWAY_PROBE": "http://:7200/health"}),
    "uvicorn": ("uvicorn", {"SLIPWAY_PROBE": "http://:7200/x",
                            "SLIPWAY_PROBE_EXPECT": "fine"}),
    "grpc": ("grpc", {"SLIPWAY_PROBE": "grpc:7200"}),
    "zmq request": ("zmq", {"SLIPWAY_PROBE": "zmq:7200",
                            "SLIPWAY_PROBE_SEND": '{"action":"ping"}',
                            "SLIPWAY_PROBE_EXPECT": '"ok"'}),
    "zmq handshake": ("zmq", {"SLIPWAY_PROBE": "zmq:${PORT_OFFSET}+7100",
                              "PORT_OFFSET": "100"}),
    "tcp": ("tcp", {"SLIPWAY_PROBE": "tcp:7200"}),
    "no endpoint, health port": (
        "tcp", {"SLIPWAY_PROBE": "tcp:7200", "SLIPWAY_HEALTH_PORT": "8200",
                "SLIPWAY_PROBE_INTERVAL": "300ms"}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_healthy_stopped_closed(container, kind):
    service, env = KINDS[kind]
    code = textwrap.dedent(SERVICES[service]) + RUN
    flags = ["--user", "10001:10001", "--read-only", "--cap-drop", "ALL",
             "--security-opt", "no-new-privileges"]
    if "SLIPWAY_HEALTH_PORT" in env:
        # What a monitor asks is init's own server, in place of the default.
        flags += ["--health-cmd", "/sbin/slipway-init probe "
                  "http://:8200/health", "--health-interval", "300ms",
                  "--health-retries", "2"]
    name = container(PYTHON, "-c", code, flags=flags,
                     PYTHONDONTWRITEBYTECODE=1, **env)
    becomes(name, "healthy")
    worker = main_process(name)
    os.kill(worker, signal.SIGSTOP)
    becomes(name, "unhealthy")
    os.kill(worker, signal.SIGCONT)
    becomes(name, "healthy")
    docker("kill", "-s", "USR1", name)
    becomes(name, "unhealthy")
    last = inspect(name)["State"]["Health"]["Log"][-1]
    assert last["ExitCode"] == 1 and last["Output"].count("\n") == 1
    print(f"{kind}: healthy, unhealthy when stopped, healthy, unhealthy when "
          f"closed: {last['Output'].strip()}")
    begin = time.monotonic()
    docker("stop", name)
    assert time.monotonic() - begin < 5
    assert inspect(name)["State"]["ExitCode"] == 0


def test_stop_of_a_polite_and_of_a_deaf_service(container):
    polite = container("/bin/sleep", "60")
    begin = time.monotonic()
    docker("stop", polite)
    assert time.monotonic() - begin < 3
    assert inspect(polite)["State"]["ExitCode"] == 143
    deaf = container(PYTHON, "-c", "import signal, time\n"
                     "signal.signal(15, signal.SIG_IGN)\n"
                     "print('up', flush=True); time.sleep(60)",
                     SLIPWAY_GRACE="1s")
    wait_until(lambda: "up" in docker("logs", deaf))
    begin = time.monotonic()
    docker("stop", deaf)
    assert 0.8 < time.monotonic() - begin < 4
    assert inspect(deaf)["State"]["ExitCode"] == 137


@pytest.mark.parametrize("flags, expected", [
    (["--cpus", "1"], "1"), (["--cpus", "0.5"], "1"),
    (["--cpuset-cpus", "0"], "1"),
    ([], str(len(os.sched_getaffinity(0)))),
])
def test_cpu_limits(container, flags, expected):
    name = container("/bin/sh", "-c", "echo $OMP_NUM_THREADS", flags=flags,
                     SLIPWAY_THREADS="auto")
    docker("wait", name)
    assert docker("logs", name).splitlines()[0] == expected


def test_out_of_memory(container):
    code = "x = []\nwhile True: x.append(bytearray(1 << 20))"
    name = container(PYTHON, "-c", code, flags=[
        "--memory", "48m", "--memory-swap", "48m"])
    assert docker("wait", name) == "137"
    done = docker("logs", name, check=False)
    assert "SIGKILL (out of memory?)" in done.stderr


def test_behind_another_init(container):
    """compose's `init: true`: slipway-init is not process 1."""
    name = container("/bin/sleep", "60", flags=["--init"])
    becomes(name, "healthy")
    probe = docker("exec", name, "/sbin/slipway-init", "probe", check=False)
    assert probe.returncode == 0 and "is running" in probe.stdout
    docker("stop", name)
    assert inspect(name)["State"]["ExitCode"] == 143


def test_profile_and_run_environment(container, tmp_path):
    profile = tmp_path / "machine-profile.json"
    profile.write_text('{"machine": "pc2", "env": {"A": "profile", '
                       '"B": "profile"}}')
    profile.chmod(0o644)
    defaults = json.dumps({"A": "image", "B": "image"})
    name = container(
        "/bin/sh", "-c", "echo $A $B", A="image", B="run",
        SLIPWAY_ENV_DEFAULTS=defaults,
        flags=["-v", f"{profile}:/etc/machine-profile.json:ro"])
    docker("wait", name)
    done = docker("logs", name, check=False)
    assert done.stdout.strip() == "profile run"
    assert "machine=pc2" in done.stderr


def test_exit_codes(container):
    for command, code in (["/no/such"], "127"), (["/etc"], "126"), (
            ["/bin/sh", "-c", "exit 42"], "42"):
        assert docker("wait", container(*command)) == code
    required = container("/bin/true", SLIPWAY_GPU="required")
    assert docker("wait", required) == "69"


def test_the_image_works_without_any_library(image):
    """Nothing but the static file: no mounts at all."""
    out = docker("run", "--rm", "--network", "none", "--entrypoint",
                 "/sbin/slipway-init", image, "cpus")
    assert pathlib.Path(INIT).exists() and out.endswith(")")
