"""Probes, each against real peers, and against peers that behave badly."""

import os
import socket
import ssl
import struct
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from conftest import (INIT, clean_env, free_port, is_up, probe, run_init,
                      wait_until)


class Peer(threading.Thread):
    """A TCP server whose connections are handled by a function."""

    def __init__(self, handle, family=socket.AF_INET, address=("127.0.0.1", 0)):
        super().__init__(daemon=True)
        self.handle = handle
        self.listener = socket.socket(family)
        self.listener.bind(address)
        self.listener.listen()
        if family != socket.AF_UNIX:
            self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                try:
                    self.handle(connection)
                except OSError:
                    pass

    def close(self):
        # Wakes accept(), which closing alone does not.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.join(5)


@pytest.fixture
def peer():
    peers = []

    def begin(handle, **more):
        peers.append(Peer(handle, **more))
        return peers[-1]
    yield begin
    for one in peers:
        one.close()


def answers(data, wait_for=b"\r\n\r\n", pieces=None):
    """A handler that reads a request and writes data."""
    def handle(connection):
        seen = b""
        while wait_for not in seen:
            more = connection.recv(4096)
            if not more:
                return
            seen += more
        for piece in pieces or [data]:
            connection.sendall(piece)
            if pieces:
                time.sleep(0.005)
    return handle


def silent(connection):
    connection.settimeout(10)
    while connection.recv(4096):
        pass


# -- what every probe has in common ------------------------------------------

@pytest.mark.parametrize("target", [
    "", "ftp:1", "tcp:", "tcp:0", "tcp:65536", "tcp:12ab", "http://x y:1/",
    "https://:443/", "zmq:${A", "zmq:${A}7", "zmq:$A+x", "unix:",
    "unix:" + "x" * 200, "tcp:example.org:80", "tcp:[::1:80", "http:80/" +
    "x" * 400, "tcp:-1", "grpc:${NO-SUCH}+1"])
def test_bad_targets(target):
    status, line = probe(target)
    assert status == 1


def test_tls_is_left_out_and_said_so():
    assert "TLS is not spoken" in probe("https://:443/")[1]


def test_wrong_use_is_1_and_not_2():
    for arguments in (["--nope", "tcp:1"], ["tcp:1", "tcp:2"], ["--timeout"],
                      ["--timeout", "x", "tcp:1"], ["--send", "\\q", "tcp:1"]):
        assert run_init("probe", *arguments).returncode == 1


@pytest.mark.parametrize("kind", ["tcp:{}", "http:{}/x", "grpc:{}", "zmq:{}"])
def test_nobody_listens(kind):
    status, line = probe(kind.format(free_port()))
    assert status == 1 and "Connection refused" in line


@pytest.mark.parametrize("kind", ["http:{}", "grpc:{}", "zmq:{}"])
def test_a_silent_peer_meets_the_deadline(peer, kind):
    port = peer(silent).port
    begin = time.monotonic()
    status, line = probe(kind.format(port), "--timeout", "250ms")
    assert status == 1 and "within 250 ms" in line
    assert 0.2 < time.monotonic() - begin < 1


@pytest.mark.parametrize("kind", ["http:{}", "grpc:{}", "zmq:{}"])
def test_a_peer_that_drips_meets_the_deadline(peer, kind):
    """One byte now and then must not keep a probe alive."""
    def drip(connection):
        for byte in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1000:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)
    port = peer(drip).port
    begin = time.monotonic()
    assert probe(kind.format(port), "--timeout", "400ms")[0] == 1
    assert time.monotonic() - begin < 1


@pytest.mark.parametrize("kind", ["http:{}", "grpc:{}", "zmq:{}"])
def test_a_peer_that_closes(peer, kind):
    status, line = probe(kind.format(peer(lambda c: None).port))
    assert status == 1


def test_a_flood_meets_the_deadline(peer):
    def flood(connection):
        connection.recv(10)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X: " + b"y" * 4000 + b"\r\n")
    begin = time.monotonic()
    status, line = probe(f"http:{peer(flood).port}", "--timeout", "2s")
    assert status == 1 and "headers above" in line
    assert time.monotonic() - begin < 2


