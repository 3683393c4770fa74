"""Answers feelings with fitting phrases, which lie in a data file."""
import random

import yaml

from common.agent import Agent
from common.client import Peer
from common.text import mood

# A path relative to the working folder, as many services have it: it holds
# because a service starts in /app.
PHRASES = "main_pc_code/data/empathy_phrases.yaml"


class EmpathyAgent(Agent):
    def setup(self) -> None:
        with open(PHRASES, encoding="utf-8") as file:
            self.phrases = yaml.safe_load(file)
        self.tracker = Peer("MoodTrackerAgent", timeout_ms=300)

    def do_comfort(self, text: str, user: str = "someone") -> dict:
        now = mood(text)
        reply = self.tracker.ask_or({"mean": now}, "note",
                                    user=user, text=text)
        felt = (now + reply["mean"]) / 2
        kind = "joy" if felt > 0.1 else "sorrow" if felt < -0.1 else "neutral"
        return {"say": random.choice(self.phrases[kind]), "felt": felt}


if __name__ == "__main__":
    EmpathyAgent().run()
