"""Coordinates: asks the required services how they are, and in which order
the fleet can start."""
from graphlib import CycleError, TopologicalSorter

from common import config
from common.agent import Agent
from common.client import Peer


class UnifiedSystemAgent(Agent):
    tick_seconds = 30.0

    def setup(self) -> None:
        self.peers = {name: Peer(name, timeout_ms=200)
                      for name, entry in config.services().items()
                      if entry.required and name != self.name}
        self.states: dict[str, str] = {}

    def tick(self) -> None:
        registry = self.peers.get("ServiceRegistry")
        if registry:
            registry.ask_or({}, "register", service=self.name)

    def do_survey(self, limit: int = 5) -> dict:
        for name in list(self.peers)[:limit]:
            reply = self.peers[name].ask_or({"answer": "absent"}, "ping")
            self.states[name] = reply["answer"]
        return {"states": self.states}

    def do_start_order(self) -> dict:
        graph = {name: entry.dependencies
                 for name, entry in config.services().items()}
        try:
            return {"order": list(TopologicalSorter(graph).static_order())}
        except CycleError as wrong:
            raise ValueError(f"services wait for each other: {wrong.args[1]}")


if __name__ == "__main__":
    UnifiedSystemAgent().run()