def test_a_full_queue_of_connections():
    """Half open: the kernel takes no more connections for this socket."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = []
        for _ in range(8):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", port))
            waiting.append(s)
        status, line = probe(f"tcp:{port}", "--timeout", "300ms")
        for s in waiting:
            s.close()
    assert status == 1 and "no connection within 300 ms" in line


def test_port_from_the_environment(peer):
    port = peer(silent).port
    env = clean_env(PORT_OFFSET="1000")
    for target in (f"tcp:${{PORT_OFFSET}}+{port - 1000}",
                   f"tcp:$PORT_OFFSET+{port - 1000}",
                   f"tcp:127.0.0.1:${{PORT_OFFSET}}+{port - 1000}"):
        assert probe(target, env=env)[0] == 0
    assert probe(f"tcp:${{PORT_OFFSET}}+{port}")[0] == 0
    assert probe(f"tcp:${{PORT_OFFSET}}+{port}", env=env)[0] == 1


def test_the_environment_s_probe_is_the_default(peer):
    port = peer(answers(b"HTTP/1.0 204 No Content\r\n\r\n")).port
    done = run_init("probe", env=clean_env(
        SLIPWAY_PROBE=f"http://:{port}/x", SLIPWAY_PROBE_STATUS="204"))
    assert done.returncode == 0 and "status 204" in done.stdout
    done = run_init("probe", env=clean_env(
        SLIPWAY_PROBE=f"http://:{port}/x", SLIPWAY_PROBE_STATUS="200"))
    assert done.returncode == 1


def test_no_process_is_made(peer):
    port = peer(answers(b"HTTP/1.0 200 OK\r\n\r\n")).port
    done = subprocess.run(
        ["strace", "-f", "-c", "-e", "trace=process", "-o", "/dev/stderr",
         run_init.__globals__["INIT"], "probe", f"http:{port}"],
        capture_output=True, text=True, env=clean_env()) if os.path.exists(
            "/usr/bin/strace") else None
    if done is None:
        # Without strace: a limit of no processes at all must not matter.
        import resource

        def limit():
            resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
            os.setuid(65534)
        done = subprocess.run(
            [run_init.__globals__["INIT"], "probe", f"http:{port}"],
            preexec_fn=limit, capture_output=True, text=True, env=clean_env())
        assert done.returncode == 0, done
    else:
        assert "clone" not in done.stderr and "fork" not in done.stderr


# -- TCP and Unix sockets ----------------------------------------------------

def test_tcp_on_both_addresses(peer):
    assert probe(f"tcp:{peer(silent).port}")[0] == 0
    port = peer(silent, family=socket.AF_INET6, address=("::1", 0)).port
    assert probe(f"tcp:{port}")[0] == 0
    assert probe(f"tcp:[::1]:{port}")[0] == 0
    assert probe(f"tcp:127.0.0.1:{port}")[0] == 1


def test_tcp_send_and_expect(peer):
    port = peer(answers(b"", wait_for=b"PING\r\n",
                        pieces=[b"+P", b"ON", b"G\r\n"])).port
    flags = ["--send", r"PING\r\n", "--expect", "+PONG"]
    assert probe(f"tcp:{port}", *flags)[0] == 0
    flags[-1] = "+NO"
    status, line = probe(f"tcp:{port}", *flags)
    assert status == 1 and "the expected answer" in line


def test_tcp_to_itself_is_refused():
    """A connect to a free port in the ephemeral range can reach itself."""
    code = textwrap.dedent("""
        import socket, sys
        for _ in range(200000):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", int(sys.argv[1])))
            try:
                s.connect(("127.0.0.1", int(sys.argv[1])))
                print("itself")
            except OSError as e:
                print(e)
            break
    """)
    port = free_port()
    out = subprocess.run([sys.executable, "-c", code, str(port)],
                         capture_output=True, text=True).stdout
    assert "itself" in out  # the kernel does that
    low = open("/proc/sys/net/ipv4/ip_local_port_range").read().split()
    target = int(low[0]) + 1 if not is_up(int(low[0]) + 1) else int(low[0]) + 3
    for _ in range(50):
        assert probe(f"tcp:{target}", "--timeout", "1s")[0] == 1


@pytest.mark.parametrize("abstract", [False, True])
def test_unix(peer, tmp_path, abstract):
    path = f"slipway-{os.getpid()}" if abstract else str(tmp_path / "s")
    peer(answers(b"yes", wait_for=b"?"), family=socket.AF_UNIX,
         address="\0" + path if abstract else path)
    target = "unix:@" + path if abstract else "unix:" + path
    assert probe(target)[0] == 0
    assert probe(target, "--send", "?", "--expect", "yes")[0] == 0
    assert probe(target + "x")[0] == 1


# -- HTTP --------------------------------------------------------------------

@pytest.mark.parametrize("reply, flags, expected", [
    (b"HTTP/1.1 200 OK\r\n\r\n", [], 0),
    (b"HTTP/1.0 200\r\n\r\n", [], 0),
    (b"HTTP/1.1 200 OK\n\n", [], 0),
    (b"HTTP/1.1 204 No\r\n\r\n", [], 0),
    (b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", [], 0),
    (b"HTTP/1.1 400 Bad\r\n\r\n", [], 1),
    (b"HTTP/1.1 404 No\r\n\r\n", [], 1),
    (b"HTTP/1.1 500 No\r\n\r\n", [], 1),
    (b"HTTP/1.1 503 No\r\n\r\n", ["--status", "503"], 0),
    (b"HTTP/1.1 200 OK\r\n\r\n", ["--status", "201-204"], 1),
    (b"HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", [], 0),
    (b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 500 No\r\n\r\n", [], 1),
    (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200000 + b"\r\n\r\n", [], 0),
    (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50000 + b"\r\n", [], 1),
    (b"HTTP/2 200 OK\r\n\r\n", [], 1), (b"SSH-2.0-x\r\n", [], 1),
    (b"HTTP/1.1 2000 OK\r\n\r\n", [], 1), (b"HTTP/1.1 20\r\n\r\n", [], 1),
    (b"\r\n\r\n", [], 1), (b"HTTP/1.1 200 OK\r\nX", [], 1),
    (b"\x15\x03\x01\x00\x02\x02\x46\n", [], 1),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nis ok", ["--expect", "ok"], 0),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nis ok", ["--expect", "ok"], 1),
    (b"HTTP/1.1 200 OK\r\n\r\nis ok", ["--expect", "ok"], 0),
    (b"HTTP/1.1 200 OK\r\n\r\nis no", ["--expect", "ok"], 1),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ["--expect", "ok"], 1),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
     b"4\r\nis o\r\n1;a=b\r\nk\r\n0\r\n\r\n", ["--expect", "ok"], 0),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nok",
     ["--expect", "ok"], 1),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok",
     ["--expect", "ok"], 1),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
     b"ffffffffffffffff1\r\nok", ["--expect", "ok"], 1),
    (b"HTTP/1.1 200 OK\r\n\r\n" + b"z" * 70000 + b"ok", ["--expect", "ok"], 1),
    (b"HTTP/1.1 200 OK\r\n\r\n" + b"z" * 60000 + b"ok", ["--expect", "ok"], 0),
])
@pytest.mark.parametrize("split", [False, True])
def test_http_replies(peer, reply, flags, expected, split):
    pieces = None
    if split and len(reply) < 1000:
        pieces = [reply[i:i + 7] for i in range(0, len(reply), 7)]
    port = peer(answers(reply, pieces=pieces)).port
    status, line = probe(f"http:{port}/a?b=c", *flags)
    assert status == expected, line


def test_http_request_is_well_formed(peer):
    seen = []

    def handle(connection):
        seen.append(connection.recv(4096))
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    port = peer(handle).port
    assert probe(f"http://:{port}/health?x=1")[0] == 0
    lines = seen[0].decode().split("\r\n")
    assert lines[0] == "GET /health?x=1 HTTP/1.1"
    assert f"Host: localhost:{port}" in lines
    assert "Connection: close" in lines


def serve(*command, port, cwd=None):
    process = subprocess.Popen([sys.executable, *command], cwd=cwd,
                               stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    wait_until(lambda: is_up(port))
    return process


def test_http_server_of_python(tmp_path):
    (tmp_path / "health").write_text('{"status": "ok"}')
    port = free_port()
    process = serve("-m", "http.server", str(port), port=port, cwd=tmp_path)
    try:
        assert probe(f"http:{port}/health", "--expect", '"ok"')[0] == 0
        assert probe(f"http:{port}/none")[0] == 1
    finally:
        process.kill()
        process.wait()


def test_uvicorn(tmp_path):
    (tmp_path / "app.py").write_text(textwrap.dedent("""
        async def app(scope, receive, send):
            if scope["type"] != "http":
                return
            status = 200 if scope["path"] == "/health" else 503
            await send({"type": "http.response.start", "status": status,
                        "headers": [[b"x-big", b"y" * 30000]]})
            for piece in (b"all is ", b"w", b"ell"):
                await send({"type": "http.response.body", "body": piece,
                            "more_body": True})
            await send({"type": "http.response.body", "body": b""})
    """))
    port = free_port()
    process = serve("-m", "uvicorn", "app:app", "--port", str(port), port=port,
                    cwd=tmp_path)
    try:
        assert probe(f"http:{port}/health", "--expect", "well")[0] == 0
        assert probe(f"http:{port}/health", "--expect", "ill")[0] == 1
        assert probe(f"http:{port}/")[0] == 1
    finally:
        process.kill()
        process.wait()


# -- gRPC --------------------------------------------------------------------

GRPC = textwrap.dedent("""
    import asyncio, sys
    from concurrent import futures
    import grpc
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc
    kind, port = sys.argv[1], sys.argv[2]
    S = health_pb2.HealthCheckResponse

    class Big(health.HealthServicer):
        def Check(self, request, context):
            context.send_initial_metadata(
                tuple((f"x-{i}", "v" * 900) for i in range(7)))
            context.set_trailing_metadata(
                tuple((f"y-{i}", "w\\u007e<>" * 200) for i in range(7)))
            return super().Check(request, context)

    class Broken(health.HealthServicer):
        def Check(self, request, context):
            context.abort(grpc.StatusCode.UNAVAILABLE, "it is tired: \\x01")

    def fill(h):
        h.set("", S.SERVING)
        h.set("a.Serving", S.SERVING)
        h.set("a.Not", S.NOT_SERVING)
        h.set("a.Unknown", S.UNKNOWN)
        h.set("a.ServiceUnknown", S.SERVICE_UNKNOWN)
        h.set("l" * 200, S.SERVING)

    async def serve_async():
        server = grpc.aio.server()
        h = health.aio.HealthServicer()
        for name, state in (("", S.SERVING), ("a.Serving", S.SERVING),
                ("a.Not", S.NOT_SERVING), ("a.Unknown", S.UNKNOWN),
                ("a.ServiceUnknown", S.SERVICE_UNKNOWN), ("l" * 200, S.SERVING)):
            await h.set(name, state)
        health_pb2_grpc.add_HealthServicer_to_server(h, server)
        server.add_insecure_port("127.0.0.1:" + port)
        await server.start()
        print("ready", flush=True)
        await server.wait_for_termination()

    if kind == "async":
        asyncio.run(serve_async())
    server = grpc.server(futures.ThreadPoolExecutor(2))
    if kind != "none":
        h = {"sync": health.HealthServicer, "big": Big,
             "broken": Broken}.get(kind, health.HealthServicer)()
        fill(h)
        health_pb2_grpc.add_HealthServicer_to_server(h, server)
    if kind == "tls":
        key, cert = (open(p, "rb").read() for p in sys.argv[3:5])
        server.add_secure_port("127.0.0.1:" + port,
            grpc.ssl_server_credentials([(key, cert)]))
    else:
        server.add_insecure_port("127.0.0.1:" + port)
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()
""")


@pytest.mark.parametrize("kind", ["sync", "async", "big"])
def test_grpc_states(python_service, kind):
    port = free_port()
    python_service(GRPC, kind, port, ready="ready")
    for service, expected, word in [
            ("", 0, "SERVING"), ("/a.Serving", 0, "SERVING"),
            ("/" + "l" * 200, 0, "SERVING"), ("/a.Not", 1, "NOT_SERVING"),
            ("/a.Unknown", 1, "UNKNOWN"),
            ("/a.ServiceUnknown", 1, "SERVICE_UNKNOWN"),
            ("/a.None", 1, "NOT_FOUND")]:
        status, line = probe(f"grpc:{port}{service}")
        assert (status, word in line) == (expected, True), line


@pytest.mark.parametrize("kind, word", [
    ("none", "UNIMPLEMENTED"), ("broken", "grpc-status 14 it is tired")])
def test_grpc_errors(python_service, kind, word):
    port = free_port()
    python_service(GRPC, kind, port, ready="ready")
    status, line = probe(f"grpc:{port}")
    assert status == 1 and word in line


def test_grpc_with_tls_is_refused(python_service, tmp_path):
    key, cert = tmp_path / "key", tmp_path / "cert"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                    "-keyout", key, "-out", cert, "-days", "1", "-subj",
                    "/CN=localhost"], check=True, capture_output=True)
    port = free_port()
    python_service(GRPC, "tls", port, key, cert, ready="ready")
    status, line = probe(f"grpc:{port}")
    assert status == 1 and "TLS" in line


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + \
        struct.pack(">I", stream) + payload


def literal(name, value):
    assert len(name) < 127 and len(value) < 127
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


SETTINGS = frame(4, 0, 0, b"")
HEADERS = b"\x88" + literal(b"content-type", b"application/grpc+proto")
SERVING = b"\0\0\0\0\2\x08\x01"
OK = literal(b"grpc-status", b"0")
GOOD = [SETTINGS, frame(1, 4, 1, HEADERS), frame(0, 0, 1, SERVING),
        frame(1, 5, 1, OK)]


@pytest.mark.parametrize("frames, expected, word", [
    (GOOD, 0, "SERVING"),
    # Everything in the smallest pieces that HTTP/2 has.
    ([SETTINGS, frame(1, 0, 1, HEADERS[:3]), frame(9, 0, 1, HEADERS[3:9]),
      frame(9, 4, 1, HEADERS[9:])] +
     [frame(0, 0, 1, SERVING[i:i + 1]) for i in range(7)] +
     [frame(0, 0, 1, b""), frame(1, 1, 1, OK[:4]), frame(9, 4, 1, OK[4:])],
     0, "SERVING"),
    ([SETTINGS, frame(1, 4 | 8 | 32, 1, b"\2\0\0\0\0\7" + HEADERS + b"\0\0"),
      frame(0, 8, 1, b"\3" + SERVING + b"\0\0\0"), frame(1, 5, 1, OK)],
     0, "SERVING"),
    ([SETTINGS, frame(6, 0, 0, b"12345678"), frame(8, 0, 0, b"\0\0\1\0"),
      frame(4, 1, 0, b""), frame(99, 0, 0, b"?")] + GOOD[1:], 0, "SERVING"),
    # An empty message is state 0.
    ([SETTINGS, GOOD[1], frame(0, 0, 1, b"\0\0\0\0\0"), GOOD[3]], 1, "UNKNOWN"),
    ([SETTINGS, GOOD[1], frame(0, 0, 1, b"\0\0\0\0\2\x08\x09"), GOOD[3]], 1,
     "not known"),
    ([SETTINGS, GOOD[1], frame(0, 0, 1, b"\1\0\0\0\2\x08\x01"), GOOD[3]], 1,
     "no plain message"),
    ([SETTINGS, GOOD[1], frame(0, 0, 1, b"\0\0\0\0\3\x08\x01"), GOOD[3]], 1,
     "another length"),
    ([SETTINGS, GOOD[1], GOOD[3]], 1, "no plain message"),
    # Without trailers, or with bad ones, a good state does not count.
    ([SETTINGS, GOOD[1], frame(0, 1, 1, SERVING)], 1, "no grpc-status"),
    ([SETTINGS, GOOD[1], GOOD[2], frame(1, 5, 1, literal(b"grpc-status",
                                                          b"13"))], 1, "13"),
    ([SETTINGS, frame(1, 5, 1, HEADERS + literal(b"grpc-status", b"12"))], 1,
     "UNIMPLEMENTED"),
    ([SETTINGS, frame(1, 5, 1, b"\x8d" + literal(b"content-type",
                                                b"text/html"))], 1, "404"),
    ([SETTINGS, frame(1, 5, 1, b"\x88" + literal(b"content-type",
                                                b"text/html"))], 1, "type"),
    ([frame(7, 0, 0, b"\0\0\0\0\0\0\0\1")], 1, "HTTP/2"),
    ([SETTINGS, frame(7, 0, 0, b"\0\0\0\0\0\0\0\x0b")], 1, "going away"),
    ([SETTINGS, frame(7, 0, 0, b"\0\0\0\1\0\0\0\0")] + GOOD[1:], 0, "SERVING"),
    ([SETTINGS, frame(3, 0, 1, b"\0\0\0\7")], 1, "reset"),
    ([SETTINGS, frame(5, 4, 1, b"\0\0\0\2")], 1, "push"),
    ([SETTINGS, frame(1, 4, 3, HEADERS)], 1, "not opened"),
    ([SETTINGS, frame(1, 0, 1, HEADERS), frame(0, 0, 1, b"")], 1, "cut"),
    ([SETTINGS, frame(9, 4, 1, HEADERS)], 1, "stray"),
    ([SETTINGS, frame(1, 4, 1, b"\xff\xff\xff\xff\xff\xff")], 1, "compression"),
    ([SETTINGS, frame(1, 4, 1, b"\xbf")], 1, "compression"),
    ([SETTINGS, frame(1, 12, 1, b"\xff" + HEADERS)], 1, "padding"),
    ([SETTINGS] + [frame(1, 0, 1, HEADERS)] + [frame(9, 0, 1, b"\0" * 16000)] *
     5, 1, "headers above"),
    ([frame(4, 0, 0, b"123")], 1, "SETTINGS"),
    ([b"\xff\xff\xff\4\0\0\0\0\0"], 1, "frame above"),
    ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], 1, "HTTP/2"),
])
def test_grpc_frames(peer, frames, expected, word):
    data = b"".join(frames)

    def handle(connection):
        connection.recv(4096)
        connection.sendall(data)
        connection.settimeout(2)
        while connection.recv(4096):
            pass
    status, line = probe(f"grpc:{peer(handle).port}", "--timeout", "1s")
    assert (status, word in line) == (expected, True), line


def test_grpc_dynamic_table(peer):
    """A server that indexes its headers, and refers to them in the trailers."""
    def put(name, value):
        return b"\x40" + bytes([len(name)]) + name + bytes([len(value)]) + value
    head = b"\x88" + put(b"content-type", b"application/grpc") + \
        put(b"grpc-status", b"5") + put(b"grpc-status", b"0") + \
        b"".join(put(b"f%d" % i, b"v" * 50) for i in range(20))
    # Newest first: 62 is f19; "grpc-status: 0" came 20 before it.
    trailers = bytes([0x80 | (62 + 20)])
    data = SETTINGS + frame(1, 4, 1, head) + GOOD[2] + frame(1, 5, 1, trailers)

    def handle(connection):
        connection.recv(4096)
        connection.sendall(data)
        silent(connection)
    # In the headers grpc-status came as 5 and 0; the last one counts.
    assert probe(f"grpc:{peer(handle).port}")[0] == 0


# -- ZeroMQ ------------------------------------------------------------------

ZMQ = textwrap.dedent("""
    import sys, zmq
    kind, port = sys.argv[1], sys.argv[2]
    s = zmq.Context().socket(getattr(zmq, kind))
    if "heartbeat" in sys.argv:
        s.setsockopt(zmq.HEARTBEAT_IVL, 20)
        s.setsockopt(zmq.HEARTBEAT_TIMEOUT, 1000)
    if "curve" in sys.argv:
        s.curve_publickey, s.curve_secretkey = zmq.curve_keypair()
        s.curve_server = True
    s.bind("tcp://127.0.0.1:" + port)
    print("ready", flush=True)
    if kind == "PUSH":
        # The first one that takes messages is the one that must get it.
        s.send(b"precious")
        print("sent", flush=True)
    while True:
        if kind == "REP":
            message = s.recv_multipart()
            if message[0] == b"slow":
                import time; time.sleep(0.3)
            s.send_multipart([b"pong ", *message] if message[0] != b"long"
                             else [b"x" * 300] * 3)
        elif kind == "ROUTER":
            who, empty, *rest = s.recv_multipart()
            s.send_multipart([who, b"", b"router", *rest])
        else:
            import time; time.sleep(60)
