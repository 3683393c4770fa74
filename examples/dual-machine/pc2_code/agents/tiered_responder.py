"""Answers in tiers: at once from a table, soon by a rule, later by a model."""
import time

from common.agent import Agent
from common.client import Peer
from common.text import words

INSTANT = {"hello": "Hello!", "thanks": "You are welcome.", "bye": "Bye!"}


class TieredResponder(Agent):
    tick_seconds = 0.5

    def setup(self) -> None:
        self.models = Peer("ModelOpsCoordinator", timeout_ms=1000)
        self.later: list[dict] = []
        self.answers: dict[int, str] = {}
        self.number = 0

    def do_respond(self, text: str) -> dict:
        found = words(text)
        for word in found:
            if word in INSTANT:
                return {"tier": "instant", "say": INSTANT[word]}
        if "time" in found:
            return {"tier": "fast", "say": time.strftime("It is %H:%M.")}
        self.number += 1
        self.later.append({"ticket": self.number, "text": text})
        return {"tier": "deep", "ticket": self.number}

    def tick(self) -> None:
        if not self.later:
            return
        reply = self.models.ask_or({}, "generate", text=self.later[0]["text"])
        if reply:
            self.answers[self.later.pop(0)["ticket"]] = reply["text"]

    def do_collect(self, ticket: int) -> dict:
        return {"say": self.answers.pop(ticket, None),
                "waiting": len(self.later)}


if __name__ == "__main__":
    TieredResponder().run()
