"""The health server: answers, limits, hostile clients, no growth."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
from conftest import (HEAVY, INIT, clean_env, free_port, http as get, is_up,
                      probe, wait_until)
from prometheus_client.openmetrics.parser import text_string_to_metric_families

LISTEN = ("import socket, sys, time; s = socket.socket(); "
          "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); "
          "s.bind(('127.0.0.1', int(sys.argv[1]))); s.listen(); time.sleep(60)")


def status_of(port):
    try:
        return get(port)
    except OSError:
        return 0, "{}"


@pytest.fixture
def service(start):
    """A service without a health endpoint of its own: (running, health port,
    service port)."""
    def begin(kind="tcp:{}", **more):
        port, health = free_port(), free_port()
        env = clean_env(SLIPWAY_HEALTH_PORT=health, SLIPWAY_SERVICE="Tester",
                        SLIPWAY_MACHINE="here", SLIPWAY_REVISION="abc",
                        SLIPWAY_PROBE=kind.format(port),
                        SLIPWAY_PROBE_INTERVAL="100ms",
                        SLIPWAY_PROBE_TIMEOUT="300ms", **more)
        running = start("--", sys.executable, "-c", LISTEN, port, env=env)
        wait_until(lambda: status_of(health)[0] == 200)
        return running, health, port
    return begin


def test_health_ready_metrics(service):
    running, port, _ = service()
    status, body = get(port)
    answer = json.loads(body)
    assert status == 200 and answer["status"] == "ok"
    assert (answer["service"], answer["machine"], answer["revision"]) == (
        "Tester", "here", "abc")
    assert answer["child"] == {"pid": running.child(), "state": "running"}
    assert answer["probe"]["ok"] is True and answer["probe"]["failures"] == 0
    assert get(port, "/ready")[0] == 200
    assert get(port, "/health?verbose=1")[0] == 200
    assert get(port, "/")[0] == 404
    text = get(port, "/metrics")[1]
    families = {f.name: f for f in text_string_to_metric_families(text)}
    assert families["slipway_child_up"].samples[0].value == 1
    begin = families["slipway_child_start_time_seconds"].samples[0].value
    assert abs(begin - time.time()) < 60
    assert families["slipway_probe_success"].samples[0].value == 1
    assert families["slipway_init"].samples[0].labels == {
        "service": "Tester", "machine": "here", "revision": "abc"}
    ok = [s.value for s in families["slipway_probes"].samples
          if s.labels == {"result": "ok"}]
    assert ok[0] >= 1


def test_strange_names_are_quoted(start):
    health = free_port()
    start("--health-port", health, "--service", 'a"b\\c\n\x01é', "--", "sleep",
          "20")
    wait_until(lambda: status_of(health)[0] == 200)
    assert json.loads(get(health)[1])["service"].startswith('a"b\\c??')
    list(text_string_to_metric_families(get(health, "/metrics")[1]))


def test_starting_then_ok_then_failing_then_ok(start, tmp_path):
    port, health = free_port(), free_port()
    gate = tmp_path / "gate"
    code = ("import socket, sys, time, os\n"
            "while True:\n"
            "    while not os.path.exists(sys.argv[2]): time.sleep(.02)\n"
            "    s = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
            "    while os.path.exists(sys.argv[2]): time.sleep(.02)\n"
            "    s.close()\n")
    running = start("--health-port", health, "--probe", f"tcp:{port}",
                    "--interval", "100ms", "--retries", "2", "--",
                    sys.executable, "-c", code, port, gate)
    wait_until(lambda: status_of(health)[0] == 503)
    assert json.loads(get(health)[1])["status"] == "starting"
    gate.touch()
    wait_until(lambda: status_of(health)[0] == 200)
    gate.unlink()
    wait_until(lambda: status_of(health)[0] == 503)
    answer = json.loads(get(health)[1])
    assert answer["status"] == "failing" and answer["probe"]["failures"] >= 2
    assert "refused" in answer["probe"]["message"]
    gate.touch()
    wait_until(lambda: status_of(health)[0] == 200)
    running.signal(signal.SIGTERM)
    running.wait()
    assert "health: failing, was ok" in running.log


def test_a_stopped_worker_is_ill(service):
    """SIGSTOP: the kernel goes on accepting, nobody answers."""
    running, health, port = service()
    os.kill(running.child(), signal.SIGSTOP)
    wait_until(lambda: status_of(health)[0] == 503)
    assert is_up(port)
    assert json.loads(get(health)[1])["child"]["state"] == "stopped"
    os.kill(running.child(), signal.SIGCONT)
    wait_until(lambda: status_of(health)[0] == 200)


def test_stopping_is_not_ready_but_not_ill(start):
    health = free_port()
    running = start("--health-port", health, "--", "sh", "-c",
                    "trap 'sleep 1; exit 0' TERM; while :; do sleep 0.05; done")
    wait_until(lambda: status_of(health)[0] == 200)
    running.signal(signal.SIGTERM)
    wait_until(lambda: get(health, "/ready")[0] == 503)
    assert get(health)[0] == 200
    assert json.loads(get(health)[1])["status"] == "stopping"
    assert running.wait() == 0


def test_the_port_is_taken(start):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        running = start("--health-port", f"127.0.0.1:{port}", "--", "true")
        assert running.wait() == 0
    assert "no health server" in running.log


@pytest.mark.parametrize("request_bytes, status", [
    (b"GET /health HTTP/1.1\r\n\r\n", 200),
    (b"GET /health HTTP/1.0\n\n", 200),
    (b"HEAD /health HTTP/1.1\r\nConnection: close\r\n\r\n", 200),
    (b"POST /health HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 405),
    (b"GET /" + b"x" * 1500 + b" HTTP/1.1\r\n\r\n", 404),
    (b"GET /health HTTP/1.1\r\nX: " + b"y" * 5000 + b"\r\n\r\n", 431),
    (b"GET /health\r\n\r\n", 400), (b"\r\n\r\n", 400),
    (b"GET /health HTTP/2.0\r\n\r\n", 400), (b"PRI * HTTP/2.0\r\n\r\n", 400),
    (b"GET http://x/health HTTP/1.1\r\n\r\n", 400),
    (b"GETTTTTTTTTT /health HTTP/1.1\r\n\r\n", 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", 400),
    (b"GET /health HTTP/1.1\r\n\r\nGET /ready HTTP/1.1\r\n"
     b"Connection: close\r\n\r\n", 200),
])
def test_requests(service, request_bytes, status):
    _, port, _ = service()
    with socket.create_connection(("127.0.0.1", port), timeout=2) as s:
        s.sendall(request_bytes)
        s.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := s.recv(65536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    heads = len(re.findall(rb"^HTTP/1.1 ", answer, re.M))
    assert heads == request_bytes.count(b"HTTP/1.1\r\n") or status != 200 or \
        heads == 1
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(re.search(rb"Content-Length: (\d+)", head)[1])
    if request_bytes.startswith(b"HEAD"):
        assert body == b"" and length > 0
    else:
        assert len(body) >= length


def test_keep_alive_and_pipelining(service):
    _, port, _ = service()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    for _ in range(50):
        connection.request("GET", "/health")
        assert json.loads(connection.getresponse().read())["status"] == "ok"
    with socket.create_connection(("127.0.0.1", port), timeout=2) as s:
        s.sendall(b"GET /ready HTTP/1.1\r\n\r\n" * 200)
        seen = b""
        while seen.count(b"HTTP/1.1 200 OK") < 200:
            seen += s.recv(65536)


def test_slow_clients_do_not_keep_others_out(service):
    _, port, _ = service()
    slow = []
    for _ in range(100):
        s = socket.create_connection(("127.0.0.1", port))
        s.sendall(b"GET /health HTTP/1.1\r\nX: ")
        slow.append(s)
        if len(slow) % 10 == 0:
            begin = time.monotonic()
            assert get(port)[0] == 200
            assert time.monotonic() - begin < 0.5
    for s in slow:
        s.close()


def test_a_slow_client_is_cut_off(service):
    _, port, _ = service()
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.settimeout(10)
        s.sendall(b"GET /he")
        begin = time.monotonic()
        assert s.recv(100) == b""
        assert 4 < time.monotonic() - begin < 7


def test_a_client_that_does_not_read(service):
    """Its answers fill the socket; it is cut off and nobody else notices."""
    running, port, _ = service()
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        s.connect(("127.0.0.1", port))
        s.setblocking(False)
        sent = 0
        try:
            while sent < 50_000_000:
                sent += s.send(b"GET /metrics HTTP/1.1\r\n\r\n" * 100)
        except (BlockingIOError, ConnectionError):
            pass
        assert sent < 50_000_000
        assert get(port)[0] == 200
        os.kill(running.child(), 0)


def test_signals_and_orphans_while_flooded(service):
    """Requests without pause must not delay what process 1 is for."""
    running, port, _ = service()
    flood = subprocess.Popen([sys.executable, "-c", """if True:
        import socket, sys
        s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        s.settimeout(5)
        try:
            while True:
                s.sendall(b"GET /metrics HTTP/1.1\\r\\n\\r\\n" * 20)
                s.recv(1 << 20)
        except OSError:
            pass
        """, str(port)])
    try:
        time.sleep(0.3)
        begin = time.monotonic()
        running.signal(signal.SIGTERM)
        assert running.wait() == 143
        assert time.monotonic() - begin < 1
    finally:
        flood.kill()
        flood.wait()


def test_a_probe_that_hangs_is_killed_and_replaced(start):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        port, health = listener.getsockname()[1], free_port()
        running = start("--health-port", health, "--probe", f"zmq:{port}",
                        "--timeout", "200ms", "--interval", "100ms", "--",
                        "sleep", "20")
        wait_until(lambda: json.loads(status_of(health)[1]).get(
            "probe", {}).get("failures", 0) >= 3)
        children = open(f"/proc/{running.pid}/task/{running.pid}/children")
        assert len(children.read().split()) <= 2
        running.signal(signal.SIGTERM)
        assert running.wait() == 143


def test_the_probe_does_not_hold_clients_open(service):
    """The probing process must not inherit connections."""
    _, port, _ = service()
    for _ in range(30):
        with socket.create_connection(("127.0.0.1", port), timeout=2) as s:
            s.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            while s.recv(65536):
                pass


def memory(pid):
    text = open(f"/proc/{pid}/status").read()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1])


def test_no_growth(service):
    """Resident memory after a million requests (ten thousand by default)."""
    count = 1_000_000 if HEAVY else 10_000
    running, port, _ = service()
    get(port), get(port, "/metrics")
    before = memory(running.pid)
    batch = b"GET /health HTTP/1.1\r\n\r\n" * 50
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        done = 0
        while done < count:
            s.sendall(batch)
            seen = 0
            tail = b""
            while seen < 50:
                chunk = tail + s.recv(1 << 18)
                seen += chunk.count(b"HTTP/1.1 200")
                tail = chunk[-11:] if chunk[-12:] != b"HTTP/1.1 200" else b""
            done += 50
    for _ in range(count // 1000):
        assert get(port)[0] == 200
    after = memory(running.pid)
    print(f"resident kB: {before} before, {after} after {count} requests")
    assert after <= before + 64
    assert after < 1536


def test_descriptors_do_not_leak(service):
    running, port, _ = service()
    time.sleep(0.5)

    def count():
        return len(os.listdir(f"/proc/{running.pid}/fd"))
    before = count()
    for _ in range(200):
        socket.create_connection(("127.0.0.1", port)).close()
    wait_until(lambda: count() <= before + 1)


def test_probe_of_the_health_server(service):
    _, port, _ = service()
    assert probe(f"http://:{port}/health", "--expect", '"status":"ok"')[0] == 0
    assert probe(f"http://[::1]:{port}/ready")[0] == 0


def test_alive_as_docker_sees_it(tmp_path):
    """Process 1 is slipway-init, or its child where another init is in front;
    a probe from a process that is not its child."""
    script = tmp_path / "in.sh"
    script.write_text(f"""#!/bin/sh
        {INIT} probe alive; echo $?
        main=$(cat /proc/$1/task/$1/children | cut -d' ' -f1)
        kill -STOP $main; sleep 0.1; {INIT} probe alive; echo $?
        {INIT} probe tcp:1; echo $?
        kill -CONT $main; sleep 0.1; {INIT} probe alive; echo $?
        kill -KILL $main
    """)
    script.chmod(0o755)
    if subprocess.run(["unshare", "-pf", "--mount-proc", "true"],
                      stderr=subprocess.DEVNULL).returncode:
        pytest.skip("this machine gives no process namespace")
    for front, pid in ([], 1), (["sh", "-c", '"$@"; exit', "sh"], 2):
        inner = f"(sleep 0.3; exec {script} {pid} >{tmp_path}/out) & exec 2>/dev/null; "
        # The script must not be a child that is older than the main process.
        subprocess.run(
            ["unshare", "-pf", "--mount-proc", *front, INIT, "--linger", "5s",
             "--", "sh", "-c", f"setsid sh -c '{inner} sleep 0' & exec sleep 9"],
            env=clean_env(), timeout=20)
        lines = (tmp_path / "out").read_text().splitlines()
        assert lines[1::2] == ["0", "1", "1", "0"], lines
        assert "is running" in lines[0] and "is stopped" in lines[2]
        assert "is stopped" in lines[4]
