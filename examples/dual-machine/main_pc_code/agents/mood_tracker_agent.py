"""How a person has felt lately: a slow mean, and where it goes."""
from common.agent import Agent
from common.store import Store
from common.text import mood


class MoodTrackerAgent(Agent):
    def setup(self) -> None:
        self.store = Store("mood")
        self.weight = self.settings.config.get("weight", 0.2)

    def do_note(self, user: str, text: str) -> dict:
        now = mood(text)
        state = self.store.get(user, {"mean": 0.0, "notes": 0})
        before = state["mean"]
        state["mean"] += self.weight * (now - before)
        state["notes"] += 1
        self.store.put(user, state)
        change = state["mean"] - before
        trend = "steady" if abs(change) < 0.02 else (
            "up" if change > 0 else "down")
        return {"now": now, "mean": round(state["mean"], 3), "trend": trend}

    def do_mood(self, user: str) -> dict:
        return self.store.get(user, {"mean": 0.0, "notes": 0})


if __name__ == "__main__":
    MoodTrackerAgent().run()
