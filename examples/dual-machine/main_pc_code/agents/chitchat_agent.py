"""Small talk: remembers a few turns of each user and answers in kind."""
import random
from collections import defaultdict, deque

from common.agent import Agent
from common.client import Peer
from common.text import keywords, mood

OPENERS = {1: ["Nice!", "Good to hear."], 0: ["I see.", "Go on."],
           -1: ["I'm sorry.", "That sounds hard."]}


class ChitchatAgent(Agent):
    def setup(self) -> None:
        self.random = random.Random(self.settings.config.get("seed"))
        self.turns = defaultdict(lambda: deque(maxlen=6))
        self.memory = Peer("MemoryFusionHub", timeout_ms=300)

    def do_chat(self, text: str, user: str = "someone") -> dict:
        self.turns[user].append(text)
        feeling = mood(text)
        opener = self.random.choice(OPENERS[(feeling > 0) - (feeling < 0)])
        topics = keywords(" ".join(self.turns[user]), 1)
        self.memory.ask_or({}, "remember", key=f"chat:{user}", value=text)
        tail = f" Tell me more about {topics[0]}." if topics else ""
        return {"say": opener + tail, "mood": feeling}

    def do_forget(self, user: str) -> dict:
        return {"forgotten": len(self.turns.pop(user, ()))}


if __name__ == "__main__":
    ChitchatAgent().run()
