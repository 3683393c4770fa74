"""Watches how learning goes: asks for progress, says when it stands still."""
from collections import defaultdict, deque

from common.agent import Agent
from common.client import Peer


class ActiveLearningMonitor(Agent):
    tick_seconds = 10.0

    def setup(self) -> None:
        self.manager = Peer("LearningManager", timeout_ms=300)
        self.losses = defaultdict(lambda: deque(maxlen=10))
        self.watched: set[str] = set()

    def do_watch(self, job: str) -> dict:
        self.watched.add(job)
        return {"watched": sorted(self.watched)}

    def tick(self) -> None:
        for job in self.watched:
            reply = self.manager.ask_or({}, "progress", job=job)
            if reply.get("loss") is not None:
                self.losses[job].append(reply["loss"])

    def do_report(self) -> dict:
        report = {}
        for job in self.watched:
            losses = self.losses[job]
            stuck = len(losses) > 2 and losses[0] - losses[-1] < 1e-6
            report[job] = "unknown" if not losses else (
                "stuck" if stuck else "learning")
        return {"jobs": report}


if __name__ == "__main__":
    ActiveLearningMonitor().run()
