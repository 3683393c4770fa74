"""Explores a tree of thoughts: widens the best leaf first, within a budget."""
import heapq
import itertools

from common.agent import Agent
from common.client import Peer
from common.text import keywords, likeness

TURNS = ["because", "therefore", "unless", "for example"]


class GoTToTAgent(Agent):
    def setup(self) -> None:
        self.models = Peer("ModelOpsCoordinator", timeout_ms=300)
        self.budget = self.settings.config.get("nodes", 16)

    def score(self, thought: str, question: str) -> float:
        reply = self.models.ask_or({"score": None}, "score", text=thought)
        own = likeness(thought, question)
        return own if reply["score"] is None else (own + reply["score"]) / 2

    def do_explore(self, question: str) -> dict:
        order = itertools.count()
        leaves = [(-self.score(question, question), next(order), [question])]
        topics = keywords(question) or ["it"]
        for _ in range(self.budget):
            score, _, path = heapq.heappop(leaves)
            for turn, topic in zip(TURNS, itertools.cycle(topics)):
                thought = f"{turn} {topic}"
                if thought not in path:
                    heapq.heappush(leaves, (
                        0.9 * score - 0.1 * self.score(thought, question),
                        next(order), [*path, thought]))
        score, _, path = leaves[0]
        return {"path": path, "score": -score, "leaves": len(leaves)}


if __name__ == "__main__":
    GoTToTAgent().run()
