"""Takes work now and does it in the background, by priority."""
import hashlib
import itertools
import queue
import threading

from common.agent import Agent
from common.text import keywords, mood

WORK = {"digest": lambda text: hashlib.sha256(text.encode()).hexdigest(),
        "keywords": keywords, "mood": mood,
        "length": len}


class AsyncProcessor(Agent):
    def setup(self) -> None:
        self.jobs: queue.PriorityQueue = queue.PriorityQueue()
        self.results: dict[int, object] = {}
        self.numbers = itertools.count(1)
        for _ in range(self.settings.config.get("threads", 2)):
            threading.Thread(target=self.work, daemon=True).start()

    def work(self) -> None:
        while True:
            _, number, kind, text = self.jobs.get()
            self.results[number] = WORK[kind](text)
            self.jobs.task_done()

    def do_submit(self, kind: str, text: str, priority: int = 5) -> dict:
        if kind not in WORK:
            raise ValueError("known: " + ", ".join(WORK))
        number = next(self.numbers)
        self.jobs.put((priority, number, kind, text))
        return {"job": number}

    def do_result(self, job: int) -> dict:
        done = job in self.results
        return {"done": done, "result": self.results.pop(job, None)}


if __name__ == "__main__":
    AsyncProcessor().run()
