"""Beliefs with certainties, which follow from each other."""
from common.agent import Agent
from common.store import Store


class CognitiveModelAgent(Agent):
    def setup(self) -> None:
        self.store = Store("beliefs")
        self.rules: list[tuple[str, str, float]] = []

    def do_believe(self, claim: str, certainty: float) -> dict:
        if not 0 <= certainty <= 1:
            raise ValueError("a certainty goes from 0 to 1")
        old = self.store.get(claim, 0.0)
        # Two independent reasons: both have to be wrong.
        self.store.put(claim, 1 - (1 - old) * (1 - certainty))
        return self.do_ask(claim)

    def do_rule(self, cause: str, effect: str, strength: float) -> dict:
        self.rules.append((cause, effect, strength))
        return {"rules": len(self.rules)}

    def do_ask(self, claim: str, depth: int = 5) -> dict:
        return {"claim": claim, "certainty": self.certainty(claim, depth)}

    def certainty(self, claim: str, depth: int) -> float:
        doubt = 1 - self.store.get(claim, 0.0)
        if depth > 0:
            for cause, effect, strength in self.rules:
                if effect == claim:
                    doubt *= 1 - strength * self.certainty(cause, depth - 1)
        return 1 - doubt


if __name__ == "__main__":
    CognitiveModelAgent().run()
