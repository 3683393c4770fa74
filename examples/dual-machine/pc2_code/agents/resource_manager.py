"""Lends out memory and cores of PC2, and takes them back when time is up."""
import itertools
import time

import psutil

from common.agent import Agent


class ResourceManager(Agent):
    tick_seconds = 1.0

    def setup(self) -> None:
        share = self.settings.config.get("share", 0.8)
        self.total = {"memory_mb": psutil.virtual_memory().total / 1e6 * share,
                      "cores": psutil.cpu_count() * share}
        self.leases: dict[int, dict] = {}
        self.numbers = itertools.count(1)

    def free(self) -> dict[str, float]:
        return {kind: total - sum(lease[kind] for lease
                                  in self.leases.values())
                for kind, total in self.total.items()}

    def do_acquire(self, who: str, memory_mb: float = 0, cores: float = 0,
                   seconds: float = 60) -> dict:
        wanted = {"memory_mb": memory_mb, "cores": cores}
        free = self.free()
        short = [kind for kind in wanted if wanted[kind] > free[kind]]
        if short:
            return {"lease": None, "short_of": short}
        number = next(self.numbers)
        self.leases[number] = {"who": who, **wanted,
                               "end": time.monotonic() + seconds}
        return {"lease": number, "short_of": []}

    def do_release(self, lease: int) -> dict:
        return {"released": self.leases.pop(lease, None) is not None}

    def do_free(self) -> dict:
        return {"free": self.free(), "leases": len(self.leases)}

    def tick(self) -> None:
        now = time.monotonic()
        for number, lease in list(self.leases.items()):
            if lease["end"] <= now:
                self.log.info("lease of %s is over", lease["who"])
                del self.leases[number]


if __name__ == "__main__":
    ResourceManager().run()
