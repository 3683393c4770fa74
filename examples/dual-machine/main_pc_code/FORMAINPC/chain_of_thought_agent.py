"""Solves a question in steps: split it, answer each part, join."""
import re

from common.agent import Agent
from common.client import Peer

PARTS = re.compile(r"\b(?:and then|then|and|,|;)\b\s*", re.IGNORECASE)


class ChainOfThoughtAgent(Agent):
    def setup(self) -> None:
        self.models = Peer("ModelOpsCoordinator", timeout_ms=800)
        self.limit = self.settings.config.get("steps", 6)

    def think(self, step: str, before: str) -> dict:
        return self.models.ask_or(
            {"text": f"(no model) {step}", "score": 0.0}, "generate",
            text=f"{before} {step}".strip())

    def do_reason(self, question: str) -> dict:
        steps = [part.strip() for part in PARTS.split(question)
                 if part.strip()][:self.limit]
        chain, before = [], ""
        for step in steps:
            thought = self.think(step, before)
            before = thought["text"]
            chain.append({"step": step, "thought": before})
        return {"chain": chain, "answer": before}


if __name__ == "__main__":
    ChainOfThoughtAgent().run()
