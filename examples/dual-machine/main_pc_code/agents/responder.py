"""Turns an answer into speech: words by mood, sound by the TTS."""
from common.agent import Agent
from common.client import Peer


class Responder(Agent):
    def setup(self) -> None:
        self.emotion = Peer("EmotionEngine", timeout_ms=300)
        self.tts = Peer("StreamingTTSAgent", timeout_ms=500)
        self.said: list[str] = []

    def do_respond(self, text: str, aloud: bool = True) -> dict:
        state = self.emotion.ask_or({"emotion": "calm"}, "current")
        if state["emotion"] == "happy" and not text.endswith("!"):
            text = text.rstrip(".") + "!"
        self.said = [*self.said[-49:], text]
        spoken = aloud and self.tts.ask_or(
            {"queued": False}, "speak", text=text)["queued"]
        return {"text": text, "spoken": spoken}

    def do_last(self) -> dict:
        return {"text": self.said[-1] if self.said else ""}


if __name__ == "__main__":
    Responder().run()
