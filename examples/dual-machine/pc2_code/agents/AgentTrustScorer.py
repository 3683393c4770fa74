"""How far an agent can be trusted, by what came of its answers."""
import math

from common.agent import Agent
from common.store import Store


class AgentTrustScorer(Agent):
    def setup(self) -> None:
        self.store = Store("trust")
        self.fade = self.settings.config.get("fade", 0.98)

    def do_outcome(self, agent: str, good: bool,
                   latency_ms: float = 0.0) -> dict:
        state = self.store.get(agent, {"good": 1.0, "bad": 1.0, "ms": 0.0})
        state = {"good": self.fade * state["good"] + good,
                 "bad": self.fade * state["bad"] + (not good),
                 "ms": 0.9 * state["ms"] + 0.1 * latency_ms}
        self.store.put(agent, state)
        return self.do_trust(agent)

    def do_trust(self, agent: str) -> dict:
        state = self.store.get(agent)
        if state is None:
            return {"trust": 0.5, "certain": 0.0}
        seen = state["good"] + state["bad"]
        # The lower end of what may be, not the middle: few good answers are
        # no proof.
        mean = state["good"] / seen
        doubt = math.sqrt(mean * (1 - mean) / (seen + 1))
        return {"trust": round(max(0.0, mean - doubt), 3),
                "certain": round(1 - 2 / seen, 3),
                "latency_ms": round(state["ms"], 1)}


if __name__ == "__main__":
    AgentTrustScorer().run()
