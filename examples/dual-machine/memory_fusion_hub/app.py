"""MemoryFusionHub: the same memory over ZMQ and gRPC, health over HTTP."""
import argparse
import os
from pathlib import Path

import yaml

from common import rpc, status_page
from common.agent import Agent
from memory_fusion_hub.memory import Memory


class MemoryFusionHub(Agent):
    def __init__(self, hub: dict):
        super().__init__()
        self.hub = hub

    def setup(self) -> None:
        limit_mb = int(os.environ.get("CACHE_MB", self.hub["cache_mb"]))
        self.memory = Memory(Path(self.hub["journal"]), limit_mb * 1_000_000)
        self.server = rpc.serve(self.settings.health_check_port,
                                "memory.Hub", {
                                    "Remember": lambda r: self.remember(**r),
                                    "Recall": lambda r: self.recall(**r)})
        status_page.serve(self.settings.config["http_port"], lambda: {
            "ok": self.running, "entries": len(self.memory)})

    def remember(self, key: str, value) -> dict:
        self.memory.put(key, value)
        return {"entries": len(self.memory)}

    def recall(self, key: str) -> dict:
        return {"value": self.memory.get(key)}

    def do_remember(self, key: str, value: str | dict | list | float) -> dict:
        return self.remember(key, value)

    def do_recall(self, key: str) -> dict:
        return self.recall(key)

    def do_search(self, text: str, count: int = 5) -> dict:
        return {"found": self.memory.search(text, count)}

    def tick(self) -> None:
        self.memory.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    chosen = yaml.safe_load(parser.parse_args().config.read_text())
    MemoryFusionHub(chosen).run()
