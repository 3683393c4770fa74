"""A picture of the machine: load and memory now, and what they were."""
from collections import deque

import psutil

from common.agent import Agent
from common.events import Events
from common.store import Store


class SystemDigitalTwin(Agent):
    def setup(self) -> None:
        self.store = Store("twin")
        self.events = Events(self.name)
        self.history = deque(maxlen=self.settings.config.get("history", 720))

    def measure(self) -> dict:
        memory = psutil.virtual_memory()
        return {"cpu_percent": psutil.cpu_percent(),
                "memory_percent": memory.percent,
                "load": psutil.getloadavg()[0]}

    def tick(self) -> None:
        state = self.measure()
        self.history.append(state)
        self.store.put("now", state, seconds=60)
        self.events.publish("twin.state", **state)

    def do_state(self) -> dict:
        return {"now": self.measure(), "backend": self.store.backend}

    def do_history(self, last: int = 12) -> dict:
        return {"history": list(self.history)[-last:]}

    def do_can_take(self, memory_mb: float) -> dict:
        free = psutil.virtual_memory().available / 1e6
        return {"fits": free > memory_mb, "free_mb": round(free)}


if __name__ == "__main__":
    SystemDigitalTwin().run()
