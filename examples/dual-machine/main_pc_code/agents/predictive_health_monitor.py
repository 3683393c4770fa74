"""Foresees trouble: a line through the last measures, and when it is full."""
from collections import deque

import psutil

from common.agent import Agent
from common.errors import ErrorReporter


class PredictiveHealthMonitor(Agent):
    tick_seconds = 2.0

    def setup(self) -> None:
        self.memory = deque(maxlen=60)
        self.limit = self.settings.config.get("memory_percent", 95.0)
        self.errors = ErrorReporter(self.name)

    def tick(self) -> None:
        self.memory.append(psutil.virtual_memory().percent)
        seconds = self.seconds_left()
        if seconds is not None and seconds < 120:
            self.errors.report("warning", f"memory is full in {seconds:.0f} s")

    def slope(self) -> float:
        """Per cent per second, by least squares."""
        n = len(self.memory)
        if n < 5:
            return 0.0
        mean_x, mean_y = (n - 1) / 2, sum(self.memory) / n
        above = sum((x - mean_x) * (y - mean_y)
                    for x, y in enumerate(self.memory))
        below = sum((x - mean_x) ** 2 for x in range(n))
        return above / below / self.tick_seconds

    def seconds_left(self) -> float | None:
        slope = self.slope()
        if slope <= 0.01:
            return None
        return max(0.0, (self.limit - self.memory[-1]) / slope)

    def do_forecast(self) -> dict:
        return {"memory_percent": self.memory[-1] if self.memory else None,
                "slope": self.slope(), "seconds_left": self.seconds_left()}


if __name__ == "__main__":
    PredictiveHealthMonitor().run()