""")


@pytest.mark.parametrize("kind", ["REP", "ROUTER", "PUB", "PULL", "DEALER",
                                  "XPUB", "SUB", "REQ"])
def test_zmq_handshake(python_service, kind):
    port = free_port()
    process = python_service(ZMQ, kind, port, ready="ready")
    for _ in range(5):
        status, line = probe(f"zmq:{port}")
        assert status == 0 and f"READY from {kind}" in line
    assert process.poll() is None


@pytest.mark.parametrize("kind", ["REP", "ROUTER"])
def test_zmq_request(python_service, kind):
    port = free_port()
    python_service(ZMQ, kind, port, ready="ready")
    word = {"REP": "pong ", "ROUTER": "router"}[kind]
    for _ in range(3):
        assert probe(f"zmq:{port}", "--send", '{"a":1}')[0] == 0
        assert probe(f"zmq:{port}", "--send", '{"a":1}', "--expect",
                     word + '{"a":1}')[0] == 0
    status, line = probe(f"zmq:{port}", "--send", "x", "--expect", "nope")
    assert status == 1 and "not what is expected" in line
    assert probe(f"zmq:{port}", "--send", "y" * 700)[0] == 0
    assert probe(f"zmq:{port}", "--send", "")[0] == 0


def test_zmq_long_and_slow_replies_and_heartbeats(python_service):
    port = free_port()
    python_service(ZMQ, "REP", port, "heartbeat", ready="ready")
    assert probe(f"zmq:{port}", "--send", "long", "--expect", "x" * 900)[0] == 0
    # PINGs come while the reply is awaited.
    assert probe(f"zmq:{port}", "--send", "slow", "--expect", "slow")[0] == 0
    assert probe(f"zmq:{port}", "--send", "slow", "--timeout", "100ms")[0] == 1
    assert probe(f"zmq:{port}", "--send", "z")[0] == 0


def test_zmq_takes_no_message(python_service):
    import zmq
    port = free_port()
    process = python_service(ZMQ, "PUSH", port, ready="ready")
    for _ in range(10):
        assert probe(f"zmq:{port}")[0] == 0
    status, line = probe(f"zmq:{port}", "--send", "x")
    assert status == 1 and "PUSH, which does not reply" in line
    with zmq.Context() as context, context.socket(zmq.PULL) as pull:
        pull.connect(f"tcp://127.0.0.1:{port}")
        assert pull.poll(5000) and pull.recv() == b"precious"
    assert process.stdout.readline().strip() == "sent"


def test_zmq_curve_is_refused(python_service):
    port = free_port()
    python_service(ZMQ, "REP", port, "curve", ready="ready")
    status, line = probe(f"zmq:{port}")
    assert status == 1 and "mechanism 'CURVE'" in line


def greeting(mechanism=b"NULL", major=3, first=0xff):
    return bytes([first]) + b"\0" * 8 + b"\x7f" + bytes([major, 1]) + \
        mechanism.ljust(20, b"\0") + b"\0" * 32


def command(name, data):
    body = bytes([len(name)]) + name + data
    return b"\4" + bytes([len(body)]) + body


READY = command(b"READY", b"\x0bSocket-Type\0\0\0\3REP")


@pytest.mark.parametrize("data, flags, expected, word", [
    (greeting() + READY, [], 0, "REP"),
    (greeting() + command(b"READY", b""), [], 0, "unknown"),
    (greeting() + command(b"READY", b"\x0bSocket"), [], 1, "bad READY"),
    (greeting() + command(b"READY", b"\1a\xff\xff\xff\xff"), [], 1, "bad READY"),
    (greeting() + command(b"ERROR", b"\4nope"), [], 1, "refused: 'nope'"),
    (greeting() + b"\0\0", [], 1, "before READY"),
    (greeting() + b"\x80\0", [], 1, "flags"),
    (greeting() + b"\6\xff\xff\xff\xff\xff\xff\xff\xff", [], 1, "above"),
    (greeting() + b"\4\0", [], 1, "bad command"),
    (greeting() + command(b"PING", b"\0"), [], 1, "bad PING"),
    (greeting() + command(b"PING", b"\0\1ctx") + READY, [], 0, "REP"),
    (greeting() + READY + READY, ["--send", "x"], 1, "twice"),
    (greeting() + READY + b"\0\1x", ["--send", "x"], 1, "empty part"),
    (greeting() + READY + b"\1\0\0\1x", ["--send", "x"], 0, "1 bytes"),
    (greeting() + READY + b"\1\0\1\1x\2\0\0\0\0\0\0\0\2yz",
     ["--send", "x", "--expect", "xyz"], 0, "3 bytes"),
    (greeting(major=2), [], 1, "ZMTP 2"),
    (greeting(first=1), [], 1, "not ZMTP"),
    (b"HTTP/1.1 400 Bad\r\n" + b"x" * 100, [], 1, "not ZMTP"),
    (greeting()[:40], [], 1, "closed before ZMTP greeting"),
])
def test_zmtp_bytes(peer, data, flags, expected, word):
    def handle(connection):
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(2)
        while connection.recv(4096):
            pass
    status, line = probe(f"zmq:{peer(handle).port}", *flags)
    assert (status, word in line) == (expected, True), line


# -- alive -------------------------------------------------------------------

def test_alive_needs_an_init():
    status, line = probe("alive")
    assert status == 1 and "no slipway-init" in line


# Process 1 of a namespace, with processes that are not its children; prints
# how often a probe has read.
CROWD = """
import os, subprocess, sys, time
subprocess.Popen(["sh", "-c",
                  "for i in $(seq %s); do sleep 9 & done; wait" % sys.argv[2]])
