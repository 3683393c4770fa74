"""Collects what people think of answers, and says which service to mend."""
from collections import defaultdict

from common.agent import Agent
from common.store import Store
from common.text import mood


class FeedbackHandler(Agent):
    def setup(self) -> None:
        self.store = Store("feedback")
        self.scores = defaultdict(list)

    def do_give(self, service: str, text: str = "",
                stars: int | None = None) -> dict:
        if stars is not None and not 1 <= stars <= 5:
            raise ValueError("stars go from 1 to 5")
        score = (stars - 3) / 2 if stars is not None else mood(text)
        self.scores[service].append(score)
        self.store.put(service, self.scores[service][-100:])
        return {"score": score}

    def do_worst(self, count: int = 3) -> dict:
        means = {service: sum(scores) / len(scores)
                 for service, scores in self.scores.items()}
        return {"worst": sorted(means.items(), key=lambda x: x[1])[:count]}


if __name__ == "__main__":
    FeedbackHandler().run()
