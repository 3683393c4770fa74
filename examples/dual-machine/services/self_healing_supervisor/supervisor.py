"""Restarts containers that are unhealthy, by the Docker SDK, with patience.

Without a Docker socket it watches by ZMQ alone and restarts nothing.
"""
import time

import docker
from docker.errors import DockerException

from common import status_page
from common.agent import Agent
from common.client import Peer
from common.errors import ErrorReporter


class SelfHealingSupervisor(Agent):
    tick_seconds = 15.0

    def setup(self) -> None:
        self.patience_s = self.settings.config.get("patience_seconds", 300)
        self.peers = {name: Peer(name, timeout_ms=300)
                      for name in self.settings.config.get("watch", [])}
        self.errors = ErrorReporter(self.name)
        self.docker = None
        self.states: dict[str, str] = {}
        self.restarted: dict[str, float] = {}
        status_page.serve(self.settings.health_check_port, lambda: {
            "ok": self.running, "docker": self.docker is not None,
            "watched": len(self.peers)})

    def connect(self) -> bool:
        try:
            self.docker = self.docker or docker.from_env(timeout=2)
            self.docker.ping()
        except DockerException:
            self.docker = None
        return self.docker is not None

    def tick(self) -> None:
        for name, peer in self.peers.items():
            reply = peer.ask_or({"answer": "absent"}, "ping")
            self.states[name] = reply["answer"]
        if self.connect():
            for container in self.docker.containers.list(
                    filters={"health": "unhealthy"}):
                self.heal(container)

    def heal(self, container) -> None:
        last = self.restarted.get(container.name, -self.patience_s)
        if time.monotonic() - last < self.patience_s:
            return
        self.restarted[container.name] = time.monotonic()
        self.errors.report("warning", f"{container.name} is restarted")
        container.restart(timeout=10)

    def do_states(self) -> dict:
        return {"states": self.states, "restarted": list(self.restarted),
                "docker": self.docker is not None}


if __name__ == "__main__":
    SelfHealingSupervisor().run()
