"""Takes errors from everywhere, counts them, and passes on the grave ones."""
import signal
from collections import deque

import orjson
import zmq
from prometheus_client import Counter

from common import config, status_page
from common.events import Events
from common.log import logger
# A package and a file have this name: Python takes the package.
from severity import Severity, rank

NAME = "CentralErrorBus"
ERRORS = Counter("error_bus_errors_total", "Errors", ["source", "severity"])


class ErrorBus:
    def __init__(self):
        self.settings = config.service(NAME)
        self.log = logger(NAME)
        self.recent = deque(maxlen=500)
        self.events = Events(NAME)
        self.running = True

    def take(self, data: bytes) -> None:
        try:
            entry = orjson.loads(data)
            severity = Severity(entry["severity"])
            ERRORS.labels(str(entry["source"]), severity.value).inc()
        except (ValueError, KeyError, TypeError) as wrong:
            self.log.warning("no error report: %r (%s)", data[:200], wrong)
            return
        self.recent.append(entry)
        if rank(severity) >= rank(Severity.ERROR):
            self.events.publish("errors.grave", **entry)

    def stop(self, *_) -> None:
        self.running = False

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        status_page.serve(self.settings.health_check_port, lambda: {
            "ok": self.running, "recent": len(self.recent)})
        socket = zmq.Context.instance().socket(zmq.PULL)
        socket.setsockopt(zmq.LINGER, 0)
        socket.bind(f"tcp://*:{self.settings.port}")
        self.log.info("listening on %d", self.settings.port)
        while self.running:
            if socket.poll(200):
                self.take(socket.recv())
        socket.close()


if __name__ == "__main__":
    ErrorBus().run()
