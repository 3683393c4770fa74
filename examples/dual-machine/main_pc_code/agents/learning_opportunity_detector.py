"""Finds conversations worth learning from: where people correct us."""
from common.agent import Agent
from common.client import Peer
from common.text import keywords, words

CORRECTIONS = {"wrong", "actually", "meant", "incorrect", "instead"}


class LearningOpportunityDetector(Agent):
    def setup(self) -> None:
        self.models = Peer("ModelOpsCoordinator", timeout_ms=500)
        self.found: list[dict] = []

    def score(self, text: str) -> float:
        hints = sum(word in CORRECTIONS for word in words(text))
        reply = self.models.ask_or({"score": 0.5}, "score", text=text)
        return min(1.0, 0.4 * hints + 0.2 * reply["score"])

    def do_look_at(self, text: str) -> dict:
        score = self.score(text)
        if score >= self.settings.config.get("threshold", 0.4):
            self.found.append({"text": text, "score": score,
                               "topics": keywords(text)})
        return {"score": score}

    def do_next(self) -> dict:
        self.found.sort(key=lambda entry: entry["score"])
        return {"opportunity": self.found.pop() if self.found else None}


if __name__ == "__main__":
    LearningOpportunityDetector().run()