time.sleep(0.5)
probe = subprocess.Popen([sys.argv[1], "probe", "alive"],
                         stdout=subprocess.DEVNULL)
os.waitid(os.P_PID, probe.pid, os.WEXITED | os.WNOWAIT)
for line in open("/proc/%d/io" % probe.pid):
    if line.startswith("syscr:"):
        print(line.split()[1])
"""


def test_other_processes_cost_nothing():
    """Without slipway-init, as Kubernetes' host namespace or a bench has it,
    a probe looks at the children of process 1 and not at all processes."""
    if subprocess.run(["unshare", "-pf", "--mount-proc", "true"],
                      stderr=subprocess.DEVNULL).returncode:
        pytest.skip("this machine gives no process namespace")

    def reads(others):
        return int(subprocess.run(
            ["unshare", "-pf", "--mount-proc", sys.executable, "-c", CROWD,
             INIT, str(others)], check=True, capture_output=True,
            text=True, env=clean_env()).stdout)
    assert reads(60) == reads(1) < 20


def test_tls_server_is_told_apart(peer, tmp_path):
    key, cert = tmp_path / "key", tmp_path / "cert"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                    "-keyout", key, "-out", cert, "-days", "1", "-subj",
                    "/CN=localhost"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    def handle(connection):
        try:
            context.wrap_socket(connection, server_side=True).close()
        except ssl.SSLError:
            pass
    port = peer(handle).port
    assert probe(f"http:{port}")[0] == 1
    assert probe(f"grpc:{port}")[0] == 1
    assert probe(f"tcp:{port}")[0] == 0
