"""Stops what is being said when somebody speaks over it."""
import time

from common.agent import Agent
from common.client import Peer
from common.text import words

STOP_WORDS = {"stop", "wait", "quiet", "enough", "cancel"}


class StreamingInterruptHandler(Agent):
    def setup(self) -> None:
        self.tts = Peer("StreamingTTSAgent", timeout_ms=200)
        self.interrupts: list[dict] = []

    def do_heard(self, text: str, while_speaking: bool = True) -> dict:
        said = STOP_WORDS & set(words(text))
        interrupt = while_speaking and bool(said)
        stopped = False
        if interrupt:
            stopped = self.tts.ask_or({"dropped": 0}, "stop")["dropped"] > 0
            self.interrupts.append({"at": time.time(), "text": text})
        return {"interrupt": interrupt, "stopped": stopped}

    def do_recent(self) -> dict:
        return {"interrupts": self.interrupts[-10:]}


if __name__ == "__main__":
    StreamingInterruptHandler().run()
