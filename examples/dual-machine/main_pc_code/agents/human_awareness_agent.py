"""Is somebody there? From what was seen and heard, and how long ago."""
import time

from common.agent import Agent
from common.client import Peer

WEIGHTS = {"face": 1.0, "voice": 0.8, "motion": 0.5, "keyboard": 0.9}


class HumanAwarenessAgent(Agent):
    def setup(self) -> None:
        self.fade_s = self.settings.config.get("fade_seconds", 120)
        self.faces = Peer("FaceRecognitionAgent", timeout_ms=300)
        self.signs: dict[str, float] = {}

    def do_sign(self, kind: str) -> dict:
        if kind not in WEIGHTS:
            raise ValueError("known: " + ", ".join(WEIGHTS))
        self.signs[kind] = time.monotonic()
        return self.do_presence()

    def do_presence(self) -> dict:
        now, absent = time.monotonic(), 1.0
        for kind, at in self.signs.items():
            fresh = max(0.0, 1 - (now - at) / self.fade_s)
            absent *= 1 - 0.9 * WEIGHTS[kind] * fresh
        return {"presence": round(1 - absent, 3), "signs": list(self.signs)}

    def do_who(self) -> dict:
        return {"last_seen": self.faces.ask_or(
            {"name": None}, "last_seen")["name"]}


if __name__ == "__main__":
    HumanAwarenessAgent().run()
