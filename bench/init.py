"""slipway-init beside its peers: sizes, resident memory, latency of a probe.

    bench/init.py [--requests N] [--runs N]

Peers are measured in the same run where they are on PATH: tini, dumb-init,
curl, grpc-health-probe. A probe's latency is from starting the process to its
end, median of the runs, peers taken in turns. Needs the tests' Python (grpcio).
"""

import argparse
import http.client
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("SLIPWAY_BUILD", ROOT / "build"))
INIT = BUILD / "init" / "slipway-init"

SERVER = """
import http.server, sys, threading
from concurrent import futures
import grpc, zmq
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "2")
        self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *a): pass
web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=web.serve_forever, daemon=True).start()
s = grpc.server(futures.ThreadPoolExecutor(2))
h = health.HealthServicer()
h.set("", health_pb2.HealthCheckResponse.SERVING)
health_pb2_grpc.add_HealthServicer_to_server(h, s)
port = s.add_insecure_port("127.0.0.1:0")
s.start()
rep = zmq.Context().socket(zmq.REP)
zport = rep.bind_to_random_port("tcp://127.0.0.1")
print(web.server_address[1], port, zport, flush=True)
while True:
    rep.recv(); rep.send(b"pong")
"""


def sizes():
    print("bytes on disk")
    for path in sorted((BUILD / "init").glob("slipway-*")):
        print(f"  {path.name:24} {path.stat().st_size:9,}")
    for name in ("tini", "dumb-init", "curl", "grpc-health-probe"):
        if shutil.which(name):
            size = os.stat(os.path.realpath(shutil.which(name))).st_size
            print(f"  {name:24} {size:9,}")


def resident(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return {key: int(re.search(rf"{key}:\s+(\d+)", text)[1])
            for key in ("VmRSS", "RssAnon")}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(port, path="/health"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def wait_for(what):
    for _ in range(500):
        try:
            if what():
                return
        except OSError:
            pass
        time.sleep(0.02)
    raise SystemExit("it did not start")


def memory(requests):
    print("resident kB (VmRSS, of it anonymous)")
    for name in ("tini", "dumb-init"):
        if shutil.which(name):
            process = subprocess.Popen([name, "--", "sleep", "60"],
                                       stderr=subprocess.DEVNULL)
            time.sleep(0.3)
            print(f"  {name + ', idle':34} {resident(process.pid)}")
            process.terminate()
            process.wait()
    port = free_port()
    process = subprocess.Popen([INIT, "--health-port", str(port), "--log",
                                "quiet", "--", "sleep", "86400"])
    wait_for(lambda: ask(port) == 200)
    print(f"  {'slipway-init, idle':34} {resident(process.pid)}")
    batch = b"GET /health HTTP/1.1\r\n\r\n" * 50
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        for done in range(0, requests, 50):
            s.sendall(batch)
            seen = b""
            while seen.count(b"HTTP/1.1 200") < 50:
                seen += s.recv(1 << 18)
    seconds = time.monotonic() - begin
    for _ in range(1000):
        assert ask(port) == 200 and ask(port, "/metrics") == 200
    label = f"after {requests:,} requests"
    print(f"  {'slipway-init, ' + label:34} {resident(process.pid)}"
          f"   {requests / seconds:,.0f} requests/s")
    process.terminate()
    process.wait()


def one(command):
    begin = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=[
        (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)])
    status = os.waitpid(pid, 0)[1]
    assert status == 0, command
    return time.perf_counter() - begin


def latency(runs):
    server = subprocess.Popen([sys.executable, "-c", SERVER],
                              stdout=subprocess.PIPE, text=True)
    web, grpc_port, zmq_port = server.stdout.readline().split()
    port = free_port()
    init = subprocess.Popen([INIT, "--health-port", str(port), "--log", "quiet",
                             "--", "sleep", "86400"])
    wait_for(lambda: ask(port) == 200)
    commands = {
        "/bin/true (the floor)": ["/bin/true"],
        "probe tcp": [str(INIT), "probe", f"tcp:{web}"],
        "probe http (own server)": [str(INIT), "probe",
                                    f"http:{port}/health"],
        "curl (own server)": ["curl", "-sf", f"http://127.0.0.1:{port}/health"],
        "probe http (Python)": [str(INIT), "probe", f"http:{web}/health"],
        "curl (Python)": ["curl", "-sf", f"http://127.0.0.1:{web}/health"],
        "probe grpc (grpcio)": [str(INIT), "probe", f"grpc:{grpc_port}"],
        "grpc-health-probe (grpcio)": [
            "grpc-health-probe", f"-addr=127.0.0.1:{grpc_port}"],
        "probe zmq (handshake)": [str(INIT), "probe", f"zmq:{zmq_port}"],
        "probe zmq (REQ/REP)": [str(INIT), "probe", "--send", "x",
                                f"zmq:{zmq_port}"],
    }
    times = {}
    for name, command in list(commands.items()):
        program = shutil.which(command[0])
        if not program:
            del commands[name]
            continue
        command[0] = program
        times[name] = []
        one(command)
    for _ in range(runs):
        for name, command in commands.items():
            times[name].append(one(command))
    print(f"ms from start to end, median and 90th percentile of {runs} runs")
    for name, values in times.items():
        values.sort()
        print(f"  {name:28} {statistics.median(values) * 1000:7.2f} "
              f"{values[int(len(values) * 0.9)] * 1000:7.2f}")
    for process in (init, server):
        process.terminate()  # a killed init would leave its sleep behind
        process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=200)
    options = parser.parse_args()
    sizes()
    memory(options.requests)
    latency(options.runs)


if __name__ == "__main__":
    os.chdir(tempfile.gettempdir())
    main()
