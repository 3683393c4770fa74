"""Asks services for something at given intervals, and counts how it went."""
import time

from pydantic import BaseModel

from common import config
from common.agent import Agent
from common.client import Peer


class Task(BaseModel):
    service: str
    ask: str
    fields: dict = {}
    every_seconds: float
    next_at: float = 0.0
    done: int = 0
    missed: int = 0


class TaskScheduler(Agent):
    tick_seconds = 1.0

    def setup(self) -> None:
        self.tasks = {name: Task(**entry) for name, entry
                      in self.settings.config.get("tasks", {}).items()}
        self.peers: dict[str, Peer] = {}

    def do_schedule(self, name: str, service: str, ask: str,
                    every_seconds: float, fields: dict = {}) -> dict:
        if service not in config.services() or every_seconds < 1:
            raise ValueError("a known service, at most once a second")
        self.tasks[name] = Task(service=service, ask=ask, fields=fields,
                                every_seconds=every_seconds)
        return {"tasks": sorted(self.tasks)}

    def tick(self) -> None:
        now = time.monotonic()
        for task in self.tasks.values():
            if task.next_at > now:
                continue
            task.next_at = now + task.every_seconds
            peer = self.peers.setdefault(
                task.service, Peer(task.service, timeout_ms=300))
            try:
                done = peer.ask_or({}, task.ask, **task.fields)
            except ValueError as wrong:
                self.log.warning("%s", wrong)
                done = {}
            task.done += bool(done)
            task.missed += not done

    def do_report(self) -> dict:
        return {"tasks": {name: {"done": task.done, "missed": task.missed}
                          for name, task in self.tasks.items()}}


if __name__ == "__main__":
    TaskScheduler().run()
