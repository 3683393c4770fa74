"""The emotion of the moment: moved by events, drifting back to calm."""
import math
import time

from common.agent import Agent
from common.events import Events


class EmotionEngine(Agent):
    def setup(self) -> None:
        self.half_life_s = self.settings.config.get("half_life_seconds", 60)
        self.events = Events(self.name)
        self.valence = self.arousal = 0.0
        self.at = time.monotonic()

    def drift(self) -> None:
        now = time.monotonic()
        keep = math.pow(0.5, (now - self.at) / self.half_life_s)
        self.valence, self.arousal = self.valence * keep, self.arousal * keep
        self.at = now

    def do_feel(self, valence: float, arousal: float = 0.3) -> dict:
        self.drift()
        self.valence = max(-1.0, min(1.0, self.valence + valence))
        self.arousal = max(-1.0, min(1.0, self.arousal + arousal))
        state = self.do_current()
        self.events.publish("emotion.changed", **state)
        return state

    def do_current(self) -> dict:
        self.drift()
        if math.hypot(self.valence, self.arousal) < 0.25:
            emotion = "calm"
        elif self.valence >= 0:
            emotion = "happy"
        else:
            emotion = "angry" if self.arousal > 0.3 else "sad"
        return {"emotion": emotion, "valence": self.valence,
                "arousal": self.arousal}


if __name__ == "__main__":
    EmotionEngine().run()
