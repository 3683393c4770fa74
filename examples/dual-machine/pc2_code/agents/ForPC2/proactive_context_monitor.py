"""Keeps the context of the last minutes and finds what belongs together."""
import time
from collections import Counter, deque

from common.agent import Agent
from common.client import Peer
from common.text import keywords, likeness


class ProactiveContextMonitor(Agent):
    def setup(self) -> None:
        self.minutes = self.settings.config.get("minutes", 15)
        self.memory = Peer("MemoryFusionHub", timeout_ms=300)
        self.context: deque = deque(maxlen=500)

    def tick(self) -> None:
        oldest = time.monotonic() - 60 * self.minutes
        while self.context and self.context[0][0] < oldest:
            _, text = self.context.popleft()
            self.memory.ask_or({}, "remember", key=f"context:{hash(text)}",
                               value=text)

    def do_add(self, text: str) -> dict:
        self.context.append((time.monotonic(), text))
        return self.do_topics()

    def do_topics(self, count: int = 3) -> dict:
        counts = Counter(word for _, text in self.context
                         for word in keywords(text, 10))
        return {"topics": [word for word, _ in counts.most_common(count)]}

    def do_related(self, text: str, count: int = 3) -> dict:
        ranked = sorted((entry for _, entry in self.context), reverse=True,
                        key=lambda entry: likeness(entry, text))
        return {"related": ranked[:count]}


if __name__ == "__main__":
    ProactiveContextMonitor().run()
