"""Wakes at a clap: one block much louder than those before."""
from common.audio import level


class Engine:
    def __init__(self, config: dict):
        self.factor = config.get("factor", 6.0)
        self.usual = 0.01

    def hears(self, block) -> bool:
        now = level(block)
        loud = now > self.factor * self.usual
        self.usual = max(0.001, 0.95 * self.usual + 0.05 * now)
        return loud
