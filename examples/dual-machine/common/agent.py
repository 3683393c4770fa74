"""The base of most services: a ZMQ REP loop that calls do_ACTION methods.

    class Echo(Agent):
        def do_say(self, text: str) -> dict:
            return {"said": text}

A request is {"action": "say", "text": "hello"}; pydantic checks its fields by
the annotations. Every agent answers ping, status and metrics. tick() runs
each `tick_seconds` between two requests.
"""
import signal
import time

import psutil
import zmq
from prometheus_client import start_http_server
from pydantic import validate_call

from common import config, messages, metrics
from common.log import logger


class Agent:
    tick_seconds = 5.0

    def __init__(self, name: str = ""):
        self.name = name or type(self).__name__
        self.settings = config.service(self.name)
        self.log = logger(self.name)
        self.started = time.monotonic()
        self.running = True
        self._actions = {word[3:]: validate_call(getattr(self, word))
                         for word in dir(self) if word.startswith("do_")}

    # -- what agents override --

    def setup(self) -> None:
        """Before the first request. Others may not be up yet."""

    def tick(self) -> None:
        """Now and then."""

    # -- what everybody can ask --

    def do_ping(self) -> dict:
        return {"answer": "pong", "service": self.name}

    def do_status(self) -> dict:
        process = psutil.Process()
        return {"service": self.name, "actions": sorted(self._actions),
                "uptime_s": round(time.monotonic() - self.started, 1),
                "memory_bytes": process.memory_info().rss,
                "cpu_percent": process.cpu_percent()}

    def do_metrics(self) -> dict:
        return {"text": metrics.text()}

    # -- the loop --

    def answer(self, data: bytes) -> dict:
        action, began = "?", time.perf_counter()
        try:
            request = messages.decode(data)
            handler = self._actions.get(request.action)
            if handler is None:
                raise ValueError("unknown action; status lists them")
            action = request.action
            reply = {"status": "ok", **handler(**request.fields)}
        except (ValueError, OSError) as wrong:  # of pydantic and orjson too
            reply = messages.failure(wrong)
        except Exception as wrong:
            self.log.exception("%s failed", action)
            reply = messages.failure(wrong)
        metrics.REQUESTS.labels(self.name, action, reply["status"]).inc()
        metrics.SECONDS.labels(self.name).observe(time.perf_counter() - began)
        return reply

    def stop(self, *_) -> None:
        self.running = False

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        if self.settings.metrics_port:
            start_http_server(self.settings.metrics_port)
        self.setup()
        socket = zmq.Context.instance().socket(zmq.REP)
        socket.setsockopt(zmq.LINGER, 0)
        socket.bind(f"tcp://*:{self.settings.port}")
        self.log.info("listening on %d", self.settings.port)
        next_tick = time.monotonic()
        while self.running:
            if socket.poll(200):
                socket.send(messages.encode(self.answer(socket.recv())))
            if time.monotonic() >= next_tick:
                self._tick()
                next_tick = time.monotonic() + self.tick_seconds
        socket.close()
        self.log.info("stopped")

    def _tick(self) -> None:
        metrics.MEMORY.labels(self.name).set(
            psutil.Process().memory_info().rss)
        try:
            self.tick()
        except Exception:
            self.log.exception("tick failed")
