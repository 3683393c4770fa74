"""One cache for many: with an age for each entry and a bound for all."""
import time
from collections import OrderedDict

from common.agent import Agent
from common.store import Store


class CacheManager(Agent):
    def setup(self) -> None:
        self.limit = self.settings.config.get("entries", 10000)
        self.store = Store("cache")
        self.ends: OrderedDict[str, float] = OrderedDict()
        self.hits = self.misses = 0

    def do_put(self, key: str, value: str | dict | list | float,
               seconds: int = 300) -> dict:
        self.store.put(key, value, seconds)
        self.ends[key] = time.monotonic() + seconds
        self.ends.move_to_end(key)
        while len(self.ends) > self.limit:
            self.store.forget(self.ends.popitem(last=False)[0])
        return {"entries": len(self.ends)}

    def do_get(self, key: str) -> dict:
        fresh = self.ends.get(key, 0) > time.monotonic()
        self.hits += fresh
        self.misses += not fresh
        return {"hit": fresh, "value": self.store.get(key) if fresh else None}

    def tick(self) -> None:
        now = time.monotonic()
        for key in [key for key, end in self.ends.items() if end <= now]:
            del self.ends[key]
            self.store.forget(key)

    def do_rates(self) -> dict:
        asked = self.hits + self.misses
        return {"hit_rate": self.hits / asked if asked else None,
                "entries": len(self.ends), "backend": self.store.backend}


if __name__ == "__main__":
    CacheManager().run()
