"""Is the other machine there? Measures connections to hosts and ports."""
import socket
import time
from collections import deque

from common import config
from common.agent import Agent


class RemoteConnectorAgent(Agent):
    tick_seconds = 20.0

    def setup(self) -> None:
        names = self.settings.config.get("watch", ["ServiceRegistry"])
        self.watched = {name: config.service(name) for name in names}
        self.times = {name: deque(maxlen=50) for name in names}

    def connect(self, host: str, port: int, timeout_s: float) -> float | None:
        """Milliseconds, or None."""
        began = time.perf_counter()
        try:
            socket.create_connection((host, port), timeout_s).close()
        except OSError:
            return None
        return (time.perf_counter() - began) * 1000

    def tick(self) -> None:
        for name, entry in self.watched.items():
            self.times[name].append(
                self.connect(entry.host, entry.port, 0.5))

    def do_reach(self, host: str, port: int) -> dict:
        took = self.connect(host, port, 1.0)
        return {"reached": took is not None, "ms": took}

    def do_report(self) -> dict:
        report = {}
        for name, times in self.times.items():
            good = sorted(ms for ms in times if ms is not None)
            report[name] = {"tries": len(times), "reached": len(good),
                            "median_ms": good[len(good) // 2]
                            if good else None}
        return {"peers": report}


if __name__ == "__main__":
    RemoteConnectorAgent().run()
