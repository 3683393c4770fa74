"""Gives a sentence the marks of an emotion, for the voice."""
from common.agent import Agent
from common.client import Peer

VOICES = {"happy": {"rate": 1.1, "pitch": 1.15, "volume": 1.0},
          "sad": {"rate": 0.85, "pitch": 0.9, "volume": 0.8},
          "calm": {"rate": 1.0, "pitch": 1.0, "volume": 0.9},
          "angry": {"rate": 1.15, "pitch": 0.95, "volume": 1.2}}


class EmotionSynthesisAgent(Agent):
    def setup(self) -> None:
        self.engine = Peer("EmotionEngine", timeout_ms=300)

    def do_synthesize(self, text: str, emotion: str = "",
                      strength: float = 1.0) -> dict:
        emotion = emotion or self.engine.ask_or(
            {"emotion": "calm"}, "current")["emotion"]
        if emotion not in VOICES:
            raise ValueError("known: " + ", ".join(VOICES))
        voice = {key: round(1 + (value - 1) * strength, 3)
                 for key, value in VOICES[emotion].items()}
        marks = " ".join(f'{key}="{value}"' for key, value in voice.items())
        return {"emotion": emotion,
                "ssml": f"<prosody {marks}>{text}</prosody>"}


if __name__ == "__main__":
    EmotionSynthesisAgent().run()
